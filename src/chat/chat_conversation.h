/* chat_conversation.h - a checked conversation (chat_json.h) made fit for a format.
 *
 * In this order, where the format's traits ask for it:
 *
 *   tools in plain text (chat_generic.h)
 *   developer becomes system; system's texts move into the next user's turn
 *   a call a turn, calls without words; turns of one role joined
 *   arguments as text, ids of nine letters and digits, contents as parts
 */
#ifndef CHAT_CHAT_CONVERSATION_H
#define CHAT_CHAT_CONVERSATION_H

#include "chat/chat_format.h"
#include "chat/chat_json.h"

/* Tools, calls of them, or what they gave. */
bool chat_conversation_has_tools(const struct chat_conversation *conversation);

/* Calls whose arguments are the text of no object. */
bool chat_conversation_has_text_arguments(const struct chat_conversation *conversation);

/* For templates that refused the conversation as it is, whatever the traits say. */
enum chat_repair {
    CHAT_REPAIR_NOTHING,
    CHAT_REPAIR_TURNS, /* system's texts but for the first move, and turns are joined */
    CHAT_REPAIR_CALLS  /* and calls and results are written in plain text (chat_generic.h) */
};

/* The tools are the given ones, or none. */
primer_status chat_conversation_fit(const primer_chat_format *format,
                                    const struct chat_conversation *given, enum chat_repair repair,
                                    struct chat_conversation *fitted, primer_error *error);

#endif
