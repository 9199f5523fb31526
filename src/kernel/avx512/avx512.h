/* avx512.h - the level of AVX-512 with VNNI and VBMI: sixteen lanes a register, four byte products
 * a lane. */
#ifndef KERNEL_AVX512_AVX512_H
#define KERNEL_AVX512_AVX512_H

#include "kernel/kernel.h"

/* Replaces what this level improves in a table filled by the level below. */
void avx512_fill(struct kernel *kernel);

/* kernel.h: panel_product. */
void avx512_panel_product(const struct quant_format *format, const struct quant_panel *panel,
                          size_t rows, size_t blocks, const struct activation *activation,
                          size_t first_token, size_t tokens, float *out, size_t out_stride);

#endif
