/* score.c - log-probabilities of next tokens, and embeddings: what evaluation reads. */
#include "engine/engine.h"

#include <math.h>
#include <string.h>

#include "base/real.h"

#define SCORE_ROWS 16 /* logits rows computed at a time */

double score_log_sum(const float *logits, size_t count)
{
    double most = logits[0], sum = 0;
    for (size_t i = 1; i < count; i++)
        if (logits[i] > most)
            most = logits[i];
    for (size_t i = 0; i < count; i++)
        sum += real_exp(logits[i] - most);
    return most + real_log(sum);
}

/* Whether (logit, id) a comes after b in the order best first, ties by lower id. */
static bool worse(const primer_token_probability *a, const primer_token_probability *b)
{
    return a->logprob < b->logprob || (a->logprob == b->logprob && a->id > b->id);
}

/* Moves the root of a heap whose worst entry is on top down to its place. */
static void sift(primer_token_probability *heap, size_t size, size_t at)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= size)
            return;
        if (child + 1 < size && worse(&heap[child + 1], &heap[child]))
            child++;
        if (!worse(&heap[child], &heap[at]))
            return;
        const primer_token_probability swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
        at = child;
    }
}

size_t score_top(const float *logits, size_t count, double log_sum, primer_token_probability *top,
                 size_t wanted)
{
    const size_t size = wanted < count ? wanted : count;
    if (size == 0)
        return 0;
    for (size_t i = 0; i < size; i++)
        top[i] = (primer_token_probability){(int32_t)i, (double)logits[i]};
    for (size_t i = size / 2 + 1; i-- > 0;)
        sift(top, size, i);
    for (size_t i = size; i < count; i++) {
        const primer_token_probability next = {(int32_t)i, (double)logits[i]};
        if (worse(&top[0], &next)) {
            top[0] = next;
            sift(top, size, 0);
        }
    }
    for (size_t end = size; end-- > 1;) { /* the worst goes to the end of what is left */
        const primer_token_probability swap = top[0];
        top[0] = top[end];
        top[end] = swap;
        sift(top, end, 0);
    }
    for (size_t i = 0; i < size; i++)
        top[i].logprob -= log_sum;
    return size;
}

size_t primer_session_top(const primer_session *session, primer_token_probability *top,
                          size_t count)
{
    if (!session->logits_valid)
        return 0;
    const size_t vocabulary = session->model->model->vocabulary;
    return score_top(session->logits, vocabulary, score_log_sum(session->logits, vocabulary), top,
                     count);
}

double primer_session_logprob(const primer_session *session, int32_t id)
{
    const size_t vocabulary = session->model->model->vocabulary;
    if (!session->logits_valid || id < 0 || (size_t)id >= vocabulary)
        return NAN;
    return (double)session->logits[id] - score_log_sum(session->logits, vocabulary);
}

struct scoring {
    primer_session *session;
    size_t from, top;
    primer_score_callback *callback;
    void *context;
    float *hidden, *logits;         /* [chunk][embedding], [SCORE_ROWS][vocabulary] */
    primer_token_probability *best; /* [top] */
};

static primer_status report_rows(const struct scoring *work, size_t position, size_t rows,
                                 primer_error *error)
{
    const primer_session *s = work->session;
    const size_t vocabulary = s->model->model->vocabulary;
    for (size_t r = 0; r < rows; r++) {
        const float *logits = work->logits + r * vocabulary;
        const double log_sum = score_log_sum(logits, vocabulary);
        primer_score score = {position + r, s->ids[position + r], NAN, work->best, 0};
        if (position + r + 1 < s->count)
            score.next_logprob = (double)logits[s->ids[position + r + 1]] - log_sum;
        score.top_count = score_top(logits, vocabulary, log_sum, work->best, work->top);
        if (!work->callback(work->context, &score))
            return error_set(error, PRIMER_ECANCELED, "stopped by the caller at position %zu",
                             position + r);
    }
    return PRIMER_OK;
}

/* The chunk that was just computed began at `start`. */
static primer_status score_chunk(const struct scoring *work, size_t start, primer_error *error)
{
    primer_session *s = work->session;
    primer_model *m = s->model;
    const size_t first = start > work->from ? start : work->from;
    for (size_t at = first; at < s->computed; at += SCORE_ROWS) {
        const size_t left = s->computed - at, rows = left < SCORE_ROWS ? left : SCORE_ROWS;
        FORWARD(scheduler_logits(&m->scheduler, work->hidden + (at - start) * m->model->embedding,
                                 rows, work->logits, error));
        FORWARD(report_rows(work, at, rows, error));
    }
    return PRIMER_OK;
}

/* Replaces the session's tokens by ids, nothing computed. */
static primer_status start_over(primer_session *s, const int32_t *ids, size_t count,
                                primer_error *error)
{
    if (count == 0 || count > s->options.context)
        return error_set(error, PRIMER_ELIMIT,
                         "the text has %zu tokens, the context holds 1 to %zu", count,
                         s->options.context);
    FORWARD(session_check_ids(s, ids, count, error));
    session_truncate(s, 0);
    memmove(s->ids, ids, count * sizeof *ids);
    s->count = count;
    return PRIMER_OK;
}

primer_status primer_session_score(primer_session *session, const int32_t *ids, size_t count,
                                   size_t from, size_t top, primer_score_callback *callback,
                                   void *context, primer_error *error)
{
    primer_session *s = session;
    const struct model *model = s->model->model;
    primer_status status = PRIMER_OK;
    const uint64_t start = clock_nanoseconds();
    struct scoring work = {s,        from,    top < model->vocabulary ? top : model->vocabulary,
                           callback, context, NULL,
                           NULL,     NULL};
    FORWARD(start_over(s, ids, count, error));
    work.hidden = memory_allocate_aligned(s->options.chunk * model->embedding, sizeof *work.hidden);
    work.logits = memory_allocate_aligned(SCORE_ROWS * model->vocabulary, sizeof *work.logits);
    work.best = memory_allocate(work.top, sizeof *work.best);
    if (work.hidden == NULL || work.logits == NULL || work.best == NULL)
        FAIL(PRIMER_ENOMEM, "no memory to score %zu tokens at a time", s->options.chunk);
    while (s->computed < count) {
        const size_t left = count - s->computed, at = s->computed;
        const size_t tokens = left < s->options.chunk ? left : s->options.chunk;
        TRY(session_pass(s, tokens, work.hidden, tokens == left, error));
        TRY(score_chunk(&work, at, error));
    }
cleanup:
    s->statistics.prompt_tokens += s->computed;
    s->statistics.prompt_seconds += clock_seconds_since(start);
    if (status != PRIMER_OK)
        session_truncate(s, s->computed);
    memory_free(work.hidden);
    memory_free(work.logits);
    memory_free(work.best);
    return status;
}

static void normalize_vector(float *x, size_t count)
{
    double square = 0;
    for (size_t i = 0; i < count; i++)
        square += (double)x[i] * (double)x[i];
    const double length = sqrt(square);
    for (size_t i = 0; i < count && length > 0; i++)
        x[i] = (float)((double)x[i] / length);
}

primer_status primer_session_embed(primer_session *session, const int32_t *ids, size_t count,
                                   primer_pooling pooling, bool normalize, float *out,
                                   primer_progress *progress, void *context, primer_error *error)
{
    primer_session *s = session;
    const size_t embedding = s->model->model->embedding;
    primer_status status = PRIMER_OK;
    FORWARD(start_over(s, ids, count, error));
    float *hidden = memory_allocate_aligned(s->options.chunk * embedding, sizeof *hidden);
    double *sum = memory_allocate(embedding, sizeof *sum);
    if (hidden == NULL || sum == NULL)
        FAIL(PRIMER_ENOMEM, "no memory to embed %zu tokens at a time", s->options.chunk);
    while (s->computed < count) {
        const size_t left = count - s->computed, before = s->computed;
        const size_t tokens = left < s->options.chunk ? left : s->options.chunk;
        if (progress != NULL)
            progress(context, before, count);
        TRY(session_pass(s, tokens, hidden, tokens == left, error));
        const size_t done = s->computed - before;
        if (pooling == PRIMER_POOL_LAST)
            memset(sum, 0, embedding * sizeof *sum);
        for (size_t t = pooling == PRIMER_POOL_LAST ? done - 1 : 0; t < done; t++)
            for (size_t i = 0; i < embedding; i++)
                sum[i] += (double)hidden[t * embedding + i];
    }
    if (progress != NULL)
        progress(context, count, count);
    for (size_t i = 0; i < embedding; i++)
        out[i] = (float)(pooling == PRIMER_POOL_LAST ? sum[i] : sum[i] / (double)count);
    if (normalize)
        normalize_vector(out, embedding);
cleanup:
    if (status != PRIMER_OK)
        session_truncate(s, s->computed);
    memory_free(hidden);
    memory_free(sum);
    return status;
}
