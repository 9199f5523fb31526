#!/usr/bin/env python3
"""decontaminate_library - functions of Python's own library as documents: code that people wrote, and nobody's test.

    library.py MOST     lines {"text"} on standard output, at most so many
"""
import ast
import json
import os
import sys
import sysconfig
import textwrap


def functions(root):
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in ("site-packages", "dist-packages", "__pycache__"))
        for name in sorted(names):
            if not name.endswith(".py"):
                continue
            try:
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    text = file.read()
                tree = ast.parse(text)
            except (OSError, SyntaxError, ValueError, RecursionError):
                continue
            lines = text.split("\n")
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef) and 1 <= node.end_lineno - node.lineno < 60:
                    yield textwrap.dedent("\n".join(lines[node.lineno - 1:node.end_lineno])) + "\n"


def main():
    seen = set()
    for text in functions(sysconfig.get_paths()["stdlib"]):
        if text not in seen and len(seen) < int(sys.argv[1]):
            seen.add(text)
            print(json.dumps({"text": text}))


if __name__ == "__main__":
    main()
