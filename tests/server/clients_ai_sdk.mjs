// clients_ai_sdk.mjs - the packages `ai` and `@ai-sdk/openai-compatible` against primer serve. They hold every
// chunk against a schema, so that a wrong shape is an error here where others would overlook it.
import {APICallError, embed, embedMany, generateObject, generateText, isStepCount, jsonSchema, streamObject,
    streamText, tool} from "ai";
import {createOpenAICompatible} from "@ai-sdk/openai-compatible";
import {z} from "zod";
import {assert, cases, seconds, serve, storiesModel, tinyModel, wellBeing, within} from "./harness.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;
const server = await serve([storiesModel(), await tinyModel()]);
const provider = createOpenAICompatible({name: "primer", baseURL: `${server.url}/v1`, includeUsage: true,
    supportsStructuredOutputs: true});
const stories = provider("stories"), tiny = provider("tiny");
const ask = {model: stories, prompt: "Once upon a time there was a", temperature: 0, maxOutputTokens: 24,
    maxRetries: 0};

const place = z.object({place: z.string().max(12), days: z.number().int().min(1).max(9)});

// The tools note with what they were called.
function someTools() {
    const given = [];
    return {given, tools: {
        weather: tool({description: "Weather at a place", inputSchema: place,
            execute: async input => { given.push(["weather", input]); return {degrees: 20}; }}),
        add: tool({description: "Adds", inputSchema: jsonSchema({type: "object", properties: {
            a: {type: "integer", minimum: 0, maximum: 99}}, required: ["a"], additionalProperties: false}),
        execute: async input => { given.push(["add", input]); return input.a + 1; }})
    }};
}

function validInputs(given) {
    assert.ok(given.length > 0, "tools were called");
    for (const [name, input] of given)
        if (name === "weather") assert.ok(place.safeParse(input).success, JSON.stringify(input));
        else assert.ok(Number.isInteger(input.a) && input.a >= 0 && input.a <= 99);
}

await cases({
    async text() {
        const whole = await generateText(ask);
        assert.ok(whole.text.length > 0);
        assert.equal(whole.finishReason, "length");
        assert.equal(whole.usage.outputTokens, 24);
        assert.equal(whole.usage.totalTokens, whole.usage.inputTokens + 24);
        const stream = streamText({...ask, onError() {}});
        let text = "", pieces = 0;
        for await (const piece of stream.textStream) {
            text += piece;
            pieces++;
        }
        assert.equal(text, whole.text);
        assert.ok(pieces > 10);
        assert.equal(await stream.finishReason, "length");
        const usage = await stream.usage;
        assert.equal(usage.inputTokens, whole.usage.inputTokens);
        assert.equal(usage.outputTokens, 24);
    },

    async conversation() {
        const {text, usage} = await generateText({...ask, prompt: undefined, instructions: "Be brief.",
            messages: [{role: "user", content: [{type: "text", text: "Once"}, {type: "text", text: "upon"}]},
                {role: "assistant", content: "a time"}, {role: "user", content: "there was"}]});
        assert.ok(text.length > 0 && usage.inputTokens > 5);
    },

    async completion() {
        const {text} = await generateText({...ask, model: provider.completionModel("stories")});
        assert.ok(text.length > 0);
    },

    async object() {
        const schema = z.object({name: z.string().max(10), tags: z.array(z.enum(["a", "b"])).max(3),
            at: place.nullable()});
        for (const seed of [1, 2, 3]) {
            const given = {model: tiny, prompt: "x", schema, seed, temperature: 1, maxOutputTokens: 2000,
                maxRetries: 0};
            const {object, finishReason} = await generateObject(given);
            assert.ok(schema.safeParse(object).success);
            assert.equal(finishReason, "stop");
            const stream = streamObject({...given, onError() {}});
            let last;
            for await (const part of stream.partialObjectStream) last = part;
            assert.deepEqual(last, object);
            assert.deepEqual(await stream.object, object);
        }
    },

    async tools_over_several_steps() {
        const {given, tools} = someTools();
        const result = await generateText({model: tiny, prompt: "x", tools, toolChoice: "required", seed: 1,
            temperature: 1.5, maxOutputTokens: 2000, stopWhen: isStepCount(3), maxRetries: 0});
        assert.equal(result.steps.length, 3);
        for (const step of result.steps) {
            assert.equal(step.finishReason, "tool-calls");
            assert.ok(step.toolCalls.length > 0 && step.toolResults.length === step.toolCalls.length);
            assert.ok(step.toolCalls.every(call => !call.invalid));
        }
        validInputs(given);
    },

    async tools_streamed() {
        const {given, tools} = someTools();
        const stream = streamText({model: tiny, prompt: "x", tools, seed: 2, temperature: 1.5,
            toolChoice: {type: "tool", toolName: "weather"}, maxOutputTokens: 2000, stopWhen: isStepCount(2),
            maxRetries: 0, onError() {}});
        const kinds = new Set();
        for await (const part of stream.fullStream ?? stream.stream) {
            kinds.add(part.type);
            assert.notEqual(part.type, "error", String(part.error));
        }
        for (const kind of ["tool-input-start", "tool-input-delta", "tool-input-end", "tool-call",
            "tool-result"]) assert.ok(kinds.has(kind), kind);
        validInputs(given);
        assert.ok(given.every(([name]) => name === "weather"));
        assert.equal((await stream.steps).length, 2);
    },

    async vectors() {
        const model = provider.embeddingModel("stories");
        const one = await embed({model, value: "a little girl", maxRetries: 0});
        const many = await embedMany({model, values: ["a little girl", "a dog"], maxRetries: 0});
        assert.deepEqual(many.embeddings[0], one.embedding);
        assert.ok(Math.abs(Math.hypot(...one.embedding) - 1) < 1e-5);
        assert.equal(one.usage.tokens, (await server.tokens("a little girl", "stories")).length);
    },

    async errors() {
        await assert.rejects(generateText({...ask, model: provider("nobody")}), error => {
            assert.ok(APICallError.isInstance(error), String(error));
            assert.equal(error.statusCode, 404);
            assert.match(error.message, /nobody/);
            assert.equal(error.data.error.code, "model_not_found");
            return true;
        });
        await assert.rejects(generateText({...ask, prompt: "word ".repeat(2000)}), error => {
            assert.equal(error.statusCode, 400);
            assert.match(error.message, /512/);
            return true;
        });
        const failures = [];
        const stream = streamText({...ask, model: provider("nobody"),
            onError: ({error}) => { failures.push(error); }});
        await stream.consumeStream();
        assert.equal(failures.length, 1);
    },

    async abort() {
        const narrow = await serve([await tinyModel()], ["--parallel", "1"]);
        const model = createOpenAICompatible({name: "narrow", baseURL: `${narrow.url}/v1`})("tiny");
        const controller = new AbortController();
        const stream = streamText({model, prompt: "x", maxOutputTokens: 7000, temperature: 0,
            abortSignal: controller.signal, onError() {}});
        for await (const piece of stream.textStream) if (piece !== undefined) controller.abort();
        await within(seconds(3), "a place after an abort", wellBeing(narrow));
        await narrow.stop();
    }
});
