/* avx512_panel.c - the panel product with vpdpbusd on 512 bits: three panels times four tokens.
 * Twelve sums are enough to hide that a multiplication takes five cycles while two begin in each;
 * and with their accumulators they fit into the registers. */
#include "kernel/avx512/avx512.h"

#include "kernel/lanes/lanes_avx512.h"

#define PANEL_PRODUCT avx512_panel_product
#define PANEL_TOKENS  4
#define PANEL_SIDE    3
#define PANEL_HELD    true
#define PANEL_WIDTHS  1

typedef __m512i panel_integers;

UNROLL_INLINE size_t panel_width(int32_t most)
{
    (void)most;
    return 0;
}

UNROLL_INLINE int32_t panel_base(size_t width)
{
    (void)width;
    return 0;
}

UNROLL_INLINE lanes panel_bits(panel_integers v)
{
    return _mm512_castsi512_ps(v);
}

UNROLL_INLINE void panel_add(const uint8_t *const *values, size_t registers,
                             const int8_t *activations, size_t tokens, const int32_t *start,
                             int32_t all, size_t first, size_t groups, size_t width,
                             panel_integers *sums)
{
    (void)width;
    UNROLL
    for (size_t i = 0; i < tokens * registers; i++)
        sums[i] = _mm512_set1_epi32(start != NULL ? start[i / registers] : all);
    UNROLL
    for (size_t g = first; g < first + groups; g++) {
        __m512i u[PANEL_SIDE];
        UNROLL
        for (size_t r = 0; r < registers; r++)
            u[r] = _mm512_loadu_si512(values[r] + g * 64);
        UNROLL
        for (size_t t = 0; t < tokens; t++) {
            int32_t four;
            memcpy(&four, activations + t * QUANT_BLOCK + g * 4, sizeof four);
            UNROLL
            for (size_t r = 0; r < registers; r++)
                sums[t * registers + r] =
                    _mm512_dpbusd_epi32(sums[t * registers + r], u[r], _mm512_set1_epi32(four));
        }
    }
}

#include "kernel/lanes/lanes_panel.inc"
