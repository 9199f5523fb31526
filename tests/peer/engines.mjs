// primer and the reference as child processes: tokens of a text, distributions over given tokens.
//
// PRIMER and REFERENCE are the two programs; without them those in PRIMER_BUILD
// (build/release-gcc).
import {spawn} from "node:child_process";
import {readFileSync, rmSync} from "node:fs";
import {join} from "node:path";
import {rowOfLine} from "./divergence.mjs";

const build = process.env.PRIMER_BUILD ?? "build/release-gcc";
const primer = process.env.PRIMER ?? join(build, "primer");
const reference = process.env.REFERENCE ?? join(build, "reference");

// What a program writes to its standard output, as a Buffer; an exit status but 0 is an error.
export function outputOf(program, options, input = "") {
    return new Promise((resolve, reject) => {
        const child = spawn(program, options, {stdio: ["pipe", "pipe", "pipe"]});
        const out = [], complaints = [];
        child.stdout.on("data", part => out.push(part));
        child.stderr.on("data", part => complaints.push(part));
        child.stdin.on("error", () => {});
        child.on("error", reject);
        child.on("close", code => code === 0 ? resolve(Buffer.concat(out))
            : reject(new Error(`${program} ${options.join(" ")}: exit status ${code}: ` +
                Buffer.concat(complaints).toString().slice(0, 500))));
        child.stdin.end(input);
    });
}

// The token ids of a text (Buffer or string), no beginning token added.
export async function tokensOf(model, text, options = []) {
    return JSON.parse(await outputOf(primer, ["tokens", model, ...options], text));
}

// primer's rows [ids][vocabulary] of natural-log probabilities, for vocabularies up to `most`.
export async function primerRows(model, ids, options = [], most = 65536) {
    const out = await outputOf(primer,
        ["logprobs", model, "--ids", "-", "--top", String(most), "-t", "1", ...options],
        ids.join(","));
    const lines = out.toString().trimEnd().split("\n");
    if (lines.length !== ids.length)
        throw new Error(`${model}: ${lines.length} lines for ${ids.length} ids`);
    const vocabulary = JSON.parse(lines[0]).top.length;
    return lines.map((line, i) => rowOfLine(line, ids[i], vocabulary));
}

// The reference's rows; `scratch` is a file that may be overwritten.
export async function referenceRows(model, ids, scratch, options = []) {
    await outputOf(reference, [model, "--ids", "-", "--all", "--out", scratch, ...options],
        ids.join(","));
    const bytes = readFileSync(scratch);
    rmSync(scratch);
    const vocabulary = bytes.length / 8 / ids.length;
    if (!Number.isInteger(vocabulary) || vocabulary === 0)
        throw new Error(`${model}: the reference gave ${bytes.length} bytes, expected rows of ` +
            `doubles for ${ids.length} ids`);
    const all = new Float64Array(bytes.buffer.slice(bytes.byteOffset,
        bytes.byteOffset + bytes.length));
    return ids.map((_, i) => all.subarray(i * vocabulary, (i + 1) * vocabulary));
}

// The value of each `--name VALUE` in a list of arguments, over the defaults; anything else is
// returned in `rest`.
export function optionsOf(list, defaults) {
    const found = {...defaults, rest: []};
    for (let i = 0; i < list.length; i++) {
        const name = list[i].startsWith("--") ? list[i].slice(2) : null;
        if (name === null) {
            found.rest.push(list[i]);
            continue;
        }
        if (!(name in defaults) || i + 1 === list.length)
            throw new Error(`${list[i]}: no such option, or no value after it`);
        const value = list[++i];
        found[name] = typeof defaults[name] === "number" ? Number(value) : value;
    }
    return found;
}
