/* conversation.h - what has been said: a list of messages, no input or output.
 *
 *   system (or NULL)
 *   messages  | user | assistant | user | assistant | ...
 *               ^ first: those before it were dropped to make room, and are shown and saved, but
 * not sent
 *
 * Invariant: messages alternate as they were added; an unanswered user's message can only be the
 * last.
 */
#ifndef TERMINAL_CONVERSATION_H
#define TERMINAL_CONVERSATION_H

#include <stdbool.h>
#include <stddef.h>
#include "primer_chat.h"

struct conversation {
    char *system;
    primer_message *messages; /* [count]; contents owned, roles static */
    size_t count, capacity, first;
};

void conversation_free(struct conversation *conversation);
/* An empty or NULL text takes the system's message away. */
primer_status conversation_set_system(struct conversation *conversation, const char *text,
                                      primer_error *error);
/* role: "user" or "assistant". The text is copied. */
primer_status conversation_add(struct conversation *conversation, const char *role,
                               const char *text, primer_error *error);
/* Takes away the last message of this role and what follows it. False: there is none. */
bool conversation_take_back(struct conversation *conversation, const char *role);
void conversation_clear(struct conversation *conversation); /* the system's message stays */
/* The last message's text if it is of this role, else NULL; borrowed. */
const char *conversation_last(const struct conversation *conversation, const char *role);
/* Leaves out the oldest question with its answer that is still sent. False where only the last is
 * left. */
bool conversation_drop_oldest(struct conversation *conversation);

/* All that is sent, as the format writes it; `answer` opens the assistant's turn. The ids are the
 * caller's, by primer_free. */
primer_status conversation_tokens(const struct conversation *conversation,
                                  const primer_model *model, const primer_chat_format *format,
                                  bool answer, int32_t **ids, size_t *count, primer_error *error);

#endif
