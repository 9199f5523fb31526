/* neon_dot.h - NEON with the dot product of bytes (ARMv8.2 DotProd). */
#ifndef KERNEL_NEON_DOT_NEON_DOT_H
#define KERNEL_NEON_DOT_NEON_DOT_H

#include "kernel/kernel.h"

/* Replaces what this level improves in a table filled by the level below. */
void neon_dot_fill(struct kernel *kernel);

/* kernel.h: panel_product. */
kernel_panel_product neon_dot_panel_product;

#endif
