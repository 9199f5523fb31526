#!/bin/bash
# primer data synth --teacher: what an endpoint's answers become, good and bad ones, and that a run goes on where it
# stopped.
. "$(dirname "$0")/../cli/common.bash"

curriculum=$PWD/curriculum/teacher
endpoint=$PWD/tests/data/teacher_endpoint.py
cd "$folder" || exit 1
echo 'secret-key' >key

# serve KIND...: an endpoint; its port in $port.
serve() {
    rm -f log port hold
    mkfifo hold
    python3 "$endpoint" log "$@" <hold >port &
    exec 9>hold
    for _ in $(seq 200); do
        [ -s port ] && break
        sleep 0.05
    done
    port=$(cat port)
    [ -n "$port" ] || fail "no endpoint"
}
synth() { # OUT OPTION...
    local out=$1
    shift
    "$PRIMER" data synth "$curriculum" -o "$out" --teacher "http://127.0.0.1:$port/v1" --teacher-model fake --json "$@"
}
field() { # NAME: of the summary
    python3 -c 'import json,sys; print(json.loads(open("out").readline()).get(sys.argv[1]))' "$1"
}
reason() { # TEXT: how often
    python3 -c 'import json,sys; print(json.loads(open("out").readline())["reasons"].get(sys.argv[1], 0))' "$1"
}

# Good answers of every form: what is asked, and what the lessons look like.
serve good
code=0
synth all.jsonl --count 16 --seed 4 --key-file key --max-tokens 77 --temp 0.5 >out 2>err </dev/null || code=$?
if [ $code != 0 ] && grep -q "bubblewrap\|user namespaces\|bwrap" err; then
    exec 9>&-
    head -c 300 err
    exit 77
fi
[ $code = 0 ] || fail "exit code $code: $(cat err)"
expect_same 16 "$(field kept)" "lessons kept"
expect_same 0 "$(field refused)" "answers refused"
expect_same True "$(field finished)" "finished"
[ ! -e all.jsonl.part ] && [ ! -e all.jsonl.state ] || fail "files were left: $(ls)"
# What is complete isn't asked for again, and what is of no run isn't written over: without a question.
cp all.jsonl all.kept
expect_code 1 synth all.jsonl --count 16 --seed 4
expect_message "all.jsonl: is there, complete, with 16 lessons; name another file, or remove it and all.jsonl.refused to"
cmp all.jsonl all.kept || fail "lessons that were there were replaced"
for name in part refused; do
    echo mine >"foreign.$name"
    expect_code 1 synth foreign --count 2
    expect_message "foreign.$name: is where the lessons so far are kept, and another file is there"
    expect_same mine "$(cat "foreign.$name")" "what stood in foreign.$name"
    rm foreign.*
done
mkdir dir
mkfifo pipe
cp -r "$curriculum" own
own=$(ls own/*.txt | head -1)
cp "$own" own.kept
for output in dir pipe "$own" key; do
    expect_code 1 "$PRIMER" data synth own -o "$output" --teacher "http://127.0.0.1:$port/v1" --teacher-model fake \
        --key-file key
    expect_message "$output: is "
done
[ -p pipe ] && cmp "$own" own.kept && grep -q secret key || fail "an output that can't be was replaced"
expect_same 16 "$(wc -l <log)" "questions asked"
python3 - <<'PY' || fail "the lessons: $(head -c 600 all.jsonl)"
import json
lines = [json.loads(line) for line in open("all.jsonl")]
assert len(lines) == 16 and len({line["index"] for line in lines}) == 16, lines
kinds = {line["kind"] for line in lines}
assert kinds == {"exercise", "problem", "textbook"}, kinds
for line in lines:
    assert line["teacher"] == "fake" and line["topic"] and line["lesson"], line
    if line["kind"] == "exercise":
        assert line["prompt"].startswith("import math\n\n\ndef ") and line["prompt"].endswith('    """\n'), line
        assert line["completion"].startswith("    return n + ") and "print" not in line["completion"], line
    elif line["kind"] == "problem":
        user, assistant = line["messages"]
        assert user["role"] == "user" and not user["content"].startswith("*"), line
        assert assistant["content"].startswith("```python\nhave = ") and assistant["content"].endswith("\n```"), line
    else:
        assert "```python" in line["text"], line
asked = [json.loads(line) for line in open("log")]
assert len(asked) == 16, len(asked)
for question in asked:
    request = question["request"]
    assert question["path"] == "/v1/chat/completions" and question["key"] == "Bearer secret-key", question
    assert request["model"] == "fake" and request["max_tokens"] == 77 and request["temperature"] == 0.5, request
    assert "{" not in request["messages"][-1]["content"], request
assert len({q["request"]["messages"][-1]["content"] for q in asked}) == 16
PY
exec 9>&-

# Answers that are no use are counted by their reasons, and kept beside.
serve wrong bare cut nothing page 400 loop same same good
expect_code 0 synth some.jsonl --count 2 --only exercise --parallel 1
for why in "an example fails" "no example that runs" "cut off at the end" "an answer without a text" \
    "what came is no chat completion" "status 400" "the code takes too long"; do
    expect_same 1 "$(reason "$why")" "refused because $why"
done
expect_same 2 "$(reason "no such function")" "refused because of another function's name"
expect_same 9 "$(field refused)" "answers refused"
expect_same 9 "$(wc -l <some.jsonl.refused)" "lines of refused answers"
grep -q '"reason":"an example fails","detail":".*Expected.*Got' some.jsonl.refused || fail "$(cat some.jsonl.refused)"
exec 9>&-

# What is no answer is shown, and kept; a line ends where a character does.
serve page
expect_code 1 synth page.jsonl --count 1 --only exercise --parallel 1 --most-refused 1
expect_message "1 answers in a row were refused, the last: what came is no chat completion: <html>Welcome to the hotel's"
grep -q '"answer":"<html>Welcome to the hotel.s network</html>"' page.jsonl.refused || fail "$(cat page.jsonl.refused)"
exec 9>&-
serve euro
for _ in 0 1 2; do
    expect_code 1 synth euro.jsonl --count 1 --only exercise --parallel 1 --most-refused 1
    iconv -f UTF-8 -t UTF-8 err >/dev/null || fail "a character was cut: $(cat err)"
done
exec 9>&-

# Ctrl-C, which a terminal sends to all processes of the group, refuses nothing, and neither does what kills the sandbox.
serve busy long
setsid "$PRIMER" data synth "$curriculum" -o int.jsonl --teacher "http://127.0.0.1:$port/v1" --teacher-model fake \
    --count 2 --only exercise --parallel 1 --json >out 2>err </dev/null &
first=$!
until [ -s log ]; do sleep 0.02; done
sleep 0.4
kill -INT -- "-$first"
code=0
wait $first || code=$?
expect_same 130 "$code" "exit code after Ctrl-C"
[ ! -s int.jsonl.refused ] || fail "an interruption refused $(cat int.jsonl.refused)"
expect_message "primer: stopped: "
if [ -s int.jsonl.part ]; then # judged before it ended
    expect_message "stopped: 1 lesson so far in int.jsonl.part; the same command goes on"
    expect_same False "$(field finished)" "finished"
    expect_same 1 "$(field kept)" "lessons kept"
fi
asked=$(wc -l <log)
"$PRIMER" data synth "$curriculum" -o int.jsonl --teacher "http://127.0.0.1:$port/v1" --teacher-model fake \
    --count 2 --only exercise --parallel 1 --json >out 2>err </dev/null &
first=$!
until [ "$(wc -l <log)" -gt "$asked" ]; do sleep 0.02; done
sleep 0.4
kill -KILL $(pgrep -P $first bwrap) || fail "no sandbox to be killed"
wait $first || fail "a killed sandbox: $(cat err)"
expect_same 2 "$(field kept)" "lessons kept"
expect_same 0 "$(field refused)" "answers refused"
exec 9>&-

# What passes: 429 and 500 are asked again. What doesn't: ends with a line that says so.
serve 429 500 garbage good
expect_code 0 synth passing.jsonl --count 1 --only exercise --parallel 1 --tries 2 --timeout 2
expect_same 2 "$(field unanswered)" "questions without an answer"
expect_same 1 "$(reason "status 500")" "the last that the first question got"
expect_same 1 "$(reason "no HTTP")" "what it got after that"
exec 9>&-
serve good 401
expect_code 1 synth denied.jsonl --count 5 --parallel 1
expect_message "/v1/chat/completions: found status 401, expected 200"
expect_same 1 "$(field kept)" "lessons before the key was refused"
exec 9>&-
serve silent
expect_code 1 synth silent.jsonl --count 5 --parallel 5 --tries 1 --timeout 1
expect_message "10 questions in a row got no answer, the last: http://127.0.0.1:$port/v1/chat/completions: found no byte for 1 s"
exec 9>&-
serve bare
expect_code 1 synth bare.jsonl --count 5 --only exercise --parallel 2 --most-refused 7
expect_message "7 answers in a row were refused, the last: no example that runs; the same command goes on"
exec 9>&-

# The second run goes on: nothing is asked twice, whether the first ended by itself, was killed, or left half a line.
serve good good wrong 404
expect_code 1 synth on.jsonl --count 6 --only exercise --parallel 1
exec 9>&-
printf '{"index":3,"kind":"exerc' >>on.jsonl.part
serve slow
"$PRIMER" data synth "$curriculum" -o on.jsonl --teacher "http://127.0.0.1:$port/v1" --teacher-model fake \
    --count 6 --only exercise --parallel 1 >out 2>err </dev/null &
first=$!
for _ in $(seq 200); do
    [ "$(wc -l <on.jsonl.part)" -ge 4 ] && break
    sleep 0.05
done
kill -KILL $first
wait $first 2>/dev/null
[ ! -e on.jsonl ] || fail "the output was there too early"
# Two at once: the second says so.
"$PRIMER" data synth "$curriculum" -o two.jsonl --teacher "http://127.0.0.1:$port/v1" --teacher-model fake \
    --count 500 >first.out 2>first.err </dev/null &
first=$!
until [ -s two.jsonl.part ]; do sleep 0.02; done
expect_code 1 synth two.jsonl --count 6
expect_message "two.jsonl.part: another process writes it"
kill -KILL $first
wait $first 2>/dev/null
expect_code 1 synth on.jsonl --count 6 --parallel 1
expect_message "on.jsonl.state: is of another curriculum, seed or choice of prompts"
expect_code 0 synth on.jsonl --count 6 --only exercise --parallel 3
expect_same 6 "$(field kept)" "lessons in the end"
expect_same 1 "$(field refused)" "refused in the first run"
[ "$(field resumed)" -ge 5 ] || fail "resumed: $(cat out)"
python3 - <<'PY' || fail "the lessons: $(cut -c 1-40 on.jsonl)"
import json
lines = [json.loads(line)["index"] for line in open("on.jsonl")]
refused = [json.loads(line)["index"] for line in open("on.jsonl.refused")]
assert len(set(lines + refused)) == 7 and max(lines + refused) <= 9, (lines, refused)
PY
exec 9>&-

# What can't be.
expect_code 2 "$PRIMER" data synth "$curriculum" -o x --teacher http://127.0.0.1:1/v1
expect_message "--teacher-model"
expect_code 2 "$PRIMER" data synth "$curriculum" -o x --teacher a.gguf --split test
expect_code 1 "$PRIMER" data synth "$curriculum" -o x --teacher http://example.com/v1 --teacher-model m --key-file key
expect_message "a key is sent over https:// or to this machine only"
expect_code 1 "$PRIMER" data synth "$curriculum" -o x --teacher none.gguf
expect_message "none.gguf"
exit 0
