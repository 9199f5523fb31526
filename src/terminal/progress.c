/* progress.c - the progress line: "reading the prompt  34 % (700 of 2,048 tokens), 3.1 s left". */
#include "terminal/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "terminal/render.h"

#define SECOND 1000000000ULL

struct progress progress_begin(const char *what, const char *unit)
{
    return (struct progress){.what = what,
                             .unit = unit,
                             .begun = clock_nanoseconds(),
                             .enabled = isatty(STDERR_FILENO) != 0 && !render_dumb()};
}

static const char *amount(const struct progress *progress, uint64_t value, char out[RENDER_TEXT])
{
    return strcmp(progress->unit, "B") == 0 ? render_bytes(value, out) : render_count(value, out);
}

/* A line that wraps could not be written over: as much of it as the terminal is wide, to the begin
 * of a character. */
static void show(const char *line)
{
    const size_t columns = render_columns(STDERR_FILENO);
    size_t length = strlen(line);
    if (columns > 1 && length >= columns)
        for (length = columns - 1; length > 0 && ((unsigned char)line[length] & 0xC0) == 0x80;)
            length--;
    fprintf(stderr, "\r\033[K%.*s", (int)length, line);
    fflush(stderr);
}

bool progress_due(const struct progress *progress)
{
    const uint64_t now = clock_nanoseconds();
    return progress->enabled && now - progress->begun >= SECOND &&
           (progress->shown == 0 || now - progress->shown >= SECOND / 10);
}

void progress_line(struct progress *progress, const char *line)
{
    progress->shown = clock_nanoseconds();
    show(line);
}

void progress_step(struct progress *progress, uint64_t done, uint64_t total, const char *note)
{
    if (total == 0 || !progress_due(progress))
        return;
    const uint64_t now = clock_nanoseconds();
    char of[RENDER_TEXT], all[RENDER_TEXT], left[RENDER_TEXT] = "";
    const double seconds = (double)(now - progress->begun) * 1e-9;
    const uint64_t counted = done > progress->first ? done - progress->first : 0;
    if (counted > 0 && done < total)
        render_duration(seconds * (double)(total - done) / (double)counted, left);
    const char *unit = strcmp(progress->unit, "B") == 0 ? "" : progress->unit;
    char line[1024];
    snprintf(line, sizeof line, "%s  %.0f %% (%s of %s%s%s)%s%s%s%s%s", progress->what,
             100.0 * (double)done / (double)total, amount(progress, done, of),
             amount(progress, total, all), *unit ? " " : "", unit, *left ? ", " : "", left,
             *left ? " left" : "", note == NULL ? "" : "  ", note == NULL ? "" : note);
    progress_line(progress, line);
}

void progress_end(struct progress *progress)
{
    if (progress->shown != 0)
        fputs("\r\033[K", stderr);
    progress->shown = 0;
}

void progress_prompt(void *context, size_t done, size_t total)
{
    struct progress *const progress = context;
    if (!progress->told)
        progress->first = done;
    progress->told = true;
    progress_step(progress, done, total, NULL);
}
