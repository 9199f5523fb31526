/* openai_embeddings.c - POST /v1/embeddings.
 *
 *   {"object": "list", "data": [{"object": "embedding", "index", "embedding": [floats] or base64 of
 *    little-endian binary32}], "model", "usage": {"prompt_tokens", "total_tokens"}}
 *
 * Vectors are means over the tokens, of length 1. Fewer `dimensions` are the first ones, of length
 * 1 again.
 */
#include "server/endpoints.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "server/base64.h"
#include "server/keep_alive.h"
#include "server/lora.h"
#include "server/openai_prompt.h"
#include "server/openai_write.h"
#include "server/state.h"

struct request {
    struct exchange *exchange;
    struct fields fields;
    struct catalog_use use;
    const char *name; /* of the model, as the client wrote it: what the answer repeats */
    int64_t keep_alive;
    struct openai_prompts inputs;
    bool base64;
    size_t dimensions;
    primer_session *session;
    float *vector; /* [embedding] */
    struct buffer text;
    size_t tokens;
    json_t *warnings;
};

static bool gone(void *context)
{
    return exchange_gone(context);
}

static primer_status read_members(struct request *r, primer_error *error)
{
    const char *model = NULL, *encoding = "float";
    size_t context = 0;
    primer_session_options options;
    json_t *lora = NULL;
    FORWARD(fields_text(&r->fields, "model", &model, error));
    FORWARD(lora_read(&r->fields, &lora, error));
    FORWARD(keep_alive_member(fields_any(&r->fields, "keep_alive"), "keep_alive", &r->keep_alive,
                              r->fields.problem, error));
    FORWARD(fields_text(&r->fields, "encoding_format", &encoding, error));
    FORWARD(fields_size(&r->fields, "num_ctx", 0, INT32_MAX, &context, error));
    r->base64 = strcmp(encoding, "base64") == 0;
    if (!r->base64 && strcmp(encoding, "float") != 0)
        return fields_wrong(&r->fields, "encoding_format", error,
                            "expected \"float\" or \"base64\", found \"%.32s\"", encoding);
    FORWARD(catalog_use(exchange_server(r->exchange)->catalog, model, gone, r->exchange,
                        r->fields.problem, &r->use, error));
    exchange_set_model(r->exchange, r->use.entry->name);
    FORWARD(lora_apply(lora, &r->use, r->fields.problem, error));
    r->name = model == NULL || *model == '\0' ? r->use.entry->name : model;
    r->dimensions = primer_model_info(r->use.model)->embedding;
    FORWARD(fields_size(&r->fields, "dimensions", 1, r->dimensions, &r->dimensions, error));
    FORWARD(openai_prompt_list_read(&r->inputs, &r->fields, "input", r->use.model, PRIMER_TEXT_BOS,
                                    error));
    if (r->inputs.count == 0)
        return fields_wrong(&r->fields, "input", error,
                            "expected a text, tokens, or an array of them, found nothing");
    fields_ignore(&r->fields, "user");
    FORWARD(fields_warn(&r->fields, r->warnings, error));
    FORWARD(
        server_answer_session_options(r->exchange, &r->use, context, r->warnings, &options, error));
    return primer_session_create(r->use.model, &options, &r->session, error);
}

static void shorten(struct request *r)
{
    double sum = 0;
    if (r->dimensions == primer_model_info(r->use.model)->embedding)
        return;
    for (size_t i = 0; i < r->dimensions; i++)
        sum += (double)r->vector[i] * (double)r->vector[i];
    for (size_t i = 0; i < r->dimensions && sum > 0; i++)
        r->vector[i] = (float)((double)r->vector[i] / sqrt(sum));
}

static primer_status write_vector(struct request *r, primer_error *error)
{
    if (r->base64) {
        FORWARD(buffer_text(&r->text, "\"", error));
        FORWARD(base64_floats(&r->text, r->vector, r->dimensions, error));
        return buffer_text(&r->text, "\"", error);
    }
    for (size_t i = 0; i < r->dimensions; i++)
        FORWARD(buffer_format(&r->text, error, "%s%.9g", i == 0 ? "[" : ",", (double)r->vector[i]));
    return buffer_text(&r->text, "]", error);
}

/* A primer_progress: nobody waits for the rest of a text whose client has gone. */
static void stop_if_gone(void *context, size_t done, size_t total)
{
    struct request *const r = context;
    if (done < total && exchange_gone(r->exchange))
        primer_session_cancel(r->session);
}

static primer_status embed(struct request *r, size_t index, primer_error *error)
{
    const struct openai_prompt *input = &r->inputs.list[index];
    const size_t context = primer_session_context(r->session);
    if (input->count == 0)
        return fields_wrong(&r->fields, "input", error, "text %zu is empty", index);
    if (input->count > context)
        return problem_set(r->fields.problem, 400, "context_length_exceeded", "input",
                           PRIMER_ELIMIT, error,
                           "input: text %zu has %zu tokens and the context holds %zu", index,
                           input->count, context);
    FORWARD(primer_session_embed(r->session, input->ids, input->count, PRIMER_POOL_MEAN, true,
                                 r->vector, stop_if_gone, r, error));
    r->tokens += input->count;
    shorten(r);
    FORWARD(buffer_format(&r->text, error,
                          "%s{\"object\":\"embedding\",\"index\":%zu,"
                          "\"embedding\":",
                          index > 0 ? "," : "", index));
    FORWARD(write_vector(r, error));
    return buffer_text(&r->text, "}", error);
}

static primer_status answer(struct request *r, primer_error *error)
{
    FORWARD(buffer_text(&r->text, "{\"object\":\"list\",\"data\":[", error));
    for (size_t i = 0; i < r->inputs.count; i++)
        FORWARD(embed(r, i, error));
    FORWARD(buffer_text(&r->text, "],\"model\":", error));
    FORWARD(buffer_json_string(&r->text, r->name, strlen(r->name), error));
    FORWARD(buffer_format(&r->text, error,
                          ",\"usage\":{\"prompt_tokens\":%zu,\"total_tokens\":%zu}", r->tokens,
                          r->tokens));
    FORWARD(openai_write_warnings(&r->text, r->warnings, error));
    FORWARD(buffer_text(&r->text, "}", error));
    exchange_set_usage(r->exchange, r->tokens, 0);
    return exchange_answer(r->exchange, 200, "application/json; charset=utf-8", r->text.bytes,
                           r->text.length, error);
}

primer_status openai_embeddings(struct exchange *exchange, primer_error *error)
{
    primer_status status = PRIMER_OK;
    json_t *object = NULL;
    struct request r = {.exchange = exchange, .keep_alive = CATALOG_KEEP_DEFAULT};
    r.warnings = json_array();
    TRY(exchange_object(exchange, &object, error));
    TRY(fields_open(&r.fields, object, "", exchange_problem(exchange), error));
    TRY(read_members(&r, error));
    r.vector = memory_allocate(primer_model_info(r.use.model)->embedding, sizeof *r.vector);
    if (r.vector == NULL || r.warnings == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for an embedding");
    status = answer(&r, error);

cleanup:
    buffer_free(&r.text);
    memory_free(r.vector);
    primer_session_free(r.session);
    openai_prompt_list_free(&r.inputs);
    catalog_end_use(exchange_server(exchange)->catalog, &r.use, r.keep_alive);
    fields_close(&r.fields);
    json_decref(r.warnings);
    return status;
}
