/* constrain.h - one answer under a constraint: when it begins, which tokens may come next.
 *
 *   written   | thinking ... </think> | { "a": ...
 *             | anything               | what the constraint allows
 *                     `after` ends here ^
 *
 * A token that ends `after` may have bytes behind it, which the constraint has to allow already.
 */
#ifndef ENGINE_CONSTRAIN_H
#define ENGINE_CONSTRAIN_H

#include "constraint/constraint.h"
#include "engine/engine.h"

struct constrain {
    struct constraint_matcher *matcher; /* NULL: no constraint */
    const struct tokenizer *tokenizer;
    const char *after;
    size_t after_length, met; /* bytes of `after` that the text ends with */
    bool active;
    uint64_t *refused; /* [words] scratch: all tokens but those refused */
    size_t words;
};

/* `session` is at the answer's begin. */
primer_status constrain_open(struct constrain *constrain, primer_session *session,
                             const primer_generation *options, primer_error *error);
void constrain_close(struct constrain *constrain);
/* The next token, chosen among those that are allowed. */
primer_status constrain_next(struct constrain *constrain, primer_sampler *sampler,
                             const primer_session *session, int32_t *id, primer_error *error);
/* After a token that was chosen so. */
void constrain_take(struct constrain *constrain, int32_t id);
/* Nothing can follow: the answer is over. */
bool constrain_finished(const struct constrain *constrain);

#endif
