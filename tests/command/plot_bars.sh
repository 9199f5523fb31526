#!/bin/bash
# primer plot --bars: lines of results as bars with whiskers; bad lines by name; nothing half-written.
. "$(dirname "$0")/../cli/common.bash"

cat >"$folder/bars.jsonl" <<'LINES'
{"axis": "bits a byte", "note": "three seeds"}
{"name": "raw <code>", "value": 2.5, "low": 2.25, "high": 2.75, "seed": 7}

{"name": "good", "value": 1.25, "low": null}
LINES
echo '{"name": "other", "value": 0.5, "low": 0.4, "high": 0.75}' >"$folder/more.jsonl"
expect_code 0 "$PRIMER" plot --bars "$folder/bars.jsonl" "$folder/more.jsonl" -o "$folder/out.svg" --title 'Bars & more'
python3 - "$folder/out.svg" >"$folder/seen" <<'PYTHON'
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
space = "{http://www.w3.org/2000/svg}"
for text in root.iter(space + "text"):
    print(text.text)
widths = [float(r.get("width")) for r in root.iter(space + "rect") if r.get("fill-opacity")]
print("widths", len(widths), round(widths[0] / widths[1], 1), round(widths[0] / widths[2], 1))
ends = [line for line in root.iter(space + "line") if line.get("stroke-width") == "1.5"]
print("whiskers", len(ends) // 3)
PYTHON
for line in 'Bars & more' 'three seeds' 'bits a byte' 'raw <code>' good other '2.50 (2.25 to 2.75)' 1.25 '0.50 (0.40 to 0.75)' \
    'widths 3 2.0 5.0' 'whiskers 2'; do
    grep -qxF -- "$line" "$folder/seen" || fail "the picture lacks '$line': $(cat "$folder/seen")"
done

refuses() { # LINE MESSAGE
    printf '{"name":"a","value":1}\n%s\n' "$1" >"$folder/bad.jsonl"
    rm -f "$folder/bad.svg"
    expect_code 1 "$PRIMER" plot --bars "$folder/bad.jsonl" -o "$folder/bad.svg"
    expect_message "$folder/bad.jsonl:2: $2"
    [ ! -e "$folder/bad.svg" ] || fail "a picture of bad lines was written"
}
refuses 'not JSON' 'found no JSON'
refuses '[1]' 'found no object, expected one'
refuses '{"value":1}' 'name: found nothing, expected a text'
refuses '{"name":3,"value":1}' 'name: found no text, expected one'
refuses '{"name":"b"}' 'value: found nothing, expected a number'
refuses '{"name":"b","value":"1"}' 'value: found something else, expected a number'
refuses '{"name":"b","value":1,"high":"2"}' 'high: found something else, expected a number'
echo '{"axis":"x"}' >"$folder/none.jsonl"
expect_code 1 "$PRIMER" plot --bars "$folder/none.jsonl" -o "$folder/none.svg"
expect_message 'found 0 bars'
expect_code 1 "$PRIMER" plot --bars "$folder/absent.jsonl" -o -
expect_message 'absent.jsonl'
exit 0
