/* word_cache.h - the ids of short words seen before in this text (Zipf: most words are).
 *
 *   entry = 16 bytes of key (the word, zeros, its length last), count, up to 11 ids: one cache line
 *
 * Direct-mapped; belongs to one call, so threads share nothing.
 */
#ifndef TOKENIZER_WORD_CACHE_H
#define TOKENIZER_WORD_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "base/error.h"

enum { WORD_CACHE_BYTES = 15, WORD_CACHE_IDS = 11 };

struct word_cache_key {
    uint64_t half[2];
};

struct word_cache_entry {
    struct word_cache_key key; /* both halves 0: empty */
    uint32_t count;
    int32_t ids[WORD_CACHE_IDS];
};

struct word_cache {
    struct word_cache_entry *entries; /* NULL: no cache */
    size_t capacity;                  /* a power of two */
};

/* A cache that suits a text of this length: none for a short one. */
primer_status word_cache_create(struct word_cache *cache, size_t text_length, primer_error *error);
void word_cache_free(struct word_cache *cache);

/* `readable`: bytes that may be read from `word` on. */
static inline struct word_cache_key word_cache_key_of(const char *word, size_t length,
                                                      size_t readable)
{
    struct word_cache_key key = {{0, 0}};
    if (readable >= sizeof key && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
        memcpy(&key, word, sizeof key);
        if (length < 8) {
            key.half[0] &= ((uint64_t)1 << (8 * length)) - 1;
            key.half[1] = 0;
        } else {
            key.half[1] &= ((uint64_t)1 << (8 * (length - 8))) - 1;
        }
        key.half[1] |= (uint64_t)length << 56;
        return key;
    }
    unsigned char bytes[sizeof key] = {0};
    memcpy(bytes, word, length);
    bytes[sizeof bytes - 1] = (unsigned char)length;
    memcpy(&key, bytes, sizeof key);
    return key;
}

static inline struct word_cache_entry *word_cache_at(const struct word_cache *cache,
                                                     struct word_cache_key key)
{
    uint64_t mixed = key.half[0] * 0x9E3779B97F4A7C15u ^ key.half[1] * 0xC2B2AE3D27D4EB4Fu;
    mixed ^= mixed >> 32;
    return &cache->entries[(size_t)(mixed * 0x165667B19E3779F9u >> 40) & (cache->capacity - 1)];
}

static inline bool word_cache_holds(const struct word_cache_entry *entry, struct word_cache_key key)
{
    return entry->key.half[0] == key.half[0] && entry->key.half[1] == key.half[1];
}

/* Words with more ids than an entry has room for are not kept. */
static inline void word_cache_put(struct word_cache_entry *entry, struct word_cache_key key,
                                  const int32_t *ids, size_t count)
{
    if (count > WORD_CACHE_IDS)
        return;
    entry->key = key;
    entry->count = (uint32_t)count;
    memcpy(entry->ids, ids, count * sizeof *ids);
}

#endif
