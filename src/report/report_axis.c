/* report_axis.c - round ticks that have room for their labels.
 *
 * A tick is a whole number times a power of ten, and printed from these two, so that no label shows
 * a rounding error.
 */
#include "report/report_axis.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "report/report_svg.h"

enum { FEW = 6 };      /* parts of an axis, some of which stay without a label */
#define NEAR_ZERO 0.05 /* an axis that begins so near to 0 begins there */

/* number * 10^exponent */
struct round {
    int64_t number;
    int exponent;
};

static double value_of(struct round round)
{
    return round.exponent < 0 ? (double)round.number / pow(10, -round.exponent)
                              : (double)round.number * pow(10, round.exponent);
}

/* ---- labels ---------------------------------------------------------------------------------- */

/* How all labels of an axis are written: divided by 10^exponent, and this text behind. */
struct unit {
    int exponent;
    const char *sign; /* NULL: a power of ten is written out */
};

static struct unit unit_for(double least, double most)
{
    static const char *const signs[] = {"", "k", "M", "G", "T"};
    if (most > 0 && (least < 1e-3 || most >= 1e15))
        return (struct unit){(int)floor(log10(most) + 1e-9), NULL};
    const int thousands = most < 1e4 ? 0 : (int)floor((log10(most) + 1e-9) / 3);
    return (struct unit){3 * thousands, signs[thousands < 4 ? thousands : 4]};
}

/* Digits with the point `places` from the right; zeros are put behind for negative ones. */
static size_t print_decimal(int64_t number, int places, char *out, size_t capacity)
{
    char digits[64];
    int length = snprintf(digits, sizeof digits, "%0*" PRId64, places > 0 ? places + 1 : 1,
                          number < 0 ? -number : number);
    for (; places < 0 && length < (int)sizeof digits - 1; places++)
        digits[length++] = '0';
    digits[length] = '\0';
    const int whole = length - (places > 0 ? places : 0);
    return (size_t)snprintf(out, capacity, "%s%.*s%s%s", number < 0 ? "\xe2\x88\x92" : "", whole,
                            digits, places > 0 ? "." : "", digits + whole);
}

static void print_power(int exponent, char *out, size_t capacity)
{
    static const char *const raised[] = {
        "\xe2\x81\xb0", "\xc2\xb9",     "\xc2\xb2",     "\xc2\xb3",     "\xe2\x81\xb4",
        "\xe2\x81\xb5", "\xe2\x81\xb6", "\xe2\x81\xb7", "\xe2\x81\xb8", "\xe2\x81\xb9"};
    char digits[16];
    size_t used = (size_t)snprintf(out, capacity, "10%s", exponent < 0 ? "\xe2\x81\xbb" : "");
    snprintf(digits, sizeof digits, "%d", exponent < 0 ? -exponent : exponent);
    for (const char *d = digits; *d != '\0' && used < capacity; d++)
        used += (size_t)snprintf(out + used, capacity - used, "%s", raised[*d - '0']);
}

static void print_label(struct round round, struct unit unit, char *out, size_t capacity)
{
    const int places = unit.exponent - round.exponent;
    if (round.number == 0) {
        snprintf(out, capacity, "0");
        return;
    }
    const size_t used = print_decimal(round.number, places, out, capacity);
    if (unit.sign != NULL) {
        snprintf(out + used, capacity - used, "%s", unit.sign);
    } else if (unit.exponent != 0) {
        const size_t more = (size_t)snprintf(out + used, capacity - used, "\xc3\x97");
        print_power(unit.exponent, out + used + more, capacity - used - more);
    }
}

/* A label of a logarithmic axis stands for itself. */
static void print_log_label(struct round round, bool powers, char *out, size_t capacity)
{
    while (round.number != 0 && round.number % 10 == 0) {
        round.number /= 10;
        round.exponent++;
    }
    if (!powers) {
        print_label(round, (struct unit){0, ""}, out, capacity);
        if (value_of(round) < 1e4)
            return;
        /* 20000 as 20k, 1500000 as 1.5M */
        struct unit unit = unit_for(1, value_of(round));
        const int places = unit.exponent - round.exponent;
        const size_t used = print_decimal(round.number, places, out, capacity);
        snprintf(out + used, capacity - used, "%s", unit.sign);
        return;
    }
    const int digits = snprintf(NULL, 0, "%" PRId64, round.number);
    const int exponent = round.exponent + digits - 1;
    if (exponent == 0) {
        print_label(round, (struct unit){0, ""}, out, capacity);
    } else if (round.number == 1) {
        print_power(exponent, out, capacity);
    } else {
        const size_t used = print_decimal(round.number, digits - 1, out, capacity);
        const size_t more = (size_t)snprintf(out + used, capacity - used, "\xc3\x97");
        print_power(exponent, out + used + more, capacity - used - more);
    }
}

/* ---- room ------------------------------------------------------------------------------------ */

double report_axis_place(const struct report_axis *axis, double value)
{
    const double share = axis->logarithmic ? log(value / axis->low) / log(axis->high / axis->low)
                                           : (value - axis->low) / (axis->high - axis->low);
    return share * axis->pixels;
}

double report_axis_label_width(const struct report_axis *axis)
{
    double widest = 0;
    for (size_t i = 0; i < axis->count; i++)
        widest = fmax(widest, report_svg_text_width(axis->ticks[i].label, REPORT_SVG_SMALL));
    return widest;
}

/* How far a label reaches to either side, with some air. */
static double reach_of(const struct report_axis *axis, const struct report_tick *tick)
{
    return axis->vertical ? REPORT_SVG_SMALL * 0.8
                          : report_svg_text_width(tick->label, REPORT_SVG_SMALL) / 2 + 6;
}

/* Whether no label of each `stride`-th tick from `first` comes near the one before it. */
static bool has_room(const struct report_axis *axis, size_t first, size_t stride)
{
    double end = -HUGE_VAL;
    for (size_t i = first; i < axis->count; i += stride) {
        const double at = report_axis_place(axis, axis->ticks[i].value);
        const double reach = reach_of(axis, &axis->ticks[i]);
        if (at - reach < end)
            return false;
        end = at + reach;
    }
    return true;
}

static bool is_good(const struct report_axis *axis)
{
    return axis->count >= 2 && axis->count <= 12 && has_room(axis, 0, 1);
}

/* Where no round step has room for all labels, each n-th keeps its own. */
static void thin_out(struct report_axis *axis)
{
    for (size_t stride = 1; stride <= axis->count; stride++)
        for (size_t first = 0; first < stride; first++) {
            if (first + stride >= axis->count && stride < axis->count)
                continue; /* one label says nothing */
            if (!has_room(axis, first, stride))
                continue;
            for (size_t i = 0; i < axis->count; i++)
                if (i % stride != first)
                    *axis->ticks[i].label = '\0';
            return;
        }
}

static void add(struct report_axis *axis, double value, const char *label)
{
    const double slack = axis->logarithmic ? 1e-9 : 1e-9 * (axis->high - axis->low);
    const double low = axis->logarithmic ? axis->low * (1 - slack) : axis->low - slack;
    const double high = axis->logarithmic ? axis->high * (1 + slack) : axis->high + slack;
    if (value < low || value > high || axis->count == REPORT_TICKS_MOST)
        return;
    struct report_tick *const tick = &axis->ticks[axis->count++];
    tick->value = value;
    snprintf(tick->label, sizeof tick->label, "%s", label);
}

/* ---- linear ---------------------------------------------------------------------------------- */

/* The round step not below range / parts. */
static struct round step_for(double range, size_t parts)
{
    static const int64_t numbers[] = {1, 2, 5, 10};
    const double wanted = range / (double)parts;
    const int exponent = (int)floor(log10(wanted));
    for (size_t i = 0; i < 3; i++)
        if (value_of((struct round){numbers[i], exponent}) >= wanted * (1 - 1e-9))
            return (struct round){numbers[i], exponent};
    return (struct round){1, exponent + 1};
}

static void add_linear(struct report_axis *axis, struct round step)
{
    char label[REPORT_LABEL_MOST];
    const double size = value_of(step);
    const double first = ceil(axis->low / size - 1e-6), last = floor(axis->high / size + 1e-6);
    const double most = fmax(fabs(first), fabs(last)) * size;
    const struct unit unit = unit_for(most, most);
    axis->count = 0;
    for (double k = first; k <= last && axis->count < REPORT_TICKS_MOST; k++) {
        const struct round round = {(int64_t)k * step.number, step.exponent};
        print_label(round, unit, label, sizeof label);
        add(axis, value_of(round), label);
    }
}

static void make_linear(struct report_axis *axis)
{
    for (size_t parts = axis->vertical ? 8 : 10; parts > 0; parts--) {
        add_linear(axis, step_for(axis->high - axis->low, parts));
        if (is_good(axis))
            return;
    }
    add_linear(axis, step_for(axis->high - axis->low, FEW));
    thin_out(axis);
}

/* ---- logarithmic ----------------------------------------------------------------------------- */

/* Ticks at `numbers` of every `every`-th decade. */
static void add_decades(struct report_axis *axis, const int64_t *numbers, size_t count, int every)
{
    char label[REPORT_LABEL_MOST];
    const int first = (int)floor(log10(axis->low)), last = (int)ceil(log10(axis->high));
    const bool powers = axis->low < 0.999e-3 || axis->high >= 1e15;
    axis->count = 0;
    for (int decade = first; decade <= last; decade++)
        for (size_t i = 0; decade % every == 0 && i < count; i++) {
            const struct round round = {numbers[i], decade};
            print_log_label(round, powers, label, sizeof label);
            add(axis, value_of(round), label);
        }
}

/* What lies between the labels, as lines alone. */
static void add_minor(struct report_axis *axis)
{
    const int first = (int)floor(log10(axis->low)), last = (int)ceil(log10(axis->high));
    const size_t labelled = axis->count;
    for (int decade = first; last - first <= 8 && decade <= last; decade++)
        for (int64_t number = 1; number < 10; number++) {
            const double value = value_of((struct round){number, decade});
            bool there = false;
            for (size_t i = 0; i < labelled; i++)
                there = there || fabs(axis->ticks[i].value / value - 1) < 1e-9;
            if (!there)
                add(axis, value, "");
        }
}

/* The round steps of a linear axis. */
static void add_steps(struct report_axis *axis, struct round step)
{
    add_linear(axis, step);
    const bool powers = axis->low < 0.999e-3 || axis->high >= 1e15;
    for (size_t i = 0; powers && i < axis->count; i++) {
        struct report_tick *const tick = &axis->ticks[i];
        const int64_t k = llround(tick->value / value_of(step));
        print_log_label((struct round){k * step.number, step.exponent}, true, tick->label,
                        sizeof tick->label);
    }
}

/* Less than a decade. */
static bool make_narrow(struct report_axis *axis)
{
    for (size_t parts = 9; parts > 0; parts--) {
        add_steps(axis, step_for(axis->high - axis->low, parts));
        if (is_good(axis))
            return true;
    }
    return false;
}

static void make_logarithmic(struct report_axis *axis)
{
    static const struct {
        int64_t numbers[3];
        size_t count;
    } sets[] = {{{1, 2, 5}, 3}, {{1, 3}, 2}, {{1}, 1}, {{3}, 1}, {{2}, 1}, {{5}, 1}};
    const double decades = log10(axis->high / axis->low);
    if (decades < 1 && make_narrow(axis))
        return;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        add_decades(axis, sets[i].numbers, sets[i].count, 1);
        if (is_good(axis)) {
            add_minor(axis);
            return;
        }
    }
    for (int every = 2; every < 64; every++) {
        add_decades(axis, sets[2].numbers, 1, every);
        if (is_good(axis))
            return;
    }
    add_steps(axis, step_for(axis->high - axis->low, FEW));
    thin_out(axis);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void set_ends(struct report_axis *axis, double least, double most)
{
    const double air = axis->vertical ? 0.04 : 0;
    if (axis->logarithmic) {
        if (most / least < 1 + 1e-6)
            least /= 1.5, most *= 1.5;
        const double factor = pow(most / least, air);
        axis->low = least / factor;
        axis->high = most * factor;
        return;
    }
    if (most - least <= 1e-9 * fmax(fabs(most), fabs(least))) {
        const double reach = most == 0 ? 1 : 0.1 * fabs(most);
        least -= reach, most += reach;
    }
    if (most - least < 1 / REPORT_LARGEST) /* as 0 to the eye */
        least = -1, most = 1;
    const double more = air * (most - least);
    axis->low = least >= 0 && least < NEAR_ZERO * most ? 0 : least - more;
    axis->high = most + more;
}

void report_axis_make(struct report_axis *axis, double least, double most)
{
    set_ends(axis, least, most);
    axis->count = 0;
    if (axis->logarithmic)
        make_logarithmic(axis);
    else
        make_linear(axis);
}
