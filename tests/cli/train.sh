#!/bin/bash
# primer train: a run from text to model, what goes to standard output, plans, fine-tuning, what is refused, full disks,
# torn checkpoints, a loss that explodes. (Stopped and killed runs: train_stop.sh; several processes: train_ranks.sh.)
. "$(dirname "$0")/common.bash"
. "$(dirname "$0")/train.bash"
cd "$folder" || exit 1
train_files

# Made, and good for something; the same again has nothing left to do.
train small.recipe --set folder=run
grep -qE '^step 30 of 30  loss [0-9.]+  norm [0-9.]+  rate [0-9.e-]+  [0-9,]+ tokens/s' out || fail "the report: $(cat out)"
grep -q '^run/model.gguf: the trained model$' out || fail "the end: $(cat out)"
grep -q $'\r' out && fail "plain output overwrites lines"
expect_code 0 "$PRIMER" run run/model.gguf --raw --temp 0 -n 4 "the "
cp run/model.gguf model.gguf
train small.recipe --set folder=run
cmp run/model.gguf model.gguf || fail "nothing to do, and another model"

# JSON: objects, one a line, and nothing else on standard output.
train small.recipe --set folder=json --json --set evaluate=held.txt --set evaluate-every=10 --set sample-every=30 \
    --set sample-tokens=5 --set sample-prompt=the
python3 - out <<'PY' || fail "--json: $(cat out)"
import json, sys
def no(text): raise ValueError(text)
lines = [json.loads(line, parse_constant=no) for line in open(sys.argv[1])]
steps = [x for x in lines if "loss" in x]
assert [x["step"] for x in steps] == [10, 20, 30], steps
assert all(x["evaluation_loss"] > 0 and x["tokens_per_second"] > 0 and "seconds_left" in x for x in steps)
assert steps[-1]["checkpoint"] and any("sample" in x for x in lines)
assert lines[-1]["model"] == "json/model.gguf"
PY
cmp model.gguf json/model.gguf || fail "evaluations and samples change the model"

# On a terminal one line is written over and over: no report stays but the last.
python3 - "$PRIMER" <<'PY' >tty || fail "on a terminal: $(tail -c 500 tty)"
import fcntl, os, pty, re, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 119, 0, 0)) # a fast machine's line is longer than 80
    os.execv(sys.argv[1], [sys.argv[1], "train", "small.recipe", "--set", "folder=live", "--set", "log-every=20",
                           "--set", "steps=12000", "--set", "checkpoint-every=0", "-t", "1"])
shown = b""
while True:
    try:
        piece = os.read(fd, 65536)
    except OSError:
        break
    if not piece:
        break
    shown += piece
assert os.waitpid(pid, 0)[1] == 0, shown[-500:]
lines = [line for line in shown.decode().split("\r\n") if line]
print(shown.decode())
assert len(lines) == 2, len(lines)
live = lines[0].split("\r\033[K")
assert len(live) > 2 and live[-1].startswith("step 12,000 of 12,000  loss "), live[-1]
assert re.match(r"step [\d,]+ of 12,000  loss [\d.]+  [\d,]+ tokens/s  (\d+ % of peak  )?[\d.]+ (s|min.*) left$", live[1]), live[1]
assert all(len(line) < 120 for line in live)
PY

# What it would cost.
train small.recipe --set folder=plan --plan --json
python3 - out <<'PY' || fail "--plan --json: $(cat out)"
import json, sys
text = open(sys.argv[1]).read()
plan = json.loads(text)
assert text.count("\n") == 1 and plan["steps"] == 30 and plan["tokens_per_step"] == 64 and plan["tokens"] == 1920
assert plan["tokens_per_second"] > 0 and plan["seconds"] > 0 and plan["memory_bytes"] > 0
assert abs(plan["operations"] / plan["operations_per_token"] / plan["tokens"] - 1) < 1e-6
assert {x["name"] for x in plan["elsewhere"]} >= {"H100 SXM"} and all(len(x["dollars"]) == 2 for x in plan["elsewhere"])
PY
train small.recipe --set folder=plan --plan
for line in model data run work memory speed time elsewhere; do
    grep -q "^$line " out || fail "the plan lacks $line: $(cat out)"
done
ls plan/checkpoint-* plan/log.jsonl plan/model.gguf 2>/dev/null && fail "a plan left files"
refused "MiB (weights 3072346, gradients 3072346" small.recipe --plan --set layers=1000 --set embedding=8192 --set feed-forward=32768
expect_same 1 "$(wc -l <err)" "lines of the refusal"
expect_same 0 "$(wc -c <out)" "bytes of the refused plan"

# A model goes on with its template, name, license and all else of its file; not with how it was quantized.
python3 - model.gguf named.gguf <<'PY' || fail "adding keys"
import struct, sys
data = open(sys.argv[1], "rb").read()
tensors, keys = struct.unpack_from("<QQ", data, 8)
def text(t): return struct.pack("<Q", len(t)) + t.encode()
def string(k, v): return text(k) + struct.pack("<I", 8) + text(v)
more = [string("general.license", "mit"), string("general.description", "A small one"),
        string("tokenizer.chat_template", "{{ messages[0].content }}"), string("general.quantized_by", "somebody"),
        string("quantize.imatrix.file", "x.dat"), text("phi2.own_key") + struct.pack("<II", 4, 7)]
names = {"general.name": "Small", }
more += [string(k, v) for k, v in names.items()]
# The keys end where the padding of the data depends on them: tensor offsets count from the aligned data.
def skip(at, kind):
    sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
    if kind == 8:
        return at + 8 + struct.unpack_from("<Q", data, at)[0]
    if kind == 9:
        inner, count = struct.unpack_from("<IQ", data, at)
        at += 12
        for _ in range(count):
            at = skip(at, inner)
        return at
    return at + sizes[kind]
at = 24
for _ in range(keys):
    at = skip(at, 8)
    at = skip(at + 4, struct.unpack_from("<I", data, at)[0])
infos = at
for _ in range(tensors):
    at = skip(at, 8)
    n = struct.unpack_from("<I", data, at)[0]
    at += 4 + 8 * n + 12
pad = lambda n: (n + 31) // 32 * 32
head = struct.pack("<4sIQQ", data[:4], 3, tensors, keys + len(more)) + data[24:infos] + b"".join(more) + data[infos:at]
open(sys.argv[2], "wb").write(head + bytes(pad(len(head)) - len(head)) + data[pad(at):])
PY
train tuned.recipe --set folder=tuned
expect_code 0 "$PRIMER" inspect tuned/model.gguf
python3 - tuned/model.gguf named.gguf <<'PY' || fail "keys of the tuned model"
import sys
tuned, named = (open(f, "rb").read() for f in sys.argv[1:])
for key in (b"general.name", b"Small", b"general.license", b"general.description", b"A small one", b"phi2.own_key",
            b"tokenizer.chat_template", b"{{ messages[0].content }}", b"phi2.rope.freq_base", b"tokenizer.ggml.tokens"):
    assert tuned.count(key) == 1, key
for key in (b"general.quantized_by", b"quantize.imatrix.file"):
    assert key in named and key not in tuned, key
PY

# Shards of another vocabulary, and all else that is not what the recipe takes it for.
refused "run/data-0.shard: made with a vocabulary of" small.recipe --set tokenizer=fewer.gguf --set data=run/data-0.shard
refused "made with another vocabulary (hash" small.recipe --set tokenizer=swapped.gguf --set data=run/data-0.shard
refused "made with another vocabulary (hash" tuned.recipe --set data=swapped.shard
: >empty.txt
refused "empty.txt: there is no document with a text" small.recipe --set data=empty.txt
printf 'a' >short.txt
refused "short.txt: found 2 tokens, expected at least 16, a row" small.recipe --set data=short.txt
printf 'abc\xff\n' >bad.txt
refused "bad.txt:1: found the byte 0xff, which is no UTF-8" small.recipe --set data=bad.txt
refused "$folder: is no regular file" small.recipe --set data="$folder"
refused "none.txt: " small.recipe --set data=none.txt
refused "none.txt: " small.recipe --set evaluate=none.txt
refused "none.gguf: cannot open it" small.recipe --set tokenizer=none.gguf
refused "text.txt: not a GGUF file" small.recipe --set tokenizer=text.txt
refused "text.txt: not a GGUF file" tuned.recipe --set model=text.txt
refused "text.txt: not a GGUF file" small.recipe --set teacher=text.txt
refused "heads: found 3, expected a divisor" small.recipe --set heads=3
refused "did you mean steps?" small.recipe --set stps=3
refused "none.recipe: cannot open it" none.recipe
refused "is a folder, a file was expected" "$folder"
cp run/data-0.shard torn.shard
printf '\377' | dd of=torn.shard bs=1 seek=140 conv=notrunc 2>dd.log
refused "torn.shard: bytes 128 to" small.recipe --set data=torn.shard
head -c 300 run/data-0.shard >torn.shard
refused "torn.shard: " small.recipe --set data=torn.shard
expect_code 2 "$PRIMER" train
expect_code 2 "$PRIMER" train small.recipe other.recipe

# Folders that can't be, and files that can't be written: at once, not at the end.
: >file
refused "file/run: cannot make the folder" small.recipe --set folder=file/run
refused "none/model.gguf: cannot create it" small.recipe --set output=none/model.gguf
ls refused/checkpoint-* 2>/dev/null && fail "it trained though its model can't be written"
mkdir full
if [ -w /dev/full ]; then
    ln -s /dev/full full/log.jsonl
    refused "full/log.jsonl: cannot write: No space left on device" small.recipe --set folder=full
fi

# A full disk ends the run; what was kept before is there, and once there is room it goes on to the same model. First the
# disk is a limit on a file's size, which weights fit and states don't; then a small disk, where one can be mounted.
weights=$(wc -c <run/checkpoint-00000030.gguf) state=$(wc -c <run/checkpoint-00000030.state)
[ "$state" -gt $((weights + 2048)) ] || fail "the sizes of a checkpoint: $weights, $state"
train small.recipe --set folder=whole --set schedule=constant
limited() { (trap '' XFSZ && ulimit -f $((weights / 1024 + 1)) && exec "$PRIMER" train "$@" -t 1); }
rm -rf full
train small.recipe --set folder=full --set schedule=constant --set steps=10
cp -r full before
expect_code 1 limited small.recipe --set folder=full --set schedule=constant
expect_message "full/checkpoint-00000020.state"
expect_message "File too large"
for file in before/checkpoint-*; do
    cmp "$file" "full/${file#before/}" || fail "a full disk changed $file"
done
expect_same 2 "$(ls full | grep -c '^checkpoint-')" "files of checkpoints after the disk was full: $(ls full)"
train small.recipe --set folder=full --set schedule=constant
grep -q "going on from the checkpoint of step 10" err || fail "where it went on: $(cat err)"
cmp whole/model.gguf full/model.gguf || fail "another model after a full disk"
mkdir disk
if mount -t tmpfs -o size=1m tmpfs disk 2>/dev/null; then
    trap 'umount "$folder/disk" 2>/dev/null; rm -rf "$folder"' EXIT
    expect_code 1 "$PRIMER" train small.recipe --set folder=disk/run --set schedule=constant --set checkpoint-every=1 --set keep=30 -t 1
    expect_message "No space left on device"
    last=$(ls disk/run/*.state | tail -n 1)
    mount -o remount,size=20m disk || fail "a larger disk"
    train small.recipe --set folder=disk/run --set schedule=constant --set checkpoint-every=0
    grep -q "going on from the checkpoint of step $((10#$(basename "${last#*checkpoint-}" .state)))$" err ||
        fail "where it went on: $(cat err), $last"
    cmp whole/model.gguf disk/run/model.gguf || fail "another model after a full disk"
    umount disk
fi

# Torn checkpoints are named and passed over: the one before is gone on from, to the same model.
good=30 older=20
torn() { # NAME COMMAND...: what it does to a copy of run
    rm -rf torn
    cp -r run torn
    "${@:2}" || fail "tearing: ${*:2}"
    train small.recipe --set folder=torn
    grep -q "^primer: torn/checkpoint-000000$good" err || fail "$1: no word of it: $(cat err)"
    grep -q "going on from the checkpoint of step $older$" err || fail "$1: where it went on: $(cat err)"
    cmp model.gguf torn/model.gguf || fail "$1: another model"
}
flip() { # FILE OFFSET
    printf '%b' "\\$(printf %o $((255 - $(od -An -tu1 -j "$2" -N1 "$1"))))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>dd.log
}
for suffix in gguf state; do
    file=torn/checkpoint-00000030.$suffix size=$(wc -c <"run/checkpoint-00000030.$suffix")
    torn "cut $suffix" truncate -s $((size / 2)) $file
    torn "empty $suffix" truncate -s 0 $file
    torn "no $suffix" rm $file
    for offset in 0 100 $((size / 2)) $((size - 1)); do
        torn "a byte of $suffix" flip $file "$offset"
    done
done
rm -rf torn
cp -r run torn
for file in torn/checkpoint-*.state; do flip "$file" 300; done
train small.recipe --set folder=torn
expect_same 2 "$(grep -c '^primer: torn/checkpoint-.*\|^torn/checkpoint-' err)" "torn checkpoints named: $(cat err)"
cmp model.gguf torn/model.gguf || fail "no checkpoint left, and another model"

# A log that was cut within a line stays lines of JSON.
rm -rf torn
cp -r run torn
rm torn/checkpoint-00000030.*
truncate -s -7 torn/log.jsonl
train small.recipe --set folder=torn
python3 -c 'import json, sys; [json.loads(line) for line in open("torn/log.jsonl")]' || fail "the log: $(cat torn/log.jsonl)"

# Another recipe, or other data, is refused; what changes no weight is not; --fresh begins anew.
refused "was made by another recipe" small.recipe --set folder=run --set rate=0.02
refused "was made by another recipe" small.recipe --set folder=run --set steps=31
train small.recipe --set folder=run --set evaluate=held.txt --set checkpoint-every=7 --set output=elsewhere.gguf
cmp model.gguf elsewhere.gguf || fail "the same run, and another model"
cp text.txt kept.txt
cp other.txt text.txt
refused "the data, or the model or teacher that the recipe names, has changed since its checkpoint at step 30" small.recipe --set folder=run
cp kept.txt text.txt
train small.recipe --set folder=run
cmp model.gguf run/model.gguf || fail "the old text is back, and another model"
cp named.gguf kept.gguf
flip named.gguf $(($(wc -c <named.gguf) - 5))
refused "has changed since its checkpoint at step 3" tuned.recipe --set folder=tuned
cp kept.gguf named.gguf
train tuned.recipe --set folder=tuned
cp model.gguf teacher.gguf
train small.recipe --set folder=taught --set teacher=teacher.gguf
flip teacher.gguf $(($(wc -c <teacher.gguf) - 5))
refused "has changed since its checkpoint at step 30" small.recipe --set folder=taught --set teacher=teacher.gguf
train small.recipe --set folder=taught --set teacher=teacher.gguf --fresh

# A loss that explodes ends the run with all that was seen; checkpoints of before stay.
train small.recipe --set folder=wild --set schedule=constant --set clip=0 --set steps=10
cp -r wild before.wild
hot() { "$PRIMER" train small.recipe --set folder=hot --set rate=1000 --set clip=0 --set warm-up=0 -t 1 "$@"; }
expect_code 1 hot
for word in "primer: step " "(loss " "gradient's norm the step before " "learning rate " "There is no checkpoint yet" "A lower rate"; do
    expect_message "$word"
done
expect_same 1 "$(wc -l <err)" "lines of the explosion"
tail -n 1 hot/log.jsonl | grep -q '"event":"end","why":"step ' || fail "the log of the explosion: $(tail -n 1 hot/log.jsonl)"
rm -rf hot
expect_code 1 hot --set checkpoint-every=1
expect_message "The checkpoint of step 1 is as it was"
expect_same 2 "$(ls hot | grep -c '^checkpoint-')" "exploded steps are kept: $(ls hot)"
expect_code 0 "$PRIMER" inspect hot/checkpoint-00000001.gguf

# Two runs in one folder: the second is refused.
python3 - "$PRIMER" <<'PY' || fail "two runs in one folder"
import fcntl, subprocess, sys
lock = open("run/lock", "r+")
fcntl.lockf(lock, fcntl.LOCK_EX)
found = subprocess.run([sys.argv[1], "train", "small.recipe", "--set", "folder=run"], capture_output=True, text=True)
assert found.returncode == 1 and "another process trains in this folder" in found.stderr, found
PY

# What is read isn't written over; a teacher speaks the model's tokens; rows without a length that is said fit the model.
cp text.txt kept.txt
for file in kept.txt model.gguf t.gguf; do
    cp "$file" same
    refused "$file: is the input itself" small.recipe --set data=kept.txt --set "teacher=model.gguf" --set "output=./$file"
    cmp same "$file" || fail "$file was written over"
done
train small.recipe --set folder=strange --set tokenizer=swapped.gguf --set data=swapped.txt --set steps=1 --set warm-up=0
refused "strange/model.gguf: the teacher has another vocabulary" small.recipe --set teacher=strange/model.gguf
cp model.gguf named.gguf
refused "length: found 65 tokens a row, expected at most the model's context, 64" tuned.recipe --set length=65

# Answers behind the end of a row: some are said, none at all is refused, in data as in what is evaluated.
python3 - <<'PY'
import json
line = lambda n: json.dumps({"prompt": "the ball " * n, "completion": "Ann gave."})
open("long.jsonl", "w").write(line(9) + "\n")
open("mixed.jsonl", "w").write(line(9) + "\n" + line(1) + "\n")
PY
train small.recipe --set folder=mixed --set data=mixed.jsonl --set whole=yes --set length=24
grep -q "^primer: documents longer than a row of 24 tokens: 1, whose ends, 66 tokens in all, are left out" err ||
    fail "the documents that are cut: $(cat err)"
train small.recipe --set folder=long --set data=long.jsonl --set length=24
refused "whole: found no token that the loss asks for in the first 25 of any document of long.jsonl" \
    small.recipe --set data=long.jsonl --set whole=yes --set length=24
refused "whole: found no token that the loss asks for in the first 25 of any document of long.jsonl" \
    small.recipe --set evaluate=long.jsonl --set whole=yes --set length=24
exit 0
