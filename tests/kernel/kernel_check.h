/* kernel_check.h - what the kernel tests share: levels, fenced memory, crafted numbers, equality of
 * bits.
 *
 * A fence is a run of bytes between two pages that may not be touched; it ends at the second one,
 * so that reading or writing past its end stops the program:
 *
 *   | no access | pad (pattern) | bytes asked for | no access |
 *
 * Outputs are prefilled with a pattern and compared whole, pad and gaps between rows included: what
 * a kernel may not write must be unchanged.
 */
#ifndef TESTS_KERNEL_KERNEL_CHECK_H
#define TESTS_KERNEL_KERNEL_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "base/half.h"
#include "base/hash.h"
#include "base/random.h"
#include "kernel/kernel.h"

#define CHECK_FENCE_PAGE ((size_t)65536) /* a multiple of every system's page */
#define CHECK_PATTERN    0xa5

struct fence {
    unsigned char *map, *bytes;
    size_t mapped, pad, size;
};

static inline struct fence fence_make(size_t size)
{
    struct fence fence = {.size = size};
    const size_t whole = (size / CHECK_FENCE_PAGE + 1) * CHECK_FENCE_PAGE;
    fence.mapped = whole + 2 * CHECK_FENCE_PAGE;
    fence.map =
        mmap(NULL, fence.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fence.map == MAP_FAILED)
        abort();
    fence.bytes = fence.map + CHECK_FENCE_PAGE + whole - size;
    fence.pad = whole - size < 256 ? whole - size : 256;
    memset(fence.bytes - fence.pad, CHECK_PATTERN, fence.pad + size);
    if (mprotect(fence.map, CHECK_FENCE_PAGE, PROT_NONE) != 0 ||
        mprotect(fence.map + CHECK_FENCE_PAGE + whole, CHECK_FENCE_PAGE, PROT_NONE) != 0)
        abort();
    return fence;
}

static inline void fence_free(struct fence *fence)
{
    munmap(fence->map, fence->mapped);
}

static inline float *fence_floats(const struct fence *fence)
{
    return (float *)(void *)fence->bytes;
}

static inline struct fence fence_copy(const struct fence *from)
{
    const struct fence fence = fence_make(from->size);
    memcpy(fence.bytes - fence.pad, from->bytes - fence.pad, fence.pad + fence.size);
    return fence;
}

/* Kinds of numbers to try. WILD is any finite bits, BROKEN has infinities and NaN among them. */
enum check_kind {
    CHECK_UNIT,
    CHECK_ZEROS,
    CHECK_TINY,
    CHECK_HUGE,
    CHECK_WILD,
    CHECK_BROKEN,
    CHECK_KINDS
};

static inline float check_wild(struct random *random)
{
    for (;;) {
        const uint32_t bits = (uint32_t)random_u64(random);
        if ((bits & 0x7f800000u) != 0x7f800000u)
            return half_bits_to_float(bits);
    }
}

static inline float check_number(struct random *random, enum check_kind kind)
{
    const float unit = (float)(2.0 * random_unit(random) - 1.0);
    const uint64_t dice = random_below(random, 16);
    switch (kind) {
    case CHECK_ZEROS:
        return dice < 6 ? 0.0f : dice < 12 ? -0.0f : unit;
    case CHECK_TINY:
        return dice < 4 ? half_bits_to_float((uint32_t)dice << 31 |
                                             (uint32_t)random_below(random, 0x800000))
                        : unit * 0x1p-120f;
    case CHECK_HUGE:
        return dice < 8 ? unit * 1e30f : unit;
    case CHECK_WILD:
        return check_wild(random);
    case CHECK_BROKEN:
        return dice == 0   ? half_bits_to_float(0x7fc00000u)
               : dice == 1 ? half_bits_to_float(0x7f800000u)
               : dice == 2 ? half_bits_to_float(0xff800000u)
                           : unit;
    default:
        return unit;
    }
}

static inline void check_fill(struct random *random, enum check_kind kind, float *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = check_number(random, kind);
}

static inline struct fence check_floats(struct random *random, enum check_kind kind, size_t count)
{
    const struct fence fence = fence_make(count * sizeof(float));
    check_fill(random, kind, fence_floats(&fence), count);
    return fence;
}

static inline bool check_is_nan(float value)
{
    return (half_float_to_bits(value) & 0x7fffffffu) > 0x7f800000u;
}

/* Equal bits, or both NaN. Stops the test with `what` and the place where they differ. */
static inline void check_same(const float *got, const float *want, size_t count, const char *level,
                              const char *what)
{
    if (memcmp(got, want, count * sizeof *got) == 0)
        return;
    for (size_t i = 0; i < count; i++)
        if (half_float_to_bits(got[i]) != half_float_to_bits(want[i]) &&
            !(check_is_nan(got[i]) && check_is_nan(want[i])))
            fail_msg("%s %s: value %zu of %zu is %a, scalar has %a", level, what, i, count,
                     (double)got[i], (double)want[i]);
}

/* The whole of two outputs, pattern around them included. */
static inline void check_same_fence(const struct fence *got, const struct fence *want,
                                    const char *level, const char *what)
{
    assert_int_equal(got->size, want->size);
    if (memcmp(got->bytes - got->pad, want->bytes - want->pad, got->pad) != 0)
        fail_msg("%s %s: wrote before its output", level, what);
    check_same(fence_floats(got), fence_floats(want), got->size / sizeof(float), level, what);
}

static inline void check_same_bytes(const struct fence *got, const struct fence *want,
                                    const char *level, const char *what)
{
    assert_int_equal(got->size, want->size);
    for (size_t i = 0; i < got->pad + got->size; i++)
        if ((got->bytes - got->pad)[i] != (want->bytes - want->pad)[i])
            fail_msg("%s %s: byte %td differs: %d, scalar has %d", level, what,
                     (ptrdiff_t)i - (ptrdiff_t)got->pad, (got->bytes - got->pad)[i],
                     (want->bytes - want->pad)[i]);
}

/* One running hash over scalar results, the same on every machine; NaN counts as one value. */
static inline void check_hash(uint64_t *hash, const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = check_is_nan(values[i]) ? 0x7fc00000u : half_float_to_bits(values[i]);
        const uint8_t bytes[4] = {(uint8_t)bits, (uint8_t)(bits >> 8), (uint8_t)(bits >> 16),
                                  (uint8_t)(bits >> 24)};
        *hash = hash_bytes(bytes, sizeof bytes, *hash);
    }
}

static inline const struct kernel *check_scalar(void)
{
    return kernel_at(CPU_SCALAR);
}

/* The available levels beside scalar, one at a time: level = check_next(level), from CPU_SCALAR on.
 */
static inline const struct kernel *check_next(const struct kernel *kernel)
{
    for (int level = (int)kernel->level + 1; level < CPU_LEVELS; level++)
        if (kernel_at((enum cpu_level)level) != NULL)
            return kernel_at((enum cpu_level)level);
    return NULL;
}

#define CHECK_EACH_LEVEL(kernel)                                                                   \
    for (const struct kernel *kernel = check_next(check_scalar()); kernel != NULL;                 \
         kernel = check_next(kernel))

#endif
