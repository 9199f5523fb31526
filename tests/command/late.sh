#!/bin/bash
# libcurl and libmicrohttpd are no part of the program's start: nothing else needs them, and what does says which one is
# missing and leaves nothing behind.
. "$(dirname "$0")/../cli/common.bash"

command -v readelf >/dev/null && readelf -d "$PRIMER" | grep NEEDED | grep -E 'curl|microhttpd' &&
    fail "the program is linked to it"
tiny_model "$folder/tiny.gguf" --arch phi2 --tokenizer bpe
cp -r curriculum/teacher "$folder/teacher"
cd "$folder" || exit 1
mkdir missing
: >missing/libcurl.so.4
: >missing/libmicrohttpd.so.12
without() { LD_LIBRARY_PATH=$folder/missing timeout 60 "$PRIMER" "$@"; }

expect_code 0 without --version
expect_code 0 without inspect tiny.gguf
expect_code 1 without serve tiny.gguf --port 0
expect_message "cannot load "
expect_message "libmicrohttpd.so"
expect_code 1 without data synth teacher -o lessons.jsonl --teacher http://127.0.0.1:9/v1 --teacher-model x
expect_message "cannot load "
expect_message "libcurl.so"
expect_same "" "$(compgen -G 'lessons.jsonl*')" "files that were left"
exit 0
