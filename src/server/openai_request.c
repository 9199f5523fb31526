/* openai_request.c - see openai_request.h. */
#include "server/openai_request.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/memory.h"
#include "server/keep_alive.h"
#include "server/lora.h"
#include "server/state.h"

enum { BIAS_MOST = 4096 };
#define CONTEXT_MOST ((size_t)1 << 31)
#define PING_MOST    86400.0 /* seconds */

/* ---- sampling -------------------------------------------------------------------------------- */

struct real_member {
    const char *name;
    size_t offset; /* in primer_sampling, a float */
    double least, most;
};

static const struct real_member reals[] = {
    {"temperature", offsetof(primer_sampling, temperature), 0, 100},
    {"top_p", offsetof(primer_sampling, top_p), 0, 1},
    {"min_p", offsetof(primer_sampling, min_p), 0, 1},
    {"typical_p", offsetof(primer_sampling, typical_p), 0, 1},
    {"repeat_penalty", offsetof(primer_sampling, repeat_penalty), 0.01, 100},
    {"repetition_penalty", offsetof(primer_sampling, repeat_penalty), 0.01, 100},
    {"presence_penalty", offsetof(primer_sampling, presence_penalty), -100, 100},
    {"frequency_penalty", offsetof(primer_sampling, frequency_penalty), -100, 100},
};

static primer_status read_reals(struct fields *fields, primer_sampling *sampling,
                                primer_error *error)
{
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) {
        float *place = (float *)((char *)sampling + reals[i].offset);
        double value = (double)*place;
        FORWARD(fields_real(fields, reals[i].name, reals[i].least, reals[i].most, &value, error));
        *place = (float)value;
    }
    return PRIMER_OK;
}

static primer_status read_bias(struct openai_request *request, primer_error *error)
{
    struct fields *fields = &request->fields;
    json_t *given = NULL, *value;
    const char *name;
    size_t count = 0;
    FORWARD(fields_object(fields, "logit_bias", &given, error));
    if (given == NULL || json_object_size(given) == 0)
        return PRIMER_OK;
    if (json_object_size(given) > BIAS_MOST)
        return fields_wrong(fields, "logit_bias", error, "expected at most %d tokens, found %zu",
                            BIAS_MOST, json_object_size(given));
    request->bias = memory_allocate(json_object_size(given), sizeof *request->bias);
    if (request->bias == NULL)
        return memory_failure(error, "logit_bias", json_object_size(given));
    const size_t vocabulary = primer_model_info(request->use.model)->vocabulary;
    json_object_foreach(given, name, value)
    {
        char *end;
        errno = 0;
        const long id = strtol(name, &end, 10);
        const double bias = json_number_value(value);
        if (*name == '\0' || *end != '\0' || errno != 0 || id < 0 || (size_t)id >= vocabulary)
            return fields_wrong(fields, "logit_bias", error,
                                "expected a token's id below %zu, found \"%.32s\"", vocabulary,
                                name);
        if (!json_is_number(value) || !(bias >= -100 && bias <= 100))
            return fields_wrong(fields, "logit_bias", error,
                                "token %ld: expected a number from -100 to 100", id);
        request->bias[count++] =
            (primer_logit_bias){(int32_t)id, bias <= -100 ? -INFINITY : (float)bias};
    }
    request->answer.sampling.bias = request->bias;
    request->answer.sampling.bias_count = count;
    return PRIMER_OK;
}

/* OpenAI's defaults: the distribution as it is. */
static primer_status read_sampling(struct openai_request *request, primer_error *error)
{
    primer_sampling *sampling = &request->answer.sampling;
    int64_t seed = INT64_MIN, top_k = 0, last = 64;
    *sampling = primer_sampling_default();
    sampling->temperature = 1;
    sampling->top_k = 0;
    sampling->top_p = 1;
    sampling->min_p = 0;
    FORWARD(read_reals(&request->fields, sampling, error));
    FORWARD(fields_integer(&request->fields, "top_k", -1, INT64_MAX, &top_k, error));
    FORWARD(fields_integer(&request->fields, "repeat_last_n", -1, INT64_MAX, &last, error));
    FORWARD(fields_integer(&request->fields, "seed", INT64_MIN + 1, INT64_MAX, &seed, error));
    sampling->top_k = top_k < 0 ? 0 : (size_t)top_k;
    if (last == 0) { /* nothing counts as seen */
        sampling->repeat_penalty = 1;
        sampling->presence_penalty = sampling->frequency_penalty = 0;
    }
    sampling->penalty_window = last <= 0 ? 0 : (size_t)last;
    request->answer.seeded = seed != INT64_MIN;
    sampling->seed = (uint64_t)seed;
    return read_bias(request, error);
}

/* ---- length and end -------------------------------------------------------------------------- */

static primer_status read_limits(struct openai_request *request, primer_error *error)
{
    struct fields *fields = &request->fields;
    struct answer_request *answer = &request->answer;
    size_t context = 0;
    int64_t most = -1, newer = -1, choices = 1;
    json_t *lora = NULL;
    FORWARD(fields_integer(fields, "max_tokens", -1, INT64_MAX, &most, error));
    FORWARD(fields_integer(fields, "max_completion_tokens", -1, INT64_MAX, &newer, error));
    most = newer >= 0 ? newer : most;
    request->max_tokens = most;
    answer->max_tokens = most < 0 ? 0 : (size_t)most;
    FORWARD(fields_integer(fields, "n", 1, ANSWER_CHOICES_MOST, &choices, error));
    answer->choices = (size_t)choices;
    FORWARD(fields_texts(fields, "stop", ANSWER_STOPS_MOST, &request->stops, &answer->stop_count,
                         error));
    answer->stops = request->stops;
    for (size_t i = 0; i < answer->stop_count; i++)
        if (*answer->stops[i] == '\0')
            return fields_wrong(fields, "stop", error, "expected texts that aren't empty");
    FORWARD(fields_bool(fields, "ignore_eos", &answer->ignore_end, error));
    FORWARD(fields_size(fields, "num_ctx", 0, CONTEXT_MOST, &context, error));
    FORWARD(lora_read(fields, &lora, error));
    FORWARD(lora_apply(lora, &request->use, fields->problem, error));
    return server_answer_session_options(request->exchange, &request->use, context,
                                         request->warnings, &answer->session, error);
}

static primer_status read_stream(struct openai_request *request, primer_error *error)
{
    json_t *given = NULL;
    struct fields inner = {0};
    primer_status status = PRIMER_OK;
    TRY(fields_bool(&request->fields, "stream", &request->stream, error));
    TRY(fields_bool(&request->fields, "return_progress", &request->progress, error));
    TRY(fields_real(&request->fields, "sse_ping_interval", -1, PING_MOST,
                    &request->answer.ping_seconds, error));
    TRY(fields_object(&request->fields, "stream_options", &given, error));
    if (given == NULL)
        return PRIMER_OK;
    if (!request->stream)
        return fields_wrong(&request->fields, "stream_options", error,
                            "expected only together with \"stream\": true");
    TRY(fields_open(&inner, given, "stream_options", request->fields.problem, error));
    TRY(fields_bool(&inner, "include_usage", &request->include_usage, error));
    TRY(fields_bool(&inner, "include_progress", &request->progress, error));
    fields_ignore(&inner, "include_obfuscation");
    TRY(fields_warn(&inner, request->warnings, error));

cleanup:
    fields_close(&inner);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool gone(void *context)
{
    return exchange_gone(context);
}

static primer_status use_model(struct openai_request *request, primer_error *error)
{
    const char *name = NULL;
    struct fields *fields = &request->fields;
    struct exchange *exchange = request->exchange;
    FORWARD(fields_text(fields, "model", &name, error));
    FORWARD(keep_alive_member(fields_any(fields, "keep_alive"), "keep_alive", &request->keep_alive,
                              fields->problem, error));
    FORWARD(catalog_use(exchange_server(exchange)->catalog, name, gone, exchange, fields->problem,
                        &request->use, error));
    exchange_set_model(exchange, request->use.entry->name);
    snprintf(request->name, sizeof request->name, "%s",
             name == NULL || *name == '\0' ? request->use.entry->name : name);
    return PRIMER_OK;
}

static void ignore_known(struct fields *fields)
{
    static const char *const names[] = {"user",
                                        "metadata",
                                        "store",
                                        "service_tier",
                                        "cache_prompt",
                                        "safety_identifier",
                                        "prediction",
                                        "prompt_cache_key",
                                        "verbosity",
                                        "timings_per_token",
                                        "prompt_cache_retention"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        fields_ignore(fields, names[i]);
}

static void make_id(struct openai_request *request, const char *prefix)
{
    uint64_t parts[2] = {clock_nanoseconds(), (uint64_t)(uintptr_t)request};
    if (getrandom(parts, sizeof parts, 0) != (ssize_t)sizeof parts)
        parts[1] ^= parts[0];
    snprintf(request->id, sizeof request->id, "%s-%016llx%08llx", prefix,
             (unsigned long long)parts[0], (unsigned long long)(parts[1] & 0xFFFFFFFF));
    request->created = clock_wall_seconds();
}

primer_status openai_request_open(struct openai_request *request, struct exchange *exchange,
                                  const char *prefix, primer_error *error)
{
    json_t *object = NULL;
    *request = (struct openai_request){.exchange = exchange, .keep_alive = CATALOG_KEEP_DEFAULT};
    request->warnings = json_array();
    if (request->warnings == NULL)
        return memory_failure(error, "warnings", 64);
    FORWARD(exchange_object(exchange, &object, error));
    FORWARD(fields_open(&request->fields, object, "", exchange_problem(exchange), error));
    FORWARD(use_model(request, error));
    FORWARD(read_stream(request, error));
    FORWARD(read_sampling(request, error));
    FORWARD(read_limits(request, error));
    ignore_known(&request->fields);
    make_id(request, prefix);
    request->answer.use = &request->use;
    request->answer.progress = request->progress && request->stream;
    return PRIMER_OK;
}

primer_status openai_request_warn(struct openai_request *request, primer_error *error)
{
    if (request->answer.ignore_end && request->constraint != NULL)
        return fields_wrong(&request->fields, "ignore_eos", error,
                            "can't go together with tools or a form: an answer that is complete "
                            "has to end");
    return fields_warn(&request->fields, request->warnings, error);
}

void openai_request_close(struct openai_request *request)
{
    catalog_end_use(exchange_server(request->exchange)->catalog, &request->use,
                    request->keep_alive);
    fields_close(&request->fields);
    memory_free(request->stops);
    memory_free(request->bias);
    primer_constraint_free(request->constraint);
    json_decref(request->warnings);
}
