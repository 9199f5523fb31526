/* quant_f16.c - F16: binary16, little-endian, one weight per block of 2 bytes.
 *
 *   bit  15  14..10  9..0
 *       | s | e    | m   |       (-1)^s * 2^(e - 15) * 1.m, denormals below 2^-14
 *
 * Rounded to nearest even. A finite weight past the range becomes the largest finite one, +-65504,
 * which is nearer to it than infinity is; infinities and NaN stay what they are.
 */
#include "quant/quant_formats.h"

#include "quant/quant_bits.h"

static void decode(const void *blocks, float *out, size_t count)
{
    const uint8_t *bytes = blocks;
    for (size_t i = 0; i < count; i++)
        out[i] = quant_bits_half(bytes + 2 * i);
}

static void encode(const float *in, const float *importance, void *blocks, size_t count)
{
    (void)importance; /* each weight is rounded on its own */
    uint8_t *bytes = blocks;
    for (size_t i = 0; i < count; i++) {
        uint16_t half = half_from_float(in[i]);
        if ((half & 0x7fffu) == 0x7c00u && in[i] - in[i] == 0.0f) /* finite, overflowed */
            half = (uint16_t)(half - 1);
        quant_bits_put_u16(bytes + 2 * i, half);
    }
}

const struct quant_format quant_f16_format = {
    .type = QUANT_F16,
    .name = "F16",
    .block_length = 1,
    .block_bytes = 2,
    .kind = QUANT_KIND_FLOAT,
    .decode = decode,
    .encode = encode,
};
