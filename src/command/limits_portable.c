/* limits_portable.c - memory and arithmetic loops in plain C. */
#include "command/limits_portable.h"

#include <string.h>

enum { LANES = 64, STEP = 256 /* bytes */ };

static uint64_t read_plain(const unsigned char *bytes, size_t size)
{
    uint64_t sums[8] = {0}, words[STEP / 8];
    for (size_t at = 0; at + STEP <= size; at += STEP) {
        memcpy(words, bytes + at, sizeof words);
        for (size_t i = 0; i < STEP / 8; i++)
            sums[i % 8] ^= words[i];
    }
    return sums[0] ^ sums[1] ^ sums[2] ^ sums[3] ^ sums[4] ^ sums[5] ^ sums[6] ^ sums[7];
}

static uint64_t read_ahead(const unsigned char *bytes, size_t size)
{
    uint64_t sum = 0;
    for (size_t at = 0; at + STEP <= size; at += STEP) {
        __builtin_prefetch(bytes + (size - at > 4096 ? at + 4096 : at));
        sum ^= read_plain(bytes + at, STEP);
    }
    return sum;
}

static uint64_t multiply_int8(uint64_t rounds)
{
    int32_t sums[LANES] = {0};
    volatile int8_t seed = 3;
    int8_t a[LANES], b[LANES];
    memset(a, seed, sizeof a);
    memset(b, seed, sizeof b);
    for (uint64_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < LANES; i++)
            sums[i] = (int32_t)((uint32_t)sums[i] + (uint32_t)(a[i] * b[i]));
        a[round % LANES] = (int8_t)sums[0];
    }
    volatile int32_t sink = 0;
    for (size_t i = 0; i < LANES; i++)
        sink = sums[i];
    (void)sink;
    return rounds * LANES * 2;
}

static uint64_t multiply_f32(uint64_t rounds)
{
    float sums[LANES] = {0};
    volatile float seed = 0.5f;
    const float a = seed, b = seed;
    for (uint64_t round = 0; round < rounds; round++)
        for (size_t i = 0; i < LANES; i++)
            sums[i] = sums[i] * a + b;
    volatile float sink = 0;
    for (size_t i = 0; i < LANES; i++)
        sink = sums[i];
    (void)sink;
    return rounds * LANES * 2;
}

const struct limits_loops *limits_portable(void)
{
    static const struct limits_loops loops = {"plain", read_plain, read_ahead, multiply_int8,
                                              multiply_f32};
    return &loops;
}
