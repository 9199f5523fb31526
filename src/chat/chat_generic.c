/* chat_generic.c - tools told, called and answered in plain text, as chat_generic.h has it.
 *
 * The instructions are short and show one call, since small models copy what they see. */
#include "chat/chat_generic.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "chat/chat_json.h"
#include "chat/chat_turns.h"

#define BEFORE_TOOLS "You can call tools. Each line describes one:\n"
#define AFTER_TOOLS                                                                                \
    "\nTo call a tool, answer with its name and arguments, and nothing else, like this:\n"         \
    "<tool_call>\n"                                                                                \
    "{\"name\": \"tool_name\", \"arguments\": {\"argument\": \"value\"}}\n"                        \
    "</tool_call>\n"                                                                               \
    "You then get its result between <tool_response> and </tool_response>. "                       \
    "Where no tool helps, answer in words."

static primer_status no_memory(primer_error *error)
{
    return memory_failure(error, "the conversation", 1);
}

/* ---- the tools ------------------------------------------------------------------------------- */

static primer_status describe(json_t *messages, const json_t *tools, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer text = {0};
    json_t *first = json_array_get(messages, 0);
    const bool there =
        chat_turns_has_role(first, "system") || chat_turns_has_role(first, "developer");
    if (!there) {
        first = json_pack("{s:s, s:s}", "role", "system", "content", "");
        if (json_array_insert_new(messages, 0, first) != 0)
            return no_memory(error);
    }
    TRY(buffer_text(&text, chat_turns_text(first, "content"), error));
    if (text.length > 0)
        TRY(buffer_text(&text, "\n\n", error));
    TRY(buffer_text(&text, BEFORE_TOOLS, error));
    for (size_t i = 0; i < json_array_size(tools); i++) {
        TRY(chat_json_append(&text, json_object_get(json_array_get(tools, i), "function"), 0,
                             error));
        TRY(buffer_text(&text, "\n", error));
    }
    TRY(buffer_text(&text, AFTER_TOOLS, error));
    TRY(chat_turns_set_content(first, &text, error));

cleanup:
    buffer_free(&text);
    return status;
}

/* ---- calls and results ----------------------------------------------------------------------- */

/* Arguments that are no object are written as the text they are. */
static primer_status write_call(struct buffer *text, const json_t *function, primer_error *error)
{
    const json_t *const arguments = json_object_get(function, "arguments");
    FORWARD(buffer_text(text, "{\"name\": ", error));
    FORWARD(chat_json_append(text, json_object_get(function, "name"), JSON_ENCODE_ANY, error));
    FORWARD(buffer_text(text, ", \"arguments\": ", error));
    if (json_is_string(arguments))
        FORWARD(buffer_text(text, json_string_value(arguments), error));
    else
        FORWARD(chat_json_append(text, arguments, 0, error));
    return buffer_text(text, "}", error);
}

static primer_status write_calls(json_t *message, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer text = {0};
    const json_t *const calls = json_object_get(message, "tool_calls");
    TRY(buffer_text(&text, chat_turns_text(message, "content"), error));
    for (size_t i = 0; i < json_array_size(calls); i++) {
        TRY(buffer_text(&text, text.length > 0 ? "\n<tool_call>\n" : "<tool_call>\n", error));
        TRY(write_call(&text, json_object_get(json_array_get(calls, i), "function"), error));
        TRY(buffer_text(&text, "\n</tool_call>", error));
    }
    TRY(chat_turns_set_content(message, &text, error));
    json_object_del(message, "tool_calls");

cleanup:
    buffer_free(&text);
    return status;
}

/* The message becomes a user's, without what it gave. */
static primer_status begin_results(json_t *message, primer_error *error)
{
    json_object_del(message, "tool_call_id");
    json_object_del(message, "name");
    return json_object_set_new(message, "role", json_string("user")) == 0 &&
                   json_object_set_new(message, "content", json_string("")) == 0
               ? PRIMER_OK
               : no_memory(error);
}

/* Behind what the turn of results already says. */
static primer_status write_result(struct chat_turns *turns, const char *result, primer_error *error)
{
    FORWARD(chat_turns_grow(turns, error));
    struct buffer *const text = &turns->text;
    FORWARD(
        buffer_text(text, text->length > 0 ? "\n<tool_response>\n" : "<tool_response>\n", error));
    FORWARD(buffer_text(text, result, error));
    return buffer_text(text, "\n</tool_response>", error);
}

static primer_status rewrite(struct chat_turns *turns, json_t *message, bool *results,
                             primer_error *error)
{
    const bool result = chat_turns_has_role(message, "tool"), first = result && !*results;
    *results = result;
    if (!result) {
        if (json_object_get(message, "tool_calls") != NULL)
            FORWARD(write_calls(message, error));
        return chat_turns_keep(turns, message, error);
    }
    primer_status status = PRIMER_OK;
    json_t *const given = json_incref(json_object_get(message, "content"));
    if (first) {
        TRY(begin_results(message, error));
        TRY(chat_turns_keep(turns, message, error));
    }
    TRY(write_result(turns, json_string_value(given), error));

cleanup:
    json_decref(given);
    return status;
}

primer_status chat_generic_rewrite(json_t *messages, const json_t *tools, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct chat_turns turns = {.messages = messages};
    bool results = false; /* the last turn is one of results, which the next one joins */
    for (size_t i = 0; i < json_array_size(messages); i++)
        TRY(rewrite(&turns, json_array_get(messages, i), &results, error));
    TRY(chat_turns_end(&turns, error));
    if (tools != NULL)
        TRY(describe(messages, tools, error));

cleanup:
    buffer_free(&turns.text);
    return status;
}
