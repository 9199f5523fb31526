/* teacher_local.c - a model's file as the teacher. Declared in teacher.h.
 *
 * The answer depends on the file, the question and its seed: a session's logits are the same bits
 * whatever the others do (docs/NUMERICS.md).
 */
#include "data/teacher.h"

#include <stdio.h>

#include "base/file.h"
#include "base/memory.h"
#include "primer_chat.h"

#define CONTEXT    8192 /* tokens at most, where the model has more */
#define MAX_TOKENS 1024

struct local {
    const struct data_teacher_options *options;
    const struct teacher_patience *patience;
    primer_model *model;
    primer_chat_format *own;
    const primer_chat_format *format;
    primer_session **sessions; /* [places]; NULL: not needed yet */
    size_t places;
};

static void free_local(void *state)
{
    struct local *const local = state;
    for (size_t i = 0; local->sessions != NULL && i < local->places; i++)
        primer_session_free(local->sessions[i]);
    primer_chat_format_free(local->own);
    primer_model_free(local->model);
    memory_free(local->sessions);
    memory_free(local);
}

static primer_status session_at(struct local *local, size_t place, primer_session **session,
                                primer_error *error)
{
    const size_t context = primer_model_info(local->model)->context;
    const primer_session_options options = {.context = context < CONTEXT ? context : CONTEXT};
    if (local->sessions[place] == NULL)
        FORWARD(primer_session_create(local->model, &options, &local->sessions[place], error));
    *session = local->sessions[place];
    return PRIMER_OK;
}

struct listener {
    const struct teacher_patience *patience;
    struct buffer *text;
    primer_error *error;
    primer_status status;
};

static bool listen(void *context, const primer_generated *generated)
{
    struct listener *const listener = context;
    listener->status =
        buffer_append(listener->text, generated->text, generated->length, listener->error);
    if (listener->status == PRIMER_OK && !listener->patience->go_on(listener->patience->context))
        listener->status = error_set(listener->error, PRIMER_ECANCELED, "stopped");
    return listener->status == PRIMER_OK;
}

static primer_status generate(struct local *local, primer_session *session, uint64_t seed,
                              size_t room, struct teacher_answer *answer, primer_error *error)
{
    const struct data_teacher_options *const options = local->options;
    const size_t most = options->max_tokens > 0 ? options->max_tokens : MAX_TOKENS;
    struct listener listener = {local->patience, &answer->text, error, PRIMER_OK};
    primer_sampling sampling = primer_sampling_default();
    primer_generation_result result = {0};
    size_t stops = 0;
    sampling.seed = seed;
    if (options->temperature >= 0)
        sampling.temperature = (float)options->temperature;
    primer_generation generation = {.sampling = &sampling,
                                    .max_tokens = most < room ? most : room,
                                    .callback = listen,
                                    .context = &listener};
    generation.stops = primer_chat_format_stops(local->format, &stops);
    generation.stop_count = stops;
    FORWARD(primer_generate(session, &generation, &result, error));
    FORWARD(listener.status);
    answer->cut = result.reason == PRIMER_STOP_LENGTH || result.reason == PRIMER_STOP_CONTEXT;
    return PRIMER_OK;
}

static primer_status ask_local(void *state, size_t place, const struct teacher_question *question,
                               struct teacher_answer *answer, primer_error *error)
{
    struct local *const local = state;
    primer_status status = PRIMER_OK;
    primer_session *session = NULL;
    int32_t *ids = NULL;
    size_t count = 0;
    const primer_message messages[] = {{"system", question->system}, {"user", question->user}};
    const size_t skipped = question->system == NULL ? 1 : 0;
    TRY(session_at(local, place, &session, error));
    TRY(primer_chat_tokens(local->model, local->format, messages + skipped, 2 - skipped, true, &ids,
                           &count, error));
    const size_t context = primer_session_context(session);
    if (count + 1 > context) {
        snprintf(answer->reason, sizeof answer->reason, "the prompt doesn't fit the context");
        FAIL(PRIMER_EFORMAT, "%s: the prompt has %zu tokens, the context room for %zu",
             local->options->teacher, count, context);
    }
    TRY(primer_session_sync(session, ids, count, NULL, NULL, error));
    TRY(generate(local, session, question->seed, context - count, answer, error));

cleanup:
    primer_free(ids);
    return status;
}

primer_status teacher_local_open(const struct data_teacher_options *options, size_t places,
                                 const struct teacher_patience *patience, struct teacher *teacher,
                                 primer_error *error)
{
    primer_status status = PRIMER_OK;
    bool understood = false;
    const primer_model_options model = {.threads = options->threads};
    struct local *const local = memory_allocate(1, sizeof *local);
    if (local == NULL)
        return memory_failure(error, "a teacher", sizeof *local);
    *local = (struct local){.options = options, .patience = patience, .places = places};
    local->sessions = memory_allocate(places, sizeof(primer_session *));
    if (local->sessions == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for %zu sessions", places);
    TRY(primer_model_open(options->teacher, &model, &local->model, error));
    TRY(primer_chat_format_own(local->model, &local->own, error));
    local->format =
        local->own != NULL ? local->own : primer_chat_format_of(local->model, &understood);
    *teacher = (struct teacher){.name = file_base_name(options->teacher),
                                .state = local,
                                .ask = ask_local,
                                .close = free_local};
    return PRIMER_OK;

cleanup:
    free_local(local);
    return status;
}
