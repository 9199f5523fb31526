/* ollama_truncate.h - which of a conversation's messages go where not all of them fit. */
#ifndef SERVER_OLLAMA_TRUNCATE_H
#define SERVER_OLLAMA_TRUNCATE_H

#include <jansson.h>
#include <stddef.h>
#include "base/error.h"

/* How many tokens a prompt of these messages has. */
typedef primer_status ollama_truncate_count(void *context, json_t *messages, size_t *tokens,
                                            primer_error *error);

/* The most messages of at most `most` tokens, without the oldest that aren't the system's; the last
 * is kept always. *kept is a new reference, also where even the least doesn't fit: the caller
 * counts anyway. Texts and objects are shared with `messages`. */
primer_status ollama_truncate(json_t *messages, size_t most, ollama_truncate_count *count,
                              void *context, json_t **kept, primer_error *error);

#endif
