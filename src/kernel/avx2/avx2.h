/* avx2.h - the level of AVX2, FMA and F16C: eight lanes a register, byte products by way of 16-bit
 * pairs. */
#ifndef KERNEL_AVX2_AVX2_H
#define KERNEL_AVX2_AVX2_H

#include "kernel/kernel.h"

/* Replaces what this level improves in a table filled by the level below. */
void avx2_fill(struct kernel *kernel);

/* kernel.h: panel_product. */
void avx2_panel_product(const struct quant_format *format, const struct quant_panel *panel,
                        size_t rows, size_t blocks, const struct activation *activation,
                        size_t first_token, size_t tokens, float *out, size_t out_stride);

#endif
