#!/bin/bash
# Output for programs: logprobs' lines, inspect, bench and quantize as JSON; perplexity is the same each time.
. "$(dirname "$0")/common.bash"
model=$folder/tiny.gguf
tiny_model "$model" --tokenizer spm

# logprobs: a line per id, K pairs, best first, and the distribution's sum is 1 where all are asked for.
for ids in "1,5,7,300" "-"; do
    echo "[1,5,7,300]" | "$PRIMER" logprobs "$model" --ids "$ids" --top 512 -t 1 >"$folder/lines" || fail "logprobs"
    python3 - "$folder/lines" <<'PYTHON' || fail "logprobs --ids $ids"
import json, math, sys
lines = open(sys.argv[1]).read().splitlines()
assert [json.loads(line)["id"] for line in lines] == [1, 5, 7, 300]
for line in lines:
    row = json.loads(line)
    assert list(row) == ["id", "top"] and len(row["top"]) == 512
    values = [p for _, p in row["top"]]
    assert values == sorted(values, reverse=True) and all(p <= 0 for p in values)
    assert len({i for i, _ in row["top"]}) == 512
    assert abs(sum(map(math.exp, values)) - 1) < 1e-4
PYTHON
done
"$PRIMER" logprobs "$model" --ids 1,5 --top 3 >"$folder/three" || fail "logprobs --top 3"
grep -qE '^\{"id":1,"top":\[\[[0-9]+,-[0-9.e-]+\],\[[0-9]+,-[0-9.e-]+\],\[[0-9]+,-[0-9.e-]+\]\]\}$' "$folder/three" ||
    fail "a line's form: $(head -1 "$folder/three")"

"$PRIMER" inspect "$model" --json --tensors >"$folder/inspect" || fail "inspect --json"
python3 - "$folder/inspect" "$model" <<'PYTHON' || fail "inspect --json"
import json, os, sys
found = json.load(open(sys.argv[1]))
assert found["file_bytes"] == os.path.getsize(sys.argv[2])
assert found["metadata"]["general.architecture"] == "llama"
assert found["metadata"]["tokenizer.ggml.tokens"]["count"] == 512
assert len(found["tensors"]) == found["tensor_count"] > 0
assert sum(t["bytes"] for t in found["tensors"]) == found["weight_bytes"]
assert {"name", "shape", "type", "bytes"} == set(found["tensors"][0])
PYTHON
"$PRIMER" inspect "$model" --json --all | python3 -c '
import json, sys
assert len(json.load(sys.stdin)["metadata"]["tokenizer.ggml.tokens"]) == 512' || fail "inspect --json --all"
"$PRIMER" inspect "$model" --tensors >"$folder/text" || fail "inspect"
grep -q "token_embd.weight" "$folder/text" || fail "inspect --tensors lacks token_embd.weight"
"$PRIMER" inspect --knobs >"$folder/knobs" || fail "inspect --knobs"
grep -q "PRIMER_THREADS" "$folder/knobs" || fail "inspect --knobs lacks PRIMER_THREADS"
"$PRIMER" inspect --knobs --json | python3 -m json.tool >/dev/null || fail "inspect --knobs --json"

for options in "" "--clients 3"; do
    # shellcheck disable=SC2086
    "$PRIMER" bench "$model" -p 40 -n 8 -t 2 --runs 2 --json $options >"$folder/bench" || fail "bench $options"
    python3 - "$folder/bench" <<'PYTHON' || fail "bench --json $options"
import json, sys
found = json.load(open(sys.argv[1]))
for key in ("prompt_tok_s", "generate_tok_s", "load_ms", "first_token_ms", "resident_bytes", "bytes_per_token",
            "memory_limit_bytes_s", "int8_limit_ops_s", "f32_limit_flop_s", "memory_share", "arithmetic_share"):
    assert found[key] > 0, key
assert found["prompt_tokens"] == 40 and found["generated"] == 8 and found["threads"] == 2
PYTHON
done
"$PRIMER" bench "$model" -p 40 -n 8 --runs 1 >"$folder/bench" || fail "bench"
grep -q "of the memory limit" "$folder/bench" || fail "bench lacks the memory limit"

"$PRIMER" quantize "$model" "$folder/q8.gguf" q8_0 --json >"$folder/quantize" || fail "quantize --json"
python3 - "$folder/quantize" <<'PYTHON' || fail "quantize --json"
import json, sys
found = json.load(open(sys.argv[1]))
assert found["type"] == "Q8_0" and found["bytes_out"] < found["bytes_in"] / 3 and 8 < found["bits_per_weight"] < 10
PYTHON
"$PRIMER" inspect "$folder/q8.gguf" | grep -q Q8_0 || fail "quantize wrote no Q8_0"
expect_code 0 "$PRIMER" run "$folder/q8.gguf" --raw --temp 0 -n 4 "a"
expect_code 1 "$PRIMER" quantize "$model" "$model" Q8_0
expect_code 1 "$PRIMER" quantize "$folder/none.gguf" "$folder/out.gguf" Q8_0
[ -e "$folder/out.gguf" ] && fail "a failed quantize left a file"

head -c 6000 /dev/urandom | od -An -tx1 >"$folder/words"
"$PRIMER" perplexity "$model" "$folder/words" -c 128 --chunks 6 >"$folder/first" || fail "perplexity"
"$PRIMER" perplexity "$model" "$folder/words" -c 128 --chunks 6 -t 1 >"$folder/second" || fail "perplexity -t 1"
cmp "$folder/first" "$folder/second" || fail "perplexity depends on the threads"
grep -q "378 tokens scored in 6 windows of 128" "$folder/first" || fail "windows: $(cat "$folder/first")"
"$PRIMER" perplexity "$model" - -c 128 --chunks 6 --json <"$folder/words" >"$folder/json" || fail "perplexity --json"
python3 - "$folder/json" "$folder/first" <<'PYTHON' || fail "perplexity --json"
import json, math, sys
found = json.load(open(sys.argv[1]))
assert abs(math.exp(found["nll"]) - found["perplexity"]) < 1e-6 * found["perplexity"]
assert abs(float(open(sys.argv[2]).read().split()[1]) - found["perplexity"]) < 1e-4
assert found["scored"] == 378 and found["windows"] == 6 and found["error"] > 0
PYTHON
exit 0
