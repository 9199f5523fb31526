/* half.c - binary16 and bfloat16 to and from binary32, in integer arithmetic.
 *
 *   binary32  s eeeeeeee mmmmmmmmmmmmmmmmmmmmmmm   bias 127
 *   binary16  s eeeee    mmmmmmmmmm   bias 15: exponents differ by 112, mantissas by 13 bits
 *   bfloat16  s eeeeeeee mmmmmmm      bias 127
 *
 * Formats: IEEE 754-2019, section 3.6. Equal, bit for bit, to the F16C instructions with round to
 * nearest even: a signalling NaN becomes quiet, and its payload's upper bits are kept.
 */
#include "base/half.h"

#define FLOAT_INFINITY 0x7f800000u
#define FLOAT_QUIET    0x00400000u
#define EXPONENT_SHIFT (112u << 23) /* difference of the two biases, in place */

float half_to_float(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    const uint32_t magnitude = half & 0x7fffu;
    if (magnitude < 0x0400u) /* zero or denormal: a multiple of 2^-24, exact */
        return half_bits_to_float(sign | half_float_to_bits((float)magnitude * 0x1p-24f));
    const uint32_t bits = magnitude << 13;
    if (magnitude < 0x7c00u)
        return half_bits_to_float(sign | (bits + EXPONENT_SHIFT));
    const uint32_t quiet = magnitude > 0x7c00u ? FLOAT_QUIET : 0;
    return half_bits_to_float(sign | FLOAT_INFINITY | (bits & 0x007fffffu) | quiet);
}

/* A magnitude below 2^-14 as a multiple of 2^-24, rounded to even; 2^-14 itself may come out. */
static uint32_t denormal_half(uint32_t magnitude)
{
    const uint32_t exponent = magnitude >> 23;
    if (exponent < 102) /* below 2^-25: nearer to zero than to 2^-24 */
        return 0;
    const uint32_t shift = 126 - exponent; /* 14..24 */
    const uint32_t mantissa = (magnitude & 0x007fffffu) | 0x00800000u;
    const uint32_t kept = mantissa >> shift;
    const uint32_t lost = mantissa & ((1u << shift) - 1);
    const uint32_t tie = 1u << (shift - 1);
    return kept + (lost > tie || (lost == tie && (kept & 1u) != 0));
}

uint16_t half_from_float(float value)
{
    const uint32_t bits = half_float_to_bits(value);
    const uint32_t sign = (bits >> 16) & 0x8000u;
    const uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > FLOAT_INFINITY)
        return (uint16_t)(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
    if (magnitude >= 0x47800000u) /* 65536 and above */
        return (uint16_t)(sign | 0x7c00u);
    if (magnitude < 0x38800000u) /* below 2^-14 */
        return (uint16_t)(sign | denormal_half(magnitude));
    const uint32_t rebased = magnitude - EXPONENT_SHIFT;
    return (uint16_t)(sign | ((rebased + 0x0fffu + ((rebased >> 13) & 1u)) >> 13));
}

uint16_t bfloat_from_float(float value)
{
    const uint32_t bits = half_float_to_bits(value);
    if ((bits & 0x7fffffffu) > FLOAT_INFINITY)
        return (uint16_t)((bits | FLOAT_QUIET) >> 16);
    return (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
