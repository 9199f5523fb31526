/* quant_q5_0.c - Q5_0: 32 weights of 5 bits with one scale, 22 bytes.
 *
 *   byte 0  1   2 ....... 5   6 ................ 21
 *       | d   | fifth bits  | high|low nibbles     |
 *
 *   fifth bits: u32, bit j is bit 4 of weight j
 *   byte 6 + j: bits 3..0 weight j, bits 7..4 weight j + 16
 *
 *   weight = d * (value - 16)              d binary16, either sign; value 0..31
 */
#include "quant/quant_formats.h"

#include "quant/quant_plain.h"

#define BYTES  22
#define OFFSET 16

static const struct quant_plain plain = {
    .bytes = BYTES, .offset = OFFSET, .get = quant_bits_fifths, .put = quant_bits_put_fifths};

static const struct quant_search_grid grid = {.count = QUANT_PLAIN_LENGTH,
                                              .low = -16,
                                              .high = 15,
                                              .inward = 2,
                                              .outward = 1,
                                              .step = 0.5f,
                                              .measure = quant_search_measure_32};

static void decode(const void *blocks, float *out, size_t count)
{
    quant_plain_decode(&plain, blocks, out, count);
}

static void encode(const float *in, const float *importance, void *blocks, size_t count)
{
    quant_plain_encode(&plain, &grid, in, importance, blocks, count);
}

static void unpack_block(const uint8_t *bytes, const struct quant_panel *panel, size_t block,
                         size_t row)
{
    quant_plain_unpack(&plain, bytes, panel, block, row);
}

static void unpack(const void *base, size_t row_bytes, size_t rows, size_t first_block,
                   size_t blocks, const struct quant_panel *panel)
{
    const struct quant_panel_rows source = {base, row_bytes, rows, first_block, blocks};
    quant_panel_unpack(&source, &quant_q5_0_format, panel, unpack_block);
}

const struct quant_format quant_q5_0_format = {
    .type = QUANT_Q5_0,
    .name = "Q5_0",
    .block_length = QUANT_PLAIN_LENGTH,
    .block_bytes = BYTES,
    .kind = QUANT_KIND_PLAIN,
    .offset = OFFSET,
    .value_most = 31,
    .decode = decode,
    .encode = encode,
    .unpack = unpack,
};
