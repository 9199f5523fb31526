#!/bin/bash
# primer grow: a clone writes the same text as what it was made of, the same command gives the same bytes, what maps to
# what is said in text and JSON, and misuse is refused without a file being left.
. "$(dirname "$0")/../cli/common.bash"

small=$folder/small.gguf large=$folder/large.gguf
tiny_model "$small" --arch phi2 --tokenizer bpe

# Text of 24 tokens, greedy: by a clone with its noise, twice as wide and a layer deeper.
says() { # FILE
    "$PRIMER" run "$1" --raw --temp 0 -n 24 -t 1 --kv f32 "Once upon a time" </dev/null || fail "run $1"
}
"$PRIMER" grow "$small" -o "$large" --method clone --embedding 512 --layers 3 >"$folder/out" || fail "grow"
grep -q "grown by clone, 1,316,352 parameters became 6,831,104" "$folder/out" || fail "$(cat "$folder/out")"
grep -qE "^  layers +2 -> 3 +0-1 1$" "$folder/out" || fail "layers: $(cat "$folder/out")"
grep -q "layers that add nothing until they are trained: 2" "$folder/out" || fail "silent: $(cat "$folder/out")"
grep -q "copies are equal" "$folder/out" && fail "a clone has noise unless it is told otherwise"
expect_same "$(says "$small")" "$(says "$large")" "a clone's text"

# The same command, the same bytes; noise without being asked for, another seed, none.
"$PRIMER" grow "$small" -o "$folder/again.gguf" --method clone --embedding 512 --layers 3 -t 1 >/dev/null || fail "again"
cmp "$large" "$folder/again.gguf" || fail "the same command gave other bytes"
"$PRIMER" grow "$small" -o "$folder/again.gguf" --method clone --embedding 512 --layers 3 -s 1 >/dev/null || fail "seed"
cmp -s "$large" "$folder/again.gguf" && fail "--seed changes nothing"
"$PRIMER" grow "$small" -o "$folder/again.gguf" --method clone --embedding 512 --noise 0 >"$folder/out" || fail "noise 0"
grep -q "copies are equal" "$folder/out" || fail "equal copies aren't mentioned: $(cat "$folder/out")"
expect_same "$(says "$small")" "$(says "$folder/again.gguf")" "the text of a clone without noise"

# Phi-1.5 to Phi-2 in small: heads of 64 dimensions become 80, of which 32 turn.
"$PRIMER" grow "$small" -o "$large" --layers 3 --embedding 320 --feed-forward 640 --type F16 --json >"$folder/out" || fail tile
python3 - "$folder/out" <<'PYTHON' || fail "--json: $(head -c 600 "$folder/out")"
import json, sys
grown = json.load(open(sys.argv[1]))
copies = grown["copies"]
assert grown["method"] == "tile" and grown["noise"] == 0 and grown["seed"] == 0 and grown["silent_layers"] == []
assert grown["from"]["layers"] == 2 and grown["to"]["layers"] == 3 and copies["layers"] == [0, 1, 1]
assert copies["embedding"] == [*range(256), *range(64)] and copies["heads"] == [0, 1, 2, 3]
assert copies["head_dimensions"] == [*range(64), *range(32, 48)] and copies["value_dimensions"] == [*range(64), *range(16)]
assert grown["to"]["rotary_dimensions"] == 32 and copies["feed_forward"] == [*range(512), *range(128)]
PYTHON
says "$large" >/dev/null
"$PRIMER" inspect "$large" --json >"$folder/out" || fail inspect
grep -q ', grown by tile to 3 layers of 320"' "$folder/out" || fail "the name isn't extended: $(head -c 400 "$folder/out")"

# Misuse: exit code 2 for the command line, 1 for what the files make impossible; no file is left.
rm -f "$large"
expect_code 2 "$PRIMER" grow "$small"
expect_code 2 "$PRIMER" grow "$small" --embedding 512
expect_message "-o FILE is missing"
expect_code 2 "$PRIMER" grow "$small" -o "$large" --embedding 512 --method clon
expect_message 'found "clon", expected tile, reuse, spread or clone; did you mean clone?'
expect_code 2 "$PRIMER" grow "$small" -o "$large" --embedding 512 --noise lots
expect_message '--noise: found "lots", expected 0 or more'
expect_code 1 "$PRIMER" grow "$small" -o "$large" --method clone --embedding 300
expect_message "small.gguf: embedding: found 300, expected a multiple of the source's 256"
expect_code 1 "$PRIMER" grow "$small" -o "$large" --layers 1
expect_message "layers: found 1, expected at least 2"
expect_code 1 "$PRIMER" grow "$small" -o "$large" --embedding 512 --type Q4_0
expect_message 'type: found "Q4_0", expected F32, F16 or BF16'
expect_code 1 "$PRIMER" grow "$small" -o "$small" --embedding 512
expect_message "is the input itself"
expect_code 1 "$PRIMER" grow "$folder/none.gguf" -o "$large" --embedding 512
[ -e "$large" ] && fail "a failed grow left a file"
ls "$folder" | grep -q partial && fail "a failed grow left $(ls "$folder")"
exit 0
