/* chat_own.c - a model's own template, or one in Go's language, as a format.
 *
 * A template in Jinja is given `messages`, `tools`, `add_generation_prompt`, `bos_token`,
 * `eos_token` and the conversation's own variables. Of what it writes, the bytes that come from
 * outside are tokenised as plain text and its own as marks, all of it in one run, since a
 * tokenizer joins across such borders.
 */
#include "chat/chat_own.h"

#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "chat/chat_conversation.h"

#define NAME    "own"
#define NAME_GO "template"

/* ---- what a template sees -------------------------------------------------------------------- */

static primer_status put(json_t *object, const char *name, json_t *value, primer_error *error)
{
    return json_object_set_new_nocheck(object, name, value) == 0
               ? PRIMER_OK
               : memory_failure(error, "the conversation", 1);
}

static primer_status put_functions(json_t *variables, const json_t *tools, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer text = {0};
    json_t *const functions = json_array();
    for (size_t i = 0; i < json_array_size(tools); i++)
        json_array_append(functions, json_object_get(json_array_get(tools, i), "function"));
    TRY(chat_json_append(&text, functions, JSON_INDENT(4), error));
    TRY(put(variables, "functions", json_stringn_nocheck(text.bytes, text.length), error));

cleanup:
    buffer_free(&text);
    json_decref(functions);
    return status;
}

/* The tools as a text, and the time, for templates that were written for these. */
static primer_status put_listed(json_t *variables, const json_t *tools, primer_error *error)
{
    FORWARD(put_functions(variables, tools, error));
    const time_t now = time(NULL);
    struct tm parts;
    char date[64] = "";
    if (gmtime_r(&now, &parts) != NULL)
        strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S GMT", &parts);
    return put(variables, "datetime", json_string(date), error);
}

static primer_status fill(json_t *variables, const primer_chat_format *format,
                          const struct chat_conversation *conversation, bool answer,
                          primer_error *error)
{
    if (conversation->variables != NULL &&
        json_object_update(variables, conversation->variables) != 0)
        return memory_failure(error, "the conversation", 1);
    FORWARD(put(variables, "messages", json_incref(conversation->messages), error));
    FORWARD(put(variables, "add_generation_prompt", json_boolean(answer), error));
    if (conversation->tools != NULL)
        FORWARD(put(variables, "tools", json_incref(conversation->tools), error));
    else if (format->traits.empty_tools)
        FORWARD(put(variables, "tools", json_array(), error));
    return format->style != NULL && format->style->listed
               ? put_listed(variables, conversation->tools, error)
               : PRIMER_OK;
}

/* What a Go template is rendered with; a suffix among the variables makes the last message the text
 * before a gap (go_template.h). NULL: no memory. */
static json_t *go_input(const primer_chat_format *format,
                        const struct chat_conversation *conversation)
{
    json_t *const variables =
        conversation->variables == NULL ? json_object() : json_incref(conversation->variables);
    const size_t count = json_array_size(conversation->messages);
    json_t *const last = count == 0 ? NULL : json_array_get(conversation->messages, count - 1);
    json_t *const suffix = json_object_get(variables, "suffix");
    if (go_template_has_suffix(format->go) && json_string_length(suffix) > 0)
        return json_pack("{s:O?, s:O, s:o}", "prompt", json_object_get(last, "content"), "suffix",
                         suffix, "variables", variables);
    return json_pack("{s:O, s:O?, s:o}", "messages", conversation->messages, "tools",
                     conversation->tools, "variables", variables);
}

static primer_status go_render(const primer_chat_format *format,
                               const struct chat_conversation *conversation,
                               const struct jinja_limits *limits, struct jinja_output *output,
                               primer_error *error)
{
    json_t *const input = go_input(format, conversation);
    if (input == NULL)
        return memory_failure(error, "the conversation", 1);
    const primer_status status =
        go_template_render(format->go, input, (int64_t)time(NULL), limits, output, error);
    json_decref(input);
    return status;
}

primer_status chat_own_render(const primer_chat_format *format,
                              const struct chat_conversation *conversation, bool answer,
                              const struct jinja_limits *limits, struct jinja_output *output,
                              primer_error *error)
{
    if (format->go != NULL) /* which always opens the answer */
        return go_render(format, conversation, limits, output, error);
    primer_status status = PRIMER_OK;
    json_t *const variables = json_object();
    json_t *const marks = json_pack("{s:o, s:o}", "bos_token", json_string_nocheck(format->bos),
                                    "eos_token", json_string_nocheck(format->eos));
    if (marks == NULL || variables == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for the conversation");
    TRY(fill(variables, format, conversation, answer, error));
    status = jinja_render(format->template, variables, marks, (int64_t)time(NULL), limits, output,
                          error);

cleanup:
    json_decref(variables);
    json_decref(marks);
    return status;
}

/* As it is, and, where the template refuses it, repaired; if that doesn't help either, the words
 * are those of the first refusal. Calls become plain text only where their arguments may be what
 * it refuses. */
static primer_status render(const primer_chat_format *format,
                            const struct chat_conversation *conversation, bool answer,
                            struct jinja_output *output, primer_error *error)
{
    if (format->with_tools != NULL && chat_conversation_has_tools(conversation))
        format = format->with_tools;
    const struct jinja_limits limits = {0};
    const bool calls = format->traits.tools && chat_conversation_has_text_arguments(conversation);
    const enum chat_repair most = calls ? CHAT_REPAIR_CALLS : CHAT_REPAIR_TURNS;
    primer_error first = {0}, later = {0};
    primer_status status = PRIMER_OK;
    for (enum chat_repair repair = CHAT_REPAIR_NOTHING; repair <= most; repair++) {
        struct chat_conversation fitted = {0};
        primer_error *const words = repair == CHAT_REPAIR_NOTHING ? &first : &later;
        status = chat_conversation_fit(format, conversation, repair, &fitted, words);
        if (status == PRIMER_OK)
            status = chat_own_render(format, &fitted, answer, &limits, output, words);
        chat_json_free(&fitted);
        if (status != PRIMER_EINVAL)
            break;
    }
    if (status != PRIMER_OK && error != NULL)
        *error = status == PRIMER_EINVAL || later.message[0] == '\0' ? first : later;
    return status;
}

/* ---- as text and as tokens ------------------------------------------------------------------- */

primer_status chat_own_text(const primer_chat_format *format,
                            const struct chat_conversation *conversation, bool answer, char **text,
                            size_t *length, primer_error *error)
{
    struct jinja_output output = {0};
    FORWARD(render(format, conversation, answer, &output, error));
    buffer_free(&output.outside);
    *text = output.text.bytes;
    *length = output.text.length;
    return PRIMER_OK;
}

primer_status chat_own_tokens(const primer_model *model, const primer_chat_format *format,
                              const struct chat_conversation *conversation, bool answer,
                              int32_t **ids, size_t *id_count, primer_error *error)
{
    struct jinja_output output = {0};
    FORWARD(render(format, conversation, answer, &output, error));
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

static primer_status fill_format(primer_chat_format *format, const primer_model *model,
                                 const char *text, primer_error *error)
{
    const primer_chat_format *const known = chat_format_recognise(text);
    if (known != NULL)
        memcpy(format->stops, known->stops, sizeof format->stops);
    format->bos = token_text(model, primer_token_bos(model));
    format->eos = token_text(model, primer_token_eos(model));
    if (format->bos == NULL || format->eos == NULL)
        return memory_failure(error, "a chat format", 1);
    format->style = chat_style_of(text);
    format->thinking = chat_style_thinking(text);
    return chat_probe(format, text, error);
}

static primer_status make_own(const primer_model *model, const char *text,
                              primer_chat_format **format, primer_error *error)
{
    primer_status status = PRIMER_OK;
    primer_chat_format *const made = memory_allocate(1, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "a chat format", sizeof *made);
    made->name = NAME;
    made->summary = "the template in the model's file";
    TRY(jinja_compile(text, strlen(text), &made->template, error));
    TRY(fill_format(made, model, text, error));
    *format = made;
    return PRIMER_OK;

cleanup:
    primer_chat_format_free(made);
    return status;
}

/* The file's other template, where the first one has no way to write tools and this one has.
 * One that can't be run is left aside: tools are then told in plain text. */
static primer_status add_tools(primer_chat_format *format, const primer_model *model,
                               primer_error *error)
{
    const char *const text = primer_model_info(model)->tool_template;
    primer_chat_format *other = NULL;
    if (text == NULL || format->traits.tools)
        return PRIMER_OK;
    const primer_status status = make_own(model, text, &other, error);
    if (status != PRIMER_OK)
        return status == PRIMER_ENOMEM ? status : PRIMER_OK;
    if (!other->traits.tools) {
        primer_chat_format_free(other);
        return PRIMER_OK;
    }
    format->with_tools = other;
    format->style = other->style;
    return PRIMER_OK;
}

primer_status primer_chat_format_own(const primer_model *model, primer_chat_format **format,
                                     primer_error *error)
{
    const char *const text = primer_model_info(model)->chat_template;
    primer_chat_format *made = NULL;
    *format = NULL;
    if (text == NULL)
        return PRIMER_OK;
    FORWARD(make_own(model, text, &made, error));
    const primer_status status = add_tools(made, model, error);
    if (status == PRIMER_OK)
        *format = made;
    else
        primer_chat_format_free(made);
    return status;
}

primer_status primer_chat_format_go(const primer_model *model, const char *text, size_t length,
                                    primer_chat_format **format, primer_error *error)
{
    primer_status status = PRIMER_OK;
    char *const copy = memory_copy_bytes(text, length);
    primer_chat_format *const made = memory_allocate(1, sizeof *made);
    if (made == NULL || copy == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for a chat format");
    made->name = NAME_GO;
    made->summary = "a template in the language of Ollama's";
    TRY(go_template_compile(text, length, &made->go, error));
    TRY(fill_format(made, model, copy, error));
    memory_free(copy);
    *format = made;
    return PRIMER_OK;

cleanup:
    memory_free(copy);
    primer_chat_format_free(made);
    return status;
}

bool primer_chat_format_fills(const primer_chat_format *format)
{
    return format->go != NULL && go_template_has_suffix(format->go);
}

void primer_chat_format_free(primer_chat_format *format)
{
    if (format == NULL)
        return;
    primer_chat_format_free(format->with_tools);
    jinja_free(format->template);
    go_template_free(format->go);
    memory_free(format->bos);
    memory_free(format->eos);
    memory_free(format);
}
