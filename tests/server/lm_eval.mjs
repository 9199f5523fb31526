// lm_eval.mjs - what lm-evaluation-harness asks of a server, and how it reads the answers: its model types
// `local-completions` (token ids in batches, echo, log-probabilities), `gguf` (texts, offsets) and its remote
// tokenizer. The scores are those of `primer logprobs` and `primer perplexity` for the same tokens, in every
// digit that these print.
//
//     prompt    c0 c1 c2 | d0 d1            ctxlen 3: the context's tokens
//     answer    -  c1 c2 | d0 d1 | x        token_logprobs, one more than the prompt: x is made up
//     score     sum of           [ctxlen:-1]
import {readFileSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {assert, cases, command, folder, primer, serve, shared, storiesModel, tinyModel} from "./harness.mjs";

const stories = storiesModel(), tiny = await tinyModel();
const server = await serve([stories]);
const guesses = await serve([tiny]);

const TEXTS = [["Once upon a time", " there was a little girl named Lily."],
    ["The dog ran to the", " park."], ["She was very", " happy to see her mom"],
    ["Tom and", " Sue played with the ball all day. Then they went home."],
    ["A big café — 日本", " ünïcödé “quotes”."]];

const digits = value => Number(value.toPrecision(9)); // as many as `primer logprobs` prints

// Row i: the distribution after ids[0..i], as a map from id to what is printed, best first.
async function distributions(model, ids, top) {
    const out = await command(primer, "logprobs", model, "--ids", ids.join(), "--top", String(top));
    return out.trimEnd().split("\n").map(line => new Map(JSON.parse(line).top));
}

async function encode(at, text, special) {
    return (await at.ask("/tokenize", {prompt: text, add_special_tokens: special})).tokens;
}

// How `local-completions` reads a choice: the continuation's sum, and whether the model would say it itself.
function readCompletion({logprobs}, contextLength) {
    const tokens = logprobs.token_logprobs.slice(contextLength, -1);
    const tops = logprobs.top_logprobs.slice(contextLength, -1);
    return {sum: tokens.reduce((sum, value) => sum + value, 0),
        greedy: tokens.every((value, i) => value === Math.max(...Object.values(tops[i])))};
}

// How `gguf` does: by where tokens begin in the text, counted in characters of Python (code points).
function readOffsets({logprobs}, contextCharacters) {
    let first = 0;
    while (logprobs.text_offset[first] < contextCharacters) first++;
    let greedy = true;
    for (let i = first; i < logprobs.tokens.length && greedy; i++) {
        const [best] = Object.entries(logprobs.top_logprobs[i]).sort((a, b) => b[1] - a[1])[0];
        greedy = best === logprobs.tokens[i];
    }
    const sum = logprobs.token_logprobs.slice(first, -1).reduce((total, value) => total + value, 0);
    return {first, sum, greedy};
}

const loglikelihood = prompts => ({model: "any", prompt: prompts, temperature: 0, max_tokens: 1, logprobs: 1,
    seed: 1234, echo: true});

async function score(at, model, prompts) {
    const {choices} = await at.ask("/v1/completions", {...loglikelihood(prompts), model});
    assert.equal(choices.length, prompts.length);
    return choices.sort((a, b) => a.index - b.index);
}

await cases({
    async token_ids_in_a_batch() {
        const prompts = [], contexts = [];
        for (const [context, continuation] of TEXTS) {
            contexts.push((await encode(server, context, true)).length);
            prompts.push(await encode(server, context + continuation, true));
        }
        const choices = await score(server, "stories", prompts);
        for (const [i, ids] of prompts.entries()) {
            const {logprobs} = choices[i], rows = await distributions(stories, ids, 512);
            for (const key of ["tokens", "token_logprobs", "top_logprobs", "text_offset"])
                assert.equal(logprobs[key].length, ids.length + 1, key);
            assert.equal(logprobs.token_logprobs[0], null);
            assert.equal(logprobs.top_logprobs[0], null);
            let sum = 0, greedy = true;
            for (let at = 1; at < ids.length; at++) {
                const expected = rows[at - 1].get(ids[at]);
                assert.equal(digits(logprobs.token_logprobs[at]), expected, `prompt ${i}, token ${at}`);
                const best = Math.max(...rows[at - 1].values());
                assert.equal(digits(Math.max(...Object.values(logprobs.top_logprobs[at]))), best);
                if (at >= contexts[i]) {
                    sum += expected;
                    greedy &&= expected === best;
                }
            }
            const read = readCompletion(choices[i], contexts[i]);
            assert.ok(Math.abs(read.sum - sum) < 1e-6, `${read.sum} and ${sum}`);
            assert.equal(read.greedy, greedy);
            const made = rows.at(-1).entries().next().value;
            assert.equal(digits(logprobs.token_logprobs.at(-1)), made[1], "the one token made");
        }
    },

    async a_batch_is_what_its_parts_are_alone() {
        const prompts = await Promise.all(TEXTS.map(([a, b]) => encode(server, a + b, true)));
        const together = await score(server, "stories", [...prompts, ...prompts]);
        const apart = await Promise.all(prompts.map(prompt => score(server, "stories", [prompt])));
        for (const [i, choice] of together.entries())
            assert.deepEqual(choice.logprobs, apart[i % prompts.length][0].logprobs);
    },

    async what_it_says_itself_is_greedy() {
        const context = await encode(server, "Once upon a time", true);
        const {choices: [own]} = await server.ask("/v1/completions", {prompt: context, temperature: 0,
            max_tokens: 12, logprobs: 1});
        const text = "Once upon a time" + own.text;
        const prompt = await encode(server, text, true);
        const [choice] = await score(server, "stories", [prompt]);
        assert.deepEqual(prompt.slice(0, context.length), context);
        assert.ok(readCompletion(choice, context.length).greedy);
        const other = [...prompt.slice(0, -1), prompt.at(-1) === 300 ? 301 : 300];
        const [wrong] = await score(server, "stories", [other]);
        assert.ok(!readCompletion(wrong, context.length).greedy);
    },

    async a_large_vocabulary() {
        const prompts = await Promise.all(TEXTS.slice(0, 2).map(([a, b]) => encode(guesses, a + b, true)));
        const choices = await score(guesses, "tiny", prompts);
        for (const [i, ids] of prompts.entries()) {
            const rows = await distributions(tiny, ids, 50257);
            for (let at = 1; at < ids.length; at++)
                assert.equal(digits(choices[i].logprobs.token_logprobs[at]), rows[at - 1].get(ids[at]));
        }
    },

    async texts_with_offsets() {
        for (const [context, continuation] of TEXTS) {
            const text = context + continuation;
            // No name of a model: where there is one alone it is meant.
            const {choices: [choice]} = await server.ask("/v1/completions", {prompt: text, logprobs: 10,
                temperature: 0.0, max_tokens: 1, echo: true});
            const {logprobs} = choice;
            assert.ok(choice.text.startsWith(text), JSON.stringify(choice.text));
            assert.deepEqual([...logprobs.text_offset].sort((a, b) => a - b), logprobs.text_offset);
            const read = readOffsets(choice, [...context].length);
            const ids = await encode(server, text, true);
            assert.equal(logprobs.tokens.length, ids.length + 1);
            const rows = await distributions(stories, ids, 512);
            let sum = 0;
            for (let at = read.first; at < ids.length; at++) {
                const expected = rows[at - 1].get(ids[at]);
                assert.equal(digits(logprobs.token_logprobs[at]), expected);
                sum += expected;
            }
            assert.ok(Math.abs(read.sum - sum) < 1e-6);
            assert.ok(read.first < ids.length, "the continuation has tokens");
            for (const [i, top] of logprobs.top_logprobs.entries())
                if (i > 0) assert.ok(Object.keys(top).length >= 1 && Object.keys(top).length <= 11);
        }
        // Where all is ASCII, tokens are the text in pieces, each at its offset.
        const {choices: [{text, logprobs}]} = await guesses.ask("/v1/completions", {prompt: "Hello, my world",
            logprobs: 10, temperature: 0, max_tokens: 1, echo: true});
        assert.ok(text.startsWith("Hello, my world"));
        logprobs.text_offset.forEach((offset, i) => {
            if (i < logprobs.tokens.length - 1)
                assert.equal(text.slice(offset, offset + logprobs.tokens[i].length), logprobs.tokens[i]);
        });
    },

    async the_perplexity_of_a_text() {
        const window = 128, file = join(folder, "text");
        const text = readFileSync(join(shared, "data/text-tinystories-sample/tinystories_sample.txt"), "utf8")
            .slice(0, 6000);
        writeFileSync(file, text);
        const expected = JSON.parse(await command(primer, "perplexity", stories, file, "-c", String(window),
            "--json"));
        const ids = await encode(server, text, true), [beginning] = await encode(server, "", true);
        assert.equal(ids.length, expected.tokens);
        const windows = [];
        for (let at = 0; at + window <= ids.length; at += window)
            windows.push([beginning, ...ids.slice(at + 1, at + window)]);
        assert.equal(windows.length, expected.windows);
        let sum = 0, scored = 0;
        for (const {logprobs} of await score(server, "stories", windows))
            for (const value of logprobs.token_logprobs.slice(window / 2 + 1, window)) {
                sum -= value;
                scored++;
            }
        assert.equal(scored, expected.scored);
        assert.equal(digits(sum / scored), expected.nll);
    },

    async answers_until_a_stop() {
        const context = await encode(server, "Once upon a time", true);
        const ask = {model: "stories", prompt: [context], max_tokens: 60, temperature: 0, seed: 1234};
        const {choices: [free]} = await server.ask("/v1/completions", {...ask, stop: []});
        const {choices: [stopped]} = await server.ask("/v1/completions", {...ask, stop: ["</s>", "."]});
        assert.equal(stopped.text, free.text.slice(0, free.text.indexOf(".")));
        assert.equal(stopped.finish_reason, "stop");
        const chat = await server.ask("/v1/chat/completions", {model: "stories", max_tokens: 20,
            temperature: 0, stop: ["a", "b", "c", "d"], seed: 1234,
            messages: [{role: "user", content: "Once upon a time"}]});
        assert.equal(typeof chat.choices[0].message.content, "string");
    },

    async the_remote_tokenizer() {
        const information = await server.get("/tokenizer_info");
        assert.equal(information.status, 200);
        assert.equal(information.json.eos_token, "</s>");
        assert.equal(information.json.bos_token, "<s>");
        for (const key of ["pad_token", "chat_template"]) assert.ok(key in information.json, key);
        const other = (await guesses.get("/tokenizer_info")).json;
        assert.equal(other.eos_token, "<|endoftext|>");
        for (const [a, b] of TEXTS) {
            const plain = await encode(server, a + b, false), special = await encode(server, a + b, true);
            assert.deepEqual(special.slice(-plain.length), plain);
            assert.equal(special.length, plain.length + 1);
            const {tokens} = await server.ask("/tokenize", {content: a + b, add_special: true});
            assert.deepEqual(tokens, special, "both spellings");
            const back = await server.ask("/detokenize", {tokens: plain});
            assert.equal(back.content.trim(), (a + b).trim());
            const pieces = await guesses.ask("/tokenize", {content: a + b, with_pieces: true});
            const bytes = pieces.tokens.flatMap(({piece}) => typeof piece === "string"
                ? [...Buffer.from(piece)] : piece);
            assert.equal(Buffer.from(bytes).toString(), a + b);
        }
    }
});
