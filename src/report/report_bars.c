/* report_bars.c - horizontal bars from 0, with intervals, as a picture.
 *
 *   title
 *   note
 *     name |=======|--|   1.23 (1.10 to 1.35)
 *     name |===|-|        0.71 (0.65 to 0.78)
 *          +----+----+
 *          x title
 *
 * The values stand in a column of their own, so that no whisker runs through them.
 */
#include "report/report.h"

#include <math.h>
#include <stdio.h>

#include "report/report_axis.h"
#include "report/report_svg.h"

#define MARGIN 16.0
#define GAP    8.0
#define ROW    28.0
#define BAR    16.0
#define TICK   5.0

enum { BARS_MOST = 200, VALUE_MOST = 96 };

struct plot {
    const struct report_bars *bars;
    double width, height, left, top;
    struct report_axis x;
    int decimals; /* of all values, so that they can be compared at a glance */
};

static bool has_interval(const struct report_bar *bar)
{
    return isfinite(bar->low) && isfinite(bar->high);
}

static const char *value_text(const struct report_bar *bar, int decimals, char out[VALUE_MOST])
{
    if (has_interval(bar))
        snprintf(out, VALUE_MOST, "%.*f (%.*f to %.*f)", decimals, bar->value, decimals, bar->low,
                 decimals, bar->high);
    else
        snprintf(out, VALUE_MOST, "%.*f", decimals, bar->value);
    return out;
}

static bool is_whole(double value)
{
    return fabs(value - round(value)) < 1e-6;
}

/* What four digits of the largest number need; fewer where all are told by fewer. */
static int find_decimals(const struct report_bars *bars)
{
    double most = 0;
    for (size_t i = 0; i < bars->count; i++) {
        const struct report_bar *const bar = &bars->bars[i];
        most = fmax(most, fabs(bar->value));
        if (has_interval(bar))
            most = fmax(most, fmax(fabs(bar->low), fabs(bar->high)));
    }
    const int digits = most > 0 ? 3 - (int)floor(log10(most)) : 0;
    int decimals = digits < 0 ? 0 : digits > 6 ? 6 : digits;
    for (bool fewer = true; fewer && decimals > 0; decimals -= fewer) {
        const double scale = pow(10, decimals - 1);
        for (size_t i = 0; i < bars->count && fewer; i++) {
            const struct report_bar *const bar = &bars->bars[i];
            fewer =
                is_whole(bar->value * scale) &&
                (!has_interval(bar) || (is_whole(bar->low * scale) && is_whole(bar->high * scale)));
        }
    }
    return decimals;
}

static primer_status check(const struct report_bars *bars, primer_error *error)
{
    if (bars->count == 0 || bars->count > BARS_MOST)
        return error_set(error, PRIMER_EINVAL, "a picture: found %zu bars, expected 1 to %d",
                         bars->count, BARS_MOST);
    for (size_t i = 0; i < bars->count; i++)
        if (!isfinite(bars->bars[i].value))
            return error_set(error, PRIMER_EINVAL,
                             "a picture: bar %zu is not finite, expected a number", i + 1);
    return PRIMER_OK;
}

static void lay_out(struct plot *plot)
{
    const struct report_bars *const bars = plot->bars;
    char text[VALUE_MOST];
    double names = 0, values = 0, least = 0, most = 0;
    plot->decimals = find_decimals(bars);
    for (size_t i = 0; i < bars->count; i++) {
        const struct report_bar *const bar = &bars->bars[i];
        names = fmax(names, report_svg_text_width(bar->name, REPORT_SVG_SMALL));
        values = fmax(
            values, report_svg_text_width(value_text(bar, plot->decimals, text), REPORT_SVG_SMALL));
        least = fmin(least, has_interval(bar) ? fmin(bar->low, bar->value) : bar->value);
        most = fmax(most, has_interval(bar) ? fmax(bar->high, bar->value) : bar->value);
    }
    plot->width = bars->width > 0 ? bars->width : 800;
    plot->left = MARGIN + fmin(names, plot->width * 0.35) + GAP;
    plot->top =
        MARGIN + (bars->title != NULL ? REPORT_SVG_LARGE + GAP : 0) + (bars->note != NULL ? 20 : 0);
    plot->height = plot->top + (double)bars->count * ROW + TICK + GAP + REPORT_SVG_SMALL + MARGIN +
                   (bars->x_title != NULL ? REPORT_SVG_MIDDLE + GAP : 0);
    plot->x.pixels = fmax(plot->width - plot->left - 2 * GAP - values - MARGIN, 40);
    report_axis_make(&plot->x, least, most);
}

static double x_of(const struct plot *plot, double x)
{
    return plot->left + report_axis_place(&plot->x, x);
}

static primer_status draw_head(const struct plot *plot, struct buffer *out, primer_error *error)
{
    struct report_svg_text style = {.x = MARGIN,
                                    .y = MARGIN + REPORT_SVG_LARGE - 3,
                                    .size = REPORT_SVG_LARGE,
                                    .anchor = "start",
                                    .color = REPORT_SVG_INK,
                                    .room = plot->width - 2 * MARGIN,
                                    .bold = true};
    if (plot->bars->title != NULL)
        FORWARD(report_svg_text(out, &style, plot->bars->title, error));
    if (plot->bars->note == NULL)
        return PRIMER_OK;
    style.y = plot->top - GAP;
    style.size = REPORT_SVG_SMALL;
    style.color = REPORT_SVG_GREY;
    style.bold = false;
    return report_svg_text(out, &style, plot->bars->note, error);
}

static primer_status draw_axis(const struct plot *plot, struct buffer *out, primer_error *error)
{
    const double bottom = plot->top + (double)plot->bars->count * ROW;
    struct report_svg_text style = {.y = bottom + TICK + 3 + REPORT_SVG_SMALL,
                                    .size = REPORT_SVG_SMALL,
                                    .anchor = "middle",
                                    .color = REPORT_SVG_INK};
    for (size_t i = 0; i < plot->x.count; i++) {
        style.x = x_of(plot, plot->x.ticks[i].value);
        FORWARD(
            report_svg_line(out, style.x, plot->top, style.x, bottom, REPORT_SVG_GRID, 1, error));
        FORWARD(report_svg_text(out, &style, plot->x.ticks[i].label, error));
    }
    FORWARD(report_svg_line(out, plot->left, bottom, plot->left + plot->x.pixels, bottom,
                            REPORT_SVG_INK, 1, error));
    if (plot->bars->x_title == NULL)
        return PRIMER_OK;
    style.x = plot->left + plot->x.pixels / 2;
    style.y = plot->height - MARGIN;
    style.size = REPORT_SVG_MIDDLE;
    style.room = 2 * fmin(style.x - MARGIN, plot->width - MARGIN - style.x);
    return report_svg_text(out, &style, plot->bars->x_title, error);
}

static primer_status draw_whisker(const struct plot *plot, const struct report_bar *bar, double y,
                                  struct buffer *out, primer_error *error)
{
    const double low = x_of(plot, bar->low), high = x_of(plot, bar->high);
    FORWARD(report_svg_line(out, low, y, high, y, REPORT_SVG_INK, 1.5, error));
    FORWARD(report_svg_line(out, low, y - 5, low, y + 5, REPORT_SVG_INK, 1.5, error));
    return report_svg_line(out, high, y - 5, high, y + 5, REPORT_SVG_INK, 1.5, error);
}

static primer_status draw_bar(const struct plot *plot, size_t index, struct buffer *out,
                              primer_error *error)
{
    const struct report_bar *const bar = &plot->bars->bars[index];
    char text[VALUE_MOST];
    const double y = plot->top + ((double)index + 0.5) * ROW;
    const double zero = x_of(plot, 0), end = x_of(plot, bar->value);
    struct report_svg_text style = {.x = plot->left - GAP,
                                    .y = y + REPORT_SVG_SMALL * 0.36,
                                    .size = REPORT_SVG_SMALL,
                                    .anchor = "end",
                                    .color = REPORT_SVG_INK,
                                    .room = plot->left - GAP - MARGIN};
    FORWARD(report_svg_text(out, &style, bar->name, error));
    FORWARD(buffer_format(out, error,
                          "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.0f\" "
                          "fill=\"%s\" fill-opacity=\"0.75\"/>\n",
                          fmin(zero, end), y - BAR / 2, fabs(end - zero), BAR,
                          report_svg_color(0)));
    if (has_interval(bar))
        FORWARD(draw_whisker(plot, bar, y, out, error));
    style.x = plot->left + plot->x.pixels + 2 * GAP;
    style.anchor = "start";
    style.room = 0;
    return report_svg_text(out, &style, value_text(bar, plot->decimals, text), error);
}

primer_status report_bars_svg(const struct report_bars *bars, struct buffer *out,
                              primer_error *error)
{
    struct plot plot = {.bars = bars};
    FORWARD(check(bars, error));
    lay_out(&plot);
    FORWARD(report_svg_begin(out, plot.width, plot.height, bars->title, error));
    FORWARD(draw_head(&plot, out, error));
    FORWARD(draw_axis(&plot, out, error));
    for (size_t i = 0; i < bars->count; i++)
        FORWARD(draw_bar(&plot, i, out, error));
    FORWARD(report_svg_line(out, x_of(&plot, 0), plot.top, x_of(&plot, 0),
                            plot.top + (double)bars->count * ROW, REPORT_SVG_INK, 1, error));
    return report_svg_end(out, error);
}
