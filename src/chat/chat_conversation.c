/* chat_conversation.c - conversations made fit for formats.
 *
 * The messages are copied once, and each step rewrites the copy. */
#include "chat/chat_conversation.h"

#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/hash.h"
#include "base/memory.h"
#include "chat/chat_generic.h"
#include "chat/chat_turns.h"

#define ID_LENGTH 9

static primer_status no_memory(primer_error *error)
{
    return memory_failure(error, "the conversation", 1);
}

static primer_status put(json_t *object, const char *name, json_t *value, primer_error *error)
{
    return json_object_set_new_nocheck(object, name, value) == 0 ? PRIMER_OK : no_memory(error);
}

static primer_status append(json_t *list, json_t *value, primer_error *error)
{
    return json_array_append_new(list, value) == 0 ? PRIMER_OK : no_memory(error);
}

static size_t calls_of(const json_t *message)
{
    return json_array_size(json_object_get(message, "tool_calls"));
}

/* ---- the system's texts ---------------------------------------------------------------------- */

static primer_status rename_developers(json_t *messages, primer_error *error)
{
    for (size_t i = 0; i < json_array_size(messages); i++)
        if (chat_turns_has_role(json_array_get(messages, i), "developer"))
            FORWARD(put(json_array_get(messages, i), "role", json_string("system"), error));
    return PRIMER_OK;
}

static bool is_system(const json_t *message)
{
    return chat_turns_has_role(message, "system") || chat_turns_has_role(message, "developer");
}

/* From message `first` on, into the next user's turn, or one of its own at the end. */
static primer_status fold_system(json_t *messages, size_t first, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct chat_turns turns = {.messages = messages, .kept = first};
    struct buffer waiting = {0}; /* texts that no turn has yet */
    for (size_t i = first; i < json_array_size(messages); i++) {
        json_t *const message = json_array_get(messages, i);
        if (is_system(message)) {
            TRY(chat_turns_join(&waiting, chat_turns_text(message, "content"), error));
            continue;
        }
        if (waiting.length > 0 && chat_turns_has_role(message, "user")) {
            TRY(chat_turns_join(&waiting, chat_turns_text(message, "content"), error));
            TRY(chat_turns_set_content(message, &waiting, error));
            buffer_clear(&waiting);
        }
        TRY(chat_turns_keep(&turns, message, error));
    }
    TRY(chat_turns_end(&turns, error));
    if (waiting.length > 0)
        TRY(append(messages,
                   json_pack("{s:s, s:o}", "role", "user", "content",
                             json_stringn_nocheck(waiting.bytes, waiting.length)),
                   error));

cleanup:
    buffer_free(&turns.text);
    buffer_free(&waiting);
    return status;
}

/* ---- turns ----------------------------------------------------------------------------------- */

/* `message` with the one call `index`, and its words only where it is the first. */
static primer_status append_call(json_t *list, const json_t *message, size_t index,
                                 primer_error *error)
{
    json_t *const alone = json_copy((json_t *)(uintptr_t)message);
    json_t *const call = json_array_get(json_object_get(message, "tool_calls"), index);
    FORWARD(append(list, alone, error));
    FORWARD(put(alone, "tool_calls", json_pack("[O]", call), error));
    if (index == 0)
        return PRIMER_OK;
    json_object_del(alone, "reasoning_content");
    return put(alone, "content", json_string(""), error);
}

/* The results in [from, to) that answer `id`; each is taken once. */
static primer_status append_results(json_t *list, json_t *messages, size_t from, size_t to,
                                    bool *taken, const char *id, primer_error *error)
{
    for (size_t i = from; i < to; i++) {
        json_t *const result = json_array_get(messages, i);
        if (taken[i - from] ||
            (id != NULL && strcmp(chat_turns_text(result, "tool_call_id"), id) != 0))
            continue;
        taken[i - from] = true;
        FORWARD(append(list, json_incref(result), error));
    }
    return PRIMER_OK;
}

/* Message `at` with several calls, each in a turn of its own, followed by its result; *next is
 * behind the results. */
static primer_status split_calls(json_t *list, json_t *messages, size_t at, size_t *next,
                                 primer_error *error)
{
    primer_status status = PRIMER_OK;
    json_t *const message = json_array_get(messages, at);
    const json_t *const calls = json_object_get(message, "tool_calls");
    size_t end = at + 1;
    while (chat_turns_has_role(json_array_get(messages, end), "tool"))
        end++;
    bool *const taken = memory_allocate(end - at, sizeof *taken);
    if (taken == NULL)
        return no_memory(error);
    for (size_t i = 0; i < json_array_size(calls); i++) {
        TRY(append_call(list, message, i, error));
        TRY(append_results(list, messages, at + 1, end, taken,
                           chat_turns_text(json_array_get(calls, i), "id"), error));
    }
    TRY(append_results(list, messages, at + 1, end, taken, NULL, error));
    *next = end;

cleanup:
    memory_free(taken);
    return status;
}

/* Words in a turn before the calls. */
static primer_status split_words(json_t *list, json_t *message, primer_error *error)
{
    json_t *const words = json_copy(message);
    FORWARD(append(list, words, error));
    json_object_del(words, "tool_calls");
    json_object_del(message, "reasoning_content");
    FORWARD(put(message, "content", json_string(""), error));
    return append(list, json_incref(message), error);
}

static primer_status split(const struct chat_traits *traits, json_t **messages, primer_error *error)
{
    primer_status status = PRIMER_OK;
    json_t *const list = json_array();
    if (list == NULL)
        return no_memory(error);
    for (size_t i = 0, next; i < json_array_size(*messages); i = next) {
        json_t *const message = json_array_get(*messages, i);
        const size_t calls = calls_of(message);
        next = i + 1;
        if (traits->one_call && calls > 1)
            TRY(split_calls(list, *messages, i, &next, error));
        else if (traits->calls_alone && calls > 0 && *chat_turns_text(message, "content") != '\0')
            TRY(split_words(list, message, error));
        else
            TRY(append(list, json_incref(message), error));
    }
    json_decref(*messages);
    *messages = json_incref(list);

cleanup:
    json_decref(list);
    return status;
}

/* Whether the message goes on with the turn before. */
static bool is_same_turn(const json_t *message, const json_t *former)
{
    return chat_turns_has_role(message, chat_turns_text(former, "role")) &&
           !chat_turns_has_role(message, "tool") && calls_of(message) + calls_of(former) == 0;
}

/* Turns of one role become one, which has the last one's members. */
static primer_status merge(json_t *messages, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct chat_turns turns = {.messages = messages};
    for (size_t i = 0; i < json_array_size(messages); i++) {
        json_t *const message = json_array_get(messages, i);
        if (turns.kept == 0 || !is_same_turn(message, json_array_get(messages, turns.kept - 1))) {
            TRY(chat_turns_keep(&turns, message, error));
            continue;
        }
        TRY(chat_turns_grow(&turns, error));
        TRY(chat_turns_join(&turns.text, chat_turns_text(message, "content"), error));
        json_array_set(messages, turns.kept - 1, message);
    }
    TRY(chat_turns_end(&turns, error));

cleanup:
    buffer_free(&turns.text);
    return status;
}

/* ---- members --------------------------------------------------------------------------------- */

/* Nine letters and digits, the same for the same id. */
static primer_status shorten_id(json_t *object, const char *name, primer_error *error)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const char *const id = json_string_value(json_object_get(object, name));
    if (id == NULL)
        return PRIMER_OK;
    if (strlen(id) == ID_LENGTH && strspn(id, digits) == ID_LENGTH)
        return PRIMER_OK;
    char made[ID_LENGTH + 1] = "";
    uint64_t hash = hash_bytes(id, strlen(id), 0);
    for (size_t i = 0; i < ID_LENGTH; i++, hash /= sizeof digits - 1)
        made[i] = digits[hash % (sizeof digits - 1)];
    return put(object, name, json_string(made), error);
}

static primer_status finish_call(const primer_chat_format *format, json_t *call,
                                 primer_error *error)
{
    json_t *const function = json_object_get(call, "function");
    if (format->style != NULL && format->style->ids)
        FORWARD(shorten_id(call, "id", error));
    if (!format->traits.text_arguments || json_is_string(json_object_get(function, "arguments")))
        return PRIMER_OK;
    primer_status status = PRIMER_OK;
    struct buffer text = {0};
    TRY(chat_json_append(&text, json_object_get(function, "arguments"), 0, error));
    TRY(put(function, "arguments", json_stringn_nocheck(text.bytes, text.length), error));

cleanup:
    buffer_free(&text);
    return status;
}

static primer_status finish(const primer_chat_format *format, json_t *message, primer_error *error)
{
    const struct chat_traits *const traits = &format->traits;
    json_t *const calls = json_object_get(message, "tool_calls");
    for (size_t i = 0; i < json_array_size(calls); i++)
        FORWARD(finish_call(format, json_array_get(calls, i), error));
    if (format->style != NULL && format->style->ids)
        FORWARD(shorten_id(message, "tool_call_id", error));
    json_t *const thought = json_object_get(message, "reasoning_content");
    if (calls != NULL && thought != NULL) /* Command R's name for it */
        FORWARD(put(message, "tool_plan", json_incref(thought), error));
    json_t *const content = json_object_get(message, "content");
    if (traits->null_content && calls != NULL && json_string_length(content) == 0)
        return put(message, "content", json_null(), error);
    if (!traits->parts)
        return PRIMER_OK;
    return put(message, "content", json_pack("[{s:s, s:O}]", "type", "text", "text", content),
               error);
}

/* ---- the whole ------------------------------------------------------------------------------- */

bool chat_conversation_has_tools(const struct chat_conversation *conversation)
{
    bool spoken = conversation->tools != NULL;
    for (size_t i = 0; i < json_array_size(conversation->messages) && !spoken; i++) {
        const json_t *const message = json_array_get(conversation->messages, i);
        spoken = calls_of(message) > 0 || chat_turns_has_role(message, "tool");
    }
    return spoken;
}

bool chat_conversation_has_text_arguments(const struct chat_conversation *conversation)
{
    for (size_t i = 0; i < json_array_size(conversation->messages); i++) {
        const json_t *const calls =
            json_object_get(json_array_get(conversation->messages, i), "tool_calls");
        for (size_t j = 0; j < json_array_size(calls); j++) {
            const json_t *const function = json_object_get(json_array_get(calls, j), "function");
            if (json_is_string(json_object_get(function, "arguments")))
                return true;
        }
    }
    return false;
}

static primer_status rewrite(const primer_chat_format *format,
                             const struct chat_conversation *given, enum chat_repair repair,
                             json_t **messages, primer_error *error)
{
    const struct chat_traits *const traits = &format->traits;
    if (repair == CHAT_REPAIR_CALLS || (!traits->tools && chat_conversation_has_tools(given)))
        FORWARD(chat_generic_rewrite(*messages, traits->tools ? NULL : given->tools, error));
    if (!traits->developer)
        FORWARD(rename_developers(*messages, error));
    if (traits->no_system || repair != CHAT_REPAIR_NOTHING)
        FORWARD(fold_system(*messages, traits->no_system ? 0 : 1, error));
    if (traits->one_call)
        FORWARD(split(&(struct chat_traits){.one_call = true}, messages, error));
    if (traits->calls_alone)
        FORWARD(split(&(struct chat_traits){.calls_alone = true}, messages, error));
    if (traits->merges || repair != CHAT_REPAIR_NOTHING)
        FORWARD(merge(*messages, error));
    for (size_t i = 0; i < json_array_size(*messages); i++)
        FORWARD(finish(format, json_array_get(*messages, i), error));
    return PRIMER_OK;
}

primer_status chat_conversation_fit(const primer_chat_format *format,
                                    const struct chat_conversation *given, enum chat_repair repair,
                                    struct chat_conversation *fitted, primer_error *error)
{
    primer_status status = PRIMER_OK;
    json_t *messages = json_deep_copy(given->messages);
    if (messages == NULL)
        return no_memory(error);
    TRY(rewrite(format, given, repair, &messages, error));
    *fitted = (struct chat_conversation){
        .messages = json_incref(messages),
        .tools = format->traits.tools ? json_incref(given->tools) : NULL,
        .variables = json_incref(given->variables),
    };

cleanup:
    json_decref(messages);
    return status;
}
