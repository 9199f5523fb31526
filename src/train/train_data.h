/* train_data.h - token shards, and batches drawn from a mixture of them.
 *
 * A shard is a file of documents as tokens, mapped (docs/shards.md draws it): magic, version,
 * vocabulary, checksum, documents' borders, ids of 16 or 32 bits, and optionally a bit per token:
 * whether the loss asks for it.
 *
 * A sampler deals the documents of each source in an order that a seed and the pass's number give,
 * every document once a pass, packs them into rows without a gap, and draws for each row's next
 * document the source by weight. Its position is a few numbers: a run that goes on from them gets
 * the batches it would have got.
 */
#ifndef TRAIN_TRAIN_DATA_H
#define TRAIN_TRAIN_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "train/train_pass.h"

struct train_shard; /* an open file, read-only */
primer_status train_shard_open(struct train_shard **shard, const char *path, primer_error *error);
void train_shard_free(struct train_shard *shard);
struct train_shard_information {
    uint64_t documents, tokens, asked; /* asked: tokens the loss asks for */
    uint64_t text_bytes;               /* of what was tokenized; 0: unknown (for bits per byte) */
    size_t vocabulary;
    uint64_t tokenizer;                /* hash of the vocabulary it was made with */
};
const struct train_shard_information *train_shard_info(const struct train_shard *shard);
/* Document `index`: ids to out [capacity], loss marks to asked [capacity] (NULL: not wanted);
 * *count: its tokens, which may exceed the capacity. */
void train_shard_document(const struct train_shard *shard, uint64_t index, size_t capacity,
                          int32_t *ids, unsigned char *asked, size_t *count);

struct train_shard_writer;
/* The checksum and counts are written at the end; the file appears whole or not at all. */
primer_status train_shard_writer_create(struct train_shard_writer **writer, const char *path,
                                        size_t vocabulary, uint64_t tokenizer, primer_error *error);
/* asked NULL: the loss asks for every token. */
primer_status train_shard_write(struct train_shard_writer *writer, const int32_t *ids,
                                const unsigned char *asked, size_t count, uint64_t text_bytes,
                                primer_error *error);
primer_status train_shard_writer_finish(struct train_shard_writer *writer, primer_error *error);
void train_shard_writer_free(struct train_shard_writer *writer);

struct train_source {
    const struct train_shard *shard;
    double weight; /* of tokens; > 0 */
};

#define TRAIN_SOURCES_MOST 64

/* All that a sampler's next batch depends on, beside its sources and seed. */
struct train_position {
    uint64_t rows;                                /* drawn so far */
    uint64_t drawn[TRAIN_SOURCES_MOST];           /* documents of each source */
    uint64_t inside;                              /* tokens of the current document already dealt */
    uint64_t current;                             /* its source; UINT64_MAX: none begun */
    uint64_t dealt[TRAIN_SOURCES_MOST];           /* tokens of each source, for the weights */
};

struct train_sampler;
/* With `whole` a document that doesn't fit what is left of a row begins the next one (fine-tuning);
 * else documents are cut where a row ends, and go on in the next. */
primer_status train_sampler_create(struct train_sampler **sampler,
                                   const struct train_source *sources, size_t count, uint64_t seed,
                                   bool whole, size_t length, primer_error *error);
void train_sampler_free(struct train_sampler *sampler);
const struct train_position *train_sampler_position(const struct train_sampler *sampler);
primer_status train_sampler_seek(struct train_sampler *sampler,
                                 const struct train_position *position, primer_error *error);
primer_status train_sampler_next(struct train_sampler *sampler, size_t rows, int32_t *inputs,
                                 int32_t *targets, float *weights, uint32_t *starts,
                                 primer_error *error);

#endif
