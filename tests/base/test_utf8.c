/* test_utf8.c - every code point, every ill-formed shape, streams cut anywhere, columns. */
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void every_code_point_comes_back(void **state)
{
    (void)state;
    for (uint32_t point = 0; point <= 0x110000; point++) {
        char bytes[4] = {0};
        uint32_t back = 1;
        const size_t length = utf8_encode(point, bytes);
        assert_int_equal(utf8_decode(bytes, length, &back), length);
        const int surrogate = point >= 0xD800 && point <= 0xDFFF;
        assert_int_equal(back, surrogate || point > 0x10FFFF ? 0xFFFD : point);
        assert_int_equal(length, back < 0x80 ? 1 : back < 0x800 ? 2 : back < 0x10000 ? 3 : 4);
        for (size_t shorter = 0; shorter < length; shorter++) {
            assert_int_equal(utf8_decode(bytes, shorter, &back), 0);
            assert_int_equal(utf8_complete(bytes, shorter), 0);
        }
        assert_int_equal(utf8_complete(bytes, length), length);
    }
    char bytes[4];
    assert_int_equal(utf8_encode(UINT32_MAX, bytes), 3);
    assert_memory_equal(bytes, "\xEF\xBF\xBD", 3);
}

/* All sequences of four bytes of these kinds: what decodes is exactly what some code point
 * encodes to. */
static void only_encodings_decode(void **state)
{
    (void)state;
    static const unsigned char kinds[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF,
                                          0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
                                          0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF};
    const size_t count = sizeof kinds;
    for (size_t i = 0; i < count * count * count * count; i++) {
        const char bytes[4] = {(char)kinds[i % count], (char)kinds[i / count % count],
                               (char)kinds[i / count / count % count],
                               (char)kinds[i / count / count / count]};
        uint32_t point = 0;
        const size_t taken = utf8_decode(bytes, 4, &point);
        if (taken == 0) {
            const size_t invalid = utf8_invalid_length(bytes, 4);
            assert_true(invalid >= 1 && invalid <= 3);
            continue;
        }
        char again[4];
        assert_int_equal(utf8_encode(point, again), taken);
        assert_memory_equal(again, bytes, taken);
    }
}

static void ill_formed_parts_have_their_length(void **state)
{
    (void)state;
    assert_int_equal(utf8_invalid_length("", 0), 0);
    assert_int_equal(utf8_invalid_length("\x80\x80", 2), 1);
    assert_int_equal(utf8_invalid_length("\xC0\x80", 2), 1);
    assert_int_equal(utf8_invalid_length("\xE2\x82z", 3), 2);
    assert_int_equal(utf8_invalid_length("\xE2z", 2), 1);
    assert_int_equal(utf8_invalid_length("\xED\xA0\x80", 3), 1);
    assert_int_equal(utf8_invalid_length("\xF0\x9F\x98z", 4), 3);
    assert_int_equal(utf8_invalid_length("\xF4\x90\x80\x80", 4), 1);
    uint32_t point = 7;
    assert_int_equal(utf8_decode("", 0, &point), 0);
    assert_int_equal(utf8_decode("\xED\xA0\x80", 3, &point), 0);
    assert_int_equal(point, 7);
}

/* A stream handed over byte by byte shows whole characters only, and in the end everything. */
static void streams_hold_back_half_characters(void **state)
{
    (void)state;
    static const char text[] = "aé€😀b\xFF\xE2\x82z\xF0\x9F\x98\xE2\x82\xAC";
    size_t shown = 0;
    for (size_t length = 0; length < sizeof text; length++) {
        const size_t complete = utf8_complete(text, length);
        assert_true(complete >= shown && complete <= length && length - complete <= 3);
        shown = complete;
    }
    assert_int_equal(shown, sizeof text - 1);
    assert_int_equal(utf8_complete("a\xE2\x82", 3), 1);
    assert_int_equal(utf8_complete("\xF0\x9F\x98", 3), 0);
    assert_int_equal(utf8_complete("\xF0\x80", 2), 2); /* can't become a character */
    assert_int_equal(utf8_complete("\x80\x80\x80\x80", 4), 4);
    assert_int_equal(utf8_complete("\xC3\xA9\xA9", 3), 3);
    assert_int_equal(utf8_complete("a\xF5", 2), 2);
    assert_int_equal(utf8_complete("", 0), 0);
}

static void validity_is_of_the_whole(void **state)
{
    (void)state;
    assert_true(utf8_valid("", 0));
    assert_true(utf8_valid("a\0é€😀", 11));
    assert_false(utf8_valid("é", 1));
    assert_false(utf8_valid("a\x80", 2));
    assert_false(utf8_valid("\xED\xA0\x80", 3));
    assert_false(utf8_valid("\xC0\x80", 2));
}

static size_t width(const char *text)
{
    return utf8_width(text, strlen(text));
}

static void columns_are_counted(void **state)
{
    (void)state;
    assert_int_equal(width(""), 0);
    assert_int_equal(width("abc"), 3);
    assert_int_equal(width("é"), 1);
    assert_int_equal(width("e\xCC\x81"), 1); /* e and a combining acute */
    assert_int_equal(width("漢字"), 4);
    assert_int_equal(width("かな"), 4);
    assert_int_equal(width("한글"), 4);
    assert_int_equal(width("\xE1\x84\x92\xE1\x85\xA1"), 2); /* the same as jamo: they join */
    assert_int_equal(width("😀"), 2);
    assert_int_equal(width("ＡＢ"), 4);          /* full width */
    assert_int_equal(width("ｱ"), 1);             /* half width */
    assert_int_equal(width("\xE2\x80\x8B"), 0);  /* zero width space */
    assert_int_equal(width("❤\xEF\xB8\x8F"), 1); /* variation selector adds nothing */
    assert_int_equal(width("\xC2\xAD"), 1);      /* soft hyphen */
    assert_int_equal(width("\x1b\x07\n"), 0);
    assert_int_equal(width("…—«»„“"), 6);
    assert_int_equal(width("\xF0\xA0\x80\x80"), 2); /* U+20000 */
    assert_int_equal(width("\xFF\xE2\x82z"), 3);    /* two U+FFFD and z */
    assert_int_equal(width("กำ"), 2);
    assert_int_equal(width("กี่"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_comes_back),
        cmocka_unit_test(only_encodings_decode),
        cmocka_unit_test(ill_formed_parts_have_their_length),
        cmocka_unit_test(streams_hold_back_half_characters),
        cmocka_unit_test(validity_is_of_the_whole),
        cmocka_unit_test(columns_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
