#!/usr/bin/env python3
"""make_corpus_adapter.py - fuzz/corpus/adapter: small adapters of both forms, whole and wrong, for fuzz_adapter.c's
two models (embedding 8, two heads of 4, feed-forward 16, two layers; the last byte says which)."""
import json
import os
import struct

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "adapter")
MODULES = {"phi2": {"attn_q": ("self_attn.q_proj", 8, 8), "ffn_up": ("mlp.fc1", 16, 8),
                    "ffn_down": ("mlp.fc2", 8, 16)},
           "llama": {"attn_q": ("self_attn.q_proj", 8, 8), "attn_k": ("self_attn.k_proj", 4, 8),
                     "ffn_gate": ("mlp.gate_proj", 16, 8)}}


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def values(count, first=0.5):
    return struct.pack(f"<{count}f", *[first / (1 + i % 7) for i in range(count)])


def gguf(architecture, tensors, alpha=4.0, more=()):
    """tensors: [(name, shape, bytes)]"""
    keys = [("general.type", "adapter"), ("general.architecture", architecture), ("adapter.type", "lora"), *more]
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys) + (alpha is not None))
    for key, value in keys:
        head += text(key) + struct.pack("<I", 8) + text(value)
    if alpha is not None:
        head += text("adapter.lora.alpha") + struct.pack("<If", 6, alpha)
    data = b""
    for name, shape, content in tensors:
        head += text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape) + struct.pack("<IQ", 0, len(data))
        data += content + bytes(-len(content) % 32)
    return head + bytes(-len(head) % 32) + data


def pairs(architecture, rank, first=0.5):
    found = []
    for name, (_, rows, columns) in MODULES[architecture].items():
        for layer in range(2):
            full = f"blk.{layer}.{name}.weight"
            found += [(full + ".lora_a", (columns, rank), values(rank * columns, first)),
                      (full + ".lora_b", (rank, rows), values(rank * rows))]
    return found


def safetensors(tensors):
    header, data = {}, b""
    for name, shape, content in tensors:
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    head = json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + data


def peft(architecture, rank, config=(), rename=lambda name: name):
    tensors = []
    for module, rows, columns in MODULES[architecture].values():
        for layer in range(2):
            full = rename(f"base_model.model.model.layers.{layer}.{module}")
            tensors += [(full + ".lora_A.weight", [rank, columns], values(rank * columns)),
                        (full + ".lora_B.weight", [rows, rank], values(rows * rank))]
    said = {"peft_type": "LORA", "r": rank, "lora_alpha": 2 * rank, **dict(config)}
    return json.dumps(said).encode() + b"\0" + safetensors(tensors)


def marked(architecture, content):
    """Its last byte, in a value's highest bits, says the architecture and leaves the value finite."""
    return content[:-1] + bytes([62 if architecture == "phi2" else 63])


def main():
    os.makedirs(HERE, exist_ok=True)
    files = {}
    for architecture in MODULES:
        whole = pairs(architecture, 2)
        files[f"{architecture}.gguf"] = gguf(architecture, whole)
        files[f"{architecture}-without-alpha.gguf"] = gguf(architecture, whole, None)
        files[f"{architecture}-half.gguf"] = gguf(architecture, whole[:-1])
        files[f"{architecture}-not-finite.gguf"] = gguf(architecture, pairs(architecture, 2, float("nan")))
        files[f"{architecture}-rank-3.peft"] = peft(architecture, 3, {"use_rslora": True})
        files[f"{architecture}-patterns.peft"] = peft(
            architecture, 2, {"r": 4, "rank_pattern": {name.split(".")[1]: 2 for name, _, _ in
                                                       MODULES[architecture].values()}})
        files[f"{architecture}-wrong-rank.peft"] = peft(architecture, 2, {"r": 3})
    files["phi2-switched-on.gguf"] = gguf("phi2", pairs("phi2", 2), 4.0,
                                          [("adapter.alora.invocation_tokens", "1")])
    files["phi2-old-names.peft"] = peft("phi2", 2, (), lambda name: name.replace(
        "model.layers", "transformer.h").replace("model.transformer", "transformer"))
    fused = [("base_model.model.transformer.h.0.mixer.Wqkv.lora_A.weight", [2, 8], values(16)),
             ("base_model.model.transformer.h.0.mixer.Wqkv.lora_B.weight", [24, 2], values(48))]
    files["phi2-fused.peft"] = json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 4}).encode() + b"\0" + \
        safetensors(fused)
    files["phi2-dora.peft"] = peft("phi2", 2, {"use_dora": True})
    for name, content in files.items():
        architecture = name.split("-")[0].split(".")[0]
        with open(os.path.join(HERE, name), "wb") as file:
            file.write(marked(architecture, content))


if __name__ == "__main__":
    main()
