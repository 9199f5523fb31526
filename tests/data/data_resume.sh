#!/bin/bash
# The verbs of primer data go on where a run was killed or stopped, with the bytes of a run that never was: OUT.work.
. "$(dirname "$0")/../cli/common.bash"
tiny_model "$folder/tiny.gguf" --arch phi2 --tokenizer bpe
cd "$folder" || exit 1
export PRIMER_THREADS=1

cat >items.jsonl <<'JSON'
{"task_id": 1, "text": "Write a function to fold a list around its middle and to give back the sums of what lies on it."}
JSON
python3 - <<'PY' || fail "making the documents"
import json, random
random.seed(4)
words = ["w%d" % i for i in range(3000)]
fold = "a function to fold a list around its middle and to give back the sums of what lies"
with open("a.jsonl", "w") as a, open("b.jsonl", "w") as b:
    for i in range(9000):
        text = " ".join(random.choices(words, k=12)) + (fold if i % 999 == 0 else "")
        a.write(json.dumps({"text": text}) + "\n")
        if i < 1200:
            b.write(json.dumps({"text": text, "n": i}) + "\n")
with open("r.jsonl", "w") as file:
    for i in range(60):
        text = ("def f(%d):\n    return %d\n" if i % 2 else "a sentence, number %d of %d\n") % (i, i * i)
        file.write(json.dumps({"text": text}) + "\n")
PY
"$PRIMER" data rate r.jsonl --count 60 -o rated.jsonl --by model --model tiny.gguf >said 2>err || fail "rating: $(cat err)"
python3 - <<'PY' || fail "making ratings"
import json
with open("ratings.jsonl", "w") as file:
    for line in open("rated.jsonl"):
        row = json.loads(line)
        file.write(json.dumps(row | {"rating": 5 if row["text"].startswith("def") else 0}) + "\n")
PY

shard() { "$PRIMER" data shard --tokenizer tiny.gguf "${input:-a.jsonl}" -o "$1"; }
dedup() { "$PRIMER" data dedup "${input:-a.jsonl}" -o "$1" --report "$1.report"; }
decontaminate() { "$PRIMER" data decontaminate "${input:-a.jsonl}" --against items.jsonl --words-only -o "$1" --report "$1.report"; }
filter() { "$PRIMER" data filter "${input:-b.jsonl}" --ratings ratings.jsonl --model tiny.gguf --trees 2 --folds 2 --features -o "$1" --rejected "$1.report"; }

# full VERB OUT KILOBYTES: it fails in the middle of the write that makes a file longer than that.
full() {
    (ulimit -f "$3" && "$1" "$2") >said 2>err
    expect_same 1 $? "exit code of $1 where there is no room ($(head -c 400 err))"
    [ ! -e "$2" ] && [ -s "$2.work" ] || fail "$1 without room left: $(ls "$2"*)"
}

goes_on() { # VERB OUT: as one that was never stopped
    "$1" "$2" >said 2>err || fail "$1, again: $(cat err)"
    grep -qE "^primer: $2.work: goes on where an earlier run stopped: [1-9][0-9]* rounds?$" err || fail "$1, again: $(cat err)"
    cmp "whole.$1" "$2" || fail "$1: a run that was stopped gave something else"
    [ ! -e "whole.$1.report" ] || cmp "whole.$1.report" "$2.report" || fail "$1: the other output differs"
    [ ! -e "$2.work" ] || fail "$1: its work is left"
}

for verb in shard dedup decontaminate filter; do
    "$verb" "whole.$verb" >said 2>err || fail "$verb: $(cat err)"
    [ ! -s err ] && [ ! -e "whole.$verb.work" ] || fail "$verb says or leaves something: $(cat err)"
    case $verb in filter) most=90 ;; *) most=1300 ;; esac
    full "$verb" "stopped.$verb" $most
    for copy in torn changed kept two; do
        cp "stopped.$verb.work" "$copy.$verb.work"
    done
    goes_on "$verb" "stopped.$verb"
    head -c 100 whole.shard >>"torn.$verb.work" # half a round more is cut off
    goes_on "$verb" "torn.$verb"
done
[ -s whole.decontaminate.report ] || fail "nothing was left out"

# Killed, and stopped by Ctrl-C, once a round is whole: six times the same file, so that it isn't done before.
many() { "$PRIMER" data dedup $(yes a.jsonl | head -n 6) -o "$1" --report "$1.report"; }
many whole.many >said 2>err || fail "six files: $(cat err)"
for signal in KILL INT; do
    "$PRIMER" data dedup $(yes a.jsonl | head -n 6) -o "by.$signal" --report "by.$signal.report" >said 2>err &
    process=$!
    until [ "$(stat -c %s "by.$signal.work" 2>/dev/null || echo 0)" -gt 400000 ] || ! kill -0 $process 2>/dev/null; do :; done
    kill -$signal $process 2>/dev/null
    wait $process 2>/dev/null
    if [ -e "by.$signal" ]; then
        echo "it was done before SIG$signal came"
        continue
    fi
    [ -s "by.$signal.work" ] || fail "SIG$signal left no work"
    [ $signal = KILL ] || [ -z "$(ls ./by.INT*.partial-* 2>/dev/null)" ] || fail "Ctrl-C left: $(ls by*)"
    [ $signal = KILL ] || grep -qE "^primer: stopped after [0-9]+ % of the input; the same command goes on with by.INT.work$" err ||
        fail "what a stopped run says: $(cat err)"
    goes_on many "by.$signal"
    [ -z "$(ls ./by.*.partial-* 2>/dev/null)" ] || fail "what the killed run had written is left: $(ls by*)"
done

# Behind a bit that was changed nothing is believed; other inputs begin anew; another file is not written over.
python3 - <<'PY'
with open("kept.shard.work", "r+b") as file:
    file.seek(60)
    byte = file.read(1)
    file.seek(60)
    file.write(bytes([byte[0] ^ 1]))
PY
shard kept.shard >said 2>err || fail "a changed byte: $(cat err)"
cmp whole.shard kept.shard || fail "a changed byte was believed"
head -n 8000 a.jsonl >c.jsonl
input=c.jsonl dedup changed.dedup >said 2>err || fail "other inputs: $(cat err)"
grep -q '^primer: changed.dedup.work: is of other inputs or options: begins anew$' err || fail "other inputs: $(cat err)"
input=c.jsonl dedup anew >said 2>err
cmp changed.dedup anew || fail "the work of other inputs was taken"
echo "mine, all of it" >other.work
dedup other >said 2>err && fail "another file was taken for the work so far"
grep -q 'other.work: ' err && [ "$(cat other.work)" = "mine, all of it" ] || fail "another file: $(cat err)"

# A bad line at the end, and then without it: the work before counts.
(cat a.jsonl; echo nothing) >d.jsonl
input=d.jsonl shard bad >said 2>err && fail "a bad line was taken"
"$PRIMER" data shard --tokenizer tiny.gguf d.jsonl -o bad --skip-bad >said 2>err || fail "--skip-bad: $(cat err)"
grep -q 'bad.work: goes on' err || fail "--skip-bad begins anew: $(cat err)"
"$PRIMER" data shard --tokenizer tiny.gguf d.jsonl -o bad.whole --skip-bad >said 2>err
cmp bad bad.whole || fail "--skip-bad gave something else"

# Two processes go on with what one has begun.
if command -v mpirun >/dev/null && ldd "$PRIMER" | grep -q libmpi; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
    mpirun -n 2 "$PRIMER" data dedup a.jsonl -o two.dedup --report two.report >said 2>err || fail "two processes: $(cat err)"
    expect_same 1 "$(grep -c 'goes on where an earlier run stopped' err)" "lines that say so"
    cmp whole.dedup two.dedup && cmp whole.dedup.report two.report || fail "two processes gave something else"
fi
exit 0
