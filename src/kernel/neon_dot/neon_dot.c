/* neon_dot.c - this level's row of the table. */
#include "kernel/neon_dot/neon_dot.h"

void neon_dot_fill(struct kernel *kernel)
{
    kernel->panel_product = neon_dot_panel_product;
}
