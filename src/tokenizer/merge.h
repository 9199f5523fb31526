/* merge.h - byte-pair merging: which two symbols join, to what, in which order.
 *
 * Both families of tokenizers come down to this. A text is a row of symbols (token ids, and private
 * ones above them); the table says of a pair its rank and the symbol it becomes. Of all neighbours
 * the pair of lowest rank is joined, the leftmost among equals, until none is left.
 *
 *   byte-level BPE    rank = line of the merge, all different
 *   SentencePiece     rank = place of the joined piece's score from the highest down; equal scores
 *                     have equal ranks
 *
 * (Sennrich et al. 2016, arXiv 1508.07909; Kudo, Richardson 2018, arXiv 1808.06226)
 */
#ifndef TOKENIZER_MERGE_H
#define TOKENIZER_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

#define MERGE_SYMBOLS_MOST ((size_t)1 << 30) /* of one run */

struct merge_slot {
    uint64_t pair; /* left << 32 | right; UINT64_MAX: empty */
    uint32_t rank, result;
};

/* Open addressing, linear probing, at most half full. */
struct merge_table {
    struct merge_slot *slots;
    size_t capacity, count; /* capacity: a power of two */
    unsigned shift;         /* 64 - log2(capacity) */
    uint32_t ranks;         /* one more than the highest rank */
};

primer_status merge_table_create(struct merge_table *table, size_t expected, primer_error *error);
void merge_table_free(struct merge_table *table);
/* *added false: the pair was there already (nothing is changed). */
primer_status merge_table_add(struct merge_table *table, uint32_t left, uint32_t right,
                              uint32_t rank, uint32_t result, bool *added, primer_error *error);

static inline size_t merge_place(const struct merge_table *table, uint64_t pair)
{
    return (size_t)((pair * 0x9E3779B97F4A7C15u) >> table->shift);
}

/* NULL: the pair doesn't join. */
static inline const struct merge_slot *merge_find(const struct merge_table *table, uint32_t left,
                                                  uint32_t right)
{
    const uint64_t pair = (uint64_t)left << 32 | right;
    for (size_t at = merge_place(table, pair);; at = (at + 1) & (table->capacity - 1)) {
        const struct merge_slot *const slot = &table->slots[at];
        if (slot->pair == pair)
            return slot;
        if (slot->pair == UINT64_MAX)
            return NULL;
    }
}

/* A place of a long run's chain: its neighbours, and rank and result of the pair (this, next). */
struct merge_link {
    uint32_t symbol, next, previous, rank, result;
};

/* Part of a list of positions. */
enum { MERGE_NODE_POSITIONS = 6 };
struct merge_node {
    uint32_t at[MERGE_NODE_POSITIONS];
    uint32_t count, next;
};

/* The memory of one thread's runs, grown as needed; zero-initialise. The caller fills
 * symbols[0..n). */
struct merge_work {
    uint32_t *symbols;
    size_t capacity;
    struct merge_link *links; /* [n] */
    size_t link_capacity;
    uint64_t *heap; /* rank << 32 | position */
    size_t heap_count, heap_capacity;
    struct merge_node *nodes; /* of the lists of positions by rank */
    size_t node_count, node_capacity;
    uint32_t *first, *last; /* [ranks] into nodes */
    uint64_t *waiting;      /* a bit per rank that has a list */
    uint32_t ranks;         /* of the table that first, last, waiting were made for */
    uint32_t *batch, *batch_sorted;
    size_t batch_at, batch_count, batch_capacity;
    int64_t current; /* rank of the batch: what is not above it waits in the heap */
};

/* Room for `n` symbols; those that are there stay. */
primer_status merge_reserve(struct merge_work *work, size_t n, primer_error *error);
/* Joins symbols[0..*n) as far as the table says; *n becomes what is left. O(n) but for the sorting
 * of positions inside a rank. */
primer_status merge_run(const struct merge_table *table, struct merge_work *work, size_t *n,
                        primer_error *error);
void merge_work_free(struct merge_work *work);

#endif
