/* avx2_panel.c - the panel product without a dot product instruction.
 *
 * vpmaddubsw multiplies unsigned bytes by signed ones and adds two products to 16 bits, saturating:
 * with activations up to 127, one of its sums is at most 254 times the largest weight. While that
 * stays below 2^15, several groups of columns are added in 16 bits before they are widened:
 *
 *   width  integers to  groups   largest sum
 *   0      16           8        16 * 254 * 8 = 32512
 *   1      32           4        the same
 *   2      64           2        the same
 *   3      255          1        128 * 254 = 32512, of w = u - 128: |w| times a with w's sign
 */
#include "kernel/avx2/avx2.h"

#include "kernel/lanes/lanes_avx2.h"

#define PANEL_PRODUCT avx2_panel_product
#define PANEL_TOKENS  4
#define PANEL_SIDE    1
#define PANEL_HELD    false
#define PANEL_WIDTHS  4
#define WIDE          3

typedef __m256i panel_integers;

UNROLL_INLINE size_t panel_width(int32_t most)
{
    return most <= 16 ? 0 : most <= 32 ? 1 : most <= 64 ? 2 : WIDE;
}

UNROLL_INLINE int32_t panel_base(size_t width)
{
    return width == WIDE ? 128 : 0;
}

UNROLL_INLINE lanes panel_bits(panel_integers v)
{
    return _mm256_castsi256_ps(v);
}

/* Four activations in every lane. */
UNROLL_INLINE __m256i broadcast(const int8_t *a)
{
    int32_t four;
    memcpy(&four, a, sizeof four);
    return _mm256_set1_epi32(four);
}

/* Keeps compilers from adding in another order, for which they run out of registers. */
UNROLL_INLINE void in_this_order(__m256i *sum)
{
    __asm__("" : "+x"(*sum));
}

/* Products of eight rows by four columns, in pairs. */
UNROLL_INLINE __m256i pairs(__m256i u, __m256i a, bool wide)
{
    if (!wide)
        return _mm256_maddubs_epi16(u, a);
    const __m256i w = _mm256_xor_si256(u, _mm256_set1_epi8(-128));
    return _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(a, w));
}

UNROLL_INLINE void panel_add(const uint8_t *const *values, size_t registers,
                             const int8_t *activations, size_t tokens, const int32_t *start,
                             int32_t all, size_t first, size_t groups, size_t width,
                             panel_integers *sums)
{
    const size_t range = (size_t)8 >> width, step = range < groups ? range : groups;
    UNROLL
    for (size_t g = first; g < first + groups; g += step) {
        __m256i words[PANEL_TOKENS * PANEL_SIDE * LANES_PARTS];
        UNROLL
        for (size_t i = g; i < g + step; i++) {
            __m256i u[PANEL_SIDE * LANES_PARTS];
            UNROLL
            for (size_t r = 0; r < registers; r++)
                u[r] = _mm256_loadu_si256((const void *)(values[r] + i * 64));
            UNROLL
            for (size_t t = 0; t < tokens; t++) {
                const __m256i a = broadcast(activations + t * QUANT_BLOCK + i * 4);
                UNROLL
                for (size_t r = 0; r < registers; r++) {
                    const __m256i p = pairs(u[r], a, width == WIDE);
                    __m256i *const sum = &words[t * registers + r];
                    *sum = i == g ? p : _mm256_add_epi16(*sum, p);
                    in_this_order(sum);
                }
            }
        }
        UNROLL
        for (size_t i = 0; i < tokens * registers; i++) {
            const __m256i begun = _mm256_set1_epi32(start != NULL ? start[i / registers] : all);
            sums[i] = _mm256_add_epi32(g == first ? begun : sums[i],
                                       _mm256_madd_epi16(words[i], _mm256_set1_epi16(1)));
            in_this_order(&sums[i]);
        }
    }
}

#include "kernel/lanes/lanes_panel.inc"
