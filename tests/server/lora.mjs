// lora.mjs - adapters in the server: what a request names, what is set for all, many at once; each answer is
// what `primer run --adapter` writes.
import {join} from "node:path";
import {assert, build, cases, command, folder, primer, refusal, serve} from "./harness.mjs";

const makeModel = join(build, "make-model");
const model = join(folder, "lora.gguf"), adapters = [1, 2].map(seed => join(folder, `adapter${seed}.gguf`));
await command(makeModel, model, "--shape", "tiny", "--arch", "llama", "--type", "Q8_0", "--kv-heads", "2",
    "--tokenizer", "spm", "--context", "2048", "--seed", "7");
for (const [i, adapter] of adapters.entries())
    await command(makeModel, "--adapter", model, adapter, String(4 + 4 * i), String(i + 1));

const prompt = "Once upon a time";
const CHOICES = {none: [], first: [{id: 0, scale: 1}], second: [{id: 1, scale: 0.75}],
    both: [{id: 0, scale: -0.5}, {id: 1, scale: 1.25}]};
// What each choice writes, by the command line.
const expected = {};
for (const [name, choice] of Object.entries(CHOICES))
    expected[name] = await command(primer, "run", model, "--raw", "--temp", "0", "-n", "20",
        ...choice.flatMap(({id, scale}) => ["--adapter", `${adapters[id]}=${scale}`]), prompt);

const server = await serve([model], ["--adapter", `${adapters[0]}=0`, "--adapter", `${adapters[1]}=0`]);
const body = more => ({prompt, max_tokens: 20, temperature: 0, ignore_eos: true, ...more});
const complete = async more => (await server.ask("/v1/completions", body(more))).choices[0].text;
const without = name => expected[name].trimEnd().slice(expected[name].startsWith(prompt) ? prompt.length : 0);

await cases({
    async each_request_has_its_own() {
        assert.equal(new Set(Object.values(expected)).size, 4, "the adapters make a difference");
        for (let turn = 0; turn < 2; turn++)
            for (const [name, lora] of Object.entries(CHOICES))
                assert.equal((await complete({lora})).trimEnd(), without(name), `${name}, turn ${turn}`);
        assert.equal((await complete({})).trimEnd(), without("none"), "nothing is left of them");
    },

    async many_at_once() {
        const names = Array.from({length: 12}, (_, i) => Object.keys(CHOICES)[i % 4]);
        const texts = await Promise.all(names.map(name => complete({lora: CHOICES[name]})));
        for (const [i, name] of names.entries()) assert.equal(texts[i].trimEnd(), without(name), name);
    },

    async other_calls() {
        const chat = lora => server.ask("/v1/chat/completions", {messages: [{role: "user", content: prompt}],
            temperature: 0, max_tokens: 12, ignore_eos: true, lora});
        const generate = lora => server.ask("/api/generate", {model: "lora", prompt, raw: true, stream: false, lora,
            options: {temperature: 0, num_predict: 20, repeat_penalty: 1}});
        const embed = lora => server.ask("/v1/embeddings", {input: prompt, lora});
        assert.notEqual((await chat([])).choices[0].message.content,
            (await chat(CHOICES.first)).choices[0].message.content);
        assert.notEqual((await generate([])).response, (await generate(CHOICES.first)).response);
        assert.notDeepEqual((await embed([])).data[0].embedding, (await embed(CHOICES.first)).data[0].embedding);
    },

    async set_for_all() {
        assert.deepEqual((await server.get("/lora-adapters")).json,
            adapters.map((path, id) => ({id, path, scale: 0})));
        assert.deepEqual(await server.ask("/lora-adapters", [{id: 1, scale: 0.75}]),
            adapters.map((path, id) => ({id, path, scale: id * 0.75})));
        assert.equal((await complete({})).trimEnd(), without("second"));
        assert.equal((await complete({lora: []})).trimEnd(), without("none"), "a request's own list goes before");
        assert.equal((await complete({lora: CHOICES.first})).trimEnd(), without("first"));
        await server.ask("/lora-adapters", []);
        assert.equal((await complete({})).trimEnd(), without("none"));
    },

    async refused() {
        for (const lora of [[{id: 2, scale: 1}], [{id: -1, scale: 1}], [{id: 0}], [{id: "0", scale: 1}], [3],
            [{id: 0, scale: "a"}]]) {
            assert.match(refusal("/v1/completions", await server.post("/v1/completions", body({lora})), 400),
                /^lora\[0\]: .*2 adapters/);
            assert.match(refusal("/api/generate", await server.post("/api/generate",
                {model: "lora", prompt, lora}), 400), /^lora\[0\]: /);
            assert.match(refusal("/lora-adapters", await server.post("/lora-adapters", lora), 400), /lora\[0\]/);
        }
        assert.match(refusal("/v1/completions", await server.post("/v1/completions", body({lora: {}})), 400),
            /^lora: expected an array/);
        for (const text of ["", "{", "{}", "3"])
            assert.match(refusal("/lora-adapters", await server.post("/lora-adapters", text), 400),
                /expected a list/);
        assert.equal((await complete({})).trimEnd(), without("none"), "nothing was changed");
    },

    async without_any() {
        const plain = await serve([model]);
        assert.deepEqual((await plain.get("/lora-adapters")).json, []);
        assert.match(refusal("/v1/completions", await plain.post("/v1/completions",
            body({lora: CHOICES.first})), 400), /0 adapters/);
        const {choices} = await plain.ask("/v1/completions", body({lora: []}));
        assert.equal(choices[0].text.trimEnd(), without("none"));
        await plain.stop();
        await server.stop();
    },

    async one_model_alone() {
        const other = join(folder, "other.gguf");
        await command(makeModel, other, "--shape", "tiny", "--arch", "llama", "--type", "Q8_0", "--tokenizer",
            "spm");
        await assert.rejects(serve([model, other], ["--adapter", adapters[0]]), /found 2 models/);
        await assert.rejects(serve([other], ["--adapter", adapters[0]]), /has shape/);
    }
});
