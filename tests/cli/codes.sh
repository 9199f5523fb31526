#!/bin/bash
# Exit codes and messages: 0, 1 for a failure, 2 for a command line that makes no sense; pipes; full disks.
. "$(dirname "$0")/common.bash"
model=$folder/tiny.gguf
tiny_model "$model" --tokenizer spm

expect_code 0 "$PRIMER"
expect_code 0 "$PRIMER" help
expect_code 0 "$PRIMER" --help
expect_code 0 "$PRIMER" version
expect_code 0 "$PRIMER" --version
for command in run tokens logprobs inspect bench perplexity eval quantize merge grow tokenizer data train plot help version; do
    expect_code 0 "$PRIMER" help $command
    [ -s "$folder/out" ] || fail "help $command says nothing"
    cp "$folder/out" "$folder/help"
    expect_code 0 "$PRIMER" $command --help
    cmp -s "$folder/help" "$folder/out" || fail "$command --help and help $command differ"
done

# Closed descriptors: what can't arrive is a failure, and goes nowhere else.
code=0
"$PRIMER" version <&- >&- 2>"$folder/err" || code=$?
expect_same 1 $code "standard input and output are closed"
expect_message "standard output: cannot write"
"$PRIMER" version >"$folder/out" 2>&- || fail "standard error is closed"

# The command line itself.
expect_code 2 "$PRIMER" rnu
expect_message "did you mean run?"
expect_code 2 "$PRIMER" help rnu
expect_code 2 "$PRIMER" run "$model" --tmep 1 hi
expect_message "did you mean --temp?"
expect_code 2 "$PRIMER" run "$model" --temp hot hi
expect_message '--temp: found "hot", expected a number from 0 to 100'
expect_code 2 "$PRIMER" run "$model" --temp nan hi
expect_code 2 "$PRIMER" run "$model" --temp -1 hi
expect_code 2 "$PRIMER" run "$model" --top-p 1.5 hi
expect_message '--top-p: found "1.5", expected a number from 0 to 1'
expect_code 2 "$PRIMER" run "$model" -n 1.5 hi
expect_code 2 "$PRIMER" run "$model" -n 99999999999999999999 hi
expect_code 2 "$PRIMER" run "$model" --kv f8 hi
expect_message 'expected f16, f32, bf16 or q8_0'
expect_code 2 "$PRIMER" run "$model" --self-extend 4,30 hi
expect_message "W a multiple of G"
expect_code 2 "$PRIMER" run "$model" --samplers top_q hi
expect_code 2 "$PRIMER" run "$model" --logit-bias 5 hi
expect_code 2 "$PRIMER" run "$model" --template gpt hi
expect_message "phi-qa"
expect_code 2 "$PRIMER" run "$model" --seed -5 hi
expect_code 2 "$PRIMER" logprobs "$model" --ids 1 --temp 1
expect_message "--temp has no effect on logprobs: it is an option of run"
expect_code 2 "$PRIMER" run "$model" --chunks=3 hi
expect_message "--chunks has no effect on run: it is an option of perplexity"
expect_code 2 "$PRIMER" run "$model" --raw --system "Be kind." hi
expect_message "--system has no effect with --raw"
expect_code 2 "$PRIMER" run "$model" --raw --template plain hi
expect_message "--template has no effect with --raw"
expect_code 0 "$PRIMER" run "$model" --keep 3 -n 1 hi
expect_message "--keep has no effect without --drop-oldest"
expect_code 0 "$PRIMER" run "$model" --grp-attn-w 8 -n 1 hi
expect_message "--grp-attn-w has no effect without --grp-attn-n"
expect_code 2 "$PRIMER" inspect "$model" --knobs --tensors
expect_message "--tensors has no effect with --knobs"
expect_code 2 "$PRIMER" run "$model" --temp
expect_message "needs a value"
expect_code 2 "$PRIMER" run "$model" --raw=yes hi
expect_code 2 "$PRIMER" run "$model" several words here
expect_message "quote a text"
expect_code 2 "$PRIMER" run "$model" -p a b
expect_code 2 "$PRIMER" perplexity "$model"
expect_code 2 "$PRIMER" logprobs "$model"
expect_code 2 "$PRIMER" quantize "$model" "$folder/x.gguf" Q9_9
expect_message "Q4_K_M"
expect_code 2 "$PRIMER" bench "$model" -p 0
expect_code 2 "$PRIMER" inspect "$model" --color mauve
expect_code 2 "$PRIMER" run "$model" --rope-freq-base 1e-30 hi
expect_message "expected 0 or a number from 0.001 to 1e+12"
expect_code 2 "$PRIMER" run "$model" --rope-scale 1e-30 hi
expect_code 0 "$PRIMER" run "$model" --rope-freq-base 0 --rope-scale 2 -n 1 hi
expect_code 2 "$PRIMER" perplexity "$model" "$model" -c 2
expect_message "-c: found 2, expected at least 3"

# A context that holds the measured run is enough.
expect_code 0 "$PRIMER" bench "$model" -p 4 -n 2 --runs 1

# Failures name what is wrong.
expect_code 1 "$PRIMER" run ""
expect_message '"": cannot open it'
expect_code 1 "$PRIMER" run "$folder/none.gguf" hi
expect_message "none.gguf"
echo "not a model" >"$folder/text.gguf"
expect_code 1 "$PRIMER" run "$folder/text.gguf" hi
expect_message "text.gguf"
expect_code 1 "$PRIMER" inspect "$folder/text.gguf"
expect_code 1 "$PRIMER" run "$model"
expect_message "no prompt"
expect_code 1 "$PRIMER" logprobs "$model" --ids 1,2,99999
expect_message "99999"
expect_code 1 "$PRIMER" logprobs "$model" --ids "1,,2"
expect_message 'found ","'
head -c 5000 /dev/zero | tr '\0' 'a' >"$folder/long"
expect_code 1 "$PRIMER" run "$model" -c 64 -f "$folder/long"
expect_message "64"
expect_code 1 "$PRIMER" run "$model" -f "$folder/none.txt"
expect_message "none.txt"
expect_code 1 "$PRIMER" run "$model" -f "" hi
expect_message "\"\": cannot open it: the file's name is empty"
expect_code 1 "$PRIMER" perplexity "$model" "$folder/text.gguf"
expect_message "expected at least a window of"

# Nothing may be written: said before the prompt is read.
bans=$(seq -f '--logit-bias %.0f-inf' 0 511)
# shellcheck disable=SC2086
expect_code 1 "$PRIMER" run "$model" $bans -n 1 hi
expect_message "the logit biases forbid all 512 tokens"
# shellcheck disable=SC2086
expect_code 0 "$PRIMER" run "$model" ${bans/--logit-bias 300-inf/--logit-bias 300+1} --raw --ignore-eos -n 3 hi

# A limit on address space is named before anything is asked of the system that it would refuse. (Sanitizers need
# terabytes of it, and qemu passes no such limit on.)
limited() { (ulimit -v 600000 && exec "$PRIMER" "$@"); }
if limited version >"$folder/out" 2>&1; then
    truncate -s 1000M "$folder/huge.gguf"
    expect_code 1 limited inspect "$folder/huge.gguf"
    expect_message "huge.gguf: the file takes 1000.0 MiB of address space and the limit on it (ulimit -v) leaves"
    rm "$folder/huge.gguf"
    expect_code 1 limited run "$model" -c 4000000 --kv f32 hi
    expect_message "for 4000000 tokens exceeds the"
    expect_message "ulimit -v"
    expect_code 0 limited run "$model" -n 1 hi
fi

# An option that looks like one after "--" is a text.
expect_code 0 "$PRIMER" run --raw --temp 0 -n 1 -- "$model" "--temp"

# A reader that goes away: no words, no signal. A disk that is full: words.
"$PRIMER" run "$model" --raw --temp 0 --ignore-eos --drop-oldest "x" </dev/null 2>"$folder/err" | head -c 20 >/dev/null
code=${PIPESTATUS[0]}
[ "$code" = 1 ] || fail "a broken pipe gave exit code $code"
[ -s "$folder/err" ] && fail "a broken pipe was talked about: $(cat "$folder/err")"
if [ -w /dev/full ]; then
    code=0
    "$PRIMER" inspect "$model" >/dev/full 2>"$folder/err" || code=$?
    [ "$code" = 1 ] || fail "a full disk gave exit code $code"
    expect_message "standard output"
fi
exit 0
