#!/bin/bash
# Self-Extend on a model trained with 512 positions: stories joined, a beginning token between them,
# in windows of 1,024 to 4,096 tokens of which the second half is scored. The perplexity is not more
# than 3 % above that in windows of 512, where plain attention's is 1.4 times it or more at 2,048.
# And it is the paper's attention: the distributions are the reference's.
. "$(dirname "$0")/../peer/peer.bash"
need_files "$stories" "$tinystories"
command -v node >/dev/null || skip "there is no node"
tokens=16384 # that each row of the table is about

# Written <s>, the beginning token is one under --special.
python3 - "$tinystories" >"$folder/text" <<'PYTHON'
import sys
text = open(sys.argv[1], encoding="utf-8", errors="replace").read()
sys.stdout.write("<s>".join(story.strip() for story in text.split("<|endoftext|>")[:100]))
PYTHON
beginnings=$("$primer" tokens "$stories" --special <"$folder/text" | tr ',' '\n' | grep -cx 1)
[ "$beginnings" = 99 ] || {
    echo "FAILED: $beginnings beginning tokens between 100 stories"
    exit 1
}

# perplexity WINDOW [OPTIONS]
perplexity() {
    local window=$1
    shift
    "$primer" perplexity "$stories" "$folder/text" --special -c "$window" \
        --chunks $((tokens / window)) --json "$@" |
        sed 's/.*"perplexity":\([0-9.]*\).*/\1/'
}

for row in 512 1024:4,128 2048:8,256 4096:16,256; do
    window=${row%:*} extension=${row#*:}
    plain=$(perplexity "$window")
    extended=-
    [ "$window" = "$extension" ] || extended=$(perplexity "$window" --self-extend "$extension")
    echo "$window $plain $extension $extended"
done | tee "$folder/table"
python3 - "$folder/table" <<'PYTHON'
import sys
rows = [line.split() for line in open(sys.argv[1])]
plain = {int(row[0]): float(row[1]) for row in rows}
extended = {int(row[0]): float(row[3]) for row in rows[1:]}
assert list(plain) == [512, 1024, 2048, 4096], plain
assert 3 < plain[512] < 4, plain
assert plain[2048] >= 1.4 * plain[512], plain
for window, found in extended.items():
    assert found <= 1.03 * plain[512], (window, found, plain[512])
PYTHON

"$primer" tokens "$stories" --special <"$folder/text" | tr -cs 0-9 '\n' | sed '/^$/d' |
    head -n 1024 >"$folder/ids"
"${REFERENCE:-$build/reference}" "$stories" --ids - --all --out "$folder/reference" \
    --self-extend 4,128 <"$folder/ids"
"$primer" logprobs "$stories" --ids - --top 512 -c 1024 --kv f32 --self-extend 4,128 \
    <"$folder/ids" >"$folder/lines"
node "$here/../peer/mean_kl.mjs" "$folder/ids" "$folder/reference" primer="$folder/lines" |
    tee "$folder/report"
python3 - "$folder/report" <<'PYTHON'
import json, sys
report = json.load(open(sys.argv[1]))
assert report["positions"] == 1024 and report["primer"]["positions_cut_short"] == 0, report
assert report["primer"]["max_kl"] < 1e-9, report
PYTHON
