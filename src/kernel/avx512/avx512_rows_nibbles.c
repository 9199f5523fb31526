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

/* Words of sixteen rows on their way: rows 0..7 and 8..15, [block][8] each. */
struct words {
    __m512i low, high;
};

/* Words `first`, first + bytes / 2, .. of row r, and of row r + 8, to their lanes. */
UNROLL_INLINE void gather_words(struct words *words, const struct rows_source *source, size_t r,
                                size_t bytes, size_t first)
{
    const long long each = 0x0001000100010001, step = (long long)(bytes / 2) * each;
    const long long w0 = (long long)first * each, w1 = w0 + step, w2 = w1 + step, w3 = w2 + step;
    const __m512i from = _mm512_setr_epi64(w0, w0, w1, w1, w2, w2, w3, w3);
    const __mmask32 lanes = 0x01010101u << r;
    words->low = _mm512_mask_permutexvar_epi16(words->low, lanes, from,
                                               _mm512_loadu_si512(rows_row(source, r)));
    words->high = _mm512_mask_permutexvar_epi16(words->high, lanes, from,
                                                _mm512_loadu_si512(rows_row(source, r + 8)));
}

/* A step's scales and minima: binary16 [block][row]. */
struct scales {
    uint16_t scales[BLOCKS][ROWS], minima[BLOCKS][ROWS];
};

UNROLL_INLINE void store_words(const struct words *words, uint16_t out[BLOCKS][ROWS])
{
    const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    const __m512i last = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    _mm512_storeu_si512(out[0], _mm512_permutex2var_epi64(words->low, first, words->high));
    _mm512_storeu_si512(out[2], _mm512_permutex2var_epi64(words->low, last, words->high));
}

/* A quarter of the next step's scales, beside block `b` of this one. */
UNROLL_INLINE void gather_quarter(struct words *scales, struct words *minima,
                                  const struct rows_source *source, size_t b,
                                  const struct layout *layout)
{
    UNROLL
    for (size_t r = 2 * b; r < 2 * b + 2; r++) {
        gather_words(scales, source, r, layout->bytes, 0);
        if (layout->minima)
            gather_words(minima, source, r, layout->bytes, 1);
    }
}

UNROLL_INLINE void load_scales(const struct rows_source *source, const struct layout *layout,
                               struct scales *out)
{
    struct words scales = {_mm512_setzero_si512(), _mm512_setzero_si512()}, minima = scales;
    UNROLL
    for (size_t b = 0; b < BLOCKS; b++)
        gather_quarter(&scales, &minima, source, b, layout);
    store_words(&scales, out->scales);
    if (layout->minima)
        store_words(&minima, out->minima);
}

/* The integers of sixteen low, or high, nibbles of each row. */
UNROLL_INLINE __m512i integers(__m512i packed, bool high, bool levels, __m512i table)
{
    const __m512i nibbles =
        _mm512_and_si512(high ? _mm512_srli_epi16(packed, 4) : packed, _mm512_set1_epi8(15));
    return levels ? _mm512_shuffle_epi8(table, nibbles) : nibbles;
}

UNROLL_INLINE void add_block(const struct rows_source *block, struct rows_tokens *at, size_t tokens,
                             __m512 acc[ROWS_TOKENS], const struct layout *layout,
                             const struct scales *scales, size_t b)
{
    __m512i sums[ROWS_TOKENS], packed[4];
    const __m128i levels = _mm_loadu_si128((const void *)quant_iq4_levels);
    const __m512i table = _mm512_broadcast_i32x4(_mm_xor_si128(levels, _mm_set1_epi8(-128)));
    if (layout->minima)
        rows_zero(sums, tokens);
    else
        rows_start(at, ROWS_WHOLE, layout->offset, tokens, sums);
    rows_transpose(block, layout->bytes - 16 + b * layout->bytes, packed);
    UNROLL
    for (size_t g = 0; g < 8; g++)
        rows_add(sums, integers(packed[g % 4], g >= 4, layout->levels, table), at, 4 * g, tokens);
    rows_scale(acc, sums, 0, rows_widen(scales->scales[b]), at, tokens);
    if (layout->minima)
        rows_least(acc, rows_widen(scales->minima[b]), at, tokens);
    rows_next_block(at, 1, tokens);
}

/* Scales are gathered one step in advance: one after the other, they take longer than a block. */
UNROLL_INLINE void add_blocks(struct rows_source *source, struct rows_tokens *at, size_t tokens,
                              size_t blocks, __m512 acc[ROWS_TOKENS], const struct layout *layout)
{
    struct scales scales;
    load_scales(source, layout, &scales);
    for (size_t left = blocks;; left -= BLOCKS) {
        struct words next_scales = {_mm512_setzero_si512(), _mm512_setzero_si512()},
                     next_minima = next_scales;
        const struct rows_source step = *source;
        if (left > BLOCKS)
            rows_forward(source, BLOCKS * layout->bytes); /* else: the same again, for nothing */
        UNROLL
        for (size_t b = 0; b < BLOCKS; b++) {
            if (b >= left)
                return;
            rows_fetch(&step, BLOCKS * layout->bytes, b, BLOCKS, tokens);
            add_block(&step, at, tokens, acc, layout, &scales, b);
            gather_quarter(&next_scales, &next_minima, source, b, layout);
        }
        if (left <= BLOCKS)
            return;
        store_words(&next_scales, scales.scales);
        if (layout->minima)
            store_words(&next_minima, scales.minima);
    }
}

UNROLL_INLINE void run_q4_0(struct rows_source *source, struct rows_tokens *at, size_t tokens,
                            size_t blocks, __m512 acc[ROWS_TOKENS])
{
    add_blocks(source, at, tokens, blocks, acc, &(struct layout){18, 8, false, false});
}

UNROLL_INLINE void run_q4_1(struct rows_source *source, struct rows_tokens *at, size_t tokens,
                            size_t blocks, __m512 acc[ROWS_TOKENS])
{
    add_blocks(source, at, tokens, blocks, acc, &(struct layout){20, 0, true, false});
}

UNROLL_INLINE void run_iq4_nl(struct rows_source *source, struct rows_tokens *at, size_t tokens,
                              size_t blocks, __m512 acc[ROWS_TOKENS])
{
    add_blocks(source, at, tokens, blocks, acc,
               &(struct layout){18, QUANT_IQ4_OFFSET, false, true});
}

ROWS_PRODUCT(q4_0, run_q4_0, BLOCKS, BLOCKS * 18, 1)
ROWS_PRODUCT(q4_1, run_q4_1, BLOCKS, BLOCKS * 20, 1)
ROWS_PRODUCT(iq4_nl, run_iq4_nl, BLOCKS, BLOCKS * 18, 1)
