/* gbnf.c - GBNF, the notation of llama.cpp's grammars, read into a grammar.
 *
 *   # a comment                         root ::= item ("," item)*
 *   name ::= alternatives               alternatives: sequence | sequence | ..
 *   "text"  [a-z0-9_]  [^"\\]  .        one of a class of characters, any character
 *   (..)  name                          a group, another rule, itself too
 *   x*  x+  x?  x{3}  x{2,}  x{2,5}     repetitions; {,5} is {0,5}
 *   \n \r \t \\ \" \[ \] \- \^          escapes in texts and classes; \x41 \u20AC \U0001F642
 *   <think>                             a mark: the text, or the control token of that text
 *
 * A line ends a rule, but within parentheses, behind ::= and |, and before a | at the next one's
 * begin. `root` is the answer. Every rule that is named must be there, once.
 */
#include "constraint/grammar.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/hex.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "constraint/constraint_memory.h"

enum { GROUPS_MOST = 256, NAME_SHOWN = 64 };

struct name {
    size_t at, length; /* in the text, where it was first met */
    size_t node;
    bool defined;
};

struct gbnf {
    const char *text;
    size_t length, at;
    size_t groups; /* that are open */
    struct grammar *grammar;
    struct name *names;
    size_t name_count, name_capacity;
    uint32_t *slots; /* [slot_capacity] name + 1, at most half full */
    size_t slot_capacity;
    size_t *nodes; /* of the sequences and alternatives that are open */
    size_t node_count, node_capacity;
    primer_error failure;
};

/* ---- failures -------------------------------------------------------------------------------- */

static bool good(const struct gbnf *gbnf)
{
    return gbnf->failure.status == PRIMER_OK;
}

/* Only the first is kept. */
static void fail_at(struct gbnf *gbnf, primer_status status, size_t at, const char *what)
{
    size_t line = 1, begin = 0;
    if (!good(gbnf))
        return;
    for (size_t i = 0; i < at && i < gbnf->length; i++)
        if (gbnf->text[i] == '\n') {
            line++;
            begin = i + 1;
        }
    error_set(&gbnf->failure, status, "grammar: line %zu, column %zu: %s", line, at - begin + 1,
              what);
}

static void fail(struct gbnf *gbnf, const char *what)
{
    fail_at(gbnf, PRIMER_EFORMAT, gbnf->at, what);
}

static void fail_name(struct gbnf *gbnf, size_t at, size_t length, const char *what)
{
    char name[NAME_SHOWN], message[2 * NAME_SHOWN + 64];
    error_printable(gbnf->text + at, length, name, sizeof name);
    snprintf(message, sizeof message, "the rule \"%s\" %s", name, what);
    fail_at(gbnf, PRIMER_EFORMAT, at, message);
}

static void fail_memory(struct gbnf *gbnf, size_t bytes)
{
    if (good(gbnf))
        memory_failure(&gbnf->failure, "a grammar", bytes);
}

/* ---- characters ------------------------------------------------------------------------------ */

/* The next byte; 0 at the end, and where the text itself has a 0, which belongs nowhere. */
static char peek(const struct gbnf *gbnf)
{
    return gbnf->at < gbnf->length ? gbnf->text[gbnf->at] : '\0';
}

static bool accept(struct gbnf *gbnf, const char *word)
{
    const size_t length = strlen(word);
    if (gbnf->length - gbnf->at < length || memcmp(gbnf->text + gbnf->at, word, length) != 0)
        return false;
    gbnf->at += length;
    return true;
}

/* Blanks and comments; ends of lines too, if these mean nothing here. */
static void space(struct gbnf *gbnf, bool lines)
{
    for (;;) {
        const char c = peek(gbnf);
        if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r'))) {
            gbnf->at++;
        } else if (c == '#') {
            while (gbnf->at < gbnf->length && peek(gbnf) != '\n' && peek(gbnf) != '\r')
                gbnf->at++;
        } else {
            return;
        }
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' || c == '_';
}

static uint32_t code_point(struct gbnf *gbnf, size_t digits)
{
    const size_t begin = gbnf->at;
    uint32_t value = 0;
    for (size_t i = 0; i < digits; i++) {
        const int digit = hex_digit(peek(gbnf));
        if (digit < 0) {
            fail(gbnf, digits == 2   ? "expected 2 hexadecimal digits behind \\x"
                       : digits == 4 ? "expected 4 hexadecimal digits behind \\u"
                                     : "expected 8 hexadecimal digits behind \\U");
            return 0;
        }
        value = value << 4 | (uint32_t)digit;
        gbnf->at++;
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        fail_at(gbnf, PRIMER_EFORMAT, begin, "that is no character of Unicode");
    return value;
}

static uint32_t escape(struct gbnf *gbnf)
{
    const char c = peek(gbnf);
    gbnf->at++;
    switch (c) {
    case 'x':
        return code_point(gbnf, 2);
    case 'u':
        return code_point(gbnf, 4);
    case 'U':
        return code_point(gbnf, 8);
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case '\\':
    case '"':
    case '\'':
    case '[':
    case ']':
    case '-':
    case '^':
    case '/':
        return (uint32_t)c;
    default:
        gbnf->at--;
        fail(gbnf, "expected one of x u U n r t \\ \" [ ] - ^ behind a backslash");
        return 0;
    }
}

/* One character of a text or a class. */
static uint32_t character(struct gbnf *gbnf)
{
    uint32_t value = 0;
    if (accept(gbnf, "\\"))
        return escape(gbnf);
    const size_t length = utf8_decode(gbnf->text + gbnf->at, gbnf->length - gbnf->at, &value);
    if (length == 0)
        fail(gbnf, "expected UTF-8");
    gbnf->at += length;
    return value;
}

/* ---- names ----------------------------------------------------------------------------------- */

static size_t slot_of(const struct gbnf *gbnf, const char *bytes, size_t length)
{
    size_t slot = (size_t)hash_bytes(bytes, length, 0) & (gbnf->slot_capacity - 1);
    for (; gbnf->slots[slot] != 0; slot = (slot + 1) & (gbnf->slot_capacity - 1)) {
        const struct name *const name = &gbnf->names[gbnf->slots[slot] - 1];
        if (name->length == length && memcmp(gbnf->text + name->at, bytes, length) == 0)
            break;
    }
    return slot;
}

static bool more_names(struct gbnf *gbnf)
{
    struct name *const names =
        constraint_grown(gbnf->names, &gbnf->name_capacity, gbnf->name_count + 1, sizeof *names);
    if (names != NULL)
        gbnf->names = names;
    if (names == NULL || 2 * gbnf->name_count < gbnf->slot_capacity)
        return names != NULL;
    const size_t capacity = gbnf->slot_capacity == 0 ? 64 : 2 * gbnf->slot_capacity;
    uint32_t *const slots = memory_allocate(capacity, sizeof *slots);
    if (slots == NULL)
        return false;
    memory_free(gbnf->slots);
    gbnf->slots = slots;
    gbnf->slot_capacity = capacity;
    for (size_t i = 0; i < gbnf->name_count; i++)
        slots[slot_of(gbnf, gbnf->text + names[i].at, names[i].length)] = (uint32_t)i + 1;
    return true;
}

/* The rule of the name that stands here; NULL: there is none, or no memory. */
static struct name *rule_here(struct gbnf *gbnf)
{
    const size_t at = gbnf->at;
    while (is_word(peek(gbnf)))
        gbnf->at++;
    if (gbnf->at == at) {
        fail(gbnf, "expected the name of a rule");
        return NULL;
    }
    if (!more_names(gbnf)) {
        fail_memory(gbnf, (gbnf->name_count + 1) * sizeof *gbnf->names);
        return NULL;
    }
    const size_t slot = slot_of(gbnf, gbnf->text + at, gbnf->at - at);
    if (gbnf->slots[slot] == 0) {
        gbnf->names[gbnf->name_count] =
            (struct name){at, gbnf->at - at, grammar_rule(gbnf->grammar), false};
        gbnf->slots[slot] = (uint32_t)++gbnf->name_count;
    }
    return &gbnf->names[gbnf->slots[slot] - 1];
}

/* ---- items ----------------------------------------------------------------------------------- */

static size_t text_item(struct gbnf *gbnf)
{
    struct buffer bytes = {0};
    const size_t begin = gbnf->at++;
    while (good(gbnf) && peek(gbnf) != '"') {
        char encoded[4];
        if (gbnf->at >= gbnf->length) {
            fail_at(gbnf, PRIMER_EFORMAT, begin, "the text that begins here doesn't end");
            break;
        }
        const uint32_t value = character(gbnf);
        const size_t length = utf8_encode(value, encoded);
        if (good(gbnf) && buffer_append(&bytes, encoded, length, &gbnf->failure) != PRIMER_OK)
            break;
    }
    gbnf->at++;
    const size_t node =
        good(gbnf)
            ? grammar_bytes(gbnf->grammar, bytes.bytes == NULL ? "" : bytes.bytes, bytes.length)
            : 0;
    buffer_free(&bytes);
    return node;
}

static struct grammar_range range_item(struct gbnf *gbnf)
{
    const size_t begin = gbnf->at;
    struct grammar_range range;
    range.first = range.last = character(gbnf);
    if (peek(gbnf) == '-' && gbnf->at + 1 < gbnf->length && gbnf->text[gbnf->at + 1] != ']') {
        gbnf->at++;
        range.last = character(gbnf);
    }
    if (good(gbnf) && range.first > range.last)
        fail_at(gbnf, PRIMER_EFORMAT, begin, "a range's first character comes after its last");
    return range;
}

static size_t class_item(struct gbnf *gbnf)
{
    struct grammar_range *ranges = NULL;
    size_t count = 0, capacity = 0;
    const size_t begin = gbnf->at++;
    const bool negated = accept(gbnf, "^");
    while (good(gbnf) && peek(gbnf) != ']') {
        if (gbnf->at >= gbnf->length) {
            fail_at(gbnf, PRIMER_EFORMAT, begin, "the class that begins here doesn't end");
            break;
        }
        struct grammar_range *const more =
            constraint_grown(ranges, &capacity, count + 1, sizeof *more);
        if (more == NULL) {
            fail_memory(gbnf, (count + 1) * sizeof *more);
            break;
        }
        ranges = more;
        ranges[count++] = range_item(gbnf);
    }
    gbnf->at++;
    if (count == 0 && !negated)
        fail_at(gbnf, PRIMER_EFORMAT, begin, "a class of no characters");
    const size_t node = good(gbnf) ? grammar_class(gbnf->grammar, ranges, count, negated) : 0;
    memory_free(ranges);
    return node;
}

static size_t mark_item(struct gbnf *gbnf)
{
    const size_t begin = gbnf->at;
    while (gbnf->at < gbnf->length && peek(gbnf) != '>' && peek(gbnf) != '\n')
        gbnf->at++;
    if (gbnf->at - begin > 1 && gbnf->text[begin + 1] == '[')
        fail_at(gbnf, PRIMER_EUNSUPPORTED, begin,
                "a token by its number: numbers differ from model to model; expected its text, as "
                "in <think>");
    else if (!accept(gbnf, ">"))
        fail_at(gbnf, PRIMER_EFORMAT, begin, "the mark that begins here doesn't end with >");
    if (!good(gbnf))
        return 0;
    char *const text = memory_copy_bytes(gbnf->text + begin, gbnf->at - begin);
    if (text == NULL) {
        fail_memory(gbnf, gbnf->at - begin);
        return 0;
    }
    const size_t node = grammar_mark(gbnf->grammar, text);
    memory_free(text);
    return node;
}

static size_t alternatives(struct gbnf *gbnf);

static size_t group_item(struct gbnf *gbnf)
{
    const size_t begin = gbnf->at++;
    if (gbnf->groups == GROUPS_MOST) {
        fail_at(gbnf, PRIMER_ELIMIT, begin, "groups within groups, more than 256 deep");
        return 0;
    }
    gbnf->groups++;
    space(gbnf, true);
    const size_t node = alternatives(gbnf);
    gbnf->groups--;
    if (gbnf->at >= gbnf->length)
        fail_at(gbnf, PRIMER_EFORMAT, begin, "the group that begins here doesn't end");
    else if (!accept(gbnf, ")"))
        fail(gbnf, "expected a text, a class, a rule, a group, | or )");
    return node;
}

static size_t name_item(struct gbnf *gbnf)
{
    const struct name *const name = rule_here(gbnf);
    return name != NULL ? name->node : 0;
}

/* Whether an item stands here; if so, it is read. */
static bool item(struct gbnf *gbnf, size_t *node)
{
    const struct grammar_range all = {0, 0x10FFFF};
    const char c = peek(gbnf);
    if (c == '"')
        *node = text_item(gbnf);
    else if (c == '[')
        *node = class_item(gbnf);
    else if (c == '(')
        *node = group_item(gbnf);
    else if (c == '<')
        *node = mark_item(gbnf);
    else if (is_word(c))
        *node = name_item(gbnf);
    else if (accept(gbnf, "."))
        *node = grammar_class(gbnf->grammar, &all, 1, false);
    else if (c == '!')
        fail_at(gbnf, PRIMER_EUNSUPPORTED, gbnf->at, "any token but one: not supported");
    else
        return false;
    return good(gbnf);
}

/* ---- repetitions ----------------------------------------------------------------------------- */

static bool number(struct gbnf *gbnf, size_t *value)
{
    const size_t begin = gbnf->at;
    *value = 0;
    for (; is_digit(peek(gbnf)); gbnf->at++) {
        if (*value > (SIZE_MAX - 9) / 10) {
            fail_at(gbnf, PRIMER_ELIMIT, begin, "the number is too large");
            return false;
        }
        *value = *value * 10 + (size_t)(peek(gbnf) - '0');
    }
    const bool found = gbnf->at > begin;
    space(gbnf, gbnf->groups > 0);
    return found;
}

/* Behind the brace. */
static size_t counted(struct gbnf *gbnf, size_t node, size_t begin)
{
    size_t least = 0, most = 0;
    space(gbnf, gbnf->groups > 0);
    const bool from = number(gbnf, &least);
    if (!accept(gbnf, ",")) {
        most = least;
        if (!from)
            fail(gbnf, "expected a number of times, as in {3} or {2,5}");
    } else {
        space(gbnf, gbnf->groups > 0);
        if (!number(gbnf, &most))
            most = GRAMMAR_ENDLESS;
    }
    if (good(gbnf) && !accept(gbnf, "}"))
        fail(gbnf, "expected , or } in a number of times");
    if (good(gbnf) && least > most)
        fail_at(gbnf, PRIMER_EFORMAT, begin, "at least more times than at most");
    return good(gbnf) ? grammar_repeat(gbnf->grammar, node, least, most) : 0;
}

static size_t repeated(struct gbnf *gbnf, size_t node)
{
    while (good(gbnf)) {
        space(gbnf, gbnf->groups > 0);
        const size_t begin = gbnf->at;
        if (accept(gbnf, "*"))
            node = grammar_repeat(gbnf->grammar, node, 0, GRAMMAR_ENDLESS);
        else if (accept(gbnf, "+"))
            node = grammar_repeat(gbnf->grammar, node, 1, GRAMMAR_ENDLESS);
        else if (accept(gbnf, "?"))
            node = grammar_repeat(gbnf->grammar, node, 0, 1);
        else if (accept(gbnf, "{"))
            node = counted(gbnf, node, begin);
        else
            break;
    }
    return node;
}

/* ---- sequences, alternatives, rules ---------------------------------------------------------- */

static void push(struct gbnf *gbnf, size_t node)
{
    size_t *const nodes =
        constraint_grown(gbnf->nodes, &gbnf->node_capacity, gbnf->node_count + 1, sizeof *nodes);
    if (nodes == NULL) {
        fail_memory(gbnf, (gbnf->node_count + 1) * sizeof *nodes);
        return;
    }
    gbnf->nodes = nodes;
    nodes[gbnf->node_count++] = node;
}

/* What was pushed since `begin`; of nothing there is no place. */
static const size_t *pushed(const struct gbnf *gbnf, size_t begin)
{
    return gbnf->node_count > begin ? gbnf->nodes + begin : NULL;
}

static size_t sequence(struct gbnf *gbnf)
{
    const size_t begin = gbnf->node_count;
    size_t node = 0;
    while (item(gbnf, &node)) {
        node = repeated(gbnf, node);
        push(gbnf, node);
    }
    if (good(gbnf))
        node = grammar_sequence(gbnf->grammar, pushed(gbnf, begin), gbnf->node_count - begin);
    gbnf->node_count = begin;
    return node;
}

/* Whether another alternative follows; outside groups it may begin a line. */
static bool another(struct gbnf *gbnf)
{
    const size_t before = gbnf->at;
    space(gbnf, true);
    if (good(gbnf) && accept(gbnf, "|")) {
        space(gbnf, true);
        return true;
    }
    if (gbnf->groups == 0)
        gbnf->at = before;
    return false;
}

static size_t alternatives(struct gbnf *gbnf)
{
    const size_t begin = gbnf->node_count;
    size_t node = 0;
    do
        push(gbnf, sequence(gbnf));
    while (another(gbnf));
    if (good(gbnf))
        node = grammar_choice(gbnf->grammar, pushed(gbnf, begin), gbnf->node_count - begin);
    gbnf->node_count = begin;
    return node;
}

static void rule(struct gbnf *gbnf)
{
    struct name *const name = rule_here(gbnf);
    if (name == NULL)
        return;
    const size_t at = gbnf->at - name->length, length = name->length, node = name->node;
    if (name->defined)
        fail_name(gbnf, at, length, "is there twice");
    name->defined = true;
    space(gbnf, false);
    if (!accept(gbnf, "::="))
        fail(gbnf, "expected ::= behind a rule's name");
    space(gbnf, true);
    grammar_define(gbnf->grammar, node, alternatives(gbnf));
    space(gbnf, false);
    const char c = peek(gbnf);
    if (gbnf->at < gbnf->length && c != '\n' && c != '\r')
        fail(gbnf, "expected a text, a class, a rule, a group, | or the line's end");
}

/* All rules; the root's node. */
static size_t rules(struct gbnf *gbnf)
{
    size_t root = SIZE_MAX;
    space(gbnf, true);
    while (good(gbnf) && gbnf->at < gbnf->length) {
        rule(gbnf);
        space(gbnf, true);
    }
    for (size_t i = 0; i < gbnf->name_count && good(gbnf); i++) {
        const struct name *const name = &gbnf->names[i];
        if (!name->defined)
            fail_name(gbnf, name->at, name->length, "isn't defined");
        if (name->length == 4 && memcmp(gbnf->text + name->at, "root", 4) == 0)
            root = name->node;
    }
    if (root == SIZE_MAX)
        fail_at(gbnf, PRIMER_EFORMAT, gbnf->length, "the rule \"root\" isn't defined");
    return root;
}

primer_status constraint_gbnf(const char *text, size_t length, primer_constraint **constraint,
                              primer_error *error)
{
    struct gbnf gbnf = {.text = text, .length = length, .grammar = grammar_create()};
    const size_t root = rules(&gbnf);
    primer_status status = gbnf.failure.status;
    if (status == PRIMER_OK)
        status = grammar_finish(gbnf.grammar, root, constraint, error);
    else {
        grammar_free(gbnf.grammar);
        status = error_set(error, status, "%s", gbnf.failure.message);
    }
    memory_free(gbnf.names);
    memory_free(gbnf.slots);
    memory_free(gbnf.nodes);
    return status;
}
