#!/usr/bin/env python3
"""Prints src/tokenizer/unicode_class.c's table: where the class of code points changes.

The classes are those that the pre-tokenizer patterns ask for (L: letters, N: numbers, White_Space).
Whichever Unicode version the Python that runs this knows is printed; the table in the source was made
by Python 3.13 (Unicode 15.1), whose letters and numbers are the ones that llama.cpp's tables have.

usage: python3.13 make_unicode_class.py > table
"""
import sys
import unicodedata

WHITE_SPACE = {0x20, 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000,
               *range(0x09, 0x0E), *range(0x2000, 0x200B)}
OTHER, LETTER, NUMBER, SPACE = range(4)


def unicode_class(code_point):
    if code_point in WHITE_SPACE:
        return SPACE
    return {"L": LETTER, "N": NUMBER}.get(unicodedata.category(chr(code_point))[0], OTHER)


borders = []
last = None
for code_point in range(0x110000):
    now = unicode_class(code_point)
    if now != last:
        borders.append(code_point << 2 | now)
        last = now
sys.stderr.write(f"Unicode {unicodedata.unidata_version}, {len(borders)} borders\n")
line = ""
for border in borders:
    item = f"0x{border:X}, "
    if len(line) + len(item) > 96:
        print("    " + line.rstrip())
        line = ""
    line += item
print("    " + line.rstrip())
