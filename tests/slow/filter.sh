#!/bin/bash
# recipes/filter on this machine's Python files: it runs to its end with a model of a few steps, finds the rated texts
# that are here, ranks what is held out, and scores files at the speed that docs/filter.md promises.
. "$(dirname "$0")/../cli/common.bash"
recipes=$(cd "$(dirname "$0")/../../recipes" && pwd)
code=/usr/lib/python3
[ "$(find $code -name '*.py' 2>/dev/null | head -n 1000 | wc -l)" = 1000 ] || { echo "no Python files in $code"; exit 77; }
cd "$folder" || exit 1
export PRIMER OPTIONS="--set steps=40 --set evaluate-rows=4 --set warm-up=4"

"$recipes/filter/run" "$code" run >out 2>err </dev/null || fail "recipes/filter: $(tail -n 5 err out)"
grep -q '^| forest \*' out || fail "no forest was chosen: $(tail -n 20 out)"
[ -s run/kept.jsonl ] && [ -s run/rejected.jsonl ] && [ -s run/report.md ] && [ -s run/library.jsonl ] || fail "a file is missing: $(ls run)"

# Without a model's help the counts rank well, where most of the rated files are those that were rated.
"$PRIMER" data filter "$code" --ratings "$recipes/filter/ratings.jsonl" --model run/code/model.gguf --hold-out 3 \
    --skip-bad -o whole.jsonl --json >out 2>err || fail "data filter: $(cat err)"
python3 - <<'PY' || fail "the order: $(cat out)"
import json
found = json.load(open("out"))
print("samples a second:", found["samples"] / found["seconds"][2], "missing:", found["missing"], "of", found["ratings"])
if found["missing"] < 100:
    assert all(m["held_out"]["roc"] > 0.6 for m in found["methods"]), found["methods"]
PY
exit 0
