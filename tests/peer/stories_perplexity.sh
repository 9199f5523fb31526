#!/bin/bash
# The perplexity of a trained model on 300 KB of text by `primer perplexity` is what llama.cpp's
# log-probabilities give for the same windows, to four digits; the tokens are as many.
. "$(dirname "$0")/peer.bash"
need_peer
need_files "$stories" "$tinystories"
head -c 300000 "$tinystories" >"$folder/text"
node "$here/llama_perplexity.mjs" "$stories" "$folder/text" --kv f32 >"$folder/llama-f32" &
other=$!
node "$here/llama_perplexity.mjs" "$stories" "$folder/text" --kv f16 >"$folder/llama-f16"
wait $other
status=0
for kv in f32 f16; do
    "$primer" perplexity "$stories" "$folder/text" -c 512 --kv $kv --json >"$folder/primer-$kv"
    echo "kv $kv, primer:    $(cat "$folder/primer-$kv")"
    echo "kv $kv, llama.cpp: $(cat "$folder/llama-$kv")"
    python3 - "$folder/primer-$kv" "$folder/llama-$kv" $kv <<'PYTHON' || status=1
import json, sys
ours, theirs = (json.load(open(path)) for path in sys.argv[1:3])
# In f16 the engines round differently; in f32 both are all but exact.
limit = {"f32": 1e-6, "f16": 5e-5}[sys.argv[3]]
for field in ("context", "windows", "tokens", "scored"):
    assert ours[field] == theirs[field], (field, ours[field], theirs[field])
assert ours["scored"] > 70000, ours["scored"]
for field, most in (("perplexity", limit), ("error", 1e-4)):
    apart = abs(ours[field] / theirs[field] - 1)
    assert apart < most, f"{field}: {ours[field]} and {theirs[field]} are {apart:.1e} apart"
PYTHON
done
exit $status
