/* avx512.h - the entry of this level (kernel.c). */
#ifndef KERNEL_AVX512_AVX512_H
#define KERNEL_AVX512_AVX512_H

#include "kernel/kernel.h"

/* Replaces what this level improves in a table filled by the level below. */
void avx512_fill(struct kernel *kernel);

#endif
