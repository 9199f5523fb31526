#!/bin/bash
# For models in F32, with keys and values in f32, every log-probability of llama.cpp's 20 most
# probable tokens is within 0.002 of primer's: on a trained model and on the generator's llama
# shapes.
#
# llama.cpp's GELU is a table of 16-bit values, which moves the log-probabilities of a phi2 model by
# up to 0.003 from exact arithmetic. On those the bound is 0.005; that primer isn't the one that is
# off is what the other two bounds say: a mean divergence from the reference below 1e-11, where
# llama.cpp's is over 1e-8.
. "$(dirname "$0")/peer.bash"
need_peer
need_texts
need_files "$stories"
"$build/make-model" "$folder/llama-norm.gguf" --arch llama --kv-heads 2 --vocab 320 --dim 128
"$build/make-model" "$folder/llama-linear.gguf" --arch llama --kv-heads 2 --heads 8 --vocab 320 \
    --dim 128 --rope linear:2.5 --tied
"$build/make-model" "$folder/llama-factors.gguf" --arch llama --kv-heads 2 --heads 8 --vocab 320 \
    --dim 128 --head-dim 64 --rope factors --bias --tokenizer bpe
"$build/make-model" "$folder/phi2-neox.gguf" --vocab 320 --dim 128
"$build/make-model" "$folder/phi2-linear.gguf" --vocab 320 --dim 128 --rope linear:2 --split-qkv
status=0
node "$here/model_divergence.mjs" "$folder"/llama-*.gguf "$stories" --texts "$texts" --kv f32 \
    --apart 0.002 --most 1e-11 || status=1
node "$here/model_divergence.mjs" "$folder"/phi2-*.gguf --texts "$texts" --kv f32 \
    --apart 0.005 --most 1e-11 --limit 1e-3 || status=1
exit $status
