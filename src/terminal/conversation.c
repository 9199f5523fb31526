/* conversation.c - the list of messages. */
#include "terminal/conversation.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"

void conversation_free(struct conversation *conversation)
{
    conversation_clear(conversation);
    memory_free(conversation->messages);
    memory_free(conversation->system);
    *conversation = (struct conversation){0};
}

void conversation_clear(struct conversation *conversation)
{
    for (size_t i = 0; i < conversation->count; i++)
        memory_free((void *)(uintptr_t)conversation->messages[i].content);
    conversation->count = conversation->first = 0;
}

primer_status conversation_set_system(struct conversation *conversation, const char *text,
                                      primer_error *error)
{
    char *copy = NULL;
    if (text != NULL && *text != '\0') {
        copy = memory_copy_text(text);
        if (copy == NULL)
            return memory_failure(error, "the system's message", strlen(text) + 1);
    }
    memory_free(conversation->system);
    conversation->system = copy;
    return PRIMER_OK;
}

primer_status conversation_add(struct conversation *conversation, const char *role,
                               const char *text, primer_error *error)
{
    if (conversation->count == conversation->capacity) {
        const size_t capacity = conversation->capacity * 2 + 8;
        primer_message *grown = memory_resize(conversation->messages, capacity, sizeof *grown);
        if (grown == NULL)
            return memory_failure(error, "a message", capacity * sizeof *grown);
        conversation->messages = grown;
        conversation->capacity = capacity;
    }
    char *copy = memory_copy_text(text);
    if (copy == NULL)
        return memory_failure(error, "a message", strlen(text) + 1);
    const char *known = strcmp(role, "assistant") == 0 ? "assistant" : "user";
    conversation->messages[conversation->count++] = (primer_message){known, copy};
    return PRIMER_OK;
}

static bool is_role(const struct conversation *conversation, size_t index, const char *role)
{
    return strcmp(conversation->messages[index].role, role) == 0;
}

bool conversation_take_back(struct conversation *conversation, const char *role)
{
    size_t index = conversation->count;
    while (index > 0 && !is_role(conversation, index - 1, role))
        index--;
    if (index == 0)
        return false;
    while (conversation->count >= index)
        memory_free((void *)(uintptr_t)conversation->messages[--conversation->count].content);
    if (conversation->first > conversation->count)
        conversation->first = conversation->count;
    return true;
}

const char *conversation_last(const struct conversation *conversation, const char *role)
{
    const size_t count = conversation->count;
    return count > 0 && is_role(conversation, count - 1, role)
               ? conversation->messages[count - 1].content
               : NULL;
}

bool conversation_drop_oldest(struct conversation *conversation)
{
    size_t next = conversation->first + 1;
    while (next < conversation->count && !is_role(conversation, next, "user"))
        next++;
    if (next >= conversation->count)
        return false;
    conversation->first = next;
    return true;
}

primer_status conversation_tokens(const struct conversation *conversation,
                                  const primer_model *model, const primer_chat_format *format,
                                  bool answer, int32_t **ids, size_t *count, primer_error *error)
{
    const size_t sent = conversation->count - conversation->first;
    const size_t before = conversation->system != NULL ? 1 : 0;
    primer_message *messages = memory_allocate(sent + before, sizeof *messages);
    if (messages == NULL)
        return memory_failure(error, "the conversation", (sent + before) * sizeof *messages);
    if (before)
        messages[0] = (primer_message){"system", conversation->system};
    if (sent > 0)
        memcpy(messages + before, conversation->messages + conversation->first,
               sent * sizeof *messages);
    const primer_status status =
        primer_chat_tokens(model, format, messages, sent + before, answer, ids, count, error);
    memory_free(messages);
    return status;
}
