/* ollama_time.c - times as RFC 3339 has them, of the proleptic Gregorian calendar.
 *
 * The days since 1970 are cut into eras of 400 years (146097 days each) that begin on a 1st of
 * March, so that the leap day is a year's last; within an era year and month follow by division
 * (Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days). No time zone, no
 * locale, no lock.
 */
#include "server/ollama_time.h"

#include <math.h>
#include <stdio.h>

#define DAY        INT64_C(86400)
#define NANOSECOND INT64_C(1000000000)

enum { ERA_DAYS = 146097, DAYS_TO_1970 = 719468 };

struct civil {
    int year, month, day, hour, minute, second;
};

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static struct civil civil_of(int64_t seconds)
{
    const int64_t days = floor_divide(seconds, DAY);
    const int64_t rest = seconds - days * DAY;
    const int64_t shifted = days + DAYS_TO_1970;
    const int64_t era = floor_divide(shifted, ERA_DAYS);
    const int64_t of_era = shifted - era * ERA_DAYS; /* 0..146096 */
    const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int64_t of_year = of_era - (365 * year + year / 4 - year / 100); /* from 1 March */
    const int64_t month = (5 * of_year + 2) / 153;                         /* 0: March */
    return (struct civil){
        .year = (int)(year + era * 400 + (month >= 10)),
        .month = (int)(month < 10 ? month + 3 : month - 9),
        .day = (int)(of_year - (153 * month + 2) / 5 + 1),
        .hour = (int)(rest / 3600),
        .minute = (int)(rest / 60 % 60),
        .second = (int)(rest % 60),
    };
}

static int write_civil(int64_t seconds, char out[OLLAMA_TIME_BYTES])
{
    const struct civil t = civil_of(seconds);
    return snprintf(out, OLLAMA_TIME_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d", t.year, t.month, t.day,
                    t.hour, t.minute, t.second);
}

const char *ollama_time_precise(int64_t nanoseconds, char out[OLLAMA_TIME_BYTES])
{
    const int64_t seconds = floor_divide(nanoseconds, NANOSECOND);
    const int length = write_civil(seconds, out);
    snprintf(out + length, (size_t)(OLLAMA_TIME_BYTES - length), ".%09dZ",
             (int)(nanoseconds - seconds * NANOSECOND));
    return out;
}

const char *ollama_time_plain(int64_t seconds, int64_t now, char out[OLLAMA_TIME_BYTES])
{
    const int64_t never = INT64_MAX / NANOSECOND, last = INT64_C(253402300799); /* of year 9999 */
    int64_t shown = seconds == INT64_MAX ? now + never : seconds;
    if (shown > last)
        shown = last;
    const int length = write_civil(shown, out);
    snprintf(out + length, (size_t)(OLLAMA_TIME_BYTES - length), "+00:00");
    return out;
}

int64_t ollama_time_nanoseconds(double seconds)
{
    if (!(seconds > 0) || seconds > (double)(INT64_MAX / NANOSECOND / 2))
        return 0;
    return (int64_t)llround(seconds * (double)NANOSECOND);
}
