#!/bin/bash
# primer data synth --teacher FILE: models that write nonsense; every answer is refused, counted, and ends the run. And
# through primer serve, the same.
. "$(dirname "$0")/../cli/common.bash"

curriculum=$PWD/curriculum/teacher
model=$folder/tiny.gguf
tiny_model "$model" --arch phi2 --tokenizer bpe
cd "$folder" || exit 1

try() { # MODEL OPTION...
    local code=0 teacher=$1
    shift
    "$PRIMER" data synth "$curriculum" -o lessons.jsonl --teacher "$teacher" --json --most-refused 6 --max-tokens 16 \
        "$@" >out 2>err </dev/null || code=$?
    if grep -q "bubblewrap\|user namespaces\|bwrap" err; then
        head -c 300 err
        exit 77
    fi
    expect_same 1 "$code" "exit code of $teacher: $(head -c 300 err)"
    grep -q "6 answers in a row were refused" err || fail "$teacher: $(cat err)"
    python3 - <<'PY' || fail "$teacher: $(cat out)"
import json
found = json.loads(open("out").readline())
lines = [json.loads(line) for line in open("lessons.jsonl.refused")]
assert found["kept"] == 0 and found["refused"] == len(lines) >= 6, found
assert sum(found["reasons"].values()) == found["refused"], found
assert all(line["reason"] for line in lines) and len({line["index"] for line in lines}) == len(lines), lines
PY
    [ ! -e lessons.jsonl ] || fail "lessons of nonsense"
}

try "$model"
cut -c 1-3000 lessons.jsonl.refused >first
rm lessons.jsonl.*
try "$model"
cmp first <(cut -c 1-3000 lessons.jsonl.refused) || fail "the same seed gave other answers"
rm lessons.jsonl.*
if [ -f "$stories" ]; then
    try "$(realpath "$stories")" --parallel 2
    rm lessons.jsonl.*
fi

# As an endpoint.
"$PRIMER" serve "$model" --port 0 >serve.log 2>&1 </dev/null &
server=$!
trap 'kill $server; wait $server 2>/dev/null; rm -rf "$folder"' EXIT
for _ in $(seq 200); do
    port=$(grep -oE 'http://127\.0\.0\.1:[0-9]+' serve.log | head -1 | grep -oE '[0-9]+$')
    [ -n "$port" ] && break
    sleep 0.05
done
[ -n "$port" ] || fail "no server: $(cat serve.log)"
try "http://127.0.0.1:$port/v1" --teacher-model tiny --parallel 2
exit 0
