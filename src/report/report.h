/* report.h - pictures and tables of measurements: lines over an axis, bars with intervals, text.
 *
 *   title                                   pictures are SVG without scripts, fonts or other files,
 *   --- one   - - two   ... three           800 pixels wide unless told otherwise; the legend has
 *   note                                    its own rows, so that it covers nothing
 *      |      ____
 *   y  |  ___/    \___                      colours are those of Okabe and Ito (2008, "Color
 *      |_/____________                      Universal Design"), and lines differ in dashes too
 *             x
 *
 * Texts are UTF-8 of any content: they are escaped, and cut where there is no room for them.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include "base/buffer.h"

#define REPORT_SERIES_MOST 32

/* ---- lines ----------------------------------------------------------------------------------- */

struct report_series {
    const char *name;         /* in the legend; NULL: none */
    const double *x, *y;      /* [count], x never falls; a y that isn't within 1e100 is a gap */
    const double *low, *high; /* [count]: a band around the line; or NULL */
    size_t count;
};

struct report_chart {
    const char *title, *note, *x_title, *y_title; /* or NULL */
    bool x_log, y_log;                            /* what isn't above 0 is a gap there */
    size_t smooth;        /* a thin line as given and a bold one of means over so many points */
    double width, height; /* pixels; 0: 800, 500 */
    const struct report_series *series;
    size_t count;
};

/* Appends the picture. PRIMER_EINVAL: there is no point to draw, or too many series. */
primer_status report_chart_svg(const struct report_chart *chart, struct buffer *out,
                               primer_error *error);

/* Means over `window` neighbours, half of them before; at the begin as few after as before, so that
 * a steep begin keeps its height; at the end those that there are. Gaps stay gaps and part what
 * they stand between. `out` may not be `y`. */
void report_smooth(const double *y, size_t count, size_t window, double *out);

/* Runs of one experiment as one line: the mean, between the least and the most, over the x where
 * every run has a value (between its points a run is straight). */
struct report_merged {
    double *x, *y, *low, *high;
    size_t count;
};
primer_status report_merge(const struct report_series *runs, size_t run_count,
                           struct report_merged *merged, primer_error *error);
void report_merged_free(struct report_merged *merged);

/* ---- bars ------------------------------------------------------------------------------------ */

struct report_bar {
    const char *name;
    double value;     /* finite */
    double low, high; /* of an interval around it; NaN: none */
};

struct report_bars {
    const char *title, *note, *x_title; /* or NULL */
    double width;                       /* pixels; 0: 800; the height follows */
    const struct report_bar *bars;
    size_t count;
};

/* Horizontal bars from 0, with names, values and whiskers. */
primer_status report_bars_svg(const struct report_bars *bars, struct buffer *out,
                              primer_error *error);

/* ---- tables ---------------------------------------------------------------------------------- */

struct report_table {
    const char *const *cells; /* [rows][columns]; the first row is the head; NULL: empty */
    size_t rows, columns;
    const char *align; /* per column: 'l' or 'r'; NULL: all left */
};

/* A table in Markdown whose columns also stand in line as plain text. */
primer_status report_table_text(const struct report_table *table, struct buffer *out,
                                primer_error *error);

#endif
