/* neon.c - this level's row of the table, and its kernels over lanes. */
#include "kernel/neon/neon.h"

#include "kernel/lanes/lanes_neon.h"
#include "kernel/lanes/lanes.inc"

#define UNPACK_STORE unpack_to_panel
#include "kernel/lanes/lanes_unpack.inc"

void neon_fill(struct kernel *kernel)
{
    lanes_fill(kernel);
    lanes_unpack_fill(kernel);
    kernel->panel_product = neon_panel_product;
}
