/* grammar_json.c - any JSON value, and the pieces that schemas write theirs with.
 *
 *   value    object | array | string | number | "true" | "false" | "null"
 *   object   "{" break ( member ( "," break member )* break )? "}"
 *   array    "[" break ( value ( "," break value )* break )? "]"
 *
 * A character of a string is itself, or any escape that means it; one outside the basic plane may
 * be two escapes, a high and a low surrogate. Halves of such pairs are never written alone.
 */
#include "constraint/grammar_json.h"

enum { INDENT_BLANKS = 40, INDENT_TABS = 10, INTEGER_DIGITS = 18, FRACTION_DIGITS = 17 };

/* ---- space ----------------------------------------------------------------------------------- */

size_t grammar_json_break(struct grammar *grammar)
{
    const size_t indents[] = {grammar_repeat(grammar, grammar_text(grammar, " "), 0, INDENT_BLANKS),
                              grammar_repeat(grammar, grammar_text(grammar, "\t"), 1, INDENT_TABS)};
    const size_t line[] = {grammar_text(grammar, "\n"), grammar_choice(grammar, indents, 2)};
    const size_t kinds[] = {grammar_text(grammar, ""), grammar_text(grammar, " "),
                            grammar_sequence(grammar, line, 2)};
    return grammar_choice(grammar, kinds, 3);
}

size_t grammar_json_comma(struct grammar *grammar)
{
    const size_t parts[] = {grammar_text(grammar, ","), grammar_json_break(grammar)};
    return grammar_sequence(grammar, parts, 2);
}

size_t grammar_json_colon(struct grammar *grammar)
{
    const size_t parts[] = {grammar_text(grammar, ":"),
                            grammar_repeat(grammar, grammar_text(grammar, " "), 0, 1)};
    return grammar_sequence(grammar, parts, 2);
}

size_t grammar_json_bracketed(struct grammar *grammar, const char *open, size_t inside,
                              const char *close)
{
    const size_t parts[] = {grammar_text(grammar, open), grammar_json_break(grammar), inside,
                            grammar_text(grammar, close)};
    return grammar_sequence(grammar, parts, 4);
}

/* ---- strings --------------------------------------------------------------------------------- */

/* One character of `ranges` behind another's text, or alone. */
static size_t one_of(struct grammar *grammar, const char *ranges, size_t count)
{
    struct grammar_range list[8];
    for (size_t i = 0; i < count; i++)
        list[i] =
            (struct grammar_range){(unsigned char)ranges[2 * i], (unsigned char)ranges[2 * i + 1]};
    return grammar_class(grammar, list, count, false);
}

/* Four digits that are no surrogate, or eight of a pair: behind \u. */
static size_t unicode_escape(struct grammar *grammar)
{
    const size_t any = one_of(grammar, "09AFaf", 3);
    const size_t two = grammar_repeat(grammar, any, 2, 2),
                 three = grammar_repeat(grammar, any, 3, 3);
    const size_t d = one_of(grammar, "DDdd", 2);
    const size_t plain[] = {one_of(grammar, "09ACEFacef", 5), three};
    const size_t below[] = {d, one_of(grammar, "07", 1), two};
    const size_t pair[] = {d, one_of(grammar, "89ABab", 3), two, grammar_text(grammar, "\\u"),
                           d, one_of(grammar, "CFcf", 2),   two};
    const size_t kinds[] = {grammar_sequence(grammar, plain, 2),
                            grammar_sequence(grammar, below, 3),
                            grammar_sequence(grammar, pair, 7)};
    return grammar_choice(grammar, kinds, 3);
}

size_t grammar_json_character(struct grammar *grammar)
{
    static const struct grammar_range plain[] = {
        {0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0xD7FF}, {0xE000, 0x10FFFF}};
    static const char letters[] = "\"\"\\\\//bbffnnrrtt";
    const size_t unicode[] = {grammar_text(grammar, "u"), unicode_escape(grammar)};
    const size_t kinds[] = {one_of(grammar, letters, 8), grammar_sequence(grammar, unicode, 2)};
    const size_t escape[] = {grammar_text(grammar, "\\"), grammar_choice(grammar, kinds, 2)};
    const size_t both[] = {grammar_class(grammar, plain, 4, false),
                           grammar_sequence(grammar, escape, 2)};
    return grammar_choice(grammar, both, 2);
}

size_t grammar_json_string(struct grammar *grammar, size_t least, size_t most)
{
    const size_t quote = grammar_text(grammar, "\"");
    const size_t parts[] = {
        quote, grammar_repeat(grammar, grammar_json_character(grammar), least, most), quote};
    return grammar_sequence(grammar, parts, 3);
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* 1-9 and further digits. */
static size_t positive(struct grammar *grammar)
{
    const size_t digits = grammar_repeat(grammar, one_of(grammar, "09", 1), 0, INTEGER_DIGITS - 1);
    const size_t parts[] = {one_of(grammar, "19", 1), digits};
    return grammar_sequence(grammar, parts, 2);
}

size_t grammar_json_integer(struct grammar *grammar)
{
    const size_t minus = grammar_repeat(grammar, grammar_text(grammar, "-"), 0, 1);
    const size_t other[] = {minus, positive(grammar)};
    const size_t kinds[] = {grammar_text(grammar, "0"), grammar_sequence(grammar, other, 2)};
    return grammar_choice(grammar, kinds, 2);
}

size_t grammar_json_number(struct grammar *grammar)
{
    const size_t digit = one_of(grammar, "09", 1);
    const size_t wholes[] = {grammar_text(grammar, "0"), positive(grammar)};
    const size_t fraction[] = {grammar_text(grammar, "."),
                               grammar_repeat(grammar, digit, 1, FRACTION_DIGITS)};
    const size_t exponent[] = {one_of(grammar, "EEee", 2),
                               grammar_repeat(grammar, one_of(grammar, "++--", 2), 0, 1),
                               grammar_repeat(grammar, digit, 1, 2)};
    const size_t parts[] = {grammar_repeat(grammar, grammar_text(grammar, "-"), 0, 1),
                            grammar_choice(grammar, wholes, 2),
                            grammar_repeat(grammar, grammar_sequence(grammar, fraction, 2), 0, 1),
                            grammar_repeat(grammar, grammar_sequence(grammar, exponent, 3), 0, 1)};
    return grammar_sequence(grammar, parts, 4);
}

/* ---- values ---------------------------------------------------------------------------------- */

/* (item ("," item)* break)? */
static size_t list_of(struct grammar *grammar, size_t item)
{
    const size_t more[] = {grammar_json_comma(grammar), item};
    const size_t parts[] = {
        item, grammar_repeat(grammar, grammar_sequence(grammar, more, 2), 0, GRAMMAR_ENDLESS),
        grammar_json_break(grammar)};
    return grammar_repeat(grammar, grammar_sequence(grammar, parts, 3), 0, 1);
}

size_t grammar_json(struct grammar *grammar, bool object)
{
    const size_t value = grammar_rule(grammar);
    const size_t string = grammar_json_string(grammar, 0, GRAMMAR_ENDLESS);
    const size_t member[] = {string, grammar_json_colon(grammar), value};
    const size_t members = list_of(grammar, grammar_sequence(grammar, member, 3));
    const size_t objects = grammar_json_bracketed(grammar, "{", members, "}");
    const size_t arrays = grammar_json_bracketed(grammar, "[", list_of(grammar, value), "]");
    const size_t kinds[] = {objects,
                            arrays,
                            string,
                            grammar_json_number(grammar),
                            grammar_text(grammar, "true"),
                            grammar_text(grammar, "false"),
                            grammar_text(grammar, "null")};
    grammar_define(grammar, value, grammar_choice(grammar, kinds, 7));
    return object ? objects : value;
}

primer_status constraint_json(bool object, primer_constraint **constraint, primer_error *error)
{
    struct grammar *const grammar = grammar_create();
    return grammar_finish(grammar, grammar_json(grammar, object), constraint, error);
}
