/* quant_iq4.c - see quant_iq4.h.
 *
 *   level  -127 -104  -83  -65  -49  -35  -22  -10    1   13   25   38   53   69   89  113
 *   code      0    1    2    3    4    5    6    7    8    9   10   11   12   13   14   15
 *
 * The nearest level is found without a search: each border between two levels that x / scale lies
 * above adds the distance between them.
 */
#include "quant/quant_iq4.h"

#include "quant/quant_terms.h"

#define COUNT 32

const int8_t quant_iq4_levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                     1,    13,   25,  38,  53,  69,  89,  113};

/* Borders lie half-way between neighbours. Written out, as compilers vectorise this over weights
 * but not a loop over borders inside. */
static inline float nearest(float ratio)
{
    float level = -127;
    level += ratio > -115.5f ? 23 : 0;
    level += ratio > -93.5f ? 21 : 0;
    level += ratio > -74 ? 18 : 0;
    level += ratio > -57 ? 16 : 0;
    level += ratio > -42 ? 14 : 0;
    level += ratio > -28.5f ? 13 : 0;
    level += ratio > -16 ? 12 : 0;
    level += ratio > -4.5f ? 11 : 0;
    level += ratio > 7 ? 12 : 0;
    level += ratio > 19 ? 12 : 0;
    level += ratio > 31.5f ? 13 : 0;
    level += ratio > 45.5f ? 15 : 0;
    level += ratio > 61 ? 16 : 0;
    level += ratio > 79 ? 20 : 0;
    level += ratio > 101 ? 24 : 0;
    return level;
}

static struct quant_search_fit measure(const struct quant_search_grid *grid, const float *values,
                                       const float *weights, float scale)
{
    (void)grid; /* there is one */
    const float inverse = scale != 0 ? 1 / scale : 0;
    float error[COUNT], slope[COUNT], curvature[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        const float level = nearest(values[i] * inverse);
        const float residual = values[i] - scale * level;
        const float weighted = weights[i] * residual;
        error[i] = weighted * residual;
        slope[i] = weighted * level;
        curvature[i] = weights[i] * level * level;
    }
    return (struct quant_search_fit){quant_terms_sum(error, COUNT), quant_terms_sum(slope, COUNT),
                                     quant_terms_sum(curvature, COUNT)};
}

const struct quant_search_grid quant_iq4_grid = {.count = COUNT,
                                                 .low = -127,
                                                 .high = 113,
                                                 .inward = 24,
                                                 .outward = 12,
                                                 .step = 6,
                                                 .measure = measure};

/* How many levels lie below: no branch, as codes are as good as random. */
static inline uint8_t code_of(float level)
{
    unsigned code = 0;
    for (size_t i = 0; i < 15; i++)
        code += level > (float)quant_iq4_levels[i];
    return (uint8_t)code;
}

void quant_iq4_codes(const float *values, float scale, uint8_t *codes)
{
    const float inverse = scale != 0 ? 1 / scale : 0;
    for (size_t i = 0; i < COUNT; i++)
        codes[i] = code_of(nearest(values[i] * inverse));
}

void quant_iq4_values(const uint8_t *nibbles, uint8_t values[32])
{
    for (size_t i = 0; i < 16; i++) {
        values[i] = (uint8_t)(quant_iq4_levels[nibbles[i] & 15] + QUANT_IQ4_OFFSET);
        values[i + 16] = (uint8_t)(quant_iq4_levels[nibbles[i] >> 4] + QUANT_IQ4_OFFSET);
    }
}
