/* pieces.c - encoding by pieces. See pieces.h; how the tables come about is in pieces_build.c.
 *
 *   text   H e l l o ␣ w o r l d ...        a word ends where no piece has the two characters
 *          '-------' '---------'            side by side; short words by way of the cache
 */
#include "tokenizer/pieces.h"

#include "base/utf8.h"
#include "tokenizer/tokenizer_internal.h"

/* A character of the text, and whether it is a space. */
struct letter {
    uint32_t symbol;
    size_t width;
    bool space;
};

static struct letter letter_at(const struct pieces *pieces, const char *text, size_t length,
                               size_t at)
{
    const unsigned char byte = (unsigned char)text[at];
    uint32_t code_point = byte;
    size_t width = 1;
    if (byte >= 0x80) {
        width = utf8_decode(text + at, length - at, &code_point);
        if (width == 0) {
            width = 1;
            code_point = 0x110000u + byte;
        }
    }
    const uint32_t symbol = pieces->pages[pieces->page_of[code_point >> 8]][code_point & 0xFF];
    return (struct letter){symbol, width, code_point == ' ' || code_point == 0x2581};
}

/* Appends the ids of symbols[0..n). */
static primer_status append_symbols(struct encoder *encoder, size_t n, primer_error *error)
{
    const uint32_t count = (uint32_t)encoder->tokenizer->vocabulary.count;
    FORWARD(token_list_reserve(encoder->out, n, error));
    for (size_t i = 0; i < n; i++) {
        const uint32_t symbol = encoder->work.symbols[i];
        if (symbol < count) {
            encoder->out->ids[encoder->out->count++] = (int32_t)symbol;
            continue;
        }
        const uint32_t code_point = encoder->tokenizer->pieces.letters[symbol - count];
        char bytes[4] = {(char)(code_point & 0xFF)};
        size_t length = 1;
        if (code_point == 0x2581)
            bytes[0] = ' ';
        else if (code_point < 0x110000)
            length = utf8_encode(code_point, bytes);
        FORWARD(tokenizer_append_unknown(encoder, bytes, length, error));
        FORWARD(token_list_reserve(encoder->out, n - i, error));
    }
    return PRIMER_OK;
}

/* The word's bytes, whose symbols are symbols[0..n). */
static primer_status encode_word(struct encoder *encoder, const char *word, size_t length,
                                 size_t readable, size_t n, primer_error *error)
{
    struct token_list *const out = encoder->out;
    const struct merge_table *const merges = &encoder->tokenizer->merges;
    if (n <= 1)
        return append_symbols(encoder, n, error);
    if (length > WORD_CACHE_BYTES || encoder->cache.entries == NULL) {
        FORWARD(merge_run(merges, &encoder->work, &n, error));
        return append_symbols(encoder, n, error);
    }
    const struct word_cache_key key = word_cache_key_of(word, length, readable);
    struct word_cache_entry *const entry = word_cache_at(&encoder->cache, key);
    if (word_cache_holds(entry, key)) {
        FORWARD(token_list_reserve(out, WORD_CACHE_IDS, error));
        memcpy(out->ids + out->count, entry->ids, sizeof entry->ids);
        out->count += entry->count;
        return PRIMER_OK;
    }
    const size_t before = out->count, unknowns = encoder->unknowns;
    FORWARD(merge_run(merges, &encoder->work, &n, error));
    FORWARD(append_symbols(encoder, n, error));
    /* What an unknown letter becomes depends on the text before. */
    if (unknowns == encoder->unknowns)
        word_cache_put(entry, key, out->ids + before, out->count - before);
    return PRIMER_OK;
}

/* Whether a piece may lie across the border between the characters at text[at - 1] (a symbol before
 * it: `previous`) and text[at]. */
static inline bool joined(const struct pieces *pieces, const char *text, size_t at,
                          uint32_t previous, struct letter letter)
{
    if (letter.symbol == PIECES_NONE || (letter.space && pieces->splits_words))
        return false;
    const unsigned char left = (unsigned char)text[at - 1], right = (unsigned char)text[at];
    if (left < 0x80 && right < 0x80)
        return pieces->ascii_joins[left][right];
    return merge_find(&pieces->joins, previous, letter.symbol) != NULL;
}

primer_status pieces_encode(struct encoder *encoder, const char *text, size_t length,
                            primer_error *error)
{
    const struct pieces *const pieces = &encoder->tokenizer->pieces;
    struct merge_work *const work = &encoder->work;
    size_t start = 0, n = 0;
    FORWARD(merge_reserve(work, 64, error));
    for (size_t at = 0; at < length;) {
        const struct letter letter = letter_at(pieces, text, length, at);
        if (n > 0 && !joined(pieces, text, at, work->symbols[n - 1], letter)) {
            FORWARD(encode_word(encoder, text + start, at - start, length - start, n, error));
            n = 0;
        }
        if (n == 0)
            start = at;
        if (letter.symbol == PIECES_NONE) {
            FORWARD(tokenizer_append_unknown(encoder, text + at, letter.width, error));
        } else {
            if (n == work->capacity)
                FORWARD(merge_reserve(work, n + 1, error));
            work->symbols[n++] = letter.symbol;
        }
        at += letter.width;
    }
    return encode_word(encoder, text + start, length - start, length - start, n, error);
}
