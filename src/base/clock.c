/* clock.c - the system's clocks in nanoseconds and seconds.
 *
 * The monotonic clock never goes back and is not moved by setting the time; the wall clock may be.
 */
#include "base/clock.h"

#include <time.h>

static uint64_t read_clock(clockid_t which)
{
    struct timespec now = {0, 0};
    clock_gettime(which, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t clock_nanoseconds(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_cpu_nanoseconds(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t clock_wall_nanoseconds(void)
{
    return (int64_t)read_clock(CLOCK_REALTIME);
}

int64_t clock_wall_seconds(void)
{
    return (int64_t)time(NULL);
}
