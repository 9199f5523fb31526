/* data_verb_filter.c - primer data filter: texts kept or left out by what rated ones teach.
 *
 * Ctrl-C and the signals that end a program only set a flag: the next report of progress says that
 * it is to stop, and unfinished files are taken away.
 */
#include "command/command.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "command/data_work.h"
#include "data/data.h"
#include "terminal/interrupt.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "terminal/render.h"

#define PHASES 3

struct phases {
    struct progress progress[PHASES];
    bool begun[PHASES];
};

static bool report(void *context, enum data_filter_phase phase, uint64_t done, uint64_t all)
{
    static const char *const names[PHASES] = {"embedding ratings", "learning", "scoring"};
    static const char *const units[PHASES] = {"ratings", "fits", "B"};
    struct phases *const phases = context;
    for (size_t i = 0; i < (size_t)phase; i++)
        if (phases->begun[i])
            progress_end(&phases->progress[i]);
    if (!phases->begun[phase])
        phases->progress[phase] = progress_begin(names[phase], units[phase]);
    phases->begun[phase] = true;
    progress_step(&phases->progress[phase], done, all, NULL);
    return !interrupt_seen();
}

static void tell(void *context, const char *line)
{
    struct phases *const phases = context;
    for (size_t i = 0; i < PHASES; i++)
        if (phases->begun[i])
            progress_end(&phases->progress[i]);
    fprintf(stderr, "primer: %s\n", line);
}

static void end_phases(struct phases *phases)
{
    for (size_t i = 0; i < PHASES; i++)
        if (phases->begun[i])
            progress_end(&phases->progress[i]);
}

static primer_status figures_json(const char *name, const struct data_filter_figures *figures,
                                  struct buffer *out, primer_error *error)
{
    return buffer_format(out, error,
                         ",\"%s\":{\"samples\":%zu,\"labelled\":%zu,\"kept\":%zu,\"hits\":%zu,"
                         "\"precision\":%.4f,\"recall\":%.4f,\"f1\":%.4f,\"low\":%.4f,"
                         "\"high\":%.4f,\"roc\":%.4f}",
                         name, figures->samples, figures->labelled, figures->kept, figures->hits,
                         figures->precision, figures->recall, figures->f1, figures->low,
                         figures->high, figures->order);
}

static primer_status rows_json(const struct data_filter_summary *summary, struct buffer *out,
                               primer_error *error)
{
    FORWARD(buffer_text(out, ",\"methods\":[", error));
    for (size_t i = 0; i < summary->row_count; i++) {
        const struct data_filter_row *const row = &summary->rows[i];
        FORWARD(buffer_format(out, error, "%s{\"method\":\"%s\",\"on\":\"%s\",\"chosen\":%s",
                              i > 0 ? "," : "", row->method, row->columns,
                              row->chosen ? "true" : "false"));
        FORWARD(figures_json("folds", &row->cross, out, error));
        FORWARD(figures_json("held_out", &row->held, out, error));
        FORWARD(buffer_text(out, "}", error));
    }
    FORWARD(buffer_text(out, "],\"curve\":[", error));
    for (size_t i = 0; summary->row_count > 0 && i < DATA_FILTER_CURVE; i++)
        FORWARD(buffer_format(out, error, "%s{\"samples\":%zu,\"f1\":%.4f,\"roc\":%.4f}",
                              i > 0 ? "," : "", summary->curve[i].samples, summary->curve[i].f1,
                              summary->curve[i].order));
    return buffer_text(out, "]", error);
}

static primer_status summary_json(const char *path, const struct data_filter_summary *summary,
                                  struct buffer *out, primer_error *error)
{
    FORWARD(buffer_text(out, "{\"path\":", error));
    FORWARD(buffer_json_string(out, path, strlen(path), error));
    FORWARD(buffer_format(
        out, error,
        ",\"model\":\"%016" PRIx64 "\",\"dimensions\":%zu,\"tokens\":%zu,\"lines\":%zu,"
        "\"threshold\":%g,\"cut\":%.9g,\"method\":\"%s\",\"ratings\":%zu,\"missing\":%zu,"
        "\"labelled\":%zu,\"training\":%zu,\"held_out\":%zu,\"files\":%" PRIu64
        ",\"samples\":%" PRIu64 ",\"kept\":%" PRIu64 ",\"rejected\":%" PRIu64
        ",\"kept_bytes\":%" PRIu64 ",\"rejected_bytes\":%" PRIu64 ",\"empty\":%" PRIu64
        ",\"bad\":%" PRIu64 ",\"first_bad\":",
        summary->identity, summary->dimensions, summary->tokens, summary->lines, summary->threshold,
        summary->cut, summary->forest ? "forest" : "linear", summary->ratings, summary->missing,
        summary->labelled, summary->training, summary->held, summary->files, summary->samples,
        summary->kept, summary->rejected, summary->kept_bytes, summary->rejected_bytes,
        summary->empty, summary->bad));
    FORWARD(data_work_first_bad(out, summary->bad, summary->first_bad, error));
    FORWARD(rows_json(summary, out, error));
    return buffer_format(out, error, ",\"seconds\":[%.3f,%.3f,%.3f]}\n", summary->seconds[0],
                         summary->seconds[1], summary->seconds[2]);
}

static primer_status summary_text(const char *path, const struct data_filter_summary *summary,
                                  struct buffer *out, primer_error *error)
{
    char a[RENDER_TEXT], b[RENDER_TEXT], c[RENDER_TEXT], time[RENDER_TEXT];
    if (summary->row_count > 0) {
        FORWARD(buffer_format(out, error,
                              "%zu ratings, %zu from %g on; %zu without a text; learned from %zu, "
                              "%zu held out\n",
                              summary->ratings, summary->labelled, summary->threshold,
                              summary->missing, summary->training, summary->held));
        FORWARD(data_filter_report_table(summary, out, error));
    }
    FORWARD(buffer_format(
        out, error, "%s: %s of %s samples kept, %s; the first %zu tokens of each; in %s\n", path,
        render_count(summary->kept, a), render_count(summary->samples, b),
        render_bytes(summary->kept_bytes, c), summary->tokens,
        render_duration(summary->seconds[0] + summary->seconds[1] + summary->seconds[2], time)));
    if (summary->empty > 0)
        FORWARD(buffer_format(out, error, "  left out: %s without a text\n",
                              render_count(summary->empty, a)));
    if (summary->bad > 0)
        FORWARD(buffer_format(out, error, "  left out: %s that can't be read; the first: %s\n",
                              render_count(summary->bad, a), summary->first_bad));
    return PRIMER_OK;
}

static bool read_threshold(const char *text, double *threshold)
{
    char *end = NULL;
    *threshold = text == NULL ? -1 : strtod(text, &end);
    return text == NULL || (end != text && *end == '\0' && *threshold >= 0 && *threshold <= 5);
}

static const char *misuse(const struct settings *settings, double *threshold)
{
    const struct filter_settings *const chosen = &settings->filter;
    if (settings->output == NULL || chosen->model == NULL ||
        (chosen->ratings == NULL) == (chosen->load == NULL))
        return "data filter needs --model, -o, and --ratings or --load";
    if (chosen->load != NULL &&
        (chosen->method != NULL || chosen->threshold != NULL || chosen->features ||
         chosen->tokens > 0 || chosen->lines > 0 || chosen->hold_out > 0 || chosen->save != NULL ||
         chosen->trees > 0 || chosen->folds > 0))
        return "with --load the filter says how it was learned: no --method, --threshold, "
               "--features, --tokens, --lines, --trees, --folds, --hold-out or --save";
    return read_threshold(chosen->threshold, threshold)
               ? NULL
               : "--threshold: expected a number from 0 to 5";
}

static int run(struct settings *settings)
{
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    const struct filter_settings *const chosen = &settings->filter;
    struct data_filter_summary summary = {0};
    struct buffer out = {0};
    struct phases phases = {0};
    double threshold = 0;
    const char *const wrong = misuse(settings, &threshold);
    if (wrong != NULL)
        return command_misused(settings->command, "%s", wrong);
    const struct data_filter_options options = {.ratings = chosen->ratings,
                                                .load = chosen->load,
                                                .model = chosen->model,
                                                .output = settings->output,
                                                .rejected = chosen->rejected,
                                                .save = chosen->save,
                                                .report = chosen->report,
                                                .threshold = threshold,
                                                .linear = chosen->method != NULL &&
                                                          strcmp(chosen->method, "linear") == 0,
                                                .features = chosen->features,
                                                .trees = chosen->trees,
                                                .folds = chosen->folds,
                                                .hold_out = chosen->hold_out,
                                                .tokens = chosen->tokens,
                                                .lines = chosen->lines,
                                                .seed = chosen->seed,
                                                .field = settings->field,
                                                .separator = settings->separator,
                                                .skip_bad = settings->skip_bad,
                                                .threads = settings->model.threads,
                                                .progress = report,
                                                .tell = tell,
                                                .context = &phases};
    interrupt_install(NULL);
    interrupt_hold();
    status = data_filter(settings->arguments, settings->argument_count, &options, &summary, error);
    end_phases(&phases);
    if (status == PRIMER_ECANCELED && summary.rank == 0 && interrupt_seen())
        tell(&phases, problem.message);
    if (status == PRIMER_ECANCELED)
        interrupt_end();
    if (status != PRIMER_OK || summary.rank != 0)
        goto cleanup;
    TRY(settings->json ? summary_json(settings->output, &summary, &out, error)
                       : summary_text(settings->output, &summary, &out, error));
    TRY(output_write(out.bytes, out.length, error));

cleanup:
    data_filter_summary_free(&summary);
    buffer_free(&out);
    return status == PRIMER_OK ? EXIT_CODE_OK : command_failed(error);
}

const struct command data_verb_filter = {
    .name = "data filter",
    .arguments = "INPUT...",
    .summary = "keep the texts that are like those rated well, by a forest on embeddings",
    .teaching =
        "Examples\n"
        "  primer data filter /usr/lib/python3 --lines 50 --ratings ratings.jsonl --model "
        "code.gguf \\\n"
        "      -o kept.jsonl --report report.md --hold-out 3 --save filter.json\n"
        "  primer data filter more.jsonl --load filter.json --model code.gguf -o kept.jsonl\n\n"
        "Inputs are those of data rate, which makes the ratings; where these have no texts, they "
        "are looked\n"
        "for in the files they name. The model is asked for embeddings of each text's first "
        "tokens; a forest\n"
        "(or a regression) learns from the rated ones which are worth keeping. Both are measured "
        "by folds,\n"
        "and on what --hold-out leaves out of everything. What is kept has its score as a field.\n",
    .bit = DATA_FILTER,
    .least = 1,
    .most = SETTINGS_ARGUMENTS,
    .run = run,
};
