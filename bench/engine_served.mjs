// primer serve as the measured program, and its clients: streams of /v1/completions.
import {spawn} from "node:child_process";
import {once} from "node:events";
import http from "node:http";
import {track} from "./children.mjs";

const START_SECONDS = 120, CHUNKS = 4;

// Tokens that no two prompts share from their beginning on.
const promptOf = (number, count) =>
    Array.from({length: count}, (_, i) => 100 + (7919 * (number + 1) + 31 * i) % 40000);

export class Served {
    // Resolves once it listens; nothing is kept of prompts, so that each is read.
    static async start({program, model, threads, parallel}) {
        const served = new Served();
        served.child = track(spawn(program, ["serve", model, "--port", "0", "-t", String(threads),
            "--parallel", String(parallel), "--no-prefix-cache"],
        {stdio: ["ignore", "pipe", "pipe"]}));
        let said = "", complained = "";
        served.child.stderr.on("data", part => { complained += part; });
        await new Promise((resolve, reject) => {
            const late = setTimeout(() => reject(new Error("primer serve doesn't listen")),
                START_SECONDS * 1000);
            served.child.on("error", reject);
            served.child.on("close", () => reject(new Error(`primer serve: ${complained}`)));
            served.child.stdout.on("data", part => {
                said += part;
                const port = /^listening on http:.*:(\d+)$/m.exec(said);
                if (!port) return;
                served.port = +port[1];
                clearTimeout(late);
                resolve();
            });
        });
        return served;
    }

    async stop() {
        if (this.child.exitCode !== null) return;
        const ended = once(this.child, "close");
        this.child.kill("SIGTERM");
        this.child.kill("SIGTERM");
        await ended;
    }

    request(path, body) {
        const text = body === undefined ? "" : JSON.stringify(body);
        const request = http.request({host: "127.0.0.1", port: this.port, path, agent: false,
            method: body === undefined ? "GET" : "POST", headers: {"content-length": text.length}});
        request.end(text);
        return request;
    }

    // The sums of counters over their labels.
    async counters(...names) {
        const [answer] = await once(this.request("/metrics"), "response");
        let text = "";
        for await (const part of answer.setEncoding("utf8")) text += part;
        return names.map(name => text.split("\n").filter(line => line.startsWith(`${name}{`))
            .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0));
    }

    // A stream that has been asked for: {begun, ended} promises, the first of the moment (ms) when
    // its first text came; `leave` hangs up. Sampled, so that no text repeats itself.
    stream(ids, tokens, onProgress = () => {}) {
        const request = this.request("/v1/completions", {prompt: ids, max_tokens: tokens,
            stream: true, ignore_eos: true, temperature: 1, top_k: 40, seed: ids[0],
            return_progress: true});
        let begin, left = false;
        const begun = new Promise(resolve => { begin = resolve; });
        const ended = (async () => {
            const [answer] = await once(request, "response");
            let rest = "";
            if (answer.statusCode !== 200) throw new Error(`primer serve: ${answer.statusCode}`);
            for await (const part of answer.setEncoding("utf8")) {
                const lines = (rest + part).split("\n");
                rest = lines.pop();
                for (const line of lines.filter(one => one.startsWith("data: {"))) {
                    const event = JSON.parse(line.slice(6));
                    if (event.error) throw new Error(`primer serve: ${event.error.message}`);
                    if (event.prompt_progress) onProgress(event.prompt_progress);
                    else if (event.choices?.[0]) begin(performance.now());
                }
            }
        })().catch(error => { if (!left) throw error; });
        ended.catch(() => {}); // is looked at by whoever waits for it
        return {begun: Promise.race([begun, ended.then(() => begun)]), ended,
            leave() { left = true; request.destroy(); }};
    }

    // Tokens a second of `clients` streams at once, while all of them write.
    async together({clients, prompt, generated}) {
        const streams = Array.from({length: clients}, (_, i) =>
            this.stream(promptOf(i, prompt), generated + 48));
        const counters = () => this.counters("primer_pass_tokens_total", "primer_passes_total");
        await Promise.all(streams.map(stream => stream.begun));
        const [tokensBefore, passesBefore] = await counters(), begun = performance.now();
        await Promise.race(streams.map(stream => stream.ended));
        const [tokensAfter, passesAfter] = await counters(), seconds = (performance.now() - begun) / 1000;
        await Promise.all(streams.map(stream => stream.ended));
        // Guesses are tokens that nobody gets: beside so many sessions there are none.
        const tokens = tokensAfter - tokensBefore, passes = passesAfter - passesBefore;
        if (tokens < generated * clients / 2 || tokens > passes * clients)
            throw new Error(`${tokens} tokens in ${passes} passes of ${clients} clients`);
        return tokens / seconds;
    }

    // Seconds to the first token of a prompt.
    async first(ids) {
        const asked = performance.now(), stream = this.stream(ids, 1);
        const came = await stream.begun;
        await stream.ended;
        return (came - asked) / 1000;
    }

    // Seconds to a newcomer's first token: alone, and while `clients` write and one reads `long`
    // tokens; and how long a chunk of that reading takes before any of them came.
    async newcomers({clients, prompt, long, count}) {
        const alone = [], beside = [], chunks = [];
        for (let i = 0; i < count; i++) alone.push(await this.first(promptOf(100 + i, prompt)));
        const writing = Array.from({length: clients}, (_, i) =>
            this.stream(promptOf(i, prompt), 1500));
        await Promise.all(writing.map(stream => stream.begun));
        let last, done = 0;
        const reading = this.stream(promptOf(99, long), 1, ({processed}) => {
            const now = performance.now();
            if (last !== undefined && chunks.length < CHUNKS) chunks.push((now - last) / 1000);
            last = now;
            done = processed;
        });
        while (beside.length < count && done < long) {
            if (chunks.length < CHUNKS) {
                await new Promise(resolve => setTimeout(resolve, 20));
                continue;
            }
            beside.push(await this.first(promptOf(200 + beside.length, prompt)));
            if (done >= long) beside.pop(); // its first token came when the reading was over
        }
        for (const stream of [...writing, reading]) stream.leave();
        if (beside.length === 0) throw new Error(`no newcomer beside a prompt of ${long}`);
        return {alone, beside, chunks};
    }
}
