#!/usr/bin/env python3
"""decontaminate_plant - copies of evaluation problems, disguised as those are that get into training data.

    plant.py HUMANEVAL.jsonl MBPP.jsonl SEED     lines {"text", "kind", "item"} on standard output

    copy       the problem as it is, its statement as docstring or as prose before the code
    renamed    every name that the program itself defines is another; the statement is as it was, or reworded
    rewritten  the statement is reworded; and one or more of: independent statements change places, a loop becomes a
               comprehension or a comprehension a loop, a line is added
    disguised  rewritten and renamed at once (reported alone; nothing is promised)

It knows nothing of how copies are looked for.
"""
import ast
import builtins
import json
import random
import re
import sys
import textwrap

SYNONYMS = {
    "write": "implement", "function": "routine", "python": "python 3", "find": "determine", "given": "provided",
    "list": "sequence", "lists": "sequences", "number": "value", "numbers": "values", "return": "give back",
    "returns": "gives back", "string": "text", "strings": "texts", "check": "verify", "whether": "if", "integer": "whole number",
    "integers": "whole numbers", "element": "item", "elements": "items", "array": "vector", "using": "with the help of",
    "count": "tally", "remove": "drop", "first": "leading", "last": "final", "sum": "total", "all": "each of the",
    "largest": "biggest", "smallest": "least", "maximum": "highest", "minimum": "lowest", "calculate": "work out",
    "convert": "turn", "positive": "above zero", "negative": "below zero", "contains": "has", "input": "argument",
    "output": "result", "takes": "accepts", "should": "must", "word": "term", "words": "terms", "order": "ordering",
    "two": "a pair of", "same": "identical", "each": "every", "index": "position", "create": "build", "print": "show",
    "character": "letter", "characters": "letters", "tuple": "record", "tuples": "records", "dictionary": "mapping",
    "sorted": "ordered", "otherwise": "else", "length": "size", "and": "as well as", "if": "in case", "from": "out of",
    "that": "which", "only": "just", "greater": "bigger", "less": "smaller", "new": "fresh", "empty": "blank",
    "equal": "the same", "even": "divisible by two", "odd": "not divisible by two", "divisible": "evenly divisible",
    "reverse": "flip", "value": "quantity", "values": "quantities", "form": "shape", "you": "we", "your": "our",
    "are": "happen to be", "in": "inside", "the": "that", "to": "so as to", "of": "belonging to",
}
OPENINGS = ("Your task: ", "Exercise. ", "", "In this exercise, ", "Here we want to ", "Goal: ")
NAMES = """alpha basket crate depot ember fable grain harbor island jacket kettle ladder meadow nectar orchard parcel quarry
ribbon saddle tunnel umbrella valley wagon yonder zephyr anchor beacon candle dagger engine falcon garden hammer inkwell
jungle kernel_box lantern magnet needle oyster pillar quiver rocket shovel thicket usher vessel willow yarn_ball zipper apron
bucket cellar drawer eagle feather goblet hinge ivory jewel kite locket mirror nugget onion pepper quilt raven sponge
timber unicorn violin walnut""".split()


def reword(text, rng):
    """Other words for most of what is said; examples go."""
    text = re.split(r"\n\s*(?:>>>|Examples?:?|For example|For Example|Example \d)", text)[0]
    pieces = re.split(r"(\W+)", " ".join(text.split()))
    for i in range(0, len(pieces), 2):
        other = SYNONYMS.get(pieces[i].lower())
        if other is not None and rng.random() < 0.7:
            pieces[i] = other.capitalize() if pieces[i][:1].isupper() else other
    sentences = re.split(r"(?<=\.) ", "".join(pieces))
    if len(sentences) > 2:
        i = rng.randrange(1, len(sentences) - 1)
        sentences[i], sentences[i + 1] = sentences[i + 1], sentences[i]
    return rng.choice(OPENINGS) + " ".join(sentences)


# ---- names ------------------------------------------------------------------------------------------


def own_names(tree):
    """What the program itself binds, imported names left out."""
    found, imported = [], set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            imported.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.append(node.name)
        elif isinstance(node, ast.arg):
            found.append(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            found.append(node.id)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.append(node.name)
    return [name for name in dict.fromkeys(found) if name not in imported and not hasattr(builtins, name)
            and not name.startswith("__") and name != "self"]


class Rename(ast.NodeTransformer):
    def __init__(self, names):
        self.names = names

    def other(self, name):
        return self.names.get(name, name)

    def visit_Name(self, node):
        node.id = self.other(node.id)
        return node

    def visit_arg(self, node):
        self.generic_visit(node)
        node.arg = self.other(node.arg)
        return node

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        node.name = self.other(node.name)
        return node

    visit_ClassDef = visit_FunctionDef

    def visit_ExceptHandler(self, node):
        self.generic_visit(node)
        node.name = self.other(node.name) if node.name else None
        return node

    def visit_keyword(self, node):
        self.generic_visit(node)
        if node.arg:
            node.arg = self.other(node.arg)
        return node

    def visit_Global(self, node):
        node.names = [self.other(name) for name in node.names]
        return node

    visit_Nonlocal = visit_Global


def rename(tree, rng):
    names = own_names(tree)
    pool = NAMES[:]
    rng.shuffle(pool)
    while len(pool) < len(names):
        pool += [name + "_" + str(len(pool)) for name in pool]
    return Rename(dict(zip(names, pool))).visit(tree)


# ---- rewriting --------------------------------------------------------------------------------------


def names_in(node, kinds):
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, kinds)}


def is_plain(node):
    """An assignment to a name that changes nothing else."""
    return (isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
            and not any(isinstance(n, (ast.Yield, ast.Await, ast.NamedExpr)) for n in ast.walk(node))
            and all(isinstance(n.func, ast.Name) for n in ast.walk(node.value) if isinstance(n, ast.Call)))


def reorder(body, rng):
    done = False
    for i in range(len(body) - 1):
        a, b = body[i], body[i + 1]
        if is_plain(a) and is_plain(b):
            stored = names_in(a, ast.Store), names_in(b, ast.Store)
            loaded = names_in(a, ast.Load), names_in(b, ast.Load)
            if not stored[0] & (stored[1] | loaded[1]) and not stored[1] & loaded[0]:
                body[i], body[i + 1] = b, a
                done = True
    return done


def filtered(loop):
    """(condition or None, the one statement) of a loop's body."""
    if len(loop.body) != 1 or loop.orelse:
        return None
    inner = loop.body[0]
    if isinstance(inner, ast.If) and not inner.orelse and len(inner.body) == 1:
        return inner.test, inner.body[0]
    return None, inner


def comprehension(loop, condition, value):
    return [ast.comprehension(loop.target, loop.iter, [] if condition is None else [condition], 0)], value


def loop_to_comprehension(body, rng):
    for i in range(len(body) - 1):
        start, loop = body[i], body[i + 1]
        if not (is_plain(start) and isinstance(loop, ast.For)):
            continue
        name, inside = start.targets[0].id, filtered(loop)
        if inside is None:
            continue
        condition, act = inside
        used = names_in(loop.iter, ast.Load) | (names_in(condition, ast.Load) if condition else set())
        if name in used:
            continue
        empty = isinstance(start.value, ast.List) and not start.value.elts
        zero = isinstance(start.value, ast.Constant) and start.value.value == 0
        if (empty and isinstance(act, ast.Expr) and isinstance(act.value, ast.Call) and isinstance(act.value.func, ast.Attribute)
                and act.value.func.attr == "append" and isinstance(act.value.func.value, ast.Name)
                and act.value.func.value.id == name and name not in names_in(act.value.args[0], ast.Load)):
            generators, value = comprehension(loop, condition, act.value.args[0])
            body[i:i + 2] = [ast.Assign(start.targets, ast.ListComp(value, generators), lineno=0)]
            return True
        if (zero and isinstance(act, ast.AugAssign) and isinstance(act.op, ast.Add) and isinstance(act.target, ast.Name)
                and act.target.id == name and name not in names_in(act.value, ast.Load)):
            generators, value = comprehension(loop, condition, act.value)
            call = ast.Call(ast.Name("sum", ast.Load()), [ast.GeneratorExp(value, generators)], [])
            body[i:i + 2] = [ast.Assign(start.targets, call, lineno=0)]
            return True
    return False


def comprehension_to_loop(body, rng):
    for i, node in enumerate(body):
        if not isinstance(node, (ast.Return, ast.Assign)) or not isinstance(node.value, ast.ListComp):
            continue
        if len(node.value.generators) != 1 or isinstance(node, ast.Assign) and not is_plain(node):
            continue
        generator = node.value.generators[0]
        name = node.targets[0].id if isinstance(node, ast.Assign) else "collected"
        if name in names_in(node.value, ast.Load):
            continue
        append = ast.Attribute(ast.Name(name, ast.Load()), "append", ast.Load())
        inner = ast.Expr(ast.Call(append, [node.value.elt], []))
        for test in reversed(generator.ifs):
            inner = ast.If(test, [inner], [])
        new = [ast.Assign([ast.Name(name, ast.Store())], ast.List([], ast.Load()), lineno=0),
               ast.For(generator.target, generator.iter, [inner], [], lineno=0)]
        if isinstance(node, ast.Return):
            new.append(ast.Return(ast.Name(name, ast.Load())))
        body[i:i + 1] = new
        return True
    return False


def add_line(function, rng):
    body, names = function.body, [a.arg for a in function.args.args if a.arg != "self"]
    first = 1 if ast.get_docstring(function) is not None else 0
    choice = rng.randrange(4)
    if choice == 0 and isinstance(body[-1], ast.Return) and body[-1].value is not None \
            and not isinstance(body[-1].value, ast.Name):
        body[-1:] = ast.parse("answer = 0\nreturn answer").body
        return False  # filled by the caller, which has the old value
    if choice <= 1 and names:
        body.insert(first, ast.parse(f"assert {names[0]} is not None").body[0])
    elif choice == 2 and names:
        body.insert(first, ast.parse(f"if {names[0]} is None:\n    return None").body[0])
    else:
        body.insert(first, ast.parse("finished = False").body[0])
    return True


def add(function, rng):
    last = function.body[-1]
    if not add_line(function, rng):
        function.body[-2].value = last.value


def rewrite(tree, rng):
    """At least one change in the code; more, where they fit."""
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    main = max(functions, key=lambda f: sum(1 for _ in ast.walk(f)))
    done = 0
    for node in [n for n in ast.walk(tree) if isinstance(getattr(n, "body", None), list)]:
        for change in (loop_to_comprehension, comprehension_to_loop, reorder):
            if rng.random() < 0.7 and change(node.body, rng):
                done += 1
                break
    if done == 0 or rng.random() < 0.5:
        add(main, rng)
    return tree


# ---- documents --------------------------------------------------------------------------------------


def with_docstring(tree, statement):
    """The statement in the last function's place for it; what stood there goes."""
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    if not functions:
        return None
    for function in functions:
        if ast.get_docstring(function) is not None:
            function.body.pop(0)
            if not function.body:
                function.body.append(ast.Pass())
    text = "\n" + textwrap.indent(textwrap.fill(statement, 88), "    ") + "\n    "
    functions[-1].body.insert(0, ast.Expr(ast.Constant(text)))
    return tree


def document(tree, statement, prose):
    if not prose:
        marked = with_docstring(tree, statement)
        if marked is not None:
            return ast.unparse(ast.fix_missing_locations(marked)) + "\n"
    with_docstring(tree, "x")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body.pop(0)
    return f"{statement}\n\n```python\n{ast.unparse(ast.fix_missing_locations(tree))}\n```\n"


def as_it_is(item, prose):
    if item["whole"] is not None and not prose:
        return item["whole"]
    return f"{item['statement']}\n\n```python\n{item['code']}\n```\n" if prose else \
        document(ast.parse(item["code"]), item["statement"], False)


def items(humaneval, mbpp):
    for line in open(humaneval, encoding="utf-8"):
        row = json.loads(line)
        code = row["prompt"] + row["canonical_solution"]
        tree = ast.parse(code)
        documented = [ast.get_docstring(n) for n in tree.body if isinstance(n, ast.FunctionDef) and ast.get_docstring(n)]
        yield {"item": row["task_id"], "code": code, "whole": code, "statement": documented[-1] if documented else ""}
    for line in open(mbpp, encoding="utf-8"):
        row = json.loads(line)
        yield {"item": f"MBPP/{row['task_id']}", "code": row["code"].replace("\r\n", "\n"), "whole": None,
               "statement": row["text"]}


def main():
    rng = random.Random(int(sys.argv[3]))
    for item in items(sys.argv[1], sys.argv[2]):
        def emit(kind, text):
            print(json.dumps({"text": text, "kind": kind, "item": item["item"]}))
        statement = item["statement"]
        emit("copy", as_it_is(item, rng.random() < 0.3))
        said = statement if rng.random() < 0.5 else reword(statement, rng)
        emit("renamed", document(rename(ast.parse(item["code"]), rng), said, rng.random() < 0.3))
        emit("rewritten", document(rewrite(ast.parse(item["code"]), rng), reword(statement, rng), rng.random() < 0.3))
        disguised = rename(rewrite(ast.parse(item["code"]), rng), rng)
        emit("disguised", document(disguised, reword(statement, rng), rng.random() < 0.3))


if __name__ == "__main__":
    main()
