/* avx2_training.c - training's table at this level: the functions over lanes, and a tile of 6 rows
 * x 2 registers, 12 of the 16 registers being sums. */
#include "kernel/avx2/avx2.h"

#include "kernel/lanes/lanes_avx2.h"
#include "kernel/training.h"
#include "kernel/lanes/lanes_training.inc"

#define TILE_ROWS            6
#define TILE_WIDTH           2
#define TILE_DEPTH           256
#define TILE_BLOCK           192
#define TILE_STEPS           4
#define TILE_EACH_ROWS(make) make(1) make(2) make(3) make(4) make(5) make(6)

/* A register takes four columns of rows k, 4 + k; unpacked, the rows of each half come side by
 * side. */
UNROLL_INLINE void tile_transpose(const float *const *rows, size_t p, lanes out[4])
{
    lanes z[4];
    UNROLL
    for (size_t k = 0; k < 4; k++)
        z[k] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(rows[k] + p)),
                                    _mm_loadu_ps(rows[4 + k] + p), 1);
    const __m256d a = _mm256_castps_pd(_mm256_unpacklo_ps(z[0], z[1]));
    const __m256d b = _mm256_castps_pd(_mm256_unpackhi_ps(z[0], z[1]));
    const __m256d c = _mm256_castps_pd(_mm256_unpacklo_ps(z[2], z[3]));
    const __m256d d = _mm256_castps_pd(_mm256_unpackhi_ps(z[2], z[3]));
    out[0] = _mm256_castpd_ps(_mm256_unpacklo_pd(a, c));
    out[1] = _mm256_castpd_ps(_mm256_unpackhi_pd(a, c));
    out[2] = _mm256_castpd_ps(_mm256_unpacklo_pd(b, d));
    out[3] = _mm256_castpd_ps(_mm256_unpackhi_pd(b, d));
}

#include "kernel/lanes/lanes_tile.inc"

void avx2_training_fill(struct training_kernel *kernel)
{
    lanes_training_fill(kernel);
    lanes_tile_fill(kernel);
}
