// llama.cpp's whole distribution after every token of a text, teacher-forced.
//
//     PRIMER_PEER=DIR node llama_distribution.mjs MODEL.gguf IDS OUT [KV=f16] [ADAPTER=SCALE]...
//
// IDS is a file of token ids with anything between them. OUT becomes binary doubles
// [tokens][vocabulary] of natural-log probabilities, like that of the reference's --all. KV is the
// format of the cached keys and values (f16, as llama.cpp has it by default, or f32, bf16).
// Flash attention is off. Without the folder DIR (see llama_engine.mjs) the exit status is 77.
// Candidates that llama.cpp doesn't name get NaN, which the comparison counts and reports.
import {closeSync, openSync, readFileSync, writeSync} from "node:fs";
import {distributions, openModel} from "./llama_engine.mjs";

const [, , path, idsPath, outPath, kv = "f16", ...uses] = process.argv;
if (!outPath) {
    console.error("usage: node llama_distribution.mjs MODEL.gguf IDS OUT " +
        "[f16|f32|bf16 [ADAPTER=SCALE]...]");
    process.exit(2);
}
const ids = (readFileSync(idsPath, "utf8").match(/\d+/g) ?? []).map(Number);
const adapters = uses.map(use => {
    const cut = use.lastIndexOf("=");
    return {filePath: use.slice(0, cut), scale: Number(use.slice(cut + 1))};
});
const model = await openModel(path, {length: ids.length, kv, adapters});
const out = openSync(outPath, "w");
await distributions(model, ids, (position, row) => writeSync(out, new Uint8Array(row.buffer)));
closeSync(out);
process.exit(0);
