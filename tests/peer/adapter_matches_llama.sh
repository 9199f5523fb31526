#!/bin/bash
# Adapters that primer wrote, in llama.cpp: from a GGUF to PEFT's folder and back they add the same
# there as here, alone and two at once with scales, within rounding; on split and fused matrices.
# llama.cpp takes gelu from a table of half precision, so that phi2 is further away without any, too.
. "$(dirname "$0")/peer.bash"
need_peer
kv=f32

# compare NAME MODEL [ADAPTER=SCALE...]: both engines' distributions; the report in $folder/NAME.
compare() {
    local name=$1 model=$2 options=()
    shift 2
    for use in "$@"; do options+=(--adapter "$use"); done
    node "$here/llama_distribution.mjs" "$model" "$folder/ids" "$folder/llama" $kv "$@" \
        >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }
    "$primer" logprobs "$model" --ids - --top 65536 --kv $kv "${options[@]}" \
        <"$folder/ids.list" >"$folder/ours"
    node "$here/mean_kl.mjs" "$folder/ids" "$folder/llama" primer="$folder/ours" >"$folder/$name"
    echo "$name: $(cat "$folder/$name")"
}

# within NAME LOW HIGH: the largest divergence of a comparison lies between.
within() {
    node -e '
const [file, low, high] = process.argv.slice(1);
const {primer} = JSON.parse(require("fs").readFileSync(file, "utf8"));
process.exit(primer.positions_cut_short === 0 && primer.max_kl >= +low && primer.max_kl <= +high
    ? 0 : 1);' "$folder/$1" "$2" "$3" || { echo "$1 is not between $2 and $3" >&2; exit 1; }
}

awk 'BEGIN { x = 1; for (i = 0; i < 120; i++) { print x; x = (x * 37 + 11) % 320 } }' >"$folder/ids"
paste -sd, "$folder/ids" >"$folder/ids.list"
for shape in "llama 5e-9 --arch llama --kv-heads 2" "split 3e-5 --split-qkv" "fused 3e-5"; do
    read -r name most options <<<"$shape"
    model=$folder/$name.gguf
    # shellcheck disable=SC2086
    "$build/make-model" "$model" --type F32 --dim 128 --vocab 320 --seed 5 $options
    for seed in 1 2; do
        "$build/make-model" --adapter "$model" "$folder/made.gguf" $((4 * seed)) $seed
        "$primer" merge "$model" "$folder/made.gguf" --type PEFT -o "$folder/peft$seed" >"$folder/log"
        "$primer" merge "$model" "$folder/peft$seed" --type LORA -o "$folder/$name$seed.gguf" >"$folder/log"
    done
    one=$folder/${name}1.gguf two=$folder/${name}2.gguf
    compare "$name-none" "$model"
    within "$name-none" 0 "$most"
    compare "$name-one" "$model" "$one=1"
    within "$name-one" 0 "$most"
    compare "$name-both" "$model" "$one=0.5" "$two=-0.25"
    within "$name-both" 0 "$most"
    # The two as one; and without them it would be noticed.
    "$primer" merge "$model" "$one=0.5" "$two=-0.25" --type LORA -o "$folder/joined.gguf" >"$folder/log"
    compare "$name-joined" "$model" "$folder/joined.gguf=1"
    within "$name-joined" 0 "$most"
    "$primer" logprobs "$model" --ids - --top 65536 --kv $kv <"$folder/ids.list" >"$folder/ours"
    node "$here/mean_kl.mjs" "$folder/ids" "$folder/llama" primer="$folder/ours" >"$folder/apart"
    within apart 1e-2 1e9
done
