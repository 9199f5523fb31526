/* quant_q5_k.c - Q5_K: 256 weights of 5 bits, a scale and a minimum of 6 bits per 32, 176 bytes.
 *
 *   byte 0  1   2    3   4 ............ 15   16 ....... 47   48 ................ 175
 *       | d   | dmin   | 8 pairs of 6 bits | fifth bits    | high|low nibbles      |
 *
 *   weight i = d * s[i / 32] * value - dmin * m[i / 32]
 *
 * The pairs (s, m) are drawn in quant_pairs.h; values are 0..31. Byte 48 + 32 (i / 64) + i mod 32
 * holds weight i, in its low nibble where i mod 64 < 32, else in its high one; its fifth bit is bit
 * i / 32 of byte 16 + i mod 32.
 */
#include "quant/quant_formats.h"

#include "quant/quant_pairs.h"

#define BYTES     176
#define MOST      31
#define FIFTHS_AT 16
#define VALUES_AT 48

static void get(const uint8_t *bytes, size_t block, uint8_t values[QUANT_BLOCK])
{
    const uint8_t *nibbles = bytes + VALUES_AT + 32 * (block / 2), *fifths = bytes + FIFTHS_AT;
    const unsigned shift = 4 * (unsigned)(block % 2), fifth_shift = (unsigned)block;
    for (size_t i = 0; i < QUANT_BLOCK; i++)
        values[i] = (uint8_t)((nibbles[i] >> shift & 15) | (fifths[i] >> fifth_shift & 1) << 4);
}

static void put(uint8_t *bytes, size_t block, const uint8_t values[QUANT_BLOCK])
{
    uint8_t *nibbles = bytes + VALUES_AT + 32 * (block / 2), *fifths = bytes + FIFTHS_AT;
    const unsigned shift = 4 * (unsigned)(block % 2), fifth_shift = (unsigned)block;
    for (size_t i = 0; i < QUANT_BLOCK; i++) {
        nibbles[i] = (uint8_t)(nibbles[i] | (values[i] & 15) << shift);
        fifths[i] = (uint8_t)(fifths[i] | values[i] >> 4 << fifth_shift);
    }
}

static const struct quant_pairs layout = {.bytes = BYTES, .get = get, .put = put};

static const struct quant_affine_grid grid = {
    .count = QUANT_BLOCK, .high = MOST, .outward = 1, .inward = 0.5f, .step = 0.5f, .below = true};

static const struct quant_affine_shape shape = {
    .grid = &grid, .parts = QUANT_PAIRS_PARTS, .most = QUANT_PAIRS_MOST};

static void decode(const void *blocks, float *out, size_t count)
{
    quant_pairs_decode(&layout, blocks, out, count);
}

static void encode(const float *in, const float *importance, void *blocks, size_t count)
{
    quant_pairs_encode(&layout, &shape, in, importance, blocks, count);
}

static void unpack_block(const uint8_t *bytes, const struct quant_panel *panel, size_t block,
                         size_t row)
{
    quant_pairs_unpack(&layout, bytes, panel, block, row);
}

static void unpack(const void *base, size_t row_bytes, size_t rows, size_t first_block,
                   size_t blocks, const struct quant_panel *panel)
{
    const struct quant_panel_rows source = {base, row_bytes, rows, first_block, blocks};
    quant_panel_unpack(&source, &quant_q5_k_format, panel, unpack_block);
}

const struct quant_format quant_q5_k_format = {
    .type = QUANT_Q5_K,
    .name = "Q5_K",
    .block_length = QUANT_PAIRS_LENGTH,
    .block_bytes = BYTES,
    .kind = QUANT_KIND_MINIMUM,
    .value_most = MOST,
    .decode = decode,
    .encode = encode,
    .unpack = unpack,
};
