/* command_bench.c - primer bench: how fast a model reads a prompt and writes, against what the
 * machine could do.
 *
 *   open - 16-token prompt - first token                    load_ms, first_token_ms
 *   warm-up run, then `runs` times:  prompt of P tokens     prompt_tok_s    (median)
 *                                    N tokens, one by one   generate_tok_s  (median)
 *   memory, while the last session lives                    resident_bytes ...
 *   memory and arithmetic limits of this machine            shares
 *
 * With --clients C, C sessions in as many threads read a prompt each, wait for each other, and
 * write N tokens each; generate_tok_s is then that of all together. With --depth D a prompt of D
 * tokens is read once and the N tokens are written after it again and again. With --speculate see
 * bench_speculate.c, with --prefix bench_prefix.c.
 */
#include "command/command.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/memory.h"
#include "command/bench_prefix.h"
#include "command/bench_report.h"
#include "command/builtin.h"
#include "terminal/output.h"

enum { PROMPT = 512, PREFIX = 2000, GENERATED = 64, RUNS = 5, ROOM = 8 };

/* ---- what the command line means ------------------------------------------------------------- */

/* True where both were given, after saying that the first has no effect beside the second. */
static bool clash(const struct settings *settings, bool first, const char *name, bool second,
                  const char *other, const char *why)
{
    if (first && second)
        command_misused(settings->command, "%s has no effect with %s: %s", name, other, why);
    return first && second;
}

/* Refuses what would have no effect, then fills in what was not said. False: the message was
 * printed. */
static bool understand(struct settings *s)
{
    static const char only[] = "nothing but the limits is measured",
                      text[] = "the text is given, and one session repeats it",
                      kept[] = "one prompt is read and read again, nothing else",
                      deep[] = "the prompt is the context, read once by one session";
    const bool limits = s->limits_only, speculate = s->speculate, depth = s->depth > 0;
    const bool prefix = s->prefix;
    const struct {
        bool given;
        const char *name;
    } given[] = {{s->prompt_tokens > 0, "-p"},    {s->clients > 1, "--clients"},
                 {s->generated_tokens > 0, "-n"}, {depth, "--depth"},
                 {s->runs > 0, "--runs"},         {speculate, "--speculate"},
                 {s->no_limits, "--no-limits"},   {prefix, "--prefix"}};
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++)
        if (clash(s, given[i].given, given[i].name, limits, "--limits-only", only) ||
            (i > 0 && i < 7 && i != 4 &&
             clash(s, given[i].given, given[i].name, prefix, "--prefix", kept)) ||
            (i < 4 && clash(s, given[i].given, given[i].name, speculate, "--speculate", text)) ||
            (i < 2 && clash(s, given[i].given, given[i].name, depth, "--depth", deep)))
            return false;
    s->prompt_tokens = depth                  ? s->depth
                       : s->prompt_tokens > 0 ? s->prompt_tokens
                       : prefix               ? PREFIX
                                              : PROMPT;
    s->generated_tokens = s->generated_tokens > 0 ? s->generated_tokens : GENERATED;
    s->clients = s->clients > 0 ? s->clients : 1;
    s->runs = s->runs > 0 ? s->runs : RUNS;
    return true;
}

/* ---- measuring ------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static primer_status median(const double *values, size_t count, double *middle, primer_error *error)
{
    double *sorted = memory_allocate(count, sizeof *sorted);
    if (sorted == NULL)
        return memory_failure(error, "the measurements", count * sizeof *sorted);
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    *middle = count % 2 == 1 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
    memory_free(sorted);
    return PRIMER_OK;
}

/* After one run to warm up. */
static primer_status measure_runs(const struct settings *settings, primer_model *model,
                                  struct bench_figures *figures, struct bench_speeds *one,
                                  primer_error *error)
{
    for (size_t run = 0; run <= settings->runs; run++) {
        FORWARD(settings->clients > 1 ? bench_run_many(settings, model, one, error)
                                      : bench_run_one(settings, model, one, error));
        if (run == 0)
            continue;
        figures->prompt_runs[run - 1] = one->prompt;
        figures->generate_runs[run - 1] = one->generate;
    }
    return PRIMER_OK;
}

static primer_status measure(const struct settings *settings, primer_model *model,
                             struct bench_figures *f, primer_error *error)
{
    struct bench_speeds one = {0};
    f->prompt_count = f->generate_count = settings->runs;
    f->prompt_runs = memory_allocate(settings->runs, sizeof *f->prompt_runs);
    f->generate_runs = memory_allocate(settings->runs, sizeof *f->generate_runs);
    if (f->prompt_runs == NULL || f->generate_runs == NULL)
        return memory_failure(error, "the measurements", settings->runs * sizeof *f->prompt_runs);
    if (settings->speculate) {
        FORWARD(bench_speculate_run(settings, model, f->prompt_runs, f->generate_runs,
                                    &f->speculation, error));
        one.memory = f->speculation.memory;
    } else if (settings->depth > 0) {
        FORWARD(bench_run_deep(settings, model, f->generate_runs, &one, error));
        f->prompt_runs[0] = one.prompt;
        f->prompt_count = 1;
    } else {
        FORWARD(measure_runs(settings, model, f, &one, error));
    }
    f->memory = one.memory;
    FORWARD(median(f->prompt_runs, f->prompt_count, &f->prompt, error));
    return median(f->generate_runs, f->generate_count, &f->generate, error);
}

/* ---- the command ----------------------------------------------------------------------------- */

/* The model's file once more, for its tensors and to be read at full speed. */
static primer_status open_file(const char *path, struct gguf **gguf, primer_error *error)
{
    size_t size = 0;
    const unsigned char *bytes = path == NULL ? builtin_model(&size) : NULL;
    if (path == NULL && bytes == NULL)
        return error_set(error, PRIMER_EINVAL,
                         "no model was named, and none is built into this program: its file is "
                         "what is read");
    return path != NULL ? gguf_open(gguf, path, error)
                        : gguf_open_memory(gguf, bytes, size, "builtin", error);
}

static primer_status limits_alone(const struct settings *settings, const char *path,
                                  struct buffer *out, primer_error *error)
{
    struct gguf *gguf = NULL;
    struct bench_limits limits = {0};
    const size_t threads =
        settings->model.threads > 0 ? settings->model.threads : cpu_thread_count();
    FORWARD(open_file(path, &gguf, error));
    bench_report_limits(gguf, threads, &limits);
    gguf_free(gguf);
    return bench_report_limits_alone(&limits, threads, settings->json, out, error);
}

static primer_status bench(struct settings *settings, const char *path, struct buffer *out,
                           primer_error *error)
{
    primer_status status = PRIMER_OK;
    primer_model *model = NULL;
    struct gguf *gguf = NULL;
    struct bench_figures figures = {0};
    size_t *context = &settings->parameters.session.context;
    settings->model.no_prefix_cache = true; /* each run reads its prompt anew */
    const uint64_t begun = clock_nanoseconds();
    TRY(command_open_model(path, settings, &model, error));
    figures.load_seconds = clock_seconds_since(begun);
    if (settings->speculate)
        settings->prompt_tokens = settings->generated_tokens = bench_speculate_text(model);
    if (*context == 0)
        *context = settings->prompt_tokens + settings->generated_tokens + ROOM;
    TRY(bench_run_first_token(settings, model, error));
    figures.first_token_seconds = clock_seconds_since(begun);
    TRY(measure(settings, model, &figures, error));
    TRY(open_file(path, &gguf, error));
    if (!settings->no_limits)
        bench_report_limits(gguf, primer_model_info(model)->threads, &figures.limits);
    bench_report_work(settings, model, gguf, &figures);
    TRY(settings->json ? bench_report_json(settings, model, &figures, out, error)
                       : bench_report_text(settings, model, &figures, out, error));

cleanup:
    gguf_free(gguf);
    bench_report_free(&figures);
    primer_model_free(model);
    return status;
}

static int run(struct settings *settings)
{
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    struct buffer out = {0};
    const char *path = settings->argument_count > 0 ? settings->arguments[0] : NULL;
    if (!understand(settings))
        return EXIT_CODE_USAGE;
    TRY(settings->limits_only ? limits_alone(settings, path, &out, error)
        : settings->prefix    ? bench_prefix(settings, path, &out, error)
                              : bench(settings, path, &out, error));
    TRY(output_write(out.bytes, out.length, error));

cleanup:
    buffer_free(&out);
    return status == PRIMER_OK ? EXIT_CODE_OK : command_failed(error);
}

const struct command command_bench = {
    .name = "bench",
    .group = "Measure",
    .arguments = "[MODEL]",
    .summary = "speed of prompt and generation, against the machine's limits",
    .teaching =
        "Examples\n"
        "  primer bench phi-2.gguf                    a prompt of 512 tokens, then 64 generated\n"
        "  primer bench phi-2.gguf -p 128 -n 128 -t 2\n"
        "  primer bench phi-2.gguf -p 128 --clients 8 --json\n"
        "  primer bench phi-2.gguf --depth 1536       64 generated after 1,536 tokens\n"
        "  primer bench phi-2.gguf --speculate        what guessing ahead is worth at best\n"
        "  primer bench phi-2.gguf --prefix -p 2000   a prompt read, and got back from disk\n"
        "  primer bench phi-2.gguf --limits-only      what the machine can do now\n\n"
        "Speeds are medians of --runs runs after one to warm up; --json has each run's too. "
        "load_ms is the\n"
        "time of loading alone, first_token_ms that from the start of loading until the first "
        "token of a\n"
        "prompt of 16 tokens exists. Memory is the program's at the end of the last run, with "
        "keys, values\n"
        "and buffers. The limits (bytes read a second, 8-bit and f32 operations a second) are "
        "measured in\n"
        "the same process, after the model.\n",
    .bit = COMMAND_BENCH,
    .most = 1,
    .run = run,
};
