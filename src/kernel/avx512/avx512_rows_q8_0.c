/* avx512_rows_q8_0.c - Q8_0 in place: two blocks of 32 weights a step.
 *
 *   byte 0  1   2 ........ 33   34 35   36 ....... 67
 *       | d   | 32 x i8       | d     | 32 x i8      |
 *
 * The two scales are words 0 and 17 of the 64 bytes at the step's begin: one permutation a row,
 * which leaves other rows' lanes alone, brings them to where the row's lane is in each block's
 * sixteen.
 */
#include "kernel/avx512/avx512_rows.h"

#define BYTES  34
#define BLOCKS 2
#define OFFSET 128

UNROLL_INLINE void load_scales(const struct rows_source *source, uint16_t out[BLOCKS][ROWS])
{
    const __m512i words = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(17), 1);
    __m512i scales[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    UNROLL
    for (size_t r = 0; r < ROWS; r++)
        scales[r % 2] = _mm512_mask_permutexvar_epi16(scales[r % 2], 0x00010001u << r, words,
                                                      _mm512_loadu_si512(rows_row(source, r)));
    _mm512_storeu_si512(out[0], _mm512_or_si512(scales[0], scales[1]));
}

UNROLL_INLINE void add_step(const struct rows_source *source, struct rows_tokens *at, size_t tokens,
                            size_t blocks, __m512 acc[ROWS_TOKENS])
{
    uint16_t scales[BLOCKS][ROWS];
    struct rows_source block = *source;
    const __m512i sign = _mm512_set1_epi8(-128);
    load_scales(source, scales);
    for (size_t b = 0; b < blocks; b++) {
        __m512i sums[ROWS_TOKENS], u[8];
        rows_fetch(source, BLOCKS * BYTES, b, BLOCKS, tokens);
        rows_start(at, ROWS_WHOLE, OFFSET, tokens, sums);
        rows_transpose_32(&block, 2, u);
        UNROLL
        for (size_t g = 0; g < 8; g++)
            rows_add(sums, _mm512_xor_si512(u[g], sign), at, 4 * g, tokens);
        rows_scale(acc, sums, 0, rows_widen(scales[b]), at, tokens);
        rows_next_block(at, 1, tokens);
        rows_forward(&block, BYTES);
    }
}

UNROLL_INLINE void run(struct rows_source *source, struct rows_tokens *at, size_t tokens,
                       size_t blocks, __m512 acc[ROWS_TOKENS])
{
    for (size_t done = 0; done < blocks; done += BLOCKS) {
        add_step(source, at, tokens, blocks - done < BLOCKS ? blocks - done : BLOCKS, acc);
        rows_forward(source, BLOCKS * BYTES);
    }
}

ROWS_PRODUCT(q8_0, run, BLOCKS, BLOCKS *BYTES, 1)
