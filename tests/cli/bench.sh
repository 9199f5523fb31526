#!/bin/bash
# primer bench: every run's speed, memory while the sessions live, generation at a depth, look-up, the limits alone.
. "$(dirname "$0")/common.bash"
model=$folder/tiny.gguf
tiny_model "$model" --tokenizer spm --context 2048

bench() { # KEYS-CHECK OPTIONS...: the JSON is `found` in a line of Python
    local check=$1
    shift
    "$PRIMER" bench "$model" -t 2 --json "$@" >"$folder/json" || fail "bench $*"
    python3 -c "
import json, statistics, sys
found = json.load(open(sys.argv[1]))
def same(a, b): return abs(a - b) <= 1e-5 * abs(b)
$check" "$folder/json" || fail "bench $*: $(cat "$folder/json")"
}

runs='
assert len(found["prompt_runs_tok_s"]) == len(found["generate_runs_tok_s"]) == found["runs"] == 3
for name in "prompt", "generate":
    assert same(found[name + "_tok_s"], statistics.median(found[name + "_runs_tok_s"])), name
assert "memory_share" not in found and "int8_limit_ops_s" not in found
assert 0 < found["load_ms"] < found["first_token_ms"]'
bench "$runs" -p 40 -n 8 --runs 3 --no-limits
bench "$runs" -p 40 -n 8 --runs 3 --no-limits --clients 2

tiny_model "$folder/wide.gguf" --tokenizer spm --context 2048 --layers 2 --heads 8 --kv-heads 8 --head-dim 64
# Keys and values of every session are part of what is counted.
memory='
assert found["kv_bytes"] > 10e6, found["kv_bytes"]
assert found["kv_format"] == "f32"
assert found["anonymous_bytes"] > found["kv_bytes"]
assert found["resident_bytes"] > found["anonymous_bytes"]'
model=$folder/wide.gguf
bench "$memory" -p 400 -n 2 --runs 1 --no-limits --kv-format f32 --clients 4
bench "$memory" -p 1600 -n 2 --runs 1 --no-limits --kv-format f32
model=$folder/tiny.gguf

bench '
assert found["depth"] == found["prompt_tokens"] == 200 and found["generated"] == 8
assert len(found["prompt_runs_tok_s"]) == 1 and len(found["generate_runs_tok_s"]) == 3' --depth 200 -n 8 --runs 3 --no-limits

bench '
assert found["prompt_tokens"] == found["generated"] == 300
assert len(found["plain_runs_tok_s"]) == len(found["speculate_runs_tok_s"]) == 3
assert same(found["plain_tok_s"], statistics.median(found["plain_runs_tok_s"]))
assert same(found["speculate_tok_s"], statistics.median(found["speculate_runs_tok_s"]))
assert 0 < found["accepted"] < found["drafted"] <= 600' --speculate --runs 3 --no-limits
"$PRIMER" bench "$model" --speculate --runs 1 --no-limits >"$folder/out" || fail "bench --speculate"
grep -q "guessing .* guesses right" "$folder/out" || fail "bench --speculate: $(cat "$folder/out")"

bench '
assert found["prompt_tokens"] == 500 and found["restored_tokens"] == 448 and found["computed_tokens"] == 52
assert min(found["read_s"], found["store_s"], found["restore_s"]) > 0
assert abs(found["restore_gain"] * found["restore_s"] / found["read_s"] - 1) < 1e-3' --prefix -p 500 --runs 3
"$PRIMER" bench "$model" --prefix --runs 1 >"$folder/out" || fail "bench --prefix"
grep -q "again .* times as fast: 1984 tokens from disk" "$folder/out" || fail "bench --prefix: $(cat "$folder/out")"
expect_code 1 "$PRIMER" bench "$model" --prefix -p 100
expect_message "nothing was kept"
expect_code 2 "$PRIMER" bench "$model" --prefix --clients 2
expect_message "--clients has no effect with --prefix"

bench '
assert set(found) == {"engine", "version", "threads", "memory_limit_bytes_s", "int8_limit_ops_s", "f32_limit_flop_s"}
assert found["threads"] == 2 and min(found["int8_limit_ops_s"], found["f32_limit_flop_s"]) > 1e8' --limits-only

# What would have no effect is refused by name.
expect_code 2 "$PRIMER" bench "$model" -p 10 --depth 20
expect_message "-p has no effect with --depth"
expect_code 2 "$PRIMER" bench "$model" --clients 2 --depth 20
expect_message "--clients has no effect with --depth"
expect_code 2 "$PRIMER" bench "$model" --speculate -n 10
expect_message "-n has no effect with --speculate"
expect_code 2 "$PRIMER" bench "$model" --limits-only --no-limits
expect_message "--no-limits has no effect with --limits-only"
expect_code 2 "$PRIMER" bench "$model" --limits-only --runs 2
exit 0
