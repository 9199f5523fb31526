/* data_work.c - long work of the data verbs. Declared in data_work.h. */
#include "command/data_work.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "terminal/interrupt.h"

struct data_work data_work_begin(const char *what, const char *unit)
{
    const struct data_work work = {.progress = progress_begin(what, unit),
                                   .begun = clock_nanoseconds()};
    interrupt_install(NULL);
    interrupt_hold();
    return work;
}

bool data_work_report(void *progress, uint64_t done, uint64_t all)
{
    progress_step(progress, done, all, NULL);
    return !interrupt_seen();
}

void data_work_tell(void *progress, const char *line)
{
    progress_end(progress);
    fprintf(stderr, "primer: %s\n", line);
}

void data_work_say_stopped(struct data_work *work, const primer_error *error)
{
    if (error->status == PRIMER_ECANCELED && interrupt_seen())
        data_work_tell(&work->progress, error->message);
}

void data_work_end(struct data_work *work, primer_status status)
{
    progress_end(&work->progress);
    work->seconds = clock_seconds_since(work->begun);
    if (status == PRIMER_ECANCELED)
        interrupt_end();
}

primer_status data_work_first_bad(struct buffer *out, uint64_t bad, const char *first_bad,
                                  primer_error *error)
{
    return bad == 0 ? buffer_text(out, "null", error)
                    : buffer_json_string(out, first_bad, strlen(first_bad), error);
}

double data_work_ratio(uint64_t a, uint64_t b)
{
    return b == 0 ? 0.0 : (double)a / (double)b;
}
