/* bpe_train_merge.h - from counted pieces to merges. */
#ifndef TOKENIZER_BPE_TRAIN_MERGE_H
#define TOKENIZER_BPE_TRAIN_MERGE_H

#include "tokenizer/bpe_train.h"
#include "tokenizer/bpe_train_count.h"

/* Appends up to `wanted` merges and their tokens to `trained`, which has the 256 bytes; takes the
 * table's memory away. No pair is merged to a token for which `refused` says so. */
struct bpe_train_merging {
    size_t wanted;
    uint64_t least_count;
    bool (*refused)(void *context, const char *bytes, size_t length);
    void *refused_context;
    bool (*progress)(void *context, const char *what, uint64_t done, uint64_t all);
    void *context;
};
primer_status bpe_train_merge(struct bpe_train_counts *counts,
                              const struct bpe_train_merging *merging, struct bpe_trained *trained,
                              primer_error *error);

/* Appends one merge and its token. */
primer_status bpe_train_append(struct bpe_trained *trained, struct bpe_train_pair pair,
                               primer_error *error);

#endif
