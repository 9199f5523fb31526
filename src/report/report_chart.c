/* report_chart.c - lines over an axis as a picture.
 *
 *   MARGIN
 *   title                                 | head: as high as what is in it
 *   legend, in rows                       |
 *   note                                  |
 *   y title | labels | plot               | the rest, but at least PLOT_LEAST
 *                    | labels
 *                    | x title
 *
 * Of more points than can be seen, each column of pixels keeps its first, least, most and last
 * (Jugel et al. 2014, "M4", section 4.2), which draws the same pixels.
 */
#include "report/report.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "report/report_axis.h"
#include "report/report_svg.h"

#define MARGIN     16.0 /* around everything */
#define SAMPLE     30.0 /* of a line in the legend */
#define GAP        8.0
#define ROW        20.0 /* of the legend */
#define PLOT_LEAST 240.0
#define TICK       5.0

enum { MARKED_MOST = 40 }; /* points of a line that are dots too */

struct plot {
    const struct report_chart *chart;
    double width, height; /* of the picture */
    double left, top;     /* of the plot; its lengths are the axes' */
    double legend_top;
    struct report_axis x, y;
};

/* ---- what is drawn --------------------------------------------------------------------------- */

static bool drawable(double value, bool logarithmic)
{
    return fabs(value) <= REPORT_LARGEST && (!logarithmic || value >= 1 / REPORT_LARGEST);
}

/* A point of the line is there. */
static bool shows(const struct report_chart *chart, double x, double y)
{
    return drawable(x, chart->x_log) && drawable(y, chart->y_log);
}

static void widen(double value, bool logarithmic, double *least, double *most)
{
    if (!drawable(value, logarithmic))
        return;
    *least = fmin(*least, value);
    *most = fmax(*most, value);
}

/* The ends of all points and bands; false: there is none. */
static bool find_ends(const struct report_chart *chart, double ends[4])
{
    double left = HUGE_VAL, right = -HUGE_VAL, bottom = HUGE_VAL, top = -HUGE_VAL;
    for (size_t s = 0; s < chart->count; s++) {
        const struct report_series *const series = &chart->series[s];
        for (size_t i = 0; i < series->count; i++) {
            if (!shows(chart, series->x[i], series->y[i]))
                continue;
            widen(series->x[i], chart->x_log, &left, &right);
            widen(series->y[i], chart->y_log, &bottom, &top);
            if (series->low != NULL && series->high != NULL) {
                widen(series->low[i], chart->y_log, &bottom, &top);
                widen(series->high[i], chart->y_log, &bottom, &top);
            }
        }
    }
    memcpy(ends, (double[]){left, right, bottom, top}, 4 * sizeof *ends);
    return left <= right;
}

/* ---- layout ---------------------------------------------------------------------------------- */

static double legend_room(const struct plot *plot)
{
    return plot->width - 2 * MARGIN - SAMPLE - GAP;
}

/* Where the legend's next entry begins; moves on past it, to a new row where this one is full. */
static void place_entry(const struct plot *plot, const char *name, double *x, double *y,
                        double *next)
{
    const double text = fmin(report_svg_text_width(name, REPORT_SVG_SMALL), legend_room(plot));
    const double wide = SAMPLE + GAP + text;
    *x = *next;
    if (*x > MARGIN && *x + wide > plot->width - MARGIN) {
        *x = MARGIN;
        *y += ROW;
    }
    *next = *x + wide + 3 * GAP;
}

static bool has_legend(const struct report_chart *chart)
{
    for (size_t s = 0; s < chart->count; s++)
        if (chart->series[s].name != NULL)
            return true;
    return false;
}

static const char *name_of(const struct report_series *series)
{
    return series->name != NULL ? series->name : "";
}

/* The head, from top to bottom; where the plot begins. */
static void lay_head(struct plot *plot)
{
    const struct report_chart *const chart = plot->chart;
    double y = MARGIN, next = MARGIN, x;
    if (chart->title != NULL)
        y += REPORT_SVG_LARGE + GAP;
    plot->legend_top = y;
    if (has_legend(chart)) {
        for (size_t s = 0; s < chart->count; s++)
            place_entry(plot, name_of(&chart->series[s]), &x, &y, &next);
        y += ROW;
    }
    if (chart->note != NULL)
        y += ROW;
    plot->top = y + GAP;
}

static void lay_out(struct plot *plot, const double ends[4])
{
    const struct report_chart *const chart = plot->chart;
    const double below = TICK + GAP + REPORT_SVG_SMALL +
                         (chart->x_title != NULL ? REPORT_SVG_MIDDLE + GAP : 0) + MARGIN;
    double right = MARGIN + GAP;
    plot->width = chart->width > 0 ? chart->width : 800;
    plot->height = chart->height > 0 ? chart->height : 500;
    lay_head(plot);
    plot->height = fmax(plot->height, plot->top + PLOT_LEAST + below);
    plot->y = (struct report_axis){
        .logarithmic = chart->y_log, .vertical = true, .pixels = plot->height - plot->top - below};
    report_axis_make(&plot->y, ends[2], ends[3]);
    plot->left = MARGIN + (chart->y_title != NULL ? REPORT_SVG_MIDDLE + GAP : 0) +
                 report_axis_label_width(&plot->y) + GAP + TICK;
    plot->x.logarithmic = chart->x_log;
    for (int tries = 0; tries < 3; tries++) { /* until the last label has room */
        plot->x.pixels = fmax(plot->width - plot->left - right, 10);
        report_axis_make(&plot->x, ends[0], ends[1]);
        right = fmax(right, MARGIN / 2 + report_axis_label_width(&plot->x) / 2);
    }
}

static double x_of(const struct plot *plot, double x)
{
    return plot->left + report_axis_place(&plot->x, x);
}

static double y_of(const struct plot *plot, double y)
{
    return plot->top + plot->y.pixels - report_axis_place(&plot->y, y);
}

/* ---- axes ------------------------------------------------------------------------------------ */

static primer_status draw_grid(const struct plot *plot, struct buffer *out, primer_error *error)
{
    const double right = plot->left + plot->x.pixels, bottom = plot->top + plot->y.pixels;
    for (int labelled = 0; labelled < 2; labelled++) {
        const char *const color = labelled ? REPORT_SVG_GRID : REPORT_SVG_FAINT;
        for (size_t i = 0; i < plot->x.count; i++) {
            const double x = x_of(plot, plot->x.ticks[i].value);
            if ((*plot->x.ticks[i].label != '\0') == labelled)
                FORWARD(report_svg_line(out, x, plot->top, x, bottom, color, 1, error));
        }
        for (size_t i = 0; i < plot->y.count; i++) {
            const double y = y_of(plot, plot->y.ticks[i].value);
            if ((*plot->y.ticks[i].label != '\0') == labelled)
                FORWARD(report_svg_line(out, plot->left, y, right, y, color, 1, error));
        }
    }
    return PRIMER_OK;
}

static primer_status draw_labels(const struct plot *plot, struct buffer *out, primer_error *error)
{
    const double bottom = plot->top + plot->y.pixels;
    struct report_svg_text style = {
        .size = REPORT_SVG_SMALL, .anchor = "middle", .color = REPORT_SVG_INK};
    for (size_t i = 0; i < plot->x.count; i++) {
        const struct report_tick *const tick = &plot->x.ticks[i];
        if (*tick->label == '\0')
            continue;
        style.x = x_of(plot, tick->value);
        style.y = bottom + TICK + 3 + REPORT_SVG_SMALL;
        FORWARD(report_svg_line(out, style.x, bottom, style.x, bottom + TICK, REPORT_SVG_INK, 1,
                                error));
        FORWARD(report_svg_text(out, &style, tick->label, error));
    }
    style.anchor = "end";
    for (size_t i = 0; i < plot->y.count; i++) {
        const struct report_tick *const tick = &plot->y.ticks[i];
        if (*tick->label == '\0')
            continue;
        const double y = y_of(plot, tick->value);
        style.x = plot->left - GAP;
        style.y = y + REPORT_SVG_SMALL * 0.36;
        FORWARD(
            report_svg_line(out, plot->left - TICK, y, plot->left, y, REPORT_SVG_INK, 1, error));
        FORWARD(report_svg_text(out, &style, tick->label, error));
    }
    return PRIMER_OK;
}

static primer_status draw_axes(const struct plot *plot, struct buffer *out, primer_error *error)
{
    const struct report_chart *const chart = plot->chart;
    const double right = plot->left + plot->x.pixels, bottom = plot->top + plot->y.pixels;
    struct report_svg_text style = {
        .size = REPORT_SVG_MIDDLE, .anchor = "middle", .color = REPORT_SVG_INK};
    FORWARD(draw_grid(plot, out, error));
    FORWARD(
        report_svg_line(out, plot->left, plot->top, plot->left, bottom, REPORT_SVG_INK, 1, error));
    FORWARD(report_svg_line(out, plot->left, bottom, right, bottom, REPORT_SVG_INK, 1, error));
    FORWARD(draw_labels(plot, out, error));
    if (chart->x_title != NULL) {
        style.x = (plot->left + right) / 2;
        style.y = plot->height - MARGIN;
        style.room = plot->x.pixels;
        FORWARD(report_svg_text(out, &style, chart->x_title, error));
    }
    if (chart->y_title != NULL) {
        style.x = MARGIN + REPORT_SVG_MIDDLE - 3;
        style.y = (plot->top + bottom) / 2;
        style.room = plot->y.pixels;
        style.upwards = true;
        FORWARD(report_svg_text(out, &style, chart->y_title, error));
    }
    return PRIMER_OK;
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* A path as it grows. */
struct pen {
    const struct plot *plot;
    struct buffer *out;
    bool down; /* in the middle of a line */
};

static primer_status move_pen(struct pen *pen, double x, double y, primer_error *error)
{
    const char *const sign = pen->down ? "L" : "M";
    pen->down = true;
    return buffer_format(pen->out, error, "%s%.1f %.1f", sign, x_of(pen->plot, x),
                         y_of(pen->plot, y));
}

/* Indices of the points of [from, to) to draw, in order: all, or up to four of a column. */
static primer_status draw_run(struct pen *pen, const double *x, const double *y, size_t from,
                              size_t to, primer_error *error)
{
    const bool all = (double)(to - from) <= 2 * pen->plot->x.pixels;
    pen->down = false;
    for (size_t i = from; i < to;) {
        size_t end = i + 1, least = i, most = i;
        const double column = floor(x_of(pen->plot, x[i]));
        while (!all && end < to && floor(x_of(pen->plot, x[end])) == column) {
            least = y[end] < y[least] ? end : least;
            most = y[end] > y[most] ? end : most;
            end++;
        }
        const size_t second = least < most ? least : most, third = least < most ? most : least;
        const size_t points[] = {i, second, third, end - 1};
        for (size_t p = 0; p < 4; p++)
            if (p == 0 || points[p] > points[p - 1])
                FORWARD(move_pen(pen, x[points[p]], y[points[p]], error));
        i = end;
    }
    return PRIMER_OK;
}

/* The end of the run of points without a gap that begins at `from`. */
static size_t run_end(const struct report_chart *chart, const struct report_series *series,
                      const double *y, size_t from)
{
    while (from < series->count && shows(chart, series->x[from], y[from]))
        from++;
    return from;
}

static primer_status draw_dots(const struct plot *plot, const struct report_series *series,
                               const double *y, const char *color, primer_error *error,
                               struct buffer *out)
{
    const struct report_chart *const chart = plot->chart;
    for (size_t i = 0, end; i<series->count; i = end> i ? end : i + 1) {
        end = run_end(chart, series, y, i);
        for (size_t p = i; p < end && (series->count <= MARKED_MOST || end == i + 1); p++)
            FORWARD(buffer_format(out, error,
                                  "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.8\" fill=\"%s\"/>\n",
                                  x_of(plot, series->x[p]), y_of(plot, y[p]), color));
    }
    return PRIMER_OK;
}

struct stroke {
    double width, opacity;
    const char *color, *dash;
};

static primer_status draw_line(const struct plot *plot, const struct report_series *series,
                               const double *y, const struct stroke *stroke, struct buffer *out,
                               primer_error *error)
{
    struct pen pen = {plot, out, false};
    FORWARD(buffer_format(out, error,
                          "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%.1f\" "
                          "stroke-linejoin=\"round\"",
                          stroke->color, stroke->width));
    if (stroke->opacity < 1)
        FORWARD(buffer_format(out, error, " stroke-opacity=\"%.2f\"", stroke->opacity));
    if (*stroke->dash != '\0')
        FORWARD(buffer_format(out, error, " stroke-dasharray=\"%s\"", stroke->dash));
    FORWARD(buffer_text(out, " d=\"", error));
    for (size_t i = 0, end; i<series->count; i = end> i ? end : i + 1) {
        end = run_end(plot->chart, series, y, i);
        FORWARD(draw_run(&pen, series->x, y, i, end, error));
    }
    return buffer_text(out, "\"/>\n", error);
}

/* A polygon along the highs and back along the lows of each run without a gap. */
static primer_status draw_band(const struct plot *plot, const struct report_series *series,
                               const char *color, struct buffer *out, primer_error *error)
{
    const struct report_chart *const chart = plot->chart;
    for (size_t i = 0, end; i<series->count; i = end> i ? end : i + 1) {
        for (end = i; end < series->count && shows(chart, series->x[end], series->low[end]) &&
                      shows(chart, series->x[end], series->high[end]);)
            end++;
        if (end < i + 2)
            continue;
        struct pen pen = {plot, out, false};
        FORWARD(buffer_format(out, error, "<path fill=\"%s\" fill-opacity=\"0.18\" d=\"", color));
        FORWARD(draw_run(&pen, series->x, series->high, i, end, error));
        for (size_t p = end; p > i; p--)
            FORWARD(move_pen(&pen, series->x[p - 1], series->low[p - 1], error));
        FORWARD(buffer_text(out, "Z\"/>\n", error));
    }
    return PRIMER_OK;
}

static primer_status draw_series(const struct plot *plot, size_t index, struct buffer *out,
                                 primer_error *error)
{
    primer_status status = PRIMER_OK;
    const struct report_series *const series = &plot->chart->series[index];
    const bool smooth = plot->chart->smooth > 1;
    const char *const color = report_svg_color(index);
    const struct stroke thin = {1, 0.35, color, ""};
    const struct stroke bold = {smooth ? 2.4 : 1.8, 1, color, report_svg_dash(index)};
    double *means = NULL;
    if (smooth) {
        means = memory_allocate(series->count, sizeof *means);
        if (means == NULL)
            return memory_failure(error, "a line's means", series->count * sizeof *means);
        report_smooth(series->y, series->count, plot->chart->smooth, means);
        TRY(draw_line(plot, series, series->y, &thin, out, error));
    }
    TRY(draw_line(plot, series, smooth ? means : series->y, &bold, out, error));
    TRY(draw_dots(plot, series, series->y, color, error, out));

cleanup:
    memory_free(means);
    return status;
}

/* ---- head ------------------------------------------------------------------------------------ */

static primer_status draw_entry(const struct plot *plot, size_t index, double x, double y,
                                struct buffer *out, primer_error *error)
{
    const struct report_series *const series = &plot->chart->series[index];
    const char *const color = report_svg_color(index), *const dash = report_svg_dash(index);
    const struct report_svg_text style = {.x = x + SAMPLE + GAP,
                                          .y = y + REPORT_SVG_SMALL,
                                          .size = REPORT_SVG_SMALL,
                                          .anchor = "start",
                                          .color = REPORT_SVG_INK,
                                          .room = legend_room(plot)};
    const double middle = y + REPORT_SVG_SMALL * 0.65;
    if (series->low != NULL && series->high != NULL)
        FORWARD(buffer_format(out, error,
                              "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.0f\" height=\"12\" "
                              "fill=\"%s\" fill-opacity=\"0.18\"/>\n",
                              x, middle - 6, SAMPLE, color));
    FORWARD(buffer_format(out, error,
                          "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" "
                          "stroke-width=\"2.4\"%s%s%s/>\n",
                          x, middle, x + SAMPLE, middle, color,
                          *dash != '\0' ? " stroke-dasharray=\"" : "", dash,
                          *dash != '\0' ? "\"" : ""));
    return report_svg_text(out, &style, name_of(series), error);
}

static primer_status draw_head(const struct plot *plot, struct buffer *out, primer_error *error)
{
    const struct report_chart *const chart = plot->chart;
    double x, y = plot->legend_top, next = MARGIN;
    struct report_svg_text style = {.x = MARGIN,
                                    .y = MARGIN + REPORT_SVG_LARGE - 3,
                                    .size = REPORT_SVG_LARGE,
                                    .anchor = "start",
                                    .color = REPORT_SVG_INK,
                                    .room = plot->width - 2 * MARGIN,
                                    .bold = true};
    if (chart->title != NULL)
        FORWARD(report_svg_text(out, &style, chart->title, error));
    for (size_t s = 0; has_legend(chart) && s < chart->count; s++) {
        place_entry(plot, name_of(&chart->series[s]), &x, &y, &next);
        FORWARD(draw_entry(plot, s, x, y, out, error));
    }
    if (chart->note == NULL)
        return PRIMER_OK;
    style.y = plot->top - GAP - ROW + REPORT_SVG_SMALL;
    style.size = REPORT_SVG_SMALL;
    style.color = REPORT_SVG_GREY;
    style.bold = false;
    return report_svg_text(out, &style, chart->note, error);
}

/* ---- the whole ------------------------------------------------------------------------------- */

primer_status report_chart_svg(const struct report_chart *chart, struct buffer *out,
                               primer_error *error)
{
    struct plot plot = {.chart = chart};
    double ends[4];
    if (chart->count > REPORT_SERIES_MOST)
        return error_set(error, PRIMER_EINVAL, "a picture: found %zu lines, expected at most %d",
                         chart->count, REPORT_SERIES_MOST);
    if (!find_ends(chart, ends))
        return error_set(error, PRIMER_EINVAL,
                         "a picture: found no point to draw in %zu lines, expected numbers%s",
                         chart->count, chart->x_log || chart->y_log ? " above 0" : "");
    lay_out(&plot, ends);
    FORWARD(report_svg_begin(out, plot.width, plot.height, chart->title, error));
    FORWARD(draw_head(&plot, out, error));
    FORWARD(draw_axes(&plot, out, error));
    for (size_t s = 0; s < chart->count; s++)
        if (chart->series[s].low != NULL && chart->series[s].high != NULL)
            FORWARD(draw_band(&plot, &chart->series[s], report_svg_color(s), out, error));
    for (size_t s = 0; s < chart->count; s++)
        FORWARD(draw_series(&plot, s, out, error));
    return report_svg_end(out, error);
}
