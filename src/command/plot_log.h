/* plot_log.h - a trainer's log as points to draw.
 *
 *   {"event":"start","operations_per_token":x, ...}
 *   {"event":"step","step":n,"tokens":n,"loss":x,"rate":x,"norm":x,"tokens_per_second":x,
 *    "seconds":x, ...}
 *   {"event":"evaluate","step":n,"tokens":n,"loss":x,"bits_per_byte":x,"seconds":x}
 *
 * A run that went on from a checkpoint has appended to its log: what a later line says of a step
 * holds, and what was logged of steps past it is forgotten. Its seconds may count from its own
 * start; time goes on from what is kept. null is a gap; lines of other events are passed over.
 */
#ifndef COMMAND_PLOT_LOG_H
#define COMMAND_PLOT_LOG_H

#include <stddef.h>
#include "base/error.h"

enum plot_log_x { PLOT_LOG_STEPS, PLOT_LOG_TOKENS, PLOT_LOG_HOURS, PLOT_LOG_OPERATIONS };

/* What is drawn: a member of the lines of one event. */
struct plot_log_y {
    const char *name; /* as --y names it */
    const char *event, *member, *title;
};
const struct plot_log_y *plot_log_y_named(const char *name); /* NULL: none */

struct plot_log {
    double *x, *y;
    size_t count;
};
/* A bad line is an error that names file and line; a last line without its end is being written,
 * and passed over if it is bad. */
primer_status plot_log_read(const char *path, enum plot_log_x x, const struct plot_log_y *y,
                            struct plot_log *log, primer_error *error);
void plot_log_free(struct plot_log *log);

#endif
