/* data_work.h - what the verbs of primer data share: a long piece of work with a line of progress,
 * its time, and Ctrl-C.
 *
 * Ctrl-C and the signals that end a program only set a flag: the next report of progress says that
 * it is to stop, and the work takes its unfinished files away, or leaves what it can go on with.
 */
#ifndef COMMAND_DATA_WORK_H
#define COMMAND_DATA_WORK_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buffer.h"
#include "terminal/progress.h"

struct data_work {
    struct progress progress;
    uint64_t begun;
    double seconds; /* once it has ended */
};

/* As progress_begin; signals are held from now on. */
struct data_work data_work_begin(const char *what, const char *unit);
/* For options that want to be told of progress; their context is a struct progress. False once a
 * signal came. */
bool data_work_report(void *progress, uint64_t done, uint64_t all);
/* Says a line of its own, by the name of the program; `progress` as above. */
void data_work_tell(void *progress, const char *line);
/* One line on standard error for work that a signal stopped: how far it was, which its error says, and
 * what becomes of it. Before data_work_end, which may end the program. */
void data_work_say_stopped(struct data_work *work, const primer_error *error);
/* Takes the line away. Work that a signal stopped ends the program as that signal does. */
void data_work_end(struct data_work *work, primer_status status);

/* "null", or the text of the first of `bad` lines that couldn't be read. */
primer_status data_work_first_bad(struct buffer *out, uint64_t bad, const char *first_bad,
                                  primer_error *error);
double data_work_ratio(uint64_t a, uint64_t b); /* 0 for b = 0 */

#endif
