/* test_ollama_time.c - times against the C library's calendar, and durations as integers. */
#include "server/ollama_time.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void test_precise(void **state)
{
    (void)state;
    char text[OLLAMA_TIME_BYTES];
    assert_string_equal(ollama_time_precise(0, text), "1970-01-01T00:00:00.000000000Z");
    assert_string_equal(ollama_time_precise(INT64_C(1709210096000000789), text),
                        "2024-02-29T12:34:56.000000789Z");
    assert_string_equal(ollama_time_precise(-1, text), "1969-12-31T23:59:59.999999999Z");
    assert_string_equal(ollama_time_precise(INT64_MAX, text), "2262-04-11T23:47:16.854775807Z");
}

/* Every 36 days and some over 8000 years. */
static void test_plain_as_the_library_has_it(void **state)
{
    (void)state;
    char ours[OLLAMA_TIME_BYTES], theirs[OLLAMA_TIME_BYTES];
    for (int64_t seconds = INT64_C(-2000000000); seconds < INT64_C(253402300799);
         seconds += 3123457) {
        const time_t moment = (time_t)seconds;
        struct tm parts;
        assert_non_null(gmtime_r(&moment, &parts));
        strftime(theirs, sizeof theirs, "%Y-%m-%dT%H:%M:%S+00:00", &parts);
        assert_string_equal(ollama_time_plain(seconds, 0, ours), theirs);
    }
}

static void test_never_is_far_and_readable(void **state)
{
    (void)state;
    char text[OLLAMA_TIME_BYTES];
    assert_string_equal(ollama_time_plain(INT64_MAX, 1700000000, text),
                        "2316-02-24T22:00:36+00:00");
    assert_string_equal(ollama_time_plain(INT64_MAX - 1, 0, text), "9999-12-31T23:59:59+00:00");
}

static void test_nanoseconds(void **state)
{
    (void)state;
    assert_int_equal(ollama_time_nanoseconds(1.5), 1500000000);
    assert_int_equal(ollama_time_nanoseconds(2e-9), 2);
    assert_int_equal(ollama_time_nanoseconds(0), 0);
    assert_int_equal(ollama_time_nanoseconds(-1), 0);
    assert_int_equal(ollama_time_nanoseconds((double)NAN), 0);
    assert_int_equal(ollama_time_nanoseconds(1e300), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_precise),
        cmocka_unit_test(test_plain_as_the_library_has_it),
        cmocka_unit_test(test_never_is_far_and_readable),
        cmocka_unit_test(test_nanoseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
