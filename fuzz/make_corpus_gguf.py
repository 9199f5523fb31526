#!/usr/bin/env python3
"""make_corpus_gguf.py - writes fuzz/corpus/gguf: small valid GGUF files, each of which has something that
the others lack, so that mutations of them reach every branch of the reader. Run from the root; the files
are committed, and the same on every run."""
import os
import struct

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
PACK = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "B", U64: "Q", I64: "q", F64: "d"}
BLOCKS = {0: (1, 4), 1: (1, 2), 30: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
          20: (32, 18), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 23: (256, 136)}


def string(text):
    text = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(text)) + text


def element(kind, value):
    return string(value) if kind == STRING else struct.pack("<" + PACK[kind], value)


def value(key, kind, content, inner=None):
    if kind == ARRAY:
        body = struct.pack("<IQ", inner, len(content)) + b"".join(element(inner, v) for v in content)
    else:
        body = element(kind, content)
    return string(key) + struct.pack("<I", kind) + body


def gguf(values, tensors, version=3, alignment=32):
    """tensors: (name, shape, type); data is a pattern."""
    infos, data = b"", b""
    for name, shape, kind in tensors:
        length, size = BLOCKS[kind]
        count = 1
        for n in shape:
            count *= n
        infos += string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, len(data))
        data += bytes((len(name) * 31 + i * 7) % 256 for i in range(count // length * size))
        data += bytes(-len(data) % alignment)
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(values)) + b"".join(values) + infos
    return head + bytes(-len(head) % alignment) + data


def model(arch, tokenizer, quant):
    layer = [("blk.0.attn_norm.weight", (32,), 0), ("blk.0.attn_q.weight", (32, 32), quant),
             ("blk.0.ffn_down.weight", (64, 32), quant)]
    values = [value("general.architecture", STRING, arch), value(arch + ".block_count", U32, 1),
              value(arch + ".embedding_length", U32, 32), value(arch + ".attention.head_count", U32, 2),
              value(arch + ".attention.layer_norm_rms_epsilon", F32, 1e-5)] + tokenizer
    return gguf(values, [("token_embd.weight", (32, 4), 0)] + layer)


BPE = [value("tokenizer.ggml.model", STRING, "gpt2"),
       value("tokenizer.ggml.tokens", ARRAY, ["a", "b", "ab", "<|endoftext|>"], STRING),
       value("tokenizer.ggml.merges", ARRAY, ["a b"], STRING),
       value("tokenizer.ggml.token_type", ARRAY, [1, 1, 1, 3], I32)]
SPM = [value("tokenizer.ggml.model", STRING, "llama"),
       value("tokenizer.ggml.tokens", ARRAY, ["<unk>", "<s>", "\u2581a", "<0x0A>"], STRING),
       value("tokenizer.ggml.scores", ARRAY, [0, 0, -1, -2], F32),
       value("tokenizer.ggml.token_type", ARRAY, [2, 3, 1, 6], I32),
       value("tokenizer.ggml.add_bos_token", BOOL, 1)]
SCALARS = [value("u8", U8, 200), value("i8", I8, -100), value("u16", U16, 60000), value("i16", I16, -30000),
           value("u32", U32, 4000000000), value("i32", I32, -2000000000), value("f32", F32, 1.5),
           value("bool", BOOL, 1), value("string", STRING, "caf\u00e9"), value("u64", U64, 1 << 63),
           value("i64", I64, -1 << 63), value("f64", F64, 1e300)]
ARRAYS = [value("a" + str(k), ARRAY, [1, 0, 1], k) for k in PACK] + [
    value("strings", ARRAY, ["", "x", b"\xff\x00"], STRING), value("none", ARRAY, [], U8),
    value("no strings", ARRAY, [], STRING)]

FILES = {
    "empty": gguf([], []),
    "empty-v2": gguf([], [], version=2),
    "scalars": gguf(SCALARS, []),
    "arrays": gguf(ARRAYS, []),
    "one-tensor": gguf([], [("t", (32,), 2)]),
    "dimensions": gguf([], [("one", (32,), 8), ("two", (32, 2), 8), ("three", (32, 2, 1), 8), ("four", (32, 1, 2, 1), 8)]),
    "formats-32": gguf([], [(str(k), (64, 2), k) for k in (0, 1, 30, 2, 3, 6, 7, 8, 20)]),
    "formats-256": gguf([], [(str(k), (256,), k) for k in (10, 11, 12, 13, 14, 23)]),
    "aligned-64": gguf([value("general.alignment", U32, 64)], [("a", (5,), 0), ("b", (3, 3), 1)], alignment=64),
    "aligned-8": gguf([value("general.alignment", U32, 8)], [("a", (1,), 0), ("b", (3,), 1)], alignment=8),
    "phi2-v2": gguf(BPE + [value("general.architecture", STRING, "phi2")], [("output.bias", (4,), 0)], version=2),
    "phi2-bpe": model("phi2", BPE, 2),
    "llama-spm": model("llama", SPM, 8),
}

os.makedirs("fuzz/corpus/gguf", exist_ok=True)
for name, content in FILES.items():
    with open("fuzz/corpus/gguf/" + name, "wb") as file:
        file.write(content)
