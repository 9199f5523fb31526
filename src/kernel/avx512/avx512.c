/* avx512.c - this level's row of the table, and its kernels over lanes. */
#include "kernel/avx512/avx512.h"

#include "kernel/avx512/avx512_rows.h"
#include "kernel/lanes/lanes_avx512.h"
#include "kernel/lanes/lanes.inc"

void avx512_fill(struct kernel *kernel)
{
    lanes_fill(kernel);
    kernel->panel_product = avx512_panel_product;
    avx512_rows_fill(kernel);
}
