#!/bin/bash
# The templates of real models say what the package of JavaScript that people try them with says, to the
# byte, over conversations with system, tools, several turns, tool results and odd Unicode.
set -eu
: "${PRIMER_BUILD:=$PWD/build/release-gcc}" "${PRIMER_SHARED:=../shared}"
templates=$PRIMER_SHARED/data/chat-templates
if [ ! -d "$templates" ]; then
    echo "$templates is not there"
    exit 77
fi
modules=$(tests/npm/install) || exit 77
cases=$(mktemp)
trap 'rm -f "$cases"' EXIT
node tests/chat/templates.mjs "$templates" "$modules" >"$cases"
count=$(($(wc -l <"$cases") - 1))
[ "$count" -gt 2300 ] || { echo "FAILED: only $count cases"; exit 1; }
texts=$((count - $(grep -c '"error":""}$' "$cases")))
[ "$texts" -gt 1500 ] || { echo "FAILED: only $texts texts"; exit 1; }
"$PRIMER_BUILD/tests/chat/test_jinja" "$cases" >"$cases.log" 2>&1 || {
    tail -20 "$cases.log"
    rm -f "$cases.log"
    exit 1
}
grep -q "^$count cases" "$cases.log" || { echo "FAILED: not all of $count cases were tried"; exit 1; }
rm -f "$cases.log"
echo "$count renderings agree, $texts of them texts, the others refused by both"
