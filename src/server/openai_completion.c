/* openai_completion.c - rating a prompt's tokens, and a choice as JSON. */
#include "server/openai_completion.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "server/openai_legacy.h"
#include "server/openai_write.h"

/* ---- rating ---------------------------------------------------------------------------------- */

struct scoring {
    struct exchange *exchange;
    struct openai_rating *rating;
    bool failed;
};

static primer_token_probability *copy_top(const primer_score *score)
{
    primer_token_probability *copy = memory_allocate(score->top_count, sizeof *copy);
    if (copy != NULL && score->top_count > 0)
        memcpy(copy, score->top, score->top_count * sizeof *copy);
    return copy;
}

/* A row rates the token after its own. */
static bool take_score(void *context, const primer_score *score)
{
    struct scoring *scoring = context;
    struct openai_rating *rating = scoring->rating;
    if (exchange_gone(scoring->exchange))
        return false;
    primer_token_probability *top = copy_top(score);
    scoring->failed = top == NULL;
    if (scoring->failed)
        return false;
    if (score->position + 1 == rating->count) {
        rating->next = top;
        rating->next_count = score->top_count;
        return true;
    }
    struct collected_token *token = &rating->tokens[score->position + 1];
    token->logprob = score->next_logprob;
    token->top = top;
    token->top_count = score->top_count;
    return true;
}

static primer_status check_fits(const struct openai_completion *c, size_t count,
                                primer_error *error)
{
    struct problem *problem = c->request.fields.problem;
    const size_t context = c->request.answer.session.context;
    if (count == 0)
        return problem_set(problem, 400, NULL, "prompt", PRIMER_EINVAL, error,
                           "prompt: it is empty");
    if (count <= context)
        return PRIMER_OK;
    problem_set(problem, 400, "context_length_exceeded", "prompt", PRIMER_ELIMIT, error,
                "the prompt has %zu tokens and the context holds %zu", count, context);
    problem->type = "exceed_context_size_error";
    problem->prompt_tokens = count;
    problem->context_tokens = context;
    return PRIMER_ELIMIT;
}

primer_status openai_completion_rate(struct openai_completion *completion, size_t prompt,
                                     struct openai_rating *rating, primer_error *error)
{
    primer_status status = PRIMER_OK;
    const struct openai_prompt *p = &completion->prompts.list[prompt];
    const struct answer_request *answer = &completion->request.answer;
    struct scoring scoring = {.exchange = completion->request.exchange, .rating = rating};
    const uint64_t start = clock_nanoseconds();
    primer_session *session = NULL;
    TRY(check_fits(completion, p->count, error));
    rating->tokens = memory_allocate(p->count, sizeof *rating->tokens);
    if (rating->tokens == NULL)
        TRY(memory_failure(error, "log-probabilities", p->count * sizeof *rating->tokens));
    rating->count = p->count;
    for (size_t i = 0; i < p->count; i++)
        rating->tokens[i] = (struct collected_token){.id = p->ids[i], .logprob = NAN};
    TRY(primer_session_create(completion->request.use.model, &answer->session, &session, error));
    status = primer_session_score(session, p->ids, p->count, 0,
                                  answer->top_logprobs > 0 ? answer->top_logprobs : 1, take_score,
                                  &scoring, error);
    if (scoring.failed)
        FAIL(PRIMER_ENOMEM, "no memory for log-probabilities");
    rating->seconds = clock_seconds_since(start);

cleanup:
    primer_session_free(session);
    return status;
}

void openai_completion_rating_free(struct openai_rating *rating)
{
    for (size_t i = 0; i < rating->count; i++)
        memory_free(rating->tokens[i].top);
    memory_free(rating->tokens);
    memory_free(rating->next);
    *rating = (struct openai_rating){0};
}

/* ---- what needs no generation ---------------------------------------------------------------- */

static bool plain_greedy(const struct openai_completion *c)
{
    const struct answer_request *a = &c->request.answer;
    const primer_sampling *s = &a->sampling;
    return a->choices == 1 && s->temperature == 0 && s->bias_count == 0 && s->repeat_penalty == 1 &&
           s->presence_penalty == 0 && s->frequency_penalty == 0 && a->constraint == NULL &&
           a->stop_count == 0;
}

static bool add_next(struct collected_choice *choice, const struct openai_rating *rating)
{
    choice->tokens = memory_allocate(1, sizeof *choice->tokens);
    primer_token_probability *top = memory_allocate(rating->next_count, sizeof *top);
    if (choice->tokens == NULL || top == NULL) {
        memory_free(top);
        return false;
    }
    memcpy(top, rating->next, rating->next_count * sizeof *top);
    choice->tokens[0] = (struct collected_token){rating->next[0].id, rating->next[0].logprob, top,
                                                 rating->next_count};
    choice->token_count = choice->token_capacity = 1;
    return true;
}

/* The text that one token adds behind the prompt. */
static bool add_text(const struct openai_completion *c, const struct openai_prompt *prompt,
                     int32_t id, struct buffer *out)
{
    const primer_model *model = c->request.use.model;
    char *before = NULL, *after = NULL;
    size_t before_length = 0, after_length = 0;
    int32_t *ids = memory_allocate(prompt->count + 1, sizeof *ids);
    if (ids != NULL) {
        memcpy(ids, prompt->ids, prompt->count * sizeof *ids);
        ids[prompt->count] = id;
    }
    const bool made =
        ids != NULL &&
        primer_detokenize(model, ids, prompt->count, 0, &before, &before_length, NULL) ==
            PRIMER_OK &&
        primer_detokenize(model, ids, prompt->count + 1, 0, &after, &after_length, NULL) ==
            PRIMER_OK &&
        after_length >= before_length &&
        buffer_append(out, after + before_length, after_length - before_length, NULL) == PRIMER_OK;
    memory_free(ids);
    primer_free(before);
    primer_free(after);
    return made;
}

bool openai_completion_known(const struct openai_completion *completion, size_t prompt,
                             const struct openai_rating *rating, struct collected *collected,
                             struct answer_usage *usage)
{
    const struct openai_request *r = &completion->request;
    struct collected_choice *choice = &collected->choices[0];
    const bool none = completion->echo && r->max_tokens == 0;
    usage->prompt_seconds = rating->seconds;
    usage->queue_seconds = exchange_queued(r->exchange);
    usage->load_seconds = r->use.load_seconds;
    for (size_t i = 0; none && i < r->answer.choices; i++)
        collected->choices[i].reason = PRIMER_STOP_LENGTH;
    if (none)
        return true;
    if (rating->next_count == 0 || r->max_tokens != 1 || !plain_greedy(completion))
        return false;
    const int32_t id = rating->next[0].id;
    const bool ends = !r->answer.ignore_end && primer_token_ends(r->use.model, id);
    if (!add_next(choice, rating) ||
        (!ends && !add_text(completion, &completion->prompts.list[prompt], id, &choice->content))) {
        server_collect_free(collected);
        return false;
    }
    choice->reason = ends ? PRIMER_STOP_END : PRIMER_STOP_LENGTH;
    usage->answer_tokens = 1;
    return true;
}

/* ---- writing --------------------------------------------------------------------------------- */

primer_status openai_completion_prompt_text(const struct openai_completion *completion,
                                            size_t prompt, char **text, size_t *length,
                                            primer_error *error)
{
    const struct openai_prompt *p = &completion->prompts.list[prompt];
    if (p->text == NULL)
        return primer_detokenize(completion->request.use.model, p->ids, p->count, 0, text, length,
                                 error);
    *length = strlen(p->text);
    *text = memory_copy_bytes(p->text, *length);
    return *text != NULL ? PRIMER_OK : memory_failure(error, "a prompt", *length);
}

static primer_status write_logprobs(const struct openai_completion *c,
                                    const struct openai_rating *rating,
                                    const struct collected_choice *choice, const char *prompt,
                                    size_t length, struct buffer *out, primer_error *error)
{
    primer_status status = PRIMER_OK;
    const primer_model *model = c->request.use.model;
    struct openai_legacy legacy = {.top = c->request.answer.top_logprobs};
    if (!c->request.answer.logprobs)
        return buffer_text(out, "null", error);
    if (c->echo)
        TRY(openai_legacy_add(&legacy, model, rating->tokens, rating->count, prompt, length, 0,
                              error));
    TRY(openai_legacy_add(&legacy, model, choice->tokens, choice->token_count,
                          choice->content.bytes == NULL ? "" : choice->content.bytes,
                          choice->content.length, openai_legacy_characters(prompt, length), error));
    status = openai_legacy_write(&legacy, out, error);

cleanup:
    openai_legacy_free(&legacy);
    return status;
}

primer_status openai_completion_choice(const struct openai_completion *completion, size_t prompt,
                                       const struct openai_rating *rating,
                                       const struct collected_choice *choice, struct buffer *out,
                                       primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer text = {0};
    char *written = NULL;
    size_t length = 0;
    TRY(openai_completion_prompt_text(completion, prompt, &written, &length, error));
    if (completion->echo)
        TRY(buffer_append(&text, written, length, error));
    if (choice->content.length > 0)
        TRY(buffer_append(&text, choice->content.bytes, choice->content.length, error));
    TRY(buffer_text(out, "\"text\":", error));
    TRY(buffer_json_string(out, text.length > 0 ? text.bytes : "", text.length, error));
    TRY(buffer_text(out, ",\"logprobs\":", error));
    TRY(write_logprobs(completion, rating, choice, written, length, out, error));
    TRY(buffer_format(out, error, ",\"finish_reason\":\"%s\"",
                      openai_write_finish_reason(choice->reason, 0)));

cleanup:
    buffer_free(&text);
    primer_free(written);
    return status;
}
