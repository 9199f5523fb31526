/* command_bench.c - primer bench: how fast a model reads a prompt and writes, against what the
 * machine could do.
 *
 *   open - 16-token prompt - first token                    load_ms, first_token_ms
 *   warm-up run, then `runs` times:  prompt of P tokens     prompt_tok_s    (median)
 *                                    N tokens, one by one   generate_tok_s  (median)
 *   memory and arithmetic limits of this machine            shares
 *
 * With --clients C, C sessions in as many threads read a prompt each, wait for each other, and
 * write N tokens each; generate_tok_s is then that of all together.
 */
#include "command/command.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "command/bench_report.h"
#include "command/bench_run.h"
#include "terminal/output.h"

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* A run for every client count: alone, one session is used again and again. */
static primer_status measure(const struct settings *settings, primer_model *model,
                             struct bench_figures *figures, primer_error *error)
{
    primer_status status = PRIMER_OK;
    const size_t runs = settings->runs;
    double *speeds = memory_allocate(runs, 2 * sizeof *speeds);
    struct bench_speeds one = {0};
    if (speeds == NULL)
        return memory_failure(error, "the measurements", runs * 2 * sizeof *speeds);
    for (size_t run = 0; run <= runs; run++) {
        TRY(settings->clients > 1 ? bench_run_many(settings, model, &one, error)
                                  : bench_run_one(settings, model, &one, error));
        if (run == 0)
            continue;
        speeds[run - 1] = one.prompt;
        speeds[runs + run - 1] = one.generate;
    }
    figures->prompt = median(speeds, runs);
    figures->generate = median(speeds + runs, runs);
    figures->kv_bytes = one.kv_bytes;
    figures->scratch_bytes = one.scratch_bytes;

cleanup:
    memory_free(speeds);
    return status;
}

static int run(struct settings *settings)
{
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    primer_model *model = NULL;
    struct bench_figures figures = {0};
    struct buffer out = {0};
    const char *path = settings->argument_count > 0 ? settings->arguments[0] : NULL;
    settings->model.no_prefix_cache = true; /* each run reads its prompt anew */
    const uint64_t begun = clock_nanoseconds();
    if (settings->parameters.session.context == 0)
        settings->parameters.session.context =
            settings->prompt_tokens + settings->generated_tokens + 8;
    TRY(command_open_model(path, settings, &model, error));
    figures.load_seconds = clock_seconds_since(begun);
    TRY(bench_run_first_token(settings, model, error));
    figures.first_token_seconds = clock_seconds_since(begun);
    TRY(measure(settings, model, &figures, error));
    TRY(bench_report_limits(settings, model, path, &figures, error));
    TRY(settings->json ? bench_report_json(settings, model, &figures, &out, error)
                       : bench_report_text(settings, model, &figures, &out, error));
    TRY(output_write(out.bytes, out.length, error));

cleanup:
    buffer_free(&out);
    primer_model_free(model);
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
        "  primer bench phi-2.gguf -p 128 --clients 8 --json\n\n"
        "Speeds are medians of --runs runs after one to warm up. The limits (bytes read a second, "
        "8-bit and\n"
        "f32 operations a second) are measured in the same process, after the model.\n",
    .bit = COMMAND_BENCH,
    .most = 1,
    .run = run,
};
