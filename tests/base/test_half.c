/* test_half.c - binary16 and bfloat16: all halves, the floats around every border, and the
 * processor's own conversion where it has one. */
#include "base/half.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>

#include "base/cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("f16c"))) static uint32_t hardware_to_float(uint16_t half)
{
    return half_float_to_bits(_cvtsh_ss(half));
}

__attribute__((target("f16c"))) static uint16_t hardware_from_float(float value)
{
    return _cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT);
}

static bool has_hardware(void)
{
    return cpu_has(CPU_AVX2);
}
#else
static uint32_t hardware_to_float(uint16_t half)
{
    return half;
}

static uint16_t hardware_from_float(float value)
{
    return (uint16_t)value;
}

static bool has_hardware(void)
{
    return false;
}
#endif

/* The value of a finite half by its definition. */
static double defined_value(uint16_t half)
{
    const int exponent = half >> 10 & 31, mantissa = half & 1023;
    const double magnitude =
        exponent == 0 ? ldexp(mantissa, -24) : ldexp(1024 + mantissa, exponent - 25);
    return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

static void halves_have_their_defined_values(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 0x10000; i++) {
        const float value = half_to_float((uint16_t)i);
        if ((i & 0x7c00) != 0x7c00)
            assert_true((double)value == defined_value((uint16_t)i));
        else if ((i & 0x3ff) == 0)
            assert_true(isinf(value));
        else
            assert_true(isnan(value));
        assert_int_equal(signbit(value) != 0, i >> 15);
    }
}

static void halves_come_back(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 0x10000; i++) {
        const bool nan = (i & 0x7c00) == 0x7c00 && (i & 0x3ff) != 0;
        const uint16_t expected = (uint16_t)(nan ? i | 0x200 : i);
        assert_int_equal(half_from_float(half_to_float((uint16_t)i)), expected);
    }
}

/* Rounding by definition: between neighbouring halves the nearer one, of two equally near the
 * even one; the border to infinity is where the next half after the largest would be rounded to. */
static void floats_between_halves_are_rounded_to_even(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 0x7c00; i++) {
        const double low = defined_value((uint16_t)i);
        const double high = i == 0x7bff ? 65536.0 : defined_value((uint16_t)(i + 1));
        const float middle = (float)((low + high) / 2); /* exact: one bit more than a half has */
        const uint32_t even = (i & 1) == 0 ? i : i + 1;
        for (uint32_t sign = 0; sign < 2; sign++) {
            const float factor = sign != 0 ? -1 : 1;
            const uint32_t bit = sign << 15;
            assert_int_equal(half_from_float(factor * middle), bit | even);
            assert_int_equal(half_from_float(factor * nextafterf(middle, 0)), bit | i);
            assert_int_equal(half_from_float(factor * nextafterf(middle, 1e9f)), bit | (i + 1));
        }
    }
    assert_int_equal(half_from_float(1e30f), 0x7c00);
    assert_int_equal(half_from_float(-INFINITY), 0xfc00);
    assert_int_equal(half_from_float(0x1p-149f), 0);
    assert_int_equal(half_from_float(-0x1p-149f), 0x8000);
}

static void hardware_agrees(void **state)
{
    (void)state;
    if (!has_hardware())
        skip();
    for (uint32_t i = 0; i < 0x10000; i++)
        assert_int_equal(half_float_to_bits(half_to_float((uint16_t)i)),
                         hardware_to_float((uint16_t)i));
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 251) {
        const float value = half_bits_to_float((uint32_t)bits);
        if (half_from_float(value) != hardware_from_float(value))
            fail_msg("float %08x: %04x, the processor says %04x", (unsigned)bits,
                     half_from_float(value), hardware_from_float(value));
    }
    for (uint32_t upper = 0; upper < 0x80000; upper++) { /* around every 13-bit border */
        static const uint32_t lower[] = {0, 1, 0xfff, 0x1000, 0x1001, 0x1fff};
        for (size_t j = 0; j < sizeof lower / sizeof lower[0]; j++) {
            const float value = half_bits_to_float(upper << 13 | lower[j]);
            if (half_from_float(value) != hardware_from_float(value))
                fail_msg("float %08x differs", (unsigned)(upper << 13 | lower[j]));
        }
    }
}

static void bfloats_are_upper_halves(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 0x10000; i++) {
        const float value = bfloat_to_float((uint16_t)i);
        assert_int_equal(half_float_to_bits(value), i << 16);
        const bool nan = (i & 0x7f80) == 0x7f80 && (i & 0x7f) != 0;
        assert_int_equal(bfloat_from_float(value), nan ? i | 0x40 : i);
    }
}

static void bfloats_are_rounded_to_even(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 0x7f80; i++) {
        for (uint32_t sign = 0; sign <= 0x8000; sign += 0x8000) {
            const uint32_t bits = (i | sign) << 16;
            const uint32_t even = (i & 1) == 0 ? i : i + 1;
            assert_int_equal(bfloat_from_float(half_bits_to_float(bits | 0x7fff)), i | sign);
            assert_int_equal(bfloat_from_float(half_bits_to_float(bits | 0x8000)), even | sign);
            assert_int_equal(bfloat_from_float(half_bits_to_float(bits | 0x8001)), (i + 1) | sign);
        }
    }
    for (uint32_t low = 1; low < 0x10000; low += 7) /* a payload in the lower bits only stays NaN */
        assert_int_equal(bfloat_from_float(half_bits_to_float(0x7f800000u | low)), 0x7fc0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halves_have_their_defined_values),
        cmocka_unit_test(halves_come_back),
        cmocka_unit_test(floats_between_halves_are_rounded_to_even),
        cmocka_unit_test(hardware_agrees),
        cmocka_unit_test(bfloats_are_upper_halves),
        cmocka_unit_test(bfloats_are_rounded_to_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
