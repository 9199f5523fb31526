// malformed.mjs COUNT [SEED [INDEX]] - COUNT requests that are wrong, many at once. Each gets an error in its
// dialect's shape, a plain refusal of the HTTP library, or its connection closed; afterwards the server says
// what it said before, and holds no more memory and no more files. With INDEX that one alone is sent and shown.
import net from "node:net";
import {readdirSync} from "node:fs";
import {assert, cases, dice, instrumented, seconds, serve, storiesModel, until, wellBeing, within}
    from "./harness.mjs";
import {malformed} from "./requests.mjs";

const [count = 2000, seed = 1, alone] = process.argv.slice(2).map(Number);
const AT_ONCE = 48;
const server = await serve([storiesModel()]);

// The answers in what came, as far as they are whole: [{status, type, body}], and what is left over.
function takeApart(bytes) {
    const answers = [];
    let rest = bytes;
    for (;;) {
        const end = rest.indexOf("\r\n\r\n");
        if (end < 0) break;
        const [line, ...headers] = rest.slice(0, end).split("\r\n");
        const status = Number(/^HTTP\/1\.[01] (\d{3}) /.exec(`${line} `)?.[1]);
        assert.ok(status, `a status line: ${line.slice(0, 100)}`);
        const header = name => headers.find(one => one.toLowerCase().startsWith(`${name}:`))
            ?.slice(name.length + 1).trim();
        const body = takeBody(rest.slice(end + 4), header);
        if (body === undefined) break;
        rest = rest.slice(end + 4 + body.size);
        if (status >= 200) answers.push({status, type: header("content-type") ?? "", body: body.text});
    }
    return {answers, rest};
}

function takeBody(bytes, header) {
    if ((header("transfer-encoding") ?? "").toLowerCase() === "chunked") {
        let text = "", at = 0;
        for (;;) {
            const end = bytes.indexOf("\r\n", at);
            if (end < 0) return undefined;
            const size = parseInt(bytes.slice(at, end), 16);
            if (bytes.length < end + 2 + size + 2) return undefined;
            text += bytes.slice(end + 2, end + 2 + size);
            at = end + 2 + size + 2;
            if (size === 0) return {text, size: at};
        }
    }
    const size = Number(header("content-length") ?? 0);
    return bytes.length < size ? undefined : {text: bytes.slice(0, size), size};
}

// A connection that is used again while both sides keep it open.
class Line {
    // What came; where a connection used before was being closed just then, from one of its own.
    async exchange(request) {
        const reused = this.socket !== undefined;
        const received = await this.send(request);
        return received === "" && reused && !request.close ? this.send(request) : received;
    }

    async send({bytes, close}) {
        this.received = "";
        if (!this.socket) this.open();
        const {socket} = this;
        for (const [i, piece] of bytes.entries()) {
            if (i > 0) await new Promise(resolve => setTimeout(resolve, 1 + i));
            socket.write(piece);
        }
        if (close) socket.end();
        await within(seconds(20), "an answer, or an end", new Promise(resolve => {
            this.wake = () => {
                if (this.socket !== socket) resolve();
                else if (!close && takeApart(this.received).answers.length > 0) resolve();
            };
            this.wake();
        }));
        return this.received;
    }

    open() {
        const socket = net.connect({port: server.port, host: "127.0.0.1", noDelay: true,
            allowHalfOpen: true});
        this.socket = socket;
        this.wake = () => {};
        socket.setEncoding("latin1");
        socket.on("data", piece => { this.received += piece; this.wake(); });
        socket.on("end", () => socket.end());
        socket.on("error", () => {}); // the other side has had enough
        socket.on("close", () => {
            if (this.socket === socket) this.socket = undefined;
            this.wake();
        });
    }

    shut() { this.socket?.destroy(); }
}

// To a request whose HTTP was right there is one answer, in the dialect's shape; else there may be none.
function judge({kind, path, close}, received) {
    const {answers} = takeApart(received);
    const given = kind === "after" ? answers.slice(1) : answers;
    assert.ok(close || answers.length === 1, `${answers.length} answers: ${received.slice(0, 200)}`);
    for (const {status, type, body} of given) {
        // What the library says by itself of a chunk whose head is larger than all it reads at once.
        if (kind === "chunks" && status === 500 && body.startsWith("<html>")) continue;
        const plain = [400, 403, 404, 405, 408, 411, 413, 414, 417, 421, 431, 501, 505].includes(status);
        assert.ok(plain && (close || [400, 404, 413].includes(status)), `status ${status}: ${body.slice(0, 200)}`);
        if (!close || type.startsWith("application/json")) shape(path, type, body, close);
    }
    return given.length > 0 ? String(given[0].status) : "closed";
}

function shape(path, type, body, any) {
    assert.match(type, /^application\/json/);
    const text = Buffer.from(body, "latin1").toString("utf8");
    assert.ok(!text.includes("\ufffd"), `UTF-8: ${text.slice(0, 200)}`);
    const {error} = JSON.parse(text);
    const message = typeof error === "string" ? error : error?.message;
    assert.ok(typeof message === "string" && message.length > 0 && message.length < 4000, text.slice(0, 300));
    if (!any) assert.equal(typeof error, path.startsWith("/api/") ? "string" : "object", text.slice(0, 200));
}

const requestAt = index => malformed(dice(seed * 1000003 + index), "stories");
const files = () => readdirSync(`/proc/${server.child.pid}/fd`).length;

const seen = {};
let done = 0;
async function work(next, last, failures) {
    const line = new Line();
    for (let index = next(); index < last && failures.length < 20; index = next()) {
        const request = requestAt(index);
        try {
            const ending = judge(request, await line.exchange(request));
            const key = `${request.kind} ${ending}`;
            seen[key] = (seen[key] ?? 0) + 1;
        } catch (error) {
            failures.push(`${request.kind} (seed ${seed}, index ${index}) ${request.path}: ` +
                `${error.message}\n    ${JSON.stringify(Buffer.concat(request.bytes).toString("latin1")
                    .slice(0, 400))}`);
            line.shut();
            line.socket = undefined;
        }
        done++;
        assert.ok(server.alive(), `the server is gone: ${server.errors.slice(-2000)}`);
    }
    line.shut();
}

async function many(first, last) {
    const failures = [];
    let at = first;
    await Promise.all(Array.from({length: AT_ONCE}, () => work(() => at++, last, failures)));
    assert.ok(failures.length === 0, `\n${failures.join("\n")}`);
}

async function show(index) {
    const request = requestAt(index), line = new Line();
    console.log(request.kind, request.path);
    for (const piece of request.bytes) console.log(JSON.stringify(piece.toString("latin1").slice(0, 2000)));
    console.log(await line.exchange(request));
    line.shut();
}

let before, memory, open;
await cases(alone !== undefined ? {show: () => show(alone)} : {
    async first_half() {
        before = await wellBeing(server);
        open = files();
        try {
            await many(0, Math.ceil(count / 2));
        } finally {
            memory = server.memory();
        }
        assert.equal(await wellBeing(server), before);
    },

    async second_half() {
        await many(Math.ceil(count / 2), count);
        assert.equal(await wellBeing(server), before);
        for (const [key, times] of Object.entries(seen).sort()) console.log(`    ${key}: ${times}`);
        assert.equal(done, count);
    },

    async nothing_is_left_of_them() {
        if (!instrumented) {
            const more = server.memory() - memory;
            assert.ok(more < 8 << 20, `${more} bytes more after the second half`);
        }
        await until("files are closed", () => files() <= open + 2);
        await until("nothing runs", async () => (await server.metric("primer_requests_running")) === 0);
    }
}, {longest: 90 + count / 100});
