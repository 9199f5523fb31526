/* quant_subscale.h - what super-blocks of 256 weights with a sub-scale per 16 and no minimum have
 * in common.
 *
 *   weight i = d * subscale[i / 16] * (value[i] - offset)          d binary16, value unsigned
 *
 * Block 0..7 is a run of 32 weights, the panel's block; its halves have the sub-scales 2 block and
 * 2 block + 1. Used as quant_plain.h is.
 */
#ifndef QUANT_QUANT_SUBSCALE_H
#define QUANT_QUANT_SUBSCALE_H

#include "quant/quant_bits.h"
#include "quant/quant_panel.h"
#include "quant/quant_super.h"

#define QUANT_SUBSCALE_LENGTH 256
#define QUANT_SUBSCALE_BLOCKS 8
#define QUANT_SUBSCALE_PARTS  16

struct quant_subscale {
    size_t bytes;    /* of a super-block */
    size_t scale_at; /* byte where d lies */
    int32_t offset;  /* values are levels plus this */
    void (*get)(const uint8_t *bytes, size_t block, uint8_t values[QUANT_BLOCK]);
    /* Adds the bits of one block to bytes that were zero. */
    void (*put)(uint8_t *bytes, size_t block, const uint8_t values[QUANT_BLOCK]);
    void (*get_subscales)(const uint8_t *bytes, int subscales[QUANT_SUBSCALE_PARTS]);
    void (*put_subscales)(uint8_t *bytes, const int subscales[QUANT_SUBSCALE_PARTS]);
};

__attribute__((always_inline)) static inline void
quant_subscale_decode(const struct quant_subscale *format, const void *blocks, float *out,
                      size_t count)
{
    const uint8_t *bytes = blocks;
    for (size_t start = 0; start < count; start += QUANT_SUBSCALE_LENGTH, bytes += format->bytes) {
        const float scale = quant_bits_half(bytes + format->scale_at);
        int subscales[QUANT_SUBSCALE_PARTS];
        format->get_subscales(bytes, subscales);
        for (size_t block = 0; block < QUANT_SUBSCALE_BLOCKS; block++) {
            float *weights = out + start + block * QUANT_BLOCK;
            uint8_t values[QUANT_BLOCK];
            format->get(bytes, block, values);
            for (size_t half = 0; half < 2; half++) {
                const float part_scale = scale * (float)subscales[2 * block + half];
                for (size_t i = half * 16; i < half * 16 + 16; i++)
                    weights[i] = part_scale * (float)(values[i] - format->offset);
            }
        }
    }
}

/* One super-block, searched, to its bytes. */
__attribute__((always_inline)) static inline void
quant_subscale_write(const struct quant_subscale *format, const struct quant_search_grid *grid,
                     const struct quant_search_block *block, const struct quant_super *super,
                     uint8_t *bytes)
{
    memset(bytes, 0, format->bytes);
    quant_bits_put_half(bytes + format->scale_at, super->scale);
    format->put_subscales(bytes, super->subscales);
    for (size_t part = 0; part < QUANT_SUBSCALE_PARTS; part += 2) {
        int8_t levels[QUANT_BLOCK];
        uint8_t values[QUANT_BLOCK];
        for (size_t half = 0; half < 2; half++)
            quant_search_levels(grid, block->values + (part + half) * 16,
                                super->scale * (float)super->subscales[part + half],
                                levels + half * 16);
        for (size_t i = 0; i < QUANT_BLOCK; i++)
            values[i] = (uint8_t)(levels[i] + format->offset);
        format->put(bytes, part / 2, values);
    }
}

__attribute__((always_inline)) static inline void
quant_subscale_encode(const struct quant_subscale *format, const struct quant_super_shape *shape,
                      const float *in, const float *importance, void *blocks, size_t count)
{
    uint8_t *bytes = blocks;
    for (size_t start = 0; start < count; start += QUANT_SUBSCALE_LENGTH, bytes += format->bytes) {
        struct quant_search_block block;
        struct quant_super super;
        quant_search_load(&block, in + start, importance == NULL ? NULL : importance + start,
                          QUANT_SUBSCALE_LENGTH);
        quant_super_search(shape, &block, &super);
        quant_subscale_write(format, shape->grid, &block, &super, bytes);
    }
}

/* One super-block to one row of 8 panel blocks. */
__attribute__((always_inline)) static inline void
quant_subscale_unpack(const struct quant_subscale *format, const uint8_t *bytes,
                      const struct quant_panel *panel, size_t block, size_t row)
{
    const float scale = quant_bits_half(bytes + format->scale_at);
    int subscales[QUANT_SUBSCALE_PARTS];
    format->get_subscales(bytes, subscales);
    for (size_t i = 0; i < QUANT_SUBSCALE_BLOCKS; i++) {
        uint8_t values[QUANT_BLOCK];
        format->get(bytes, i, values);
        quant_panel_values(panel, block + i, row, values);
        for (size_t half = 0; half < 2; half++)
            panel->scales[quant_panel_half(block + i, half, row)] =
                scale * (float)subscales[2 * i + half];
    }
}

#endif
