#!/bin/bash
# Several processes of one run, started by mpirun: sums, broadcasts, agreement; the same bits each time; what
# happens where one is lost; and that nobody trains several copies by mistake.
set -u
: "${PRIMER_BUILD:=$PWD/build/release-gcc}"
rank=$PRIMER_BUILD/tests/ranks/test_ranks
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# More ranks than cores, and as root: what machines that test are like.
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
unset OMPI_COMM_WORLD_SIZE PMI_SIZE PMIX_RANK

fail() {
    echo "FAILED: $*"
    cat "$folder/out" "$folder/err" 2>/dev/null | head -c 2000
    exit 1
}

# runs CODE COMMAND...: its exit code, 0, or "some" for any other; output in $folder/out and $folder/err.
runs() {
    local wanted=$1 code=0
    shift
    timeout 60 "$@" >"$folder/out" 2>"$folder/err" </dev/null || code=$?
    [ "$code" != 124 ] || fail "no end: $*"
    case $wanted in
    some) [ "$code" != 0 ] || fail "exit code 0, expected another: $*" ;;
    *) [ "$code" = "$wanted" ] || fail "exit code $code, expected $wanted: $*" ;;
    esac
}

says() { grep -qF -- "$1" "$folder/err" || fail "standard error lacks '$1'"; }

# By itself it is one rank, whatever MPI there is; as one of several without the others it is refused.
runs 0 "$rank" count
[ "$(cat "$folder/out")" = "rank 0 of 1" ] || fail "a process by itself"
for variable in OMPI_COMM_WORLD_SIZE=4 PMI_SIZE=4 PMIX_RANK=1; do
    runs some env "$variable" "$rank" count
    says "this process was started as one of several"
done
grep -q "needs MPI, which this build lacks" "$folder/err" && { echo "built without MPI"; exit 77; }
command -v mpirun >/dev/null || { echo "no mpirun"; exit 77; }

runs 0 mpirun -n 1 "$rank" count
[ "$(cat "$folder/out")" = "rank 0 of 1" ] || fail "mpirun -n 1"
runs 0 mpirun -n 3 "$rank" count
[ "$(sort "$folder/out" | tr '\n' ' ')" = "rank 0 of 3 rank 1 of 3 rank 2 of 3 " ] || fail "mpirun -n 3"

for ranks in 2 3; do
    runs 0 mpirun -n $ranks "$rank" together
    first=$(cat "$folder/out")
    [[ $first == "$ranks ranks "* ]] || fail "mpirun -n $ranks"
    runs 0 mpirun -n $ranks "$rank" together
    [ "$(cat "$folder/out")" = "$first" ] || fail "$ranks ranks gave other bits: $first"
done

# A rank that is lost: the others end, and say so in a line.
for how in killed failed; do
    runs some mpirun -n 3 "$rank" $how
    says "another process of the run is gone"
done
says "test_ranks: failed: no more of this"
runs some mpirun -n 2 "$rank" differ
says "the ranks do different things"

# What is measured before a run takes as many steps on each.
for ranks in 2 3; do
    runs 0 mpirun -n $ranks "$PRIMER_BUILD/tests/train/test_trainer" plan
    [ "$(cat "$folder/out")" = "$ranks processes" ] || fail "a plan of $ranks ranks"
done

# The same where MPI isn't: none of several begins.
objects=$PRIMER_BUILD/obj
runs 0 "${CC:-gcc}" -o "$folder/single" "$objects/tests/ranks/test_ranks.o" "$objects/src/ranks/ranks.o" \
    "$objects/src/ranks/ranks_single.o" "$PRIMER_BUILD/rooms/base.a" -lcmocka -pthread -lm
runs 0 "$folder/single" count
runs some mpirun -n 2 "$folder/single" count
says "needs MPI, which this build lacks"
runs 0 mpirun -n 1 "$folder/single" count
