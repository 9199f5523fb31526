/* saved_chat.h - a conversation in a file, and the session's cache beside it.
 *
 *   NAME.json     {"primer_chat": 1, "model": ..., "template": ..., "system": ..., "dropped": N,
 *                  "parameters": {"temperature": ["0.8"], "stop": [...], ...},
 *                  "messages": [{"role": ..., "content": ...}, ...]}
 *   NAME.session  what primer_session_save writes: without it, or where it doesn't agree, the
 * conversation is read anew
 *
 * A name without "/" lies in the program's own folder, under chats/.
 */
#ifndef TERMINAL_SAVED_CHAT_H
#define TERMINAL_SAVED_CHAT_H

#include "terminal/dialogue.h"

/* Appends the path of NAME.json to `path`. */
primer_status saved_chat_path(const char *name, struct buffer *path, primer_error *error);
primer_status saved_chat_write(const struct dialogue *dialogue, const char *path,
                               primer_error *error);
/* Replaces the dialogue's conversation, parameters, template and session; nothing changes on
 * failure. *restored: the cache came back too. */
primer_status saved_chat_read(struct dialogue *dialogue, const char *path, bool *restored,
                              primer_error *error);

#endif
