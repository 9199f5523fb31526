/* chat_generic.h - tools for formats that have no way to write them.
 *
 * The convention, for all of them, in plain text (no special tokens):
 *
 *   system      what it said, a blank line, the tools, one a line of JSON; how to call them
 *   assistant   its words, and <tool_call>\n{"name": .., "arguments": {..}}\n</tool_call>
 *   user        <tool_response>\n..\n</tool_response>, results joined in one turn
 */
#ifndef CHAT_CHAT_GENERIC_H
#define CHAT_CHAT_GENERIC_H

#include <jansson.h>
#include "base/error.h"

/* Rewrites the messages (chat_json.h), so that none has calls or is a tool's. `tools` may be
 * NULL. */
primer_status chat_generic_rewrite(json_t *messages, const json_t *tools, primer_error *error);

#endif
