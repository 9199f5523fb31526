/* avx2.c - this level's row of the table, and its kernels over lanes. */
#include "kernel/avx2/avx2.h"

#include "kernel/lanes/lanes_avx2.h"
#include "kernel/lanes/lanes.inc"

void avx2_fill(struct kernel *kernel)
{
    lanes_fill(kernel);
    avx2_rows_fill(kernel);
    kernel->panel_product = avx2_panel_product;
}
