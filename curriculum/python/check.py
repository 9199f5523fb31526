"""The check of lessons about Python: reads a lesson a line (JSON), answers a line each.

What comes in, as far as a lesson has it:
  seed                 of the random arguments
  vars, lets, require  draws; [name, expression] worked out from them; conditions that must hold
  functions            each with entry, keys and makes of its arguments, codes (all variants), require,
                       examples (texts "arguments -> result"); with a twist the codes without it (plain), which
                       of the arguments it is about (targets), what makes one that it notices (make), what it
                       makes of the plain function (expect), and of which functions that may be asked (when)
  program, answer      a program, and the expression whose value it must print
  holes                expressions to work out (their values stand in the program too); call(i, f) and result(i, f) are of function f

What goes out:
  keep, why            whether the lesson is right; if not, what was found
  holes                their values as texts
  trees                of each function, of each variant: a hash of its syntax tree, without the names
                       that it gives itself and without constants
  answer               of a problem: what its program must print
  calls                of the last function: {"arguments": [...], "expected": ...}
  answer               the number that the program prints
"""
import ast
import contextlib
import functools
import hashlib
import io
import json
import math
import pickle
import random
import re
import signal
import sys

WORDS = """apple river stone bread light green music paper chair table house garden window summer winter
bird fish horse tiger rabbit lemon orange cherry sugar water cloud storm train plane bottle pencil letter
number button pocket castle forest island bridge market street silver golden level radar noon civic banana
coffee cat dog sun sky tea red blue""".split()
CALLS = 6
TRIES = 60


class Wrong(Exception):
    pass


class Unfit(Exception):
    """Nothing is wrong, but this isn't worth a lesson."""


def alarm(*_):
    raise Wrong("takes longer than a second")


signal.signal(signal.SIGALRM, alarm)


class Normal(ast.NodeTransformer):
    """Names that the code gives itself, and constants, become all alike."""

    def __init__(self, tree):
        self.own = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.arg):
                self.own.add(node.arg)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self.own.add(node.id)
            elif isinstance(node, ast.FunctionDef):
                self.own.add(node.name)

    def visit_Name(self, node):
        return ast.Name("_" if node.id in self.own else node.id, node.ctx)

    def visit_arg(self, node):
        return ast.arg("_", None)

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        node.name = "_"
        return node

    def visit_Constant(self, node):
        return ast.Constant(type(node.value).__name__)


@functools.lru_cache(maxsize=None)
def tree_hash(code):
    tree = ast.parse(code)
    normal = Normal(tree).visit(tree)
    return hashlib.blake2b(ast.dump(normal).encode(), digest_size=8).hexdigest()


def same(a, b):
    if isinstance(a, float) or isinstance(b, float):
        return (isinstance(a, (int, float)) and isinstance(b, (int, float))
                and not isinstance(a, bool) and not isinstance(b, bool)
                and math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9))
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return a == b


def shown(value):
    if isinstance(value, float):
        return str(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)


@functools.lru_cache(maxsize=None)
def expression(text):
    return compile(text.strip(), "lesson", "eval")


def compiled(code, entry):
    scope = {"math": math}
    exec(code, scope)
    return scope[entry]


def copies(value):
    """Makes copies of a value: a function may change what it is given."""
    kept = pickle.dumps(value, -1)
    return lambda: pickle.loads(kept)


def try_arguments(functions, arguments):
    """The result, on which all variants agree; None where the first one refuses the arguments."""
    again = copies(arguments)
    try:
        result = functions[0](*again())
    except Wrong:
        raise
    except Exception:
        return None
    for other in functions[1:]:
        try:
            found = other(*again())
        except Wrong:
            raise
        except Exception as problem:
            raise Wrong(f"a variant raises {type(problem).__name__} on {arguments!r}")
        if not same(result, found):
            raise Wrong(f"variants give {result!r} and {found!r} on {arguments!r}")
    return (result,)


def readable(value):
    """No number that nobody would print, and that JSON's readers cut."""
    if isinstance(value, (list, tuple, set)):
        return all(readable(item) for item in value)
    if isinstance(value, dict):
        return all(readable(item) for pair in value.items() for item in pair)
    return not isinstance(value, (int, float)) or abs(value) < 10**15


def check_examples(spec, functions):
    for example in spec.get("examples", []):
        left, _, right = example.rpartition("->")
        arguments, expected = list(eval(f"({left},)")), eval(right)
        for function in functions:
            found = function(*copies(arguments)())
            if not same(found, expected):
                raise Wrong(f"example {example}: found {found!r}")


class Refused(Exception):
    """The function without its twist takes no such arguments."""


def twisted_arguments(twist, make, arguments, dice):
    """Arguments that the twist notices: each of its targets made anew."""
    arguments = copies(arguments)()
    if make is not None:
        for target in twist["targets"]:
            arguments[target] = eval(make, {"R": dice, "WORDS": WORDS, "target": arguments[target]})
    return arguments


def expected_of(twist, plain, arguments):
    """What must come out, by the twist's own words; None where the plain function refuses."""
    names = ["target", "target2"]
    targets = twist["targets"]
    scope = {"math": math, "functools": functools, "arguments": arguments}
    scope.update((name, arguments[target]) for name, target in zip(names, targets))

    def without(*values):
        replaced = copies(arguments)()
        for target, value in zip(targets, values):
            replaced[target] = value
        try:
            return plain(*replaced)
        except Wrong:
            raise
        except Exception as problem:
            raise Refused from problem

    try:
        scope["given"], scope["fails"] = without(), False
    except Refused:
        scope["given"], scope["fails"] = None, True
    scope["plain"] = without
    try:
        if not all(eval(expression(condition), scope) for condition in twist["when"]):
            raise Unfit
        result = eval(expression(twist["expect"]), scope)
    except Refused:
        return None
    except TypeError:
        if scope["fails"]:  # `given` is nothing then
            return None
        raise
    return result, not scope["fails"] and same(result, scope["given"])


def check_twist(spec, dice, calls):
    """Calls of the function with its twist, some of which the twist makes a difference to."""
    twist = spec["twist"]
    plain = compiled(twist["plain"][0], spec["entry"])
    functions = [compiled(code, spec["entry"]) for code in spec["codes"]]
    make = expression(twist["make"]) if twist["make"] else None
    alike, other, seen = [], [], set()
    for i in range(TRIES):
        arguments = twisted_arguments(twist, make if i % 2 == 0 else None, calls[i % len(calls)][0], dice)
        if repr(arguments) in seen:
            continue
        seen.add(repr(arguments))
        expected = expected_of(twist, plain, copies(arguments)())
        if expected is None:
            continue
        for function in functions:
            found = function(*copies(arguments)())
            if not same(found, expected[0]):
                raise Wrong(f"with its twist: {found!r} on {arguments!r}, expected {expected[0]!r}")
        if readable(expected[0]):
            (alike if expected[1] else other).append((arguments, expected[0]))
    if not other:
        raise Unfit
    other = other[:CALLS // 2 if alike else CALLS]
    return other + alike[:CALLS - len(other)]


def check_function(spec, dice):
    if spec.get("twist"):
        return check_twist(spec, dice, check_function({**spec, "codes": spec["twist"]["plain"], "twist": None}, dice))
    functions = [compiled(code, spec["entry"]) for code in spec["codes"]]
    check_examples(spec, functions)
    makes = [expression(make) for make in spec["makes"]]
    calls, seen = [], set()
    for _ in range(TRIES):
        scope = {"R": dice, "WORDS": WORDS}
        arguments = [eval(make, scope) for make in makes]
        scope.update(zip(spec["keys"], arguments))
        if not all(eval(expression(condition), scope) for condition in spec.get("require", [])):
            continue
        if repr(arguments) in seen:
            continue
        seen.add(repr(arguments))
        result = try_arguments(functions, arguments)
        if result is not None and readable(result[0]):
            calls.append((arguments, result[0]))
        if len(calls) == CALLS:
            break
    if not calls:
        raise Wrong("no arguments were found that it takes")
    return calls


def check_program(program, lesson, scope):
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(program, {"math": math})
    lines = output.getvalue().split("\n")
    expected, found = eval(lesson["answer"], scope), lines[-2] if len(lines) > 1 else ""
    try:
        right = same(float(found), float(expected))
    except ValueError:
        right = found == str(expected)
    if not right:
        raise Wrong(f"the program prints {found!r}, the answer is {expected!r}")
    return expected


def check(lesson):
    scope = dict(lesson.get("vars", {}), math=math)
    for name, text in lesson.get("lets", []):
        scope[name] = eval(expression(text), scope)
    for condition in lesson.get("require", []):
        if not eval(expression(condition), scope):
            return {"keep": False, "why": ""}
    dice = random.Random(lesson["seed"])
    functions = lesson.get("functions", [])
    results = [check_function(spec, dice) for spec in functions]
    # Examples that say something first: those with a result that isn't empty.
    told = [calls if spec.get("twist") else sorted(calls, key=lambda call: not call[1])[:CALLS]
            for spec, calls in zip(functions, results)]

    def call(index, which=0):
        arguments = told[which][index % len(told[which])][0]
        return f"{functions[which]['entry']}({', '.join(map(repr, arguments))})"

    def given(index, which=0):
        return ", ".join(map(repr, told[which][index % len(told[which])][0]))

    def result(index, which=0):
        return repr(told[which][index % len(told[which])][1])

    scope.setdefault("call", call)
    scope.setdefault("given", given)
    scope.setdefault("result", result)
    answer = {"keep": True, "holes": [shown(eval(expression(hole), scope)) for hole in lesson.get("holes", [])]}
    if "program" in lesson:
        program = re.sub("\1(\\d+)\2", lambda hole: answer["holes"][int(hole[1])], lesson["program"])
        printed = check_program(program, lesson, scope)
        if isinstance(printed, (int, float)) and not isinstance(printed, bool):
            answer["answer"] = printed
    if functions:
        answer["trees"] = [[tree_hash(code) for code in spec["codes"]] for spec in functions]
        answer["calls"] = [{"arguments": arguments, "expected": value} for arguments, value in results[-1]]
    return answer


def main():
    for line in sys.stdin:
        signal.setitimer(signal.ITIMER_REAL, 1)
        try:
            answer = check(json.loads(line))
        except Wrong as problem:
            answer = {"keep": False, "why": str(problem)}
        except Unfit:
            answer = {"keep": False, "why": ""}
        except Exception as problem:
            answer = {"keep": False, "why": f"{type(problem).__name__}: {problem}"}
        signal.setitimer(signal.ITIMER_REAL, 0)
        try:
            text = json.dumps(answer)
        except (TypeError, ValueError):
            text = json.dumps(dict(answer, calls=[]))
        print(text)


main()
