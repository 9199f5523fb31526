/* openai_legacy.h - log-probabilities in the form of /v1/completions: four lists of one entry a
 * token.
 *
 *   {"tokens": [text], "token_logprobs": [number or null],
 *    "top_logprobs": [{text: number} or null],
 *    "text_offset": [characters before the token]}
 *
 * A token that is no whole text is written "bytes:\xe2\x80", as OpenAI does.
 */
#ifndef SERVER_OPENAI_LEGACY_H
#define SERVER_OPENAI_LEGACY_H

#include "server/server_collect.h"

struct openai_legacy {
    struct buffer tokens, logprobs, tops, offsets; /* the lists' insides */
    size_t top;                                    /* how many of the likeliest are listed */
};

/* The tokens of `text`, which begins `offset` characters into the whole. */
primer_status openai_legacy_add(struct openai_legacy *legacy, const primer_model *model,
                                const struct collected_token *tokens, size_t count,
                                const char *text, size_t length, size_t offset,
                                primer_error *error);
/* Appends the object and empties the lists. */
primer_status openai_legacy_write(struct openai_legacy *legacy, struct buffer *out,
                                  primer_error *error);
void openai_legacy_free(struct openai_legacy *legacy);
size_t openai_legacy_characters(const char *text, size_t length);

#endif
