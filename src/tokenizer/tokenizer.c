/* tokenizer.c - a tokenizer as a whole: completion after loading, encoding, questions about tokens.
 *
 *   text  |--fragment--|added token|--fragment--|
 *
 * Added tokens come first, the longest at each position. Each fragment between them goes to the
 * family; where the tokenizer says so with a space before it.
 */
#include "tokenizer/tokenizer_internal.h"

#include <string.h>
#include "base/hash.h"
#include "base/memory.h"

struct tokenizer *tokenizer_allocate(primer_error *error)
{
    struct tokenizer *const tokenizer = memory_allocate(1, sizeof *tokenizer);
    if (tokenizer == NULL) {
        memory_failure(error, "a tokenizer", sizeof *tokenizer);
        return NULL;
    }
    tokenizer->bos = tokenizer->eos = tokenizer->unknown = -1;
    return tokenizer;
}

void tokenizer_free(struct tokenizer *tokenizer)
{
    if (tokenizer == NULL)
        return;
    vocabulary_free(&tokenizer->vocabulary);
    added_free(&tokenizer->added);
    merge_table_free(&tokenizer->merges);
    pattern_free(&tokenizer->pattern);
    unicode_class_free(&tokenizer->classes);
    pieces_free(&tokenizer->pieces);
    memory_free(tokenizer);
}

/* ---- completion ---- */

static void find_byte_symbols(struct tokenizer *tokenizer)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[2];
        const size_t length = vocabulary_alphabet_encode((unsigned char)byte, text);
        const int32_t id = vocabulary_find(&tokenizer->vocabulary, text, length);
        tokenizer->byte_symbols[byte] =
            id >= 0 ? (uint32_t)id : (uint32_t)tokenizer->vocabulary.count + byte;
    }
}

static void find_byte_ids(struct tokenizer *tokenizer, bool byte_fallback)
{
    static const char digits[] = "0123456789ABCDEF";
    tokenizer->unknown_is_written = true;
    for (unsigned byte = 0; byte < 256; byte++) {
        const char text[6] = {'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'};
        tokenizer->pieces.byte_ids[byte] =
            byte_fallback ? vocabulary_find(&tokenizer->vocabulary, text, sizeof text) : -1;
        if (tokenizer->pieces.byte_ids[byte] < 0)
            tokenizer->unknown_is_written = false;
    }
}

primer_status tokenizer_complete(struct tokenizer *tokenizer, bool byte_fallback,
                                 primer_error *error)
{
    struct vocabulary *const vocabulary = &tokenizer->vocabulary;
    find_byte_symbols(tokenizer);
    find_byte_ids(tokenizer, byte_fallback);
    FORWARD(vocabulary_finish(vocabulary, tokenizer->byte_level, error));
    if (tokenizer->byte_level)
        FORWARD(unicode_class_create(&tokenizer->classes, error));
    for (size_t id = 0; id < vocabulary->count; id++) {
        const struct vocabulary_token *const token = &vocabulary->tokens[id];
        const bool special = token->kind == VOCABULARY_CONTROL || token->kind == VOCABULARY_UNKNOWN;
        if (special || token->kind == VOCABULARY_USER_DEFINED)
            FORWARD(added_insert(&tokenizer->added, vocabulary_text(vocabulary, id),
                                 token->text_length, (int32_t)id, special, error));
    }
    if (tokenizer->eos >= 0)
        vocabulary->tokens[tokenizer->eos].ends = true;
    return PRIMER_OK;
}

/* ---- encoding ---- */

primer_status tokenizer_append_unknown(struct encoder *encoder, const char *bytes, size_t length,
                                       primer_error *error)
{
    const struct tokenizer *const tokenizer = encoder->tokenizer;
    struct token_list *const out = encoder->out;
    encoder->unknowns++;
    bool in_bytes = !tokenizer->byte_level;
    for (size_t i = 0; i < length && in_bytes; i++)
        in_bytes = tokenizer->pieces.byte_ids[(unsigned char)bytes[i]] >= 0;
    if (in_bytes) {
        for (size_t i = 0; i < length; i++)
            FORWARD(
                token_list_append(out, tokenizer->pieces.byte_ids[(unsigned char)bytes[i]], error));
        return PRIMER_OK;
    }
    if (tokenizer->unknown < 0) {
        char name[8];
        return error_set(
            error, PRIMER_EUNSUPPORTED,
            "the vocabulary has no token for '%s' (first byte 0x%02X) and no unknown token",
            error_printable(bytes, length, name, sizeof name), (unsigned char)bytes[0]);
    }
    if (tokenizer->fuses_unknown && out->count > encoder->fragment_start &&
        out->ids[out->count - 1] == tokenizer->unknown)
        return PRIMER_OK;
    return token_list_append(out, tokenizer->unknown, error);
}

static primer_status encode_fragment(struct encoder *encoder, const char *text, size_t length,
                                     bool prefix, primer_error *error)
{
    const struct tokenizer *const tokenizer = encoder->tokenizer;
    if (length == 0)
        return PRIMER_OK;
    encoder->fragment_start = encoder->out->count;
    if (tokenizer->byte_level)
        return byte_level_encode(encoder, text, length, error);
    const bool has_space = text[0] == ' ' || (length >= 3 && memcmp(text, "\xE2\x96\x81", 3) == 0);
    if (!prefix || (tokenizer->prefix_once && has_space))
        return pieces_encode(encoder, text, length, error);
    buffer_clear(&encoder->prefixed);
    FORWARD(buffer_append(&encoder->prefixed, " ", 1, error));
    FORWARD(buffer_append(&encoder->prefixed, text, length, error));
    return pieces_encode(encoder, encoder->prefixed.bytes, length + 1, error);
}

static bool is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static primer_status encode_text(struct encoder *encoder, const struct added_text *where,
                                 unsigned flags, primer_error *error)
{
    const struct tokenizer *const tokenizer = encoder->tokenizer;
    const char *const text = where->bytes;
    const size_t length = where->length;
    bool prefix = tokenizer->prefix != TOKENIZER_PREFIX_NEVER && (flags & TOKENIZER_CONTINUE) == 0;
    for (size_t at = 0;;) {
        size_t begin = length, end = length;
        const int32_t id = added_search(&tokenizer->added, where, at, &begin, &end);
        const struct vocabulary_token *const token =
            id < 0 ? NULL : &tokenizer->vocabulary.tokens[id];
        if (token != NULL && token->strips_left) {
            while (begin > at && is_space(text[begin - 1]))
                begin--;
        }
        FORWARD(encode_fragment(encoder, text + at, begin - at, prefix, error));
        if (token == NULL)
            return PRIMER_OK;
        FORWARD(token_list_append(encoder->out, id, error));
        prefix = tokenizer->prefix == TOKENIZER_PREFIX_ALWAYS;
        at = end;
        while (token->strips_right && at < length && is_space(text[at]))
            at++;
    }
}

primer_status tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t length,
                               unsigned flags, struct token_list *out, primer_error *error)
{
    return tokenizer_encode_marked(tokenizer, text, NULL, length, flags, out, error);
}

primer_status tokenizer_encode_marked(const struct tokenizer *tokenizer, const char *text,
                                      const unsigned char *outside, size_t length, unsigned flags,
                                      struct token_list *out, primer_error *error)
{
    primer_status status = PRIMER_OK;
    const struct added_text where = {text, outside, length, (flags & TOKENIZER_SPECIAL) != 0};
    const size_t before = out->count;
    struct encoder encoder = {.tokenizer = tokenizer, .out = out};
    if (length > TOKENIZER_TEXT_MOST)
        FAIL(PRIMER_ELIMIT, "a text of %zu bytes: at most %zu can be tokenized at once", length,
             TOKENIZER_TEXT_MOST);
    if ((flags & TOKENIZER_BOS) != 0 && tokenizer->adds_bos && tokenizer->bos >= 0)
        TRY(token_list_append(out, tokenizer->bos, error));
    TRY(word_cache_create(&encoder.cache, length, error));
    TRY(encode_text(&encoder, &where, flags, error));
cleanup:
    if (status != PRIMER_OK)
        out->count = before;
    merge_work_free(&encoder.work);
    word_cache_free(&encoder.cache);
    buffer_free(&encoder.prefixed);
    return status;
}

/* ---- questions ---- */

const char *tokenizer_bytes(const struct tokenizer *tokenizer, int32_t id, bool special,
                            size_t *length)
{
    *length = 0;
    if (id < 0 || (size_t)id >= tokenizer->vocabulary.count)
        return NULL;
    const struct vocabulary_token *const token = &tokenizer->vocabulary.tokens[id];
    const bool hidden = token->kind == VOCABULARY_CONTROL || token->kind == VOCABULARY_UNKNOWN;
    if (!hidden || special)
        *length = token->bytes_length;
    return vocabulary_bytes(&tokenizer->vocabulary, (size_t)id);
}

size_t tokenizer_vocabulary(const struct tokenizer *tokenizer)
{
    return tokenizer->vocabulary.count;
}

size_t tokenizer_longest(const struct tokenizer *tokenizer)
{
    return tokenizer->vocabulary.longest;
}

int32_t tokenizer_bos(const struct tokenizer *tokenizer)
{
    return tokenizer->bos;
}

int32_t tokenizer_eos(const struct tokenizer *tokenizer)
{
    return tokenizer->eos;
}

bool tokenizer_adds_bos(const struct tokenizer *tokenizer)
{
    return tokenizer->adds_bos && tokenizer->bos >= 0;
}

bool tokenizer_ends(const struct tokenizer *tokenizer, int32_t id)
{
    return id >= 0 && (size_t)id < tokenizer->vocabulary.count &&
           tokenizer->vocabulary.tokens[id].ends;
}

uint64_t tokenizer_hash(const struct tokenizer *tokenizer)
{
    uint64_t hash = 0;
    for (size_t id = 0; id < tokenizer->vocabulary.count; id++) {
        size_t length = 0;
        const char *const bytes = tokenizer_bytes(tokenizer, (int32_t)id, true, &length);
        hash = hash_bytes(bytes, length, hash);
    }
    return hash;
}

bool tokenizer_is_control(const struct tokenizer *tokenizer, int32_t id)
{
    return id >= 0 && (size_t)id < tokenizer->vocabulary.count &&
           tokenizer->vocabulary.tokens[id].kind == VOCABULARY_CONTROL;
}

/* The text as the vocabulary writes it: bytes in the alphabet, or spaces as "▁". */
static size_t written_as(const struct tokenizer *tokenizer, const char *text, size_t length,
                         char *out)
{
    size_t written = 0;
    for (size_t i = 0; i < length; i++) {
        if (tokenizer->byte_level) {
            written += vocabulary_alphabet_encode((unsigned char)text[i], out + written);
        } else if (text[i] == ' ') {
            memcpy(out + written, "\xE2\x96\x81", 3);
            written += 3;
        } else {
            out[written++] = text[i];
        }
    }
    return written;
}

int32_t tokenizer_find(const struct tokenizer *tokenizer, const char *text, size_t length)
{
    char written[3 * VOCABULARY_TEXT_MOST];
    if (length == 0 || length > VOCABULARY_TEXT_MOST)
        return -1;
    int32_t id = vocabulary_find(&tokenizer->vocabulary, text, length);
    if (id >= 0 && tokenizer->vocabulary.tokens[id].kind != VOCABULARY_NORMAL &&
        tokenizer->vocabulary.tokens[id].kind != VOCABULARY_BYTE)
        return id;
    id = vocabulary_find(&tokenizer->vocabulary, written,
                         written_as(tokenizer, text, length, written));
    if (id < 0 && length == 1 && !tokenizer->byte_level)
        id = tokenizer->pieces.byte_ids[(unsigned char)text[0]];
    return id;
}
