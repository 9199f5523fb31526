/* constrain.h - one answer under a constraint: when it begins, which tokens may come next.
 *
 *   place    OPENING    THOUGHT    SPACE             ACTIVE
 *   written  <think>  | anything | white space     | { "a": ...     what the constraint allows
 *            `opening`  `after` ends here, </think>
 *
 * Without `after` all of it is ACTIVE; without `opening` the prompt has opened the thought. With
 * both the answer may begin with a thought or not. As long as it may still become one, the
 * constraint is followed beside it by a second matcher, and a token may come next if either allows
 * it:
 *
 *   "<"  may become "<think>" or, where a choice is "<b>", this     then "t" decides, or "b"
 *
 * A text that begins with the whole of `opening` is a thought, whatever the constraint allows: so
 * it is read as well. White space behind `after` that the constraint could begin with is the
 * constraint's. A token that ends a part may have bytes of the next ones, which are held to them.
 */
#ifndef ENGINE_CONSTRAIN_H
#define ENGINE_CONSTRAIN_H

#include "constraint/constraint.h"
#include "engine/engine.h"

enum constrain_place { CONSTRAIN_OPENING, CONSTRAIN_THOUGHT, CONSTRAIN_SPACE, CONSTRAIN_ACTIVE };

/* What stands before the constrained part, as far as it is written. */
struct constrain_lead {
    enum constrain_place place;
    size_t
        met; /* bytes of `opening`, those of `after` that the text ends with, or of white space */
};

struct constrain {
    struct constraint_matcher *matcher; /* at its begin until ACTIVE; NULL: no constraint */
    struct constraint_matcher
        *at_once; /* OPENING: as if there were no thought; NULL: there is one */
    const struct tokenizer *tokenizer;
    const char *opening, *after;
    size_t opening_length, after_length;
    struct constrain_lead lead;
    bool begins[256]; /* with `after`: the bytes with which the constraint can begin */
    bool both;        /* OPENING: the token that was chosen last can go on `at_once` */
    uint64_t *mask;   /* [words] scratch */
    size_t words;
};

/* `session` is at the answer's begin. */
primer_status constrain_open(struct constrain *constrain, primer_session *session,
                             const primer_generation *options, primer_error *error);
void constrain_close(struct constrain *constrain);
/* The next token, chosen among those that are allowed. Where memory or a limit of the constraint
 * is reached, an error: never a token less. */
primer_status constrain_next(struct constrain *constrain, primer_sampler *sampler,
                             const primer_session *session, int32_t *id, primer_error *error);
/* After a token that was chosen so. What can't be gone on through is told by the next choice. */
void constrain_take(struct constrain *constrain, int32_t id);
/* Nothing can follow: the answer is over. */
bool constrain_finished(const struct constrain *constrain);

#endif
