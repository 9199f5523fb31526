/* bpe_train_count.h - how often each distinct piece of the texts occurs.
 *
 *   slots    open addressing, at most half full, one slot of 24 bytes per distinct piece
 *
 *     short  | the piece's bytes, zeros ..                | length 1..15 | count |
 *     long   | hash 8 | place in the store 4 | zeros 3    | 0xFF         | count |
 *
 *   store    of long pieces: length (4 bytes), bytes
 *
 * A text has far fewer different pieces than pieces (Zipf), and nearly all are short: counting is a
 * look-up of 16 bytes. Each thread counts into a table of its own; tables are joined by adding.
 */
#ifndef TOKENIZER_BPE_TRAIN_COUNT_H
#define TOKENIZER_BPE_TRAIN_COUNT_H

#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/error.h"
#include "tokenizer/word_cache.h"

struct bpe_train_slot {
    struct word_cache_key key;
    uint64_t count; /* 0: empty */
};

/* Zero-initialise. */
struct bpe_train_counts {
    struct bpe_train_slot *slots;
    size_t capacity, used; /* capacity: a power of two, or 0 */
    unsigned shift;        /* 64 - log2(capacity) */
    struct buffer store;
    uint64_t bytes; /* of all distinct pieces */
};

/* What bpe_train_counts_prune took out. */
struct bpe_train_dropped {
    uint64_t pieces, occurrences; /* distinct ones; how often they had been met */
};

/* `readable`: bytes that may be read from `piece` on (word_cache.h). */
primer_status bpe_train_counts_add(struct bpe_train_counts *counts, const char *piece,
                                   size_t length, size_t readable, uint64_t times,
                                   primer_error *error);
primer_status bpe_train_counts_join(struct bpe_train_counts *counts,
                                    const struct bpe_train_counts *others, primer_error *error);
/* Takes the rarest pieces out until at most `pieces` are left, with `bytes` bytes. */
primer_status bpe_train_counts_prune(struct bpe_train_counts *counts, size_t pieces, uint64_t bytes,
                                     struct bpe_train_dropped *dropped, primer_error *error);
void bpe_train_counts_clear(struct bpe_train_counts *counts); /* keeps the memory */
void bpe_train_counts_free(struct bpe_train_counts *counts);

/* The bytes of a slot that isn't empty; they lie in the slot or in the store. */
const char *bpe_train_counts_piece(const struct bpe_train_counts *counts,
                                   const struct bpe_train_slot *slot, size_t *length);

#endif
