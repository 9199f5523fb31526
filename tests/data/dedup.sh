#!/bin/bash
# primer data dedup from the command line: what is kept, its summaries and reports, what is refused, what Ctrl-C leaves.
. "$(dirname "$0")/../cli/common.bash"
cd "$folder" || exit 1

python3 - <<'PY' || fail "making the documents"
import json, random
random.seed(11)
words = ["w%d" % i for i in range(5000)]
documents = [random.choices(words, k=random.randint(30, 200)) for _ in range(300)]
with open("a.jsonl", "w") as file:
    for number in range(2000):
        document = random.choice(documents)[:]
        kind = random.choice("same upper edited other".split())
        if kind == "edited":
            document[random.randrange(len(document))] = "changed%d" % number
        if kind == "other":
            document = random.choices(words, k=80)
        text = " ".join(document)
        file.write(json.dumps({"text": text.upper() if kind == "upper" else text, "number": number}) + "\n")
PY
expect_code 0 "$PRIMER" data dedup a.jsonl -o b.jsonl --report r.jsonl --json -t 2
cp out summary
python3 - <<'PY' || fail "what was kept"
import json
summary = json.load(open("summary"))
lines, kept = open("a.jsonl").read().splitlines(), open("b.jsonl").read().splitlines()
report = [json.loads(line) for line in open("r.jsonl")]
removed = {r["line"] for r in report}
assert kept == [line for number, line in enumerate(lines, 1) if number not in removed], "lines, byte for byte, in order"
assert summary["documents"] == 2000 and summary["kept"] == len(kept), summary
assert summary["exact"] == sum(r["kind"] == "exact" for r in report) > 100, summary
assert summary["near"] == sum(r["kind"] == "near" for r in report) > 100, summary
assert summary["bands"] == 21 and summary["rows"] == 6 and summary["permutations"] == 128 and summary["words"] == 5

def shingles(line):
    words = json.loads(line)["text"].lower().split()
    return {tuple(words[i:i + 5]) for i in range(max(1, len(words) - 4))}

worst = 0
for r in report:
    assert r["file"] == r["kept_file"] == "a.jsonl" and r["kept_line"] < r["line"] and r["kept_line"] not in removed, r
    a, b = shingles(lines[r["line"] - 1]), shingles(lines[r["kept_line"] - 1])
    true = len(a & b) / len(a | b)
    assert true == 1 if r["kind"] == "exact" else true > 0.65, (r, true)
    worst = max(worst, abs(true - r["similarity"]))
assert worst < 0.17, worst  # of hundreds of estimates, standard error 0.035
# What is alike beyond the estimate's error is found.
sets, seen = [shingles(line) for line in kept], {}
for number, shingle_set in enumerate(sets):
    for shingle in shingle_set:
        for other in seen.get(shingle, ()):
            both = len(shingle_set & sets[other]) / len(shingle_set | sets[other])
            assert both < 0.95, (kept[number], kept[other])
        seen.setdefault(shingle, []).append(number)
PY
expect_code 0 "$PRIMER" data dedup a.jsonl -o b1.jsonl --report r1.jsonl -t 1
cmp b.jsonl b1.jsonl && cmp r.jsonl r1.jsonl || fail "the threads change the result"
grep -qE '^b1.jsonl: [0-9,]+ of 2,000 documents; left out: [0-9]+ exact and [0-9]+ near duplicates; in ' out ||
    fail "the summary: $(cat out)"
grep -q '21 bands of 6 rows (threshold 0.60) find 99.8 %' out || fail "the summary: $(cat out)"
expect_code 0 "$PRIMER" data dedup b.jsonl -o again.jsonl
cmp b.jsonl again.jsonl || fail "what was kept once isn't kept again"
expect_code 0 "$PRIMER" data dedup a.jsonl a.jsonl -o twice.jsonl --json
cmp b.jsonl twice.jsonl || fail "the same file twice gives more"

printf '{"text": "a"}\nnothing\n{"t": "x"}\n{"text": "A"}\n' >bad.jsonl
expect_code 1 "$PRIMER" data dedup bad.jsonl -o b.jsonl
expect_message "bad.jsonl:2: no JSON object"
cmp b.jsonl b1.jsonl || fail "a failure changed the output that was there"
expect_code 0 "$PRIMER" data dedup bad.jsonl -o c.jsonl --skip-bad
expect_same '{"text": "a"}' "$(cat c.jsonl)" "what is kept of bad lines"
grep -q 'left out: 2 that can.t be read; the first: bad.jsonl:2: ' out || fail "the summary: $(cat out)"

expect_code 2 "$PRIMER" data dedup a.jsonl
expect_message "needs -o"
expect_code 2 "$PRIMER" data dedup a.jsonl -o c.jsonl --similarity 0.1
expect_message 'found "0.1", expected 0.3 to 1'
expect_code 1 "$PRIMER" data dedup none.jsonl -o c.jsonl
expect_message "none.jsonl: cannot look at it"
expect_code 2 "$PRIMER" data dedup a.jsonl -o c.jsonl --exact --similarity 0.5
expect_message "--similarity and --words are of near duplicates, which --exact leaves out"
expect_code 2 "$PRIMER" data dedup a.jsonl -o c.jsonl --exact --words 4
expect_message "which --exact leaves out"
expect_code 2 "$PRIMER" data dedup a.jsonl -o c.jsonl --words 65
expect_message '--words: found "65", expected a whole number from 1 to 64'
expect_code 1 "$PRIMER" data dedup a.jsonl -o ./a.jsonl
expect_message "is the input itself"

# Outputs that are one file, by whatever name, or none.
rm -f c.jsonl
for report in c.jsonl ./c.jsonl "$folder/c.jsonl" c.jsonl.work; do
    expect_code 1 "$PRIMER" data dedup a.jsonl -o c.jsonl --report "$report"
    expect_message "is to be written twice"
done
cp a.jsonl kept.jsonl
expect_code 1 "$PRIMER" data dedup a.jsonl -o c.jsonl --report ./a.jsonl
expect_message "is the input itself"
cmp a.jsonl kept.jsonl || fail "the report was written over the input"
expect_code 1 "$PRIMER" data dedup a.jsonl -o -
expect_message "-: an output is a file"
[ -z "$(ls ./-* c.jsonl* 2>/dev/null)" ] || fail "something was written: $(ls)"

# Ctrl-C in the middle leaves nothing but the work so far.
python3 - "$PRIMER" <<'PY' || fail "Ctrl-C"
import glob, os, re, signal, subprocess, sys
text = open("a.jsonl").read()
with open("big.jsonl", "w") as file:
    for _ in range(100):
        file.write(text)
process = subprocess.Popen([sys.argv[1], "data", "dedup", "big.jsonl", "-o", "stopped.jsonl"], stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE, text=True)
while process.poll() is None and not glob.glob("stopped.jsonl.partial-*"):
    pass
process.send_signal(signal.SIGINT)
said = process.communicate()[1]
code = process.returncode
assert code in (130, -signal.SIGINT), code
assert glob.glob("stopped*") in ([], ["stopped.jsonl.work"]), glob.glob("stopped*")
then = "the same command goes on with stopped.jsonl.work" if glob.glob("stopped*") else "nothing was written"
assert re.fullmatch(r"primer: stopped after \d+ % of the input; " + then + "\n", said), said
PY
exit 0
