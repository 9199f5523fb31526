/* chat_turns.c - see chat_turns.h. */
#include "chat/chat_turns.h"

#include "base/memory.h"

static primer_status no_memory(primer_error *error)
{
    return memory_failure(error, "the conversation", 1);
}

primer_status chat_turns_join(struct buffer *text, const char *more, primer_error *error)
{
    if (text->length > 0 && *more != '\0')
        FORWARD(buffer_text(text, "\n\n", error));
    return buffer_text(text, more, error);
}

primer_status chat_turns_set_content(json_t *message, const struct buffer *text,
                                     primer_error *error)
{
    json_t *const content =
        text->length == 0 ? json_string("") : json_stringn_nocheck(text->bytes, text->length);
    return json_object_set_new_nocheck(message, "content", content) == 0 ? PRIMER_OK
                                                                         : no_memory(error);
}

static primer_status end_turn(struct chat_turns *turns, primer_error *error)
{
    if (!turns->grows)
        return PRIMER_OK;
    turns->grows = false;
    json_t *const last = json_array_get(turns->messages, turns->kept - 1);
    return chat_turns_set_content(last, &turns->text, error);
}

primer_status chat_turns_keep(struct chat_turns *turns, json_t *message, primer_error *error)
{
    FORWARD(end_turn(turns, error));
    return json_array_set(turns->messages, turns->kept++, message) == 0 ? PRIMER_OK
                                                                        : no_memory(error);
}

primer_status chat_turns_grow(struct chat_turns *turns, primer_error *error)
{
    if (turns->grows)
        return PRIMER_OK;
    const json_t *const last = json_array_get(turns->messages, turns->kept - 1);
    buffer_clear(&turns->text);
    turns->grows = true;
    return buffer_text(&turns->text, chat_turns_text(last, "content"), error);
}

primer_status chat_turns_end(struct chat_turns *turns, primer_error *error)
{
    FORWARD(end_turn(turns, error));
    for (size_t count = json_array_size(turns->messages); count > turns->kept; count--)
        json_array_remove(turns->messages, count - 1); /* the last one: nothing is moved */
    return PRIMER_OK;
}
