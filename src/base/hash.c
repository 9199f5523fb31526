/* hash.c - XXH64 (Collet, xxhash_spec.md, "XXH64 algorithm description").
 *
 *   input  | 32-byte stripes: four lanes of 8 | 8 | 8 | 4 | 1 | 1 |
 *
 * Four accumulators eat one 8-byte lane of every stripe each and are merged; what remains is eaten
 * by eights, one four, and ones; a final avalanche mixes all bits. Lanes are little-endian whatever
 * the machine.
 */
#include "base/hash.h"

#define PRIME_1 0x9E3779B185EBCA87u
#define PRIME_2 0xC2B2AE3D27D4EB4Fu
#define PRIME_3 0x165667B19E3779F9u
#define PRIME_4 0x85EBCA77C2B2AE63u
#define PRIME_5 0x27D4EB2F165667C5u

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static uint64_t read_32(const unsigned char *bytes)
{
    return (uint64_t)bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16 |
           (uint64_t)bytes[3] << 24;
}

static uint64_t read_64(const unsigned char *bytes)
{
    return read_32(bytes) | read_32(bytes + 4) << 32;
}

static uint64_t round_of(uint64_t accumulator, uint64_t lane)
{
    return rotate(accumulator + lane * PRIME_2, 31) * PRIME_1;
}

/* All whole stripes, merged; `*bytes` moves behind them. */
static uint64_t eat_stripes(const unsigned char **bytes, size_t stripes, uint64_t seed)
{
    uint64_t lane[4] = {seed + PRIME_1 + PRIME_2, seed + PRIME_2, seed, seed - PRIME_1};
    const unsigned char *at = *bytes;
    for (size_t i = 0; i < stripes; i++, at += 32) {
        for (size_t j = 0; j < 4; j++)
            lane[j] = round_of(lane[j], read_64(at + 8 * j));
    }
    *bytes = at;
    uint64_t hash =
        rotate(lane[0], 1) + rotate(lane[1], 7) + rotate(lane[2], 12) + rotate(lane[3], 18);
    for (size_t j = 0; j < 4; j++)
        hash = (hash ^ round_of(0, lane[j])) * PRIME_1 + PRIME_4;
    return hash;
}

static uint64_t avalanche(uint64_t hash)
{
    hash = (hash ^ hash >> 33) * PRIME_2;
    hash = (hash ^ hash >> 29) * PRIME_3;
    return hash ^ hash >> 32;
}

uint64_t hash_bytes(const void *bytes, size_t length, uint64_t seed)
{
    const unsigned char *at = bytes;
    uint64_t hash = length >= 32 ? eat_stripes(&at, length / 32, seed) : seed + PRIME_5;
    hash += (uint64_t)length;
    size_t left = length % 32;
    for (; left >= 8; left -= 8, at += 8)
        hash = rotate(hash ^ round_of(0, read_64(at)), 27) * PRIME_1 + PRIME_4;
    if (left >= 4) {
        hash = rotate(hash ^ read_32(at) * PRIME_1, 23) * PRIME_2 + PRIME_3;
        left -= 4;
        at += 4;
    }
    for (; left > 0; left--, at++)
        hash = rotate(hash ^ *at * PRIME_5, 11) * PRIME_1;
    return avalanche(hash);
}
