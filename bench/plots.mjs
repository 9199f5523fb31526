// Pictures of the figures as SVG, without any library; they follow the reader's light or dark
// setting.
import {SIZES} from "./rows.mjs";
import {allFigures, digits} from "./report.mjs";
import {median, summary} from "./statistics.mjs";

const STYLE = `<style>
text { font: 13px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #24292f; }
.title { font-weight: 600; font-size: 15px; }
.faint { fill: #57606a; font-size: 12px; }
.card { fill: #ffffff; stroke: #d0d7de; }
.axis { stroke: #d0d7de; fill: none; }
.goal { stroke: #24292f; stroke-width: 2; }
.spread { stroke: #24292f; stroke-width: 1.5; fill: none; }
.met { fill: #2f81a8; } .missed { fill: #c9742b; }
.free { fill: #8c959f; }
.a { stroke: #2f81a8; fill: #2f81a8; } .b { stroke: #c9742b; fill: #c9742b; }
.c { stroke: #8250df; fill: #8250df; } .d { stroke: #57606a; fill: #57606a; }
.line { fill: none; stroke-width: 2.5; } .dashed { stroke-dasharray: 5 4; stroke-width: 1.5; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .faint { fill: #9198a1; } .card { fill: #0d1117; stroke: #3d444d; }
  .axis { stroke: #3d444d; } .goal { stroke: #e6edf3; } .spread { stroke: #e6edf3; }
  .met { fill: #4aa3cc; } .missed { fill: #e08e45; } .free { fill: #6e7681; }
  .a { stroke: #4aa3cc; fill: #4aa3cc; } .b { stroke: #e08e45; fill: #e08e45; }
  .c { stroke: #b392f0; fill: #b392f0; } .d { stroke: #9198a1; fill: #9198a1; }
  .line { fill: none; }
}
</style>`;

const KEY = "median, least and most; the mark is the goal; " +
    "blue: met, orange: missed, grey: no goal";
const WIDTH = 880, LEFT = 340, RIGHT = 100, TOP = 62, STEP = 28, BAR = 16;
const escape = text => text.replace(/[&<>"]/g, c => `&#${c.charCodeAt(0)};`);
const r = value => +value.toFixed(1);

function text(x, y, content, {kind = "", anchor = "start"} = {}) {
    const named = kind && ` class="${kind}"`;
    return `<text x="${r(x)}" y="${r(y)}"${named} text-anchor="${anchor}">` +
        `${escape(content)}</text>`;
}

function line(x1, y1, x2, y2, kind) {
    return `<line x1="${r(x1)}" y1="${r(y1)}" x2="${r(x2)}" y2="${r(y2)}" class="${kind}"/>`;
}

function picture(title, height, parts) {
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" ` +
        `viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(title)}">\n${STYLE}\n` +
        `<rect class="card" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" ` +
        `rx="8"/>\n` +
        `${text(20, 30, title, {kind: "title"})}\n${parts.join("\n")}\n</svg>\n`;
}

// About five round steps up to `most`.
function ticks(most) {
    const rough = most / 5, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map(n => n * power).find(n => n >= rough * 0.999);
    return Array.from({length: Math.floor(most / step + 1.001)}, (_, i) => i * step);
}

// items: [{label, judged, value, goal, met}]; a bar to the median, a line over least to most, a
// mark at the goal.
export function bars(title, note, items, write) {
    const most = Math.max(...items.flatMap(item => [...item.judged, item.goal ?? 0])) * 1.05;
    const x = value => LEFT + value / most * (WIDTH - LEFT - RIGHT);
    const bottom = TOP + items.length * STEP, parts = [text(20, 48, note, {kind: "faint"})];
    for (const value of ticks(most))
        parts.push(line(x(value), TOP - 4, x(value), bottom, "axis"),
            text(x(value), bottom + 16, write(value), {kind: "faint", anchor: "middle"}));
    items.forEach((item, i) => {
        const y = TOP + i * STEP + (STEP - BAR) / 2, {least, most: top} = summary(item.judged);
        const kind = item.met === undefined ? "free" : item.met ? "met" : "missed";
        parts.push(text(LEFT - 10, y + BAR - 4, item.label, {anchor: "end"}),
            `<rect x="${LEFT}" y="${y}" width="${r(x(item.value) - LEFT)}" height="${BAR}" ` +
                `class="${kind}"/>`,
            line(x(least), y + BAR / 2, x(top), y + BAR / 2, "spread"),
            ...[least, top].map(end => line(x(end), y + 4, x(end), y + BAR - 4, "spread")));
        if (item.goal !== undefined)
            parts.push(line(x(item.goal), y - 3, x(item.goal), y + BAR + 3, "goal"));
        parts.push(text(WIDTH - RIGHT + 12, y + BAR - 4, write(item.value)));
    });
    return picture(title, bottom + 30, parts);
}

// series: [{label, kind, dashed, points: [[x, y], ...]}]
export function lines(title, {across, up}, series) {
    const height = 400, left = 60, right = 230, top = 64, bottom = height - 52;
    const all = series.flatMap(s => s.points);
    const mostX = Math.max(...all.map(p => p[0]), 1);
    const mostY = Math.max(...all.map(p => p[1])) * 1.08;
    const x = value => left + value / mostX * (WIDTH - left - right);
    const y = value => bottom - value / mostY * (bottom - top);
    const parts = [text(20, 50, up, {kind: "faint"}),
        text(x(mostX / 2), height - 14, across, {kind: "faint", anchor: "middle"})];
    for (const value of ticks(mostY))
        parts.push(line(left, y(value), x(mostX), y(value), "axis"),
            text(left - 8, y(value) + 4, String(+value.toFixed(6)),
                {kind: "faint", anchor: "end"}));
    for (const value of ticks(mostX))
        parts.push(text(x(value), bottom + 18, String(value), {kind: "faint", anchor: "middle"}));
    series.forEach((s, i) => {
        const path = s.points.map(p => `${r(x(p[0]))},${r(y(p[1]))}`).join(" ");
        const look = `class="${s.kind} line${s.dashed ? " dashed" : ""}"`;
        parts.push(`<polyline points="${path}" ${look}/>`);
        for (const [px, py] of s.dashed ? [] : s.points)
            parts.push(`<circle cx="${r(x(px))}" cy="${r(y(py))}" r="4" class="${s.kind}"/>`);
        const at = top + 16 + i * 24, from = WIDTH - right + 24;
        parts.push(`<polyline points="${from},${at - 4} ${from + 26},${at - 4}" ${look}/>`,
            text(from + 34, at, s.label));
    });
    return picture(title, height, parts);
}

// Generation over depth, out of the rows that measure it.
function depthSeries(stored) {
    const sizes = SIZES[stored.sizes];
    const rows = [["generate-q4_0", 0], ["depth-middle-q4_0", sizes.depths[0]],
        ["depth-deep-q4_0", sizes.depths[1]]].filter(([name]) => stored.rows[name]?.rounds.length);
    const points = value => rows.map(([name, depth]) => {
        const known = stored.rows[name].rounds.map(value).filter(Number.isFinite);
        return [depth, median(known)];
    }).filter(point => Number.isFinite(point[1]));
    const limit = round => (round.limits.before.memory + round.limits.after.memory) / 2 /
        round.primer.bytes;
    return [
        {label: "what memory allows", kind: "d", dashed: true, points: points(limit)},
        {label: "primer", kind: "a", points: points(round => round.primer.tokens_s)},
        {label: "llama.cpp, flash off", kind: "b", points: points(round => round.peer?.[0])},
        {label: "llama.cpp, flash on", kind: "c", points: points(round => round.peer?.[1])}
    ].filter(series => series.points.length > 0);
}

// [{file, title, group, svg}] of everything there is to draw.
export function allPlots(stored) {
    const figures = allFigures(stored).filter(figure => Number.isFinite(figure.value))
        .map(figure => ({...figure, judged: figure.judged.filter(Number.isFinite)}));
    const of = group => figures.filter(figure => figure.group === group)
        .map(figure => ({...figure, label: figure.what}));
    const found = [];
    const add = (file, title, group, draw) => found.push({file, title, group, svg: draw(title)});
    const faster = of("peer").filter(figure => !figure.lower), shares = of("limit");
    if (faster.length > 0)
        add("ratios.svg", "Speed against llama.cpp, the better of its settings", "peer",
            title => bars(title, `Times as fast; ${KEY}`, faster,
                value => `${+digits(value)} ×`));
    if (shares.length > 0)
        add("shares.svg", "Shares of what the machine can do", "limit",
            title => bars(title, `Limits measured beside each run; ${KEY}`,
                shares.map(s => ({...s, label: `${s.what} · ${s.of.split(" ")[0]}`})),
                value => `${(value * 100).toFixed(0)} %`));
    const depths = depthSeries(stored);
    if (depths[0]?.points.length > 1)
        add("depth.svg", "Generation over the tokens before it, Q4_0", "peer",
            title => lines(title, {across: "tokens of context", up: "tokens a second"}, depths));
    return found;
}

