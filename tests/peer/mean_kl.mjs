// The mean Kullback-Leibler divergence of engines from the reference over the tokens of a text
// (divergence.mjs has the formula).
//
//     node mean_kl.mjs IDS REFERENCE NAME=FILE...
//
// REFERENCE holds doubles [tokens][vocabulary] of natural-log probabilities. An engine's FILE
// holds the same, or lines {"id":1,"top":[[id,logprob],...]}, one for each id (- is stdin).
// Prints one JSON object; for two engines, `ratio` is the first one's mean over the second's.
//
// Where an engine names fewer candidates than the vocabulary, less than the whole is compared:
// `positions_cut_short` counts the positions, `mass_unnamed` is the largest share of the
// reference's probability that was left out at one of them. Both are 0 for a full comparison.
import {closeSync, createReadStream, fstatSync, openSync, readFileSync, readSync} from "node:fs";
import {createInterface} from "node:readline";
import {divergence, highest, rowOfLine} from "./divergence.mjs";

const [, , idsPath, referencePath, ...engines] = process.argv;
if (engines.length === 0) {
    console.error("usage: node mean_kl.mjs IDS REFERENCE NAME=FILE...");
    process.exit(2);
}
const ids = (readFileSync(idsPath, "utf8").match(/\d+/g) ?? []).map(Number);
const reference = openRows(referencePath);
const report = {positions: ids.length, vocabulary: reference.width};
const means = [];
for (const engine of engines) {
    const cut = engine.indexOf("=");
    const [name, path] = [engine.slice(0, cut), engine.slice(cut + 1)];
    report[name] = await compare(name, path);
    means.push(report[name].mean_kl);
}
if (means.length === 2) report.ratio = means[0] / means[1];
console.log(JSON.stringify(report));

function openRows(path) {
    const file = openSync(path, "r");
    const width = fstatSync(file).size / 8 / ids.length;
    if (!Number.isInteger(width) || width === 0)
        throw new Error(`${path}: its size is not that of ${ids.length} rows of doubles`);
    return {width, row(i) {
        const row = new Float64Array(width);
        const bytes = new Uint8Array(row.buffer);
        for (let done = 0; done < bytes.length;) {
            const got = readSync(file, bytes, done, bytes.length - done, i * bytes.length + done);
            if (got === 0) throw new Error(`${path}: ends in row ${i}`);
            done += got;
        }
        return row;
    }, close: () => closeSync(file)};
}

async function* engineRows(name, path) {
    if (path !== "-" && readFirstByte(path) !== "{") {
        const rows = openRows(path);
        if (rows.width !== reference.width)
            throw new Error(`${name}: ${rows.width} candidates, expected ${reference.width}`);
        for (let i = 0; i < ids.length; i++) yield rows.row(i);
        rows.close();
        return;
    }
    const input = path === "-" ? process.stdin : createReadStream(path);
    let i = 0;
    for await (const line of createInterface({input})) {
        if (i === ids.length) throw new Error(`${name}: more lines than the ${i} ids`);
        yield rowOfLine(line, ids[i++], reference.width);
    }
    if (i !== ids.length) throw new Error(`${name}: ${i} lines for ${ids.length} ids`);
}

function readFirstByte(path) {
    const file = openSync(path, "r");
    const byte = new Uint8Array(1);
    readSync(file, byte, 0, 1, 0);
    closeSync(file);
    return String.fromCharCode(byte[0]);
}

async function compare(name, path) {
    let i = 0, sum = 0, largest = 0, cut = 0, mass = 0, sameTop = 0;
    for await (const row of engineRows(name, path)) {
        const expected = reference.row(i++);
        const {kl, unnamed, named} = divergence(expected, row);
        sum += kl;
        largest = Math.max(largest, kl);
        if (named < row.length) {
            cut++;
            mass = Math.max(mass, unnamed);
        }
        sameTop += highest(expected) === highest(row);
    }
    return {mean_kl: sum / i, max_kl: largest, same_top: sameTop / i, positions_cut_short: cut,
        mass_unnamed: mass};
}
