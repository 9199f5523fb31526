/* constrain.c - see constrain.h; and the public calls that make constraints. */
#include "engine/constrain.h"

#include <string.h>

#include "primer_chat.h"

primer_status primer_constraint_json(bool object, primer_constraint **constraint,
                                     primer_error *error)
{
    return constraint_json(object, constraint, error);
}

primer_status primer_constraint_schema(const char *schema, size_t length,
                                       primer_constraint **constraint, primer_error *error)
{
    return constraint_schema(schema, length, constraint, error);
}

primer_status primer_constraint_grammar(const char *text, size_t length,
                                        primer_constraint **constraint, primer_error *error)
{
    return constraint_gbnf(text, length, constraint, error);
}

primer_status primer_constraint_regex(const char *pattern, size_t length,
                                      primer_constraint **constraint, primer_error *error)
{
    return constraint_regex(pattern, length, constraint, error);
}

primer_status primer_constraint_choice(const char *const *choices, size_t count,
                                       primer_constraint **constraint, primer_error *error)
{
    return constraint_choice(choices, count, constraint, error);
}

void primer_constraint_free(primer_constraint *constraint)
{
    constraint_free(constraint);
}

/* ---- one answer ------------------------------------------------------------------------------ */

/* The model's vocabulary in the order that masks are made in, built when first needed. */
static primer_status vocabulary_of(primer_model *model,
                                   const struct constraint_vocabulary **vocabulary,
                                   primer_error *error)
{
    primer_status status = PRIMER_OK;
    pthread_mutex_lock(&model->constraint_lock);
    if (model->constraint_vocabulary == NULL)
        status =
            constraint_vocabulary_create(model->tokenizer, &model->constraint_vocabulary, error);
    *vocabulary = model->constraint_vocabulary;
    pthread_mutex_unlock(&model->constraint_lock);
    return status;
}

primer_status constrain_open(struct constrain *constrain, primer_session *session,
                             const primer_generation *options, primer_error *error)
{
    const struct constraint_vocabulary *vocabulary = NULL;
    *constrain = (struct constrain){.tokenizer = session->model->tokenizer};
    if (options->constraint == NULL)
        return PRIMER_OK;
    if (options->choose != NULL)
        return error_set(error, PRIMER_EINVAL,
                         "a constraint needs a sampler: the caller chooses the tokens itself");
    if (options->ignore_end)
        return error_set(error, PRIMER_EINVAL,
                         "a constraint and ignore_end don't go together: an answer that is "
                         "complete has to end");
    constrain->after = options->constraint_after != NULL ? options->constraint_after : "";
    constrain->after_length = strlen(constrain->after);
    constrain->active = constrain->after_length == 0;
    constrain->words = (session->model->model->vocabulary + 63) / 64;
    constrain->refused = memory_allocate(constrain->words, sizeof *constrain->refused);
    if (constrain->refused == NULL)
        return memory_failure(error, "a constraint's mask", constrain->words);
    FORWARD(vocabulary_of(session->model, &vocabulary, error));
    return constraint_matcher_create(options->constraint, vocabulary, &constrain->matcher, error);
}

void constrain_close(struct constrain *constrain)
{
    constraint_matcher_free(constrain->matcher);
    memory_free(constrain->refused);
    *constrain = (struct constrain){0};
}

/* How many bytes of `after` the text ends with once `byte` has followed `met` of them. */
static size_t met_with(const struct constrain *constrain, size_t met, char byte)
{
    const char *const after = constrain->after;
    while (met > 0 && after[met] != byte) { /* the longest shorter beginning that is an end too */
        size_t shorter = met - 1;
        while (shorter > 0 && memcmp(after, after + met - shorter, shorter) != 0)
            shorter--;
        met = shorter;
    }
    return after[met] == byte ? met + 1 : 0;
}

/* Goes through a token's bytes before the constraint has begun. Returns how many of them stand
 * behind the end of `after`, whose place is told in *met. */
static size_t behind_after(const struct constrain *constrain, int32_t id, size_t *met,
                           const char **rest)
{
    size_t length = 0;
    const char *const bytes = tokenizer_bytes(constrain->tokenizer, id, true, &length);
    for (size_t i = 0; i < length; i++) {
        *met = met_with(constrain, *met, bytes[i]);
        if (*met == constrain->after_length) {
            *rest = bytes + i + 1;
            return length - i - 1;
        }
    }
    return 0;
}

/* Whether a token may be written before the constraint has begun. */
static bool allowed_before(const struct constrain *constrain, int32_t id)
{
    if (tokenizer_ends(constrain->tokenizer, id)) /* nothing of the constraint is there yet */
        return false;
    const char *rest = NULL;
    size_t met = constrain->met;
    const size_t length = behind_after(constrain, id, &met, &rest);
    return length == 0 || constraint_matcher_allows(constrain->matcher, rest, length);
}

static primer_status next_before(struct constrain *constrain, primer_sampler *sampler,
                                 const primer_session *session, int32_t *id, primer_error *error)
{
    FORWARD(primer_sampler_next(sampler, session, id, error));
    if (allowed_before(constrain, *id))
        return PRIMER_OK;
    memset(constrain->refused, 0xff, constrain->words * sizeof *constrain->refused);
    do {
        constrain->refused[*id / 64] &= ~(UINT64_C(1) << (*id % 64));
        FORWARD(sampler_next_allowed(sampler, session, constrain->refused, id, error));
    } while (!allowed_before(constrain, *id));
    return PRIMER_OK;
}

primer_status constrain_next(struct constrain *constrain, primer_sampler *sampler,
                             const primer_session *session, int32_t *id, primer_error *error)
{
    if (constrain->matcher == NULL)
        return primer_sampler_next(sampler, session, id, error);
    if (!constrain->active)
        return next_before(constrain, sampler, session, id, error);
    const uint64_t *const mask = constraint_matcher_mask(constrain->matcher, error);
    if (mask == NULL)
        return error != NULL && error->status != PRIMER_OK ? error->status : PRIMER_ENOMEM;
    return sampler_next_allowed(sampler, session, mask, id, error);
}

void constrain_take(struct constrain *constrain, int32_t id)
{
    if (constrain->matcher == NULL)
        return;
    if (constrain->active) {
        constraint_matcher_take(constrain->matcher, id);
        return;
    }
    const char *rest = NULL;
    const size_t length = behind_after(constrain, id, &constrain->met, &rest);
    if (constrain->met < constrain->after_length)
        return;
    constrain->active = true;
    if (length > 0)
        constraint_matcher_take_bytes(constrain->matcher, rest, length);
}

bool constrain_finished(const struct constrain *constrain)
{
    return constrain->matcher != NULL && constrain->active &&
           constraint_matcher_finished(constrain->matcher);
}
