/* neon.h - NEON as every AArch64 has it: four lanes a register, byte products by way of 16 bits. */
#ifndef KERNEL_NEON_NEON_H
#define KERNEL_NEON_NEON_H

#include "kernel/kernel.h"

/* Replaces what this level improves in a table filled by the level below. */
void neon_fill(struct kernel *kernel);

/* The same of training's table. */
struct training_kernel;
void neon_training_fill(struct training_kernel *kernel);

/* kernel.h: panel_product. */
kernel_panel_product neon_panel_product;

#endif
