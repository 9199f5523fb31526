// primer train as the measured program, and PyTorch's step of the same model beside it.
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {dirname, join} from "node:path";
import {fileURLToPath} from "node:url";
import {begun, finished} from "./children.mjs";
import {runProgram} from "./engine_primer.mjs";
import {median} from "./statistics.mjs";

const TORCH = join(dirname(fileURLToPath(import.meta.url)), "torch_step.py");

// Words out of syllables, the frequent ones often: enough different pieces for a vocabulary of
// thousands of tokens. The same text always.
export function inventedText(words) {
    const syllables = ["ka", "to", "mi", "ren", "sol", "du", "pa", "li", "ves", "no", "gar", "eth",
        "bo", "win", "ul", "che"];
    let state = 12345;
    const roll = most => {
        state = (Math.imul(state, 1103515245) + 12345) >>> 0;
        return Math.floor(state / 2 ** 32 * most);
    };
    const text = [];
    for (let i = 0; i < words; i++) {
        // A word's number is small most of the time.
        let number = Math.floor(20000 ** (roll(1e6) / 1e6)), word = "";
        do {
            word += syllables[number % 16];
            number = Math.floor(number / 16);
        } while (number > 0);
        text.push(word, i % 12 === 11 ? ".\n" : " ");
    }
    return text.join("");
}

// Most bytes that process `pid` had in memory.
function peakOf(pid) {
    try {
        return +(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ??
            0) * 1024;
    } catch {
        return 0; // has just ended
    }
}

export class Training {
    // In a folder of its own below `work`, which `end` removes.
    constructor({program, threads, work}) {
        this.program = program;
        this.threads = threads;
        this.folder = begun(mkdtempSync(join(work, "train-")));
        writeFileSync(join(this.folder, "text.txt"), inventedText(400000));
    }

    end() {
        rmSync(this.folder, {recursive: true});
        finished(this.folder);
    }

    tokenizer(vocabulary) {
        return runProgram(this.program, ["tokenizer", "train", join(this.folder, "text.txt"),
            "--vocab", String(vocabulary), "-o", join(this.folder, "tokenizer.gguf")]);
    }

    // {tokens_s of the median step but the first, operations a token, bytes in memory at most}
    async steps(fields, count) {
        const recipe = join(this.folder, "step.recipe");
        let bytes = 0;
        writeFileSync(recipe, Object.entries({data: "text.txt", folder: "run", steps: count,
            "log-every": 1, "checkpoint-every": 0, "evaluate-every": 0, ...fields})
            .map(([name, value]) => `${name} = ${value}\n`).join(""));
        await runProgram(this.program, ["train", recipe, "--fresh", "-t", String(this.threads)],
            {watch: pid => { bytes = Math.max(bytes, peakOf(pid)); }});
        const lines = readFileSync(join(this.folder, "run/log.jsonl"), "utf8").trim().split("\n")
            .map(line => JSON.parse(line));
        const speeds = lines.filter(line => line.event === "step" && line.step > 1)
            .map(line => line.tokens_per_second);
        return {tokens_s: median(speeds), bytes, operations:
            lines.findLast(line => line.event === "start").operations_per_token};
    }
}

// Tokens a second of PyTorch's step; undefined where there is no PyTorch.
export async function torchStep(threads, steps) {
    for (const python of ["/usr/bin/python3", "python3"]) {
        try {
            const {out} = await runProgram(python, [TORCH, "--threads", String(threads), "--steps",
                String(steps)]);
            return JSON.parse(out).tokens_s;
        } catch (error) {
            if (!/ENOENT|No module named/.test(error.message)) throw error;
        }
    }
    return undefined;
}
