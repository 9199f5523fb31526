/* avx2_vnni.h - the entry of this level (kernel.c). */
#ifndef KERNEL_AVX2_VNNI_AVX2_VNNI_H
#define KERNEL_AVX2_VNNI_AVX2_VNNI_H

#include "kernel/kernel.h"

/* Replaces what this level improves in a table filled by the level below. */
void avx2_vnni_fill(struct kernel *kernel);

#endif
