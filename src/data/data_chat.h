/* data_chat.h - conversations as tokens, with marks for what the assistant says. */
#ifndef DATA_DATA_CHAT_H
#define DATA_DATA_CHAT_H

#include <jansson.h>
#include "data/data_tokens.h"

/* `conversation`: {"messages": [...], "tools"?, "variables"?} (primer_chat.h). A message of the
 * assistant's with "weight": 0 is not asked for. Appends to what `tokens` holds, which must be
 * nothing. */
primer_status data_chat_tokens(const struct data_maker *maker, const json_t *conversation,
                               struct data_tokens *tokens, primer_error *error);

#endif
