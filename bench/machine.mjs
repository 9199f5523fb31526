// What the figures were measured on: the machine, the compiler, the version of primer.
import {execFileSync} from "node:child_process";
import {createHash} from "node:crypto";
import {readFileSync} from "node:fs";
import {basename, dirname} from "node:path";
import os from "node:os";

function said(program, options) {
    try {
        return execFileSync(program, options, {stdio: ["ignore", "pipe", "ignore"]})
            .toString().trim();
    } catch {
        return "";
    }
}

function field(text, name) {
    return new RegExp(`^${name}\\s*:\\s*(.*)$`, "m").exec(text)?.[1] ?? "";
}

function textOf(path) {
    try {
        return readFileSync(path, "latin1");
    } catch {
        return "";
    }
}

// The commit that the tree is at, and whether what is compiled differs from it.
export function commitOf() {
    const commit = said("git", ["rev-parse", "--short=12", "HEAD"]) || "unknown";
    const changed = said("git", ["status", "--porcelain", "--untracked-files=no", "--", "src",
        "include", "Makefile"]) !== "";
    return changed ? `${commit} with changes` : commit;
}

export function describeMachine(program) {
    const cpu = textOf("/proc/cpuinfo"), flags = ` ${field(cpu, "flags")} `;
    const memory = parseInt(field(textOf("/proc/meminfo"), "MemTotal"), 10) * 1024 || os.totalmem();
    // build/release-gcc/primer: the folder is named after the compiler.
    const compiler = basename(dirname(program)).split("-").slice(1).join("-") || "cc";
    return {
        processor: field(cpu, "model name") || os.cpus()[0]?.model || "unknown",
        identity: ["vendor_id", "cpu family", "model", "stepping"]
            .map(name => field(cpu, name)).filter(Boolean).join(" "),
        cores: os.cpus().length, virtual: flags.includes(" hypervisor "),
        levels: ["avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_vbmi", "avx512vbmi"]
            .filter(name => flags.includes(` ${name} `)),
        memory, system: `${os.type()} ${os.release()}`,
        compiler: said(compiler, ["--version"]).split("\n")[0] || "unknown",
        commit: commitOf(), primer: said(program, ["--version"]).split("\n")[0]
    };
}

// Rounds of different programs or machines are never put together.
export function identityOf(program, machine, threads) {
    return createHash("sha256").update(readFileSync(program))
        .update(`${machine.processor} ${machine.cores} ${threads}`).digest("hex").slice(0, 16);
}

// Starts counting; the function returned gives the part of the processor's time since then that
// went to other virtual machines; NaN where the system doesn't tell.
export function stolenTime() {
    const times = () => (/^cpu +(.*)$/m.exec(textOf("/proc/stat"))?.[1] ?? "").split(" ")
        .slice(0, 8).map(Number);
    const before = times();
    return () => {
        const spent = times().map((time, i) => time - before[i]);
        return spent[7] / spent.reduce((sum, time) => sum + time, 0);
    };
}
