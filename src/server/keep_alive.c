/* keep_alive.c - durations as Go writes them.
 *
 *   [-+] ( digits [ . digits ] unit )+     unit: ns us µs ms s m h        or "0" alone
 *
 * Parts are summed in integers of nanoseconds; what doesn't fit 63 bits is an error.
 */
#include "server/keep_alive.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "server/fields.h"
#include "server/server.h"

#define SECOND INT64_C(1000000000)

static const struct {
    const char *name;
    int64_t nanoseconds;
} units[] = {
    {"ns", 1},       {"us", 1000},  {"\xC2\xB5s", 1000}, {"\xCE\xBCs", 1000},
    {"ms", 1000000}, {"s", SECOND}, {"m", 60 * SECOND},  {"h", 3600 * SECOND},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* One number with its unit; moves *text past it. */
static bool take_part(const char **text, int64_t *total)
{
    const char *at = *text;
    int64_t whole = 0, part = 0, scale = 1;
    bool digits = false;
    for (; is_digit(*at); at++, digits = true)
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, *at - '0', &whole))
            return false;
    if (*at == '.')
        for (at++; is_digit(*at); at++, digits = true)
            if (scale < SECOND * 10) { /* digits below a nanosecond don't count */
                part = part * 10 + (*at - '0');
                scale *= 10;
            }
    if (!digits)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        const size_t length = strlen(units[i].name);
        const char next = strncmp(at, units[i].name, length) == 0 ? at[length] : 'x';
        if (next != '\0' && !is_digit(next) && next != '.')
            continue; /* no unit, or only the beginning of one ("m" in "ms") */
        int64_t value;
        if (__builtin_mul_overflow(whole, units[i].nanoseconds, &value) ||
            __builtin_add_overflow(
                value, (int64_t)((double)part / (double)scale * (double)units[i].nanoseconds),
                &value) ||
            __builtin_add_overflow(*total, value, total))
            return false;
        *text = at + length;
        return true;
    }
    return false;
}

primer_status keep_alive_duration(const char *text, int64_t *nanoseconds, primer_error *error)
{
    const char *at = text;
    const bool negative = *at == '-';
    if (*at == '-' || *at == '+')
        at++;
    int64_t total = 0;
    bool valid = *at != '\0';
    if (strcmp(at, "0") != 0)
        while (valid && *at != '\0')
            valid = take_part(&at, &total);
    if (!valid) {
        char shown[64];
        return error_set(error, PRIMER_EINVAL,
                         "found \"%s\", expected a duration like \"5m\", \"1h30m\" or \"90s\"",
                         error_printable(text, strlen(text), shown, sizeof shown));
    }
    *nanoseconds = negative ? -total : total;
    return PRIMER_OK;
}

/* Negative, and what no clock reaches, is for ever. */
static int64_t settled(double seconds)
{
    return seconds < 0 || seconds > (double)INT64_MAX / 2e9 ? SERVER_KEEP_FOREVER
                                                            : (int64_t)(seconds * 1e9);
}

primer_status keep_alive_member(const json_t *value, const char *name, int64_t *nanoseconds,
                                struct problem *problem, primer_error *error)
{
    if (value == NULL || json_is_null(value))
        return PRIMER_OK;
    if (json_is_number(value)) {
        *nanoseconds = settled(json_number_value(value));
        return PRIMER_OK;
    }
    int64_t given = 0;
    if (json_is_string(value)) {
        primer_error inner = {0};
        if (keep_alive_duration(json_string_value(value), &given, &inner) != PRIMER_OK)
            return problem_set(problem, 400, NULL, name, PRIMER_EINVAL, error, "%s: %s", name,
                               inner.message);
        *nanoseconds = given < 0 ? SERVER_KEEP_FOREVER : given;
        return PRIMER_OK;
    }
    return problem_set(problem, 400, NULL, name, PRIMER_EINVAL, error,
                       "%s: expected seconds or a duration like \"5m\", found %s", name,
                       fields_type_name(value));
}

primer_status keep_alive_option(const char *text, int64_t *nanoseconds, primer_error *error)
{
    const char *digits = text + (*text == '-' || *text == '+' ? 1 : 0);
    int64_t given = 0;
    if (*digits != '\0' && strspn(digits, "0123456789") == strlen(digits)) {
        char with_unit[32];
        if (strlen(text) > 18)
            return error_set(error, PRIMER_EINVAL, "a number of seconds that is too large");
        strcpy(with_unit, text);
        strcat(with_unit, "s");
        FORWARD(keep_alive_duration(with_unit, &given, error));
    } else {
        FORWARD(keep_alive_duration(text, &given, error));
    }
    *nanoseconds = given < 0 ? SERVER_KEEP_FOREVER : given;
    return PRIMER_OK;
}
