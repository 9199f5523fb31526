// For each of many models: the mean KL divergences of primer and of llama.cpp from the reference
// over the same tokens, and their ratio.
//
//     PRIMER_PEER=DIR node model_divergence.mjs MODEL.gguf... --texts FILE,FILE [options]
//
//     --texts FILES     by commas; every model sees the first windows of each
//     --window 512      tokens that are evaluated together, from an empty context
//     --windows 2       of each text
//     --kv f16          format of the cached keys and values, in both engines
//     --flash no        yes: llama.cpp with flash attention, without which it has no q8_0 cache
//     --limit 1.05      a ratio above it fails
//     --apart X         a log-probability of llama.cpp's 20 most probable tokens that differs by
//                       more fails (without it this isn't looked at)
//     --alone no        yes: without llama.cpp, which doesn't read what makes the model special
//     --most X          a mean divergence of primer's above it fails
//     --out FILE        a line of JSON per model goes there
//
// Prints a line per model: the means and the largest divergence at one position, the means' ratio
// and its 95 % interval, and how often the engine's most probable token is the reference's. Exit
// status 1 if a model failed, 77 without the other engine.
import {appendFileSync, mkdtempSync, readFileSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {basename, join} from "node:path";
import {divergence, highest, highestIds, mean, ratioInterval} from "./divergence.mjs";
import {optionsOf, primerRows, referenceRows, tokensOf} from "./engines.mjs";
import {closeModel, distributions, openModel} from "./llama_engine.mjs";

const TOP = 20;
const options = optionsOf(process.argv.slice(2), {texts: "", window: 512, windows: 2, kv: "f16",
    flash: "no", limit: 1.05, apart: Infinity, alone: "no", most: Infinity,
    out: ""});
const models = options.rest, texts = options.texts.split(",").filter(Boolean);
if (models.length === 0 || texts.length === 0) {
    console.error("usage: node model_divergence.mjs MODEL.gguf... --texts FILE,FILE [options]");
    process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), "divergence-"));
process.on("exit", () => rmSync(folder, {recursive: true, force: true}));
const width = Math.max(...models.map(model => basename(model, ".gguf").length));
let failed = 0, positions = 0;
for (const model of models) {
    const report = await judge(model);
    console.log(lineOf(report));
    if (options.out) appendFileSync(options.out, JSON.stringify(report) + "\n");
    positions += report.positions;
    failed += !report.ok;
}
console.log(`${models.length} models, ${positions} positions, kv ${options.kv}: ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);

async function judge(path) {
    const found = {primer: [], llama: [], primerTop: 0, llamaTop: 0, apart: 0};
    const peer = options.alone === "yes" ? null : await openModel(path,
        {length: options.window, kv: options.kv, flash: options.flash === "yes"});
    for (const text of texts)
        for (const ids of await windowsOf(path, text)) await compareWindow(path, peer, ids, found);
    if (peer) await closeModel(peer);
    return reportOf(path, found);
}

function reportOf(path, {primer, llama, primerTop, llamaTop, apart}) {
    const report = {model: basename(path, ".gguf"), kv: options.kv, positions: primer.length,
        primer: mean(primer), primer_largest: Math.max(...primer),
        primer_same_top: primerTop / primer.length, llama: null, apart: null};
    report.ok = report.primer <= options.most;
    if (llama.length === 0) return report;
    report.llama = mean(llama);
    report.llama_largest = Math.max(...llama);
    report.llama_same_top = llamaTop / llama.length;
    report.ratio = report.primer / report.llama;
    report.interval = ratioInterval(primer, llama);
    if (Number.isFinite(options.apart)) report.apart = apart;
    report.ok &&= report.ratio <= options.limit && apart <= options.apart;
    return report;
}

async function windowsOf(path, text) {
    // No tokenizer here makes tokens of eight bytes on average.
    const bytes = readFileSync(text).subarray(0, options.window * options.windows * 8);
    const ids = await tokensOf(path, bytes), windows = [];
    for (let i = 0; i < options.windows; i++)
        windows.push(ids.slice(i * options.window, (i + 1) * options.window));
    if (windows.at(-1).length !== options.window)
        throw new Error(`${text}: ${ids.length} tokens, expected ${options.windows} windows of ` +
            options.window);
    return windows;
}

// Adds the positions of one window to what was found. The engines run side by side.
async function compareWindow(path, peer, ids, found) {
    const theirs = [];
    const [exact, ours] = await Promise.all([
        referenceRows(path, ids, join(folder, "rows")),
        primerRows(path, ids, ["--kv", options.kv]),
        peer && distributions(peer, ids, (position, row) => { theirs[position] = row; })
    ]);
    for (let i = 0; i < ids.length; i++) {
        const best = highest(exact[i]);
        found.primer.push(wholeDivergence(path, "primer", exact[i], ours[i]));
        found.primerTop += best === highest(ours[i]);
        if (!peer) continue;
        found.llama.push(wholeDivergence(path, "llama.cpp", exact[i], theirs[i]));
        found.llamaTop += best === highest(theirs[i]);
        if (Number.isFinite(options.apart))
            for (const id of highestIds(theirs[i], TOP))
                found.apart = Math.max(found.apart, Math.abs(theirs[i][id] - ours[i][id]));
    }
}

function wholeDivergence(path, engine, exact, row) {
    const {kl, named} = divergence(exact, row);
    if (named !== exact.length)
        throw new Error(`${path}: ${engine} named ${named} candidates, expected ${exact.length}`);
    return kl;
}

function lineOf(report) {
    const number = x => x.toExponential(2), percent = x => (100 * x).toFixed(1);
    const start = `${report.ok ? "ok    " : "FAILED"}  ${report.model.padEnd(width)}  `;
    if (report.llama === null)
        return `${start}mean KL ${number(report.primer)}  largest ` +
            `${number(report.primer_largest)}  same top ${percent(report.primer_same_top)}`;
    const [low, high] = report.interval;
    return start + [`mean KL ${number(report.primer)} llama.cpp ${number(report.llama)}`,
        `ratio ${report.ratio.toFixed(4)} [${low.toFixed(3)}, ${high.toFixed(3)}]`,
        `largest ${number(report.primer_largest)} ${number(report.llama_largest)}`,
        `same top ${percent(report.primer_same_top)} ${percent(report.llama_same_top)}`,
        report.apart === null ? "" : `top ${TOP} within ${number(report.apart)}`].join("  ");
}
