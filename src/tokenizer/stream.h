/* stream.h - ids one at a time to text that can be shown: never half a character.
 *
 *   id -> bytes -> held (at most 3 bytes of an unfinished character) -> whole characters
 *
 * The spaces that the tokenizer puts before texts are taken off as tokenizer_decode does. Bytes
 * that can't become a character any more are passed on as they are.
 */
#ifndef TOKENIZER_STREAM_H
#define TOKENIZER_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/error.h"
#include "tokenizer/tokenizer.h"

struct token_stream {
    const struct tokenizer *tokenizer; /* borrowed */
    unsigned flags;
    bool at_start; /* a space that comes next is the tokenizer's own */
    char held[4];
    size_t held_length;
};

/* Flags: TOKENIZER_SPECIAL shows special tokens; TOKENIZER_CONTINUE keeps a leading space. */
void stream_begin(struct token_stream *stream, const struct tokenizer *tokenizer, unsigned flags);
/* Appends what can be shown now: at most tokenizer_longest() + 3 bytes, so a buffer with that much
 * room reserved is never grown. An id outside the vocabulary is an error. */
primer_status stream_push(struct token_stream *stream, int32_t id, struct buffer *out,
                          primer_error *error);
/* Appends what is still held: an unfinished character, as it is. */
primer_status stream_flush(struct token_stream *stream, struct buffer *out, primer_error *error);

#endif
