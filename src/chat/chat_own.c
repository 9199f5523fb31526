/* chat_own.c - a model's own template as a format.
 *
 * The template is given `messages`, `add_generation_prompt`, `bos_token` and `eos_token`. Of what it
 * writes, the bytes of messages are tokenised as plain text and its own as marks, all of it in one
 * run, since a tokenizer joins across such borders.
 */
#include "chat/chat_format.h"

#include <string.h>
#include <time.h>

#include "base/memory.h"

#define NAME "own"

static json_t *message_json(const primer_message *message)
{
    /* Unchecked: what a model wrote may end within a character. */
    return json_pack("{s:o, s:o}", "role",
                     json_string_nocheck(message->role == NULL ? "" : message->role), "content",
                     json_string_nocheck(message->content == NULL ? "" : message->content));
}

static primer_status variables_of(const primer_message *messages, size_t count, bool answer,
                                  json_t **out, primer_error *error)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count && list != NULL; i++)
        if (json_array_append_new(list, message_json(&messages[i])) != 0) {
            json_decref(list);
            return memory_failure(error, "the conversation", count);
        }
    *out = list == NULL
               ? NULL
               : json_pack("{s:o, s:b}", "messages", list, "add_generation_prompt", answer);
    return *out != NULL ? PRIMER_OK : memory_failure(error, "the conversation", count);
}

static primer_status render(const primer_chat_format *format, const primer_message *messages,
                            size_t count, bool answer, struct jinja_output *output,
                            primer_error *error)
{
    primer_status status = PRIMER_OK;
    json_t *variables = NULL;
    const struct jinja_limits limits = {0};
    json_t *const marks = json_pack("{s:o, s:o}", "bos_token", json_string_nocheck(format->bos),
                                    "eos_token", json_string_nocheck(format->eos));
    if (marks == NULL)
        return memory_failure(error, "the conversation", count);
    TRY(variables_of(messages, count, answer, &variables, error));
    status = jinja_render(format->template, variables, marks, (int64_t)time(NULL), &limits, output,
                          error);

cleanup:
    json_decref(variables);
    json_decref(marks);
    return status;
}

primer_status chat_own_text(const primer_chat_format *format, const primer_message *messages,
                            size_t count, bool answer, char **text, size_t *length,
                            primer_error *error)
{
    struct jinja_output output = {0};
    FORWARD(render(format, messages, count, answer, &output, error));
    buffer_free(&output.outside);
    *text = output.text.bytes;
    *length = output.text.length;
    return PRIMER_OK;
}

primer_status chat_own_tokens(const primer_model *model, const primer_chat_format *format,
                              const primer_message *messages, size_t count, bool answer,
                              int32_t **ids, size_t *id_count, primer_error *error)
{
    struct jinja_output output = {0};
    FORWARD(render(format, messages, count, answer, &output, error));
    const size_t bos = strlen(format->bos);
    const bool begun = bos > 0 && output.text.length >= bos && output.outside.bytes[0] == 0 &&
                       memcmp(output.text.bytes, format->bos, bos) == 0;
    const unsigned flags = PRIMER_TEXT_SPECIAL | (begun ? 0U : PRIMER_TEXT_BOS);
    const primer_status status =
        primer_tokenize_marked(model, output.text.bytes, (unsigned char *)output.outside.bytes,
                               output.text.length, flags, ids, id_count, error);
    buffer_free(&output.text);
    buffer_free(&output.outside);
    return status;
}

/* ---- making one ------------------------------------------------------------------------------ */

static char *token_text(const primer_model *model, int32_t id)
{
    char *text = NULL;
    size_t length = 0;
    if (id < 0)
        return memory_copy_text("");
    if (primer_detokenize(model, &id, 1, PRIMER_TEXT_SPECIAL | PRIMER_TEXT_CONTINUE, &text, &length,
                          NULL) != PRIMER_OK)
        return NULL;
    char *const copy = memory_copy_bytes(text, length);
    primer_free(text);
    return copy;
}

/* A template that can't write the simplest conversations is no use. */
static primer_status try_out(const primer_chat_format *format, size_t turns, primer_error *error)
{
    const primer_message talk[] = {{"user", "primer"}, {"assistant", "yes"}, {"user", "primer"}};
    struct jinja_output output = {0};
    FORWARD(render(format, talk, turns, true, &output, error));
    const bool there = strstr(output.text.bytes, talk[0].content) != NULL;
    buffer_free(&output.text);
    buffer_free(&output.outside);
    return there ? PRIMER_OK
                 : error_set(error, PRIMER_EUNSUPPORTED,
                             "the chat template leaves out what the user wrote");
}

primer_status primer_chat_format_own(const primer_model *model, primer_chat_format **format,
                                     primer_error *error)
{
    primer_status status = PRIMER_OK;
    const char *const text = primer_model_info(model)->chat_template;
    *format = NULL;
    if (text == NULL)
        return PRIMER_OK;
    const primer_chat_format *const known = chat_format_recognise(text);
    primer_chat_format *const made = memory_allocate(1, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "a chat format", sizeof *made);
    if (known != NULL)
        memcpy(made->stops, known->stops, sizeof made->stops);
    made->name = NAME;
    made->summary = "the template in the model's file";
    made->bos = token_text(model, primer_token_bos(model));
    made->eos = token_text(model, primer_token_eos(model));
    if (made->bos == NULL || made->eos == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for a chat format");
    TRY(jinja_compile(text, strlen(text), &made->template, error));
    TRY(try_out(made, 1, error));
    TRY(try_out(made, 3, error));
    *format = made;
    return PRIMER_OK;

cleanup:
    primer_chat_format_free(made);
    return status;
}

void primer_chat_format_free(primer_chat_format *format)
{
    if (format == NULL)
        return;
    jinja_free(format->template);
    memory_free(format->bos);
    memory_free(format->eos);
    memory_free(format);
}
