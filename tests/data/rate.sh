#!/bin/bash
# primer data rate from the command line, what filter.sh doesn't look at: texts with a NUL, a keyboard that is closed,
# options that have no effect.
. "$(dirname "$0")/../cli/common.bash"

plain=$folder/plain.gguf model=$folder/tiny.gguf
tiny_model "$plain" --arch phi2 --tokenizer bpe
cd "$folder" || exit 1
export PRIMER_THREADS=1 # what is done here is too small for more

# With a template: a key before all others, as long as keeps the tensors where alignment wants them.
python3 - "$plain" "$model" <<'PY' || fail "adding a template"
import struct, sys
data = open(sys.argv[1], "rb").read()
def text(t): return struct.pack("<Q", len(t)) + t.encode()
for blanks in range(32):
    value = "{{ messages[0].content }}" + "{#" + blanks * " " + "#}"
    key = text("tokenizer.chat_template") + struct.pack("<I", 8) + text(value)
    if len(key) % 32 == 0:
        break
keys = struct.unpack_from("<Q", data, 16)[0]
open(sys.argv[2], "wb").write(data[:16] + struct.pack("<Q", keys + 1) + key + data[24:])
PY

# A NUL in a text is a character like others, with a template and without.
printf '{"text":"def one():\\n    return 1\\n"}\n{"text":"a = \\u0000 2\\n"}\n{"text":"print(3)\\n"}\n' >code.jsonl
for by in "$model" "$plain"; do
    rm -f r.jsonl
    expect_code 0 "$PRIMER" data rate code.jsonl -o r.jsonl --by model --model "$by"
    python3 - <<'PY' || fail "$by: ratings: $(cat r.jsonl)"
import json
rows = [json.loads(line) for line in open("r.jsonl")]
assert sorted(r["line"] for r in rows) == [1, 2, 3] and "a = \0 2\n" in [r["text"] for r in rows], rows
PY
done

# A closed keyboard ends as Ctrl-D does.
timeout 30 "$PRIMER" data rate code.jsonl -o closed.jsonl <&- >out 2>err || fail "standard input is closed: $(cat err)"
grep -q '3 of 3 documents drawn; 0 rated now' out || fail "standard input is closed: $(cat out)"

# What has no effect is refused.
expect_code 2 "$PRIMER" data rate code.jsonl -o r.jsonl --by given.jsonl --rubric rubric.txt
expect_message "--rubric has no effect where a file says the ratings"
for by in person given.jsonl; do
    expect_code 2 "$PRIMER" data rate code.jsonl -o r.jsonl --by $by -t 2
    expect_message "-t has no effect without --by model"
done
exit 0
