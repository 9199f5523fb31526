#!/bin/bash
# primer train, stopped and killed at any moment and started again, ends with the bytes of a run that never stopped:
# SIGKILL, SIGTERM, SIGINT; with accumulated batches, dropout, a mixture, bf16, recomputed activations. The moments
# differ from run to run (tests/slow/train_kill.sh has many of them); the bytes mustn't.
. "$(dirname "$0")/common.bash"
. "$(dirname "$0")/train.bash"
set -m # a job of its own for each command, so that it takes SIGINT
ulimit -c 0
cd "$folder" || exit 1
train_files

steps_done() { # FOLDER: of its newest checkpoint
    local last
    last=$(compgen -G "$1/checkpoint-*.state" | sort | tail -n 1)
    last=${last##*checkpoint-} last=${last%.state}
    echo $((10#${last:-0}))
}

# hit SIGNAL: the run of $options in the folder torn is hit once it has a new checkpoint and a moment more; sets code.
hit() {
    local begun moment=$((RANDOM % 60))
    begun=$(steps_done torn)
    env --default-signal=INT,TERM "$PRIMER" train small.recipe "${options[@]}" --set folder=torn -t 2 >out 2>err </dev/null &
    for _ in $(seq 3000); do
        [ "$(steps_done torn)" -gt "$begun" ] && break
        kill -0 $! 2>/dev/null || break
        sleep 0.01
    done
    sleep 0.0$moment
    kill "-$1" $! 2>/dev/null || fail "it ended before it was hit: $(tail -n 2 out err)"
    code=0
    wait $! 2>/dev/null || code=$?
}

# same NAME SIGNALS OPTIONS...
same() {
    local name=$1 signals=$2 signal last wanted
    shift 2
    options=("$@" --set log-every=50 --set checkpoint-every=20)
    rm -rf whole torn
    "$PRIMER" train small.recipe "${options[@]}" --set folder=whole -t 2 >out 2>err </dev/null || fail "$name: $(cat err)"
    for signal in $signals; do
        hit "$signal"
        last=$(steps_done torn)
        case $signal in
        KILL) wanted=137 ;;
        TERM) wanted=143 ;;
        INT) wanted=130 ;;
        esac
        [ "$code" = $wanted ] || fail "$name: SIG$signal gave exit code $code: $(cat err)"
        [ "$signal" = KILL ] || grep -q "^primer: stopped after step $last of .*; the same command goes on" err ||
            fail "$name: SIG$signal: $(cat err), newest checkpoint $last"
    done
    "$PRIMER" train small.recipe "${options[@]}" --set folder=torn -t 2 >out 2>err </dev/null || fail "$name: $(cat err)"
    grep -q "going on from the checkpoint of step $last$" err || fail "$name: $(cat err), expected step $last"
    cmp whole/model.gguf torn/model.gguf || fail "$name: another model"
    cmp whole/checkpoint-*"$(steps_done whole)".state torn/checkpoint-*"$(steps_done torn)".state || fail "$name: another state"
    compgen -G "torn/*.partial-*" >/dev/null && fail "$name: halves of files were left: $(ls torn)"
}

same "a plain run" "KILL TERM INT" --set steps=4000
same "all together" "KILL TERM KILL" --set steps=1200 --set accumulate=3 --set dropout=0.1 --set precision=bf16 \
    --set recompute=yes --set "data=text.txt 2" --set "data=other.txt 1" --set evaluate=held.txt --set evaluate-every=50
same "whole documents" "KILL" --set steps=2000 --set whole=yes --set dropout=0.2 --set batch=2 --set accumulate=2

# Ctrl-C twice ends at once; what was kept stays.
options=(--set steps=1000000 --set log-every=100000 --set checkpoint-every=20 --set batch=64 --set accumulate=100 --set length=64)
rm -rf torn
env --default-signal=INT "$PRIMER" train small.recipe "${options[@]}" --set folder=torn -t 1 >out 2>err </dev/null &
job=$!
for _ in $(seq 1000); do
    [ -s torn/log.jsonl ] && break
    sleep 0.01
done
kill -INT $job
sleep 0.05
kill -0 $job 2>/dev/null || fail "one Ctrl-C ended it within a step: $(cat err)"
kill -INT $job
code=0
wait $job 2>/dev/null || code=$?
[ "$code" = 130 ] || fail "Ctrl-C twice gave exit code $code"
expect_same 0 "$(steps_done torn)" "steps after Ctrl-C twice"

# Before the first step there is nothing to keep: a plan ends too.
env --default-signal=INT "$PRIMER" train small.recipe --set folder=plan --plan >out 2>err </dev/null &
job=$!
for _ in $(seq 1000); do
    [ -s plan/data-0.shard ] && break
    sleep 0.01
done
kill -INT $job
code=0
wait $job 2>/dev/null || code=$?
[ "$code" = 130 ] || fail "Ctrl-C in a plan gave exit code $code"
expect_same 0 "$(wc -c <out)" "bytes of the plan"
exit 0
