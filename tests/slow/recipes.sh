#!/bin/bash
# recipes/: every example runs from its text to its last line, with a few steps instead of a thousand.
. "$(dirname "$0")/../cli/common.bash"
recipes=$(cd "$(dirname "$0")/../../recipes" && pwd)
cd "$folder" || exit 1
export PRIMER=$PRIMER OPTIONS="--set steps=2 --set evaluate-rows=2 --set batch=2 --set warm-up=1" QUESTIONS=2

python3 - <<'PY' || fail "making the texts"
import random
random.seed(3)
words = ["".join(random.choice("abcdefghijklmnoprstuvw") for _ in range(random.randint(2, 9))) for _ in range(2000)]
def story():
    return " ".join(words[min(int(random.expovariate(0.01)), 1999)] for _ in range(120)) + ".\n<|endoftext|>\n"
open("stories.txt", "w").write("".join(story() for _ in range(200)))
text = open("stories.txt").read().replace("<|endoftext|>", "ROMEO:")
open("plays.txt", "w").write((text * (1115394 // len(text) + 1))[:1115394])
PY

# example NAME LAST ARGUMENTS...: it ends well, and its output has LAST.
example() {
    local name=$1 last=$2
    shift 2
    "$recipes/$name/run" "$@" >out 2>err </dev/null || fail "$name: $(tail -n 5 err out)"
    grep -q "$last" out || fail "$name says no '$last': $(tail -n 5 out)"
}
example shakespeare "shakespeare/model.gguf: the trained model" plays.txt shakespeare
example stories "stories/model.gguf: the trained model" stories.txt stories
example growth "" stories.txt growth
example lora "^merged: [0-2] of 2$" stories/stories/model.gguf lora
example finetune "^after: [0-2] of 2$" stories/stories/model.gguf stories/held-out.txt finetune
for picture in shakespeare/curves stories/curves growth/steps growth/operations lora/curves finetune/curves; do
    grep -q '<svg' $picture.svg || fail "no picture $picture.svg"
done

# What is asked was never trained on.
cat lora/task.jsonl lora/task-held-out.jsonl | sort | uniq -d >twice
expect_same 0 "$(wc -l <twice)" "questions that are asked twice"
expect_code 1 "$recipes/lora/run" none.gguf
