/* avx512.h - the level of AVX-512 with VNNI: sixteen lanes a register, four byte products
 * a lane. */
#ifndef KERNEL_AVX512_AVX512_H
#define KERNEL_AVX512_AVX512_H

#include "kernel/kernel.h"

/* Replaces what this level improves in a table filled by the level below. */
void avx512_fill(struct kernel *kernel);

/* The same of training's table. */
struct training_kernel;
void avx512_training_fill(struct training_kernel *kernel);
/* Products of bfloat16, where the processor has AVX512-BF16. */
bool avx512_bfloat_is_here(void);
void avx512_bfloat_fill(struct training_kernel *kernel);

/* kernel.h: panel_product. */
kernel_panel_product avx512_panel_product;

#endif
