/* chat_json.h - a conversation given as JSON text in the shape of OpenAI's API, checked and made
 * uniform.
 *
 *   messages   [{"role", "content", "reasoning_content"?, "tool_call_id"?, "name"?,
 *              "tool_calls"?: [{"id", "type", "function": {"name", "arguments"}}]}]
 *              contents are texts; arguments objects, or texts of what is none; each call has an
 *              id that no other of its turn has, each result that of the call it answers, if there
 *              is one
 *   tools      as given, "type" added
 */
#ifndef CHAT_CHAT_JSON_H
#define CHAT_CHAT_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include "base/buffer.h"
#include "base/error.h"

#define CHAT_JSON_BYTES    ((size_t)64 << 20)
#define CHAT_JSON_DEPTH    100 /* arrays and objects in each other */
#define CHAT_JSON_MESSAGES 100000
#define CHAT_JSON_TOOLS    1024
#define CHAT_JSON_CALLS    256 /* of one message */

struct chat_conversation {
    json_t *messages;  /* an array */
    json_t *tools;     /* an array; NULL: none */
    json_t *variables; /* an object; NULL: none */
};

primer_status chat_json_read(const char *json, size_t length,
                             struct chat_conversation *conversation, primer_error *error);
/* The text of an array of tools; *tools is NULL where it is empty. */
primer_status chat_json_read_tools(const char *json, size_t length, json_t **tools,
                                   primer_error *error);
void chat_json_free(struct chat_conversation *conversation);

/* The value's text behind what the buffer holds; `flags` are jansson's. */
primer_status chat_json_append(struct buffer *text, const json_t *value, size_t flags,
                               primer_error *error);
/* "a text", "a number" and so on. */
const char *chat_json_kind(const json_t *value);

#endif
