/* neon.h - the entry of this level (kernel.c). */
#ifndef KERNEL_NEON_NEON_H
#define KERNEL_NEON_NEON_H

#include "kernel/kernel.h"

/* Replaces what this level improves in a table filled by the level below. */
void neon_fill(struct kernel *kernel);

#endif
