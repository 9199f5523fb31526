/* avx512_training.c - training's table at this level: the functions over lanes, and the tile. */
#include "kernel/avx512/avx512.h"

#include "kernel/lanes/lanes_avx512.h"
#include "kernel/training.h"
#include "kernel/lanes/lanes_training.inc"

#include "kernel/avx512/avx512_tile.h"
#include "kernel/lanes/lanes_tile.inc"

void avx512_training_fill(struct training_kernel *kernel)
{
    lanes_training_fill(kernel);
    lanes_tile_fill(kernel);
    if (avx512_bfloat_is_here())
        avx512_bfloat_fill(kernel);
}
