/* hash_chain.h - the checksum of a file that is written in parts and read at once.
 *
 *   | 64 KiB | 64 KiB | ... | rest |      XXH64 of each, seeded with the one before (the first: 0)
 */
#ifndef BASE_HASH_CHAIN_H
#define BASE_HASH_CHAIN_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

struct hash_chain {
    unsigned char *piece; /* hashed when full */
    size_t filled;
    uint64_t hash;
};

/* `what` is for the message, as in memory_failure. */
primer_status hash_chain_begin(struct hash_chain *chain, const char *what, primer_error *error);
void hash_chain_add(struct hash_chain *chain, const void *bytes, size_t length);
/* Of all that was added; nothing may be added after it. */
uint64_t hash_chain_end(struct hash_chain *chain);
void hash_chain_free(struct hash_chain *chain);

/* The same of bytes that are all there. */
uint64_t hash_chain_bytes(const unsigned char *bytes, size_t length);

#endif
