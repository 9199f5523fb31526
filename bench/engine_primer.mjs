// primer as the measured program: every measurement is a process of its own.
import {spawn} from "node:child_process";
import {readFileSync, writeFileSync} from "node:fs";
import {basename, join} from "node:path";
import {track} from "./children.mjs";

const SAMPLE_MS = 5, MOST_SECONDS = 900;

// Runs a program to its end: {out, complaints, firstMs, ms}; firstMs is when the first byte of its
// standard output came, counted from just before the process was started.
export function runProgram(program, options,
    {env = {}, input = "", watch, seconds = MOST_SECONDS} = {}) {
    return new Promise((resolve, reject) => {
        const out = [], complaints = [];
        const begun = performance.now();
        let firstMs = null;
        const child = track(spawn(program, options,
            {stdio: ["pipe", "pipe", "pipe"], env: {...process.env, ...env}}));
        const late = setTimeout(() => child.kill("SIGKILL"), seconds * 1000);
        const watching = watch && setInterval(() => watch(child.pid), SAMPLE_MS);
        child.stdout.on("data", part => {
            firstMs ??= performance.now() - begun;
            out.push(part);
        });
        child.stderr.on("data", part => complaints.push(part));
        child.stdin.on("error", () => {}); // it ended without reading
        child.stdin.end(input);
        child.on("error", reject);
        child.on("close", (code, signal) => {
            const ms = performance.now() - begun;
            clearTimeout(late);
            clearInterval(watching);
            const said = Buffer.concat(complaints).toString();
            if (code === 0)
                resolve({out: Buffer.concat(out).toString(), complaints: said, firstMs, ms});
            else
                reject(new Error(`${basename(program)} ${options[0]}: ` +
                    `${signal ?? `exit status ${code}`}: ${said.trim().slice(0, 400)}`));
        });
    });
}

// Bytes in memory of process `pid`: {file, other}, of mappings of the file `name` and of all else.
function residentOf(pid, name) {
    let text;
    try {
        text = readFileSync(`/proc/${pid}/smaps`, "latin1");
    } catch {
        return {file: 0, other: 0}; // has just ended
    }
    const sizes = {file: 0, other: 0};
    let part = "other";
    for (const line of text.split("\n")) {
        if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) part = line.endsWith(name) ? "file" : "other";
        else if (line.startsWith("Rss:")) sizes[part] += parseInt(line.slice(4), 10) * 1024;
    }
    return sizes;
}

// What `primer run --verbose` says: {seconds to the first token, tokens computed, tokens that came
// from disk}.
export function verboseOf(text) {
    const first = /^first token +([\d.]+) s/m.exec(text);
    const tokens = /^prompt +(\d+) tokens read,.* (\d+) from disk/m.exec(text);
    if (!first || !tokens)
        throw new Error(`no times in what primer run --verbose said: ${text.slice(0, 200)}`);
    return {seconds: +first[1], read: +tokens[1], reused: +tokens[2]};
}

export class Primer {
    constructor({program, threads}) {
        this.program = program;
        this.threads = threads;
    }

    async bench(model, options, extra = {}) {
        const {out} = await runProgram(this.program, ["bench", model, "-t", String(this.threads),
            "--json", ...options.map(String)], extra);
        return JSON.parse(out);
    }

    // What the machine can do now: {memory, int8, f32}, bytes and operations a second.
    async limits(model) {
        const report = await this.bench(model, ["--limits-only"]);
        return {memory: report.memory_limit_bytes_s, int8: report.int8_limit_ops_s,
            f32: report.f32_limit_flop_s};
    }

    // A prompt of so many tokens, then so many generated, after a run to warm up.
    measure(model, {prompt, generated, clients = 1, level}) {
        return this.bench(model, ["-p", prompt, "-n", generated, "--clients", clients,
            "--runs", 1, "--no-limits"], level ? {env: {PRIMER_LEVEL: level}} : {});
    }

    // Generation after `depth` tokens of context.
    deep(model, {depth, generated}) {
        return this.bench(model, ["--depth", depth, "-n", generated, "--runs", 1, "--no-limits"]);
    }

    speculate(model) {
        return this.bench(model, ["--speculate", "--runs", 1, "--no-limits"]);
    }

    // Milliseconds from before the process is started until its first token is written. A first
    // token that is half a character is written at the end only.
    async firstToken(model, text) {
        const {firstMs, ms} = await runProgram(this.program, ["run", model, "-t",
            String(this.threads), "--raw", "--temp", "0", "-n", "1", "--ignore-eos", text]);
        return firstMs ?? ms;
    }

    // Most bytes in memory at any time, but for the model's file and the KV cache.
    async residentBeyond(model, {prompt, generated}) {
        const most = {file: 0, other: 0};
        let samples = 0;
        const watch = pid => {
            const now = residentOf(pid, basename(model));
            most.file = Math.max(most.file, now.file);
            most.other = Math.max(most.other, now.other);
            samples++;
        };
        const report = await this.bench(model, ["-p", prompt, "-n", generated, "--runs", 1,
            "--no-limits"], {watch});
        return {bytes: most.other - report.kv_bytes, fileBytes: most.file,
            kvBytes: report.kv_bytes, samples};
    }

    // Seconds to the first token after `count` tokens of text, and how many came from the cache on
    // disk in `folder`.
    async prefix(model, {count, folder}) {
        const text = join(folder, "text");
        writeFileSync(text, Array(count).fill("one").join(" "));
        const {complaints} = await runProgram(this.program, ["run", model, "-t",
            String(this.threads), "--raw", "--temp", "0", "-n", "1", "--ignore-eos", "--verbose",
            "-f", text], {env: {PRIMER_PREFIX_FOLDER: join(folder, "pages")}});
        return verboseOf(complaints);
    }

    async tokenCount(model, text) {
        const {out} = await runProgram(this.program, ["tokens", model], {input: text});
        return JSON.parse(out).length;
    }

    // {layers, width, weightBytes, ...} of a model's file.
    async facts(model) {
        const {out} = await runProgram(this.program, ["inspect", model, "--json"]);
        const {metadata, ...about} = JSON.parse(out);
        const architecture = metadata["general.architecture"];
        return {layers: metadata[`${architecture}.block_count`],
            width: metadata[`${architecture}.embedding_length`],
            fileBytes: about.file_bytes, weightBytes: about.read_bytes_per_token};
    }
}
