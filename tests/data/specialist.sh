#!/bin/bash
# The example of a domain of one's own, curriculum/html: its lessons pass their check, the check refuses what is
# broken and says why, wordings are held out, and held-out answers are judged.
. "$(dirname "$0")/../cli/common.bash"

root=$PWD
domain=$root/curriculum/html
command -v bwrap >/dev/null || {
    echo "no bubblewrap"
    exit 77
}
cd "$folder" || exit 1
export PYTHONDONTWRITEBYTECODE=1

# ---- lessons: all of them pass, and what is held out stays out
expect_code 0 "$PRIMER" data synth "$domain" -o lessons.jsonl --count 300 --json
cp out summary
expect_code 0 "$PRIMER" data synth "$domain" -o held-out.jsonl --count 100 --split test
python3 - "$domain" <<'EOF' || fail "lessons: $(cat summary)"
import json, sys
sys.path.insert(0, sys.argv[1])
import check

told = json.load(open("summary"))
assert told["kept"] == 300 and told["wrong"] == 0 and told["held_out"] > 10, told
lessons = [json.loads(line) for line in open("lessons.jsonl")]
snippets = sum(len(check.snippets(m["content"])) for lesson in lessons for m in lesson["messages"])
assert len(lessons) == 300 and snippets > 200, snippets
for lesson in lessons:
    for message in lesson["messages"]:
        assert "\1" not in message["content"] and "{=" not in message["content"], message
        check.check_answer(message["content"])
asked = {json.dumps(lesson["messages"]) for lesson in lessons}
held = [json.dumps(json.loads(line)["messages"]) for line in open("held-out.jsonl")]
assert len(held) == 100 and not asked & set(held), "a held-out lesson is trained on"
EOF

# ---- a curriculum whose snippet is broken is refused, with the reason
mkdir broken
cp "$domain/check.py" broken
cat >broken/a.txt <<'EOF'
talk bold
  draw      n 1..900
  user      make {n} bold
  assistant
      ```html
      <b>{n}</strong>
      ```
EOF
expect_code 1 "$PRIMER" data synth broken -o x.jsonl --count 10
expect_message "found </strong>, expected </b>"
[ ! -e x.jsonl ] || fail "broken lessons were kept"

# Values that the check works out stand in what it looks at.
sed -i 's/<b>{n}<\/strong>/{= "<b>" + "x" * n}/' broken/a.txt
expect_code 1 "$PRIMER" data synth broken -o x.jsonl --count 10
expect_message "<b> is not closed"

# ---- the small domain that docs/specialist.md shows
python3 - "$root/docs/specialist.md" <<'EOF' || fail "docs/specialist.md"
import os, re, sys
files = re.findall(r"`(cron/[a-z.]+)`:\n\n````[a-z]*\n(.*?)````\n", open(sys.argv[1]).read(), re.S)
assert len(files) == 3, [name for name, _ in files]
os.mkdir("cron")
for name, text in files:
    open(name, "w").write(text)
EOF
expect_code 0 "$PRIMER" data synth cron -o cron.jsonl --count 200 --json
python3 -c 'import json; told = json.load(open("out")); assert told["wrong"] == 0 and told["topics_used"] == 4, told' ||
    fail "the domain of the document: $(cat out)"
expect_code 0 "$PRIMER" data synth cron -o cron-held-out.jsonl --count 20 --split test

# ---- the check by itself
python3 - "$domain" "$root/recipes/specialist/held-out" <<'EOF' || fail "the check"
import importlib.machinery, importlib.util, sys
sys.path.insert(0, sys.argv[1])
import check

GOOD_HTML = """<p>a</p> | <!-- a --> | <p>1 &lt; 2 &amp; 3</p> | <tr><td>a</td></tr> | <img src="a.jpg" alt=""> |
<ul><li>a<ul><li>b</li></ul></li></ul> | <label for="a">A</label><input type="text" id="a" required> |
<table><tr><td colspan="2">a</td></tr><tr><td>b</td><td>c</td></tr></table> |
<table><tr><td rowspan="2">a</td><td>b</td></tr><tr><td>c</td></tr></table> | <p style="color: red;">a</p> |
<!DOCTYPE html><html lang="en"><head><title>a</title><style>p { color: red; }</style></head><body></body></html>"""
BAD_HTML = {"<p>a": "not closed", "<p>a</b>": "expected </p>", "</p>": "no end tag", "<foo></foo>": "known element",
            '<p class="a" class="b"></p>': "twice", "<p class=a></p>": "isn't written", '<p onclick="a"></p>': "takes no",
            '<img src="a.jpg">': "no alt", "<a>b</a>": "no href", "<ul><p>a</p></ul>": "holds <p>",
            "<div><li>a</li></div>": "stands in <div>", '<label for="a">A</label>': "no element with this id",
            '<b id="a"></b><b id="a"></b>': "twice", "<p><div></div></p>": "can't hold", "<br/>": "no /",
            "<table><tr><td>a</td></tr><tr></tr></table>": "1, 0 cells", "<p>a & b</p>": "&amp;", "<!-- a": "not closed",
            '<a href="#"><button>a</button></a>': "can't stand in <a>", "words alone": "no element",
            '<input type="txt">': "no type", '<p style="colr: red;">a</p>': "known property", "<p>&foo;</p>": "&foo;",
            '<table><tr><td rowspan="3">a</td></tr></table>': "beyond", "<p>a < b</p>": "no tag"}
GOOD_CSS = """p { color: red; } / .a > b, #c:hover::before { margin: 0 auto; font-family: "A b", serif; } /
@media (max-width: 600px) { nav { display: none; } } / tr:nth-child(even) { background-color: #eee; } /
.a { grid-template-columns: repeat(3, 1fr); box-shadow: 0 2px 6px rgba(0, 0, 0, 0.2); } /
@keyframes a { from { opacity: 0; } to { opacity: 1; } } / a[href="b"] { background: linear-gradient(90deg, red, #00f); }"""
BAD_CSS = {"p { color: red }": "no ;", "p { colour: red; }": "known property", "p { color: 3px; }": "expected color",
           "p { color: red; ": "not closed", "p color: red; }": "too many", "foo { color: red; }": "known element",
           "p { margin: 1px 2px 3px 4px 5px; }": "5 parts", "p { color: red; color: blue; }": "twice",
           "p:hoover { color: red; }": "pseudo-class", "p { width: 20; }": "found '20'", "p { }": "no declaration",
           "p, { color: red; }": "selector is missing", "{ color: red; }": "no selector", "red": "outside",
           "@media (wide) { p { color: red; } }": "no condition", "p { border: 1px solid bleu; }": "bleu"}


def refused(function, text, why):
    try:
        function(text)
    except check.Wrong as problem:
        assert why in str(problem), (text, str(problem))
        return
    raise AssertionError(f"{text!r} passes")


for text in GOOD_HTML.split("|"):
    check.check_html(text)
for text in GOOD_CSS.split(" /"):
    check.check_css(text)
for text, why in BAD_HTML.items():
    refused(check.check_html, text, why)
for text, why in BAD_CSS.items():
    refused(check.check_css, text, why)
refused(check.check_answer, "```html\n<p>a</p>", "fence is not closed")
refused(check.check_answer, "```python\nprint()\n```", "a snippet of python")

# ---- the judge of held-out answers
loader = importlib.machinery.SourceFileLoader("held_out", sys.argv[2])
held_out = importlib.util.module_from_spec(importlib.util.spec_from_loader("held_out", loader))
loader.exec_module(held_out)
expected = "```html\n<p>\n  a\n</p>\n```"
for answer, passes, equal in ((expected, True, True), ("Here:\n```html\n<p> a\n</p>\n```", True, True),
                              ("```html\n<p>b</p>\n```", True, False), ("```html\n<p>a\n```", False, False),
                              ("a", False, False)):
    assert held_out.judge(check, expected, answer)[:3] == (True, passes, equal), answer
assert held_out.judge(check, "Hello!", "Good day")[:3] == (False, True, False)
assert held_out.judge(check, "Hello!", expected)[1] is False
EOF
