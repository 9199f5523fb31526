#!/bin/bash
# primer data decontaminate from the command line: what is left out by which rule, its summaries and reports, what is
# refused, what Ctrl-C leaves, and that the threads change nothing.
. "$(dirname "$0")/../cli/common.bash"
tiny_model "$folder/tiny.gguf" --arch phi2 --tokenizer bpe
cd "$folder" || exit 1

cat >items.jsonl <<'EOF'
{"task_id": "T/0", "prompt": "def longest_even_word(line):\n    \"\"\" Give back the longest word of the line whose length is even, and the first of several such words.\n    \"\"\"\n", "canonical_solution": "    best = ''\n    for word in line.split():\n        if len(word) % 2 == 0 and len(word) > len(best):\n            best = word\n    return best\n"}
{"task_id": 1, "text": "Write a function to fold a list around its middle.", "code": "def fold_list(values):\r\n  half = len(values) // 2\r\n  return [a + b for a, b in zip(values[:half], reversed(values[half:]))]"}
{"task_id": 2, "text": "Find the sum.", "code": "def plus(x, y):\n  return x + y"}
EOF
python3 - <<'PY' || fail "making the documents"
import json
texts = [
    "Some prose: give back the LONGEST word, of the line whose length is even (and the first).",
    "def pick(s):\n    r = ''\n    for t in s.split():\n        if len(t) % 2 == 0 and len(t) > len(r):\n            r = t\n    return r\n",
    "Do this.\n\n```python\ndef g(q):\n    m = len(q) // 2\n    return [x + y for x, y in zip(q[:m], reversed(q[m:]))]\n```\n",
    "def add(a, b):\n    return a + b\n",
]
with open("a.jsonl", "w") as file:
    for text in texts:
        file.write(json.dumps({"text": text}) + "\n")
    for i in range(3000):
        text = f"def f{i}(items, limit):\n    kept = []\n    for item in items:\n        if item > limit + {i}:\n            kept.append(item)\n    return kept\n"
        file.write(json.dumps({"prompt": "", "completion": text, "n": i}, separators=(",", ":")) + "\n")
PY
expect_code 0 "$PRIMER" data decontaminate a.jsonl --against items.jsonl -o words.jsonl --words-only --json
python3 - out <<'PY' || fail "words only: $(cat out)"
import json, sys
summary = json.load(open(sys.argv[1]))
assert summary["by_words"] == 1 and summary["by_tree"] == 0 and summary["kept"] == 3003 and summary["words"] == 13, summary
assert open("words.jsonl").read().splitlines() == open("a.jsonl").read().splitlines()[1:], "lines byte for byte"
PY
expect_code 2 "$PRIMER" data decontaminate a.jsonl -o b.jsonl
expect_message "needs --against and -o"
expect_code 2 "$PRIMER" data decontaminate a.jsonl --against items.jsonl
expect_code 2 "$PRIMER" data decontaminate a.jsonl --against items.jsonl -o b.jsonl --similarity 2
expect_message 'found "2", expected 0.5 to 1'
expect_code 2 "$PRIMER" data decontaminate a.jsonl --against items.jsonl -o b.jsonl --model tiny.gguf --words-only
expect_message "--words-only"
expect_code 2 "$PRIMER" data decontaminate a.jsonl --against items.jsonl -o b.jsonl --model tiny.gguf --distance far
expect_message 'found "far"'
expect_code 2 "$PRIMER" data decontaminate a.jsonl --against items.jsonl -o b.jsonl --distance 0.3
expect_message "--distance is of embeddings, which need --model"
expect_code 2 "$PRIMER" data decontaminate a.jsonl --against items.jsonl -o b.jsonl --words-only --similarity 0.7
expect_message "which --words-only leaves out"
expect_code 2 "$PRIMER" data decontaminate a.jsonl --against items.jsonl -o b.jsonl --words 65
expect_message '--words: found "65", expected a whole number from 1 to 64'
for report in b.jsonl ./b.jsonl b.jsonl.work; do
    expect_code 1 "$PRIMER" data decontaminate a.jsonl --against items.jsonl -o b.jsonl --report "$report" --words-only
    expect_message "is to be written twice"
done
cp tiny.gguf kept.gguf
for report in a.jsonl ./items.jsonl tiny.gguf; do
    expect_code 1 "$PRIMER" data decontaminate a.jsonl --against items.jsonl -o b.jsonl --report "$report" --model tiny.gguf
    expect_message "is the input itself"
done
cmp tiny.gguf kept.gguf || fail "the report was written over the model"
expect_code 1 "$PRIMER" data decontaminate a.jsonl --against items.jsonl -o b.jsonl --report - --words-only
expect_message "-: an output is a file"
[ -z "$(ls ./-* b.jsonl* 2>/dev/null)" ] || fail "something was written: $(ls)"
expect_code 1 "$PRIMER" data decontaminate a.jsonl --against items.jsonl -o ./items.jsonl --words-only
expect_message "is the input itself"
expect_code 1 "$PRIMER" data decontaminate a.jsonl --against none.jsonl -o b.jsonl --words-only
expect_message "none.jsonl"
expect_code 1 "$PRIMER" data decontaminate a.jsonl --against items.jsonl --against-field question -o b.jsonl
expect_message "items.jsonl:1: expected a text in the field \"question\""
gzip -k items.jsonl
expect_code 1 "$PRIMER" data decontaminate a.jsonl --against items.jsonl.gz -o b.jsonl
expect_message "items.jsonl.gz: is compressed; gunzip it first"
printf '{"text": "a"}\n{"text"\n' >bad.jsonl
expect_code 1 "$PRIMER" data decontaminate bad.jsonl --against items.jsonl -o b.jsonl --words-only
expect_message "bad.jsonl:2: no JSON object"
[ ! -e b.jsonl ] || fail "a failure left an output"
expect_code 0 "$PRIMER" data decontaminate bad.jsonl --against items.jsonl -o b.jsonl --words-only --skip-bad
grep -q "left out: 1 that can.t be read; the first: bad.jsonl:2: " out || fail "the summary: $(cat out)"

# Ctrl-C in the middle leaves nothing but the work so far.
python3 - "$PRIMER" <<'PY' || fail "Ctrl-C"
import glob, re, signal, subprocess, sys
text = open("a.jsonl").read()
with open("big.jsonl", "w") as file:
    for _ in range(100):
        file.write(text)
process = subprocess.Popen([sys.argv[1], "data", "decontaminate", "big.jsonl", "--against", "items.jsonl", "--words-only", "-o",
                            "stopped.jsonl", "--report", "stopped.report"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
while process.poll() is None and not glob.glob("stopped.jsonl.partial-*"):
    pass
process.send_signal(signal.SIGINT)
said = process.communicate()[1]
code = process.returncode
assert code in (130, -signal.SIGINT), code
assert glob.glob("stopped*") in ([], ["stopped.jsonl.work"]), glob.glob("stopped*")
then = "the same command goes on with stopped.jsonl.work" if glob.glob("stopped*") else "nothing was written"
assert re.fullmatch(r"primer: stopped after \d+ % of the work; " + then + "\n", said), said
PY

"$PRIMER" data decontaminate a.jsonl --against items.jsonl -o b.jsonl --report r.jsonl >out 2>err
code=$?
if [ $code = 1 ] && grep -q -- '--words-only does without' err; then
    cat err
    exit 77
fi
expect_same 0 "$code" "exit code ($(cat err))"
grep -qE '^b.jsonl: 3,001 of 3,004 documents, against 3 items; in ' out || fail "the summary: $(cat out)"
grep -q 'left out: 1 by words in common, 2 by syntax trees' out || fail "the summary: $(cat out)"
python3 - <<'PY' || fail "the report: $(cat r.jsonl)"
import json
report = [json.loads(line) for line in open("r.jsonl")]
assert [(r["file"], r["line"], r["rule"], r["against"], r["item"], r["task"]) for r in report] == [
    ("a.jsonl", 1, "words", "items.jsonl", 1, "T/0"), ("a.jsonl", 2, "tree", "items.jsonl", 1, "T/0"),
    ("a.jsonl", 3, "tree", "items.jsonl", 2, "1")], report
assert report[0]["words"] == "give back the longest word of the line whose length is even and the first", report[0]
assert report[1]["score"] == 1 and report[1]["contained"] == 1 and report[1]["evidence"] > 45, report[1]
PY
cmp <(sed 1,3d a.jsonl) b.jsonl || fail "what is kept isn't the lines as they were"
expect_code 0 "$PRIMER" data decontaminate a.jsonl --against items.jsonl -o b1.jsonl --report r1.jsonl -t 1
cmp b.jsonl b1.jsonl && cmp r.jsonl r1.jsonl || fail "the threads change the result"
# A program that is too small for its tree is judged by a model, where there is one.
for distance in 1.9 0.001; do
    expect_code 0 "$PRIMER" data decontaminate a.jsonl --against items.jsonl -o b2.jsonl --report r2.jsonl --json \
        --model tiny.gguf --distance $distance
    python3 - out $distance <<'PY' || fail "embeddings: $(cat out) $(cat r2.jsonl)"
import json, sys
summary, report = json.load(open(sys.argv[1])), [json.loads(line) for line in open("r2.jsonl")]
near = [r for r in report if r["rule"] == "embedding"]
assert summary["by_words"] == 1 and summary["by_tree"] == 2 and summary["embedded"] >= 1, summary
if sys.argv[2] == "1.9":
    assert [(r["line"], r["task"], r["score"]) for r in near][:1] == [(4, "2", 1)] and 0.01 < near[0]["distance"] < 1.9, near
    assert summary["by_embedding"] == len(near), summary
else:
    assert not near and summary["by_embedding"] == 0, near
PY
done
exit 0
