/* avx2.c - this level's row of the table. */
#include "kernel/avx2/avx2.h"

void avx2_fill(struct kernel *kernel)
{
    kernel->level = CPU_AVX2;
}
