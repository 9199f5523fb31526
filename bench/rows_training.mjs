// What training costs: a step of a small model, beside PyTorch's; and one of adapters over Phi-2.
import {Training, torchStep} from "./engine_training.mjs";

const STEPS = 5, QLORA_STEPS = 3;
const SMALL = {architecture: "phi2", tokenizer: "tokenizer.gguf", layers: 8, embedding: 256, heads: 8,
    "feed-forward": 1024, rotary: 16, context: 512, batch: 8};

const valuesOf = (rounds, value) => rounds.map(round => value(round.primer) ?? NaN);
const limitOf = round => (round.limits.before.f32 + round.limits.after.f32) / 2;

async function training(bench, measure) {
    const run = new Training({program: bench.primer.program, threads: bench.primer.threads,
        work: bench.work});
    try {
        const before = await bench.primer.limits(bench.model);
        const primer = await measure(run);
        return {primer, limits: {before, after: await bench.primer.limits(bench.model)}};
    } finally {
        run.end();
    }
}

const shareOf = (rounds, value) => ({group: "limit", of: "f32 peak", unit: "GFLOP/s",
    shares: rounds.map(r => value(r.primer).operations * value(r.primer).tokens_s / limitOf(r)),
    limits: rounds.map(r => limitOf(r) / 1e9)});

const stepRow = {
    name: "train-step", model: "q4_0",
    about: "whole steps of training (forward, backward, AdamW) of a phi2 of 10.5 million parameters, " +
        "8 rows of 512 tokens; PyTorch's of the same with OpenBLAS, as many threads",
    measure: bench => training(bench, async run => {
        await run.tokenizer(8192);
        const f32 = await run.steps(SMALL, STEPS);
        return {f32, bf16: await run.steps({...SMALL, precision: "bf16"}, STEPS),
            torch: await torchStep(bench.primer.threads, 3)};
    }),
    figures: rounds => [
        {what: "a training step, f32", goal: 0.55, ...shareOf(rounds, p => p.f32)},
        {what: "a training step, bf16", ...shareOf(rounds, p => p.bf16)},
        {group: "self", what: "a training step, f32", unit: "tokens/s", goal: 5,
            first: {label: "primer", values: valuesOf(rounds, p => p.f32.tokens_s)},
            second: {label: "PyTorch", values: valuesOf(rounds, p => p.torch)}},
        {group: "self", what: "a training step", unit: "tokens/s", goal: 1.4,
            first: {label: "bf16", values: valuesOf(rounds, p => p.bf16.tokens_s)},
            second: {label: "f32", values: valuesOf(rounds, p => p.f32.tokens_s)}},
        {group: "absolute", what: "memory of the training run, f32", unit: "MB", goal: 1200,
            values: valuesOf(rounds, p => p.f32.bytes / 1e6)}
    ]
};

const qloraRow = {
    name: "train-qlora", model: "q4_0",
    about: "steps of adapters of rank 16 at every matrix of the model, which stays in its blocks; " +
        "one row of 512 tokens",
    measure: bench => training(bench, async run => {
        const fields = {model: bench.model, "lora-rank": 16, batch: 1, length: 512};
        return {f32: await run.steps(fields, QLORA_STEPS),
            bf16: await run.steps({...fields, precision: "bf16"}, QLORA_STEPS)};
    }),
    figures: rounds => [
        {what: "a QLoRA step, Q4_0, f32", ...shareOf(rounds, p => p.f32)},
        {what: "a QLoRA step, Q4_0, bf16", ...shareOf(rounds, p => p.bf16)},
        {group: "absolute", what: "a QLoRA step's time for a token, f32", unit: "ms",
            values: valuesOf(rounds, p => 1e3 / p.f32.tokens_s)},
        {group: "absolute", what: "what the arithmetic alone would take of it", unit: "ms",
            values: rounds.map(r => 1e3 * r.primer.f32.operations / limitOf(r))},
        {group: "absolute", what: "a QLoRA step's time for a token, bf16", unit: "ms",
            values: valuesOf(rounds, p => 1e3 / p.bf16.tokens_s)},
        {group: "absolute", what: "memory of a QLoRA step, the mapped model included", unit: "MB",
            goal: 8000, values: valuesOf(rounds, p => p.f32.bytes / 1e6)}
    ]
};

export const TRAINING_ROWS = [stepRow, qloraRow];
