/* progress.h - a line on standard error that says how far a long piece of work is, and how long it
 * will take.
 *
 * Shown only where standard error is a terminal, only when the work has taken a second, at most ten
 * times a second; taken away again at the end.
 */
#ifndef TERMINAL_PROGRESS_H
#define TERMINAL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
    const char *what;      /* "reading the prompt" */
    const char *unit;      /* "tokens"; "B" for bytes */
    uint64_t begun, shown; /* clock nanoseconds; shown 0: not on the screen */
    uint64_t first;        /* done when the work began: not counted into the speed */
    bool told;             /* progress_prompt was called: `first` is known */
    bool enabled;
};

struct progress progress_begin(const char *what, const char *unit);
/* `note` is appended to the line; may be NULL. */
void progress_step(struct progress *progress, uint64_t done, uint64_t total, const char *note);
/* The same with a line of one's own, cut where the terminal ends: progress_line shows it, where
 * progress_due says that it is time for one. */
bool progress_due(const struct progress *progress);
void progress_line(struct progress *progress, const char *line);
void progress_end(struct progress *progress);
/* A primer_progress whose context is a struct progress. */
void progress_prompt(void *context, size_t done, size_t total);

#endif
