/* bpe_train_plain.h - learning a BPE by its plain definition: all pairs are counted, the most frequent
 * one is joined everywhere, and all are counted again.
 */
#ifndef TESTS_BPE_TRAIN_PLAIN_H
#define TESTS_BPE_TRAIN_PLAIN_H

#include "tokenizer/bpe_train.h"

#define BPE_TRAIN_PLAIN_END "<|endoftext|>" /* the special token that parts texts */
enum { PLAIN_MERGES = 200 };

struct bpe_train_plain_token {
    char bytes[BPE_TRAIN_TOKEN_MOST];
    size_t length;
};

/* Zero-initialise; `symbols` belongs to the C library's allocator. */
struct bpe_train_plain {
    uint32_t *symbols; /* all pieces, UINT32_MAX after each */
    size_t count, capacity;
    struct bpe_train_plain_token tokens[256 + PLAIN_MERGES];
    size_t token_count;
    uint64_t pairs[256 + PLAIN_MERGES][256 + PLAIN_MERGES];
};

/* Appends the text's pieces. */
void bpe_train_plain_cut(struct bpe_train_plain *plain, const struct pattern *pattern,
                         const char *text, size_t length);
/* The most frequent pair, of equal ones that with the greatest bytes; false: none occurs `least`
 * times. */
bool bpe_train_plain_best(struct bpe_train_plain *plain, uint64_t least, uint32_t *left,
                          uint32_t *right);
void bpe_train_plain_join(struct bpe_train_plain *plain, uint32_t left, uint32_t right);

#endif
