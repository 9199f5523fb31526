/* test_knob.c - the environment is read once, empty and over-long values count as unset. */
#include "base/knob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void the_environment_is_read(void **state)
{
    (void)state;
    assert_string_equal(knob_text(KNOB_LEVEL), "avx2");
    assert_string_equal(knob_text(KNOB_TERM), "xterm");
    size_t number = 0;
    assert_true(knob_number(KNOB_THREADS, &number));
    assert_int_equal(number, 12);
}

static void empty_counts_as_unset(void **state)
{
    (void)state;
    assert_null(knob_text(KNOB_NO_COLOR));
    assert_true(knob_empty(KNOB_NO_COLOR)); /* but it can be told apart */
    assert_false(knob_empty(KNOB_LEVEL));
    assert_false(knob_empty(KNOB_HOME));
}

static void too_long_counts_as_unset(void **state)
{
    (void)state;
    assert_null(knob_text(KNOB_XDG_DATA_HOME));
    assert_false(knob_empty(KNOB_XDG_DATA_HOME));
}

static void unset_gives_the_fallback(void **state)
{
    (void)state;
    assert_string_equal(knob_text(KNOB_LOG), "warn");
    assert_null(knob_text(KNOB_HOME));
}

static void later_changes_are_not_seen(void **state)
{
    (void)state;
    setenv("PRIMER_LEVEL", "scalar", 1);
    knob_load();
    assert_string_equal(knob_text(KNOB_LEVEL), "avx2");
}

static void set_replaces_and_copies(void **state)
{
    (void)state;
    char text[] = "avx512";
    const char *const before = knob_text(KNOB_LEVEL);
    knob_set(KNOB_LEVEL, text);
    text[0] = 'X';
    assert_string_equal(knob_text(KNOB_LEVEL), "avx512");
    assert_ptr_equal(knob_text(KNOB_LEVEL), before); /* still a valid pointer */
    knob_set(KNOB_LEVEL, NULL);
    assert_null(knob_text(KNOB_LEVEL));
    knob_set(KNOB_LOG, "debug");
    assert_string_equal(knob_text(KNOB_LOG), "debug");
    knob_set(KNOB_LOG, NULL);
    assert_string_equal(knob_text(KNOB_LOG), "warn");
    char longest[4096], too_long[4097];
    memset(longest, 'a', sizeof longest);
    memset(too_long, 'a', sizeof too_long);
    longest[4095] = too_long[4096] = '\0';
    knob_set(KNOB_HOME, longest);
    assert_string_equal(knob_text(KNOB_HOME), longest);
    knob_set(KNOB_HOME, too_long);
    assert_null(knob_text(KNOB_HOME));
}

static void numbers_are_whole(void **state)
{
    (void)state;
    size_t number = 5;
    static const char *const wrong[] = {"x",
                                        "1x",
                                        "-1",
                                        " 1",
                                        "1 ",
                                        "1.5",
                                        "0x10",
                                        "+1",
                                        "18446744073709551616",
                                        "99999999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        knob_set(KNOB_COLUMNS, wrong[i]);
        assert_false(knob_number(KNOB_COLUMNS, &number));
    }
    knob_set(KNOB_COLUMNS, NULL);
    assert_false(knob_number(KNOB_COLUMNS, &number));
    assert_int_equal(number, 5);
    char largest[32];
    snprintf(largest, sizeof largest, "%zu", SIZE_MAX);
    knob_set(KNOB_COLUMNS, largest);
    assert_true(knob_number(KNOB_COLUMNS, &number));
    assert_true(number == SIZE_MAX);
    knob_set(KNOB_COLUMNS, "007");
    assert_true(knob_number(KNOB_COLUMNS, &number));
    assert_int_equal(number, 7);
    knob_set(KNOB_THREADS, NULL);
    assert_true(knob_number(KNOB_THREADS, &number)); /* the fallback is a number */
    assert_int_equal(number, 0);
}

static void the_table_is_complete(void **state)
{
    (void)state;
    size_t count = 0;
    const struct knob *const table = knob_table(&count);
    assert_int_equal(count, KNOB_COUNT);
    for (size_t i = 0; i < count; i++) {
        assert_non_null(table[i].name);
        assert_true(strlen(table[i].meaning) > 5);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(table[i].name, table[j].name);
    }
    assert_string_equal(table[KNOB_USER_HOME].name, "HOME");
    assert_string_equal(table[KNOB_HOME].name, "PRIMER_HOME");
}

static void *read_one(void *argument)
{
    *(const char **)argument = knob_text(KNOB_LEVEL);
    return NULL;
}

/* First, so that the table is loaded by several threads at once. */
static void threads_load_it_once(void **state)
{
    (void)state;
    pthread_t threads[4];
    const char *texts[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_one, &texts[i]), 0);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_string_equal(texts[i], "avx2");
    }
}

int main(void)
{
    static char too_long[5000];
    memset(too_long, 'x', sizeof too_long - 1);
    setenv("PRIMER_LEVEL", "avx2", 1);
    setenv("PRIMER_THREADS", "12", 1);
    setenv("TERM", "xterm", 1);
    setenv("NO_COLOR", "", 1);
    setenv("XDG_DATA_HOME", too_long, 1);
    unsetenv("PRIMER_LOG");
    unsetenv("PRIMER_HOME");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_load_it_once),     cmocka_unit_test(the_environment_is_read),
        cmocka_unit_test(empty_counts_as_unset),    cmocka_unit_test(too_long_counts_as_unset),
        cmocka_unit_test(unset_gives_the_fallback), cmocka_unit_test(later_changes_are_not_seen),
        cmocka_unit_test(set_replaces_and_copies),  cmocka_unit_test(numbers_are_whole),
        cmocka_unit_test(the_table_is_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
