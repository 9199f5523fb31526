// llama.cpp's perplexity of a text, from its log-probabilities, over the windows that
// `primer perplexity` has: the whole text's tokens after a beginning token, cut into windows;
// the first token of each replaced by the beginning token; of a window of C the tokens at
// C/2 + 1 ... C - 1 are scored.
//
//     PRIMER_PEER=DIR node llama_perplexity.mjs MODEL.gguf TEXT [--window 512] [--kv f16]
//         [--windows N]
//
// TEXT is tokenized by llama.cpp too. Prints one line of JSON, with `tokens` and `scored` as
// `primer perplexity --json` has them. Exit status 77 without the other engine.
import {readFileSync} from "node:fs";
import {optionsOf} from "./engines.mjs";
import {distributions, openModel} from "./llama_engine.mjs";

const options = optionsOf(process.argv.slice(2), {window: 512, kv: "f16", windows: Infinity});
const [path, text] = options.rest, window = options.window;
if (!text) {
    console.error("usage: node llama_perplexity.mjs MODEL.gguf TEXT [--window 512] [--kv f16] " +
        "[--windows N]");
    process.exit(2);
}
const peer = await openModel(path, {length: window, kv: options.kv});
const beginning = peer.model.tokens.bos;
const ids = [beginning, ...peer.model.tokenize(readFileSync(text, "utf8"), false)];
const windows = Math.min(Math.floor(ids.length / window), options.windows);
let sum = 0, squares = 0, scored = 0;
for (let i = 0; i < windows; i++) {
    const piece = [beginning, ...ids.slice(i * window + 1, (i + 1) * window)];
    await distributions(peer, piece, (position, row) => {
        if (position + 1 === window) return;
        const loss = -row[piece[position + 1]];
        sum += loss;
        squares += loss * loss;
        scored++;
    }, window / 2);
}
const mean = sum / scored;
console.log(JSON.stringify({perplexity: Math.exp(mean),
    error: Math.exp(mean) * Math.sqrt((squares / scored - mean * mean) / (scored - 1)),
    nll: mean, context: window, windows, tokens: ids.length, scored}));
process.exit(0);
