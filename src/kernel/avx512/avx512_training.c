/* avx512_training.c - training's table at this level: the functions over lanes, and a tile of 14 rows
 * x 2 registers, 28 of the 32 registers being sums. */
#include "kernel/avx512/avx512.h"

#include "kernel/lanes/lanes_avx512.h"
#include "kernel/training.h"
#include "kernel/lanes/lanes_training.inc"

#define TILE_ROWS  14
#define TILE_WIDTH 2
#define TILE_DEPTH 256
#define TILE_BLOCK 512
#define TILE_STEPS 16
#define TILE_EACH_ROWS(make)                                                                       \
    make(1) make(2) make(3) make(4) make(5) make(6) make(7) make(8) make(9) make(10) make(11)      \
        make(12) make(13) make(14)

/* A register takes four columns of rows k, 4 + k, 8 + k, 12 + k; unpacked, the rows of each quarter
 * come side by side. Of each row a whole cache line is taken at once: rows whose distance is a power
 * of two push each other's lines out of the first cache. */
UNROLL_INLINE void tile_transpose(const float *const *rows, size_t p, lanes out[16])
{
    lanes z[4][4]; /* [columns 4 q ..][k] */
    UNROLL
    for (size_t k = 0; k < 4; k++)
        UNROLL
    for (size_t q = 0; q < 4; q++) {
        const size_t at = p + 4 * q;
        z[q][k] = _mm512_castps128_ps512(_mm_loadu_ps(rows[k] + at));
        z[q][k] = _mm512_insertf32x4(z[q][k], _mm_loadu_ps(rows[4 + k] + at), 1);
        z[q][k] = _mm512_insertf32x4(z[q][k], _mm_loadu_ps(rows[8 + k] + at), 2);
        z[q][k] = _mm512_insertf32x4(z[q][k], _mm_loadu_ps(rows[12 + k] + at), 3);
    }
    UNROLL
    for (size_t q = 0; q < 4; q++) {
        const __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(z[q][0], z[q][1]));
        const __m512d b = _mm512_castps_pd(_mm512_unpackhi_ps(z[q][0], z[q][1]));
        const __m512d c = _mm512_castps_pd(_mm512_unpacklo_ps(z[q][2], z[q][3]));
        const __m512d d = _mm512_castps_pd(_mm512_unpackhi_ps(z[q][2], z[q][3]));
        out[4 * q] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
        out[4 * q + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
        out[4 * q + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
        out[4 * q + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
    }
}

#include "kernel/lanes/lanes_tile.inc"

void avx512_training_fill(struct training_kernel *kernel)
{
    lanes_training_fill(kernel);
    lanes_tile_fill(kernel);
}
