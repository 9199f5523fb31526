#!/usr/bin/env python3
"""Writes fuzz/corpus/tokenizer/: small valid tokenizers, each with something that the others lack.

usage: python3 fuzz/make_corpus_tokenizer.py    (in the project's folder)
"""
import json
import os
import struct

OUT = "fuzz/corpus/tokenizer"
UNDER = "\u2581"
ALPHABET = {b: chr(b) if 0x21 <= b <= 0x7E or 0xA1 <= b <= 0xAC or b >= 0xAE else None for b in range(256)}
n = 0
for b in range(256):
    if ALPHABET[b] is None:
        ALPHABET[b] = chr(256 + n)
        n += 1
G = ALPHABET[32]


def write(name, data):
    with open(os.path.join(OUT, name), "wb") as file:
        file.write(data)


def tokenizer(name, vocab, merges, added=(), **parts):
    model = {"type": "BPE", "vocab": {t: i for i, t in enumerate(vocab)}, "merges": merges}
    model.update(parts.pop("model", {}))
    tops = {"normalizer": None, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False},
            "post_processor": None, "decoder": None}
    tops.update(parts)
    top = {"version": "1.0", "added_tokens": [dict(id=i, content=c, special=s, **more) for i, c, s, more in added]}
    top.update(tops)
    top["model"] = model
    write(name, json.dumps(top, ensure_ascii=False).encode())


LETTERS = ["a", "b", "c", "<", "x", ">", "1", G, "ab", G + "a", G + "ab", "abc", "aa", "aaaa"]
MERGES = ["a b", G + " a", [G, "ab"], ["ab", "c"], "a a", "aa aa"]
ADDED = [(20, "<x>", True, {}), (21, "  ", False, {}), (22, "    ", False, {}), (23, "<|end|>", False, {"rstrip": True})]
tokenizer("byte-level", LETTERS, MERGES, ADDED, model={"unk_token": "x", "fuse_unk": True})
tokenizer("byte-level-all-bytes", list(ALPHABET.values()) + ["ab"], ["a b"])
tokenizer("byte-level-split", LETTERS, MERGES, ADDED, model={"unk_token": "x", "ignore_merges": True},
          pre_tokenizer={"type": "Sequence", "pretokenizers": [
              {"type": "Split", "pattern": {"Regex": "[a-c]+|\\d{1,3}(?=1)"}, "behavior": "Isolated", "invert": False},
              {"type": "Digits", "individual_digits": True},
              {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}]})
tokenizer("byte-level-llama3", LETTERS, MERGES, ADDED[:1], model={"unk_token": "x"}, pre_tokenizer={
    "type": "Sequence", "pretokenizers": [
        {"type": "Split", "behavior": "Isolated", "pattern": {"Regex":
            "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
            "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
        {"type": "ByteLevel", "use_regex": False}]},
    post_processor={"type": "Sequence", "processors": [{"type": "ByteLevel"}, {
        "type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<x>", "type_id": 0}}]}]})
PIECES = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + [
    UNDER, "a", "b", "l", "o", UNDER + "a", "ab", UNDER + "ab", "lo", UNDER * 2, "\u4e2d", "\u00e9a"]
PIECE_MERGES = [UNDER + " a", "a b", f"{UNDER} ab", f"{UNDER}a b", "l o", f"{UNDER} {UNDER}"]
NORMALIZER = {"type": "Sequence", "normalizers": [
    {"type": "Prepend", "prepend": UNDER}, {"type": "Replace", "pattern": {"String": " "}, "content": UNDER}]}
MARKS = [(0, "<unk>", True, {}), (1, "<s>", True, {}), (2, "</s>", False, {"rstrip": True, "lstrip": True})]
tokenizer("pieces", PIECES, PIECE_MERGES, MARKS, normalizer=NORMALIZER, pre_tokenizer=None,
          model={"unk_token": "<unk>", "byte_fallback": True, "fuse_unk": True},
          decoder={"type": "Sequence", "decoders": [{"type": "Replace"}, {"type": "ByteFallback"}, {"type": "Fuse"}]})
tokenizer("pieces-metaspace", PIECES[:3] + PIECES[259:], PIECE_MERGES, MARKS[:2],
          model={"unk_token": "<unk>"}, decoder={"type": "Metaspace"},
          pre_tokenizer={"type": "Metaspace", "replacement": UNDER, "prepend_scheme": "first", "split": True})


def string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(data)) + data


def value(key, kind, payload):
    return string(key) + struct.pack("<I", kind) + payload


def array(kind, count, payload):
    return struct.pack("<IQ", kind, count) + payload


def gguf(name, model, tokens, kinds=None, scores=None, merges=None, pre=None, more=()):
    values = [value("tokenizer.ggml.model", 8, string(model)),
              value("tokenizer.ggml.tokens", 9, array(8, len(tokens), b"".join(map(string, tokens))))]
    if pre is not None:
        values.append(value("tokenizer.ggml.pre", 8, string(pre)))
    if kinds is not None:
        values.append(value("tokenizer.ggml.token_type", 9, array(5, len(kinds), struct.pack(f"<{len(kinds)}i", *kinds))))
    if scores is not None:
        values.append(value("tokenizer.ggml.scores", 9, array(6, len(scores), struct.pack(f"<{len(scores)}f", *scores))))
    if merges is not None:
        values.append(value("tokenizer.ggml.merges", 9, array(8, len(merges), b"".join(map(string, merges)))))
    values.extend(more)
    write(name, b"GGUF" + struct.pack("<IQQ", 3, 0, len(values)) + b"".join(values))


TEXT_MERGES = ["a b", G + " a", G + " ab", "ab c", "a a", "aa aa"]
BYTE_TOKENS = LETTERS + ["<x>", "  ", "<|im_end|>"]
gguf("gguf-gpt2", "gpt2", BYTE_TOKENS, [1] * 14 + [3, 4, 3], merges=TEXT_MERGES, pre="gpt-2", more=[
    value("tokenizer.ggml.bos_token_id", 4, struct.pack("<I", 14)),
    value("tokenizer.ggml.unknown_token_id", 4, struct.pack("<I", 4)),
    value("tokenizer.ggml.add_bos_token", 7, b"\1")])
for pre in ("llama-bpe", "falcon", "tekken", "default"):
    gguf("gguf-" + pre, "gpt2", BYTE_TOKENS, merges=TEXT_MERGES, pre=pre,
         more=[value("tokenizer.ggml.unknown_token_id", 4, struct.pack("<I", 4))])
gguf("gguf-llama", "llama", PIECES, [2, 3, 3] + [6] * 256 + [1] * 12, [0.0] * 259 + [-float(i) for i in range(12)])
gguf("gguf-llama-ties", "llama", PIECES[:3] + PIECES[259:] + [b"\xff\xfea", b"\xff", b"a\xff"], more=[
    value("general.name", 8, string("Phi-3")), value("tokenizer.ggml.add_space_prefix", 7, b"\0")])
