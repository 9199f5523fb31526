// What make bench makes of figures: statistics, verdicts, the report and the pictures, from rounds
// that are written here.
import assert from "node:assert/strict";
import {allPlots} from "../../bench/plots.mjs";
import {allFigures, evaluate, report, verdict} from "../../bench/report.mjs";
import {ROWS, chosenRows} from "../../bench/rows.mjs";
import * as statistics from "../../bench/statistics.mjs";
import {verboseOf} from "../../bench/engine_primer.mjs";

const near = (value, expected, message) =>
    assert.ok(Math.abs(value - expected) <= 1e-9 * Math.abs(expected), `${message ?? ""} ${value}, ` +
        `expected ${expected}`);

function checkStatistics() {
    const two = [{0: 10, 1: 12}, {0: 10, 1: 12}];
    assert.deepEqual(statistics.openSettings(two.slice(1), [0, 1]), [0, 1]);
    assert.deepEqual(statistics.openSettings(two, [0, 1]), [1]);
    assert.deepEqual(statistics.openSettings(two, [0, 1], true), [0]);
    assert.deepEqual(statistics.openSettings([...two, {1: 1}], [0, 1]), [1]);
    assert.deepEqual(statistics.openSettings([two[0], {0: 11.5, 1: 12}], [0, 1]), [0, 1]);
    assert.deepEqual(statistics.openSettings([null, {0: 1}, two[0]], [0, 1]), [0, 1]);
    assert.equal(statistics.median([5, 1, 3]), 3);
    assert.equal(statistics.median([4, 1, 3, 2]), 2.5);
    assert.equal(statistics.median([1, Infinity, Infinity]), Infinity);
    assert.ok(Number.isNaN(statistics.median([])));
    assert.equal(statistics.quantile([0, 10], 0.25), 2.5);
    assert.deepEqual(statistics.summary([3, 1, 2]), {median: 2, least: 1, most: 3, count: 3});
    // Pairs stay pairs: a round that lacks one side is left out, and no other moves up.
    assert.deepEqual(statistics.ratios([2, 9, 8], [1, NaN, 4]), [2, 2]);
    assert.equal(statistics.bestSetting({0: [1, 5, 5], 1: [4, 4, 4]}), "0");
    assert.equal(statistics.bestSetting({0: [1, 5, 5], 1: [4, 4, 4]}, true), "1");
    assert.equal(statistics.bestSetting({0: [NaN], 1: [3, NaN]}), "1");
    assert.equal(statistics.bestSetting({0: [], 1: []}), undefined);
    assert.deepEqual(statistics.judge(2, 2), {met: true, missed: 0});
    assert.deepEqual(statistics.judge(1.5, 2), {met: false, missed: 0.25});
    assert.deepEqual(statistics.judge(3, 2, true), {met: false, missed: 0.5});
    // 2 n + 0.5 n^2
    const seconds = n => 2 * n + 0.5 * n * n;
    near(statistics.squarePart({short: 4, shortSeconds: seconds(4), long: 10,
        longSeconds: seconds(10)}), 50);
    assert.equal(statistics.squarePart({short: 4, shortSeconds: 8, long: 10, longSeconds: 19}), 0);
    // 1 + 2 + 3 pairs, two products of `width` each.
    assert.equal(statistics.attentionOperations({layers: 2, width: 8}, 3), 2 * 4 * 8 * 6);
}

function checkVerdicts() {
    const times = evaluate({group: "peer", lower: true, goal: 0.25, primer: [20, 30, 40],
        peers: {0: [100, 100, 100], 1: [90, 110, 90]}});
    assert.equal(times.best, "1"); // the shorter time
    near(times.value, 30 / 110);
    assert.equal(verdict(times), "**missed by 9 %**");
    const noise = evaluate({group: "limit", goal: 0.4, shares: [0.3, Infinity, Infinity]});
    assert.equal(verdict(noise), "lost in noise");
    const alone = evaluate({group: "peer", goal: 2, primer: [1, 2], peers: {0: [NaN, NaN], 1: []}});
    assert.equal(verdict(alone), "not measured");
    assert.equal(verdict(evaluate({group: "absolute", goal: 400, values: [400]})), "met");
    assert.equal(verdict(evaluate({group: "absolute", goal: 400, values: [401]})),
        "**missed by under 1 %**");
    assert.equal(verdict(evaluate({group: "self", first: {values: [9]}, second: {values: [3]}})), "");
}

const limits = value => ({before: {memory: value * 1e9, int8: value * 1e10, f32: value * 1e9},
    after: {memory: value * 1.5e9, int8: value * 1.5e10, f32: value * 1.5e9}});

// The second round is on a machine half as fast: ratios and shares stay.
function canned() {
    const speeds = [1, 0.5, 1.1];
    const generate = (tokens, peer) => ({commit: "abc", rounds: speeds.map(s => ({
        primer: {tokens_s: tokens * s, bytes: 1e9},
        peer: peer ? {0: peer * s, 1: peer * 0.9 * s} : null, limits: limits(40 * s),
        stolen: 0.01}))});
    return {sizes: "full", threads: 2, rounds: 3, peer: null, peerProblem: "it isn't there",
        machine: {processor: "A <processor>", identity: "x", levels: ["avx2"], cores: 2,
            virtual: true, memory: 2 ** 34, system: "Linux", compiler: "gcc", primer: "primer 1",
            commit: "abc"},
        rows: {
            "generate-q4_0": generate(30, 20), "depth-deep-q4_0": generate(15, 12),
            "generate-q4_k": generate(29, 0),
            "resident-q4_0": {commit: "old", rounds: [{primer: {bytes: 180e6}}]},
            "prefix-q4_0": {commit: "abc", rounds: [], problem: "there is no such cache"}
        }};
}

function checkReport() {
    const stored = canned(), plots = allPlots(stored), text = report(stored, {plots});
    const figures = allFigures(stored);
    const ratio = figures.find(f => f.row === "generate-q4_0" && f.group === "peer");
    const share = figures.find(f => f.row === "generate-q4_0" && f.group === "limit");
    for (const value of ratio.judged) near(value, 1.5, "a ratio of one round");
    for (const value of share.judged) near(value, 0.6, "a share of limits' mean");
    assert.ok(ratio.met && !share.met);
    for (const expected of [
        "| generation at depth 0, Q4_0, tokens/s | 30.0 (15.0–33.0) | 20.0 (10.0–22.0) ← | " +
            "18.0 (9.00–19.8) | 1.50 (1.50–1.50) | ≥ 1.45 × | met |",
        "| generation at depth 0, Q4_0 | memory read speed | 50.0 (25.0–55.0) GB/s | " +
            "60 % (60 %–60 %) | ≥ 88 % | **missed by 32 %** |",
        "| generation at depth 1900, Q4_0, tokens/s | 15.0 (7.50–16.5) | 12.0 (6.00–13.2) ← | " +
            "10.8 (5.40–11.9) | 1.25 (1.25–1.25) | ≥ 1.45 × | **missed by 14 %** |",
        "Q4_K, output Q6_K, tokens/s | 29.0 (14.5–31.9) | – | – | – | ≥ 1.45 × | not measured |",
        "| 180 (180–180) MB | ≤ 150 MB | **missed by 20 %** |",
        "**missing**: it isn't there", "**1 of 6 goals that could be judged are met.**\n1 could not be judged",
        "- prompt-f16 (reading a prompt): not run", "- resident-q4_0: only 1 of 3 rounds",
        "- resident-q4_0 was measured at commit old", "): there is no such cache",
        "![Shares of what the machine can do](shares.svg)"])
        assert.ok(text.includes(expected), `the report lacks: ${expected}\n${text}`);
    assert.ok(!/NaN|undefined|Infinity|\[object/.test(text), text);
    assert.deepEqual(plots.map(plot => plot.file), ["ratios.svg", "shares.svg", "depth.svg"]);
    for (const {svg, file} of plots) {
        assert.ok(!/NaN|undefined|Infinity/.test(svg), `${file} has no number somewhere`);
        for (const [, content] of svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g))
            assert.ok(!/[<>]|&(?!#\d+;)/.test(content), `${file}: ${content}`);
        // Nothing is drawn outside.
        const height = +/height="(\d+)" viewBox/.exec(svg)[1];
        for (const [, name, value] of svg.matchAll(/ (x1?|x2|cx|y1?|y2|cy)="([-\d.]+)"/g))
            assert.ok(+value >= 0 && +value <= (/x/.test(name) ? 880 : height),
                `${file}: ${name}="${value}"`);
    }
    assert.deepEqual(allPlots({...stored, rows: {}}), []);
    assert.ok(report({...stored, rows: {}}).includes("Not measured."));
}

function checkRows() {
    assert.equal(chosenRows("").length, ROWS.length);
    assert.equal(new Set(ROWS.map(row => row.name)).size, ROWS.length);
    assert.deepEqual(chosenRows("load").map(row => row.name), ["first-token-q4_0"]);
    assert.deepEqual(chosenRows("generate").map(row => row.model),
        ["q4_0", "q4_k", "q6_k", "q8_0", "f16"]);
    assert.throws(() => chosenRows("prompt,typo"), /no row is called "typo"/);
    assert.deepEqual(verboseOf("seed  1\nfirst token  7.125 s\n" +
        "prompt       16 tokens read, 0 from memory, 1984 from disk, 168.8 tokens/s\n"),
    {seconds: 7.125, read: 16, reused: 1984});
    assert.throws(() => verboseOf("nothing"), /no times/);
}

checkStatistics();
checkVerdicts();
checkReport();
checkRows();
console.log("statistics, verdicts, report, pictures and rows are as expected");
