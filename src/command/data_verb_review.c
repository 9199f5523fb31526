/* data_verb_review.c - primer data review: are the lessons right? A person or a model looks at a
 * sample.
 *
 * What a person is shown and asked goes to standard error; standard output has the report.
 */
#include "command/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/utf8.h"
#include "command/data_work.h"
#include "data/data_review.h"
#include "terminal/interrupt.h"
#include "terminal/line_input.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "terminal/render.h"

#define RUBRIC_MOST ((size_t)64 << 10) /* bytes */
#define KEYS        "y right, n wrong, d doubtful, s skip, u undo, q quit: "

/* ---- a person -------------------------------------------------------------------------------- */

struct person {
    struct line_input *input;
    struct buffer line, note;
    const char *rubric;
    bool told;     /* the rubric was shown */
    bool answered; /* a line came from the keyboard */
};

/* A text may not move the cursor: control characters, and bytes that are no character, are '?'. */
static void show_text(const char *text, size_t length)
{
    for (size_t i = 0; i < length;) {
        uint32_t point = 0;
        const size_t bytes = utf8_decode(text + i, length - i, &point);
        const bool shown =
            point == '\n' || point == '\t' || (point >= ' ' && (point < 0x7F || point > 0x9F));
        fwrite(bytes > 0 && shown ? text + i : "?", 1, bytes > 0 && shown ? bytes : 1, stderr);
        i += bytes == 0 ? 1 : bytes;
    }
}

static void show(struct person *person, const struct data_review_lesson *lesson, size_t number,
                 size_t count)
{
    const char *const dim = render_style(2, RENDER_DIM), *const plain =
                                                             render_style(2, RENDER_PLAIN);
    if (!person->told)
        fprintf(stderr, "%s\n", person->rubric);
    person->told = true;
    fprintf(stderr, "%s---- %zu of %zu  line %" PRIu64 "  ", dim, number, count, lesson->line);
    show_text(lesson->kind, strlen(lesson->kind));
    fprintf(stderr, "%s\n", plain);
    for (size_t i = 0; i < lesson->turn_count; i++) {
        fputs(dim, stderr);
        show_text(lesson->turns[i].role, strlen(lesson->turns[i].role));
        fprintf(stderr, "%s\n", plain);
        show_text(lesson->turns[i].text, lesson->turns[i].length);
        fputc('\n', stderr);
    }
    fprintf(stderr, "%s----%s\n", dim, plain);
}

/* A key, and what may follow it behind a blank: a note. False: it is none of the keys. */
static bool read_verdict(const struct buffer *line, struct data_review_verdict *verdict)
{
    static const char keys[] = "ynduqs";
    static const enum data_review_mark marks[] = {DATA_REVIEW_RIGHT,    DATA_REVIEW_WRONG,
                                                  DATA_REVIEW_DOUBTFUL, DATA_REVIEW_UNDONE,
                                                  DATA_REVIEW_QUIT,     DATA_REVIEW_SKIPPED};
    const char *const key =
        line->length == 0 || line->bytes[0] == '\0' ? NULL : strchr(keys, line->bytes[0]);
    if (key == NULL || (line->length > 1 && line->bytes[1] != ' '))
        return false;
    *verdict = (struct data_review_verdict){.mark = marks[key - keys], .probability = -1};
    if (line->length > 2) {
        if (verdict->mark > DATA_REVIEW_DOUBTFUL)
            return false;
        verdict->note = line->bytes + 2;
        verdict->note_length = line->length - 2;
    }
    return true;
}

static primer_status read_line(struct person *person, const char *prompt, struct buffer *line,
                               bool *ended, primer_error *error)
{
    const enum line_result result = line_input_read(person->input, prompt, line);
    *ended = result != LINE_TEXT;
    if (result == LINE_LONG)
        return error_set(error, PRIMER_ELIMIT, "standard input: a line of more than 1 MiB");
    if (result == LINE_FAILED)
        return error_set(error, PRIMER_EIO, "the keyboard can't be read");
    if (result == LINE_END && !person->answered && isatty(STDIN_FILENO) == 0)
        return error_set(error, PRIMER_EIO,
                         "standard input is at its end: a person's verdicts come from a terminal, "
                         "or from a pipe, a key (y n d s u q) on each line; --by FILE.gguf asks a "
                         "model");
    person->answered = true;
    return PRIMER_OK;
}

static primer_status judge_by_person(void *context, const struct data_review_lesson *lesson,
                                     size_t number, size_t count,
                                     struct data_review_verdict *verdict, primer_error *error)
{
    struct person *const person = context;
    bool ended = false;
    show(person, lesson, number, count);
    do {
        FORWARD(read_line(person, KEYS, &person->line, &ended, error));
        if (ended) {
            verdict->mark = DATA_REVIEW_QUIT;
            return PRIMER_OK;
        }
    } while (!read_verdict(&person->line, verdict));
    if (verdict->mark != DATA_REVIEW_DOUBTFUL || verdict->note != NULL)
        return PRIMER_OK;
    FORWARD(read_line(person, "why (Enter: no note): ", &person->note, &ended, error));
    verdict->note = person->note.bytes;
    verdict->note_length = person->note.length;
    return PRIMER_OK;
}

/* ---- a model --------------------------------------------------------------------------------- */

static bool is_model(const char *by)
{
    const char *const dot = by == NULL ? NULL : strrchr(by, '.');
    return dot != NULL && strcasecmp(dot, ".gguf") == 0;
}

/* Its work, as a line with what is left. */
struct watched {
    struct data_review_judge inner;
    struct progress progress;
};

static primer_status judge_watched(void *context, const struct data_review_lesson *lesson,
                                   size_t number, size_t count, struct data_review_verdict *verdict,
                                   primer_error *error)
{
    struct watched *const watched = context;
    if (interrupt_seen()) {
        verdict->mark = DATA_REVIEW_QUIT;
        return PRIMER_OK;
    }
    progress_step(&watched->progress, number - 1, count, NULL);
    return watched->inner.judge(watched->inner.context, lesson, number, count, verdict, error);
}

/* ---- the command ----------------------------------------------------------------------------- */

static primer_status write_json(const char *path, const struct data_review_summary *summary,
                                const struct buffer *report, struct buffer *out,
                                primer_error *error)
{
    FORWARD(buffer_text(out, "{\"path\":", error));
    FORWARD(buffer_json_string(out, path, strlen(path), error));
    FORWARD(buffer_format(
        out, error,
        ",\"lessons\":%" PRIu64 ",\"same\":%" PRIu64 ",\"drawn\":%" PRIu64 ",\"before\":%" PRIu64
        ",\"given\":%" PRIu64 ",\"skipped\":%" PRIu64 ",\"undone\":%" PRIu64 ",\"left\":%" PRIu64
        ",\"bad\":%" PRIu64 ",\"first_bad\":",
        summary->lessons, summary->same, summary->drawn, summary->before, summary->given,
        summary->skipped, summary->undone, summary->left, summary->bad));
    FORWARD(data_work_first_bad(out, summary->bad, summary->first_bad, error));
    return buffer_format(out, error, ",\"report\":%s}\n", report->bytes);
}

static primer_status write_text(const char *path, const struct data_review_summary *summary,
                                const struct buffer *report, struct buffer *out,
                                primer_error *error)
{
    char a[RENDER_TEXT], b[RENDER_TEXT];
    FORWARD(buffer_format(out, error,
                          "%s: %s of %s lessons drawn; %" PRIu64 " judged now, %" PRIu64
                          " before, %" PRIu64 " skipped, %" PRIu64 " left\n",
                          path, render_count(summary->drawn, a), render_count(summary->lessons, b),
                          summary->given, summary->before, summary->skipped, summary->left));
    if (summary->same > 0)
        FORWARD(buffer_format(out, error, "  lessons that are there again: %" PRIu64 "\n",
                              summary->same));
    if (summary->bad > 0)
        FORWARD(buffer_format(out, error,
                              "  left out: %" PRIu64 " lines that can't be read; the first: %s\n",
                              summary->bad, summary->first_bad));
    return buffer_append(out, report->bytes, report->length, error);
}

static int run_report(const struct settings *settings)
{
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    struct buffer out = {0};
    TRY(data_review_report(settings->arguments, settings->argument_count, settings->json,
                           settings->skip_bad, &out, error));
    if (settings->json)
        TRY(buffer_text(&out, "\n", error));
    TRY(output_write(out.bytes, out.length, error));
cleanup:
    buffer_free(&out);
    return status == PRIMER_OK ? EXIT_CODE_OK : command_failed(error);
}

static primer_status make_judge(const struct settings *settings, const char *rubric,
                                struct person *person, struct data_review_judge *judge,
                                primer_error *error)
{
    const char *const by = settings->review.by;
    if (is_model(by))
        return data_review_judge_model(judge, by, rubric, settings->model.threads, error);
    FORWARD(line_input_create(&person->input, NULL, error));
    person->rubric = rubric;
    *judge = (struct data_review_judge){
        .name = by == NULL ? "person" : by, .context = person, .judge = judge_by_person};
    return PRIMER_OK;
}

static int run_review(struct settings *settings)
{
    const struct review_settings *const chosen = &settings->review;
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    struct data_review_summary summary = {0};
    struct buffer out = {0}, rubric = {0}, report = {0};
    struct person person = {0};
    struct watched watched = {.progress = progress_begin("judging", "lessons")};
    struct progress progress = progress_begin("drawing lessons", "B");
    const struct data_review_options options = {.count = chosen->count,
                                                .seed = chosen->seed,
                                                .by_kind = chosen->by_kind,
                                                .skip_bad = settings->skip_bad,
                                                .json = settings->json,
                                                .progress = data_work_report,
                                                .context = &progress};
    if (chosen->rubric == NULL)
        TRY(buffer_text(&rubric, data_review_rubric, error));
    else
        TRY(file_read(chosen->rubric, RUBRIC_MOST, &rubric, error));
    if (rubric.bytes != NULL && !utf8_valid(rubric.bytes, rubric.length))
        FAIL(PRIMER_EFORMAT, "%s: it is not UTF-8", chosen->rubric);
    TRY(make_judge(settings, rubric.bytes == NULL ? "" : rubric.bytes, &person, &watched.inner,
                   error));
    const struct data_review_judge by_model = {watched.inner.name, &watched, judge_watched, NULL,
                                               watched.inner.shared};
    interrupt_install(NULL);
    if (person.input == NULL) /* each verdict is whole in the file: a person may leave at once */
        interrupt_hold();
    TRY(data_review(settings->arguments[0], settings->output,
                    person.input == NULL ? &by_model : &watched.inner, &options, &summary, &report,
                    error));
    progress_end(&progress);
    progress_end(&watched.progress);
    if (summary.rank != 0)
        goto cleanup;
    TRY(settings->json ? write_json(settings->output, &summary, &report, &out, error)
                       : write_text(settings->output, &summary, &report, &out, error));
    TRY(output_write(out.bytes, out.length, error));

cleanup:
    progress_end(&progress);
    progress_end(&watched.progress);
    data_review_judge_free(&watched.inner);
    line_input_free(person.input);
    buffer_free(&person.line);
    buffer_free(&person.note);
    buffer_free(&out);
    buffer_free(&rubric);
    buffer_free(&report);
    if (interrupt_seen())
        interrupt_end();
    return status == PRIMER_OK ? EXIT_CODE_OK : command_failed(error);
}

static int run(struct settings *settings)
{
    const struct review_settings *const chosen = &settings->review;
    const bool asks = chosen->count > 0 || chosen->by != NULL || chosen->rubric != NULL ||
                      chosen->by_kind || chosen->seed > 0 || settings->model.threads > 0 ||
                      settings->output != NULL;
    if (chosen->report && asks)
        return command_misused(settings->command,
                               "data review --report takes files of verdicts and nothing else");
    if (chosen->report)
        return run_report(settings);
    if (settings->output == NULL || settings->argument_count != 1)
        return command_misused(settings->command,
                               "data review takes one file of lessons and -o, or --report and "
                               "files of verdicts");
    if (!data_review_is_name(chosen->by == NULL ? "person" : chosen->by))
        return command_misused(settings->command,
                               "--by: expected a name, in UTF-8: verdicts are found again by it");
    if (settings->model.threads > 0 && !is_model(chosen->by))
        return command_misused(settings->command, "-t has no effect where a person judges");
    return run_review(settings);
}

const struct command data_verb_review = {
    .name = "data review",
    .arguments = "FILE...",
    .summary = "lessons drawn at random and judged right or wrong, by persons or models",
    .teaching =
        "Examples\n"
        "  primer data review lessons.jsonl -o verdicts.jsonl --count 200 --by anna\n"
        "  primer data review lessons.jsonl -o verdicts.jsonl --count 200 --by phi-2.gguf\n"
        "  primer data review --report verdicts.jsonl\n\n"
        "The lines of primer data synth, and others with \"messages\", \"prompt\" and "
        "\"completion\", or\n"
        "\"text\". A person is shown one lesson after the other and answers by keys, each with "
        "Enter: y right,\n"
        "n wrong, d doubtful (a note may follow, as in: n the sum is 7), s skip, u undo, q quit. "
        "Each verdict\n"
        "is written at once; the same command goes on where it was left. A model isn't sampled: "
        "it is asked\n"
        "whether the answer is right, and the more probable of \"yes\" and \"no\" is its "
        "verdict.\n",
    .bit = DATA_REVIEW,
    .least = 1,
    .most = SETTINGS_ARGUMENTS,
    .run = run,
};
