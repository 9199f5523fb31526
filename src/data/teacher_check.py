"""teacher_check.py - judges a teacher's answer: runs its code, reads what stands where.

Reads a line of JSON, prints a line behind the request's mark:

    {"mark", "form", "text": before the first fence, "codes": [fences of Python], "whole": the answer,
     "name": of the function or "", "words": "a, b", "least": words}
    MARK {"keep": true, "text" or "prompt" and "completion" or "user" and "assistant"}
    MARK {"keep": false, "reason": from a short list, "detail"}
"""
import ast
import contextlib
import doctest
import io
import json
import re
import signal
import sys

SECONDS = 2  # of processor time, for all of an answer's code: a busy machine refuses nothing


class Refused(Exception):
    pass


class TimeUp(BaseException):
    pass


def time_is_up(*arguments):
    signal.setitimer(signal.ITIMER_PROF, 0.2)  # again, where it is caught
    late.append(True)
    raise TimeUp


late = []


def refuse(reason, detail=""):
    raise Refused(reason, str(detail)[:300])


def refuse_late():
    if late:
        signal.setitimer(signal.ITIMER_PROF, 0)
        refuse("the code takes too long", f"more than {SECONDS} s of processor time")


def words_of(text):
    return re.findall(r"[\w']+", text)


def run(code, scope):
    """What it prints."""
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            exec(compile(code, "<answer>", "exec"), scope)
    except SyntaxError as error:
        refuse("no Python", error)
    except BaseException as error:
        refuse_late()
        refuse("the code fails", f"{type(error).__name__}: {error}")
    return out.getvalue()


def parsed(code):
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        refuse("no Python", error)


def check_words(request, text):
    for word in filter(None, (word.strip() for word in request["words"].split(","))):
        if not re.search(r"(?<!\w)" + re.escape(word.lower()), text.lower()):
            refuse("a required word is missing", word)
    if len(words_of(text)) < request["least"]:
        refuse("too short", f"{len(words_of(text))} words, expected {request['least']}")


def textbook(request):
    text = request["whole"].strip()
    check_words(request, text)
    if not request["codes"]:
        refuse("no code")
    scope = {"__name__": "__main__"}
    for code in request["codes"]:
        parsed(code)
        run(code, scope)
    return {"text": text + "\n"}


def function_of(tree, name):
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    if name:
        functions = [node for node in functions if node.name == name]
    documented = [node for node in functions if ast.get_docstring(node)]
    if not functions:
        refuse("no such function" if name else "no function", name)
    if not documented:
        refuse("no docstring")
    return documented[0]


def try_examples(function, scope):
    """All examples of the docstring; at least one has to say what comes out."""
    try:
        test = doctest.DocTestParser().get_doctest(ast.get_docstring(function), scope, function.name, None, 0)
    except ValueError as error:
        refuse("no example that runs", error)
    if not any(example.want and function.name in example.source for example in test.examples):
        refuse("no example that runs")
    report = io.StringIO()
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    try:
        result = runner.run(test, out=report.write, clear_globs=False)
    except BaseException as error:
        refuse_late()
        refuse("an example fails", f"{type(error).__name__}: {error}")
    refuse_late()
    if result.failed:
        refuse("an example fails", re.sub(r"\s+", " ", report.getvalue()).strip("* "))


def exercise(request):
    if not request["codes"]:
        refuse("no code")
    code = request["codes"][-1]
    tree = parsed(code)
    function = function_of(tree, request["name"])
    body = function.body[1:]
    if not body or all(isinstance(node, ast.Pass) for node in body) or body[0].lineno <= function.body[0].end_lineno:
        refuse("no body")
    check_words(request, request["whole"])
    # What is called at the file's end is no part of the exercise.
    kept = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef,
                                                            ast.Assign, ast.AnnAssign))]
    kept = kept[:kept.index(function) + 1]
    lines = code.split("\n")
    scope = {"__name__": "exercise"}
    before = "\n".join("\n".join(lines[node.lineno - 1 - len(getattr(node, "decorator_list", [])):node.end_lineno])
                       for node in kept)
    run(before, scope)
    try_examples(function, scope)
    docstring = function.body[0].end_lineno
    head = "\n".join("\n".join(lines[node.lineno - 1 - len(getattr(node, "decorator_list", [])):node.end_lineno])
                     for node in kept[:-1])
    begin = function.lineno - 1 - len(function.decorator_list)
    prompt = (head + "\n\n\n" if head else "") + "\n".join(lines[begin:docstring]) + "\n"
    completion = "\n".join(lines[docstring:function.end_lineno]).strip("\n") + "\n"
    return {"prompt": prompt, "completion": completion}


def problem(request):
    text = re.sub(r"^(\s*#[^\n]*\n)+", "", request["text"]).strip()
    text = re.sub(r"^\W*problem\W*[:.]\W*", "", text, flags=re.I)
    text = re.sub(r"\n\W*(program|solution|answer|python|code)\W*$", "", text, flags=re.I).strip()
    if not request["codes"]:
        refuse("no code")
    if not words_of(text):
        refuse("no problem before the code")
    check_words(request, text)
    code = request["codes"][-1].strip()
    parsed(code)
    printed = run(code + "\n", {"__name__": "__main__"}).split()
    if len(printed) != 1 or not re.fullmatch(r"[-+]?\d+(\.\d+)?", printed[0]):
        refuse("prints no single number", " ".join(printed))
    return {"user": text, "assistant": "```python\n" + code + "\n```", "answer": printed[0]}


def judge(request):
    forms = {"textbook": textbook, "exercise": exercise, "problem": problem}
    if not request["whole"].strip():
        refuse("empty")
    return dict(forms[request["form"]](request), keep=True)


def main():
    request = json.loads(sys.stdin.readline())
    out = sys.stdout
    signal.signal(signal.SIGPROF, time_is_up)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        verdict = judge(request)
    except Refused as refused:
        verdict = {"keep": False, "reason": refused.args[0], "detail": refused.args[1]}
    signal.setitimer(signal.ITIMER_PROF, 0)
    out.write("\n" + request["mark"] + " " + json.dumps(verdict) + "\n")
    out.flush()


main()
