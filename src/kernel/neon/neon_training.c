/* neon_training.c - training's table at this level: the functions over lanes, and a tile of 8 rows
 * x 3 registers, 24 of the 32 registers being sums. */
#include "kernel/neon/neon.h"

#include "kernel/lanes/lanes_neon.h"
#include "kernel/training.h"
#include "kernel/lanes/lanes_training.inc"

#define TILE_ROWS            8
#define TILE_WIDTH           3
#define TILE_DEPTH           256
#define TILE_BLOCK           240
#define TILE_STEPS           4
#define TILE_EACH_ROWS(make) make(1) make(2) make(3) make(4) make(5) make(6) make(7) make(8)

UNROLL_INLINE lanes tile_join_low(lanes a, lanes b)
{
    return vcombine_f32(vget_low_f32(a), vget_low_f32(b));
}

UNROLL_INLINE lanes tile_join_high(lanes a, lanes b)
{
    return vcombine_f32(vget_high_f32(a), vget_high_f32(b));
}

UNROLL_INLINE void tile_transpose(const float *const *rows, size_t p, lanes out[4])
{
    const float32x4x2_t first = vtrnq_f32(lanes_load(rows[0] + p), lanes_load(rows[1] + p));
    const float32x4x2_t second = vtrnq_f32(lanes_load(rows[2] + p), lanes_load(rows[3] + p));
    out[0] = tile_join_low(first.val[0], second.val[0]);
    out[1] = tile_join_low(first.val[1], second.val[1]);
    out[2] = tile_join_high(first.val[0], second.val[0]);
    out[3] = tile_join_high(first.val[1], second.val[1]);
}

#include "kernel/lanes/lanes_tile.inc"

void neon_training_fill(struct training_kernel *kernel)
{
    lanes_training_fill(kernel);
    lanes_tile_fill(kernel);
}
