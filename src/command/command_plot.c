/* command_plot.c - primer plot: logs of training as a picture.
 *
 *   logs  ->  points (plot_log.c)  ->  lines, or with --group means and bands  ->  SVG (report/)
 *   --bars: lines of results  ->  bars (plot_bars.c)  ->  SVG (report/)
 */
#include "command/command.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "command/plot_bars.h"
#include "command/plot_log.h"
#include "report/report.h"
#include "terminal/output.h"

enum { LOGS_MOST = SETTINGS_ARGUMENTS, NOTE_MOST = 200 };

struct drawing {
    size_t logs, lines;
    struct plot_log points[LOGS_MOST];
    char *names[LOGS_MOST];                 /* of the logs */
    char *groups[LOGS_MOST];                /* of the lines */
    struct report_merged merged[LOGS_MOST]; /* of the lines; empty: a log as it is */
    struct report_series series[LOGS_MOST]; /* the lines */
};

/* ---- names ----------------------------------------------------------------------------------- */

/* "a/b/log.jsonl" is b, "a/b.jsonl" too, "log.jsonl" is log. */
static char *name_of(const char *path)
{
    const char *begin = file_base_name(path), *end = begin + strlen(begin);
    if (strcmp(begin, "log.jsonl") == 0 && begin > path + 1) {
        end = begin - 1;
        for (begin = end; begin > path && begin[-1] != '/';)
            begin--;
    } else if (strrchr(begin, '.') != NULL && strrchr(begin, '.') > begin) {
        end = strrchr(begin, '.');
    }
    return memory_copy_bytes(begin, (size_t)(end - begin));
}

/* What stands before the last dash or number: "small-1" and "small-b" are runs of "small". */
static char *group_of(const char *name)
{
    size_t length = strlen(name);
    while (length > 0 && strchr("-0123456789", name[length - 1]) == NULL)
        length--;
    while (length > 0 && strchr("0123456789", name[length - 1]) != NULL)
        length--;
    while (length > 0 && strchr("-_. ", name[length - 1]) != NULL)
        length--;
    return memory_copy_bytes(name, length > 0 ? length : strlen(name));
}

static primer_status take_names(struct drawing *drawing, const struct settings *settings,
                                primer_error *error)
{
    const char *at = settings->names;
    for (size_t i = 0; i < drawing->logs; i++) {
        const size_t length = at != NULL ? strcspn(at, ",") : 0;
        drawing->names[i] =
            at != NULL ? memory_copy_bytes(at, length) : name_of(settings->arguments[i]);
        if (drawing->names[i] == NULL)
            return memory_failure(error, "a name", length);
        if (at == NULL)
            continue;
        at += length;
        if ((*at == ',') != (i + 1 < drawing->logs))
            return error_set(error, PRIMER_EINVAL,
                             "--names: found %s names than logs, expected %zu",
                             *at == ',' ? "more" : "fewer", drawing->logs);
        at++;
    }
    return PRIMER_OK;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static primer_status smooth(struct plot_log *log, size_t window, primer_error *error)
{
    double *const means = memory_allocate(log->count, sizeof *means);
    if (means == NULL)
        return memory_failure(error, "a line's means", log->count * sizeof *means);
    report_smooth(log->y, log->count, window, means);
    memory_free(log->y);
    log->y = means;
    return PRIMER_OK;
}

static primer_status add_line(struct drawing *drawing, size_t line, primer_error *error)
{
    struct report_series runs[LOGS_MOST];
    size_t count = 0, last = 0;
    for (size_t i = 0; i < drawing->logs; i++) {
        const struct plot_log *const log = &drawing->points[i];
        char *const group = group_of(drawing->names[i]);
        if (group == NULL)
            return memory_failure(error, "a name", 0);
        if (strcmp(group, drawing->groups[line]) == 0) {
            runs[count++] = (struct report_series){NULL, log->x, log->y, NULL, NULL, log->count};
            last = i;
        }
        memory_free(group);
    }
    if (count == 1) { /* a run alone keeps its name */
        drawing->series[line] = runs[0];
        drawing->series[line].name = drawing->names[last];
        return PRIMER_OK;
    }
    struct report_merged *const merged = &drawing->merged[line];
    const primer_status status = report_merge(runs, count, merged, error);
    if (status != PRIMER_OK) {
        error_prefix(error, "--group: %s", drawing->groups[line]);
        return status;
    }
    drawing->series[line] = (struct report_series){
        drawing->groups[line], merged->x, merged->y, merged->low, merged->high, merged->count};
    return PRIMER_OK;
}

/* Each group in the order of its first run. */
static primer_status group(struct drawing *drawing, primer_error *error)
{
    for (size_t i = 0; i < drawing->logs; i++) {
        char *const name = group_of(drawing->names[i]);
        bool known = false;
        if (name == NULL)
            return memory_failure(error, "a name", 0);
        for (size_t line = 0; line < drawing->lines; line++)
            known = known || strcmp(drawing->groups[line], name) == 0;
        if (known)
            memory_free(name);
        else
            drawing->groups[drawing->lines++] = name;
    }
    for (size_t line = 0; line < drawing->lines; line++)
        FORWARD(add_line(drawing, line, error));
    return PRIMER_OK;
}

static primer_status make_lines(struct drawing *drawing, const struct settings *settings,
                                primer_error *error)
{
    static const char *const axes[] = {"steps", "tokens", "hours", "operations"};
    enum plot_log_x x = PLOT_LOG_STEPS;
    const struct plot_log_y *const y =
        plot_log_y_named(settings->plot_y != NULL ? settings->plot_y : "loss");
    for (size_t i = 0; settings->plot_x != NULL && i < sizeof axes / sizeof *axes; i++)
        if (strcmp(axes[i], settings->plot_x) == 0)
            x = (enum plot_log_x)i;
    for (size_t i = 0; i < drawing->logs; i++) {
        FORWARD(plot_log_read(settings->arguments[i], x, y, &drawing->points[i], error));
        if (settings->grouped && settings->smooth > 1)
            FORWARD(smooth(&drawing->points[i], settings->smooth, error));
    }
    if (settings->grouped)
        return group(drawing, error);
    for (drawing->lines = 0; drawing->lines < drawing->logs; drawing->lines++) {
        const struct plot_log *const log = &drawing->points[drawing->lines];
        drawing->series[drawing->lines] = (struct report_series){
            drawing->names[drawing->lines], log->x, log->y, NULL, NULL, log->count};
    }
    return PRIMER_OK;
}

/* ---- the picture ----------------------------------------------------------------------------- */

static const char *note_of(const struct drawing *drawing, const struct settings *settings,
                           char out[NOTE_MOST])
{
    bool bands = false;
    size_t used = 0;
    for (size_t i = 0; i < drawing->lines; i++)
        bands = bands || drawing->series[i].low != NULL;
    *out = '\0';
    if (bands)
        used = (size_t)snprintf(out, NOTE_MOST,
                                "line: mean of the seeds; band: from the least to the most%s",
                                settings->smooth > 1 ? "; " : "");
    if (settings->smooth > 1)
        snprintf(out + used, NOTE_MOST - used,
                 settings->grouped ? "each the mean of %zu logged points"
                                   : "thin: as logged; bold: mean of %zu logged points",
                 settings->smooth);
    return *out != '\0' ? out : NULL;
}

static primer_status draw(const struct drawing *drawing, const struct settings *settings,
                          struct buffer *out, primer_error *error)
{
    char note[NOTE_MOST];
    const char *const x = settings->plot_x != NULL ? settings->plot_x : "steps";
    const struct report_chart chart = {
        .title = settings->title,
        .note = note_of(drawing, settings, note),
        .x_title = strcmp(x, "steps") == 0 ? "step" : x,
        .y_title = plot_log_y_named(settings->plot_y != NULL ? settings->plot_y : "loss")->title,
        .x_log = settings->log_x,
        .y_log = settings->log_y,
        .smooth = settings->grouped ? 0 : settings->smooth,
        .series = drawing->series,
        .count = drawing->lines};
    return report_chart_svg(&chart, out, error);
}

static primer_status draw_bars(const struct settings *settings, struct buffer *out,
                               primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct plot_bars made = {0};
    for (size_t i = 0; i < settings->argument_count; i++)
        TRY(plot_bars_read(settings->arguments[i], &made, error));
    const struct report_bars bars = {.title = settings->title,
                                     .note = made.note,
                                     .x_title = made.axis,
                                     .bars = made.bars,
                                     .count = made.count};
    status = report_bars_svg(&bars, out, error);

cleanup:
    plot_bars_free(&made);
    return status;
}

static primer_status write_picture(const char *path, const struct buffer *picture,
                                   primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct file_writer writer = {0};
    if (strcmp(path, "-") == 0)
        return output_write(picture->bytes, picture->length, error);
    TRY(file_writer_open(&writer, path, error));
    TRY(file_writer_write(&writer, picture->bytes, picture->length, error));
    status = file_writer_commit(&writer, error);

cleanup:
    file_writer_abandon(&writer);
    return status;
}

static void free_drawing(struct drawing *drawing)
{
    for (size_t i = 0; i < LOGS_MOST; i++) {
        plot_log_free(&drawing->points[i]);
        report_merged_free(&drawing->merged[i]);
        memory_free(drawing->names[i]);
        memory_free(drawing->groups[i]);
    }
    memory_free(drawing);
}

static int run(struct settings *settings)
{
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    struct buffer picture = {0};
    if (settings->output == NULL)
        return command_misused(
            settings->command,
            "-o FILE is missing: the picture to write, or - for standard output");
    struct drawing *const drawing = memory_allocate(1, sizeof *drawing);
    if (drawing == NULL) {
        memory_failure(error, "a drawing", sizeof *drawing);
        return command_failed(error);
    }
    drawing->logs = settings->argument_count;
    if (strcmp(settings->output, "-") != 0)
        TRY(file_check_output(settings->output, settings->arguments, settings->argument_count,
                              error));
    if (settings->bars) {
        TRY(draw_bars(settings, &picture, error));
    } else {
        TRY(take_names(drawing, settings, error));
        TRY(make_lines(drawing, settings, error));
        TRY(draw(drawing, settings, &picture, error));
    }
    TRY(write_picture(settings->output, &picture, error));

cleanup:
    buffer_free(&picture);
    free_drawing(drawing);
    return status == PRIMER_OK ? EXIT_CODE_OK : command_failed(error);
}

const struct command command_plot = {
    .name = "plot",
    .group = "Teach",
    .arguments = "LOG...",
    .summary = "draw the logs of training as a picture (SVG)",
    .teaching =
        "Examples\n"
        "  primer plot run/log.jsonl -o loss.svg\n"
        "  primer plot a/log.jsonl b/log.jsonl --y evaluation --x tokens --log-x -o compare.svg\n"
        "  primer plot tiny-*/log.jsonl small-*/log.jsonl --group --smooth 20 -o seeds.svg\n"
        "  primer plot --bars results.jsonl -o bars.svg\n\n"
        "A log's name is that of its folder, unless --names says another. With --group, names that "
        "differ\n"
        "only behind their last dash or number (tiny-1, tiny-2) are one line, the mean, in a band "
        "from the\n"
        "least to the most. Where a run went on from a checkpoint, its later lines hold.\n\n"
        "With --bars a line is a bar: {\"name\": \"raw\", \"value\": 2.1, \"low\": 2.0, \"high\": "
        "2.2}, with or without\n"
        "the interval; one without a name may say \"axis\" and \"note\".\n",
    .bit = COMMAND_PLOT,
    .least = 1,
    .most = LOGS_MOST,
    .run = run,
};
