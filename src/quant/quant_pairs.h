/* quant_pairs.h - what Q4_K and Q5_K have in common: 256 weights in 8 parts of 32, a six-bit pair
 * each.
 *
 *   byte 0  1   2    3   4 ............ 15   16 ...
 *       | d   | dmin   | 8 pairs of 6 bits | bits of 256 values |
 *
 *   weight i = d * s[i / 32] * value[i] - dmin * m[i / 32]
 *
 * d, dmin are binary16; s, m 0..63, values unsigned. The pairs (s, m), with j = 0..3:
 *
 *            bits    7  6              5  4    3  2  1  0
 *   byte  4 + j    | s[j + 4] 5..4   | s[j]               |
 *   byte  8 + j    | m[j + 4] 5..4   | m[j]               |
 *   byte 12 + j    | m[j + 4] 3..0 (bits 7..4) | s[j + 4] 3..0 |
 *
 * Used as quant_plain.h is.
 */
#ifndef QUANT_QUANT_PAIRS_H
#define QUANT_QUANT_PAIRS_H

#include "quant/quant_affine.h"
#include "quant/quant_bits.h"
#include "quant/quant_panel.h"

#define QUANT_PAIRS_LENGTH 256
#define QUANT_PAIRS_PARTS  8
#define QUANT_PAIRS_MOST   63

struct quant_pairs {
    size_t bytes; /* of a super-block */
    void (*get)(const uint8_t *bytes, size_t block, uint8_t values[QUANT_BLOCK]);
    /* Adds the bits of one part to bytes that were zero. */
    void (*put)(uint8_t *bytes, size_t block, const uint8_t values[QUANT_BLOCK]);
};

/* The pairs of a super-block. */
void quant_pairs_get(const uint8_t *bytes, int scales[QUANT_PAIRS_PARTS],
                     int minima[QUANT_PAIRS_PARTS]);
void quant_pairs_put(uint8_t *bytes, const int scales[QUANT_PAIRS_PARTS],
                     const int minima[QUANT_PAIRS_PARTS]);

__attribute__((always_inline)) static inline void
quant_pairs_decode(const struct quant_pairs *pairs, const void *blocks, float *out, size_t count)
{
    const uint8_t *bytes = blocks;
    for (size_t start = 0; start < count; start += QUANT_PAIRS_LENGTH, bytes += pairs->bytes) {
        const float scale = quant_bits_half(bytes), least = quant_bits_half(bytes + 2);
        int scales[QUANT_PAIRS_PARTS], minima[QUANT_PAIRS_PARTS];
        quant_pairs_get(bytes, scales, minima);
        for (size_t part = 0; part < QUANT_PAIRS_PARTS; part++) {
            const float part_scale = scale * (float)scales[part];
            const float part_minimum = least * (float)minima[part];
            float *weights = out + start + part * QUANT_BLOCK;
            uint8_t values[QUANT_BLOCK];
            pairs->get(bytes, part, values);
            for (size_t i = 0; i < QUANT_BLOCK; i++)
                weights[i] = part_scale * (float)values[i] - part_minimum;
        }
    }
}

__attribute__((always_inline)) static inline void
quant_pairs_encode(const struct quant_pairs *pairs, const struct quant_affine_shape *shape,
                   const float *in, const float *importance, void *blocks, size_t count)
{
    uint8_t *bytes = blocks;
    for (size_t start = 0; start < count; start += QUANT_PAIRS_LENGTH, bytes += pairs->bytes) {
        struct quant_search_block block;
        struct quant_affine_super super;
        quant_search_load(&block, in + start, importance == NULL ? NULL : importance + start,
                          QUANT_PAIRS_LENGTH);
        quant_affine_search_super(shape, &block, &super);
        memset(bytes, 0, pairs->bytes);
        quant_bits_put_half(bytes, super.scale);
        quant_bits_put_half(bytes + 2, super.minimum);
        quant_pairs_put(bytes, super.subscales, super.subminima);
        for (size_t part = 0; part < QUANT_PAIRS_PARTS; part++) {
            uint8_t values[QUANT_BLOCK];
            quant_affine_levels(shape->grid, block.values + part * QUANT_BLOCK,
                                quant_affine_part(&super, part), values);
            pairs->put(bytes, part, values);
        }
    }
}

/* One super-block to one row of 8 panel blocks. */
__attribute__((always_inline)) static inline void
quant_pairs_unpack(const struct quant_pairs *pairs, const uint8_t *bytes,
                   const struct quant_panel *panel, size_t block, size_t row)
{
    const float scale = quant_bits_half(bytes), least = quant_bits_half(bytes + 2);
    int scales[QUANT_PAIRS_PARTS], minima[QUANT_PAIRS_PARTS];
    quant_pairs_get(bytes, scales, minima);
    for (size_t part = 0; part < QUANT_PAIRS_PARTS; part++) {
        const size_t lane = quant_panel_lane(block + part, row);
        uint8_t values[QUANT_BLOCK];
        pairs->get(bytes, part, values);
        quant_panel_values(panel, block + part, row, values);
        panel->scales[lane] = scale * (float)scales[part];
        panel->minima[lane] = -(least * (float)minima[part]);
    }
}

#endif
