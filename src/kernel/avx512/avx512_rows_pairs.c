/* avx512_rows_pairs.c - Q4_K and Q5_K in place: a super-block of eight blocks a step.
 *
 *   Q4_K   | d | dmin | 8 pairs of 6 bits | nibbles |                   144 bytes
 *   Q5_K   | d | dmin | 8 pairs of 6 bits | fifth bits | nibbles |      176 bytes
 *
 * The sixteen bytes of the header (drawn in quant/quant_pairs.h) become four registers; a dword of
 * them holds a six-bit number of four blocks. Of each 32 bytes of nibbles the low ones are a block
 * and the high ones the next; bit b of fifth byte c is bit 4 of column c of block b.
 *
 * Without fifths high nibbles are multiplied where they are, sixteen times too large, by scales that
 * are a sixteenth: all are powers of two, so that no bit of the product changes.
 */
#include "kernel/avx512/avx512_rows.h"

#define BLOCKS 8
#define HEADER 16

struct scales {
    float scales[BLOCKS][ROWS], minima[BLOCKS][ROWS];
};

/* number x the six bits of byte j of each dword: they stay where they are, and the factor, a power
 * of two less, makes up for it without rounding. */
UNROLL_INLINE __m512 times_byte(__m512 number, __m512i v, size_t j)
{
    const float down = 1.0f / (float)(1u << 8 * j);
    const __m512i bits = _mm512_and_si512(v, _mm512_set1_epi32(63 << 8 * j));
    return _mm512_mul_ps(_mm512_mul_ps(number, _mm512_set1_ps(down)), _mm512_cvtepi32_ps(bits));
}

/* `high` is what the scales of blocks in high nibbles are multiplied by. */
UNROLL_INLINE void load_scales(const struct rows_source *source, float high, struct scales *out)
{
    const __m512i low_4 = _mm512_set1_epi8(15);
    __m512i h[4];
    rows_transpose(source, 0, h);
    const __m512 d = rows_low_halves(h[0]), d_high = _mm512_mul_ps(d, _mm512_set1_ps(high));
    const __m512 least = _mm512_xor_ps(rows_high_halves(h[0]), _mm512_set1_ps(-0.0f));
    const __m512i scales[2] = {h[1], rows_select(low_4, h[3], _mm512_srli_epi16(h[1], 2))};
    const __m512i minima[2] = {
        h[2], rows_select(low_4, _mm512_srli_epi16(h[3], 4), _mm512_srli_epi16(h[2], 2))};
    UNROLL
    for (size_t b = 0; b < BLOCKS; b++) {
        _mm512_storeu_ps(out->scales[b], times_byte(b % 2 == 0 ? d : d_high, scales[b / 4], b % 4));
        _mm512_storeu_ps(out->minima[b], times_byte(least, minima[b / 4], b % 4));
    }
}

/* The block in the low, or the high, nibbles of `packed`; `fifths` is NULL for Q4_K, and `bit` the
 * block's bit there. */
UNROLL_INLINE __m512i integers(__m512i packed, bool high, const __m512i *fifths, __m512i bit,
                               bool in_place)
{
    if (high && in_place)
        return _mm512_and_si512(packed, _mm512_set1_epi8(-16));
    const __m512i u =
        _mm512_and_si512(high ? _mm512_srli_epi16(packed, 4) : packed, _mm512_set1_epi8(15));
    return fifths == NULL ? u
                          : _mm512_mask_add_epi8(u, _mm512_test_epi8_mask(*fifths, bit), u,
                                                 _mm512_set1_epi8(16));
}

/* Block `b` of the step, its integers as above. Of few tokens the odd columns' sums are kept apart:
 * one chain of products would be waited for. */
UNROLL_INLINE void add_block(const __m512i packed[8], const __m512i *fifths, __m512i bit,
                             bool in_place, size_t b, const struct scales *scales,
                             struct rows_tokens *at, size_t tokens, __m512 acc[ROWS_TOKENS])
{
    const bool two = tokens == 1 || tokens == 2;
    __m512i sums[ROWS_TOKENS], odd[ROWS_TOKENS];
    rows_zero(sums, tokens);
    if (two)
        rows_zero(odd, tokens);
    UNROLL
    for (size_t g = 0; g < 8; g++) {
        const __m512i u =
            integers(packed[g], b % 2 != 0, fifths == NULL ? NULL : &fifths[g], bit, in_place);
        rows_add(two && g % 2 != 0 ? odd : sums, u, at, 4 * g, tokens);
    }
    if (two) {
        UNROLL
        for (size_t t = 0; t < tokens; t++)
            sums[t] = _mm512_add_epi32(sums[t], odd[t]);
    }
    rows_scale(acc, sums, 0, _mm512_loadu_ps(scales->scales[b]), at, tokens);
    rows_least(acc, _mm512_loadu_ps(scales->minima[b]), at, tokens);
    rows_next_block(at, 1, tokens);
}

UNROLL_INLINE void add_step(const struct rows_source *source, struct rows_tokens *at, size_t tokens,
                            __m512 acc[ROWS_TOKENS], size_t bytes, bool has_fifths)
{
    const bool in_place = !has_fifths && tokens != ROWS_UNPACK;
    struct scales scales;
    __m512i fifths[8], bit = _mm512_set1_epi8(1);
    struct rows_source pair = *source;
    load_scales(source, in_place ? 1.0f / 16.0f : 1.0f, &scales);
    if (has_fifths)
        rows_transpose_32(source, HEADER, fifths);
    rows_forward(&pair, bytes - 128);
    for (size_t first = 0; first < BLOCKS; first += 2) {
        __m512i packed[8];
        rows_transpose_32(&pair, 0, packed);
        UNROLL
        for (size_t b = 0; b < 2; b++) {
            rows_fetch(source, bytes, first + b, BLOCKS, tokens);
            add_block(packed, has_fifths ? fifths : NULL, bit, in_place, first + b, &scales, at,
                      tokens, acc);
            bit = _mm512_add_epi8(bit, bit);
        }
        rows_forward(&pair, 32);
    }
}

UNROLL_INLINE void step_q4_k(const struct rows_source *source, struct rows_tokens *at,
                             size_t tokens, __m512 acc[ROWS_TOKENS])
{
    add_step(source, at, tokens, acc, 144, false);
}

UNROLL_INLINE void step_q5_k(const struct rows_source *source, struct rows_tokens *at,
                             size_t tokens, __m512 acc[ROWS_TOKENS])
{
    add_step(source, at, tokens, acc, 176, true);
}

ROWS_PRODUCT_OF_STEPS(q4_k, step_q4_k, BLOCKS, 144, 1)
ROWS_PRODUCT_OF_STEPS(q5_k, step_q5_k, BLOCKS, 176, 1)
