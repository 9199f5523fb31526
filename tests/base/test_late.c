/* test_late.c - a library is loaded by name, and what isn't there is said. */
#include "base/late.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

struct table {
    double (*cos)(double);
    double (*hypot)(double, double);
};

static void functions_of_a_library_can_be_called(void **state)
{
    (void)state;
    static const struct late_function functions[] = {LATE_FUNCTION(table, cos),
                                                     LATE_FUNCTION(table, hypot)};
    struct table table = {0};
    struct late_library library = LATE_LIBRARY("libm.so.6", functions, table);
    primer_error error = {0};
    for (int i = 0; i < 2; i++)
        assert_int_equal(late_load(&library, &error), PRIMER_OK);
    assert_true(table.cos(0) == 1);
    assert_true(table.hypot(3, 4) == 5);
}

static void a_library_that_is_not_there_is_named(void **state)
{
    (void)state;
    static const struct late_function functions[] = {LATE_FUNCTION(table, cos)};
    struct table table = {0};
    struct late_library library = LATE_LIBRARY("libnobody.so.1", functions, table);
    for (int i = 0; i < 2; i++) {
        primer_error error = {0};
        assert_int_equal(late_load(&library, &error), PRIMER_EIO);
        assert_non_null(strstr(error.message, "libnobody.so.1"));
    }
    assert_true(table.cos == NULL);
}

static void a_function_that_it_lacks_is_named(void **state)
{
    (void)state;
    static const struct late_function functions[] = {{"cos_of_nobody", 0}};
    struct table table = {0};
    struct late_library library = LATE_LIBRARY("libm.so.6", functions, table);
    primer_error error = {0};
    assert_int_equal(late_load(&library, &error), PRIMER_EIO);
    assert_string_equal(error.message, "libm.so.6 has no cos_of_nobody");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_of_a_library_can_be_called),
        cmocka_unit_test(a_library_that_is_not_there_is_named),
        cmocka_unit_test(a_function_that_it_lacks_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
