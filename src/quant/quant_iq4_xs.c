/* quant_iq4_xs.c - IQ4_XS: 256 weights of 4 bits, uneven levels, a sub-scale per 32, 136 bytes.
 *
 *   byte 0  1   2 ........ 3   4 ........ 7   8 ................ 135
 *       | d   | scales_high  | scales_low   | high|low nibbles     |
 *
 *   weight i = d * (subscale[i / 32] - 32) * level[nibble]
 *
 * d is binary16, sub-scales are 0..63, levels are in quant_iq4.c. Sub-scale j: bits 3..0 are the
 * low (j even) or high nibble of byte 4 + j / 2, bits 5..4 are bits 2j + 1 .. 2j of the u16
 * scales_high. Part j's nibbles are the 16 bytes from 8 + 16 j on: byte l of them holds the part's
 * weight l in its low nibble and weight l + 16 in its high one. The panel's integers are the levels
 * + 128.
 */
#include "quant/quant_formats.h"

#include "quant/quant_bits.h"
#include "quant/quant_iq4.h"
#include "quant/quant_panel.h"
#include "quant/quant_super.h"

#define LENGTH          256
#define PARTS           8
#define BYTES           136
#define SCALES_HIGH_AT  2
#define SCALES_LOW_AT   4
#define SUBSCALE_OFFSET 32
#define VALUES_AT       8

static const struct quant_super_shape shape = {
    .grid = &quant_iq4_grid, .parts = PARTS, .low = -32, .high = 31};

static int get_subscale(const uint8_t *bytes, size_t part)
{
    const int low = bytes[SCALES_LOW_AT + part / 2] >> 4 * (part % 2) & 15;
    const int high = quant_bits_u16(bytes + SCALES_HIGH_AT) >> 2 * part & 3;
    return (low | high << 4) - SUBSCALE_OFFSET;
}

/* Adds the bits to bytes that were zero. */
static void put_subscale(uint8_t *bytes, size_t part, int subscale)
{
    const int value = subscale + SUBSCALE_OFFSET;
    uint8_t *low = bytes + SCALES_LOW_AT + part / 2, *high = bytes + SCALES_HIGH_AT;
    *low = (uint8_t)(*low | (value & 15) << 4 * (part % 2));
    quant_bits_put_u16(high, (uint16_t)(quant_bits_u16(high) | value >> 4 << 2 * part));
}

static void decode(const void *blocks, float *out, size_t count)
{
    const uint8_t *bytes = blocks;
    for (size_t start = 0; start < count; start += LENGTH, bytes += BYTES) {
        const float scale = quant_bits_half(bytes);
        for (size_t part = 0; part < PARTS; part++) {
            const float part_scale = scale * (float)get_subscale(bytes, part);
            float *weights = out + start + part * QUANT_BLOCK;
            uint8_t values[QUANT_BLOCK];
            quant_iq4_values(bytes + VALUES_AT + 16 * part, values);
            for (size_t i = 0; i < QUANT_BLOCK; i++)
                weights[i] = part_scale * (float)(values[i] - QUANT_IQ4_OFFSET);
        }
    }
}

static void encode(const float *in, const float *importance, void *blocks, size_t count)
{
    uint8_t *bytes = blocks;
    for (size_t start = 0; start < count; start += LENGTH, bytes += BYTES) {
        struct quant_search_block block;
        struct quant_super super;
        quant_search_load(&block, in + start, importance == NULL ? NULL : importance + start,
                          LENGTH);
        quant_super_search(&shape, &block, &super);
        memset(bytes, 0, BYTES);
        quant_bits_put_half(bytes, super.scale);
        for (size_t part = 0; part < PARTS; part++) {
            uint8_t codes[QUANT_BLOCK];
            put_subscale(bytes, part, super.subscales[part]);
            quant_iq4_codes(block.values + part * QUANT_BLOCK,
                            super.scale * (float)super.subscales[part], codes);
            quant_bits_put_nibbles(bytes + VALUES_AT + 16 * part, codes);
        }
    }
}

static void unpack_block(const uint8_t *bytes, const struct quant_panel *panel, size_t block,
                         size_t row)
{
    const float scale = quant_bits_half(bytes);
    for (size_t part = 0; part < PARTS; part++) {
        uint8_t values[QUANT_BLOCK];
        quant_iq4_values(bytes + VALUES_AT + 16 * part, values);
        quant_panel_values(panel, block + part, row, values);
        panel->scales[quant_panel_lane(block + part, row)] =
            scale * (float)get_subscale(bytes, part);
    }
}

static void unpack(const void *base, size_t row_bytes, size_t rows, size_t first_block,
                   size_t blocks, const struct quant_panel *panel)
{
    const struct quant_panel_rows source = {base, row_bytes, rows, first_block, blocks};
    quant_panel_unpack(&source, &quant_iq4_xs_format, panel, unpack_block);
}

const struct quant_format quant_iq4_xs_format = {
    .type = QUANT_IQ4_XS,
    .name = "IQ4_XS",
    .block_length = LENGTH,
    .block_bytes = BYTES,
    .kind = QUANT_KIND_PLAIN,
    .offset = QUANT_IQ4_OFFSET,
    .value_most = QUANT_IQ4_MOST,
    .decode = decode,
    .encode = encode,
    .unpack = unpack,
};
