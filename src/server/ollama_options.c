/* ollama_options.c - options by name, their types and ranges, Ollama's defaults.
 *
 *   sampling    temperature 0.8, top_k 40, top_p 0.9, min_p 0, typical_p 1, repeat_penalty 1,
 *               repeat_last_n 64 (0: no penalties; -1: all), presence_ and frequency_penalty 0,
 *               seed -1 (its own each time), stop
 *   length      num_predict -1 (-1, -2, 0: until it ends), num_ctx, num_keep 4 (-1: the prompt);
 *               counts may be as large as numbers are, which clients send for "no limit"
 *   a matter of the server, fixed when it starts: num_thread, num_batch, num_gpu, ... are checked
 *               and have no effect; a sampler of old that was asked for (mirostat, tfs_z) is noted
 */
#include "server/ollama_options.h"

#include <float.h>
#include <math.h>

#include "base/memory.h"
#include "server/server_answer.h"
#include "server/fields.h"

enum { KEEP_DEFAULT = 4 };

/* Names that older and newer clients send and that change nothing here. A number other than
 * `neutral` would change an answer elsewhere, and is noted; NaN: never. */
static const struct {
    const char *name;
    bool truth; /* true or false; else a number */
    double neutral;
} without_effect[] = {
    {"num_batch", false, NAN},
    {"num_gpu", false, NAN},
    {"main_gpu", false, NAN},
    {"num_thread", false, NAN},
    {"draft_num_predict", false, NAN},
    {"num_gqa", false, NAN},
    {"use_mmap", true, 0},
    {"use_mlock", true, 0},
    {"numa", true, 0},
    {"low_vram", true, 0},
    {"f16_kv", true, 0},
    {"logits_all", true, 0},
    {"vocab_only", true, 0},
    {"penalize_newline", true, 0},
    {"mirostat", false, 0},
    {"mirostat_tau", false, NAN},
    {"mirostat_eta", false, NAN},
    {"tfs_z", false, 1},
};

static primer_status read_without_effect(struct fields *fields, json_t *warnings,
                                         primer_error *error)
{
    for (size_t i = 0; i < sizeof without_effect / sizeof without_effect[0]; i++) {
        const char *const name = without_effect[i].name;
        const double neutral = without_effect[i].neutral;
        double number = neutral;
        bool truth = false;
        if (without_effect[i].truth) {
            FORWARD(fields_bool(fields, name, &truth, error));
            continue;
        }
        FORWARD(fields_real(fields, name, -DBL_MAX, DBL_MAX, &number, error));
        if (number != neutral && !isnan(neutral) &&
            json_array_append_new(warnings,
                                  json_sprintf("options.%s: not supported, ignored", name)) != 0)
            return memory_failure(error, "warnings", 64);
    }
    return PRIMER_OK;
}

static primer_status read_float(struct fields *fields, const char *name, double least, double most,
                                float *value, primer_error *error)
{
    double number = (double)*value;
    FORWARD(fields_real(fields, name, least, most, &number, error));
    *value = (float)number;
    return PRIMER_OK;
}

static primer_status read_sampling(struct fields *fields, struct ollama_options *options,
                                   primer_error *error)
{
    primer_sampling *const s = &options->sampling;
    int64_t top_k = 40, seed = -1, last = 64;
    FORWARD(read_float(fields, "temperature", 0, 1000, &s->temperature, error));
    FORWARD(read_float(fields, "top_p", 0, 1, &s->top_p, error));
    FORWARD(read_float(fields, "min_p", 0, 1, &s->min_p, error));
    FORWARD(read_float(fields, "typical_p", 0, 1, &s->typical_p, error));
    FORWARD(read_float(fields, "repeat_penalty", 1e-6, 1000, &s->repeat_penalty, error));
    FORWARD(read_float(fields, "presence_penalty", -1000, 1000, &s->presence_penalty, error));
    FORWARD(read_float(fields, "frequency_penalty", -1000, 1000, &s->frequency_penalty, error));
    FORWARD(fields_integer(fields, "top_k", INT64_MIN, INT64_MAX, &top_k, error));
    FORWARD(fields_integer(fields, "seed", INT64_MIN, INT64_MAX, &seed, error));
    FORWARD(fields_integer(fields, "repeat_last_n", -1, INT64_MAX, &last, error));
    s->top_k = top_k > 0 ? (size_t)top_k : 0;
    s->penalty_window = last > 0 ? (size_t)last : 0; /* 0: all */
    if (last == 0) {
        s->repeat_penalty = 1;
        s->presence_penalty = s->frequency_penalty = 0;
    }
    options->seeded = seed != -1;
    s->seed = options->seeded ? (uint64_t)seed : 0;
    return PRIMER_OK;
}

static primer_status read_lengths(struct fields *fields, struct ollama_options *options,
                                  primer_error *error)
{
    int64_t predict = -1, keep = KEEP_DEFAULT;
    FORWARD(fields_integer(fields, "num_predict", INT64_MIN, INT64_MAX, &predict, error));
    FORWARD(fields_integer(fields, "num_keep", -1, INT64_MAX, &keep, error));
    FORWARD(fields_size(fields, "num_ctx", 0, INT32_MAX, &options->num_ctx, error));
    options->max_tokens = predict > 0 ? (size_t)predict : 0;
    options->keep = keep < 0 ? SIZE_MAX : (size_t)keep;
    return PRIMER_OK;
}

static primer_status read_stops(struct fields *fields, struct ollama_options *options,
                                primer_error *error)
{
    FORWARD(fields_texts(fields, "stop", ANSWER_STOPS_MOST, &options->stops, &options->stop_count,
                         error));
    for (size_t i = 0; i < options->stop_count; i++)
        if (*options->stops[i] == '\0')
            return fields_wrong(fields, "stop", error,
                                "expected texts of a character or more, found an empty one at %zu",
                                i);
    return PRIMER_OK;
}

primer_status ollama_options_read(struct ollama_options *options, json_t *object, json_t *warnings,
                                  struct problem *problem, primer_error *error)
{
    struct fields fields = {0};
    primer_status status = PRIMER_OK;
    *options = (struct ollama_options){.sampling = primer_sampling_default(), .keep = KEEP_DEFAULT};
    options->sampling.top_p = 0.9f;
    options->sampling.min_p = 0;
    if (object == NULL)
        return PRIMER_OK;
    TRY(fields_open(&fields, object, "options", problem, error));
    TRY(read_sampling(&fields, options, error));
    TRY(read_lengths(&fields, options, error));
    TRY(read_stops(&fields, options, error));
    TRY(read_without_effect(&fields, warnings, error));
    TRY(fields_warn(&fields, warnings, error));
cleanup:
    fields_close(&fields);
    if (status != PRIMER_OK)
        ollama_options_free(options);
    return status;
}

void ollama_options_free(struct ollama_options *options)
{
    memory_free(options->stops);
    options->stops = NULL;
    options->stop_count = 0;
}
