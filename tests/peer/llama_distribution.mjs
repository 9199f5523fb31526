// llama.cpp's whole distribution after every token of a text, teacher-forced.
//
//     PRIMER_PEER=DIR node llama_distribution.mjs MODEL.gguf IDS OUT [KV=f16]
//
// IDS is a file of token ids with anything between them. OUT becomes binary doubles
// [tokens][vocabulary] of natural-log probabilities, like that of the reference's --all. KV is the
// format of the cached keys and values (f16, as llama.cpp has it by default, or f32, bf16, q8_0).
// Flash attention is off. DIR is a folder with node_modules/node-llama-cpp in it; without one the
// exit status is 77, which test drivers count as skipped.
//
// llama.cpp hands over f32 logits; the softmax is taken here in double, so that only the engine's
// error is measured. Candidates it doesn't name get NaN, which the comparison counts and reports.
import {closeSync, existsSync, openSync, readFileSync, writeSync} from "node:fs";
import {join, resolve} from "node:path";
import {pathToFileURL} from "node:url";

const [, , path, idsPath, outPath, kv = "f16"] = process.argv;
const entry = join(resolve(process.env.PRIMER_PEER ?? "."),
    "node_modules/node-llama-cpp/dist/index.js");
if (!process.env.PRIMER_PEER || !existsSync(entry)) {
    console.error("skipped: PRIMER_PEER names no folder with node_modules/node-llama-cpp");
    process.exit(77);
}
if (!outPath) {
    console.error("usage: node llama_distribution.mjs MODEL.gguf IDS OUT [f16|f32|bf16|q8_0]");
    process.exit(2);
}

const {getLlama} = await import(pathToFileURL(entry));
const llama = await getLlama({gpu: false, build: "never", logLevel: "error"});
const model = await llama.loadModel({modelPath: path, useMmap: true});
const ids = (readFileSync(idsPath, "utf8").match(/\d+/g) ?? []).map(Number);
const context = await model.createContext({
    contextSize: Math.max(ids.length + 8, 256), batchSize: 512, flashAttention: false,
    experimentalKvCacheKeyType: kv.toUpperCase(), experimentalKvCacheValueType: kv.toUpperCase()
});
const sequence = context.getSequence();
const next = {generateNext: {logits: true, options: {temperature: 1, topK: 0, topP: 1, minP: 0}}};
const vocabulary = model.fileInfo.metadata.tokenizer.ggml.tokens.length;
const out = openSync(outPath, "w");

for (let first = 0; first < ids.length; first += 64) {
    const part = ids.slice(first, first + 64);
    const results = await sequence.controlledEvaluate(part.map(id => [id, next]));
    for (let i = 0; i < part.length; i++) {
        const logits = results[i]?.next?.logits;
        if (!logits) throw new Error(`no logits after token ${first + i}`);
        writeSync(out, new Uint8Array(logSoftmax(logits, vocabulary).buffer));
    }
}
closeSync(out);
process.exit(0);

function logSoftmax(logits, width) {
    const row = new Float64Array(width).fill(NaN);
    let largest = -Infinity, sum = 0;
    for (const [id, logit] of logits) {
        row[id] = logit;
        largest = Math.max(largest, logit);
    }
    for (const x of row) if (!Number.isNaN(x)) sum += Math.exp(x - largest);
    const total = largest + Math.log(sum);
    return row.map(x => x - total);
}
