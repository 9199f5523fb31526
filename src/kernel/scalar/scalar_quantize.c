/* scalar_quantize.c - a product's input to int8, in blocks of 32 with one scale (docs/NUMERICS.md,
 * "Activations"; the layout is drawn in quant/activation.h). */
#include "kernel/scalar/scalar.h"

#include <math.h>
#include "base/half.h"

/* The largest |x|, compared as integers of the bits without sign: a NaN is larger than infinity. */
static float largest_magnitude(const float x[QUANT_BLOCK])
{
    uint32_t largest = 0;
    for (size_t i = 0; i < QUANT_BLOCK; i++) {
        const uint32_t bits = half_float_to_bits(x[i]) & 0x7fffffffu;
        largest = bits > largest ? bits : largest;
    }
    return half_bits_to_float(largest);
}

static void quantize_block(const float x[QUANT_BLOCK], int8_t values[QUANT_BLOCK], float *scale,
                           int32_t sums[2], float *scaled_sum)
{
    const float m = largest_magnitude(x);
    const bool finite = m < 0x1p100f, used = finite && m >= 0x1p-90f;
    const float inverse = used ? 127.0f / m : 0.0f;
    sums[0] = 0;
    sums[1] = 0;
    for (size_t i = 0; i < QUANT_BLOCK; i++) {
        values[i] = used ? (int8_t)rintf(x[i] * inverse) : 0;
        sums[i / 16] += values[i];
    }
    *scale = used ? activation_scale(m) : finite ? 0.0f : NAN;
    *scaled_sum = *scale * (float)(sums[0] + sums[1]);
}

void scalar_quantize(const float *x, size_t x_stride, size_t tokens, size_t first_token,
                     const struct activation *out)
{
    for (size_t t = 0; t < tokens; t++)
        for (size_t b = 0; b < out->blocks; b++) {
            const size_t at = (first_token + t) * out->blocks + b;
            quantize_block(x + t * x_stride + b * QUANT_BLOCK, out->values + at * QUANT_BLOCK,
                           &out->scales[at], &out->sums[2 * at], &out->scaled_sums[at]);
            activation_tile_update(out, first_token + t, b);
        }
}
