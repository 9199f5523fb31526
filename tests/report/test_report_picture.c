/* test_report_picture.c - pictures: texts inside and apart from each other, lines inside their
 * plot, gaps, bands, escaping, refusals. The SVG is read back, and widths are those of
 * report_svg.h. */
#include "report/report.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/utf8.h"
#include "report/report_svg.h"

static const char long_name[] = "a name that is so long that it can have no room beside anything "
                                "else, and not even in a row of "
                                "its own in a picture of this width";

enum { TEXTS_MOST = 400, POINTS = 3000 };

/* ---- reading a picture ----------------------------------------------------------------------- */

struct box {
    double left, top, right, bottom;
    char text[128];
};

struct picture {
    double width, height;
    struct box texts[TEXTS_MOST];
    size_t count;
};

static double attribute(const char *element, const char *name)
{
    char wanted[32];
    snprintf(wanted, sizeof wanted, " %s=\"", name);
    const char *const at = strstr(element, wanted), *const end = strchr(element, '>');
    if (at == NULL || at > end)
        return NAN;
    return strtod(at + strlen(wanted), NULL);
}

static bool has(const char *element, const char *text)
{
    const char *const at = strstr(element, text);
    return at != NULL && at < strchr(element, '>');
}

static void unescape(const char *text, size_t length, char *out, size_t capacity)
{
    static const char *const names[] = {"&lt;", "&gt;", "&amp;", "&quot;"};
    size_t used = 0;
    for (size_t i = 0; i < length && used + 1 < capacity;) {
        size_t n = 0;
        while (n < 4 && strncmp(text + i, names[n], strlen(names[n])) != 0)
            n++;
        out[used++] = n < 4 ? "<>&\""[n] : text[i];
        i += n < 4 ? strlen(names[n]) : 1;
    }
    out[used] = '\0';
}

static struct box box_of(const char *element)
{
    struct box box;
    const char *const content = strchr(element, '>') + 1;
    const double x = attribute(element, "x"), y = attribute(element, "y"),
                 size = attribute(element, "font-size");
    unescape(content, (size_t)(strstr(content, "</text>") - content), box.text, sizeof box.text);
    const double width = report_svg_text_width(box.text, size) * (has(element, "bold") ? 1.1 : 1);
    const double before = has(element, "\"middle\"") ? width / 2
                          : has(element, "\"end\"")  ? width
                                                     : 0;
    if (has(element, "rotate(-90")) {
        box.left = x - size * 0.8, box.right = x + size * 0.2;
        box.top = y - (width - before), box.bottom = y + before;
    } else {
        box.left = x - before, box.right = x - before + width;
        box.top = y - size * 0.8, box.bottom = y + size * 0.2;
    }
    return box;
}

static struct picture read_picture(const char *svg)
{
    struct picture picture = {.width = attribute(svg, "width"), .height = attribute(svg, "height")};
    for (const char *at = svg; (at = strstr(at, "<text ")) != NULL; at++) {
        assert_true(picture.count < TEXTS_MOST);
        picture.texts[picture.count++] = box_of(at);
    }
    return picture;
}

static bool is_near(const struct box *a, const struct box *b)
{
    return a->left < b->right && b->left < a->right && a->top < b->bottom && b->top < a->bottom;
}

/* Every text lies within the picture, and on no other. */
static void check_texts(const struct picture *picture)
{
    for (size_t i = 0; i < picture->count; i++) {
        const struct box *const a = &picture->texts[i];
        if (a->left < 0 || a->top < 0 || a->right > picture->width || a->bottom > picture->height)
            fail_msg("\"%s\" at %.0f..%.0f, %.0f..%.0f leaves the picture of %.0f x %.0f", a->text,
                     a->left, a->right, a->top, a->bottom, picture->width, picture->height);
        for (size_t j = 0; j < i; j++)
            if (is_near(a, &picture->texts[j]))
                fail_msg("\"%s\" lies on \"%s\"", a->text, picture->texts[j].text);
    }
}

/* The plot, by its two axes: the first lines in ink. */
static struct box plot_of(const char *svg)
{
    struct box plot = {0};
    const char *at = svg;
    for (int line = 0; line < 2; line++, at++) {
        while ((at = strstr(at, "<line ")) != NULL && !has(at, REPORT_SVG_INK))
            at++;
        assert_non_null(at);
        if (line == 0)
            plot.left = attribute(at, "x1"), plot.top = attribute(at, "y1");
        else
            plot.right = attribute(at, "x2"), plot.bottom = attribute(at, "y2");
    }
    return plot;
}

/* Every point of every path lies in the plot, and no text does; how many paths begin anew. */
static size_t check_lines(const char *svg, const struct picture *picture)
{
    const struct box plot = plot_of(svg);
    size_t moves = 0;
    for (const char *at = svg; (at = strstr(at, " d=\"")) != NULL;) {
        for (at += 4; *at != '"';) {
            if (*at == 'Z') {
                at++;
                continue;
            }
            char *end = NULL;
            assert_true(*at == 'M' || *at == 'L');
            moves += *at == 'M';
            const double x = strtod(at + 1, &end), y = strtod(end, &end);
            if (x < plot.left - 0.2 || x > plot.right + 0.2 || y < plot.top - 0.2 ||
                y > plot.bottom + 0.2)
                fail_msg("a line leaves the plot at %.1f, %.1f", x, y);
            at = end;
        }
    }
    for (size_t i = 0; i < picture->count; i++)
        if (is_near(&picture->texts[i], &plot))
            fail_msg("\"%s\" stands in the plot", picture->texts[i].text);
    return moves;
}

static size_t check_chart(const struct report_chart *chart)
{
    struct buffer svg = {0};
    primer_error error = {0};
    if (report_chart_svg(chart, &svg, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    const struct picture picture = read_picture(svg.bytes);
    check_texts(&picture);
    const size_t moves = check_lines(svg.bytes, &picture);
    assert_true(utf8_valid(svg.bytes, svg.length));
    buffer_free(&svg);
    return moves;
}

static size_t count_of(const char *text, const char *what)
{
    size_t count = 0;
    for (; (text = strstr(text, what)) != NULL; text++)
        count++;
    return count;
}

/* ---- charts ---------------------------------------------------------------------------------- */

static double xs[POINTS], ys[POINTS], lows[POINTS], highs[POINTS];

static void fill(struct random *random, double scale)
{
    for (size_t i = 0; i < POINTS; i++) {
        xs[i] = scale * (double)(i + 1);
        ys[i] = 1.5 + 8 * pow((double)i + 3, -0.4) + 0.1 * random_unit(random);
        lows[i] = ys[i] - 0.2;
        highs[i] = ys[i] + 0.3;
    }
}

static void texts_and_lines_keep_apart(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 3);
    static const char *const names[] = {"a", "a run of middle length", "<&\">",
                                        "\xe5\xad\x97\xe5\xad\x97", long_name};
    struct report_series series[REPORT_SERIES_MOST];
    for (size_t round = 0; round < 200; round++) {
        fill(&random, pow(10, 16 * random_unit(&random) - 4));
        const double factor = pow(10, 12 * random_unit(&random) - 8);
        for (size_t i = 0; i < POINTS; i++)
            ys[i] *= factor, lows[i] *= factor, highs[i] *= factor;
        const size_t count = 1 + random_below(&random, round % 7 == 0 ? REPORT_SERIES_MOST : 5);
        for (size_t s = 0; s < count; s++)
            series[s] = (struct report_series){
                names[random_below(&random, 5)], xs, ys, s == 0 ? lows : NULL, highs,
                2 + random_below(&random, 60)};
        const struct report_chart chart = {
            .title = random_below(&random, 3) > 0 ? names[random_below(&random, 5)] : NULL,
            .note = random_below(&random, 2) > 0 ? names[random_below(&random, 5)] : NULL,
            .x_title = random_below(&random, 3) > 0 ? names[random_below(&random, 5)] : NULL,
            .y_title = random_below(&random, 3) > 0 ? names[random_below(&random, 5)] : NULL,
            .x_log = random_below(&random, 2) > 0,
            .y_log = random_below(&random, 2) > 0,
            .smooth = random_below(&random, 10),
            .width = round % 3 == 0 ? 480 + 400 * random_unit(&random) : 0,
            .series = series,
            .count = count};
        check_chart(&chart);
    }
}

static void the_last_label_has_room(void **state)
{
    (void)state;
    double x[] = {0, 1e18}, y[] = {1, 2};
    struct report_series series = {"a", x, y, NULL, NULL, 2};
    struct report_chart chart = {.series = &series, .count = 1};
    check_chart(&chart);
}

static void gaps_part_a_line(void **state)
{
    (void)state;
    double x[] = {0, 1, 2, 3, 4, 5, 6}, y[] = {1, 2, NAN, 3, 0, INFINITY, 5};
    struct report_series series = {"a", x, y, NULL, NULL, 7};
    struct report_chart chart = {.series = &series, .count = 1};
    assert_int_equal(check_chart(&chart), 3);
    chart.y_log = true; /* 0 is one more, at the end of the second run */
    assert_int_equal(check_chart(&chart), 3);
    chart.x_log = true;
    assert_int_equal(check_chart(&chart), 3);
    struct buffer svg = {0};
    assert_int_equal(report_chart_svg(&chart, &svg, NULL), PRIMER_OK);
    assert_int_equal(count_of(svg.bytes, "<circle"), 3); /* (1, 2), (3, 3), (6, 5) */
    buffer_free(&svg);
}

/* Much more points than pixels: the least and the most of each column stay. */
static void many_points_become_few(void **state)
{
    (void)state;
    enum { MANY = 200000 };
    double *x = memory_allocate(MANY, sizeof *x), *y = memory_allocate(MANY, sizeof *y);
    for (size_t i = 0; i < MANY; i++)
        x[i] = (double)i, y[i] = i == 77777 ? 9 : i == 123456 ? -7 : (double)(i % 3);
    struct report_series series = {NULL, x, y, NULL, NULL, MANY};
    struct report_chart chart = {.series = &series, .count = 1};
    struct buffer svg = {0};
    check_chart(&chart);
    assert_int_equal(report_chart_svg(&chart, &svg, NULL), PRIMER_OK);
    assert_true(svg.length < 60000);
    const struct box plot = plot_of(svg.bytes);
    double top = 1e9, bottom = 0;
    const char *at = strstr(svg.bytes, " d=\"") + 4;
    while (*at != '"') {
        char *end = NULL;
        strtod(at + 1, &end);
        const double place = strtod(end, &end);
        top = fmin(top, place), bottom = fmax(bottom, place);
        at = end;
    }
    /* 4 % of air at both ends of the 16 from -7 to 9 */
    const double air = (plot.bottom - plot.top) * 0.04 / 1.08;
    assert_true(fabs(top - plot.top - air) < 0.3 && fabs(plot.bottom - air - bottom) < 0.3);
    buffer_free(&svg);
    memory_free(x);
    memory_free(y);
}

static void lines_differ(void **state)
{
    (void)state;
    for (size_t i = 0; i < 28; i++)
        for (size_t j = 0; j < i; j++)
            assert_false(strcmp(report_svg_color(i), report_svg_color(j)) == 0 &&
                         strcmp(report_svg_dash(i), report_svg_dash(j)) == 0);
    assert_string_equal(report_svg_dash(0), "");
    assert_string_not_equal(report_svg_dash(0), report_svg_dash(1));
}

static void texts_are_escaped(void **state)
{
    (void)state;
    struct buffer out = {0};
    assert_int_equal(report_svg_escape(&out, "<a & \"b\">\n\x01\xff\xc3\xa9\xef\xbf\xbf", NULL),
                     PRIMER_OK);
    assert_string_equal(out.bytes, "&lt;a &amp; &quot;b&quot;&gt; \xef\xbf\xbd\xef\xbf\xbd\xc3\xa9"
                                   "\xef\xbf\xbd");
    buffer_free(&out);
    double x[] = {1, 2};
    struct report_series series = {"</text><script>", x, x, NULL, NULL, 2};
    struct report_chart chart = {.title = "</title>&\x02", .series = &series, .count = 1};
    assert_int_equal(report_chart_svg(&chart, &out, NULL), PRIMER_OK);
    assert_null(strstr(out.bytes, "<script"));
    assert_int_equal(count_of(out.bytes, "</title>"), 1);
    assert_null(strchr(out.bytes, 2));
    buffer_free(&out);
}

static void nothing_to_draw_is_refused(void **state)
{
    (void)state;
    double x[] = {0, 1}, y[] = {NAN, -1};
    struct report_series series[REPORT_SERIES_MOST + 1] = {{"a", x, y, NULL, NULL, 2}};
    struct report_chart chart = {.series = series, .count = 0};
    struct buffer out = {0};
    primer_error error = {0};
    assert_int_equal(report_chart_svg(&chart, &out, &error), PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "no point to draw in 0 lines"));
    chart.count = 1;
    assert_int_equal(report_chart_svg(&chart, &out, &error), PRIMER_OK);
    chart.y_log = true;
    assert_int_equal(report_chart_svg(&chart, &out, &error), PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "expected numbers above 0"));
    chart.count = REPORT_SERIES_MOST + 1;
    assert_int_equal(report_chart_svg(&chart, &out, &error), PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "found 33 lines, expected at most 32"));
    buffer_free(&out);
}

/* ---- bars ------------------------------------------------------------------------------------ */

static void bars_keep_apart(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 5);
    struct report_bar bars[12];
    for (size_t round = 0; round < 100; round++) {
        const double scale = pow(10, 10 * random_unit(&random) - 4);
        const size_t count = 1 + random_below(&random, 12);
        for (size_t i = 0; i < count; i++) {
            const double value = scale * (random_unit(&random) - (round % 2 ? 0.3 : 0));
            const double reach = i % 3 == 0 ? NAN : scale * 0.2 * random_unit(&random);
            bars[i] = (struct report_bar){
                i % 4 == 0 ? "<a name that takes more of the width than it can be given here>"
                           : "b",
                value, value - reach, value + reach};
        }
        const struct report_bars chart = {.title = round % 3 ? "A title" : NULL,
                                          .note = round % 5 ? "A note" : NULL,
                                          .x_title = round % 4 ? "of a hundred" : NULL,
                                          .bars = bars,
                                          .count = count};
        struct buffer svg = {0};
        primer_error error = {0};
        if (report_bars_svg(&chart, &svg, &error) != PRIMER_OK)
            fail_msg("%s", error.message);
        const struct picture picture = read_picture(svg.bytes);
        check_texts(&picture);
        /* The ground, and a bar each; whiskers of three lines. */
        assert_int_equal(count_of(svg.bytes, "<rect"), 1 + count);
        assert_int_equal(count_of(svg.bytes, "stroke-width=\"1.5\""),
                         3 * (count - (count + 2) / 3));
        buffer_free(&svg);
    }
    bars[0].value = NAN;
    struct report_bars chart = {.bars = bars, .count = 1};
    struct buffer svg = {0};
    assert_int_equal(report_bars_svg(&chart, &svg, NULL), PRIMER_EINVAL);
    chart.count = 0;
    assert_int_equal(report_bars_svg(&chart, &svg, NULL), PRIMER_EINVAL);
    buffer_free(&svg);
}

/* A bar's length is its value's share of the axis. */
static void bars_have_their_length(void **state)
{
    (void)state;
    struct report_bar bars[] = {{"a", 2, NAN, NAN}, {"b", 1, NAN, NAN}, {"c", -0.5, NAN, NAN}};
    struct report_bars chart = {.bars = bars, .count = 3};
    struct buffer svg = {0};
    double x[3], widths[3];
    assert_int_equal(report_bars_svg(&chart, &svg, NULL), PRIMER_OK);
    const char *at = strstr(svg.bytes, "<rect") + 1;
    for (size_t i = 0; i < 3; i++, at++) {
        at = strstr(at, "<rect");
        x[i] = attribute(at, "x"), widths[i] = attribute(at, "width");
    }
    assert_true(fabs(widths[0] - 2 * widths[1]) < 0.3 && fabs(widths[1] - 2 * widths[2]) < 0.3);
    assert_true(x[0] == x[1] && fabs(x[2] + widths[2] - x[0]) < 0.2);
    buffer_free(&svg);
}

/* ---- series ---------------------------------------------------------------------------------- */

static void means_move(void **state)
{
    (void)state;
    double y[] = {6, 0, 3, 3, NAN, 1, 2}, out[7];
    report_smooth(y, 7, 3, out);
    assert_true(out[0] == 6 && out[1] == 3 && out[2] == 2 && out[3] == 3);
    assert_true(isnan(out[4]) && out[5] == 1 && out[6] == 1.5);
    report_smooth(y, 7, 1, out);
    assert_true(out[0] == 6 && out[3] == 3 && isnan(out[4]) && out[6] == 2);
    report_smooth(y, 7, 0, out);
    assert_true(out[1] == 0);

    /* Against means taken one by one, over many values. */
    struct random random;
    random_seed(&random, 9);
    fill(&random, 1);
    static double smooth[POINTS];
    for (size_t window = 2; window < 4 * POINTS; window = window * 3 + 1) {
        report_smooth(ys, POINTS, window, smooth);
        for (size_t i = 0; i < POINTS; i += 17) {
            const size_t before = window / 2 < i ? window / 2 : i;
            const size_t half = (window - 1) / 2 < i ? (window - 1) / 2 : i;
            double sum = 0;
            size_t count = 0;
            for (size_t j = i - before; j <= i + half && j < POINTS; j++, count++)
                sum += ys[j];
            assert_true(fabs(smooth[i] - sum / (double)count) < 1e-12);
        }
    }
}

static void runs_are_joined(void **state)
{
    (void)state;
    double xa[] = {0, 10, 20, 30}, ya[] = {4, 2, 2, 1}, xb[] = {5, 20, 25}, yb[] = {2, 5, NAN};
    struct report_series runs[] = {{"a", xa, ya, NULL, NULL, 4}, {"b", xb, yb, NULL, NULL, 3}};
    struct report_merged merged = {0};
    primer_error error = {0};
    assert_int_equal(report_merge(runs, 2, &merged, &error), PRIMER_OK);
    /* x 5: 3 and 2; 10: 2 and 3; 20: 2 and 5; 25: a gap */
    assert_int_equal(merged.count, 4);
    static const double x[] = {5, 10, 20, 25}, y[] = {2.5, 2.5, 3.5}, low[] = {2, 2, 2},
                        high[] = {3, 3, 5};
    for (size_t i = 0; i < 4; i++)
        assert_true(merged.x[i] == x[i]);
    for (size_t i = 0; i < 3; i++)
        assert_true(fabs(merged.y[i] - y[i]) < 1e-15 && fabs(merged.low[i] - low[i]) < 1e-15 &&
                    fabs(merged.high[i] - high[i]) < 1e-15);
    assert_true(isnan(merged.y[3]) && isnan(merged.low[3]) && isnan(merged.high[3]));
    report_merged_free(&merged);

    xb[0] = 31, xb[1] = 32, xb[2] = 33;
    assert_int_equal(report_merge(runs, 2, &merged, &error), PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "no part of the axis in common"));
    assert_null(merged.x);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void columns_stand_in_line(void **state)
{
    (void)state;
    static const char *const cells[] = {"run", "loss", "a|b\n", "1.25", "\xc3\xa9", NULL};
    const struct report_table table = {cells, 3, 2, "lr"};
    struct buffer out = {0};
    assert_int_equal(report_table_text(&table, &out, NULL), PRIMER_OK);
    assert_string_equal(out.bytes, "| run   | loss |\n"
                                   "|:------|-----:|\n"
                                   "| a\\|b  | 1.25 |\n"
                                   "| \xc3\xa9     |      |\n");
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_and_lines_keep_apart),
        cmocka_unit_test(the_last_label_has_room),
        cmocka_unit_test(gaps_part_a_line),
        cmocka_unit_test(many_points_become_few),
        cmocka_unit_test(lines_differ),
        cmocka_unit_test(texts_are_escaped),
        cmocka_unit_test(nothing_to_draw_is_refused),
        cmocka_unit_test(bars_keep_apart),
        cmocka_unit_test(bars_have_their_length),
        cmocka_unit_test(means_move),
        cmocka_unit_test(runs_are_joined),
        cmocka_unit_test(columns_stand_in_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
