/* bench_run.c - one run of a measurement: a prompt of pseudo-random ids, then tokens one by one,
 * the most probable each time (the end token too: the number of tokens is what was asked for).
 *
 * Memory is looked at when all tokens are there and before any session is freed.
 */
#include "command/bench_run.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

enum { FIRST_PROMPT = 16, IDS_BELOW = 50000, SEED_ALONE = 12345, SEED_CLIENTS = 1000 };
enum { STATUS_MOST = 64 << 10 };

/* A linear congruential generator, below 50,000. */
primer_status bench_run_ids(const primer_model *model, size_t count, uint64_t seed, int32_t **ids,
                            primer_error *error)
{
    const size_t vocabulary = primer_model_info(model)->vocabulary;
    const uint64_t below = vocabulary < IDS_BELOW ? vocabulary : IDS_BELOW;
    int32_t *made = memory_allocate(count, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "the prompt", count * sizeof *made);
    for (size_t i = 0; i < count; i++) {
        seed = (seed * 1103515245 + 12345) & 0x7fffffff;
        made[i] = (int32_t)(seed % below);
    }
    *ids = made;
    return PRIMER_OK;
}

/* One timeline and what feeds it. */
struct bench_line {
    int32_t *ids; /* [count] pseudo-random */
    primer_session *session;
    primer_sampler *sampler; /* the most probable token */
};

static void bench_line_end(struct bench_line *line)
{
    primer_sampler_free(line->sampler);
    primer_session_free(line->session);
    memory_free(line->ids);
}

/* To be ended by the caller, also after an error. */
static primer_status bench_line_begin(struct bench_line *line, primer_model *model,
                                      const primer_session_options *options, size_t count,
                                      uint64_t seed, primer_error *error)
{
    primer_sampling sampling = primer_sampling_default();
    sampling.temperature = 0;
    *line = (struct bench_line){0};
    FORWARD(bench_run_ids(model, count, seed, &line->ids, error));
    FORWARD(primer_session_create(model, options, &line->session, error));
    return primer_sampler_create(model, &sampling, &line->sampler, error);
}

static primer_status generate(const struct bench_line *line, size_t count, primer_error *error)
{
    for (size_t i = 0; i < count; i++) {
        int32_t id = 0;
        FORWARD(primer_sampler_next(line->sampler, line->session, &id, error));
        FORWARD(primer_session_append(line->session, id, error));
    }
    return PRIMER_OK;
}

/* RssAnon of /proc/self/status in bytes; 0 where the system doesn't tell. */
static uint64_t anonymous_bytes(void)
{
    struct buffer text = {0};
    uint64_t bytes = 0;
    if (file_read("/proc/self/status", STATUS_MOST, &text, NULL) == PRIMER_OK && text.length > 0) {
        const char *line = strstr(text.bytes, "RssAnon:");
        if (line != NULL)
            bytes = strtoull(line + strlen("RssAnon:"), NULL, 10) * 1024;
    }
    buffer_free(&text);
    return bytes;
}

struct bench_memory bench_run_memory(const primer_session *session)
{
    primer_statistics statistics;
    primer_session_statistics(session, &statistics);
    return (struct bench_memory){.kv_bytes = statistics.kv_bytes,
                                 .scratch_bytes = statistics.scratch_bytes,
                                 .resident_bytes = cpu_memory_resident(),
                                 .anonymous_bytes = anonymous_bytes()};
}

primer_status bench_run_first_token(const struct settings *settings, primer_model *model,
                                    primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct bench_line line;
    int32_t id = 0;
    primer_session_options options = settings->parameters.session;
    if (options.context < FIRST_PROMPT + 1) /* the measured runs may need less */
        options.context = FIRST_PROMPT + 1;
    TRY(bench_line_begin(&line, model, &options, FIRST_PROMPT, SEED_ALONE, error));
    TRY(primer_session_sync(line.session, line.ids, FIRST_PROMPT, NULL, NULL, error));
    TRY(primer_sampler_next(line.sampler, line.session, &id, error));

cleanup:
    bench_line_end(&line);
    return status;
}

/* `count` tokens after what the line has; tokens a second. */
static primer_status time_tokens(const struct bench_line *line, size_t count, double *speed,
                                 primer_error *error)
{
    const uint64_t begun = clock_nanoseconds();
    FORWARD(generate(line, count, error));
    *speed = (double)count / clock_seconds_since(begun);
    return PRIMER_OK;
}

static primer_status time_prompt(const struct bench_line *line, size_t count, double *speed,
                                 primer_error *error)
{
    const uint64_t begun = clock_nanoseconds();
    FORWARD(primer_session_sync(line->session, line->ids, count, NULL, NULL, error));
    *speed = (double)count / clock_seconds_since(begun);
    return PRIMER_OK;
}

primer_status bench_run_one(const struct settings *settings, primer_model *model,
                            struct bench_speeds *speeds, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct bench_line line;
    TRY(bench_line_begin(&line, model, &settings->parameters.session, settings->prompt_tokens,
                         SEED_ALONE, error));
    TRY(time_prompt(&line, settings->prompt_tokens, &speeds->prompt, error));
    TRY(time_tokens(&line, settings->generated_tokens, &speeds->generate, error));
    speeds->memory = bench_run_memory(line.session);

cleanup:
    bench_line_end(&line);
    return status;
}

primer_status bench_run_deep(const struct settings *settings, primer_model *model, double *runs,
                             struct bench_speeds *speeds, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct bench_line line;
    const size_t depth = settings->depth;
    TRY(bench_line_begin(&line, model, &settings->parameters.session, depth, SEED_ALONE, error));
    TRY(time_prompt(&line, depth, &speeds->prompt, error));
    for (size_t run = 0; run <= settings->runs; run++) {
        /* Takes back what was written, and computes the prompt's last token anew. */
        TRY(primer_session_sync(line.session, line.ids, depth, NULL, NULL, error));
        TRY(time_tokens(&line, settings->generated_tokens, &speeds->generate, error));
        if (run > 0)
            runs[run - 1] = speeds->generate;
    }
    speeds->memory = bench_run_memory(line.session);

cleanup:
    bench_line_end(&line);
    return status;
}

/* ---- many clients ---------------------------------------------------------------------------- */

/* All clients and the thread that reads the clock wait here for each other. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    size_t expected, waiting, turn;
    bool abandoned; /* not all clients could be started: nobody goes on */
};

/* False: the measurement was abandoned. */
static bool gate_wait(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    const size_t turn = gate->turn;
    if (++gate->waiting == gate->expected) {
        gate->waiting = 0;
        gate->turn++;
        pthread_cond_broadcast(&gate->opened);
    }
    while (turn == gate->turn && !gate->abandoned)
        pthread_cond_wait(&gate->opened, &gate->lock);
    const bool go = !gate->abandoned;
    pthread_mutex_unlock(&gate->lock);
    return go;
}

static void gate_abandon(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->abandoned = true;
    pthread_cond_broadcast(&gate->opened);
    pthread_mutex_unlock(&gate->lock);
}

struct client {
    const struct settings *settings;
    primer_model *model;
    struct gate *gate; /* passed before the prompt, before the tokens, after them, at the end */
    uint64_t seed;
    pthread_t thread;
    primer_status status;
    primer_error error;
    primer_statistics statistics;
};

static primer_status serve(struct client *client, const struct bench_line *line)
{
    const struct settings *settings = client->settings;
    primer_status status = client->status;
    if (!gate_wait(client->gate))
        return PRIMER_ECANCELED;
    if (status == PRIMER_OK)
        status = primer_session_sync(line->session, line->ids, settings->prompt_tokens, NULL, NULL,
                                     &client->error);
    gate_wait(client->gate);
    if (status == PRIMER_OK)
        status = generate(line, settings->generated_tokens, &client->error);
    gate_wait(client->gate);
    if (line->session != NULL)
        primer_session_statistics(line->session, &client->statistics);
    gate_wait(client->gate); /* the memory of all is looked at */
    return status;
}

static void *run_client(void *context)
{
    struct client *client = context;
    struct bench_line line;
    client->status =
        bench_line_begin(&line, client->model, &client->settings->parameters.session,
                         client->settings->prompt_tokens, client->seed, &client->error);
    client->status = serve(client, &line);
    bench_line_end(&line);
    return NULL;
}

/* Seconds of all prompts and of all tokens, and the process's memory, measured from outside. */
static void time_clients(struct gate *gate, double *prompt, double *tokens,
                         struct bench_memory *memory)
{
    gate_wait(gate);
    uint64_t begun = clock_nanoseconds();
    gate_wait(gate);
    *prompt = clock_seconds_since(begun);
    begun = clock_nanoseconds();
    gate_wait(gate);
    *tokens = clock_seconds_since(begun);
    memory->resident_bytes = cpu_memory_resident();
    memory->anonymous_bytes = anonymous_bytes();
    gate_wait(gate);
}

static primer_status start_clients(const struct settings *settings, primer_model *model,
                                   struct client *clients, struct gate *gate, size_t *started,
                                   primer_error *error)
{
    for (*started = 0; *started < settings->clients; ++*started) {
        struct client *client = &clients[*started];
        *client = (struct client){
            .settings = settings, .model = model, .gate = gate, .seed = SEED_CLIENTS + *started};
        if (pthread_create(&client->thread, NULL, run_client, client) != 0) {
            gate_abandon(gate);
            return error_set(error, PRIMER_ENOMEM,
                             "only %zu of %zu clients' threads could be started", *started,
                             settings->clients);
        }
    }
    return PRIMER_OK;
}

static primer_status join_clients(struct client *clients, size_t count, primer_status status,
                                  primer_error *error)
{
    for (size_t i = 0; i < count; i++) {
        pthread_join(clients[i].thread, NULL);
        if (clients[i].status != PRIMER_OK && status == PRIMER_OK)
            status = error_set(error, clients[i].status, "client %zu: %s", i + 1,
                               clients[i].error.message);
    }
    return status;
}

primer_status bench_run_many(const struct settings *settings, primer_model *model,
                             struct bench_speeds *speeds, primer_error *error)
{
    const size_t count = settings->clients;
    struct gate gate = {.lock = PTHREAD_MUTEX_INITIALIZER,
                        .opened = PTHREAD_COND_INITIALIZER,
                        .expected = count + 1};
    size_t started = 0;
    double prompt_seconds = 1, token_seconds = 1;
    struct client *clients = memory_allocate(count, sizeof *clients);
    if (clients == NULL)
        return memory_failure(error, "the clients", count * sizeof *clients);
    primer_status status = start_clients(settings, model, clients, &gate, &started, error);
    if (status == PRIMER_OK)
        time_clients(&gate, &prompt_seconds, &token_seconds, &speeds->memory);
    status = join_clients(clients, started, status, error);
    speeds->prompt = (double)(settings->prompt_tokens * count) / prompt_seconds;
    speeds->generate = (double)(settings->generated_tokens * count) / token_seconds;
    speeds->memory.kv_bytes = clients[0].statistics.kv_bytes * count;
    speeds->memory.scratch_bytes = clients[0].statistics.scratch_bytes;
    memory_free(clients);
    return status;
}
