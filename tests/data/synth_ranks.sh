#!/bin/bash
# primer data synth by several processes: the lessons that one makes, also where they were killed on the way.
. "$(dirname "$0")/../cli/common.bash"

command -v mpirun >/dev/null || {
    echo "no mpirun"
    exit 77
}
ldd "$PRIMER" | grep -q libmpi || {
    echo "a program without MPI"
    exit 77
}
bwrap --unshare-all --ro-bind / / /usr/bin/python3 -S -c '' 2>/dev/null || {
    echo "no sandbox"
    exit 77
}
# More ranks than cores, and as root: what machines that test are like.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
count=9000
synth() { # OUT [mpirun -n N]
    local out=$1
    shift
    "$@" "$PRIMER" data synth curriculum/everyday curriculum/python -o "$out" -n "$count" --seed 5 --only talk \
        --threads 1 >"$folder/said" 2>"$folder/err"
}
synth "$folder/alone.jsonl" || fail "one process: $(cat "$folder/err")"
synth "$folder/two.jsonl" mpirun -n 2 || fail "two processes: $(cat "$folder/err")"
cmp "$folder/alone.jsonl" "$folder/two.jsonl" || fail "two processes made other lessons"
expect_same 1 "$(grep -c '9,000 lessons' "$folder/said")" "summaries"
[ -z "$(find "$folder" -name '*.part' -o -name '*.state')" ] || fail "parts are left"

# Killed once there are parts, two processes go on where they were.
synth "$folder/killed.jsonl" setsid mpirun -n 2 &
for _ in $(seq 400); do
    grep -qs '"made":[1-9]' "$folder/killed.jsonl.rank-1.state" && break
    sleep 0.02
done
pkill -KILL -f "$folder/killed.jsonl" || true
wait
[ ! -f "$folder/killed.jsonl" ] || echo "it was done before it could be killed"
synth "$folder/killed.jsonl" mpirun -n 2 || fail "after the kill: $(cat "$folder/err")"
cmp "$folder/alone.jsonl" "$folder/killed.jsonl" || fail "lessons differ after a kill"
exit 0
