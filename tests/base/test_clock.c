/* test_clock.c - time goes forward, and the processor's time only while it works. */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

static void monotonic_time_goes_forward(void **state)
{
    (void)state;
    uint64_t last = clock_nanoseconds();
    for (int i = 0; i < 100000; i++) {
        const uint64_t now = clock_nanoseconds();
        assert_true(now >= last);
        last = now;
    }
}

static void sleeping_takes_time_but_no_work(void **state)
{
    (void)state;
    const uint64_t start = clock_nanoseconds(), worked = clock_cpu_nanoseconds();
    const struct timespec pause = {0, 50 * 1000 * 1000};
    nanosleep(&pause, NULL);
    const double seconds = clock_seconds_since(start);
    assert_true(seconds >= 0.05 && seconds < 10);
    assert_true(clock_cpu_nanoseconds() - worked < 25 * 1000 * 1000);
}

static void work_is_counted(void **state)
{
    (void)state;
    const uint64_t start = clock_cpu_nanoseconds(), deadline = clock_nanoseconds() + 10000000000u;
    while (clock_cpu_nanoseconds() - start < 5 * 1000 * 1000)
        assert_true(clock_nanoseconds() < deadline);
}

static void wall_time_is_the_calendar(void **state)
{
    (void)state;
    const time_t before = time(NULL);
    const int64_t seconds = clock_wall_seconds();
    assert_true(seconds >= before && seconds <= time(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(monotonic_time_goes_forward),
        cmocka_unit_test(sleeping_takes_time_but_no_work),
        cmocka_unit_test(work_is_counted),
        cmocka_unit_test(wall_time_is_the_calendar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
