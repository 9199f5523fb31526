// clients_openai.mjs - the package `openai` against primer serve: everything that its users call, and the
// errors that it makes of what it is told.
import OpenAI from "openai";
import {zodResponseFormat} from "openai/helpers/zod";
import Ajv from "ajv";
import {writeFileSync} from "node:fs";
import {join} from "node:path";
import {z} from "zod";
import {assert, cases, folder, hangUp, seconds, serve, storiesModel, tinyModel, until, wellBeing, within}
    from "./harness.mjs";

const server = await serve([storiesModel(), await tinyModel()]);
const client = new OpenAI({baseURL: `${server.url}/v1`, apiKey: "any", maxRetries: 0});
const say = {role: "user", content: "Once upon a time there was a"};
const chat = (more = {}) => client.chat.completions.create({model: "stories", messages: [say],
    max_tokens: 24, temperature: 0, ...more});
const complete = (more = {}) => client.completions.create({model: "stories", max_tokens: 24,
    prompt: "Once upon a time", temperature: 0, ...more});

async function collect(stream) {
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return chunks;
}
const contentOf = (chunks, index = 0) => chunks.flatMap(chunk => chunk.choices)
    .filter(choice => choice.index === index).map(choice => choice.delta.content ?? "").join("");

const WEATHER = {type: "function", function: {name: "get_weather", description: "Weather at a place",
    parameters: {type: "object", properties: {place: {type: "string", maxLength: 12},
        unit: {enum: ["celsius", "fahrenheit"]}, days: {type: "integer", minimum: 1, maximum: 9}},
    required: ["place", "unit", "days"], additionalProperties: false}}};
const ADD = {type: "function", function: {name: "add", parameters: {type: "object", properties: {
    a: {type: "integer", minimum: 0, maximum: 99}, b: {type: "integer", minimum: 0, maximum: 99}},
    required: ["a", "b"], additionalProperties: false}}};
const TOOLS = {model: "tiny", messages: [say], tools: [WEATHER, ADD], max_tokens: 2000, temperature: 1.5,
    seed: 3};
const ajv = new Ajv({strict: false});

function validCalls(calls) {
    assert.ok(calls?.length >= 1, "there are calls");
    assert.equal(new Set(calls.map(call => call.id)).size, calls.length, "ids differ");
    for (const call of calls) {
        assert.equal(call.type, "function");
        assert.match(call.id, /^\w{6,}/);
        const tool = TOOLS.tools.find(one => one.function.name === call.function.name);
        assert.ok(tool, `a tool that exists: ${call.function.name}`);
        const given = JSON.parse(call.function.arguments);
        assert.ok(ajv.validate(tool.function.parameters, given), call.function.arguments);
    }
}

const PERSON = z.object({name: z.string().max(10), age: z.number().int().min(0).max(120),
    tags: z.array(z.enum(["red", "green"])).max(3)});

const unitLength = vector => Math.abs(Math.hypot(...vector) - 1) < 1e-5;

const CHAT = {
    async chat() {
        const {data: answer, response} = await chat().withResponse();
        assert.match(response.headers.get("content-type"), /^application\/json/);
        assert.ok(response.headers.get("x-request-id"));
        assert.equal(answer.object, "chat.completion");
        assert.match(answer.id, /^chatcmpl-./);
        assert.equal(answer.model, "stories");
        assert.ok(Math.abs(answer.created - Date.now() / 1000) < 600);
        assert.equal(answer.choices.length, 1);
        const [choice] = answer.choices;
        assert.equal(choice.index, 0);
        assert.equal(choice.message.role, "assistant");
        assert.ok(choice.message.content.length > 0);
        assert.equal(choice.message.tool_calls, undefined);
        assert.equal(choice.finish_reason, "length");
        assert.equal(choice.logprobs ?? null, null);
        const {usage} = answer;
        assert.equal(usage.completion_tokens, 24);
        assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
        assert.ok(usage.prompt_tokens_details.cached_tokens <= usage.prompt_tokens);
    },

    async usage_is_what_tokenize_says() {
        const {prompt} = await server.ask("/apply-template", {model: "stories", messages: [say]});
        const {tokens} = await server.ask("/tokenize", {model: "stories", content: prompt,
            add_special: true, parse_special: true});
        assert.equal((await chat()).usage.prompt_tokens, tokens.length);
        const plain = await server.tokens("Once upon a time", "stories");
        assert.equal((await complete()).usage.prompt_tokens, plain.length);
    },

    async the_same_seed_says_the_same() {
        const texts = [];
        for (const seed of [1, 1, 2])
            texts.push((await chat({seed, temperature: 1})).choices[0].message.content);
        assert.equal(texts[0], texts[1]);
        assert.notEqual(texts[0], texts[2]);
        const greedy = await chat({seed: 1}), other = await chat({seed: 2});
        assert.equal(greedy.choices[0].message.content, other.choices[0].message.content);
    },

    async stream() {
        for (const more of [{}, {temperature: 1, seed: 5}]) {
            const whole = await chat(more);
            const chunks = await collect(await chat({...more, stream: true}));
            assert.equal(contentOf(chunks), whole.choices[0].message.content);
            for (const key of ["id", "created", "model"])
                assert.equal(new Set(chunks.map(chunk => chunk[key])).size, 1, key);
            assert.ok(chunks.every(chunk => chunk.object === "chat.completion.chunk"));
            assert.ok(chunks.every(chunk => chunk.choices.length === 1));
            assert.ok(chunks.every(chunk => !chunk.usage), "no usage without being asked");
            assert.equal(chunks[0].choices[0].delta.role, "assistant");
            assert.equal(chunks[0].choices[0].delta.content, "");
            const reasons = chunks.map(chunk => chunk.choices[0].finish_reason);
            assert.deepEqual(reasons.slice(0, -1).filter(reason => reason !== null), []);
            assert.equal(reasons.at(-1), "length");
            assert.deepEqual(chunks.at(-1).choices[0].delta, {});
            assert.ok(chunks.length > 10, "it comes in pieces");
        }
    },

    async stream_with_usage() {
        const whole = await chat();
        const chunks = await collect(await chat({stream: true, stream_options: {include_usage: true}}));
        const last = chunks.at(-1);
        assert.deepEqual(last.choices, []);
        assert.equal(last.usage.prompt_tokens, whole.usage.prompt_tokens);
        assert.equal(last.usage.completion_tokens, whole.usage.completion_tokens);
        assert.equal(last.usage.total_tokens, whole.usage.total_tokens);
        assert.ok(chunks.slice(0, -1).every(chunk => chunk.usage === null), "null before it");
    },

    async stream_helper() {
        const runner = client.chat.completions.stream({model: "stories", messages: [say], max_tokens: 24,
            temperature: 0, stream_options: {include_usage: true}});
        let heard = "";
        runner.on("content", piece => { heard += piece; });
        const final = await runner.finalChatCompletion();
        const whole = await chat();
        assert.equal(final.choices[0].message.content, whole.choices[0].message.content);
        assert.equal(heard, final.choices[0].message.content);
        assert.equal(final.choices[0].finish_reason, "length");
        assert.equal((await runner.totalUsage()).total_tokens, whole.usage.total_tokens);
    },

    async several_choices() {
        const same = await chat({n: 2});
        assert.deepEqual(same.choices.map(choice => choice.index), [0, 1]);
        assert.equal(same.choices[0].message.content, same.choices[1].message.content);
        assert.equal(same.usage.completion_tokens, 48);
        const three = await chat({n: 3, temperature: 1, seed: 4});
        assert.equal(new Set(three.choices.map(choice => choice.message.content)).size, 3);
        const one = await chat({n: 1, temperature: 1, seed: 4});
        assert.equal(one.choices[0].message.content, three.choices[0].message.content);
        const chunks = await collect(await chat({n: 3, temperature: 1, seed: 4, stream: true}));
        for (const index of [0, 1, 2])
            assert.equal(contentOf(chunks, index), three.choices[index].message.content);
        const ends = chunks.flatMap(chunk => chunk.choices).filter(choice => choice.finish_reason);
        assert.deepEqual(ends.map(choice => choice.index).sort(), [0, 1, 2]);
    },

    async stops() {
        const text = (await chat()).choices[0].message.content;
        const stop = text.slice(12, 17);
        const until = text.slice(0, text.indexOf(stop));
        for (const given of [stop, [stop], ["never said, surely", stop]]) {
            const answer = await chat({stop: given});
            assert.equal(answer.choices[0].message.content, until);
            assert.equal(answer.choices[0].finish_reason, "stop");
            const chunks = await collect(await chat({stop: given, stream: true}));
            assert.equal(contentOf(chunks), until);
        }
    },

    async limits_by_both_names() {
        for (const name of ["max_tokens", "max_completion_tokens"]) {
            const answer = await chat({max_tokens: undefined, [name]: 5});
            assert.equal(answer.usage.completion_tokens, 5);
            assert.equal(answer.choices[0].finish_reason, "length");
        }
    },

    async logit_bias() {
        const plain = await chat({logprobs: true, top_logprobs: 2});
        const [first] = plain.choices[0].logprobs.content;
        const wanted = (await server.tokens("zebra", "stories")).at(-1);
        const biased = await chat({max_tokens: 3, logit_bias: {[wanted]: 100}, logprobs: true});
        const said = biased.choices[0].logprobs.content.map(entry => entry.token);
        assert.deepEqual(said, Array(3).fill(said[0]), "one token over and over");
        const id = (await server.tokens(first.token.trim(), "stories")).at(-1);
        const other = await chat({logit_bias: {[id]: -100}, logprobs: true});
        assert.notEqual(other.choices[0].logprobs.content[0].token, first.token);
    },

    async logprobs() {
        for (const more of [{}, {temperature: 1, seed: 9}]) {
            const answer = await chat({...more, logprobs: true, top_logprobs: 4});
            const [choice] = answer.choices;
            assert.equal(choice.logprobs.content.length, answer.usage.completion_tokens);
            assert.equal(choice.logprobs.refusal ?? null, null);
            for (const entry of choice.logprobs.content) {
                assert.ok(entry.logprob <= 0);
                assert.equal(Buffer.from(entry.bytes).toString(), entry.token);
                assert.equal(entry.top_logprobs.length, 4);
                const top = entry.top_logprobs.map(one => one.logprob);
                assert.deepEqual(top, [...top].sort((a, b) => b - a));
                const same = entry.top_logprobs.find(one => one.token === entry.token);
                if (same) assert.equal(same.logprob, entry.logprob);
                if (more.seed === undefined) assert.equal(entry.logprob, top[0]);
            }
            const bytes = Buffer.from(choice.logprobs.content.flatMap(entry => entry.bytes));
            assert.ok(bytes.toString().includes(choice.message.content.trim()));
            const chunks = await collect(await chat({...more, logprobs: true, top_logprobs: 4,
                stream: true}));
            const streamed = chunks.flatMap(chunk => chunk.choices[0].logprobs?.content ?? []);
            assert.deepEqual(streamed, choice.logprobs.content);
        }
        const none = await chat({logprobs: true});
        assert.ok(none.choices[0].logprobs.content.every(entry => entry.top_logprobs.length === 0));
    }
};

const STRUCTURE = {
    async parse() {
        const answer = await client.chat.completions.parse({model: "tiny", messages: [say], seed: 1,
            temperature: 1, max_tokens: 2000, response_format: zodResponseFormat(PERSON, "person")});
        const {parsed} = answer.choices[0].message;
        assert.equal(answer.choices[0].finish_reason, "stop");
        assert.ok(PERSON.safeParse(parsed).success, JSON.stringify(parsed));
        assert.deepEqual(JSON.parse(answer.choices[0].message.content), parsed);
    },

    async parse_in_a_stream() {
        const runner = client.chat.completions.stream({model: "tiny", messages: [say], seed: 2,
            temperature: 1, max_tokens: 2000, response_format: zodResponseFormat(PERSON, "person")});
        const {message} = (await runner.finalChatCompletion()).choices[0];
        assert.ok(PERSON.safeParse(message.parsed).success, message.content);
    },

    async json_object() {
        for (const seed of [1, 2, 3]) {
            const answer = await chat({temperature: 1, seed, max_tokens: 300,
                response_format: {type: "json_object"}});
            const [choice] = answer.choices;
            assert.equal(choice.finish_reason, "stop", choice.message.content);
            const value = JSON.parse(choice.message.content);
            assert.ok(value && typeof value === "object" && !Array.isArray(value));
        }
        const text = await chat({response_format: {type: "text"}});
        assert.equal(text.choices[0].message.content, (await chat()).choices[0].message.content);
    },

    async other_spellings_of_a_schema() {
        const schema = {type: "object", properties: {n: {type: "integer", minimum: 0, maximum: 9}},
            required: ["n"], additionalProperties: false};
        for (const more of [{response_format: {type: "json_schema", schema}},
            {response_format: {type: "json_object", schema}}, {json_schema: schema}]) {
            const answer = await chat({model: "tiny", temperature: 1, max_tokens: 200, ...more});
            assert.match(answer.choices[0].message.content, /^\s*\{\s*"n"\s*:\s*\d\s*\}\s*$/);
        }
    },

    async grammar_regex_choice() {
        const constrained = async more => (await chat({model: "tiny", temperature: 1, max_tokens: 200,
            ...more})).choices[0].message.content;
        assert.match(await constrained({grammar: 'root ::= "x" [0-9]{3} ("yes" | "no")'}),
            /^x\d{3}(yes|no)$/);
        assert.match(await constrained({regex: "[a-c]{4}-(one|two)"}), /^[a-c]{4}-(one|two)$/);
        assert.ok(["red", "green"].includes(await constrained({choice: ["red", "green"]})));
        await assert.rejects(constrained({grammar: 'root ::= "x" ('}), OpenAI.BadRequestError);
        await assert.rejects(constrained({regex: "(a"}), OpenAI.BadRequestError);
    },

    async a_schema_that_is_not_supported_is_named() {
        await assert.rejects(chat({model: "tiny", response_format: {type: "json_schema", json_schema: {
            name: "x", schema: {type: "object", properties: {a: {type: "array", contains: {type: "null"},
                maxContains: 2}}}}}}), error => {
            assert.ok(error instanceof OpenAI.BadRequestError);
            assert.match(error.message, /maxContains/);
            assert.match(error.message, /#\/properties\/a/);
            return true;
        });
    },

    async tools_required() {
        const answer = await client.chat.completions.create({...TOOLS, tool_choice: "required"});
        const [choice] = answer.choices;
        assert.equal(choice.finish_reason, "tool_calls");
        validCalls(choice.message.tool_calls);
    },

    async tools_named() {
        for (const name of ["add", "get_weather"]) {
            const answer = await client.chat.completions.create({...TOOLS,
                tool_choice: {type: "function", function: {name}}});
            validCalls(answer.choices[0].message.tool_calls);
            assert.ok(answer.choices[0].message.tool_calls.every(call => call.function.name === name));
        }
        await assert.rejects(client.chat.completions.create({...TOOLS,
            tool_choice: {type: "function", function: {name: "nobody"}}}), OpenAI.BadRequestError);
    },

    async tools_beside_a_format() {
        const schema = {type: "object", properties: {n: {type: "integer", minimum: 0, maximum: 9}},
            required: ["n"], additionalProperties: false};
        for (const response_format of [{type: "json_object"},
            {type: "json_schema", json_schema: {name: "x", schema}}])
            for (const tool_choice of ["auto", "required", "none"]) {
                const {choices: [{message, finish_reason}]} = await client.chat.completions.create({
                    ...TOOLS, tool_choice, response_format, max_tokens: 300});
                if (message.tool_calls) validCalls(message.tool_calls);
                else if (finish_reason === "stop") assert.equal(typeof JSON.parse(message.content), "object");
                assert.ok(tool_choice !== "required" || message.tool_calls || finish_reason === "length");
                assert.ok(tool_choice !== "none" || !message.tool_calls);
            }
    },

    async tools_that_say_more_than_can_be_enforced() {
        const tool = strict => [{type: "function", function: {name: "f", strict, parameters: {type: "object",
            properties: {a: {type: "array", items: {type: "integer"}, uniqueItems: true}}, required: ["a"]}}}];
        const answer = await client.chat.completions.create({...TOOLS, tools: tool(undefined),
            max_tokens: 5});
        assert.match(answer.warnings.join(), /tools: not enforced: .*uniqueItems/);
        await assert.rejects(client.chat.completions.create({...TOOLS, tools: tool(true), max_tokens: 5}),
            OpenAI.BadRequestError);
        await assert.rejects(client.chat.completions.create({...TOOLS, tools: tool(undefined),
            tool_choice: "required", max_tokens: 5}), OpenAI.BadRequestError);
    },

    async tools_none_and_auto() {
        const none = await client.chat.completions.create({...TOOLS, tool_choice: "none",
            max_tokens: 40});
        assert.equal(none.choices[0].message.tool_calls, undefined);
        assert.equal(none.choices[0].finish_reason, "length");
        const auto = await client.chat.completions.create({...TOOLS, tool_choice: "auto",
            max_tokens: 40});
        const {message} = auto.choices[0];
        if (message.tool_calls) validCalls(message.tool_calls);
        else assert.equal(typeof message.content, "string");
    },

    async tools_one_at_a_time() {
        for (const seed of [1, 2, 3, 4]) {
            const answer = await client.chat.completions.create({...TOOLS, seed, tool_choice: "required",
                parallel_tool_calls: false});
            assert.equal(answer.choices[0].message.tool_calls.length, 1);
            validCalls(answer.choices[0].message.tool_calls);
        }
    },

    async tools_streamed() {
        const given = {...TOOLS, tool_choice: "required", logprobs: true, top_logprobs: 1};
        const whole = await client.chat.completions.create(given);
        const chunks = await collect(await client.chat.completions.create({...given, stream: true}));
        const calls = [];
        for (const piece of chunks.flatMap(chunk => chunk.choices[0].delta.tool_calls ?? [])) {
            assert.equal(typeof piece.index, "number");
            if (calls[piece.index] === undefined) {
                assert.equal(piece.index, calls.length, "indexes rise by one");
                assert.ok(piece.id && piece.function.name, "the first piece has id and name");
                assert.equal(piece.type, "function");
                calls.push({...piece.function, arguments: ""});
            }
            calls[piece.index].arguments += piece.function.arguments ?? "";
        }
        const expected = whole.choices[0].message.tool_calls.map(call => call.function);
        assert.deepEqual(calls, expected);
        assert.equal(chunks.at(-1).choices[0].finish_reason, "tool_calls");
        const heard = chunks.flatMap(chunk => chunk.choices[0].logprobs?.content ?? []);
        assert.deepEqual(heard, whole.choices[0].logprobs.content, "log-probabilities with tools");
        assert.equal(heard.length, whole.usage.completion_tokens);
        const runner = client.chat.completions.stream({...TOOLS, tool_choice: "required"});
        const final = await runner.finalChatCompletion();
        validCalls(final.choices[0].message.tool_calls);
        assert.deepEqual(final.choices[0].message.tool_calls.map(call => ({name: call.function.name,
            arguments: call.function.arguments})), expected);
    },

    async tool_results_are_read() {
        const calls = [{id: "call_1", type: "function",
            function: {name: "add", arguments: "{\"a\":1,\"b\":2}"}}];
        const answer = await client.chat.completions.create({...TOOLS, max_tokens: 5, tool_choice: "none",
            messages: [say, {role: "assistant", content: null, tool_calls: calls},
                {role: "tool", tool_call_id: "call_1", content: "3"}]});
        assert.equal(answer.usage.completion_tokens, 5);
    }
};

const COMPLETIONS = {
    async completion() {
        const answer = await complete();
        assert.equal(answer.object, "text_completion");
        assert.match(answer.id, /^cmpl-./);
        assert.equal(answer.choices[0].finish_reason, "length");
        assert.ok(answer.choices[0].text.length > 0);
        assert.equal(answer.usage.completion_tokens, 24);
        const chunks = await collect(await complete({stream: true,
            stream_options: {include_usage: true}}));
        assert.equal(chunks.flatMap(chunk => chunk.choices).map(choice => choice.text).join(""),
            answer.choices[0].text);
        assert.equal(chunks.at(-1).usage.total_tokens, answer.usage.total_tokens);
        assert.ok(chunks.every(chunk => chunk.object === "text_completion"));
    },

    async prompts_of_every_form() {
        const texts = ["Once upon a time", "The little dog"];
        const ids = await Promise.all(texts.map(text => server.tokens(text, "stories")));
        const single = await Promise.all(texts.map(prompt => complete({prompt})));
        const expected = single.map(answer => answer.choices[0].text);
        for (const [prompt, wanted] of [[texts, expected], [ids, expected], [ids[0], [expected[0]]],
            [[ids[1]], [expected[1]]]]) {
            const answer = await complete({prompt});
            assert.deepEqual(answer.choices.map(choice => choice.index), wanted.map((_, i) => i));
            assert.deepEqual(answer.choices.map(choice => choice.text), wanted);
        }
        const joined = () => server.metric("primer_joined_passes_total"), before = await joined();
        const both = await complete({prompt: texts});
        // Whether two threads meet in a pass is a matter of luck where a pass takes microseconds.
        for (let i = 0; i < 50 && await joined() === before; i++) await complete({prompt: texts});
        assert.ok(await joined() > before, "several prompts share the passes over the weights");
        assert.equal(both.usage.prompt_tokens, ids[0].length + ids[1].length);
        assert.equal(both.usage.completion_tokens, 48);
        const pairs = await complete({prompt: texts, n: 2});
        assert.deepEqual(pairs.choices.map(choice => choice.text),
            [expected[0], expected[0], expected[1], expected[1]]);
    },

    async echo_and_logprobs() {
        const text = "Once upon a time";
        const plain = await complete({logprobs: 3});
        const {logprobs} = plain.choices[0];
        for (const key of ["tokens", "token_logprobs", "top_logprobs", "text_offset"])
            assert.equal(logprobs[key].length, 24, key);
        assert.equal(logprobs.tokens.join(""), plain.choices[0].text);
        const echo = await complete({echo: true, logprobs: 3});
        assert.equal(echo.choices[0].text, text + plain.choices[0].text);
        const count = echo.usage.prompt_tokens + 24, found = echo.choices[0].logprobs;
        for (const key of ["tokens", "token_logprobs", "top_logprobs", "text_offset"])
            assert.equal(found[key].length, count, key);
        assert.equal(found.token_logprobs[0], null);
        assert.equal(found.top_logprobs[0], null);
        assert.ok(found.token_logprobs.slice(1).every(value => value <= 0));
        assert.deepEqual(found.token_logprobs.slice(-24), logprobs.token_logprobs);
        assert.equal((await complete({echo: true})).choices[0].text, echo.choices[0].text);
        const nothing = await complete({echo: true, max_tokens: 0, logprobs: 1});
        assert.equal(nothing.choices[0].text, text);
        assert.equal(nothing.choices[0].logprobs.tokens.length, nothing.usage.prompt_tokens);
    },

    async best_of() {
        const many = await complete({temperature: 1, seed: 6, n: 4, logprobs: 0});
        const sums = many.choices.map(choice => choice.logprobs.token_logprobs.reduce((a, b) => a + b) /
            choice.logprobs.token_logprobs.length);
        const best = await complete({temperature: 1, seed: 6, n: 1, best_of: 4});
        assert.equal(best.choices.length, 1);
        assert.equal(best.choices[0].text, many.choices[sums.indexOf(Math.max(...sums))].text);
        assert.equal(best.usage.completion_tokens, many.usage.completion_tokens);
        await assert.rejects(complete({n: 3, best_of: 2}), OpenAI.BadRequestError);
    },

    async suffix_is_refused_by_name() {
        await assert.rejects(complete({suffix: " the end"}), error => {
            assert.ok(error instanceof OpenAI.BadRequestError);
            assert.match(error.message, /suffix/);
            return true;
        });
    }
};

const REST = {
    async embeddings() {
        const input = ["a little girl", "The dog ran.", "a little girl"];
        const found = await client.embeddings.create({model: "stories", input});
        const floats = await client.embeddings.create({model: "stories", input,
            encoding_format: "float"});
        assert.equal(found.object, "list");
        assert.equal(found.model, "stories");
        const named = await client.embeddings.create({model: "STORIES:latest", input});
        assert.equal(named.model, "STORIES:latest", "the name that was asked for, as in a chat's answer");
        assert.deepEqual(found.data.map(one => one.index), [0, 1, 2]);
        assert.deepEqual(found.data.map(one => one.object), Array(3).fill("embedding"));
        found.data.forEach(({embedding}, i) => {
            assert.deepEqual([...embedding], Array.from(Float32Array.from(floats.data[i].embedding)));
            assert.ok(unitLength(embedding));
        });
        assert.deepEqual([...found.data[0].embedding], [...found.data[2].embedding]);
        assert.notDeepEqual([...found.data[0].embedding], [...found.data[1].embedding]);
        const ids = await Promise.all(input.map(text => server.tokens(text, "stories")));
        const tokens = ids.reduce((sum, list) => sum + list.length, 0);
        assert.deepEqual(found.usage, {...found.usage, prompt_tokens: tokens, total_tokens: tokens});
        const byIds = await client.embeddings.create({model: "stories", input: ids});
        assert.deepEqual(byIds.data, found.data);
        const one = await client.embeddings.create({model: "stories", input: ids[1]});
        assert.deepEqual(one.data[0].embedding, found.data[1].embedding);
    },

    async embeddings_of_fewer_dimensions() {
        const whole = await client.embeddings.create({model: "stories", input: "a dog"});
        const short = await client.embeddings.create({model: "stories", input: "a dog", dimensions: 16});
        const [vector] = short.data.map(one => one.embedding);
        assert.equal(vector.length, 16);
        assert.ok(unitLength(vector));
        const scale = vector[0] / whole.data[0].embedding[0];
        vector.forEach((value, i) =>
            assert.ok(Math.abs(value - scale * whole.data[0].embedding[i]) < 1e-5));
        for (const dimensions of [0, -1, 100000])
            await assert.rejects(client.embeddings.create({model: "stories", input: "a", dimensions}),
                OpenAI.BadRequestError);
    },

    async models() {
        const list = [];
        for await (const model of client.models.list()) list.push(model);
        assert.deepEqual(list.map(model => model.id).sort(), ["stories", "tiny"]);
        for (const model of list) {
            assert.equal(model.object, "model");
            assert.equal(typeof model.owned_by, "string");
            assert.ok(Number.isInteger(model.created));
            assert.deepEqual(await client.models.retrieve(model.id), model);
        }
        await assert.rejects(client.models.retrieve("nobody"), OpenAI.NotFoundError);
    },

    async errors_have_their_classes() {
        const wrong = [{temperature: "hot"}, {temperature: -1}, {max_tokens: "many"}, {messages: []},
            {messages: "hello"}, {messages: [{role: "robot", content: "x"}]}, {n: 0}, {n: 1.5},
            {top_p: 2}, {stop: 5}, {stream: "yes"}, {tools: {}}, {tool_choice: "sometimes"},
            {response_format: {type: "xml"}}, {logit_bias: {x: 1}}, {top_logprobs: 99, logprobs: true}];
        for (const more of wrong)
            await assert.rejects(chat(more), error => {
                assert.ok(error instanceof OpenAI.BadRequestError, `${JSON.stringify(more)}: ${error}`);
                assert.equal(error.type, "invalid_request_error");
                assert.ok(error.message.includes(Object.keys(more)[0]) || error.message.includes("role"),
                    `names the member: ${error.message}`);
                return true;
            });
        await assert.rejects(chat({model: "nobody"}), error => {
            assert.ok(error instanceof OpenAI.NotFoundError);
            assert.equal(error.code, "model_not_found");
            assert.match(error.message, /nobody/);
            return true;
        });
    },

    async a_prompt_too_long_names_both_numbers() {
        const prompt = "word ".repeat(2000);
        const tokens = await server.tokens(prompt, "stories");
        await assert.rejects(complete({prompt}), error => {
            assert.ok(error instanceof OpenAI.BadRequestError);
            assert.ok(error.message.includes(String(tokens.length)), error.message);
            assert.ok(error.message.includes("512"), error.message);
            return true;
        });
    },

    async an_error_in_a_stream_is_thrown() {
        await assert.rejects(async () => collect(await chat({stream: true,
            messages: [{role: "user", content: "word ".repeat(2000)}]})), OpenAI.BadRequestError);
    },

    async keys() {
        const file = join(folder, "keys");
        writeFileSync(file, "# those of the test\nfirst-key\nsecond-key\n", {mode: 0o600});
        const guarded = await serve([storiesModel()], ["--api-key-file", file]);
        const by = apiKey => new OpenAI({baseURL: `${guarded.url}/v1`, apiKey, maxRetries: 0});
        for (const key of ["first-key", "second-key"])
            assert.equal((await by(key).models.list()).data.length, 1);
        for (const key of ["first-ke", "first-key1", "x"])
            await assert.rejects(by(key).models.list(), OpenAI.AuthenticationError);
        assert.equal((await guarded.get("/health")).status, 200);
        assert.equal((await guarded.get("/v1/models", {headers: {"x-api-key": "second-key"}})).status, 200);
        assert.equal((await guarded.get("/api/tags")).status, 401);
        await guarded.stop();
    }
};

// One place, and one who may wait for it.
const NARROW = {
    async a_full_house_is_tried_again() {
        const narrow = await serve([await tinyModel()], ["--parallel", "1", "--max-queue", "1"]);
        const long = {model: "tiny", messages: [say], max_tokens: 7000, stream: true,
            logit_bias: {50256: -100}};
        const controller = new AbortController();
        const ask = () => fetch(`${narrow.url}/v1/chat/completions`, {method: "POST",
            body: JSON.stringify(long), signal: controller.signal}).then(answer => answer.text())
            .catch(() => {});
        ask();
        await until("one runs", async () => (await narrow.metric("primer_requests_running")) === 1);
        ask();
        await until("one waits", async () => (await narrow.metric("primer_requests_waiting")) === 1);
        const refused = await narrow.post("/v1/chat/completions", {...long, stream: false, max_tokens: 2});
        assert.equal(refused.status, 503, refused.text.slice(0, 200));
        assert.match(refused.headers.get("retry-after"), /^\d+$/);
        assert.equal(typeof refused.json.error.message, "string");
        const native = await narrow.post("/api/chat", {model: "tiny", messages: [say]});
        assert.equal(native.status, 503);
        assert.equal(typeof native.json.error, "string");
        assert.equal((await narrow.get("/v1/models")).status, 200, "what needs no place is answered");
        const statuses = [];
        const patient = new OpenAI({baseURL: `${narrow.url}/v1`, apiKey: "any", maxRetries: 20,
            fetch: async (...given) => {
                const answer = await fetch(...given);
                statuses.push(answer.status);
                if (statuses.length === 1) controller.abort();
                return answer;
            }});
        const answer = await patient.chat.completions.create({model: "tiny", messages: [say],
            max_tokens: 2});
        assert.equal(answer.usage.completion_tokens, 2);
        assert.equal(statuses[0], 503);
        assert.equal(statuses.at(-1), 200);
        await narrow.stop();
    },

    async hanging_up_frees_the_place() {
        const narrow = await serve([await tinyModel()], ["--parallel", "1"]);
        const given = {model: "tiny", prompt: "a b c", max_tokens: 7000, stream: true,
            logit_bias: {50256: -100}};
        const begin = performance.now();
        const whole = await narrow.post("/v1/completions", {...given, max_tokens: 500});
        assert.ok(whole.events.length > 10);
        const each = (performance.now() - begin) / 500;
        const user = new OpenAI({baseURL: `${narrow.url}/v1`, apiKey: "any", maxRetries: 0});
        for (let round = 0; round < 3; round++) {
            const stream = await user.completions.create(given);
            for await (const chunk of stream) {
                assert.ok(chunk.choices);
                break; // the package hangs up
            }
            stream.controller.abort();
            const start = performance.now();
            await wellBeing(narrow);
            const waited = performance.now() - start;
            assert.ok(waited < 0.2 * 7000 * each, `the next answer came after ${waited} ms, ` +
                `the one hung up on would have taken ${7000 * each} ms`);
        }
        await assert.rejects(user.completions.create({...given, stream: false},
            {timeout: 200}), OpenAI.APIConnectionTimeoutError);
        await within(seconds(5), "a place after a client's time ran out", wellBeing(narrow));
        await narrow.stop();
    },

    async hanging_up_ends_an_embedding() {
        const narrow = await serve([await tinyModel()], ["--parallel", "1"]);
        const input = "word ".repeat(8000), options = {num_ctx: 8192};
        const asks = [["/v1/embeddings", {input, ...options}], ["/api/embed", {input, options}],
            ["/api/embeddings", {prompt: input, options}]];
        const runs = async count => (await narrow.metric("primer_requests_running")) === count;
        for (const [path, given] of asks) {
            const ask = {model: "tiny", ...given}, begin = performance.now();
            await narrow.ask(path, ask);
            const whole = performance.now() - begin, controller = new AbortController();
            fetch(narrow.url + path, {method: "POST", body: JSON.stringify(ask),
                signal: controller.signal}).catch(() => {});
            await until("it runs", () => runs(1));
            controller.abort();
            const start = performance.now();
            await until("its place is free", () => runs(0), seconds(60));
            const waited = performance.now() - start;
            assert.ok(waited < whole / 2, `${path}: free after ${waited} ms, the whole takes ${whole} ms`);
        }
        await narrow.stop();
    },

    async a_client_that_leaves_while_it_waits() {
        const narrow = await serve([await tinyModel()], ["--parallel", "1"]);
        const long = {model: "tiny", prompt: "a", max_tokens: 7000, stream: true,
            logit_bias: {50256: -100}};
        const controllers = [];
        for (let i = 0; i < 4; i++) {
            controllers.push(new AbortController());
            fetch(`${narrow.url}/v1/completions`, {method: "POST", body: JSON.stringify(long),
                signal: controllers[i].signal}).then(answer => answer.text()).catch(() => {});
        }
        await until("one runs", async () => (await narrow.metric("primer_requests_running")) === 1);
        for (const controller of controllers) controller.abort();
        await within(seconds(5), "everybody has left", wellBeing(narrow));
        assert.equal((await hangUp(narrow, "/v1/completions", long)).status, 200);
        await narrow.stop();
    }
};

await cases({...CHAT, ...STRUCTURE, ...COMPLETIONS, ...REST, ...NARROW});
