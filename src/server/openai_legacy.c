/* openai_legacy.c - see openai_legacy.h. */
#include "server/openai_legacy.h"

#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "server/openai_write.h"

size_t openai_legacy_characters(const char *text, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

static primer_status write_name(struct buffer *out, const primer_model *model, int32_t id,
                                primer_error *error)
{
    size_t length = 0;
    const char *bytes = primer_token_bytes(model, id, &length);
    if (utf8_valid(bytes, length))
        return buffer_json_string(out, bytes, length, error);
    FORWARD(buffer_text(out, "\"bytes:", error));
    for (size_t i = 0; i < length; i++)
        FORWARD(buffer_format(out, error, "\\\\x%02x", (unsigned char)bytes[i]));
    return buffer_text(out, "\"", error);
}

static primer_status write_pair(struct buffer *out, const primer_model *model, int32_t id,
                                double logprob, bool first, primer_error *error)
{
    FORWARD(buffer_text(out, first ? "" : ",", error));
    FORWARD(write_name(out, model, id, error));
    FORWARD(buffer_text(out, ":", error));
    return openai_write_logprob(out, logprob, error);
}

/* Whether another token of the list, likelier or chosen, is written the same. */
static bool written_before(const primer_model *model, const primer_token_probability *top,
                           size_t index)
{
    size_t length = 0, other_length = 0;
    const char *bytes = primer_token_bytes(model, top[index].id, &length);
    for (size_t i = 0; i < index; i++) {
        const char *other = primer_token_bytes(model, top[i].id, &other_length);
        if (length == other_length && memcmp(bytes, other, length) == 0)
            return true;
    }
    return false;
}

/* The likeliest, and the chosen one where it isn't among them. */
static primer_status write_top(struct openai_legacy *l, const primer_model *model,
                               const struct collected_token *token, primer_error *error)
{
    struct buffer *out = &l->tops;
    if (isnan(token->logprob) || token->top_count == 0 || l->top == 0)
        return buffer_text(out, "null", error);
    const size_t count = token->top_count < l->top ? token->top_count : l->top;
    bool chosen = false;
    FORWARD(buffer_text(out, "{", error));
    for (size_t i = 0; i < count; i++) {
        if (!written_before(model, token->top, i))
            FORWARD(write_pair(out, model, token->top[i].id, token->top[i].logprob, i == 0, error));
        chosen = chosen || token->top[i].id == token->id;
    }
    if (!chosen)
        FORWARD(write_pair(out, model, token->id, token->logprob, false, error));
    return buffer_text(out, "}", error);
}

/* How many bytes of the text from `at` on are the token's; the first may have lost its space. */
static size_t bytes_in(const primer_model *model, int32_t id, const char *text, size_t length,
                       size_t at)
{
    size_t size = 0;
    const char *bytes = primer_token_bytes(model, id, &size);
    if (size <= length - at && memcmp(text + at, bytes, size) == 0)
        return size;
    if (at == 0 && size > 1 && bytes[0] == ' ' && size - 1 <= length &&
        memcmp(text, bytes + 1, size - 1) == 0)
        return size - 1;
    return 0; /* a control token, or cut off */
}

primer_status openai_legacy_add(struct openai_legacy *legacy, const primer_model *model,
                                const struct collected_token *tokens, size_t count,
                                const char *text, size_t length, size_t offset, primer_error *error)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const char *comma = legacy->tokens.length > 0 ? "," : "";
        FORWARD(buffer_text(&legacy->tokens, comma, error));
        FORWARD(write_name(&legacy->tokens, model, tokens[i].id, error));
        FORWARD(buffer_text(&legacy->logprobs, comma, error));
        FORWARD(openai_write_logprob(&legacy->logprobs, tokens[i].logprob, error));
        FORWARD(buffer_text(&legacy->tops, comma, error));
        FORWARD(write_top(legacy, model, &tokens[i], error));
        FORWARD(buffer_format(&legacy->offsets, error, "%s%zu", comma,
                              offset + openai_legacy_characters(text, at)));
        at += bytes_in(model, tokens[i].id, text, length, at);
    }
    return PRIMER_OK;
}

primer_status openai_legacy_write(struct openai_legacy *legacy, struct buffer *out,
                                  primer_error *error)
{
    struct buffer *const lists[] = {&legacy->tokens, &legacy->logprobs, &legacy->tops,
                                    &legacy->offsets};
    static const char *const names[] = {"{\"tokens\":[", "],\"token_logprobs\":[",
                                        "],\"top_logprobs\":[", "],\"text_offset\":["};
    for (size_t i = 0; i < 4; i++) {
        FORWARD(buffer_text(out, names[i], error));
        if (lists[i]->length > 0)
            FORWARD(buffer_append(out, lists[i]->bytes, lists[i]->length, error));
        buffer_clear(lists[i]);
    }
    return buffer_text(out, "]}", error);
}

void openai_legacy_free(struct openai_legacy *legacy)
{
    buffer_free(&legacy->tokens);
    buffer_free(&legacy->logprobs);
    buffer_free(&legacy->tops);
    buffer_free(&legacy->offsets);
}
