/* quant_q6_k.c - Q6_K: 256 weights of 6 bits, a sub-scale of 8 bits per 16 weights, 210 bytes.
 *
 *   byte 0 ............ 127   128 ......... 191   192 ....... 207   208 209
 *       | low 4 bits        | high 2 bits       | 16 sub-scales i8 | d     |
 *
 *   weight i = d * subscale[i / 16] * (value - 32)            d binary16; value 0..63
 *
 * With h = i / 128, run k = (i mod 128) / 32 and l = i mod 32:
 *   low bits    byte 64 h + 32 (k mod 2) + l, low nibble for k = 0, 1, high nibble for k = 2, 3
 *   high bits   byte 128 + 32 h + l, bits 2k + 1 .. 2k
 */
#include "quant/quant_formats.h"

#include "quant/quant_subscale.h"

#define BYTES        210
#define OFFSET       32
#define MOST         63
#define HIGH_AT      128
#define SUBSCALES_AT 192
#define SCALE_AT     208

static void get(const uint8_t *bytes, size_t block, uint8_t values[QUANT_BLOCK])
{
    const uint8_t *low = bytes + 64 * (block / 4) + 32 * (block % 2);
    const uint8_t *high = bytes + HIGH_AT + 32 * (block / 4);
    const unsigned low_shift = block % 4 < 2 ? 0 : 4, high_shift = 2 * (unsigned)(block % 4);
    for (size_t i = 0; i < QUANT_BLOCK; i++)
        values[i] = (uint8_t)((low[i] >> low_shift & 15) | (high[i] >> high_shift & 3) << 4);
}

static void put(uint8_t *bytes, size_t block, const uint8_t values[QUANT_BLOCK])
{
    uint8_t *low = bytes + 64 * (block / 4) + 32 * (block % 2);
    uint8_t *high = bytes + HIGH_AT + 32 * (block / 4);
    const unsigned low_shift = block % 4 < 2 ? 0 : 4, high_shift = 2 * (unsigned)(block % 4);
    for (size_t i = 0; i < QUANT_BLOCK; i++) {
        low[i] = (uint8_t)(low[i] | (values[i] & 15) << low_shift);
        high[i] = (uint8_t)(high[i] | values[i] >> 4 << high_shift);
    }
}

static void get_subscales(const uint8_t *bytes, int subscales[QUANT_SUBSCALE_PARTS])
{
    for (size_t i = 0; i < QUANT_SUBSCALE_PARTS; i++)
        subscales[i] = (int8_t)bytes[SUBSCALES_AT + i];
}

static void put_subscales(uint8_t *bytes, const int subscales[QUANT_SUBSCALE_PARTS])
{
    for (size_t i = 0; i < QUANT_SUBSCALE_PARTS; i++)
        bytes[SUBSCALES_AT + i] = (uint8_t)subscales[i];
}

static const struct quant_subscale layout = {.bytes = BYTES,
                                             .scale_at = SCALE_AT,
                                             .offset = OFFSET,
                                             .get = get,
                                             .put = put,
                                             .get_subscales = get_subscales,
                                             .put_subscales = put_subscales};

static const struct quant_search_grid grid = {.count = 16,
                                              .low = -32,
                                              .high = 31,
                                              .inward = 5,
                                              .outward = 1,
                                              .step = 0.5f,
                                              .measure = quant_search_measure_16};

static const struct quant_super_shape shape = {
    .grid = &grid, .parts = QUANT_SUBSCALE_PARTS, .low = -128, .high = 127};

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
    quant_panel_unpack(&source, &quant_q6_k_format, panel, unpack_block);
}

const struct quant_format quant_q6_k_format = {
    .type = QUANT_Q6_K,
    .name = "Q6_K",
    .block_length = QUANT_SUBSCALE_LENGTH,
    .block_bytes = BYTES,
    .kind = QUANT_KIND_HALVES,
    .offset = OFFSET,
    .value_most = MOST,
    .decode = decode,
    .encode = encode,
    .unpack = unpack,
};
