/* hash.h - XXH64 for tables and identities (Collet's specification, xxhash_spec.md), not for
 * secrets. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *bytes, size_t length, uint64_t seed);

#endif
