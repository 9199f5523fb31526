// The ids that llama.cpp gives to a megabyte each of several kinds of text, for test_tokenizer_peer.c.
//
//   node compare_peer.mjs PEER SHARED DIR [BYTES=1000000]
//
// PEER holds node_modules/node-llama-cpp, SHARED the vocabularies and the English text. Written into DIR:
//   KIND.txt               a text, valid UTF-8
//   VOCABULARY.KIND.ids    a line per chunk of that text: its length in bytes, then its ids; where KIND is
//                          "special", special tokens written in the text count as such
//   *.gguf                 vocabularies made here: phi-2's tokenizer.json, and the same under other patterns
// A text goes over in chunks because the peer's search for added tokens is quadratic in their number.
import {createRequire} from "node:module";
import {pathToFileURL} from "node:url";
import fs from "node:fs";
import path from "node:path";

const [, , peer, shared, dir, bytes = "1000000"] = process.argv;
const {getLlama} = await import(pathToFileURL(
    createRequire(path.join(path.resolve(peer), "package.json")).resolve("node-llama-cpp")));

// ---- texts ----

let state = 12345n;
const random = below => Number((state = state * 6364136223846793005n + 1442695040888963407n &
    0xFFFFFFFFFFFFFFFFn) >> 33n) % below;
const pick = list => list[random(list.length)];
const range = (from, to) => Array.from({length: to - from}, (_, i) => String.fromCodePoint(from + i));
const fill = (size, next) => {
    const parts = [];
    for (let n = 0; n < size;) {
        const part = next();
        parts.push(part);
        n += Buffer.byteLength(part);
    }
    return parts.join("");
};

const emoji = [...range(0x1F300, 0x1F650), ...range(0x1F680, 0x1F700), ...range(0x1F900, 0x1FA00), ...range(0x2600, 0x2700)];
const common = Array.from({length: 800}, () => String.fromCodePoint(0x4E00 + random(0x51A6)));
const point = () => {
    const k = random(10);
    const at = random(k < 4 ? 0x110000 : k < 6 ? 0x3000 : 0x80);
    return at >= 0xD800 && at < 0xE000 ? " " : String.fromCodePoint(at);
};
const files = (folder, ending) => fs.existsSync(folder) ? fs.readdirSync(folder).filter(f => f.endsWith(ending)).sort()
    .map(f => path.join(folder, f)).filter(f => fs.statSync(f).isFile()) : [];
const english = () => {
    const folder = path.join(shared, "data/text-wikitext2-test");
    return fs.readFileSync(path.join(folder, fs.readdirSync(folder).find(f => f.endsWith(".raw") || f.endsWith(".txt"))), "utf8");
};
const texts = size => ({
    english: english(),
    code: [...files("/usr/lib/python3.11", ".py"), ...files("/usr/include", ".h"), ...files("src/tokenizer", ".c")]
        .map(f => fs.readFileSync(f, "utf8")).join(""),
    emoji: fill(size, () => pick(emoji) + pick(["", "", "", "\uFE0F", "\u200D" + pick(emoji), String.fromCodePoint(0x1F3FB + random(5)), " ", " ok, ", "\n"])),
    cjk: fill(size, () => random(10) < 7 ? pick(common) : pick([() => String.fromCodePoint(0x3041 + random(86)),
        () => String.fromCodePoint(0x30A1 + random(90)), () => String.fromCodePoint(0xAC00 + random(11172)),
        () => String.fromCodePoint(0x4E00 + random(0x5200)), () => pick(["，", "。", "、", "！", "「", "」", "\n", " ", "3", "A"])])()),
    points: fill(size, point),
    bytes: Buffer.from(Array.from({length: size}, () => random(256))).toString("utf8"),
    latin: Buffer.from(Array.from({length: size}, () => random(256))).toString("latin1"),
    spaces: fill(size, () => pick([" ".repeat(1 + random(70)), "\t".repeat(1 + random(20)), "\n".repeat(1 + random(4)),
        "\r\n", "\u00A0", "\u3000", "\u0085", pick(["x", "'s", "'Re", "12345", "don't", "'LL", "=", "==", "*/", "_", "é"])])),
    special: fill(size / 10, () => pick(["<|endoftext|>", "<|user|>", "<|end|>", "<|assistant|>", "<s>", "</s>", "<unk>", "<|system|>",
        "<|endoftext|", "</s", "  ", " ", "\n", "\n \n", "Hello", " world", "<", "\t\t\t", "é"])),
});

// ---- vocabularies ----

const u32 = n => { const b = Buffer.alloc(4); b.writeUInt32LE(n); return b; };
const u64 = n => { const b = Buffer.alloc(8); b.writeBigUInt64LE(BigInt(n)); return b; };
const string = s => { const b = Buffer.from(s); return Buffer.concat([u64(b.length), b]); };
const entry = (key, type, value) => Buffer.concat([string(key), u32(type), value]);
const array = (type, items) => Buffer.concat([u32(type), u64(items.length), ...items]);

function writeVocabulary(file, tokenizer, pre) {
    const tokens = [], kinds = [];
    for (const [text, id] of Object.entries(tokenizer.model.vocab)) { tokens[id] = text; kinds[id] = 1; }
    for (const added of tokenizer.added_tokens) { tokens[added.id] = added.content; kinds[added.id] = added.special ? 3 : 4; }
    const values = [
        entry("general.architecture", 8, string("phi2")),
        entry("tokenizer.ggml.model", 8, string("gpt2")),
        entry("tokenizer.ggml.pre", 8, string(pre)),
        entry("tokenizer.ggml.tokens", 9, array(8, tokens.map(string))),
        entry("tokenizer.ggml.token_type", 9, array(5, kinds.map(u32))),
        entry("tokenizer.ggml.merges", 9, array(8, tokenizer.model.merges.map(string))),
        entry("tokenizer.ggml.bos_token_id", 4, u32(50256)),
        entry("tokenizer.ggml.eos_token_id", 4, u32(50256)),
        entry("tokenizer.ggml.add_bos_token", 7, Buffer.from([0])),
    ];
    fs.writeFileSync(file, Buffer.concat([Buffer.from("GGUF"), u32(3), u64(0), u64(values.length), ...values]));
}

// ---- the peer ----

const llama = await getLlama({gpu: false, build: "never", logLevel: "disabled"});

function* chunks(buffer, size) {
    for (let at = 0; at < buffer.length;) {
        let end = Math.min(buffer.length, at + size);
        while (end < buffer.length && (buffer[end] & 0xC0) === 0x80)
            end--;
        yield buffer.subarray(at, end);
        at = end;
    }
}

async function ask(name, file, kinds) {
    const model = await llama.loadModel({modelPath: file, vocabOnly: true});
    for (const [kind, buffer] of Object.entries(kinds)) {
        const lines = [];
        for (const chunk of chunks(buffer, 8000))
            lines.push([chunk.length, ...model.tokenize(chunk.toString("utf8"), kind === "special")].join(" "));
        fs.writeFileSync(path.join(dir, `${name}.${kind}.ids`), lines.join("\n") + "\n");
    }
    await model.dispose();
}

const cut = (text, size) => {
    const buffer = Buffer.from(text);
    let end = Math.min(buffer.length, size);
    while (end > 0 && end < buffer.length && (buffer[end] & 0xC0) === 0x80)
        end--;
    return buffer.subarray(0, end);
};
const whole = {}, part = {};
for (const [kind, text] of Object.entries(texts(+bytes))) {
    whole[kind] = cut(text, +bytes);
    part[kind] = cut(text, +bytes / 20);
    fs.writeFileSync(path.join(dir, `${kind}.txt`), whole[kind]);
}
const phi2 = JSON.parse(fs.readFileSync(path.join(shared, "data/tok-phi/phi-2/tokenizer.json"), "utf8"));
writeVocabulary(path.join(dir, "phi-2.gguf"), phi2, "phi-2");
await ask("phi-2", path.join(dir, "phi-2.gguf"), whole);
await ask("gpt-2", path.join(shared, "data/tok-llamacpp-vocab/ggml-vocab-gpt-2.gguf"), whole);
await ask("phi-3", path.join(shared, "data/tok-llamacpp-vocab/ggml-vocab-phi-3.gguf"), whole);
await ask("stories", path.join(shared, "models/stories260K.gguf"), whole);
for (const pre of ["llama-bpe", "qwen2", "starcoder", "falcon", "default"]) {
    writeVocabulary(path.join(dir, `pre-${pre}.gguf`), phi2, pre);
    await ask(`pre-${pre}`, path.join(dir, `pre-${pre}.gguf`), part);
}
process.exit(0);
