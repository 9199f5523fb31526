/* chat_generic.h - tools for formats that have no way to write them.
 *
 * The convention, for all of them, in plain text (no special tokens):
 *
 *   system      ... what the system said, a blank line, and the tools, one a line of JSON; how to call
 *   assistant   <tool_call>\n{"name": .., "arguments": {..}}\n</tool_call>      behind its words, if any
 *   user        <tool_response>\n..\n</tool_response>                    results, joined in one turn
 */
#ifndef CHAT_CHAT_GENERIC_H
#define CHAT_CHAT_GENERIC_H

#include <jansson.h>
#include "base/error.h"

/* Rewrites the messages (chat_json.h), so that none has calls or is a tool's. `tools` may be NULL. */
primer_status chat_generic_rewrite(json_t *messages, const json_t *tools, primer_error *error);

#endif
