// schemas.mjs FILE [STEP] - for each schema of FILE (a line of JSON each, {"id", "schema"}; every STEP-th of
// them) a small random model answers at temperature 1.5 within the schema. An answer that ended by itself is
// valid for ajv with its formats; one that was cut says so. All tokens being about equally likely, a text
// would hardly ever end: what closes texts, lists and objects is made likelier.
import Ajv from "ajv";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import {readFileSync} from "node:fs";
import {assert, cases, serve, tinyModel} from "./harness.mjs";

const [file, step = "1"] = process.argv.slice(2);
const schemas = readFileSync(file, "utf8").split("\n").filter(line => line !== "")
    .map(line => JSON.parse(line)).filter((_, i) => i % Number(step) === 0);
const AT_ONCE = 4, MOST_TOKENS = 300;
const server = await serve([await tinyModel()]);
const closing = {};
for (const text of ["\"", "}", "]", "\"}", "\"]"]) {
    const {tokens} = await server.ask("/tokenize", {content: text, add_special: false});
    if (tokens.length === 1) closing[tokens[0]] = 7;
}

function validator(schema) {
    const draft = /draft-0[67]/.test(schema.$schema ?? "") || hasDraft7(schema);
    const ajv = new (draft ? Ajv : Ajv2020)({strict: false, allErrors: true, validateFormats: true,
        logger: false});
    addFormats(ajv);
    const {$schema, ...rest} = schema;
    return [ajv, ajv.compile(rest)];
}

// Tuples and definitions as they were written before 2020.
function hasDraft7(value) {
    return typeof value === "object" && value !== null && (Array.isArray(value.items) ||
        "additionalItems" in value || Object.values(value).some(hasDraft7));
}

const messages = [{role: "user", content: "Say something."}];
const ASKS = {
    async openai(schema, seed) {
        const {choices: [choice], usage} = await server.ask("/v1/chat/completions", {model: "tiny", messages,
            temperature: 1.5, top_k: 500, seed, max_tokens: MOST_TOKENS, logit_bias: closing,
            response_format: {type: "json_schema", json_schema: {name: "answer", schema, strict: true}}});
        return {text: choice.message.content, reason: choice.finish_reason, tokens: usage.completion_tokens};
    },
    async ollama(schema, seed) {
        const answer = await server.ask("/api/chat", {model: "tiny", messages, format: schema, stream: false,
            options: {temperature: 1.5, seed, num_predict: MOST_TOKENS}});
        return {text: answer.message.content, reason: answer.done_reason, tokens: answer.eval_count};
    }
};

const counts = {ended: 0, cut: 0};
async function judge({id: name, schema}, ask, seed) {
    const {text, reason, tokens} = await ask(schema, seed);
    if (reason === "length") {
        assert.equal(tokens, MOST_TOKENS, `${name}: cut`);
        counts.cut++;
        return;
    }
    assert.equal(reason, "stop", name);
    const [ajv, validate] = validator(schema);
    const value = JSON.parse(text);
    assert.ok(validate(value), `${name}: ${ajv.errorsText(validate.errors)}: ${text.slice(0, 500)}`);
    counts.ended++;
}

async function all(ask) {
    const failures = [];
    let at = 0;
    const work = async () => {
        for (let index = at++; index < schemas.length; index = at++)
            await judge(schemas[index], ask, index + 1).catch(error =>
                failures.push(`${schemas[index].id}: ${error.message}`));
    };
    await Promise.all(Array.from({length: AT_ONCE}, work));
    assert.equal(failures.length, 0, `${failures.length} of ${schemas.length}:\n${failures.join("\n")}`);
}

await cases({
    async the_file_says_something() {
        assert.ok(schemas.length * Number(step) >= 100, `${schemas.length} schemas`);
        assert.equal(new Set(schemas.map(({id}) => id)).size, schemas.length, "names differ");
        for (const {schema} of schemas) validator(schema);
    },

    openai: () => all(ASKS.openai),
    ollama: () => all(ASKS.ollama),

    async many_ended_by_themselves() {
        console.log(`    ${counts.ended} ended, ${counts.cut} were cut`);
        assert.ok(counts.ended > schemas.length / 2, `${counts.ended} ended`);
    }
}, {longest: 600});
