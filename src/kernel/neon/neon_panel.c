/* neon_panel.c - the panel product without a dot product instruction.
 *
 * Weights are made signed bytes: u itself while integers stay below 128, else u - 128. Each product
 * goes to 16 bits of its own, and several groups of columns are added there before they are
 * widened:
 *
 *   width  integers to  groups   largest sum
 *   0      32           8        32 * 127 * 8 = 32512
 *   1      64           4        the same
 *   2      255          2        128 * 127 * 2 = 32512
 */
#include "kernel/neon/neon.h"

#include "kernel/lanes/lanes_neon.h"

#define PANEL_PRODUCT neon_panel_product
#define PANEL_TOKENS  2
#define PANEL_SIDE    1
#define PANEL_HELD    false
#define PANEL_WIDTHS  3
#define WIDE          2

typedef int32x4_t panel_integers;

UNROLL_INLINE size_t panel_width(int32_t most)
{
    return most <= 32 ? 0 : most <= 64 ? 1 : WIDE;
}

UNROLL_INLINE int32_t panel_base(size_t width)
{
    return width == WIDE ? 128 : 0;
}

UNROLL_INLINE lanes panel_bits(panel_integers v)
{
    return vreinterpretq_f32_s32(v);
}

/* Four activations, twice. */
UNROLL_INLINE int8x8_t broadcast(const int8_t *a)
{
    uint32_t four;
    memcpy(&four, a, sizeof four);
    return vreinterpret_s8_u32(vdup_n_u32(four));
}

/* Four rows, of groups [g, g + step): two rows a register, then in pairs to one. */
UNROLL_INLINE int32x4_t rows_sum(const uint8_t *values, const int8_t *a, size_t g, size_t step,
                                 bool wide)
{
    int16x8_t low = vdupq_n_s16(0), high = low;
    UNROLL
    for (size_t i = g; i < g + step; i++) {
        const uint8x16_t u = vld1q_u8(values + i * 64);
        const int8x16_t w = vreinterpretq_s8_u8(wide ? veorq_u8(u, vdupq_n_u8(128)) : u);
        const int8x8_t four = broadcast(a + i * 4);
        low = vmlal_s8(low, vget_low_s8(w), four);
        high = vmlal_s8(high, vget_high_s8(w), four);
    }
    return vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high));
}

UNROLL_INLINE void panel_add(const uint8_t *const *values, size_t registers,
                             const int8_t *activations, size_t tokens, const int32_t *start,
                             int32_t all, size_t first, size_t groups, size_t width,
                             panel_integers *sums)
{
    const size_t range = (size_t)8 >> width, step = range < groups ? range : groups;
    UNROLL
    for (size_t i = 0; i < tokens * registers; i++)
        sums[i] = vdupq_n_s32(start != NULL ? start[i / registers] : all);
    UNROLL
    for (size_t g = first; g < first + groups; g += step) {
        UNROLL
        for (size_t i = 0; i < tokens * registers; i++)
            sums[i] = vaddq_s32(sums[i], rows_sum(values[i % registers],
                                                  activations + i / registers * QUANT_BLOCK, g,
                                                  step, width == WIDE));
    }
}

#include "kernel/lanes/lanes_panel.inc"
