/* metrics.c - see metrics.h.
 *
 *   requests   (route, status, model) -> count, seconds     the last row for what is left
 *   models     name -> histograms                           likewise
 *
 * Histograms have the bounds of their kind; a bucket counts what is at most its bound (cumulated
 * when it is written).
 */
#include "server/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/memory.h"
#include "server/endpoints.h"
#include "server/state.h"

enum { BOUNDS_MOST = 14, REQUESTS_MOST = 512, MODELS_MOST = 64, NAME_BYTES = 128 };

static const double second_bounds[] = {0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                       0.5,   1,     2.5,  5,     10,   30,  60};
static const double token_bounds[] = {1,    4,    16,   64,   128,   256,   512,
                                      1024, 2048, 4096, 8192, 16384, 32768, 131072};

struct histogram {
    uint64_t buckets[BOUNDS_MOST + 1]; /* the last: above all bounds */
    double sum;
};

enum series {
    QUEUE,
    FIRST_TOKEN,
    BETWEEN_TOKENS,
    PROMPT_SECONDS,
    ANSWER_SECONDS,
    LOAD_SECONDS,
    PROMPT_TOKENS,
    ANSWER_TOKENS,
    SERIES
};
static const struct {
    const char *name, *help;
    const double *bounds;
} series[SERIES] = {
    [QUEUE] = {"primer_queue_wait_seconds", "Time that requests waited for a place", second_bounds},
    [FIRST_TOKEN] = {"primer_time_to_first_token_seconds",
                     "From a request's arrival to its first token", second_bounds},
    [BETWEEN_TOKENS] = {"primer_inter_token_seconds", "Between two tokens of an answer",
                        second_bounds},
    [PROMPT_SECONDS] = {"primer_prompt_seconds", "Time spent reading prompts", second_bounds},
    [ANSWER_SECONDS] = {"primer_answer_seconds", "Time spent writing answers", second_bounds},
    [LOAD_SECONDS] = {"primer_load_seconds", "Time that requests waited for their model to load",
                      second_bounds},
    [PROMPT_TOKENS] = {"primer_prompt_tokens", "Tokens of prompts", token_bounds},
    [ANSWER_TOKENS] = {"primer_answer_tokens", "Tokens of answers", token_bounds},
};

enum counter {
    CACHED_TOKENS,
    DRAFTED_TOKENS,
    ACCEPTED_TOKENS,
    DROPPED_TOKENS,
    CUT_REQUESTS,
    COUNTERS
};
static const struct {
    const char *name, *help;
} counters[COUNTERS] = {
    [CACHED_TOKENS] = {"primer_cached_prompt_tokens_total",
                       "Prompt tokens that were found computed already"},
    [DRAFTED_TOKENS] = {"primer_drafted_tokens_total", "Tokens guessed ahead"},
    [ACCEPTED_TOKENS] = {"primer_accepted_tokens_total", "Tokens guessed ahead, and guessed right"},
    [DROPPED_TOKENS] = {"primer_dropped_tokens_total",
                        "Tokens dropped because a context was full, at the client's wish"},
    [CUT_REQUESTS] = {"primer_truncated_requests_total",
                      "Requests whose oldest messages were dropped, at the client's wish"},
};

struct model_metrics {
    char name[NAME_BYTES];
    struct histogram histograms[SERIES];
    uint64_t counters[COUNTERS];
};

struct request_metrics {
    char route[64], model[NAME_BYTES];
    int http;
    uint64_t count;
    double seconds;
};

struct metrics {
    pthread_mutex_t lock;
    struct request_metrics requests[REQUESTS_MOST];
    struct model_metrics models[MODELS_MOST];
    size_t request_count, model_count;
};

/* ---- counting -------------------------------------------------------------------------------- */

primer_status metrics_create(struct metrics **metrics, primer_error *error)
{
    struct metrics *made = memory_allocate(1, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "metrics", sizeof *made);
    pthread_mutex_init(&made->lock, NULL);
    *metrics = made;
    return PRIMER_OK;
}

void metrics_free(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    pthread_mutex_destroy(&metrics->lock);
    memory_free(metrics);
}

static void observe(struct model_metrics *model, enum series which, double value)
{
    struct histogram *histogram = &model->histograms[which];
    size_t at = 0;
    while (at < BOUNDS_MOST && value > series[which].bounds[at])
        at++;
    histogram->buckets[at]++;
    histogram->sum += value;
}

/* Under the lock. Past the table's end everything counts as the last row's. */
static struct model_metrics *model_of(struct metrics *m, const char *name)
{
    for (size_t i = 0; i < m->model_count; i++)
        if (strncmp(m->models[i].name, name, NAME_BYTES - 1) == 0)
            return &m->models[i];
    if (m->model_count == MODELS_MOST)
        return &m->models[MODELS_MOST - 1];
    struct model_metrics *made = &m->models[m->model_count++];
    snprintf(made->name, sizeof made->name, "%s", name);
    return made;
}

void metrics_request(struct metrics *metrics, const char *route, int http, const char *model,
                     double seconds)
{
    pthread_mutex_lock(&metrics->lock);
    struct request_metrics *row = NULL;
    for (size_t i = 0; i < metrics->request_count && row == NULL; i++) {
        struct request_metrics *at = &metrics->requests[i];
        if (at->http == http && strcmp(at->route, route) == 0 &&
            strncmp(at->model, model, NAME_BYTES - 1) == 0)
            row = at;
    }
    if (row == NULL && metrics->request_count < REQUESTS_MOST) {
        row = &metrics->requests[metrics->request_count++];
        snprintf(row->route, sizeof row->route, "%s", route);
        snprintf(row->model, sizeof row->model, "%s", model);
        row->http = http;
    }
    row = row == NULL ? &metrics->requests[REQUESTS_MOST - 1] : row;
    row->count++;
    row->seconds += seconds;
    pthread_mutex_unlock(&metrics->lock);
}

void metrics_answer(struct metrics *metrics, const char *model, const struct answer_usage *usage)
{
    pthread_mutex_lock(&metrics->lock);
    struct model_metrics *row = model_of(metrics, model);
    observe(row, QUEUE, usage->queue_seconds);
    if (usage->load_seconds > 0)
        observe(row, LOAD_SECONDS, usage->load_seconds);
    if (usage->answer_tokens > 0)
        observe(row, FIRST_TOKEN, usage->first_seconds);
    observe(row, PROMPT_SECONDS, usage->prompt_seconds);
    observe(row, ANSWER_SECONDS, usage->generate_seconds);
    observe(row, PROMPT_TOKENS, (double)usage->prompt_tokens);
    observe(row, ANSWER_TOKENS, (double)usage->answer_tokens);
    row->counters[CACHED_TOKENS] += usage->cached_tokens;
    row->counters[DRAFTED_TOKENS] += usage->drafted_tokens;
    row->counters[ACCEPTED_TOKENS] += usage->accepted_tokens;
    row->counters[DROPPED_TOKENS] += usage->dropped_tokens;
    pthread_mutex_unlock(&metrics->lock);
}

void metrics_between_tokens(struct metrics *metrics, const char *model, double seconds)
{
    pthread_mutex_lock(&metrics->lock);
    observe(model_of(metrics, model), BETWEEN_TOKENS, seconds);
    pthread_mutex_unlock(&metrics->lock);
}

void metrics_truncated(struct metrics *metrics, const char *model, size_t messages, size_t tokens)
{
    (void)messages;
    pthread_mutex_lock(&metrics->lock);
    struct model_metrics *row = model_of(metrics, model);
    row->counters[CUT_REQUESTS]++;
    row->counters[DROPPED_TOKENS] += tokens;
    pthread_mutex_unlock(&metrics->lock);
}

/* ---- writing --------------------------------------------------------------------------------- */

static primer_status head(struct buffer *out, const char *name, const char *help, const char *type,
                          primer_error *error)
{
    return buffer_format(out, error, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and newline escaped, as the format has it. */
static primer_status label(struct buffer *out, const char *text, primer_error *error)
{
    for (; *text != '\0'; text++)
        if (*text == '\\' || *text == '"')
            FORWARD(buffer_format(out, error, "\\%c", *text));
        else if (*text == '\n')
            FORWARD(buffer_text(out, "\\n", error));
        else
            FORWARD(buffer_append(out, text, 1, error));
    return PRIMER_OK;
}

static primer_status sample(struct buffer *out, const char *name, const char *model, double value,
                            primer_error *error)
{
    FORWARD(buffer_format(out, error, "%s{model=\"", name));
    FORWARD(label(out, model, error));
    return buffer_format(out, error, "\"} %.15g\n", value);
}

static primer_status write_histogram(struct buffer *out, enum series which,
                                     const struct model_metrics *model, primer_error *error)
{
    const struct histogram *h = &model->histograms[which];
    uint64_t sum = 0;
    for (size_t i = 0; i <= BOUNDS_MOST; i++) {
        char bound[32] = "+Inf";
        if (i < BOUNDS_MOST)
            snprintf(bound, sizeof bound, "%g", series[which].bounds[i]);
        sum += h->buckets[i];
        FORWARD(buffer_format(out, error, "%s_bucket{model=\"", series[which].name));
        FORWARD(label(out, model->name, error));
        FORWARD(buffer_format(out, error, "\",le=\"%s\"} %llu\n", bound, (unsigned long long)sum));
    }
    char name[96];
    snprintf(name, sizeof name, "%s_sum", series[which].name);
    FORWARD(sample(out, name, model->name, h->sum, error));
    snprintf(name, sizeof name, "%s_count", series[which].name);
    return sample(out, name, model->name, (double)sum, error);
}

static primer_status write_requests(struct buffer *out, const struct metrics *m,
                                    primer_error *error)
{
    static const char *const names[] = {"primer_requests_total", "primer_request_seconds_total"};
    static const char *const helps[] = {"Requests that are over", "Time that they took"};
    for (size_t which = 0; which < 2; which++) {
        FORWARD(head(out, names[which], helps[which], "counter", error));
        for (size_t i = 0; i < m->request_count; i++) {
            const struct request_metrics *row = &m->requests[i];
            FORWARD(buffer_format(out, error, "%s{route=\"%s\",status=\"%d\",model=\"",
                                  names[which], row->route, row->http));
            FORWARD(label(out, row->model, error));
            FORWARD(buffer_format(out, error, "\"} %.15g\n",
                                  which == 0 ? (double)row->count : row->seconds));
        }
    }
    return PRIMER_OK;
}

/* Under the lock. */
static primer_status write_counted(struct buffer *out, const struct metrics *m, primer_error *error)
{
    FORWARD(write_requests(out, m, error));
    for (size_t which = 0; which < SERIES; which++) {
        FORWARD(head(out, series[which].name, series[which].help, "histogram", error));
        for (size_t i = 0; i < m->model_count; i++)
            FORWARD(write_histogram(out, (enum series)which, &m->models[i], error));
    }
    for (size_t which = 0; which < COUNTERS; which++) {
        FORWARD(head(out, counters[which].name, counters[which].help, "counter", error));
        for (size_t i = 0; i < m->model_count; i++)
            FORWARD(sample(out, counters[which].name, m->models[i].name,
                           (double)m->models[i].counters[which], error));
    }
    return PRIMER_OK;
}

/* What each loaded model's engine counts. */
static const struct {
    const char *name, *help, *type;
} engine_rows[] = {
    {"primer_passes_total", "Passes over a model's weights", "counter"},
    {"primer_pass_tokens_total", "Tokens computed by them", "counter"},
    {"primer_joined_passes_total", "Passes that served several sessions at once", "counter"},
    {"primer_joined_tokens_total", "Tokens computed by those", "counter"},
    {"primer_prefix_hit_pages_total", "Pages of 64 tokens found that others had computed",
     "counter"},
    {"primer_prefix_evicted_pages_total", "Pages that the prefix cache let go", "counter"},
    {"primer_prefix_cache_bytes", "Memory of pages that only the prefix cache holds", "gauge"},
    {"primer_model_weight_bytes", "Weights of loaded models", "gauge"},
};
#define PASS_SIZES "primer_batch_size_tokens"
enum { ENGINE_ROWS = sizeof engine_rows / sizeof engine_rows[0], LOADED_MOST = 64 };

struct engine_model {
    const char *name;
    double values[ENGINE_ROWS];
    primer_totals totals;
};

/* A model's passes by how many tokens they computed. */
static primer_status write_passes(struct buffer *out, const struct engine_model *model,
                                  primer_error *error)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < PRIMER_PASS_SIZES; i++) {
        char bound[32] = "+Inf";
        if (i + 1 < PRIMER_PASS_SIZES)
            snprintf(bound, sizeof bound, "%zu", (size_t)1 << i);
        sum += model->totals.pass_sizes[i];
        FORWARD(buffer_format(out, error, "%s_bucket{model=\"", PASS_SIZES));
        FORWARD(label(out, model->name, error));
        FORWARD(buffer_format(out, error, "\",le=\"%s\"} %llu\n", bound, (unsigned long long)sum));
    }
    FORWARD(sample(out, PASS_SIZES "_sum", model->name, (double)model->totals.tokens, error));
    return sample(out, PASS_SIZES "_count", model->name, (double)sum, error);
}

static primer_status write_engines(struct buffer *out, struct server *server, primer_error *error)
{
    struct engine_model models[LOADED_MOST];
    size_t count = 0;
    const struct catalog_entry *entry;
    for (size_t i = 0; count < LOADED_MOST && (entry = catalog_at(server->catalog, i)) != NULL;
         i++) {
        struct catalog_use use;
        if (!catalog_use_loaded(server->catalog, entry, &use))
            continue;
        primer_totals *const totals = &models[count].totals;
        primer_model_statistics(use.model, totals);
        const primer_totals t = *totals;
        models[count].name = entry->name;
        const double values[ENGINE_ROWS] = {
            (double)t.passes,        (double)t.tokens,
            (double)t.joined_passes, (double)t.joined_tokens,
            (double)t.prefix_hits,   (double)t.prefix_evictions,
            (double)t.prefix_bytes,  (double)primer_model_info(use.model)->weight_bytes};
        memcpy(models[count++].values, values, sizeof values);
        catalog_end_use(server->catalog, &use, CATALOG_KEEP_UNCHANGED);
    }
    for (size_t row = 0; row < ENGINE_ROWS; row++) {
        FORWARD(
            head(out, engine_rows[row].name, engine_rows[row].help, engine_rows[row].type, error));
        for (size_t i = 0; i < count; i++)
            FORWARD(
                sample(out, engine_rows[row].name, models[i].name, models[i].values[row], error));
    }
    FORWARD(
        head(out, PASS_SIZES, "Tokens that a pass over the weights computed", "histogram", error));
    for (size_t i = 0; i < count; i++)
        FORWARD(write_passes(out, &models[i], error));
    return PRIMER_OK;
}

static primer_status gauge(struct buffer *out, const char *name, const char *help, double value,
                           primer_error *error)
{
    FORWARD(head(out, name, help, "gauge", error));
    return buffer_format(out, error, "%s %.15g\n", name, value);
}

static primer_status write_process(struct buffer *out, struct server *server, primer_error *error)
{
    size_t waiting = 0, running = 0;
    server_load(server, &waiting, &running);
    FORWARD(gauge(out, "primer_requests_waiting", "Requests that wait for a place", (double)waiting,
                  error));
    FORWARD(gauge(out, "primer_requests_running", "Requests that are being answered",
                  (double)running, error));
    FORWARD(gauge(out, "primer_requests_parallel", "Places there are",
                  (double)server->options.parallel, error));
    FORWARD(gauge(out, "primer_process_resident_memory_bytes", "Resident memory",
                  (double)cpu_memory_resident(), error));
    FORWARD(gauge(out, "primer_process_start_time_seconds", "Start, since 1970",
                  (double)server->started, error));
    FORWARD(head(out, "primer_process_cpu_seconds_total", "Processor time", "counter", error));
    return buffer_format(out, error, "primer_process_cpu_seconds_total %.6f\n",
                         (double)clock_cpu_nanoseconds() * 1e-9);
}

primer_status metrics_write(struct server *server, struct buffer *out, primer_error *error)
{
    FORWARD(head(out, "primer_build_info", "The program's version", "gauge", error));
    FORWARD(buffer_format(out, error, "primer_build_info{version=\"%s\"} 1\n", PRIMER_VERSION));
    FORWARD(write_process(out, server, error));
    FORWARD(write_engines(out, server, error));
    pthread_mutex_lock(&server->metrics->lock);
    const primer_status status = write_counted(out, server->metrics, error);
    pthread_mutex_unlock(&server->metrics->lock);
    return status;
}

primer_status metrics_endpoint(struct exchange *exchange, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer text = {0};
    TRY(metrics_write(exchange_server(exchange), &text, error));
    status = exchange_answer(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", text.bytes,
                             text.length, error);

cleanup:
    buffer_free(&text);
    return status;
}
