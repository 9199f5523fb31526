#!/bin/bash
# A run that is killed fifty times at random moments and started again ends with the weights of one
# that never stopped, bit for bit. The moments differ from run to run; the seed is printed.
. "$(dirname "$0")/../cli/common.bash"

kills=${KILLS:-50}
seed=${SEED:-$$}
RANDOM=$seed
echo "seed $seed"

python3 - "$folder" <<'PYTHON' || fail "making the text"
import random, sys
random.seed(1)
names, things = ["Ann", "Ben", "Cora", "Dan", "Eve"], ["apple", "ball", "cup", "drum", "egg", "fish"]
with open(sys.argv[1] + "/text.txt", "w") as text:
    for _ in range(3000):
        text.write(f"{random.choice(names)} gave {random.choice(names)} {random.randint(2, 9)} "
                   f"{random.choice(things)}s.\n")
        if random.random() < 0.1:
            text.write("<|endoftext|>\n")
PYTHON
"$PRIMER" tokenizer train "$folder/text.txt" -o "$folder/t.gguf" --vocab 300 >/dev/null || fail "tokenizer"
cat >"$folder/r.recipe" <<'RECIPE'
architecture = phi2
tokenizer = t.gguf
data = text.txt
layers = 2
embedding = 64
heads = 4
feed-forward = 128
rotary = 8
context = 128
batch = 4
length = 64
dropout = 0.1
steps = 1500
rate = 2e-3
warm-up = 20
log-every = 20
checkpoint-every = 10
keep = 2
folder = whole
RECIPE
"$PRIMER" train "$folder/r.recipe" -t 2 >/dev/null || fail "the undisturbed run"

killed=0
while [ "$killed" -lt "$kills" ]; do
    "$PRIMER" train "$folder/r.recipe" -t 2 --set folder=torn >"$folder/out" 2>&1 &
    moment=$((RANDOM % 900 + 350))
    sleep "$((moment / 1000)).$(printf %03d $((moment % 1000)))"
    if kill -9 $! 2>/dev/null; then
        killed=$((killed + 1))
        wait $! 2>/dev/null
    else
        wait $! || fail "it failed by itself: $(tail -n 3 "$folder/out")"
        # It had come to its end: anew, so that every kill falls into a run.
        cmp "$folder/whole/model.gguf" "$folder/torn/model.gguf" || fail "other weights after $killed kills"
        rm -r "$folder/torn"
    fi
done
"$PRIMER" train "$folder/r.recipe" -t 2 --set folder=torn >"$folder/out" 2>&1 || fail "$(tail -n 3 "$folder/out")"
cmp "$folder/whole/model.gguf" "$folder/torn/model.gguf" || fail "other weights after $killed kills"
echo "$killed kills"
