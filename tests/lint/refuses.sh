#!/bin/bash
# The lint accepts a small clean tree and refuses each of its broken variants, by the rule that is broken.
set -u
root=$(mktemp -d)
objects=$root.objects
trap 'rm -rf "$root" "$objects"' EXIT
failures=0

clean() {
    rm -rf "$root"/*
    [ ! -d "$objects" ] || cp -r "$objects" "$root/obj"
    mkdir -p "$root"/{src/base,src/quant,src/kernel,src/command,include,tools,obj}
    cp tools/layers.txt "$root/tools/"
    printf '/* Public. */\nint primer_one(void);\n' >"$root/include/primer.h"
    printf '/* Base. */\n#include <stddef.h>\nint apple_size(int n);\n' >"$root/src/base/apple.h"
    printf '/* Base. */\n#include "base/apple.h"\n\nint apple_size(int n) {\n    return n;\n}\n' \
        >"$root/src/base/apple.c"
    printf '/* Quant. */\nint quant_of(int n);\n' >"$root/src/quant/quant.h"
    printf '/* Quant. */\n#include "quant/quant.h"\n#include "base/apple.h"\n' >"$root/src/quant/quant.c"
    printf 'int quant_of(int n) {\n    return apple_size(n);\n}\n' >>"$root/src/quant/quant.c"
}
compile() { # as the Makefile lays objects out
    for file in $(cd "$root" && find src -name '*.c'); do
        mkdir -p "$root/obj/${file%/*}"
        "${CC:-cc}" -I"$root/src" -I"$root/include" -w -c "$root/$file" -o "$root/obj/${file%.c}.o" || exit 1
    done
}
refused() { # RULE TEXT: lint fails, this rule alone does, and a message says TEXT
    local out
    out=$(tools/lint --root "$root" --objects "$root/obj") && { complain "$1 was accepted: $2"; return; }
    grep -q "^FAIL $1:" <<<"$out" || complain "$1 was not the rule that failed: $out"
    [ "$(grep -c '^FAIL ' <<<"$out")" = 1 ] || complain "more than $1 failed: $out"
    grep -qF -- "$2" <<<"$out" || complain "$1 does not say \"$2\": $out"
}
accepted() {
    tools/lint --root "$root" --objects "$root/obj" >"$root/out" || complain "clean: $(cat "$root/out")"
}
complain() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}
add() { # FILE TEXT: appended
    mkdir -p "$(dirname "$root/$1")"
    printf '%b' "$2" >>"$root/$1"
}

clean; compile; accepted
cp -r "$root/obj" "$objects"
clean; add src/base/apple.c '#include "quant/quant.h"\n'; refused layers 'base/ may not include "quant/quant.h"'
clean; add src/quant/quant.c '#include <jansson.h>\n'; refused layers 'quant/ may not include <jansson.h> of jansson'
clean; add src/quant/quant.c '#include <curses.h>\n'; refused layers '<curses.h>, which no group names'
clean; add src/quant/quant.c '#include "base/absent.h"\n'; refused layers '"base/absent.h" is not in the tree'
clean; add src/attic/attic.h '/* New. */\n'; refused layers 'no line for attic/'
clean; add src/quant/late.c '/* Late. */\n#include <stddef.h>\n#include "quant/quant.h"\n'; compile
refused first 'src/quant/late.c:2: the first include'
clean; add src/base/apple.c 'int pear_size(void) {\n    return 1;\n}\n'; compile
refused prefix 'exports pear_size, which begins with none of apple_ base_'
clean; add src/base/apple.c 'int primer_two(void) {\n    return 1;\n}\n'; compile
refused prefix 'exports primer_two'
clean; add src/base/new.c '/* New. */\n#include "base/apple.h"\n'; refused prefix 'src/base/new.c:1: was not compiled'
clean; add src/quant/apple.h '/* Again. */\n'; refused name 'src/base/apple.h has the same basename'
clean; add src/base/apple.c 'static char *a(void) {\n    return getenv("HOME");\n}\n'; refused environment getenv
clean; add src/quant/quant.c 'static void *a(void) {\n    return malloc(1);\n}\n'; refused memory malloc
clean; add src/base/apple.c 'static void a(void) {\n    printf("a");\n}\n'; refused print 'src/base/apple.c:8'
clean; add src/base/apple.c 'static void a(void) {\n    exit(1);\n}\n'; refused exit 'src/base/apple.c:8'
clean; add src/base/apple.c 'extern int b;\n'; refused extern 'belongs in a header'
clean; add src/base/apple.h 'int apple_two(void) {\n    return 2;\n}\n'; refused header 'apple_two is defined'
clean; add src/base/apple.c 'static int a(void) {\n#ifdef B\n    return 1;\n#endif\n    return 2;\n}\n'
refused condition '#if inside a'
clean; add src/base/apple.c 'static void a(void) {\n'
for _ in $(seq 200); do echo '    ;'; done >>"$root/src/base/apple.c"; add src/base/apple.c '}\n'
refused function 'a has 202 lines, most is 200'
clean; for _ in $(seq 1500); do echo; done >>"$root/src/base/apple.h"; refused file 'most is 1500'
clean; add src/base/apple.c '\tint *b;\n'; refused text 'a tab'
clean; add src/base/apple.c "/* $(printf 'x%.0s' $(seq 120)) */\n"; refused text 'most is 120'
clean; add src/base/apple.c '/* \xff */\n'; refused text 'not UTF-8'
clean; add src/base/bare.h 'int bare(void);\n'; refused head 'src/base/bare.h'
clean; add tools/lint-allow.txt 'exit src/base/apple.c exit # no reason\n'; refused allowed 'no longer needed'
clean; cp tools/house-map "$root/tools/"; mkdir "$root/docs"
printf '<!-- begin: tools/house-map -->\n<!-- end: tools/house-map -->\n' >"$root/docs/INTERNALS.md"
refused map 'out of date'
"$root/tools/house-map"; grep -q '^- `apple.c/.h` Base$' "$root/docs/INTERNALS.md" || complain "$(cat "$root/docs/INTERNALS.md")"
accepted
echo 'Look into pear.c.' >>"$root/docs/INTERNALS.md"; refused map 'names pear.c'

# Words in comments and texts are not code, and the list of exceptions works.
clean; add src/base/apple.c '/* exit(1); getenv("A") */\nstatic const char *a = "malloc(1); printf()";\n'; compile
accepted
clean; add src/base/apple.c 'static void a(void) {\n    exit(1);\n}\n'
add tools/lint-allow.txt 'exit src/base/apple.c exit # the reason\n'; compile; accepted

[ "$failures" = 0 ]
