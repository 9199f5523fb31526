/* scalar_encode.c - f32 to the formats of a KV page (docs/NUMERICS.md, "Attention").
 *
 * Q8_0: blocks of 32 values, the last may be shorter; scale m / 127 as binary16, then with the
 * scale d as it reads back, q = x / d rounded half to even, clamped to [-127, 127].
 */
#include "kernel/scalar/scalar.h"

#include <math.h>
#include <string.h>
#include "base/half.h"

static uint16_t encode_block(const float *x, size_t count, int8_t *out)
{
    uint32_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = half_float_to_bits(x[i]) & 0x7fffffffu;
        largest = bits > largest ? bits : largest;
    }
    const uint16_t scale = half_from_float(half_bits_to_float(largest) / 127.0f);
    const float d = half_to_float(scale);
    const bool used = isfinite(d) && d != 0.0f;
    for (size_t i = 0; i < count; i++) {
        const float q = used ? rintf(x[i] / d) : 0.0f;
        out[i] = (int8_t)fminf(fmaxf(q, -127.0f), 127.0f);
    }
    return scale;
}

void scalar_encode(enum quant_type format, const float *x, size_t count, void *out,
                   uint16_t *scales)
{
    if (format == QUANT_F32) {
        memcpy(out, x, count * sizeof *x);
    } else if (format == QUANT_Q8_0) {
        for (size_t i = 0; i < count; i += QUANT_BLOCK)
            scales[i / QUANT_BLOCK] = encode_block(
                x + i, count - i < QUANT_BLOCK ? count - i : QUANT_BLOCK, (int8_t *)out + i);
    } else {
        for (size_t i = 0; i < count; i++)
            ((uint16_t *)out)[i] =
                format == QUANT_F16 ? half_from_float(x[i]) : bfloat_from_float(x[i]);
    }
}
