// RESULTS.md out of what was measured. stored: {machine, threads, peer, peerProblem, rounds,
// rows: {name: {rounds, facts, commit, problem}}, sizes}.
import {ROWS, SIZES} from "./rows.mjs";
import {bestSetting, judge, median, ratios, summary} from "./statistics.mjs";

const SETTINGS = {0: "off", 1: "on"};

// Three digits that mean something.
export function digits(value) {
    if (value === Infinity) return "∞";
    if (!Number.isFinite(value)) return "–";
    const size = Math.abs(value);
    return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3);
}

const percent = value => Number.isFinite(value) ? `${(value * 100).toFixed(0)} %` : digits(value);
const known = values => values.filter(value => !Number.isNaN(value));
const plain = value => String(+value.toPrecision(3));

function spread(values, write = digits) {
    const found = known(values);
    if (found.length === 0) return "–";
    const {median: middle, least, most} = summary(found);
    return `${write(middle)} (${write(least)}–${write(most)})`;
}

// What the goal is held against, and the outcome, added to a figure:
// {judged: [], value, best, met, missed}; met is undefined where there is no goal or no value, or
// where the value drowned in the noise (an infinite share: see squarePart).
export function evaluate(figure) {
    const best = figure.group === "peer" ? bestSetting(figure.peers, figure.lower) : undefined;
    const judged = known({
        peer: () => best === undefined ? [] : ratios(figure.primer, figure.peers[best]),
        limit: () => figure.shares,
        self: () => ratios(figure.first.values, figure.second.values),
        absolute: () => figure.values
    }[figure.group]());
    const value = median(judged);
    const most = figure.group === "absolute" || figure.lower === true;
    const outcome = figure.goal !== undefined && Number.isFinite(value)
        ? judge(value, figure.goal, most) : {};
    return {...figure, best, judged, value, most, ...outcome};
}

// Every figure of every row that was measured, in the order of the table of rows.
export function allFigures(stored) {
    const sizes = SIZES[stored.sizes];
    return ROWS.flatMap(row => {
        const kept = stored.rows[row.name];
        return kept?.rounds.length > 0
            ? row.figures(kept.rounds, kept.facts ?? {}, sizes)
                .map(figure => ({...evaluate(figure), row: row.name})) : [];
    });
}

// ---- tables -------------------------------------------------------------------------------------

export function verdict(figure) {
    if (figure.goal === undefined) return "";
    if (figure.met === undefined)
        return figure.judged.length > 0 ? "lost in noise" : "not measured";
    if (figure.met) return "met";
    const by = figure.missed < 0.005 ? "under 1 %" : percent(figure.missed);
    return `**missed by ${by}**`;
}

const goalText = (figure, write) => figure.goal === undefined ? "–"
    : `${figure.most ? "≤" : "≥"} ${write(figure.goal)}`;
const times = value => Number.isFinite(value) ? `${digits(value)} ×` : "–";
const timesGoal = value => `${plain(value)} ×`;

const TABLES = {
    peer: {
        head: ["", "primer", "llama.cpp, flash attention off", "on", "ratio", "goal", ""],
        row: f => [`${f.what}, ${f.unit}`, spread(f.primer),
            ...[0, 1].map(s => spread(f.peers[s]) + (f.best === String(s) ? " ←" : "")),
            spread(f.judged), goalText(f, timesGoal), verdict(f)]
    },
    limit: {
        head: ["", "the limit", "measured beside it", "share", "goal", ""],
        row: f => [f.what, f.of, `${spread(f.limits)} ${f.unit}`, spread(f.judged, percent),
            goalText(f, percent), verdict(f)]
    },
    self: {
        head: ["", "", "against", "ratio", "goal", ""],
        row: f => [`${f.what}, ${f.unit}`, `${f.first.label}: ${spread(f.first.values)}`,
            `${f.second.label}: ${spread(f.second.values)}`, spread(f.judged),
            goalText(f, timesGoal), verdict(f)]
    },
    absolute: {
        head: ["", "measured", "goal", ""],
        row: f => [f.what, `${spread(f.judged)} ${f.unit}`,
            goalText(f, value => `${plain(value)} ${f.unit}`), verdict(f)]
    }
};

function table(head, rows) {
    const line = cells => `| ${cells.join(" | ")} |`;
    return [line(head), line(head.map(() => "---")), ...rows.map(line), ""];
}

function figureTable(figures, group) {
    const {head, row} = TABLES[group];
    const found = figures.filter(figure => figure.group === group);
    return found.length > 0 ? table(head, found.map(row)) : ["Not measured.", ""];
}

// ---- parts --------------------------------------------------------------------------------------

function machineLines({machine, threads, peer, peerProblem}) {
    const kind = machine.virtual ? ", a virtual machine" : "";
    return table(["", ""], [
        ["processor", `${machine.processor} (${machine.identity}; ${machine.levels.join(", ")})`],
        ["cores", `${machine.cores}${kind}; ${threads} threads used`],
        ["memory", `${(machine.memory / 2 ** 30).toFixed(1)} GiB`],
        ["system", machine.system],
        ["compiler", machine.compiler],
        ["primer", `${machine.primer}, commit ${machine.commit}`],
        ["llama.cpp", peer ? `${peer.release}, as node-llama-cpp ${peer.module} has it`
            : `**missing**: ${peerProblem ?? "it wasn't looked for"}; no ratios to it below`],
        ...(peer ? [["its system info", peer.system.replaceAll("|", "·").replace(/ ·$/, "")]] : [])
    ]);
}

function limitLines(stored) {
    const all = Object.values(stored.rows).flatMap(row => row.rounds)
        .flatMap(round => round.limits ? [round.limits.before, round.limits.after] : []);
    if (all.length === 0) return ["Not measured.", ""];
    const stolen = known(Object.values(stored.rows).flatMap(row => row.rounds)
        .map(round => round.stolen ?? NaN));
    const line = (name, field, unit) => [name,
        `${spread(all.map(limits => limits[field] / 1e9))} ${unit}`];
    const lines = table(["", `median (least–most) of ${all.length}`], [
        line("memory read, the model's own mapped file", "memory", "GB/s"),
        line("8-bit integer multiply-add", "int8", "GOP/s"),
        line("f32 multiply-add", "f32", "GFLOP/s")]);
    if (stolen.length > 0)
        lines.push("Processor time that other virtual machines took during a round: " +
            `${spread(stolen, percent)}.`, "");
    return lines;
}

function summaryLines(figures) {
    const judged = figures.filter(figure => figure.met !== undefined);
    const missed = judged.filter(figure => !figure.met);
    const open = figures.filter(f => f.goal !== undefined && f.met === undefined).length;
    const lines = [`**${judged.length - missed.length} of ${judged.length} goals that could be ` +
        "judged are met.**"];
    if (open > 0) lines.push(`${open} could not be judged: see the tables.`);
    if (missed.length > 0) lines.push("Missed:", "");
    for (const figure of missed) {
        const write = {peer: times, self: times, limit: percent,
            absolute: value => `${digits(value)} ${figure.unit}`}[figure.group];
        const writeGoal = {peer: timesGoal, self: timesGoal}[figure.group] ?? write;
        const of = {peer: "llama.cpp", limit: `of the ${figure.of}`,
            self: `(${figure.first?.label} to ${figure.second?.label})`, absolute: ""};
        lines.push(`- ${figure.what}: ${write(figure.value)} ${of[figure.group]}`.trimEnd() +
            `, goal ${goalText(figure, writeGoal)}`);
    }
    return [...lines, ""];
}

// Rows that are missing, have a problem or come from another commit.
function absentLines(stored) {
    const lines = [];
    for (const {name, about} of ROWS) {
        const kept = stored.rows[name];
        if (kept?.problem) lines.push(`- ${name} (${about}): ${kept.problem}`);
        else if (!kept || kept.rounds.length === 0) lines.push(`- ${name} (${about}): not run`);
        else if (kept.rounds.length < stored.rounds)
            lines.push(`- ${name}: only ${kept.rounds.length} of ${stored.rounds} rounds`);
        if (kept?.peerFailures?.length > 0)
            lines.push(`- ${name}, llama.cpp failed: ${kept.peerFailures[0]}`);
        if (kept?.rounds.length > 0 && kept.commit !== stored.machine.commit)
            lines.push(`- ${name} was measured at commit ${kept.commit}`);
    }
    return lines.length > 0 ? ["## Not complete", "", ...lines, ""] : [];
}

// Lines of at most 100 columns; what follows a list's mark is indented.
function wrapped(text) {
    const lines = [""], indent = text.startsWith("- ") ? "  " : "";
    for (const word of text.split(/\s+/)) {
        const last = lines.at(-1);
        if (last.length + word.length >= 100) lines.push(indent + word);
        else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
    }
    return lines.join("\n");
}

function methodLines(stored) {
    const {prompt, long, generated, depths, clientPrompt} = SIZES[stored.sizes];
    const size = stored.sizes === "small" ? "but much smaller, and" : "and";
    return ["## How", "", wrapped(`Machines share their processors and their memory, and speeds
        change by half within minutes. So what is compared is measured side by side: a round is the limits,
        primer, the limits again, llama.cpp with flash attention off and on; then the next round. A
        setting of llama.cpp's that was slower by over a tenth in both of the first two rounds isn't
        measured in the others. A figure is the median of the rounds (${stored.rounds} unless said otherwise), beside it the
        least and the most. A ratio is the median of the rounds' own ratios, to that setting of
        llama.cpp whose median is better (←). A share of a limit is of the mean of the limits before
        and after that very run.`), "", ...[
        `The models have the shape of Phi-2, ${size} random weights, made by \`make-model\`; speed
        doesn't depend on what the weights say. Both engines read the same file, get the same token
        ids, cache keys and values in F16 and use ${stored.threads} threads.`,
        `Both warm up before a measurement: primer by a whole run of the same, llama.cpp when its
        model is opened. llama.cpp stays loaded (it has its weights in a layout of its own by then);
        primer is started anew each time.`,
        `Prompt: \`primer bench -p ${prompt} -n 1\`. The share counts the products of the weights,
        without the output matrix (only the last token needs it) and without attention, whose time
        is in it all the same.`,
        `Attention's part of a prompt of ${long}: what grows with the square of the length. With
        a n + b n² seconds for n tokens at n = ${prompt}, n = ${long} and n = ${prompt} again in the
        same round, attention has b n². Its operations are 4 × width × layers for each pair of a
        token and one not after it. A share of ∞: the noise was larger than attention's time.`,
        `Generation: ${generated} tokens, each the most probable, after one token (depth 0) or after
        ${depths.join(" or ")}. The share counts the bytes of weights, keys and values that a token
        needs read, each once.`,
        `Clients: prompts of ${clientPrompt} tokens each, then ${generated} tokens for each at once;
        the prompts' time isn't counted.`,
        `The first token: primer from before its process is started until the token is on its
        standard output; llama.cpp from the call that loads the model, in a process that is up
        already.`,
        `Look-up speculation: the answer repeats a text of 300 tokens with one of them changed, and
        is dictated, since random weights would say something else; both ways compute the same.`,
        `A prefix from disk: seconds from the prompt to its first token, once with an empty cache,
        then in a new process with what the first one left; the file is in the page cache.`,
        `Limits: the best of several simple loops over the threads (\`primer bench --limits-only\`),
        a multiplication and an addition counting as two operations.`
    ].map(text => wrapped(`- ${text}`)), ""];
}

export function report(stored, {plots = []} = {}) {
    const figures = allFigures(stored);
    const pictures = group => plots.filter(plot => plot.group === group)
        .flatMap(plot => [`![${plot.title}](${plot.file})`, ""]);
    return [
        "# How fast primer is, measured", "",
        "Written by `make bench`; what to make of it is in docs/SPEED.md.", "",
        ...(stored.sizes === "small"
            ? ["**A rehearsal on a small model: these figures mean nothing.**", ""] : []),
        ...summaryLines(figures),
        "## The machine", "", ...machineLines(stored),
        "## Its limits, measured on the spot", "", ...limitLines(stored),
        "## Against llama.cpp", "", ...pictures("peer"), ...figureTable(figures, "peer"),
        "## Against the limits", "", ...pictures("limit"), ...figureTable(figures, "limit"),
        "## Against itself", "", ...figureTable(figures, "self"),
        "## Time and memory", "", ...figureTable(figures, "absolute"),
        ...absentLines(stored),
        ...methodLines(stored)
    ].join("\n");
}
