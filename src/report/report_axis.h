/* report_axis.h - an axis: its ends, and ticks at round values with their labels.
 *
 *   linear        steps of 1, 2 or 5 times a power of ten
 *   logarithmic   1, 2, 5 of every decade; or 1 and 3; or the decades; or every n-th; below a
 *                 decade, round steps as on a linear one
 *
 * Of those the densest is taken whose labels have room beside each other. Where numbers are large
 * the labels have a unit (k, M, G, T), where they are small or huge a power of ten.
 */
#ifndef REPORT_REPORT_AXIS_H
#define REPORT_REPORT_AXIS_H

#include <stdbool.h>
#include <stddef.h>

#define REPORT_TICKS_MOST 160
#define REPORT_LABEL_MOST 40    /* bytes */
#define REPORT_LARGEST    1e100 /* beyond it, and nearer to 0 than its inverse, ends have no room */

struct report_tick {
    double value;
    char label[REPORT_LABEL_MOST]; /* "": a line of the grid alone */
};

struct report_axis {
    bool logarithmic, vertical;
    double low, high; /* of the axis; the data lie within */
    double pixels;    /* its length */
    struct report_tick ticks[REPORT_TICKS_MOST];
    size_t count;
};

/* An axis for data from `least` to `most` (up to REPORT_LARGEST to either side of 0; if logarithmic
 * from its inverse); a vertical one gets some air at its ends. */
void report_axis_make(struct report_axis *axis, double least, double most);
/* Pixels from the axis's low end. */
double report_axis_place(const struct report_axis *axis, double value);
/* The widest label, in pixels. */
double report_axis_label_width(const struct report_axis *axis);

#endif
