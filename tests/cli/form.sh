#!/bin/bash
# The answer's form: a schema, a grammar, an expression, choices; what excludes what, and errors that name their place.
. "$(dirname "$0")/common.bash"
model=$folder/tiny.gguf
tiny_model "$model" --tokenizer spm
run() { # OPTIONS...
    "$PRIMER" run "$model" --raw --temp 1.5 --top-k 0 -n 200 -t 1 "$@" "Once" </dev/null
}
refuses() { # STATUS TEXT OPTIONS...
    local status=$1 text=$2 got=0
    shift 2
    run "$@" >"$folder/out" 2>"$folder/error" || got=$?
    [ "$got" = "$status" ] || fail "$*: status $got, expected $status"
    grep -qF -- "$text" "$folder/error" || fail "$*: the message lacks \"$text\": $(cat "$folder/error")"
}

cat >"$folder/schema.json" <<'JSON'
{"type": "object", "properties": {"name": {"type": "string", "maxLength": 8}, "age": {"type": "integer", "minimum": 3,
 "maximum": 120}, "pet": {"enum": ["cat", "dog", null]}}, "required": ["name", "age", "pet"], "additionalProperties": false}
JSON
for seed in 1 2 3 4 5 6; do
    run -s $seed --json-schema "$folder/schema.json" >"$folder/out" || fail "--json-schema"
    python3 - "$folder/out" <<'PYTHON' || fail "seed $seed: not valid for the schema: $(cat "$folder/out")"
import json, sys
value = json.load(open(sys.argv[1]))
assert set(value) == {"name", "age", "pet"}
assert isinstance(value["name"], str) and len(value["name"]) <= 8
assert isinstance(value["age"], int) and 3 <= value["age"] <= 120
assert value["pet"] in ("cat", "dog", None)
PYTHON
done
run -s 1 --json-schema "$(cat "$folder/schema.json")" >"$folder/again" || fail "a schema on the command line"
run -s 1 --json-schema "$folder/schema.json" | cmp -s - "$folder/again" || fail "the same schema gave another text"

echo 'root ::= ("a" | "b")+ "." | "nothing"' >"$folder/grammar"
for seed in 1 2 3; do
    run -s $seed --grammar "$folder/grammar" | grep -qxE '[ab]+(\.)?|nothing' || fail "--grammar, seed $seed"
    run -s $seed --grammar 'root ::= [0-9]{3}' | grep -qxE '[0-9]{3}' || fail "--grammar on the command line, seed $seed"
    run -s $seed --regex '[0-9]{2}:[0-9]{2}' | grep -qxE '[0-9]{2}:[0-9]{2}' || fail "--regex, seed $seed"
    run -s $seed --choice 'yes,no\, never' | grep -qxE 'yes|no, never' || fail "--choice, seed $seed"
done

# What the form has is written, whatever else would be cut: a first space, a text that ends other answers.
[ "$("$PRIMER" run "$model" --raw --choice " yes" -t 1 "" </dev/null)" = " yes" ] || fail "a first space was lost"
[ "$("$PRIMER" run "$model" --template chatml --choice "a<|im_end|>b" -t 1 hi </dev/null)" = "a<|im_end|>b" ] ||
    fail "a stop string of the format cut what the form has"

refuses 1 "exclude each other" --regex a --choice b
refuses 2 "--ignore-eos has no effect" --regex a --ignore-eos
refuses 1 "text 2 of 2 is empty" --choice a,
refuses 1 "$folder/absent" --json-schema "$folder/absent"
echo '{"type": "object", "properties": {"a": {"type": "string", "pattern": "(?=a)b"}}}' >"$folder/not.json"
refuses 1 "#/properties/a" --json-schema "$folder/not.json"
refuses 1 "--grammar" --grammar 'root ::= absent'
refuses 1 "--regex" --regex '(?=a)b'
exit 0
