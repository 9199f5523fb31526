/* avx2_vnni.h - AVX2 with the dot product of bytes, in either of its two encodings. */
#ifndef KERNEL_AVX2_VNNI_AVX2_VNNI_H
#define KERNEL_AVX2_VNNI_AVX2_VNNI_H

#include "kernel/kernel.h"

/* Replaces what this level improves in a table filled by the level below. */
void avx2_vnni_fill(struct kernel *kernel);

/* kernel.h: panel_product. For processors with AVX-VNNI, and for those with AVX512-VNNI and VL. */
void avx2_vnni_vex_product(const struct quant_format *format, const struct quant_panel *panel,
                           size_t rows, size_t blocks, const struct activation *activation,
                           size_t first_token, size_t tokens, float *out, size_t out_stride);
void avx2_vnni_evex_product(const struct quant_format *format, const struct quant_panel *panel,
                            size_t rows, size_t blocks, const struct activation *activation,
                            size_t first_token, size_t tokens, float *out, size_t out_stride);

#endif
