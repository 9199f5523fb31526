// llama.cpp as the other engine: a worker process (peer_worker.mjs) that stays while the model and
// the context are the same. Where it can't be had, `problem` says why, and there are no figures.
import {spawn} from "node:child_process";
import {existsSync} from "node:fs";
import {dirname, join} from "node:path";
import {createInterface} from "node:readline";
import {fileURLToPath} from "node:url";
import {track} from "./children.mjs";

const WORKER = join(dirname(fileURLToPath(import.meta.url)), "peer_worker.mjs");
const MOST_SECONDS = 900;
export const SETTINGS = [0, 1]; // flash attention off and on

class Worker {
    constructor(folder) {
        const own = join(folder, "node_modules/.bin/node"); // where the system's is too old
        this.child = track(spawn(existsSync(own) ? own : process.execPath, [WORKER, folder],
            {stdio: ["pipe", "ignore", "pipe", "pipe"]}));
        this.complaints = "";
        this.child.stderr.on("data", part => {
            this.complaints = (this.complaints + part).slice(-2000);
        });
        this.child.stdin.on("error", () => {});
        this.ended = new Promise(resolve => {
            this.child.on("error", resolve);
            this.child.on("close", resolve);
        });
        this.lines = createInterface({input: this.child.stdio[3]})[Symbol.asyncIterator]();
    }

    // The answer to one command; an error where the worker says so, ends or takes too long.
    async ask(command) {
        const late = setTimeout(() => this.child.kill("SIGKILL"), MOST_SECONDS * 1000);
        this.child.stdin.write(JSON.stringify(command) + "\n");
        const {value, done} = await this.lines.next();
        clearTimeout(late);
        if (done) {
            await this.ended;
            const why = this.complaints.split("\n").find(line => /^\w*Error\b/.test(line));
            throw new Error(`its process ended: ${(why ?? "no reason given").trim()}`);
        }
        const answer = JSON.parse(value);
        if (answer.error) throw new Error(answer.error);
        return answer;
    }

    async close() {
        this.child.stdin.end();
        const late = setTimeout(() => this.child.kill("SIGKILL"), 5000);
        await this.ended;
        clearTimeout(late);
    }
}

export class Peer {
    constructor({folder, threads}) {
        this.folder = folder;
        this.threads = threads;
        this.problem = null; // for good: there is no such engine here
        this.failures = []; // what failed of single measurements
        this.settings = SETTINGS; // those to be measured
        this.worker = null;
        this.opened = null;
    }

    // Starts the engine once, to learn its version; null where it can't be had.
    async describe() {
        if (!this.folder || !existsSync(join(this.folder, "node_modules/node-llama-cpp"))) {
            this.problem = "node-llama-cpp is not installed";
            return null;
        }
        const worker = new Worker(this.folder);
        try {
            return await worker.ask({do: "hello"});
        } catch (error) {
            this.problem = `node-llama-cpp doesn't start: ${error.message}`;
            return null;
        } finally {
            await worker.close();
        }
    }

    async open(wanted) {
        const key = JSON.stringify(wanted);
        if (this.opened === key) return;
        await this.close();
        this.worker = new Worker(this.folder);
        await this.worker.ask({do: "open", ...wanted, threads: this.threads});
        this.opened = key;
    }

    async close() {
        const worker = this.worker;
        this.worker = this.opened = null;
        if (worker) await worker.close();
    }

    // The settings' answers to a command: {"0": value, "1": value}, without those that failed or
    // aren't to be measured; null where there is no engine.
    async both(wanted, command, field) {
        return this.each(async flash => {
            await this.open(wanted);
            return (await this.worker.ask({...command, flash}))[field];
        });
    }

    // Milliseconds from the load call to the first token, each in a process of its own.
    async first(options) {
        await this.close();
        return this.each(async flash => {
            const worker = new Worker(this.folder);
            try {
                return (await worker.ask({do: "first", ...options, threads: this.threads,
                    flash})).ms;
            } finally {
                await worker.close();
            }
        });
    }

    async each(measure) {
        if (this.problem) return null;
        const found = {};
        for (const flash of this.settings) {
            try {
                found[flash] = await measure(flash);
            } catch (error) {
                this.failures.push(error.message);
                console.error(`  llama.cpp, flash attention ${flash ? "on" : "off"}: ` +
                    error.message);
                await this.close();
            }
        }
        return Object.keys(found).length > 0 ? found : null;
    }
}
