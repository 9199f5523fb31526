// make bench: measures primer beside llama.cpp and beside the machine's limits, in rounds that take
// everything in turn, and writes RESULTS.md and its pictures.
//
//     node bench/bench.mjs [--rows LIST] [options]
//
//     --rows LIST     rows by commas, or beginnings of names; `list` names them       (all)
//     --rounds N      of each row                                                     (5)
//     --threads N                                                                     (2)
//     --small         a small model and short texts, to try this program; results in the work
//                     folder
//     --again         measure anew what is there already
//     --report        only write the report of what is there
//     --build DIR     where primer and make-model are                    (build/release-gcc)
//     --work DIR      models and partial results                         (build/bench)
//     --results DIR   where RESULTS.md and the pictures go               (bench)
//
// PRIMER_PEER is a folder with node_modules/node-llama-cpp in it (build/peer without it); where
// there is none, primer's own figures are taken. PRIMER_SHARED has the vocabulary of Phi-2.
// Every finished round is kept in WORK/ROW.json: an interrupted measurement goes on from there,
// unless the program or the machine is another.
import {existsSync, mkdirSync, readFileSync, renameSync, writeFileSync} from "node:fs";
import {join, resolve} from "node:path";
import {cleanUpOnSignals} from "./children.mjs";
import {Peer, SETTINGS} from "./engine_peer.mjs";
import {Primer} from "./engine_primer.mjs";
import {describeMachine, identityOf, stolenTime} from "./machine.mjs";
import {makeModel, removeIfShort} from "./models.mjs";
import {allPlots} from "./plots.mjs";
import {digits, report} from "./report.mjs";
import {MODELS, ROWS, SIZES, chosenRows} from "./rows.mjs";
import {openSettings} from "./statistics.mjs";

const FLAGS = ["small", "again", "report"];

export function optionsOf(list) {
    const found = {rows: "", rounds: "5", threads: "2", build: "build/release-gcc",
        small: false, again: false, report: false, work: undefined, results: undefined};
    for (let i = 0; i < list.length; i++) {
        const name = list[i].replace(/^--/, "");
        if (!list[i].startsWith("--") || !(name in found))
            throw new Error(`${list[i]}: no such option`);
        if (!FLAGS.includes(name) && i + 1 === list.length)
            throw new Error(`${list[i]} needs a value`);
        found[name] = FLAGS.includes(name) ? true : list[++i];
    }
    for (const name of ["rounds", "threads"]) {
        if (!/^[1-9]\d{0,3}$/.test(found[name]))
            throw new Error(`--${name} ${found[name]}: expected a number from 1`);
        found[name] = Number(found[name]);
    }
    found.work ??= found.small ? "build/bench-small" : "build/bench";
    found.results ??= found.small ? found.work : "bench";
    return found;
}

// ---- what is kept -------------------------------------------------------------------------------

function keep(path, value) {
    writeFileSync(`${path}.part`, JSON.stringify(value, null, 1) + "\n");
    renameSync(`${path}.part`, path);
}

function kept(path) {
    try {
        return JSON.parse(readFileSync(path, "utf8"));
    } catch (error) {
        if (error.code === "ENOENT") return null;
        throw new Error(`${path}: ${error.message}; remove it to measure again`);
    }
}

function storedIn(work) {
    const setting = kept(join(work, "machine.json"));
    if (!setting) throw new Error(`${work} has no results; run \`make bench\` first`);
    const rows = {};
    for (const {name} of ROWS) {
        const row = kept(join(work, `${name}.json`));
        if (row) rows[name] = row;
    }
    return {...setting, rows};
}

function writeReport(options) {
    const stored = storedIn(options.work), plots = allPlots(stored);
    mkdirSync(options.results, {recursive: true});
    for (const {file, svg} of plots) writeFileSync(join(options.results, file), svg);
    const path = join(options.results, "RESULTS.md");
    writeFileSync(path, report(stored, {plots}));
    console.error(`${path} is written`);
}

// ---- measuring ----------------------------------------------------------------------------------

// What one round said, in short: numbers only.
function inShort(value) {
    if (typeof value === "number") return String(+value.toPrecision(4));
    if (value === null || typeof value !== "object") return String(value ?? "–");
    return Object.entries(value).map(([key, inner]) => typeof inner === "object" && inner !== null
        ? `${key}(${inShort(inner)})` : `${key} ${inShort(inner)}`).join(", ");
}

// Rounds that still count: of the same program and machine, and with the peer if there is one now.
function usable(row, bench, again) {
    const old = again ? null : kept(join(bench.work, `${row.name}.json`));
    const known = old && old.identity === bench.identity && old.sizes === bench.sizeName &&
        (bench.peer.problem || old.rounds.every(round => round.peer !== null));
    return known ? {...old, problem: undefined}
        : {name: row.name, identity: bench.identity, sizes: bench.sizeName, rounds: []};
}

async function measureRow(row, bench, options) {
    const result = usable(row, bench, options.again);
    const path = join(bench.work, `${row.name}.json`);
    if (result.rounds.length >= options.rounds) {
        console.error(`${row.name}: ${result.rounds.length} rounds are there`);
        return;
    }
    result.commit = bench.machine.commit;
    bench.peer.failures = [];
    try {
        bench.model = await makeModel(row.model, bench);
        result.facts = await bench.primer.facts(bench.model);
        while (result.rounds.length < options.rounds) {
            const stolen = stolenTime();
            bench.peer.settings = openSettings(result.rounds.map(round => round.peer), SETTINGS,
                row.lower);
            const {limits, ...round} = await row.measure(bench);
            result.rounds.push({...round, limits, stolen: stolen(),
                when: new Date().toISOString()});
            result.peerFailures = bench.peer.failures;
            keep(path, result);
            console.error(`${row.name} ${result.rounds.length}/${options.rounds}: ` +
                inShort({...round.primer, ...(round.peer && {"llama.cpp": round.peer})}));
        }
    } catch (error) {
        result.problem = error.message;
        keep(path, result);
        console.error(`${row.name}: ${error.message}`);
    }
    return result.problem;
}

async function prepare(options) {
    const program = process.env.PRIMER ?? join(options.build, "primer");
    const machine = describeMachine(program), {threads} = options;
    const shared = process.env.PRIMER_SHARED ?? "../shared";
    const vocabulary = join(shared, "data/tok-llamacpp-vocab/ggml-vocab-gpt-2.gguf");
    const sizeName = options.small ? "small" : "full";
    mkdirSync(join(options.work, "models"), {recursive: true});
    const peer = new Peer({folder: process.env.PRIMER_PEER ?? "build/peer", threads});
    const about = await peer.describe();
    if (peer.problem)
        console.error(`llama.cpp is missing (${peer.problem}): primer's own figures only`);
    keep(join(options.work, "machine.json"), {machine, threads, rounds: options.rounds,
        sizes: sizeName, peer: about, peerProblem: peer.problem});
    return {machine, peer, primer: new Primer({program, threads}), work: resolve(options.work),
        sizeName, sizes: SIZES[sizeName],
        identity: identityOf(program, machine, threads),
        maker: join(options.build, "make-model"),
        tokenizer: existsSync(vocabulary) ? vocabulary : "bpe"};
}

async function measureAll(rows, options) {
    const bench = await prepare(options), begun = performance.now();
    let problems = 0;
    for (const [i, row] of rows.entries()) {
        if (await measureRow(row, bench, options)) problems++;
        if (rows[i + 1]?.model !== row.model) {
            await bench.peer.close();
            removeIfShort(row.model, bench);
        }
    }
    await bench.peer.close();
    console.error(`measured in ${digits((performance.now() - begun) / 60000)} minutes`);
    return problems;
}

async function main() {
    const options = optionsOf(process.argv.slice(2));
    const rows = options.rows === "list" ? [] : chosenRows(options.rows);
    if (options.rows === "list") {
        for (const {name, model, about} of ROWS)
            console.log(`${name.padEnd(18)} ${MODELS[model].label}: ${about}`);
        return 0;
    }
    cleanUpOnSignals();
    const problems = options.report ? 0 : await measureAll(rows, options);
    writeReport(options);
    return problems > 0 ? 1 : 0;
}

try {
    process.exitCode = await main();
} catch (error) {
    console.error(`bench: ${error.message}`);
    process.exitCode = 2;
}
