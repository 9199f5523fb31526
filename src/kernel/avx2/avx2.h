/* avx2.h - the entry of this level (kernel.c). */
#ifndef KERNEL_AVX2_AVX2_H
#define KERNEL_AVX2_AVX2_H

#include "kernel/kernel.h"

/* Replaces what this level improves in a table filled by the level below. */
void avx2_fill(struct kernel *kernel);

#endif
