/* quant_plain.h - what formats of 32 weights under one binary16 scale have in common.
 *
 *   byte 0  1   2 ...
 *       | d   | bits of 32 values |          weight = d * (value - offset), value unsigned
 *
 * A format describes itself by a quant_plain; the functions here are inlined into its own decode,
 * encode and unpack, so that `get` and `put` cost no call.
 */
#ifndef QUANT_QUANT_PLAIN_H
#define QUANT_QUANT_PLAIN_H

#include "quant/quant_bits.h"
#include "quant/quant_panel.h"
#include "quant/quant_search.h"

#define QUANT_PLAIN_LENGTH 32

struct quant_plain {
    size_t bytes;   /* of a block */
    int32_t offset; /* values are levels of the grid plus this */
    void (*get)(const uint8_t *bytes, uint8_t values[QUANT_PLAIN_LENGTH]);
    void (*put)(uint8_t *bytes, const uint8_t values[QUANT_PLAIN_LENGTH]);
};

__attribute__((always_inline)) static inline void
quant_plain_decode(const struct quant_plain *plain, const void *blocks, float *out, size_t count)
{
    const uint8_t *bytes = blocks;
    for (size_t start = 0; start < count; start += QUANT_PLAIN_LENGTH, bytes += plain->bytes) {
        const float scale = quant_bits_half(bytes);
        uint8_t values[QUANT_PLAIN_LENGTH];
        plain->get(bytes + 2, values);
        for (size_t i = 0; i < QUANT_PLAIN_LENGTH; i++)
            out[start + i] = scale * (float)(values[i] - plain->offset);
    }
}

/* For formats whose levels are all the integers of the grid's range. */
__attribute__((always_inline)) static inline void
quant_plain_encode(const struct quant_plain *plain, const struct quant_search_grid *grid,
                   const float *in, const float *importance, void *blocks, size_t count)
{
    uint8_t *bytes = blocks;
    for (size_t start = 0; start < count; start += QUANT_PLAIN_LENGTH, bytes += plain->bytes) {
        struct quant_search_block block;
        int8_t levels[QUANT_PLAIN_LENGTH];
        uint8_t values[QUANT_PLAIN_LENGTH];
        quant_search_load(&block, in + start, importance == NULL ? NULL : importance + start,
                          QUANT_PLAIN_LENGTH);
        const float scale = quant_search_scale(grid, block.values, block.weights, true);
        quant_search_levels(grid, block.values, scale, levels);
        for (size_t i = 0; i < QUANT_PLAIN_LENGTH; i++)
            values[i] = (uint8_t)(levels[i] + plain->offset);
        quant_bits_put_half(bytes, scale);
        plain->put(bytes + 2, values);
    }
}

/* One block to one row of a panel block. */
__attribute__((always_inline)) static inline void
quant_plain_unpack(const struct quant_plain *plain, const uint8_t *bytes,
                   const struct quant_panel *panel, size_t block, size_t row)
{
    uint8_t values[QUANT_PLAIN_LENGTH];
    plain->get(bytes + 2, values);
    quant_panel_values(panel, block, row, values);
    panel->scales[quant_panel_lane(block, row)] = quant_bits_half(bytes);
}

#endif
