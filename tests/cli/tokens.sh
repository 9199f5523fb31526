#!/bin/bash
# primer tokens: text to ids and back to the same bytes, for both families of tokenizers, any bytes.
. "$(dirname "$0")/common.bash"

for kind in bpe spm; do
    arch=$([ $kind = bpe ] && echo phi2 || echo llama)
    model=$folder/$kind.gguf
    tiny_model "$model" --arch $arch --tokenizer $kind
    printf 'Hello  world\n\tif (x) { return "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"; }\n\n' >"$folder/text"
    head -c 4096 /dev/urandom >"$folder/bytes"
    : >"$folder/empty"
    for text in text bytes empty; do
        "$PRIMER" tokens "$model" <"$folder/$text" >"$folder/ids" || fail "tokens $kind $text"
        python3 -c 'import json,sys; assert all(type(i) is int for i in json.load(open(sys.argv[1])))' "$folder/ids" ||
            fail "no JSON array of whole numbers"
        "$PRIMER" tokens "$model" --decode <"$folder/ids" >"$folder/back" || fail "decode $kind $text"
        cmp "$folder/$text" "$folder/back" || fail "$kind: $text did not come back"
        tr -d '[]' <"$folder/ids" | "$PRIMER" tokens "$model" --decode >"$folder/back" || fail "decode by commas"
        cmp "$folder/$text" "$folder/back" || fail "$kind: $text did not come back from a list by commas"
    done
done

# A special token written in the text is text, unless --special.
end='<|endoftext|>'
plain=$(printf '%s' "$end" | "$PRIMER" tokens "$folder/bpe.gguf")
special=$(printf '%s' "$end" | "$PRIMER" tokens "$folder/bpe.gguf" --special)
[ "$(echo "$plain" | tr ',' '\n' | wc -l)" -gt 1 ] || fail "'$end' became a token: $plain"
[ "$(echo "$special" | tr ',' '\n' | wc -l)" = 1 ] || fail "'$end' with --special: $special"

expect_code 1 "$PRIMER" tokens "$folder/none.gguf"
echo "[1, x]" | "$PRIMER" tokens "$folder/bpe.gguf" --decode 2>"$folder/err" && fail "a broken list was taken"
expect_message 'found "x]" at byte 4'
echo "[99999]" | "$PRIMER" tokens "$folder/bpe.gguf" --decode 2>"$folder/err" && fail "an id outside was taken"
expect_message "99999"
exit 0
