/* quant_q8_0.c - Q8_0: 32 weights of 8 bits with one scale, 34 bytes.
 *
 *   byte 0  1   2 ........... 33
 *       | d   | i8 of weight j  |
 *
 *   weight = d * i8                        d binary16
 *
 * The panel's integers are i8 + 128. The encoder leaves -128 out, as other encoders do: whoever
 * negates an i8 is then safe.
 */
#include "quant/quant_formats.h"

#include "quant/quant_plain.h"

#define BYTES  34
#define OFFSET 128

static void get(const uint8_t *bytes, uint8_t values[QUANT_PLAIN_LENGTH])
{
    for (size_t i = 0; i < QUANT_PLAIN_LENGTH; i++)
        values[i] = bytes[i] ^ 0x80;
}

static void put(uint8_t *bytes, const uint8_t values[QUANT_PLAIN_LENGTH])
{
    for (size_t i = 0; i < QUANT_PLAIN_LENGTH; i++)
        bytes[i] = values[i] ^ 0x80;
}

static const struct quant_plain plain = {.bytes = BYTES, .offset = OFFSET, .get = get, .put = put};

static const struct quant_search_grid grid = {.count = QUANT_PLAIN_LENGTH,
                                              .low = -127,
                                              .high = 127,
                                              .inward = 8,
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
    quant_panel_unpack(&source, &quant_q8_0_format, panel, unpack_block);
}

const struct quant_format quant_q8_0_format = {
    .type = QUANT_Q8_0,
    .name = "Q8_0",
    .block_length = QUANT_PLAIN_LENGTH,
    .block_bytes = BYTES,
    .kind = QUANT_KIND_PLAIN,
    .offset = OFFSET,
    .value_most = 255,
    .decode = decode,
    .encode = encode,
    .unpack = unpack,
};
