/* constraint_helper.h - what the tests of this folder share: made-up vocabularies, answers
 * followed.
 */
#ifndef TESTS_CONSTRAINT_CONSTRAINT_HELPER_H
#define TESTS_CONSTRAINT_CONSTRAINT_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "constraint/constraint.h"
#include "constraint/grammar.h"

/* A byte-level tokenizer: ids are the tokens' places, then come the control tokens, the last of
 * which is "</s>" and ends an answer. Tokens are NUL-terminated bytes; no two the same. */
struct tokenizer *helper_tokenizer(const char *const *tokens, size_t count,
                                   const char *const *controls, size_t control_count);
/* One token per byte (id: the byte, but for 0), what is in `more` after them, and the end. */
struct tokenizer *helper_byte_tokenizer(const char *const *more, size_t count,
                                        const char *const *controls, size_t control_count);

/* They fail the test where they can't. */
struct constraint_vocabulary *helper_vocabulary(const struct tokenizer *tokenizer);
primer_constraint *helper_gbnf(const char *text);
primer_constraint *helper_finish(struct grammar *grammar, size_t root);
struct constraint_matcher *helper_matcher(primer_constraint *constraint,
                                          const struct constraint_vocabulary *vocabulary);
const uint64_t *helper_mask(struct constraint_matcher *matcher);

static inline bool helper_allowed(const uint64_t *mask, size_t id)
{
    return (mask[id / 64] >> id % 64 & 1) != 0;
}

/* Whether the bytes can be gone through, byte tokens one by one; each time the mask is held against
 * taking. 1: they are a sentence; 0: the beginning of one; -1: neither. */
int helper_follow(primer_constraint *constraint, const char *bytes, size_t length);
/* The same by a tokenizer of bytes. */
int helper_follow_with(primer_constraint *constraint,
                       const struct constraint_vocabulary *vocabulary, const char *bytes,
                       size_t length);

#endif
