/* avx512_rows_fifths.c - Q5_0 and Q5_1 in place: a block of 32 weights a step.
 *
 *   Q5_0   | d | fifth bits | nibbles |         22 bytes
 *   Q5_1   | d | m | fifth bits | nibbles |     24 bytes
 *
 * Low nibbles are columns 0..15, high ones 16..31; bit c of the fifth bits, a dword, is bit 4 of
 * column c. Of the sixteen bytes at the block's begin the first two dwords are transposed. For four
 * columns, the byte of the fifth bits that has theirs goes to all four bytes of its lane, each of
 * which looks at one bit.
 */
#include "kernel/avx512/avx512_rows.h"

#define OFFSET 16

struct header {
    __m512 scale, minimum;
    __m512i fifths;
};

UNROLL_INLINE struct header load_header(const struct rows_source *source, bool minima)
{
    __m512i d[2];
    rows_transpose_two(source, 0, d);
    if (minima)
        return (struct header){rows_low_halves(d[0]), rows_high_halves(d[0]), d[1]};
    return (struct header){
        rows_low_halves(d[0]), _mm512_setzero_ps(),
        _mm512_or_si512(_mm512_srli_epi32(d[0], 16), _mm512_slli_epi32(d[1], 16))};
}

/* In which bytes the fifth bit is set, of group g's four columns. */
UNROLL_INLINE __mmask64 fifths_of(__m512i fifths, size_t g)
{
    const __m512i in_dword = _mm512_set4_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0);
    const __m512i at = _mm512_add_epi8(in_dword, _mm512_set1_epi8((char)(g / 2)));
    const __m512i bits = _mm512_set1_epi32(g % 2 == 0 ? 0x08040201 : (int)0x80402010);
    return _mm512_test_epi8_mask(_mm512_shuffle_epi8(fifths, at), bits);
}

UNROLL_INLINE void add_step(const struct rows_source *source, struct rows_tokens *at, size_t tokens,
                            __m512 acc[ROWS_TOKENS], size_t bytes, bool minima)
{
    __m512i sums[ROWS_TOKENS], packed[4];
    const __m512i nibble = _mm512_set1_epi8(15), fifth = _mm512_set1_epi8(16);
    const struct header header = load_header(source, minima);
    rows_fetch(source, bytes, 0, 1, tokens);
    if (minima)
        rows_zero(sums, tokens);
    else
        rows_start(at, ROWS_WHOLE, OFFSET, tokens, sums);
    rows_transpose(source, bytes - 16, packed);
    UNROLL
    for (size_t g = 0; g < 8; g++) {
        const __m512i some = g < 4 ? packed[g] : _mm512_srli_epi16(packed[g - 4], 4);
        const __m512i low = _mm512_and_si512(some, nibble);
        const __m512i u = _mm512_mask_add_epi8(low, fifths_of(header.fifths, g), low, fifth);
        rows_add(sums, u, at, 4 * g, tokens);
    }
    rows_scale(acc, sums, 0, header.scale, at, tokens);
    if (minima)
        rows_least(acc, header.minimum, at, tokens);
    rows_next_block(at, 1, tokens);
}

UNROLL_INLINE void step_q5_0(const struct rows_source *source, struct rows_tokens *at,
                             size_t tokens, __m512 acc[ROWS_TOKENS])
{
    add_step(source, at, tokens, acc, 22, false);
}

UNROLL_INLINE void step_q5_1(const struct rows_source *source, struct rows_tokens *at,
                             size_t tokens, __m512 acc[ROWS_TOKENS])
{
    add_step(source, at, tokens, acc, 24, true);
}

ROWS_PRODUCT_OF_STEPS(q5_0, step_q5_0, 1, 22, 1)
ROWS_PRODUCT_OF_STEPS(q5_1, step_q5_1, 1, 24, 1)
