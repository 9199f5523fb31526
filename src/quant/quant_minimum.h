/* quant_minimum.h - what formats of 32 weights with a binary16 scale and minimum have in common.
 *
 *   byte 0  1   2  3   4 ...
 *       | d   | m    | bits of 32 values |          weight = d * value + m, value unsigned
 *
 * Used as quant_plain.h is.
 */
#ifndef QUANT_QUANT_MINIMUM_H
#define QUANT_QUANT_MINIMUM_H

#include "quant/quant_affine.h"
#include "quant/quant_bits.h"
#include "quant/quant_panel.h"

#define QUANT_MINIMUM_LENGTH 32

struct quant_minimum {
    size_t bytes; /* of a block */
    void (*get)(const uint8_t *bytes, uint8_t values[QUANT_MINIMUM_LENGTH]);
    void (*put)(uint8_t *bytes, const uint8_t values[QUANT_MINIMUM_LENGTH]);
};

__attribute__((always_inline)) static inline void
quant_minimum_decode(const struct quant_minimum *minimum, const void *blocks, float *out,
                     size_t count)
{
    const uint8_t *bytes = blocks;
    for (size_t start = 0; start < count; start += QUANT_MINIMUM_LENGTH, bytes += minimum->bytes) {
        const float scale = quant_bits_half(bytes), least = quant_bits_half(bytes + 2);
        uint8_t values[QUANT_MINIMUM_LENGTH];
        minimum->get(bytes + 4, values);
        for (size_t i = 0; i < QUANT_MINIMUM_LENGTH; i++)
            out[start + i] = scale * (float)values[i] + least;
    }
}

__attribute__((always_inline)) static inline void
quant_minimum_encode(const struct quant_minimum *minimum, const struct quant_affine_grid *grid,
                     const float *in, const float *importance, void *blocks, size_t count)
{
    uint8_t *bytes = blocks;
    for (size_t start = 0; start < count; start += QUANT_MINIMUM_LENGTH, bytes += minimum->bytes) {
        struct quant_search_block block;
        uint8_t values[QUANT_MINIMUM_LENGTH];
        quant_search_load(&block, in + start, importance == NULL ? NULL : importance + start,
                          QUANT_MINIMUM_LENGTH);
        const struct quant_affine affine = quant_affine_search(grid, block.values, block.weights);
        quant_affine_levels(grid, block.values, affine, values);
        quant_bits_put_half(bytes, affine.scale);
        quant_bits_put_half(bytes + 2, affine.minimum);
        minimum->put(bytes + 4, values);
    }
}

/* One block to one row of a panel block. */
__attribute__((always_inline)) static inline void
quant_minimum_unpack(const struct quant_minimum *minimum, const uint8_t *bytes,
                     const struct quant_panel *panel, size_t block, size_t row)
{
    const size_t lane = quant_panel_lane(block, row);
    uint8_t values[QUANT_MINIMUM_LENGTH];
    minimum->get(bytes + 4, values);
    quant_panel_values(panel, block, row, values);
    panel->scales[lane] = quant_bits_half(bytes);
    panel->minima[lane] = quant_bits_half(bytes + 2);
}

#endif
