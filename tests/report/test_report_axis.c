/* test_report_axis.c - ticks: round, inside, as many as have room; labels that say their value. */
#include "report/report_axis.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "report/report_svg.h"

static struct report_axis made(bool logarithmic, bool vertical, double pixels, double least,
                               double most)
{
    struct report_axis axis = {.logarithmic = logarithmic, .vertical = vertical, .pixels = pixels};
    report_axis_make(&axis, least, most);
    return axis;
}

/* Labels by blanks. */
static void labels_are(const struct report_axis *axis, const char *expected)
{
    char found[1024] = "";
    for (size_t i = 0; i < axis->count; i++)
        if (*axis->ticks[i].label != '\0') {
            strcat(found, *found != '\0' ? " " : "");
            strcat(found, axis->ticks[i].label);
        }
    assert_string_equal(found, expected);
}

static void linear_steps_are_round(void **state)
{
    (void)state;
    struct report_axis axis = made(false, false, 700, 0, 1000);
    labels_are(&axis, "0 100 200 300 400 500 600 700 800 900 1000");
    axis = made(false, false, 700, 0, 20000);
    labels_are(&axis, "0 2k 4k 6k 8k 10k 12k 14k 16k 18k 20k");
    axis = made(false, false, 300, 0, 163840000);
    labels_are(&axis, "0 50M 100M 150M");
    axis = made(false, true, 340, 1.5, 3.6);
    labels_are(&axis, "1.5 2.0 2.5 3.0 3.5");
    axis = made(false, true, 340, -0.2, 0.3);
    labels_are(&axis, "\xe2\x88\x92"
                      "0.2 \xe2\x88\x92"
                      "0.1 0 0.1 0.2 0.3");
    axis = made(false, true, 340, 0, 6e-4);
    labels_are(&axis, "0 1\xc3\x97"
                      "10\xe2\x81\xbb\xe2\x81\xb4 2\xc3\x97"
                      "10\xe2\x81\xbb\xe2\x81\xb4 "
                      "3\xc3\x97"
                      "10\xe2\x81\xbb\xe2\x81\xb4 4\xc3\x97"
                      "10\xe2\x81\xbb\xe2\x81\xb4 "
                      "5\xc3\x97"
                      "10\xe2\x81\xbb\xe2\x81\xb4 6\xc3\x97"
                      "10\xe2\x81\xbb\xe2\x81\xb4");
    axis = made(false, false, 200, 0, 1.2e6);
    labels_are(&axis, "0 0.5M 1.0M");
}

static void logarithmic_steps_are_round(void **state)
{
    (void)state;
    struct report_axis axis = made(true, false, 700, 10, 30000);
    labels_are(&axis, "10 20 50 100 200 500 1000 2000 5000 10k 20k");
    axis = made(true, false, 700, 1, 1e9);
    labels_are(&axis, "1 10 100 1000 10k 100k 1M 10M 100M 1G");
    axis = made(true, true, 320, 1.9, 8.4);
    labels_are(&axis, "2 3 4 5 6 7 8");
    axis = made(true, true, 320, 1e-5, 1e-2);
    labels_are(&axis, "10\xe2\x81\xbb\xe2\x81\xb5 2\xc3\x97"
                      "10\xe2\x81\xbb\xe2\x81\xb5 "
                      "5\xc3\x97"
                      "10\xe2\x81\xbb\xe2\x81\xb5 10\xe2\x81\xbb\xe2\x81\xb4 "
                      "2\xc3\x97"
                      "10\xe2\x81\xbb\xe2\x81\xb4 5\xc3\x97"
                      "10\xe2\x81\xbb\xe2\x81\xb4 "
                      "10\xe2\x81\xbb\xc2\xb3 2\xc3\x97"
                      "10\xe2\x81\xbb\xc2\xb3 "
                      "5\xc3\x97"
                      "10\xe2\x81\xbb\xc2\xb3 10\xe2\x81\xbb\xc2\xb2");
    axis = made(true, false, 300, 1, 1e30);
    assert_true(axis.count >= 3);
    assert_true(axis.ticks[1].value / axis.ticks[0].value >= 99);
}

static void an_axis_begins_at_zero_where_it_is_near(void **state)
{
    (void)state;
    struct report_axis axis = made(false, false, 700, 10, 20000);
    assert_true(axis.low == 0 && axis.high == 20000);
    axis = made(false, false, 700, 15000, 20000);
    assert_true(axis.low == 15000);
    axis = made(false, true, 300, 5, 5);
    assert_true(axis.low < 5 && axis.high > 5 && axis.count >= 2);
    axis = made(false, true, 300, 0, 0);
    assert_true(axis.low < 0 && axis.high > 0 && axis.count >= 2);
    axis = made(true, true, 300, 5, 5);
    assert_true(axis.low < 5 && axis.high > 5 && axis.count >= 2);
}

/* A label as a number again. */
static double number_of(const char *label)
{
    static const char *const raised[] = {
        "\xe2\x81\xb0", "\xc2\xb9",     "\xc2\xb2",     "\xc2\xb3",     "\xe2\x81\xb4",
        "\xe2\x81\xb5", "\xe2\x81\xb6", "\xe2\x81\xb7", "\xe2\x81\xb8", "\xe2\x81\xb9"};
    const bool negative = strncmp(label, "\xe2\x88\x92", 3) == 0;
    char *end = NULL;
    double value = strtod(negative ? label + 3 : label, &end);
    bool power = strncmp(end,
                         "\xc3\x97"
                         "10",
                         4) == 0;
    if (power)
        end += 4;
    else if (value == 10 && *end != '\0' && strchr("kMGT", *end) == NULL)
        value = 1, power = true; /* 10 to a power */
    if (power) {
        const bool below = strncmp(end, "\xe2\x81\xbb", 3) == 0;
        int exponent = 0;
        end += below ? 3 : 0;
        while (*end != '\0')
            for (int d = 0; d < 10; d++)
                if (strncmp(end, raised[d], strlen(raised[d])) == 0) {
                    exponent = exponent * 10 + d;
                    end += strlen(raised[d]);
                    break;
                }
        value *= pow(10, below ? -exponent : exponent);
    } else if (*end != '\0') {
        assert_non_null(strchr("kMGT", *end));
        value *= *end == 'k' ? 1e3 : *end == 'M' ? 1e6 : *end == 'G' ? 1e9 : 1e12;
    }
    return negative ? -value : value;
}

/* Mantissa 1, 2 or 5. */
static bool is_round(double step)
{
    const double mantissa = step / pow(10, floor(log10(step) + 1e-6));
    return fabs(mantissa - 1) < 1e-5 || fabs(mantissa - 2) < 1e-5 || fabs(mantissa - 5) < 1e-5;
}

static void check_axis(const struct report_axis *axis, double least, double most)
{
    double end = -1e9, before = 0;
    size_t labelled = 0;
    assert_true(axis->low <= least && axis->high >= most);
    for (size_t i = 0; i < axis->count; i++) {
        const struct report_tick *const tick = &axis->ticks[i];
        const double at = report_axis_place(axis, tick->value);
        assert_true(at >= -1e-3 && at <= axis->pixels + 1e-3);
        if (i > 0 && !axis->logarithmic)
            assert_true(is_round(tick->value - before));
        before = tick->value;
        if (*tick->label == '\0')
            continue;
        const double half = axis->vertical
                                ? REPORT_SVG_SMALL / 2
                                : report_svg_text_width(tick->label, REPORT_SVG_SMALL) / 2;
        assert_true(at - half > end);
        end = at + half;
        const double said = number_of(tick->label), scale = fmax(fabs(tick->value), 1e-300);
        if (fabs(said - tick->value) > 1e-9 * scale + (tick->value == 0 ? 1e-300 : 0))
            fail_msg("\"%s\" stands at %.17g", tick->label, tick->value);
        labelled++;
    }
    if (labelled < 2 || labelled > 12)
        fail_msg("%zu labels from %g to %g on %g pixels", labelled, least, most, axis->pixels);
}

static void any_range_has_ticks_with_room(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 7);
    for (size_t i = 0; i < 20000; i++) {
        const bool logarithmic = i % 2 != 0, vertical = i % 4 < 2;
        const double pixels = 240 + 460 * random_unit(&random);
        double least = pow(10, 24 * random_unit(&random) - 10), most;
        if (logarithmic) {
            most = least * pow(10, 0.01 + 12 * random_unit(&random) * random_unit(&random));
        } else {
            most = least + pow(10, log10(least) + 6 * random_unit(&random) - 4);
            if (i % 8 >= 4)
                least = -least;
        }
        const struct report_axis axis = made(logarithmic, vertical, pixels, least, most);
        check_axis(&axis, least, most);
    }
}

/* Ends as far as an axis promises, and what is 0 to the eye. */
static void ends_may_be_extreme(void **state)
{
    (void)state;
    static const double ends[][2] = {{-REPORT_LARGEST, REPORT_LARGEST},
                                     {0, REPORT_LARGEST},
                                     {1e-310, 3e-310},
                                     {5e-324, 5e-324},
                                     {-1e-120, 1e-120}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const struct report_axis axis = made(false, i % 2 == 0, 400, ends[i][0], ends[i][1]);
        check_axis(&axis, ends[i][0], ends[i][1]);
    }
    const struct report_axis axis = made(true, true, 400, 1 / REPORT_LARGEST, REPORT_LARGEST);
    check_axis(&axis, 1 / REPORT_LARGEST, REPORT_LARGEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_steps_are_round),
        cmocka_unit_test(logarithmic_steps_are_round),
        cmocka_unit_test(an_axis_begins_at_zero_where_it_is_near),
        cmocka_unit_test(any_range_has_ticks_with_room),
        cmocka_unit_test(ends_may_be_extreme),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
