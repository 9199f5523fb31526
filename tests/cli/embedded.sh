#!/bin/bash
# A model built into the program: it lies aligned in its read-only data, is used there, and says the same as
# the file it came from.
set -eu
: "${PRIMER:=$PWD/build/primer}" "${PRIMER_BUILD:=$PWD/build/release-gcc}" "${PRIMER_SHARED:=../shared}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() {
    echo "FAILED: $*"
    exit 1
}
build=$PRIMER_BUILD
"$build/make-model" "$folder/tiny.gguf" --arch llama --type Q8_0 --shape tiny --tokenizer spm --seed 5
flavour=$(basename "$build")
make --no-print-directory FLAVOUR="${flavour%%-*}" CC="${flavour#*-}" EMBED="$folder/tiny.gguf" \
    OUTPUT="$folder/primer" "$folder/primer" >"$folder/log" 2>&1 || {
    cat "$folder/log"
    fail "the program with a model in it did not build"
}
address=$(nm "$folder/primer" | awk '$3 == "builtin_model_begin" { print $1 }')
[ $((16#$address % 64)) = 0 ] || fail "the model lies at $address, not aligned to 64"
size=$(stat -c %s "$folder/tiny.gguf")
end=$(nm "$folder/primer" | awk '$3 == "builtin_model_end" { print $1 }')
[ $((16#$end - 16#$address)) = "$size" ] || fail "the model has not the file's $size bytes"

expected=$("$PRIMER" run "$folder/tiny.gguf" --raw --temp 0 -n 12 "a small")
rm "$folder/tiny.gguf"
found=$("$folder/primer" run --raw --temp 0 -n 12 -p "a small")
[ -n "$expected" ] || fail "the file said nothing"
[ "$found" = "$expected" ] || fail "built in: '$found', from the file: '$expected'"
# What it keeps on disk goes by the program's file: this one finds it again, a copy of it doesn't.
printf 'a small dog met a large cat %.0s' {1..12} >"$folder/text"
ask() {
    PRIMER_PREFIX_FOLDER=$folder/prefixes "$1" run --raw --temp 0 -n 4 -v -f "$folder/text" 2>"$folder/err" </dev/null
}
first=$(ask "$folder/primer")
grep -q ' 0 from disk' "$folder/err" || fail "something came from an empty disk: $(cat "$folder/err")"
second=$(ask "$folder/primer")
grep -qE ' [1-9][0-9]* from disk' "$folder/err" || fail "nothing came from the disk: $(cat "$folder/err")"
[ "$first" = "$second" ] || fail "from the disk: '$second', computed: '$first'"
cp "$folder/primer" "$folder/copy"
ask "$folder/copy" >/dev/null
grep -q ' 0 from disk' "$folder/err" || fail "a copy of the program found what it hadn't kept"
make --no-print-directory FLAVOUR="${flavour%%-*}" CC="${flavour#*-}" EMBED= OUTPUT="$folder/empty" "$folder/empty" \
    >"$folder/log" 2>&1 || fail "the program without a model did not build: $(cat "$folder/log")"
if "$folder/empty" run --raw -n 1 -p "a small" >"$folder/out" 2>&1 </dev/null; then
    fail "a program without a model answered: $(cat "$folder/out")"
fi
grep -qi 'model' "$folder/out" || fail "no model, and it doesn't say how to get one: $(cat "$folder/out")"
