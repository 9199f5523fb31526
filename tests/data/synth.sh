#!/bin/bash
# primer data synth: a run that is killed or interrupted goes on to the same bytes, what is held out stays
# out, programs compile and use what they are given, what is refused is said, and a full disk loses nothing.
. "$(dirname "$0")/../cli/common.bash"

root=$PWD
python=$root/curriculum/python everyday=$root/curriculum/everyday
command -v bwrap >/dev/null || {
    echo "no bubblewrap"
    exit 77
}
cd "$folder" || exit 1

mkdir sums
cat >sums/a.txt <<'EOF'
talk sum
  draw      x 1..900
  draw      y 1..900
  user      (what is|how much is|tell me) {x} (plus|and) {y}?
  assistant {= x + y}.
EOF
cat >sums/check.py <<'EOF'
import json, sys
for line in sys.stdin:
    lesson = json.loads(line)
    print(json.dumps({"keep": True, "holes": [str(eval(h, dict(lesson["vars"]))) for h in lesson["holes"]]}))
EOF

# ---- what is said, and what is refused
expect_code 0 "$PRIMER" data synth sums -o few.jsonl --count 50 --json
python3 - out few.jsonl <<'EOF' || fail "the summary: $(cat out)"
import json, sys
told, lines = json.load(open(sys.argv[1])), [json.loads(line) for line in open(sys.argv[2])]
assert told["kept"] == len(lines) == 50 and told["path"] == "few.jsonl" and told["finished"] is True, told
assert told["topics"] == 1 and told["topics_used"] == 1 and told["wrong"] == 0, told
assert told["made"] == told["kept"] + told["wrong"] + told["duplicates"] + told["held_out"] + told["unsaid"] + told["joined"] + told["spare"], told
assert [m["role"] for m in lines[0]["messages"]] == ["user", "assistant"], lines[0]
EOF
expect_code 2 "$PRIMER" data synth sums
expect_message "data synth needs -o"
expect_code 2 "$PRIMER" data synth -o x.jsonl
for option in "--teacher-model m" "--key-file k" "--parallel 2" "--temp 1" "--tries 2" "--timeout 2" "--max-tokens 9" \
    "--most-refused 3"; do
    expect_code 2 "$PRIMER" data synth sums -o x.jsonl $option
    expect_message "${option% *} is for a teacher"
done
expect_code 2 "$PRIMER" data synth sums -o x.jsonl --most-wrong 101
expect_message "--most-wrong: found 101, expected 1 to 100"
expect_code 1 "$PRIMER" data synth none -o x.jsonl
expect_message "none: cannot open the folder"
expect_code 1 "$PRIMER" data synth sums -o x.jsonl --only product
expect_message "product"
expect_code 1 "$PRIMER" data synth sums -o no/x.jsonl --count 5
expect_message "no/x.jsonl"
mkdir torn
printf 'talk a\n  user hello\n  assistant {b}\nphrase b\n  - (x\n' >torn/a.txt
cp sums/check.py torn
expect_code 1 "$PRIMER" data synth torn -o x.jsonl
expect_message "torn/a.txt:5"
[ -z "$(ls x.jsonl* 2>/dev/null)" ] || fail "refused runs left $(ls x.jsonl*)"
cp sums/a.txt a.txt
expect_code 1 "$PRIMER" data synth sums -o sums/a.txt --count 5
expect_message "sums/a.txt: is the input itself"
cmp a.txt sums/a.txt || fail "a curriculum's file was replaced"

# A twist changes a program, and one whose code does another thing than it says is found.
expect_code 0 "$PRIMER" data synth "$python" -o twisted.jsonl --only twist_change --count 40
python3 - twisted.jsonl <<'EOF' || fail "twists"
import json, sys
kept = [json.loads(line)["messages"] for line in open(sys.argv[1])]
assert len(kept) == 40
for turns in kept:
    before, after = turns[-3]["content"], turns[-1]["content"]
    assert before != after and before.split("(")[0] == after.split("(")[0], turns
EOF
mkdir twisted
cp "$python/check.py" twisted
cat >twisted/a.txt <<'EOF'
type list
  name numbers
  hint list[int]
  a    a list
  the  the list
  make [R.randint(0, 9) for _ in range(R.randint(1, 5))]
idea largest
  name  largest
  arg   numbers list
  value the largest of {numbers}
  code
      return max($numbers)
  example [1, 2] -> 2
twist empty
  on     list[int]
  with   or None if it is empty
  before
      if not $target:
          return None
  make   []
  expect 0 if not target else plain(target)
frame f
  function  twist
  user      the largest of {numbers} {twist.with}
  assistant {code}
EOF
expect_code 1 "$PRIMER" data synth twisted -o x.jsonl --count 5
expect_message "with its twist: None on [[]], expected 0"
# Mended, and in words that differ enough: the idea, the twist and the frame count as used.
various=$(for word in a b c d e f g h i j k l m n o p; do printf ' (%s)' "$(seq -s '|' -f "$word%.0f" 12)"; done)
sed -i "s/expect 0/expect None/; s/^  user /&$various/" twisted/a.txt
expect_code 0 "$PRIMER" data synth twisted -o mended.jsonl --count 1 --json
grep -q '"topics":3,"topics_used":3,' out || fail "what was used: $(cat out)"

# Without bubblewrap nothing is run, and the message says what is missing.
hidden=(unshare -rm sh -c 'mount --bind /dev/null "$0" && exec "$@"' "$(command -v bwrap)")
if "${hidden[@]}" true 2>/dev/null; then
    expect_code 1 "${hidden[@]}" "$PRIMER" data synth sums -o x.jsonl --count 5
    expect_message "bubblewrap is not installed"
    [ ! -e x.jsonl ] || fail "without bubblewrap lessons were kept"
fi

# ---- the same bytes, however often it is stopped
expect_code 0 "$PRIMER" data synth sums -o whole.jsonl --count 9000 --seed 3 -t 1
stop_after_a_round() { # SIGNAL
    local before process tries=0
    before=$(cat stopped.jsonl.state 2>/dev/null)
    (
        trap - EXIT
        exec "$PRIMER" data synth sums -o stopped.jsonl --count 9000 --seed 3 -t 2 --json >out 2>err </dev/null
    ) &
    process=$!
    until { [ "$(cat stopped.jsonl.state 2>/dev/null)" != "$before" ] &&
        grep -q '"made":[1-9]' stopped.jsonl.state; } || [ "$tries" = 1000 ]; do
        sleep 0.02
        tries=$((tries + 1))
    done
    kill "-$1" "$process" 2>/dev/null
    code=0
    wait "$process" 2>/dev/null || code=$?
}
stop_after_a_round KILL
[ ! -e stopped.jsonl ] || fail "the run had ended before it was killed"
cp stopped.jsonl.part killed.part
stop_after_a_round INT
[ ! -e stopped.jsonl ] || fail "the run had ended before it was interrupted"
expect_same 130 "$code" "exit code of an interrupted run"
lessons=$(wc -l <stopped.jsonl.part)
expect_message "primer: stopped: $(echo "$lessons" | sed 's/...$/,&/') lessons so far in stopped.jsonl.part; the same command goes on"
grep -q "\"finished\":false,\"kept\":$lessons," out || fail "an interrupted run: $(cat out)"
cp stopped.jsonl.part killed.part
expect_code 1 "$PRIMER" data synth sums -o stopped.jsonl --count 9000 --seed 4
expect_message "stopped.jsonl.state: is of an unfinished run whose --seed is 3 (now 4)"
cmp killed.part stopped.jsonl.part || fail "another seed changed the part"
cmp -n "$(stat -c %s killed.part)" killed.part whole.jsonl ||
    fail "what was killed isn't the beginning of the whole"
expect_code 0 "$PRIMER" data synth sums -o stopped.jsonl --count 9000 --seed 3 -t 2 --json
cmp whole.jsonl stopped.jsonl || fail "a stopped run made other lessons"
[ ! -e stopped.jsonl.part ] && [ ! -e stopped.jsonl.state ] || fail "a run that ended left: $(ls)"

# ---- a full disk
mkdir disk
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=300k tmpfs disk 2>/dev/null; then
    code=0
    "$PRIMER" data synth sums -o disk/whole.jsonl --count 9000 --seed 3 >out 2>err </dev/null || code=$?
    there=$([ -e disk/whole.jsonl ] && echo yes)
    mount -o remount,size=20m disk
    expect_code 0 "$PRIMER" data synth sums -o disk/whole.jsonl --count 9000 --seed 3
    same=$(cmp whole.jsonl disk/whole.jsonl && echo yes)
    umount disk
    [ "$code" = 1 ] || fail "on a full disk: exit code $code"
    [ -z "$there" ] || fail "on a full disk lessons appeared under their final name"
    [ "$same" = yes ] || fail "with room again other lessons were made"
fi

# ---- the curriculum that comes with primer
expect_code 0 "$PRIMER" data synth "$python" "$everyday" -o train.jsonl --count 2500 --seed 1 --tests
expect_code 0 "$PRIMER" data synth "$python" "$everyday" -o test.jsonl --count 15 --seed 7 --split test \
    --only exercise
expect_code 0 "$PRIMER" data synth "$python" "$everyday" -o problems.jsonl --count 15 --seed 7 --split test \
    --only problem
python3 - <<'EOF' || fail "the lessons of the curriculum aren't what they should be"
import ast, json, re, sys

def codes(lesson):
    texts = [m["content"] for m in lesson.get("messages", [])] + [lesson.get("text", "")]
    found = [code for text in texts for code in re.findall(r"```python\n(.*?)```", text, re.S)]
    return found + ([lesson["prompt"] + lesson["completion"]] if "prompt" in lesson else [])

def shape(tree):
    """The tree without the names that it gives itself, constants as their types."""
    own = {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    own |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    own |= {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    def of(node):
        if isinstance(node, ast.Name):
            return "_" if node.id in own else node.id
        if isinstance(node, ast.Constant):
            return type(node.value).__name__
        if isinstance(node, ast.arg):
            return "argument"
        if isinstance(node, list):
            return tuple(map(of, node))
        if not isinstance(node, ast.AST):
            return node
        fields = dict(ast.iter_fields(node))
        if isinstance(node, ast.FunctionDef):
            body = node.body
            if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
                body = body[1:]
            fields = {"args": node.args, "body": body}
        return (type(node).__name__,) + tuple(of(v) for k, v in fields.items() if k not in ("ctx", "kind"))
    return of(tree)

def lessons(path):
    return [json.loads(line) for line in open(path)]

def look(code, lesson):
    tree = ast.parse(code)
    for function in (n for n in tree.body if isinstance(n, ast.FunctionDef)):
        arguments = [a.arg for a in function.args.args]
        inside = [n for statement in function.body for n in ast.walk(statement)]
        read = {n.id for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        loops = {n.id for loop in inside if isinstance(loop, (ast.For, ast.comprehension))
                 for n in ast.walk(loop.target) if isinstance(n, ast.Name)}
        assert len(set(arguments)) == len(arguments), (code, lesson)
        assert set(arguments) <= read, ("unused argument", code, lesson)
        assert not set(arguments) & loops, ("shadowed argument", code, lesson)
        assert function.name not in arguments, (code, lesson)
    return tree

train, trees, pieces = lessons("train.jsonl"), {}, 0
for lesson in train:
    for code in codes(lesson):
        for function in look(code, lesson).body:
            if isinstance(function, ast.FunctionDef):
                trees.setdefault(shape(function), lesson)
        pieces += 1
assert pieces > 1800, pieces
assert len({json.dumps({k: v for k, v in l.items() if k != "index"}) for l in train}) == len(train)
for lesson in lessons("test.jsonl"):
    for code in codes(lesson):
        known = trees.get(shape(look(code, lesson).body[0]))
        assert known is None, ("a test's tree is taught", lesson, known)

def wording(lesson):
    return re.sub(r"\d+(\.\d+)?", "#", lesson["messages"][0]["content"].lower())

taught = {wording(l): l for l in train if l["kind"] == "problem"}
again = [l for l in lessons("problems.jsonl") if wording(l) in taught]
assert len(again) <= 1, again

# What code is made of never shows in what is said.
for lesson in train:
    for said in lesson.get("messages", []) + [{"content": lesson.get(k, "")} for k in ("prompt", "completion", "text")]:
        assert not re.search(r"\$[a-z{]", said["content"]), lesson
EOF
exit 0
