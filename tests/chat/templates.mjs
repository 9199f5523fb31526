// Real templates over conversations, as @huggingface/jinja renders them: a line of tests/chat/jinja.jsonl's
// form for each, on standard output.
//
//     templates.mjs FOLDER-OF-TEMPLATES FOLDER-OF-NODE-MODULES
import {readFileSync, readdirSync} from "node:fs";
import {createRequire} from "node:module";
import {join, resolve} from "node:path";

const [folder, modules] = process.argv.slice(2);
const {Template} = createRequire(resolve(modules, "x.js"))("@huggingface/jinja");

const weather = {type: "function", function: {name: "get_weather",
    description: "Weather at a place, \"now\" — Zürich 🌦", parameters: {type: "object",
        properties: {location: {type: "string", description: "City"},
            unit: {type: "string", enum: ["celsius", "fahrenheit"], description: "°"},
            days: {type: "integer", minimum: 1, maximum: 7.5, description: " How many\n"},
            tags: {type: "array", items: {type: "string"}, description: ""}}, required: ["location"]}}};
const add = {type: "function", function: {name: "add", description: "Adds", parameters: {
    type: "object", properties: {a: {type: "number", description: "One"},
        b: {type: "number", description: "Another"}}, required: ["a", "b"]}}};
const call = (id, content, given) => ({role: "assistant", content, tool_calls: [
    {id, type: "function", function: {name: "get_weather", arguments: given}}]});
const given = {location: "Zürich", days: 2};

const CONVERSATIONS = {
    one: [{role: "user", content: "Hello"}],
    system: [{role: "system", content: "Be terse.\n"},
        {role: "user", content: "Hi {{ there }} <|im_end|>"}],
    several: [{role: "system", content: "S"}, {role: "user", content: "a"},
        {role: "assistant", content: "b"}, {role: "user", content: " c \n"}],
    odd: [{role: "user", content: "Ünïcödé 🐈‍⬛ \u00a0\u200b \"quotes\" \\n </s>\u2028x"},
        {role: "assistant", content: "<think>hm</think>\n\nanswer 日本語"},
        {role: "user", content: "\ufeff  trimmed? \u3000"}],
    tools: [{role: "user", content: "Weather?"}, call("call_abc123", "", given),
        {role: "tool", name: "get_weather", tool_call_id: "call_abc123", content: "{\"t\": 20}"},
        {role: "user", content: "thanks"}],
    nine: [{role: "system", content: "Sys"}, {role: "user", content: "Weather?"},
        call("abcdef123", null, given),
        {role: "tool", name: "get_weather", tool_call_id: "abcdef123", content: "20 °C"},
        {role: "assistant", content: "It is 20."}, {role: "user", content: "thanks"}],
    text: [{role: "user", content: "W"}, call("abcdef123", "let me see", JSON.stringify(given)),
        {role: "tool", tool_call_id: "abcdef123", content: "3.5"}],
    parts: [{role: "user", content: [{type: "text", text: "one"}, {type: "text", text: "two"}]}],
    none: [],
    backwards: [{role: "assistant", content: "x"}],
    developer: [{role: "developer", content: "d"}, {role: "user", content: "u"}]
};

// What only this package does: JavaScript's own words for a list or dict in a text, a tuple that it can't
// unpack though it is one, an error for a loop over what isn't defined, which Jinja leaves out, and for a
// filter of texts on it, to which Jinja gives an empty text, or as a dict's key, which Jinja doesn't find.
const isItsOwn = ({text, error}) => (text ?? "").includes("[object ") ||
    (text ?? "").includes("},{") || (error ?? "").includes("TupleValue") ||
    (error ?? "").includes("for loop: got UndefinedValue") ||
    (error ?? "").includes("to type: UndefinedValue") ||
    (error ?? "").includes("non-string: got UndefinedValue");

function render(template, variables) {
    try {
        return {text: new Template(template).render(structuredClone(variables))};
    } catch (error) {
        return {error: error.message};
    }
}

let left = 0;
console.log(JSON.stringify({variables: {}}));
for (const name of readdirSync(folder).filter(name => name.endsWith(".jinja")).sort()) {
    const template = readFileSync(join(folder, name), "utf8");
    for (const messages of Object.values(CONVERSATIONS))
        for (const tools of [undefined, [weather], [add], [weather, add]])
            for (const prompt of [true, false])
                for (const marks of [{}, {bos_token: "<s>", eos_token: "</s>"}]) {
                    const variables = {messages, add_generation_prompt: prompt, ...marks,
                        date_string: "26 Jul 2024", ...(tools ? {tools} : {})};
                    const result = render(template, variables);
                    if (isItsOwn(result)) left++;
                    else console.log(JSON.stringify({template, variables,
                        ...(result.error === undefined ? result : {error: ""})}));
                }
}
console.error(`${left} left out: of this package alone`);
