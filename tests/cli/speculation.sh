#!/bin/bash
# Guessing ahead, from the text or by a smaller model, changes the time and nothing else.
. "$(dirname "$0")/common.bash"
model=$folder/tiny.gguf
tiny_model "$model" --tokenizer spm --layers 3
tiny_model "$folder/draft.gguf" --tokenizer spm --layers 1 --type Q8_0
tiny_model "$folder/other.gguf" --tokenizer spm --vocab 700

run() { # OUT OPTIONS...: a text long enough that guesses are made
    local out=$1
    shift
    "$PRIMER" run "$model" --raw --ignore-eos -n 90 --seed 5 --verbose "$@" "a b c a b c a b c" \
        >"$folder/$out" 2>"$folder/$out.err" </dev/null || fail "run $*: $(cat "$folder/$out.err")"
}

for temperature in 0 1; do
    run plain --temp $temperature --no-speculation
    run looked --temp $temperature
    run drafted --temp $temperature --draft "$folder/draft.gguf"
    run same --temp $temperature --draft "$model"
    for way in looked drafted same; do
        cmp "$folder/plain" "$folder/$way" || fail "--temp $temperature: the text depends on guesses ($way)"
    done
    grep -q "guessed right" "$folder/plain.err" && fail "--no-speculation guesses: $(cat "$folder/plain.err")"
    for way in drafted same; do
        grep -q "[0-9]* of [1-9][0-9]* guessed right" "$folder/$way.err" || fail "--draft guesses nothing: $(cat "$folder/$way.err")"
    done
done
run same --temp 0 --draft "$model"
guesses=$(sed -n 's/.*, \([0-9]* of [0-9]*\) guessed right.*/\1/p' "$folder/same.err")
[ "${guesses% of *}" -gt 20 ] || fail "a model guesses itself wrong: $guesses"

expect_code 1 "$PRIMER" run "$model" --draft "$folder/other.gguf" hi
expect_message "other.gguf: its vocabulary differs"
expect_code 1 "$PRIMER" run "$model" --draft "$folder/none.gguf" hi
expect_message "none.gguf"
expect_code 2 "$PRIMER" run "$model" --draft "$model" --no-speculation hi
expect_message "--draft has no effect with --no-speculation"
exit 0
