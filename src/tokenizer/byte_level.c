/* byte_level.c - byte-level BPE: a word's bytes are its first symbols, merges join them by rank.
 *
 *   word --bytes--> symbols --merges--> ids        short words by way of the cache
 */
#include "tokenizer/tokenizer_internal.h"

/* The word as one token, or -1. */
static int32_t whole_word(const struct tokenizer *tokenizer, const char *word, size_t length)
{
    char text[VOCABULARY_TEXT_MOST];
    if (length > sizeof text / 2)
        return -1;
    size_t written = 0;
    for (size_t i = 0; i < length; i++)
        written += vocabulary_alphabet_encode((unsigned char)word[i], text + written);
    return vocabulary_find(&tokenizer->vocabulary, text, written);
}

/* Appends the ids of symbols[0..n). */
static primer_status append_symbols(struct encoder *encoder, size_t n, primer_error *error)
{
    const struct tokenizer *const tokenizer = encoder->tokenizer;
    const uint32_t count = (uint32_t)tokenizer->vocabulary.count;
    FORWARD(token_list_reserve(encoder->out, n, error));
    for (size_t i = 0; i < n; i++) {
        const uint32_t symbol = encoder->work.symbols[i];
        if (symbol < count) {
            encoder->out->ids[encoder->out->count++] = (int32_t)symbol;
            continue;
        }
        const char byte = (char)(symbol - count);
        FORWARD(tokenizer_append_unknown(encoder, &byte, 1, error));
        FORWARD(token_list_reserve(encoder->out, n - i, error));
    }
    return PRIMER_OK;
}

static primer_status merge_word(struct encoder *encoder, const char *word, size_t length,
                                primer_error *error)
{
    const struct tokenizer *const tokenizer = encoder->tokenizer;
    if (tokenizer->whole_words) {
        const int32_t id = whole_word(tokenizer, word, length);
        if (id >= 0)
            return token_list_append(encoder->out, id, error);
    }
    FORWARD(merge_reserve(&encoder->work, length, error));
    for (size_t i = 0; i < length; i++)
        encoder->work.symbols[i] = tokenizer->byte_symbols[(unsigned char)word[i]];
    FORWARD(merge_run(&tokenizer->merges, &encoder->work, &length, error));
    return append_symbols(encoder, length, error);
}

static primer_status encode_word(void *context, const char *word, size_t length, size_t readable,
                                 primer_error *error)
{
    struct encoder *const encoder = context;
    if (length > WORD_CACHE_BYTES || encoder->cache.entries == NULL)
        return merge_word(encoder, word, length, error);
    const struct word_cache_key key = word_cache_key_of(word, length, readable);
    struct word_cache_entry *const entry = word_cache_at(&encoder->cache, key);
    struct token_list *const out = encoder->out;
    if (word_cache_holds(entry, key)) {
        FORWARD(token_list_reserve(out, WORD_CACHE_IDS, error));
        memcpy(out->ids + out->count, entry->ids, sizeof entry->ids);
        out->count += entry->count;
        return PRIMER_OK;
    }
    const size_t before = out->count, unknowns = encoder->unknowns;
    FORWARD(merge_word(encoder, word, length, error));
    /* What an unknown byte becomes depends on the text before. */
    if (unknowns == encoder->unknowns)
        word_cache_put(entry, key, out->ids + before, out->count - before);
    return PRIMER_OK;
}

primer_status byte_level_encode(struct encoder *encoder, const char *text, size_t length,
                                primer_error *error)
{
    return pattern_split(&encoder->tokenizer->pattern, &encoder->tokenizer->classes, text, length,
                         encode_word, encoder, error);
}
