/* data_tokens.c - texts, and prompts with completions, as tokens. Declared in data_tokens.h. */
#include "data/data_tokens.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "data/data_chat.h"
#include "data/data_read.h"
#include "data/data_share.h"

/* ---- the maker ------------------------------------------------------------------------------- */

/* What base models end documents with; where a vocabulary has none of these, its own end. */
static int32_t end_of_text(const primer_model *model)
{
    static const char *const names[] = {"<|endoftext|>", "<|end_of_text|>", "</s>"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const int32_t id = primer_token_find(model, names[i], strlen(names[i]));
        if (id >= 0)
            return id;
    }
    return primer_token_eos(model);
}

/* A template of the file's that can't be run matters only where there are conversations. */
static primer_status find_format(struct data_maker *maker, const char *name, primer_error *error)
{
    const bool own = name == NULL || strcmp(name, "own") == 0;
    primer_error problem = {0};
    char shown[64];
    if (!own) {
        maker->format = primer_chat_format_named(name);
        if (maker->format != NULL)
            return PRIMER_OK;
        return error_set(error, PRIMER_EINVAL,
                         "template: found \"%s\", expected own, phi-qa, phi-chat, llama2, mistral, "
                         "chatml or plain",
                         error_printable(name, strlen(name), shown, sizeof shown));
    }
    const char *const path = primer_model_info(maker->model)->path;
    const primer_status status = primer_chat_format_own(maker->model, &maker->own, &problem);
    maker->format = maker->own;
    if (status == PRIMER_ENOMEM)
        return error_set(error, status, "%s", problem.message);
    if (status != PRIMER_OK)
        snprintf(maker->no_format, sizeof maker->no_format,
                 "%.200s: its chat template can't be run (%.200s): name another one", path,
                 problem.message);
    else if (maker->own == NULL)
        snprintf(maker->no_format, sizeof maker->no_format,
                 "%.200s carries no chat template to write conversations with: name one", path);
    return maker->own != NULL || name == NULL
               ? PRIMER_OK
               : error_set(error, PRIMER_EINVAL, "%s", maker->no_format);
}

primer_status data_maker_create(struct data_maker *maker, const char *tokenizer,
                                const char *template_name, const char *field, primer_error *error)
{
    primer_status status = PRIMER_OK;
    const primer_model_options options = {.vocabulary_only = true};
    struct data_maker made = {.field = field};
    if (tokenizer == NULL)
        return error_set(error, PRIMER_EINVAL,
                         "no tokenizer was named: a GGUF or a tokenizer.json");
    TRY(primer_model_open(tokenizer, &options, &made.model, error));
    TRY(find_format(&made, template_name, error));
    made.end = end_of_text(made.model);
    if (made.end < 0)
        FAIL(PRIMER_EINVAL, "%s: its vocabulary has no end-of-text token", tokenizer);
    *maker = made;
    made = (struct data_maker){0};
cleanup:
    data_maker_free(&made);
    return status;
}

void data_maker_free(struct data_maker *maker)
{
    primer_chat_format_free(maker->own);
    primer_model_free(maker->model);
    *maker = (struct data_maker){0};
}

/* ---- lists of tokens ------------------------------------------------------------------------- */

void data_tokens_free(struct data_tokens *tokens)
{
    memory_free(tokens->ids);
    memory_free(tokens->asked);
    *tokens = (struct data_tokens){0};
}

static primer_status make_room(struct data_tokens *tokens, size_t count, primer_error *error)
{
    if (count <= tokens->capacity - tokens->count)
        return PRIMER_OK;
    const size_t capacity = 2 * (tokens->count + count) + 64;
    int32_t *const grown = memory_resize(tokens->ids, capacity, sizeof *grown);
    if (grown == NULL)
        return memory_failure(error, "a document's tokens", capacity * sizeof *grown);
    tokens->ids = grown;
    unsigned char *const marks = memory_resize(tokens->asked, capacity, 1);
    if (marks == NULL)
        return memory_failure(error, "a document's marks", capacity);
    tokens->asked = marks;
    tokens->capacity = capacity;
    return PRIMER_OK;
}

primer_status data_tokens_append(struct data_tokens *tokens, const int32_t *ids, size_t count,
                                 bool asked, primer_error *error)
{
    FORWARD(make_room(tokens, count, error));
    if (count > 0) {
        memcpy(tokens->ids + tokens->count, ids, count * sizeof *ids);
        memset(tokens->asked + tokens->count, asked, count);
    }
    tokens->count += count;
    return PRIMER_OK;
}

primer_status data_tokens_save(const struct data_tokens *tokens, struct buffer *out,
                               primer_error *error)
{
    FORWARD(data_share_put(out, tokens->text_bytes, error));
    FORWARD(data_share_put(out, tokens->asked_bytes, error));
    FORWARD(data_share_put(out, tokens->count, error));
    FORWARD(buffer_append(out, tokens->ids, tokens->count * sizeof *tokens->ids, error));
    return buffer_append(out, tokens->asked, tokens->count, error);
}

primer_status data_tokens_load(struct data_tokens *tokens, struct cursor *in, primer_error *error)
{
    uint64_t count = 0;
    const unsigned char *ids = NULL, *asked = NULL;
    FORWARD(cursor_u64(in, "bytes of text", &tokens->text_bytes, error));
    FORWARD(cursor_u64(in, "bytes asked for", &tokens->asked_bytes, error));
    FORWARD(cursor_u64(in, "tokens", &count, error));
    if (count > cursor_remaining(in) / (sizeof *tokens->ids + 1))
        return error_set(error, PRIMER_EFORMAT, "found %llu tokens in %zu bytes",
                         (unsigned long long)count, cursor_remaining(in));
    FORWARD(cursor_bytes(in, "ids", count * sizeof *tokens->ids, &ids, error));
    FORWARD(cursor_bytes(in, "marks", count, &asked, error));
    tokens->count = 0;
    FORWARD(make_room(tokens, (size_t)count, error));
    if (count > 0) {
        memcpy(tokens->ids, ids, (size_t)count * sizeof *tokens->ids);
        memcpy(tokens->asked, asked, (size_t)count);
    }
    tokens->count = (size_t)count;
    return PRIMER_OK;
}

static primer_status append_text(const struct data_maker *maker, const char *text, size_t length,
                                 unsigned flags, bool asked, struct data_tokens *tokens,
                                 primer_error *error)
{
    int32_t *ids = NULL;
    size_t count = 0;
    FORWARD(primer_tokenize(maker->model, text, length, flags, &ids, &count, error));
    const primer_status status = data_tokens_append(tokens, ids, count, asked, error);
    primer_free(ids);
    tokens->text_bytes += length;
    tokens->asked_bytes += asked ? length : 0;
    return status;
}

/* ---- documents ------------------------------------------------------------------------------- */

static void start(struct data_tokens *tokens)
{
    tokens->count = 0;
    tokens->text_bytes = tokens->asked_bytes = 0;
}

static primer_status whole_text(const struct data_maker *maker, const char *text, size_t length,
                                struct data_tokens *tokens, primer_error *error)
{
    if (length == 0)
        return PRIMER_OK;
    FORWARD(append_text(maker, text, length, PRIMER_TEXT_BOS, true, tokens, error));
    return data_tokens_append(tokens, &maker->end, 1, true, error);
}

primer_status data_tokens_of_text(const struct data_maker *maker, const char *text, size_t length,
                                  const char *path, uint64_t line, struct data_tokens *tokens,
                                  primer_error *error)
{
    start(tokens);
    FORWARD(data_read_check_text(text, length, path, line, error));
    const primer_status status = whole_text(maker, text, length, tokens, error);
    if (status != PRIMER_OK)
        error_prefix(error, "%s:%llu", path, (unsigned long long)line);
    return status;
}

static primer_status expect_text(const json_t *value, const char *field, primer_error *error)
{
    if (json_is_string(value))
        return PRIMER_OK;
    return error_set(error, PRIMER_EFORMAT, "\"%s\": expected a text, found %s", field,
                     value == NULL           ? "nothing"
                     : json_is_null(value)   ? "null"
                     : json_is_array(value)  ? "a list"
                     : json_is_object(value) ? "an object"
                                             : "a number or a truth value");
}

static primer_status completion(const struct data_maker *maker, const json_t *prompt,
                                const json_t *answer, struct data_tokens *tokens,
                                primer_error *error)
{
    FORWARD(expect_text(prompt, "prompt", error));
    FORWARD(expect_text(answer, "completion", error));
    const size_t before = json_string_length(prompt), length = json_string_length(answer);
    if (length == 0)
        return PRIMER_OK;
    FORWARD(append_text(maker, json_string_value(prompt), before, PRIMER_TEXT_BOS, false, tokens,
                        error));
    FORWARD(append_text(maker, json_string_value(answer), length,
                        before > 0 ? PRIMER_TEXT_CONTINUE : 0, true, tokens, error));
    return data_tokens_append(tokens, &maker->end, 1, true, error);
}

/* Which of the three forms an object has. */
static primer_status from_object(const struct data_maker *maker, const json_t *object,
                                 struct data_tokens *tokens, primer_error *error)
{
    const char *const field = maker->field == NULL ? "text" : maker->field;
    const json_t *const text = json_object_get(object, field);
    const json_t *const prompt = json_object_get(object, "prompt");
    const json_t *const answer = json_object_get(object, "completion");
    char shown[64];
    if (!json_is_object(object))
        return error_set(error, PRIMER_EFORMAT, "expected an object");
    if (text != NULL) {
        FORWARD(expect_text(text, field, error));
        return whole_text(maker, json_string_value(text), json_string_length(text), tokens, error);
    }
    if (maker->field == NULL && json_object_get(object, "messages") != NULL)
        return data_chat_tokens(maker, object, tokens, error);
    if (maker->field == NULL && (prompt != NULL || answer != NULL))
        return completion(maker, prompt, answer, tokens, error);
    error_printable(field, strlen(field), shown, sizeof shown);
    return error_set(error, PRIMER_EFORMAT,
                     maker->field != NULL
                         ? "expected the field \"%s\""
                         : "expected a field \"%s\", \"messages\", or \"prompt\" and "
                           "\"completion\"",
                     shown);
}

primer_status data_tokens_of_json(const struct data_maker *maker, const char *json, size_t length,
                                  const char *path, uint64_t line, struct data_tokens *tokens,
                                  primer_error *error)
{
    json_error_t problem;
    primer_status status = PRIMER_OK;
    start(tokens);
    json_t *const object = json_loadb(json, length, JSON_ALLOW_NUL, &problem);
    if (object == NULL && json_error_code(&problem) == json_error_out_of_memory)
        return memory_failure(error, "a line of JSON", length);
    if (object == NULL)
        return error_set(error, PRIMER_EFORMAT, "%s:%llu: no JSON object: column %d: %s", path,
                         (unsigned long long)line, problem.column, problem.text);
    status = from_object(maker, object, tokens, error);
    if (status != PRIMER_OK)
        error_prefix(error, "%s:%llu", path, (unsigned long long)line);
    json_decref(object);
    return status;
}
