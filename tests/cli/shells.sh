#!/bin/bash
# The completions are what the program prints, and the manual page has every option. --update rewrites them.
. "$(dirname "$0")/common.bash"

for pair in bash:primer.bash zsh:_primer fish:primer.fish; do
    shell=${pair%%:*} file=completions/${pair#*:}
    "$PRIMER" help --completion "$shell" >"$folder/completion" || fail "help --completion $shell"
    if [ "${1:-}" = --update ]; then
        cp "$folder/completion" "$file"
    fi
    cmp "$folder/completion" "$file" || fail "$file is not what 'primer help --completion $shell' prints"
done
found=$(bash -c '. completions/primer.bash; COMP_WORDS=(primer run --tempe); COMP_CWORD=2; _primer; echo "${COMPREPLY[@]}"')
expect_same "--temperature" "$found" "bash completes --tempe"

found=$(bash -c '. completions/primer.bash; COMP_WORDS=(primer data sha); COMP_CWORD=2; _primer; echo "${COMPREPLY[@]}"')
expect_same "shard" "$found" "bash completes a verb"

missing=
sed 's/\\-/-/g' docs/man/primer.1 >"$folder/man"
for name in $(sed -n "s/^    [a-z]*) options='\([^']*\)'.*;;/\1/p" completions/primer.bash); do
    grep -qE -- "(^|[ \"])$name([ \",]|$)" "$folder/man" || missing="$missing $name"
done
[ -z "$missing" ] || fail "docs/man/primer.1 lacks:$missing"
for word in $("$PRIMER" help | sed -n 's/^  \([a-z]*\)  .*/\1/p' | grep -v primer); do
    grep -q "^.SS primer $word" docs/man/primer.1 || fail "docs/man/primer.1 lacks the command $word"
done
exit 0
