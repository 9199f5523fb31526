// The perplexity of long texts with and without Self-Extend, in double precision.
//
//     REFERENCE=PROGRAM node self_extend.mjs MODEL.gguf IDS WINDOWS LENGTH[,G,W]...
//
// PROGRAM is the reference's (build/release-gcc/reference); IDS is a file of token ids. For each
// LENGTH the text is cut into windows of that many tokens from its beginning, as many as fit and at
// most WINDOWS, and the second half of each is scored as llama.cpp does it: what is predicted after
// tokens LENGTH / 2 to LENGTH - 2. A line per setting.
import {execFileSync} from "node:child_process";
import {mkdtempSync, readFileSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";

const [, , model, idsPath, windows, ...settings] = process.argv;
if (settings.length === 0) {
    console.error("usage: node self_extend.mjs MODEL.gguf IDS WINDOWS LENGTH[,G,W]...");
    process.exit(2);
}
const ids = (readFileSync(idsPath, "utf8").match(/\d+/g) ?? []).map(Number);
const folder = mkdtempSync(join(tmpdir(), "self-extend-"));
for (const setting of settings) {
    const [length, group, window] = setting.split(",").map(Number);
    let loss = 0, scored = 0, used = 0;
    for (; used < +windows && (used + 1) * length <= ids.length; used++) {
        const part = ids.slice(used * length, (used + 1) * length);
        const rows = evaluate(part, group, window);
        for (let t = length / 2 + 1; t < length; t++, scored++)
            loss -= rows[(t - 1) * rows.length / length + part[t]];
    }
    const name = group ? `G=${group} W=${window}` : "plain";
    console.log(`${length}\t${name}\t${Math.exp(loss / scored).toFixed(4)}\t(${used} windows)`);
}
rmSync(folder, {recursive: true});

function evaluate(part, group, window) {
    const out = join(folder, "rows");
    const extend = group ? ["--self-extend", `${group},${window}`] : [];
    execFileSync(process.env.REFERENCE ?? "build/release-gcc/reference",
        [model, "--ids", "-", "--all", "--out", out, ...extend], {input: part.join(",")});
    const bytes = readFileSync(out);
    return new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
}
