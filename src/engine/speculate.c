/* speculate.c - see speculate.h. */
#include "engine/speculate.h"

#include <string.h>

#define LOOKUP_LONGEST  3 /* tokens that must have stood together before */
#define LOOKUP_SHORTEST 2
#define FIRST_LENGTH    4  /* guesses of the first try */
#define PATIENT_TRIES   3  /* before judging */
#define FIRST_PAUSE     16 /* plain tokens after speculation didn't pay */
#define LONGEST_PAUSE   512
#define SHARED_ROWS                                                                                \
    8 /* of all sessions of a pass: more rows than kernels take at once cost others */

static primer_status check_draft(const primer_session *session, const primer_session *draft,
                                 primer_error *error)
{
    const primer_model *a = session->model, *b = draft->model;
    if (draft == session)
        return error_set(error, PRIMER_EINVAL, "a session cannot be its own draft");
    if (a->vocabulary_hash == b->vocabulary_hash && a->model->vocabulary == b->model->vocabulary)
        return PRIMER_OK;
    return error_set(error, PRIMER_EINVAL,
                     "the draft model %s has another vocabulary (%zu tokens) than %s (%zu tokens)",
                     b->name, b->model->vocabulary, a->name, a->model->vocabulary);
}

primer_status speculate_open(struct speculation *speculation, primer_session *session,
                             primer_session *draft, bool off, primer_error *error)
{
    *speculation = (struct speculation){
        .draft = draft, .off = off, .length = FIRST_LENGTH, .next_pause = FIRST_PAUSE};
    if (off)
        return PRIMER_OK;
    if (draft != NULL)
        FORWARD(check_draft(session, draft, error));
    const size_t floats = (SPECULATE_MOST + 1) * session->model->model->vocabulary;
    speculation->rows = memory_allocate_aligned(floats, sizeof *speculation->rows);
    if (speculation->rows == NULL)
        return memory_failure(error, "the logits of guessed tokens",
                              floats * sizeof *speculation->rows);
    return PRIMER_OK;
}

void speculate_close(struct speculation *speculation)
{
    memory_free(speculation->rows);
    speculation->rows = NULL;
}

/* What followed the last time that the text's last tokens stood together. */
static size_t look_up(const primer_session *s, size_t wanted, int32_t *guesses)
{
    for (size_t n = LOOKUP_LONGEST; n >= LOOKUP_SHORTEST; n--) {
        if (s->count < n + 1)
            continue;
        const int32_t *last = s->ids + s->count - n;
        for (size_t at = s->count - n; at-- > 0;) {
            if (memcmp(s->ids + at, last, n * sizeof *last) != 0)
                continue;
            const size_t there = s->count - at - n, count = there < wanted ? there : wanted;
            memcpy(guesses, s->ids + at + n, count * sizeof *guesses);
            return count;
        }
    }
    return 0;
}

static int32_t most_probable(const primer_session *s)
{
    const size_t vocabulary = s->model->model->vocabulary;
    size_t best = 0;
    for (size_t i = 1; i < vocabulary; i++)
        if (s->logits[i] > s->logits[best])
            best = i;
    return (int32_t)best;
}

/* What a smaller model would write. Its failure (a context too small, say) only means no guesses.
 */
static size_t ask_draft(const primer_session *s, primer_session *draft, size_t wanted,
                        int32_t *guesses)
{
    size_t count = 0;
    if (primer_session_sync(draft, s->ids, s->count, NULL, NULL, NULL) != PRIMER_OK)
        return 0;
    while (count < wanted) {
        guesses[count] = most_probable(draft);
        if (++count < wanted && primer_session_append(draft, guesses[count - 1], NULL) != PRIMER_OK)
            break;
    }
    return count;
}

static size_t guess(struct speculation *p, const primer_session *s)
{
    size_t wanted = p->length, room = s->options.context - s->count;
    const size_t rows = SHARED_ROWS / scheduler_company(&s->model->scheduler);
    if (wanted > room)
        wanted = room;
    if (rows < SHARED_ROWS && wanted > (rows > 0 ? rows - 1 : 0))
        wanted = rows > 0 ? rows - 1 : 0;
    if (wanted == 0)
        return 0;
    return p->draft != NULL ? ask_draft(s, p->draft, wanted, p->guesses)
                            : look_up(s, wanted, p->guesses);
}

static void smooth(double *average, double value)
{
    *average = *average == 0 ? value : 0.75 * *average + 0.25 * value;
}

/* After the last rows of a pass with guesses were used or thrown away. */
static void judge(struct speculation *p, size_t guessed, size_t right, double seconds)
{
    p->drafted += guessed;
    p->accepted += right;
    p->tries++;
    p->length = right == guessed ? 2 * p->length : right + 1;
    if (p->length > SPECULATE_MOST)
        p->length = SPECULATE_MOST;
    if (p->length < 2)
        p->length = 2;
    if (p->plain_seconds > 0 && seconds > 0)
        smooth(&p->gain, (double)(right + 1) * p->plain_seconds / seconds);
    if (p->tries < PATIENT_TRIES || p->gain >= 1) {
        if (p->gain > 1.2)
            p->next_pause = FIRST_PAUSE;
        return;
    }
    p->pause = p->next_pause;
    p->next_pause = 2 * p->next_pause > LONGEST_PAUSE ? LONGEST_PAUSE : 2 * p->next_pause;
    p->tries = PATIENT_TRIES - 1; /* one more try decides after the pause */
    p->gain = 0;
    p->length = FIRST_LENGTH;
}

/* The last token and `guessed` more in one pass. */
static primer_status run_guesses(struct speculation *p, primer_session *s, size_t guessed,
                                 primer_error *error)
{
    const size_t from = s->computed, tokens = guessed + 1;
    FORWARD(session_take_cancel(s, error));
    memcpy(s->ids + s->count, p->guesses, guessed * sizeof *p->guesses);
    kv_cache_prepare(&s->cache, from, from + tokens);
    struct scheduler_work work = {
        .cache = &s->cache,
        .rotary = &s->rotary,
        .adapters = &s->adapters.set,
        .ids = s->ids + from,
        .start = from,
        .tokens = tokens,
        .want = SCHEDULER_ALL,
        .logits = p->rows,
        .cancel = &s->cancel,
    };
    primer_status status = scheduler_run(&s->model->scheduler, &work, error);
    if (status == PRIMER_ECANCELED)
        status = session_take_cancel(s, error);
    if (status != PRIMER_OK) {
        kv_cache_truncate(&s->cache, from);
        return status;
    }
    p->count = tokens;
    p->used = 0;
    return PRIMER_OK;
}

/* Gives out the next row: the logits after one more token. */
static void use_row(struct speculation *p, primer_session *s)
{
    const size_t vocabulary = s->model->model->vocabulary;
    memcpy(s->logits, p->rows + p->used * vocabulary, vocabulary * sizeof *s->logits);
    p->used++;
    s->computed++;
    s->logits_valid = true;
    s->statistics.generated_tokens++;
}

/* Ends the use of the last pass's rows: what was guessed wrong leaves the cache. */
static void settle(struct speculation *p, primer_session *s)
{
    judge(p, p->count - 1, p->used - 1, p->seconds);
    p->count = p->used = 0;
    kv_cache_truncate(&s->cache, s->computed);
    session_publish(s);
}

primer_status speculate_logits(struct speculation *speculation, primer_session *session,
                               primer_error *error)
{
    struct speculation *p = speculation;
    primer_session *s = session;
    FORWARD(session_take_cancel(s, error));
    if (p->count != 0) {
        if (p->used < p->count && s->count == s->computed + 1 &&
            s->ids[s->count - 1] == p->guesses[p->used - 1]) {
            use_row(p, s);
            return PRIMER_OK;
        }
        settle(p, s);
    }
    if (p->off || s->logits_valid || s->count != s->computed + 1)
        return session_compute(s, NULL, NULL, error);
    const uint64_t start = clock_nanoseconds();
    size_t guessed = 0;
    if (p->pause > 0)
        p->pause--;
    else if (p->plain_seconds > 0)
        guessed = guess(p, s);
    const primer_status status = guessed > 0 ? run_guesses(p, s, guessed, error) : PRIMER_OK;
    if (guessed == 0 || status == PRIMER_ENUMERIC) { /* a wrong guess is nobody's error */
        FORWARD(session_compute(s, NULL, NULL, error));
        if (guessed == 0)
            smooth(&p->plain_seconds, clock_seconds_since(start));
        return PRIMER_OK;
    }
    FORWARD(status);
    p->seconds = clock_seconds_since(start);
    s->statistics.generate_seconds += p->seconds;
    use_row(p, s);
    return PRIMER_OK;
}

void speculate_settle(struct speculation *speculation, primer_session *session)
{
    if (speculation->count != 0)
        settle(speculation, session);
}
