#!/bin/bash
# primer plot: a trainer's logs as a picture; runs that went on, gaps, seeds; bad lines by name; nothing half-written.
. "$(dirname "$0")/../cli/common.bash"

# log FILE FIRST LAST LOSS-AT-STEP-0 [SECONDS-OFFSET]: steps of ten, appended.
log() {
    mkdir -p "$(dirname "$1")"
    python3 - "$@" >>"$1" <<'PYTHON'
import json, sys
first, last, loss = int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
offset = float(sys.argv[5]) if len(sys.argv) > 5 else 0
print(json.dumps(dict(event="start", steps=last, operations_per_token=2e6, time=1)))
for step in range(first, last + 1, 10):
    print(json.dumps(dict(event="step", step=step, tokens=step * 100, loss=loss - step / 100, rate=1e-3, norm=0.5,
                          tokens_per_second=1000, seconds=step * 36 - offset)))
    if step % 50 == 0:
        print(json.dumps(dict(event="evaluate", step=step, tokens=step * 100, loss=loss, bits_per_byte=None,
                              seconds=step * 36 - offset)))
PYTHON
}

# points FILE: the points of each path, in the picture's own numbers: "n x-labels".
look() {
    python3 - "$1" "$2" <<'PYTHON'
import re, sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
space = "{http://www.w3.org/2000/svg}"
texts = [t.text or "" for t in root.iter(space + "text")]
paths = [p for p in root.iter(space + "path")]
if sys.argv[2] == "texts":
    print("|".join(texts))
elif sys.argv[2] == "points":
    print(" ".join(str(len(re.findall("[ML]", p.get("d")))) for p in paths if p.get("fill") == "none"))
elif sys.argv[2] == "bands":
    print(sum(1 for p in paths if p.get("fill") != "none"))
elif sys.argv[2] == "shape":
    print(";".join(p.get("d") for p in paths if p.get("fill") == "none"))
PYTHON
}

plot() { # OPTIONS...: a picture in $folder/out.svg
    rm -f "$folder/out.svg"
    expect_code 0 "$PRIMER" plot -o "$folder/out.svg" "$@"
    look "$folder/out.svg" texts >"$folder/texts" || fail "plot $*: no XML"
}
expect_text() {
    tr '|' '\n' <"$folder/texts" | grep -qxF -- "$1" || fail "the picture lacks the text '$1': $(cat "$folder/texts")"
}

log "$folder/one/log.jsonl" 10 300 5
log "$folder/two/log.jsonl" 10 200 6
plot "$folder/one/log.jsonl" "$folder/two/log.jsonl" --title 'Runs <&> more'
expect_same "30 20" "$(look "$folder/out.svg" points)" "points of two lines"
for text in 'Runs <&> more' one two step 'loss (nats a token)' 0 100 200 300; do expect_text "$text"; done

# Every axis and measure; what is drawn is what was asked for.
plot "$folder/one/log.jsonl" --x tokens --names first
for text in first tokens 10k 20k 30k; do expect_text "$text"; done
plot "$folder/one/log.jsonl" --x hours
for text in hours 1.0 2.0 3.0; do expect_text "$text"; done
plot "$folder/one/log.jsonl" --x operations
for text in operations 20G 40G 60G; do expect_text "$text"; done
plot "$folder/one/log.jsonl" --y evaluation --log-x --log-y
expect_same "6" "$(look "$folder/out.svg" points)" "points of evaluations"
expect_text 'evaluation loss (nats a token)'
plot "$folder/one/log.jsonl" --y rate
expect_text 'learning rate'
plot "$folder/one/log.jsonl" --y norm --smooth 5
expect_same "30 30" "$(look "$folder/out.svg" points)" "a thin and a bold line"
expect_text 'thin: as logged; bold: mean of 5 logged points'
plot "$folder/one/log.jsonl" --y speed
expect_code 1 "$PRIMER" plot "$folder/one/log.jsonl" --y bits -o "$folder/none.svg"
expect_message "found no point to draw"
[ ! -e "$folder/none.svg" ] || fail "a picture of nothing was written"

# A run that was stopped past step 200, and went on from step 150: as if it had never stopped, whether its seconds go on or
# begin anew.
log "$folder/whole/log.jsonl" 10 300 5
log "$folder/goes-on/log.jsonl" 10 200 5
log "$folder/goes-on/log.jsonl" 160 300 5
log "$folder/anew/log.jsonl" 10 200 5
log "$folder/anew/log.jsonl" 160 300 5 5400
for x in steps tokens hours; do
    for y in loss evaluation; do
        plot "$folder/whole/log.jsonl" --x $x --y $y --names a
        cp "$folder/out.svg" "$folder/whole.svg"
        for run in goes-on anew; do
            plot "$folder/$run/log.jsonl" --x $x --y $y --names a
            cmp -s "$folder/out.svg" "$folder/whole.svg" || fail "$run, $y over $x: not as the run that never stopped"
        done
    done
done

# Seeds: one line and a band; a run without others is a line of its own.
log "$folder/small-1/log.jsonl" 10 300 4
log "$folder/small-2/log.jsonl" 10 300 4.5
plot "$folder"/small-{1,2}/log.jsonl "$folder/one/log.jsonl" --group
expect_same "30 30" "$(look "$folder/out.svg" points)" "lines of a group and a run"
expect_same 1 "$(look "$folder/out.svg" bands)" "bands"
for text in small one 'line: mean of the seeds; band: from the least to the most'; do expect_text "$text"; done
plot "$folder"/small-{1,2}/log.jsonl --names seed-a,seed-b --group --smooth 3
expect_same 30 "$(look "$folder/out.svg" points)" "a smoothed group is one line"
expect_text seed
expect_text 'line: mean of the seeds; band: from the least to the most; each the mean of 3 logged points'

# A gap, an event of another version, a line that is being written.
{
    echo '{"event":"start"}'
    echo '{"event":"step","step":1,"loss":3}'
    echo '{"event":"step","step":2,"loss":null,"more":[1]}'
    echo '{"event":"news","step":"x"}'
    echo
    echo '{"event":"step","step":3,"loss":2}'
    echo '{"event":"step","step":4,"loss":1}'
    printf '{"event":"step","st'
} >"$folder/gap.jsonl"
plot "$folder/gap.jsonl"
expect_same "3" "$(look "$folder/out.svg" points)" "points beside a gap"
expect_same 2 "$(look "$folder/out.svg" shape | tr -cd M | wc -c)" "parts of the line"
expect_text gap

# Bad lines are named, and no picture is written.
refuses() { # LINE MESSAGE OPTIONS...
    printf '{"event":"start"}\n%s\n' "$1" >"$folder/bad.jsonl"
    rm -f "$folder/bad.svg"
    expect_code 1 "$PRIMER" plot "$folder/bad.jsonl" -o "$folder/bad.svg" "${@:3}"
    expect_message "$folder/bad.jsonl:2: $2"
    [ ! -e "$folder/bad.svg" ] || fail "a picture of a bad log was written"
}
refuses 'not JSON' 'found no JSON'
refuses '[1]' 'the line: found an array, expected an object'
refuses '{"step":1}' 'event: found nothing, expected a text'
refuses '{"event":"step","loss":1}' 'step: found nothing, expected a whole number'
refuses '{"event":"step","step":-1,"loss":1}' 'step: found a number, expected a whole number'
refuses '{"event":"step","step":1}' 'loss: found nothing, expected a number'
refuses '{"event":"step","step":1,"loss":"2"}' 'loss: found a text, expected a number'
refuses '{"event":"step","step":1,"loss":1}' 'tokens: found nothing' --x tokens
refuses '{"event":"step","step":1,"loss":1}' 'seconds: found nothing' --x hours
refuses '{"event":"step","step":1,"tokens":5,"loss":1}' 'found no operations_per_token' --x operations
echo '{"event":"start"}' >"$folder/empty.jsonl"
expect_code 1 "$PRIMER" plot "$folder/empty.jsonl" -o -
expect_message 'found no line of event "step"'
expect_code 1 "$PRIMER" plot "$folder/absent.jsonl" -o -
expect_message 'absent.jsonl'

# The command line; where the picture goes.
expect_code 2 "$PRIMER" plot "$folder/gap.jsonl"
expect_message '-o FILE is missing'
expect_code 2 "$PRIMER" plot -o -
expect_code 2 "$PRIMER" plot "$folder/gap.jsonl" -o - --y los
expect_message 'expected one of: loss evaluation bits rate norm speed'
expect_code 1 "$PRIMER" plot "$folder/gap.jsonl" -o - --names a,b
expect_message '--names: found more names than logs, expected 1'
expect_code 1 "$PRIMER" plot "$folder/gap.jsonl" "$folder/gap.jsonl" -o - --names a
expect_message '--names: found fewer names than logs, expected 2'
expect_code 0 "$PRIMER" plot "$folder/gap.jsonl" -o -
cmp -s "$folder/out" "$folder/out.svg" || fail "standard output and a file differ"
echo old >"$folder/kept.svg"
expect_code 1 "$PRIMER" plot "$folder/empty.jsonl" -o "$folder/kept.svg"
expect_same old "$(cat "$folder/kept.svg")" "a picture that was there before"
expect_code 1 "$PRIMER" plot "$folder/gap.jsonl" -o "$folder/no/such.svg"
cp "$folder/gap.jsonl" "$folder/same.jsonl"
expect_code 1 "$PRIMER" plot "$folder/gap.jsonl" "$folder/same.jsonl" -o "$folder/../$(basename "$folder")/same.jsonl"
expect_message 'is the input itself'
cmp "$folder/gap.jsonl" "$folder/same.jsonl" || fail "a log was written over"

# Numbers that no axis has room for are gaps.
for value in 1e308 1e-310 -1e308; do
    printf '{"event":"step","step":%d,"loss":%s}\n' 1 "$value" 2 "-$value" 3 2 | sed 's/--//' >"$folder/far.jsonl"
    for scale in "" --log-y; do
        expect_code 0 "$PRIMER" plot "$folder/far.jsonl" $scale -o "$folder/far.svg"
        [[ $(look "$folder/far.svg" texts) == *"(null)"* ]] && fail "labels of $value"
    done
done
exit 0
