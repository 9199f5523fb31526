/* scalar_float.c - products with float weights, widened to f32 exactly: sixteen lanes over the
 * columns (docs/NUMERICS.md). */
#include "kernel/scalar/scalar.h"

#include <math.h>
#include <string.h>
#include "base/half.h"

/* Column `column` of a row that may lie at any address. */
static float weight_at(enum quant_type type, const unsigned char *row, size_t column)
{
    if (type == QUANT_F32) {
        float value;
        memcpy(&value, row + column * sizeof value, sizeof value);
        return value;
    }
    uint16_t value;
    memcpy(&value, row + column * sizeof value, sizeof value);
    return type == QUANT_F16 ? half_to_float(value) : bfloat_to_float(value);
}

void scalar_float_product(enum quant_type type, const void *base, size_t row_bytes, size_t rows,
                          size_t columns, const float *x, size_t x_stride, size_t tokens,
                          float *out, size_t out_stride)
{
    for (size_t r = 0; r < rows; r++) {
        const unsigned char *const row = (const unsigned char *)base + r * row_bytes;
        for (size_t t = 0; t < tokens; t++) {
            float lanes[16] = {0};
            for (size_t c = 0; c < columns; c++)
                lanes[c % 16] = fmaf(weight_at(type, row, c), x[t * x_stride + c], lanes[c % 16]);
            out[t * out_stride + r] = scalar_vector_tree(lanes);
        }
    }
}
