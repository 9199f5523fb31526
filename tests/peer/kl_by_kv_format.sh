#!/bin/bash
# The same bound with the other formats of cached keys and values: f32, bf16 and q8_0, over models
# of both architectures and several block types. llama.cpp has a q8_0 cache only with its flash
# attention, and only for heads of whole blocks of 32, which these models have.
. "$(dirname "$0")/peer.bash"
need_peer
need_texts
status=0
seed=40
for type in F32 F16 Q4_0 Q8_0 Q4_K; do
    seed=$((seed + 1))
    width=128
    [ $type != Q4_K ] || width=256
    common=(--type $type --dim $width --vocab 320 --seed $seed)
    "$build/make-model" "$folder/phi2-$type.gguf" "${common[@]}"
    "$build/make-model" "$folder/llama-$type.gguf" --arch llama --kv-heads 2 "${common[@]}"
done
for kv in f32 bf16 q8_0; do
    flash=no
    [ $kv != q8_0 ] || flash=yes
    node "$here/model_divergence.mjs" "$folder"/*.gguf --texts "$texts" --windows 1 --kv $kv \
        --flash $flash || status=1
done
exit $status
