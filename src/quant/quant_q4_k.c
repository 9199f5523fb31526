/* quant_q4_k.c - Q4_K: 256 weights of 4 bits, a scale and a minimum of 6 bits per 32, 144 bytes.
 *
 *   byte 0  1   2    3   4 ............ 15   16 ................ 143
 *       | d   | dmin   | 8 pairs of 6 bits | high|low nibbles      |
 *
 *   weight i = d * s[i / 32] * nibble - dmin * m[i / 32]
 *
 * The pairs (s, m) are drawn in quant_pairs.h. Byte 16 + 32 (i / 64) + i mod 32 holds weight i, in
 * its low nibble where i mod 64 < 32, else in its high one.
 */
#include "quant/quant_formats.h"

#include "quant/quant_pairs.h"

#define BYTES     144
#define MOST      15
#define VALUES_AT 16

static void get(const uint8_t *bytes, size_t block, uint8_t values[QUANT_BLOCK])
{
    const uint8_t *nibbles = bytes + VALUES_AT + 32 * (block / 2);
    const unsigned shift = 4 * (unsigned)(block % 2);
    for (size_t i = 0; i < QUANT_BLOCK; i++)
        values[i] = nibbles[i] >> shift & 15;
}

static void put(uint8_t *bytes, size_t block, const uint8_t values[QUANT_BLOCK])
{
    uint8_t *nibbles = bytes + VALUES_AT + 32 * (block / 2);
    const unsigned shift = 4 * (unsigned)(block % 2);
    for (size_t i = 0; i < QUANT_BLOCK; i++)
        nibbles[i] = (uint8_t)(nibbles[i] | values[i] << shift);
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
    quant_panel_unpack(&source, &quant_q4_k_format, panel, unpack_block);
}

const struct quant_format quant_q4_k_format = {
    .type = QUANT_Q4_K,
    .name = "Q4_K",
    .block_length = QUANT_PAIRS_LENGTH,
    .block_bytes = BYTES,
    .kind = QUANT_KIND_MINIMUM,
    .value_most = MOST,
    .decode = decode,
    .encode = encode,
    .unpack = unpack,
};
