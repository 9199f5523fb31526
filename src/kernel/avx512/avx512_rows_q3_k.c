/* avx512_rows_q3_k.c - Q3_K in place: a super-block of eight blocks a step, 110 bytes.
 *
 *   byte 0 ...... 31   32 .......... 95   96 .............. 107   108 109
 *       | high bit   | low 2 bits       | 16 sub-scales, 6 bits | d     |
 *
 * Half a super-block, four blocks: 32 bytes of low bits, of which block k has bits 2k, 2k + 1. Bit
 * b of high byte c belongs to column c of block b. Sub-scales (drawn in quant/quant_q3_k.c) become
 * four registers of signed bytes.
 */
#include "kernel/avx512/avx512_rows.h"

#define BYTES        110
#define BLOCKS       8
#define OFFSET       4
#define LOW_AT       32
#define SUBSCALES_AT 96
#define SCALE_AT     108

UNROLL_INLINE void load_scales(const struct rows_source *source, float out[2 * BLOCKS][ROWS])
{
    const __m512 d = rows_halves(source, SCALE_AT);
    const __m512i low_4 = _mm512_set1_epi8(15), low_6 = _mm512_set1_epi8(63);
    __m512i w[4];
    rows_transpose(source, SUBSCALES_AT - 4, w); /* twelve bytes: dwords 1, 2, 3 */
    const __m512i low[4] = {w[1], w[2], _mm512_srli_epi16(w[1], 4), _mm512_srli_epi16(w[2], 4)};
    const __m512i high[4] = {_mm512_slli_epi16(w[3], 4), _mm512_slli_epi16(w[3], 2), w[3],
                             _mm512_srli_epi16(w[3], 2)};
    UNROLL
    for (size_t i = 0; i < 4; i++) {
        const __m512i six = _mm512_and_si512(rows_select(low_4, low[i], high[i]), low_6);
        const __m512i bytes = _mm512_sub_epi8(six, _mm512_set1_epi8(32));
        UNROLL
        for (size_t j = 0; j < 4; j++)
            _mm512_storeu_ps(out[4 * i + j], _mm512_mul_ps(d, rows_signed_byte(bytes, j)));
    }
}

/* Block k of four; `bit` is its bit in `high`. */
UNROLL_INLINE __m512i integers(__m512i low, __m512i high, size_t k, __m512i bit)
{
    const __m512i two = _mm512_and_si512(rows_words_right(low, 2 * k), _mm512_set1_epi8(3));
    return _mm512_mask_add_epi8(two, _mm512_test_epi8_mask(high, bit), two, _mm512_set1_epi8(4));
}

UNROLL_INLINE void add_block(const __m512i low[8], const __m512i high[8], size_t k, __m512i bit,
                             struct rows_tokens *at, size_t tokens, const float scales[2][ROWS],
                             __m512 acc[ROWS_TOKENS])
{
    __m512i sums[ROWS_TOKENS];
    rows_start(at, 0, OFFSET, tokens, sums);
    UNROLL
    for (size_t g = 0; g < 4; g++)
        rows_add(sums, integers(low[g], high[g], k, bit), at, 4 * g, tokens);
    rows_scale(acc, sums, 0, _mm512_loadu_ps(scales[0]), at, tokens);
    rows_start(at, 1, OFFSET, tokens, sums);
    UNROLL
    for (size_t g = 4; g < 8; g++)
        rows_add(sums, integers(low[g], high[g], k, bit), at, 4 * g, tokens);
    rows_scale(acc, sums, 1, _mm512_loadu_ps(scales[1]), at, tokens);
    rows_next_block(at, 2, tokens);
}

UNROLL_INLINE void step(const struct rows_source *source, struct rows_tokens *at, size_t tokens,
                        __m512 acc[ROWS_TOKENS])
{
    float scales[2 * BLOCKS][ROWS];
    __m512i high[8], bit = _mm512_set1_epi8(1);
    struct rows_source half = *source;
    load_scales(source, scales);
    rows_transpose_32(source, 0, high);
    for (size_t b = 0; b < BLOCKS; b += 4) {
        __m512i low[8];
        rows_transpose_32(&half, LOW_AT, low);
        UNROLL
        for (size_t k = 0; k < 4; k++) {
            rows_fetch(source, BYTES, b + k, BLOCKS, tokens);
            add_block(low, high, k, bit, at, tokens, (const float(*)[ROWS])scales + 2 * (b + k),
                      acc);
            bit = _mm512_add_epi8(bit, bit);
        }
        rows_forward(&half, 32);
    }
}

ROWS_PRODUCT_OF_STEPS(q3_k, step, BLOCKS, BYTES, 2)
