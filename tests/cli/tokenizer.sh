#!/bin/bash
# primer tokenizer train: the published example through the command, files that load again, messages, and Ctrl-C.
. "$(dirname "$0")/common.bash"
set -m

text=$folder/text.txt
for ((i = 0; i < 400; i++)); do
    printf 'Once upon a time there were %d little cats, and the cats didn'"'"'t like caf\xc3\xa9s.\n' $((i * 37))
    [ $((i % 20)) = 0 ] && printf '<|endoftext|>'
done >"$text"

# Both kinds of file give the same ids, and the ids the text.
train() { "$PRIMER" tokenizer train "$@" >"$folder/out" 2>"$folder/err" || fail "train $*: $(cat "$folder/err")"; }
for pattern in gpt-2 llama-bpe; do
    for digits in "" --split-digits; do
        train "$text" -o "$folder/t.gguf" --vocab 290 --pattern $pattern $digits
        train "$text" -o "$folder/t.json" --vocab 290 --pattern $pattern $digits -t 2
        "$PRIMER" tokens "$folder/t.gguf" --special <"$text" >"$folder/ids" || fail "tokens"
        "$PRIMER" tokens "$folder/t.json" --special <"$text" >"$folder/ids.json" || fail "tokens of the JSON"
        cmp "$folder/ids" "$folder/ids.json" || fail "$pattern $digits: the two files differ"
        "$PRIMER" tokens "$folder/t.gguf" --special --decode <"$folder/ids" >"$folder/back" || fail "decode"
        cmp "$text" "$folder/back" || fail "$pattern $digits: the text did not come back"
        [ "$(tr ',' '\n' <"$folder/ids" | wc -l)" -lt $(($(wc -c <"$text") / 2)) ] || fail "nothing was merged"
    done
done
expect_same "[0]" "$(printf '<|endoftext|>' | "$PRIMER" tokens "$folder/t.gguf" --special)" "the special token"

# The end is the last id where that is asked for; two special tokens; none.
train "$text" -o "$folder/t.gguf" --vocab 290 --special-last
expect_same "[289]" "$(printf '<|endoftext|>' | "$PRIMER" tokens "$folder/t.gguf" --special)" "--special-last"
train "$text" -o "$folder/t.gguf" --vocab 290 --special '<|endoftext|>' --special '<x>'
expect_same "[1,0]" "$(printf '<x><|endoftext|>' | "$PRIMER" tokens "$folder/t.gguf" --special)" "two special tokens"
train "$text" -o "$folder/t.gguf" --vocab 256 --special ""
expect_same "[64]" "$(printf 'a' | "$PRIMER" tokens "$folder/t.gguf")" "no special token"

# Characters: as many tokens as the text has different ones, and one more for each of é's two bytes.
printf 'abcabc \xc3\xa9' >"$folder/few.txt"
train "$folder/few.txt" -o "$folder/t.json" --characters --special "" --json
grep -q '"vocabulary":7,"merges":1,' "$folder/out" || fail "--characters: $(cat "$folder/out")"
expect_same "[0,6]" "$(printf 'a\xc3\xa9' | "$PRIMER" tokens "$folder/t.json")" "--characters"

# The published example.
reference=$PRIMER_SHARED/data/tok-bpe-trainer-reference
if [ -f "$reference/corpus.en" ]; then
    train "$reference/corpus.en" -o "$folder/t.json" --vocab 500
    python3 - "$folder/t.json" "$reference" <<'EOF' || fail "the published vocabulary or merges are others"
import json, sys
made, folder = json.load(open(sys.argv[1])), sys.argv[2]
assert made["model"]["vocab"] == json.load(open(folder + "/train-bpe-reference-vocab.json"))
assert made["model"]["merges"] == open(folder + "/train-bpe-reference-merges.txt").read().rstrip("\n").split("\n")
EOF
fi

# Messages.
: >"$folder/empty"
expect_code 2 "$PRIMER" tokenizer learn "$text"
expect_message 'found "learn", expected train'
expect_code 2 "$PRIMER" tokenizer train "$text"
expect_message "-o FILE is missing"
expect_code 2 "$PRIMER" tokenizer train -o "$folder/x.gguf"
refused() { # MESSAGE OPTIONS...: no file is left
    local message=$1
    shift
    expect_code 1 "$PRIMER" tokenizer train "$@"
    expect_message "$message"
    compgen -G "$folder/x.*" >/dev/null && fail "a file was left: $*"
}
refused "there is no text" "$folder/empty" -o "$folder/x.gguf"
refused "$folder/none: cannot open it" "$text" "$folder/none" -o "$folder/x.gguf"
refused "cannot create it" "$text" -o "$folder/none/x.gguf"
refused "found 256, expected at least 257" "$text" -o "$folder/x.gguf" --vocab 256
refused "no pair is left" "$text" -o "$folder/x.gguf" --vocab 5000
refused "missing closing parenthesis" "$text" -o "$folder/x.json" --vocab 300 --pattern '(a'
refused "tokenizer.json alone" "$text" -o "$folder/x.gguf" --vocab 300 --pattern '\S+'
refused "GGUF alone" "$text" -o "$folder/x.json" --vocab 300 --pattern falcon
refused "'no-such'" "$text" -o "$folder/x.json" --vocab 300 --pattern no-such
train "$text" -o "$folder/y.gguf" --vocab 5000 --fewer

# Ctrl-C while the text is read leaves nothing. Where it was read faster than the signal came, it is tried again.
yes "$(head -c 20000 "$text")" | head -c 150000000 >"$folder/long.txt"
for _ in 1 2 3 4 5; do
    rm -f "$folder"/x.*
    env --default-signal=INT "$PRIMER" tokenizer train "$folder/long.txt" -o "$folder/x.gguf" --vocab 290 -t 1 \
        >"$folder/out" 2>"$folder/err" &
    job=$!
    for _ in $(seq 2000); do
        grep -qs long.txt "/proc/$job/maps" && break
        kill -0 $job 2>/dev/null || break
    done
    kill -INT $job 2>/dev/null
    code=0
    wait $job 2>/dev/null || code=$?
    [ "$code" = 0 ] || break
done
[ "$code" = 130 ] || fail "interrupted training gave exit code $code: $(cat "$folder/err")"
compgen -G "$folder/x.*" >/dev/null && fail "interrupted training left $(ls "$folder")"

# What is learned from isn't written over, by whatever name.
cp "$folder/long.txt" "$folder/kept.txt"
ln -sf kept.txt "$folder/link.txt"
for out in kept.txt link.txt; do
    expect_code 1 "$PRIMER" tokenizer train "$folder/long.txt" "$folder/kept.txt" -o "$folder/$out" --vocab 257
    expect_message 'is the input itself'
done
cmp -s "$folder/long.txt" "$folder/kept.txt" || fail "the text was written over"
exit 0
