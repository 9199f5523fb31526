#!/bin/bash
# Prefixes on disk: a second run gets its prompt from there and says the same; where they lie and who may read
# them; --no-prefix-cache and an empty PRIMER_PREFIX_FOLDER keep nothing.
. "$(dirname "$0")/common.bash"
unset PRIMER_PREFIX_FOLDER
export HOME=$folder/user XDG_CACHE_HOME=
mkdir "$HOME"
kept=$HOME/.cache/primer/prefixes
tiny_model "$folder/tiny.gguf" --tokenizer spm
printf 'the quick brown fox jumps over the lazy dog %.0s' {1..12} >"$folder/text"

# ask [option...]: the answer in $folder/out, the figures in $folder/err.
ask() {
    expect_code 0 "$PRIMER" run "$folder/tiny.gguf" --raw --temp 0 -n 8 -v -f "$folder/text" "$@"
}
files() {
    find "$1" -name '*.kv' 2>/dev/null | wc -l
}

ask --no-prefix-cache
cp "$folder/out" "$folder/expected"
[ -s "$folder/expected" ] || fail "no answer"
[ ! -e "$HOME/.cache" ] || fail "--no-prefix-cache made a folder"
PRIMER_PREFIX_FOLDER='' ask
[ ! -e "$HOME/.cache" ] || fail "an empty PRIMER_PREFIX_FOLDER made a folder"
ask
expect_message " 0 from disk"
cmp "$folder/expected" "$folder/out" || fail "the first run says something else"
count=$(files "$kept")
[ "$count" -ge 4 ] || fail "$count files were kept"
[ "$(stat -c %a "$kept")" = 700 ] || fail "others may look into $kept"
[ -z "$(find "$kept" -type f ! -perm 600)" ] || fail "others may read what was kept"
ask
grep -qE ' [1-9][0-9]* from disk' "$folder/err" || fail "nothing came from the disk: $(cat "$folder/err")"
cmp "$folder/expected" "$folder/out" || fail "the second run says something else"
expect_same "$count" "$(files "$kept")" "files after the same prompt again"
ask --no-prefix-cache
expect_message " 0 from disk"
ask --kv q8_0
expect_message " 0 from disk"
XDG_CACHE_HOME=$folder/caches ask
expect_message " 0 from disk"
expect_same "$count" "$(files "$folder/caches/primer/prefixes")" "files in XDG_CACHE_HOME"
PRIMER_PREFIX_FOLDER=$folder/own ask
expect_same "$count" "$(files "$folder/own")" "files in PRIMER_PREFIX_FOLDER"
rm -r "$kept"
ask
cmp "$folder/expected" "$folder/out" || fail "with the folder deleted it says something else"
# A folder that can't be made is no error, and is told to who wants to know.
touch "$folder/file"
PRIMER_LOG=info PRIMER_PREFIX_FOLDER=$folder/file/own ask
expect_message "prefix cache on disk"
cmp "$folder/expected" "$folder/out" || fail "without a folder it says something else"
exit 0
