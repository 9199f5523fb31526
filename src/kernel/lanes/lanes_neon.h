/* lanes_neon.h - four lanes in one register (lanes.h says what each function does). */
#ifndef KERNEL_LANES_LANES_NEON_H
#define KERNEL_LANES_LANES_NEON_H

#include <arm_neon.h>
#include "kernel/lanes/lanes.h"

typedef float32x4_t lanes;
#define LANES           4
#define LANES_ROWS      4
#define LANES_TOKENS    4
#define LANES_FEW       6
#define LANES_KEY_TILES 1
#define LANES_QUERIES   6
#define LANES_WIDTHS    5
#define LANES_MIXED     5

UNROLL_INLINE lanes lanes_load(const void *p)
{
    return vreinterpretq_f32_u8(vld1q_u8(p));
}

UNROLL_INLINE void lanes_store(void *p, lanes v)
{
    vst1q_u8(p, vreinterpretq_u8_f32(v));
}

UNROLL_INLINE lanes lanes_load_first(const void *p, size_t n)
{
    float buffer[4] = {0};
    memcpy(buffer, p, (n < 4 ? n : 4) * sizeof *buffer);
    return vld1q_f32(buffer);
}

UNROLL_INLINE void lanes_store_first(void *p, lanes v, size_t n)
{
    float buffer[4];
    vst1q_f32(buffer, v);
    memcpy(p, buffer, (n < 4 ? n : 4) * sizeof *buffer);
}

UNROLL_INLINE void lanes_fetch_to_write(const void *p)
{
    __builtin_prefetch(p, 1);
}

UNROLL_INLINE lanes lanes_select_first(size_t n, lanes a, lanes b)
{
    static const uint32_t index[4] = {0, 1, 2, 3};
    return vbslq_f32(vcltq_u32(vld1q_u32(index), vdupq_n_u32(n < 4 ? (uint32_t)n : 4)), a, b);
}

UNROLL_INLINE lanes lanes_set(float x)
{
    return vdupq_n_f32(x);
}

UNROLL_INLINE lanes lanes_zero(void)
{
    return vdupq_n_f32(0.0f);
}

UNROLL_INLINE float lanes_first(lanes v)
{
    return vgetq_lane_f32(v, 0);
}

UNROLL_INLINE lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return vfmaq_f32(c, a, b);
}

UNROLL_INLINE lanes lanes_add(lanes a, lanes b)
{
    return vaddq_f32(a, b);
}

UNROLL_INLINE lanes lanes_subtract(lanes a, lanes b)
{
    return vsubq_f32(a, b);
}

UNROLL_INLINE lanes lanes_multiply(lanes a, lanes b)
{
    return vmulq_f32(a, b);
}

UNROLL_INLINE lanes lanes_divide(lanes a, lanes b)
{
    return vdivq_f32(a, b);
}

UNROLL_INLINE lanes lanes_square_root(lanes v)
{
    return vsqrtq_f32(v);
}

UNROLL_INLINE lanes lanes_where_above(lanes a, lanes b, lanes yes, lanes no)
{
    return vbslq_f32(vcgtq_f32(a, b), yes, no);
}

UNROLL_INLINE lanes lanes_larger(lanes a, lanes b)
{
    return lanes_where_above(a, b, a, b);
}

UNROLL_INLINE float lanes_largest(lanes v)
{
    return vmaxvq_f32(v);
}

UNROLL_INLINE lanes lanes_smaller(lanes a, lanes b)
{
    return lanes_where_above(b, a, a, b);
}

UNROLL_INLINE lanes lanes_round(lanes v)
{
    return vrndnq_f32(v);
}

/* 2^n as bits of an exponent. */
UNROLL_INLINE lanes lanes_power(int32x4_t n)
{
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n, vdupq_n_s32(127)), 23));
}

UNROLL_INLINE lanes lanes_times_power(lanes y, lanes n)
{
    const int32x4_t integers = vcvtq_s32_f32(n), half = vshrq_n_s32(integers, 1);
    return lanes_multiply(lanes_multiply(y, lanes_power(half)),
                          lanes_power(vsubq_s32(integers, half)));
}

UNROLL_INLINE lanes lanes_magnitude(lanes v)
{
    return vabsq_f32(v);
}

UNROLL_INLINE lanes lanes_negate(lanes v)
{
    return vnegq_f32(v);
}

UNROLL_INLINE lanes lanes_larger_bits(lanes a, lanes b)
{
    return vreinterpretq_f32_u32(vmaxq_u32(vreinterpretq_u32_f32(a), vreinterpretq_u32_f32(b)));
}

UNROLL_INLINE float lanes_largest_bits(lanes v)
{
    return half_bits_to_float(vmaxvq_u32(vreinterpretq_u32_f32(v)));
}

UNROLL_INLINE int32_t lanes_store_i8(int8_t *p, lanes v)
{
    const int32x4_t integers = vcvtnq_s32_f32(v);
    const int16x4_t words = vmovn_s32(integers);
    const uint32_t bytes =
        vget_lane_u32(vreinterpret_u32_s8(vmovn_s16(vcombine_s16(words, words))), 0);
    memcpy(p, &bytes, sizeof bytes);
    return vaddvq_s32(integers);
}

UNROLL_INLINE lanes lanes_widen(enum quant_type type, const void *p)
{
    if (type == QUANT_F16)
        return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p)));
    if (type == QUANT_BF16)
        return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(p)), 16));
    if (type == QUANT_Q8_0) {
        uint32_t bytes;
        memcpy(&bytes, p, sizeof bytes);
        const int16x8_t words = vmovl_s8(vreinterpret_s8_u32(vdup_n_u32(bytes)));
        return vcvtq_f32_s32(vmovl_s16(vget_low_s16(words)));
    }
    return lanes_load(p);
}

UNROLL_INLINE void lanes_store_half(void *p, lanes v)
{
    vst1_u8(p, vreinterpret_u8_f16(vcvt_f16_f32(v)));
}

UNROLL_INLINE void lanes_store_bfloat(void *p, lanes v)
{
    const uint32x4_t bits = vreinterpretq_u32_f32(v);
    const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    const uint32x4_t rounded = vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7fff)), odd);
    const uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
    const uint32x4_t chosen = vbslq_u32(vceqq_f32(v, v), rounded, quiet);
    vst1_u8(p, vreinterpret_u8_u16(vshrn_n_u32(chosen, 16)));
}

UNROLL_INLINE void lanes_load_pairs(const float *p, lanes *even, lanes *odd)
{
    const float32x4x2_t pairs = vld2q_f32(p);
    *even = pairs.val[0];
    *odd = pairs.val[1];
}

UNROLL_INLINE void lanes_store_pairs(float *p, lanes even, lanes odd)
{
    const float32x4x2_t pairs = {{even, odd}};
    vst2q_f32(p, pairs);
}

UNROLL_INLINE lanes_bytes lanes_join(uint64x2_t low, uint64x2_t high)
{
    const uint64x2_t both[2] = {low, high};
    lanes_bytes joined;
    memcpy(&joined, both, sizeof joined);
    return joined;
}

UNROLL_INLINE void lanes_transpose(const uint8_t *rows, size_t stride, lanes_bytes out[8])
{
    uint64x2_t quarters[4][4]; /* [rows 4 i ..][dword] */
    UNROLL
    for (size_t i = 0; i < 4; i++, rows += 4 * stride) {
        uint32x4_t z[4];
        UNROLL
        for (size_t k = 0; k < 4; k++)
            z[k] = vreinterpretq_u32_u8(vld1q_u8(rows + k * stride));
        const uint64x2_t a = vreinterpretq_u64_u32(vzip1q_u32(z[0], z[1]));
        const uint64x2_t b = vreinterpretq_u64_u32(vzip2q_u32(z[0], z[1]));
        const uint64x2_t c = vreinterpretq_u64_u32(vzip1q_u32(z[2], z[3]));
        const uint64x2_t d = vreinterpretq_u64_u32(vzip2q_u32(z[2], z[3]));
        quarters[i][0] = vzip1q_u64(a, c);
        quarters[i][1] = vzip2q_u64(a, c);
        quarters[i][2] = vzip1q_u64(b, d);
        quarters[i][3] = vzip2q_u64(b, d);
    }
    UNROLL
    for (size_t i = 0; i < 8; i++)
        out[i] = lanes_join(quarters[i % 2 * 2][i / 2], quarters[i % 2 * 2 + 1][i / 2]);
}

UNROLL_INLINE float lanes_tree(const lanes sums[LANES_PARTS])
{
    const float32x4_t low = vaddq_f32(sums[0], sums[2]), high = vaddq_f32(sums[1], sums[3]);
    const float32x4_t t4 = vaddq_f32(low, high);
    const float32x2_t t2 = vadd_f32(vget_low_f32(t4), vget_high_f32(t4));
    return vget_lane_f32(t2, 0) + vget_lane_f32(t2, 1);
}

#endif
