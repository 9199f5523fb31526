/* quant_bf16.c - BF16: the upper half of a binary32, little-endian, one weight per block of 2
 * bytes.
 *
 *   bit  15  14..7  6..0
 *       | s | e   | m   |        (-1)^s * 2^(e - 127) * 1.m
 *
 * Rounded to nearest even. A finite weight that would round to infinity becomes the largest finite
 * one; infinities and NaN stay what they are.
 */
#include "quant/quant_formats.h"

#include "quant/quant_bits.h"

static void decode(const void *blocks, float *out, size_t count)
{
    const uint8_t *bytes = blocks;
    for (size_t i = 0; i < count; i++)
        out[i] = bfloat_to_float(quant_bits_u16(bytes + 2 * i));
}

static void encode(const float *in, const float *importance, void *blocks, size_t count)
{
    (void)importance; /* each weight is rounded on its own */
    uint8_t *bytes = blocks;
    for (size_t i = 0; i < count; i++) {
        uint16_t bfloat = bfloat_from_float(in[i]);
        if ((bfloat & 0x7fffu) == 0x7f80u && in[i] - in[i] == 0.0f) /* finite, overflowed */
            bfloat = (uint16_t)(bfloat - 1);
        quant_bits_put_u16(bytes + 2 * i, bfloat);
    }
}

const struct quant_format quant_bf16_format = {
    .type = QUANT_BF16,
    .name = "BF16",
    .block_length = 1,
    .block_bytes = 2,
    .kind = QUANT_KIND_FLOAT,
    .decode = decode,
    .encode = encode,
};
