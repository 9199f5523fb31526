// requests.mjs - made-up requests that no server may answer with success, from a seed.
//
//     malformed(dice, names) -> {kind, bytes: [Buffer, ...], path, close}
//
//     bytes   what is sent, piece by piece      close   the sender ends its side behind the last piece
//     path    whose shape an error has          kind    for the count and the message
//
// What each is judged by stands in malformed.mjs. A good request is taken, and one thing is wrong in it; the
// good one never asks for more than two tokens, so that a server that takes it loses no time.

// The members of every endpoint and what each may be. `texts`: a text or a list of texts.
const SAMPLING = {temperature: "number", top_p: "number", seed: "integer", stop: "texts", stream: "bool"};
const COMMON = {...SAMPLING, model: "text", max_tokens: "integer", n: "integer", logit_bias: "object",
    presence_penalty: "number", frequency_penalty: "number", stream_options: "object"};
const OPTIONS = {temperature: "number", top_k: "integer", top_p: "number", min_p: "number", seed: "integer",
    num_predict: "integer", num_ctx: "integer", repeat_penalty: "number", repeat_last_n: "integer",
    presence_penalty: "number", frequency_penalty: "number", typical_p: "number", stop: "texts"};
const MESSAGES = [{role: "user", content: "Once"}];
const TOOLS = [{type: "function", function: {name: "f", parameters: {type: "object", properties: {}}}}];

const ENDPOINTS = [
    {path: "/v1/chat/completions", good: {messages: MESSAGES, max_tokens: 1, temperature: 0},
        members: {...COMMON, messages: "array", max_completion_tokens: "integer", logprobs: "bool",
            top_logprobs: "integer", tools: "array", parallel_tool_calls: "bool",
            response_format: "object", grammar: "text", regex: "text"}},
    {path: "/v1/completions", good: {prompt: "Once", max_tokens: 1, temperature: 0},
        members: {...COMMON, echo: "bool", logprobs: "count", best_of: "integer"}},
    {path: "/v1/embeddings", good: {input: "Once"},
        members: {model: "text", encoding_format: "text", dimensions: "integer"}},
    {path: "/api/generate", good: {prompt: "Once", stream: false, options: {num_predict: 1}},
        members: {model: "text", prompt: "text", system: "text", template: "text", stream: "bool",
            raw: "bool", options: "object", context: "array", logprobs: "bool", top_logprobs: "integer"}},
    {path: "/api/chat", good: {messages: MESSAGES, stream: false, options: {num_predict: 1}},
        members: {model: "text", messages: "array", tools: "array", stream: "bool", options: "object",
            logprobs: "bool", top_logprobs: "integer"}},
    {path: "/api/embed", good: {input: "Once"},
        members: {model: "text", truncate: "bool", options: "object", dimensions: "integer"}},
    {path: "/api/embeddings", good: {prompt: "Once"},
        members: {model: "text", prompt: "text", options: "object"}},
    {path: "/api/show", good: {}, members: {model: "text", verbose: "bool"}},
    {path: "/tokenize", good: {content: "Once"}, members: {content: "text", add_special: "bool"}},
    {path: "/detokenize", good: {tokens: [1]}, members: {tokens: "array"}},
    {path: "/apply-template", good: {messages: MESSAGES}, members: {messages: "array"}}
];

const VALUES = {text: ["", "x", "\u0000", "12"], integer: [5, -7, 12], number: [0.5, 1.25],
    bool: [true, false], object: [{}, {a: 1}, {"": []}], array: [[], [1], [{}], [[]], ["x"]]};
// What is no value of a type; whole numbers are numbers, a list is judged by what is in it, and a `count` may
// be a yes or no, which some clients send.
const WRONG = {text: ["integer", "number", "bool", "object", "array"], texts: ["integer", "bool", "object"],
    integer: ["text", "number", "bool", "object", "array"], count: ["text", "number", "object", "array"],
    number: ["text", "bool", "object", "array"],
    bool: ["text", "integer", "object", "array"], object: ["text", "integer", "bool", "array"],
    array: ["text", "integer", "bool", "object"]};

// Members of which a value has the right type, and can't be right all the same.
const SENSELESS = {
    "/v1/chat/completions": [{messages: []}, {messages: [1]}, {messages: [{}]}, {messages: [{role: 5}]},
        {messages: [{role: "wizard", content: "x"}]}, {messages: [{role: "user", content: 5}]},
        {messages: [{role: "user", content: [{}]}]}, {messages: [{role: "user", content: [{type: "text"}]}]},
        {messages: [{role: "user", content: [{type: "hologram"}]}]},
        {messages: [...MESSAGES, {role: "assistant", tool_calls: [{}]}]},
        {messages: [...MESSAGES, {role: "assistant", tool_calls: "x"}]},
        {temperature: -1}, {top_p: 1.5}, {top_p: -0.5}, {n: 0}, {n: 100000}, {n: -3}, {n: 1.5},
        {max_tokens: 1.5}, {max_tokens: -7}, {max_completion_tokens: -7},
        {top_logprobs: 21, logprobs: true}, {top_logprobs: -1, logprobs: true}, {stop: [1]},
        {stop: ["a", {}]}, {tools: [1]}, {tools: [{}]}, {tools: [{type: "function"}]},
        {tools: [{type: "function", function: {}}]}, {tools: [{type: "function", function: {name: 5}}]},
        {tools: TOOLS, tool_choice: "maybe"}, {tools: TOOLS, tool_choice: 5},
        {tools: TOOLS, tool_choice: {type: "function", function: {name: "g"}}},
        {tools: TOOLS, tool_choice: {type: "function"}}, {tool_choice: "required"},
        {response_format: {}}, {response_format: {type: "yaml"}}, {response_format: {type: 5}},
        {response_format: {type: "json_schema"}},
        {response_format: {type: "json_schema", json_schema: {name: "x", schema: 5}}},
        {response_format: {type: "json_schema", json_schema: {name: "x", schema: {type: "thing"}}}},
        {response_format: {type: "json_schema", json_schema: {name: "x", schema: {$ref: "#/nowhere"}}}},
        {response_format: {type: "json_schema", json_schema: {name: "x", schema: {$ref: "#"}}}},
        {response_format: {type: "json_schema", json_schema: {name: "x", schema: {pattern: "(", type:
            "string"}}}},
        {grammar: "root ::= ("}, {grammar: "root ::= nobody"}, {grammar: "x"}, {regex: "(["},
        {grammar: "root ::= \"a\"", regex: "a"}, {choice: []}, {choice: [1]}, {choice: "x", regex: "a"},
        {logit_bias: {a: 1}}, {logit_bias: {5: "x"}}, {logit_bias: {99999999: 1}}, {logit_bias: {"-4": 1}},
        {model: "nobody"}, {model: "../../etc/passwd"}, {model: "/etc/passwd"}, {seed: 0.5},
        {stream: true, stream_options: {include_usage: "yes"}}],
    "/v1/completions": [{prompt: 5}, {prompt: {}}, {prompt: [{}]}, {prompt: [[]]}, {prompt: [["x"]]},
        {prompt: [1, "x"]}, {prompt: [-1]}, {prompt: [99999999]}, {prompt: [[1], [99999999]]},
        {prompt: [1.5]}, {prompt: Array(5000).fill("x").join(" ").repeat(4)}, {n: 0}, {n: 4, best_of: 2},
        {best_of: 100000}, {logprobs: -1}, {logprobs: 1000}, {max_tokens: -7}, {suffix: "x"},
        {model: "nobody"}],
    "/v1/embeddings": [{input: 5}, {input: {}}, {input: []}, {input: [{}]}, {input: [[]]}, {input: [[1.5]]},
        {input: [-1]}, {input: [99999999]}, {encoding_format: "int8"}, {dimensions: 0}, {dimensions: -1},
        {dimensions: 1e6}, {model: "nobody"}],
    "/api/generate": [{raw: true, system: "x"}, {raw: true, template: "x"}, {raw: true, context: [1]},
        {context: [-1]}, {context: ["x"]}, {context: [99999999]}, {images: ["AA=="]}, {format: 5},
        {format: "yaml"}, {format: []}, {keep_alive: "soon"}, {keep_alive: {}}, {think: 5}, {think: true},
        {think: "loudly"}, {top_logprobs: 21, logprobs: true}, {model: "nobody"}, {suffix: "x"}],
    "/api/chat": [{messages: [1]}, {messages: [{}]}, {messages: [{role: "user", content: 5}]},
        {messages: [{role: "wizard", content: "x"}]}, {format: 5}, {format: "yaml"}, {think: true},
        {keep_alive: "-1"}, {messages: [{role: "user", content: "x", images: ["AA=="]}]}, {tools: [1]},
        {tools: [{type: "function"}]}, {model: "nobody"}],
    "/api/embed": [{input: 5}, {input: {}}, {input: [1]}, {dimensions: -1}, {dimensions: 1e6},
        {model: "nobody"}, {keep_alive: []}],
    "/api/embeddings": [{model: "nobody"}, {keep_alive: "x"}],
    "/api/show": [{model: "nobody"}, {model: "../x"}],
    "/tokenize": [{content: {}}, {model: "nobody"}],
    "/detokenize": [{tokens: [-1]}, {tokens: ["x"]}, {tokens: [99999999]}, {tokens: [1.5]}, {tokens: 5},
        {model: "nobody"}],
    "/apply-template": [{messages: [1]}, {messages: [{}]}, {model: "nobody"}]
};

const text = value => typeof value === "string" ? value : JSON.stringify(value);

function post(path, body, headers = {}) {
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(text(body));
    const given = {Host: "localhost", "Content-Type": "application/json", "Content-Length": bytes.length,
        ...headers};
    const head = Object.entries(given).map(([name, value]) => `${name}: ${value}\r\n`).join("");
    return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${head}\r\n`, "latin1"), bytes]);
}

function noise(dice, length) {
    return Buffer.from(Array.from({length}, () => dice.below(256)));
}

// ---- bodies: the HTTP is right, what it carries isn't -----------------------------------------------

function wrongType(dice, {path, good, members}) {
    const options = path.startsWith("/api/") && "options" in members && dice.happens(40);
    const [name, type] = dice.of(Object.entries(options ? OPTIONS : members));
    const value = dice.of(VALUES[dice.of(WRONG[type])]);
    return post(path, options ? {...good, options: {num_predict: 1, [name]: value}}
        : {...good, [name]: value});
}

function senseless(dice, {path, good}) {
    return post(path, {...good, ...dice.of(SENSELESS[path])});
}

// An object that is cut, or has a byte in it with which no JSON goes on.
function broken(dice, {path, good}) {
    const whole = Buffer.from(JSON.stringify(good));
    if (whole.length < 3) return post(path, dice.of(["{", "[]]", "nul", "{\"a\"}", "{]"]));
    if (dice.happens(50)) return post(path, whole.subarray(0, 1 + dice.below(whole.length - 1)));
    const body = Buffer.from(whole);
    body[dice.below(body.length)] = dice.of([0, 1, 0x0b, 0x80, 0xff, 0xc0]);
    return post(path, body);
}

function noObject(dice, {path}) {
    return post(path, dice.of(["", " ", "[]", "[{}]", "5", "\"x\"", "null", "true", "{}{}", "{},", "\ufeff",
        "{\"a\":1,}", "{'a':1}", "{a:1}", "{\"a\":01}", "{\"a\":+1}", "{\"a\":.5}", "{\"a\":NaN}",
        "{\"a\":Infinity}", "{\"a\":\"\t\"}", "{\"a\":\"\\x\"}", "// {}", "<a/>"]));
}

function huge(dice, {path, good}) {
    const number = dice.of(["1e999", "-1e999", "1" + "0".repeat(5000), "-" + "9".repeat(400),
        "1e" + "9".repeat(300)]);
    return post(path, JSON.stringify({...good, temperature: "@", max_tokens: "@", tokens: "@"})
        .replaceAll("\"@\"", number));
}

function deep(dice, {path, good}) {
    const [open, close] = dice.of([["[", "]"], ["{\"a\":", "}"], ["[[{\"b\":[", "]}]]"]]);
    const depth = dice.of([3000, 20000, 100000]);
    const nest = open.repeat(depth) + (dice.happens(70) ? "1" + close.repeat(depth) : "");
    return post(path, JSON.stringify({...good, extra: "@"}).replace("\"@\"", nest));
}

function badText(dice, {path, good}) {
    const bytes = dice.of([[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80],
        [0xe2, 0x82], [0x80], [0xf4, 0x90, 0x80, 0x80]]);
    const [before, after] = JSON.stringify({...good, user: "a@b"}).split("@");
    return post(path, Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]));
}

function wide(dice, {path, good}) {
    const encoding = dice.of(["utf16le", "base64", "hex"]);
    return post(path, Buffer.from(Buffer.from(JSON.stringify({...good, a: 1})).toString(
        encoding === "utf16le" ? "utf8" : encoding), encoding === "utf16le" ? encoding : "utf8"));
}

// ---- what is no HTTP ---------------------------------------------------------------------------------

const NO_HTTP = {
    noise: dice => [noise(dice, 1 + dice.below(400))],
    words: dice => [Buffer.from(dice.of(["HELO mail\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n", "\r\n\r\n\r\n",
        "GET / HTTP/9.9\r\nHost: a\r\n\r\n", "GET / HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTX/1.1\r\nHost: a\r\n\r\n",
        "\u0016\u0003\u0001\u0002", "GET /%ZZ%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /v1/models/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test\r\n\r\n"]), "latin1")],
    headers: dice => [Buffer.from(`POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n${dice.of([
        "Content-Length: -5", "Content-Length: 99999999999999999999999", "Content-Length: 5x",
        "Content-Length: 0x10", "Content-Length: 4\r\nContent-Length: 7", "Transfer-Encoding: gzip",
        "Transfer-Encoding: chunked\r\nContent-Length: 4", "no colon here", ": no name",
        `X-Long: ${"a".repeat(200000)}`, Array.from({length: 3000}, (_, i) => `X-${i}: y`).join("\r\n"),
        "X-Nul: a\u0000b", "Content-Length: \u00ff", " folded: x"])}\r\n\r\n{}xx`, "latin1")],
    longLine: dice => [Buffer.from(`GET /${"a".repeat(20000 + dice.below(100000))}`),
        Buffer.from(" HTTP/1.1\r\nHost: localhost\r\n\r\n")],
    chunks: dice => [Buffer.from("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n" +
        `Transfer-Encoding: chunked\r\n\r\n${dice.of(["xyz\r\n{}\r\n0\r\n\r\n", "-1\r\n{}\r\n",
            "ffffffffffffffffff\r\n{}\r\n", "2\r\n{}XX0\r\n\r\n", "2;" + "a".repeat(70000) + "\r\n{}\r\n",
            "\r\n\r\n", "0\r\n\r\n"])}`)],
    cut: (dice, whole) => [whole.subarray(0, 1 + dice.below(whole.length - 1))],
    slow: (dice, whole) => {
        const at = 1 + dice.below(whole.length - 2), end = at + 1 + dice.below(whole.length - at - 1);
        return [whole.subarray(0, at), whole.subarray(at, end)];
    },
    after: (dice, whole) => [Buffer.concat([
        Buffer.from("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"), noise(dice, 20 + dice.below(200))])]
};

const BODIES = {wrongType, senseless, broken, noObject, huge, deep, badText, wide};
const MIXTURE = [..."wwwwwwwwwwssssssssssbbbbbooouudt8hhhnHlckkSSa"];
const KINDS = {w: "wrongType", s: "senseless", b: "broken", o: "noObject", u: "huge", d: "deep", t: "badText",
    8: "wide", h: "headers", n: "noise", H: "words", l: "longLine", c: "chunks", k: "cut", S: "slow",
    a: "after"};

export function malformed(dice, model) {
    const kind = KINDS[dice.of(MIXTURE)], endpoint = dice.of(ENDPOINTS);
    const named = {...endpoint, good: {model, ...endpoint.good}};
    if (kind in BODIES) return {kind, path: endpoint.path, bytes: [BODIES[kind](dice, named)], close: false};
    const whole = post(endpoint.path, named.good);
    return {kind, path: endpoint.path, bytes: NO_HTTP[kind](dice, whole), close: true};
}
