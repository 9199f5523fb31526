"""eval_judge.py - runs a program that a model wrote, inside the sandbox, and says what came of it.

    input   {"token", "code", "entry" or null, "arguments": [[...], ...]}      functions, called
            {"token", "code", "tests": [text, ...]}                            tests, run one by one
    output  a line's end, the token, {"results": [...]} or {"stopped": kind, "why": text}
    result  {"value": plain} | {"type": its name} | {"raised": text}

What a call should give is not in the input: the program can't find it here, whatever it looks at. With tests it is;
there the token stands for "the last test ran through", which a program that ends early can't say.

Values become plain JSON: tuples are lists, sets sorted lists, keys of dictionaries texts as json writes them. What
JSON can't say is a text behind MARK: integers beyond 64 bits, floats that aren't finite, texts with lone surrogates.
"""
import ast
import io
import json
import linecache
import os
import sys
import types

MARK = "\x01"
TEST = "test "  # and its number: what its code is called
WHY = 300  # characters


class Strange(Exception):
    """A value of a type that JSON doesn't have."""


def plain(value):
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if -2 ** 63 <= value < 2 ** 63 else f"{MARK}int:{int(value)}"
    if isinstance(value, float):
        return float(value) if value - value == 0 else f"{MARK}float:{float(value)}"
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return f"{MARK}text:{ascii(value)}"
        return str(value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key_text(key): plain(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        try:
            return [plain(item) for item in sorted(value)]
        except TypeError:
            return sorted((plain(item) for item in value), key=json.dumps)
    raise Strange(type(value).__name__)


def key_text(key):
    if isinstance(key, str):
        return plain(key)
    if key is None or isinstance(key, (bool, int, float)):
        return json.dumps(key)
    if isinstance(key, tuple):
        return str(key)
    raise Strange(f"dict with keys of type {type(key).__name__}")


def from_plain(value):
    """What arguments were: the texts behind MARK become numbers again."""
    if isinstance(value, str) and value.startswith(MARK + "int:"):
        return int(value[5:])
    if isinstance(value, str) and value.startswith(MARK + "float:"):
        return float(value[7:])
    if isinstance(value, list):
        return [from_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: from_plain(item) for key, item in value.items()}
    return value


def told(error):
    try:
        text = str(error)
    except BaseException:
        text = ""
    return f"{type(error).__name__}: {text}"[:WHY] if text else type(error).__name__


def call(function, arguments):
    try:
        return {"value": plain(function(*from_plain(json.loads(arguments))))}
    except Strange as strange:
        return {"type": str(strange)}
    except BaseException as error:
        return {"raised": told(error)}


def find_function(tree, names, entry):
    if entry is not None and callable(names.get(entry)):
        return names[entry]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and callable(names.get(node.name)):
            return names[node.name]
    return None


def failing_line(error, tests):
    """The line of a test in which it was raised; None: it was raised in the program."""
    trace = error.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    name, line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
    if not name.startswith(TEST):
        return None
    return tests[int(name[len(TEST):])].splitlines()[line - 1].strip()


def run_tests(tests, names):
    try:
        for index, test in enumerate(tests):
            exec(compile(test, f"{TEST}{index}", "exec", dont_inherit=True), names)
    except BaseException as error:
        line = failing_line(error, tests)
        if isinstance(error, AssertionError) and line is not None:
            return {"stopped": "wrong", "why": line[:WHY]}
        return {"stopped": "raised", "why": told(error)}
    return {"results": []}


def judge(task):
    try:
        tree = ast.parse(task["code"], "program")
        code = compile(task["code"], "program", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return {"stopped": "syntax", "why": told(error)}
    module = types.ModuleType("program")
    sys.modules["program"] = module
    linecache.cache["program"] = (len(task["code"]), None, task["code"].splitlines(True), "program")
    try:
        exec(code, module.__dict__)
    except BaseException as error:
        return {"stopped": "raised", "why": told(error)}
    if "tests" in task:
        return run_tests(task["tests"], module.__dict__)
    function = find_function(tree, module.__dict__, task["entry"])
    if function is None:
        return {"stopped": "function", "why": ""}
    return {"results": [call(function, arguments) for arguments in task["arguments"]]}


def main():
    task = json.loads(sys.stdin.buffer.read())
    token = task.pop("token")
    task["arguments"] = [json.dumps(arguments) for arguments in task.get("arguments", [])]
    write, leave, dumps = os.write, os._exit, json.dumps
    sys.stdin, sys.stdout = io.StringIO(), io.StringIO()
    answer = judge(task)
    data = f"\n{token}{dumps(answer)}\n".encode()
    while data:
        data = data[write(1, data):]
    leave(0)


main()
