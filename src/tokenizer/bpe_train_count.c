/* bpe_train_count.c - the table of distinct pieces. See bpe_train_count.h. */
#include "tokenizer/bpe_train_count.h"

#include <string.h>
#include "base/hash.h"
#include "base/memory.h"

enum {
    LONG = 0xFF,           /* the last byte of a long piece's key */
    FIRST_CAPACITY = 1024, /* slots */
    BLOCK = 64,            /* slots */
    LAST = sizeof(struct word_cache_key) - 1
};

static unsigned last_byte(const struct word_cache_key *key)
{
    return ((const unsigned char *)key)[LAST];
}

static size_t place_of(const struct bpe_train_counts *counts, struct word_cache_key key)
{
    uint64_t mixed = key.half[0] * 0x9E3779B97F4A7C15u ^ key.half[1] * 0xC2B2AE3D27D4EB4Fu;
    mixed ^= mixed >> 32;
    return (size_t)(mixed * 0x165667B19E3779F9u >> counts->shift);
}

/* Where a long piece is looked for: by its hash alone. */
static struct word_cache_key long_key(uint64_t hash, uint32_t at)
{
    struct word_cache_key key;
    unsigned char bytes[sizeof key] = {0};
    memcpy(bytes, &hash, sizeof hash);
    memcpy(bytes + sizeof hash, &at, sizeof at);
    bytes[LAST] = LONG;
    memcpy(&key, bytes, sizeof key);
    return key;
}

static const char *stored(const struct bpe_train_counts *counts, const struct word_cache_key *key,
                          size_t *length)
{
    uint32_t at, taken;
    memcpy(&at, (const char *)key + sizeof(uint64_t), sizeof at);
    memcpy(&taken, counts->store.bytes + at, sizeof taken);
    *length = taken;
    return counts->store.bytes + at + sizeof taken;
}

const char *bpe_train_counts_piece(const struct bpe_train_counts *counts,
                                   const struct bpe_train_slot *slot, size_t *length)
{
    if (last_byte(&slot->key) == LONG)
        return stored(counts, &slot->key, length);
    *length = last_byte(&slot->key);
    return (const char *)&slot->key;
}

static uint64_t first_half(const struct word_cache_key *key)
{
    uint64_t half;
    memcpy(&half, key, sizeof half);
    return half;
}

/* Where the slot's piece is put in a table; a long one's place in the store says nothing. */
static size_t home(const struct bpe_train_counts *counts, const struct word_cache_key *key)
{
    return last_byte(key) == LONG ? place_of(counts, long_key(first_half(key), 0))
                                  : place_of(counts, *key);
}

static primer_status grow(struct bpe_train_counts *counts, size_t capacity, primer_error *error)
{
    struct bpe_train_slot *const slots = memory_allocate(capacity, sizeof *slots);
    if (slots == NULL)
        return memory_failure(error, "counting pieces", capacity * sizeof *slots);
    struct bpe_train_counts grown = *counts;
    grown.slots = slots;
    grown.capacity = capacity;
    grown.shift = 64;
    for (size_t n = capacity; n > 1; n /= 2)
        grown.shift--;
    for (size_t i = 0; i < counts->capacity; i++) {
        if (counts->slots[i].count == 0)
            continue;
        size_t at = home(&grown, &counts->slots[i].key);
        while (slots[at].count != 0)
            at = (at + 1) & (capacity - 1);
        slots[at] = counts->slots[i];
    }
    memory_free(counts->slots);
    *counts = grown;
    return PRIMER_OK;
}

static primer_status reserve_one(struct bpe_train_counts *counts, primer_error *error)
{
    if (2 * (counts->used + 1) <= counts->capacity)
        return PRIMER_OK;
    return grow(counts, counts->capacity == 0 ? FIRST_CAPACITY : 2 * counts->capacity, error);
}

static primer_status add_short(struct bpe_train_counts *counts, struct word_cache_key key,
                               uint64_t times, primer_error *error)
{
    size_t at = 0;
    if (counts->capacity > 0) {
        for (at = place_of(counts, key);; at = (at + 1) & (counts->capacity - 1)) {
            struct bpe_train_slot *const slot = &counts->slots[at];
            if (slot->count == 0)
                break;
            if (slot->key.half[0] == key.half[0] && slot->key.half[1] == key.half[1]) {
                slot->count += times;
                return PRIMER_OK;
            }
        }
    }
    const size_t before = counts->capacity;
    FORWARD(reserve_one(counts, error));
    if (counts->capacity != before) {
        at = place_of(counts, key);
        while (counts->slots[at].count != 0)
            at = (at + 1) & (counts->capacity - 1);
    }
    counts->slots[at] = (struct bpe_train_slot){key, times};
    counts->used++;
    counts->bytes += last_byte(&key);
    return PRIMER_OK;
}

static primer_status add_long(struct bpe_train_counts *counts, const char *piece, size_t length,
                              uint64_t times, primer_error *error)
{
    const uint64_t hash = hash_bytes(piece, length, 0);
    FORWARD(reserve_one(counts, error));
    size_t at = place_of(counts, long_key(hash, 0));
    for (;; at = (at + 1) & (counts->capacity - 1)) {
        struct bpe_train_slot *const slot = &counts->slots[at];
        if (slot->count == 0)
            break;
        if (last_byte(&slot->key) != LONG || first_half(&slot->key) != hash)
            continue;
        size_t stored_length;
        const char *const bytes = stored(counts, &slot->key, &stored_length);
        if (stored_length == length && memcmp(bytes, piece, length) == 0) {
            slot->count += times;
            return PRIMER_OK;
        }
    }
    const uint32_t size = (uint32_t)length;
    const size_t place = counts->store.length;
    if (length > UINT32_MAX / 2 || place > UINT32_MAX - sizeof size - length)
        return error_set(error, PRIMER_ELIMIT, "the texts' long pieces exceed 4 GB");
    FORWARD(buffer_reserve(&counts->store, sizeof size + length, error));
    FORWARD(buffer_append(&counts->store, &size, sizeof size, error));
    FORWARD(buffer_append(&counts->store, piece, length, error));
    counts->slots[at] = (struct bpe_train_slot){long_key(hash, (uint32_t)place), times};
    counts->used++;
    counts->bytes += length;
    return PRIMER_OK;
}

primer_status bpe_train_counts_add(struct bpe_train_counts *counts, const char *piece,
                                   size_t length, size_t readable, uint64_t times,
                                   primer_error *error)
{
    if (length <= WORD_CACHE_BYTES)
        return add_short(counts, word_cache_key_of(piece, length, readable), times, error);
    return add_long(counts, piece, length, times, error);
}

static primer_status add_slot(struct bpe_train_counts *counts,
                              const struct bpe_train_counts *others,
                              const struct bpe_train_slot *slot, primer_error *error)
{
    if (last_byte(&slot->key) != LONG)
        return add_short(counts, slot->key, slot->count, error);
    size_t length;
    const char *const piece = stored(others, &slot->key, &length);
    return add_long(counts, piece, length, slot->count, error);
}

/* The i-th slot of a table that is gone through to fill another one: in blocks, a golden section of
 * the table apart. Slots lie in the order of their hashes; filled in that order the other table
 * would be crowded at its front, where every search takes its steps, while the rest is empty. */
static const struct bpe_train_slot *slot_apart(const struct bpe_train_counts *counts, size_t i)
{
    const size_t blocks = counts->capacity / BLOCK;
    const size_t stride = (size_t)((uint64_t)blocks * 0x9E3779B9u >> 32) | 1;
    return &counts->slots[(i / BLOCK * stride & (blocks - 1)) * BLOCK + i % BLOCK];
}

primer_status bpe_train_counts_join(struct bpe_train_counts *counts,
                                    const struct bpe_train_counts *others, primer_error *error)
{
    for (size_t i = 0; i < others->capacity; i++) {
        const struct bpe_train_slot *const slot = slot_apart(others, i);
        if (slot->count != 0)
            FORWARD(add_slot(counts, others, slot, error));
    }
    return PRIMER_OK;
}

/* ---- pruning --------------------------------------------------------------------------------- */

/* Whether what occurs more than `most` times is within the limits. */
static bool fits_above(const struct bpe_train_counts *counts, uint64_t most, size_t pieces,
                       uint64_t bytes)
{
    size_t kept = 0, length;
    uint64_t kept_bytes = 0;
    for (size_t i = 0; i < counts->capacity; i++) {
        if (counts->slots[i].count <= most)
            continue;
        bpe_train_counts_piece(counts, &counts->slots[i], &length);
        kept++;
        kept_bytes += length;
    }
    return kept <= pieces && kept_bytes <= bytes;
}

primer_status bpe_train_counts_prune(struct bpe_train_counts *counts, size_t pieces, uint64_t bytes,
                                     struct bpe_train_dropped *dropped, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct bpe_train_counts kept = {0};
    uint64_t rare = 0;
    if (counts->used <= pieces && counts->bytes <= bytes)
        return PRIMER_OK;
    for (rare = 1; !fits_above(counts, rare, pieces, bytes); rare *= 2) {
    }
    for (size_t i = 0; i < counts->capacity; i++) {
        const struct bpe_train_slot *const slot = slot_apart(counts, i);
        if (slot->count > rare) {
            TRY(add_slot(&kept, counts, slot, error));
        } else if (slot->count > 0) {
            dropped->pieces++;
            dropped->occurrences += slot->count;
        }
    }
    bpe_train_counts_free(counts);
    *counts = kept;
    kept = (struct bpe_train_counts){0};
cleanup:
    bpe_train_counts_free(&kept);
    return status;
}

void bpe_train_counts_clear(struct bpe_train_counts *counts)
{
    if (counts->capacity > 0)
        memset(counts->slots, 0, counts->capacity * sizeof *counts->slots);
    buffer_clear(&counts->store);
    counts->used = 0;
    counts->bytes = 0;
}

void bpe_train_counts_free(struct bpe_train_counts *counts)
{
    memory_free(counts->slots);
    buffer_free(&counts->store);
    *counts = (struct bpe_train_counts){0};
}
