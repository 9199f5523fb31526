#!/bin/bash
# primer train in several processes (mpirun): the model of one process but for rounding, the same bits each time; a
# process that is killed ends the others with one clear line, and the run goes on from its checkpoint.
. "$(dirname "$0")/common.bash"
. "$(dirname "$0")/train.bash"
command -v mpirun >/dev/null || { echo "no mpirun"; exit 77; }
# More processes than cores, and as root: what machines that test are like.
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
unset OMPI_COMM_WORLD_SIZE PMI_SIZE PMIX_RANK
cd "$folder" || exit 1
train_files
# In the background it is the process that a signal to $! reaches, which hands it on to mpirun.
begin_both() { exec timeout 100 mpirun -n 2 "$PRIMER" train small.recipe --set output-type=F32 "$@" -t 1; }
both() { (begin_both "$@"); }

code=0
both --set folder=built --set accumulate=2 >out 2>err </dev/null || code=$?
grep -q "needs MPI, which this build lacks" err && { echo "built without MPI"; exit 77; }
[ "$code" = 0 ] || fail "two processes: $(cat err)"
expect_same 3 "$(grep -c '^step ' out)" "reports: $(cat out)"

# The same twice; and as one process does it, with batches of its own or one that joins them.
expect_code 0 both --set folder=again --set accumulate=2
cmp built/model.gguf again/model.gguf || fail "two equal runs of two processes differ"
train small.recipe --set folder=alone --set output-type=F32 --set accumulate=2
train small.recipe --set folder=joined --set output-type=F32 --set batch=8
for other in alone joined; do
    python3 - built/log.jsonl $other/log.jsonl <<'PY' || fail "one process ($other) sees other losses"
import json, sys
a, b = ([x for x in map(json.loads, open(f)) if x["event"] == "step"] for f in sys.argv[1:])
assert len(a) == len(b) == 3
for x, y in zip(a, b):
    assert x["step"] == y["step"] and x["tokens"] == y["tokens"]
    assert abs(x["loss"] - y["loss"]) < 1e-4 * y["loss"] and abs(x["norm"] - y["norm"]) < 1e-3 * y["norm"], (x, y)
PY
done

# It goes on from a checkpoint of either kind.
expect_code 0 both --set folder=two --set accumulate=2 --set schedule=constant --set steps=20
expect_code 0 both --set folder=two --set accumulate=2 --set schedule=constant
expect_code 0 both --set folder=once --set accumulate=2 --set schedule=constant
cmp two/model.gguf once/model.gguf || fail "two processes stopped and gone on differ from two that never stopped"

expect_code 1 both --set folder=odd --set accumulate=3
expect_message "accumulate: found 3, expected a multiple of the 2 processes"
expect_code 1 both --set folder=wild --set accumulate=2 --set rate=1000 --set clip=0 --set warm-up=0
expect_same 1 "$(grep -c '^primer: step ' err)" "lines of the explosion: $(cat err)"

# One is killed: either.
for rank in 1 2; do
    rm -rf torn
    begin_both --set folder=torn --set accumulate=2 --set steps=1000000 --set log-every=100000 --set checkpoint-every=100 >out 2>err </dev/null &
    job=$!
    for _ in $(seq 3000); do
        compgen -G "torn/*.state" >/dev/null && break
        sleep 0.01
    done
    victim=$(for process in /proc/[0-9]*; do
        [ "$(readlink "$process/exe" 2>/dev/null)" -ef "$PRIMER" ] && [ "$(readlink "$process/cwd")" -ef "$folder" ] &&
            echo "${process#/proc/}"
    done | sort -n | sed -n ${rank}p)
    kill -9 "$victim" || fail "no process to kill: $(cat err)"
    code=0
    wait $job || code=$?
    [ "$code" != 0 ] && [ "$code" != 124 ] || fail "exit code $code after a process was killed"
    expect_same 1 "$(grep -c '^primer: ' err)" "lines of the other: $(cat err)"
    expect_message "another process of the run is gone"
    compgen -G "torn/*.state" >/dev/null || fail "the checkpoint is gone"
done
last=$(compgen -G "torn/*.state" | sort | tail -n 1)
last=${last##*checkpoint-} last=$((10#${last%.state}))
begin_both --set folder=torn --set accumulate=2 --set steps=1000000 --set log-every=100000 --set checkpoint-every=100 >out 2>err </dev/null &
job=$!
for _ in $(seq 3000); do
    grep -q "going on from the checkpoint of step" err && break
    sleep 0.01
done
kill -TERM $job
wait $job 2>/dev/null
grep -q "going on from the checkpoint of step $last$" err || fail "where it went on: $(cat err), expected $last"
exit 0
