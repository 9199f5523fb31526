/* avx512_rows_iq4_xs.c - IQ4_XS in place: a super-block of eight blocks a step, 136 bytes.
 *
 *   byte 0  1   2 ........ 3   4 ........ 7   8 ................ 135
 *       | d   | scales_high  | scales_low   | nibbles              |
 *
 * Block b's sub-scale has nibble b of scales_low, and bits 2b, 2b + 1 of scales_high above it. Its
 * nibbles are the sixteen bytes from 8 + 16 b on, low ones columns 0..15, high ones 16..31: codes
 * of uneven levels (quant/quant_iq4.c).
 */
#include "kernel/avx512/avx512_rows.h"

#include "quant/quant_iq4.h"

#define BYTES     136
#define BLOCKS    8
#define VALUES_AT 8

UNROLL_INLINE void load_scales(const struct rows_source *source, float out[BLOCKS][ROWS])
{
    __m512i h[2];
    rows_transpose_two(source, 0, h);
    const __m512 d = rows_low_halves(h[0]);
    const __m512i pairs = _mm512_srli_epi32(h[0], 16), low_4 = _mm512_set1_epi32(15);
    UNROLL
    for (size_t b = 0; b < BLOCKS; b++) {
        const __m512i low = rows_dwords_right(h[1], 4 * b);
        const __m512i high =
            b < 2 ? rows_dwords_left(pairs, 4 - 2 * b) : rows_dwords_right(pairs, 2 * b - 4);
        const __m512i six = _mm512_and_si512(rows_select(low_4, low, high), _mm512_set1_epi32(63));
        const __m512i subscale = _mm512_sub_epi32(six, _mm512_set1_epi32(32));
        _mm512_storeu_ps(out[b], _mm512_mul_ps(d, _mm512_cvtepi32_ps(subscale)));
    }
}

UNROLL_INLINE void step(const struct rows_source *source, struct rows_tokens *at, size_t tokens,
                        __m512 acc[ROWS_TOKENS])
{
    float scales[BLOCKS][ROWS];
    struct rows_source block = *source;
    const __m128i levels = _mm_loadu_si128((const void *)quant_iq4_levels);
    const __m512i table = _mm512_broadcast_i32x4(_mm_xor_si128(levels, _mm_set1_epi8(-128)));
    const __m512i low_4 = _mm512_set1_epi8(15);
    load_scales(source, scales);
    rows_forward(&block, VALUES_AT);
    for (size_t b = 0; b < BLOCKS; b++) {
        __m512i sums[ROWS_TOKENS], packed[4];
        rows_fetch(source, BYTES, b, BLOCKS, tokens);
        rows_start(at, ROWS_WHOLE, QUANT_IQ4_OFFSET, tokens, sums);
        rows_transpose(&block, 0, packed);
        UNROLL
        for (size_t g = 0; g < 8; g++) {
            const __m512i nibbles = g < 4 ? packed[g] : _mm512_srli_epi16(packed[g - 4], 4);
            rows_add(sums, _mm512_shuffle_epi8(table, _mm512_and_si512(nibbles, low_4)), at, 4 * g,
                     tokens);
        }
        rows_scale(acc, sums, 0, _mm512_loadu_ps(scales[b]), at, tokens);
        rows_next_block(at, 1, tokens);
        rows_forward(&block, 16);
    }
}

ROWS_PRODUCT_OF_STEPS(iq4_xs, step, BLOCKS, BYTES, 1)
