#!/bin/bash
# The verbs of primer data by several processes (mpirun): the bytes that one process writes, one summary, and an end
# with the reason where something is wrong.
. "$(dirname "$0")/../cli/common.bash"

command -v mpirun >/dev/null || {
    echo "no mpirun"
    exit 77
}
ldd "$PRIMER" | grep -q libmpi || {
    echo "a program without MPI"
    exit 77
}
tiny_model "$folder/tiny.gguf" --arch phi2 --tokenizer bpe
cd "$folder" || exit 1
# More ranks than cores, and as root: what machines that test are like.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export PRIMER_THREADS=1

# Several rounds of every verb; near and exact duplicates; programs, one of them a copy of an item; a long document.
cat >items.jsonl <<'JSON'
{"task_id": "T/0", "prompt": "def longest_even_word(line):\n    \"\"\" Give back the longest word of the line whose length is even, and the first of several such words.\n    \"\"\"\n", "canonical_solution": "    best = ''\n    for word in line.split():\n        if len(word) % 2 == 0 and len(word) > len(best):\n            best = word\n    return best\n"}
{"task_id": 2, "text": "Find the sum.", "code": "def plus(x, y):\n  return x + y"}
JSON
python3 - <<'PY' || fail "making the documents"
import json, os, random
random.seed(4)
words = ["w%d" % i for i in range(400)]
texts = [" ".join(random.choices(words, k=random.randint(3, 40))) for _ in range(900)]
texts += ["def add(a, b):\n    return a + b\n",
          "Prose: give back the LONGEST word, of the line whose length is even (and the first).",
          "def pick(s):\n    r = ''\n    for t in s.split():\n        if len(t) % 2 == 0 and len(t) > len(r):\n            r = t\n    return r\n",
          "long " * 20000]
for i in range(500):
    text = random.choice(texts[:900]).split()
    if i % 2:
        text[random.randrange(len(text))] = "new%d" % i
    texts.append(" ".join(text))
random.shuffle(texts)
with open("a.jsonl", "w") as file:
    for i, text in enumerate(texts):
        half = len(text) // 2
        row = {"prompt": text[:half], "completion": text[half:]} if i % 7 == 0 else {"text": text}
        file.write(json.dumps(row | {"n": i}) + "\n")
with open("c.jsonl", "w") as file:
    for i, text in enumerate(texts[:300]):
        file.write(json.dumps({"text": text, "more": [i]}) + "\n")
open("b.txt", "w").write("\n<|endoftext|>\n".join(texts[:700]))
open("bad.jsonl", "w").write('{"text": "good"}\n{"text": 5}\n' + open("a.jsonl").read().replace('"prompt"', '"prom"'))
os.makedirs("code")
for i in range(300):
    name = "xyzuvw"[i % 6]
    with open(f"code/f{i:03}.py", "w") as file:
        if i % 2:
            file.write(f'def sum_{name}(a):\n    """Adds up {name}."""\n    s = {i}\n    for b in a:\n        s += b\n    return s\n')
        else:
            file.write("TABLE = [\n" + "".join(f"    ({i}, {j * i}),\n" for j in range(9)) + "]\n")
PY

# same NAME VERB ARGUMENT...: NAME.N/ is what the verb writes by N processes, 0: without a launcher; OUT in the
# arguments is where. `numbers`: of processes that are tried.
numbers="0 1 2 3"
same() {
    local name=$1 ranks
    shift
    for ranks in $numbers; do
        mkdir -p "$name.$ranks"
        local command=("$PRIMER" data "${@//OUT/$name.$ranks}")
        [ $ranks = 0 ] || command=(mpirun -n $ranks "${command[@]}")
        "${command[@]}" >out 2>err || fail "$name, $ranks processes: $(head -c 600 err)"
        expect_same 1 "$(grep -c . out)" "lines of $name's summary, $ranks processes"
        sed -E 's/"(path|seconds|memory)":("[^"]*"|[0-9.]+|\[[0-9.,]+\]),?//g; s/,?\}$/}/' out >"$name.$ranks/summary"
        sed -Ei 's/"seconds": ?[0-9.e-]+/"seconds":0/' "$name.$ranks"/*
        [ $ranks = 0 ] || diff -r "$name.0" "$name.$ranks" || fail "$name: $ranks processes give something else"
    done
}

same shard shard --tokenizer tiny.gguf a.jsonl b.txt -o OUT/o.shard --json
numbers="0 2 3"
same dedup dedup a.jsonl bad.jsonl b.txt -o OUT/o.jsonl --report OUT/report --json --skip-bad
numbers="0 3"
same stats stats shard.0/o.shard --json --tokenizer tiny.gguf
same rate rate c.jsonl code --count 29 -o OUT/ratings.jsonl --by model --model tiny.gguf --json
same review review a.jsonl --count 29 -o OUT/verdicts.jsonl --by tiny.gguf --json
"$PRIMER" data rate code --count 90 -o all.jsonl --by model --model tiny.gguf >out 2>err || fail "rating: $(cat err)"
python3 - <<'PY' || fail "making ratings"
import json
with open("ratings.jsonl", "w") as file:
    for line in open("all.jsonl"):
        row = json.loads(line)
        file.write(json.dumps(row | {"rating": 4 if row["text"].startswith("def") else 1}) + "\n")
PY
numbers="0 2 3"
same filter filter code c.jsonl --ratings ratings.jsonl --model tiny.gguf --trees 3 --folds 2 --features -o OUT/o.jsonl \
    --rejected OUT/rejected --save OUT/filter --json
numbers="0 3"
same load filter c.jsonl b.txt --load filter.0/filter --model tiny.gguf -o OUT/o.jsonl --rejected OUT/rejected --json
numbers="0 2 3"
if bwrap --unshare-all --ro-bind / / /usr/bin/python3 -S -c '' 2>/dev/null; then
    same trees decontaminate a.jsonl b.txt --against items.jsonl -o OUT/o.jsonl --report OUT/report --json \
        --model tiny.gguf --distance 1.9
    grep -q '"rule": "tree"' trees.0/report || fail "no copy was found by its tree: $(cat trees.0/report)"
    grep -q '"rule": "embedding"' trees.0/report || fail "no copy was found by its embedding: $(cat trees.0/report)"
else
    same words decontaminate a.jsonl b.txt --against items.jsonl -o OUT/o.jsonl --report OUT/report --json --words-only
fi
grep -q '"kind": "near"' dedup.0/report || fail "no near duplicate was found"

# What two began, another number goes on with.
head -n 7 rate.0/ratings.jsonl >ratings.jsonl
mpirun -n 2 "$PRIMER" data rate c.jsonl code --count 29 -o ratings.jsonl --by model --model tiny.gguf --json >out 2>err ||
    fail "going on: $(cat err)"
grep -q '"before":7,"rated":22' out || fail "going on: $(cat out)"
cmp ratings.jsonl rate.0/ratings.jsonl || fail "ratings differ where one process had begun"

# A bad line ends all, with its name, and leaves nothing.
timeout 100 mpirun -n 2 "$PRIMER" data shard --tokenizer tiny.gguf bad.jsonl -o none.shard >out 2>err
expect_same 1 $? "exit code"
expect_message "bad.jsonl:2: "
timeout 100 mpirun -n 2 "$PRIMER" data dedup a.jsonl -o none/none.jsonl >out 2>err && fail "an output that can't be written"
expect_message "none/none.jsonl"
printf '3\n' | timeout 100 mpirun -n 2 "$PRIMER" data rate code -o none.jsonl >out 2>err && fail "two persons"
expect_message "a person rates for one process"
[ -z "$(ls -d none* ./*.partial-* 2>/dev/null)" ] || fail "something was left: $(ls)"
exit 0
