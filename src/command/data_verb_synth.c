/* data_verb_synth.c - primer data synth: lessons from a curriculum, each checked before it is kept. */
#include "command/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "command/data_work.h"
#include "data/data_synth.h"
#include "data/data_teacher.h"
#include "terminal/interrupt.h"
#include "terminal/output.h"
#include "terminal/render.h"

#define COUNT 10000 /* lessons, where no number was given */

static enum data_synth_split split_named(const char *name)
{
    if (name == NULL || strcmp(name, "train") == 0)
        return DATA_SYNTH_TRAIN;
    return strcmp(name, "test") == 0    ? DATA_SYNTH_TEST
           : strcmp(name, "pairs") == 0 ? DATA_SYNTH_PAIRS
                                        : DATA_SYNTH_ALL;
}

static primer_status write_problems(const struct data_synth_summary *summary, struct buffer *out,
                                    primer_error *error)
{
    for (size_t i = 0; i < DATA_SYNTH_PROBLEMS && summary->problems[i].count > 0; i++)
        FORWARD(buffer_format(out, error, "    %6" PRIu64 "  %s\n", summary->problems[i].count,
                              summary->problems[i].text));
    return PRIMER_OK;
}

static primer_status write_text(const char *path, const struct data_synth_summary *summary,
                                double seconds, struct buffer *out, primer_error *error)
{
    char kept[RENDER_TEXT], made[RENDER_TEXT], other[RENDER_TEXT], time[RENDER_TEXT];
    FORWARD(buffer_format(out, error, "%s: %s lessons, of %s made; %s programs run; in %s\n", path,
                          render_count(summary->kept, kept), render_count(summary->made, made),
                          render_count(summary->programs, other), render_duration(seconds, time)));
    FORWARD(buffer_format(out, error,
                          "  left out: %s wrong, %" PRIu64 " repeated, %" PRIu64
                          " held out, %" PRIu64 " that couldn't be said\n",
                          render_count(summary->wrong, other), summary->duplicates,
                          summary->held_out, summary->unsaid));
    FORWARD(write_problems(summary, out, error));
    return buffer_format(out, error,
                         "  %zu of %zu parts, ideas and lessons used; distinct trigrams %.3f; "
                         "words shared by two lessons %.3f\n",
                         summary->topics_used, summary->topics, summary->distinct,
                         summary->similar);
}

static primer_status begin_json(const char *path, bool finished, struct buffer *out,
                                primer_error *error)
{
    FORWARD(buffer_text(out, "{\"path\":", error));
    FORWARD(buffer_json_string(out, path, strlen(path), error));
    return buffer_format(out, error, ",\"finished\":%s", finished ? "true" : "false");
}

static primer_status write_json(const char *path, bool finished,
                                const struct data_synth_summary *summary, double seconds,
                                struct buffer *out, primer_error *error)
{
    FORWARD(begin_json(path, finished, out, error));
    FORWARD(buffer_format(
        out, error,
        ",\"kept\":%" PRIu64 ",\"made\":%" PRIu64 ",\"programs\":%" PRIu64 ",\"wrong\":%" PRIu64
        ",\"duplicates\":%" PRIu64 ",\"held_out\":%" PRIu64 ",\"unsaid\":%" PRIu64
        ",\"joined\":%" PRIu64 ",\"spare\":%" PRIu64 ",\"resumed\":%" PRIu64
        ",\"topics\":%zu,\"topics_used\":%zu,\"distinct\":%.6f"
        ",\"similar\":%.6f,\"problems\":[",
        summary->kept, summary->made, summary->programs, summary->wrong, summary->duplicates,
        summary->held_out, summary->unsaid, summary->joined, summary->spare, summary->resumed,
        summary->topics, summary->topics_used, summary->distinct, summary->similar));
    for (size_t i = 0; i < DATA_SYNTH_PROBLEMS && summary->problems[i].count > 0; i++) {
        FORWARD(buffer_format(out, error, "%s{\"count\":%" PRIu64 ",\"text\":", i > 0 ? "," : "",
                              summary->problems[i].count));
        FORWARD(buffer_json_string(out, summary->problems[i].text,
                                   strlen(summary->problems[i].text), error));
        FORWARD(buffer_text(out, "}", error));
    }
    return buffer_format(out, error, "],\"seconds\":%.3f}\n", seconds);
}

/* ---- stopped --------------------------------------------------------------------------------- */

/* On standard error, before the signal ends the program. */
static void tell_stop(struct data_work *work, const char *path, uint64_t kept, size_t processes)
{
    char line[600], shown[400], count[RENDER_TEXT];
    error_printable(path, strlen(path), shown, sizeof shown);
    if (processes > 1)
        snprintf(line, sizeof line,
                 "stopped: the lessons so far are in %s.rank-*.part; the same command goes on",
                 shown);
    else if (kept == 0)
        snprintf(line, sizeof line, "stopped: no lesson so far; the same command goes on");
    else
        snprintf(line, sizeof line,
                 "stopped: %s lesson%s so far in %s.part; the same command goes on",
                 render_count(kept, count), kept == 1 ? "" : "s", shown);
    data_work_tell(&work->progress, line);
}

/* ---- with a teacher --------------------------------------------------------------------------- */

#define TEACHER_COUNT 1000 /* lessons, where no number was given */

static primer_status write_teacher_text(const char *path, bool finished,
                                        const struct data_teacher_summary *summary, double seconds,
                                        struct buffer *out, primer_error *error)
{
    char kept[RENDER_TEXT], asked[RENDER_TEXT], refused[RENDER_TEXT], time[RENDER_TEXT];
    FORWARD(buffer_format(out, error, "%s%s: %s lessons%s, of %s answers; %s refused; in %s\n",
                          path, finished ? "" : ".part", render_count(summary->kept, kept),
                          finished ? "" : " so far", render_count(summary->asked, asked),
                          render_count(summary->refused, refused), render_duration(seconds, time)));
    if (summary->unanswered > 0 || summary->unsaid > 0)
        FORWARD(buffer_format(out, error,
                              "  %" PRIu64 " questions without an answer, %" PRIu64
                              " prompts that couldn't be said\n",
                              summary->unanswered, summary->unsaid));
    for (size_t i = 0; i < DATA_TEACHER_REASONS && summary->reasons[i].count > 0; i++)
        FORWARD(buffer_format(out, error, "    %6" PRIu64 "  %s\n", summary->reasons[i].count,
                              summary->reasons[i].text));
    return buffer_format(out, error,
                         "  %zu of %zu prompts used; distinct trigrams %.3f; words shared by two "
                         "lessons %.3f\n",
                         summary->prompts_used, summary->prompts, summary->distinct,
                         summary->similar);
}

static primer_status write_teacher_json(const char *path, bool finished,
                                        const struct data_teacher_summary *summary, double seconds,
                                        struct buffer *out, primer_error *error)
{
    FORWARD(begin_json(path, finished, out, error));
    FORWARD(buffer_format(out, error,
                          ",\"kept\":%" PRIu64 ",\"asked\":%" PRIu64 ",\"refused\":%" PRIu64
                          ",\"unanswered\":%" PRIu64 ",\"unsaid\":%" PRIu64 ",\"resumed\":%" PRIu64
                          ",\"prompts\":%zu,\"prompts_used\":%zu"
                          ",\"distinct\":%.6f,\"similar\":%.6f,\"reasons\":{",
                          summary->kept, summary->asked, summary->refused, summary->unanswered,
                          summary->unsaid, summary->resumed, summary->prompts,
                          summary->prompts_used, summary->distinct, summary->similar));
    for (size_t i = 0; i < DATA_TEACHER_REASONS && summary->reasons[i].count > 0; i++) {
        FORWARD(buffer_text(out, i > 0 ? "," : "", error));
        FORWARD(buffer_json_string(out, summary->reasons[i].text, strlen(summary->reasons[i].text),
                                   error));
        FORWARD(buffer_format(out, error, ":%" PRIu64, summary->reasons[i].count));
    }
    return buffer_format(out, error, "},\"seconds\":%.3f}\n", seconds);
}

/* What a teacher can't be told, or has to be; NULL: nothing. */
static const char *teacher_misuse(const struct settings *settings)
{
    const bool endpoint = strstr(settings->teacher.name, "://") != NULL;
    if (settings->data.split != NULL || settings->data.tests || settings->data.most_wrong > 0)
        return "--split, --tests and --most-wrong are of the built-in teacher: leave them out, or "
               "--teacher";
    if (endpoint && settings->teacher.model == NULL)
        return "an endpoint needs --teacher-model: what it calls its model";
    return !endpoint && (settings->teacher.model != NULL || settings->key_file != NULL)
               ? "--teacher-model and --key-file are for an endpoint, https://host/v1"
               : NULL;
}

static bool read_temperature(const char *text, double *temperature)
{
    char *end = NULL;
    *temperature = text == NULL ? -1 : strtod(text, &end);
    return text == NULL || (end != text && *end == '\0' && *temperature >= 0 && *temperature <= 2);
}

/* What was answered is told of a run that failed, too. */
static int run_teacher(struct settings *settings)
{
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    struct data_teacher_summary summary = {0};
    struct buffer out = {0};
    const struct teacher_settings *const teacher = &settings->teacher;
    const char *const misuse = teacher_misuse(settings);
    struct data_teacher_options options = {.teacher = teacher->name,
                                           .model = teacher->model,
                                           .key_file = settings->key_file,
                                           .count = settings->data.count > 0 ? settings->data.count
                                                                             : TEACHER_COUNT,
                                           .seed = settings->data.seed,
                                           .only = settings->data.only,
                                           .parallel = settings->parallel,
                                           .max_tokens = teacher->max_tokens,
                                           .tries = teacher->tries,
                                           .seconds = (double)teacher->seconds,
                                           .most_refused = teacher->most_refused,
                                           .threads = settings->model.threads,
                                           .progress = data_work_report};
    if (misuse != NULL)
        return command_misused(settings->command, "%s", misuse);
    if (!read_temperature(teacher->temperature, &options.temperature))
        return command_misused(settings->command, "--temp: found \"%s\", expected 0 to 2",
                               teacher->temperature);
    struct data_work work = data_work_begin("asking for lessons", "lessons");
    options.context = &work.progress;
    const primer_status made = data_teacher_make(settings->arguments, settings->argument_count,
                                                 settings->output, &options, &summary, error);
    data_work_end(&work, PRIMER_OK); /* a stopped run has something to say */
    if (made == PRIMER_ECANCELED)
        tell_stop(&work, settings->output, summary.kept, 1);
    if (made == PRIMER_OK || summary.asked + summary.unanswered > 0) {
        primer_error other = {0};
        const bool finished = made == PRIMER_OK;
        status = settings->json ? write_teacher_json(settings->output, finished, &summary,
                                                     work.seconds, &out, &other)
                                : write_teacher_text(settings->output, finished, &summary,
                                                     work.seconds, &out, &other);
        if (status == PRIMER_OK)
            status = output_write(out.bytes, out.length, &other);
        if (finished)
            problem = other;
    }
    buffer_free(&out);
    if (made == PRIMER_ECANCELED)
        interrupt_end();
    return made == PRIMER_OK && status == PRIMER_OK ? EXIT_CODE_OK : command_failed(error);
}

/* ---- without one ----------------------------------------------------------------------------- */

/* What is of a teacher, and was said without one; NULL: nothing. */
static const char *teacher_option(const struct settings *settings)
{
    const struct teacher_settings *const teacher = &settings->teacher;
    const struct {
        const char *name;
        bool said;
    } options[] = {
        {"--teacher-model", teacher->model != NULL}, {"--key-file", settings->key_file != NULL},
        {"--parallel", settings->parallel > 0},      {"--temp", teacher->temperature != NULL},
        {"--max-tokens", teacher->max_tokens > 0},   {"--tries", teacher->tries > 0},
        {"--timeout", teacher->seconds > 0},         {"--most-refused", teacher->most_refused > 0},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (options[i].said)
            return options[i].name;
    return NULL;
}

/* Of several processes none knows what all have: they say no numbers. */
static void tell_curriculum_stop(const struct settings *settings, struct data_work *work,
                                 const struct data_synth_summary *summary)
{
    struct buffer out = {0};
    tell_stop(work, settings->output, summary->kept, summary->processes);
    if (settings->json && summary->processes == 1 &&
        write_json(settings->output, false, summary, work->seconds, &out, NULL) == PRIMER_OK)
        output_write(out.bytes, out.length, NULL);
    buffer_free(&out);
}

static int run_curriculum(struct settings *settings)
{
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    struct data_synth_summary summary = {0};
    struct buffer out = {0};
    const char *const misused = teacher_option(settings);
    if (misused != NULL)
        return command_misused(settings->command,
                               "%s is for a teacher: leave it out, or say which "
                               "with --teacher",
                               misused);
    if (settings->data.most_wrong > 100)
        return command_misused(settings->command, "--most-wrong: found %zu, expected 1 to 100",
                               settings->data.most_wrong);
    struct data_work work = data_work_begin("making lessons", "lessons");
    const struct data_synth_options options = {
        .count = settings->data.count > 0 ? settings->data.count : COUNT,
        .seed = settings->data.seed,
        .split = split_named(settings->data.split),
        .only = settings->data.only,
        .tests = settings->data.tests,
        .most_wrong = (double)settings->data.most_wrong / 100.0,
        .threads = settings->model.threads,
        .progress = data_work_report,
        .context = &work.progress};
    status = data_synth_make(settings->arguments, settings->argument_count, settings->output,
                             &options, &summary, error);
    data_work_end(&work, PRIMER_OK); /* a stopped run has something to say */
    if (summary.rank == 0 && status == PRIMER_ECANCELED)
        tell_curriculum_stop(settings, &work, &summary);
    if (status != PRIMER_OK || summary.rank != 0)
        goto cleanup;
    TRY(settings->json ? write_json(settings->output, true, &summary, work.seconds, &out, error)
                       : write_text(settings->output, &summary, work.seconds, &out, error));
    TRY(output_write(out.bytes, out.length, error));

cleanup:
    buffer_free(&out);
    if (status == PRIMER_ECANCELED)
        interrupt_end();
    return status == PRIMER_OK ? EXIT_CODE_OK : command_failed(error);
}

static int run(struct settings *settings)
{
    if (settings->output == NULL)
        return command_misused(settings->command,
                               "data synth needs -o: where to write the lessons");
    return settings->teacher.name != NULL ? run_teacher(settings) : run_curriculum(settings);
}

const struct command data_verb_synth = {
    .name = "data synth",
    .arguments = "CURRICULUM...",
    .summary = "lessons made from a curriculum, every program run before it is kept",
    .teaching =
        "Examples\n"
        "  primer data synth curriculum/python curriculum/everyday -o lessons.jsonl --count "
        "200000\n"
        "  primer data synth curriculum/python -o exercises.jsonl --only exercise --split test "
        "--tests\n"
        "  primer data synth curriculum/teacher -o textbooks.jsonl --teacher phi-2.Q4_0.gguf "
        "--only "
        "textbook\n"
        "  primer data synth curriculum/teacher -o more.jsonl --teacher https://api.example.com/v1 "
        "\\\n    --teacher-model NAME --key-file key.txt --count 5000 --parallel 16\n\n"
        "A curriculum is a folder of text files: what can be asked, in how many ways, and what a "
        "lesson looks\n"
        "like; docs/curricula.md describes them. Lessons are lines of JSON that primer data shard "
        "reads. The\n"
        "same seed gives the same lessons. A run that was stopped goes on with the same "
        "command.\n\n"
        "With --teacher another model writes the lessons, from the curriculum's prompts; what it "
        "answers is run in\n"
        "the sandbox before it is kept, and is on disk at once (docs/teachers.md).\n",
    .bit = DATA_SYNTH,
    .least = 1,
    .most = SETTINGS_ARGUMENTS,
    .run = run,
};
