/* clock.h - time that only goes forward. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_nanoseconds(void);     /* monotonic */
uint64_t clock_cpu_nanoseconds(void); /* processor time of this process, all threads */
static inline double clock_seconds_since(uint64_t start)
{
    return (double)(clock_nanoseconds() - start) * 1e-9;
}
int64_t clock_wall_seconds(void);     /* since 1970-01-01 UTC */
int64_t clock_wall_nanoseconds(void); /* the same */

#endif
