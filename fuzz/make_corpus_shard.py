#!/usr/bin/env python3
"""make_corpus_shard.py - writes fuzz/corpus/shard: small shards (docs/shards.md), whole and torn, the torn ones
with hashes that are right, so that what stands behind the hashes is reached. Run from the root; the files are
committed, and the same on every run. It shares no code with the program: an independent writer of the format."""
import os
import struct

MASK = (1 << 64) - 1
P1, P2, P3, P4, P5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63,
                      0x27D4EB2F165667C5)


def rotate(value, bits):
    return (value << bits | value >> (64 - bits)) & MASK


def step(accumulator, lane):
    return rotate((accumulator + lane * P2) & MASK, 31) * P1 & MASK


def xxh64(data, seed=0):
    at, size = 0, len(data)
    if size >= 32:
        lanes = [(seed + P1 + P2) & MASK, (seed + P2) & MASK, seed, (seed - P1) & MASK]
        while at + 32 <= size:
            for i in range(4):
                lanes[i] = step(lanes[i], struct.unpack_from("<Q", data, at + 8 * i)[0])
            at += 32
        value = sum(rotate(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18))) & MASK
        for lane in lanes:
            value = ((value ^ step(0, lane)) * P1 + P4) & MASK
    else:
        value = (seed + P5) & MASK
    value = (value + size) & MASK
    while at + 8 <= size:
        value = (rotate(value ^ step(0, struct.unpack_from("<Q", data, at)[0]), 27) * P1 + P4) & MASK
        at += 8
    if at + 4 <= size:
        value = (rotate(value ^ struct.unpack_from("<I", data, at)[0] * P1 & MASK, 23) * P2 + P3) & MASK
        at += 4
    for byte in data[at:]:
        value = rotate(value ^ byte * P5 & MASK, 11) * P1 & MASK
    value = (value ^ value >> 33) * P2 & MASK
    value = (value ^ value >> 29) * P3 & MASK
    return value ^ value >> 32


def shard(vocabulary, documents, asked=None, ends=None, **fields):
    """documents: lists of ids; asked: lists of marks; ends: what the table says instead."""
    wide = vocabulary > 65536
    tokens = [token for document in documents for token in document]
    data = struct.pack(f"<{len(tokens)}{'I' if wide else 'H'}", *tokens)
    data += bytes(-len(data) % 8)
    count = len(tokens) - len(documents)
    if asked:
        marks = [mark for document in asked for mark in document]
        count = sum(marks)
        bits = sum(mark << i for i, mark in enumerate(marks))
        data += bits.to_bytes((len(tokens) + 63) // 64 * 8, "little")
    total, table = 0, []
    for document in documents:
        total += len(document)
        table.append(total)
    data += struct.pack(f"<{len(table)}Q", *(ends or table))
    hashes = b"".join(struct.pack("<Q", xxh64(data[i:i + (1 << 20)])) for i in range(0, len(data), 1 << 20))
    values = {"vocabulary": vocabulary, "tokenizer": 1, "documents": len(documents), "tokens": len(tokens),
              "asked": count, "text": len(tokens), "longest": max(map(len, documents)), "key": 0}
    values.update(fields)
    head = b"PRMSHARD" + struct.pack("<IIII", 1, 4 if wide else 2, 1 if asked else 0, 1 << 20)
    head += struct.pack("<8Q", *values.values()) + struct.pack("<Q", xxh64(hashes)) + bytes(24)
    return head + struct.pack("<Q", xxh64(head)) + data + hashes


LISTS = [[1, 2, 3, 0], [4, 0], [0], list(range(1, 60)) + [0]]
MARKS = [[0, 1, 0, 1], [0, 1], [0], [0] + [i % 2 for i in range(59)]]
FILES = {
    "one": shard(5, [[1, 2, 0]]),
    "narrow": shard(100, LISTS),
    "marked": shard(100, LISTS, MARKS),
    "wide": shard(70000, LISTS + [[69999, 0]]),
    "wide-marked": shard(70000, LISTS, MARKS),
    "single-tokens": shard(3, [[0]] * 9),
    "torn-id": shard(50, LISTS),
    "torn-ends": shard(100, LISTS, ends=[4, 3, 7, 67]),
    "torn-order": shard(100, LISTS, ends=[1 << 60, 6, 7, 67]),
    "short-longest": shard(100, LISTS, MARKS, longest=59),
    "no-longest": shard(100, LISTS, longest=67),
    "cut": shard(100, LISTS)[:-9],
    "header": shard(100, LISTS)[:128],
}


if __name__ == "__main__":
    os.makedirs("fuzz/corpus/shard", exist_ok=True)
    for name, content in FILES.items():
        with open("fuzz/corpus/shard/" + name, "wb") as file:
            file.write(content)
