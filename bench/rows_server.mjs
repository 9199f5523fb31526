// What the server adds to the engine: many clients over HTTP, and one who comes while others are served.
import {Served} from "./engine_served.mjs";
import {median} from "./statistics.mjs";

async function serving(bench, parallel, measure) {
    const served = await Served.start({program: bench.primer.program, model: bench.model,
        threads: bench.primer.threads, parallel});
    try {
        return await measure(served);
    } finally {
        await served.stop();
    }
}

const valuesOf = (rounds, value) => rounds.map(round => value(round.primer) ?? NaN);

const clientsRow = {
    name: "serve-clients-q4_0", model: "q4_0",
    about: "several clients writing at once, asking the server over HTTP, against the engine without " +
        "one, measured before and after",
    async measure(bench) {
        const {clients, clientPrompt: prompt, generated} = bench.sizes;
        const engine = async () => (await bench.primer.measure(bench.model,
            {prompt, generated, clients})).generate_tok_s;
        const before = await engine();
        const served = await serving(bench, clients, server =>
            server.together({clients, prompt, generated}));
        return {primer: {served, engine: (before + await engine()) / 2}};
    },
    figures: (rounds, facts, {clients}) => [
        {group: "self", what: `${clients} clients over HTTP, Q4_0`, unit: "tokens/s", goal: 0.95,
            first: {label: "the server", values: valuesOf(rounds, p => p.served)},
            second: {label: "the engine", values: valuesOf(rounds, p => p.engine)}}]
};

const newcomerRow = {
    name: "serve-newcomer-q4_0", model: "q4_0",
    about: "the first token of a short prompt that comes while several clients write and one has a " +
        "long prompt read, against twice its time alone and a chunk of that reading",
    async measure(bench) {
        const {clients, newcomerPrompt: prompt, long} = bench.sizes;
        const found = await serving(bench, clients + 2, server =>
            server.newcomers({clients, prompt, long, count: 5}));
        const [alone, beside, chunk] = [found.alone, found.beside, found.chunks].map(median);
        return {primer: {alone, beside, chunk, newcomers: found.beside.length}};
    },
    figures: (rounds, facts, {clients, long}) => [
        {group: "self", what: `a newcomer's first token beside ${clients} clients and a prompt of ` +
            `${long}, Q4_0`, unit: "s", goal: 1,
        first: {label: "twice alone and a chunk", values: valuesOf(rounds, p => 2 * p.alone + p.chunk)},
        second: {label: "measured", values: valuesOf(rounds, p => p.beside)}}]
};

export const SERVER_ROWS = [clientsRow, newcomerRow];
