#!/bin/bash
# primer train with lora-rank: adapters of a model that stays as it is, quantized or not, as a GGUF and as PEFT's folder;
# gone on with to the same bytes; merged.
. "$(dirname "$0")/common.bash"
. "$(dirname "$0")/train.bash"
cd "$folder" || exit 1
train_files
train small.recipe --set folder=run
cp run/model.gguf base.gguf
expect_code 0 "$PRIMER" quantize base.gguf quantized.gguf Q8_0
grep -v endoftext held.txt >plain.txt
before=$(cksum <base.gguf)

cat >adapter.recipe <<'EOF'
model = base.gguf
data = text.txt
evaluate = held.txt
length = 16
batch = 2
steps = 12
rate = 0.01
log-every = 4
evaluate-every = 12
checkpoint-every = 5
sample-every = 12
sample-tokens = 3
sample-prompt = the
lora-rank = 4
lora-dropout = 0.1
folder = adapted
EOF

# held MODEL [OPTIONS]: its loss of the held-out text.
held() {
    local model=$1
    shift
    "$PRIMER" perplexity "$model" plain.txt -c 16 --json "$@" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["nll"])'
}

train adapter.recipe
grep -q '^adapted/adapter.gguf: the trained adapter$' out || fail "the end: $(cat out)"
grep -q '^--- sample after step 12$' out || fail "no sample: $(cat out err)"
expect_same "$before" "$(cksum <base.gguf)" "the base"
expect_code 0 "$PRIMER" run base.gguf --adapter adapted/adapter.gguf --raw --temp 0 -n 4 "the "

# The same again from the checkpoint of step 5, and as PEFT's folder.
rm -f adapted/checkpoint-00000010.* adapted/checkpoint-00000012.*
cp adapted/adapter.gguf first.gguf
train adapter.recipe
cmp adapted/adapter.gguf first.gguf || fail "gone on, and another adapter"
train adapter.recipe --set folder=peft --set output=peft/adapter
"$PRIMER" merge base.gguf peft/adapter --type LORA -o again.gguf >out 2>err || fail "PEFT: $(cat err)"
expect_same "$(held base.gguf --adapter adapted/adapter.gguf)" "$(held base.gguf --adapter again.gguf)" "the loss with PEFT's adapter"

# Merged it is the same model, within rounding; over a quantized base other matrices are trained.
"$PRIMER" merge base.gguf adapted/adapter.gguf --type F32 -o merged.gguf >out 2>err || fail "merge: $(cat err)"
python3 - "$(held base.gguf --adapter adapted/adapter.gguf)" \
    "$(held merged.gguf)" "$(held base.gguf)" <<'PY' || fail "losses with the adapter, merged, without"
import sys
adapted, merged, base = map(float, sys.argv[1:])
print(adapted, merged, base)
assert abs(adapted - merged) < 1e-4 and abs(adapted - base) > 1e-4
PY
train adapter.recipe --set model=quantized.gguf --set folder=quantized --set lora-targets=attn_q,ffn_up
for name in attn_q ffn_up; do
    grep -qa "blk.1.$name.weight.lora_a" quantized/adapter.gguf || fail "$name was not trained"
done
grep -qaE 'attn_k|attn_v|attn_output|ffn_down' quantized/adapter.gguf && fail "a matrix that isn't named was trained"
expect_code 0 "$PRIMER" run quantized.gguf --adapter quantized/adapter.gguf --raw --temp 0 -n 4 "the "

refused "lora-targets: found \"q_proj\", expected some of" adapter.recipe --set lora-targets=q_proj
refused "lora-rank" small.recipe --set lora-rank=4
# A folder that can't be written is said before the first step, not behind the last.
refused "none/adapter: cannot create it" adapter.recipe --set folder=nowhere --set output=none/adapter
: >file
refused "file: found a file, expected a folder" adapter.recipe --set folder=nowhere --set output=file
grep -q '"event":"step"' nowhere/log.jsonl 2>/dev/null && fail "it trained though its adapter can't be written"
exit 0
refused "choose another folder, or begin anew with --fresh" adapter.recipe --set folder=adapted --set lora-rank=2
