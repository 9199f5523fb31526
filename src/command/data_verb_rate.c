/* data_verb_rate.c - primer data rate: samples drawn at random and rated, by whom one wants.
 *
 * What a person is shown and asked goes to standard error; standard output has the summary.
 */
#include "command/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "command/data_work.h"
#include "data/data.h"
#include "terminal/interrupt.h"
#include "terminal/line_input.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "terminal/render.h"

#define RUBRIC_MOST ((size_t)64 << 10) /* bytes */

static const char rubric_of_its_own[] =
    "How much would this piece teach somebody who is learning the basics of programming?\n"
    "0: nothing; 1: it does something; 2: and can be understood by itself; 3: and shows a basic\n"
    "idea at work; 4: and is clear, in names and words; 5: it could stand in a textbook.\n";

/* ---- a person -------------------------------------------------------------------------------- */

struct person {
    struct line_input *input;
    struct buffer line;
    const char *rubric;
    bool told; /* the rubric was shown */
};

static void show(struct person *person, const struct data_rate_sample *sample, size_t number,
                 size_t count)
{
    const char *const dim = render_style(2, RENDER_DIM), *const plain =
                                                             render_style(2, RENDER_PLAIN);
    if (!person->told)
        fprintf(stderr, "%s\n", person->rubric);
    person->told = true;
    fprintf(stderr, "%s---- %zu of %zu  %s:%" PRIu64 "%s\n", dim, number, count, sample->path,
            sample->line + sample->from - 1, plain);
    for (size_t i = 0; i < sample->length; i++) { /* a text may not move the cursor */
        const unsigned char c = (unsigned char)sample->text[i];
        fputc((c < ' ' && c != '\n' && c != '\t') || c == 0x7F ? '?' : c, stderr);
    }
    fprintf(stderr, "%s%s----%s\n",
            sample->length > 0 && sample->text[sample->length - 1] != '\n' ? "\n" : "", dim, plain);
}

/* False: the line is none of the keys. */
static bool read_verdict(const struct buffer *line, struct data_rate_verdict *verdict)
{
    const char key = line->length == 1 ? line->bytes[0] : '\0';
    *verdict = (struct data_rate_verdict){.expected = -1};
    if (key >= '0' && key <= '5')
        verdict->rating = key - '0';
    else if (key == 's')
        verdict->kind = DATA_RATE_SKIPPED;
    else if (key == 'u')
        verdict->kind = DATA_RATE_UNDO;
    else
        verdict->kind = DATA_RATE_QUIT;
    return key == 'q' || verdict->kind != DATA_RATE_QUIT;
}

static primer_status rate_by_person(void *context, const struct data_rate_sample *sample,
                                    size_t number, size_t count, struct data_rate_verdict *verdict,
                                    primer_error *error)
{
    struct person *const person = context;
    show(person, sample, number, count);
    for (;;) {
        const enum line_result result = line_input_read(
            person->input, "0-5, s skips, u takes the last one back, q ends: ", &person->line);
        if (result == LINE_LONG)
            return error_set(error, PRIMER_ELIMIT, "standard input: a line of more than 1 MiB");
        if (result == LINE_FAILED)
            return error_set(error, PRIMER_EIO, "the keyboard can't be read");
        if (result != LINE_TEXT) {
            verdict->kind = DATA_RATE_QUIT;
            return PRIMER_OK;
        }
        if (read_verdict(&person->line, verdict))
            return PRIMER_OK;
    }
}

/* ---- the command ----------------------------------------------------------------------------- */

/* A model's work, as a line with what is left. */
struct watched {
    struct data_rater inner;
    struct progress progress;
};

static primer_status rate_watched(void *context, const struct data_rate_sample *sample,
                                  size_t number, size_t count, struct data_rate_verdict *verdict,
                                  primer_error *error)
{
    struct watched *const watched = context;
    if (interrupt_seen()) {
        verdict->kind = DATA_RATE_QUIT;
        return PRIMER_OK;
    }
    progress_step(&watched->progress, number - 1, count, NULL);
    return watched->inner.rate(watched->inner.context, sample, number, count, verdict, error);
}

static primer_status summary_json(const char *path, const struct data_rate_summary *summary,
                                  struct buffer *out, primer_error *error)
{
    FORWARD(buffer_text(out, "{\"path\":", error));
    FORWARD(buffer_json_string(out, path, strlen(path), error));
    FORWARD(buffer_format(out, error,
                          ",\"documents\":%" PRIu64 ",\"drawn\":%" PRIu64 ",\"before\":%" PRIu64
                          ",\"rated\":%" PRIu64 ",\"skipped\":%" PRIu64 ",\"undone\":%" PRIu64
                          ",\"empty\":%" PRIu64 ",\"bad\":%" PRIu64 ",\"first_bad\":",
                          summary->documents, summary->drawn, summary->before, summary->rated,
                          summary->skipped, summary->undone, summary->empty, summary->bad));
    FORWARD(data_work_first_bad(out, summary->bad, summary->first_bad, error));
    return buffer_format(out, error, ",\"counts\":[%zu,%zu,%zu,%zu,%zu,%zu]}\n", summary->counts[0],
                         summary->counts[1], summary->counts[2], summary->counts[3],
                         summary->counts[4], summary->counts[5]);
}

static primer_status summary_text(const char *path, const struct data_rate_summary *summary,
                                  struct buffer *out, primer_error *error)
{
    char a[RENDER_TEXT], b[RENDER_TEXT];
    FORWARD(buffer_format(out, error,
                          "%s: %s of %s documents drawn; %" PRIu64 " rated now, %" PRIu64
                          " before, %" PRIu64 " skipped\n  ratings 0 to 5:",
                          path, render_count(summary->drawn, a),
                          render_count(summary->documents, b), summary->rated, summary->before,
                          summary->skipped));
    for (size_t i = 0; i < 6; i++)
        FORWARD(buffer_format(out, error, " %zu", summary->counts[i]));
    FORWARD(buffer_text(out, "\n", error));
    if (summary->bad > 0)
        FORWARD(buffer_format(out, error, "  left out: %s that can't be read; the first: %s\n",
                              render_count(summary->bad, a), summary->first_bad));
    return PRIMER_OK;
}

static primer_status make_rater(const struct settings *settings, const char *rubric,
                                struct person *person, struct data_rater *rater,
                                primer_error *error)
{
    const char *const by = settings->filter.by == NULL ? "person" : settings->filter.by;
    if (strcmp(by, "model") == 0)
        return data_rater_model(rater, settings->filter.model, rubric, settings->model.threads,
                                error);
    if (strcmp(by, "person") != 0)
        return data_rater_file(rater, by, error);
    FORWARD(line_input_create(&person->input, NULL, error));
    person->rubric = rubric;
    *rater = (struct data_rater){.name = "person", .context = person, .rate = rate_by_person};
    return PRIMER_OK;
}

/* NULL: all that was said has an effect. */
static const char *misuse(const struct settings *settings)
{
    const struct filter_settings *const chosen = &settings->filter;
    const bool by_model = chosen->by != NULL && strcmp(chosen->by, "model") == 0;
    const bool by_person = chosen->by == NULL || strcmp(chosen->by, "person") == 0;
    if (settings->output == NULL || by_model != (chosen->model != NULL))
        return "data rate needs -o, and --model with --by model alone";
    if (chosen->rubric != NULL && !by_model && !by_person)
        return "--rubric has no effect where a file says the ratings";
    if (settings->model.threads > 0 && !by_model)
        return "-t has no effect without --by model";
    return NULL;
}

static int run(struct settings *settings)
{
    const struct filter_settings *const chosen = &settings->filter;
    const char *const wrong = misuse(settings);
    if (wrong != NULL)
        return command_misused(settings->command, "%s", wrong);
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    struct data_rate_summary summary = {0};
    struct buffer out = {0}, rubric = {0};
    struct person person = {0};
    struct watched watched = {.progress = progress_begin("rating", "samples")};
    struct progress progress = progress_begin("drawing samples", "B");
    const struct data_rate_options options = {.count = chosen->count,
                                              .seed = chosen->seed,
                                              .field = settings->field,
                                              .separator = settings->separator,
                                              .lines = chosen->lines,
                                              .no_text = chosen->no_text,
                                              .skip_bad = settings->skip_bad,
                                              .progress = data_work_report,
                                              .context = &progress};
    if (chosen->rubric == NULL)
        TRY(buffer_text(&rubric, rubric_of_its_own, error));
    else
        TRY(file_read(chosen->rubric, RUBRIC_MOST, &rubric, error));
    TRY(make_rater(settings, rubric.bytes == NULL ? "" : rubric.bytes, &person, &watched.inner,
                   error));
    const struct data_rater rater = {watched.inner.name, &watched, rate_watched, NULL,
                                     watched.inner.shared};
    interrupt_install(NULL);
    if (person.input == NULL) /* each rating is whole in the file: a person may leave at once */
        interrupt_hold();
    TRY(data_rate(settings->arguments, settings->argument_count, settings->output,
                  person.input == NULL ? &rater : &watched.inner, &options, &summary, error));
    progress_end(&progress);
    progress_end(&watched.progress);
    if (summary.rank != 0)
        goto cleanup;
    TRY(settings->json ? summary_json(settings->output, &summary, &out, error)
                       : summary_text(settings->output, &summary, &out, error));
    TRY(output_write(out.bytes, out.length, error));

cleanup:
    progress_end(&progress);
    progress_end(&watched.progress);
    data_rater_free(&watched.inner);
    line_input_free(person.input);
    buffer_free(&person.line);
    buffer_free(&out);
    buffer_free(&rubric);
    if (interrupt_seen())
        interrupt_end();
    return status == PRIMER_OK ? EXIT_CODE_OK : command_failed(error);
}

const struct command data_verb_rate = {
    .name = "data rate",
    .arguments = "INPUT...",
    .summary = "samples drawn at random and rated from 0 to 5, by a person or a model",
    .teaching =
        "Examples\n"
        "  primer data rate /usr/lib/python3 --lines 60 --count 300 -o ratings.jsonl --rubric "
        "rubric.txt\n"
        "  primer data rate code.jsonl -o ratings.jsonl --by model --model phi-2.gguf\n\n"
        "Inputs: Python files, folders (their Python files at any depth), and the documents of "
        "texts and\n"
        "lines of JSON, as data shard takes them. A rating is a line of JSON, written at once; the "
        "same\n"
        "command goes on where it was left. A model isn't sampled: the most probable digit is the "
        "rating.\n"
        "--by FILE takes what another file of ratings says of the same texts.\n",
    .bit = DATA_RATE,
    .least = 1,
    .most = SETTINGS_ARGUMENTS,
    .run = run,
};
