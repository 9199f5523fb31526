/* test_keep_alive.c - durations as Go writes them, and what requests and options make of them. */
#include "server/keep_alive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/server.h"

#define SECOND INT64_C(1000000000)

static void durations_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t nanoseconds;
    } rows[] = {
        {"0", 0},
        {"0s", 0},
        {"5m", 300 * SECOND},
        {"1h30m", 5400 * SECOND},
        {"90s", 90 * SECOND},
        {"1.5h", 5400 * SECOND},
        {".5s", SECOND / 2},
        {"250ms", SECOND / 4},
        {"3us", 3000},
        {"3\xC2\xB5s", 3000},
        {"7ns", 7},
        {"-1m", -60 * SECOND},
        {"+2s", 2 * SECOND},
        {"1m1ms", 60 * SECOND + SECOND / 1000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t found = -7;
        primer_error error;
        if (keep_alive_duration(rows[i].text, &found, &error) != PRIMER_OK)
            fail_msg("%s: %s", rows[i].text, error.message);
        assert_int_equal(found, rows[i].nanoseconds);
    }
}

static void what_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {"",   "-",    "5",    "m",    "5 m", "5x",
                                       "s5", "1h-1", "1.m.", "--1s", "1hh", "99999999999h"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t found = -7;
        primer_error error;
        if (keep_alive_duration(rows[i], &found, &error) == PRIMER_OK)
            fail_msg("\"%s\" was taken as %lld", rows[i], (long long)found);
        assert_int_equal(found, -7);
    }
}

static int64_t member(const char *json)
{
    int64_t found = -7;
    primer_error error;
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    const primer_status status = keep_alive_member(value, "keep_alive", &found, NULL, &error);
    json_decref(value);
    return status == PRIMER_OK ? found : -8;
}

static void requests_say_seconds_or_durations(void **state)
{
    (void)state;
    assert_int_equal(member("300"), 300 * SECOND);
    assert_int_equal(member("0.5"), SECOND / 2);
    assert_int_equal(member("0"), 0);
    assert_int_equal(member("-1"), SERVER_KEEP_FOREVER);
    assert_int_equal(member("1e30"), SERVER_KEEP_FOREVER);
    assert_int_equal(member("\"-1m\""), SERVER_KEEP_FOREVER);
    assert_int_equal(member("\"10m\""), 600 * SECOND);
    assert_int_equal(member("\"-1\""), -8);
    assert_int_equal(member("null"), -7);
    assert_int_equal(member("[]"), -8);
}

static void options_say_bare_seconds_too(void **state)
{
    (void)state;
    primer_error error;
    int64_t found = -7;
    assert_int_equal(keep_alive_option("300", &found, &error), PRIMER_OK);
    assert_int_equal(found, 300 * SECOND);
    assert_int_equal(keep_alive_option("-1", &found, &error), PRIMER_OK);
    assert_int_equal(found, SERVER_KEEP_FOREVER);
    assert_int_equal(keep_alive_option("24h", &found, &error), PRIMER_OK);
    assert_int_equal(found, 86400 * SECOND);
    assert_int_equal(keep_alive_option("soon", &found, &error), PRIMER_EINVAL);
    assert_int_equal(keep_alive_option("99999999999999999999", &found, &error), PRIMER_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(what_is_none_is_refused),
        cmocka_unit_test(requests_say_seconds_or_durations),
        cmocka_unit_test(options_say_bare_seconds_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
