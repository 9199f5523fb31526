/* generate.c - writing on, token by token, with text that is shown only when it is whole.
 *
 *   token -> bytes -> pending | shown so far ... | held: half a character, or what may begin a stop
 * string |
 *
 * Everything is allocated before the first token; while tokens are made nothing is.
 */
#include "engine/engine.h"

#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "engine/constrain.h"
#include "engine/speculate.h"

struct writer {
    primer_session *session;
    const primer_generation *options;
    primer_sampler *sampler;
    struct speculation speculation;
    struct constrain constrain;
    char *pending; /* bytes not shown yet, NUL-terminated when shown */
    size_t length, capacity;
    char *shown;      /* a copy with a NUL for the callback */
    bool strip_space; /* SentencePiece: the text's first space is not part of it */
    primer_token_probability *top;
    primer_generated out;
};

const char *primer_stop_reason_name(primer_stop_reason reason)
{
    static const char *const names[] = {
        [PRIMER_STOP_END] = "end",         [PRIMER_STOP_STRING] = "stop",
        [PRIMER_STOP_LENGTH] = "length",   [PRIMER_STOP_CONTEXT] = "context",
        [PRIMER_STOP_CALLBACK] = "caller", [PRIMER_STOP_CANCELED] = "cancelled",
    };
    return (size_t)reason < sizeof names / sizeof *names ? names[reason] : "unknown";
}

static primer_status writer_open(struct writer *w, primer_session *session,
                                 const primer_generation *options, primer_error *error)
{
    primer_status status = PRIMER_OK;
    size_t longest = 0;
    *w = (struct writer){.session = session, .options = options, .sampler = options->sampler};
    for (size_t i = 0; i < options->stop_count; i++) {
        const size_t length = strlen(options->stops[i]);
        if (length == 0)
            return error_set(error, PRIMER_EINVAL, "stop string %zu is empty", i);
        longest = length > longest ? length : longest;
    }
    w->capacity = longest + 4 + session->model->longest_token;
    w->pending = memory_allocate(w->capacity + 1, 1);
    w->shown = memory_allocate(w->capacity + 1, 1);
    w->top = memory_allocate(options->top_logprobs, sizeof *w->top);
    if (w->pending == NULL || w->shown == NULL || w->top == NULL)
        return memory_failure(error, "the text of an answer", w->capacity);
    if (w->sampler == NULL && options->choose == NULL)
        TRY(primer_sampler_create(session->model, options->sampling, &w->sampler, error));
    TRY(constrain_open(&w->constrain, session, options, error));
    TRY(speculate_open(&w->speculation, session, options->draft, options->no_speculation, error));
    /* Only where nothing but control tokens came before; a constraint's space belongs to the text. */
    w->strip_space = options->constraint == NULL;
    for (size_t i = 0; i < session->count; i++)
        w->strip_space =
            w->strip_space && tokenizer_is_control(session->model->tokenizer, session->ids[i]);
cleanup:
    return status;
}

static void writer_close(struct writer *w)
{
    if (w->sampler != w->options->sampler)
        primer_sampler_free(w->sampler);
    speculate_close(&w->speculation);
    constrain_close(&w->constrain);
    memory_free(w->pending);
    memory_free(w->shown);
    memory_free(w->top);
}

/* The first place in `pending` where a stop string stands; *which is its index. */
static bool find_stop(const struct writer *w, size_t *at, size_t *which)
{
    bool found = false;
    for (size_t i = 0; i < w->options->stop_count; i++) {
        const char *stop = w->options->stops[i];
        const char *here = memmem(w->pending, w->length, stop, strlen(stop));
        if (here != NULL && (!found || (size_t)(here - w->pending) < *at)) {
            *at = (size_t)(here - w->pending);
            *which = i;
            found = true;
        }
    }
    return found;
}

/* How much of `pending` can be shown: whole characters, and no end that a stop string could
 * continue. */
static size_t showable(const struct writer *w)
{
    size_t most = utf8_complete(w->pending, w->length);
    for (size_t i = 0; i < w->options->stop_count; i++) {
        const char *stop = w->options->stops[i];
        const size_t length = strlen(stop);
        for (size_t n = length - 1 < w->length ? length - 1 : w->length; n > 0; n--)
            if (memcmp(w->pending + w->length - n, stop, n) == 0) {
                if (w->length - n < most)
                    most = w->length - n;
                break;
            }
    }
    return most;
}

/* Shows the first `count` pending bytes; false when the caller wants no more. */
static bool show(struct writer *w, size_t count)
{
    memcpy(w->shown, w->pending, count);
    w->shown[count] = '\0';
    memmove(w->pending, w->pending + count, w->length - count);
    w->length -= count;
    w->out.text = w->shown;
    w->out.length = count;
    return w->options->callback == NULL || w->options->callback(w->options->context, &w->out);
}

static void take_bytes(struct writer *w, int32_t id)
{
    size_t length = 0;
    const char *bytes =
        tokenizer_bytes(w->session->model->tokenizer, id, w->options->special, &length);
    if (w->strip_space && length > 0) {
        if (bytes[0] == ' ') {
            bytes++;
            length--;
        }
        w->strip_space = false;
    }
    memcpy(w->pending + w->length, bytes, length);
    w->length += length;
}

static void describe(struct writer *w, int32_t id)
{
    const size_t vocabulary = w->session->model->model->vocabulary;
    w->out = (primer_generated){.id = id, .logprob = NAN, .top = w->top};
    if (w->options->top_logprobs == 0)
        return;
    const double log_sum = score_log_sum(w->session->logits, vocabulary);
    w->out.logprob = (double)w->session->logits[id] - log_sum;
    w->out.top_count =
        score_top(w->session->logits, vocabulary, log_sum, w->top, w->options->top_logprobs);
}

static bool is_end(const struct writer *w, int32_t id)
{
    return !w->options->ignore_end && tokenizer_ends(w->session->model->tokenizer, id);
}

/* One token is chosen and its text handled. Returns false when the answer is over, *reason says
 * why. */
static bool take_token(struct writer *w, int32_t id, primer_generation_result *result)
{
    const primer_generation *o = w->options;
    primer_session *s = w->session;
    size_t at, which;
    describe(w, id);
    result->tokens++;
    if (is_end(w, id)) {
        result->reason = PRIMER_STOP_END;
        return false;
    }
    s->ids[s->count++] = id;
    s->logits_valid = false;
    constrain_take(&w->constrain, id);
    take_bytes(w, id);
    if (find_stop(w, &at, &which)) {
        result->reason = PRIMER_STOP_STRING;
        result->stop = o->stops[which];
        w->length = at;
        return false;
    }
    if (!show(w, showable(w))) {
        result->reason = PRIMER_STOP_CALLBACK;
        w->length = 0;
        return false;
    }
    if (constrain_finished(&w->constrain)) {
        result->reason = PRIMER_STOP_END;
        return false;
    }
    result->reason = PRIMER_STOP_LENGTH;
    return o->max_tokens == 0 || result->tokens < o->max_tokens;
}

static primer_status choose(struct writer *w, int32_t *id, primer_error *error)
{
    primer_session *s = w->session;
    const size_t vocabulary = s->model->model->vocabulary;
    if (w->options->choose == NULL)
        return constrain_next(&w->constrain, w->sampler, s, id, error);
    *id = w->options->choose(w->options->context, s->logits, vocabulary);
    return session_check_ids(s, id, 1, error);
}

static primer_status write_tokens(struct writer *w, uint64_t start,
                                  primer_generation_result *result, primer_error *error)
{
    primer_session *s = w->session;
    for (;;) {
        int32_t id;
        FORWARD(speculate_logits(&w->speculation, s, error));
        FORWARD(choose(w, &id, error));
        if (result->tokens == 0)
            result->first_seconds = clock_seconds_since(start);
        if (s->count == s->options.context && !is_end(w, id)) {
            const uint64_t before = s->statistics.dropped_tokens;
            if (!s->options.drop_oldest) {
                result->reason = PRIMER_STOP_CONTEXT;
                return PRIMER_OK;
            }
            speculate_settle(&w->speculation, s);
            session_drop_quarter(s);
            result->dropped_tokens += s->statistics.dropped_tokens - before;
        }
        if (!take_token(w, id, result))
            return PRIMER_OK;
    }
}

primer_status primer_generate(primer_session *session, const primer_generation *generation,
                              primer_generation_result *result, primer_error *error)
{
    static const primer_generation defaults;
    struct writer w;
    primer_status status = PRIMER_OK;
    const uint64_t start = clock_nanoseconds();
    primer_generation_result made = {0};
    if (session->count == 0)
        return error_set(error, PRIMER_EINVAL,
                         "the session holds no tokens: there is nothing to continue");
    TRY(writer_open(&w, session, generation != NULL ? generation : &defaults, error));
    status = write_tokens(&w, start, &made, error);
    speculate_settle(&w.speculation, session);
    made.drafted_tokens = (size_t)w.speculation.drafted;
    made.accepted_tokens = (size_t)w.speculation.accepted;
    if (status == PRIMER_ECANCELED) {
        made.reason = PRIMER_STOP_CANCELED;
        status = PRIMER_OK;
    }
    if (status == PRIMER_OK &&
        w.length != 0) { /* what was held back, once no stop string can follow */
        w.out = (primer_generated){.id = -1, .logprob = NAN, .top = w.top};
        show(&w, w.length);
    }
    made.seconds = clock_seconds_since(start);
    if (status == PRIMER_OK && result != NULL)
        *result = made;
cleanup:
    writer_close(&w);
    return status;
}
