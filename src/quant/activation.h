/* activation.h - the int8 form of a product's input, in blocks of 32 with one f32 scale.
 *
 *   values      i8  [tokens][columns]     q = x / scale, rounded half to even, in [-127, 127]
 *   scales      f32 [tokens][blocks]      max |x| / 127
 *   sums        i32 [tokens][blocks][2]   sums of the values per 16 columns
 *   scaled_sums f32 [tokens][blocks]      scale * (sum of 32 values)
 *
 * columns is a multiple of 32, blocks = columns / 32. docs/NUMERICS.md, section "Activations".
 */
#ifndef QUANT_ACTIVATION_H
#define QUANT_ACTIVATION_H

#include <stddef.h>
#include <stdint.h>

struct activation {
    int8_t *values;
    float *scales;
    int32_t *sums;
    float *scaled_sums;
    size_t columns, blocks;
};

#endif
