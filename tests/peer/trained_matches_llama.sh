#!/bin/bash
# Models that primer trained, of both architectures, in llama.cpp: they load, and what primer writes
# greedily is what llama.cpp would choose, token by token.
. "$(dirname "$0")/peer.bash"
need_peer
need_files "$tinystories"
length=80

head -c 200000 "$tinystories" >"$folder/text.txt"
"$primer" tokenizer train "$folder/text.txt" --vocab 512 -o "$folder/tokenizer.gguf" >"$folder/log"
cat >"$folder/small.recipe" <<'EOF'
tokenizer = tokenizer.gguf
data = text.txt
layers = 2
embedding = 64
heads = 4
context = 256
length = 128
batch = 8
steps = 120
rate = 0.005
folder = run
EOF

for options in "architecture=phi2" "architecture=llama kv-heads=2 output-type=F32" \
    "architecture=llama tied=yes"; do
    set -- --fresh
    for option in $options; do set -- "$@" --set "$option"; done
    "$primer" train "$folder/small.recipe" "$@" >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }
    model=$folder/run/model.gguf
    {
        printf 'One day, a little girl'
        "$primer" run "$model" --raw --temp 0 -n $length --ignore-eos --kv f32 "One day, a little girl"
    } >"$folder/written"
    "$primer" tokens "$model" <"$folder/written" >"$folder/ids"
    node "$here/llama_distribution.mjs" "$model" "$folder/ids" "$folder/llama" f32 >"$folder/log" 2>&1 ||
        { cat "$folder/log" >&2; exit 1; }
    node -e '
const fs = require("fs"), [, idsPath, rowsPath, prompt, length] = process.argv;
const ids = fs.readFileSync(idsPath, "utf8").match(/\d+/g).map(Number);
const bytes = fs.readFileSync(rowsPath), vocabulary = bytes.length / 8 / ids.length;
const rows = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
let same = 0, all = 0;
for (let at = +prompt - 1; at + 1 < ids.length; at++, all++) {
    const row = rows.subarray(at * vocabulary, (at + 1) * vocabulary);
    let best = 0;
    for (let id = 1; id < vocabulary; id++) if (row[id] > row[best]) best = id;
    if (best === ids[at + 1]) same++;
}
console.log(`${same} of ${all} tokens are those llama.cpp chooses`);
process.exit(same === all && all >= +length / 2 ? 0 : 1);' "$folder/ids" "$folder/llama" \
        "$(printf 'One day, a little girl' | "$primer" tokens "$model" | tr -cd '[:digit:],' | tr ',' '\n' | wc -w)" \
        $length || { echo "$options: $(cat "$folder/written")" >&2; exit 1; }
done
