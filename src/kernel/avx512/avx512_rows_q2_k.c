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

struct scales {
    float scales[2 * BLOCKS][ROWS], minima[2 * BLOCKS][ROWS];
};

UNROLL_INLINE void load_scales(const struct rows_source *source, struct scales *out)
{
    const __m512i low_4 = _mm512_set1_epi8(15);
    const __m512 d = rows_halves(source, SCALE_AT);
    const __m512 least = _mm512_xor_ps(rows_halves(source, MINIMUM_AT), _mm512_set1_ps(-0.0f));
    __m512i bytes[4];
    rows_transpose(source, 0, bytes);
    UNROLL
    for (size_t i = 0; i < 2 * BLOCKS; i++) {
        const __m512i low = _mm512_and_si512(bytes[i / 4], low_4);
        const __m512i high = _mm512_and_si512(_mm512_srli_epi16(bytes[i / 4], 4), low_4);
        _mm512_storeu_ps(out->scales[i], _mm512_mul_ps(d, rows_byte(low, i % 4)));
        _mm512_storeu_ps(out->minima[i], _mm512_mul_ps(least, rows_byte(high, i % 4)));
    }
}

/* acc = fma(wm, as * s, acc) of both halves, s being sums of activations. */
UNROLL_INLINE void add_least(__m512 acc[ROWS_TOKENS], const float minima[2][ROWS],
                             const struct rows_tokens *at, size_t tokens)
{
    UNROLL
    for (size_t half = 0; half < 2; half++) {
        const __m512 wm = _mm512_loadu_ps(minima[half]);
        float scaled[ACTIVATION_LANES];
        if (tokens == ROWS_UNPACK)
            _mm512_storeu_ps(at->panel.minima + half * ROWS, wm);
        else if (tokens == 1)
            scaled[0] = at->scales[0] * (float)at->sums[half];
        else
            _mm256_storeu_ps(scaled, _mm256_mul_ps(_mm256_loadu_ps(at->scales - at->lane),
                                                   _mm256_cvtepi32_ps(rows_tile_sums(at, half))));
        UNROLL
        for (size_t t = 0; t < tokens; t++)
            acc[t] = _mm512_fmadd_ps(wm, _mm512_set1_ps(scaled[(tokens == 1 ? 0 : at->lane) + t]),
                                     acc[t]);
    }
}

UNROLL_INLINE __m512i integers(__m512i values, size_t k)
{
    return _mm512_and_si512(rows_words_right(values, 2 * k), _mm512_set1_epi8(3));
}

UNROLL_INLINE void add_block(const __m512i values[8], size_t k, struct rows_tokens *at,
                             size_t tokens, const float scales[2][ROWS], __m512 acc[ROWS_TOKENS])
{
    __m512i sums[ROWS_TOKENS];
    rows_zero(sums, tokens);
    UNROLL
    for (size_t g = 0; g < 4; g++)
        rows_add(sums, integers(values[g], k), at, 4 * g, tokens);
    rows_scale(acc, sums, 0, _mm512_loadu_ps(scales[0]), at, tokens);
    rows_zero(sums, tokens);
    UNROLL
    for (size_t g = 4; g < 8; g++)
        rows_add(sums, integers(values[g], k), at, 4 * g, tokens);
    rows_scale(acc, sums, 1, _mm512_loadu_ps(scales[1]), at, tokens);
}

UNROLL_INLINE void step(const struct rows_source *source, struct rows_tokens *at, size_t tokens,
                        __m512 acc[ROWS_TOKENS])
{
    struct scales scales;
    struct rows_source half = *source;
    load_scales(source, &scales);
    for (size_t b = 0; b < BLOCKS; b += 4) {
        __m512i values[8];
        rows_transpose_32(&half, VALUES_AT, values);
        UNROLL
        for (size_t k = 0; k < 4; k++) {
            rows_fetch(source, BYTES, b + k, BLOCKS, tokens);
            add_block(values, k, at, tokens, (const float(*)[ROWS])scales.scales + 2 * (b + k),
                      acc);
            add_least(acc, (const float(*)[ROWS])scales.minima + 2 * (b + k), at, tokens);
            rows_next_block(at, 2, tokens);
        }
        rows_forward(&half, 32);
    }
}

ROWS_PRODUCT_OF_STEPS(q2_k, step, BLOCKS, BYTES, 2)
