#!/bin/bash
# Training a phi of 10.5 million parameters on 8 rows of 512 tokens stays below 1.2 GB, evaluations, checkpoints and the
# model at the end included, and close to what the plan says.
. "$(dirname "$0")/../cli/common.bash"
cd "$folder" || exit 1

python3 - <<'PY' || fail "making the text"
import random
random.seed(3)
syllables = [a + b for a in "bcdfghjklmnprstvwz" for b in ("a", "e", "i", "o", "u", "an", "er", "os")]
words = ["".join(random.choices(syllables, k=random.randint(1, 4))) for _ in range(20000)]
open("text.txt", "w").write("\n<|endoftext|>\n".join(" ".join(random.choices(words, k=150)) for _ in range(1500)))
PY
"$PRIMER" tokenizer train text.txt -o t.gguf --vocab 8192 >out || fail "tokenizer"
cat >phi.recipe <<'RECIPE'
architecture = phi2
tokenizer = t.gguf
data = text.txt
evaluate = text.txt
evaluate-every = 2
evaluate-rows = 16
layers = 8
embedding = 256
heads = 8
feed-forward = 1024
context = 512
batch = 8
length = 512
steps = 4
checkpoint-every = 2
folder = run
RECIPE
python3 - "$PRIMER" <<'PY' || fail "memory"
import json, resource, subprocess, sys
plan = json.loads(subprocess.run([sys.argv[1], "train", "phi.recipe", "--plan", "--json"], check=True, capture_output=True).stdout)
assert 10_400_000 < plan["parameters"] < 10_600_000, plan
subprocess.run([sys.argv[1], "train", "phi.recipe"], check=True, stdout=subprocess.DEVNULL)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(f"{peak / 1e6:.0f} MB resident at most, {plan['memory_bytes'] / 1e6:.0f} MB planned")
assert peak < 1.2e9 and peak < 1.25 * plan["memory_bytes"] + 50e6
PY
exit 0
