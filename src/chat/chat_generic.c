/* chat_generic.c - tools told, called and answered in plain text, as chat_generic.h has it.
 *
 * The instructions are short and show one call, since small models copy what they see. */
#include "chat/chat_generic.h"

#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "chat/chat_json.h"

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

static const char *text_member(const json_t *object, const char *name)
{
    const char *const text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

static bool has_role(const json_t *message, const char *role)
{
    return strcmp(text_member(message, "role"), role) == 0;
}

static primer_status set_content(json_t *message, const struct buffer *text, primer_error *error)
{
    return json_object_set_new(message, "content",
                               json_stringn_nocheck(text->bytes, text->length)) == 0
               ? PRIMER_OK
               : no_memory(error);
}

/* ---- the tools ------------------------------------------------------------------------------- */

static primer_status describe(json_t *messages, const json_t *tools, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer text = {0};
    json_t *first = json_array_get(messages, 0);
    const bool there = has_role(first, "system") || has_role(first, "developer");
    if (!there) {
        first = json_pack("{s:s, s:s}", "role", "system", "content", "");
        if (json_array_insert_new(messages, 0, first) != 0)
            return no_memory(error);
    }
    TRY(buffer_text(&text, text_member(first, "content"), error));
    if (text.length > 0)
        TRY(buffer_text(&text, "\n\n", error));
    TRY(buffer_text(&text, BEFORE_TOOLS, error));
    for (size_t i = 0; i < json_array_size(tools); i++) {
        TRY(chat_json_append(&text, json_object_get(json_array_get(tools, i), "function"), 0,
                             error));
        TRY(buffer_text(&text, "\n", error));
    }
    TRY(buffer_text(&text, AFTER_TOOLS, error));
    TRY(set_content(first, &text, error));

cleanup:
    buffer_free(&text);
    return status;
}

/* ---- calls and results ----------------------------------------------------------------------- */

static primer_status write_calls(json_t *message, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer text = {0};
    const json_t *const calls = json_object_get(message, "tool_calls");
    TRY(buffer_text(&text, text_member(message, "content"), error));
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const json_t *const function = json_object_get(json_array_get(calls, i), "function");
        TRY(buffer_text(&text, text.length > 0 ? "\n<tool_call>\n" : "<tool_call>\n", error));
        TRY(chat_json_append(&text, function, 0, error));
        TRY(buffer_text(&text, "\n</tool_call>", error));
    }
    TRY(set_content(message, &text, error));
    json_object_del(message, "tool_calls");

cleanup:
    buffer_free(&text);
    return status;
}

/* Of `message`, behind what the turn already says (NULL: it begins with this one). */
static primer_status write_result(json_t *turn, json_t *message, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer text = {0};
    if (turn != NULL)
        TRY(buffer_format(&text, error, "%s\n", text_member(turn, "content")));
    TRY(buffer_text(&text, "<tool_response>\n", error));
    TRY(buffer_text(&text, text_member(message, "content"), error));
    TRY(buffer_text(&text, "\n</tool_response>", error));
    if (turn == NULL && json_object_set_new(message, "role", json_string("user")) != 0)
        TRY(no_memory(error));
    json_object_del(message, "tool_call_id");
    json_object_del(message, "name");
    TRY(set_content(turn != NULL ? turn : message, &text, error));

cleanup:
    buffer_free(&text);
    return status;
}

primer_status chat_generic_rewrite(json_t *messages, const json_t *tools, primer_error *error)
{
    json_t *turn = NULL; /* of results, which the next one joins */
    for (size_t i = 0; i < json_array_size(messages);) {
        json_t *const message = json_array_get(messages, i);
        if (!has_role(message, "tool")) {
            turn = NULL;
            if (json_object_get(message, "tool_calls") != NULL)
                FORWARD(write_calls(message, error));
            i++;
            continue;
        }
        FORWARD(write_result(turn, message, error));
        if (turn != NULL) {
            json_array_remove(messages, i);
            continue;
        }
        turn = message;
        i++;
    }
    return tools == NULL ? PRIMER_OK : describe(messages, tools, error);
}
