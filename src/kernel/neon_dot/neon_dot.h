/* neon_dot.h - the entry of this level (kernel.c). */
#ifndef KERNEL_NEON_DOT_NEON_DOT_H
#define KERNEL_NEON_DOT_NEON_DOT_H

#include "kernel/kernel.h"

/* Replaces what this level improves in a table filled by the level below. */
void neon_dot_fill(struct kernel *kernel);

#endif
