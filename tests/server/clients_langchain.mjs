// clients_langchain.mjs - `@langchain/openai` and `@langchain/ollama` against primer serve: the same program
// over both dialects says the same.
import {ChatOllama, OllamaEmbeddings} from "@langchain/ollama";
import {ChatOpenAI, OpenAI, OpenAIEmbeddings} from "@langchain/openai";
import {AIMessage, HumanMessage, SystemMessage, ToolMessage} from "@langchain/core/messages";
import {tool} from "@langchain/core/tools";
import {z} from "zod";
import {assert, cases, serve, storiesModel, tinyModel} from "./harness.mjs";

const server = await serve([storiesModel(), await tinyModel()]);
const configuration = {baseURL: `${server.url}/v1`};
const openai = (more = {}) => new ChatOpenAI({model: "stories", apiKey: "any", temperature: 0, maxRetries: 0,
    maxTokens: 24, configuration, ...more});
const ollama = (more = {}) => new ChatOllama({model: "stories", baseUrl: server.url, temperature: 0,
    numPredict: 24, maxRetries: 0, ...more});
const question = [new SystemMessage("Be brief."), new HumanMessage("Once upon a time there was a")];

const weather = tool(async () => "20", {name: "weather", description: "Weather at a place",
    schema: z.object({place: z.string().max(12), days: z.number().int().min(1).max(9)})});
const person = z.object({name: z.string().max(10), age: z.number().int().min(0).max(120)});

async function streamed(model, least = 10) {
    let whole, pieces = 0;
    for await (const piece of await model.stream(question)) {
        whole = whole ? whole.concat(piece) : piece;
        pieces++;
    }
    assert.ok(pieces > least, `${pieces} pieces`);
    return whole;
}

await cases({
    async both_dialects_say_the_same() {
        const first = await openai().invoke(question), second = await ollama().invoke(question);
        assert.ok(first.content.length > 0);
        assert.equal(second.content, first.content);
        assert.equal(first.usage_metadata.output_tokens, 24);
        assert.deepEqual([second.usage_metadata.input_tokens, second.usage_metadata.output_tokens],
            [first.usage_metadata.input_tokens, first.usage_metadata.output_tokens]);
        assert.equal(first.response_metadata.finish_reason, "length");
        assert.equal(second.response_metadata.done_reason, "length");
        assert.ok(second.response_metadata.eval_duration > 0);
    },

    async streams() {
        const whole = await openai().invoke(question);
        const first = await streamed(openai()), second = await streamed(ollama());
        assert.equal(first.content, whole.content);
        assert.equal(second.content, whole.content);
        assert.equal(first.usage_metadata.total_tokens, whole.usage_metadata.total_tokens);
        assert.equal(second.usage_metadata.total_tokens, whole.usage_metadata.total_tokens);
    },

    async batches() {
        const answers = await openai().batch([question, question, question]);
        assert.equal(new Set(answers.map(answer => answer.content)).size, 1);
    },

    async completions() {
        const model = new OpenAI({model: "stories", apiKey: "any", temperature: 0, maxTokens: 12,
            maxRetries: 0, configuration});
        assert.ok((await model.invoke("Once upon a time")).length > 0);
    },

    async tools() {
        const model = openai({model: "tiny", temperature: 1, maxTokens: 2000});
        for (const choice of ["required", "any", "weather"]) {
            const answer = await model.bindTools([weather], {tool_choice: choice}).invoke(question);
            assert.ok(answer.tool_calls.length > 0, choice);
            assert.equal(answer.invalid_tool_calls?.length ?? 0, 0);
            for (const call of answer.tool_calls) {
                assert.equal(call.name, "weather");
                assert.ok(weather.schema.safeParse(call.args).success);
                assert.ok(call.id);
            }
            const whole = await streamed(model.bindTools([weather], {tool_choice: choice}), 2);
            assert.ok(whole.tool_calls.every(call => weather.schema.safeParse(call.args).success));
        }
        const native = await ollama({model: "tiny", numPredict: 30}).bindTools([weather]).invoke(question);
        assert.equal(typeof native.content, "string");
    },

    async tool_results() {
        const history = [...question, new AIMessage({content: "",
            tool_calls: [{name: "weather", args: {place: "Kyiv", days: 2}, id: "call_1"}]}),
        new ToolMessage({content: "20", tool_call_id: "call_1", name: "weather"})];
        const first = await openai().invoke(history), second = await ollama().invoke(history);
        assert.equal(first.usage_metadata.output_tokens, 24);
        assert.equal(second.usage_metadata.output_tokens, 24);
    },

    async structured_output() {
        const models = [openai({model: "tiny", temperature: 1, maxTokens: 2000}),
            ollama({model: "tiny", temperature: 1, numPredict: 2000})];
        for (const [model, methods] of [[models[0], ["jsonSchema", "functionCalling"]],
            [models[1], ["jsonSchema"]]])
            for (const method of methods) {
                const found = await model.withStructuredOutput(person, {method, name: "person"})
                    .invoke(question);
                assert.ok(person.safeParse(found).success, `${method}: ${JSON.stringify(found)}`);
            }
    },

    async vectors() {
        const texts = ["a little girl", "The dog ran."];
        const first = new OpenAIEmbeddings({model: "stories", apiKey: "any", configuration, maxRetries: 0});
        const second = new OllamaEmbeddings({model: "stories", baseUrl: server.url, maxRetries: 0});
        const found = await first.embedDocuments(texts), other = await second.embedDocuments(texts);
        assert.deepEqual(found.map(vector => vector.map(Math.fround)),
            other.map(vector => vector.map(Math.fround)));
        assert.deepEqual((await first.embedQuery(texts[1])).map(Math.fround), found[1].map(Math.fround));
    },

    async errors() {
        await assert.rejects(openai({model: "nobody"}).invoke(question), /nobody/);
        await assert.rejects(ollama({model: "nobody"}).invoke(question), /model 'nobody' not found/);
    }
});
