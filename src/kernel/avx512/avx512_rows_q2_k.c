/* avx512_rows_q2_k.c - Q2_K in place: a super-block of eight blocks a step, 84 bytes.
 *
 *   byte 0 ....... 15   16 ....... 79   80 81   82  83
 *       | 16 pairs    | 2-bit values  | d     | dmin   |
 *
 * Half a super-block, four blocks: 32 bytes of values, of which block k has bits 2k, 2k + 1. Of a
 * pair the low nibble is the sub-scale, the high one the sub-minimum.
 */
#include "kernel/avx512/avx512_rows.h"

#define BYTES      84
#define BLOCKS     8
#define VALUES_AT  16
#define SCALE_AT   80
#define MINIMUM_AT 82

struct pairs {
    float subscales[2 * BLOCKS][ROWS], subminima[2 * BLOCKS][ROWS];
};

UNROLL_INLINE void load_pairs(const struct rows_source *source, struct pairs *out)
{
    const __m512i low_4 = _mm512_set1_epi8(15);
    __m512i bytes[4];
    rows_transpose(source, 0, bytes);
    UNROLL
    for (size_t i = 0; i < 2 * BLOCKS; i++) {
        const __m512i pairs = bytes[i / 4];
        _mm512_storeu_ps(out->subscales[i], rows_byte(_mm512_and_si512(pairs, low_4), i % 4));
        _mm512_storeu_ps(out->subminima[i],
                         rows_byte(_mm512_and_si512(_mm512_srli_epi16(pairs, 4), low_4), i % 4));
    }
}

/* acc = fma(wm, as * (n0 * s0 + n1 * s1), acc), s the sums of activations: exact, below 2^24. */
UNROLL_INLINE void add_least(__m512 acc[ROWS_TOKENS], __m512 wm, const float subminima[2][ROWS],
                             const struct rows_tokens *at, size_t tokens)
{
    float sums[2][ACTIVATION_LANES];
    const __m512 n0 = _mm512_loadu_ps(subminima[0]), n1 = _mm512_loadu_ps(subminima[1]);
    const size_t lane = tokens == 1 ? 0 : at->lane;
    if (tokens == ROWS_UNPACK) {
        _mm512_storeu_ps(at->panel.minima, wm);
        _mm512_storeu_ps(at->panel.subminima, n0);
        _mm512_storeu_ps(at->panel.subminima + ROWS, n1);
        return;
    }
    UNROLL
    for (size_t half = 0; half < 2; half++)
        if (tokens == 1)
            sums[half][0] = (float)at->sums[half];
        else
            _mm256_storeu_ps(sums[half], _mm256_cvtepi32_ps(rows_tile_sums(at, half)));
    const float *const s0 = sums[0] + lane, *const s1 = sums[1] + lane;
    UNROLL
    for (size_t t = 0; t < tokens; t++) {
        const __m512 least =
            _mm512_fmadd_ps(n1, _mm512_set1_ps(s1[t]), _mm512_mul_ps(n0, _mm512_set1_ps(s0[t])));
        acc[t] = _mm512_fmadd_ps(wm, _mm512_mul_ps(_mm512_set1_ps(at->scales[t]), least), acc[t]);
    }
}

UNROLL_INLINE __m512i integers(__m512i values, size_t k)
{
    return _mm512_and_si512(rows_words_right(values, 2 * k), _mm512_set1_epi8(3));
}

UNROLL_INLINE void add_block(const __m512i values[8], size_t k, struct rows_tokens *at,
                             size_t tokens, __m512 scale, const float subscales[2][ROWS],
                             __m512 acc[ROWS_TOKENS])
{
    __m512i sums[ROWS_TOKENS];
    __m512 totals[ROWS_TOKENS];
    rows_zero(sums, tokens);
    UNROLL
    for (size_t g = 0; g < 4; g++)
        rows_add(sums, integers(values[g], k), at, 4 * g, tokens);
    rows_first_half(totals, sums, _mm512_loadu_ps(subscales[0]), at, tokens);
    rows_zero(sums, tokens);
    UNROLL
    for (size_t g = 4; g < 8; g++)
        rows_add(sums, integers(values[g], k), at, 4 * g, tokens);
    rows_scale_halves(acc, totals, sums, _mm512_loadu_ps(subscales[1]), scale, at, tokens);
}

UNROLL_INLINE void step(const struct rows_source *source, struct rows_tokens *at, size_t tokens,
                        __m512 acc[ROWS_TOKENS])
{
    struct pairs pairs;
    struct rows_source half = *source;
    const __m512 scale = rows_halves(source, SCALE_AT);
    const __m512 least = _mm512_xor_ps(rows_halves(source, MINIMUM_AT), _mm512_set1_ps(-0.0f));
    load_pairs(source, &pairs);
    for (size_t b = 0; b < BLOCKS; b += 4) {
        __m512i values[8];
        rows_transpose_32(&half, VALUES_AT, values);
        UNROLL
        for (size_t k = 0; k < 4; k++) {
            rows_fetch(source, BYTES, b + k, BLOCKS, tokens);
            add_block(values, k, at, tokens, scale,
                      (const float(*)[ROWS])pairs.subscales + 2 * (b + k), acc);
            add_least(acc, least, (const float(*)[ROWS])pairs.subminima + 2 * (b + k), at, tokens);
            rows_next_block(at, tokens);
        }
        rows_forward(&half, 32);
    }
}

ROWS_PRODUCT_OF_STEPS(q2_k, step, BLOCKS, BYTES)
