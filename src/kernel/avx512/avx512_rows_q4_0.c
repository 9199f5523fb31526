/* avx512_rows_q4_0.c - Q4_0 in place: four blocks of 18 bytes a step.
 *
 *   byte 0  1   2 .. 17   18 19   20 .. 35   36 37   38 .. 53   54 55   56 .. 71
 *       | d   | nibbles | d     | nibbles  | d     | nibbles  | d     | nibbles  |
 *
 * The four scales are words 0, 9, 18, 27 of the 64 bytes loaded at the step's begin.
 */
#include "kernel/avx512/avx512_rows.h"

#define BYTES  18
#define BLOCKS 4
#define OFFSET 8

/* Scales of sixteen rows, by block. */
UNROLL_INLINE void load_scales(const struct rows_source *source, float scales[BLOCKS][ROWS])
{
    const __m512i words = _mm512_inserti64x4(
        _mm512_castsi256_si512(_mm256_inserti128_si256(_mm256_set1_epi16(0), _mm_set1_epi16(9), 1)),
        _mm256_inserti128_si256(_mm256_set1_epi16(18), _mm_set1_epi16(27), 1), 1);
    __m512i low = _mm512_setzero_si512(), high = low;
    UNROLL
    for (size_t r = 0; r < 8; r++) {
        const __mmask32 mask = 0x01010101u << r;
        low = _mm512_mask_permutexvar_epi16(low, mask, words,
                                            _mm512_loadu_si512(rows_row(source, r)));
        high = _mm512_mask_permutexvar_epi16(high, mask, words,
                                             _mm512_loadu_si512(rows_row(source, r + 8)));
    }
    const __m512i first =
        _mm512_permutex2var_epi64(low, _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), high);
    const __m512i last =
        _mm512_permutex2var_epi64(low, _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15), high);
    _mm512_store_ps(scales[0], _mm512_cvtph_ps(_mm512_castsi512_si256(first)));
    _mm512_store_ps(scales[1], _mm512_cvtph_ps(_mm512_extracti64x4_epi64(first, 1)));
    _mm512_store_ps(scales[2], _mm512_cvtph_ps(_mm512_castsi512_si256(last)));
    _mm512_store_ps(scales[3], _mm512_cvtph_ps(_mm512_extracti64x4_epi64(last, 1)));
}

UNROLL_INLINE void step(const struct rows_source *source, const uint8_t *ahead,
                        struct rows_tokens *at, size_t tokens, size_t blocks,
                        __m512 acc[ROWS_TOKENS])
{
    _Alignas(64) float scales[BLOCKS][ROWS];
    const __m512i low = _mm512_set1_epi8(15);
    load_scales(source, scales);
    struct rows_source block = *source;
    for (size_t b = 0; b < blocks; b++) {
        __m512i sums[ROWS_TOKENS], u[4];
        rows_fetch(ahead + b * (ROWS * BYTES), ROWS * BYTES);
        rows_start(at, OFFSET, tokens, sums);
        rows_transpose(&block, 2, u);
        UNROLL
        for (size_t g = 0; g < 4; g++)
            rows_add(sums, _mm512_and_si512(u[g], low), at, 4 * g, tokens);
        UNROLL
        for (size_t g = 0; g < 4; g++)
            rows_add(sums, _mm512_and_si512(_mm512_srli_epi16(u[g], 4), low), at, 16 + 4 * g,
                     tokens);
        rows_scale(acc, sums, _mm512_load_ps(scales[b]), at, tokens);
        rows_next_block(at, tokens);
        UNROLL
        for (size_t i = 0; i < 4; i++)
            block.quads[i] += BYTES;
    }
}

static void multiply(const struct rows_part *part)
{
    rows_walk_tokens(part, step, BLOCKS, BLOCKS * BYTES);
}

void avx512_rows_q4_0(const void *base, size_t row_bytes, size_t rows, size_t blocks,
                      const struct activation *activation, size_t first_token, size_t tokens,
                      float *out, size_t out_stride)
{
    static const struct rows_format format = {BLOCKS, BLOCKS * BYTES, multiply};
    avx512_rows_multiply(&format, base, row_bytes, rows, blocks, activation, first_token, tokens,
                         out, out_stride);
}
