// llama.cpp through node-llama-cpp, as the other engine: its whole distributions over given tokens.
//
// PRIMER_PEER is a folder with node_modules/node-llama-cpp in it; without one the exit status is
// 77, which test drivers count as skipped.
//
// One thread: the distributions are the same bits with any number, and on small models threads
// that wait for each other cost fifty times what they save.
import {existsSync} from "node:fs";
import {join, resolve} from "node:path";
import {pathToFileURL} from "node:url";
import {logSoftmax} from "./divergence.mjs";

const entry = join(resolve(process.env.PRIMER_PEER ?? "."),
    "node_modules/node-llama-cpp/dist/index.js");
if (!process.env.PRIMER_PEER || !existsSync(entry)) {
    console.log("skipped: PRIMER_PEER names no folder with node_modules/node-llama-cpp");
    process.exit(77);
}
const {getLlama} = await import(pathToFileURL(entry));
const llama = await getLlama({gpu: false, build: "never", logLevel: "error"});

// A model and a context of `length` tokens with keys and values in the format `kv` (f16, f32,
// bf16, q8_0). Flash attention is off unless asked for; llama.cpp has it on for a q8_0 cache only.
// `adapters`: LoRA files and scales, [{filePath, scale}].
export async function openModel(path, {length, kv = "f16", flash = false, adapters = []}) {
    const model = await llama.loadModel({modelPath: path, useMmap: true});
    const type = kv.toUpperCase();
    const context = await model.createContext({
        contextSize: Math.max(length + 8, 256), batchSize: 512, flashAttention: flash,
        threads: {ideal: 1, min: 1}, experimentalKvCacheKeyType: type,
        experimentalKvCacheValueType: type,
        ...(adapters.length > 0 ? {lora: {adapters}} : {})
    });
    return {model, context, sequence: context.getSequence(),
        vocabulary: model.fileInfo.metadata.tokenizer.ggml.tokens.length};
}

export async function closeModel({model, context}) {
    await context.dispose();
    await model.dispose();
}

// Calls take(position, row) with the distribution after each of the ids from position `from` on,
// teacher-forced from an empty context. llama.cpp hands over f32 logits; the softmax is taken in
// double, so that only the engine's error is measured.
export async function distributions({sequence, vocabulary}, ids, take, from = 0) {
    const options = {temperature: 1, topK: 0, topP: 1, minP: 0};
    const next = {generateNext: {logits: true, options}};
    await sequence.clearHistory();
    for (let first = 0; first < ids.length; first += 64) {
        const part = ids.slice(first, first + 64);
        const results = await sequence.controlledEvaluate(
            part.map((id, i) => first + i < from ? id : [id, next]));
        for (let i = Math.max(from - first, 0); i < part.length; i++) {
            const logits = results[i]?.next?.logits;
            if (!logits) throw new Error(`no logits after token ${first + i}`);
            take(first + i, logSoftmax(logits, vocabulary));
        }
    }
}
