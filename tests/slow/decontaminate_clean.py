#!/usr/bin/env python3
"""decontaminate_clean - exercises in Python that are nobody's test: statement and solution, as textbooks have them.

    clean.py COUNT SEED     lines {"text"} on standard output

A function is put together from a subject (what it is about), a shape (25 ways to solve something), conditions and
expressions drawn at random, guards before and steps after; names are drawn for each anew. A sixth are very short, as
many of real exercises are. Some are in prose with a block of code.
"""
import json
import random
import sys

SUBJECTS = [
    ("orders", "order", ("price", "quantity", "weight"), "a web shop"),
    ("readings", "reading", ("level", "temperature", "delay"), "a weather station"),
    ("books", "book", ("pages", "year", "copies"), "a village library"),
    ("recipes", "recipe", ("servings", "minutes", "calories"), "a cooking course"),
    ("flights", "flight", ("distance", "seats", "delay"), "a small airline"),
    ("plants", "plant", ("height", "age", "litres"), "a greenhouse"),
    ("players", "player", ("score", "age", "wins"), "a chess club"),
    ("tickets", "ticket", ("price", "row", "age"), "a theatre"),
    ("patients", "patient", ("age", "pulse", "visits"), "a hospital ward"),
    ("songs", "song", ("seconds", "plays", "year"), "a radio programme"),
    ("rooms", "room", ("area", "beds", "floor"), "a mountain hotel"),
    ("parcels", "parcel", ("weight", "volume", "days"), "a post office"),
    ("cars", "car", ("mileage", "doors", "power"), "a car dealer"),
    ("students", "student", ("grade", "age", "absences"), "a school"),
    ("animals", "animal", ("weight", "age", "meals"), "a zoo"),
    ("messages", "message", ("length", "replies", "hour"), "a chat program"),
    ("trees", "tree", ("height", "rings", "girth"), "a forester"),
    ("trains", "train", ("delay", "wagons", "speed"), "a railway station"),
    ("invoices", "invoice", ("amount", "tax", "days"), "an accountant"),
    ("sensors", "sensor", ("voltage", "noise", "errors"), "a factory hall"),
]
VERBS = ("compute", "work out", "collect", "report", "tell", "determine", "gather", "estimate", "prepare", "derive")
PURPOSES = ("so that the evening report can be printed", "before the next shift begins", "for the yearly overview",
            "to decide what has to be bought", "because the manager asked for it", "as input for a chart",
            "so that mistakes are noticed early", "for a table on the wall", "to plan the coming week",
            "when the data is loaded anew", "without changing what was handed in", "for a newsletter")
LOCALS = """result total found kept best counter summary current value item entry chosen amount bucket groups parts line
output selected running highest lowest previous share rest batch mark label score_sum figures column stock""".split()


class Maker:
    def __init__(self, rng):
        self.rng = rng

    def begin(self):
        rng = self.rng
        self.many, self.one, fields, self.place = rng.choice(SUBJECTS)
        self.fields = list(fields)
        rng.shuffle(self.fields)
        self.names = rng.sample(LOCALS, 8)
        self.limit = rng.choice(("limit", "threshold", "least", "most", "bound", "target", "minimum_wanted"))
        self.style = rng.choice(("key", "attribute", "plain"))

    def field(self, which=0, owner=None):
        owner = owner or self.one
        name = self.fields[which % 3]
        return {"key": f'{owner}["{name}"]', "attribute": f"{owner}.{name}", "plain": owner}[self.style]

    def number(self):
        return self.rng.choice((2, 3, 4, 5, 7, 8, 9, 11, 12, 15, 20, 24, 25, 30, 36, 40, 50, 60, 64, 75, 90, 100, 120, 250, 365, 400))

    def condition(self, x=None):
        x, rng = x or self.field(), self.rng
        return rng.choice((
            f"{x} > {self.limit}", f"{x} >= {self.number()}", f"{x} < {self.limit}", f"{x} % {self.number()} == {rng.randint(0, 1)}",
            f"{self.number()} <= {x} <= {self.number() + 100}", f"{x} != {self.limit} and {x} > {rng.randint(0, 9)}",
            f"not {x}", f"{x} is not None", f"abs({x} - {self.limit}) < {self.number()}", f"{x} > {self.limit} or {x} == {self.number()}",
            f"{x} * {self.number()} > {self.limit}", f"{x} not in seen", f"round({x}) == {x}"))

    def expression(self, x=None, y=None):
        x, y, rng = x or self.field(), y or self.field(1), self.rng
        n = self.number()
        return rng.choice((
            f"{x} * {n}", f"{x} + {y}", f"{x} * {y} / {n}", f"max({x}, {n})", f"min({x}, {y})", f"round({x} / {n}, 2)",
            f"({x} - {n}) ** 2", f"{x} // {n} + 1", f"{x} - {y} * {round(rng.random(), 2)}", f"{x}", f"str({x})",
            f"({x}, {y})", f"f\"{{{x.replace(chr(34), chr(39))}}} of {n}\"", f"{x} if {x} > {n} else {y}", f"abs({x} - {y})",
            f"int({x} * {round(rng.random() * 3, 2)})", f"{x} % {n}"))

    def numeric(self, x=None):
        while True:
            text = self.expression(x)
            if not text.startswith(("str", "(", "f\"")):
                return text

    # Each shape gives (parameters, body lines, what it does).

    def keep(self):
        a, rng = self.names, self.rng
        if rng.random() < 0.4:
            return [self.many, self.limit], [f"{a[0]} = [{self.expression()} for {self.one} in {self.many} if {self.condition()}]",
                                             f"return {a[0]}"], f"keep the {self.many} that pass a test"
        return [self.many, self.limit], [f"{a[0]} = []", f"for {self.one} in {self.many}:", f"    if {self.condition()}:",
                                         f"        {a[0]}.append({self.expression()})", f"return {a[0]}"], \
            f"list what matters about the {self.many}"

    def total(self):
        a = self.names
        body = [f"{a[0]} = {self.rng.choice((0, 0.0, 1))}", f"for {self.one} in {self.many}:"]
        if self.rng.random() < 0.6:
            body += [f"    if {self.condition()}:", "        continue"]
        body += [f"    {a[0]} += {self.numeric()}"]
        if self.rng.random() < 0.4:
            body += [f"    {a[0]} -= {self.numeric()}"]
        return [self.many, self.limit], body + [f"return {a[0]}"], f"add up the {self.fields[0]} of all {self.many}"

    def group(self):
        a = self.names
        key = self.rng.choice((self.field(2), f"{self.field()} // {self.number()}", f"str({self.field(2)})[0]"))
        body = [f"{a[0]} = {{}}", f"for {self.one} in {self.many}:", f"    {a[1]} = {key}"]
        if self.rng.random() < 0.5:
            body += [f"    {a[0]}.setdefault({a[1]}, []).append({self.expression()})"]
        else:
            body += [f"    {a[0]}[{a[1]}] = {a[0]}.get({a[1]}, 0) + {self.numeric()}"]
        return [self.many], body + [f"return {a[0]}"], f"put the {self.many} into groups"

    def formula(self):
        a, rng = self.names, self.rng
        x, y = self.fields[0], self.fields[1]
        body, last = [], x
        for name in a[:rng.randint(1, 4)]:
            body.append(f"{name} = {last} {rng.choice('+-*/')} {rng.choice((y, self.number(), round(rng.random() * 9, 2)))}")
            if rng.random() < 0.3:
                body.append(f"{name} = {rng.choice(('round', 'abs', 'int'))}({name})")
            last = name
        return [x, y], body + [f"return {last}"], f"estimate something from {x} and {y}"

    def simulate(self):
        a, rng = self.names, self.rng
        body = [f"{a[0]} = 0", f"while {self.fields[0]} {rng.choice(('<', '<='))} {self.limit}:",
                f"    {self.fields[0]} {rng.choice(('+=', '*='))} {rng.choice((self.number(), round(1 + rng.random(), 2)))}",
                f"    {a[0]} += 1"]
        if rng.random() < 0.5:
            body += [f"    if {a[0]} > {self.number() * 10}:", "        break"]
        return [self.fields[0], self.limit], body + [f"return {a[0]}"], f"count the rounds until {self.fields[0]} is reached"

    def grid(self):
        a, rng = self.names, self.rng
        body = [f"{a[0]} = {rng.choice(('0', '[]'))}", f"for {a[1]} in range(len({a[3]})):",
                f"    for {a[2]} in range(len({a[3]}[{a[1]}])):", f"        if {self.condition(f'{a[3]}[{a[1]}][{a[2]}]')}:"]
        body += [f"            {a[0]} += {self.numeric(f'{a[3]}[{a[1]}][{a[2]}]').replace(self.field(1), a[1])}" if body[0].endswith("0")
                 else f"            {a[0]}.append(({a[1]}, {a[2]}))"]
        return [a[3], self.limit], body + [f"return {a[0]}"], f"look at every place of a plan of {self.many}"

    def words(self):
        a, rng = self.names, self.rng
        how = rng.choice(("split()", "split(\",\")", "splitlines()", "lower().split()", "strip().split(\";\")"))
        test = rng.choice((f"len({a[1]}) > {rng.randint(2, 9)}", f"{a[1]}.startswith(\"{rng.choice('abcdefgh')}\")", f"{a[1]}.isdigit()",
                           f"\"{rng.choice('aeiou')}\" in {a[1]}", f"{a[1]}.istitle()", f"{a[1]}[-1] == \"{rng.choice('stnd')}\""))
        do = rng.choice((f"{a[1]}.strip()", f"{a[1]}.upper()", f"{a[1]}[:{rng.randint(2, 6)}]", f"{a[1]}.replace(\"-\", \"\")",
                         f"\"<\" + {a[1]} + \">\"", f"len({a[1]})"))
        return ["note"], [f"{a[0]} = []", f"for {a[1]} in note.{how}:", f"    if {test}:", f"        {a[0]}.append({do})",
                          f"return {a[0]}"], f"pick words out of a note about {self.many}"

    def label(self):
        rng, x = self.rng, self.fields[0]
        marks = rng.sample(("low", "fair", "good", "high", "extreme", "odd", "usual", "late", "early"), 4)
        steps = sorted(rng.sample(range(5, 500), 3))
        count = rng.randint(1, 3)
        body = []
        for i in range(count):
            body += [f"{'el' if i else ''}if {x} {rng.choice(('<', '<='))} {steps[i]}:", f"    return \"{marks[i]}\""]
        return [x], body + [f"return \"{marks[3]}\""], f"name the class of a {self.one} by its {x}"

    def parse(self):
        a, rng = self.names, self.rng
        sign = rng.choice(("=", ":", "->", "|"))
        kind = rng.choice(("int", "float", "str"))
        body = [f"{a[0]} = {{}}", f"for {a[1]} in source.splitlines():", f"    if \"{sign}\" not in {a[1]}:", "        continue",
                f"    {a[2]}, {a[3]} = {a[1]}.split(\"{sign}\", 1)"]
        if kind != "str":
            body += ["    try:", f"        {a[0]}[{a[2]}.strip()] = {kind}({a[3]})", "    except ValueError:",
                     f"        {a[0]}[{a[2]}.strip()] = None"]
        else:
            body += [f"    {a[0]}[{a[2]}.strip()] = {a[3]}.strip()"]
        return ["source"], body + [f"return {a[0]}"], f"read settings about {self.many} from a text"

    def window(self):
        a, n = self.names, self.rng.randint(2, 9)
        body = [f"{a[0]} = []", f"for {a[1]} in range(len({self.many}) - {n} + 1):", f"    {a[2]} = {self.many}[{a[1]}:{a[1]} + {n}]",
                f"    {a[0]}.append({self.rng.choice(('sum', 'max', 'min'))}({a[2]}){self.rng.choice(('', f' / {n}'))})"]
        return [self.many], body + [f"return {a[0]}"], f"smooth the {self.many} over {n} neighbours"

    def merge(self):
        a, rng = self.names, self.rng
        body = [f"{a[0]} = dict(old)", f"for {a[1]}, {a[2]} in new.items():", f"    if {a[1]} in {a[0]}:",
                f"        {a[0]}[{a[1]}] {rng.choice(('+=', '-=', '='))} {rng.choice((a[2], f'max({a[2]}, {a[0]}[{a[1]}])'))}", "    else:",
                f"        {a[0]}[{a[1]}] = {a[2]}"]
        return ["old", "new"], body + [f"return {a[0]}"], f"bring two stocks of {self.many} together"

    def ranking(self):
        a, rng = self.names, self.rng
        body = [f"{a[0]} = sorted({self.many}, key=lambda {a[1]}: {rng.choice(('-', ''))}{self.field(0, a[1])}{rng.choice(('', ', reverse=True'))})"]
        if rng.random() < 0.6:
            body += [f"{a[0]} = {a[0]}[:{rng.choice((self.limit, rng.randint(2, 10)))}]"]
        if rng.random() < 0.6:
            body += [f"return [{self.field(1)} for {self.one} in {a[0]}]"]
        else:
            body += [f"return {a[0]}"]
        return [self.many, self.limit], body, f"rank the {self.many}"

    def nested(self):
        a = self.names
        return ["branch", self.limit], [f"{a[0]} = {self.rng.choice(('0', '1', '[]'))}", f"for {a[1]} in branch.{self.rng.choice(('children', 'parts', 'rows'))}:",
                f"    {a[0]} += inner({a[1]}, {self.limit})", f"if {self.condition('branch.' + self.fields[0])}:",
                f"    {a[0]} += {'[branch]' if self.rng.random() < 0.3 else self.numeric('branch.' + self.fields[0]).replace(self.field(1), 'branch.' + self.fields[1])}",
                f"return {a[0]}"], f"walk through a tree of {self.many}"

    def validate(self):
        rng, body = self.rng, []
        for _ in range(rng.randint(2, 4)):
            x = self.rng.choice(self.fields)
            body += [f"if {self.condition(self.one + '.' + x).replace('seen', '(0, 1)')}:",
                     f"    raise {rng.choice(('ValueError', 'TypeError', 'KeyError'))}(\"{x}: {rng.choice(('too small', 'out of range', 'unknown', 'missing'))}\")"]
        return [self.one, self.limit], body + [f"return {rng.choice(('True', self.one, 'None'))}"], f"refuse a {self.one} that can't be right"

    def stream(self):
        a = self.names
        return [self.many, self.limit], [f"{a[0]} = None", f"for {self.one} in {self.many}:", f"    if {a[0]} is not None and {self.condition()}:",
                f"        yield {self.expression(None, a[0])}", f"    {a[0]} = {self.field()}"], f"hand out changes between {self.many}"

    def pairs(self):
        a, rng = self.names, self.rng
        body = [f"{a[0]} = {rng.choice(('0', '[]'))}", f"for {a[1]}, {a[2]} in zip(planned, actual):", f"    if {self.condition(a[1])}:"]
        body += [f"        {a[0]} += {rng.choice((f'abs({a[1]} - {a[2]})', f'({a[1]} - {a[2]}) ** 2', '1'))}" if body[0].endswith("0")
                 else f"        {a[0]}.append({rng.choice((f'({a[1]}, {a[2]})', f'{a[1]} - {a[2]}', f'{a[1]} / {a[2]}'))})"]
        return ["planned", "actual", self.limit], body + [f"return {a[0]}"], f"compare plans for {self.many} with what came"

    def extreme(self):
        a, rng = self.names, self.rng
        body = [f"{a[0]} = {rng.choice(('None', f'{self.many}[0]'))}", f"for {self.one} in {self.many}:",
                f"    if {a[0]} is None or {self.field()} {rng.choice('<>')} {self.field(0, a[0])}:", f"        {a[0]} = {self.one}"]
        if rng.random() < 0.5:
            body += [f"if {a[0]} is None:", f"    return {rng.choice(('0', '-1', 'None'))}"]
        return [self.many], body + [f"return {rng.choice((a[0], self.field(1, a[0])))}"], f"single out one of the {self.many}"

    def sets(self):
        a, rng = self.names, self.rng
        body = [f"{a[0]} = set({rng.choice(('first_list', '[x.strip() for x in first_list]'))})", f"{a[1]} = {{{self.expression('x', 'x')} for x in second_list}}",
                f"return {rng.choice(('sorted', 'list', 'len'))}({a[0]} {rng.choice('-&|^')} {a[1]})"]
        return ["first_list", "second_list"], body, f"compare two registers of {self.many}"

    def clock(self):
        a, rng = self.names, self.rng
        return ["seconds"], [f"{a[0]}, {a[1]} = divmod(seconds, {rng.choice((60, 3600, 86400))})", f"{a[2]} = {a[1]} // {self.number()}",
                f"return {rng.choice((f'({a[0]}, {a[2]})', a[0] + ' + ' + a[2], repr('%02d:%02d') + f' % ({a[0]}, {a[2]})'))}"], \
            f"show how long the {self.many} took"

    def queue(self):
        a, rng = self.names, self.rng
        return [self.many, self.limit], [f"{a[0]} = list({self.many})", f"{a[1]} = 0", f"while {a[0]} and {a[1]} < {self.limit}:",
                f"    {self.one} = {a[0]}.pop({rng.choice(('0', '', '-1'))})", f"    if {self.condition()}:",
                f"        {a[0]}.append({self.expression()})", f"    {a[1]} += {rng.randint(1, 3)}", f"return {rng.choice((a[0], a[1]))}"], \
            f"serve the {self.many} that wait"

    def short(self):
        x, y, rng, a = self.many, self.limit, self.rng, self.names
        return [x, y], [rng.choice((
            f"return sum({x})", f"return len({x}) > {y}", f"return [{self.expression('x', 'x')} for x in {x}]", f"return sorted({x})[{rng.choice(('0', '-1', ':3'))}]",
            f"return {x} * {y}", f"return {x} / {y} if {y} else {rng.randint(0, 2)}", f"return max({x}) - min({x})", f"return list(set({x}))",
            f"return [x for x in {x} if {self.condition('x').replace('seen', y)}]", f"return {x}.get({y}, {self.number()})", f"return sum({x}) / len({x})",
            f"return {x}[{y}:] + {x}[:{y}]", f"return \" \".join({x})", f"return {y} in {x}", f"return {x}.count({y})", f"return {x}[::-1]",
            f"return round({x} * {round(rng.random() * 5, 2)}, {rng.randint(1, 3)})", f"return {x} % {self.number()} == 0", f"return any({self.condition('x').replace('seen', y)} for x in {x})",
            f"return sorted({x}, key=lambda x: x[{rng.randint(0, 2)}])", f"return len([x for x in {x} if {self.condition('x').replace('seen', y)}])",
            f"return dict(zip({x}, {y}))", f"return {x}.replace(\" \", \"{rng.choice('_-.')}\")", f"return set({x}) & set({y})",
            f"return all(x > {self.number()} for x in {x})", f"{a[0]} = {x}.split({y})\nreturn {a[0]}[-1]", f"return {x} ** {rng.randint(2, 3)}",
            f"return {rng.choice((2, 4, 6, 0.5, 3.14159))} * {x}", f"return {x} * {y} * {self.number()}", f"return tuple({x})"))], \
            f"give a figure about {self.many}"

    def whole_class(self):
        x, y = self.fields[:2]
        n = self.one.capitalize() + self.rng.choice(("Box", "Desk", "Log", "Keeper", "Plan"))
        return None, [f"class {n}:", f"    def __init__(self, {x}, {y}={self.number()}):", f"        self.{x} = {x}", f"        self.{y} = {y}",
                      f"        self.{self.many} = []", "", f"    def add(self, {self.one}):", f"        if {self.condition('self.' + x).replace(self.limit, 'self.' + y).replace('seen', 'self.' + self.many)}:",
                      f"            self.{self.many}.append({self.one})", f"        return len(self.{self.many})", "", "    def report(self):",
                      f"        return {self.expression('self.' + x, 'self.' + y)}"], f"keep track of {self.many}"


SHAPES = [name for name in vars(Maker) if not name.startswith("_") and name not in
          ("begin", "field", "number", "condition", "expression", "numeric")]


def exercise(maker):
    rng = maker.rng
    maker.begin()
    shape = "short" if rng.random() < 0.13 else rng.choice(SHAPES)
    parameters, body, what = getattr(maker, shape)()
    body = "\n".join(body).split("\n")
    statement = f"{rng.choice(VERBS).capitalize()}: {what} of {maker.place}, {rng.choice(PURPOSES)}."
    if rng.random() < 0.6:
        statement += f" The {maker.fields[0]} counts{rng.choice((' twice', '', ' most', ' only when it is known', ' in full'))}" \
                     f"{rng.choice(('', ', the ' + maker.fields[1] + ' does not'))}."
    if parameters is None:
        code = "\n".join([body[0], f'    """{statement}"""'] + body[1:])
        return code + "\n"
    if shape != "short" and rng.random() < 0.35:
        guard = rng.choice((f"if not {parameters[0]}:\n    return {rng.choice(('0', '[]', 'None', '-1'))}", f"seen = set()",
                            f"{parameters[0]} = {parameters[0]} or {rng.choice(('[]', '0'))}", f"rate = {round(rng.random(), 2)}"))
        body = guard.split("\n") + body
    name = f"{rng.choice(VERBS).replace(' ', '_')}_{rng.choice((maker.fields[0], maker.one, shape))}_{rng.choice((maker.many, 'of_the_day', 'report', 'now'))}"
    body = [line.replace("inner(", name + "(") for line in body]
    if any("seen" in line for line in body) and "seen = set()" not in body:
        body.insert(0, "seen = set()")
    used = [p for p in parameters if any(p in line for line in body)] or parameters[:1]
    if maker.limit not in used and any(maker.limit in line for line in body):
        used.append(maker.limit)
    head = f"def {name}({', '.join(used)}):"
    if rng.random() < 0.25:
        code = "\n".join([head] + ["    " + line for line in body])
        return f"{statement}\n\n```python\n{code}\n```\n"
    return "\n".join([head, f'    """{statement}"""'] + ["    " + line for line in body]) + "\n"


def main():
    rng = random.Random(int(sys.argv[2]))
    maker = Maker(rng)
    for _ in range(int(sys.argv[1])):
        print(json.dumps({"text": exercise(maker)}))


if __name__ == "__main__":
    main()
