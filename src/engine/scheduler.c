/* scheduler.c - see scheduler.h. */
#include "engine/scheduler.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "engine/engine.h"
#include "model/adapter.h"

#define SCHEDULER_ROWS 16 /* logits rows computed at a time */
/* How long the leader waits for sessions that will come again: what they do between two passes
 * (choosing, writing to clients) takes a while, and a pass without them a whole pass. */
#define GATHER_LEAST 0.002 /* seconds */
#define GATHER_MOST  0.05
#define GATHER_PART  0.0625 /* of the last pass */

primer_status scheduler_create(struct scheduler *scheduler, const struct model *model,
                               const struct kernel *kernel, struct pool *pool, primer_error *error)
{
    struct scheduler *s = scheduler;
    primer_status status = PRIMER_OK;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->arrived, &monotonic);
    pthread_cond_init(&s->released, NULL);
    pthread_condattr_destroy(&monotonic);
    s->model = model;
    s->last = &s->first;
    TRY(pass_create(&s->pass, model, kernel, pool, ENGINE_PASS_TOKENS, error));
    s->rows = memory_allocate_aligned(SCHEDULER_ROWS * model->embedding, sizeof *s->rows);
    s->logits = memory_allocate_aligned(SCHEDULER_ROWS * model->vocabulary, sizeof *s->logits);
    if (s->rows == NULL || s->logits == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for the logits of %d sessions", SCHEDULER_ROWS);
cleanup:
    if (status != PRIMER_OK)
        scheduler_free(s);
    return status;
}

void scheduler_free(struct scheduler *scheduler)
{
    if (scheduler->model == NULL)
        return;
    pass_free(&scheduler->pass);
    memory_free(scheduler->rows);
    memory_free(scheduler->logits);
    pthread_cond_destroy(&scheduler->arrived);
    pthread_cond_destroy(&scheduler->released);
    pthread_mutex_destroy(&scheduler->lock);
    *scheduler = (struct scheduler){0};
}

static size_t left_of(const struct scheduler_work *w)
{
    return w->tokens + w->behind;
}

static void shortest_first(struct scheduler_work **prompts, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t j = i; j > 0 && left_of(prompts[j - 1]) > left_of(prompts[j]); j--) {
            struct scheduler_work *const longer = prompts[j - 1];
            prompts[j - 1] = prompts[j];
            prompts[j] = longer;
        }
}

void scheduler_share(struct scheduler_work **prompts, size_t count, size_t room, size_t most)
{
    const size_t even = count == 0 ? 0 : (room + 2 * count - 1) / (2 * count);
    const size_t besides = count == 0 ? 0 : (count - 1) * even;
    size_t left = room + besides < most ? room + besides : most;
    shortest_first(prompts, count);
    for (size_t i = 0; i < count; i++) {
        const size_t others = (count - i - 1) * even;
        const size_t own = left > others ? left - others : left < even ? left : even;
        prompts[i]->part = prompts[i]->tokens < own ? prompts[i]->tokens : own;
        left -= prompts[i]->part;
    }
}

/* A question beside others' answers may hold them up for longer, since it does so a few times only. */
static size_t room_of_question(struct scheduler_work *const *prompts, size_t count, size_t room,
                               size_t most)
{
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < count; i++)
        least = left_of(prompts[i]) < least ? left_of(prompts[i]) : least;
    size_t wanted = least < SCHEDULER_QUESTION_ROOM ? least : SCHEDULER_QUESTION_ROOM;
    wanted = wanted < most ? wanted : most;
    return least <= SCHEDULER_QUESTION && wanted > room ? wanted : room;
}

/* Tokens of prompts that hold up [few] works of few tokens, `rows` in all, by no more than they may. */
static size_t patient_room(const struct scheduler *s, size_t few, size_t rows, size_t most)
{
    if (few == 0 || s->seconds_per_token <= 0)
        return most;
    const double fits = SCHEDULER_PATIENCE / s->seconds_per_token;
    const size_t room = fits < SCHEDULER_FEW  ? SCHEDULER_FEW
                        : fits < (double)most ? (size_t)fits
                                              : most;
    const size_t beyond = rows - few; /* ends of prompts, and guesses: they take their time too */
    const size_t rest = room > beyond + SCHEDULER_LEAST ? room - beyond : SCHEDULER_LEAST;
    return rest < most ? rest : most;
}

/* Takes from the queue what the next pass holds, in order of arrival: few-token work first. */
static size_t choose(struct scheduler *s, struct scheduler_work **chosen)
{
    size_t count = 0, rows = 0, few = 0, prompts = 0;
    for (struct scheduler_work *w = s->first; w != NULL; w = w->next)
        prompts += w->tokens > SCHEDULER_FEW;
    /* Where a prompt waits it gets a place and a few rows, however many others come. */
    const size_t width = SCHEDULER_WIDTH - (prompts > 0);
    const size_t most = ENGINE_PASS_TOKENS - (prompts > 0 ? SCHEDULER_FEW : 0);
    for (struct scheduler_work *w = s->first; w != NULL && count < width; w = w->next)
        if (w->tokens <= SCHEDULER_FEW && rows + w->tokens <= most) {
            w->part = w->tokens;
            rows += w->part;
            chosen[count++] = w;
            few++;
        }
    const size_t left = ENGINE_PASS_TOKENS - rows;
    const size_t room = patient_room(s, few, rows, left);
    struct scheduler_work **const first = chosen + count;
    prompts = 0;
    for (struct scheduler_work *w = s->first; w != NULL && count + prompts < SCHEDULER_WIDTH;
         w = w->next)
        if (w->tokens > SCHEDULER_FEW)
            first[prompts++] = w;
    scheduler_share(first, prompts, room_of_question(first, prompts, room, left), left);
    while (prompts > 0 && first[prompts - 1]->part == 0)
        prompts--; /* the longest, where there are more prompts than room */
    return count + prompts;
}

static void unlink_chosen(struct scheduler *s, struct scheduler_work **chosen, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct scheduler_work **at = &s->first;
        while (*at != chosen[i])
            at = &(*at)->next;
        *at = chosen[i]->next;
        chosen[i]->next = NULL;
    }
    s->last = &s->first;
    while (*s->last != NULL)
        s->last = &(*s->last)->next;
    s->waiting -= count;
}

static bool wants_row(const struct scheduler_work *w, size_t row)
{
    return w->want == SCHEDULER_ALL ||
           (w->want == SCHEDULER_LAST && w->part == w->tokens && row + 1 == w->part);
}

/* Computes the gathered rows' logits and gives each to where it belongs. */
static primer_status flush_rows(struct scheduler *s, float **targets, size_t rows,
                                primer_error *error)
{
    const size_t vocabulary = s->model->vocabulary;
    if (rows == 1) /* the common case: no copy */
        return model_logits(s->model, &s->pass, s->rows, 1, targets[0], error);
    FORWARD(model_logits(s->model, &s->pass, s->rows, rows, s->logits, error));
    for (size_t i = 0; i < rows; i++)
        memcpy(targets[i], s->logits + i * vocabulary, vocabulary * sizeof *s->logits);
    return PRIMER_OK;
}

static primer_status give_logits(struct scheduler *s, struct scheduler_work **chosen, size_t count,
                                 primer_error *error)
{
    const size_t embedding = s->model->embedding, vocabulary = s->model->vocabulary;
    float *targets[SCHEDULER_ROWS];
    size_t rows = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t r = 0; r < chosen[i]->part; r++) {
            const struct scheduler_work *w = chosen[i];
            if (!wants_row(w, r))
                continue;
            memcpy(s->rows + rows * embedding, s->pass.hidden + (w->first_row + r) * embedding,
                   embedding * sizeof *s->rows);
            targets[rows++] = w->logits + (w->want == SCHEDULER_ALL ? r * vocabulary : 0);
            if (rows == SCHEDULER_ROWS) {
                FORWARD(flush_rows(s, targets, rows, error));
                rows = 0;
            }
        }
    return rows == 0 ? PRIMER_OK : flush_rows(s, targets, rows, error);
}

/* One pass for the chosen work; the result of each is set. */
static primer_status run_pass(struct scheduler *s, struct scheduler_work **chosen, size_t count,
                              primer_error *error)
{
    struct attention_sequence sequences[SCHEDULER_WIDTH];
    const struct adapter_set *adapters[SCHEDULER_WIDTH];
    const int32_t *ids[SCHEDULER_WIDTH];
    bool adapted = false;
    size_t row = 0;
    for (size_t i = 0; i < count; i++) {
        struct scheduler_work *w = chosen[i];
        w->first_row = row;
        sequences[i] = (struct attention_sequence){w->cache, w->rotary, row, w->start, w->part};
        ids[i] = w->ids;
        adapters[i] = w->adapters != NULL && w->adapters->count > 0 ? w->adapters : NULL;
        adapted = adapted || adapters[i] != NULL;
        row += w->part;
    }
    const struct model_batch batch = {.sequences = sequences,
                                      .ids = ids,
                                      .count = count,
                                      .cancel = count == 1 ? chosen[0]->cancel : NULL,
                                      .adapters = adapted ? adapters : NULL};
    FORWARD(model_forward(s->model, &s->pass, &batch, error));
    for (size_t i = 0; i < count; i++)
        if (chosen[i]->hidden != NULL)
            memcpy(chosen[i]->hidden, s->pass.hidden + chosen[i]->first_row * s->model->embedding,
                   chosen[i]->part * s->model->embedding * sizeof *s->rows);
    return give_logits(s, chosen, count, error);
}

static void finish(struct scheduler_work *w, primer_status status, const primer_error *error)
{
    w->status = status;
    w->done = status == PRIMER_OK ? w->part : 0;
    if (status != PRIMER_OK)
        w->error = *error;
}

/* Runs the chosen work. Where a shared pass fails each piece runs alone, so that only its owner
 * hears of it. Returns how many did. */
static size_t serve(struct scheduler *s, struct scheduler_work **chosen, size_t count)
{
    primer_error error = {0};
    const primer_status status = run_pass(s, chosen, count, &error);
    if (count == 1 || status == PRIMER_OK) {
        for (size_t i = 0; i < count; i++)
            finish(chosen[i], status, &error);
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        const primer_status alone = run_pass(s, &chosen[i], 1, &error);
        finish(chosen[i], alone, &error);
    }
    return count;
}

/* Where primer_totals.pass_sizes counts a pass. */
static size_t size_class(size_t tokens)
{
    size_t class = 0;
    while (class < PRIMER_PASS_SIZES - 1 && tokens > (size_t)1 << class)
        class ++;
    return class;
}

/* Notes a pass that begins. Lock held. */
static void count_pass(struct scheduler *s, struct scheduler_work *const *chosen, size_t count,
                       size_t rows)
{
    struct scheduler_counts *const c = &s->counts;
    c->passes++;
    c->tokens += rows;
    c->pass_sizes[size_class(rows)]++;
    if (count > 1) {
        c->joined_passes++;
        c->joined_tokens += rows;
    }
    for (size_t i = 0; i < count; i++)
        if (chosen[i]->tokens <= SCHEDULER_FEW && c->passes - chosen[i]->arrived > c->longest_wait)
            c->longest_wait = c->passes - chosen[i]->arrived;
}

/* Waits a moment for sessions of the last pass to come again. Called and returns with the lock
 * held. */
static void gather(struct scheduler *s)
{
    struct timespec deadline;
    if (s->waiting >= s->expected)
        return;
    double seconds = GATHER_PART * s->pass_seconds;
    seconds = seconds < GATHER_LEAST ? GATHER_LEAST : seconds > GATHER_MOST ? GATHER_MOST : seconds;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_nsec += (long)(seconds * 1e9);
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_nsec -= 1000000000;
        deadline.tv_sec++;
    }
    while (s->waiting < s->expected)
        if (pthread_cond_timedwait(&s->arrived, &s->lock, &deadline) == ETIMEDOUT)
            return;
}

/* Leads one pass. Called and returns with the lock held. */
static void lead(struct scheduler *s)
{
    struct scheduler_work *chosen[SCHEDULER_WIDTH];
    gather(s);
    const size_t count = choose(s, chosen);
    unlink_chosen(s, chosen, count);
    size_t rows = 0;
    for (size_t i = 0; i < count; i++)
        rows += chosen[i]->part;
    count_pass(s, chosen, count, rows);
    pthread_mutex_unlock(&s->lock);
    const uint64_t start = clock_nanoseconds();
    const size_t reruns = serve(s, chosen, count);
    const double seconds = clock_seconds_since(start);
    pthread_mutex_lock(&s->lock);
    if (rows > 2 * SCHEDULER_FEW)
        s->seconds_per_token = seconds / (double)rows;
    s->pass_seconds = seconds;
    s->expected = count > 1 ? count : 0;
    s->counts.reruns += reruns;
    for (size_t i = 0; i < count; i++) {
        chosen[i]->finished = true;
        pthread_cond_signal(&chosen[i]->turn);
    }
}

/* Hands on the lead: to whoever wants the pass for itself, else to the first in the queue. Lock
 * held. */
static void release(struct scheduler *s)
{
    s->led = false;
    if (s->alone > 0)
        pthread_cond_signal(&s->released);
    else if (s->first != NULL)
        pthread_cond_signal(&s->first->turn);
}

primer_status scheduler_run(struct scheduler *scheduler, struct scheduler_work *work,
                            primer_error *error)
{
    struct scheduler *s = scheduler;
    pthread_cond_init(&work->turn, NULL);
    work->finished = false;
    work->next = NULL;
    pthread_mutex_lock(&s->lock);
    work->arrived = s->counts.passes;
    *s->last = work;
    s->last = &work->next;
    s->waiting++;
    if (s->led)
        pthread_cond_signal(&s->arrived);
    while (!work->finished) {
        if (s->led) {
            pthread_cond_wait(&work->turn, &s->lock);
            continue;
        }
        s->led = true;
        lead(s);
        release(s);
    }
    pthread_mutex_unlock(&s->lock);
    pthread_cond_destroy(&work->turn);
    if (work->status != PRIMER_OK && error != NULL)
        *error = work->error;
    return work->status;
}

size_t scheduler_company(struct scheduler *scheduler)
{
    pthread_mutex_lock(&scheduler->lock);
    const size_t company = scheduler->expected > 1 ? scheduler->expected : 1;
    pthread_mutex_unlock(&scheduler->lock);
    return company;
}

void scheduler_count(struct scheduler *scheduler, struct scheduler_counts *counts)
{
    pthread_mutex_lock(&scheduler->lock);
    *counts = scheduler->counts;
    pthread_mutex_unlock(&scheduler->lock);
}

/* Takes the pass for the calling thread alone, and gives it back. */
static void take_pass(struct scheduler *s)
{
    pthread_mutex_lock(&s->lock);
    s->alone++;
    while (s->led)
        pthread_cond_wait(&s->released, &s->lock);
    s->alone--;
    s->led = true;
    pthread_mutex_unlock(&s->lock);
}

static void give_pass(struct scheduler *s)
{
    pthread_mutex_lock(&s->lock);
    release(s);
    if (s->first != NULL)
        pthread_cond_signal(&s->first->turn);
    pthread_mutex_unlock(&s->lock);
}

primer_status scheduler_logits(struct scheduler *scheduler, const float *hidden, size_t rows,
                               float *out, primer_error *error)
{
    struct scheduler *s = scheduler;
    take_pass(s);
    const primer_status status = model_logits(s->model, &s->pass, hidden, rows, out, error);
    give_pass(s);
    return status;
}

primer_status scheduler_reserve_adapters(struct scheduler *scheduler, size_t adapters, size_t rank,
                                         primer_error *error)
{
    struct scheduler *s = scheduler;
    take_pass(s);
    const primer_status status =
        pass_reserve_adapters(&s->pass, SCHEDULER_WIDTH, adapters, rank, error);
    give_pass(s);
    return status;
}
