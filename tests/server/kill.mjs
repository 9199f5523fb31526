// kill.mjs - the server is killed in the middle of answers, three times. Its clients see the connection break,
// never an end that looks whole; the next start, at the same port and with the same folder of kept beginnings,
// says what the first said and leaves nothing half-written behind.
import {mkdirSync, readdirSync} from "node:fs";
import {join} from "node:path";
import {assert, cases, folder, serve, storiesModel, tinyModel, within, seconds} from "./harness.mjs";

const kept = join(folder, "kept");
mkdirSync(kept, {recursive: true});
const environment = {PRIMER_PREFIX_FOLDER: kept};
const models = [storiesModel(), await tinyModel()];
const prompt = "Once upon a time there was a dog. ".repeat(40); // long enough to be kept on disk
const ask = {model: "stories", prompt, max_tokens: 16, temperature: 0, logprobs: 2};
const question = async server => (await server.ask("/v1/completions", ask)).choices;

// Streams of both dialects; resolves to what each client saw at its end.
function clients(server) {
    const long = {model: "tiny", prompt: "word ".repeat(300), stream: true};
    const asks = [["/v1/completions", {...long, max_tokens: 7000, logit_bias: {50256: -100}}],
        ["/api/generate", {...long, options: {num_predict: 7000}}],
        ["/v1/chat/completions", {...long, prompt: undefined, messages: [{role: "user", content: "x"}],
            max_tokens: 7000, logit_bias: {50256: -100}}], ["/v1/completions", {...ask, stream: false}]];
    const begun = [];
    const ends = asks.map(async ([path, body]) => {
        let text = "", first;
        if (body.stream) begun.push(new Promise(resolve => { first = resolve; }));
        try {
            const answer = await fetch(server.url + path, {method: "POST", body: JSON.stringify(body)});
            for await (const piece of answer.body) {
                text += Buffer.from(piece).toString();
                first?.();
            }
            return {whole: true, text};
        } catch (error) {
            first?.();
            return {whole: false, text, error};
        }
    });
    return {begun: Promise.all(begun), ends: Promise.all(ends)};
}

let first, port;
await cases({
    async before() {
        const server = await serve(models, [], environment);
        first = await question(server);
        ({port} = server);
        await server.stop();
    },

    async killed_and_started_again() {
        for (let round = 0; round < 3; round++) {
            const server = await serve(models, ["--port", String(port)], environment);
            assert.equal(server.port, port);
            assert.deepEqual(await question(server), first);
            const {begun, ends} = clients(server);
            await within(seconds(20), "all streams have begun", begun);
            server.child.kill("SIGKILL");
            await server.ended;
            const seen = await within(seconds(20), "every client has noticed", ends);
            for (const {whole, text} of seen.slice(0, 3))
                assert.ok(!whole || !/\[DONE\]|"done":true/.test(text), "an end that looks whole");
        }
    },

    async afterwards() {
        const server = await serve(models, [], environment);
        assert.deepEqual(await question(server), first);
        assert.doesNotMatch(server.errors, /error|corrupt|torn/i);
        await server.stop();
        const left = readdirSync(kept, {recursive: true}).filter(name => /tmp|part/i.test(name));
        assert.deepEqual(left, [], "files half-written");
    },

    // SIGTERM while answers run: they may finish, within the time that is set.
    async asked_to_end() {
        const server = await serve(models, ["--grace", "20"]);
        const short = fetch(`${server.url}/v1/completions`, {method: "POST", body: JSON.stringify({
            model: "tiny", prompt: "a b c", max_tokens: 600, stream: true, logit_bias: {50256: -100}})});
        const answer = await short;
        const reader = answer.body.getReader();
        let text = Buffer.from((await reader.read()).value).toString();
        server.child.kill("SIGTERM");
        for (let piece = await reader.read(); !piece.done; piece = await reader.read())
            text += Buffer.from(piece.value).toString();
        assert.match(text, /data: \[DONE\]\n\n$/, "the running answer was finished");
        await server.stop();
    },

    async asked_to_end_soon() {
        const server = await serve(models, ["--grace", "0"]);
        const answer = await fetch(`${server.url}/v1/completions`, {method: "POST", body: JSON.stringify({
            model: "tiny", prompt: "a", max_tokens: 7000, stream: true, logit_bias: {50256: -100}})});
        const reader = answer.body.getReader();
        await reader.read();
        const begin = performance.now();
        server.child.kill("SIGTERM");
        let text = "";
        try {
            for (let piece = await reader.read(); !piece.done; piece = await reader.read())
                text += Buffer.from(piece.value).toString();
        } catch { /* cut is as good as an error in the stream */ }
        assert.doesNotMatch(text, /\[DONE\]/);
        await server.stop();
        assert.ok(performance.now() - begin < seconds(5), "it didn't wait for the answer");
    }
});
