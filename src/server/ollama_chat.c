/* ollama_chat.c - POST /api/chat.
 *
 *   {model, messages[], tools[], tool_choice, format, options, stream, keep_alive, think, truncate,
 *    shift, logprobs, top_logprobs, return_progress, _debug_render_only}
 *
 * Without messages the model is loaded, or unloaded. `tool_choice` ("none", "auto", "required",
 * {"function": {"name"}}) and `return_progress` are primer's own.
 */
#include "server/endpoints.h"

#include <string.h>

#include "base/memory.h"
#include "server/ollama_messages.h"
#include "server/ollama_prompt.h"
#include "server/ollama_reply.h"
#include "server/ollama_truncate.h"

struct chat {
    struct ollama_request request;
    json_t *messages;  /* as asked for, borrowed */
    json_t *converted; /* primer_chat.h's */
    json_t *tools;     /* borrowed, or NULL */
    const char *choice;
    bool render_only;
};

static primer_status read_choice(struct chat *chat, primer_error *error)
{
    struct fields *const fields = &chat->request.fields;
    const json_t *const value = fields_any(fields, "tool_choice");
    const char *text = json_string_value(value);
    chat->choice = "auto";
    if (value == NULL)
        return PRIMER_OK;
    if (json_is_object(value))
        text = json_string_value(json_object_get(json_object_get(value, "function"), "name"));
    else if (text != NULL && strcmp(text, "none") != 0 && strcmp(text, "auto") != 0 &&
             strcmp(text, "required") != 0)
        text = NULL;
    if (text == NULL)
        return fields_wrong(fields, "tool_choice", error,
                            "expected \"none\", \"auto\", \"required\" or an object with "
                            "function.name, found %s",
                            json_is_string(value) ? "another text" : fields_type_name(value));
    chat->choice = text;
    if (strcmp(text, "auto") != 0 && (strcmp(text, "none") != 0 || json_is_object(value)) &&
        json_array_size(chat->tools) == 0)
        return fields_wrong(fields, "tool_choice", error,
                            "asks for a call, but there are no tools");
    return PRIMER_OK;
}

static primer_status read_chat(struct chat *chat, struct exchange *exchange, primer_error *error)
{
    struct ollama_request *const request = &chat->request;
    FORWARD(ollama_request_open(request, exchange, error));
    FORWARD(fields_array(&request->fields, "messages", &chat->messages, error));
    FORWARD(fields_array(&request->fields, "tools", &chat->tools, error));
    FORWARD(fields_bool(&request->fields, "_debug_render_only", &chat->render_only, error));
    return read_choice(chat, error);
}

static json_t *conversation_of(const struct chat *chat, json_t *messages)
{
    json_t *const conversation = json_object();
    bool complete =
        conversation != NULL && json_object_set(conversation, "messages", messages) == 0 &&
        json_object_set_new(conversation, "variables", ollama_request_variables(&chat->request)) ==
            0;
    if (complete && json_array_size(chat->tools) > 0)
        complete = json_object_set(conversation, "tools", chat->tools) == 0;
    if (complete)
        return conversation;
    json_decref(conversation);
    return NULL;
}

/* The prompt of these messages, in place of the one before. */
static primer_status read_prompt(struct chat *chat, json_t *messages, primer_error *error)
{
    json_t *const conversation = conversation_of(chat, messages);
    if (conversation == NULL)
        return memory_failure(error, "a conversation", 0);
    const primer_status status = ollama_prompt_read(&chat->request, conversation, error);
    json_decref(conversation);
    return status;
}

static primer_status count_tokens(void *context, json_t *messages, size_t *tokens,
                                  primer_error *error)
{
    struct chat *const chat = context;
    FORWARD(read_prompt(chat, messages, error));
    *tokens = chat->request.count;
    return PRIMER_OK;
}

/* Where it was asked for: as many messages as fit, and how many were left out. */
static primer_status shorten(struct chat *chat, primer_error *error)
{
    struct ollama_request *const request = &chat->request;
    const size_t before = request->count;
    json_t *kept = NULL;
    primer_status status = PRIMER_OK;
    TRY(ollama_truncate(chat->converted, request->context - 1, count_tokens, chat, &kept, error));
    TRY(read_prompt(chat, kept, error));
    request->dropped_messages = json_array_size(chat->converted) - json_array_size(kept);
    request->dropped_tokens = before > request->count ? before - request->count : 0;
cleanup:
    json_decref(kept);
    return status;
}

/* Not the system's, and not the last. */
static bool has_older(const json_t *messages)
{
    size_t index, count = 0;
    json_t *message;
    json_array_foreach(messages, index, message)
    {
        const char *const role = json_string_value(json_object_get(message, "role"));
        count += role == NULL || strcmp(role, "system") != 0;
    }
    return count > 1;
}

static primer_status run(struct chat *chat, struct exchange *exchange, primer_error *error)
{
    struct ollama_request *const request = &chat->request;
    FORWARD(read_chat(chat, exchange, error));
    if (json_array_size(chat->messages) == 0)
        return ollama_request_load(request, true, error);
    FORWARD(ollama_messages_read(chat->messages, request->warnings, exchange_problem(exchange),
                                 &chat->converted, error));
    FORWARD(ollama_request_use(request, error));
    FORWARD(ollama_request_set_format(request, "", error));
    FORWARD(read_prompt(chat, chat->converted, error));
    request->droppable = has_older(chat->converted) ? "messages" : NULL;
    if (request->truncate && request->count >= request->context)
        FORWARD(shorten(chat, error));
    if (chat->render_only)
        return ollama_prompt_show(request, error);
    const struct ollama_answer answer = {
        .chat = true, .parsed = true, .choice = chat->choice, .tools = chat->tools};
    return ollama_request_answer(request, &answer, error);
}

primer_status ollama_chat(struct exchange *exchange, primer_error *error)
{
    struct chat chat = {0};
    const primer_status status = run(&chat, exchange, error);
    json_decref(chat.converted);
    ollama_request_close(&chat.request);
    return status;
}
