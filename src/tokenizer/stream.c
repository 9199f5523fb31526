/* stream.c - decoding, whole or id by id. See stream.h; tokenizer_decode is the same without
 * holding back. */
#include "tokenizer/stream.h"

#include <string.h>
#include "base/utf8.h"
#include "tokenizer/tokenizer_internal.h"

void stream_begin(struct token_stream *stream, const struct tokenizer *tokenizer, unsigned flags)
{
    *stream = (struct token_stream){
        .tokenizer = tokenizer,
        .flags = flags,
        .at_start =
            (flags & TOKENIZER_CONTINUE) == 0 && tokenizer->prefix != TOKENIZER_PREFIX_NEVER,
    };
}

/* The bytes that an id adds, without the tokenizer's own space. */
static primer_status bytes_of(struct token_stream *stream, int32_t id, const char **bytes,
                              size_t *length, primer_error *error)
{
    const struct tokenizer *const tokenizer = stream->tokenizer;
    if (id < 0 || (size_t)id >= tokenizer->vocabulary.count)
        return error_set(error, PRIMER_EINVAL, "token %d is not in the vocabulary of %zu", id,
                         tokenizer->vocabulary.count);
    const uint8_t kind = tokenizer->vocabulary.tokens[id].kind;
    *bytes = tokenizer_bytes(tokenizer, id, (stream->flags & TOKENIZER_SPECIAL) != 0, length);
    const bool special = kind == VOCABULARY_CONTROL || kind == VOCABULARY_UNKNOWN;
    if (kind == VOCABULARY_USER_DEFINED ||
        (special && (id != tokenizer->unknown || tokenizer->unknown_is_written))) {
        const bool unseen = id == tokenizer->bos && *length == 0;
        stream->at_start =
            tokenizer->prefix == TOKENIZER_PREFIX_ALWAYS || (stream->at_start && unseen);
        return PRIMER_OK;
    }
    if (stream->at_start && *length > 0 && **bytes == ' ') {
        *bytes += 1;
        *length -= 1;
    }
    stream->at_start = false;
    return PRIMER_OK;
}

primer_status stream_push(struct token_stream *stream, int32_t id, struct buffer *out,
                          primer_error *error)
{
    const char *bytes = NULL;
    size_t length = 0;
    FORWARD(bytes_of(stream, id, &bytes, &length, error));
    FORWARD(buffer_reserve(out, stream->held_length + length, error));
    const size_t start = out->length;
    FORWARD(buffer_append(out, stream->held, stream->held_length, error));
    FORWARD(buffer_append(out, bytes, length, error));
    const size_t shown = utf8_complete(out->bytes + start, out->length - start);
    stream->held_length = out->length - start - shown;
    memcpy(stream->held, out->bytes + start + shown, stream->held_length);
    out->length = start + shown;
    out->bytes[out->length] = '\0';
    return PRIMER_OK;
}

primer_status stream_flush(struct token_stream *stream, struct buffer *out, primer_error *error)
{
    FORWARD(buffer_append(out, stream->held, stream->held_length, error));
    stream->held_length = 0;
    return PRIMER_OK;
}

primer_status tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *ids, size_t count,
                               unsigned flags, struct buffer *out, primer_error *error)
{
    struct token_stream stream;
    stream_begin(&stream, tokenizer, flags);
    const size_t before = out->length;
    for (size_t i = 0; i < count; i++) {
        const char *bytes = NULL;
        size_t length = 0;
        primer_status status = bytes_of(&stream, ids[i], &bytes, &length, error);
        if (status == PRIMER_OK)
            status = buffer_append(out, bytes, length, error);
        if (status != PRIMER_OK) {
            out->length = before;
            if (out->bytes != NULL)
                out->bytes[before] = '\0';
            return status;
        }
    }
    return PRIMER_OK;
}
