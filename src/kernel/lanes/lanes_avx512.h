/* lanes_avx512.h - sixteen lanes in one register (lanes.h says what each function does). */
#ifndef KERNEL_LANES_LANES_AVX512_H
#define KERNEL_LANES_LANES_AVX512_H

#include <immintrin.h>
#include "kernel/lanes/lanes.h"

typedef __m512 lanes;
#define LANES           16
#define LANES_ROWS      4
#define LANES_TOKENS    4
#define LANES_FEW       6
#define LANES_KEY_TILES 4
#define LANES_QUERIES   6
#define LANES_WIDTHS    5
#define LANES_MIXED     5
#define LANES_NEAREST   (_MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)

UNROLL_INLINE __mmask16 lanes_mask(size_t n)
{
    const unsigned bits = n >= 16 ? 0xffffu : (1u << n) - 1u;
    return (__mmask16)bits;
}

UNROLL_INLINE lanes lanes_load(const void *p)
{
    return _mm512_loadu_ps(p);
}

UNROLL_INLINE void lanes_store(void *p, lanes v)
{
    _mm512_storeu_ps(p, v);
}

UNROLL_INLINE lanes lanes_load_first(const void *p, size_t n)
{
    return _mm512_maskz_loadu_ps(lanes_mask(n), p);
}

UNROLL_INLINE void lanes_store_first(void *p, lanes v, size_t n)
{
    _mm512_mask_storeu_ps(p, lanes_mask(n), v);
}

/* Written out: compilers know it by a flag of its own, though every such processor takes it. */
UNROLL_INLINE void lanes_fetch_to_write(const void *p)
{
    __asm__ volatile("prefetchw %0" : : "m"(*(const char *)p));
}

UNROLL_INLINE lanes lanes_select_first(size_t n, lanes a, lanes b)
{
    return _mm512_mask_mov_ps(b, lanes_mask(n), a);
}

UNROLL_INLINE lanes lanes_set(float x)
{
    return _mm512_set1_ps(x);
}

UNROLL_INLINE lanes lanes_zero(void)
{
    return _mm512_setzero_ps();
}

UNROLL_INLINE float lanes_first(lanes v)
{
    return _mm512_cvtss_f32(v);
}

UNROLL_INLINE lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return _mm512_fmadd_ps(a, b, c);
}

UNROLL_INLINE lanes lanes_add(lanes a, lanes b)
{
    return _mm512_add_ps(a, b);
}

UNROLL_INLINE lanes lanes_subtract(lanes a, lanes b)
{
    return _mm512_sub_ps(a, b);
}

UNROLL_INLINE lanes lanes_multiply(lanes a, lanes b)
{
    return _mm512_mul_ps(a, b);
}

UNROLL_INLINE lanes lanes_divide(lanes a, lanes b)
{
    return _mm512_div_ps(a, b);
}

UNROLL_INLINE lanes lanes_square_root(lanes v)
{
    return _mm512_sqrt_ps(v);
}

UNROLL_INLINE lanes lanes_larger(lanes a, lanes b)
{
    return _mm512_max_ps(a, b);
}

UNROLL_INLINE float lanes_largest(lanes v)
{
    return _mm512_reduce_max_ps(v);
}

UNROLL_INLINE lanes lanes_smaller(lanes a, lanes b)
{
    return _mm512_min_ps(a, b);
}

UNROLL_INLINE lanes lanes_where_above(lanes a, lanes b, lanes yes, lanes no)
{
    return _mm512_mask_mov_ps(no, _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), yes);
}

UNROLL_INLINE lanes lanes_round(lanes v)
{
    return _mm512_cvtepi32_ps(_mm512_cvtps_epi32(v));
}

/* One instruction; it rounds once too, and only where the result is below 2^-126. */
UNROLL_INLINE lanes lanes_times_power(lanes y, lanes n)
{
    return _mm512_scalef_ps(y, n);
}

UNROLL_INLINE lanes lanes_magnitude(lanes v)
{
    return _mm512_abs_ps(v);
}

UNROLL_INLINE lanes lanes_negate(lanes v)
{
    return _mm512_xor_ps(v, _mm512_set1_ps(-0.0f));
}

UNROLL_INLINE lanes lanes_larger_bits(lanes a, lanes b)
{
    return _mm512_castsi512_ps(_mm512_max_epu32(_mm512_castps_si512(a), _mm512_castps_si512(b)));
}

UNROLL_INLINE float lanes_largest_bits(lanes v)
{
    return half_bits_to_float(_mm512_reduce_max_epu32(_mm512_castps_si512(v)));
}

UNROLL_INLINE int32_t lanes_store_i8(int8_t *p, lanes v)
{
    const __m512i integers = _mm512_cvtps_epi32(v);
    _mm_storeu_si128((__m128i *)(void *)p, _mm512_cvtepi32_epi8(integers));
    return _mm512_reduce_add_epi32(integers);
}

UNROLL_INLINE lanes lanes_widen(enum quant_type type, const void *p)
{
    if (type == QUANT_F16)
        return _mm512_cvtph_ps(_mm256_loadu_si256(p));
    if (type == QUANT_BF16)
        return _mm512_castsi512_ps(
            _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(p)), 16));
    if (type == QUANT_Q8_0)
        return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(p)));
    return lanes_load(p);
}

UNROLL_INLINE void lanes_store_half(void *p, lanes v)
{
    _mm_storeu_si128(p, _mm256_cvtps_ph(_mm512_castps512_ps256(v), LANES_NEAREST));
    _mm_storeu_si128((__m128i *)p + 1,
                     _mm256_cvtps_ph(_mm512_extractf32x8_ps(v, 1), LANES_NEAREST));
}

UNROLL_INLINE void lanes_store_bfloat(void *p, lanes v)
{
    const __m512i bits = _mm512_castps_si512(v);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded =
        _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
    const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
    const __m512i chosen =
        _mm512_mask_mov_epi32(rounded, _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), quiet);
    _mm256_storeu_si256(p, _mm512_cvtepi32_epi16(_mm512_srli_epi32(chosen, 16)));
}

UNROLL_INLINE void lanes_load_pairs(const float *p, lanes *even, lanes *odd)
{
    const __m512i index =
        _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    const lanes low = lanes_load(p), high = lanes_load(p + 16);
    *even = _mm512_permutex2var_ps(low, index, high);
    *odd = _mm512_permutex2var_ps(low, _mm512_add_epi32(index, _mm512_set1_epi32(1)), high);
}

UNROLL_INLINE void lanes_store_pairs(float *p, lanes even, lanes odd)
{
    const __m512i index = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    lanes_store(p, _mm512_permutex2var_ps(even, index, odd));
    lanes_store(p + 16,
                _mm512_permutex2var_ps(even, _mm512_add_epi32(index, _mm512_set1_epi32(8)), odd));
}

UNROLL_INLINE float lanes_tree(const lanes sums[LANES_PARTS])
{
    const __m256 t8 =
        _mm256_add_ps(_mm512_castps512_ps256(sums[0]), _mm512_extractf32x8_ps(sums[0], 1));
    const __m128 t4 = _mm_add_ps(_mm256_castps256_ps128(t8), _mm256_extractf128_ps(t8, 1));
    const __m128 t2 = _mm_add_ps(t4, _mm_movehl_ps(t4, t4));
    return _mm_cvtss_f32(_mm_add_ss(t2, _mm_movehdup_ps(t2)));
}

#endif
