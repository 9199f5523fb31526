/* test_error.c - messages: filled, prefixed, cut at a character, cleaned of control bytes. */
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/utf8.h"

static void set_fills_status_and_message(void **state)
{
    (void)state;
    primer_error error = {0};
    assert_int_equal(error_set(&error, PRIMER_EFORMAT, "%s: %d found, %d expected", "a.gguf", 4, 3),
                     PRIMER_EFORMAT);
    assert_int_equal(error.status, PRIMER_EFORMAT);
    assert_string_equal(error.message, "a.gguf: 4 found, 3 expected");
}

static void set_without_an_error_returns_the_status(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, PRIMER_EIO, "%s", "x"), PRIMER_EIO);
    error_prefix(NULL, "%s", "x");
}

static void set_may_use_the_old_message(void **state)
{
    (void)state;
    primer_error error;
    error_set(&error, PRIMER_EIO, "inner");
    error_set(&error, PRIMER_EFORMAT, "outer (%s)", error.message);
    assert_string_equal(error.message, "outer (inner)");
}

static void long_messages_end_with_a_whole_character(void **state)
{
    (void)state;
    char text[3001];
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'x', shift);
        for (size_t i = 0; i < 700; i++)
            memcpy(text + shift + 4 * i, "\xF0\x9F\x98\x80", 4);
        text[shift + 2800] = '\0';
        primer_error error;
        error_set(&error, PRIMER_EIO, "%s", text);
        const size_t length = strlen(error.message);
        assert_int_equal(length, shift + (1023 - shift) / 4 * 4);
        assert_true(utf8_valid(error.message, length));
        assert_memory_equal(error.message, text, length);
    }
    memset(text, 'a', 3000);
    text[1023] = '\0';
    primer_error error;
    error_set(&error, PRIMER_EIO, "%s", text);
    assert_string_equal(error.message, text);
}

static void prefix_goes_before(void **state)
{
    (void)state;
    primer_error error;
    error_set(&error, PRIMER_EIO, "no such tensor");
    error_prefix(&error, "layer %d", 7);
    error_prefix(&error, "%s", "model.gguf");
    assert_string_equal(error.message, "model.gguf: layer 7: no such tensor");
    assert_int_equal(error.status, PRIMER_EIO);
}

static void long_prefixes_are_cut(void **state)
{
    (void)state;
    char text[3001];
    memset(text, 'p', 3000);
    text[3000] = '\0';
    primer_error error;
    error_set(&error, PRIMER_EIO, "%s", text + 2000);
    error_prefix(&error, "%s", text + 2500);
    assert_int_equal(strlen(error.message), 1023);
    assert_memory_equal(error.message + 500, ": p", 3);
    error_prefix(&error, "%s", text);
    assert_int_equal(strlen(error.message), 1023);
    assert_null(strchr(error.message, ':'));
}

static void printable_replaces_what_terminals_obey(void **state)
{
    (void)state;
    static const char bytes[] = "a\x1b[2J\n\x7f\xc2\x9b\xff\xe2\x82z\0é\xe2\x82\xac";
    char out[64];
    assert_ptr_equal(error_printable(bytes, sizeof bytes - 1, out, sizeof out), out);
    assert_string_equal(out, "a?[2J?????z?é\xe2\x82\xac");
}

static void printable_is_cut_at_a_character(void **state)
{
    (void)state;
    char out[16];
    memset(out, 'q', sizeof out);
    assert_string_equal(error_printable("ab\xe2\x82\xac", 5, out, 5), "ab");
    assert_int_equal(out[5], 'q');
    assert_string_equal(error_printable("ab\xe2\x82\xac", 5, out, 6), "ab\xe2\x82\xac");
    assert_string_equal(error_printable("ab", 2, out, 1), "");
    out[0] = 'q';
    error_printable("ab", 2, out, 0);
    assert_int_equal(out[0], 'q');
}

static primer_status forwarding(primer_status inner)
{
    FORWARD(inner);
    return PRIMER_OK;
}

static primer_status trying(primer_status inner, primer_error *error, int *cleaned)
{
    primer_status status;
    TRY(inner);
    FAIL(PRIMER_ELIMIT, "went on after %d", 0);
cleanup:
    (*cleaned)++;
    return status;
}

static void macros_carry_the_status(void **state)
{
    (void)state;
    primer_error error = {0};
    int cleaned = 0;
    assert_int_equal(forwarding(PRIMER_OK), PRIMER_OK);
    assert_int_equal(forwarding(PRIMER_EIO), PRIMER_EIO);
    assert_int_equal(trying(PRIMER_EIO, &error, &cleaned), PRIMER_EIO);
    assert_string_equal(error.message, "");
    assert_int_equal(trying(PRIMER_OK, &error, &cleaned), PRIMER_ELIMIT);
    assert_string_equal(error.message, "went on after 0");
    assert_int_equal(cleaned, 2);
}

static void every_status_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = PRIMER_OK; i <= PRIMER_EINTERNAL; i++) {
        assert_string_not_equal(primer_status_name((primer_status)i), "unknown status");
        for (int j = PRIMER_OK; j < i; j++)
            assert_string_not_equal(primer_status_name((primer_status)i),
                                    primer_status_name((primer_status)j));
    }
    assert_string_equal(primer_status_name(PRIMER_ENOMEM), "out of memory");
    assert_string_equal(primer_status_name((primer_status)99), "unknown status");
    assert_string_equal(primer_status_name((primer_status)-1), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_status_and_message),
        cmocka_unit_test(set_without_an_error_returns_the_status),
        cmocka_unit_test(set_may_use_the_old_message),
        cmocka_unit_test(long_messages_end_with_a_whole_character),
        cmocka_unit_test(prefix_goes_before),
        cmocka_unit_test(long_prefixes_are_cut),
        cmocka_unit_test(printable_replaces_what_terminals_obey),
        cmocka_unit_test(printable_is_cut_at_a_character),
        cmocka_unit_test(macros_carry_the_status),
        cmocka_unit_test(every_status_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
