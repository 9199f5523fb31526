// Medians, spreads and ratios of figures that were measured in rounds: values[i] of two engines
// were taken side by side, so that their ratio means something where the values alone don't.

export function quantile(values, part) {
    if (values.length === 0) return NaN;
    const sorted = [...values].sort((a, b) => a - b);
    const place = (sorted.length - 1) * part, below = Math.floor(place);
    const next = sorted[Math.min(below + 1, sorted.length - 1)];
    if (place === below || next === sorted[below]) return sorted[below]; // infinite ones too
    return sorted[below] + (next - sorted[below]) * (place - below);
}

export const median = values => quantile(values, 0.5);

// {median, least, most, count}
export function summary(values) {
    return {median: median(values), least: Math.min(...values), most: Math.max(...values),
        count: values.length};
}

// a[i] / b[i] of the rounds that have both.
export function ratios(a, b) {
    const found = [];
    for (let i = 0; i < Math.min(a.length, b.length); i++)
        if (Number.isFinite(a[i]) && Number.isFinite(b[i]) && b[i] > 0) found.push(a[i] / b[i]);
    return found;
}

// Which of {setting: values} has the best median; undefined where none has values.
export function bestSetting(settings, lowerIsBetter = false) {
    let best;
    for (const [name, values] of Object.entries(settings)) {
        const known = values.filter(Number.isFinite);
        if (known.length === 0) continue;
        const value = median(known);
        if (best === undefined || (lowerIsBetter ? value < best.value : value > best.value))
            best = {name, value};
    }
    return best?.name;
}

// The settings, of rounds [{setting: value}, ..], that may still turn out best: all of them, but for
// one that was worse than another by over a tenth in each of the first two rounds that have both.
export function openSettings(rounds, settings, lowerIsBetter = false) {
    const worse = (round, a, b) => lowerIsBetter ? round[a] > 1.1 * round[b]
        : 1.1 * round[a] < round[b];
    return settings.filter(a => !settings.some(b => {
        const both = rounds.filter(r => Number.isFinite(r?.[a]) && Number.isFinite(r?.[b]));
        return both.length >= 2 && both.slice(0, 2).every(round => worse(round, a, b));
    }));
}

// {met, missed}: missed is the part of the goal that is lacking (or too much, where the goal is a
// most). Equal is met.
export function judge(value, goal, goalIsMost = false) {
    const met = goalIsMost ? value <= goal : value >= goal;
    return {met, missed: met ? 0 : Math.abs(goal - value) / goal};
}

// Seconds that grow with the square of the length, out of the seconds of two lengths:
//
//     seconds(n) = a n + b n^2    so that    b = (seconds(m) / m - seconds(n) / n) / (m - n)
//
// Returns b m^2, for the longer length m. What every token costs alike (the weights' products) is
// in a; attention, whose work grows with the tokens before, is in b. Below 0 it is noise, and 0 is
// returned: speeds and shares out of it are infinite then, which keeps their medians right.
export function squarePart({short, shortSeconds, long, longSeconds}) {
    const b = (longSeconds / long - shortSeconds / short) / (long - short);
    return Math.max(b * long * long, 0);
}

// Operations of causal attention over n tokens: each token's query with the keys up to it and the
// sum of their values, 2 operations a multiplication and addition.
export function attentionOperations({layers, width}, n) {
    return layers * 4 * width * (n * (n + 1) / 2);
}
