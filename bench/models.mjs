// The models that are measured: random weights in Phi-2's shape, made when first needed.
import {closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statfsSync}
    from "node:fs";
import {join} from "node:path";
import {begun, finished} from "./children.mjs";
import {runProgram} from "./engine_primer.mjs";
import {MODELS} from "./rows.mjs";

const SHAPES = {
    full: ["--shape", "phi2"],
    small: ["--shape", "phi2", "--layers", "2", "--dim", "512", "--heads", "8", "--head-dim", "64",
        "--ffn", "2048", "--rotary", "32", "--seed", "3"]
};
const ENOUGH = 20e9; // bytes free on the disk: below that a model goes when its rows are done

const pathOf = (name, bench) => join(bench.work, "models", `${bench.sizeName}-${name}.gguf`);

// The file's path. It is written out to the disk before anything is measured.
export async function makeModel(name, bench) {
    const path = pathOf(name, bench), part = `${path}.part`;
    if (existsSync(path)) return path;
    console.error(`making a model in ${MODELS[name].label}`);
    begun(part);
    await runProgram(bench.maker, [part, ...SHAPES[bench.sizeName], ...MODELS[name].options,
        "--tokenizer", bench.tokenizer]);
    const file = openSync(part, "r+");
    fsyncSync(file);
    closeSync(file);
    renameSync(part, path);
    finished(part);
    return path;
}

export function removeIfShort(name, bench) {
    const {bavail, bsize} = statfsSync(bench.work);
    if (bavail * bsize < ENOUGH) rmSync(pathOf(name, bench), {force: true});
}
