/* bpe_train_read.h - from files to counted pieces, by all threads. */
#ifndef TOKENIZER_BPE_TRAIN_READ_H
#define TOKENIZER_BPE_TRAIN_READ_H

#include "tokenizer/bpe_train.h"
#include "tokenizer/bpe_train_count.h"

/* Adds the distinct pieces of the files to `counts` (characters instead of pieces where the options
 * say so), and to `trained` what was seen. */
primer_status bpe_train_read(const char *const *paths, size_t count,
                             const struct bpe_train_options *options, struct bpe_trained *trained,
                             struct bpe_train_counts *counts, primer_error *error);

#endif
