// harness.mjs - what the server's tests share: models, a server of their own on a free port, requests, cases.
//
//     const server = await serve([await tinyModel()]);        primer serve, once it says where it listens
//     const {status, json} = await server.post("/v1/completions", {...});
//     await cases({name: async () => {...}, ...});             each in order; exit status 1 if one failed
//     await server.stop();                                     SIGTERM; anything but a clean end is an error
//
// Nothing here waits for a fixed time: whatever is waited for has a condition and a deadline.
import assert from "node:assert/strict";
import {execFile, spawn} from "node:child_process";
import {existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync} from "node:fs";
import {tmpdir} from "node:os";
import {basename, join, resolve} from "node:path";
import {promisify} from "node:util";

export {assert};
export const primer = process.env.PRIMER ?? resolve("build/primer");
export const build = process.env.PRIMER_BUILD ?? resolve("build/release-gcc");
export const shared = process.env.PRIMER_SHARED ?? resolve("../shared");
export const folder = process.env.PRIMER_TEST_FOLDER ?? mkdtempSync(join(tmpdir(), "primer-"));
// Builds in which everything takes many times as long, and memory isn't given back.
export const instrumented = /(sanitize|asan|ubsan|tsan|fuzz)-/.test(build);
const SLOW = instrumented ? 10 : 1;
export const seconds = count => count * 1000 * SLOW;

// What npm's packages fetch would hide a test that needs the network: only this machine is reached.
const fetchAnywhere = globalThis.fetch;
globalThis.fetch = (input, options) => {
    const {hostname} = new URL(input instanceof Request ? input.url : input);
    if (hostname !== "127.0.0.1") throw new Error(`a test asked the network for ${hostname}`);
    return fetchAnywhere(input, options);
};

// ---- cases ------------------------------------------------------------------------------------------

const wanted = process.env.CASE ?? ""; // a part of a case's name: only those

// Runs every case in order, says how each went, and ends the process: 1 where one failed.
export async function cases(list, {longest = 90} = {}) {
    const failed = [];
    for (const [name, body] of Object.entries(list)) {
        if (!name.includes(wanted)) continue;
        const begin = performance.now();
        try {
            await within(seconds(longest), name, body());
            console.log(`ok ${name} (${Math.round(performance.now() - begin)} ms)`);
        } catch (error) {
            failed.push(name);
            console.log(`FAILED ${name}: ${describe(error)}`);
        }
    }
    await finish(failed);
}

async function finish(failed) {
    try {
        for (const server of [...running]) await server.stop();
    } catch (error) {
        failed.push("end");
        console.log(`FAILED at the end: ${describe(error)}`);
    }
    console.log(failed.length ? `failed: ${failed.join(", ")}` : "all passed");
    process.exit(failed.length ? 1 : 0);
}

function describe(error) {
    const own = (error?.stack ?? "").split("\n").filter(line => line.includes("/tests/server/"));
    return `${error?.message ?? error}\n    ${own.slice(0, 3).join("\n    ")}`;
}

export function within(milliseconds, what, promise) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no end after ${milliseconds} ms: ${what}`)),
            milliseconds);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// Asks until the answer is true; for what the server does soon, but not before it answers.
export async function until(what, ask, milliseconds = seconds(10)) {
    const deadline = performance.now() + milliseconds;
    for (;;) {
        if (await ask()) return;
        if (performance.now() > deadline) throw new Error(`never came true: ${what}`);
        await new Promise(resolve => setTimeout(resolve, 10));
    }
}

export function skip(reason) {
    console.log(`skipped: ${reason}`);
    process.exit(77);
}

// splitmix64, as far as 32 bits go: the same requests for the same seed.
export function dice(seed) {
    let state = seed >>> 0;
    const next = () => {
        state = (state + 0x9e3779b9) >>> 0;
        let x = state;
        x = Math.imul(x ^ x >>> 16, 0x21f0aaad);
        x = Math.imul(x ^ x >>> 15, 0x735a2d97);
        return (x ^ x >>> 15) >>> 0;
    };
    return {next, below: count => next() % count, of: list => list[next() % list.length],
        happens: percent => next() % 100 < percent};
}

// ---- models -----------------------------------------------------------------------------------------

const run = promisify(execFile);

export async function command(program, ...given) {
    const {stdout} = await run(program, given, {maxBuffer: 1 << 30});
    return stdout;
}

// Random weights with the vocabulary of GPT-2, fast; 8,192 tokens of context, so that an answer can be long.
export async function tinyModel(name = "tiny", ...options) {
    const file = join(folder, `${name}.gguf`);
    const vocabulary = join(shared, "data/tok-llamacpp-vocab/ggml-vocab-gpt-2.gguf");
    if (!existsSync(vocabulary)) skip(`${vocabulary} isn't there`);
    if (!existsSync(file))
        await command(join(build, "make-model"), file, "--shape", "tiny", "--arch", "llama", "--type", "Q8_0",
            "--dim", "64", "--heads", "4", "--kv-heads", "2", "--head-dim", "16", "--rotary", "16",
            "--ffn", "128", "--seed", "7", "--vocab", "50257", "--context", "8192",
            "--tokenizer", vocabulary, ...options);
    return file;
}

// A trained model of 512 tokens' context that writes stories; SentencePiece.
export function storiesModel() {
    const original = join(shared, "models/stories260K.gguf"), file = join(folder, "stories.gguf");
    if (!existsSync(original)) skip(`${original} isn't there`);
    if (!existsSync(file)) symlinkSync(original, file);
    return file;
}

// ---- a server ---------------------------------------------------------------------------------------

const running = new Set();
process.on("exit", () => {
    for (const server of running) server.child.kill("SIGKILL");
    if (!process.env.PRIMER_TEST_FOLDER) rmSync(folder, {recursive: true, force: true});
});

class Server {
    constructor(models, options, environment) {
        const port = options.includes("--port") ? [] : ["--port", "0"];
        const given = ["serve", ...models, "--host", "127.0.0.1", ...port, ...options];
        this.models = models.map(file => basename(file, ".gguf"));
        this.out = this.errors = "";
        this.child = spawn(primer, given, {stdio: ["ignore", "pipe", "pipe"],
            env: {...process.env, PRIMER_THREADS: "2", ...environment}});
        this.child.stdout.on("data", data => { this.out += data; });
        this.child.stderr.on("data", data => { this.errors += data; });
        this.ended = new Promise(resolve => this.child.on("close", (code, signal) => {
            running.delete(this);
            this.end = {code, signal};
            resolve(this.end);
        }));
        running.add(this);
    }

    async listen() {
        await until(`primer serve listens (${this.models})`, () => {
            if (this.end) throw new Error(`primer serve ended, ${JSON.stringify(this.end)}: ` +
                `${this.out}${this.errors}`.slice(-2000));
            return /^listening on http:\/\/127\.0\.0\.1:\d+/m.test(this.out);
        }, seconds(30));
        this.url = /^listening on (http:\/\/127\.0\.0\.1:(\d+))/m.exec(this.out)[1];
        this.port = Number(new URL(this.url).port);
        return this;
    }

    // Bytes in use by the process: without pages of files.
    memory() {
        const status = readFileSync(`/proc/${this.child.pid}/status`, "utf8");
        return Number(/^RssAnon:\s*(\d+) kB/m.exec(status)[1]) * 1024;
    }

    alive() { return !this.end; }

    async stop(signal = "SIGTERM") {
        if (!this.end) this.child.kill(signal);
        await within(seconds(30), "primer serve ends after SIGTERM", this.ended);
        assert.doesNotMatch(this.errors, /runtime error|Sanitizer|Assertion|terminate called/);
        assert.deepEqual(this.end, {code: 0, signal: null}, `its end: ${this.errors.slice(-2000)}`);
    }

    async request(method, path, body, options = {}) {
        const headers = {...(body === undefined ? {} : {"content-type": "application/json"}),
            ...options.headers};
        const text = body === undefined || typeof body === "string" || body instanceof Uint8Array
            ? body : JSON.stringify(body);
        const answer = await fetch(this.url + path, {method, headers, body: text, ...options.fetch});
        return new Answer(answer, await answer.text());
    }

    get(path, options) { return this.request("GET", path, undefined, options); }
    post(path, body, options) { return this.request("POST", path, body, options); }

    // A good answer's JSON.
    async ask(path, body, options) {
        const answer = await this.post(path, body, options);
        assert.equal(answer.status, 200, `${path}: ${answer.text.slice(0, 500)}`);
        return answer.json;
    }

    async tokens(content, model = this.models[0]) {
        return (await this.ask("/tokenize", {model, content, add_special: true})).tokens;
    }

    // The sum of a metric's lines whose labels contain all of `labels`.
    async metric(name, labels = "") {
        const {text} = await this.get("/metrics");
        const lines = text.split("\n").filter(line => line.startsWith(name) &&
            /^[ {]/.test(line.slice(name.length)) && line.includes(labels));
        return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
    }
}

class Answer {
    constructor(answer, text) {
        Object.assign(this, {status: answer.status, headers: answer.headers, text});
    }

    get json() {
        try {
            return JSON.parse(this.text);
        } catch {
            throw new Error(`no JSON (status ${this.status}): ${this.text.slice(0, 300)}`);
        }
    }

    // Server-sent events' data, without the last "[DONE]", whose place is checked; comments are left out.
    get events() {
        assert.match(this.headers.get("content-type"), /^text\/event-stream/);
        assert.ok(this.text.endsWith("\n\n"), "the last event is whole");
        const data = this.text.split("\n\n").filter(event => event.startsWith("data: "))
            .map(event => event.slice(6));
        assert.equal(data.pop(), "[DONE]");
        return data.map(text => JSON.parse(text));
    }

    get lines() {
        assert.match(this.headers.get("content-type"), /^application\/x-ndjson/);
        assert.ok(this.text.endsWith("\n"), "the last line is whole");
        return this.text.trimEnd().split("\n").map(line => JSON.parse(line));
    }
}

export async function serve(models, options = [], environment = {}) {
    const server = new Server(models, options, environment);
    try {
        return await server.listen();
    } catch (error) {
        server.child.kill("SIGKILL");
        throw error;
    }
}

// ---- what several of them check ---------------------------------------------------------------------

// An error in OpenAI's or Ollama's shape, as the path's family has it; returns its message.
export function refusal(path, answer, status) {
    const found = answer.json;
    const where = `${path}: ${answer.text.slice(0, 300)}`;
    if (status !== undefined) assert.equal(answer.status, status, where);
    assert.match(answer.headers.get("content-type"), /^application\/json/, where);
    if (path.startsWith("/api/")) {
        assert.equal(typeof found.error, "string", where);
        assert.ok(found.error.length > 0, where);
        return found.error;
    }
    assert.equal(typeof found.error?.message, "string", where);
    assert.equal(typeof found.error.type, "string", where);
    assert.ok("param" in found.error && "code" in found.error, where);
    return found.error.message;
}

// A request that always succeeds, and says the same: whether the server is well.
export async function wellBeing(server, model = server.models[0]) {
    const {choices} = await server.ask("/v1/completions", {model, prompt: "Once upon a time",
        max_tokens: 8, temperature: 0, seed: 1});
    assert.equal(choices.length, 1);
    return choices[0].text;
}

// Reads a stream until `enough` of its bytes, then hangs up.
export async function hangUp(server, path, body, enough = text => text.length > 0) {
    const controller = new AbortController();
    const answer = await fetch(server.url + path, {method: "POST", body: JSON.stringify(body),
        headers: {"content-type": "application/json"}, signal: controller.signal});
    let text = "";
    try {
        for await (const bytes of answer.body) {
            text += Buffer.from(bytes).toString("utf8");
            if (enough(text)) break;
        }
    } finally {
        controller.abort();
    }
    return {status: answer.status, text};
}
