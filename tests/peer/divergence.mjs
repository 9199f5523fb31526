// How far one distribution is from another, and how sure a mean of such distances is.
//
// A row is a Float64Array [vocabulary] of natural-log probabilities; NaN marks a candidate that an
// engine didn't name.

// Kullback-Leibler divergence of the engine's row q from the reference's row p: the sum over v of
// p(v) (log p(v) - log q(v)), in nats. Both are renormalised over the candidates that q names,
// which takes out the rounding of its softmax; `unnamed` is the share of p that was left out.
export function divergence(p, q) {
    const [totalP, totalQ] = logSums(p, q);
    let sum = 0, named = 0;
    for (let v = 0; v < q.length; v++) {
        if (Number.isNaN(q[v])) continue;
        const logP = p[v] - totalP;
        sum += Math.exp(logP) * (logP - (q[v] - totalQ));
        named++;
    }
    return {kl: sum, unnamed: named === q.length ? 0 : 1 - Math.exp(totalP), named};
}

function logSums(p, q) {
    let [largestP, largestQ, sumP, sumQ] = [-Infinity, -Infinity, 0, 0];
    for (let v = 0; v < q.length; v++) {
        if (Number.isNaN(q[v])) continue;
        largestP = Math.max(largestP, p[v]);
        largestQ = Math.max(largestQ, q[v]);
    }
    for (let v = 0; v < q.length; v++) {
        if (Number.isNaN(q[v])) continue;
        sumP += Math.exp(p[v] - largestP);
        sumQ += Math.exp(q[v] - largestQ);
    }
    return [largestP + Math.log(sumP), largestQ + Math.log(sumQ)];
}

// The natural-log softmax, in double, of [id, logit] pairs; NaN for ids that no pair has.
export function logSoftmax(logits, vocabulary) {
    const row = new Float64Array(vocabulary).fill(NaN);
    let largest = -Infinity, sum = 0;
    for (const [id, logit] of logits) {
        row[id] = logit;
        largest = Math.max(largest, logit);
    }
    for (const x of row) if (!Number.isNaN(x)) sum += Math.exp(x - largest);
    const total = largest + Math.log(sum);
    return row.map(x => x - total);
}

// The id of the largest value.
export function highest(row) {
    let best = 0;
    for (let v = 1; v < row.length; v++)
        if (row[v] > row[best] || Number.isNaN(row[best])) best = v;
    return best;
}

// The ids of the `count` largest values of a row, largest first.
export function highestIds(row, count) {
    return [...row.keys()].sort((a, b) => row[b] - row[a]).slice(0, count);
}

// The row of a line {"id":1,"top":[[id,logprob],...]} as `primer logprobs` prints it.
export function rowOfLine(line, id, vocabulary) {
    const found = JSON.parse(line);
    if (found.id !== id) throw new Error(`a line is of id ${found.id}, expected ${id}`);
    const row = new Float64Array(vocabulary).fill(NaN);
    for (const [token, logprob] of found.top) row[token] = logprob;
    return row;
}

export function mean(values) {
    let sum = 0;
    for (const value of values) sum += value;
    return sum / values.length;
}

// Where mean(above) / mean(below) lies with 95 % confidence: a bootstrap over blocks of
// consecutive positions, which are drawn together since neighbours share their context.
// The draws are seeded: the same values give the same interval.
export function ratioInterval(above, below, {block = 32, draws = 1000, level = 0.95} = {}) {
    const blocks = [];
    for (let i = 0; i < above.length; i += block)
        blocks.push([mean(above.slice(i, i + block)), mean(below.slice(i, i + block))]);
    const next = generator(1), ratios = [];
    for (let draw = 0; draw < draws; draw++) {
        let a = 0, b = 0;
        for (let i = 0; i < blocks.length; i++) {
            const [x, y] = blocks[Math.floor(next() * blocks.length)];
            a += x;
            b += y;
        }
        ratios.push(a / b);
    }
    ratios.sort((x, y) => x - y);
    const cut = (1 - level) / 2;
    return [ratios[Math.floor(draws * cut)], ratios[Math.ceil(draws * (1 - cut)) - 1]];
}

// Uniform numbers in [0, 1): mulberry32.
function generator(seed) {
    let state = seed >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let t = Math.imul(state ^ (state >>> 15), state | 1);
        t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}
