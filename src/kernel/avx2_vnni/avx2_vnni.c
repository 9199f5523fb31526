/* avx2_vnni.c - this level's row of the table. */
#include "kernel/avx2_vnni/avx2_vnni.h"

void avx2_vnni_fill(struct kernel *kernel)
{
    kernel->level = CPU_AVX2_VNNI;
}
