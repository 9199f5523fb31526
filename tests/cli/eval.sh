#!/bin/bash
# primer eval: given answers are judged; written ones are the same whatever the number at once; refusals.
. "$(dirname "$0")/common.bash"
model=$folder/tiny.gguf tests=$folder/tests.jsonl answers=$folder/answers.jsonl
tiny_model "$model" --tokenizer spm

cat >"$tests" <<'LINES'
{"prompt":"def add(a, b):\n","completion":"","entry":"add","calls":[{"arguments":[1,2],"expected":3}]}
{"request":"Write double.","calls":[{"arguments":[4],"expected":8}]}
{"problem":"6 boxes of 7 eggs?","answer":42}
{"text":"words alone"}
LINES
cat >"$answers" <<'LINES'
{"answer":"    return a + b"}
{"answer":"```python\ndef double(x):\n    return x * 3\n```"}
{"answer":"print(6 * 7)"}
LINES

# The command line.
expect_code 2 "$PRIMER" eval
expect_code 2 "$PRIMER" eval "$model"
expect_message "needs a file of tests"
expect_code 2 "$PRIMER" eval "$model" "$tests" --model "$model"
expect_message "given twice"
expect_code 2 "$PRIMER" eval "$model" "$tests" --answers "$answers"
expect_message "no effect with --answers"
expect_code 1 "$PRIMER" eval "$model" "$tests" --temp hot
expect_message "--temp"
expect_code 1 "$PRIMER" eval "$tests" --answers "$answers" --report "$tests"
expect_code 1 "$PRIMER" eval "$folder/none.jsonl" --answers "$answers"
echo '{"request":' >"$folder/bad.jsonl"
expect_code 1 "$PRIMER" eval "$folder/bad.jsonl" --answers "$answers"
expect_message "bad.jsonl: line 1"
echo '{"text":"words alone"}' >"$folder/nothing.jsonl"
expect_code 1 "$PRIMER" eval "$folder/nothing.jsonl" --answers "$answers"
expect_message "nothing to judge"

# Needs what the sandbox needs.
code=0
"$PRIMER" eval "$tests" --answers "$answers" --report "$folder/report" --json >"$folder/json" 2>"$folder/err" || code=$?
if [ $code = 1 ] && grep -qE "bubblewrap|bwrap|python3|namespaces" "$folder/err"; then
    cat "$folder/err"
    exit 77
fi
expect_same 0 $code "eval --answers: $(cat "$folder/err")"
python3 - "$folder/json" "$folder/report" <<'PYTHON' || fail "what was judged"
import json, sys
file = json.load(open(sys.argv[1]))["files"][0]
assert (file["items"], file["passed"], file["left_out"]) == (3, 2, 1), file
assert file["failed"] == {"wrong result": 1} and abs(file["pass_at"]["1"] - 2 / 3) < 1e-5, file
assert file["low"] < 2 / 3 < file["high"], file
lines = [json.loads(line) for line in open(sys.argv[2])]
assert [line["passed"] for line in lines] == [True, False, True], lines
assert lines[1]["why"] == "arguments [4]: found 12, expected 8", lines[1]
assert lines[1]["prompt"] == [{"role": "user", "content": "Write double."}], lines[1]
PYTHON
expect_code 0 "$PRIMER" eval "$tests" --answers "$folder/report"
grep -q "2 of 3 pass, pass@1 66.7 %" "$folder/out" || fail "the summary: $(cat "$folder/out")"
grep -q "failed: 1 wrong result" "$folder/out" || fail "the failures: $(cat "$folder/out")"
head -n 2 "$answers" >"$folder/few"
expect_code 1 "$PRIMER" eval "$tests" --answers "$folder/few"
expect_message "2 answers, expected one for each of 3"

# What a model writes doesn't depend on how many answers are written at once, nor on the threads.
for way in "--parallel 1 -t 1" "--parallel 3"; do
    # shellcheck disable=SC2086
    expect_code 0 "$PRIMER" eval "$tests" --model "$model" -n 24 --samples 3 $way --report "$folder/report$way"
    # shellcheck disable=SC2086
    expect_code 0 "$PRIMER" eval "$model" "$tests" -n 24 --samples 3 --temp 1 $way --report "$folder/sampled$way"
done
cmp "$folder/report--parallel 1 -t 1" "$folder/report--parallel 3" || fail "greedy answers differ"
cmp "$folder/sampled--parallel 1 -t 1" "$folder/sampled--parallel 3" || fail "sampled answers differ"
cmp -s "$folder/report--parallel 3" "$folder/sampled--parallel 3" && fail "--temp does nothing"
[ "$(wc -l <"$folder/report--parallel 3")" = 9 ] || fail "not a line for each answer"
expect_code 0 "$PRIMER" eval "$model" "$tests" -n 24 -c 8 --json
grep -q '"context":' "$folder/out" || fail "prompts that don't fit: $(cat "$folder/out")"

# A run that is stopped keeps what was judged, and the same command goes on behind it, to the same report.
part=$folder/stop.part
write=(env --default-signal=INT "$PRIMER" eval "$model" "$tests" -n 300 --samples 25 --temp 1 -s 3 --parallel 2 -t 1)
stop() { # SIGNAL LINES: as soon as the part has so many; sets code
    "${write[@]}" --report "$folder/stop" >"$folder/out" 2>"$folder/err" &
    while kill -0 $! 2>/dev/null; do
        [ -f "$part" ] && [ "$(wc -l <"$part")" -ge "$2" ] && kill "-$1" $! && break
        sleep 0.01
    done
    code=0
    wait $! 2>/dev/null || code=$?
}
"${write[@]}" --report "$folder/whole" >"$folder/out" || fail "a whole run"
# Where all was generated before the signal came there was nothing left to stop: then once more.
for _ in 1 2 3 4 5; do
    rm -f "$folder/stop" "$part"
    stop KILL 3
    [ $code != 0 ] || continue
    expect_same 137 $code "killed"
    [ -f "$folder/stop" ] && fail "a report of a run that was killed"
    printf '{"slot":1,"file":"te' >>"$part"
    stop INT $(($(wc -l <"$part") + 4))
    [ $code = 0 ] || break
done
expect_same 130 $code "Ctrl-C: $(cat "$folder/err")"
expect_message "primer: stopped at $(($(wc -l <"$part") - 1)) of 75 answers, which are in $part; the same command goes on"
cp "$part" "$folder/kept"
expect_code 1 "${write[@]}" --report "$folder/stop" -n 301
expect_message "$part: is of other tests, another model or other options"
cmp -s "$part" "$folder/kept" || fail "the part of another run was written to"
"${write[@]}" --report "$folder/stop" --json >"$folder/json" || fail "the run behind the stops"
grep -q "\"before\":$(($(wc -l <"$folder/kept") - 1))," "$folder/json" || fail "before: $(cat "$folder/json")"
cmp "$folder/stop" "$folder/whole" || fail "stopped runs and a whole one differ"
[ -f "$part" ] && fail "the part is still there"
sed 's/"slot":[0-9]*/"slot":75/' "$folder/kept" >"$part"
expect_code 1 "${write[@]}" --report "$folder/stop"
expect_message "$part: line 2: slot: expected a number below 75"
exit 0
