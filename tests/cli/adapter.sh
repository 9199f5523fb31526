#!/bin/bash
# --adapter: run, logprobs and perplexity with LoRA adapters; what primer merge writes says the same.
. "$(dirname "$0")/common.bash"
tiny_model "$folder/tiny.gguf" --tokenizer spm --kv-heads 2
for seed in 1 2; do
    "$PRIMER_BUILD/make-model" --adapter "$folder/tiny.gguf" "$folder/adapter$seed.gguf" $((4 * seed)) "$seed" ||
        fail "make-model --adapter"
done
one=$folder/adapter1.gguf two=$folder/adapter2.gguf

# say MODEL [option...]: what it writes after the same beginning, in $folder/out.
say() {
    local model=$1
    shift
    expect_code 0 "$PRIMER" run "$model" --raw --temp 0 -n 24 "$@" "Once upon a time"
}
# best MODEL [option...]: the most probable token after each of a list, in $folder/best.
best() {
    local model=$1
    shift
    expect_code 0 "$PRIMER" logprobs "$model" --ids 1,40,50,60,70,80 --top 1 --kv f32 "$@"
    sed -E 's/,-?[0-9.e-]+\]\]/]]/' "$folder/out" >"$folder/best"
}

say "$folder/tiny.gguf"
cp "$folder/out" "$folder/plain"
say "$folder/tiny.gguf" --adapter "$one"
cp "$folder/out" "$folder/first"
cmp -s "$folder/plain" "$folder/first" && fail "an adapter changes nothing"
say "$folder/tiny.gguf" --adapter "$one=0"
cmp "$folder/plain" "$folder/out" || fail "a scale of 0 changes something"
say "$folder/tiny.gguf" --lora "$one=1.0" --threads 1 --no-speculation
cmp "$folder/first" "$folder/out" || fail "a scale of 1, or one thread, changes something"
say "$folder/tiny.gguf" --adapter "$one=0.5" --adapter "$two=-0.25"
cp "$folder/out" "$folder/both"
cmp -s "$folder/first" "$folder/both" && fail "two adapters are as one"

# Merged into F32 the model says the same; into any type it can be opened and runs.
expect_code 0 "$PRIMER" merge "$folder/tiny.gguf" "$one=0.5" "$two=-0.25" -o "$folder/merged.gguf" --type F32 --json
grep -q '"matrices":14,' "$folder/out" || fail "matrices: $(cat "$folder/out")"
say "$folder/merged.gguf"
cmp "$folder/both" "$folder/out" || fail "the merged model says something else"
best "$folder/tiny.gguf" --adapter "$one=0.5" --adapter "$two=-0.25"
cp "$folder/best" "$folder/expected"
best "$folder/merged.gguf"
cmp "$folder/expected" "$folder/best" || fail "the merged model finds other tokens the most probable"
best "$folder/tiny.gguf"
cmp -s "$folder/expected" "$folder/best" && fail "logprobs takes no notice of --adapter"

# As one adapter, and in the other form, it says the same still.
expect_code 0 "$PRIMER" merge "$folder/tiny.gguf" "$one=0.5" "$two=-0.25" --type lora -o "$folder/joined.gguf" --json
grep -q '^{"type":"LORA","adapters":2,"matrices":14,"rank":12,' "$folder/out" || fail "joined: $(cat "$folder/out")"
say "$folder/tiny.gguf" --adapter "$folder/joined.gguf"
cmp "$folder/both" "$folder/out" || fail "the joined adapter says something else"
expect_code 0 "$PRIMER" merge "$folder/tiny.gguf" "$one" --type PEFT -o "$folder/peft"
grep -q 'peft: an adapter of 14 matrices, rank 4$' "$folder/out" || fail "PEFT: $(cat "$folder/out")"
grep -q '"target_modules"' "$folder/peft/adapter_config.json" || fail "no target_modules"
say "$folder/tiny.gguf" --adapter "$folder/peft"
cmp "$folder/first" "$folder/out" || fail "PEFT's folder says something else"
say "$folder/tiny.gguf" --adapter "$folder/peft/adapter_model.safetensors=1"
cmp "$folder/first" "$folder/out" || fail "PEFT's file says something else"
expect_code 1 "$PRIMER" merge "$folder/tiny.gguf" "$one=0" --type LORA -o "$folder/x.gguf"
expect_message "the scale of every adapter is 0"

for type in Q4_0 Q8_0; do
    expect_code 0 "$PRIMER" merge "$folder/tiny.gguf" "$one" -o "$folder/small.gguf" --type "$type"
    say "$folder/small.gguf"
done
expect_code 0 "$PRIMER" merge "$folder/tiny.gguf" "$one" -o "$folder/usual.gguf"
"$PRIMER" inspect "$folder/usual.gguf" --json | grep -q '"F16"' || fail "without --type it isn't F16"
printf 'the quick brown fox jumps over the lazy dog. %.0s' {1..20} >"$folder/text"
expect_code 0 "$PRIMER" perplexity "$folder/tiny.gguf" "$folder/text" -c 64 --json
cut -d, -f1 "$folder/out" >"$folder/plain"
expect_code 0 "$PRIMER" perplexity "$folder/tiny.gguf" "$folder/text" -c 64 --json --adapter "$one"
cut -d, -f1 "$folder/out" >"$folder/first"
cmp -s "$folder/plain" "$folder/first" && fail "perplexity takes no notice of --adapter"

# What can't be is said.
expect_code 1 "$PRIMER" run "$folder/tiny.gguf" --adapter "$folder/tiny.gguf" --raw a
expect_message "not an adapter"
expect_code 1 "$PRIMER" run "$folder/tiny.gguf" --adapter "$folder/missing.gguf=2" --raw a
expect_message "missing.gguf: "
expect_code 1 "$PRIMER" run "$folder/tiny.gguf" --adapter "$one=inf" --raw a
expect_message "no finite number"
expect_code 1 "$PRIMER" run "$folder/tiny.gguf" --adapter "=2" --raw a
expect_message "expected FILE[=SCALE]"
expect_code 1 "$PRIMER" run "$one" --raw a
expect_message "is an adapter"
expect_code 1 "$PRIMER" run "$folder/tiny.gguf" --adapter "$one=1e38" --raw a
expect_message "adapters, or their scales, are too large"
mkdir "$folder/pickle"
cp "$folder/peft/adapter_config.json" "$folder/pickle"
expect_code 1 "$PRIMER" run "$folder/tiny.gguf" --adapter "$folder/pickle" --raw a
expect_message "adapter_model.safetensors: cannot open it"
touch "$folder/pickle/adapter_model.bin"
expect_code 1 "$PRIMER" run "$folder/tiny.gguf" --adapter "$folder/pickle" --raw a
expect_message "adapter_model.bin: PyTorch's own files are not read"
tiny_model "$folder/wide.gguf" --tokenizer spm --kv-heads 4
expect_code 1 "$PRIMER" run "$folder/wide.gguf" --adapter "$one" --raw a
expect_message "blk.0.attn_k.weight.lora_b has shape"
expect_code 2 "$PRIMER" merge "$folder/tiny.gguf" "$one"
expect_message "-o FILE is missing"
expect_code 2 "$PRIMER" merge "$folder/tiny.gguf" "$one" -o "$folder/x.gguf" --type Q9
expect_message '--type: found "Q9"'
cp "$one" "$folder/kept.gguf"
for type in F16 LORA; do
    expect_code 1 "$PRIMER" merge "$folder/tiny.gguf" "$folder/kept.gguf=0.5" -o "$folder/kept.gguf" --type "$type"
    expect_message 'kept.gguf: is the input itself'
    expect_code 1 "$PRIMER" merge "$folder/tiny.gguf" "$one" -o "$folder/tiny.gguf" --type "$type"
    expect_message 'tiny.gguf: is the input itself'
done
cmp "$one" "$folder/kept.gguf" || fail "an adapter was written over"
expect_code 1 "$PRIMER" merge "$folder/tiny.gguf" "$folder/tiny.gguf" -o "$folder/x.gguf"
[ ! -e "$folder/x.gguf" ] || fail "a refused merge left a file"
# A name with "=" in it is a name.
cp "$one" "$folder/a=b.gguf"
say "$folder/tiny.gguf" --adapter "$folder/a=b.gguf"
exit 0
