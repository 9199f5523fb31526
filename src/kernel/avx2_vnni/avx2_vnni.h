/* avx2_vnni.h - AVX2 with the dot product of bytes, in either of its two encodings. */
#ifndef KERNEL_AVX2_VNNI_AVX2_VNNI_H
#define KERNEL_AVX2_VNNI_AVX2_VNNI_H

#include "kernel/kernel.h"

/* Replaces what this level improves in a table filled by the level below. */
void avx2_vnni_fill(struct kernel *kernel);

/* kernel.h: panel_product. For processors with AVX-VNNI, and for those with AVX512-VNNI and VL. */
kernel_panel_product avx2_vnni_vex_product;
kernel_panel_product avx2_vnni_evex_product;

#endif
