#!/bin/bash
# README's conversation with the built-in model is what really comes out, word for word: greedy answers are the same on
# every machine. The chat is held on a terminal (a pseudo-terminal of Python's), question by question.
. "$(dirname "$0")/common.bash"

[ -f models/builtin.gguf ] || fail "models/builtin.gguf is not there"
sandboxed=yes
bwrap --unshare-all --ro-bind / / /usr/bin/python3 -S -c '' 2>/dev/null || sandboxed=no

python3 - "$PRIMER" README.md "$sandboxed" <<'PY' || fail "the conversation isn't README's"
import os, pty, re, select, sys, time

primer, readme, sandboxed = sys.argv[1], sys.argv[2], sys.argv[3] == "yes"
text = open(readme, encoding="utf-8").read()
block = re.search(r"^````text\n(>>> .*?)^````$", text, re.M | re.S)[1]
parts = re.split(r"^>>> (.*)\n", block, flags=re.M)[1:]
turns = [(parts[i], parts[i + 1].strip()) for i in range(0, len(parts), 2)]
assert len(turns) >= 4, turns

child, terminal = pty.fork()
if child == 0:
    os.environ.update(TERM="dumb", COLUMNS="200")
    os.execv(primer, [primer, "run", "--color", "never"])

def read_until_prompt(deadline):
    out = b""
    while time.time() < deadline:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                more = os.read(terminal, 65536)
            except OSError:
                break
            out += more
            if not more:
                break
        elif out.rstrip(b" ").endswith(b">>>"):
            break
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.decode(errors="replace")).replace("\r", "")

read_until_prompt(time.time() + 60)
wrong = 0
for question, expected in turns:
    if question.startswith("/run") and not sandboxed:
        print("no sandbox here:", question)
        continue
    os.write(terminal, question.encode() + b"\n")
    lines = read_until_prompt(time.time() + 60).split("\n")
    found = "\n".join(lines[1:-1]).strip()
    if found != expected:
        wrong += 1
        print(f">>> {question}\n--- README\n{expected}\n--- found\n{found}")
os.write(terminal, b"/bye\n")
sys.exit(1 if wrong else 0)
PY
exit 0
