#!/bin/bash
# make bench's own machinery, without measuring: what it makes of figures, that it goes on without
# the other engine and says so, goes on after an interruption, and leaves nothing behind on Ctrl-C.
set -u
command -v node >/dev/null || { echo "skipped: there is no node"; exit 77; }
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 18 ] ||
    { echo "skipped: node is older than 18"; exit 77; }
here=$(cd "$(dirname "$0")" && pwd)
build=${PRIMER_BUILD:-build/release-gcc}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0
complain() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}
has() { # FILE TEXT
    grep -qF -- "$2" "$1" || complain "$1 lacks \"$2\": $(cat "$1")"
}
measure() { # PROGRAM OPTIONS...: the small measurement, in $folder/measured
    PRIMER=$1 PRIMER_SHARED=/nonexistent node "$here/../../bench/bench.mjs" --small \
        --build "$build" --work "$folder/measured" "${@:2}" >"$folder/out" 2>&1
}
rounds() { # ROW: how many are kept
    node -p "JSON.parse(require('fs').readFileSync('$folder/measured/$1.json')).rounds.length"
}
fake=$here/fake_primer.mjs
results=$folder/measured/RESULTS.md

node "$here/check_report.mjs" || complain "check_report.mjs"

# No peer; then one that can't be loaded; then one that hangs up in the middle.
export PRIMER_PEER=$folder/absent
measure "$fake" --rows generate-q4_0 --rounds 2 || complain "without a peer: $(cat "$folder/out")"
has "$folder/out" "llama.cpp is missing (node-llama-cpp is not installed): primer's own figures only"
has "$results" "**missing**: node-llama-cpp is not installed"
has "$results" "tokens/s | 30.0 (30.0–30.0) | – | – | – | ≥ 1.45 × | not measured |"
has "$results" "75 % (75 %–75 %) | ≥ 88 % |"
export PRIMER_PEER=$folder/broken
mkdir -p "$PRIMER_PEER/node_modules/node-llama-cpp/dist"
echo 'throw new Error("a library is missing");' >"$PRIMER_PEER/node_modules/node-llama-cpp/dist/index.js"
measure "$fake" --rows generate-q4_0 --rounds 1 || complain "with a broken peer: $(cat "$folder/out")"
has "$results" "**missing**: node-llama-cpp doesn't start: its process ended: Error: a library is missing"
export PRIMER_PEER=$folder/dying
mkdir -p "$PRIMER_PEER/node_modules/node-llama-cpp/dist"
echo '{"type": "module", "version": "1.2.3"}' >"$PRIMER_PEER/node_modules/node-llama-cpp/package.json"
echo 'export const getLlama = async () => ({systemInfo: "x", loadModel() { process.exit(3); }});' \
    >"$PRIMER_PEER/node_modules/node-llama-cpp/dist/index.js"
measure "$fake" --rows generate-q4_0 --rounds 1 || complain "with a dying peer: $(cat "$folder/out")"
has "$folder/out" "llama.cpp, flash attention off: its process ended"
has "$results" "- generate-q4_0, llama.cpp failed: its process ended"
has "$results" "as node-llama-cpp 1.2.3 has it"
has "$results" "tokens/s | 30.0 (30.0–30.0) | – | – | – | ≥ 1.45 × | not measured |"

# What is there is kept, and more rounds go on from it; another program's rounds don't count.
export PRIMER_PEER=$folder/absent
measure "$fake" --rows generate-q4_0 --rounds 1 --again
first=$(grep '"when"' "$folder/measured/generate-q4_0.json")
measure "$fake" --rows generate-q4_0 --rounds 3
[ "$(rounds generate-q4_0)" = 3 ] || complain "no three rounds: $(cat "$folder/out")"
grep -qF "$first" "$folder/measured/generate-q4_0.json" || complain "the first round was measured again"
cp "$fake" "$folder/other.mjs" && echo "// another" >>"$folder/other.mjs"
measure "$folder/other.mjs" --rows generate-q4_0 --rounds 1
[ "$(rounds generate-q4_0)" = 1 ] || complain "rounds of two programs were put together"

# A row that fails says why, the others go on, and the status tells.
measure "$fake" --rows avx2-q4_0,prompt-q4_0 --rounds 1 && complain "a failed row gave status 0"
has "$results" "this processor has no avx2: avx512 was taken"
has "$results" "prompt of 64, Q4_0"
measure "$fake" --rows typo && complain "an unknown row was taken"
has "$folder/out" 'no row is called "typo"'

# Ctrl-C in the middle of a measurement.
export FAKE_HANG=$folder/pid
PRIMER=$fake PRIMER_SHARED=/nonexistent node "$here/../../bench/bench.mjs" --small --build "$build" \
    --work "$folder/measured" --rows prompt-q4_0 --rounds 2 >"$folder/out" 2>&1 &
bench=$!
for _ in $(seq 200); do [ -s "$FAKE_HANG" ] && break; sleep 0.05; done
sleep 0.1
kill -INT $bench
wait $bench
[ $? = 130 ] || complain "Ctrl-C gave another status: $(cat "$folder/out")"
for _ in $(seq 40); do kill -0 "$(cat "$FAKE_HANG")" 2>/dev/null || break; sleep 0.05; done
kill -0 "$(cat "$FAKE_HANG")" 2>/dev/null && complain "the measured program goes on after Ctrl-C"
unset FAKE_HANG
[ "$(rounds prompt-q4_0)" = 1 ] || complain "the round before the interruption is gone"
[ -z "$(find "$folder/measured" -name '*.part')" ] || complain "half a file was left"

# primer itself still has the options and fields that are asked of it.
measure "${PRIMER:-$build/primer}" --rows memory,speculation,load,prefix --rounds 1 ||
    complain "primer: $(cat "$folder/out")"
has "$results" "| guessing: "
has "$results" "| reading it: "
grep -q "^| resident memory.* MB | ≤ 150 MB | met |" "$results" ||
    complain "memory: $(cat "$results")"
grep -q "^| load to first token of a [0-9]*-token prompt, Q4_0 | [0-9]" "$results" ||
    complain "first token: $(cat "$results")"
exit $((failures > 0))
