/* avx512.c - this level's row of the table. */
#include "kernel/avx512/avx512.h"

void avx512_fill(struct kernel *kernel)
{
    kernel->level = CPU_AVX512;
}
