/* neon_dot_panel.c - the panel product with the dot product of signed bytes, four rows a register.
 * Weights are u itself while integers stay below 128 (width 0), else u - 128 (width 1). */
#include "kernel/neon_dot/neon_dot.h"

#include "kernel/lanes/lanes_neon.h"

#define PANEL_PRODUCT neon_dot_panel_product
#define PANEL_TOKENS  4
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

UNROLL_INLINE panel_integers panel_set(int32_t x)
{
    return vdupq_n_s32(x);
}

UNROLL_INLINE lanes panel_to_lanes(panel_integers v)
{
    return vcvtq_f32_s32(v);
}

/* Four groups of columns with sixteen activations, which stay in one register of which the
 * instruction picks four bytes. */
UNROLL_INLINE void add_four(const uint8_t *values, const int8_t *const *a, size_t g, size_t width,
                            size_t tokens, panel_integers *sums)
{
    int8x16_t activations[PANEL_TOKENS];
    UNROLL
    for (size_t t = 0; t < tokens; t++)
        activations[t] = vld1q_s8(a[t] + g * 4);
    UNROLL
    for (size_t part = 0; part < LANES_PARTS; part++) {
        int8x16_t w[4];
        UNROLL
        for (size_t i = 0; i < 4; i++) {
            const uint8x16_t u = vld1q_u8(values + (g + i) * 64 + part * 16);
            w[i] = vreinterpretq_s8_u8(width == WIDE ? veorq_u8(u, vdupq_n_u8(128)) : u);
        }
        UNROLL
        for (size_t t = 0; t < tokens; t++) {
            panel_integers *const sum = &sums[t * LANES_PARTS + part];
            *sum = vdotq_laneq_s32(*sum, w[0], activations[t], 0);
            *sum = vdotq_laneq_s32(*sum, w[1], activations[t], 1);
            *sum = vdotq_laneq_s32(*sum, w[2], activations[t], 2);
            *sum = vdotq_laneq_s32(*sum, w[3], activations[t], 3);
        }
    }
}

UNROLL_INLINE void panel_add(const uint8_t *values, const int8_t *const *a, size_t first,
                             size_t groups, size_t width, size_t tokens, panel_integers *sums)
{
    UNROLL
    for (size_t g = first; g < first + groups; g += 4)
        add_four(values, a, g, width, tokens, sums);
}

#include "kernel/lanes/lanes_panel.inc"
