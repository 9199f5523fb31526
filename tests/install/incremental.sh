#!/bin/bash
# What is built is not built again: with the same flags and sources make has nothing to compile; with other flags
# it has everything, and after a change of a header what includes it.
set -eu
: "${PRIMER_BUILD:=$PWD/build/release-gcc}"
flavour=$(basename "$PRIMER_BUILD")
again() {
    make -n --no-print-directory FLAVOUR="${flavour%%-*}" CC="${flavour#*-}" "$@" "${PRIMER_BUILD#"$PWD"/}/libprimer.a" |
        grep -c '"  CC ' || true
}
flags=$PRIMER_BUILD/flags
before=$(stat -c %y "$flags")
count=$(again)
[ "$count" = 0 ] || { echo "FAILED: $count files would be compiled again"; exit 1; }
[ "$(stat -c %y "$flags")" = "$before" ] || { echo "FAILED: $flags was written again"; exit 1; }
header=$(make -n --no-print-directory FLAVOUR="${flavour%%-*}" CC="${flavour#*-}" -W include/primer.h \
    "${PRIMER_BUILD#"$PWD"/}/tests/engine/test_session" | grep -c 'CC   tests/engine/fixture.c' || true)
[ "$header" = 1 ] || { echo "FAILED: a changed header leaves the tests' common files as they were"; exit 1; }
cp -p "$flags" "$flags.kept"
trap 'mv "$flags.kept" "$flags"' EXIT
count=$(again CFLAGS=-DOTHER)
[ "$count" -gt 50 ] || { echo "FAILED: other flags, and only $count files would be compiled"; exit 1; }
