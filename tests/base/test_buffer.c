/* test_buffer.c - growth, formatting, JSON strings, and every allocation failing in turn. */
#include "base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/memory.h"

static void appends_grow_and_end_with_nul(void **state)
{
    (void)state;
    primer_error error;
    struct buffer buffer = {0};
    assert_int_equal(buffer_append(&buffer, NULL, 0, &error), PRIMER_OK);
    assert_string_equal(buffer.bytes, "");
    for (size_t i = 0; i < 5000; i++) {
        const char letter = (char)('a' + i % 26);
        assert_int_equal(buffer_append(&buffer, &letter, 1, &error), PRIMER_OK);
        assert_int_equal(buffer.length, i + 1);
        assert_true(buffer.capacity > buffer.length);
        assert_int_equal(buffer.bytes[i + 1], '\0');
    }
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(buffer.bytes[i], (char)('a' + i % 26));
    const size_t capacity = buffer.capacity;
    buffer_clear(&buffer);
    assert_string_equal(buffer.bytes, "");
    assert_int_equal(buffer.length, 0);
    assert_int_equal(buffer.capacity, capacity);
    buffer_free(&buffer);
    assert_null(buffer.bytes);
    buffer_clear(&buffer);
    buffer_free(&buffer);
}

static void growth_is_by_doubling(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    const size_t before = memory_allocation_count();
    for (size_t i = 0; i < 1 << 20; i++)
        assert_int_equal(buffer_append(&buffer, "x", 1, NULL), PRIMER_OK);
    assert_true(memory_allocation_count() - before < 20);
    buffer_free(&buffer);
}

static void reserved_room_is_not_allocated_again(void **state)
{
    (void)state;
    primer_error error;
    struct buffer buffer = {0};
    assert_int_equal(buffer_reserve(&buffer, 1000, &error), PRIMER_OK);
    const size_t before = memory_allocation_count();
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buffer_text(&buffer, "y", &error), PRIMER_OK);
    assert_int_equal(memory_allocation_count(), before);
    assert_int_equal(buffer_reserve(&buffer, SIZE_MAX, &error), PRIMER_ENOMEM);
    assert_int_equal(buffer_reserve(&buffer, SIZE_MAX - 1000, &error), PRIMER_ENOMEM);
    assert_int_equal(buffer_reserve(&buffer, SIZE_MAX / 2, &error), PRIMER_ENOMEM);
    assert_int_equal(buffer.length, 1000);
    buffer_free(&buffer);
}

static void formats_are_appended(void **state)
{
    (void)state;
    primer_error error;
    struct buffer buffer = {0};
    assert_int_equal(buffer_format(&buffer, &error, "%d-%s", 12, "ab"), PRIMER_OK);
    assert_int_equal(buffer_format(&buffer, &error, "%*d", 300, 7), PRIMER_OK);
    assert_int_equal(buffer.length, 305);
    assert_memory_equal(buffer.bytes, "12-ab   ", 8);
    assert_memory_equal(buffer.bytes + 303, " 7", 3);
    buffer_free(&buffer);
}

static void check_json(const char *text, size_t length, const char *expected)
{
    primer_error error;
    struct buffer buffer = {0};
    assert_int_equal(buffer_text(&buffer, "x", &error), PRIMER_OK);
    assert_int_equal(buffer_json_string(&buffer, text, length, &error), PRIMER_OK);
    assert_string_equal(buffer.bytes + 1, expected);
    assert_int_equal(buffer.length, strlen(expected) + 1);
    buffer_free(&buffer);
}

#define REPLACED "\xEF\xBF\xBD"

static void json_strings_are_escaped(void **state)
{
    (void)state;
    check_json("", 0, "\"\"");
    check_json("plain", 5, "\"plain\"");
    check_json("\"\\/\b\f\n\r\t", 8, "\"\\\"\\\\/\\b\\f\\n\\r\\t\"");
    check_json("a\0\x01\x1f\x7f", 5, "\"a\\u0000\\u0001\\u001f\x7f\"");
    check_json("é€😀", 9, "\"é€😀\"");
}

/* The examples of the Unicode Standard, section 3.9, tables 3-8 to 3-11: one U+FFFD for each
 * maximal subpart. */
static void json_strings_replace_maximal_subparts(void **state)
{
    (void)state;
    check_json("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", 9,
               "\"" REPLACED REPLACED REPLACED REPLACED REPLACED REPLACED REPLACED REPLACED "A\"");
    check_json("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", 9,
               "\"" REPLACED REPLACED REPLACED REPLACED REPLACED REPLACED REPLACED REPLACED "A\"");
    check_json("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", 9,
               "\"" REPLACED REPLACED REPLACED REPLACED REPLACED "A" REPLACED REPLACED "B\"");
    check_json("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", 9,
               "\"" REPLACED REPLACED REPLACED REPLACED "A\"");
    check_json("\xE2\x82", 2, "\"" REPLACED "\"");
}

static primer_status build(struct buffer *buffer, primer_error *error)
{
    char many[300];
    memset(many, '\n', sizeof many);
    FORWARD(buffer_text(buffer, "begin ", error));
    FORWARD(buffer_format(buffer, error, "%0200d", 5));
    return buffer_json_string(buffer, many, sizeof many, error);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    size_t n = 0;
    for (primer_status status = PRIMER_ENOMEM; status != PRIMER_OK; n++) {
        primer_error error = {0};
        struct buffer buffer = {0};
        memory_fail_at(n);
        status = build(&buffer, &error);
        memory_fail_at(SIZE_MAX);
        if (status != PRIMER_OK) {
            assert_int_equal(status, PRIMER_ENOMEM);
            assert_non_null(strstr(error.message, "no memory for a buffer"));
            assert_true(buffer.length == 0 || buffer.length == 6 || buffer.length == 206);
            assert_true(buffer.bytes == NULL || buffer.bytes[buffer.length] == '\0');
            assert_int_equal(build(&buffer, &error), PRIMER_OK); /* usable afterwards */
        }
        buffer_free(&buffer);
    }
    assert_true(n > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_grow_and_end_with_nul),
        cmocka_unit_test(growth_is_by_doubling),
        cmocka_unit_test(reserved_room_is_not_allocated_again),
        cmocka_unit_test(formats_are_appended),
        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(json_strings_replace_maximal_subparts),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
