/* avx512_rows_pairs.c - Q4_K and Q5_K in place: a super-block of eight blocks a step.
 *
 *   Q4_K   | d | dmin | 8 pairs of 6 bits | nibbles |                   144 bytes
 *   Q5_K   | d | dmin | 8 pairs of 6 bits | fifth bits | nibbles |      176 bytes
 *
 * The sixteen bytes of the header (drawn in quant/quant_pairs.h) become four registers; a dword of
 * them holds a six-bit number of four blocks. Of each 32 bytes of nibbles the low ones are a block
 * and the high ones the next; bit b of fifth byte c is bit 4 of column c of block b.
 */
#include "kernel/avx512/avx512_rows.h"

#define BLOCKS 8
#define HEADER 16

struct scales {
    float scales[BLOCKS][ROWS], minima[BLOCKS][ROWS];
};

UNROLL_INLINE void load_scales(const struct rows_source *source, struct scales *out)
{
    const __m512i low_4 = _mm512_set1_epi8(15), low_6 = _mm512_set1_epi8(63);
    __m512i h[4];
    rows_transpose(source, 0, h);
    const __m512 d = rows_low_halves(h[0]);
    const __m512 least = _mm512_xor_ps(rows_high_halves(h[0]), _mm512_set1_ps(-0.0f));
    const __m512i scales[2] = {
        _mm512_and_si512(h[1], low_6),
        _mm512_and_si512(rows_select(low_4, h[3], _mm512_srli_epi16(h[1], 2)), low_6)};
    const __m512i minima[2] = {
        _mm512_and_si512(h[2], low_6),
        _mm512_and_si512(rows_select(low_4, _mm512_srli_epi16(h[3], 4), _mm512_srli_epi16(h[2], 2)),
                         low_6)};
    UNROLL
    for (size_t b = 0; b < BLOCKS; b++) {
        _mm512_storeu_ps(out->scales[b], _mm512_mul_ps(d, rows_byte(scales[b / 4], b % 4)));
        _mm512_storeu_ps(out->minima[b], _mm512_mul_ps(least, rows_byte(minima[b / 4], b % 4)));
    }
}

/* The block in the low, or the high, nibbles of `packed`; `fifths` is NULL for Q4_K, and `bit` the
 * block's bit there. */
UNROLL_INLINE void add_block(const __m512i packed[8], bool high, const __m512i *fifths, __m512i bit,
                             struct rows_tokens *at, size_t tokens, const float scales[ROWS],
                             const float minima[ROWS], __m512 acc[ROWS_TOKENS])
{
    __m512i sums[ROWS_TOKENS];
    rows_zero(sums, tokens);
    UNROLL
    for (size_t g = 0; g < 8; g++) {
        __m512i u = _mm512_and_si512(high ? _mm512_srli_epi16(packed[g], 4) : packed[g],
                                     _mm512_set1_epi8(15));
        if (fifths != NULL)
            u = _mm512_mask_add_epi8(u, _mm512_test_epi8_mask(fifths[g], bit), u,
                                     _mm512_set1_epi8(16));
        rows_add(sums, u, at, 4 * g, tokens);
    }
    rows_scale(acc, sums, 0, _mm512_loadu_ps(scales), at, tokens);
    rows_least(acc, _mm512_loadu_ps(minima), at, tokens);
    rows_next_block(at, 1, tokens);
}

UNROLL_INLINE void add_step(const struct rows_source *source, struct rows_tokens *at, size_t tokens,
                            __m512 acc[ROWS_TOKENS], size_t bytes, bool has_fifths)
{
    struct scales scales;
    __m512i fifths[8], bit = _mm512_set1_epi8(1);
    struct rows_source pair = *source;
    load_scales(source, &scales);
    if (has_fifths) {
        rows_transpose_32(source, HEADER, fifths);
    }
    rows_forward(&pair, bytes - 128);
    for (size_t b = 0; b < BLOCKS; b += 2) {
        __m512i packed[8];
        rows_fetch(source, bytes, b / 2, BLOCKS / 2, tokens);
        rows_transpose_32(&pair, 0, packed);
        UNROLL
        for (size_t high = 0; high < 2; high++) {
            add_block(packed, high, has_fifths ? fifths : NULL, bit, at, tokens,
                      scales.scales[b + high], scales.minima[b + high], acc);
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
