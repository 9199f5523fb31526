#!/bin/bash
# How many disguised copies of HumanEval's and MBPP's problems primer data decontaminate finds among 100,000 exercises,
# and how much it takes away that is none. Prints the figures of docs/dedup.md; fails below the bars. SEED=N for others.
. "$(dirname "$0")/../cli/common.bash"
here=$PWD/tests/slow shared=$(realpath "$PRIMER_SHARED" 2>/dev/null)
humaneval=$shared/data/eval-humaneval/HumanEval.jsonl.gz mbpp=$shared/data/eval-mbpp/mbpp.jsonl
for file in "$humaneval" "$mbpp"; do
    [ -f "$file" ] || { echo "no $file"; exit 77; }
done
cd "$folder" || exit 1
gunzip -c "$humaneval" >humaneval.jsonl || fail "gunzip"
python3 "$here/decontaminate_clean.py" 100000 "${SEED:-7}" >clean.jsonl || fail "the exercises"
python3 "$here/decontaminate_plant.py" humaneval.jsonl "$mbpp" "${SEED:-7}" >planted.jsonl || fail "the copies"
python3 "$here/decontaminate_library.py" 20000 >library.jsonl || fail "the library"

cat >judge.py <<'PY'
import collections, json, sys
clean, planted, report, summary = sys.argv[1:5]
count = sum(1 for _ in open(clean))
kinds = [json.loads(line)["kind"] for line in open(planted)]
summary = json.load(open(summary))
removed = {json.loads(line)["line"] for line in open(report)}
wrong = sum(line <= count for line in removed)
found, all = collections.Counter(), collections.Counter(kinds)
for number, kind in enumerate(kinds, count + 1):
    found[kind] += number in removed
print(f"{clean}: {count} documents, {wrong} taken away wrongly ({100 * wrong / count:.3f} %), {summary['seconds']:.1f} s")
for kind, bar in (("copy", 99), ("renamed", 95), ("rewritten", 80), ("disguised", 0)):
    share = 100 * found[kind] / all[kind]
    print(f"    {kind:10} {found[kind]:5} of {all[kind]:5}   {share:5.1f} %   (at least {bar} %)")
    assert share >= bar, kind
assert wrong < 0.01 * count, "false alarms"
assert summary["seconds"] < 120, "too slow"
assert summary["unread"] == 0 and summary["items"] == 1138, summary
PY
for clean in clean library; do
    cat $clean.jsonl planted.jsonl >all.jsonl
    "$PRIMER" data decontaminate all.jsonl --against humaneval.jsonl --against "$mbpp" -o out.jsonl --report report.jsonl \
        --json >summary || fail "data decontaminate"
    python3 judge.py $clean.jsonl planted.jsonl report.jsonl summary || fail "$clean"
done
exit 0
