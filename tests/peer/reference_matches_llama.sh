#!/bin/sh
# The reference against llama.cpp: on a model in F32 with its keys and values cached in f32, what is
# left is rounding. Skipped where PRIMER_PEER names no folder with node_modules/node-llama-cpp in
# it, or the model that both read isn't there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
reference=${REFERENCE:-${PRIMER_BUILD:-build/release-gcc}/reference}
model=${PRIMER_SHARED:-../shared}/models/stories260K.gguf
if [ ! -f "$model" ]; then
    echo "skipped: $model isn't there"
    exit 77
fi
if ! command -v node >/dev/null; then
    echo "skipped: there is no node"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A walk through the vocabulary; what it says doesn't matter.
awk 'BEGIN { x = 1; for (i = 0; i < 400; i++) { print x; x = (x * 37 + 11) % 512 } }' >"$work/ids"
status=0
node "$here/llama_distribution.mjs" "$model" "$work/ids" "$work/llama" f32 >"$work/log" 2>&1 ||
    status=$?
if [ $status -ne 0 ]; then
    cat "$work/log"
    exit $status
fi
"$reference" "$model" --ids - --all --out "$work/reference" <"$work/ids"
node "$here/mean_kl.mjs" "$work/ids" "$work/reference" llama="$work/llama" | tee "$work/report"
node -e '
const {positions, llama} = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
const ok = positions === 400 && llama.positions_cut_short === 0 && llama.max_kl < 1e-9;
if (!ok) console.error("the reference and llama.cpp differ by more than rounding");
process.exit(ok ? 0 : 1);' "$work/report"
