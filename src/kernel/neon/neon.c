/* neon.c - this level's row of the table. */
#include "kernel/neon/neon.h"

void neon_fill(struct kernel *kernel)
{
    kernel->level = CPU_NEON;
}
