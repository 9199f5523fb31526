/* quant_iq4_nl.c - IQ4_NL: 32 weights of 4 bits, codes of uneven levels, with one scale, 18 bytes.
 *
 *   byte 0  1   2 ................ 17
 *       | d   | high|low nibbles     |
 *
 *   byte 2 + j: bits 3..0 weight j, bits 7..4 weight j + 16
 *
 *   weight = d * level[nibble]             d binary16, either sign; levels: quant_iq4.c
 *
 * The panel's integers are the levels + 128.
 */
#include "quant/quant_formats.h"

#include "quant/quant_iq4.h"
#include "quant/quant_plain.h"

#define BYTES 18

static const struct quant_plain plain = {
    .bytes = BYTES, .offset = QUANT_IQ4_OFFSET, .get = quant_iq4_values};

static void decode(const void *blocks, float *out, size_t count)
{
    quant_plain_decode(&plain, blocks, out, count);
}

static void encode(const float *in, const float *importance, void *blocks, size_t count)
{
    uint8_t *bytes = blocks;
    for (size_t start = 0; start < count; start += QUANT_PLAIN_LENGTH, bytes += BYTES) {
        struct quant_search_block block;
        uint8_t codes[QUANT_PLAIN_LENGTH];
        quant_search_load(&block, in + start, importance == NULL ? NULL : importance + start,
                          QUANT_PLAIN_LENGTH);
        const float scale = quant_search_scale(&quant_iq4_grid, block.values, block.weights, true);
        quant_iq4_codes(block.values, scale, codes);
        quant_bits_put_half(bytes, scale);
        quant_bits_put_nibbles(bytes + 2, codes);
    }
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
    quant_panel_unpack(&source, &quant_iq4_nl_format, panel, unpack_block);
}

const struct quant_format quant_iq4_nl_format = {
    .type = QUANT_IQ4_NL,
    .name = "IQ4_NL",
    .block_length = QUANT_PLAIN_LENGTH,
    .block_bytes = BYTES,
    .kind = QUANT_KIND_PLAIN,
    .offset = QUANT_IQ4_OFFSET,
    .value_most = QUANT_IQ4_MOST,
    .decode = decode,
    .encode = encode,
    .unpack = unpack,
};
