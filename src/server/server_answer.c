/* server_answer.c - see server_answer.h.
 *
 *   worker's thread   session -> sync -> fork ... -> choice 0
 *   one each          choice 1 ... n-1
 *
 * What the choices share - the sink, `refused`, when there was text last - is under `lock`. A
 * session is made for the answer and freed after it: its full pages stay in the engine's prefix
 * cache, where the next request that begins alike finds them.
 */
#include "server/server_answer.h"

#include <math.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/memory.h"
#include "server/json_dump.h"
#include "server/state.h"

#define PING_SECONDS 15.0

enum { DEFAULT_CONTEXT = 4096 /* tokens, where nobody says how many */ };

struct running; /* an answer being made */

struct choice {
    struct running *running;
    size_t index;
    primer_session *session;
    primer_chat_reader *reader; /* NULL: the text is content as it is */
    bool thinks;                /* the last text was a thought */
    size_t calls, tokens, thinking_tokens;
    uint64_t last; /* when the last token came */
    double first_seconds, seconds;
    primer_generation_result result;
    primer_status status;
    primer_error error;
    pthread_t thread;
    bool has_thread;
};

struct running {
    struct exchange *exchange;
    const struct answer_request *request;
    answer_sink *sink;
    void *context;
    const char **stops; /* [stop_count] the request's and the format's */
    size_t stop_count;
    uint64_t start; /* of reading the prompt */
    size_t cached;
    struct choice choices[ANSWER_CHOICES_MOST];
    size_t count;
    pthread_mutex_t lock;
    bool refused;       /* the sink wants no more, or nobody is there to read it */
    uint64_t last_text; /* when there was something last that a stream shows */
};

/* ---- before ---------------------------------------------------------------------------------- */

primer_status server_answer_session_options(struct exchange *exchange,
                                            const struct catalog_use *use, size_t num_ctx,
                                            json_t *warnings, primer_session_options *options,
                                            primer_error *error)
{
    const size_t trained = primer_model_info(use->model)->context;
    *options = exchange_server(exchange)->options.session;
    options->adapters = use->adapters;
    options->adapter_count = use->adapter_count;
    const size_t group = options->self_extend_group, window = options->self_extend_window;
    size_t most = trained;
    if (group > 1 && window < trained)
        most = (trained - window) * group + window; /* Self-Extend's reach */
    if (num_ctx != 0)
        options->context = num_ctx;
    if (options->context == 0)
        options->context = group > 1 || most < DEFAULT_CONTEXT ? most : DEFAULT_CONTEXT;
    if (options->context <= most || options->rope_scale != 0 || options->rope_base != 0)
        return PRIMER_OK;
    if (num_ctx != 0 && json_array_append_new(
                            warnings, json_sprintf("num_ctx: asked for %zu, the model reaches %zu",
                                                   num_ctx, most)) != 0)
        return memory_failure(error, "warnings", 64);
    options->context = most;
    return PRIMER_OK;
}

size_t server_answer_context(const struct catalog_use *use, const primer_session_options *options)
{
    return options->context != 0 ? options->context : primer_model_info(use->model)->context;
}

/* By the end of the prompt's text; `off`: the client wants none. */
static primer_status find_thoughts(const struct catalog_use *use, const char *json, size_t length,
                                   bool off, enum answer_thoughts *thoughts, primer_error *error)
{
    char *text = NULL;
    size_t text_length = 0;
    FORWARD(primer_chat_json_text(use->format, json, length, PRIMER_CHAT_ANSWER, &text,
                                  &text_length, error));
    if (primer_chat_format_thinking_open(use->format, text, text_length))
        *thoughts = ANSWER_BEGUN_THOUGHTS;
    else if (!off && !primer_chat_format_thinking_closed(use->format, text, text_length))
        *thoughts = ANSWER_OWN_THOUGHTS;
    primer_free(text);
    return PRIMER_OK;
}

primer_status server_answer_conversation(struct exchange *exchange, const struct catalog_use *use,
                                         const json_t *conversation, int32_t **ids, size_t *count,
                                         enum answer_thoughts *thoughts, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer text = {0};
    enum answer_thoughts found = ANSWER_NO_THOUGHTS;
    const json_t *const variables = json_object_get(conversation, "variables");
    (void)exchange;
    TRY(json_dump_append(&text, conversation, error));
    if (primer_chat_format_thinks(use->format))
        TRY(find_thoughts(use, text.bytes, text.length,
                          json_is_false(json_object_get(variables, "enable_thinking")), &found,
                          error));
    TRY(primer_chat_json_tokens(use->model, use->format, text.bytes, text.length,
                                PRIMER_CHAT_ANSWER, ids, count, error));
    *thoughts = found;

cleanup:
    buffer_free(&text);
    return status;
}

/* ---- events ---------------------------------------------------------------------------------- */

/* Whether every stream shows it: calls are collected by some. */
static bool is_shown(const struct answer_event *event)
{
    switch (event->kind) {
    case ANSWER_START:
    case ANSWER_PROGRESS:
    case ANSWER_PING:
        return true;
    case ANSWER_CONTENT:
    case ANSWER_THINKING:
        return event->length > 0;
    default:
        return false;
    }
}

/* Under the lock. */
static bool emit(struct running *r, const struct answer_event *event)
{
    if (r->refused)
        return false;
    if (is_shown(event))
        r->last_text = clock_nanoseconds();
    r->refused = !r->sink(r->context, event);
    return !r->refused;
}

/* Under the lock. Text may be held back, or a call be written, for long. */
static bool ping_if_silent(struct running *r)
{
    static const struct answer_event ping = {.kind = ANSWER_PING};
    const double given = r->request->ping_seconds, after = given == 0 ? PING_SECONDS : given;
    return after < 0 || clock_seconds_since(r->last_text) < after || emit(r, &ping);
}

/* One that no choice's thread emits beside it. */
static bool emit_alone(struct running *r, const struct answer_event *event)
{
    pthread_mutex_lock(&r->lock);
    const bool wanted = emit(r, event);
    pthread_mutex_unlock(&r->lock);
    return wanted;
}

static bool refused(struct running *r)
{
    const bool gone = exchange_gone(r->exchange);
    pthread_mutex_lock(&r->lock);
    r->refused = r->refused || gone;
    const bool is = r->refused;
    pthread_mutex_unlock(&r->lock);
    return is;
}

/* Under the lock: a piece of the answer, of a kind that the reader told. */
static bool emit_part(struct choice *c, enum answer_event_kind kind, const char *text,
                      size_t length, size_t call)
{
    const struct answer_event event = {
        .kind = kind, .choice = c->index, .text = text, .length = length, .call = call};
    return emit(c->running, &event);
}

static bool take_part(void *context, const primer_chat_part *part)
{
    static const enum answer_event_kind kinds[] = {
        [PRIMER_CHAT_CONTENT] = ANSWER_CONTENT,
        [PRIMER_CHAT_THINKING] = ANSWER_THINKING,
        [PRIMER_CHAT_CALL] = ANSWER_CALL,
        [PRIMER_CHAT_CALL_ARGUMENTS] = ANSWER_CALL_ARGUMENTS,
        [PRIMER_CHAT_CALL_END] = ANSWER_CALL_END,
    };
    struct choice *c = context;
    c->thinks = part->kind == PRIMER_CHAT_THINKING;
    c->calls += part->kind == PRIMER_CHAT_CALL;
    return emit_part(c, kinds[part->kind], part->text, part->length, part->index);
}

/* Under the lock. */
static bool emit_text(struct choice *c, const primer_generated *generated)
{
    if (generated->length == 0)
        return true;
    if (c->reader != NULL)
        return primer_chat_reader_feed(c->reader, generated->text, generated->length, take_part, c);
    return emit_part(c, ANSWER_CONTENT, generated->text, generated->length, 0);
}

static bool take_token(void *context, const primer_generated *generated)
{
    struct choice *c = context;
    struct running *r = c->running;
    if (refused(r))
        return false;
    const uint64_t now = clock_nanoseconds();
    if (generated->id >= 0 && c->tokens++ > 0)
        metrics_between_tokens(exchange_server(r->exchange)->metrics, r->request->use->entry->name,
                               (double)(now - c->last) * 1e-9);
    if (c->tokens == 1 && generated->id >= 0)
        c->first_seconds = (double)(now - exchange_started(r->exchange)) * 1e-9;
    c->last = now;
    const struct answer_event event = {
        .kind = ANSWER_TOKEN, .choice = c->index, .token = generated};
    pthread_mutex_lock(&r->lock);
    const bool wanted =
        (generated->id < 0 || emit(r, &event)) && emit_text(c, generated) && ping_if_silent(r);
    pthread_mutex_unlock(&r->lock);
    c->thinking_tokens += c->thinks && generated->id >= 0;
    return wanted;
}

/* ---- reading the prompt ---------------------------------------------------------------------- */

static void take_progress(void *context, size_t done, size_t total)
{
    struct running *r = context;
    primer_session *session = r->choices[0].session;
    primer_statistics statistics;
    primer_session_statistics(session, &statistics);
    const struct answer_event event = {.kind = ANSWER_PROGRESS,
                                       .done = done,
                                       .total = total,
                                       .cached = (size_t)statistics.reused_tokens};
    bool wanted = !refused(r);
    pthread_mutex_lock(&r->lock);
    if (wanted)
        wanted = r->request->progress ? emit(r, &event) : ping_if_silent(r);
    pthread_mutex_unlock(&r->lock);
    if (!wanted)
        primer_session_cancel(session);
}

static primer_status check_fits(struct running *r, primer_error *error)
{
    const struct answer_request *q = r->request;
    struct problem *problem = exchange_problem(r->exchange);
    if (q->count == 0)
        return problem_set(problem, 400, NULL, NULL, PRIMER_EINVAL, error,
                           "the prompt is empty: there is nothing to continue");
    if (q->count < q->session.context)
        return PRIMER_OK;
    problem_set(problem, 400, "context_length_exceeded", NULL, PRIMER_ELIMIT, error,
                "the prompt has %zu tokens and the context holds %zu, of which the answer needs "
                "one at least; shorten the prompt or ask for a larger context (num_ctx)",
                q->count, q->session.context);
    problem->type = "exceed_context_size_error";
    problem->prompt_tokens = q->count;
    problem->context_tokens = q->session.context;
    return PRIMER_ELIMIT;
}

static primer_status read_prompt(struct running *r, struct answer_usage *usage, primer_error *error)
{
    const struct answer_request *q = r->request;
    const struct answer_event start = {.kind = ANSWER_START};
    primer_statistics statistics;
    FORWARD(primer_session_create(q->use->model, &q->session, &r->choices[0].session, error));
    catalog_note_context(exchange_server(r->exchange)->catalog, q->use->entry, q->session.context);
    if (!emit_alone(r, &start))
        return error_set(error, PRIMER_ECANCELED, "the client has gone");
    r->start = clock_nanoseconds();
    const primer_status status =
        primer_session_sync(r->choices[0].session, q->ids, q->count, take_progress, r, error);
    primer_session_statistics(r->choices[0].session, &statistics);
    usage->prompt_seconds = clock_seconds_since(r->start);
    usage->cached_tokens = (size_t)statistics.reused_tokens;
    usage->dropped_tokens = (size_t)statistics.dropped_tokens;
    return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

static uint64_t drawn_seed(void)
{
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        seed = clock_nanoseconds();
    return seed;
}

static primer_status end_choice(struct choice *c)
{
    struct running *r = c->running;
    bool wanted = true;
    pthread_mutex_lock(&r->lock);
    if (c->reader != NULL)
        wanted = primer_chat_reader_end(c->reader, take_part, c);
    const struct answer_event event = {.kind = ANSWER_FINISH,
                                       .choice = c->index,
                                       .reason = c->result.reason,
                                       .stop = c->result.stop,
                                       .calls = c->calls};
    wanted = wanted && emit(r, &event);
    pthread_mutex_unlock(&r->lock);
    return wanted ? PRIMER_OK : error_set(&c->error, PRIMER_ECANCELED, "the client has gone");
}

/* Marks of calls and thoughts may be control tokens: the reader has to see them. */
static bool marks_wanted(const struct answer_request *q)
{
    return q->chat && (q->tools || primer_chat_format_thinks(q->use->format));
}

/* Thoughts stay free. */
static bool thinks_first(const struct answer_request *q)
{
    return q->thoughts == ANSWER_BEGUN_THOUGHTS ||
           (q->thoughts == ANSWER_OWN_THOUGHTS && q->chat && !q->tools);
}

static primer_status write_choice(struct choice *c)
{
    struct running *r = c->running;
    const struct answer_request *q = r->request;
    const primer_chat_format *const format = q->use->format;
    const bool thinks = q->constraint != NULL && thinks_first(q);
    const bool own = thinks && q->thoughts == ANSWER_OWN_THOUGHTS;
    primer_sampling sampling = q->sampling;
    sampling.seed = q->seeded ? q->sampling.seed + c->index : drawn_seed();
    const primer_generation generation = {
        .sampling = &sampling,
        .max_tokens = q->max_tokens,
        .stops = r->stops,
        .stop_count = r->stop_count,
        .ignore_end = q->ignore_end,
        .top_logprobs = q->logprobs && q->top_logprobs == 0 ? 1 : q->top_logprobs,
        .constraint = q->constraint,
        .constraint_after = thinks ? primer_chat_format_thinking_end(format) : NULL,
        .constraint_opening = own ? primer_chat_format_thinking_begin(format) : NULL,
        .special = q->special || marks_wanted(q),
        .callback = take_token,
        .context = c};
    if (q->chat)
        FORWARD(primer_chat_reader_create(format, q->tools, q->thoughts == ANSWER_BEGUN_THOUGHTS,
                                          &c->reader, &c->error));
    if (q->chat && q->required)
        primer_chat_reader_require(c->reader);
    c->thinks = q->chat && q->thoughts == ANSWER_BEGUN_THOUGHTS;
    FORWARD(primer_generate(c->session, &generation, &c->result, &c->error));
    c->seconds = c->result.seconds;
    if (c->result.reason == PRIMER_STOP_CALLBACK || c->result.reason == PRIMER_STOP_CANCELED)
        return error_set(&c->error, PRIMER_ECANCELED, "the client has gone");
    return end_choice(c);
}

static void *run_choice(void *context)
{
    struct choice *c = context;
    c->status = write_choice(c);
    if (c->status != PRIMER_OK) { /* the others stop too */
        pthread_mutex_lock(&c->running->lock);
        c->running->refused = true;
        pthread_mutex_unlock(&c->running->lock);
    }
    return NULL;
}

static primer_status write_all(struct running *r, primer_error *error)
{
    for (size_t i = 1; i < r->count; i++)
        FORWARD(primer_session_fork(r->choices[0].session, &r->choices[i].session, error));
    for (size_t i = 1; i < r->count; i++)
        r->choices[i].has_thread =
            pthread_create(&r->choices[i].thread, NULL, run_choice, &r->choices[i]) == 0;
    run_choice(&r->choices[0]);
    for (size_t i = 1; i < r->count; i++)
        if (r->choices[i].has_thread)
            pthread_join(r->choices[i].thread, NULL);
        else
            run_choice(&r->choices[i]); /* the system gave no thread */
    primer_status status = PRIMER_OK;
    for (size_t i = 0; i < r->count; i++) {
        const struct choice *c = &r->choices[i];
        /* What went wrong first made the others stop: it says more than that they were stopped. */
        if (c->status != PRIMER_OK && (status == PRIMER_OK || status == PRIMER_ECANCELED)) {
            status = c->status;
            *error = c->error;
        }
    }
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static primer_status gather_stops(struct running *r, primer_error *error)
{
    const struct answer_request *q = r->request;
    size_t own_count = 0;
    /* An answer under a constraint ends by itself, and may hold what ends others; not so where text
     * may stand beside calls. */
    const char *const *own = q->chat && (q->constraint == NULL || q->tools)
                                 ? primer_chat_format_stops(q->use->format, &own_count)
                                 : NULL;
    r->stops = memory_allocate(q->stop_count + own_count, sizeof *r->stops);
    if (r->stops == NULL)
        return memory_failure(error, "stop strings", (q->stop_count + own_count) * sizeof *own);
    for (size_t i = 0; i < q->stop_count; i++)
        r->stops[r->stop_count++] = q->stops[i];
    for (size_t i = 0; i < own_count; i++)
        r->stops[r->stop_count++] = own[i];
    return PRIMER_OK;
}

static void sum_up(struct running *r, struct answer_usage *usage)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct choice *c = &r->choices[i];
        usage->answer_tokens += c->tokens; /* without the one that ends it */
        usage->thinking_tokens += c->thinking_tokens;
        usage->drafted_tokens += c->result.drafted_tokens;
        usage->accepted_tokens += c->result.accepted_tokens;
        usage->dropped_tokens += c->result.dropped_tokens;
        usage->generate_seconds = fmax(usage->generate_seconds, c->seconds);
    }
    usage->first_seconds = r->choices[0].first_seconds;
}

static void clean_up(struct running *r)
{
    for (size_t i = 0; i < r->count; i++) {
        primer_chat_reader_free(r->choices[i].reader);
        primer_session_free(r->choices[i].session);
    }
    memory_free(r->stops);
    pthread_mutex_destroy(&r->lock);
    memory_free(r);
}

primer_status server_answer_run(struct exchange *exchange, const struct answer_request *request,
                                answer_sink *sink, void *context, struct answer_usage *usage,
                                primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct running *r = memory_allocate(1, sizeof *r);
    *usage = (struct answer_usage){.prompt_tokens = request->count,
                                   .queue_seconds = exchange_queued(exchange),
                                   .load_seconds = request->use->load_seconds};
    if (r == NULL)
        return memory_failure(error, "an answer", sizeof *r);
    pthread_mutex_init(&r->lock, NULL);
    r->exchange = exchange;
    r->request = request;
    r->sink = sink;
    r->context = context;
    r->count = request->choices == 0 ? 1 : request->choices;
    for (size_t i = 0; i < r->count; i++) {
        r->choices[i].running = r;
        r->choices[i].index = i;
    }
    TRY(check_fits(r, error));
    TRY(gather_stops(r, error));
    TRY(read_prompt(r, usage, error));
    status = write_all(r, error);

cleanup:
    sum_up(r, usage);
    exchange_set_usage(exchange, usage->prompt_tokens, usage->answer_tokens);
    metrics_answer(exchange_server(exchange)->metrics, request->use->entry->name, usage);
    clean_up(r);
    return status;
}
