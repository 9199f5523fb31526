/* quant_q4_1.c - Q4_1: 32 weights of 4 bits with a scale and a minimum, 20 bytes.
 *
 *   byte 0  1   2  3   4 ................ 19
 *       | d   | m    | high|low nibbles     |
 *
 *   byte 4 + j: bits 3..0 weight j, bits 7..4 weight j + 16
 *
 *   weight = d * nibble + m                d, m binary16
 */
#include "quant/quant_formats.h"

#include "quant/quant_minimum.h"

#define BYTES 20
#define MOST  15

static const struct quant_minimum minimum = {
    .bytes = BYTES, .get = quant_bits_nibbles, .put = quant_bits_put_nibbles};

static const struct quant_affine_grid grid = {
    .count = QUANT_MINIMUM_LENGTH, .high = MOST, .outward = 1, .inward = 0.5f, .step = 0.5f};

static void decode(const void *blocks, float *out, size_t count)
{
    quant_minimum_decode(&minimum, blocks, out, count);
}

static void encode(const float *in, const float *importance, void *blocks, size_t count)
{
    quant_minimum_encode(&minimum, &grid, in, importance, blocks, count);
}

static void unpack_block(const uint8_t *bytes, const struct quant_panel *panel, size_t block,
                         size_t row)
{
    quant_minimum_unpack(&minimum, bytes, panel, block, row);
}

static void unpack(const void *base, size_t row_bytes, size_t rows, size_t first_block,
                   size_t blocks, const struct quant_panel *panel)
{
    const struct quant_panel_rows source = {base, row_bytes, rows, first_block, blocks};
    quant_panel_unpack(&source, &quant_q4_1_format, panel, unpack_block);
}

const struct quant_format quant_q4_1_format = {
    .type = QUANT_Q4_1,
    .name = "Q4_1",
    .block_length = QUANT_MINIMUM_LENGTH,
    .block_bytes = BYTES,
    .kind = QUANT_KIND_MINIMUM,
    .value_most = MOST,
    .decode = decode,
    .encode = encode,
    .unpack = unpack,
};
