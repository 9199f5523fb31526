/* avx512_tile.h - the shape of this level's tiles, for lanes_tile.inc: 14 rows x 2 registers, 28 of
 * the 32 registers being sums. */
#ifndef KERNEL_AVX512_AVX512_TILE_H
#define KERNEL_AVX512_AVX512_TILE_H

#include "kernel/lanes/lanes_avx512.h"

#define TILE_ROWS  14
#define TILE_WIDTH 2
#define TILE_DEPTH 256
#define TILE_BLOCK 512
#define TILE_STEPS 16
#define TILE_EACH_ROWS(make)                                                                       \
    make(1) make(2) make(3) make(4) make(5) make(6) make(7) make(8) make(9) make(10) make(11)      \
        make(12) make(13) make(14)

UNROLL_INLINE lanes tile_halves(const float *low, const float *high)
{
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm256_loadu_ps(low)), _mm256_loadu_ps(high),
                              1);
}

/* Four registers, of rows k and 4 + k, to four of two columns each: c and c + 4. */
UNROLL_INLINE void tile_quarter(const lanes z[4], lanes out[4])
{
    const __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(z[0], z[1]));
    const __m512d b = _mm512_castps_pd(_mm512_unpackhi_ps(z[0], z[1]));
    const __m512d c = _mm512_castps_pd(_mm512_unpacklo_ps(z[2], z[3]));
    const __m512d d = _mm512_castps_pd(_mm512_unpackhi_ps(z[2], z[3]));
    out[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
    out[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
    out[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
    out[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
}

/* Of each row a whole cache line is taken: rows whose distance is a power of two push each other's
 * lines out of the first cache.
 *
 *   loaded     | row k, 8 columns              | row 4 + k, 8 columns          |  k < 4; rows + 8
 *   quarters   | rows 0-3, c   | rows 0-3, c+4 | rows 4-7, c   | rows 4-7, c+4 |  rows + 8
 *   out        | rows 0-3, c   | rows 4-7, c   | rows 8-11, c  | rows 12-15, c |
 */
UNROLL_INLINE void tile_transpose(const float *const *rows, size_t p, lanes out[16])
{
    UNROLL
    for (size_t at = 0; at < 16; at += 8) {
        lanes low[4], high[4], upper[4], lower[4];
        UNROLL
        for (size_t k = 0; k < 4; k++) {
            low[k] = tile_halves(rows[k] + p + at, rows[4 + k] + p + at);
            high[k] = tile_halves(rows[8 + k] + p + at, rows[12 + k] + p + at);
        }
        tile_quarter(low, upper);
        tile_quarter(high, lower);
        UNROLL
        for (size_t c = 0; c < 4; c++) {
            out[at + c] = _mm512_shuffle_f32x4(upper[c], lower[c], 0x88);
            out[at + c + 4] = _mm512_shuffle_f32x4(upper[c], lower[c], 0xdd);
        }
    }
}

#endif
