/* shard_maker.h - small shards for the tests of this folder. */
#ifndef TESTS_SHARD_MAKER_H
#define TESTS_SHARD_MAKER_H

#include <stddef.h>
#include <stdint.h>
#include "train/train_data.h"

/* A new folder's path, static; the folder goes with shard_folder_remove. */
const char *shard_folder_make(void);
void shard_folder_remove(void);
/* FOLDER/NAME, static until the fourth call after. */
const char *shard_path(const char *name);

/* Token `index` of document `document` of shard `shard`: different for every place in tests that
 * keep to less than 16 shards, 256 documents and 256 tokens; the vocabulary is SHARD_VOCABULARY. */
#define SHARD_VOCABULARY ((size_t)1 << 20)
int32_t shard_token(size_t shard, size_t document, size_t index);

/* A shard of such documents, with `lengths[i]` tokens each, written and opened. asked NULL: every
 * token; else asked(document, index) says. */
struct train_shard *shard_make(size_t shard, const size_t *lengths, size_t count,
                               int (*asked)(size_t document, size_t index));

#endif
