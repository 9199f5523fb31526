"""data_decontaminate_trees.py - syntax trees of many texts as sequences of numbers; nothing of the texts is run.

    input    per text     u32 length | UTF-8
    output   per text     u32 units | per unit: u32 nodes | nodes x (u32 symbol, u32 value)

All numbers are little-endian. A unit is a function, a class, a method, or all of a program that has several parts at its
top. Its nodes stand in the order in which they are written. A symbol is a hash of the node's type (and operator), whose
two lowest bits say what the value is a hash of:

    1   a name that the program itself gives: to a variable, a parameter, a function, an attribute
    2   a constant
    0   another name or an attribute of something else, or nothing (0)

Left out: docstrings, annotations, decorators, imports, what only calls or tests at the top. Written alike: x = x + y and
x += y; v = e, return v and return e; the head of a loop and of a comprehension. A text is a program, or has blocks of
code between lines of ```, or a program that begins at a line like "def".
"""
import ast
import re
import struct
import sys
import textwrap
import warnings
import zlib
from array import array

OWN, CONSTANT = 1, 2
LONGEST = 1 << 20  # bytes of a text, nodes of a unit
MOST_NODES = 2000
BLOCK = re.compile(r"^[ \t]*```[^\n]*\n(.*?)^[ \t]*```", re.S | re.M)
BEGIN = re.compile(r"^(?:async def|def|class|import|from|@)\b", re.M)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
hashes = {}


def hashed(text):
    value = hashes.get(text)
    if value is None:
        if len(hashes) > 1 << 20:
            hashes.clear()
        value = hashes[text] = zlib.crc32(text.encode("utf-8", "surrogatepass")) & 0xFFFFFFFC
    return value


class Own(ast.NodeVisitor):
    """The names that a program gives."""

    def __init__(self, tree):
        self.names, imported = set(), set()
        for node in ast.walk(tree):
            kind = type(node)
            if kind is ast.Name:
                if type(node.ctx) is not ast.Load:
                    self.names.add(node.id)
            elif kind is ast.arg:
                self.names.add(node.arg)
            elif kind in FUNCTIONS or kind is ast.ClassDef:
                self.names.add(node.name)
            elif kind is ast.Attribute and type(node.ctx) is ast.Store:
                self.names.add(node.attr)
            elif kind is ast.ExceptHandler and node.name:
                self.names.add(node.name)
            elif kind in (ast.Import, ast.ImportFrom):
                imported.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        self.names -= imported


def statements(body):
    """Without a docstring; v = e, return v as return e; x = x + y as x += y."""
    if body and type(body[0]) is ast.Expr and type(body[0].value) is ast.Constant and type(body[0].value.value) is str:
        body = body[1:]
    i = 0
    while i < len(body):
        node = body[i]
        kind = type(node)
        if kind is ast.Assign and len(node.targets) == 1 and type(node.targets[0]) is ast.Name:
            name = node.targets[0].id
            following = body[i + 1] if i + 1 < len(body) else None
            if type(following) is ast.Return and type(following.value) is ast.Name and following.value.id == name:
                yield ast.Return(node.value)
                i += 2
                continue
            value = node.value
            if type(value) is ast.BinOp and type(value.left) is ast.Name and value.left.id == name:
                node = ast.AugAssign(node.targets[0], value.op, value.right)
        elif kind is ast.AnnAssign:
            node = ast.Assign([node.target], node.value) if node.value is not None else ast.Pass()
        if kind not in (ast.Import, ast.ImportFrom):
            yield node
        i += 1


class Writer:
    def __init__(self, own):
        self.own, self.out = own, array("I")

    def put(self, symbol, value=0, flag=0):
        self.out.append(hashed(symbol) | flag)
        self.out.append(value)

    def name(self, symbol, text):
        self.put(symbol, hashed(text), OWN if text in self.own else 0)

    def each(self, nodes):
        for node in nodes:
            if node is not None:
                self.write(node)

    def body(self, nodes):
        for node in statements(nodes):
            self.write(node)

    def write(self, node):
        method = WRITERS.get(type(node))
        if method is not None:
            method(self, node)
        else:
            self.general(node)

    def general(self, node):
        kind, operators = type(node).__name__, ""
        for field in ("op", "ops"):
            found = getattr(node, field, None)
            if found is not None:
                operators += " " + " ".join(type(o).__name__ for o in (found if type(found) is list else [found]))
        self.put(kind + operators)
        for field in node._fields:
            value = getattr(node, field, None)
            if field in ("op", "ops", "ctx"):
                continue
            if field in ("body", "orelse", "finalbody") and type(value) is list:
                if value and field != "body":
                    self.put(field)
                self.body(value)
            elif type(value) is list:
                self.each(v for v in value if isinstance(v, ast.AST))
            elif isinstance(value, ast.AST):
                self.write(value)

    def write_name(self, node):
        self.name("Name", node.id)

    def write_attribute(self, node):
        self.name("Attribute", node.attr)
        self.write(node.value)

    def write_constant(self, node):
        self.put("Constant " + type(node.value).__name__, hashed(repr(node.value)[:200]), CONSTANT)

    def write_function(self, node):
        self.name("FunctionDef", node.name)
        self.arguments(node.args)
        self.body(node.body)

    def arguments(self, found):
        for arg in found.posonlyargs + found.args + [found.vararg] + found.kwonlyargs + [found.kwarg]:
            if arg is not None:
                self.name("arg", arg.arg)
        self.each(found.defaults)
        self.each(found.kw_defaults)

    def write_lambda(self, node):
        self.put("Lambda")
        self.arguments(node.args)
        self.write(node.body)

    def write_class(self, node):
        self.name("ClassDef", node.name)
        self.each(node.bases)
        self.body(node.body)

    def write_keyword(self, node):
        self.put("keyword", hashed(node.arg or "**"))
        self.write(node.value)

    def write_handler(self, node):
        self.put("ExceptHandler")
        self.each([node.type])
        self.body(node.body)

    def head(self, node):
        self.put("For")
        self.write(node.target)
        self.write(node.iter)

    def write_for(self, node):
        self.head(node)
        self.body(node.body)
        if node.orelse:
            self.put("orelse")
            self.body(node.orelse)

    def write_comprehension(self, node):
        self.put(type(node).__name__)
        for generator in node.generators:
            self.head(generator)
            for test in generator.ifs:
                self.put("If")
                self.write(test)
        self.each([node.key, node.value] if type(node) is ast.DictComp else [node.elt])


WRITERS = {
    ast.Name: Writer.write_name, ast.Attribute: Writer.write_attribute, ast.Constant: Writer.write_constant,
    ast.FunctionDef: Writer.write_function, ast.AsyncFunctionDef: Writer.write_function, ast.Lambda: Writer.write_lambda,
    ast.ClassDef: Writer.write_class, ast.keyword: Writer.write_keyword, ast.ExceptHandler: Writer.write_handler,
    ast.For: Writer.write_for, ast.AsyncFor: Writer.write_for, ast.ListComp: Writer.write_comprehension,
    ast.SetComp: Writer.write_comprehension, ast.DictComp: Writer.write_comprehension,
    ast.GeneratorExp: Writer.write_comprehension,
}


def parsed(text):
    """The tree of a program, or of what is one from a line like "def" on, up to where it stops being one."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        begin = BEGIN.search(text)
        text = text[begin.start():] if begin else ""
    for _ in range(4):
        if not text.strip():
            return None
        try:
            return ast.parse(text)
        except SyntaxError as error:
            text = "\n".join(text.split("\n")[:max(0, (error.lineno or 1) - 1)])
        except ValueError:
            return None
    return None


def is_part(node):
    """Whether something at the top of a program belongs to what it is."""
    if isinstance(node, (ast.Expr, ast.Assert, ast.Import, ast.ImportFrom)):
        return False
    return not (isinstance(node, ast.If) and "__name__" in ast.dump(node.test))


def units_of(tree):
    own = Own(tree).names
    parts = [node for node in tree.body if is_part(node)]
    groups = [[node] for node in parts if isinstance(node, FUNCTIONS + (ast.ClassDef,))]
    groups += [[method] for node in parts if isinstance(node, ast.ClassDef) for method in node.body
               if isinstance(method, FUNCTIONS)]
    if len(parts) > 1:
        groups.append(parts)
    for group in groups:
        writer = Writer(own)
        writer.body(group)
        if 0 < len(writer.out) <= 2 * MOST_NODES:
            yield writer.out


def units(text):
    found = []
    blocks = [textwrap.dedent(block) for block in BLOCK.findall(text)] or [text]
    for block in blocks:
        if "def " not in block and "class " not in block:
            continue
        try:
            tree = parsed(block)
            if tree is not None:
                found += units_of(tree)
        except (RecursionError, MemoryError):
            pass
    return found


def main():
    warnings.simplefilter("ignore")
    given, out, at = sys.stdin.buffer.read(), [], 0
    while at < len(given):
        length, = struct.unpack_from("<I", given, at)
        text = given[at + 4:at + 4 + length]
        at += 4 + length
        found = units(text.decode("utf-8", "replace")) if length <= LONGEST else []
        out.append(struct.pack("<I", len(found)))
        for unit in found:
            if sys.byteorder == "big":
                unit.byteswap()
            out += [struct.pack("<I", len(unit) // 2), unit.tobytes()]
    sys.stdout.buffer.write(b"".join(out))
    sys.stdout.buffer.flush()


main()
