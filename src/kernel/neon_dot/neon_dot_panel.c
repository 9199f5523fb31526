/* neon_dot_panel.c - the panel product with the dot product of signed bytes, four rows a register.
 * Weights are u itself while integers stay below 128 (width 0), else u - 128 (width 1). */
#include "kernel/neon_dot/neon_dot.h"

#include "kernel/lanes/lanes_neon.h"

#define PANEL_PRODUCT neon_dot_panel_product
#define PANEL_TOKENS  4
#define PANEL_SIDE    1
#define PANEL_HELD    false
#define PANEL_WIDTHS  2
#define WIDE          1

typedef int32x4_t panel_integers;

UNROLL_INLINE size_t panel_width(int32_t most)
{
    return most <= 127 ? 0 : WIDE;
}

UNROLL_INLINE int32_t panel_base(size_t width)
{
    return width == WIDE ? 128 : 0;
}

UNROLL_INLINE lanes panel_bits(panel_integers v)
{
    return vreinterpretq_f32_s32(v);
}

/* Four groups of columns with sixteen activations, which stay in one register of which the
 * instruction picks four bytes. */
UNROLL_INLINE void add_four(const uint8_t *const *values, size_t registers,
                            const int8_t *activations, size_t tokens, size_t g, size_t width,
                            panel_integers *sums)
{
    int8x16_t a[PANEL_TOKENS];
    UNROLL
    for (size_t t = 0; t < tokens; t++)
        a[t] = vld1q_s8(activations + t * QUANT_BLOCK + g * 4);
    UNROLL
    for (size_t r = 0; r < registers; r++) {
        int8x16_t w[4];
        UNROLL
        for (size_t i = 0; i < 4; i++) {
            const uint8x16_t u = vld1q_u8(values[r] + (g + i) * 64);
            w[i] = vreinterpretq_s8_u8(width == WIDE ? veorq_u8(u, vdupq_n_u8(128)) : u);
        }
        UNROLL
        for (size_t t = 0; t < tokens; t++) {
            panel_integers *const sum = &sums[t * registers + r];
            *sum = vdotq_laneq_s32(*sum, w[0], a[t], 0);
            *sum = vdotq_laneq_s32(*sum, w[1], a[t], 1);
            *sum = vdotq_laneq_s32(*sum, w[2], a[t], 2);
            *sum = vdotq_laneq_s32(*sum, w[3], a[t], 3);
        }
    }
}

UNROLL_INLINE void panel_add(const uint8_t *const *values, size_t registers,
                             const int8_t *activations, size_t tokens, const int32_t *start,
                             int32_t all, size_t first, size_t groups, size_t width,
                             panel_integers *sums)
{
    UNROLL
    for (size_t i = 0; i < tokens * registers; i++)
        sums[i] = vdupq_n_s32(start != NULL ? start[i / registers] : all);
    UNROLL
    for (size_t g = first; g < first + groups; g += 4)
        add_four(values, registers, activations, tokens, g, width, sums);
}

#include "kernel/lanes/lanes_panel.inc"
