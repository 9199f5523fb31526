/* constraint.h - what an answer may be, and which tokens may come next so that it stays so.
 *
 *   JSON Schema, GBNF, regex, choices -> grammar (grammar.h) -> primer_constraint
 *   tokenizer -> constraint_vocabulary                         one per model
 *   both -> constraint_matcher                                 one per answer: a mask for each step
 *
 * Everything is about bytes: a token may come next if the grammar can go on through all of its
 * bytes, so tokens that straddle what a grammar's author had in mind are no special case. A control
 * token's text matches only marks (grammar.h).
 *
 * A constraint doesn't change once it is made, but for caches behind a lock of its own; any number
 * of matchers, in any threads, share it.
 */
#ifndef CONSTRAINT_CONSTRAINT_H
#define CONSTRAINT_CONSTRAINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "tokenizer/tokenizer.h"

typedef struct primer_constraint primer_constraint; /* as in include/primer_chat.h */
struct constraint_vocabulary;
struct constraint_matcher;

/* ---- made from ------------------------------------------------------------------------------- */

/* Any JSON value, or any object; RFC 8259, with at most a blank or a line break's worth of space
 * between what belongs together, so that an answer can't be endless space. */
primer_status constraint_json(bool object, primer_constraint **constraint, primer_error *error);
/* A JSON Schema, as JSON text. Errors: PRIMER_EFORMAT (no JSON, a keyword of the wrong kind),
 * PRIMER_EUNSUPPORTED names the keyword and its place ("#/properties/a/not"), PRIMER_ELIMIT;
 * PRIMER_EINVAL where no value is valid. What is written is valid; an object that names properties
 * has no others, unless its schema has a word on them (schema.h says what else is stricter). */
primer_status constraint_schema(const char *schema, size_t length, primer_constraint **constraint,
                                primer_error *error);
/* A grammar in GBNF (llama.cpp's notation), whose `root` is the answer. Errors name the line. */
primer_status constraint_gbnf(const char *text, size_t length, primer_constraint **constraint,
                              primer_error *error);
/* The whole answer matches the expression; the dialect is JSON Schema's (ECMA 262) without
 * look-around and back references. */
primer_status constraint_regex(const char *pattern, size_t length, primer_constraint **constraint,
                               primer_error *error);
/* One of the texts, exactly. */
primer_status constraint_choice(const char *const *choices, size_t count,
                                primer_constraint **constraint, primer_error *error);
void constraint_free(primer_constraint *constraint);

/* ---- met with a vocabulary ------------------------------------------------------------------- */

primer_status constraint_vocabulary_create(const struct tokenizer *tokenizer,
                                           struct constraint_vocabulary **vocabulary,
                                           primer_error *error);
void constraint_vocabulary_free(struct constraint_vocabulary *vocabulary);

/* ---- followed -------------------------------------------------------------------------------- */

/* At the answer's begin. Both must outlive it. */
primer_status constraint_matcher_create(primer_constraint *constraint,
                                        const struct constraint_vocabulary *vocabulary,
                                        struct constraint_matcher **matcher, primer_error *error);
void constraint_matcher_free(struct constraint_matcher *matcher);
/* Bit id % 64 of word id / 64 [ceil(vocabulary / 64)]: the token may come next. End tokens may
 * where the answer may end. Borrowed until the matcher's next call; NULL where memory or a limit of
 * the grammar's ambiguity is reached. At least one bit is set, always: a place that no token leads
 * on from counts as a failure of the grammar (PRIMER_EUNSUPPORTED in *error). */
const uint64_t *constraint_matcher_mask(struct constraint_matcher *matcher, primer_error *error);
/* Goes on through a token; false, and unchanged, where it isn't allowed. Where memory or a limit
 * of the grammar's ambiguity is reached, too, and then the next mask is NULL and says so. */
bool constraint_matcher_take(struct constraint_matcher *matcher, int32_t id);
/* Whether bytes that are no whole token may come next. PRIMER_ELIMIT, PRIMER_ENOMEM: that can't be
 * told. */
primer_status constraint_matcher_allows(struct constraint_matcher *matcher, const char *bytes,
                                        size_t length, bool *allowed, primer_error *error);
/* Goes on through them, as by a token. */
bool constraint_matcher_take_bytes(struct constraint_matcher *matcher, const char *bytes,
                                   size_t length);
/* Whether the answer may end here; whether it must. */
bool constraint_matcher_complete(const struct constraint_matcher *matcher);
bool constraint_matcher_finished(const struct constraint_matcher *matcher);

#endif
