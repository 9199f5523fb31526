// clients_ollama.mjs - the package `ollama` against primer serve: what its users call, with the shapes that
// editors and web interfaces read out of the answers.
import {Ollama} from "ollama";
import Ajv from "ajv";
import {assert, cases, seconds, serve, storiesModel, tinyModel, until, wellBeing, within}
    from "./harness.mjs";

const server = await serve([storiesModel(), await tinyModel()]);
const client = new Ollama({host: server.url});
const greedy = {temperature: 0, num_predict: 24};
const messages = [{role: "user", content: "Once upon a time there was a"}];
const generate = (more = {}, options = {}) => client.generate({model: "stories",
    prompt: "Once upon a time", ...more, options: {...greedy, ...options}});
const chat = (more = {}, options = {}) => client.chat({model: "stories", messages, ...more,
    options: {...greedy, ...options}});

async function collect(stream) {
    const parts = [];
    for await (const part of stream) parts.push(part);
    return parts;
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z$/;
// Of the last object of an answer; a count that would be zero may be left out.
function stats(last, reason = "length") {
    assert.equal(last.done, true);
    assert.equal(last.done_reason, reason);
    assert.match(last.created_at, TIME);
    for (const key of ["total_duration", "load_duration", "prompt_eval_duration", "eval_duration"])
        assert.ok(last[key] === undefined || Number.isSafeInteger(last[key]) && last[key] > 0, key);
    assert.ok(last.total_duration > 0);
    assert.ok(last.eval_count > 0 && last.prompt_eval_count > 0);
    assert.ok(last.total_duration >= (last.prompt_eval_duration ?? 0));
}

async function refused(promise, status, pattern) {
    await assert.rejects(promise, error => {
        assert.equal(error.name, "ResponseError", String(error));
        assert.equal(error.status_code, status, error.message);
        assert.match(error.message, pattern);
        return true;
    });
}

const loaded = async () => (await client.ps()).models.map(model => model.name.replace(/:latest$/, ""));

const ABOUT = {
    async version() {
        const {version} = await client.version();
        const [major, minor, patch] = version.split(/[.-]/).map(Number);
        assert.ok(major > 0 || minor > 6 || minor === 6 && patch >= 4, version);
    },

    async list() {
        const {models} = await client.list();
        assert.equal(models.length, 2);
        for (const model of models) {
            assert.equal(model.name, model.model);
            assert.match(model.name, /^(stories|tiny)(:latest)?$/);
            assert.match(model.digest, /^[0-9a-f]{64}$/);
            assert.ok(model.size > 10000);
            assert.ok(!Number.isNaN(Date.parse(model.modified_at)));
            for (const key of ["format", "family", "parameter_size", "quantization_level"])
                assert.equal(typeof model.details[key], "string", key);
            assert.equal(model.details.format, "gguf");
            assert.ok(model.details.families.includes("llama"));
        }
        assert.notEqual(models[0].digest, models[1].digest);
    },

    async show() {
        for (const name of ["stories", "tiny", "tiny:latest", "TINY"]) {
            const shown = await client.show({model: name});
            const info = shown.model_info;
            assert.equal(info["general.architecture"], "llama");
            assert.equal(info["llama.context_length"], name === "stories" ? 512 : 8192);
            assert.ok(info["general.basename"].length > 0);
            assert.ok(shown.capabilities.includes("completion"));
            assert.ok(shown.capabilities.every(one => ["completion", "tools", "insert", "vision",
                "embedding", "thinking"].includes(one)));
            assert.ok(!shown.capabilities.includes("vision"));
            assert.equal(typeof shown.template, "string");
            assert.equal(typeof shown.modelfile, "string");
            assert.ok(shown.details.family);
            // How an editor reads them: a name, blanks, a value or a text in quotes.
            for (const line of (shown.parameters ?? "").split("\n").filter(line => line !== ""))
                assert.match(line, /^\w+\s+("(?:[^"\\]|\\.)*"|\S+)$/);
            const tokens = info["tokenizer.ggml.tokens"];
            assert.ok(tokens === null || tokens === undefined, "long arrays are emptied");
        }
        const verbose = await server.ask("/api/show", {model: "stories", verbose: true});
        assert.equal(verbose.model_info["tokenizer.ggml.tokens"].length, 512);
        assert.ok(verbose.tensors.some(tensor => tensor.name === "token_embd.weight" &&
            Array.isArray(tensor.shape) && typeof tensor.type === "string"));
        const byName = await server.ask("/api/show", {name: "stories"});
        assert.equal(byName.model_info["llama.context_length"], 512);
        await refused(client.show({model: "nobody"}), 404, /^model 'nobody' not found$/);
    },

    async ps() {
        await generate();
        const {models} = await client.ps();
        const model = models.find(one => /^stories/.test(one.name));
        assert.ok(Date.parse(model.expires_at) > Date.now());
        // What Python's fromisoformat reads: at most six digits of a second, an offset or Z.
        assert.match(model.expires_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/);
        assert.ok(model.size > 0 && Number.isInteger(model.size_vram));
        assert.ok(model.context_length > 0);
        assert.match(model.digest, /^[0-9a-f]{64}$/);
    }
};

const TEXT = {
    async generate() {
        const whole = await generate();
        stats(whole);
        assert.equal(whole.model, "stories");
        assert.equal(whole.eval_count, 24);
        assert.ok(whole.response.length > 0);
        assert.ok(Array.isArray(whole.context) && whole.context.every(Number.isInteger));
        const parts = await collect(await generate({stream: true}));
        stats(parts.at(-1));
        assert.ok(parts.length > 10, "it comes in pieces");
        assert.ok(parts.slice(0, -1).every(part => part.done === false && !("done_reason" in part)));
        assert.equal(parts.map(part => part.response).join(""), whole.response);
        assert.deepEqual(parts.at(-1).context, whole.context);
        assert.equal(parts.at(-1).prompt_eval_count, whole.prompt_eval_count);
        assert.ok(parts.every(part => TIME.test(part.created_at) && part.model === "stories"));
    },

    async raw_is_what_the_other_dialect_says() {
        const raw = await generate({raw: true});
        assert.ok(!("context" in raw));
        const other = await server.ask("/v1/completions", {model: "stories", prompt: "Once upon a time",
            temperature: 0, max_tokens: 24});
        assert.equal(raw.response, other.choices[0].text);
        assert.equal(raw.prompt_eval_count, other.usage.prompt_tokens);
        assert.equal(raw.eval_count, other.usage.completion_tokens);
        const tokens = await server.tokens("Once upon a time", "stories");
        assert.equal(raw.prompt_eval_count, tokens.length);
        for (const more of [{template: "{{ .Prompt }}"}, {system: "x"}, {context: [1, 2]}])
            await refused(generate({raw: true, ...more}), 400, /raw/);
    },

    async chat() {
        const whole = await chat();
        stats(whole);
        assert.equal(whole.message.role, "assistant");
        assert.ok(whole.message.content.length > 0);
        const parts = await collect(await chat({stream: true}));
        stats(parts.at(-1));
        assert.equal(parts.map(part => part.message.content).join(""), whole.message.content);
        assert.ok(parts.every(part => part.message.role === "assistant"));
        assert.equal(parts.at(-1).message.content, "");
        const other = await server.ask("/v1/chat/completions", {model: "stories", messages,
            temperature: 0, max_tokens: 24});
        assert.equal(other.choices[0].message.content, whole.message.content);
        assert.equal(other.usage.prompt_tokens, whole.prompt_eval_count);
        assert.equal(other.usage.completion_tokens, whole.eval_count);
    },

    async the_context_goes_on() {
        const first = await generate();
        const second = await generate({context: first.context, prompt: " And then"});
        assert.ok(second.prompt_eval_count > first.prompt_eval_count);
        assert.deepEqual(second.context.slice(0, first.context.length), first.context);
    },

    async options() {
        const at = async options => (await generate({}, {temperature: 1, ...options})).response;
        assert.equal(await at({seed: 3}), await at({seed: 3}));
        assert.notEqual(await at({seed: 3}), await at({seed: 4}));
        const best = (await generate()).response;
        assert.equal(await at({top_k: 1}), best);
        assert.equal((await generate({}, {num_predict: 3})).eval_count, 3);
        const stop = best.slice(10, 15), stopped = await generate({}, {stop: [stop]});
        assert.equal(stopped.response, best.slice(0, best.indexOf(stop)));
        assert.equal(stopped.done_reason, "stop");
        const old = {mirostat: 0, mirostat_eta: 0.1, tfs_z: 1, penalize_newline: true, low_vram: false,
            f16_kv: true, use_mlock: false, numa: false, num_gpu: 0, num_thread: 2, num_batch: 256,
            main_gpu: 0, use_mmap: true, num_keep: 4};
        assert.equal((await generate({}, old)).response, best);
        for (const options of [{temperature: "hot"}, {top_k: "many"}, {stop: 5}, {num_predict: {}},
            {seed: "x"}, {num_ctx: []}])
            await refused(generate({}, options), 400, new RegExp(Object.keys(options)[0]));
    },

    async window_of_another_size() {
        const before = server.child.pid;
        const small = await generate({}, {num_ctx: 128});
        assert.equal(small.eval_count, 24);
        const long = "word ".repeat(150);
        const tokens = (await server.tokens(long, "stories")).length;
        await refused(generate({prompt: long, raw: true}, {num_ctx: 64}), 400,
            new RegExp(`${tokens}.*64|64.*${tokens}`));
        assert.equal((await generate()).response, (await generate({}, {num_ctx: 256})).response);
        assert.equal(server.child.pid, before);
    },

    async a_format() {
        const schema = {type: "object", properties: {name: {type: "string", maxLength: 8},
            n: {type: "integer", minimum: 1, maximum: 5}}, required: ["name", "n"],
        additionalProperties: false};
        const ajv = new Ajv({strict: false});
        for (const ask of [() => client.chat({model: "tiny", messages, format: schema,
            options: {temperature: 1, seed: 1, num_predict: 400}}),
        () => client.generate({model: "tiny", prompt: "x", format: schema,
            options: {temperature: 1, seed: 2, num_predict: 400}})]) {
            const answer = await ask(), text = answer.message?.content ?? answer.response;
            assert.equal(answer.done_reason, "stop", text);
            assert.ok(ajv.validate(schema, JSON.parse(text)), text);
        }
        const plain = await client.chat({model: "tiny", messages, format: "json",
            options: {temperature: 1, seed: 3, num_predict: 3000}});
        if (plain.done_reason === "stop") JSON.parse(plain.message.content);
        await refused(chat({format: "yaml"}), 400, /format/);
    },

    async tools() {
        const tools = [{type: "function", function: {name: "add", description: "Adds",
            parameters: {type: "object", properties: {a: {type: "integer"}}, required: ["a"]}}}];
        const history = [...messages, {role: "assistant", content: "",
            tool_calls: [{function: {name: "add", arguments: {a: 1}}}]},
        {role: "tool", tool_name: "add", content: "1"}];
        for (const stream of [false, true]) {
            const answer = await client.chat({model: "tiny", messages: history, tools, stream,
                options: {temperature: 1, seed: 1, num_predict: 40}});
            const parts = stream ? await collect(answer) : [answer];
            assert.ok(parts.at(-1).done);
            for (const call of parts.flatMap(part => part.message.tool_calls ?? [])) {
                assert.equal(call.function.name, "add");
                assert.equal(typeof call.function.arguments, "object");
            }
        }
    },

    async logprobs() {
        const answer = await generate({logprobs: true, top_logprobs: 3});
        assert.equal(answer.logprobs.length, 24);
        for (const entry of answer.logprobs) {
            assert.ok(entry.logprob <= 0);
            assert.equal(Buffer.from(entry.bytes).toString(), entry.token);
            assert.equal(entry.top_logprobs.length, 3);
            assert.equal(entry.top_logprobs[0].logprob, entry.logprob);
        }
        const chosen = await generate({logprobs: true});
        assert.equal(chosen.logprobs.length, 24);
        for (const [i, entry] of chosen.logprobs.entries()) {
            assert.equal(entry.logprob, answer.logprobs[i].logprob);
            assert.ok(!("top_logprobs" in entry), "none where none were asked for");
        }
        await refused(generate({logprobs: true, top_logprobs: 21}), 400, /top_logprobs/);
    },

    async thinking_is_refused_where_there_is_none() {
        await refused(chat({think: true}), 400, /does not support thinking/);
        assert.equal((await chat({think: false})).message.content, (await chat()).message.content);
    },

    async images_are_refused() {
        await refused(generate({images: [Buffer.from("PNG").toString("base64")]}), 400, /image/);
    }
};

const VECTORS = {
    async embed() {
        const input = ["a little girl", "The dog ran."];
        const found = await client.embed({model: "stories", input});
        assert.equal(found.embeddings.length, 2);
        for (const vector of found.embeddings) assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-5);
        const tokens = await Promise.all(input.map(text => server.tokens(text, "stories")));
        assert.equal(found.prompt_eval_count, tokens[0].length + tokens[1].length);
        assert.ok(found.total_duration > 0);
        const single = await client.embed({model: "stories", input: input[0]});
        assert.deepEqual(single.embeddings, [found.embeddings[0]]);
        const other = await server.ask("/v1/embeddings", {model: "stories", input,
            encoding_format: "float"});
        assert.deepEqual(other.data.map(one => one.embedding.map(Math.fround)),
            found.embeddings.map(vector => vector.map(Math.fround)));
        await refused(client.embed({model: "stories", input: "word ".repeat(1000), truncate: false}), 400,
            /input length exceeds the context length/);
    },

    async as_many_texts_as_there_are() {
        const input = Array.from({length: 2100}, (_, i) => `The ${i % 10}`);
        const {embeddings} = await client.embed({model: "stories", input});
        assert.equal(embeddings.length, input.length);
        assert.deepEqual(embeddings.at(-1), embeddings[9]);
    },

    async embeddings() {
        const {embedding} = await client.embeddings({model: "stories", prompt: "a little girl"});
        const {embeddings: [unit]} = await client.embed({model: "stories", input: "a little girl"});
        const length = Math.hypot(...embedding);
        embedding.forEach((value, i) => assert.ok(Math.abs(value / length - unit[i]) < 1e-5));
    }
};

const LIFE = {
    async load_and_unload() {
        const load = await client.generate({model: "stories", prompt: ""});
        assert.equal(load.done, true);
        assert.equal(load.done_reason, "load");
        assert.equal(load.response, "");
        assert.ok((await loaded()).includes("stories"));
        const unload = await client.generate({model: "stories", prompt: "", keep_alive: 0});
        assert.equal(unload.done_reason, "unload");
        await until("it is unloaded", async () => !(await loaded()).includes("stories"));
        const chatLoad = await client.chat({model: "stories", messages: []});
        assert.equal(chatLoad.done_reason, "load");
        assert.deepEqual(chatLoad.message, {role: "assistant", content: ""});
        await client.chat({model: "stories", messages, keep_alive: 0, options: greedy});
        await until("it is unloaded", async () => !(await loaded()).includes("stories"));
        await client.embed({model: "stories", input: "x", keep_alive: "0s"});
        await until("it is unloaded", async () => !(await loaded()).includes("stories"));
        await generate();
    },

    async kept_for_as_long_as_is_said() {
        const until = async keep_alive => {
            await generate({keep_alive});
            const {models} = await client.ps();
            return (Date.parse(models.find(one => /^stories/.test(one.name)).expires_at) - Date.now()) /
                1000;
        };
        for (const [given, expected] of [[600, 600], ["10m", 600], ["1h30m", 5400], [1800, 1800]])
            assert.ok(Math.abs(await until(given) - expected) < 20, `${given}`);
        for (const given of [-1, "-1m"]) assert.ok(await until(given) > 1e8, `${given}`);
        for (const given of ["-1", "soon", [], {}, true])
            await refused(generate({keep_alive: given}), 400, /keep_alive/);
        assert.ok(Math.abs(await until("5m") - 300) < 20);
    },

    async errors() {
        await refused(client.generate({model: "nobody", prompt: "x"}), 404, /^model 'nobody' not found$/);
        await refused(client.chat({model: "nobody", messages}), 404, /^model 'nobody' not found$/);
        await refused(client.embed({model: "nobody", input: "x"}), 404, /^model 'nobody' not found$/);
        await refused(client.chat({model: "stories", messages: "x"}), 400, /messages/);
        await refused(client.chat({model: "stories", messages: [{role: "user", content: 5}]}), 400,
            /content/);
        const empty = await server.post("/api/generate", "");
        assert.equal(empty.status, 400);
        assert.equal(empty.json.error, "missing request body");
    },

    async abort() {
        const narrow = await serve([await tinyModel()], ["--parallel", "1"]);
        const user = new Ollama({host: narrow.url});
        const stream = await user.generate({model: "tiny", prompt: "a b c", stream: true, raw: true,
            options: {num_predict: 7000, temperature: 0}});
        let seen = 0;
        await assert.rejects(async () => {
            for await (const part of stream) {
                assert.equal(part.done, false);
                if (++seen === 3) user.abort();
            }
        }, {name: "AbortError"});
        await within(seconds(3), "a place after an abort", wellBeing(narrow));
        await narrow.stop();
    }
};

await cases({...ABOUT, ...TEXT, ...VECTORS, ...LIFE});
