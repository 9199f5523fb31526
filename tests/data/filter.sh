#!/bin/bash
# primer data rate and data filter from the command line: a person's keys, a model's digits, what is kept, a filter
# used again, what is refused, and that Ctrl-C leaves nothing.
. "$(dirname "$0")/../cli/common.bash"

model=$folder/tiny.gguf
tiny_model "$model" --arch phi2 --tokenizer bpe
cd "$folder" || exit 1
export PRIMER_THREADS=1 # what is done here is too small for more

field() { # FILE NAME: of a JSON object
    python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$1" "$2"
}

# A corpus of two kinds that the counts of a text tell apart: tables, and functions with words.
python3 - <<'PY'
import json, os, random
random.seed(1)
os.makedirs("code/sub")
words = "count total price names lines words items pairs depth table width order".split()
for i in range(120):
    name = f"code/{'sub/' if i % 3 else ''}f{i:03}.py"
    with open(name, "w") as file:
        if i % 2:
            a, b = random.sample(words, 2)
            file.write(f'def sum_{a}({b}):\n    """Adds up the {a} of {b}."""\n    {a} = {i}\n'
                       f'    for each in {b}:\n        if each > {a}:\n            {a} += each\n    return {a}\n')
        else:
            rows = "".join(f"    ({random.randrange(9999)}, {random.randrange(9999)}),\n" for _ in range(9))
            file.write("TABLE = [\n" + rows + "]\n")
open("code/empty.py", "w").write("\n\n")
PY

# A person: keys by lines; s skips, u takes back, q ends; a second run goes on.
printf '3\n1\nu\nx\ns\n5\nq\n' | "$PRIMER" data rate code --count 10 --seed 2 -o r.jsonl --json >out 2>err ||
    fail "data rate: $(cat err)"
expect_same "2 1 1" "$(field out rated) $(field out skipped) $(field out undone)" "rated, skipped, undone"
expect_same "[0, 0, 0, 1, 0, 1]" "$(field out counts)" "ratings"
grep -q 'learning the basics' err || fail "the rubric wasn't shown"
cp r.jsonl first.jsonl
printf '0\nq\n' | "$PRIMER" data rate code --count 10 --seed 2 -o r.jsonl --json >out 2>err
expect_same "2 1" "$(field out before) $(field out rated)" "rated before, and now"
head -n 2 r.jsonl | cmp - first.jsonl || fail "what was rated has changed"
python3 - <<'PY' || fail "a rating: $(head -n 1 r.jsonl)"
import json
for line in open("r.jsonl"):
    row = json.loads(line)
    assert row["text"] == open(row["path"]).read() and row["by"] == "person" and row["line"] == 1, row
PY

# A model: the same ratings each time, expected values between 0 and 5.
printf 'How good?' >rubric.txt
for run in 1 2; do
    expect_code 0 "$PRIMER" data rate code --count 6 -o "m$run.jsonl" --by model --model "$model" --rubric rubric.txt --no-text
done
cmp m1.jsonl m2.jsonl || fail "a model's ratings differ"
python3 - <<'PY' || fail "a model's rating: $(head -n 1 m1.jsonl)"
import json
rows = [json.loads(line) for line in open("m1.jsonl")]
assert len(rows) == 6 and all(0 <= r["expected"] <= 5 and r["rating"] in range(6) and "text" not in r for r in rows)
PY

# Ratings given elsewhere: functions 4, tables 1.
expect_code 0 "$PRIMER" data rate code --count 200 -o all.jsonl --by model --model "$model" --rubric rubric.txt
python3 - <<'PY'
import json
with open("given.jsonl", "w") as file:
    for line in open("all.jsonl"):
        row = json.loads(line)
        file.write(json.dumps({"id": row["id"], "rating": 4 if row["text"].startswith("def") else 1}) + "\n")
PY
expect_code 0 "$PRIMER" data rate code --count 90 -o ratings.jsonl --by given.jsonl --no-text --json
expect_same "90 1" "$(field out rated) $(field out empty)" "rated, empty"

filter() { "$PRIMER" data filter code --ratings ratings.jsonl --model "$model" --trees 12 --folds 3 --hold-out 3 "$@"; }
expect_code 0 filter --features -o kept.jsonl --rejected rejected.jsonl --report report.md --save f.json --json -t 1
cp kept.jsonl kept1.jsonl
cp f.json f1.json
python3 - <<'PY' || fail "the filter: $(cat out)"
import json
found = json.load(open("out"))
kept, rejected = ([json.loads(line) for line in open(name)] for name in ("kept.jsonl", "rejected.jsonl"))
assert len(kept) + len(rejected) == 120 == found["samples"] and found["empty"] == 1, found
assert len(kept) == found["kept"] and min(r["score"] for r in kept) > max(r["score"] for r in rejected)
assert sum(r["text"].startswith("def") for r in kept) >= 58 and len(kept) <= 62, len(kept)
chosen = [m for m in found["methods"] if m["chosen"]]
assert len(chosen) == 1 and len(found["methods"]) == 6 and chosen[0]["method"] == "forest", found["methods"]
assert chosen[0]["folds"]["f1"] > 0.9 and chosen[0]["held_out"]["f1"] > 0.9, chosen
assert found["training"] + found["held_out"] == 90 and found["held_out"] == chosen[0]["held_out"]["samples"]
report = open("report.md").read()
assert report.count("` score ") == 20 and "| forest" in report and "## Scores" in report, report
PY

# The same whatever the threads; and from the saved filter, without ratings.
expect_code 0 filter --features -o kept.jsonl --save f.json -t 3
cmp kept.jsonl kept1.jsonl && cmp f.json f1.json || fail "it depends on the threads"
expect_code 0 "$PRIMER" data filter code --load f.json --model "$model" -o again.jsonl
cmp again.jsonl kept1.jsonl || fail "a filter that was saved judges otherwise"
expect_code 0 filter --method linear -o linear.jsonl --json
expect_same linear "$(field out method)" "method"

# Lines of JSON keep their fields; pieces say which lines they are.
printf '{"text": "def f(x):\\n    return x\\n", "more": [1]}\n' >docs.jsonl
expect_code 0 "$PRIMER" data filter docs.jsonl --load f.json --model "$model" -o a.jsonl --rejected b.jsonl
python3 -c 'import json; r = json.loads(open("a.jsonl").read() + open("b.jsonl").read()); assert r["more"] == [1] and "score" in r' ||
    fail "a line of JSON: $(cat a.jsonl b.jsonl)"
expect_code 0 filter --lines 4 -o a.jsonl --rejected b.jsonl --json
expect_same 0 "$(field out missing)" "ratings without a text"
[ "$(field out samples)" -gt 240 ] || fail "pieces: $(field out samples)"
python3 - <<'PY' || fail "pieces don't stand where they say"
import json
for name in ("a.jsonl", "b.jsonl"):
    for line in open(name):
        row = json.loads(line)
        lines = open(row["path"]).read().splitlines(True)
        assert row["text"] == "".join(lines[row["from"] - 1:row["from"] - 1 + row["lines"]]), row
PY

# What can't be read stops, and leaves what was there; or it is counted.
printf 'x = "\351"\n' >code/broken.py
expect_code 1 filter -o kept.jsonl
expect_message "code/broken.py:1: found the byte 0xe9"
cmp kept.jsonl kept1.jsonl || fail "a failure changed what was there"
expect_code 0 filter --features -o kept.jsonl --skip-bad --json
expect_same 1 "$(field out bad)" "files that can't be read"
rm code/broken.py
[ -z "$(ls ./*.partial-* 2>/dev/null)" ] || fail "a part of a file was left: $(ls)"

# Changed files are missing ratings, not wrong ones.
for file in code/sub/*.py; do echo '# more' >>"$file"; done
expect_code 1 filter -o kept.jsonl
expect_message "to learn from"
rm -r code/sub
expect_code 1 filter -o kept.jsonl
for file in code/*.py; do echo '# more' >>"$file"; done
expect_code 1 filter -o kept.jsonl
expect_message "found 90 ratings and none of their texts"

tiny_model other.gguf --arch phi2 --tokenizer bpe --seed 8
expect_code 1 "$PRIMER" data filter code --load f.json --model other.gguf -o kept.jsonl
expect_message "learned on another model"
expect_code 1 "$PRIMER" data filter code --load f.json --model "$model" -o "$model"
expect_message "is the input itself"
expect_code 1 "$PRIMER" data filter code --load f.json --model "$model" -o x.jsonl --rejected x.jsonl
expect_message "written twice"
# What is read isn't written over, nor one output by another; and nothing else changes.
cp ratings.jsonl ratings.kept
cp f.json f.kept
expect_code 1 filter -o x.jsonl --report ratings.jsonl
expect_message "ratings.jsonl: is the input itself"
for option in --report --rejected; do
    for input in f.json "./$(basename "$model")" docs.jsonl; do
        expect_code 1 "$PRIMER" data filter docs.jsonl --load f.json --model "$model" -o x.jsonl $option "$input"
        expect_message "is the input itself"
    done
    expect_code 1 "$PRIMER" data filter docs.jsonl --load f.json --model "$model" -o x.jsonl $option ./x.jsonl
    expect_message "written twice"
done
expect_code 1 filter -o x.jsonl --report x.md --save ./x.md
expect_message "written twice"
expect_code 1 filter -o x.jsonl --report -
expect_message "-: an output is a file"
cmp ratings.jsonl ratings.kept && cmp f.json f.kept || fail "what was read was written over"
[ -z "$(ls ./-* x.* 2>/dev/null)" ] || fail "something was written: $(ls)"
expect_code 1 "$PRIMER" data filter none --load f.json --model "$model" -o x.jsonl
expect_message "none: cannot look at it"
expect_code 2 "$PRIMER" data filter code -o x.jsonl --model "$model"
expect_message "--ratings or --load"
expect_code 2 "$PRIMER" data filter code -o x.jsonl --model "$model" --load f.json --threshold 3
expect_code 2 "$PRIMER" data filter code -o x.jsonl --model "$model" --ratings ratings.jsonl --threshold 7
expect_code 2 "$PRIMER" data rate code
expect_code 2 "$PRIMER" data rate code -o x.jsonl --by model
expect_code 1 "$PRIMER" data rate code -o x.jsonl --by none.jsonl
expect_message "none.jsonl"

# Ctrl-C while it scores: it ends by the signal, with no part of a file left.
mkdir many
for i in $(seq 400); do cp "code/f000.py" "many/$i.py"; done
"$PRIMER" data filter many many many many many many many many many many many many --load f.json --model "$model" \
    -o stopped.jsonl >out 2>err &
process=$!
for _ in $(seq 100); do
    ls stopped.jsonl.partial-* >/dev/null 2>&1 && break
    sleep 0.02
done
kill -TERM "$process"
wait "$process"
code=$?
[ "$code" = 143 ] || [ -f stopped.jsonl ] || fail "exit code $code after a signal: $(cat err)"
[ -f stopped.jsonl ] || grep -qE '^primer: stopped after [0-9]+ % of the (ratings|learning|scoring); ' err ||
    fail "what a stopped run says: $(cat err)"
[ -z "$(ls ./*.partial-* 2>/dev/null)" ] || fail "a part of a file was left: $(ls)"
exit 0
