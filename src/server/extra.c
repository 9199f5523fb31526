/* extra.c - what other servers offer besides answers: the tokenizer, the template, health.
 *
 *   POST /tokenize        {"content" or "prompt", add_special, parse_special, with_pieces}
 *                          -> {"tokens": [...], "count", "max_model_len"}
 *                          with its own defaults: "content" as llama.cpp, without the token that
 *                          begins a text; "prompt" as vLLM, with it
 *   POST /detokenize      {"tokens"} -> {"content", "prompt"}
 *   GET  /tokenizer_info  -> {"bos_token", "eos_token", "pad_token", "chat_template", ...}
 *   POST /apply-template  {"messages", "tools", ...} -> {"prompt", "tokens"}
 *   GET  /health          -> {"status": "ok", "waiting", "running", ...}
 *
 * Members that nobody knows are named in "warnings".
 */
#include "server/endpoints.h"

#include <string.h>

#include "base/memory.h"
#include "server/fields.h"
#include "server/json_dump.h"
#include "server/json_text.h"
#include "server/state.h"

/* ---- a request about a model ----------------------------------------------------------------- */

struct request {
    struct exchange *exchange;
    struct fields fields;
    struct catalog_use use;
};

static bool gone(void *context)
{
    return exchange_gone(context);
}

static primer_status use_model(struct request *r, const char *name, primer_error *error)
{
    FORWARD(catalog_use(exchange_server(r->exchange)->catalog, name, gone, r->exchange,
                        exchange_problem(r->exchange), &r->use, error));
    exchange_set_model(r->exchange, r->use.entry->name);
    return PRIMER_OK;
}

static primer_status open_request(struct request *r, struct exchange *exchange, primer_error *error)
{
    json_t *object = NULL;
    const char *name = NULL;
    *r = (struct request){.exchange = exchange};
    FORWARD(exchange_object(exchange, &object, error));
    FORWARD(fields_open(&r->fields, object, "", exchange_problem(exchange), error));
    FORWARD(fields_text(&r->fields, "model", &name, error));
    return use_model(r, name, error);
}

/* Takes over `body`; NULL counts as no memory. After all members were asked for. */
static primer_status answer(struct request *r, json_t *body, primer_error *error)
{
    primer_status status = PRIMER_OK;
    json_t *const warnings = json_array();
    if (warnings == NULL || body == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for an answer");
    TRY(fields_warn(&r->fields, warnings, error));
    if (json_array_size(warnings) > 0 && json_object_set(body, "warnings", warnings) != 0)
        FAIL(PRIMER_ENOMEM, "no memory for warnings");
    status = exchange_answer_json(r->exchange, 200, body, error);
    body = NULL;
cleanup:
    json_decref(warnings);
    json_decref(body);
    return status;
}

static void close_request(struct request *r)
{
    catalog_end_use(exchange_server(r->exchange)->catalog, &r->use, CATALOG_KEEP_DEFAULT);
    fields_close(&r->fields);
}

/* ---- tokens ---------------------------------------------------------------------------------- */

/* {"id", "piece"}, the piece as a text, or as an array of bytes where it is no whole text. */
static json_t *piece_of(const primer_model *model, int32_t id)
{
    size_t length = 0;
    const char *bytes = primer_token_bytes(model, id, &length);
    json_t *piece = json_stringn(bytes == NULL ? "" : bytes, length);
    if (piece == NULL) {
        piece = json_array();
        for (size_t i = 0; i < length; i++)
            json_array_append_new(piece, json_integer((unsigned char)bytes[i]));
    }
    return json_pack("{s:i, s:o}", "id", (int)id, "piece", piece);
}

static json_t *token_list(const primer_model *model, const int32_t *ids, size_t count, bool pieces)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, pieces ? piece_of(model, ids[i]) : json_integer(ids[i]));
    return list;
}

/* What vLLM's and llama.cpp's clients send; the text may be a conversation's. */
static primer_status tokenize(struct request *r, primer_error *error)
{
    const char *text = NULL;
    bool special = true, pieces = false;
    int32_t *ids = NULL;
    size_t count = 0;
    FORWARD(fields_text(&r->fields, "prompt", &text, error));
    bool beginning = fields_any(&r->fields, "content") == NULL;
    FORWARD(fields_text(&r->fields, "content", &text, error));
    FORWARD(fields_bool(&r->fields, "add_special", &beginning, error));
    FORWARD(fields_bool(&r->fields, "add_special_tokens", &beginning, error));
    FORWARD(fields_bool(&r->fields, "parse_special", &special, error));
    FORWARD(fields_bool(&r->fields, "with_pieces", &pieces, error));
    if (text == NULL)
        return fields_wrong(&r->fields, "content", error, "expected a text, found nothing");
    const unsigned flags =
        (beginning ? PRIMER_TEXT_BOS : 0u) | (special ? PRIMER_TEXT_SPECIAL : 0u);
    FORWARD(primer_tokenize(r->use.model, text, strlen(text), flags, &ids, &count, error));
    json_t *tokens = token_list(r->use.model, ids, count, pieces);
    primer_free(ids);
    return answer(r,
                  json_pack("{s:o, s:I, s:I}", "tokens", tokens, "count", (json_int_t)count,
                            "max_model_len", (json_int_t)primer_model_info(r->use.model)->context),
                  error);
}

primer_status extra_tokenize(struct exchange *exchange, primer_error *error)
{
    struct request r;
    primer_status status = open_request(&r, exchange, error);
    if (status == PRIMER_OK)
        status = tokenize(&r, error);
    close_request(&r);
    return status;
}

static primer_status read_ids(struct request *r, int32_t **ids, size_t *count, primer_error *error)
{
    json_t *list = NULL;
    const size_t vocabulary = primer_model_info(r->use.model)->vocabulary;
    FORWARD(fields_array(&r->fields, "tokens", &list, error));
    if (list == NULL)
        return fields_wrong(&r->fields, "tokens", error, "expected an array, found nothing");
    *count = json_array_size(list);
    *ids = memory_allocate(*count, sizeof **ids);
    if (*ids == NULL)
        return memory_failure(error, "tokens", *count * sizeof **ids);
    for (size_t i = 0; i < *count; i++) {
        const json_t *item = json_array_get(list, i);
        const json_int_t id = json_integer_value(item);
        if (!json_is_integer(item) || id < 0 || (uint64_t)id >= vocabulary)
            return fields_wrong(&r->fields, "tokens", error,
                                "[%zu]: expected a token's id below %zu", i, vocabulary);
        (*ids)[i] = (int32_t)id;
    }
    return PRIMER_OK;
}

static primer_status detokenize(struct request *r, primer_error *error)
{
    primer_status status = PRIMER_OK;
    int32_t *ids = NULL;
    size_t count = 0, length = 0;
    char *text = NULL;
    TRY(read_ids(r, &ids, &count, error));
    TRY(primer_detokenize(r->use.model, ids, count, PRIMER_TEXT_SPECIAL, &text, &length, error));
    status = answer(r,
                    json_pack("{s:o, s:o}", "content", json_text(text, length), "prompt",
                              json_text(text, length)),
                    error);

cleanup:
    memory_free(ids);
    primer_free(text);
    return status;
}

primer_status extra_detokenize(struct exchange *exchange, primer_error *error)
{
    struct request r;
    primer_status status = open_request(&r, exchange, error);
    if (status == PRIMER_OK)
        status = detokenize(&r, error);
    close_request(&r);
    return status;
}

/* The token's text, or null. */
static json_t *token_text(const primer_model *model, int32_t id)
{
    size_t length = 0;
    const char *bytes = primer_token_bytes(model, id, &length);
    return bytes == NULL ? json_null() : json_text(bytes, length);
}

primer_status extra_tokenizer_info(struct exchange *exchange, primer_error *error)
{
    struct request r = {.exchange = exchange};
    primer_status status = use_model(&r, exchange_query(exchange, "model"), error);
    if (status == PRIMER_OK) {
        const primer_model *model = r.use.model;
        const primer_model_information *info = primer_model_info(model);
        const int32_t bos = primer_token_bos(model), eos = primer_token_eos(model);
        status = exchange_answer_json(
            exchange, 200,
            json_pack("{s:o, s:o, s:o, s:i, s:i, s:s?, s:I, s:I}", "bos_token",
                      token_text(model, bos), "eos_token", token_text(model, eos), "pad_token",
                      token_text(model, eos), "bos_token_id", (int)bos, "eos_token_id", (int)eos,
                      "chat_template", info->chat_template, "vocab_size",
                      (json_int_t)info->vocabulary, "model_max_length", (json_int_t)info->context),
            error);
    }
    close_request(&r);
    return status;
}

/* ---- the template ---------------------------------------------------------------------------- */

static primer_status apply(struct request *r, primer_error *error)
{
    primer_status status = PRIMER_OK;
    json_t *messages = NULL, *tools = NULL, *variables = NULL, *conversation = json_object();
    struct buffer json = {0};
    char *text = NULL;
    size_t length = 0, count = 0;
    int32_t *ids = NULL;
    bool asked = true;
    TRY(fields_array(&r->fields, "messages", &messages, error));
    TRY(fields_array(&r->fields, "tools", &tools, error));
    TRY(fields_object(&r->fields, "chat_template_kwargs", &variables, error));
    TRY(fields_bool(&r->fields, "add_generation_prompt", &asked, error));
    if (messages == NULL) {
        status = fields_wrong(&r->fields, "messages", error, "expected an array, found nothing");
        goto cleanup;
    }
    json_object_set(conversation, "messages", messages);
    if (tools != NULL)
        json_object_set(conversation, "tools", tools);
    if (variables != NULL)
        json_object_set(conversation, "variables", variables);
    TRY(json_dump_append(&json, conversation, error));
    const unsigned flags = asked ? PRIMER_CHAT_ANSWER : 0;
    TRY(primer_chat_json_text(r->use.format, json.bytes, json.length, flags, &text, &length,
                              error));
    TRY(primer_chat_json_tokens(r->use.model, r->use.format, json.bytes, json.length, flags, &ids,
                                &count, error));
    status = answer(r,
                    json_pack("{s:o, s:o}", "prompt", json_text(text, length), "tokens",
                              token_list(r->use.model, ids, count, false)),
                    error);

cleanup:
    primer_free(text);
    primer_free(ids);
    buffer_free(&json);
    json_decref(conversation);
    return status;
}

primer_status extra_apply_template(struct exchange *exchange, primer_error *error)
{
    struct request r;
    primer_status status = open_request(&r, exchange, error);
    if (status == PRIMER_OK)
        status = apply(&r, error);
    close_request(&r);
    return status;
}

/* ---- health ---------------------------------------------------------------------------------- */

primer_status extra_health(struct exchange *exchange, primer_error *error)
{
    struct server *server = exchange_server(exchange);
    size_t waiting = 0, running = 0;
    server_load(server, &waiting, &running);
    return exchange_answer_json(exchange, 200,
                                json_pack("{s:s, s:I, s:I, s:I}", "status", "ok", "waiting",
                                          (json_int_t)waiting, "running", (json_int_t)running,
                                          "places", (json_int_t)server->options.parallel),
                                error);
}
