// What is measured: a row per question. measure(bench) takes one round, everything that is compared
// side by side, and returns what goes to disk; figures(rounds, facts) makes of all rounds what is
// judged:
//
//     {group: "peer", what, unit, primer: [], peers: {0: [], 1: []}, goal, lower}
//     {group: "limit", what, of, shares: [], limits: [], unit, goal}
//     {group: "self", what, unit, first: {label, values}, second: {label, values}, goal}
//     {group: "absolute", what, unit, values: [], goal}       no more than the goal
//
// A row whose figure is better when lower says so in `lower`. A round's limits are measured before and after primer's part; shares are of their mean.
import {mkdtempSync, rmSync} from "node:fs";
import {join} from "node:path";
import {begun, finished} from "./children.mjs";
import {SERVER_ROWS} from "./rows_server.mjs";
import {TRAINING_ROWS} from "./rows_training.mjs";
import {attentionOperations, squarePart} from "./statistics.mjs";

// Lengths in tokens; the small ones are for trying out this program.
export const SIZES = {
    full: {prompt: 512, long: 2000, context: 2048, depths: [950, 1900], generated: 64, clients: 8,
        clientPrompt: 128, newcomerPrompt: 32, residentGenerated: 32},
    small: {prompt: 64, long: 320, context: 512, depths: [100, 200], generated: 16, clients: 8,
        clientPrompt: 16, newcomerPrompt: 8, residentGenerated: 8}
};

// Options of make-model; the order is that of measuring, largest file last.
export const MODELS = {
    q4_0: {label: "Q4_0", options: ["--type", "Q4_0"]},
    q4_k: {label: "Q4_K, output Q6_K", options: ["--type", "Q4_K", "--output-type", "Q6_K"]},
    q5_k: {label: "Q5_K", options: ["--type", "Q5_K"]},
    q6_k: {label: "Q6_K", options: ["--type", "Q6_K"]},
    q8_0: {label: "Q8_0", options: ["--type", "Q8_0"]},
    f16: {label: "F16", options: ["--type", "F16"]}
};

// Sixteen tokens in the vocabulary of GPT-2, as Phi-2 has it.
export const SIXTEEN = "one two three four five six seven eight nine ten eleven twelve thirteen " +
    "fourteen fifteen sixteen";

const numbers = (rounds, value) => rounds.map(round => value(round) ?? NaN);
const limitOf = (round, name) => (round.limits.before[name] + round.limits.after[name]) / 2;
const peersOf = (rounds, value = round => round.peer) =>
    ({0: numbers(rounds, r => value(r)?.[0]), 1: numbers(rounds, r => value(r)?.[1])});

// Limits, `measure`, limits.
async function between(bench, measure) {
    const before = await bench.primer.limits(bench.model);
    const primer = await measure(bench.primer);
    return {primer, limits: {before, after: await bench.primer.limits(bench.model)}};
}

const spec = bench => ({path: bench.model, context: bench.sizes.context, sequences: 1});

// ---- reading a prompt ---------------------------------------------------------------------------

const speedsOf = report => ({tokens_s: report.prompt_tok_s,
    operations: report.operations_per_prompt_token});

function arithmeticShare(rounds, model, value) {
    const limit = model === "f16" ? "f32" : "int8";
    return {group: "limit", of: limit === "f32" ? "f32 peak" : "8-bit peak",
        unit: limit === "f32" ? "GFLOP/s" : "GOP/s",
        shares: numbers(rounds, r => value(r).operations * value(r).tokens_s / limitOf(r, limit)),
        limits: numbers(rounds, r => limitOf(r, limit) / 1e9)};
}

function promptRow(model, ratio, share) {
    const what = sizes => `prompt of ${sizes.prompt}, ${MODELS[model].label}`;
    return {
        name: `prompt-${model}`, model,
        about: "reading a prompt",
        async measure(bench) {
            const count = bench.sizes.prompt;
            const round = await between(bench, async primer => speedsOf(
                await primer.measure(bench.model, {prompt: count, generated: 1})));
            round.peer = await bench.peer.both(spec(bench), {do: "prompt", count}, "tokens_s");
            return round;
        },
        figures: (rounds, facts, sizes) => [
            {group: "peer", what: what(sizes), unit: "tokens/s", goal: ratio,
                primer: numbers(rounds, r => r.primer.tokens_s), peers: peersOf(rounds)},
            {what: what(sizes), goal: share, ...arithmeticShare(rounds, model, r => r.primer)}
        ]
    };
}

// Attention's own part comes from the shorter prompts before and after: see squarePart.
function longPromptRow(model, ratio, attentionShare) {
    return {
        name: `prompt-long-${model}`, model,
        about: "reading a long prompt, and attention's part of it",
        async measure(bench) {
            const {prompt, long} = bench.sizes;
            const read = count => bench.primer.measure(bench.model, {prompt: count, generated: 1})
                .then(speedsOf);
            const round = await between(bench, async () => ({before: await read(prompt),
                long: await read(long), after: await read(prompt)}));
            round.peer = await bench.peer.both(spec(bench), {do: "prompt", count: long},
                "tokens_s");
            return round;
        },
        figures(rounds, facts, {prompt, long}) {
            const what = `prompt of ${long}, ${MODELS[model].label}`;
            const seconds = r => squarePart({short: prompt, shortSeconds: (prompt /
                r.primer.before.tokens_s + prompt / r.primer.after.tokens_s) / 2, long,
            longSeconds: long / r.primer.long.tokens_s});
            const operations = attentionOperations(facts, long);
            return [
                {group: "peer", what, unit: "tokens/s", goal: ratio,
                    primer: numbers(rounds, r => r.primer.long.tokens_s), peers: peersOf(rounds)},
                {what, ...arithmeticShare(rounds, model, r => r.primer.long)},
                {group: "limit", what: `attention in it, ${MODELS[model].label}`, of: "f32 peak",
                    unit: "GFLOP/s", goal: attentionShare,
                    shares: numbers(rounds, r => operations / seconds(r) / limitOf(r, "f32")),
                    limits: numbers(rounds, r => limitOf(r, "f32") / 1e9)}
            ];
        }
    };
}

// ---- generation ---------------------------------------------------------------------------------

const readOf = report => ({tokens_s: report.generate_tok_s,
    bytes: report.weight_bytes_per_token + report.kv_bytes_per_token});

function generationFigures(rounds, what, ratio, share) {
    return [
        {group: "peer", what, unit: "tokens/s", goal: ratio,
            primer: numbers(rounds, r => r.primer.tokens_s), peers: peersOf(rounds)},
        {group: "limit", what, of: "memory read speed", unit: "GB/s", goal: share,
            shares: numbers(rounds,
                r => r.primer.bytes * r.primer.tokens_s / limitOf(r, "memory")),
            limits: numbers(rounds, r => limitOf(r, "memory") / 1e9)}
    ];
}

function generateRow(model, ratio, share) {
    return {
        name: `generate-${model}`, model,
        about: "writing token by token, after one token of context",
        async measure(bench) {
            const count = bench.sizes.generated;
            const round = await between(bench, async primer => readOf(
                await primer.measure(bench.model, {prompt: 1, generated: count})));
            round.peer = await bench.peer.both(spec(bench), {do: "generate", depth: 0, count},
                "tokens_s");
            return round;
        },
        figures: rounds => generationFigures(rounds, `generation at depth 0, ` +
            MODELS[model].label, ratio, share)
    };
}

function depthRow(index, ratio, share) {
    const depthOf = sizes => sizes.depths[index];
    return {
        name: `depth-${["middle", "deep"][index]}-q4_0`, model: "q4_0",
        about: "writing token by token, far into a context",
        async measure(bench) {
            const depth = depthOf(bench.sizes), count = bench.sizes.generated;
            const round = await between(bench, async primer => readOf(
                await primer.deep(bench.model, {depth, generated: count})));
            round.peer = await bench.peer.both(spec(bench), {do: "generate", depth, count},
                "tokens_s");
            return round;
        },
        figures: (rounds, facts, sizes) => generationFigures(rounds,
            `generation at depth ${depthOf(sizes)}, Q4_0`, ratio, share)
    };
}

// ---- many clients -------------------------------------------------------------------------------

const clientsRow = {
    name: "clients-q4_0", model: "q4_0",
    about: "several clients writing at once, all together",
    async measure(bench) {
        const {clients, clientPrompt: prompt, generated} = bench.sizes;
        const round = await between(bench, async primer => ({
            one: readOf(await primer.measure(bench.model, {prompt, generated})),
            many: readOf(await primer.measure(bench.model, {prompt, generated, clients}))}));
        round.peer = await bench.peer.both({path: bench.model,
            context: prompt + generated + 8, sequences: clients},
        {do: "clients", prompt, count: generated}, "tokens_s");
        return round;
    },
    figures(rounds, facts, {clients}) {
        const what = `${clients} clients generating, Q4_0`;
        const many = numbers(rounds, r => r.primer.many.tokens_s);
        return [
            {group: "peer", what, unit: "tokens/s", goal: 5, primer: many, peers: peersOf(rounds)},
            {group: "self", what, unit: "tokens/s", goal: 5,
                first: {label: "all together", values: many},
                second: {label: "one alone", values: numbers(rounds, r => r.primer.one.tokens_s)}}
        ];
    }
};

// ---- start and memory ---------------------------------------------------------------------------

const firstTokenRow = {
    name: "first-token-q4_0", model: "q4_0", lower: true,
    about: "from nothing to the first token of a 16-token prompt, the file in the page cache: " +
        "primer from before its process is started until the token is written, llama.cpp from " +
        "its load call in a process that is up",
    async measure(bench) {
        const tokens = await bench.primer.tokenCount(bench.model, SIXTEEN);
        await bench.primer.firstToken(bench.model, SIXTEEN);
        return {primer: {ms: await bench.primer.firstToken(bench.model, SIXTEEN), tokens},
            peer: await bench.peer.first({path: bench.model, context: bench.sizes.context,
                text: SIXTEEN})};
    },
    figures(rounds) {
        const what = `load to first token of a ${rounds[0]?.primer.tokens}-token prompt, Q4_0`;
        const values = numbers(rounds, r => r.primer.ms);
        return [
            {group: "peer", what, unit: "ms", lower: true, goal: 0.25, primer: values,
                peers: peersOf(rounds)},
            {group: "absolute", what, unit: "ms", goal: 400, values}
        ];
    }
};

const residentRow = {
    name: "resident-q4_0", model: "q4_0",
    about: "memory beyond the model's file and the KV cache, the most at any time while a prompt " +
        "is read and tokens are written, watched from outside every 5 ms",
    async measure(bench) {
        return {primer: await bench.primer.residentBeyond(bench.model,
            {prompt: bench.sizes.prompt, generated: bench.sizes.residentGenerated})};
    },
    figures: (rounds, facts, {prompt}) => [
        {group: "absolute", what: "resident memory beyond file and KV cache, prompt of " +
            `${prompt}, Q4_0`, unit: "MB", goal: 150,
        values: numbers(rounds, r => r.primer.bytes / 1e6)}]
};

// ---- guessing ahead, and what is kept -----------------------------------------------------------

const speculationRow = {
    name: "speculation-q4_0", model: "q4_0",
    about: "look-up speculation where the answer repeats a text of 300 tokens with one changed; " +
        "the answer is dictated, since the weights are random",
    async measure(bench) {
        const report = await bench.primer.speculate(bench.model);
        return {primer: {plain: report.plain_tok_s, guessing: report.speculate_tok_s,
            drafted: report.drafted, accepted: report.accepted}};
    },
    figures: rounds => [
        {group: "self", what: "look-up speculation, Q4_0", unit: "tokens/s", goal: 2,
            first: {label: "guessing", values: numbers(rounds, r => r.primer.guessing)},
            second: {label: "plain", values: numbers(rounds, r => r.primer.plain)}}]
};

const prefixRow = {
    name: "prefix-q4_0", model: "q4_0",
    about: "a prompt's keys and values from the cache on disk, in a new process, against reading " +
        "the prompt: seconds to its first token",
    async measure(bench) {
        const count = bench.sizes.long, folder = begun(mkdtempSync(join(bench.work, "prefix-")));
        const read = await bench.primer.prefix(bench.model, {count, folder});
        const restored = await bench.primer.prefix(bench.model, {count, folder});
        rmSync(folder, {recursive: true});
        finished(folder);
        if (read.reused !== 0 || restored.reused < count / 2)
            throw new Error(`${read.reused}, then ${restored.reused} of ${count} tokens came ` +
                "from the cache on disk: expected none, then most");
        return {primer: {read, restored}};
    },
    figures: (rounds, facts, {long}) => [
        {group: "self", what: `a prefix of ${long} tokens from disk, Q4_0`, unit: "s", goal: 20,
            first: {label: "reading it", values: numbers(rounds, r => r.primer.read.seconds)},
            second: {label: "restoring it",
                values: numbers(rounds, r => r.primer.restored.seconds)}}]
};

// ---- instruction levels -------------------------------------------------------------------------

function levelRow(model, goals) {
    return {
        name: `avx2-${model}`, model,
        about: "the level AVX2 forced, against AVX-512",
        async measure(bench) {
            const {prompt, generated} = bench.sizes, primer = {};
            for (const level of ["avx512", "avx2"]) {
                const report = await bench.primer.measure(bench.model, {prompt, level,
                    generated: goals.generate ? generated : 1});
                if (report.level !== level)
                    throw new Error(`this processor has no ${level}: ${report.level} was taken`);
                primer[level] = {prompt: report.prompt_tok_s, generate: report.generate_tok_s};
            }
            return {primer};
        },
        figures: (rounds, facts, sizes) => Object.entries(goals).map(([part, goal]) => ({
            group: "self", unit: "tokens/s", goal,
            what: `AVX2 against AVX-512, ${part === "prompt" ? `prompt of ${sizes.prompt}`
                : "generation"}, ${MODELS[model].label}`,
            first: {label: "AVX2", values: numbers(rounds, r => r.primer.avx2[part])},
            second: {label: "AVX-512", values: numbers(rounds, r => r.primer.avx512[part])}}))
    };
}

export const ROWS = [
    promptRow("q4_0", 2.4, 0.55),
    promptRow("q4_k", 3, 0.5),
    promptRow("q8_0", 3.8, 0.55),
    promptRow("q5_k", 5, 0.5),
    promptRow("q6_k", 5, 0.45),
    promptRow("f16", 1.8),
    longPromptRow("q4_0", 2.4, 0.45),
    longPromptRow("q4_k", 2.4, 0.45),
    generateRow("q4_0", 1.45, 0.88),
    generateRow("q4_k", 1.45, 0.88),
    generateRow("q6_k", 1.45, 0.88),
    generateRow("q8_0", 1.45, 0.88),
    generateRow("f16", 1),
    depthRow(0),
    depthRow(1, 1.45, 0.85),
    clientsRow,
    ...SERVER_ROWS,
    ...TRAINING_ROWS,
    firstTokenRow,
    residentRow,
    speculationRow,
    prefixRow,
    levelRow("q4_0", {prompt: 0.45, generate: 0.9}),
    levelRow("q8_0", {prompt: 0.28})
];

// The rows of a list of names by commas, in the order of measuring; a name may be a beginning
// ("prompt" means all that begin so), or "load" for what a start costs.
export function chosenRows(list) {
    const aliases = {load: "first-token", memory: "resident"};
    const chosen = new Set();
    for (const given of (list ?? "").split(",").map(s => s.trim()).filter(Boolean)) {
        const name = aliases[given] ?? given;
        const found = ROWS.filter(row => row.name === name || row.name.startsWith(`${name}-`));
        if (found.length === 0) throw new Error(`no row is called "${given}"`);
        for (const row of found) chosen.add(row);
    }
    const order = Object.keys(MODELS);
    return (chosen.size > 0 ? ROWS.filter(row => chosen.has(row)) : [...ROWS])
        .sort((a, b) => order.indexOf(a.model) - order.indexOf(b.model));
}
