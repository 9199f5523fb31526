/* report_series.c - lines made of lines: moving means, and runs of one experiment joined. */
#include "report/report.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"

/* ---- moving means ---------------------------------------------------------------------------- */

/* A run of finite values: means over up to `before` values before each and `after` after it, at the
 * begin no more after than before. The sum is carried along, and taken anew now and then, so that
 * rounding doesn't add up. */
static void smooth_run(const double *y, size_t count, size_t before, size_t after, double *out)
{
    enum { ANEW = 256 };
    size_t begin = 0, end = 0;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t first = i > before ? i - before : 0;
        const size_t more = i < after ? i : after;
        const size_t last = count - i > more ? i + more + 1 : count;
        if (i % ANEW == 0) {
            sum = 0;
            begin = end = first;
        }
        for (; end < last; end++)
            sum += y[end];
        for (; begin < first; begin++)
            sum -= y[begin];
        out[i] = sum / (double)(end - begin);
    }
}

void report_smooth(const double *y, size_t count, size_t window, double *out)
{
    const size_t before = window > 1 ? window / 2 : 0, after = window > 1 ? (window - 1) / 2 : 0;
    for (size_t i = 0; i < count;) {
        size_t run = 0;
        while (i + run < count && isfinite(y[i + run]))
            run++;
        if (run > 0)
            smooth_run(y + i, run, before, after, out + i);
        for (i += run; i < count && !isfinite(y[i]); i++)
            out[i] = NAN;
    }
}

/* ---- runs joined ----------------------------------------------------------------------------- */

/* The run's value at x, which lies between its first and last; *at moves on as x grows. */
static double value_at(const struct report_series *run, double x, size_t *at)
{
    while (*at + 1 < run->count && run->x[*at + 1] <= x)
        ++*at;
    const double x0 = run->x[*at], y0 = run->y[*at];
    if (*at + 1 == run->count || x0 == x)
        return y0;
    return y0 + (x - x0) / (run->x[*at + 1] - x0) * (run->y[*at + 1] - y0);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Every x of every run from `from` to `to`, once each, in order. */
static size_t gather(const struct report_series *runs, size_t run_count, double from, double to,
                     double *x)
{
    size_t count = 0, unique = 0;
    for (size_t r = 0; r < run_count; r++)
        for (size_t i = 0; i < runs[r].count; i++)
            if (runs[r].x[i] >= from && runs[r].x[i] <= to)
                x[count++] = runs[r].x[i];
    qsort(x, count, sizeof *x, by_value);
    for (size_t i = 0; i < count; i++)
        if (unique == 0 || x[unique - 1] != x[i])
            x[unique++] = x[i];
    return unique;
}

static void join(const struct report_series *runs, size_t run_count, struct report_merged *merged,
                 size_t *places)
{
    for (size_t i = 0; i < merged->count; i++) {
        double sum = 0, low = HUGE_VAL, high = -HUGE_VAL;
        for (size_t r = 0; r < run_count; r++) {
            const double y = value_at(&runs[r], merged->x[i], &places[r]);
            sum += y;
            low = y < low ? y : low;
            high = y > high ? y : high;
        }
        merged->y[i] = sum / (double)run_count;
        merged->low[i] = isfinite(sum) ? low : NAN;
        merged->high[i] = isfinite(sum) ? high : NAN;
    }
}

primer_status report_merge(const struct report_series *runs, size_t run_count,
                           struct report_merged *merged, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct report_merged made = {0};
    size_t most = 0, *places = NULL;
    double from = -HUGE_VAL, to = HUGE_VAL;
    for (size_t r = 0; r < run_count; r++) {
        if (runs[r].count == 0)
            return error_set(error, PRIMER_EINVAL, "run %zu of %zu: no points", r + 1, run_count);
        from = fmax(from, runs[r].x[0]);
        to = fmin(to, runs[r].x[runs[r].count - 1]);
        most += runs[r].count;
    }
    if (run_count == 0 || from > to)
        return error_set(error, PRIMER_EINVAL, "%zu runs: they have no part of the axis in common",
                         run_count);
    made.x = memory_allocate(most, sizeof(double));
    made.y = memory_allocate(most, sizeof(double));
    made.low = memory_allocate(most, sizeof(double));
    made.high = memory_allocate(most, sizeof(double));
    places = memory_allocate(run_count, sizeof *places);
    if (made.x == NULL || made.y == NULL || made.low == NULL || made.high == NULL ||
        places == NULL) {
        status = memory_failure(error, "joined runs", most * 4 * sizeof(double));
        goto cleanup;
    }
    made.count = gather(runs, run_count, from, to, made.x);
    join(runs, run_count, &made, places);
    *merged = made;
    made = (struct report_merged){0};

cleanup:
    memory_free(places);
    report_merged_free(&made);
    return status;
}

void report_merged_free(struct report_merged *merged)
{
    memory_free(merged->x);
    memory_free(merged->y);
    memory_free(merged->low);
    memory_free(merged->high);
    *merged = (struct report_merged){0};
}
