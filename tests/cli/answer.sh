#!/bin/bash
# One-shot answers: the exact text of a trained model, and what may stand on standard output.
. "$(dirname "$0")/common.bash"
need_stories

expected=$PRIMER_SHARED/models/stories260K.expected.txt
"$PRIMER" run "$stories" --raw --temp 0 -n 198 "" >"$folder/out" 2>"$folder/err" || fail "run --raw"
size=$(stat -c %s "$folder/out")
cmp "$folder/out" <(head -c "$size" "$expected") || fail "the text is not the expected one"
expect_same "her mom," "$(tail -c 8 "$folder/out")" "the end of the text"
[ -s "$folder/err" ] && fail "standard error: $(cat "$folder/err")"

# The same text for any number of threads, by every name of the options, and when it is an attached value.
for options in "-t 1 --temp 0 -n 30" "--threads 2 --temperature 0 --predict 30" "--temp=0 -n30"; do
    # shellcheck disable=SC2086
    found=$("$PRIMER" run "$stories" --raw $options "Once" </dev/null) || fail "run $options"
    expect_same " upon a time, there was a little girl named Lily. She loved to play outside in the park." \
        "$found" "run --raw $options"
done

# A prompt by argument, by option, by file, by pipe; and a text that it is about.
one=$("$PRIMER" run "$stories" --temp 0 -n 12 "Once upon a time" </dev/null)
expect_same "$one" "$("$PRIMER" run "$stories" --temp 0 -n 12 -p "Once upon a time" </dev/null)" "-p"
echo "Once upon a time" >"$folder/prompt"
expect_same "$one" "$("$PRIMER" run "$stories" --temp 0 -n 12 -f "$folder/prompt" </dev/null)" "-f"
expect_same "$one" "$(echo "Once upon a time" | "$PRIMER" run "$stories" --temp 0 -n 12)" "a pipe"
about=$(printf 'One day\n\nTom had a dog.' | "$PRIMER" run "$stories" --temp 0 -n 12)
expect_same "$about" "$(echo "Tom had a dog." | "$PRIMER" run "$stories" --temp 0 -n 12 "One day")" "a prompt about a text"

# A template's answer is that of the written-out prompt, without the blank that follows the mark.
raw=$(printf 'Instruct: Why?\nOutput:' | "$PRIMER" run "$stories" --raw --temp 0 -n 12)
case $raw in [[:space:]]*) ;; *) fail "the raw answer has no blank to trim: '$raw'" ;; esac
expect_same "$(printf '%s' "$raw" | sed -z 's/^[ \n]*//')" \
    "$("$PRIMER" run "$stories" --template phi-qa --temp 0 -n 12 "Why?" </dev/null)" "--template phi-qa"

# A seed gives the same text; another seed another one.
first=$("$PRIMER" run "$stories" --raw --temp 1 --seed 1 -n 40 "" </dev/null)
expect_same "$first" "$("$PRIMER" run "$stories" --raw --temp 1 --seed 1 -n 40 "" </dev/null)" "the same seed"
[ "$first" != "$("$PRIMER" run "$stories" --raw --temp 1 --seed 2 -n 40 "" </dev/null)" ] || fail "two seeds, one text"

# Stops, a forbidden token, no token at all.
found=$("$PRIMER" run "$stories" --raw --temp 0 -n 40 --stop "little" "Once" </dev/null)
expect_same " upon a time, there was a " "$found" "--stop"
id=$(printf 'Once' | "$PRIMER" tokens "$stories" | tr -d '[]')
found=$("$PRIMER" run "$stories" --raw --temp 0 -n 4 --logit-bias "$id-inf" "" </dev/null)
case $found in Once*) fail "a forbidden token was written" ;; esac
expect_same "" "$("$PRIMER" run "$stories" --raw --temp 0 -n 0 "Once" </dev/null)" "-n 0"

# --verbose says what it cost, on standard error alone.
expect_code 0 "$PRIMER" run "$stories" --temp 0 -n 5 --verbose "Once upon a time"
for word in "first token" "prompt " "answer " "tokens/s" "processor" "memory" "stopped by   length" "seed"; do
    expect_message "$word"
done
grep -q "tokens/s" "$folder/out" && fail "statistics on standard output"
exit 0
