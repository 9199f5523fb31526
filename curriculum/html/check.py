"""The check of lessons about HTML and CSS: reads a lesson a line (JSON), answers a line each.

What comes in, as far as a lesson has it:
  vars, lets, require  draws; [name, expression] worked out from them; conditions that must hold
  holes                expressions to work out: Python over the draws and the functions of HELPERS
  turns                {"role", "text"}: what is said; the value of hole N belongs where "\\1N\\2" stands

What goes out:
  keep, why            whether the lesson is right; if not, what was found
  holes                their values as texts

A lesson is right where every fenced snippet is. HTML: every start tag is written as <name attribute="value">, names and
attributes are known, every element is closed, stands where it may, and has what it needs (alt, for, href); ids are
there once, the rows of a table are equally long. CSS: every rule is selector { property: value; }, properties are known,
values have their shape. Other programs use check_answer(text), which raises Wrong.
"""
import html.entities
import html.parser
import json
import math
import re
import signal
import sys


class Wrong(Exception):
    pass


# ---- CSS ---------------------------------------------------------------------------------------------

COLORS = set("""aliceblue antiquewhite aqua aquamarine azure beige bisque black blanchedalmond blue blueviolet brown
burlywood cadetblue chartreuse chocolate coral cornflowerblue cornsilk crimson cyan darkblue darkcyan darkgoldenrod
darkgray darkgreen darkgrey darkkhaki darkmagenta darkolivegreen darkorange darkorchid darkred darksalmon darkseagreen
darkslateblue darkslategray darkslategrey darkturquoise darkviolet deeppink deepskyblue dimgray dimgrey dodgerblue
firebrick floralwhite forestgreen fuchsia gainsboro ghostwhite gold goldenrod gray green greenyellow grey honeydew
hotpink indianred indigo ivory khaki lavender lavenderblush lawngreen lemonchiffon lightblue lightcoral lightcyan
lightgoldenrodyellow lightgray lightgreen lightgrey lightpink lightsalmon lightseagreen lightskyblue lightslategray
lightslategrey lightsteelblue lightyellow lime limegreen linen magenta maroon mediumaquamarine mediumblue mediumorchid
mediumpurple mediumseagreen mediumslateblue mediumspringgreen mediumturquoise mediumvioletred midnightblue mintcream
mistyrose moccasin navajowhite navy oldlace olive olivedrab orange orangered orchid palegoldenrod palegreen
paleturquoise palevioletred papayawhip peachpuff peru pink plum powderblue purple rebeccapurple red rosybrown royalblue
saddlebrown salmon sandybrown seagreen seashell sienna silver skyblue slateblue slategray slategrey snow springgreen
steelblue tan teal thistle tomato turquoise violet wheat white whitesmoke yellow yellowgreen transparent
currentcolor""".split())

# What a value's parts may be: a function of the part.
KINDS = {
    "color": lambda part: part.lower() in COLORS or re.fullmatch(
        r"#([0-9a-f]{3}|[0-9a-f]{6})|(rgb|hsl)a?\([0-9]+(, ?[0-9.]+%?){2,3}\)", part, re.I),
    "length": lambda part: re.fullmatch(
        r"-?(0|[0-9]*\.?[0-9]+(px|em|rem|%|vh|vw|ch|pt|cm|mm))|calc\([-+*/ 0-9.a-z%()]+\)", part),
    "number": lambda part: re.fullmatch(r"-?[0-9]*\.?[0-9]+", part),
    "time": lambda part: re.fullmatch(r"[0-9]*\.?[0-9]+m?s", part),
    "fraction": lambda part: re.fullmatch(
        r"[0-9.]+fr|auto|(repeat\(([0-9]+|auto-fit|auto-fill), ?|)"
        r"(minmax\([0-9a-z%]+, ?[0-9a-z%]+\)|[0-9.]+fr|[0-9.]+(px|em|rem|%)|auto)\)?", part),
    "url": lambda part: re.fullmatch(r'url\("[^"]+"\)', part),
    "text": lambda part: re.fullmatch(r'"[^"]*"', part),
    "gradient": lambda part: re.fullmatch(r"(linear|radial)-gradient\([-#a-z0-9%., ]+\)", part),
    "transform": lambda part: re.fullmatch(r"(rotate|scale|translate|translateX|translateY|skew)\([-0-9a-z%., ]+\)", part),
    "filter": lambda part: re.fullmatch(r"(blur|grayscale|brightness|sepia|contrast)\([0-9a-z%.]+\)", part),
    "comma": lambda part: part == ",",
    "slash": lambda part: part == "/",
    "name": lambda part: re.fullmatch(r"[a-z][a-z-]*", part),
    "family": lambda part: re.fullmatch(r"[A-Z][A-Za-z]*", part),
}
LINES = "none solid dashed dotted double groove ridge inset outset"
PLACES = "left right center top bottom"
ALIGN = "start end center stretch flex-start flex-end baseline space-between space-around space-evenly"

# property, how many parts at most, kinds (KINDS) and words.
PROPERTIES = {}
for names, most, allowed in (
        ("color background-color border-color outline-color accent-color caret-color", 1, "color"),
        ("background", 9, "color url gradient length slash comma none repeat no-repeat cover contain fixed " + PLACES),
        ("background-image", 3, "url gradient comma none"),
        ("background-size", 2, "length cover contain auto"),
        ("background-position", 2, "length " + PLACES),
        ("background-repeat", 1, "repeat no-repeat repeat-x repeat-y"),
        ("background-attachment", 1, "fixed scroll local"),
        ("margin inset", 4, "length auto"),
        ("padding border-width border-radius", 4, "length"),
        ("margin-top margin-right margin-bottom margin-left margin-inline margin-block", 2, "length auto"),
        ("padding-top padding-right padding-bottom padding-left padding-inline padding-block", 2, "length"),
        ("top right bottom left width height flex-basis", 1, "length auto fit-content min-content max-content"),
        ("min-width min-height max-width max-height", 1, "length none auto fit-content min-content max-content"),
        ("border border-top border-right border-bottom border-left outline column-rule", 3, "length color " + LINES),
        ("border-style", 4, LINES),
        ("outline-offset letter-spacing word-spacing", 1, "length normal"),
        ("text-indent column-width", 1, "length auto"),
        ("gap", 2, "length"), ("row-gap column-gap border-spacing", 1, "length"),
        ("border-collapse", 1, "collapse separate"),
        ("box-sizing", 1, "border-box content-box"),
        ("box-shadow text-shadow", 12, "length color comma none inset"),
        ("display", 1, "none block inline inline-block flex inline-flex grid inline-grid table contents"),
        ("visibility", 1, "visible hidden collapse"),
        ("position", 1, "static relative absolute fixed sticky"),
        ("z-index order column-count flex-grow flex-shrink", 1, "number auto"),
        ("overflow overflow-x overflow-y", 1, "visible hidden scroll auto clip"),
        ("float", 1, "left right none"), ("clear", 1, "left right both none"),
        ("opacity", 1, "number"), ("line-height", 1, "number length normal"),
        ("flex", 3, "number length none auto"),
        ("flex-direction", 1, "row column row-reverse column-reverse"),
        ("flex-wrap", 1, "wrap nowrap wrap-reverse"),
        ("justify-content align-items align-content align-self justify-items justify-self place-items place-content",
         2, ALIGN),
        ("grid-template-columns grid-template-rows", 12, "fraction length auto"),
        ("grid-column grid-row", 3, "number slash span auto"),
        ("font-family", 9, "text family comma serif sans-serif monospace cursive fantasy system-ui"),
        ("font-size", 1, "length small medium large x-large xx-large smaller larger"),
        ("font-weight", 1, "number normal bold bolder lighter"),
        ("font-style", 1, "normal italic oblique"),
        ("font-variant", 1, "normal small-caps"),
        ("text-align", 1, "left right center justify start end"),
        ("text-decoration", 3, "none underline overline line-through color dotted dashed wavy double solid"),
        ("text-transform", 1, "none uppercase lowercase capitalize"),
        ("text-overflow", 1, "clip ellipsis"),
        ("white-space", 1, "normal nowrap pre pre-wrap pre-line"),
        ("overflow-wrap word-break", 1, "normal break-word break-all anywhere keep-all"),
        ("hyphens", 1, "none manual auto"),
        ("vertical-align", 1, "length baseline top middle bottom sub super"),
        ("list-style list-style-type", 3, "none disc circle square decimal lower-alpha upper-alpha lower-roman "
                                          "upper-roman inside outside text"),
        ("list-style-position", 1, "inside outside"),
        ("cursor", 1, "auto default pointer text move grab help wait not-allowed zoom-in crosshair none"),
        ("object-fit", 1, "fill contain cover none scale-down"),
        ("aspect-ratio", 3, "number slash auto"),
        ("transform", 4, "transform none"), ("filter backdrop-filter", 3, "filter none"),
        ("transition", 12, "time comma name all ease linear ease-in ease-out ease-in-out"),
        ("animation", 8, "time comma name number infinite alternate ease linear ease-in ease-out ease-in-out both"),
        ("scroll-behavior", 1, "auto smooth"), ("resize", 1, "none both horizontal vertical"),
        ("user-select", 1, "none auto text all"), ("pointer-events", 1, "none auto"),
        ("content", 1, "text none"), ("caption-side", 1, "top bottom"),
        ("writing-mode", 1, "horizontal-tb vertical-rl vertical-lr"), ("table-layout", 1, "auto fixed"),
        ("scroll-margin-top scroll-padding-top", 1, "length")):
    for name in names.split():
        PROPERTIES[name] = most, allowed.split()

PSEUDO = """hover focus active visited link checked disabled enabled required valid invalid first-child last-child
only-child empty target root focus-visible focus-within first-of-type last-of-type placeholder-shown""".split()
PSEUDO_ELEMENTS = "before after first-line first-letter placeholder marker selection".split()
PART = r'"[^"]*"|[-#@\w.%]*\((?:[^()"]|"[^"]*"|\([^()]*\))*\)|[^\s,/()"]+|,|/'


def parts_of(value):
    parts = re.findall(PART, value)
    if re.sub(r"\s", "", "".join(parts)) != re.sub(r"\s", "", value):
        raise Wrong(f"the value {value!r} can't be read")
    return parts


def check_declaration(text):
    name, colon, value = (part.strip() for part in text.partition(":"))
    if not colon or not value:
        raise Wrong(f"{text.strip()!r} is no declaration: expected property: value;")
    if name not in PROPERTIES:
        raise Wrong(f"{name!r} is no known property")
    most, allowed = PROPERTIES[name]
    parts = parts_of(value)
    if parts == ["inherit"]:
        return name
    if len(parts) > most:
        raise Wrong(f"{name}: {value}: found {len(parts)} parts, expected {most} at most")
    for part in parts:
        if not (part in allowed and part not in KINDS) and not any(
                kind in KINDS and KINDS[kind](part) for kind in allowed):
            raise Wrong(f"{name}: found {part!r}, expected {', '.join(allowed)}")
    return name


def check_declarations(text, where):
    names = []
    pieces = re.split(r';(?=(?:[^"]*"[^"]*")*[^"]*$)', text)
    if pieces.pop().strip():
        raise Wrong(f"{where}: the last declaration has no ;")
    for piece in pieces:
        names.append(check_declaration(piece))
    if not names:
        raise Wrong(f"{where}: no declaration")
    for name in names:
        if names.count(name) > 1:
            raise Wrong(f"{where}: {name} is there twice")


def check_compound(text):
    """h1, .card, a.button:hover, input[type="text"]::placeholder"""
    rest = re.match(r"(\*|[a-z][a-z0-9]*)?", text)
    element, rest = rest[0], text[rest.end():]
    if element not in ("", "*") and element not in ELEMENTS:
        raise Wrong(f"{element!r} in the selector {text!r} is no known element")
    while rest:
        part = re.match(r'[.#][A-Za-z_][\w-]*|\[[a-z-]+(?:[\^$*~|]?="[^"]*")?\]|::?[a-z-]+(?:\([^()]+\))?', rest)
        if part is None:
            raise Wrong(f"the selector {text!r} can't be read at {rest!r}")
        part, rest = part[0], rest[part.end():]
        if part.startswith("::") and part[2:] not in PSEUDO_ELEMENTS:
            raise Wrong(f"{part!r} is no known pseudo-element")
        if re.match(r":[a-z]", part) and part[1:] not in PSEUDO and not re.fullmatch(
                r":nth-(child|of-type)\((even|odd|[0-9]*n?(\+?[0-9]+)?)\)|:not\([-.#\w:\[\]=\"]+\)", part):
            raise Wrong(f"{part!r} is no known pseudo-class")


def check_selector(text):
    for one in text.split(","):
        if not one.strip():
            raise Wrong(f"a selector is missing in {text.strip()!r}")
        parts = re.sub(r"\s*([>+~])\s*", r" \1 ", re.sub(r"\s+", " ", one.strip())).split(" ")
        for i, part in enumerate(parts):
            combines = part in (">", "+", "~")
            if combines and (i == 0 or i + 1 == len(parts) or parts[i - 1] in (">", "+", "~")):
                raise Wrong(f"the selector {one.strip()!r} has a {part} without its two sides")
            if not combines:
                check_compound(part)


def blocks_of(text):
    """(head, body) of each block head { body }."""
    blocks, at, depth, begin, head = [], 0, 0, 0, ""
    quoted = False
    for i, sign in enumerate(text):
        if sign == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif sign == "{":
            if depth == 0:
                head, begin = text[at:i].strip(), i + 1
                if not head:
                    raise Wrong("a { has no selector before it")
            depth += 1
        elif sign == "}":
            depth -= 1
            if depth < 0:
                raise Wrong("found a } too many")
            if depth == 0:
                blocks.append((head, text[begin:i]))
                at = i + 1
    if depth > 0 or quoted:
        raise Wrong('a " is not closed' if quoted else f"the block of {head!r} is not closed")
    if text[at:].strip():
        raise Wrong(f"found {text[at:].strip()[:40]!r} outside of a rule")
    return blocks


def check_rules(blocks):
    for head, body in blocks:
        if head.startswith("@media"):
            if not re.fullmatch(r"@media (print|(screen and )?\((min|max)-(width|height): [0-9]+(px|em|rem)\)"
                                r"( and \((min|max)-width: [0-9]+(px|em|rem)\))?"
                                r"|\(prefers-(color-scheme: (dark|light)|reduced-motion: reduce)\)"
                                r"|\(orientation: (landscape|portrait)\))", head):
                raise Wrong(f"{head!r} is no condition that is known")
            inner = blocks_of(body)
            if not inner or any(name.startswith("@") for name, _ in inner):
                raise Wrong(f"{head}: expected rules in it")
            check_rules(inner)
        elif head.startswith("@keyframes"):
            if not re.fullmatch(r"@keyframes [a-z][a-z-]*", head):
                raise Wrong(f"{head!r}: expected @keyframes name")
            for step, declarations in blocks_of(body):
                if not re.fullmatch(r"(from|to|[0-9]+%)(, ?(from|to|[0-9]+%))*", step):
                    raise Wrong(f"{head}: found {step!r}, expected from, to or a percentage")
                check_declarations(declarations, step)
        elif head.startswith("@"):
            raise Wrong(f"{head.split()[0]} is not known")
        else:
            check_selector(head)
            check_declarations(body, head)


def check_css(text):
    bare = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    if "/*" in bare or "*/" in bare:
        raise Wrong("a comment is not closed")
    blocks = blocks_of(bare)
    if not blocks and bare == text:
        raise Wrong("no rule")
    check_rules(blocks)


# ---- HTML --------------------------------------------------------------------------------------------

GLOBAL = "id class style title lang hidden tabindex role dir draggable contenteditable".split()
VOID = "area br col embed hr img input link meta source track wbr".split()
ELEMENTS = {}
for names, own in (
        ("""h1 h2 h3 h4 h5 h6 p div span main nav section article aside header footer address hgroup em strong b i u s
        small mark sub sup code pre kbd samp var cite abbr dfn ul dl dt dd table caption thead tbody tfoot tr
        figure figcaption picture summary legend datalist head body title br hr wbr search""", ""),
        ("html", ""), ("a", "href target rel download"), ("blockquote q", "cite"), ("ol", "start type reversed"),
        ("li", "value"), ("time del ins", "datetime cite"), ("data", "value"),
        ("td", "colspan rowspan headers"), ("th", "colspan rowspan scope"), ("colgroup col", "span"),
        ("img", "src alt width height loading srcset sizes"), ("source", "src type srcset media"),
        ("video audio", "src controls autoplay loop muted poster width height preload"),
        ("track", "src kind srclang label default"), ("iframe", "src width height loading allow"),
        ("form", "action method autocomplete novalidate enctype"), ("label", "for"), ("fieldset", "disabled name"),
        ("input", """type name value placeholder required checked disabled readonly min max step minlength maxlength
        pattern autocomplete autofocus multiple accept list size"""),
        ("textarea", "name rows cols placeholder required disabled readonly minlength maxlength autofocus"),
        ("button", "type name value disabled autofocus"), ("select", "name required multiple disabled size"),
        ("option", "value selected disabled"), ("optgroup", "label disabled"), ("output", "for name"),
        ("progress", "value max"), ("meter", "value min max low high optimum"), ("details", "open name"),
        ("dialog", "open"), ("meta", "charset name content"), ("link", "rel href type sizes media"), ("style", "media"),
        ("base", "href target")):
    for name in names.split():
        ELEMENTS[name] = own.split()
INPUTS = """text email password number tel url search date time datetime-local month week color range checkbox radio file
hidden submit reset button""".split()
NEEDS = {"img": ["src", "alt"], "iframe": ["src", "title"], "a": ["href"], "input": ["type"], "optgroup": ["label"],
         "html": ["lang"], "link": ["rel", "href"], "source": [], "meter": ["value"]}
INSIDE = {"li": "ul ol", "dt": "dl", "dd": "dl", "tr": "table thead tbody tfoot", "td": "tr", "th": "tr",
          "thead": "table", "tbody": "table", "tfoot": "table", "caption": "table", "colgroup": "table", "col": "colgroup",
          "option": "select datalist optgroup", "optgroup": "select", "figcaption": "figure", "summary": "details",
          "legend": "fieldset", "source": "video audio picture", "track": "video audio", "head": "html", "body": "html",
          "title": "head"}
ONLY = {"ul": "li", "ol": "li", "dl": "dt dd", "table": "caption colgroup thead tbody tfoot tr", "thead": "tr",
        "tbody": "tr", "tfoot": "tr", "tr": "td th", "select": "option optgroup", "datalist": "option", "optgroup": "option",
        "html": "head body", "head": "title meta link style base", "colgroup": "col"}
PHRASING = """a span em strong b i u s small mark sub sup code kbd samp var cite abbr dfn time del ins data q img input
label button select textarea br wbr output progress meter picture video audio iframe""".split()
HOLD_PHRASING = "p h1 h2 h3 h4 h5 h6 span em strong b i u s small mark sub sup code pre label button".split()
ALONE = "a button label form".split()   # never one within itself
FRAGMENTS = """title head body li tr dt dd option summary thead tbody tfoot td th figcaption legend""".split()
TAG = re.compile(r'<[a-z][a-z0-9]*( [a-z][a-z-]*(="[^"<>]*")?)*>')


class Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=False)
        self.stack, self.ids, self.fors = [], set(), []
        self.tables = []   # of each table that is open: how many cells its rows have, and what reaches into them
        self.style, self.found = None, False

    def handle_starttag(self, tag, attributes):
        text = self.get_starttag_text()
        self.found = True
        if not TAG.fullmatch(text):
            raise Wrong(f"the tag {text!r} isn't written as <name attribute=\"value\">")
        if tag not in ELEMENTS:
            raise Wrong(f"<{tag}> is no known element")
        self.check_attributes(tag, attributes)
        self.check_place(tag)
        if tag == "table":
            self.tables.append(([], []))
        elif tag == "tr" and self.tables:
            self.tables[-1][0].append(0)
        elif tag in ("td", "th") and self.tables:
            self.count_cell(dict(attributes))
        if tag not in VOID:
            self.stack.append(tag)

    def count_cell(self, attributes):
        """A cell that reaches down makes the rows below longer."""
        wide, high = int(attributes.get("colspan", 1)), int(attributes.get("rowspan", 1))
        lengths, reaching = self.tables[-1]
        lengths[-1] += wide
        reaching += [(len(lengths) - 1 + i, wide) for i in range(1, high)]

    def handle_startendtag(self, tag, attributes):
        raise Wrong(f"{self.get_starttag_text()!r}: no / at a tag's end")

    def check_attributes(self, tag, attributes):
        names = [name for name, _ in attributes]
        for name, value in attributes:
            if names.count(name) > 1:
                raise Wrong(f"<{tag}> has {name} twice")
            if name not in GLOBAL and name not in ELEMENTS[tag] and not re.fullmatch(r"(data|aria)-[a-z-]+", name):
                raise Wrong(f"<{tag}> takes no {name}")
            if name in ("class", "href", "src", "name", "type", "id", "for") and not value:
                raise Wrong(f"<{tag}>: {name} says nothing")
        values = dict(attributes)
        for name in NEEDS.get(tag, []):
            if name not in values:
                raise Wrong(f"<{tag}> has no {name}")
        if "style" in values:
            check_declarations(values["style"].rstrip("; ") + ";", f"<{tag} style>")
        if tag == "input" and values["type"] not in INPUTS:
            raise Wrong(f"{values['type']!r} is no type of an input")
        if tag == "button" and values.get("type", "submit") not in ("submit", "button", "reset"):
            raise Wrong(f"{values['type']!r} is no type of a button")
        if tag == "a" and values.get("target", "_blank") not in ("_blank", "_self"):
            raise Wrong(f"{values['target']!r} is no target")
        if "id" in values:
            if values["id"] in self.ids or not re.fullmatch(r"[A-Za-z][\w-]*", values["id"]):
                raise Wrong(f"the id {values['id']!r} is there twice, or is no name")
            self.ids.add(values["id"])
        if tag == "label" and "for" in values:
            self.fors.append(values["for"])
        if tag == "input" and "list" in values:
            self.fors.append(values["list"])

    def check_place(self, tag):
        parent = self.stack[-1] if self.stack else None
        if parent is None:
            if tag in INSIDE and tag not in FRAGMENTS:   # a part of a page may be shown alone
                raise Wrong(f"<{tag}> stands in no {INSIDE[tag].replace(' ', ' or ')}")
            return
        if tag in INSIDE and parent not in INSIDE[tag].split():
            raise Wrong(f"<{tag}> stands in <{parent}>, expected {INSIDE[tag].replace(' ', ' or ')}")
        if parent in ONLY and tag not in ONLY[parent].split():
            raise Wrong(f"<{parent}> holds <{tag}>, expected {ONLY[parent].replace(' ', ' or ')}")
        if parent in HOLD_PHRASING and tag not in PHRASING:
            raise Wrong(f"<{parent}> can't hold <{tag}>")
        around = {"a": "button", "button": "a"}.get(tag)
        for other in self.stack:
            if other == around or other == tag and tag in ALONE:
                raise Wrong(f"<{tag}> can't stand in <{other}>")

    def handle_endtag(self, tag):
        if not self.stack or self.stack[-1] != tag:
            expected = f"</{self.stack[-1]}>" if self.stack else "no end tag"
            raise Wrong(f"found </{tag}>, expected {expected}")
        self.stack.pop()
        if tag == "table":
            self.check_rows()
        if tag == "style":
            check_css(self.style or "")
            self.style = None

    def check_rows(self):
        lengths, reaching = self.tables.pop()
        for row, wide in reaching:
            if row >= len(lengths):
                raise Wrong("a cell's rowspan reaches beyond the table")
            lengths[row] += wide
        if len(set(lengths)) != 1:
            raise Wrong(f"the table's rows have {', '.join(map(str, lengths)) or 'no'} cells")

    def handle_data(self, data):
        parent = self.stack[-1] if self.stack else None
        if parent == "style":
            self.style = (self.style or "") + data
            return
        if "<" in data or ">" in data:
            raise Wrong(f"found {data.strip()[:40]!r}, which is no tag")
        if data.strip() and parent in ONLY:
            raise Wrong(f"<{parent}> holds the text {data.strip()[:40]!r}")

    def handle_entityref(self, name):
        if name + ";" not in html.entities.html5:
            raise Wrong(f"&{name}; is no sign that is known")

    def handle_decl(self, declaration):
        if declaration.lower() != "doctype html" or self.found:
            raise Wrong(f"<!{declaration}>: expected <!DOCTYPE html> at the begin")

    def handle_comment(self, text):
        self.found = True

    def unknown_decl(self, text):
        raise Wrong(f"<![{text}]> is no HTML")

    def handle_pi(self, text):
        raise Wrong(f"<?{text}> is no HTML")

    def finish(self):
        self.close()
        if self.stack:
            raise Wrong(f"<{self.stack[-1]}> is not closed")
        for name in self.fors:
            if name not in self.ids:
                raise Wrong(f"for=\"{name}\": there is no element with this id")
        if not self.found:
            raise Wrong("no element")


def check_html(text):
    plain = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    if "<!--" in plain or "-->" in plain:
        raise Wrong("a comment is not closed")
    ampersand = re.search(r"&(?!#?[a-z0-9]+;)", plain, re.I)
    if ampersand:
        raise Wrong(f"found {plain[ampersand.start():][:12]!r}: & is written &amp;")
    reader = Reader()
    reader.feed(text)
    reader.finish()


# ---- answers -----------------------------------------------------------------------------------------

CHECKS = {"html": check_html, "css": check_css}


def snippets(text):
    """[(language, code)] of the fences of a text."""
    found, language, lines = [], None, []
    for line in text.split("\n"):
        if language is None and line.startswith("```"):
            language, lines = line[3:].strip(), []
        elif language is not None and line.rstrip() == "```":
            found.append((language, "\n".join(lines)))
            language = None
        elif language is not None:
            lines.append(line)
        elif "```" in line:
            raise Wrong("a fence stands within a line")
    if language is not None:
        raise Wrong("a fence is not closed")
    return found


def check_answer(text):
    for language, code in snippets(text):
        if language not in CHECKS:
            raise Wrong(f"a snippet of {language or 'no language'}, expected {' or '.join(CHECKS)}")
        CHECKS[language](code)


# ---- lessons -----------------------------------------------------------------------------------------

def rows(count, text):
    """`count` lines of the text; # becomes the line's number."""
    return "\n".join(text.replace("#", str(i + 1)) for i in range(count))


def cells(height, width, indent=2, tag="td"):
    """Rows of a table, with the names of a spreadsheet in them: A1, B1, ..."""
    blank = " " * indent
    return "\n".join(f"{blank}<tr>\n" + "".join(f"{blank}  <{tag}>{chr(65 + x)}{y + 1}</{tag}>\n" for x in range(width))
                     + f"{blank}</tr>" for y in range(height))


def heads(width, indent=4):
    return "\n".join(f"{' ' * indent}<th>Column {chr(65 + x)}</th>" for x in range(width))


HELPERS = {"rows": rows, "cells": cells, "heads": heads, "math": math}


def check(lesson):
    scope = dict(HELPERS, **lesson.get("vars", {}))
    for name, text in lesson.get("lets", []):
        scope[name] = eval(text.strip(), scope)
    for condition in lesson.get("require", []):
        if not eval(condition.strip(), scope):
            return {"keep": False, "why": ""}
    holes = [str(eval(hole.strip(), scope)) for hole in lesson.get("holes", [])]
    for turn in lesson.get("turns", []):
        text = re.sub("\1(\\d+)\2", lambda hole: holes[int(hole[1])], turn["text"])
        check_answer(text)
    return {"keep": True, "holes": holes}


def alarm(*_):
    raise Wrong("takes longer than a second")


def main():
    signal.signal(signal.SIGALRM, alarm)
    for line in sys.stdin:
        signal.setitimer(signal.ITIMER_REAL, 1)
        try:
            answer = check(json.loads(line))
        except Wrong as problem:
            answer = {"keep": False, "why": str(problem)}
        except Exception as problem:
            answer = {"keep": False, "why": f"{type(problem).__name__}: {problem}"}
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(json.dumps(answer))


if __name__ == "__main__":
    main()
