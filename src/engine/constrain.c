/* constrain.c - see constrain.h; and the public calls that make constraints.
 *
 * Where the constraint holds, and where a few tokens lead to it, a mask says what may come next. In
 * a thought nearly everything may: there a token is chosen freely, and another one if it was one of
 * the few that may not (ends, and those that end the thought with what the constraint refuses).
 */
#include "engine/constrain.h"

#include <assert.h>
#include <string.h>

#include "primer_chat.h"

enum { SPACE_MOST = 4 }; /* bytes of white space behind a thought */

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

static primer_status check_options(const primer_generation *options, primer_error *error)
{
    if (options->choose != NULL)
        return error_set(error, PRIMER_EINVAL,
                         "a constraint needs a sampler: the caller chooses the tokens itself");
    if (options->ignore_end)
        return error_set(error, PRIMER_EINVAL,
                         "a constraint and ignore_end don't go together: an answer that is "
                         "complete has to end");
    if (options->constraint_opening != NULL && options->constraint_after == NULL)
        return error_set(error, PRIMER_EINVAL,
                         "constraint_opening \"%s\" without constraint_after: where what it opens "
                         "ends, isn't said",
                         options->constraint_opening);
    return PRIMER_OK;
}

static primer_status find_begins(struct constrain *constrain, primer_error *error)
{
    for (size_t i = 0; i < sizeof constrain->begins / sizeof constrain->begins[0]; i++) {
        const char byte = (char)i;
        FORWARD(
            constraint_matcher_allows(constrain->matcher, &byte, 1, &constrain->begins[i], error));
    }
    return PRIMER_OK;
}

primer_status constrain_open(struct constrain *constrain, primer_session *session,
                             const primer_generation *options, primer_error *error)
{
    const struct constraint_vocabulary *vocabulary = NULL;
    const struct tokenizer *const tokenizer = session->model->tokenizer;
    *constrain = (struct constrain){.tokenizer = tokenizer, .lead.place = CONSTRAIN_ACTIVE};
    if (options->constraint == NULL)
        return PRIMER_OK;
    FORWARD(check_options(options, error));
    constrain->opening = options->constraint_opening != NULL ? options->constraint_opening : "";
    constrain->after = options->constraint_after != NULL ? options->constraint_after : "";
    constrain->opening_length = strlen(constrain->opening);
    constrain->after_length = strlen(constrain->after);
    const size_t model_words = (session->model->model->vocabulary + 63) / 64;
    constrain->words = (tokenizer_vocabulary(tokenizer) + 63) / 64;
    if (constrain->words < model_words)
        constrain->words = model_words;
    constrain->mask = memory_allocate(constrain->words, sizeof *constrain->mask);
    if (constrain->mask == NULL)
        return memory_failure(error, "a constraint's mask", constrain->words * sizeof(uint64_t));
    FORWARD(vocabulary_of(session->model, &vocabulary, error));
    FORWARD(constraint_matcher_create(options->constraint, vocabulary, &constrain->matcher, error));
    if (constrain->after_length == 0)
        return PRIMER_OK;
    constrain->lead.place = CONSTRAIN_THOUGHT;
    FORWARD(find_begins(constrain, error));
    if (constrain->opening_length == 0)
        return PRIMER_OK;
    constrain->lead.place = CONSTRAIN_OPENING;
    return constraint_matcher_create(options->constraint, vocabulary, &constrain->at_once, error);
}

void constrain_close(struct constrain *constrain)
{
    constraint_matcher_free(constrain->matcher);
    constraint_matcher_free(constrain->at_once);
    memory_free(constrain->mask);
    *constrain = (struct constrain){0};
}

/* ---- what leads to the constraint ------------------------------------------------------------ */

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
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

/* Goes on through a byte; false where it is none of the lead: with ACTIVE it is the constraint's,
 * with OPENING there is no thought. */
static bool goes_on(const struct constrain *constrain, struct constrain_lead *lead, char byte)
{
    switch (lead->place) {
    case CONSTRAIN_OPENING:
        if (byte != constrain->opening[lead->met])
            return false;
        if (++lead->met == constrain->opening_length)
            *lead = (struct constrain_lead){CONSTRAIN_THOUGHT, 0};
        return true;
    case CONSTRAIN_THOUGHT:
        lead->met = met_with(constrain, lead->met, byte);
        if (lead->met == constrain->after_length)
            *lead = (struct constrain_lead){CONSTRAIN_SPACE, 0};
        return true;
    case CONSTRAIN_SPACE:
        if (is_space(byte) && !constrain->begins[(unsigned char)byte] && lead->met < SPACE_MOST) {
            lead->met++;
            return true;
        }
        lead->place = CONSTRAIN_ACTIVE;
        return false;
    default:
        return false;
    }
}

/* How many of the bytes are the lead's. */
static size_t go_through(const struct constrain *constrain, struct constrain_lead *lead,
                         const char *bytes, size_t length)
{
    size_t count = 0;
    while (count < length && goes_on(constrain, lead, bytes[count]))
        count++;
    return count;
}

/* Whether the lead goes on through a token, and what of it is behind is allowed; `reached`: where
 * the lead is then. */
static primer_status leads_on(const struct constrain *constrain, int32_t id,
                              struct constrain_lead *reached, bool *allowed, primer_error *error)
{
    size_t length = 0;
    const char *const bytes = tokenizer_bytes(constrain->tokenizer, id, true, &length);
    *reached = constrain->lead;
    *allowed = false;
    if (tokenizer_ends(constrain->tokenizer, id)) /* nothing of the constraint is there yet */
        return PRIMER_OK;
    const size_t count = go_through(constrain, reached, bytes, length);
    *allowed = count == length;
    if (*allowed || reached->place != CONSTRAIN_ACTIVE ||
        !constrain->begins[(unsigned char)bytes[count]])
        return PRIMER_OK;
    return constraint_matcher_allows(constrain->matcher, bytes + count, length - count, allowed,
                                     error);
}

/* ---- choosing -------------------------------------------------------------------------------- */

/* Adds the tokens by which the lead goes on to the mask. One with all of `opening` in it may come
 * next only as what begins a thought. */
static primer_status join_lead(struct constrain *constrain, primer_error *error)
{
    const struct tokenizer *const tokenizer = constrain->tokenizer;
    const int32_t count = (int32_t)tokenizer_vocabulary(tokenizer);
    for (int32_t id = 0; id < count; id++) {
        struct constrain_lead lead = constrain->lead;
        size_t length = 0;
        const char *const bytes = tokenizer_bytes(tokenizer, id, true, &length);
        if (length == 0 || !goes_on(constrain, &lead, bytes[0]))
            continue;
        if (constrain->lead.place == CONSTRAIN_SPACE && tokenizer_is_control(tokenizer, id))
            continue;
        bool allowed = false;
        const uint64_t bit = UINT64_C(1) << (id % 64);
        FORWARD(leads_on(constrain, id, &lead, &allowed, error));
        if (allowed)
            constrain->mask[id / 64] |= bit;
        else if (constrain->lead.place == CONSTRAIN_OPENING && lead.place != CONSTRAIN_OPENING)
            constrain->mask[id / 64] &= ~bit;
    }
    return PRIMER_OK;
}

/* NULL, and *status says why. */
static const uint64_t *mask_of(struct constraint_matcher *matcher, primer_status *status,
                               primer_error *error)
{
    primer_error failure = {0};
    const uint64_t *const mask = constraint_matcher_mask(matcher, &failure);
    if (mask == NULL)
        *status = error_set(error, failure.status, "%s", failure.message);
    return mask;
}

/* Where the lead or the constraint may go on. */
static primer_status next_of_either(struct constrain *constrain, primer_sampler *sampler,
                                    const primer_session *session, int32_t *id, primer_error *error)
{
    const bool opening = constrain->lead.place == CONSTRAIN_OPENING;
    struct constraint_matcher *const matcher = opening ? constrain->at_once : constrain->matcher;
    const size_t words = (tokenizer_vocabulary(constrain->tokenizer) + 63) / 64;
    const uint64_t *mask = NULL;
    memset(constrain->mask, 0, constrain->words * sizeof *constrain->mask);
    if (matcher != NULL) {
        primer_status status = PRIMER_OK;
        mask = mask_of(matcher, &status, error);
        FORWARD(status);
        memcpy(constrain->mask, mask, words * sizeof *mask);
    }
    FORWARD(join_lead(constrain, error));
    FORWARD(sampler_next_allowed(sampler, session, constrain->mask, id, error));
    if (opening) /* the mask is that of a matcher that nobody has asked since */
        constrain->both = mask != NULL && (mask[*id / 64] >> (*id % 64) & 1) != 0;
    return PRIMER_OK;
}

static primer_status next_of_thought(struct constrain *constrain, primer_sampler *sampler,
                                     const primer_session *session, int32_t *id,
                                     primer_error *error)
{
    struct constrain_lead reached;
    bool allowed = false;
    FORWARD(primer_sampler_next(sampler, session, id, error));
    FORWARD(leads_on(constrain, *id, &reached, &allowed, error));
    if (allowed)
        return PRIMER_OK;
    memset(constrain->mask, 0xff, constrain->words * sizeof *constrain->mask);
    while (!allowed) {
        constrain->mask[*id / 64] &= ~(UINT64_C(1) << (*id % 64));
        FORWARD(sampler_next_allowed(sampler, session, constrain->mask, id, error));
        FORWARD(leads_on(constrain, *id, &reached, &allowed, error));
    }
    return PRIMER_OK;
}

primer_status constrain_next(struct constrain *constrain, primer_sampler *sampler,
                             const primer_session *session, int32_t *id, primer_error *error)
{
    if (constrain->matcher == NULL)
        return primer_sampler_next(sampler, session, id, error);
    if (constrain->lead.place == CONSTRAIN_THOUGHT)
        return next_of_thought(constrain, sampler, session, id, error);
    if (constrain->lead.place != CONSTRAIN_ACTIVE)
        return next_of_either(constrain, sampler, session, id, error);
    primer_status status = PRIMER_OK;
    const uint64_t *const mask = mask_of(constrain->matcher, &status, error);
    return mask == NULL ? status : sampler_next_allowed(sampler, session, mask, id, error);
}

/* ---- going on -------------------------------------------------------------------------------- */

/* Behind a token that the lead was gone on through, or can't be: `lost`. Then the matcher that has
 * followed from the answer's begin is the one. */
static void settle_opening(struct constrain *constrain, int32_t id, struct constrain_lead *lead,
                           bool lost)
{
    if (lost) {
        assert(constrain->at_once != NULL);
        constraint_matcher_free(constrain->matcher);
        constrain->matcher = constrain->at_once;
        constrain->at_once = NULL;
        constrain->lead.place = lead->place = CONSTRAIN_ACTIVE;
    } else if (lead->place == CONSTRAIN_OPENING && constrain->both) {
        constraint_matcher_take(constrain->at_once, id);
    } else {
        constraint_matcher_free(constrain->at_once);
        constrain->at_once = NULL;
    }
}

void constrain_take(struct constrain *constrain, int32_t id)
{
    if (constrain->matcher == NULL)
        return;
    struct constrain_lead lead = constrain->lead;
    size_t length = 0;
    const char *const bytes = tokenizer_bytes(constrain->tokenizer, id, true, &length);
    const size_t count = go_through(constrain, &lead, bytes, length);
    if (constrain->lead.place == CONSTRAIN_OPENING)
        settle_opening(constrain, id, &lead, lead.place == CONSTRAIN_OPENING && count < length);
    const bool whole = constrain->lead.place == CONSTRAIN_ACTIVE || count == 0;
    constrain->lead = lead;
    if (lead.place == CONSTRAIN_ACTIVE && whole)
        constraint_matcher_take(constrain->matcher, id);
    else if (lead.place == CONSTRAIN_ACTIVE)
        constraint_matcher_take_bytes(constrain->matcher, bytes + count, length - count);
}

bool constrain_finished(const struct constrain *constrain)
{
    return constrain->matcher != NULL && constrain->lead.place == CONSTRAIN_ACTIVE &&
           constraint_matcher_finished(constrain->matcher);
}
