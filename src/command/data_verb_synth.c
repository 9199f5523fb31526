/* data_verb_synth.c - primer data synth: lessons from a curriculum, each checked before it is kept. */
#include "command/command.h"

#include <inttypes.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "data/data_synth.h"
#include "terminal/interrupt.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "terminal/render.h"

#define COUNT 10000 /* lessons, where no number was given */

static bool report(void *context, uint64_t done, uint64_t all)
{
    progress_step(context, done, all, NULL);
    return !interrupt_seen();
}

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

static primer_status write_json(const char *path, const struct data_synth_summary *summary,
                                double seconds, struct buffer *out, primer_error *error)
{
    FORWARD(buffer_text(out, "{\"path\":", error));
    FORWARD(buffer_json_string(out, path, strlen(path), error));
    FORWARD(buffer_format(
        out, error,
        ",\"kept\":%" PRIu64 ",\"made\":%" PRIu64 ",\"programs\":%" PRIu64 ",\"wrong\":%" PRIu64
        ",\"duplicates\":%" PRIu64 ",\"held_out\":%" PRIu64 ",\"unsaid\":%" PRIu64
        ",\"resumed\":%" PRIu64 ",\"topics\":%zu,\"topics_used\":%zu,\"distinct\":%.6f"
        ",\"similar\":%.6f,\"problems\":[",
        summary->kept, summary->made, summary->programs, summary->wrong, summary->duplicates,
        summary->held_out, summary->unsaid, summary->resumed, summary->topics, summary->topics_used,
        summary->distinct, summary->similar));
    for (size_t i = 0; i < DATA_SYNTH_PROBLEMS && summary->problems[i].count > 0; i++) {
        FORWARD(buffer_format(out, error, "%s{\"count\":%" PRIu64 ",\"text\":", i > 0 ? "," : "",
                              summary->problems[i].count));
        FORWARD(buffer_json_string(out, summary->problems[i].text,
                                   strlen(summary->problems[i].text), error));
        FORWARD(buffer_text(out, "}", error));
    }
    return buffer_format(out, error, "],\"seconds\":%.3f}\n", seconds);
}

static int run(struct settings *settings)
{
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    struct data_synth_summary summary = {0};
    struct buffer out = {0};
    struct progress progress = progress_begin("making lessons", "lessons");
    const struct data_synth_options options = {
        .count = settings->data.count > 0 ? settings->data.count : COUNT,
        .seed = settings->data.seed,
        .split = split_named(settings->data.split),
        .only = settings->data.only,
        .tests = settings->data.tests,
        .most_wrong = (double)settings->data.most_wrong / 100.0,
        .threads = settings->model.threads,
        .progress = report,
        .context = &progress};
    if (settings->output == NULL)
        return command_misused(settings->command,
                               "data synth needs -o: where to write the lessons");
    const uint64_t begun = clock_nanoseconds();
    interrupt_install(NULL);
    interrupt_hold();
    status = data_synth_make(settings->arguments, settings->argument_count, settings->output,
                             &options, &summary, error);
    progress_end(&progress);
    if (status == PRIMER_ECANCELED)
        interrupt_end();
    if (status != PRIMER_OK)
        goto cleanup;
    const double seconds = clock_seconds_since(begun);
    TRY(settings->json ? write_json(settings->output, &summary, seconds, &out, error)
                       : write_text(settings->output, &summary, seconds, &out, error));
    TRY(output_write(out.bytes, out.length, error));

cleanup:
    buffer_free(&out);
    return status == PRIMER_OK ? EXIT_CODE_OK : command_failed(error);
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
        "--tests\n\n"
        "A curriculum is a folder of text files: what can be asked, in how many ways, and what a "
        "lesson looks\n"
        "like; docs/curricula.md describes them. Lessons are lines of JSON that primer data shard "
        "reads. The\n"
        "same seed gives the same lessons. A run that was stopped goes on with the same command.\n",
    .bit = DATA_SYNTH,
    .least = 1,
    .most = SETTINGS_ARGUMENTS,
    .run = run,
};
