/* soak_write.c - one answer among others, and the same answer from a model that nobody shares, read
 * in one go, one token at a time, without guesses or caches: ids, text, log-probabilities, reason
 * and what the session holds must be equal. Of a cancelled answer that holds for what there is. */
#include "soak.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_TOKENS 48
#define MOST_TEXT   8192
#define MOST_BIASES 6

/* What is asked. */
struct question {
    primer_sampling sampling;
    primer_logit_bias biases[MOST_BIASES];
    char stops[2][4];
    const char *stop_list[2];
    primer_generation how; /* of the above; its callback's context is an answer */
    size_t stop_after;     /* tokens: the callback says no; 0: never */
    bool scripted;         /* the caller chooses: it repeats what the session held */
};

/* What came. */
struct answer {
    const struct branch *branch;
    const struct question *question;
    int32_t ids[MOST_TOKENS + 1];
    double logprobs[MOST_TOKENS + 1];
    char text[MOST_TEXT];
    size_t count, length, chosen;
    primer_generation_result result;
};

static bool take(void *context, const primer_generated *generated)
{
    struct answer *a = context;
    if (a->count > MOST_TOKENS || a->length + generated->length > MOST_TEXT)
        soak_fail(a->branch, "an answer of more than %d tokens or %d bytes", MOST_TOKENS,
                  MOST_TEXT);
    memcpy(a->text + a->length, generated->text, generated->length);
    a->length += generated->length;
    if (generated->id < 0)
        return true;
    a->ids[a->count] = generated->id;
    a->logprobs[a->count++] = isnan(generated->logprob) ? 1 : generated->logprob;
    return a->question->stop_after == 0 || a->count < a->question->stop_after;
}

/* Repeats what was held before, from its beginning, so that look-up guesses are often right. */
static int32_t choose(void *context, const float *logits, size_t vocabulary)
{
    struct answer *a = context;
    (void)logits, (void)vocabulary;
    return a->branch->held[a->chosen++ % a->branch->count];
}

static float pick(struct dice *dice, const float *list, size_t count)
{
    return list[dice_below(dice, count)];
}
#define PICK(dice, ...)                                                                            \
    pick(dice, (const float[]){__VA_ARGS__}, sizeof((const float[]){__VA_ARGS__}) / sizeof(float))

static const char early_bias[] = "temperature,min_p,bias,penalties,top_k,top_p,typical_p";

static void ask_sampling(struct branch *b, struct question *q)
{
    struct dice *d = &b->dice;
    const size_t vocabulary = primer_model_info(primer_session_model(b->session))->vocabulary;
    primer_sampling *s = &q->sampling;
    *s = primer_sampling_default();
    s->temperature = PICK(d, 0, 0, 0.3f, 0.8f, 1.5f);
    s->top_k = (size_t)PICK(d, 0, 1, 5, 40);
    s->top_p = PICK(d, 1, 0.95f, 0.5f);
    s->min_p = PICK(d, 0, 0.05f, 0.3f);
    s->typical_p = PICK(d, 1, 1, 0.7f);
    s->repeat_penalty = PICK(d, 1, 1, 1.2f);
    s->presence_penalty = PICK(d, 0, 0, 0.5f);
    s->frequency_penalty = PICK(d, 0, 0, 0.2f);
    s->penalty_window = (size_t)PICK(d, 0, 16, 64);
    s->seed = dice_roll(d);
    if (dice_happens(d, 20))
        s->order = early_bias;
    if (dice_happens(d, 40)) {
        s->bias_count = 1 + dice_below(d, MOST_BIASES);
        s->bias = q->biases;
    }
    /* Forbidden after min_p has left one token alone it would be that one, once in a while. */
    const float forbids = s->min_p > 0 && s->order == early_bias ? -2 : -INFINITY;
    for (size_t i = 0; i < s->bias_count; i++)
        q->biases[i] =
            (primer_logit_bias){(int32_t)dice_below(d, vocabulary), PICK(d, 12, 9, -2, forbids)};
}

static void ask_stops(struct branch *b, struct question *q)
{
    const primer_model *model = primer_session_model(b->session);
    const size_t vocabulary = primer_model_info(model)->vocabulary;
    q->how.stop_count = dice_happens(&b->dice, 30) ? 1 + dice_below(&b->dice, 2) : 0;
    for (size_t i = 0; i < q->how.stop_count; i++) {
        size_t length = 0;
        const char *bytes =
            primer_token_bytes(model, (int32_t)dice_below(&b->dice, vocabulary), &length);
        if (bytes == NULL || length == 0 || memchr(bytes, 0, length) != NULL) {
            bytes = "e";
            length = 1;
        }
        const size_t most = 1 + dice_below(&b->dice, 2); /* bytes: long ones are never met */
        length = length < most ? length : most;
        memcpy(q->stops[i], bytes, length);
        q->stops[i][length] = '\0';
        q->stop_list[i] = q->stops[i];
    }
    q->how.stops = q->stop_list;
}

static void ask(struct branch *b, struct question *q)
{
    struct dice *d = &b->dice;
    *q = (struct question){0};
    ask_sampling(b, q);
    ask_stops(b, q);
    q->scripted = dice_happens(d, 20);
    q->how.sampling = &q->sampling;
    q->how.choose = q->scripted ? choose : NULL;
    q->how.no_speculation = dice_happens(d, 25);
    q->how.draft = dice_happens(d, 70) ? b->draft : NULL;
    q->how.max_tokens = 1 + dice_below(d, MOST_TOKENS);
    q->how.ignore_end = dice_happens(d, 50);
    q->how.top_logprobs = dice_happens(d, 50) ? dice_below(d, 4) : 0;
    q->how.callback = take;
    q->stop_after = dice_happens(d, 15) ? 1 + dice_below(d, MOST_TOKENS) : 0;
}

static void generate(struct branch *b, primer_session *session, const primer_generation *how,
                     struct answer *a)
{
    primer_generation with = *how;
    with.context = a;
    SOAK_MUST(b, primer_generate(session, &with, &a->result, error));
}

static void compare(const struct branch *b, const struct answer *a, const struct answer *alone)
{
    const bool cancelled = a->result.reason == PRIMER_STOP_CANCELED;
    const size_t tokens = alone->result.tokens;
    size_t same = 0;
    while (same < a->count && same < alone->count && a->ids[same] == alone->ids[same])
        same++;
    if (a->result.tokens != tokens || a->count != alone->count || same != a->count)
        soak_fail(b, "an answer of %zu tokens (%s), alone of %zu (%s), differs at %zu",
                  a->result.tokens, primer_stop_reason_name(a->result.reason), tokens,
                  primer_stop_reason_name(alone->result.reason), same);
    if (memcmp(a->logprobs, alone->logprobs, a->count * sizeof *a->logprobs) != 0)
        soak_fail(b, "log-probabilities of an answer of %zu tokens differ", a->count);
    if (a->length != alone->length || memcmp(a->text, alone->text, a->length) != 0)
        soak_fail(b, "a text of %zu bytes, alone of %zu, differs", a->length, alone->length);
    if (!cancelled && a->result.reason != alone->result.reason)
        soak_fail(b, "an answer ended with %s, alone with %s",
                  primer_stop_reason_name(a->result.reason),
                  primer_stop_reason_name(alone->result.reason));
    if (a->result.dropped_tokens != alone->result.dropped_tokens)
        soak_fail(b, "%zu tokens were dropped, alone %zu", a->result.dropped_tokens,
                  alone->result.dropped_tokens);
}

/* One more token on both: the logits after it. */
static void compare_next(struct branch *b, primer_session *alone)
{
    const size_t vocabulary = primer_model_info(b->alone)->vocabulary;
    const int32_t id = (int32_t)dice_below(&b->dice, vocabulary);
    if (b->count == primer_session_context(b->session) && !b->options.drop_oldest)
        return;
    SOAK_MUST(b, primer_session_append(b->session, id, error));
    SOAK_MUST(b, primer_session_append(alone, id, error));
    if (memcmp(primer_session_logits(b->session), primer_session_logits(alone),
               vocabulary * sizeof(float)) != 0)
        soak_fail(b, "the logits after an answer and one token more differ");
    soak_count(SOAK_LOGITS, 1);
    soak_note(b);
}

/* The same answer alone. `b->held` is still what the session held before. */
static void check(struct branch *b, const struct question *q, const struct answer *a)
{
    struct answer *again = calloc(1, sizeof *again);
    primer_session *alone = soak_alone(b);
    primer_generation how = q->how;
    size_t count;
    again->branch = b;
    again->question = q;
    how.draft = NULL;
    how.no_speculation = true;
    if (a->result.reason == PRIMER_STOP_CANCELED)
        how.max_tokens = a->result.tokens;
    SOAK_MUST(b, primer_session_sync(alone, b->held, b->count, NULL, NULL, error));
    if (a->result.reason != PRIMER_STOP_CANCELED || a->result.tokens > 0)
        generate(b, alone, &how, again);
    compare(b, a, again);
    const int32_t *ids = primer_session_tokens(alone, &count);
    soak_holds(b, b->session, ids, count, "an answer");
    soak_note(b);
    if (dice_happens(&b->dice, 50))
        compare_next(b, alone);
    primer_session_free(alone);
    free(again);
}

static void count_answer(const struct question *q, const primer_generation_result *result,
                         bool cancelled)
{
    soak_count(SOAK_ANSWERS, 1);
    soak_count(SOAK_TOKENS, result->tokens);
    soak_count(SOAK_CANCELLED_ANSWERS, cancelled);
    soak_count(SOAK_DROPPED_TOKENS, result->dropped_tokens);
    soak_count(SOAK_STOP_STRINGS, result->reason == PRIMER_STOP_STRING);
    soak_count(q->how.draft != NULL ? SOAK_DRAFT_HITS : SOAK_LOOKUP_HITS, result->accepted_tokens);
}

void soak_write(struct branch *branch)
{
    struct branch *b = branch;
    struct question *q = malloc(sizeof *q);
    struct answer *a = calloc(1, sizeof *a);
    a->branch = b;
    a->question = q;
    ask(b, q);
    const bool arm = dice_happens(&b->dice, 30);
    if (arm)
        soak_cancel_arm(&b->slot, b->session, dice_below(&b->dice, b->typical * 3 / 2 + 1));
    const uint64_t start = soak_nanoseconds();
    generate(b, b->session, &q->how, a);
    const bool fired = arm && soak_cancel_disarm(&b->slot);
    const bool cancelled = a->result.reason == PRIMER_STOP_CANCELED;
    if (cancelled && !fired)
        soak_fail(b, "an answer was cancelled by nobody");
    if (!cancelled)
        b->typical = soak_nanoseconds() - start;
    count_answer(q, &a->result, cancelled);
    if (fired && !cancelled)
        soak_hear_cancel(b);
    check(b, q, a);
    free(a);
    free(q);
}

void soak_write_by_hand(struct branch *branch)
{
    struct branch *b = branch;
    struct question *q = malloc(sizeof *q);
    struct answer *alone = calloc(1, sizeof *alone);
    primer_sampler *sampler = NULL;
    int32_t ids[MOST_TOKENS];
    const size_t room = primer_session_context(b->session) - b->count;
    ask(b, q);
    size_t tokens = q->how.max_tokens;
    if (!b->options.drop_oldest && tokens > room)
        tokens = room;
    if (primer_session_logits(b->session) == NULL)
        SOAK_MUST(b, primer_session_sync(b->session, b->held, b->count, NULL, NULL, error));
    SOAK_MUST(
        b, primer_sampler_create(primer_session_model(b->session), &q->sampling, &sampler, error));
    for (size_t i = 0; i < tokens; i++) {
        SOAK_MUST(b, primer_sampler_next(sampler, b->session, &ids[i], error));
        SOAK_MUST(b, primer_session_append(b->session, ids[i], error));
    }
    primer_sampler_free(sampler);
    primer_session *other = soak_alone(b);
    alone->branch = b;
    alone->question = q;
    q->stop_after = 0;
    q->how = (primer_generation){.sampling = &q->sampling,
                                 .no_speculation = true,
                                 .max_tokens = tokens,
                                 .ignore_end = true,
                                 .callback = take};
    SOAK_MUST(b, primer_session_sync(other, b->held, b->count, NULL, NULL, error));
    if (tokens > 0)
        generate(b, other, &q->how, alone);
    if (alone->count != tokens || memcmp(alone->ids, ids, tokens * sizeof *ids) != 0)
        soak_fail(b, "%zu tokens chosen one by one differ from an answer", tokens);
    soak_note(b);
    soak_count(SOAK_TOKENS, tokens);
    primer_session_free(other);
    free(alone);
    free(q);
}
