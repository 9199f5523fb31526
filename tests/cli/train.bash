# train.bash - texts, tokenizers and recipes of a small model for the tests of primer train. Sourced behind common.bash.

# In the folder it is called in: text.txt, held.txt; t.gguf of its characters, fewer.gguf of a part of them, swapped.gguf
# of as many but others; small.recipe, tuned.recipe (goes on with named.gguf, which the caller makes).
train_files() {
    python3 - <<'PY' || fail "making the texts"
import random
random.seed(5)
names, things = ["Ann", "Ben", "Cora", "Dan"], ["apple", "ball", "cup", "drum", "egg"]
def text(count):
    lines = []
    for _ in range(count):
        lines.append(f"the {random.choice(names)} gave {random.randint(2, 9)} {random.choice(things)}s.\n")
        if random.random() < 0.2:
            lines.append("<|endoftext|>\n")
    return "".join(lines)
for name, count in (("text.txt", 300), ("held.txt", 60), ("other.txt", 200)):
    open(name, "w").write(text(count))
PY
    tr 'g' 'Z' <text.txt >swapped.txt
    tr 'A-Z' 'a' <text.txt >fewer.txt
    for kind in text:t fewer:fewer swapped:swapped; do
        "$PRIMER" tokenizer train "${kind%:*}.txt" -o "${kind#*:}.gguf" --characters >out 2>err || fail "tokenizer: $(cat err)"
    done
    "$PRIMER" data shard --tokenizer swapped.gguf -o swapped.shard swapped.txt >out 2>err || fail "shard: $(cat err)"
    cat >small.recipe <<'RECIPE'
architecture = phi2
tokenizer = t.gguf
data = text.txt
layers = 2
embedding = 32
heads = 2
feed-forward = 64
rotary = 8
context = 64
batch = 4
length = 16
rate = 1e-2
warm-up = 2
steps = 30
log-every = 10
checkpoint-every = 10
RECIPE
    cat >tuned.recipe <<'RECIPE'
model = named.gguf
data = text.txt
batch = 4
length = 16
steps = 3
log-every = 1
RECIPE
}

# train RECIPE OPTIONS...: it works; output in out and err.
train() {
    "$PRIMER" train "$@" -t 1 >out 2>err </dev/null || fail "train $*: $(tail -c 400 err)"
}

# refused MESSAGE RECIPE OPTIONS...: exit code 1, the message, on one line.
refused() {
    local message=$1
    shift
    case " $* " in *folder=*) ;; *) set -- "$@" --set folder=refused ;; esac
    expect_code 1 "$PRIMER" train "$@" -t 1
    expect_message "$message"
    expect_same 1 "$(wc -l <err)" "lines of '$(cat err)'"
}
