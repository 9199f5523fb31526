#!/bin/bash
# For every model of the generator (each architecture, RoPE kind and block type): primer's mean KL
# divergence from the reference is at most 1.05 times llama.cpp's, with the keys and values of both
# in f16.
#
# llama.cpp doesn't read a llama file's sliding window. Models that have one are compared in pieces
# no longer than it, where it hides nothing; the same shapes are made without one for long texts;
# and over long texts the models with one are held against the reference alone.
#
#     kl_to_reference.sh [options of model_divergence.mjs, as --out FILE]
. "$(dirname "$0")/peer.bash"
need_peer
need_texts
begin=$SECONDS
options=("$@")
window=24 # that of the generator's models

"$build/make-model" --all "$folder/all" >/dev/null
mkdir "$folder/windowed"
mv "$folder"/all/llama-linear-*.gguf "$folder/windowed"
seed=0
for model in "$folder"/windowed/*.gguf; do
    type=${model##*-}
    type=${type%.gguf}
    case $type in
    Q?_K | IQ4_XS) width=256 ;;
    *) width=128 ;;
    esac
    seed=$((seed + 1))
    "$build/make-model" "$folder/all/llama-linear-whole-$type.gguf" --arch llama --type "$type" \
        --vocab 320 --dim $width --rope linear:2.5 --heads 8 --kv-heads 2 --tied --seed $seed
done

status=0
# judge FOLDER OPTIONS...: its models in two processes, one a core.
judge() {
    local models=("$1"/*.gguf) half second
    shift
    half=$(((${#models[@]} + 1) / 2))
    node "$here/model_divergence.mjs" "${models[@]:half}" --texts "$texts" "$@" \
        "${options[@]}" >"$folder/second" 2>&1 &
    second=$!
    node "$here/model_divergence.mjs" "${models[@]:0:half}" --texts "$texts" "$@" \
        "${options[@]}" || status=1
    wait $second || status=1
    cat "$folder/second"
}

judge "$folder/all"
echo "with a sliding window, in pieces as long as it:"
judge "$folder/windowed" --window $window --windows 32
echo "with a sliding window, far beyond it:"
judge "$folder/windowed" --windows 1 --alone yes --most 2e-3
echo "$((SECONDS - begin)) s"
exit $status
