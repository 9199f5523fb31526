/* regex_grammar.c - a tree to a grammar, piece by piece.
 *
 * Where a text may match anywhere, what stands before and behind is any text:
 *
 *   ab        any* a b any*          ^ab      a b any*          ^a|b$     a any* | any* b
 *
 * An anchor is understood at the edge of the whole: going down, the first piece of a sequence has
 * its left edge and the last its right one. An anchor elsewhere takes an automaton.
 *
 * Inside a JSON string `"` and `\` have a backslash, and control characters their short or their
 * long escape (RFC 8259, 7); whatever else is written as it is. Only any character at all may be
 * escaped as one likes.
 */
#include "constraint/regex.h"

#include <string.h>

#include "base/utf8.h"
#include "constraint/grammar_json.h"

enum edge {
    INSIDE, /* something stands before, or behind */
    OPEN,   /* the text's end, from which the match may be away */
    CLOSED  /* the text's end, at which the match is */
};

struct writer {
    struct grammar *grammar;
    bool json;
    bool simple; /* until something isn't */
};

/* ---- characters ------------------------------------------------------------------------------ */

static const struct grammar_range plain_ranges[] = {
    {0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0xD7FF}, {0xE000, 0x10FFFF}};

/* \u00 and two digits, for those of the control characters whose bit is set. */
static size_t long_escapes(struct grammar *grammar, uint32_t controls, size_t nodes[2])
{
    size_t used = 0;
    for (uint32_t high = 0; high < 2; high++) {
        struct grammar_range digits[32];
        size_t count = 0;
        for (uint32_t low = 0; low < 16; low++) {
            if ((controls >> (high * 16 + low) & 1) == 0)
                continue;
            const uint32_t digit = low < 10 ? '0' + low : 'a' + low - 10;
            digits[count++] = (struct grammar_range){digit, digit};
            if (low >= 10)
                digits[count++] = (struct grammar_range){digit - 32, digit - 32};
        }
        if (count == 0)
            continue;
        const size_t parts[] = {grammar_text(grammar, high == 0 ? "\\u000" : "\\u001"),
                                grammar_class(grammar, digits, count, false)};
        nodes[used++] = grammar_sequence(grammar, parts, 2);
    }
    return used;
}

static size_t escape_letters(const struct regex_set set, struct grammar_range letters[7],
                             uint32_t *controls)
{
    static const char characters[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    size_t count = 0;
    for (size_t i = 0; characters[i] != '\0'; i++)
        if (regex_set_has(set, (unsigned char)characters[i]))
            letters[count++] =
                (struct grammar_range){(unsigned char)names[i], (unsigned char)names[i]};
    *controls = 0;
    for (uint32_t c = 0; c < 32; c++)
        *controls |= (uint32_t)regex_set_has(set, c) << c;
    return count;
}

static size_t json_set(struct grammar *grammar, struct regex_set set)
{
    size_t nodes[4], used = 0;
    struct grammar_range letters[7];
    uint32_t controls;
    const size_t count = escape_letters(set, letters, &controls);
    struct scratch scratch = {.left = CONSTRAINT_SCRATCH};
    const struct regex_set plain =
        regex_set_both(&scratch, set, (struct regex_set){plain_ranges, 4});
    if (plain.count == SIZE_MAX) {
        primer_error error;
        (void)constraint_scratch_failure(&scratch, &error);
        grammar_failure(grammar, &error);
    } else if (plain.count > 0) {
        nodes[used++] = grammar_class(grammar, plain.ranges, plain.count, false);
    }
    scratch_free(&scratch);
    if (count > 0) {
        const size_t parts[] = {grammar_text(grammar, "\\"),
                                grammar_class(grammar, letters, count, false)};
        nodes[used++] = grammar_sequence(grammar, parts, 2);
    }
    used += long_escapes(grammar, controls, nodes + used);
    return used == 1 ? nodes[0] : grammar_choice(grammar, nodes, used);
}

size_t regex_set_grammar(struct grammar *grammar, struct regex_set set, bool json)
{
    const bool untouched = set.count > 0 && set.ranges[0].first >= 0x20 &&
                           !regex_set_has(set, '"') && !regex_set_has(set, '\\');
    if (json && regex_set_equal(set, regex_set_all()))
        return grammar_json_character(grammar);
    if (json && !untouched)
        return json_set(grammar, set);
    if (set.count == 1 && set.ranges[0].first == set.ranges[0].last) {
        char bytes[4];
        return grammar_bytes(grammar, bytes, utf8_encode(set.ranges[0].first, bytes));
    }
    return grammar_class(grammar, set.ranges, set.count, false);
}

/* ---- trees ----------------------------------------------------------------------------------- */

static size_t write_node(struct writer *writer, const struct regex_node *node, enum edge left,
                         enum edge right);

static size_t anything(struct writer *writer)
{
    const size_t one = regex_set_grammar(writer->grammar, regex_set_all(), writer->json);
    return grammar_repeat(writer->grammar, one, 0, GRAMMAR_ENDLESS);
}

/* With what may stand before and behind it. */
static size_t between(struct writer *writer, size_t node, enum edge left, enum edge right)
{
    size_t parts[3], used = 0;
    if (left == OPEN)
        parts[used++] = anything(writer);
    parts[used++] = node;
    if (right == OPEN)
        parts[used++] = anything(writer);
    return used == 1 ? node : grammar_sequence(writer->grammar, parts, used);
}

/* An edge goes to the child that has anchors in it; to any other it is written here. */
static enum edge handed_down(const struct regex_node *child, enum edge edge)
{
    return edge == OPEN && !child->anchored ? INSIDE : edge;
}

static size_t write_sequence(struct writer *writer, const struct regex_node *node, enum edge left,
                             enum edge right)
{
    size_t from = 0, to = node->count;
    while (from < to && node->children[from]->kind == REGEX_START && left != INSIDE) {
        left = CLOSED;
        from++;
    }
    while (to > from && node->children[to - 1]->kind == REGEX_END && right != INSIDE) {
        right = CLOSED;
        to--;
    }
    if (to == from)
        return between(writer, grammar_sequence(writer->grammar, NULL, 0), left, right);
    struct scratch scratch = {.left = CONSTRAINT_SCRATCH};
    size_t *const parts = scratch_take(&scratch, to - from, sizeof *parts);
    enum edge outer_left = left, outer_right = right;
    size_t result = 0;
    for (size_t i = from; parts != NULL && i < to; i++) {
        const struct regex_node *const child = node->children[i];
        const enum edge l = i == from ? handed_down(child, left) : INSIDE;
        const enum edge r = i + 1 == to ? handed_down(child, right) : INSIDE;
        outer_left = i == from && l != INSIDE ? CLOSED : outer_left;
        outer_right = i + 1 == to && r != INSIDE ? CLOSED : outer_right;
        parts[i - from] = write_node(writer, child, l, r);
    }
    if (parts == NULL)
        writer->simple = false;
    else
        result = between(writer, grammar_sequence(writer->grammar, parts, to - from), outer_left,
                         outer_right);
    scratch_free(&scratch);
    return result;
}

static size_t write_choice(struct writer *writer, const struct regex_node *node, enum edge left,
                           enum edge right)
{
    const bool together = !node->anchored;
    struct scratch scratch = {.left = CONSTRAINT_SCRATCH};
    size_t *const parts = scratch_take(&scratch, node->count, sizeof *parts);
    size_t result = 0;
    for (size_t i = 0; parts != NULL && i < node->count; i++)
        parts[i] = write_node(writer, node->children[i], together ? INSIDE : left,
                              together ? INSIDE : right);
    if (parts == NULL)
        writer->simple = false;
    else
        result = grammar_choice(writer->grammar, parts, node->count);
    scratch_free(&scratch);
    return together && parts != NULL ? between(writer, result, left, right) : result;
}

static size_t write_node(struct writer *writer, const struct regex_node *node, enum edge left,
                         enum edge right)
{
    switch (node->kind) {
    case REGEX_SET:
        return between(writer, regex_set_grammar(writer->grammar, node->set, writer->json), left,
                       right);
    case REGEX_SEQUENCE:
        return write_sequence(writer, node, left, right);
    case REGEX_CHOICE:
        return write_choice(writer, node, left, right);
    case REGEX_REPEAT:
        writer->simple = writer->simple && !node->anchored;
        return between(writer,
                       grammar_repeat(writer->grammar,
                                      write_node(writer, node->children[0], INSIDE, INSIDE),
                                      node->least, node->most),
                       left, right);
    case REGEX_START:
        writer->simple = writer->simple && left != INSIDE;
        return between(writer, grammar_sequence(writer->grammar, NULL, 0), CLOSED, right);
    case REGEX_END:
        writer->simple = writer->simple && right != INSIDE;
        return between(writer, grammar_sequence(writer->grammar, NULL, 0), left, CLOSED);
    default:
        writer->simple = false;
        return grammar_sequence(writer->grammar, NULL, 0);
    }
}

/* Whether write_node would succeed: the same walk without a grammar's nodes. */
static bool is_simple(const struct regex_node *node, bool left, bool right)
{
    if (!node->anchored)
        return true;
    if (node->kind == REGEX_START)
        return left;
    if (node->kind == REGEX_END)
        return right;
    if (node->kind != REGEX_SEQUENCE && node->kind != REGEX_CHOICE)
        return false;
    size_t from = 0, to = node->count;
    if (node->kind == REGEX_SEQUENCE) {
        while (from < to && node->children[from]->kind == REGEX_START && left)
            from++;
        while (to > from && node->children[to - 1]->kind == REGEX_END && right)
            to--;
    }
    for (size_t i = from; i < to; i++) {
        const bool apart = node->kind == REGEX_SEQUENCE;
        if (!is_simple(node->children[i], left && (!apart || i == from),
                       right && (!apart || i + 1 == to)))
            return false;
    }
    return true;
}

bool regex_node_grammar(struct grammar *grammar, struct regex_term term, bool json, size_t *node)
{
    if (term.negated || term.root->hopeless || !is_simple(term.root, true, true))
        return false;
    struct writer writer = {grammar, json, true};
    const enum edge edge = term.whole ? CLOSED : OPEN;
    *node = write_node(&writer, term.root, edge, edge);
    return writer.simple;
}
