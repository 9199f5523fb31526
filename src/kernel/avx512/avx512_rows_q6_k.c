/* avx512_rows_q6_k.c - Q6_K in place: a super-block of eight blocks a step, 210 bytes.
 *
 *   byte 0 ............ 127   128 ......... 191   192 ....... 207   208 209
 *       | low 4 bits        | high 2 bits       | 16 sub-scales i8 | d     |
 *
 * Half a super-block, four blocks: 64 bytes of nibbles, 32 of high bits. Block k has the low
 * nibbles of the first or second 32 bytes, or their high ones (k >= 2), and bits 2k, 2k + 1.
 */
#include "kernel/avx512/avx512_rows.h"

#define BYTES        210
#define BLOCKS       8
#define OFFSET       32
#define HIGH_AT      128
#define SUBSCALES_AT 192
#define SCALE_AT     208

UNROLL_INLINE void load_scales(const struct rows_source *source, float out[2 * BLOCKS][ROWS])
{
    const __m512 d = rows_halves(source, SCALE_AT);
    __m512i k[4];
    rows_transpose(source, SUBSCALES_AT, k);
    UNROLL
    for (size_t i = 0; i < 2 * BLOCKS; i++)
        _mm512_storeu_ps(out[i], _mm512_mul_ps(d, rows_signed_byte(k[i / 4], i % 4)));
}

/* Block k of four: six bits of nibbles and pairs of bits. */
UNROLL_INLINE __m512i integers(__m512i nibbles, __m512i pairs, size_t k)
{
    const __m512i low = k < 2 ? nibbles : _mm512_srli_epi16(nibbles, 4);
    const __m512i high = k == 0   ? _mm512_slli_epi16(pairs, 4)
                         : k == 1 ? _mm512_slli_epi16(pairs, 2)
                         : k == 2 ? pairs
                                  : _mm512_srli_epi16(pairs, 2);
    return _mm512_and_si512(rows_select(_mm512_set1_epi8(15), low, high), _mm512_set1_epi8(63));
}

UNROLL_INLINE void add_block(const __m512i nibbles[8], const __m512i pairs[8], size_t k,
                             struct rows_tokens *at, size_t tokens, const float scales[2][ROWS],
                             __m512 acc[ROWS_TOKENS])
{
    __m512i sums[ROWS_TOKENS];
    rows_start(at, 0, OFFSET, tokens, sums);
    UNROLL
    for (size_t g = 0; g < 4; g++)
        rows_add(sums, integers(nibbles[g], pairs[g], k), at, 4 * g, tokens);
    rows_scale(acc, sums, 0, _mm512_loadu_ps(scales[0]), at, tokens);
    rows_start(at, 1, OFFSET, tokens, sums);
    UNROLL
    for (size_t g = 4; g < 8; g++)
        rows_add(sums, integers(nibbles[g], pairs[g], k), at, 4 * g, tokens);
    rows_scale(acc, sums, 1, _mm512_loadu_ps(scales[1]), at, tokens);
    rows_next_block(at, 2, tokens);
}

UNROLL_INLINE void step(const struct rows_source *source, struct rows_tokens *at, size_t tokens,
                        __m512 acc[ROWS_TOKENS])
{
    float scales[2 * BLOCKS][ROWS];
    struct rows_source low = *source, high = *source;
    load_scales(source, scales);
    for (size_t b = 0; b < BLOCKS; b += 4) {
        __m512i nibbles[16], pairs[8];
        rows_transpose_32(&high, HIGH_AT, pairs);
        rows_transpose_32(&low, 0, nibbles);
        rows_transpose_32(&low, 32, nibbles + 8);
        UNROLL
        for (size_t k = 0; k < 4; k++) {
            rows_fetch(source, BYTES, b + k, BLOCKS, tokens);
            add_block(nibbles + 8 * (k % 2), pairs, k, at, tokens,
                      (const float(*)[ROWS])scales + 2 * (b + k), acc);
        }
        rows_forward(&low, 64);
        rows_forward(&high, 32);
    }
}

ROWS_PRODUCT_OF_STEPS(q6_k, step, BLOCKS, BYTES, 2)
