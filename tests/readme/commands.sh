#!/bin/bash
# Every command that README.md and the documents show is run: each ```sh block line by line, in a copy of the
# tree (links) where phi-2.gguf is a small random model of that architecture and notes.txt a text. README's ```recipe
# blocks are written to files, named in their first lines. The ```c
# block is compiled as pkg-config says, and run. Standard input of each command is a line of text, as a person
# might type. `make test` would never end inside itself: it runs one small test.
set -u
: "${PRIMER:=$PWD/build/primer}" "${PRIMER_BUILD:=$PWD/build/release-gcc}" "${PRIMER_SHARED:=../shared}"
root=$PWD
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0
run=0
build=$PRIMER_BUILD
for MODEL in "$root/$PRIMER_SHARED/models/stories260K.gguf" "$PRIMER_SHARED/models/stories260K.gguf" ""; do
    [ ! -f "$MODEL" ] || break
done

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

cd "$folder" || exit 1
for entry in "$root"/*; do ln -s "$entry" .; done
mkdir bin
ln -s "$PRIMER" bin/primer
export PATH=$folder/bin:$PATH PRIMER_HOME=$folder/home
"$build/make-model" phi-2.gguf --arch phi2 --type F16 --shape tiny --tokenizer bpe --seed 3 || exit 1
# More than two windows of the perplexity's 64 tokens, less than the model's 512.
for _ in $(seq 12); do echo "The sky is blue because of scattering."; done >notes.txt

# What runs foreign programs needs bubblewrap, which some containers forbid.
sandboxed() { bwrap --unshare-all --ro-bind / / /usr/bin/python3 -S -c '' 2>/dev/null; }

# FILE LANGUAGE: the lines of its blocks in that language.
blocks() { awk -v fence='```' -v begin='```'"$2" '$0 == begin { on = 1; next } $0 == fence { on = 0 } on' "$1"; }

# README's recipes: the first line of each names its file.
blocks README.md recipe | awk '/^# [a-z]+\.recipe$/ { file = $2; n++ } { print >file } END { exit n < 1 }' ||
    fail "README.md has no recipe with a name"

for document in README.md docs/*.md; do
    while IFS= read -r line; do
        [ -n "$line" ] || continue
        command=$line
        [ "$line" != "make test" ] || command="make test T=base/test_error"
        [ "$line" != "make run" ] || command="make run MODEL=${MODEL:-phi-2.gguf}"
        if [[ $line == *"data synth"* || $line == *"primer eval"* || $line == *decontaminate* ]] && ! sandboxed; then
            echo "no sandbox here: $line"
            continue
        fi
        run=$((run + 1))
        echo "Once upon a time" | timeout 100 bash -c "$command" >out 2>&1 ||
            fail "$document: $line: status $?: $(tail -n 5 out)"
        [ -s out ] || [[ $line == *quantize* || $line == *plot* ]] || fail "$document: $line: said nothing"
    done < <(blocks "$document" sh)
done
[ "$run" -ge 12 ] || fail "only $run commands were found"

blocks README.md c >story.c
[ -s story.c ] || fail "README.md has no program"
make --no-print-directory install PREFIX="$folder/installed" >out 2>&1 || fail "make install: $(cat out)"
PKG_CONFIG_PATH=$folder/installed/lib/pkgconfig
export PKG_CONFIG_PATH
${CC:-cc} -std=c11 -Wall -Wextra -Werror story.c $(pkg-config --cflags --libs primer) \
    -Wl,-rpath,"$folder/installed/lib" -o story >out 2>&1 || fail "README's program does not compile: $(cat out)"
LD_LIBRARY_PATH=$folder/installed/lib ./story phi-2.gguf >out 2>&1 || fail "README's program: $(cat out)"
[ -s out ] || fail "README's program said nothing"

# What the documents point at exists.
while read -r link; do
    [ -e "$root/$link" ] || fail "README.md links $link, which is not there"
done < <(grep -oE '\]\([^)#:]+\)' README.md | tr -d '()]')

echo "$run commands"
[ "$failures" = 0 ]
