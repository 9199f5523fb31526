/* train_shard_layout.h - where things lie in a shard: what its reader and its writer agree on.
 *
 * All numbers are little-endian.
 *
 *   0    "PRMSHARD"
 *   8    u32 version            1
 *   12   u32 bytes of an id     2 where the vocabulary has at most 65,536 ids, else 4
 *   16   u32 flags              1: there are asked bits
 *   20   u32 bytes of a piece   1,048,576
 *   24   u64 vocabulary
 *   32   u64 tokenizer          hash of its vocabulary
 *   40   u64 documents
 *   48   u64 tokens
 *   56   u64 asked
 *   64   u64 text bytes
 *   72   u64 longest document   tokens
 *   80   u64 key                of inputs and options
 *   88   u64 hash of the pieces' hashes
 *   96   u64 0, 0, 0
 *   120  u64 hash of bytes 0..119
 *   128  ids [tokens], zeros up to a multiple of 8
 *        asked bits, if flagged: u64 [ceil(tokens / 64)], token t is bit t % 64 of word t / 64
 *        documents' ends: u64 [documents], in tokens
 *        pieces' hashes: u64, one for each piece of the bytes from 128 up to here
 *
 * Hashes are XXH64 with seed 0.
 */
#ifndef TRAIN_TRAIN_SHARD_LAYOUT_H
#define TRAIN_TRAIN_SHARD_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "train/train_data.h"

#define TRAIN_SHARD_MAGIC      "PRMSHARD"
#define TRAIN_SHARD_VERSION    1u
#define TRAIN_SHARD_HEADER     128u
#define TRAIN_SHARD_HASHED     120u /* bytes of the header under its own hash */
#define TRAIN_SHARD_PIECE      ((uint64_t)1 << 20)
#define TRAIN_SHARD_ASKED      1u /* flag */
#define TRAIN_SHARD_NARROW     65536u
#define TRAIN_SHARD_VOCABULARY ((uint64_t)1 << 31) /* ids are int32_t */

struct train_shard_header {
    struct train_shard_information information;
    bool asked_bits;
    uint64_t pieces_hash;
};

struct train_shard_layout {
    uint64_t id_bytes;
    uint64_t bits_at, ends_at, pieces_at, pieces, size; /* bytes; pieces: how many */
};

/* False where the sizes overflow. */
bool train_shard_layout(const struct train_shard_header *header, struct train_shard_layout *layout);

static inline uint64_t train_shard_get(const unsigned char *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

static inline void train_shard_put(unsigned char *bytes, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
}

#endif
