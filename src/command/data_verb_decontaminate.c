/* data_verb_decontaminate.c - primer data decontaminate: documents that repeat a problem of an
 * evaluation, left out.
 */
#include "command/command.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "command/data_work.h"
#include "data/data.h"
#include "terminal/output.h"
#include "terminal/render.h"

static primer_status as_json(const char *path, const struct data_decontaminate_summary *summary,
                             double seconds, struct buffer *out, primer_error *error)
{
    FORWARD(buffer_text(out, "{\"path\":", error));
    FORWARD(buffer_json_string(out, path, strlen(path), error));
    FORWARD(buffer_format(out, error,
                          ",\"documents\":%" PRIu64 ",\"kept\":%" PRIu64 ",\"by_words\":%" PRIu64
                          ",\"by_tree\":%" PRIu64 ",\"by_embedding\":%" PRIu64
                          ",\"embedded\":%" PRIu64 ",\"items\":%" PRIu64 ",\"programs\":%" PRIu64
                          ",\"parsed\":%" PRIu64 ",\"unread\":%" PRIu64 ",\"input_bytes\":%" PRIu64
                          ",\"words\":%zu,\"similarity\":%.4f,\"bad\":%" PRIu64 ",\"first_bad\":",
                          summary->documents, summary->kept, summary->by_words, summary->by_tree,
                          summary->by_embedding, summary->embedded, summary->items,
                          summary->programs, summary->parsed, summary->unread, summary->input_bytes,
                          summary->words, summary->similarity, summary->bad));
    FORWARD(data_work_first_bad(out, summary->bad, summary->first_bad, error));
    return buffer_format(out, error, ",\"seconds\":%.3f}\n", seconds);
}

static primer_status as_text(const char *path, const struct data_decontaminate_summary *summary,
                             double seconds, struct buffer *out, primer_error *error)
{
    char kept[RENDER_TEXT], documents[RENDER_TEXT], words[RENDER_TEXT], tree[RENDER_TEXT],
        items[RENDER_TEXT], time[RENDER_TEXT];
    FORWARD(buffer_format(out, error, "%s: %s of %s documents, against %s items; in %s\n", path,
                          render_count(summary->kept, kept),
                          render_count(summary->documents, documents),
                          render_count(summary->items, items), render_duration(seconds, time)));
    FORWARD(buffer_format(out, error, "  left out: %s by words in common, %s by syntax trees\n",
                          render_count(summary->by_words, words),
                          render_count(summary->by_tree, tree)));
    if (summary->embedded > 0)
        FORWARD(buffer_format(out, error, "  %s of %s near ones by the model's embeddings\n",
                              render_count(summary->by_embedding, tree),
                              render_count(summary->embedded, words)));
    if (summary->unread > 0)
        FORWARD(buffer_format(out, error,
                              "  %s programs were too much for Python's parser: words alone\n",
                              render_count(summary->unread, documents)));
    if (summary->bad > 0)
        FORWARD(buffer_format(out, error, "  left out: %s that can't be read; the first: %s\n",
                              render_count(summary->bad, documents), summary->first_bad));
    return PRIMER_OK;
}

/* Not given: 0. False: no number from `least` to `most`. */
static bool read_number(const char *text, double least, double most, double *number)
{
    char *end = NULL;
    *number = 0;
    if (text == NULL)
        return true;
    *number = strtod(text, &end);
    return end != text && *end == '\0' && *number >= least && *number <= most;
}

/* What is missing, or doesn't go together; NULL: nothing. */
static const char *misuse(const struct settings *settings)
{
    const struct data_settings *const data = &settings->data;
    if (settings->output == NULL || data->against.count == 0)
        return "data decontaminate needs --against and -o";
    if (data->model != NULL && data->words_only)
        return "--model judges syntax trees, which --words-only leaves out";
    if (data->similarity != NULL && data->words_only)
        return "--similarity is of syntax trees, which --words-only leaves out";
    return data->distance != NULL && data->model == NULL
               ? "--distance is of embeddings, which need --model"
               : NULL;
}

static int run(struct settings *settings)
{
    double similarity = 0, distance = 0;
    const char *const wrong = misuse(settings);
    if (wrong != NULL)
        return command_misused(settings->command, "%s", wrong);
    if (!read_number(settings->data.similarity, 0.5, 1, &similarity))
        return command_misused(settings->command, "--similarity: found \"%s\", expected 0.5 to 1",
                               settings->data.similarity);
    if (!read_number(settings->data.distance, 0.001, 1.999, &distance))
        return command_misused(settings->command,
                               "--distance: found \"%s\", expected 0.001 to 1.999",
                               settings->data.distance);
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    struct data_decontaminate_summary summary = {0};
    struct buffer out = {0};
    struct data_work work = data_work_begin("comparing", "B");
    const struct data_decontaminate_options options = {
        .against = settings->data.against.items,
        .against_count = settings->data.against.count,
        .fields = settings->data.against_fields.items,
        .field_count = settings->data.against_fields.count,
        .field = settings->field,
        .separator = settings->separator,
        .report = settings->data.report,
        .words = settings->data.words,
        .similarity = similarity,
        .words_only = settings->data.words_only,
        .model = settings->data.model,
        .distance = distance,
        .skip_bad = settings->skip_bad,
        .threads = settings->model.threads,
        .progress = data_work_report,
        .tell = data_work_tell,
        .context = &work.progress};
    status = data_decontaminate(settings->arguments, settings->argument_count, settings->output,
                                &options, &summary, error);
    if (summary.rank == 0)
        data_work_say_stopped(&work, error);
    data_work_end(&work, status);
    if (status != PRIMER_OK || summary.rank != 0)
        goto cleanup;
    TRY(settings->json ? as_json(settings->output, &summary, work.seconds, &out, error)
                       : as_text(settings->output, &summary, work.seconds, &out, error));
    TRY(output_write(out.bytes, out.length, error));

cleanup:
    buffer_free(&out);
    return status == PRIMER_OK ? EXIT_CODE_OK : command_failed(error);
}

const struct command data_verb_decontaminate = {
    .name = "data decontaminate",
    .arguments = "INPUT...",
    .summary = "leave out documents that repeat problems of an evaluation",
    .teaching =
        "Examples\n"
        "  primer data decontaminate exercises.jsonl --against HumanEval.jsonl --against "
        "mbpp.jsonl \\\n"
        "      -o clean.jsonl --report left-out.jsonl\n"
        "  primer data decontaminate sums.jsonl --against gsm8k.jsonl --against-field question "
        "-o clean.jsonl\n\n"
        "A document is left out where it has 13 words in a row (--words) in common with an item, "
        "digits,\n"
        "capitals and punctuation aside; or where a program in it has the syntax tree of an "
        "item's, names\n"
        "and constants aside, to a match rate of 0.6 (--similarity; 1 - edit distance / length), "
        "and their\n"
        "common parts are rare enough to be no accident. Trees are made by Python's parser in a "
        "sandbox;\n"
        "nothing in the documents is run. With --model programs of too little evidence are judged "
        "by how "
        "close\n"
        "the texts lie to each other for that model (--distance). docs/dedup.md has the rules and "
        "how "
        "many\n"
        "copies they find.\n",
    .bit = DATA_DECONTAMINATE,
    .least = 1,
    .most = SETTINGS_ARGUMENTS,
    .run = run,
};
