/* chat_turns.h - a conversation's messages rewritten from the first to the last, in the list they
 * stand in, where several become one turn.
 *
 *   messages   | turns        |  of no use any more  | still to be read
 *              0              kept
 *
 * The text of a turn that grows is gathered in a buffer, and becomes the content when the turn
 * ends: a text is copied a fixed number of times, however many are joined.
 */
#ifndef CHAT_CHAT_TURNS_H
#define CHAT_CHAT_TURNS_H

#include <jansson.h>
#include <stdbool.h>
#include <string.h>
#include "base/buffer.h"
#include "base/error.h"

/* Zero but for `messages` (borrowed), and `kept` where the first ones stay; free `text`. */
struct chat_turns {
    json_t *messages;
    size_t kept;
    struct buffer text; /* of the last turn, while it grows */
    bool grows;
};

/* Ends the turn before; the message, which was read already, is the next one. */
primer_status chat_turns_keep(struct chat_turns *turns, json_t *message, primer_error *error);
/* The last turn grows by what is appended to `text`, which holds its content. */
primer_status chat_turns_grow(struct chat_turns *turns, primer_error *error);
/* Ends the last turn, and the list behind it. */
primer_status chat_turns_end(struct chat_turns *turns, primer_error *error);

/* `more` behind what the text holds: a blank line between them where neither is empty. */
primer_status chat_turns_join(struct buffer *text, const char *more, primer_error *error);
/* The text becomes the message's content. */
primer_status chat_turns_set_content(json_t *message, const struct buffer *text,
                                     primer_error *error);

/* A member's text; "" where it has none. */
static inline const char *chat_turns_text(const json_t *object, const char *name)
{
    const char *const text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

static inline bool chat_turns_has_role(const json_t *message, const char *role)
{
    return strcmp(chat_turns_text(message, "role"), role) == 0;
}

#endif
