#!/usr/bin/env python3
"""make_corpus_checkpoint.py - writes fuzz/corpus/checkpoint: small state files of checkpoints, whole and torn, the
torn ones with hashes that are right. The format is drawn in src/train/train_checkpoint_files.h. Run from the root;
the files are committed, and the same on every run."""
import os
import struct

from make_corpus_shard import xxh64

SOURCES = 64
INTEGER, REAL = 0, 1
NUMBERS = [
    ("recipe", INTEGER, [11]), ("data", INTEGER, [12]), ("step", INTEGER, [30]), ("tokens", INTEGER, [4800]),
    ("position.rows", INTEGER, [60]), ("position.drawn", INTEGER, [7, 9] + [0] * (SOURCES - 2)),
    ("position.inside", INTEGER, [3]), ("position.current", INTEGER, [1]),
    ("position.dealt", INTEGER, [2400, 2400] + [0] * (SOURCES - 2)), ("loss_sum", REAL, [17.25]),
    ("weight_sum", REAL, [160.0]), ("clipped", INTEGER, [2]), ("best", REAL, [float("inf")]),
    ("optimizer.step", INTEGER, [30]), ("optimizer.floats", INTEGER, [4]), ("weights.bytes", INTEGER, [1000]),
    ("weights.hash", INTEGER, [13]),
]


def number(name, kind, values):
    data = struct.pack("<I", len(name)) + name.encode() + struct.pack("<II", kind, len(values))
    return data + struct.pack(f"<{len(values)}{'d' if kind == REAL else 'Q'}", *values)


def state(numbers=NUMBERS, version=1, floats=4, length=None, magic=b"PRIMERTS"):
    """length: what the file says the numbers have."""
    table = b"".join(number(*n) for n in numbers)
    data = magic + struct.pack("<II", version, len(table) if length is None else length) + table
    data += struct.pack(f"<{2 * floats}f", *(i / 8 for i in range(2 * floats)))
    value = 0
    for at in range(0, len(data), 1 << 16):
        value = xxh64(data[at:at + (1 << 16)], value)
    return data + struct.pack("<Q", value)


def changed(name, kind, values):
    return [(name, kind, values) if n[0] == name else n for n in NUMBERS]


FILES = {
    "whole": state(),
    "other-order": state(NUMBERS[::-1]),
    "not-a-number": state(changed("best", REAL, [float("nan")])),
    "no-floats": state(changed("optimizer.floats", INTEGER, [0]), floats=0),
    "later-version": state(version=2),
    "one-missing": state(NUMBERS[:-1]),
    "one-twice": state(NUMBERS + NUMBERS[:1]),
    "one-unknown": state(NUMBERS + [("colour", INTEGER, [1])]),
    "other-count": state(changed("position.drawn", INTEGER, [1, 2])),
    "too-many": state(changed("position.drawn", INTEGER, list(range(2000)))),
    "other-kind": state(changed("best", INTEGER, [1])),
    "many-floats": state(changed("optimizer.floats", INTEGER, [1 << 61])),
    "numbers-too-long": state(length=0xFFFFFFF0),
    "numbers-too-short": state(length=40),
    "other-magic": state(magic=b"PRIMERTT"),
    "cut": state()[:700],
    "empty": b"",
}

if __name__ == "__main__":
    os.makedirs("fuzz/corpus/checkpoint", exist_ok=True)
    for name, content in FILES.items():
        with open("fuzz/corpus/checkpoint/" + name, "wb") as file:
            file.write(content)
