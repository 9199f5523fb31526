// llama.cpp through node-llama-cpp, resident: loads a model once and takes one measurement per line
// of standard input, a JSON object; answers with one line of JSON each on file descriptor 3.
//
//     node peer_worker.mjs FOLDER        FOLDER has node_modules/node-llama-cpp in it
//
//     {do: "hello"}                                        {module, release, system}
//     {do: "open", path, context, sequences, threads}      {loadMs}
//     {do: "prompt", flash, count}                         {tokens_s}
//     {do: "generate", flash, depth, count}                {tokens_s}
//     {do: "clients", flash, prompt, count}                {tokens_s}    of all sequences
//     {do: "first", flash, path, context, threads, text}   {ms}          from the load call
//     anything that fails                                  {error}
//
// flash: 0 or 1; both contexts are open at once over the same weights, and idle ones sleep.
// A context keeps what it read: generation at the same or a growing depth reads nothing twice.
import {readFileSync, writeSync} from "node:fs";
import {join, resolve} from "node:path";
import {createInterface} from "node:readline";
import {pathToFileURL} from "node:url";

const folder = join(resolve(process.argv[2]), "node_modules/node-llama-cpp");
const {getLlama} = await import(pathToFileURL(join(folder, "dist/index.js")));
const llama = await getLlama({gpu: false, build: "never", logLevel: "error"});

const WARM_UP = 128; // tokens
// The end token is one like the others, as in `primer bench`.
const GREEDY = {temperature: 0, yieldEogToken: true};
// contexts[flash]: {sequences, settled: how many ids in sequence 0 are the prompt's}
let model, contexts;

// The same pseudo-random ids as `primer bench` has: a linear congruential generator.
function tokens(count, seed = 12345) {
    const below = Math.min(50000, model.fileInfo.metadata.tokenizer.ggml.tokens.length);
    return Array.from({length: count}, () =>
        (seed = Number((BigInt(seed) * 1103515245n + 12345n) & 0x7fffffffn)) % below);
}

async function createContext(flash, {context, sequences = 1, threads}) {
    return model.createContext({contextSize: context, batchSize: Math.min(512, context), sequences,
        threads: {ideal: threads, min: threads}, flashAttention: flash === 1});
}

async function generated(sequence, first, count) {
    let n = 0, begun;
    for await (const _ of sequence.evaluate([first], GREEDY)) {
        if (n++ === 0) begun = performance.now();
        if (n > count) break;
    }
    if (n <= count) throw new Error(`only ${n} tokens came, ${count + 1} expected`);
    return count / (performance.now() - begun) * 1000;
}

// Brings sequence 0 to exactly the first `depth` ids of the prompt.
async function bringTo(state, depth) {
    const sequence = state.sequences[0];
    state.settled = Math.min(state.settled, depth);
    if (state.settled === 0)
        await sequence.clearHistory();
    else if (sequence.nextTokenIndex > state.settled)
        await sequence.eraseContextTokenRanges(
            [{start: state.settled, end: sequence.nextTokenIndex}]);
    if (sequence.nextTokenIndex !== state.settled)
        throw new Error(`${sequence.nextTokenIndex} tokens are left, expected ${state.settled}`);
    if (depth > state.settled)
        await sequence.evaluateWithoutGeneratingNewTokens(
            tokens(depth).slice(state.settled, depth));
    state.settled = depth;
}

const actions = {
    hello() {
        const {version} = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
        return {module: version, release: llama.llamaCppRelease?.release ?? "unknown",
            system: llama.systemInfo.trim()};
    },
    async open(options) {
        const begun = performance.now();
        model = await llama.loadModel({modelPath: options.path, useMmap: true});
        const loadMs = performance.now() - begun;
        contexts = [];
        for (const flash of [0, 1]) {
            const context = await createContext(flash, options);
            const sequences = Array.from({length: options.sequences ?? 1},
                () => context.getSequence());
            contexts[flash] = {sequences, settled: 0};
            await sequences[0].evaluateWithoutGeneratingNewTokens(
                tokens(Math.min(WARM_UP, options.context - 16)));
            await generated(sequences[0], tokens(1)[0], 4);
        }
        return {loadMs};
    },
    async prompt({flash, count}) {
        const state = contexts[flash], ids = tokens(count);
        state.settled = 0;
        await state.sequences[0].clearHistory();
        const begun = performance.now();
        await state.sequences[0].evaluateWithoutGeneratingNewTokens(ids);
        const seconds = (performance.now() - begun) / 1000;
        state.settled = count;
        return {tokens_s: count / seconds};
    },
    async generate({flash, depth, count}) {
        const state = contexts[flash];
        await bringTo(state, depth);
        return {tokens_s: await generated(state.sequences[0], tokens(1)[0], count)};
    },
    async clients({flash, prompt, count}) {
        const {sequences} = contexts[flash];
        contexts[flash].settled = 0;
        await Promise.all(sequences.map(s => s.clearHistory()));
        await Promise.all(sequences.map((s, i) =>
            s.evaluateWithoutGeneratingNewTokens(tokens(prompt, 1000 + i))));
        const begun = performance.now();
        await Promise.all(sequences.map(async (s, i) => {
            let n = 0;
            for await (const _ of s.evaluate([i + 100], GREEDY))
                if (++n >= count) break;
            if (n < count) throw new Error(`only ${n} tokens came, ${count} expected`);
        }));
        return {tokens_s: sequences.length * count / (performance.now() - begun) * 1000};
    },
    async first({flash, path, text, ...options}) {
        const begun = performance.now();
        model = await llama.loadModel({modelPath: path, useMmap: true});
        const context = await createContext(flash, options);
        for await (const _ of context.getSequence().evaluate(model.tokenize(text, false),
            GREEDY)) break;
        return {ms: performance.now() - begun};
    }
};

for await (const line of createInterface({input: process.stdin})) {
    let answer;
    try {
        const command = JSON.parse(line);
        answer = await actions[command.do](command);
    } catch (error) {
        answer = {error: String(error?.message ?? error)};
    }
    writeSync(3, JSON.stringify(answer) + "\n");
}
process.exit(0);
