/* data_verb_dedup.c - primer data dedup: documents that repeat another, left out. */
#include "command/command.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "command/data_work.h"
#include "data/data.h"
#include "terminal/output.h"
#include "terminal/render.h"

static primer_status dedup_json(const char *path, const struct data_dedup_summary *summary,
                                double seconds, struct buffer *out, primer_error *error)
{
    FORWARD(buffer_text(out, "{\"path\":", error));
    FORWARD(buffer_json_string(out, path, strlen(path), error));
    FORWARD(buffer_format(
        out, error,
        ",\"documents\":%" PRIu64 ",\"kept\":%" PRIu64 ",\"exact\":%" PRIu64 ",\"near\":%" PRIu64
        ",\"input_bytes\":%" PRIu64 ",\"memory\":%" PRIu64
        ",\"similarity\":%.4f,\"words\":%zu,\"permutations\":%zu,\"bands\":%zu,"
        "\"rows\":%zu,\"threshold\":%.4f,\"found\":%.4f,\"bad\":%" PRIu64 ",\"first_bad\":",
        summary->documents, summary->kept, summary->exact, summary->near, summary->input_bytes,
        summary->memory, summary->similarity, summary->words, summary->permutations, summary->bands,
        summary->rows, summary->threshold, summary->found, summary->bad));
    FORWARD(data_work_first_bad(out, summary->bad, summary->first_bad, error));
    return buffer_format(out, error, ",\"seconds\":%.3f}\n", seconds);
}

static primer_status dedup_text(const char *path, const struct data_dedup_summary *summary,
                                double seconds, struct buffer *out, primer_error *error)
{
    char kept[RENDER_TEXT], documents[RENDER_TEXT], exact[RENDER_TEXT], near[RENDER_TEXT],
        time[RENDER_TEXT];
    FORWARD(buffer_format(out, error,
                          "%s: %s of %s documents; left out: %s exact and %s near duplicates; "
                          "in %s\n",
                          path, render_count(summary->kept, kept),
                          render_count(summary->documents, documents),
                          render_count(summary->exact, exact), render_count(summary->near, near),
                          render_duration(seconds, time)));
    if (summary->permutations > 0)
        FORWARD(buffer_format(out, error,
                              "  near: similarity %.2f of shingles of %zu words, estimated from "
                              "%zu minima; %zu bands of %zu rows (threshold %.2f) find %.1f %% of "
                              "such pairs\n",
                              summary->similarity, summary->words, summary->permutations,
                              summary->bands, summary->rows, summary->threshold,
                              100 * summary->found));
    if (summary->bad > 0)
        FORWARD(buffer_format(out, error, "  left out: %s that can't be read; the first: %s\n",
                              render_count(summary->bad, documents), summary->first_bad));
    return PRIMER_OK;
}

/* "": not given, 0. False: no number that makes sense. */
static bool read_similarity(const char *text, double *similarity)
{
    char *end = NULL;
    *similarity = 0;
    if (text == NULL)
        return true;
    *similarity = strtod(text, &end);
    return end != text && *end == '\0' && *similarity >= 0.3 && *similarity <= 1;
}

static int run(struct settings *settings)
{
    if (settings->output == NULL)
        return command_misused(settings->command, "data dedup needs -o");
    if (settings->data.exact && (settings->data.similarity != NULL || settings->data.words > 0))
        return command_misused(settings->command,
                               "--similarity and --words are of near duplicates, which --exact "
                               "leaves out");
    double similarity = 0;
    if (!read_similarity(settings->data.similarity, &similarity))
        return command_misused(settings->command, "--similarity: found \"%s\", expected 0.3 to 1",
                               settings->data.similarity);
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    struct data_dedup_summary summary = {0};
    struct buffer out = {0};
    struct data_work work = data_work_begin("comparing", "B");
    const struct data_dedup_options options = {.field = settings->field,
                                               .separator = settings->separator,
                                               .report = settings->data.report,
                                               .exact = settings->data.exact,
                                               .similarity = similarity,
                                               .words = settings->data.words,
                                               .skip_bad = settings->skip_bad,
                                               .threads = settings->model.threads,
                                               .progress = data_work_report,
                                               .tell = data_work_tell,
                                               .context = &work.progress};
    status = data_dedup(settings->arguments, settings->argument_count, settings->output, &options,
                        &summary, error);
    if (summary.rank == 0)
        data_work_say_stopped(&work, error);
    data_work_end(&work, status);
    if (status != PRIMER_OK || summary.rank != 0)
        goto cleanup;
    TRY(settings->json ? dedup_json(settings->output, &summary, work.seconds, &out, error)
                       : dedup_text(settings->output, &summary, work.seconds, &out, error));
    TRY(output_write(out.bytes, out.length, error));

cleanup:
    buffer_free(&out);
    return status == PRIMER_OK ? EXIT_CODE_OK : command_failed(error);
}

const struct command data_verb_dedup = {
    .name = "data dedup",
    .arguments = "INPUT...",
    .summary = "leave out documents that repeat another, exactly or nearly",
    .teaching =
        "Examples\n"
        "  primer data dedup stories.jsonl -o unique.jsonl --report left-out.jsonl\n"
        "  primer data dedup a.jsonl b.jsonl -o unique.jsonl --similarity 0.7\n\n"
        "Inputs are those of primer data shard. The first of documents that are alike is kept, as "
        "the\n"
        "line that it was; a document of a text becomes {\"text\": ...}. Exact duplicates are the "
        "same but\n"
        "for white space and capitals. Near ones share so much of their shingles, runs of five "
        "words, as\n"
        "MinHash signatures estimate it (Jaccard similarity, standard error 0.035). The kept "
        "documents'\n"
        "signatures are in memory, less than 1 KiB each; docs/dedup.md has the arithmetic.\n",
    .bit = DATA_DEDUP,
    .least = 1,
    .most = SETTINGS_ARGUMENTS,
    .run = run,
};
