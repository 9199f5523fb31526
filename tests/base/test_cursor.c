/* test_cursor.c - little-endian reads that never leave their bytes. */
#include "base/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static const unsigned char sample[] = {0x80, 0x34, 0xF2, 0x78, 0x56, 0x34, 0xF2, 1,    2,
                                       3,    4,    5,    6,    7,    0xF8, 0,    0,    0xC0,
                                       0xBF, 0,    0,    0,    0,    0,    0,    0xF8, 0x3F};

static void values_are_little_endian(void **state)
{
    (void)state;
    primer_error error;
    struct cursor cursor = cursor_over(sample, sizeof sample);
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    float f32;
    double f64;
    assert_int_equal(cursor_u8(&cursor, "a", &u8, &error), PRIMER_OK);
    assert_int_equal(cursor_u16(&cursor, "b", &u16, &error), PRIMER_OK);
    assert_int_equal(cursor_u32(&cursor, "c", &u32, &error), PRIMER_OK);
    assert_int_equal(cursor_u64(&cursor, "d", &u64, &error), PRIMER_OK);
    assert_int_equal(cursor_f32(&cursor, "e", &f32, &error), PRIMER_OK);
    assert_int_equal(cursor_f64(&cursor, "f", &f64, &error), PRIMER_OK);
    assert_int_equal(u8, 0x80);
    assert_int_equal(u16, 0xF234);
    assert_int_equal(u32, 0xF2345678);
    assert_true(u64 == 0xF807060504030201u);
    assert_true(f32 == -1.5f);
    assert_true(f64 == 1.5);
    assert_int_equal(cursor_remaining(&cursor), 0);
    assert_int_equal(cursor_u8(&cursor, "end", &u8, &error), PRIMER_EFORMAT);
}

/* Every kind of read on every too short remainder: an error, nothing moved, nothing written. */
static void short_reads_change_nothing(void **state)
{
    (void)state;
    uint8_t u8 = 1;
    uint16_t u16 = 2;
    uint32_t u32 = 3;
    uint64_t u64 = 4;
    float f32 = 5;
    double f64 = 6;
    const unsigned char *bytes = sample;
    for (size_t left = 0; left < 8; left++) {
        primer_error error;
        struct cursor cursor = cursor_over(sample, 11);
        cursor.position = 11 - left;
        assert_int_equal(cursor_u64(&cursor, "x", &u64, &error), PRIMER_EFORMAT);
        assert_int_equal(cursor_f64(&cursor, "x", &f64, &error), PRIMER_EFORMAT);
        assert_int_equal(cursor_bytes(&cursor, "x", left + 1, &bytes, &error), PRIMER_EFORMAT);
        assert_int_equal(cursor_skip(&cursor, "x", UINT64_MAX, &error), PRIMER_EFORMAT);
        if (left < 4) {
            assert_int_equal(cursor_u32(&cursor, "x", &u32, &error), PRIMER_EFORMAT);
            assert_int_equal(cursor_f32(&cursor, "x", &f32, &error), PRIMER_EFORMAT);
        }
        if (left < 2)
            assert_int_equal(cursor_u16(&cursor, "x", &u16, &error), PRIMER_EFORMAT);
        if (left < 1)
            assert_int_equal(cursor_u8(&cursor, "x", &u8, NULL), PRIMER_EFORMAT);
        assert_int_equal(cursor.position, 11 - left);
    }
    assert_true(u8 == 1 && u16 == 2 && u32 == 3 && u64 == 4 && f32 == 5 && f64 == 6);
    assert_ptr_equal(bytes, sample);
}

static void messages_name_field_offset_and_lengths(void **state)
{
    (void)state;
    primer_error error;
    struct cursor cursor = cursor_over(sample, 5);
    assert_int_equal(cursor_skip(&cursor, "header", 3, &error), PRIMER_OK);
    uint32_t value;
    assert_int_equal(cursor_u32(&cursor, "tensor count", &value, &error), PRIMER_EFORMAT);
    assert_string_equal(error.message, "tensor count: 4 bytes expected at offset 3, 2 are left");
    assert_int_equal(error.status, PRIMER_EFORMAT);
}

static void views_are_borrowed(void **state)
{
    (void)state;
    primer_error error;
    struct cursor cursor = cursor_over(sample, sizeof sample);
    const unsigned char *bytes;
    assert_int_equal(cursor_skip(&cursor, "s", 2, &error), PRIMER_OK);
    assert_int_equal(cursor_bytes(&cursor, "v", 3, &bytes, &error), PRIMER_OK);
    assert_ptr_equal(bytes, sample + 2);
    assert_int_equal(cursor.position, 5);
    assert_int_equal(cursor_bytes(&cursor, "v", 0, &bytes, &error), PRIMER_OK);
    assert_ptr_equal(bytes, sample + 5);
}

static void alignment_stays_inside(void **state)
{
    (void)state;
    primer_error error;
    struct cursor cursor = cursor_over(sample, 13);
    assert_int_equal(cursor_align(&cursor, 8, &error), PRIMER_OK);
    assert_int_equal(cursor_align(&cursor, 0, &error), PRIMER_EFORMAT);
    assert_int_equal(cursor.position, 0);
    cursor.position = 5;
    assert_int_equal(cursor_align(&cursor, 1, &error), PRIMER_OK);
    assert_int_equal(cursor.position, 5);
    assert_int_equal(cursor_align(&cursor, 4, &error), PRIMER_OK);
    assert_int_equal(cursor.position, 8);
    cursor.position = 9;
    assert_int_equal(cursor_align(&cursor, 8, &error), PRIMER_EFORMAT);
    assert_int_equal(cursor_align(&cursor, (size_t)1 << 63, &error), PRIMER_EFORMAT);
    assert_int_equal(cursor_align(&cursor, 0, &error), PRIMER_EFORMAT);
    assert_int_equal(cursor_align(&cursor, 12, &error), PRIMER_EFORMAT);
    assert_string_equal(error.message, "alignment 12 is not a power of two");
    assert_int_equal(cursor.position, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_little_endian),
        cmocka_unit_test(short_reads_change_nothing),
        cmocka_unit_test(messages_name_field_offset_and_lengths),
        cmocka_unit_test(views_are_borrowed),
        cmocka_unit_test(alignment_stays_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
