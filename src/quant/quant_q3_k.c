/* quant_q3_k.c - Q3_K: 256 weights of 3 bits, a sub-scale of 6 bits per 16 weights, 110 bytes.
 *
 *   byte 0 ...... 31   32 .......... 95   96 .............. 107   108 109
 *       | high bit   | low 2 bits       | 16 sub-scales, 6 bits | d     |
 *
 *   weight i = d * (subscale[i / 16] - 32) * (value - 4)
 *
 * d is binary16, sub-scales are 0..63, values 0..7. With h = i / 128, run k = (i mod 128) / 32 and
 * l = i mod 32:
 *   high bit    byte l, bit 4 h + k
 *   low bits    byte 32 + 32 h + l, bits 2k + 1 .. 2k
 * Sub-scale j: bits 3..0 are the low (j < 8) or high nibble of byte 96 + j mod 8; bits 5..4 are
 * bits 2 (j / 4) + 1 .. 2 (j / 4) of byte 104 + j mod 4.
 */
#include "quant/quant_formats.h"

#include "quant/quant_subscale.h"

#define BYTES             110
#define OFFSET            4
#define MOST              7
#define LOW_AT            32
#define SUBSCALES_AT      96
#define SUBSCALES_HIGH_AT 104
#define SUBSCALE_OFFSET   32
#define SCALE_AT          108

static void get(const uint8_t *bytes, size_t block, uint8_t values[QUANT_BLOCK])
{
    const uint8_t *low = bytes + LOW_AT + 32 * (block / 4);
    const unsigned shift = 2 * (unsigned)(block % 4), high_shift = (unsigned)block;
    for (size_t i = 0; i < QUANT_BLOCK; i++)
        values[i] = (uint8_t)((low[i] >> shift & 3) | (bytes[i] >> high_shift & 1) << 2);
}

static void put(uint8_t *bytes, size_t block, const uint8_t values[QUANT_BLOCK])
{
    uint8_t *low = bytes + LOW_AT + 32 * (block / 4);
    const unsigned shift = 2 * (unsigned)(block % 4), high_shift = (unsigned)block;
    for (size_t i = 0; i < QUANT_BLOCK; i++) {
        low[i] = (uint8_t)(low[i] | (values[i] & 3) << shift);
        bytes[i] = (uint8_t)(bytes[i] | values[i] >> 2 << high_shift);
    }
}

static void get_subscales(const uint8_t *bytes, int subscales[QUANT_SUBSCALE_PARTS])
{
    const uint8_t *low = bytes + SUBSCALES_AT, *high = bytes + SUBSCALES_HIGH_AT;
    for (size_t i = 0; i < QUANT_SUBSCALE_PARTS; i++)
        subscales[i] =
            ((low[i % 8] >> (i < 8 ? 0 : 4) & 15) | (high[i % 4] >> 2 * (i / 4) & 3) << 4) -
            SUBSCALE_OFFSET;
}

static void put_subscales(uint8_t *bytes, const int subscales[QUANT_SUBSCALE_PARTS])
{
    uint8_t *low = bytes + SUBSCALES_AT, *high = bytes + SUBSCALES_HIGH_AT;
    for (size_t i = 0; i < QUANT_SUBSCALE_PARTS; i++) {
        const int value = subscales[i] + SUBSCALE_OFFSET;
        low[i % 8] = (uint8_t)(low[i % 8] | (value & 15) << (i < 8 ? 0 : 4));
        high[i % 4] = (uint8_t)(high[i % 4] | value >> 4 << 2 * (i / 4));
    }
}

static const struct quant_subscale layout = {.bytes = BYTES,
                                             .scale_at = SCALE_AT,
                                             .offset = OFFSET,
                                             .get = get,
                                             .put = put,
                                             .get_subscales = get_subscales,
                                             .put_subscales = put_subscales};

static const struct quant_search_grid grid = {.count = 16,
                                              .low = -4,
                                              .high = 3,
                                              .inward = 1,
                                              .outward = 1,
                                              .step = 0.5f,
                                              .measure = quant_search_measure_16};

static const struct quant_super_shape shape = {
    .grid = &grid, .parts = QUANT_SUBSCALE_PARTS, .low = -32, .high = 31};

static void decode(const void *blocks, float *out, size_t count)
{
    quant_subscale_decode(&layout, blocks, out, count);
}

static void encode(const float *in, const float *importance, void *blocks, size_t count)
{
    quant_subscale_encode(&layout, &shape, in, importance, blocks, count);
}

static void unpack_block(const uint8_t *bytes, const struct quant_panel *panel, size_t block,
                         size_t row)
{
    quant_subscale_unpack(&layout, bytes, panel, block, row);
}

static void unpack(const void *base, size_t row_bytes, size_t rows, size_t first_block,
                   size_t blocks, const struct quant_panel *panel)
{
    const struct quant_panel_rows source = {base, row_bytes, rows, first_block, blocks};
    quant_panel_unpack(&source, &quant_q3_k_format, panel, unpack_block);
}

const struct quant_format quant_q3_k_format = {
    .type = QUANT_Q3_K,
    .name = "Q3_K",
    .block_length = QUANT_SUBSCALE_LENGTH,
    .block_bytes = BYTES,
    .kind = QUANT_KIND_HALVES,
    .offset = OFFSET,
    .value_most = MOST,
    .decode = decode,
    .encode = encode,
    .unpack = unpack,
};
