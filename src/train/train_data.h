/* train_data.h - token shards, and batches drawn from a mixture of them.
 *
 * A shard is a file of documents as tokens, mapped (docs/shards.md draws it): magic, version,
 * vocabulary, checksums, documents' borders, ids of 16 or 32 bits, and optionally a bit per token:
 * whether the loss asks for it.
 *
 * A sampler deals the documents of each source in an order that a seed and the pass's number give,
 * every document once a pass, packs them into rows without a gap, and takes each next document from
 * the source that has dealt least for its weight. Its position is a few numbers: a run that goes on
 * from them gets the batches it would have got.
 *
 *   documents   | a0 a1 a2 a3 | b0 b1 b2 | c0 ...        a3, b2: the end-of-text token
 *   row 0       inputs a0 a1 a2 a3 b0     targets a1 a2 a3  - b1     starts 0 0 0 0 4
 *   row 1       inputs b1 b2 c0 ...       targets b2  - c1 ...       starts 0 0 2 ...
 *
 * A row's last target is the next row's first input. A document's first token is never a target: at
 * a '-' the target is 0 and its weight 0. Elsewhere the weight is 1 where the loss asks for the
 * target, else 0.
 */
#ifndef TRAIN_TRAIN_DATA_H
#define TRAIN_TRAIN_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "train/train_pass.h"

struct train_shard; /* an open file, read-only; shared by any number of threads */
/* Checked here: the header's hash and fields, and all counts against the file's size. Borders and
 * ids are checked when a document is read, the hashes of the data by train_shard_verify alone. */
primer_status train_shard_open(struct train_shard **shard, const char *path, primer_error *error);
/* Bytes in memory, borrowed; `name` is for messages. */
primer_status train_shard_open_memory(struct train_shard **shard, const void *bytes, size_t size,
                                      const char *name, primer_error *error);
void train_shard_free(struct train_shard *shard);
struct train_shard_information {
    uint64_t documents, tokens; /* at least 1 */
    uint64_t asked;             /* tokens the loss asks for; no document's first is among them */
    uint64_t text_bytes;        /* of the text the loss asks for; 0: unknown (for bits per byte) */
    uint64_t longest;           /* tokens of the longest document */
    size_t vocabulary;
    uint64_t tokenizer; /* hash of the vocabulary it was made with (tokenizer_hash) */
    uint64_t key;       /* of the inputs and options that it was made of; 0: unknown */
};
const struct train_shard_information *train_shard_info(const struct train_shard *shard);
/* Hash of all its documents and marks, as the header has it: the same wherever and whenever it was
 * made. */
uint64_t train_shard_content(const struct train_shard *shard);
/* Reads it all: every hash, every border, every id, the counts. PRIMER_EFORMAT names what is wrong
 * and where. */
primer_status train_shard_verify(const struct train_shard *shard, primer_error *error);
/* The same in `parts` parts, by several threads or processes; then the sum of what the parts have
 * asked for, and the longest of their longest documents. */
primer_status train_shard_verify_part(const struct train_shard *shard, size_t part, size_t parts,
                                      uint64_t *asked, uint64_t *longest, primer_error *error);
primer_status train_shard_verify_counts(const struct train_shard *shard, uint64_t asked,
                                        uint64_t longest, primer_error *error);

/* Tokens of document `index` (less than `documents`), at least 1. PRIMER_EFORMAT: torn borders. */
primer_status train_shard_length(const struct train_shard *shard, uint64_t index, size_t *count,
                                 primer_error *error);
/* Its ids to out [capacity], loss marks (0 or 1) to asked [capacity] (NULL: not wanted); *count:
 * its tokens, which may exceed the capacity: then only so many are written. */
primer_status train_shard_document(const struct train_shard *shard, uint64_t index, size_t capacity,
                                   int32_t *ids, unsigned char *asked, size_t *count,
                                   primer_error *error);
/* Its tokens [from, from + count), which must be within it. Either output may be NULL. */
primer_status train_shard_slice(const struct train_shard *shard, uint64_t index, size_t from,
                                size_t count, int32_t *ids, unsigned char *asked,
                                primer_error *error);

struct train_shard_writer;
/* Checksums and counts are written at the end; the file appears whole or not at all. Memory doesn't
 * grow with what is written: what has to stand behind the ids waits in unnamed files beside it. */
primer_status train_shard_writer_create(struct train_shard_writer **writer, const char *path,
                                        size_t vocabulary, uint64_t tokenizer, primer_error *error);
/* What train_shard_information.key will be. */
void train_shard_writer_key(struct train_shard_writer *writer, uint64_t key);
/* Of what was written so far. */
const struct train_shard_information *
train_shard_writer_info(const struct train_shard_writer *writer);
/* A document of at least one token, its end-of-text token included. asked [count], or NULL: the
 * loss asks for every token (but the first). */
primer_status train_shard_write(struct train_shard_writer *writer, const int32_t *ids,
                                const unsigned char *asked, size_t count, uint64_t text_bytes,
                                primer_error *error);
/* At least one document must have been written. */
primer_status train_shard_writer_finish(struct train_shard_writer *writer, primer_error *error);
void train_shard_writer_free(struct train_shard_writer *writer); /* abandons an unfinished file */

struct train_source {
    const struct train_shard *shard;
    double weight; /* of tokens; > 0 */
};

#define TRAIN_SOURCES_MOST 64

/* All that a sampler's next batch depends on, beside its sources and seed. */
struct train_position {
    uint64_t rows;                      /* drawn so far */
    uint64_t drawn[TRAIN_SOURCES_MOST]; /* documents of each source */
    uint64_t inside;                    /* tokens of the current document already dealt */
    uint64_t current;                   /* its source; UINT64_MAX: none begun */
    uint64_t dealt[TRAIN_SOURCES_MOST]; /* tokens of each source, for the weights */
};

struct train_sampler;
/* With `whole` a document that doesn't fit what is left of a row begins the next one (fine-tuning),
 * and the rest of the row is zeros of weight 0; one longer than any row is cut. Without it
 * documents are cut where a row ends, and go on in the next. The shards must outlive the sampler,
 * and agree in vocabulary and tokenizer. */
primer_status train_sampler_create(struct train_sampler **sampler,
                                   const struct train_source *sources, size_t count, uint64_t seed,
                                   bool whole, size_t length, primer_error *error);
void train_sampler_free(struct train_sampler *sampler);
/* With `whole`: documents of one pass that are cut, and the tokens that this takes away. */
void train_sampler_cuts(const struct train_sampler *sampler, uint64_t *documents, uint64_t *tokens);
/* Tokens of one pass that the loss asks for, without those that are cut. */
uint64_t train_sampler_asked(const struct train_sampler *sampler);
const struct train_position *train_sampler_position(const struct train_sampler *sampler);
primer_status train_sampler_seek(struct train_sampler *sampler,
                                 const struct train_position *position, primer_error *error);
/* Passes over `rows` rows without reading them, which costs a look at each document's border: rank
 * r of n skips r rows, and n - 1 after each of its own. */
primer_status train_sampler_skip(struct train_sampler *sampler, uint64_t rows, primer_error *error);
/* All outputs are [rows][length]. After an error the position is as it was. */
primer_status train_sampler_next(struct train_sampler *sampler, size_t rows, int32_t *inputs,
                                 int32_t *targets, float *weights, uint32_t *starts,
                                 primer_error *error);

#endif
