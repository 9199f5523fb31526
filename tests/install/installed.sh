#!/bin/bash
# What `make install` puts down serves a stranger's program: linked statically and shared by pkg-config's
# word alone, in C11 and, where there is a compiler, C++. Of the library only primer_* is visible. Uninstall
# takes everything away again.
set -eu
: "${PRIMER:=$PWD/build/primer}" "${PRIMER_BUILD:=$PWD/build/release-gcc}" "${PRIMER_SHARED:=../shared}"
prefix=$(mktemp -d)/root
trap 'rm -rf "${prefix%/root}"' EXIT
fail() {
    echo "FAILED: $*"
    exit 1
}

make --no-print-directory install PREFIX="$prefix" >"${prefix%/root}/log" 2>&1 || {
    cat "${prefix%/root}/log"
    fail "make install"
}
"$prefix/bin/primer" version | grep -q '[0-9]\.[0-9]' || fail "the installed program has no version"
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig

names=$(nm -D --defined-only "$prefix/lib/libprimer.so" | awk '{ print $3 }' | grep -v '^primer_' || true)
[ -z "$names" ] || fail "libprimer.so shows $names"
names=$(nm -g --defined-only "$prefix/lib/libprimer.a" | awk 'NF == 3 { print $3 }' | grep -v '^primer_' || true)
[ -z "$names" ] || fail "libprimer.a shows $names"
declared=$(grep -ohE '^[a-z][a-zA-Z0-9_ *]*[ *]primer_[a-z_]+\(' "$prefix"/include/primer*.h |
    grep -v typedef | grep -oE 'primer_[a-z_]+\(' | tr -d '(' | sort -u)
shown=$(nm -D --defined-only "$prefix/lib/libprimer.so" | awk '{ print $3 }' | sort -u)
missing=$(comm -23 <(echo "$declared") <(echo "$shown"))
[ "$(wc -l <<<"$declared")" -gt 30 ] || fail "only $(wc -l <<<"$declared") declarations were found"
[ -z "$missing" ] || fail "declared but not in the library: $missing"

cat >"$prefix/stranger.c" <<'C'
#include <primer.h>
#include <primer_chat.h>
#include <stdio.h>
int tokenizer_load(void); /* a name that the library uses inside must be free */
int tokenizer_load(void) { return 7; }
int main(void)
{
    primer_model *model = NULL;
    primer_error error;
    primer_status status = primer_model_open("/nonexistent.gguf", NULL, &model, &error);
    printf("%s|%s|%d\n", primer_status_name(status), error.message, tokenizer_load());
    return status == PRIMER_OK;
}
C
cc=${CC:-cc}
$cc -std=c11 -Wall -Wextra -Werror "$prefix/stranger.c" $(pkg-config --cflags --libs primer) \
    -Wl,-rpath,"$prefix/lib" -o "$prefix/shared"
$cc -std=c11 "$prefix/stranger.c" $(pkg-config --cflags primer) "$prefix/lib/libprimer.a" \
    $(pkg-config --static --libs primer | sed 's/-lprimer//') -o "$prefix/static"
for program in shared static; do
    "$prefix/$program" | grep -q '/nonexistent.gguf.*|7$' || fail "the $program program said: $("$prefix/$program")"
done
if echo 'int main(){}' | $cc -x c++ -fsyntax-only - 2>/dev/null; then
    for header in "$prefix"/include/*.h; do
        echo "#include <${header##*/}>" | $cc -x c++ -fsyntax-only -I"$prefix/include" - || fail "C++: $header"
    done
fi

for file in share/man/man1/primer.1 share/bash-completion/completions/primer share/fish/vendor_completions.d/primer.fish \
    share/zsh/site-functions/_primer; do
    [ -s "$prefix/$file" ] || fail "$file is missing"
done
rm "$prefix"/shared "$prefix"/static "$prefix"/stranger.c
make --no-print-directory uninstall PREFIX="$prefix" >/dev/null
left=$(find "$prefix" ! -type d)
[ -z "$left" ] || fail "uninstall left $left"
