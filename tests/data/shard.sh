#!/bin/bash
# primer data: shards from the command line, their summaries, what is refused, and that memory doesn't grow with
# the input.
. "$(dirname "$0")/../cli/common.bash"

model=$folder/tiny.gguf
tiny_model "$model" --arch phi2 --tokenizer bpe
root=$PWD
cd "$folder" || exit 1

field() { # FILE NAME: of a JSON object
    python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$1" "$2"
}

printf 'one\n<|endoftext|>\ntwo\n' >a.txt
printf '{"text": "three"}\n{"prompt": "four ", "completion": "five"}\n' >b.jsonl
expect_code 0 "$PRIMER" data shard --tokenizer "$model" -o ab.shard a.txt b.jsonl --json
expect_same 4 "$(field out documents)" "documents"
expect_same 20 "$(field out text_bytes)" "bytes of text"
expect_same None "$(field out first_bad)" "the first bad line"
expect_code 0 "$PRIMER" data shard --tokenizer "$model" -o ab.shard a.txt b.jsonl
grep -qE '^ab.shard: 4 documents, [0-9]+ tokens, [0-9]+ of which the loss asks for; [0-9.]+ bytes a token; in ' out ||
    fail "the summary: $(cat out)"

# Described: the counts are those of the summary, the texts come back.
expect_code 0 "$PRIMER" data stats ab.shard --tokenizer "$model" --json --samples 9
python3 - out <<'PY' || fail "data stats: $(cat out)"
import json, sys
found = json.load(open(sys.argv[1]))
assert found["samples"] == [t + "<|endoftext|>" for t in ("one", "two", "three", "four five")], found
assert found["documents"] == 4 and found["asked"] < found["tokens"] - 4, found
PY
expect_code 2 "$PRIMER" data stats ab.shard --samples 2
expect_message "--samples has no effect without --tokenizer"
expect_code 0 "$PRIMER" data stats ab.shard
grep -q 'whole and as it was written' out || fail "data stats: $(cat out)"

# The file is what docs/shards.md says: offsets and widths are read from its table, hashes computed anew.
expect_code 0 "$PRIMER" data stats ab.shard --tokenizer "$model" --json
export PYTHONPATH=$root/fuzz PYTHONDONTWRITEBYTECODE=1
python3 - ab.shard "$root/docs/shards.md" out <<'PY' || fail "the file isn't what docs/shards.md says"
import json, re, struct, sys
from make_corpus_shard import xxh64
data, stats = open(sys.argv[1], "rb").read(), json.load(open(sys.argv[3]))
rows = re.findall(r"^\| (\d+) \| u(32|64): ([a-z0-9 ]+)", open(sys.argv[2]).read(), re.M)
field = {name.strip(): int.from_bytes(data[int(at):int(at) + int(bits) // 8], "little") for at, bits, name in rows}
assert len(field) == 14 and data[:8] == b"PRMSHARD" and field["version"] == 1 and data[96:120] == bytes(24), field
for name, key in (("ids in the vocabulary", "vocabulary"), ("documents", "documents"), ("tokens", "tokens"),
                  ("tokens the loss asks for", "asked"), ("tokens of the longest document", "longest"),
                  ("bytes of the text that the loss asks for", "text_bytes")):
    assert field[name] == stats[key], (name, field[name], stats[key])
assert field["hash of the vocabulary"] == int(stats["tokenizer"], 16)
assert field["hash of bytes 0 to 119"] == xxh64(data[:120])
tokens, documents, piece = field["tokens"], field["documents"], field["bytes of a piece"]
assert field["bytes of an id"] == 2 and field["1 where there are asked bits"] == 1
ids = struct.unpack_from(f"<{tokens}H", data, 128)
at = 128 + (2 * tokens + 7) // 8 * 8
assert max(ids) < field["ids in the vocabulary"] and not any(data[128 + 2 * tokens:at])
words = struct.unpack_from(f"<{(tokens + 63) // 64}Q", data, at)
at += 8 * len(words)
asked = [words[t // 64] >> t % 64 & 1 for t in range(tokens)]
ends = struct.unpack_from(f"<{documents}Q", data, at)
at += 8 * documents
starts = (0,) + ends[:-1]
assert sum(asked) == field["tokens the loss asks for"] and not any(asked[start] for start in starts)
assert ends[-1] == tokens and max(e - s for s, e in zip(starts, ends)) == field["tokens of the longest document"]
assert len({ids[end - 1] for end in ends}) == 1, "each document ends with the end-of-text token"
hashes = b"".join(struct.pack("<Q", xxh64(data[i:min(i + piece, at)])) for i in range(128, at, piece))
assert data[at:] == hashes and field["hash of the pieces"] == xxh64(hashes)
PY

# A byte of the data that is changed is found.
cp ab.shard torn.shard
printf '\377' | dd of=torn.shard bs=1 seek=130 conv=notrunc 2>dd.log
expect_code 1 "$PRIMER" data stats torn.shard
expect_message "torn.shard: bytes 128 to"
head -c 200 ab.shard >cut.shard
expect_code 1 "$PRIMER" data stats cut.shard
expect_message "the file has 200"

# A bad line stops, and leaves what was there; or it is counted.
printf '{"text": "x"}\nnothing\n{"text": "y"}\n' >bad.jsonl
cp ab.shard before
expect_code 1 "$PRIMER" data shard --tokenizer "$model" -o ab.shard bad.jsonl
expect_message "bad.jsonl:2: no JSON object"
cmp ab.shard before || fail "a failure changed the shard that was there"
[ -z "$(ls ./*.partial-* 2>/dev/null)" ] || fail "a part of a shard was left: $(ls)"
expect_code 0 "$PRIMER" data shard --tokenizer "$model" -o bad.shard bad.jsonl --skip-bad --json
expect_same 1 "$(field out bad)" "bad lines"
case $(field out first_bad) in bad.jsonl:2:*) ;; *) fail "first bad line: $(cat out)" ;; esac

expect_code 2 "$PRIMER" data
expect_code 2 "$PRIMER" data shard a.txt
expect_message "--tokenizer"
expect_code 2 "$PRIMER" data shard --tokenizer "$model" -o x.shard
expect_code 2 "$PRIMER" data stats
expect_code 2 "$PRIMER" data mend x
expect_message 'found "mend", expected one of'
expect_code 1 "$PRIMER" data shard --tokenizer "$model" -o x.shard none.txt
expect_message "none.txt"

# 24 MB of text in the memory that 3 MB take. (The address sanitizer would keep what is freed.)
peak() { # FILE: kilobytes
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:quarantine_size_mb=1 python3 - "$PRIMER" "$model" "$1" <<'PY'
import resource, subprocess, sys
subprocess.run([sys.argv[1], "data", "shard", "--tokenizer", sys.argv[2], "-t", "1", "-o", "big.shard", sys.argv[3]],
               check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
PY
}
python3 - <<'PY'
line = '{"text": "%s"}\n' % ("some words of a story, and then " * 20)
for name, size in (("small.jsonl", 3), ("large.jsonl", 24)):
    with open(name, "w") as file:
        file.write(line * (size * 1000000 // len(line)))
PY
small=$(peak small.jsonl) large=$(peak large.jsonl)
[ "$large" -lt $((small + 12000)) ] || fail "memory grows: $small kB for 3 MB, $large kB for 24 MB"

# What a shard is made of isn't written over.
cp a.txt kept.txt
expect_code 1 "$PRIMER" data shard --tokenizer "$model" -o ./kept.txt a.txt kept.txt
expect_message "kept.txt: is the input itself"
expect_code 1 "$PRIMER" data shard --tokenizer "$model" -o "$model" a.txt
expect_message "tiny.gguf: is the input itself"
cmp a.txt kept.txt || fail "the text was written over"
expect_code 1 "$PRIMER" data shard --tokenizer "$model" -o - a.txt
expect_message "-: an output is a file"
exit 0
