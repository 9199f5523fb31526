/* quant_q4_0.c - Q4_0: 32 weights of 4 bits with one scale, 18 bytes.
 *
 *   byte 0  1   2 ................ 17
 *       | d   | high|low nibbles     |
 *
 *   byte 2 + j: bits 3..0 weight j, bits 7..4 weight j + 16
 *
 *   weight = d * (nibble - 8)              d binary16
 *
 * d may be negative: the encoder turns the longer side of the range, 8 steps, to where the block
 * needs it.
 */
#include "quant/quant_formats.h"

#include "quant/quant_plain.h"

#define BYTES  18
#define OFFSET 8

static const struct quant_plain plain = {
    .bytes = BYTES, .offset = OFFSET, .get = quant_bits_nibbles, .put = quant_bits_put_nibbles};

static const struct quant_search_grid grid = {.count = QUANT_PLAIN_LENGTH,
                                              .low = -8,
                                              .high = 7,
                                              .inward = 1,
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
    quant_panel_unpack(&source, &quant_q4_0_format, panel, unpack_block);
}

const struct quant_format quant_q4_0_format = {
    .type = QUANT_Q4_0,
    .name = "Q4_0",
    .block_length = QUANT_PLAIN_LENGTH,
    .block_bytes = BYTES,
    .kind = QUANT_KIND_PLAIN,
    .offset = OFFSET,
    .value_most = 15,
    .decode = decode,
    .encode = encode,
    .unpack = unpack,
};
