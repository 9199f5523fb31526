/* lanes_avx2.h - eight lanes in one register (lanes.h says what each function does). */
#ifndef KERNEL_LANES_LANES_AVX2_H
#define KERNEL_LANES_LANES_AVX2_H

#include <immintrin.h>
#include "kernel/lanes/lanes.h"

typedef __m256 lanes;
#define LANES           8
#define LANES_ROWS      4
#define LANES_TOKENS    3
#define LANES_FEW       3
#define LANES_KEY_TILES 1
#define LANES_QUERIES   6
#define LANES_WIDTHS    2
#define LANES_MIXED     5

/* All ones in lanes below n. */
UNROLL_INLINE __m256i lanes_mask(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n < 8 ? (int32_t)n : 8),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

UNROLL_INLINE lanes lanes_load(const void *p)
{
    return _mm256_loadu_ps(p);
}

UNROLL_INLINE void lanes_store(void *p, lanes v)
{
    _mm256_storeu_ps(p, v);
}

UNROLL_INLINE lanes lanes_load_first(const void *p, size_t n)
{
    return _mm256_maskload_ps(p, lanes_mask(n));
}

UNROLL_INLINE void lanes_store_first(void *p, lanes v, size_t n)
{
    _mm256_maskstore_ps(p, lanes_mask(n), v);
}

/* Written out: compilers know it by a flag of its own, though every such processor takes it. */
UNROLL_INLINE void lanes_fetch_to_write(const void *p)
{
    __asm__ volatile("prefetchw %0" : : "m"(*(const char *)p));
}

UNROLL_INLINE lanes lanes_select_first(size_t n, lanes a, lanes b)
{
    return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(lanes_mask(n)));
}

UNROLL_INLINE lanes lanes_set(float x)
{
    return _mm256_set1_ps(x);
}

UNROLL_INLINE lanes lanes_zero(void)
{
    return _mm256_setzero_ps();
}

UNROLL_INLINE float lanes_first(lanes v)
{
    return _mm256_cvtss_f32(v);
}

UNROLL_INLINE lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return _mm256_fmadd_ps(a, b, c);
}

UNROLL_INLINE lanes lanes_add(lanes a, lanes b)
{
    return _mm256_add_ps(a, b);
}

UNROLL_INLINE lanes lanes_subtract(lanes a, lanes b)
{
    return _mm256_sub_ps(a, b);
}

UNROLL_INLINE lanes lanes_multiply(lanes a, lanes b)
{
    return _mm256_mul_ps(a, b);
}

UNROLL_INLINE lanes lanes_divide(lanes a, lanes b)
{
    return _mm256_div_ps(a, b);
}

UNROLL_INLINE lanes lanes_square_root(lanes v)
{
    return _mm256_sqrt_ps(v);
}

UNROLL_INLINE lanes lanes_larger(lanes a, lanes b)
{
    return _mm256_max_ps(a, b);
}

UNROLL_INLINE float lanes_largest(lanes v)
{
    __m128 largest = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    largest = _mm_max_ps(largest, _mm_movehl_ps(largest, largest));
    return _mm_cvtss_f32(_mm_max_ss(largest, _mm_movehdup_ps(largest)));
}

UNROLL_INLINE lanes lanes_smaller(lanes a, lanes b)
{
    return _mm256_min_ps(a, b);
}

UNROLL_INLINE lanes lanes_where_above(lanes a, lanes b, lanes yes, lanes no)
{
    return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_GT_OQ));
}

UNROLL_INLINE lanes lanes_round(lanes v)
{
    return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* 2^n as bits of an exponent. */
UNROLL_INLINE lanes lanes_power(__m256i n)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}

UNROLL_INLINE lanes lanes_times_power(lanes y, lanes n)
{
    const __m256i integers = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(integers, 1);
    return lanes_multiply(lanes_multiply(y, lanes_power(half)),
                          lanes_power(_mm256_sub_epi32(integers, half)));
}

UNROLL_INLINE lanes lanes_magnitude(lanes v)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), v);
}

UNROLL_INLINE lanes lanes_negate(lanes v)
{
    return _mm256_xor_ps(v, _mm256_set1_ps(-0.0f));
}

UNROLL_INLINE lanes lanes_larger_bits(lanes a, lanes b)
{
    return _mm256_castsi256_ps(_mm256_max_epu32(_mm256_castps_si256(a), _mm256_castps_si256(b)));
}

UNROLL_INLINE float lanes_largest_bits(lanes v)
{
    const __m256i bits = _mm256_castps_si256(v);
    __m128i largest =
        _mm_max_epu32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1));
    largest = _mm_max_epu32(largest, _mm_shuffle_epi32(largest, 0x4e));
    largest = _mm_max_epu32(largest, _mm_shuffle_epi32(largest, 0xb1));
    return half_bits_to_float((uint32_t)_mm_cvtsi128_si32(largest));
}

/* The low 16 bits of eight 32-bit integers (saturated as signed ones). */
UNROLL_INLINE __m128i lanes_narrow(__m256i v)
{
    return _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
}

UNROLL_INLINE int32_t lanes_store_i8(int8_t *p, lanes v)
{
    const __m128i words = lanes_narrow(_mm256_cvtps_epi32(v));
    _mm_storel_epi64((__m128i *)(void *)p, _mm_packs_epi16(words, words));
    __m128i sum = _mm_madd_epi16(words, _mm_set1_epi16(1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
    return _mm_cvtsi128_si32(sum);
}

UNROLL_INLINE lanes lanes_widen(enum quant_type type, const void *p)
{
    if (type == QUANT_F16)
        return _mm256_cvtph_ps(_mm_loadu_si128(p));
    if (type == QUANT_BF16)
        return _mm256_castsi256_ps(
            _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(p)), 16));
    if (type == QUANT_Q8_0)
        return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(p)));
    return lanes_load(p);
}

UNROLL_INLINE void lanes_store_half(void *p, lanes v)
{
    _mm_storeu_si128(p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

UNROLL_INLINE void lanes_store_bfloat(void *p, lanes v)
{
    const __m256i bits = _mm256_castps_si256(v);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i rounded =
        _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    /* An arithmetic shift keeps the pack below from saturating. */
    _mm_storeu_si128(p,
                     lanes_narrow(_mm256_srai_epi32(_mm256_blendv_epi8(rounded, quiet, nan), 16)));
}

UNROLL_INLINE void lanes_load_pairs(const float *p, lanes *even, lanes *odd)
{
    const lanes low = lanes_load(p), high = lanes_load(p + 8);
    const lanes a = _mm256_permute2f128_ps(low, high, 0x20);
    const lanes b = _mm256_permute2f128_ps(low, high, 0x31);
    *even = _mm256_shuffle_ps(a, b, 0x88);
    *odd = _mm256_shuffle_ps(a, b, 0xdd);
}

UNROLL_INLINE void lanes_store_pairs(float *p, lanes even, lanes odd)
{
    const lanes a = _mm256_unpacklo_ps(even, odd), b = _mm256_unpackhi_ps(even, odd);
    lanes_store(p, _mm256_permute2f128_ps(a, b, 0x20));
    lanes_store(p + 8, _mm256_permute2f128_ps(a, b, 0x31));
}

UNROLL_INLINE void lanes_transpose(const uint8_t *rows, size_t stride, lanes_bytes out[8])
{
    UNROLL
    for (size_t h = 0; h < 2; h++, rows += 8 * stride) {
        __m256i z[4]; /* rows k and k + 4 */
        UNROLL
        for (size_t k = 0; k < 4; k++) {
            const __m128i low = _mm_loadu_si128((const void *)(rows + k * stride));
            const __m128i high = _mm_loadu_si128((const void *)(rows + (k + 4) * stride));
            z[k] = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
        }
        const __m256i a = _mm256_unpacklo_epi32(z[0], z[1]), b = _mm256_unpackhi_epi32(z[0], z[1]);
        const __m256i c = _mm256_unpacklo_epi32(z[2], z[3]), d = _mm256_unpackhi_epi32(z[2], z[3]);
        out[h] = (lanes_bytes)_mm256_unpacklo_epi64(a, c);
        out[2 + h] = (lanes_bytes)_mm256_unpackhi_epi64(a, c);
        out[4 + h] = (lanes_bytes)_mm256_unpacklo_epi64(b, d);
        out[6 + h] = (lanes_bytes)_mm256_unpackhi_epi64(b, d);
    }
}

UNROLL_INLINE float lanes_tree(const lanes sums[LANES_PARTS])
{
    const __m256 t8 = _mm256_add_ps(sums[0], sums[1]);
    const __m128 t4 = _mm_add_ps(_mm256_castps256_ps128(t8), _mm256_extractf128_ps(t8, 1));
    const __m128 t2 = _mm_add_ps(t4, _mm_movehl_ps(t4, t4));
    return _mm_cvtss_f32(_mm_add_ss(t2, _mm_movehdup_ps(t2)));
}

#endif
