/* avx2.h - the level of AVX2, FMA and F16C: eight lanes a register, byte products by way of 16-bit
 * pairs. */
#ifndef KERNEL_AVX2_AVX2_H
#define KERNEL_AVX2_AVX2_H

#include "kernel/kernel.h"

/* Replaces what this level improves in a table filled by the level below. */
void avx2_fill(struct kernel *kernel);

/* The same of training's table. */
struct training_kernel;
void avx2_training_fill(struct training_kernel *kernel);

/* The same for rows that are read in place, or unpacked. */
void avx2_rows_fill(struct kernel *kernel);

/* kernel.h: panel_product. */
kernel_panel_product avx2_panel_product;

#endif
