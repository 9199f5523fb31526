/* plot_bars.h - results as bars to draw.
 *
 *   {"axis":"bits a byte","note":"what stands below the title"}     once, or not at all
 *   {"name":"raw","value":2.1,"low":2.0,"high":2.2, ...}            a bar; an interval where both
 *                                                                   ends are there and no null
 */
#ifndef COMMAND_PLOT_BARS_H
#define COMMAND_PLOT_BARS_H

#include <stddef.h>
#include "base/error.h"
#include "report/report.h"

struct plot_bars {
    struct report_bar *bars; /* their names belong to them */
    size_t count, capacity;
    char *axis, *note; /* or NULL */
};

/* Appends what a file has. A bad line is an error that names file and line. */
primer_status plot_bars_read(const char *path, struct plot_bars *bars, primer_error *error);
void plot_bars_free(struct plot_bars *bars);

#endif
