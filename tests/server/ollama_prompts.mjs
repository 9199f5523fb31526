// ollama_prompts.mjs - how a prompt of Ollama's calls comes about, and what is said where it was shortened:
// templates in requests, gaps, ids of earlier answers, contexts that fill up, vectors of fewer numbers.
import {join} from "node:path";
import {addMetadata} from "./gguf.mjs";
import {assert, cases, folder, serve, storiesModel, tinyModel} from "./harness.mjs";

const BEFORE = 3, AFTER = 4, GAP = 5; // any three tokens
const filler = join(folder, "filler.gguf");
addMetadata(storiesModel(), filler, {"tokenizer.ggml.fim_pre_token_id": BEFORE,
    "tokenizer.ggml.fim_suf_token_id": AFTER, "tokenizer.ggml.fim_mid_token_id": GAP});
const server = await serve([storiesModel(), await tinyModel(), filler]);
const greedy = {temperature: 0, num_predict: 12};
const generate = (more = {}, options = {}) => server.ask("/api/generate", {model: "stories",
    prompt: "Once upon a time", stream: false, ...more, options: {...greedy, ...options}});
const rendered = async more => (await generate({_debug_render_only: true, ...more}))
    ._debug_info.rendered_template.replace(/^<s>/, "").trim();

async function refused(path, body, pattern, status = 400) {
    const answer = await server.post(path, {stream: false, ...body});
    assert.equal(answer.status, status, answer.text);
    assert.deepEqual(typeof answer.json.error, "string");
    assert.match(answer.json.error, pattern);
    return answer.json;
}

const TEMPLATES = {
    async in_a_request() {
        const template = "{{ if .System }}[{{ .System }}] {{ end }}Q: {{ .Prompt }}\nA:";
        assert.equal(await rendered({template, system: "be brief", prompt: "why"}), "[be brief] Q: why\nA:");
        assert.equal(await rendered({template, prompt: "why"}), "Q: why\nA:");
        const answer = await generate({template, prompt: "Once upon a time"});
        const raw = await generate({raw: true, prompt: "Q: Once upon a time\nA:"});
        assert.equal(answer.response.trim(), raw.response.trim());
        await refused("/api/generate", {model: "stories", prompt: "x", template: "{{ .Prompt"}, /^template: /);
        await refused("/api/generate", {model: "stories", prompt: "x", template: "no place"}, /^template: /);
    },

    async the_system_speaks_first() {
        const text = await rendered({system: "be brief", prompt: "why"});
        assert.ok(text.indexOf("be brief") >= 0 && text.indexOf("be brief") < text.indexOf("why"), text);
    },

    async rendered_and_nothing_else() {
        const answer = await server.ask("/api/chat", {model: "stories", _debug_render_only: true,
            messages: [{role: "user", content: "why"}]});
        assert.match(answer._debug_info.rendered_template, /why/);
        assert.deepEqual(Object.keys(answer), ["model", "created_at", "_debug_info"]);
    }
};

const GAPS = {
    async by_a_template() {
        const template = "<PRE>{{ .Prompt }}<SUF>{{ .Suffix }}<MID>";
        assert.equal(await rendered({template, prompt: "a", suffix: "b"}), "<PRE>a<SUF>b<MID>");
        const answer = await generate({template, prompt: "a", suffix: "b"});
        assert.equal(answer.eval_count, 12);
    },

    async by_tokens_for_it() {
        const {capabilities} = await server.ask("/api/show", {model: "filler"});
        assert.ok(capabilities.includes("insert"));
        assert.ok(!(await server.ask("/api/show", {model: "stories"})).capabilities.includes("insert"));
        const {context, prompt_eval_count: count} = await generate({model: "filler", prompt: "a dog",
            suffix: "a cat"}, {num_predict: 1});
        const ids = context.slice(0, count);
        assert.deepEqual([ids[0], ids[1], ids.at(-1)], [1, BEFORE, GAP]);
        assert.equal(ids.filter(id => id === AFTER).length, 1);
        const {content} = await server.ask("/detokenize", {model: "filler",
            tokens: ids.slice(ids.indexOf(AFTER) + 1, -1)});
        assert.equal(content.trim(), "a cat");
    },

    async not_by_others() {
        await refused("/api/generate", {model: "stories", prompt: "a", suffix: "b"},
            /^"stories" does not support insert$/);
        await refused("/api/generate", {model: "stories", prompt: "a", suffix: "b", template: "{{ .Prompt }}"},
            /^template: .*Suffix/);
        for (const more of [{system: "x"}, {context: [1]}])
            await refused("/api/generate", {model: "stories", prompt: "a", suffix: "b", ...more}, /suffix/);
        await refused("/api/generate", {model: "stories", prompt: "a", suffix: "b", raw: true}, /suffix/);
    }
};

const SHORTENED = {
    async ids_of_before() {
        const first = await generate();
        const context = Array(40).fill(first.context).flat().filter(id => id !== 1);
        const more = {context: [1, ...context], prompt: "The end"};
        const error = await refused("/api/generate", {model: "stories", ...more, options: {num_ctx: 256}},
            /tokens, the context holds 256/);
        assert.ok(error.n_prompt_tokens > 256);
        assert.equal(error.n_ctx, 256);
        const cut = await generate({...more, truncate: true}, {num_ctx: 256, num_predict: 1});
        assert.equal(cut.prompt_eval_count, 255);
        assert.equal(cut.truncated.dropped_tokens, error.n_prompt_tokens - 255);
        assert.equal(cut.context[0], 1, "the beginning's mark stays");
        for (const wrong of [["1"], [-1], [99999], [1.5], "1"])
            await refused("/api/generate", {model: "stories", prompt: "x", context: wrong}, /context/);
    },

    // Nothing can be left out of a single text.
    async a_text_too_long() {
        const prompt = "word ".repeat(600);
        for (const truncate of [undefined, false, true]) {
            await refused("/api/generate", {model: "stories", prompt, truncate}, /holds 512/);
            await refused("/api/chat", {model: "stories", messages: [{role: "user", content: prompt}],
                truncate}, /holds 512/);
        }
    },

    async the_system_and_the_last_stay() {
        const say = (role, word, count) => ({role, content: `${word} `.repeat(count)});
        const messages = [say("system", "rule", 20), say("user", "apple", 120), say("assistant", "pear", 120),
            say("user", "plum", 40), say("assistant", "fig", 20), say("user", "last", 5)];
        const ask = {model: "stories", messages, truncate: true, options: {num_ctx: 400, num_predict: 4}};
        const {_debug_info: {rendered_template: text}} = await server.ask("/api/chat",
            {...ask, _debug_render_only: true});
        for (const word of ["rule", "plum", "fig", "last"]) assert.ok(text.includes(word), word);
        for (const word of ["apple", "pear"]) assert.ok(!text.includes(word), word);
        const answer = await server.ask("/api/chat", {...ask, stream: false});
        assert.equal(answer.truncated.dropped_messages, 2);
        const {lines} = await server.post("/api/chat", ask);
        assert.deepEqual(lines.at(-1).truncated, answer.truncated);
        assert.ok(lines.slice(0, -1).every(line => !("truncated" in line)));
    },

    async a_full_context() {
        const full = await generate({}, {num_ctx: 64, num_predict: -1, temperature: 1, seed: 1});
        assert.equal(full.prompt_eval_count + full.eval_count, 64);
        assert.equal(full.done_reason, "length");
        assert.ok(!("truncated" in full));
        const shifted = await generate({shift: true}, {num_ctx: 64, num_predict: 100, temperature: 1, seed: 1});
        assert.ok(shifted.response.startsWith(full.response));
        if (shifted.done_reason === "length") assert.equal(shifted.eval_count, 100);
        assert.ok(shifted.truncated.dropped_tokens > 0);
        await refused("/api/generate", {model: "stories", prompt: "word ".repeat(12), shift: true,
            options: {num_ctx: 64, num_keep: -1}}, /^options\.num_keep: /);
    }
};

const REST = {
    async shorter_vectors() {
        const embed = more => server.ask("/api/embed", {model: "stories", input: "a little girl", ...more});
        const {embeddings: [whole]} = await embed();
        const {embeddings: [short]} = await embed({dimensions: 16});
        assert.equal(short.length, 16);
        assert.ok(Math.abs(Math.hypot(...short) - 1) < 1e-6);
        const length = Math.hypot(...whole.slice(0, 16));
        short.forEach((value, i) => assert.ok(Math.abs(value - whole[i] / length) < 1e-6));
        await refused("/api/embed", {model: "stories", input: "x", dimensions: 65}, /dimensions/);
        assert.deepEqual((await embed({input: []})).embeddings, []);
        await refused("/api/embed", {model: "stories", input: [1]}, /input/);
    },

    async one_text_of_the_older_call() {
        for (const prompt of [[], ["x"], 1, {}])
            await refused("/api/embeddings", {model: "stories", prompt}, /^prompt: expected a text/);
        for (const prompt of ["", null])
            assert.deepEqual(await server.ask("/api/embeddings", {model: "stories", prompt}), {embedding: []});
    },

    async texts_that_do_not_fit_a_vector() {
        const input = "word ".repeat(1000);
        const error = await refused("/api/embed", {model: "stories", input}, /input length exceeds/);
        assert.equal(error.n_ctx, 512);
        const cut = await server.ask("/api/embed", {model: "stories", input, truncate: true});
        assert.equal(cut.truncated.dropped_tokens, error.n_prompt_tokens - 512);
        assert.equal(cut.prompt_eval_count, 512);
    },

    async tools_that_are_asked_for() {
        const messages = [{role: "user", content: "x"}];
        await refused("/api/chat", {model: "tiny", messages, tool_choice: "required"}, /tool_choice.*no tools/);
        await refused("/api/chat", {model: "tiny", messages, tool_choice: "always"}, /tool_choice/);
        const tools = [{type: "function", function: {name: "f", parameters: {type: "object"}}}];
        for (const tool_choice of ["auto", "none", "required"]) {
            const {message, done_reason} = await server.ask("/api/chat", {model: "tiny", messages, tools,
                format: "json", tool_choice, stream: false, options: {num_predict: 200, seed: 1}});
            if (message.tool_calls) assert.equal(message.tool_calls[0].function.name, "f");
            else if (done_reason === "stop") assert.equal(typeof JSON.parse(message.content), "object");
            assert.ok(tool_choice !== "required" || message.tool_calls || done_reason === "length");
            assert.ok(tool_choice !== "none" || !message.tool_calls);
        }
    },

    async progress() {
        const prompt = "word ".repeat(3000);
        const {lines} = await server.post("/api/generate", {model: "tiny", prompt, return_progress: true,
            options: {num_predict: 2}});
        const told = lines.filter(line => line.prompt_progress);
        assert.ok(told.length > 1);
        for (const {response, done, prompt_progress: {total, processed}} of told)
            assert.ok(response === "" && !done && processed <= total && total === lines.at(-1).prompt_eval_count);
    }
};

await cases({...TEMPLATES, ...GAPS, ...SHORTENED, ...REST});
