/* vocabulary.h - the tokens: their text as the file has it, the bytes they stand for, their kind.
 *
 *   tokens[id] -> text  in store.bytes   "Ġhello", "▁hello", "<0x0A>", "<|endoftext|>"
 *              -> bytes in store.bytes   " hello", " hello", "\n",     "<|endoftext|>"
 *   slots      hash of text -> id (open addressing, at most half full)
 *
 * Empty texts (ids that a file leaves out) are legal and are found by nothing.
 */
#ifndef TOKENIZER_VOCABULARY_H
#define TOKENIZER_VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/error.h"

#define VOCABULARY_MOST      ((size_t)1 << 20) /* tokens */
#define VOCABULARY_TEXT_MOST 4096              /* bytes of one token */

/* As tokenizer.ggml.token_type counts them. */
enum vocabulary_kind {
    VOCABULARY_NORMAL = 1,
    VOCABULARY_UNKNOWN,
    VOCABULARY_CONTROL,
    VOCABULARY_USER_DEFINED,
    VOCABULARY_UNUSED,
    VOCABULARY_BYTE
};

struct vocabulary_token {
    uint32_t text, text_length;   /* in the store */
    uint32_t bytes, bytes_length; /* in the store */
    float score;
    uint8_t kind;
    bool ends;                      /* a model that says it has finished */
    bool strips_left, strips_right; /* white space beside it in a text belongs to it */
};

struct vocabulary_slot {
    uint32_t hash;
    int32_t id; /* -1: empty */
};

struct vocabulary {
    struct vocabulary_token *tokens;
    size_t count, longest; /* longest: bytes of the longest token */
    struct buffer store;
    struct vocabulary_slot *slots;
    size_t capacity; /* of slots, a power of two */
};

primer_status vocabulary_create(struct vocabulary *vocabulary, size_t count, primer_error *error);
void vocabulary_free(struct vocabulary *vocabulary);
/* Copies the text of an id below count. */
primer_status vocabulary_set(struct vocabulary *vocabulary, size_t id, const char *text,
                             size_t length, primer_error *error);
/* Enters a token that has been set into the look-up; another with the same text is an error that
 * names both. */
primer_status vocabulary_enter(struct vocabulary *vocabulary, size_t id, primer_error *error);
int32_t vocabulary_find(const struct vocabulary *vocabulary, const char *text, size_t length);

/* Marks the tokens that models end their turn with by their texts, and makes them control tokens,
 * so that no text can contain one by accident. */
void vocabulary_mark_ends(struct vocabulary *vocabulary);
/* Whether vocabulary_mark_ends marks a token with this text. */
bool vocabulary_is_end(const char *text, size_t length);
/* After all are set: every token's bytes. Byte-level: the text is in GPT-2's alphabet; else "▁" is
 * a space. */
primer_status vocabulary_finish(struct vocabulary *vocabulary, bool byte_level,
                                primer_error *error);

static inline const char *vocabulary_text(const struct vocabulary *vocabulary, size_t id)
{
    return vocabulary->store.bytes + vocabulary->tokens[id].text;
}
static inline const char *vocabulary_bytes(const struct vocabulary *vocabulary, size_t id)
{
    return vocabulary->store.bytes + vocabulary->tokens[id].bytes;
}

/* The value of "<0x41>", or -1. */
int vocabulary_byte_value(const char *text, size_t length);

/* GPT-2's alphabet of bytes: every byte a printable character (Radford et al. 2019,
 * bytes_to_unicode): itself where it is printable Latin-1, else U+0100 onwards in order. */
size_t vocabulary_alphabet_encode(unsigned char byte, char out[2]);
/* False where the text isn't wholly in the alphabet; `out` has room for `length` bytes. */
bool vocabulary_alphabet_decode(const char *text, size_t length, char *out, size_t *out_length);

#endif
