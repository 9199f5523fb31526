#!/bin/bash
# primer data review from the command line: keys by a pipe, a run that is killed and goes on, undo, a model as the
# judge, what a report says, what is refused.
. "$(dirname "$0")/../cli/common.bash"

model=$folder/tiny.gguf
tiny_model "$model" --arch phi2 --tokenizer bpe
cd "$folder" || exit 1
export PRIMER_THREADS=1 # what is done here is too small for more

python3 - <<'PY'
import json
with open("lessons.jsonl", "w") as file:
    for i in range(40):
        lesson = {"index": 100 + i, "kind": "talk" if i % 4 == 0 else "frame"}
        if i % 3 == 0:
            lesson |= {"prompt": f"What is {i} + 1?", "completion": f"It is {i + 1}."}
        elif i % 3 == 1:
            lesson |= {"text": f"Number {i}.\n\x1b[2J is shown"}
        else:
            lesson["messages"] = [{"role": "user", "content": f"And {i}?"}, {"role": "assistant", "content": "Yes."}]
        file.write(json.dumps(lesson) + "\n")
PY
review() { "$PRIMER" data review lessons.jsonl -o v.jsonl --count 12 --seed 5 --json "$@"; }
value() { # FILE EXPRESSION: of the JSON in it, as d
    python3 -c 'import json,sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"
}

# Keys, each on a line: an unknown one asks again, d asks for a note, n may have one behind it.
printf 'y\nx\nn 2 is no answer\nd\nnot sure\ny\nu\nd\n\ns\nq\n' | review >out 2>err || fail "data review: $(cat err)"
expect_same "4 1 1 8" "$(value out 'd["given"], d["skipped"], d["undone"], d["left"]' | tr -d '(),')" "given, skipped, undone, left"
grep -q -- '---- 3 of 12 ' err || fail "no progress: $(cat err)"
grep -q 'every statement in it is true' err || fail "the rubric wasn't shown"
LC_ALL=C grep -q $'\x1b' err && fail "control characters come through"
python3 - <<'PY' || fail "verdicts: $(cat v.jsonl)"
import json
rows = [json.loads(line) for line in open("v.jsonl")]
assert [r["verdict"] for r in rows] == ["right", "wrong", "doubtful", "right", "undone", "doubtful"], rows
assert [r["note"] for r in rows] == ["", "2 is no answer", "not sure", "", "", ""], rows
assert rows[3]["id"] == rows[5]["id"] and len({r["id"] for r in rows}) == 4
assert all(r["by"] == "person" and r["seconds"] >= 0 and 100 <= r["index"] < 140 and "probability" not in r for r in rows)
PY

# Killed while it waits for a key: the verdicts so far are in the file, and the next run goes on behind them.
mkfifo keys
review <keys >out 2>err &
running=$!
exec 3>keys
printf 'y\nn\n' >&3
for ((i = 0; i < 100; i++)); do
    [ "$(wc -l <v.jsonl)" -ge 8 ] && break
    sleep 0.05
done
kill -9 $running
wait $running 2>/dev/null
exec 3>&-
expect_same 8 "$(wc -l <v.jsonl)" "lines behind the kill"
yes y | head -n 20 | review >out 2>err || fail "going on: $(cat err)"
expect_same "6 6 0" "$(value out 'd["before"], d["given"], d["left"]' | tr -d '(),')" "before, given, left"
expect_same 12 "$(value out 'd["report"]["judges"][0]["count"]')" "verdicts in the report"

# What is typed can be read again, whatever its bytes; what is too long says so, and nothing of it is written.
notes() { "$PRIMER" data review lessons.jsonl -o notes.jsonl --count 3 --by x; }
printf 'n bad\ny ok\0\033x\377\n' | notes >out 2>err || fail "a note with a NUL: $(cat err)"
printf 'y\n' | notes >out 2>err || fail "the run behind it: $(cat err)"
python3 - <<'PY' || fail "notes: $(cat notes.jsonl)"
import json
assert [json.loads(line)["note"] for line in open("notes.jsonl")] == ["bad", "ok??x\ufffd", ""]
PY
sed -n '2s/ok??/ok\\u0000/p' notes.jsonl >old.jsonl
expect_code 0 "$PRIMER" data review --report old.jsonl
rm notes.jsonl
{ printf 'y\nn '; head -c 1048576 /dev/zero; } | notes >out 2>"$folder/err" && fail "a line of more than 1 MiB"
expect_message "standard input: a line of more than 1 MiB"
expect_same 1 "$(wc -l <notes.jsonl)" "verdicts before a long note"
for by in "" $'mod\xe9l' $'mod\xe9l.gguf'; do
    expect_code 2 "$PRIMER" data review lessons.jsonl -o new.jsonl --by "$by"
    expect_message "--by: expected a name, in UTF-8"
done

# A descriptor that is closed is no other file: the keyboard ends as at Ctrl-D, and nothing that is said is a key.
closed() { timeout 30 "$PRIMER" data review lessons.jsonl -o closed.jsonl --count 3; }
code=0
closed >out 2>"$folder/err" <&- || code=$?
expect_same 1 $code "standard input is closed"
expect_message "standard input is at its end"
code=0
printf 'y\nn\nq\n' | closed >&- 2>&- || code=$?
expect_same 1 $code "standard output and error are closed"
expect_same "right wrong" "$(sed 's/.*"verdict":"\([a-z]*\)".*/\1/' closed.jsonl | paste -sd ' ')" "verdicts"
printf 'y\n' | closed >out 2>&- || fail "standard error is closed"
expect_same 3 "$(wc -l <closed.jsonl)" "verdicts"

# A model: the same verdicts each time, none of them sampled; its agreement with the person.
for run in 1 2; do
    cp v.jsonl both$run.jsonl
    expect_code 0 "$PRIMER" data review lessons.jsonl -o both$run.jsonl --count 12 --seed 5 --by "$model" --json
    sed 's/"seconds":[0-9.]*//' both$run.jsonl >plain$run
    cp out model
done
cmp plain1 plain2 || fail "a model's verdicts differ"
python3 - <<'PY' || fail "a model's verdicts: $(tail -n 3 both1.jsonl)"
import json
rows = [json.loads(line) for line in open("both1.jsonl")]
last, mine = {}, {}
for r in rows:
    last[r["id"], r["by"]] = r["verdict"]
ids = {i for i, by in last}
assert len(ids) == 12 and len(last) == 24
for r in rows:
    if r["by"] == "tiny.gguf":
        assert r["verdict"] in ("right", "wrong") and 0.5 <= r["probability"] <= 1 and 0 <= r["mass"] <= 1, r
report = json.load(open("model"))["report"]
pair = report["pairs"][0]
same = sum(last[i, "person"] == last[i, "tiny.gguf"] for i in ids)
marks = ["right", "wrong", "doubtful"]
table = [[sum(last[i, "person"] == a and last[i, "tiny.gguf"] == b for i in ids) for b in marks] for a in marks]
chance = sum(sum(table[k]) * sum(row[k] for row in table) for k in range(3)) / 144
assert pair["judges"] == ["person", "tiny.gguf"] and pair["count"] == 12 and pair["table"] == table, pair
assert abs(pair["raw"] - same / 12) < 1e-5 and abs(pair["kappa"] - (same / 12 - chance) / (1 - chance)) < 1e-5, pair
assert len(pair["disagreements"]) == min(10, 12 - same)
kinds = report["judges"][0]["kinds"]
assert [k["kind"] for k in kinds] == ["frame", "talk"] and sum(k["count"] for k in kinds) == 12
PY

# Reports: of several files, half a line at an end, and verdicts of other lessons.
printf '{"id":"0000000000000001","verdict":"wrong","by":"ben"}\n{"id":"00' >ben.jsonl
expect_code 0 "$PRIMER" data review --report both1.jsonl ben.jsonl
grep -q '^ben: 1 verdicts: 0 right, 1 wrong' out || fail "the report: $(cat out)"
grep -q '^person and tiny.gguf: of 12 lessons' out || fail "the report: $(cat out)"
grep -q 'left out: 1 half lines' out || fail "the report: $(cat out)"
cat v.jsonl >more.jsonl
printf '{"id":"0000000000000001","verdict":"wrong","by":"ben"}\n' >>more.jsonl
expect_code 0 "$PRIMER" data review lessons.jsonl -o more.jsonl --count 12 --seed 5
grep -q 'left out: 1 verdicts of lessons outside the sample' out || fail "other lessons: $(cat out)"

# Refused, with words that say what and where.
expect_code 1 "$PRIMER" data review lessons.jsonl -o new.jsonl
expect_message "a person's verdicts come from a terminal, or from a pipe"
expect_code 2 "$PRIMER" data review lessons.jsonl
for option in "--count 3" "--seed 3" "-t 2"; do
    # shellcheck disable=SC2086
    expect_code 2 "$PRIMER" data review --report v.jsonl $option
done
expect_code 2 "$PRIMER" data review lessons.jsonl -o new.jsonl -t 2
expect_message "-t has no effect where a person judges"
printf '{"text":"a"}\n{"words":"b"}\n' >bad.jsonl
expect_code 1 "$PRIMER" data review bad.jsonl -o new.jsonl
expect_message 'bad.jsonl:2: expected "messages"'
printf 'y\n' | "$PRIMER" data review bad.jsonl -o new.jsonl --skip-bad --json >out 2>err || fail "--skip-bad: $(cat err)"
expect_same "1 1" "$(value out 'd["bad"], d["given"]' | tr -d '(),')" "bad, given"
cp lessons.jsonl saved.jsonl
expect_code 1 "$PRIMER" data review lessons.jsonl -o lessons.jsonl
cmp lessons.jsonl saved.jsonl || fail "the lessons were written to"
expect_code 1 "$PRIMER" data review --report lessons.jsonl
expect_message 'lessons.jsonl:1: "id"'
exit 0
