#!/bin/bash
# Perplexity is what the definition gives: computed here from primer logprobs, window by window.
. "$(dirname "$0")/common.bash"
need_stories
text=$PRIMER_SHARED/data/text-tinystories-sample/tinystories_sample.txt
if [ ! -f "$text" ]; then
    echo "no $text"
    exit 77
fi
head -c 12000 "$text" >"$folder/text"
"$PRIMER" perplexity "$stories" "$folder/text" -c 256 --json >"$folder/found" || fail "perplexity"
python3 - "$PRIMER" "$stories" "$folder/text" "$folder/found" <<'PYTHON' || fail "perplexity is not as defined"
import json, math, subprocess, sys
program, model, text, found = sys.argv[1:]
window, beginning = 256, 1
ids = [beginning] + json.loads(subprocess.check_output([program, "tokens", model], stdin=open(text, "rb")))
losses = []
for start in range(0, len(ids) // window * window, window):
    piece = [beginning] + ids[start + 1:start + window]
    lines = subprocess.check_output([program, "logprobs", model, "--ids", ",".join(map(str, piece)), "--top", "512"])
    rows = [dict(json.loads(line)["top"]) for line in lines.splitlines()]
    losses += [-rows[i][piece[i + 1]] for i in range(window // 2, window - 1)]
mean = sum(losses) / len(losses)
squares = sum(x * x for x in losses) / len(losses)
error = math.exp(mean) * math.sqrt((squares - mean * mean) / (len(losses) - 1))
found = json.load(open(found))
assert found["scored"] == len(losses), (found, len(losses))
assert abs(found["perplexity"] - math.exp(mean)) < 1e-5 * found["perplexity"], (found, math.exp(mean))
assert abs(found["error"] - error) < 1e-4 * error, (found, error)
PYTHON
exit 0
