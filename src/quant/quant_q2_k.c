/* quant_q2_k.c - Q2_K: 256 weights of 2 bits, a scale and a minimum of 4 bits per 16, 84 bytes.
 *
 *   byte 0 ....... 15   16 ....... 79   80 81   82  83
 *       | 16 pairs    | 2-bit values  | d     | dmin   |
 *
 *   weight i = d * s[i / 16] * value - dmin * m[i / 16]
 *
 * d, dmin are binary16; s, m 0..15; values 0..3. Pair j: s in the low nibble of byte j, m in the
 * high one. With h = i / 128, run k = (i mod 128) / 32 and l = i mod 32, weight i is bits 2k + 1 ..
 * 2k of byte 16 + 32 h + l.
 */
#include "quant/quant_formats.h"

#include "quant/quant_affine.h"
#include "quant/quant_bits.h"
#include "quant/quant_panel.h"

#define LENGTH     256
#define BLOCKS     8
#define PARTS      16
#define BYTES      84
#define MOST       3
#define VALUES_AT  16
#define SCALE_AT   80
#define MINIMUM_AT 82

static const struct quant_affine_grid grid = {
    .count = 16, .high = MOST, .outward = 0.5f, .inward = 0.5f, .step = 0.5f, .below = true};

static const struct quant_affine_shape shape = {.grid = &grid, .parts = PARTS, .most = 15};

static void get(const uint8_t *bytes, size_t block, uint8_t values[QUANT_BLOCK])
{
    const uint8_t *packed = bytes + VALUES_AT + 32 * (block / 4);
    const unsigned shift = 2 * (unsigned)(block % 4);
    for (size_t i = 0; i < QUANT_BLOCK; i++)
        values[i] = packed[i] >> shift & 3;
}

static void put(uint8_t *bytes, size_t block, const uint8_t values[QUANT_BLOCK])
{
    uint8_t *packed = bytes + VALUES_AT + 32 * (block / 4);
    const unsigned shift = 2 * (unsigned)(block % 4);
    for (size_t i = 0; i < QUANT_BLOCK; i++)
        packed[i] = (uint8_t)(packed[i] | values[i] << shift);
}

static void decode(const void *blocks, float *out, size_t count)
{
    const uint8_t *bytes = blocks;
    for (size_t start = 0; start < count; start += LENGTH, bytes += BYTES) {
        const float scale = quant_bits_half(bytes + SCALE_AT),
                    least = quant_bits_half(bytes + MINIMUM_AT);
        for (size_t block = 0; block < BLOCKS; block++) {
            float *weights = out + start + block * QUANT_BLOCK;
            uint8_t values[QUANT_BLOCK];
            get(bytes, block, values);
            for (size_t half = 0; half < 2; half++) {
                const uint8_t pair = bytes[2 * block + half];
                const float part_scale = scale * (float)(pair & 15);
                const float part_minimum = least * (float)(pair >> 4);
                for (size_t i = half * 16; i < half * 16 + 16; i++)
                    weights[i] = part_scale * (float)values[i] - part_minimum;
            }
        }
    }
}

static void encode(const float *in, const float *importance, void *blocks, size_t count)
{
    uint8_t *bytes = blocks;
    for (size_t start = 0; start < count; start += LENGTH, bytes += BYTES) {
        struct quant_search_block block;
        struct quant_affine_super super;
        uint8_t values[LENGTH];
        quant_search_load(&block, in + start, importance == NULL ? NULL : importance + start,
                          LENGTH);
        quant_affine_search_super(&shape, &block, &super);
        memset(bytes, 0, BYTES);
        quant_bits_put_half(bytes + SCALE_AT, super.scale);
        quant_bits_put_half(bytes + MINIMUM_AT, super.minimum);
        for (size_t part = 0; part < PARTS; part++) {
            bytes[part] = (uint8_t)(super.subscales[part] | super.subminima[part] << 4);
            quant_affine_levels(&grid, block.values + part * 16, quant_affine_part(&super, part),
                                values + part * 16);
        }
        for (size_t i = 0; i < BLOCKS; i++)
            put(bytes, i, values + i * QUANT_BLOCK);
    }
}

static void unpack_block(const uint8_t *bytes, const struct quant_panel *panel, size_t block,
                         size_t row)
{
    const float scale = quant_bits_half(bytes + SCALE_AT),
                least = quant_bits_half(bytes + MINIMUM_AT);
    for (size_t i = 0; i < BLOCKS; i++) {
        uint8_t values[QUANT_BLOCK];
        get(bytes, i, values);
        quant_panel_values(panel, block + i, row, values);
        for (size_t half = 0; half < 2; half++) {
            const uint8_t pair = bytes[2 * i + half];
            const size_t at = quant_panel_half(block + i, half, row);
            panel->scales[at] = scale * (float)(pair & 15);
            panel->minima[at] = -(least * (float)(pair >> 4));
        }
    }
}

static void unpack(const void *base, size_t row_bytes, size_t rows, size_t first_block,
                   size_t blocks, const struct quant_panel *panel)
{
    const struct quant_panel_rows source = {base, row_bytes, rows, first_block, blocks};
    quant_panel_unpack(&source, &quant_q2_k_format, panel, unpack_block);
}

const struct quant_format quant_q2_k_format = {
    .type = QUANT_Q2_K,
    .name = "Q2_K",
    .block_length = LENGTH,
    .block_bytes = BYTES,
    .kind = QUANT_KIND_HALVES_MINIMUM,
    .value_most = MOST,
    .decode = decode,
    .encode = encode,
    .unpack = unpack,
};
