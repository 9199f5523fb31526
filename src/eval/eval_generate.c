/* eval_generate.c - the threads that answer. One lock for the queue; sessions are the threads'
 * own. */
#include "eval/eval_generate.h"

#include <pthread.h>
#include <time.h>

#include "base/memory.h"
#include "eval/eval_json.h"

#define PARALLEL   8
#define MAX_TOKENS 512
#define WAIT       100000000L /* nanoseconds */
#define THREADS    256

const char eval_generate_refused[] = "context";

/* A text that goes on has ended where another piece of a file begins. */
static const char *const raw_stops[] = {"\ndef ", "\nclass ", "\nif ", "\nprint", "\n#", "\n```"};
enum { RAW_STOPS = sizeof raw_stops / sizeof raw_stops[0] };

struct stops {
    const char **texts;
    size_t count;
};

struct eval_generate {
    const struct eval_options *options;
    const struct eval_items *items;
    struct eval_answer *answers;
    size_t samples, slots;
    struct stops raw, chat;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Under the lock: */
    size_t next, ready_count, taken;
    size_t *ready; /* [slots] in the order in which they became so */
    uint64_t tokens;
    bool stopped;
    primer_status status; /* the first failure */
    primer_error error;
    /* Threads: */
    pthread_t threads[THREADS];
    primer_session *sessions[THREADS];
    size_t thread_count, session_count;
};

/* ---- one answer ------------------------------------------------------------------------------ */

/* What is taken out of the pieces of an answer. */
struct stream {
    struct eval_generate *generate;
    struct buffer *text;
    primer_chat_reader *reader; /* NULL: all is answer */
    primer_status status;
    primer_error *error;
};

static bool take_part(void *context, const primer_chat_part *part)
{
    struct stream *const stream = context;
    if (part->kind == PRIMER_CHAT_CONTENT)
        stream->status = buffer_append(stream->text, part->text, part->length, stream->error);
    return stream->status == PRIMER_OK;
}

static bool take_text(void *context, const primer_generated *generated)
{
    struct stream *const stream = context;
    struct eval_generate *const generate = stream->generate;
    pthread_mutex_lock(&generate->lock);
    generate->tokens += generated->id >= 0;
    const bool stopped = generate->stopped;
    pthread_mutex_unlock(&generate->lock);
    if (stopped)
        return false;
    if (stream->reader != NULL)
        return primer_chat_reader_feed(stream->reader, generated->text, generated->length,
                                       take_part, stream);
    stream->status = buffer_append(stream->text, generated->text, generated->length, stream->error);
    return stream->status == PRIMER_OK;
}

static primer_status chat_tokens(const struct eval_options *options, const struct eval_item *item,
                                 struct stream *stream, int32_t **ids, size_t *count,
                                 primer_error *error)
{
    primer_status status = PRIMER_OK;
    char *text = NULL;
    size_t length = 0;
    struct buffer json = {0};
    TRY(buffer_text(&json, "{\"messages\":", error));
    TRY(eval_json_append(item->messages, &json, error));
    TRY(buffer_text(&json, "}", error));
    TRY(primer_chat_json_tokens(options->model, options->format, json.bytes, json.length,
                                PRIMER_CHAT_ANSWER, ids, count, error));
    if (!primer_chat_format_thinks(options->format))
        goto cleanup;
    TRY(primer_chat_json_text(options->format, json.bytes, json.length, PRIMER_CHAT_ANSWER, &text,
                              &length, error));
    const bool inside = primer_chat_format_thinking_open(options->format, text, length);
    status = primer_chat_reader_create(options->format, false, inside, &stream->reader, error);

cleanup:
    primer_free(text);
    buffer_free(&json);
    return status;
}

static primer_status prompt_tokens(const struct eval_options *options, const struct eval_item *item,
                                   struct stream *stream, int32_t **ids, size_t *count,
                                   primer_error *error)
{
    if (item->messages != NULL)
        return chat_tokens(options, item, stream, ids, count, error);
    return primer_tokenize(options->model, item->prompt.bytes, item->prompt.length, PRIMER_TEXT_BOS,
                           ids, count, error);
}

static primer_status write_answer(struct eval_generate *generate, primer_session *session,
                                  size_t slot, struct stream *stream, primer_error *error)
{
    const struct eval_options *const options = generate->options;
    const struct eval_item *const item = &generate->items->items[slot / generate->samples];
    const struct stops *const stops = item->messages != NULL ? &generate->chat : &generate->raw;
    struct eval_answer *const answer = &generate->answers[slot];
    primer_sampling sampling = *options->sampling;
    sampling.seed += slot;
    const primer_generation generation = {
        .sampling = &sampling,
        .max_tokens = options->max_tokens > 0 ? options->max_tokens : MAX_TOKENS,
        .stops = stops->texts,
        .stop_count = stops->count,
        .special = stream->reader != NULL,
        .callback = take_text,
        .context = stream};
    primer_generation_result result = {0};
    FORWARD(primer_generate(session, &generation, &result, error));
    if (stream->reader != NULL)
        primer_chat_reader_end(stream->reader, take_part, stream);
    answer->tokens = result.tokens;
    answer->ending = primer_stop_reason_name(result.reason);
    return stream->status;
}

static primer_status answer_slot(struct eval_generate *generate, primer_session *session,
                                 size_t slot, primer_error *error)
{
    primer_status status = PRIMER_OK;
    const struct eval_item *const item = &generate->items->items[slot / generate->samples];
    struct eval_answer *const answer = &generate->answers[slot];
    struct stream stream = {.generate = generate, .text = &answer->text, .error = error};
    int32_t *ids = NULL;
    size_t count = 0;
    TRY(prompt_tokens(generate->options, item, &stream, &ids, &count, error));
    status = primer_session_sync(session, ids, count, NULL, NULL, error);
    if (status == PRIMER_ELIMIT) {
        answer->refused = true;
        answer->ending = eval_generate_refused;
        status = PRIMER_OK;
        goto cleanup;
    }
    if (status == PRIMER_OK)
        status = write_answer(generate, session, slot, &stream, error);

cleanup:
    if (status != PRIMER_OK)
        error_prefix(error, "line %zu of file %zu", item->line, item->file + 1);
    primer_chat_reader_free(stream.reader);
    primer_free(ids);
    return status;
}

/* ---- threads --------------------------------------------------------------------------------- */

/* False: there is nothing left to do. */
static bool next_slot(struct eval_generate *generate, size_t *slot)
{
    pthread_mutex_lock(&generate->lock);
    while (generate->next < generate->slots && generate->answers[generate->next].given)
        generate->next++;
    const bool found = !generate->stopped && generate->next < generate->slots;
    if (found)
        *slot = generate->next++;
    pthread_mutex_unlock(&generate->lock);
    return found;
}

static void put_slot(struct eval_generate *generate, size_t slot, primer_status status,
                     const primer_error *error)
{
    pthread_mutex_lock(&generate->lock);
    if (status == PRIMER_OK && !generate->stopped) { /* else it may be cut off */
        generate->ready[generate->ready_count++] = slot;
    } else if (!generate->stopped) {
        generate->stopped = true;
        generate->status = status;
        generate->error = *error;
    }
    pthread_cond_signal(&generate->changed);
    pthread_mutex_unlock(&generate->lock);
}

static void *work(void *context)
{
    struct eval_generate *const generate = context;
    size_t slot;
    pthread_mutex_lock(&generate->lock);
    primer_session *const session = generate->sessions[generate->session_count++];
    pthread_mutex_unlock(&generate->lock);
    while (next_slot(generate, &slot)) {
        primer_error error = {0};
        const primer_status status = answer_slot(generate, session, slot, &error);
        put_slot(generate, slot, status, &error);
    }
    return NULL;
}

static primer_status join_stops(const struct eval_options *options, const char *const *own,
                                size_t own_count, struct stops *stops, primer_error *error)
{
    stops->texts = memory_allocate(own_count + options->stop_count + 1, sizeof *stops->texts);
    if (stops->texts == NULL)
        return memory_failure(error, "the stop strings", own_count + options->stop_count);
    for (size_t i = 0; i < own_count; i++)
        stops->texts[stops->count++] = own[i];
    for (size_t i = 0; i < options->stop_count; i++)
        stops->texts[stops->count++] = options->stops[i];
    return PRIMER_OK;
}

static primer_status start(struct eval_generate *generate, primer_error *error)
{
    const struct eval_options *const options = generate->options;
    size_t own_count = 0, wanted = options->parallel > 0 ? options->parallel : PARALLEL;
    const char *const *const own =
        options->format == NULL ? NULL : primer_chat_format_stops(options->format, &own_count);
    if (wanted > THREADS)
        return error_set(error, PRIMER_ELIMIT, "parallel: found %zu, expected at most %d", wanted,
                         THREADS);
    if (wanted > generate->slots)
        wanted = generate->slots;
    FORWARD(join_stops(options, raw_stops, RAW_STOPS, &generate->raw, error));
    FORWARD(join_stops(options, own, own_count, &generate->chat, error));
    generate->ready = memory_allocate(generate->slots + 1, sizeof *generate->ready);
    if (generate->ready == NULL)
        return memory_failure(error, "the answers", generate->slots * sizeof *generate->ready);
    for (size_t i = 0; i < wanted; i++)
        FORWARD(
            primer_session_create(options->model, options->session, &generate->sessions[i], error));
    for (size_t i = 0; i < wanted; i++) {
        if (pthread_create(&generate->threads[i], NULL, work, generate) != 0)
            return error_set(error, PRIMER_ELIMIT, "the system refuses thread %zu", i + 1);
        generate->thread_count++;
    }
    return PRIMER_OK;
}

primer_status eval_generate_open(const struct eval_options *options, const struct eval_items *items,
                                 struct eval_answer *answers, struct eval_generate **generate,
                                 primer_error *error)
{
    struct eval_generate *const made = memory_allocate(1, sizeof *made);
    pthread_condattr_t attributes;
    if (made == NULL)
        return memory_failure(error, "the threads that answer", sizeof *made);
    made->options = options;
    made->items = items;
    made->answers = answers;
    made->samples = options->samples > 0 ? options->samples : 1;
    made->slots = items->count * made->samples;
    pthread_mutex_init(&made->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&made->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    const primer_status status = start(made, error);
    if (status != PRIMER_OK) {
        eval_generate_close(made);
        return status;
    }
    *generate = made;
    return PRIMER_OK;
}

primer_status eval_generate_take(struct eval_generate *generate, size_t *slots, size_t most,
                                 size_t *count, primer_error *error)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += WAIT;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    *count = 0;
    pthread_mutex_lock(&generate->lock);
    if (generate->taken == generate->ready_count && !generate->stopped)
        pthread_cond_timedwait(&generate->changed, &generate->lock, &until);
    while (*count < most && generate->taken < generate->ready_count)
        slots[(*count)++] = generate->ready[generate->taken++];
    const primer_status status = generate->status;
    if (status != PRIMER_OK)
        *error = generate->error;
    pthread_mutex_unlock(&generate->lock);
    return status;
}

uint64_t eval_generate_tokens(struct eval_generate *generate)
{
    pthread_mutex_lock(&generate->lock);
    const uint64_t tokens = generate->tokens;
    pthread_mutex_unlock(&generate->lock);
    return tokens;
}

void eval_generate_stop(struct eval_generate *generate)
{
    pthread_mutex_lock(&generate->lock);
    generate->stopped = true;
    pthread_mutex_unlock(&generate->lock);
    for (size_t i = 0; i < THREADS && generate->sessions[i] != NULL; i++)
        primer_session_cancel(generate->sessions[i]);
}

void eval_generate_close(struct eval_generate *generate)
{
    if (generate == NULL)
        return;
    eval_generate_stop(generate);
    for (size_t i = 0; i < generate->thread_count; i++)
        pthread_join(generate->threads[i], NULL);
    for (size_t i = 0; i < THREADS; i++)
        primer_session_free(generate->sessions[i]);
    pthread_cond_destroy(&generate->changed);
    pthread_mutex_destroy(&generate->lock);
    memory_free(generate->ready);
    memory_free(generate->raw.texts);
    memory_free(generate->chat.texts);
    memory_free(generate);
}
