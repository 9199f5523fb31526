// recorded.mjs - requests as well-known programs send them, with what trips a server that was written for one
// client alone: null for what isn't set, other names, parts of content, preflights, keys nobody asked for.
import http from "node:http";
import net from "node:net";
import {once} from "node:events";
import {assert, cases, refusal, seconds, serve, storiesModel, tinyModel, until, wellBeing, within}
    from "./harness.mjs";

const server = await serve([storiesModel(), await tinyModel()], ["--origins", "http://app.test"]);
const messages = [{role: "user", content: "Once upon a time there was a"}];
const greedy = {model: "stories", messages, temperature: 0, max_tokens: 12};
const plain = (await server.ask("/v1/chat/completions", greedy)).choices[0].message.content;

// Without fetch's opinion of what a header may be.
function raw(method, path, {headers = {}, body} = {}) {
    return new Promise((resolve, reject) => {
        const request = http.request({host: "127.0.0.1", port: server.port, method, path, headers}, answer => {
            let text = "";
            answer.setEncoding("utf8").on("data", piece => { text += piece; }).on("end", () =>
                resolve({status: answer.statusCode, headers: answer.headers, text}));
        });
        request.on("error", reject).end(body);
    });
}

// Sends bytes, and gives what came until the other side closes or `enough`.
async function wire(bytes, enough = () => false) {
    const socket = net.connect(server.port, "127.0.0.1");
    let text = "";
    socket.setEncoding("utf8").on("data", piece => {
        text += piece;
        if (enough(text)) socket.destroy();
    }).on("error", () => {});
    socket.write(bytes);
    await within(seconds(20), "an answer on the wire", once(socket, "close"));
    return text;
}

const PROBES = {
    async the_root() {
        for (const path of ["/", "/api/version", "/api/tags"]) {
            const head = await raw("HEAD", path), get = await raw("GET", path);
            assert.equal(head.status, 200, path);
            assert.equal(head.text, "");
            assert.equal(get.status, 200);
            assert.equal(head.headers["content-length"], get.headers["content-length"]);
        }
        const root = await raw("GET", "/");
        assert.equal(root.text, "Ollama is running");
        assert.match(root.headers["content-type"], /^text\/plain/);
    },

    async unknown_paths_and_methods() {
        for (const path of ["/api/nothing", "/v1/nothing", "/nothing", "/api/", "/v1/models/x/y/z"])
            refusal(path, await server.get(path), 404);
        for (const [method, path] of [["DELETE", "/api/chat"], ["PUT", "/v1/chat/completions"],
            ["POST", "/api/tags"], ["GET", "/api/generate"], ["PATCH", "/v1/models"]]) {
            const answer = await server.request(method, path);
            refusal(path, answer, 405);
            assert.ok(answer.headers.get("allow"), path);
        }
    },

    async health_and_metrics() {
        assert.equal((await server.get("/health")).json.status, "ok");
        const metrics = await server.get("/metrics");
        assert.match(metrics.headers.get("content-type"), /^text\/plain; version=0\.0\.4/);
        const types = new Map();
        for (const line of metrics.text.trimEnd().split("\n")) {
            const type = /^# TYPE (\w+) (counter|gauge|histogram)$/.exec(line);
            if (type) types.set(type[1], type[2]);
            else if (!line.startsWith("# HELP ")) {
                const sample = /^(\w+)(\{(\w+="([^"\\\n]|\\.)*",?)*\})? (\S+)$/.exec(line);
                assert.ok(sample, `a sample: ${line}`);
                assert.ok(/^[+-]?(\d|Inf|NaN)/.test(sample[5]), line);
                const family = sample[1].replace(/_(bucket|sum|count)$/, "");
                assert.ok(types.has(sample[1]) || types.get(family) === "histogram", `a type: ${line}`);
            }
        }
        assert.ok([...types.keys()].every(name => /^(primer|process)_/.test(name)));
        assert.ok([...types.values()].includes("histogram"));
        assert.match(metrics.text, /model="stories"/);
        const [, one] = /primer_batch_size_tokens_bucket\{model="stories",le="1"\} (\d+)/.exec(metrics.text);
        const [, all] = /primer_batch_size_tokens_count\{model="stories"\} (\d+)/.exec(metrics.text);
        assert.ok(+one >= 1 && +one < +all, `${one} of ${all} passes were of one token`);
    },

    async requests_have_names() {
        const answer = await server.get("/health", {headers: {"x-request-id": "abc-123"}});
        assert.equal(answer.headers.get("x-request-id"), "abc-123");
        const made = (await server.get("/health")).headers.get("x-request-id");
        assert.ok(made.length >= 8 && made !== (await server.get("/health")).headers.get("x-request-id"));
        const odd = await raw("GET", "/health", {headers: {"x-request-id": "a\"b <c>" + "d".repeat(3000)}});
        assert.equal(odd.status, 200);
        assert.ok((odd.headers["x-request-id"] ?? "").length <= 256);
    }
};

const BROWSERS = {
    async a_preflight() {
        const ask = {origin: "http://app.test", "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type,x-stainless-arch," +
                "x-stainless-lang,x-stainless-os,x-stainless-package-version,x-stainless-retry-count," +
                "x-stainless-runtime,x-stainless-runtime-version,x-stainless-timeout"};
        for (const path of ["/v1/chat/completions", "/api/chat"]) {
            const answer = await raw("OPTIONS", path, {headers: ask});
            assert.ok(answer.status === 204 || answer.status === 200, String(answer.status));
            assert.equal(answer.headers["access-control-allow-origin"], "http://app.test");
            assert.match(answer.headers["access-control-allow-methods"], /POST/);
            const allowed = answer.headers["access-control-allow-headers"].toLowerCase().split(/ *, */);
            for (const name of ask["access-control-request-headers"].split(","))
                assert.ok(allowed.includes(name), name);
        }
        const real = await raw("GET", "/v1/models", {headers: {origin: "http://app.test"}});
        assert.equal(real.headers["access-control-allow-origin"], "http://app.test");
        assert.match(real.headers.vary ?? "", /origin/i);
    },

    async a_stranger() {
        const ask = {origin: "http://evil.test", "access-control-request-method": "POST"};
        const preflight = await raw("OPTIONS", "/api/chat", {headers: ask});
        assert.equal(preflight.headers["access-control-allow-origin"], undefined);
        const answer = await raw("GET", "/api/tags", {headers: {origin: "http://evil.test"}});
        assert.equal(answer.headers["access-control-allow-origin"], undefined);
    },

    async a_name_that_points_here() {
        for (const host of ["evil.test", "evil.test:11434", "127.0.0.1.evil.test", "8.8.8.8"])
            assert.equal((await raw("GET", "/api/tags", {headers: {host}})).status, 403, host);
        for (const host of ["localhost", "localhost:80", "me.localhost", "box.local", "box.internal",
            "127.0.0.1:1", "[::1]:99", "192.168.1.7"])
            assert.equal((await raw("GET", "/api/tags", {headers: {host}})).status, 200, host);
    }
};

const EDITORS = {
    // Zed: null for what isn't set.
    async nulls() {
        const lines = (await server.post("/api/chat", {model: "stories", messages: [{role: "user",
            content: messages[0].content, images: null, tool_calls: null, thinking: null}], stream: true,
        keep_alive: -1, think: null, tools: [], format: null, options: {num_ctx: 512, num_predict: 12,
            stop: null, temperature: 0, top_p: null, top_k: null, seed: null, min_p: null}})).lines;
        assert.equal(lines.map(line => line.message.content).join(""), plain);
        const nulls = Object.fromEntries(["stop", "tools", "tool_choice", "response_format", "seed", "user",
            "stream_options", "logit_bias", "logprobs", "top_logprobs", "n", "top_p", "presence_penalty",
            "frequency_penalty", "parallel_tool_calls", "max_completion_tokens", "metadata", "store",
            "reasoning_effort", "grammar", "stream"].map(key => [key, null]));
        const answer = await server.ask("/v1/chat/completions", {...greedy, ...nulls});
        assert.equal(answer.choices[0].message.content, plain);
        assert.deepEqual(answer.warnings ?? [], []);
    },

    // Continue: `name` for `model`, and options that others have.
    async names_and_old_options() {
        const shown = await server.ask("/api/show", {name: "stories"});
        assert.equal(shown.model_info["general.architecture"], "llama");
        const lines = (await server.post("/api/chat", {model: "stories", messages, stream: true,
            keep_alive: 1800, options: {num_predict: 12, num_ctx: 512, num_thread: 4, mirostat: 0,
                temperature: 0, stop: []}})).lines;
        assert.equal(lines.map(line => line.message.content).join(""), plain);
        const raw = (await server.post("/api/generate", {model: "stories", prompt: "Once upon a time",
            raw: true, options: {num_predict: 12, temperature: 0, stop: ["<|endoftext|>", "</s>"]},
            keep_alive: 1800})).lines;
        assert.ok(raw.at(-1).done, "a stream where nothing else is said");
    },

    // VS Code's chat with one's own key: the version, what there is, what each can do, then OpenAI's dialect.
    async bring_your_own_key() {
        const headers = {authorization: "Bearer whatever", "user-agent": "GitHubCopilotChat/0.30"};
        const {version} = (await server.get("/api/version", {headers})).json;
        assert.ok(version.split(".").map(Number).reduce((sum, part) => sum * 1000 + part, 0) >= 6004);
        for (const {model} of (await server.get("/api/tags", {headers})).json.models) {
            const shown = await server.ask("/api/show", {model}, {headers});
            const architecture = shown.model_info["general.architecture"];
            assert.ok(shown.model_info[`${architecture}.context_length`] > 0);
            assert.equal(typeof shown.model_info["general.basename"], "string");
            assert.ok(Array.isArray(shown.capabilities));
            const events = (await server.post("/v1/chat/completions", {model, stream: true, n: 1, top_p: 1,
                temperature: 0.1, max_tokens: 5, stream_options: {include_usage: true},
                messages: [{role: "system", content: "You are an editor."}, {role: "user",
                    content: [{type: "text", text: "Hello"}]}]}, {headers})).events;
            assert.ok(events.at(-1).usage.completion_tokens <= 5);
        }
    },

    // Open WebUI: what it knows of a chat travels along.
    async fields_of_its_own() {
        const own = {metadata: {chat_id: "1"}, chat_id: "1", session_id: "2", tool_ids: [], features: {},
            background_tasks: {}};
        const answer = await server.ask("/v1/chat/completions", {...greedy, ...own});
        assert.equal(answer.choices[0].message.content, plain);
        for (const name of ["chat_id", "session_id", "features"])
            assert.ok(answer.warnings.some(text => text.includes(name)), name);
        assert.ok(!answer.warnings.some(text => text.includes("metadata")), "metadata is OpenAI's own");
        const streamed = await server.post("/v1/chat/completions", {...greedy, chat_id: "1", stream: true});
        assert.ok(streamed.events.some(event => event.warnings?.some(text => text.includes("chat_id"))));
        const native = await server.ask("/api/chat", {model: "stories", messages, stream: false, chat_id: "1",
            options: {temperature: 0, num_predict: 12, frobnicate: 3}});
        assert.equal(native.message.content, plain);
        for (const name of ["chat_id", "frobnicate"])
            assert.ok(native.warnings.some(text => text.includes(name)), name);
        const ps = await server.get("/api/ps", {headers: {authorization: "Bearer sk-anything"}});
        assert.equal(ps.status, 200);
    },

    async parts_of_content() {
        const parts = [{type: "text", text: "Once upon a time"}, {type: "text", text: " there was a"}];
        const answer = await server.ask("/v1/chat/completions", {...greedy, messages: [{role: "user",
            content: parts}]});
        assert.ok(answer.choices[0].message.content.length > 0);
        for (const part of [{type: "image_url", image_url: {url: "data:image/png;base64,AA=="}},
            {type: "input_audio", input_audio: {data: "", format: "wav"}}]) {
            const path = "/v1/chat/completions";
            const answer = await server.post(path, {...greedy, messages: [{role: "user", content: [part]}]});
            assert.match(refusal(path, answer, 400), new RegExp(part.type));
        }
    },

    async the_developer_speaks() {
        const by = async role => (await server.ask("/v1/chat/completions", {...greedy, messages: [{role,
            content: "Be brief."}, ...messages]})).choices[0].message.content;
        assert.equal(await by("developer"), await by("system"));
    },

    async what_one_dialect_lacks() {
        const answer = await server.ask("/v1/chat/completions", {...greedy, num_ctx: 256, keep_alive: "20m",
            top_k: 40, min_p: 0.1, repeat_penalty: 1.0, chat_template_kwargs: {enable_thinking: false}});
        assert.equal(answer.choices[0].message.content, plain);
        assert.deepEqual(answer.warnings ?? [], []);
        const {models} = (await server.get("/api/ps")).json;
        const expires = Date.parse(models.find(one => /^stories/.test(one.name)).expires_at);
        assert.ok(Math.abs(expires - Date.now() - 1200000) < 20000);
    }
};

const LINES = {
    async forms_of_curl() {
        const body = JSON.stringify({...greedy, max_tokens: 2});
        for (const headers of [{"content-type": "application/x-www-form-urlencoded"}, {},
            {"content-type": "application/json; charset=utf-8"}, {"transfer-encoding": "chunked"},
            {"accept-encoding": "gzip, deflate, br"}])
            assert.equal((await raw("POST", "/v1/chat/completions", {headers, body})).status, 200,
                JSON.stringify(headers));
        const head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
            `Content-Length: ${body.length}\r\n`;
        assert.match(await wire(`${head}\r\n${body}`), /^HTTP\/1\.1 200 /);
        const waits = await wire(`${head}Expect: 100-continue\r\n\r\n${body}`);
        assert.match(waits, /^HTTP\/1\.1 100 [^]*HTTP\/1\.1 200 /);
        const old = await wire(`POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\n` +
            `Content-Length: ${body.length}\r\n\r\n${body}`);
        assert.match(old, /^HTTP\/1\.[01] 200 /);
    },

    async a_connection_serves_many() {
        const get = "GET /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n";
        const last = "GET /api/version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        const text = await wire(get + get + get + last);
        assert.equal(text.match(/HTTP\/1\.1 200 /g).length, 4);
    },

    async whom_a_request_is_for() {
        const twice = "GET /api/version HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n" +
            "Connection: close\r\n\r\n";
        assert.match(await wire(twice), /^HTTP\/1\.1 400 [^]*Host is there 2 times/);
        for (const path of ["/api/version%00", "/api/version%00/x", "/v1/models/stories%00x"])
            assert.equal((await raw("GET", path)).status, 404, path);
        assert.equal((await raw("GET", "/api/%76ersion")).status, 200);
        assert.equal((await raw("GET", "/v1/models/stories%20")).status, 404);
    },

    async a_body_too_large() {
        const text = await wire("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n" +
            "Content-Length: 104857600\r\n\r\n{", seen => seen.includes("}}"));
        assert.match(text, /^HTTP\/1\.1 413 /);
    },

    async a_slow_reader_stops_only_itself() {
        const socket = net.connect(server.port, "127.0.0.1");
        const body = JSON.stringify({model: "tiny", prompt: "a b c", max_tokens: 7000, stream: true,
            logprobs: 5, temperature: 0});
        socket.write("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n" +
            `Content-Length: ${body.length}\r\n\r\n${body}`);
        await once(socket, "readable");
        const before = await wellBeing(server, "tiny");
        for (let i = 0; i < 20; i++) assert.equal(await wellBeing(server, "tiny"), before);
        socket.destroy();
    },

    async progress_of_a_long_prompt() {
        const prompt = "word ".repeat(4000);
        const tokens = await server.tokens(prompt, "tiny");
        const {text} = await server.post("/v1/completions", {model: "tiny", prompt, max_tokens: 2,
            stream: true, temperature: 0, return_progress: true});
        const told = text.split("\n\n").filter(event => event.startsWith("data: {"))
            .map(event => JSON.parse(event.slice(6))).filter(event => event.prompt_progress);
        assert.ok(told.length > 1, `${told.length} events of progress`);
        for (const {prompt_progress: {total, processed}} of told)
            assert.ok(total === tokens.length && processed <= total);
    },

    // What clients compute is (processed - cache) / (total - cache).
    async progress_of_a_prompt_that_is_known_in_part() {
        const known = "word ".repeat(140), prompt = `${known}and five new ones.`;
        await server.ask("/v1/completions", {model: "tiny", prompt: known, max_tokens: 1});
        const {length} = await server.tokens(prompt, "tiny");
        const asks = [["/v1/completions", {prompt, return_progress: true, max_tokens: 2}],
            ["/api/generate", {prompt, raw: true, return_progress: true, options: {num_predict: 2}}]];
        for (const [path, more] of asks) {
            const answer = await server.post(path, {model: "tiny", stream: true, ...more});
            const parts = path.startsWith("/api/") ? answer.lines : answer.events;
            const told = parts.map(part => part.prompt_progress).filter(one => one);
            assert.ok(told.length >= 2, `${path}: ${told.length} events of progress`);
            for (const {total, cache, processed} of told) {
                assert.equal(total, length, path);
                assert.equal(cache, 128, path);
                assert.ok(processed >= cache && processed <= total, `${path}: ${processed}`);
            }
            assert.equal(told[0].processed, 128, path);
            assert.equal(told.at(-1).processed, length, path);
        }
    },

    // The text could become the stop string until its end: nothing can be shown of it.
    async comments_while_text_is_held_back() {
        const ask = {model: "tiny", messages, stream: true, max_tokens: 400, temperature: 0,
            grammar: 'root ::= "a"{2000,}', stop: `${"a".repeat(9000)}b`};
        const of = async interval => (await server.post("/v1/chat/completions",
            {...ask, sse_ping_interval: interval})).text.split("\n\n");
        const events = await of(0.005), shown = events.findIndex(event => /"content":"a/.test(event));
        const pings = events.filter(event => event.startsWith(":"));
        assert.ok(pings.length >= 2 && pings.every(event => event === ":"), `${pings.length} comments`);
        assert.ok(events.indexOf(":") < shown, "before the text");
        assert.deepEqual((await of(-1)).filter(event => event.startsWith(":")), []);
    },

    async unknown_members_are_named_everywhere() {
        for (const [path, good] of [["/tokenize", {content: "Once"}], ["/detokenize", {tokens: [1]}],
            ["/apply-template", {messages}]]) {
            const answer = await server.ask(path, {model: "stories", ...good, with_piecse: true});
            assert.match(answer.warnings.join(), /with_piecse/, path);
            assert.equal((await server.ask(path, {model: "stories", ...good})).warnings, undefined, path);
        }
    },

    // llama.cpp's clients send `content` and get the text's own tokens, vLLM's send `prompt`.
    async who_gets_the_token_that_begins_a_text() {
        const of = async given => (await server.ask("/tokenize", {model: "stories", ...given})).tokens;
        const text = "Once upon a time", plain = await of({content: text, add_special: false});
        const whole = await of({content: text, add_special: true});
        assert.equal(whole.length, plain.length + 1);
        assert.deepEqual(await of({content: text}), plain);
        assert.deepEqual(await of({prompt: text}), whole);
        assert.deepEqual(await of({prompt: text, add_special_tokens: false}), plain);
    }
};

const HONESTY = {
    async nothing_is_cut_unasked() {
        const long = {role: "user", content: "word ".repeat(300)};
        const history = [long, {role: "assistant", content: "ok"}, long, {role: "assistant", content: "ok"},
            ...messages];
        for (const truncate of [undefined, false]) {
            const answer = await server.post("/api/chat", {model: "stories", messages: history, truncate,
                stream: false, options: {num_predict: 8}});
            assert.match(refusal("/api/chat", answer, 400), /512/);
        }
        const cut = await server.ask("/api/chat", {model: "stories", messages: history, truncate: true,
            stream: false, options: {num_predict: 8}});
        assert.ok(cut.truncated.dropped_messages >= 1);
        assert.ok(cut.truncated.dropped_tokens >= 100);
    },

    async nothing_is_said_of_messages_where_there_are_none() {
        const content = "word ".repeat(600);
        const said = async (path, more) => refusal(path, await server.post(path, {model: "stories",
            stream: false, options: {num_predict: 8}, ...more}), 400);
        assert.doesNotMatch(await said("/api/generate", {prompt: content}), /truncate|message/);
        const whole = await said("/api/generate", {prompt: content, truncate: true});
        assert.match(whole, /nothing that "truncate" could leave out/);
        assert.match(await said("/api/generate", {prompt: content, context: [5, 6, 7]}),
            /"truncate": true to leave out the oldest ids of context/);
        assert.match(await said("/api/generate", {prompt: content, context: [5, 6, 7], truncate: true}),
            /the oldest ids of context are left out already/);
        const one = {messages: [{role: "system", content: "Be brief."}, {role: "user", content}]};
        assert.doesNotMatch(await said("/api/chat", one), /truncate/);
        assert.match(await said("/api/chat", {...one, truncate: true}), /nothing that "truncate"/);
        const two = {messages: [...messages, {role: "user", content}]};
        assert.match(await said("/api/chat", two), /"truncate": true to leave out the oldest messages/);
        assert.match(await said("/api/chat", {...two, truncate: true}), /messages are left out already/);
    },

    async a_form_has_to_end() {
        const schema = {type: "object"};
        for (const stream of [true, false])
            for (const [path, more] of [["/v1/chat/completions", {response_format: {type: "json_object"}}],
                ["/v1/chat/completions", {tools: [{type: "function", function: {name: "f",
                    parameters: schema}}], tool_choice: "required"}],
                ["/v1/completions", {prompt: "a", regex: "a+"}]]) {
                const answer = await server.post(path, {...greedy, ...more, stream, ignore_eos: true});
                assert.match(refusal(path, answer, 400), /ignore_eos/);
            }
    },

    async the_largest_number_is_no_limit() {
        const context = 64, options = {num_ctx: context, temperature: 0};
        for (const most of [2147483647, Number.MAX_SAFE_INTEGER]) {
            const answer = await server.ask("/api/generate", {model: "tiny", prompt: "a b c", raw: true,
                stream: false, options: {...options, num_predict: most, num_keep: most, top_k: most}});
            assert.equal(answer.done_reason, "length");
            assert.equal(answer.prompt_eval_count + answer.eval_count, context);
            const other = await server.ask("/v1/completions", {model: "tiny", prompt: "a b c",
                num_ctx: context, temperature: 0, max_tokens: most, ignore_eos: true});
            assert.equal(other.usage.total_tokens, context);
        }
    },

    async what_was_cached_is_said() {
        const prompt = `Once upon a time ${"there was a dog and a cat. ".repeat(12)}`;
        const ask = {model: "stories", prompt, max_tokens: 2, temperature: 0};
        const first = await server.ask("/v1/completions", ask), again = await server.ask("/v1/completions", ask);
        assert.equal(again.choices[0].text, first.choices[0].text);
        assert.equal(again.usage.prompt_tokens, first.usage.prompt_tokens);
        assert.ok(again.usage.prompt_tokens_details.cached_tokens >= 64);
    },

    async a_context_beyond_the_model() {
        const said = /num_ctx: asked for 100000, the model reaches 512/;
        const {warnings} = await server.ask("/v1/chat/completions", {...greedy, num_ctx: 100000});
        assert.match(warnings.join(), said);
        const native = await server.ask("/api/chat", {model: "stories", messages, stream: false,
            options: {num_ctx: 100000, num_predict: 2}});
        assert.match(native.warnings.join(), said);
    },

    async what_would_change_the_answer_is_refused() {
        for (const [path, name, more] of [["/v1/chat/completions", "audio", {audio: {voice: "x"}}],
            ["/v1/chat/completions", "modalities", {modalities: ["audio"]}],
            ["/v1/chat/completions", "functions", {functions: [{name: "f"}]}],
            ["/v1/completions", "suffix", {suffix: "x", prompt: "a"}]]) {
            const answer = await server.post(path, {...greedy, ...more});
            assert.match(refusal(path, answer, 400), new RegExp(name));
        }
    },

    async places_are_free_at_the_end() {
        await until("nothing runs", async () => (await server.metric("primer_requests_running")) === 0);
    }
};

await cases({...PROBES, ...BROWSERS, ...EDITORS, ...LINES, ...HONESTY});
