/* data_filter_report.c - what a filter did, for a reader. Declared in data_filter.h.
 *
 *   counts | how good: a table, a curve | the scores as bars of # | ten kept, ten rejected
 */
#include "data/data_filter.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "report/report.h"

#define CELL        32
#define COLUMNS     10
#define SHOWN_LINES 8
#define BAR         50 /* characters of the longest */

/* ---- how good -------------------------------------------------------------------------------- */

static void figure(char *cell, double value)
{
    snprintf(cell, CELL, "%.3f", value);
}

static void fill_row(const struct data_filter_row *row, char (*cells)[CELL])
{
    const struct data_filter_figures *const held = &row->held;
    snprintf(cells[0], CELL, "%s%s", row->method, row->chosen ? " *" : "");
    snprintf(cells[1], CELL, "%s", row->columns);
    figure(cells[2], row->cross.precision);
    figure(cells[3], row->cross.recall);
    figure(cells[4], row->cross.f1);
    figure(cells[5], row->cross.order);
    for (size_t i = 6; i < COLUMNS; i++)
        snprintf(cells[i], CELL, "-");
    if (held->samples == 0)
        return;
    snprintf(cells[6], CELL, "%.3f / %.3f", held->precision, held->recall);
    figure(cells[7], held->f1);
    snprintf(cells[8], CELL, "%.2f to %.2f", held->low, held->high);
    figure(cells[9], held->order);
}

primer_status data_filter_report_table(const struct data_filter_summary *summary,
                                       struct buffer *out, primer_error *error)
{
    static const char *const head[COLUMNS] = {"method", "on",  "precision",    "recall",
                                              "F1",     "ROC", "held out P/R", "held out F1",
                                              "95 %",   "ROC"};
    char cells[DATA_FILTER_ROWS][COLUMNS][CELL];
    const char *texts[(DATA_FILTER_ROWS + 1) * COLUMNS];
    memcpy(texts, head, sizeof head);
    for (size_t r = 0; r < summary->row_count; r++) {
        fill_row(&summary->rows[r], cells[r]);
        for (size_t c = 0; c < COLUMNS; c++)
            texts[(r + 1) * COLUMNS + c] = cells[r][c];
    }
    const struct report_table table = {
        .cells = texts, .rows = summary->row_count + 1, .columns = COLUMNS, .align = "llrrrrrrrr"};
    return report_table_text(&table, out, error);
}

static primer_status append_quality(const struct data_filter_summary *summary, struct buffer *out,
                                    primer_error *error)
{
    if (summary->row_count == 0)
        return buffer_text(out, "The filter was learned before and read from a file.\n\n", error);
    FORWARD(
        buffer_format(out, error,
                      "%zu ratings, %zu of them without a text that was found; %zu of the others "
                      "from %g on.\nLearned from %zu; %zu held out, which took part in nothing "
                      "and were judged once.\n\n",
                      summary->ratings, summary->missing, summary->labelled, summary->threshold,
                      summary->training, summary->held));
    FORWARD(data_filter_report_table(summary, out, error));
    FORWARD(
        buffer_text(out,
                    "\nBy folds, unless held out. * is the one that filters. ROC: how often one "
                    "to be kept scores\nabove one that isn't. 95 %: of the held-out F1, by "
                    "bootstrap.\n\nWith fewer ratings:\n\n",
                    error));
    for (size_t i = 0; i < DATA_FILTER_CURVE; i++) {
        const struct data_filter_figures *const point = &summary->curve[i];
        if (point->samples > 0)
            FORWARD(buffer_format(out, error, "- %zu (%zu to be kept): F1 %.3f, ROC %.3f\n",
                                  point->samples, point->labelled, point->f1, point->order));
    }
    return buffer_text(out, "\n", error);
}

/* ---- what it did ----------------------------------------------------------------------------- */

static primer_status append_counts(const struct data_filter_summary *summary, struct buffer *out,
                                   primer_error *error)
{
    const double all = (double)(summary->kept + summary->rejected);
    FORWARD(buffer_format(
        out, error,
        "%" PRIu64 " files, %" PRIu64 " bytes, %" PRIu64 " samples%s. Kept: "
        "%" PRIu64 " (%.1f %%), %" PRIu64 " bytes. Rejected: %" PRIu64 ", %" PRIu64
        " bytes.\nLeft out: %" PRIu64 " without a text, %" PRIu64 " that can't be read.\n\n",
        summary->files, summary->input_bytes, summary->samples,
        summary->lines > 0 ? ", pieces of the files" : "", summary->kept,
        all > 0 ? 100 * (double)summary->kept / all : 0, summary->kept_bytes, summary->rejected,
        summary->rejected_bytes, summary->empty, summary->bad));
    if (summary->lines > 0)
        FORWARD(buffer_format(out, error, "Pieces have at most %zu lines. ", summary->lines));
    return buffer_format(
        out, error,
        "Of each sample the first %zu tokens are embedded, in %zu dimensions, by "
        "the model %016" PRIx64 "%s.\nA sample is kept from the score %.4g on.\n\n",
        summary->tokens, summary->dimensions, summary->identity,
        summary->features ? "; counts of its text stand beside" : "", summary->cut);
}

static primer_status append_histogram(const struct data_filter_summary *summary, struct buffer *out,
                                      primer_error *error)
{
    static const char bar[BAR + 1] = "##################################################";
    uint64_t most = 1;
    for (size_t i = 0; i < DATA_FILTER_BINS; i++)
        if (summary->histogram[i] > most)
            most = summary->histogram[i];
    FORWARD(buffer_text(out, "```\n", error));
    for (size_t i = 0; i < DATA_FILTER_BINS; i++) {
        const double from = summary->most * (double)i / DATA_FILTER_BINS;
        const int length = (int)((double)summary->histogram[i] / (double)most * BAR + 0.5);
        FORWARD(buffer_format(out, error, "%5.2f %9" PRIu64 " %.*s\n", from, summary->histogram[i],
                              length, bar));
    }
    return buffer_text(out, "```\n\n", error);
}

/* The first lines of an example, indented: Markdown shows them as they are, fences in them too. */
static primer_status append_example(const struct data_filter_example *example, struct buffer *out,
                                    primer_error *error)
{
    size_t at = 0;
    char shown[512];
    FORWARD(
        buffer_format(out, error, "`%s:%" PRIu64 "` score %.3f\n\n",
                      error_printable(example->path, strlen(example->path), shown, sizeof shown),
                      example->line, example->score));
    for (size_t line = 0; line < SHOWN_LINES && at < example->length; line++) {
        const char *const end = memchr(example->text + at, '\n', example->length - at);
        const size_t length =
            end == NULL ? example->length - at : (size_t)(end - example->text) - at;
        const size_t cut = length > 100 ? utf8_complete(example->text + at, 100) : length;
        FORWARD(buffer_format(out, error, "    %.*s%s\n", (int)strnlen(example->text + at, cut),
                              example->text + at, cut < length ? "..." : ""));
        at += length + 1;
    }
    return buffer_text(out, "\n", error);
}

primer_status data_filter_report(const struct data_filter_summary *summary, struct buffer *out,
                                 primer_error *error)
{
    static const char *const heads[] = {"## Rejected, drawn at random\n\n",
                                        "## Kept, drawn at random\n\n"};
    FORWARD(buffer_text(out, "# A corpus, filtered\n\n", error));
    FORWARD(append_counts(summary, out, error));
    FORWARD(buffer_text(out, "## How good it is\n\n", error));
    FORWARD(append_quality(summary, out, error));
    FORWARD(buffer_text(out, "## Scores\n\n", error));
    FORWARD(append_histogram(summary, out, error));
    for (size_t side = 2; side-- > 0;) {
        FORWARD(buffer_text(out, heads[side], error));
        for (size_t i = 0; i < summary->example_count[side]; i++)
            FORWARD(append_example(&summary->examples[side][i], out, error));
    }
    return PRIMER_OK;
}

primer_status data_filter_report_write(const struct data_filter_summary *summary,
                                       struct file_writer *writer, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer text = {0};
    TRY(data_filter_report(summary, &text, error));
    TRY(file_writer_write(writer, text.bytes, text.length, error));
    TRY(file_writer_commit(writer, error));
cleanup:
    buffer_free(&text);
    return status;
}
