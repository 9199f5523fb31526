/* half.h - binary16 and bfloat16 to and from binary32, exact, round to nearest even, on any
 * machine.
 *
 *   binary16  s eeeee mmmmmmmmmm        bias 15      denormals, infinities and NaN kept
 *   bfloat16  s eeeeeeee mmmmmmm        the upper half of a binary32
 */
#ifndef BASE_HALF_H
#define BASE_HALF_H

#include <stdint.h>
#include <string.h>

static inline float half_bits_to_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
static inline uint32_t half_float_to_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

float half_to_float(uint16_t half);
/* As F16C does: NaN stays NaN (quiet, its payload's upper bits), overflow is infinity. */
uint16_t half_from_float(float value);

static inline float bfloat_to_float(uint16_t bfloat)
{
    return half_bits_to_float((uint32_t)bfloat << 16);
}
uint16_t bfloat_from_float(float value); /* NaN stays NaN (quiet) */

#endif
