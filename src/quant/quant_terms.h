/* quant_terms.h - the two inner steps of every search: rounding to a level, and summing a part's
 * terms.
 *
 * Both are plain loops over 16 or 32 floats in a fixed order, which compilers turn into vector
 * instructions of whatever width without changing a bit.
 */
#ifndef QUANT_QUANT_TERMS_H
#define QUANT_QUANT_TERMS_H

#include <stddef.h>

/* 1.5 * 2^23: below 2^22 in magnitude, adding and subtracting it rounds to an integer, half to
 * even. */
#define QUANT_TERMS_ROUNDER 12582912.0f

/* The integer nearest to `value` in [low, high]; both are integers below 2^22 in magnitude. */
static inline float quant_terms_nearest(float value, float low, float high)
{
    const float above = value > low ? value : low;
    const float within = above < high ? above : high;
    return (within + QUANT_TERMS_ROUNDER) - QUANT_TERMS_ROUNDER;
}

/* The sum of `count` terms (16 or 32), halved until one is left; the terms are overwritten. */
__attribute__((always_inline)) static inline float quant_terms_sum(float *terms, size_t count)
{
    if (count == 32)
        for (size_t i = 0; i < 16; i++)
            terms[i] += terms[i + 16];
    for (size_t i = 0; i < 8; i++)
        terms[i] += terms[i + 8];
    for (size_t i = 0; i < 4; i++)
        terms[i] += terms[i + 4];
    return (terms[0] + terms[2]) + (terms[1] + terms[3]);
}

#endif
