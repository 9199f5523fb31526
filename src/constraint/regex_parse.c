/* regex_parse.c - an expression's text to a tree.
 *
 *   choice    sequence ( "|" sequence )*
 *   sequence  ( piece quantifier? )*
 *   piece     character . ^ $ \escape [class] (choice) (?:choice) (?<name>choice)
 *             (?=choice) (?!choice)
 *
 * Source: ECMA 262, "Patterns" with the flag u, and where that would refuse a harmless escape of a
 * sign (`\-`, `\_`) or a lone bracket, its Annex B. Lazy quantifiers match the same texts as
 * others.
 */
#include "constraint/regex.h"

#include <string.h>

#include "base/hex.h"
#include "base/utf8.h"

struct parser {
    struct scratch *scratch;
    primer_error *error;
    const char *text;
    size_t length, at, depth;
};

static primer_status bad(const struct parser *parser, primer_status status, const char *what)
{
    return error_set(parser->error, status, "regular expression, byte %zu: %s", parser->at + 1,
                     what);
}

static primer_status no_memory(const struct parser *parser)
{
    return constraint_scratch_failure(parser->scratch, parser->error);
}

static bool next_is(const struct parser *parser, const char *text)
{
    const size_t length = strlen(text);
    return parser->length - parser->at >= length &&
           memcmp(parser->text + parser->at, text, length) == 0;
}

static bool skip(struct parser *parser, const char *text)
{
    const bool is = next_is(parser, text);
    if (is)
        parser->at += strlen(text);
    return is;
}

/* ---- trees ----------------------------------------------------------------------------------- */

static struct regex_node *make_node(struct scratch *scratch, enum regex_kind kind)
{
    struct regex_node *const node = scratch_take(scratch, 1, sizeof *node);
    if (node != NULL) {
        node->kind = kind;
        node->anchored = kind >= REGEX_START;
    }
    return node;
}

static bool add_child(struct scratch *scratch, struct regex_node *node,
                      const struct regex_node *child)
{
    if (child == NULL)
        return false;
    node->children =
        scratch_grow(scratch, node->children, node->count, &node->capacity, sizeof(void *));
    if (node->children == NULL)
        return false;
    node->children[node->count++] = child;
    node->anchored = node->anchored || child->anchored;
    node->hopeless = node->hopeless || child->hopeless;
    return true;
}

static struct regex_node *make_set(struct scratch *scratch, struct regex_set set)
{
    struct regex_node *const node = set.count == SIZE_MAX ? NULL : make_node(scratch, REGEX_SET);
    if (node != NULL) {
        node->set = set;
        node->hopeless = set.count == 0;
    }
    return node;
}

static struct regex_node *make_character(struct scratch *scratch, uint32_t c)
{
    const struct grammar_range range = {c, c};
    return make_set(scratch, regex_set_of(scratch, &range, 1));
}

static struct regex_node *make_repeat(struct scratch *scratch, const struct regex_node *child,
                                      size_t least, size_t most)
{
    struct regex_node *const node = make_node(scratch, REGEX_REPEAT);
    if (node == NULL || !add_child(scratch, node, child))
        return NULL;
    node->least = least;
    node->most = most;
    return node;
}

const struct regex_node *regex_any_text(struct scratch *scratch, size_t least, size_t most)
{
    return make_repeat(scratch, make_set(scratch, regex_set_all()), least, most);
}

const struct regex_node *regex_texts(struct scratch *scratch, const char *const *texts,
                                     const size_t *lengths, size_t count)
{
    struct regex_node *const choice = make_node(scratch, REGEX_CHOICE);
    for (size_t i = 0; choice != NULL && i < count; i++) {
        struct regex_node *const text = make_node(scratch, REGEX_SEQUENCE);
        if (text == NULL)
            return NULL;
        for (size_t at = 0; at < lengths[i];) {
            uint32_t c = 0xFFFD;
            const size_t bytes = utf8_decode(texts[i] + at, lengths[i] - at, &c);
            if (!add_child(scratch, text, make_character(scratch, c)))
                return NULL;
            at += bytes > 0 ? bytes : 1;
        }
        if (!add_child(scratch, choice, text))
            return NULL;
    }
    return choice;
}

/* ---- escapes --------------------------------------------------------------------------------- */

/* Exactly `digits` of them. */
static bool read_hex(struct parser *parser, size_t digits, uint32_t *value)
{
    *value = 0;
    if (parser->length - parser->at < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        const int digit = hex_digit(parser->text[parser->at + i]);
        if (digit < 0)
            return false;
        *value = *value * 16 + (uint32_t)digit;
    }
    parser->at += digits;
    return true;
}

/* Behind \u{: the digits and the brace. */
static bool read_braced(struct parser *parser, uint32_t *value)
{
    const size_t from = parser->at;
    *value = 0;
    for (int digit; parser->at < parser->length &&
                    (digit = hex_digit(parser->text[parser->at])) >= 0 && *value <= 0x10FFFF;
         parser->at++)
        *value = *value * 16 + (uint32_t)digit;
    return parser->at > from && *value <= 0x10FFFF && skip(parser, "}");
}

/* Behind \u: four digits, two surrogates of four, or {...}. */
static bool read_unicode(struct parser *parser, uint32_t *value)
{
    uint32_t low;
    if (skip(parser, "{"))
        return read_braced(parser, value);
    if (!read_hex(parser, 4, value))
        return false;
    const size_t behind = parser->at;
    if (*value >= 0xD800 && *value <= 0xDBFF && skip(parser, "\\u") && read_hex(parser, 4, &low) &&
        low >= 0xDC00 && low <= 0xDFFF)
        *value = 0x10000 + ((*value - 0xD800) << 10) + (low - 0xDC00);
    else
        parser->at = behind;
    return true;
}

/* \d \w \s and their opposites, by their letter. */
static bool named_set(struct parser *parser, char letter, struct regex_set *set)
{
    static const struct grammar_range digits[] = {{'0', '9'}};
    static const struct grammar_range word[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
    static const struct grammar_range space[] = {
        {0x09, 0x0D},     {0x20, 0x20},     {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
        {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
    switch (letter) {
    case 'd':
    case 'D':
        *set = (struct regex_set){digits, 1};
        break;
    case 'w':
    case 'W':
        *set = (struct regex_set){word, 4};
        break;
    case 's':
    case 'S':
        *set = (struct regex_set){space, 10};
        break;
    default:
        return false;
    }
    if (letter < 'a')
        *set = regex_set_except(parser->scratch, *set);
    return true;
}

static primer_status read_property(struct parser *parser, bool negated, struct regex_set *set)
{
    const char *const begin = parser->text + parser->at + 1;
    const char *const end =
        next_is(parser, "{") ? memchr(begin, '}', parser->length - parser->at - 1) : NULL;
    if (end == NULL)
        return bad(parser, PRIMER_EFORMAT, "\\p wants {name}");
    if (!regex_set_property(parser->scratch, begin, (size_t)(end - begin), negated, set))
        return bad(parser, PRIMER_EUNSUPPORTED,
                   "\\p{...} is supported for general categories alone");
    parser->at += (size_t)(end - begin) + 2;
    return PRIMER_OK;
}

static bool read_control(char letter, uint32_t *value)
{
    static const char letters[] = "tnvfr";
    static const uint32_t values[] = {'\t', '\n', '\v', '\f', '\r'};
    const char *const found = letter != '\0' ? strchr(letters, letter) : NULL;
    if (found != NULL)
        *value = values[found - letters];
    return found != NULL;
}

/* Behind \c. */
static bool read_control_letter(struct parser *parser, uint32_t *value)
{
    const char letter = parser->at < parser->length ? parser->text[parser->at] : '\0';
    if ((letter < 'a' || letter > 'z') && (letter < 'A' || letter > 'Z'))
        return false;
    *value = (uint32_t)(letter & 31);
    parser->at++;
    return true;
}

static primer_status read_number(struct parser *parser, char letter, uint32_t *value)
{
    bool good = true;
    if (letter == 'u')
        good = read_unicode(parser, value);
    else if (letter == 'x')
        good = read_hex(parser, 2, value);
    else
        good = read_control_letter(parser, value);
    return good ? PRIMER_OK
                : bad(parser, PRIMER_EFORMAT, "digits, or a letter, are missing in an escape");
}

/* Behind a backslash: a set, or one character (*single). */
static primer_status read_escape(struct parser *parser, struct regex_set *set, bool *single,
                                 uint32_t *value)
{
    *single = false;
    if (parser->at >= parser->length)
        return bad(parser, PRIMER_EFORMAT, "a backslash at the end");
    const size_t from = parser->at;
    uint32_t c = 0;
    const size_t bytes = utf8_decode(parser->text + parser->at, parser->length - parser->at, &c);
    if (bytes == 0)
        return bad(parser, PRIMER_EFORMAT, "not UTF-8");
    parser->at += bytes;
    const char letter = c < 0x80 ? (char)c : '\0';
    if (named_set(parser, letter, set))
        return set->count == SIZE_MAX ? no_memory(parser) : PRIMER_OK;
    if (letter == 'p' || letter == 'P')
        return read_property(parser, letter == 'P', set);
    *single = true;
    *value = c;
    if (letter == '0' && (parser->at == parser->length || parser->text[parser->at] < '0' ||
                          parser->text[parser->at] > '9')) {
        *value = 0;
        return PRIMER_OK;
    }
    if (read_control(letter, value))
        return PRIMER_OK;
    if (letter == 'u' || letter == 'x' || letter == 'c')
        return read_number(parser, letter, value);
    parser->at = (letter >= '0' && letter <= '9') || letter == 'k' ? from : parser->at;
    if (parser->at == from)
        return bad(parser, PRIMER_EUNSUPPORTED, "back references are not supported");
    if ((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z'))
        return bad(parser, PRIMER_EFORMAT, "an unknown escape");
    return PRIMER_OK;
}

/* ---- classes --------------------------------------------------------------------------------- */

struct ranges {
    struct grammar_range *items;
    size_t count, capacity;
};

static primer_status add_range(struct parser *parser, struct ranges *ranges, uint32_t first,
                               uint32_t last)
{
    ranges->items = scratch_grow(parser->scratch, ranges->items, ranges->count, &ranges->capacity,
                                 sizeof *ranges->items);
    if (ranges->items == NULL)
        return no_memory(parser);
    ranges->items[ranges->count++] = (struct grammar_range){first, last};
    return PRIMER_OK;
}

/* One end of a range, or a set, which is added at once. */
static primer_status read_class_piece(struct parser *parser, struct ranges *ranges, bool *single,
                                      uint32_t *value)
{
    *single = true;
    if (!skip(parser, "\\")) {
        const size_t bytes =
            utf8_decode(parser->text + parser->at, parser->length - parser->at, value);
        parser->at += bytes;
        return bytes > 0 ? PRIMER_OK : bad(parser, PRIMER_EFORMAT, "not UTF-8");
    }
    if (skip(parser, "b")) {
        *value = '\b';
        return PRIMER_OK;
    }
    struct regex_set set = {NULL, 0};
    FORWARD(read_escape(parser, &set, single, value));
    if (!*single && set.count == SIZE_MAX)
        return no_memory(parser);
    for (size_t i = 0; !*single && i < set.count; i++)
        FORWARD(add_range(parser, ranges, set.ranges[i].first, set.ranges[i].last));
    return PRIMER_OK;
}

/* Behind the bracket. */
static primer_status read_class(struct parser *parser, struct regex_set *set)
{
    const bool negated = skip(parser, "^");
    struct ranges ranges = {0};
    while (!skip(parser, "]")) {
        bool single, single_too;
        uint32_t first = 0, last = 0;
        if (parser->at >= parser->length)
            return bad(parser, PRIMER_EFORMAT, "a class without its ]");
        FORWARD(read_class_piece(parser, &ranges, &single, &first));
        if (!next_is(parser, "-") || next_is(parser, "-]")) {
            FORWARD(single ? add_range(parser, &ranges, first, first) : PRIMER_OK);
            continue;
        }
        parser->at++;
        if (parser->at >= parser->length)
            return bad(parser, PRIMER_EFORMAT, "a class without its ]");
        FORWARD(read_class_piece(parser, &ranges, &single_too, &last));
        if (single && single_too && first > last)
            return bad(parser, PRIMER_EFORMAT, "a range whose ends are in the wrong order");
        if (single && single_too) {
            FORWARD(add_range(parser, &ranges, first, last));
            continue;
        }
        FORWARD(add_range(parser, &ranges, '-', '-'));
        FORWARD(single ? add_range(parser, &ranges, first, first) : PRIMER_OK);
        FORWARD(single_too ? add_range(parser, &ranges, last, last) : PRIMER_OK);
    }
    *set = regex_set_of(parser->scratch, ranges.items, ranges.count);
    if (negated)
        *set = regex_set_except(parser->scratch, *set);
    return set->count == SIZE_MAX ? no_memory(parser) : PRIMER_OK;
}

/* ---- counts ---------------------------------------------------------------------------------- */

static bool read_count(struct parser *parser, size_t *count)
{
    const size_t from = parser->at;
    *count = 0;
    for (; parser->at < parser->length; parser->at++) {
        const char c = parser->text[parser->at];
        if (c < '0' || c > '9')
            break;
        if (*count <= REGEX_COUNT)
            *count = *count * 10 + (size_t)(c - '0');
    }
    return parser->at > from;
}

/* {n} {n,} {n,m}; where it is none of them nothing is read: a brace may stand for itself. */
static bool read_braces(struct parser *parser, size_t *least, size_t *most)
{
    const size_t from = parser->at;
    bool good = skip(parser, "{") && read_count(parser, least);
    *most = *least;
    if (good && skip(parser, ",") && !read_count(parser, most))
        *most = GRAMMAR_ENDLESS;
    good = good && skip(parser, "}");
    if (!good)
        parser->at = from;
    return good;
}

/* ---- pieces ---------------------------------------------------------------------------------- */

static primer_status read_choice(struct parser *parser, const struct regex_node **node);

static primer_status finish(struct parser *parser, const struct regex_node *made,
                            const struct regex_node **node)
{
    *node = made;
    return made == NULL ? no_memory(parser) : PRIMER_OK;
}

static primer_status read_group_name(struct parser *parser)
{
    const char *const end = memchr(parser->text + parser->at, '>', parser->length - parser->at);
    if (end == NULL)
        return bad(parser, PRIMER_EFORMAT, "a group's name without its >");
    parser->at = (size_t)(end - parser->text) + 1;
    return PRIMER_OK;
}

/* Behind the parenthesis. */
static primer_status read_group(struct parser *parser, const struct regex_node **node)
{
    bool ahead = false, negative = false;
    if (next_is(parser, "?<=") || next_is(parser, "?<!"))
        return bad(parser, PRIMER_EUNSUPPORTED, "look-behind is not supported");
    if (skip(parser, "?="))
        ahead = true;
    else if (skip(parser, "?!"))
        ahead = negative = true;
    else if (skip(parser, "?<"))
        FORWARD(read_group_name(parser));
    else if (!skip(parser, "?:") && next_is(parser, "?"))
        return bad(parser, PRIMER_EUNSUPPORTED, "this kind of group is not supported");
    if (++parser->depth > REGEX_DEPTH)
        return bad(parser, PRIMER_ELIMIT, "more than 200 groups in one another");
    FORWARD(read_choice(parser, node));
    parser->depth--;
    if (!skip(parser, ")"))
        return bad(parser, PRIMER_EFORMAT, "a group without its )");
    if (!ahead)
        return PRIMER_OK;
    struct regex_node *const look = make_node(parser->scratch, REGEX_AHEAD);
    if (look == NULL || !add_child(parser->scratch, look, *node))
        return no_memory(parser);
    look->least = negative;
    return finish(parser, look, node);
}

static primer_status read_dot(struct parser *parser, const struct regex_node **node)
{
    static const struct grammar_range line_ends[] = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};
    const struct regex_set ends = {line_ends, 3};
    return finish(parser, make_set(parser->scratch, regex_set_except(parser->scratch, ends)), node);
}

static primer_status read_escaped(struct parser *parser, const struct regex_node **node)
{
    struct regex_set set = {NULL, 0};
    uint32_t value = 0;
    bool single;
    if (skip(parser, "b"))
        return finish(parser, make_node(parser->scratch, REGEX_EDGE), node);
    if (skip(parser, "B"))
        return finish(parser, make_node(parser->scratch, REGEX_INNER), node);
    FORWARD(read_escape(parser, &set, &single, &value));
    return finish(parser,
                  single ? make_character(parser->scratch, value) : make_set(parser->scratch, set),
                  node);
}

static primer_status read_piece(struct parser *parser, const struct regex_node **node)
{
    struct regex_set set;
    const size_t from = parser->at;
    size_t least = 0, most = 0;
    uint32_t c;
    if (skip(parser, "^"))
        return finish(parser, make_node(parser->scratch, REGEX_START), node);
    if (skip(parser, "$"))
        return finish(parser, make_node(parser->scratch, REGEX_END), node);
    if (skip(parser, "("))
        return read_group(parser, node);
    if (skip(parser, "."))
        return read_dot(parser, node);
    if (skip(parser, "\\"))
        return read_escaped(parser, node);
    if (skip(parser, "[")) {
        FORWARD(read_class(parser, &set));
        return finish(parser, make_set(parser->scratch, set), node);
    }
    if (next_is(parser, "*") || next_is(parser, "+") || next_is(parser, "?") ||
        read_braces(parser, &least, &most)) {
        parser->at = from;
        return bad(parser, PRIMER_EFORMAT, "nothing that could be repeated");
    }
    const size_t bytes = utf8_decode(parser->text + parser->at, parser->length - parser->at, &c);
    if (bytes == 0)
        return bad(parser, PRIMER_EFORMAT, "not UTF-8");
    parser->at += bytes;
    return finish(parser, make_character(parser->scratch, c), node);
}

/* ---- quantifiers ----------------------------------------------------------------------------- */

static primer_status read_quantifier(struct parser *parser, const struct regex_node **node)
{
    size_t least = 0, most = GRAMMAR_ENDLESS;
    if (skip(parser, "+"))
        least = 1;
    else if (skip(parser, "?"))
        most = 1;
    else if (!skip(parser, "*") && !read_braces(parser, &least, &most))
        return PRIMER_OK;
    if (least > REGEX_COUNT || (most != GRAMMAR_ENDLESS && most > REGEX_COUNT))
        return bad(parser, PRIMER_ELIMIT, "a count above 100000");
    if (least > most)
        return bad(parser, PRIMER_EFORMAT, "a quantifier whose ends are in the wrong order");
    if ((*node)->kind >= REGEX_START)
        return bad(parser, PRIMER_EFORMAT, "an anchor can't be repeated");
    (void)skip(parser, "?");
    return finish(parser, make_repeat(parser->scratch, *node, least, most), node);
}

static primer_status read_sequence(struct parser *parser, const struct regex_node **node)
{
    struct regex_node *const sequence = make_node(parser->scratch, REGEX_SEQUENCE);
    if (sequence == NULL)
        return no_memory(parser);
    while (parser->at < parser->length && !next_is(parser, "|") && !next_is(parser, ")")) {
        const struct regex_node *piece = NULL;
        FORWARD(read_piece(parser, &piece));
        FORWARD(read_quantifier(parser, &piece));
        if (!add_child(parser->scratch, sequence, piece))
            return no_memory(parser);
    }
    *node = sequence->count == 1 ? sequence->children[0] : sequence;
    return PRIMER_OK;
}

static primer_status read_choice(struct parser *parser, const struct regex_node **node)
{
    FORWARD(read_sequence(parser, node));
    if (!next_is(parser, "|"))
        return PRIMER_OK;
    struct regex_node *const choice = make_node(parser->scratch, REGEX_CHOICE);
    if (choice == NULL || !add_child(parser->scratch, choice, *node))
        return no_memory(parser);
    while (skip(parser, "|")) {
        FORWARD(read_sequence(parser, node));
        if (!add_child(parser->scratch, choice, *node))
            return no_memory(parser);
    }
    *node = choice;
    return PRIMER_OK;
}

/* ---- terms ----------------------------------------------------------------------------------- */

static bool holds_ahead(const struct regex_node *node)
{
    for (size_t i = 0; node->anchored && i < node->count; i++)
        if (holds_ahead(node->children[i]))
            return true;
    return node->kind == REGEX_AHEAD;
}

static primer_status add_term(struct parser *parser, struct regex_term terms[REGEX_TERMS],
                              size_t *count, struct regex_term term)
{
    if (*count == REGEX_TERMS)
        return error_set(parser->error, PRIMER_ELIMIT,
                         "more than %d expressions would have to hold at once", REGEX_TERMS);
    if (holds_ahead(term.root))
        return error_set(parser->error, PRIMER_EUNSUPPORTED,
                         "regular expression: look-ahead is supported behind ^ at the begin alone");
    terms[(*count)++] = term;
    return PRIMER_OK;
}

/* A look-ahead behind ^ says that its expression matches there: a term, anchored as it is. */
static primer_status split_aheads(struct parser *parser, const struct regex_node *root, bool whole,
                                  struct regex_term terms[REGEX_TERMS], size_t *count)
{
    size_t at = 0, kept = 0;
    struct regex_node *const rest = make_node(parser->scratch, REGEX_SEQUENCE);
    if (rest == NULL)
        return no_memory(parser);
    for (; at < root->count; at++) {
        const struct regex_node *const child = root->children[at];
        if (child->kind == REGEX_AHEAD) {
            struct regex_node *const term = make_node(parser->scratch, REGEX_SEQUENCE);
            if (term == NULL ||
                !add_child(parser->scratch, term, make_node(parser->scratch, REGEX_START)) ||
                !add_child(parser->scratch, term, child->children[0]))
                return no_memory(parser);
            FORWARD(add_term(parser, terms, count,
                             (struct regex_term){term, false, child->least == 1}));
        } else if (child->kind != REGEX_START) {
            break;
        }
    }
    if (!whole && !add_child(parser->scratch, rest, make_node(parser->scratch, REGEX_START)))
        return no_memory(parser);
    for (kept = at; kept < root->count; kept++)
        if (!add_child(parser->scratch, rest, root->children[kept]))
            return no_memory(parser);
    return add_term(parser, terms, count, (struct regex_term){rest, whole, false});
}

primer_status regex_parse(struct scratch *scratch, const char *pattern, size_t length, bool whole,
                          struct regex_term terms[REGEX_TERMS], size_t *count, primer_error *error)
{
    struct parser parser = {scratch, error, pattern, length, 0, 0};
    const struct regex_node *root = NULL;
    if (length > REGEX_LENGTH)
        return error_set(error, PRIMER_ELIMIT, "a regular expression of %zu bytes, most is %zu",
                         length, REGEX_LENGTH);
    FORWARD(read_choice(&parser, &root));
    if (parser.at < length)
        return bad(&parser, PRIMER_EFORMAT, "a ) too many");
    const bool anchored = root->kind == REGEX_SEQUENCE && root->count > 0 &&
                          (whole || root->children[0]->kind == REGEX_START);
    if (anchored && holds_ahead(root))
        return split_aheads(&parser, root, whole, terms, count);
    return add_term(&parser, terms, count, (struct regex_term){root, whole, false});
}

/* ---- lengths --------------------------------------------------------------------------------- */

static size_t sum(size_t a, size_t b)
{
    return a > GRAMMAR_ENDLESS - b ? GRAMMAR_ENDLESS : a + b;
}

static size_t times(size_t a, size_t b)
{
    if (a == 0 || b == 0)
        return 0;
    return a > GRAMMAR_ENDLESS / b ? GRAMMAR_ENDLESS : a * b;
}

static void measure(const struct regex_node *node, size_t *least, size_t *most)
{
    *least = node->kind == REGEX_SET;
    *most = *least;
    for (size_t i = 0; i < node->count && node->kind != REGEX_AHEAD; i++) {
        size_t low, high;
        measure(node->children[i], &low, &high);
        if (node->kind == REGEX_CHOICE) {
            *least = i == 0 || low < *least ? low : *least;
            *most = high > *most ? high : *most;
        } else if (node->kind == REGEX_REPEAT) {
            *least = times(low, node->least);
            *most = times(high, node->most);
        } else {
            *least = sum(*least, low);
            *most = sum(*most, high);
        }
    }
}

void regex_lengths(struct regex_term term, size_t *least, size_t *most)
{
    const struct regex_node *const root = term.root;
    if (term.negated) {
        *least = 0;
        *most = GRAMMAR_ENDLESS;
        return;
    }
    measure(root, least, most);
    const bool closed = root->kind == REGEX_SEQUENCE && root->count >= 2 &&
                        root->children[0]->kind == REGEX_START &&
                        root->children[root->count - 1]->kind == REGEX_END;
    if (!term.whole && !closed)
        *most = GRAMMAR_ENDLESS;
}
