#!/bin/bash
# recipes/experiments/: each one runs from nothing to its table, results and pictures, with a few steps instead of hundreds;
# a second time nothing is trained; other settings in the same folder are refused; the document gets its tables.
. "$(dirname "$0")/../cli/common.bash"
experiments=$(cd "$(dirname "$0")/../../recipes/experiments" && pwd)
PRIMER_SHARED=$(realpath "$PRIMER_SHARED" 2>/dev/null)
# Python's own library is everywhere, and some of the filter's ratings are about it.
export PRIMER PRIMER_SHARED QUICK=1 SEEDS="1 2" CODE=/usr/lib/python3.11
[ -f "$PRIMER_SHARED/data/eval-humaneval/HumanEval.jsonl.gz" ] || {
    echo "no HumanEval below $PRIMER_SHARED"
    exit 77
}

# experiment NAME ARMS PICTURES...: it ends well, with lines and pictures.
experiment() {
    local name=$1 arms=$2 out=$folder/runs/$1 picture
    shift 2
    "$experiments/$name/run" "$folder/runs" >"$folder/out" 2>"$folder/err" </dev/null ||
        fail "$name: $(tail -n 5 "$folder/err" "$folder/out")"
    for picture in "$@"; do grep -q '<svg' "$out/$picture.svg" || fail "$name: no picture $picture.svg"; done
    python3 - "$out/results.jsonl" "$arms" <<'PYTHON' || fail "$name: results.jsonl"
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
arms = {line["arm"] for line in lines}
assert len(arms) == int(sys.argv[2]), arms
for line in lines:
    assert {"arm", "name", "seed", "metric", "value", "low", "high", "command", "steps", "tokens", "seconds"} <= set(line)
    assert line["seed"] in (1, 2) and line["steps"] > 0 and line["tokens"] > 0, line
    if line["metric"].startswith("bits"):
        assert 1 < line["value"] < 12, line
assert len({(line["arm"], line["seed"], line["metric"]) for line in lines}) == len(lines)
PYTHON
    [ "$(grep -c '^|' "$out/table.md")" = $((arms + 2)) ] || fail "$name: the table: $(cat "$out/table.md")"
}
experiment textbooks 4 bits-solutions bits-library bits-tests curves
experiment size 4 bits-solutions bits-tests curves
experiment repetition 4 bits-solutions bits-tests curves
experiment transfer 5 bits-solutions bits-tests curves
experiment decontamination 2 bits-humaneval bits-mbpp bits-tests
experiment self-extend 6

# Arms that several ask for were trained once, and nothing is trained or judged again.
find "$folder/runs" -name model.gguf -o -name 'outcome.jsonl' | sort | xargs stat -c '%n %Y %s' >"$folder/before"
experiment size 4 bits-solutions
grep -q '^== ' "$folder/out" && fail "a finished arm ran again: $(grep '^== ' "$folder/out")"
find "$folder/runs" -name model.gguf -o -name 'outcome.jsonl' | sort | xargs stat -c '%n %Y %s' >"$folder/after"
cmp "$folder/before" "$folder/after" || fail "a second run has written models anew"
STEPS=5 expect_code 1 "$experiments/size/run" "$folder/runs"
expect_message 'made with other settings'

# Nothing that is asked was trained on.
python3 - "$folder/runs/data" <<'PYTHON' || fail "a held-out exercise is in the data"
import json, sys
trained = open(sys.argv[1] + "/exercises.jsonl").read() + open(sys.argv[1] + "/textbooks.jsonl").read()
for line in open(sys.argv[1] + "/tests.jsonl"):
    prompt = json.dumps(json.loads(line)["prompt"], ensure_ascii=False)[1:-1]
    assert prompt not in trained, prompt
PYTHON

# The document: what has run gets its table, the rest stays.
cp -r "$experiments" "$folder/experiments"
printf '<!-- results size -->\n\nNot run yet.\n\n<!-- end -->\n<!-- results claim -->\n\nNot run yet.\n\n<!-- end -->\n' \
    >"$folder/document.md"
"$folder/experiments/report" "$folder/runs" "$folder/document.md" >/dev/null || fail "report"
expect_same 1 "$(grep -c 'Not run yet' "$folder/document.md")" "places that wait"
grep -q '^| 2.1 M, good data' "$folder/document.md" || fail "no table in the document: $(cat "$folder/document.md")"
grep -q 'bits-solutions.svg' "$folder/document.md" || fail "no picture in the document"
exit 0
