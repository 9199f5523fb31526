/* grammar_json.h - the pieces that JSON is written with, as nodes (RFC 8259).
 *
 * Space is bounded, so that an answer can't be endless space: nothing, one blank, or one line break
 * with at most 40 blanks or 10 tabs, where pretty printers put it:
 *
 *   {break "key":blank value,break "key":blank value break}     [break value,break value break]
 */
#ifndef CONSTRAINT_GRAMMAR_JSON_H
#define CONSTRAINT_GRAMMAR_JSON_H

#include "constraint/grammar.h"

size_t grammar_json_break(struct grammar *grammar);     /* behind { [ and before } ] */
size_t grammar_json_comma(struct grammar *grammar);     /* with a break behind it */
size_t grammar_json_colon(struct grammar *grammar);     /* with a blank or none behind it */
size_t grammar_json_character(struct grammar *grammar); /* one code point inside quotes */
/* Between quotes, as many code points. */
size_t grammar_json_string(struct grammar *grammar, size_t least, size_t most);
/* At most 18 digits before the point and 17 behind it, exponents of two digits: what is written is
 * finite in binary64, and an integer fits 64 bits. */
size_t grammar_json_number(struct grammar *grammar);
size_t grammar_json_integer(struct grammar *grammar);
/* [first item, item ...] or {member, ...}: what is between the brackets, which may be empty. */
size_t grammar_json_bracketed(struct grammar *grammar, const char *open, size_t inside,
                              const char *close);

#endif
