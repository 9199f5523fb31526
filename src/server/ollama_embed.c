/* ollama_embed.c - POST /api/embed, and the older POST /api/embeddings.
 *
 *   embed       {model, input: text or texts, truncate, dimensions, options, keep_alive}
 *               -> {model, embeddings[[]], total_duration, load_duration, prompt_eval_count}
 *               vectors of length 1; `dimensions`: the first so many, brought to length 1 again
 *   embeddings  {model, prompt, options, keep_alive} -> {embedding[]}, as it is
 *
 * There may be as many texts as the body holds. One that doesn't fit into the context is refused
 * with both numbers, unless `truncate` is true in the request itself: then its end is left out, and
 * the answer says how many tokens that were.
 */
#include "server/endpoints.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "server/json_dump.h"
#include "server/ollama_options.h"
#include "server/ollama_reply.h"
#include "server/ollama_request.h"
#include "server/ollama_time.h"

struct embed {
    struct exchange *exchange;
    struct fields fields;
    struct ollama_target target;
    struct ollama_options options;
    json_t *warnings;
    const char **inputs; /* [input_count] */
    size_t input_count;
    bool truncate, normalize;
    size_t dimensions; /* 0: all */

    bool in_use;
    struct catalog_use use;
    primer_session *session;
    size_t width;  /* of a vector */
    float *vector; /* [width] */
    size_t prompt_tokens, dropped_tokens;
    struct buffer out;
};

static void embed_close(struct embed *embed)
{
    primer_session_free(embed->session);
    if (embed->in_use)
        catalog_end_use(exchange_server(embed->exchange)->catalog, &embed->use,
                        embed->target.keep_alive);
    memory_free(embed->vector);
    memory_free(embed->inputs);
    buffer_free(&embed->out);
    ollama_options_free(&embed->options);
    json_decref(embed->warnings);
    fields_close(&embed->fields);
}

static primer_status embed_open(struct embed *embed, struct exchange *exchange, primer_error *error)
{
    json_t *body = NULL, *options = NULL;
    *embed = (struct embed){.exchange = exchange};
    FORWARD(exchange_object(exchange, &body, error));
    embed->warnings = json_array();
    if (embed->warnings == NULL)
        return memory_failure(error, "warnings", 0);
    FORWARD(fields_open(&embed->fields, body, "", exchange_problem(exchange), error));
    FORWARD(ollama_request_read_target(&embed->target, &embed->fields, error));
    FORWARD(fields_bool(&embed->fields, "truncate", &embed->truncate, error));
    FORWARD(fields_object(&embed->fields, "options", &options, error));
    return ollama_options_read(&embed->options, options, embed->warnings,
                               exchange_problem(exchange), error);
}

/* The model, a session, and a place for a vector. */
static primer_status embed_prepare(struct embed *embed, primer_error *error)
{
    primer_session_options session;
    FORWARD(fields_warn(&embed->fields, embed->warnings, error));
    FORWARD(ollama_request_use_target(&embed->target, embed->exchange, &embed->use, error));
    embed->in_use = true;
    embed->width = primer_model_info(embed->use.model)->embedding;
    if (embed->dimensions > embed->width)
        return fields_wrong(&embed->fields, "dimensions", error,
                            "expected at most the model's %zu, found %zu", embed->width,
                            embed->dimensions);
    FORWARD(server_answer_session_options(embed->exchange, &embed->use, embed->options.num_ctx,
                                          embed->warnings, &session, error));
    session.drop_oldest = false;
    FORWARD(primer_session_create(embed->use.model, &session, &embed->session, error));
    embed->vector = memory_allocate(embed->width, sizeof *embed->vector);
    return embed->vector != NULL ? PRIMER_OK
                                 : memory_failure(error, "an embedding", embed->width * 4);
}

/* How many of a text's tokens are read. */
static primer_status fit(struct embed *embed, size_t index, size_t count, size_t *read,
                         primer_error *error)
{
    const size_t context = primer_session_context(embed->session);
    struct problem *const problem = exchange_problem(embed->exchange);
    if (count == 0)
        return problem_set(problem, 400, NULL, "input", PRIMER_EINVAL, error,
                           "input[%zu]: expected a text of one token at least, found none", index);
    *read = count;
    if (count <= context)
        return PRIMER_OK;
    *read = context;
    embed->dropped_tokens += count - context;
    if (embed->truncate)
        return PRIMER_OK;
    problem_set(problem, 400, "exceed_context_size_error", "input", PRIMER_ELIMIT, error,
                "the input length exceeds the context length: input[%zu] has %zu tokens, the "
                "context holds %zu; send \"truncate\": true to leave out its end",
                index, count, context);
    problem->prompt_tokens = count;
    problem->context_tokens = context;
    return PRIMER_ELIMIT;
}

/* A primer_progress: nobody waits for the rest of a text whose client has gone. */
static void stop_if_gone(void *context, size_t done, size_t total)
{
    struct embed *const embed = context;
    if (done < total && exchange_gone(embed->exchange))
        primer_session_cancel(embed->session);
}

/* The vector of one text, to embed->vector. */
static primer_status embed_text(struct embed *embed, size_t index, primer_error *error)
{
    int32_t *ids = NULL;
    size_t count = 0, read = 0;
    primer_status status = PRIMER_OK;
    TRY(primer_tokenize(embed->use.model, embed->inputs[index], strlen(embed->inputs[index]),
                        PRIMER_TEXT_BOS, &ids, &count, error));
    TRY(fit(embed, index, count, &read, error));
    TRY(primer_session_embed(embed->session, ids, read, PRIMER_POOL_MEAN, embed->normalize,
                             embed->vector, stop_if_gone, embed, error));
    embed->prompt_tokens += read;
cleanup:
    primer_free(ids);
    return status;
}

/* The first `count` numbers, of length 1 where `normalize`; a vector of zeros stays one. */
static void shorten(float *vector, size_t count, bool normalize)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)vector[i] * (double)vector[i];
    if (!normalize || !(sum > 0))
        return;
    const double scale = 1 / sqrt(sum);
    for (size_t i = 0; i < count; i++)
        vector[i] = (float)((double)vector[i] * scale);
}

static primer_status append_vector(struct embed *embed, primer_error *error)
{
    const bool shorter = embed->dimensions > 0 && embed->dimensions < embed->width;
    const size_t count = shorter ? embed->dimensions : embed->width;
    if (shorter)
        shorten(embed->vector, count, embed->normalize);
    for (size_t i = 0; i < count; i++)
        FORWARD(buffer_format(&embed->out, error, "%s%.9g", i > 0 ? "," : "[",
                              (double)embed->vector[i]));
    return buffer_text(&embed->out, "]", error);
}

static primer_status append_notes(struct embed *embed, primer_error *error)
{
    struct buffer *const out = &embed->out;
    if (embed->dropped_tokens > 0)
        FORWARD(buffer_format(out, error, ",\"truncated\":{\"dropped_tokens\":%zu}",
                              embed->dropped_tokens));
    if (json_array_size(embed->warnings) == 0)
        return PRIMER_OK;
    FORWARD(buffer_text(out, ",\"warnings\":", error));
    return json_dump_append(out, embed->warnings, error);
}

static primer_status append_statistics(struct embed *embed, primer_error *error)
{
    struct buffer *const out = &embed->out;
    const double total = clock_seconds_since(exchange_started(embed->exchange));
    FORWARD(ollama_reply_count(out, "total_duration", ollama_time_nanoseconds(total), error));
    FORWARD(ollama_reply_count(out, "load_duration",
                               ollama_time_nanoseconds(embed->use.load_seconds), error));
    return ollama_reply_count(out, "prompt_eval_count", (int64_t)embed->prompt_tokens, error);
}

static primer_status answer(struct embed *embed, primer_error *error)
{
    exchange_set_usage(embed->exchange, embed->prompt_tokens, 0);
    if (embed->dropped_tokens > 0)
        metrics_truncated(exchange_server(embed->exchange)->metrics, embed->use.entry->name, 0,
                          embed->dropped_tokens);
    FORWARD(buffer_text(&embed->out, "}", error));
    return exchange_answer(embed->exchange, 200, OLLAMA_JSON_TYPE, embed->out.bytes,
                           embed->out.length, error);
}

/* ---- /api/embed ------------------------------------------------------------------------------ */

static primer_status run_embed(struct embed *embed, struct exchange *exchange, primer_error *error)
{
    FORWARD(embed_open(embed, exchange, error));
    embed->normalize = true;
    FORWARD(fields_texts(&embed->fields, "input", SIZE_MAX, &embed->inputs, &embed->input_count,
                         error));
    FORWARD(fields_size(&embed->fields, "dimensions", 0, SIZE_MAX >> 2, &embed->dimensions, error));
    if (embed->input_count == 1 && *embed->inputs[0] == '\0')
        embed->input_count = 0; /* only loads the model */
    FORWARD(embed_prepare(embed, error));
    const char *const asked = embed->target.name;
    const char *const name = *asked != '\0' ? asked : embed->use.entry->name;
    FORWARD(buffer_text(&embed->out, "{\"model\":", error));
    FORWARD(buffer_json_string(&embed->out, name, strlen(name), error));
    FORWARD(buffer_text(&embed->out, ",\"embeddings\":[", error));
    for (size_t i = 0; i < embed->input_count; i++) {
        FORWARD(embed_text(embed, i, error));
        FORWARD(buffer_text(&embed->out, i > 0 ? "," : "", error));
        FORWARD(append_vector(embed, error));
    }
    FORWARD(buffer_text(&embed->out, "]", error));
    FORWARD(append_statistics(embed, error));
    FORWARD(append_notes(embed, error));
    return answer(embed, error);
}

primer_status ollama_embed(struct exchange *exchange, primer_error *error)
{
    struct embed embed;
    const primer_status status = run_embed(&embed, exchange, error);
    embed_close(&embed);
    return status;
}

/* ---- /api/embeddings ------------------------------------------------------------------------- */

/* One text; without one the model is only loaded. */
static primer_status read_prompt(struct embed *embed, primer_error *error)
{
    const char *prompt = "";
    FORWARD(fields_text(&embed->fields, "prompt", &prompt, error));
    if (*prompt == '\0')
        return PRIMER_OK;
    embed->inputs = memory_allocate(1, sizeof *embed->inputs);
    if (embed->inputs == NULL)
        return memory_failure(error, "a prompt", sizeof *embed->inputs);
    embed->inputs[0] = prompt;
    embed->input_count = 1;
    return PRIMER_OK;
}

static primer_status run_embeddings(struct embed *embed, struct exchange *exchange,
                                    primer_error *error)
{
    FORWARD(embed_open(embed, exchange, error));
    FORWARD(read_prompt(embed, error));
    FORWARD(embed_prepare(embed, error));
    FORWARD(buffer_text(&embed->out, "{\"embedding\":", error));
    if (embed->input_count > 0) {
        FORWARD(embed_text(embed, 0, error));
        FORWARD(append_vector(embed, error));
    } else {
        FORWARD(buffer_text(&embed->out, "[]", error));
    }
    FORWARD(append_notes(embed, error));
    return answer(embed, error);
}

primer_status ollama_embed_older(struct exchange *exchange, primer_error *error)
{
    struct embed embed;
    const primer_status status = run_embeddings(&embed, exchange, error);
    embed_close(&embed);
    return status;
}
