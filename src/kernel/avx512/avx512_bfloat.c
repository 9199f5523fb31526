/* avx512_bfloat.c - products of bfloat16 with the instruction for them (Intel, Software Developer's
 * Manual, volume 2, VDPBF16PS: AVX512-BF16, Cooper Lake, Zen 4 and later), which multiplies and adds
 * twice as much as one of f32. CPUID leaf 7, sub-leaf 1, EAX bit 5 says whether it is there.
 *
 * An element of a panel is a pair of steps of one lane, and a panel is [pairs][lanes]:
 *
 *   bit 31                16 15                 0
 *      | step 2q + 1        | step 2q            |         an odd depth: | 0 | last step |
 *
 * The instructions are written out, so that no other file of this level can come to use them. What
 * they do with the sums is tensor/gemm.h's definition; denormals count as zeros.
 */
#include "kernel/avx512/avx512.h"

#include <cpuid.h>

#include "kernel/avx512/avx512_tile.h"
#include "kernel/training.h"
#include "kernel/lanes/lanes_part.inc"

#define TILE_SPAN 2

/* sum + the products of each lane's two pairs, the upper one first. */
UNROLL_INLINE lanes tile_multiply(lanes a, lanes b, lanes sum)
{
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
}

#include "kernel/lanes/lanes_tile.inc"

/* 32 floats rounded: those of `low` in the lower sixteen halves. */
UNROLL_INLINE __m512i round_both(lanes low, lanes high)
{
    __m512i halves;
    __asm__("vcvtne2ps2bf16 %2, %1, %0" : "=v"(halves) : "v"(high), "v"(low));
    return halves;
}

/* Lane i of two steps to the pair of lane i. */
UNROLL_INLINE lanes pair_steps(lanes even, lanes odd)
{
    static const uint16_t index[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                       21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                       11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    return _mm512_castsi512_ps(
        _mm512_permutexvar_epi16(_mm512_loadu_si512(index), round_both(even, odd)));
}

/* Lanes lie side by side. A group narrower than a register reaches into the next pair, which is
 * written later; but not where it is `exact`. */
static void pack_lanes(const float *from, size_t step, size_t count, bool exact, size_t depth,
                       size_t width, float *to)
{
    const size_t stored = exact ? count : LANES;
    for (; depth > 1; depth -= 2, from += 2 * step, to += width)
        lanes_put(to, pair_steps(lanes_take(from, count), lanes_take(from + step, count)), stored);
    if (depth > 0)
        lanes_put(to, pair_steps(lanes_take(from, count), lanes_zero()), stored);
}

/* Steps lie side by side: of each lane 32 are rounded to sixteen pairs, and these transposed. */
static void pack_steps(const float *from, size_t lane, size_t count, bool exact, size_t depth,
                       size_t width, float *to)
{
    float pairs[LANES * LANES] __attribute__((aligned(64)));
    const size_t rows = count < LANES ? count : LANES;
    for (; depth > 0; from += 2 * LANES, to += LANES * width) {
        const size_t steps = depth < 2 * LANES ? depth : 2 * LANES;
        for (size_t r = 0; r < rows; r++) {
            const float *const row = from + r * lane;
            const lanes low = lanes_take(row, steps);
            const lanes high =
                steps > LANES ? lanes_take(row + LANES, steps - LANES) : lanes_zero();
            lanes_store(pairs + r * LANES, _mm512_castsi512_ps(round_both(low, high)));
        }
        pack_transposed(pairs, LANES, count, exact, (steps + 1) / 2, width, to);
        depth -= steps;
    }
}

static void pack_singly(const float *from, size_t lane, size_t step, size_t count, size_t depth,
                        size_t width, float *to)
{
    for (size_t p = 0; p < depth; p += 2)
        for (size_t i = 0; i < count; i++) {
            const float *const even = from + i * lane + p * step;
            const lanes odd = lanes_set(p + 1 < depth ? even[step] : 0.0f);
            to[p / 2 * width + i] = lanes_first(pair_steps(lanes_set(*even), odd));
        }
}

static void pack_pairs(const float *from, size_t lane, size_t step, size_t count, size_t depth,
                       size_t width, float *to)
{
    if (lane != 1 && step != 1) {
        pack_singly(from, lane, step, count, depth, width, to);
        return;
    }
    for (size_t i = 0; i < count; i += LANES) {
        const bool exact = i > 0 && i + LANES > width;
        if (lane == 1)
            pack_lanes(from + i, step, count - i, exact, depth, width, to + i);
        else
            pack_steps(from + i * lane, lane, count - i, exact, depth, width, to + i);
    }
}

bool avx512_bfloat_is_here(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a >> 5 & 1) != 0;
}

void avx512_bfloat_fill(struct training_kernel *kernel)
{
    kernel->pair_floats = 1;
    kernel->pack_bfloat = pack_pairs;
    kernel->tile_bfloat = lanes_tile;
}
