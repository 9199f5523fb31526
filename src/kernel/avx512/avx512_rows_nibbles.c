/* avx512_rows_nibbles.c - Q4_0, Q4_1 and IQ4_NL in place: four blocks of 32 weights a step.
 *
 *   Q4_0, IQ4_NL   | d | nibbles |     18 bytes        Q4_1   | d | m | nibbles |     20 bytes
 *
 * Low nibbles are columns 0..15, high ones 16..31. A step's scales are four words, 9 or 10 apart,
 * of the 64 bytes at its begin, minima the words behind them: one permutation a row, which leaves
 * other rows' lanes alone, brings them to where the row's lane is in each block's sixteen.
 */
#include "kernel/avx512/avx512_rows.h"

#include "quant/quant_iq4.h"

#define BLOCKS 4

struct layout {
    size_t bytes; /* of a block */
    int32_t offset;
    bool minima, levels; /* nibbles are codes of uneven levels */
};

/* Words `first`, first + bytes / 2, .. of each row: [block][row]. */
UNROLL_INLINE void load_words(const struct rows_source *source, size_t bytes, size_t first,
                              uint16_t out[BLOCKS][ROWS])
{
    const long long step = (long long)(bytes / 2) * 0x0001000100010001;
    const long long w0 = (long long)first * 0x0001000100010001, w1 = w0 + step, w2 = w1 + step,
                    w3 = w2 + step;
    const __m512i words = _mm512_setr_epi64(w0, w0, w1, w1, w2, w2, w3, w3);
    __m512i low = _mm512_setzero_si512(), high = low;
    UNROLL
    for (size_t r = 0; r < ROWS / 2; r++) {
        const __mmask32 lanes = 0x01010101u << r;
        low = _mm512_mask_permutexvar_epi16(low, lanes, words,
                                            _mm512_loadu_si512(rows_row(source, r)));
        high = _mm512_mask_permutexvar_epi16(high, lanes, words,
                                             _mm512_loadu_si512(rows_row(source, r + 8)));
    }
    _mm512_storeu_si512(
        out[0], _mm512_permutex2var_epi64(low, _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), high));
    _mm512_storeu_si512(out[2], _mm512_permutex2var_epi64(
                                    low, _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15), high));
}

/* The integers of sixteen low, or high, nibbles of each row. */
UNROLL_INLINE __m512i integers(__m512i packed, bool high, bool levels, __m512i table)
{
    const __m512i nibbles =
        _mm512_and_si512(high ? _mm512_srli_epi16(packed, 4) : packed, _mm512_set1_epi8(15));
    return levels ? _mm512_shuffle_epi8(table, nibbles) : nibbles;
}

UNROLL_INLINE void add_step(const struct rows_source *source, struct rows_tokens *at, size_t tokens,
                            size_t blocks, __m512 acc[ROWS_TOKENS], const struct layout *layout)
{
    uint16_t scales[BLOCKS][ROWS], minima[BLOCKS][ROWS];
    struct rows_source block = *source;
    const __m128i levels = _mm_loadu_si128((const void *)quant_iq4_levels);
    const __m512i table = _mm512_broadcast_i32x4(_mm_xor_si128(levels, _mm_set1_epi8(-128)));
    load_words(source, layout->bytes, 0, scales);
    if (layout->minima)
        load_words(source, layout->bytes, 1, minima);
    for (size_t b = 0; b < blocks; b++) {
        __m512i sums[ROWS_TOKENS], packed[4];
        rows_fetch(source, BLOCKS * layout->bytes, b, BLOCKS);
        if (layout->minima)
            rows_zero(sums, tokens);
        else
            rows_start(at, ROWS_WHOLE, layout->offset, tokens, sums);
        rows_transpose(&block, layout->bytes - 16, packed);
        UNROLL
        for (size_t high = 0; high < 2; high++)
            UNROLL
        for (size_t g = 0; g < 4; g++)
            rows_add(sums, integers(packed[g], high, layout->levels, table), at, 16 * high + 4 * g,
                     tokens);
        rows_scale(acc, sums, rows_widen(scales[b]), at, tokens);
        if (layout->minima)
            rows_least(acc, rows_widen(minima[b]), at, tokens);
        rows_next_block(at, tokens);
        rows_forward(&block, layout->bytes);
    }
}

UNROLL_INLINE void step_q4_0(const struct rows_source *source, struct rows_tokens *at,
                             size_t tokens, size_t blocks, __m512 acc[ROWS_TOKENS])
{
    add_step(source, at, tokens, blocks, acc, &(struct layout){18, 8, false, false});
}

UNROLL_INLINE void step_q4_1(const struct rows_source *source, struct rows_tokens *at,
                             size_t tokens, size_t blocks, __m512 acc[ROWS_TOKENS])
{
    add_step(source, at, tokens, blocks, acc, &(struct layout){20, 0, true, false});
}

UNROLL_INLINE void step_iq4_nl(const struct rows_source *source, struct rows_tokens *at,
                               size_t tokens, size_t blocks, __m512 acc[ROWS_TOKENS])
{
    add_step(source, at, tokens, blocks, acc, &(struct layout){18, QUANT_IQ4_OFFSET, false, true});
}

ROWS_PRODUCT(q4_0, step_q4_0, BLOCKS, BLOCKS * 18)
ROWS_PRODUCT(q4_1, step_q4_1, BLOCKS, BLOCKS * 20)
ROWS_PRODUCT(iq4_nl, step_iq4_nl, BLOCKS, BLOCKS * 18)
