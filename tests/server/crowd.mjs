// crowd.mjs CLIENTS SECONDS [SEED] - so many clients at once, half of which hang up in the middle of what they
// asked for. Nobody gets an error that wasn't their own doing, every whole answer is the one that was given
// when nobody else was there, memory stays as it is after the first half, and at the end all places are free.
import {readdirSync} from "node:fs";
import {assert, cases, dice, hangUp, instrumented, serve, storiesModel, tinyModel, until, wellBeing}
    from "./harness.mjs";

const [clients = 16, duration = 5, seed = 1] = process.argv.slice(2).map(Number);
const server = await serve([storiesModel(), await tinyModel()], ["--parallel", "8"]);

const say = content => [{role: "user", content}];
const TOOLS = [{type: "function", function: {name: "add", parameters: {type: "object", properties: {
    a: {type: "integer", minimum: 0, maximum: 99}}, required: ["a"], additionalProperties: false}}}];
const SCHEMA = {type: "object", properties: {n: {type: "integer", minimum: 0, maximum: 9},
    s: {type: "string", maxLength: 8}}, required: ["n", "s"], additionalProperties: false};
const STORY = "Once upon a time, in a small house, there was a ";

// Everything that is asked; what depends on no more than the request has to come out the same each time.
function questions() {
    const list = [], sampled = {temperature: 1, seed: 7, max_tokens: 40};
    for (const stream of [false, true]) {
        for (const who of ["dog", "cat", "girl called Lily"]) {
            list.push(["/v1/completions", {model: "stories", prompt: STORY + who, stream, ...sampled}]);
            list.push(["/v1/chat/completions", {model: "stories", messages: say(STORY + who), stream,
                temperature: 0, max_tokens: 60}]);
            list.push(["/api/generate", {model: "stories", prompt: STORY + who, stream,
                options: {seed: 3, num_predict: 50}}]);
            list.push(["/api/chat", {model: "tiny", messages: say(who), stream,
                options: {seed: 3, num_predict: 20}}]);
        }
        list.push(["/v1/chat/completions", {model: "tiny", messages: say("x"), stream, tools: TOOLS,
            tool_choice: "required", temperature: 1, seed: 2, max_tokens: 200}]);
        list.push(["/v1/chat/completions", {model: "tiny", messages: say("x"), stream, ...sampled, n: 3,
            logprobs: true, top_logprobs: 2}]);
        list.push(["/v1/chat/completions", {model: "tiny", messages: say("x"), stream, temperature: 1,
            seed: 4, max_tokens: 200, response_format: {type: "json_schema",
                json_schema: {name: "x", schema: SCHEMA}}}]);
    }
    list.push(["/v1/completions", {model: "stories", prompt: [STORY, "The dog"], temperature: 0,
        max_tokens: 1, logprobs: 1, echo: true}]);
    list.push(["/v1/embeddings", {model: "stories", input: [STORY, "The dog"]}]);
    list.push(["/api/embed", {model: "stories", input: STORY}]);
    list.push(["/tokenize", {model: "tiny", content: STORY}]);
    return list;
}

// What of an answer says what was said: without times, names of requests, what was found in a cache.
const FLEETING = new Set(["id", "created", "created_at", "timings", "total_duration", "load_duration",
    "prompt_eval_duration", "eval_duration", "prompt_tokens_details", "x_primer"]);
function lasting(value) {
    if (Array.isArray(value)) return value.map(lasting);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).filter(([key]) => !FLEETING.has(key))
        .map(([key, inner]) => [key, lasting(inner)]));
}

// A stream's pieces may be cut elsewhere when others are served too: their texts are joined.
function joined(parts) {
    const texts = {}, rest = [];
    const add = (key, text) => { if (text) texts[key] = (texts[key] ?? "") + text; };
    for (const part of parts.map(lasting)) {
        add("response", part.response);
        add("message", part.message?.content);
        for (const choice of part.choices ?? []) {
            add(`text ${choice.index}`, choice.text);
            add(`content ${choice.index}`, choice.delta?.content);
            for (const entry of choice.logprobs?.content ?? []) add(`p ${choice.index}`, `${entry.logprob} `);
            for (const call of choice.delta?.tool_calls ?? []) {
                add(`name ${choice.index} ${call.index}`, call.function.name);
                add(`call ${choice.index} ${call.index}`, call.function.arguments);
            }
            if (choice.finish_reason) texts[`reason ${choice.index}`] = choice.finish_reason;
        }
        if (part.done) rest.push({...part, message: undefined, response: undefined});
    }
    const sorted = Object.fromEntries(Object.entries(texts).sort(([a], [b]) => a < b ? -1 : 1));
    return {texts: sorted, rest}; // which of several choices comes first is nobody's promise
}

async function answer([path, body]) {
    const given = await server.post(path, body);
    assert.equal(given.status, 200, `${path}: ${given.text.slice(0, 300)}`);
    if (!body.stream && !(path.startsWith("/api/") && body.stream === undefined &&
        (path === "/api/chat" || path === "/api/generate"))) return JSON.stringify(lasting(given.json));
    return JSON.stringify(joined(path.startsWith("/api/") ? given.lines : given.events));
}

const QUESTIONS = questions(), alone = [];
const count = {whole: 0, left: 0};
const failures = [];

async function client(number, end) {
    const luck = dice(seed * 7919 + number), leaves = number % 2 === 1;
    const streams = QUESTIONS.filter(([, body]) => body.stream === true);
    while (performance.now() < end && failures.length < 10) {
        try {
            if (leaves) {
                const [path, body] = luck.of(streams), enough = luck.below(2500);
                const {status} = await hangUp(server, path, body, text => text.length > enough);
                assert.equal(status, 200);
                count.left++;
            } else {
                const index = luck.below(QUESTIONS.length);
                assert.equal(await answer(QUESTIONS[index]), alone[index],
                    `${QUESTIONS[index][0]} ${JSON.stringify(QUESTIONS[index][1])}`);
                count.whole++;
            }
        } catch (error) {
            failures.push(`client ${number}: ${error.message} ${error.cause ?? ""}`);
        }
        assert.ok(server.alive(), server.errors.slice(-2000));
    }
}

async function crowd(milliseconds) {
    const end = performance.now() + milliseconds;
    await Promise.all(Array.from({length: clients}, (_, number) => client(number, end)));
    assert.equal(failures.length, 0, `\n${failures.join("\n")}`);
}

const files = () => readdirSync(`/proc/${server.child.pid}/fd`).length;
let memory, open;
const list = {
    async alone() {
        for (const question of QUESTIONS) alone.push(await answer(question));
        for (const [i, question] of QUESTIONS.entries()) assert.equal(await answer(question), alone[i]);
        open = files();
    },

    async first_half() {
        try {
            await crowd(duration * 500);
        } finally {
            memory = server.memory();
        }
    },

    async second_half() {
        await crowd(duration * 500);
        console.log(`    ${count.whole} whole answers, ${count.left} clients left`);
        assert.ok(count.whole >= clients && count.left >= clients / 2, JSON.stringify(count));
    },

    async nothing_is_left_of_them() {
        for (const name of ["primer_requests_running", "primer_requests_waiting"])
            await until(`${name} is 0`, async () => (await server.metric(name)) === 0);
        const most = open + clients + 8; // connections that clients keep for later
        await until(`at most ${most} files are open`, () => files() <= most);
        if (!instrumented) { // in less than a minute the caches are still being filled
            const more = server.memory() - memory, most = duration < 60 ? 32 << 20 : 16 << 20;
            assert.ok(more < Math.max(most, memory * 0.05), `${more} bytes more after the second half`);
        }
        assert.equal(typeof await wellBeing(server), "string");
    }
};
await cases(list, {longest: duration + 90});
