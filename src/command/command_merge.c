/* command_merge.c - primer merge: a model with its adapters in its weights. */
#include "command/command.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/memory.h"
#include "command/adapter_option.h"
#include "convert/merge_model.h"
#include "convert/mixes.h"
#include "terminal/interrupt.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "terminal/render.h"

#define USUAL_TYPE "F16"

static bool report(void *context, uint64_t done, uint64_t total)
{
    struct progress *progress = context;
    progress_step(progress, done, total, NULL);
    return !interrupt_seen();
}

/* What the command line names: the model first, then adapters. */
struct merge {
    struct merge_model_adapter adapters[SETTINGS_ARGUMENTS];
    char *paths[SETTINGS_ARGUMENTS];
    size_t count, matrices;
    struct quantize_summary summary;
    const struct mix *mix;
    double seconds;
};

static primer_status split_adapters(struct merge *merge, const struct settings *settings,
                                    primer_error *error)
{
    for (size_t i = 1; i < settings->argument_count; i++) {
        struct merge_model_adapter *const adapter = &merge->adapters[merge->count];
        FORWARD(adapter_option_split(settings->arguments[i], &merge->paths[merge->count],
                                     &adapter->scale, error));
        adapter->path = merge->paths[merge->count++];
    }
    return PRIMER_OK;
}

static primer_status say(const struct merge *merge, const struct settings *settings,
                         primer_error *error)
{
    primer_status status = PRIMER_OK;
    const struct quantize_summary *const s = &merge->summary;
    char bytes[RENDER_TEXT], time[RENDER_TEXT];
    struct buffer out = {0};
    if (settings->json)
        TRY(buffer_format(&out, error,
                          "{\"type\":\"%s\",\"adapters\":%zu,\"matrices\":%zu,\"tensors\":%zu,"
                          "\"bytes_out\":%llu,\"requantized\":%zu,\"seconds\":%.3f}\n",
                          mixes_name_of(merge->mix), merge->count, merge->matrices, s->tensors,
                          (unsigned long long)s->bytes_out, s->requantized, merge->seconds));
    else
        TRY(buffer_format(&out, error, "%s: %zu matrices of %zu tensors changed, %s as %s, in %s\n",
                          settings->output, merge->matrices, s->tensors,
                          render_bytes(s->bytes_out, bytes), mixes_name_of(merge->mix),
                          render_duration(merge->seconds, time)));
    TRY(output_write(out.bytes, out.length, error));
cleanup:
    buffer_free(&out);
    return status;
}

static int run(struct settings *settings)
{
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    const char *const type = settings->merge_type != NULL ? settings->merge_type : USUAL_TYPE;
    struct merge merge = {.mix = mixes_named(type)};
    struct progress progress = progress_begin("merging", "B");
    const struct quantize_options options = {.target = type,
                                             .threads = settings->model.threads,
                                             .progress = report,
                                             .context = &progress};
    if (settings->output == NULL)
        return command_misused(settings->command, "-o FILE is missing: where the model goes");
    if (merge.mix == NULL) {
        char shown[64];
        return command_misused(
            settings->command,
            "--type: found \"%s\", expected one of those that primer quantize has",
            error_printable(type, strlen(type), shown, sizeof shown));
    }
    const uint64_t begun = clock_nanoseconds();
    TRY(split_adapters(&merge, settings, error));
    interrupt_install(NULL);
    interrupt_hold();
    status = merge_model_write(settings->arguments[0], merge.adapters, merge.count,
                               settings->output, &options, &merge.summary, &merge.matrices, error);
    progress_end(&progress);
    if (status == PRIMER_ECANCELED)
        interrupt_end();
    merge.seconds = clock_seconds_since(begun);
    if (status == PRIMER_OK)
        status = say(&merge, settings, error);

cleanup:
    for (size_t i = 0; i < merge.count; i++)
        memory_free(merge.paths[i]);
    return status == PRIMER_OK ? EXIT_CODE_OK : command_failed(error);
}

const struct command command_merge = {
    .name = "merge",
    .group = "Prepare",
    .arguments = "MODEL ADAPTER[=SCALE]...",
    .summary = "write a model with adapters in its weights",
    .teaching =
        "Examples\n"
        "  primer merge phi-2.F16.gguf poet.gguf -o phi-2-poet.gguf\n"
        "  primer merge phi-2.F16.gguf poet.gguf=0.5 terse/ --type Q4_K_M -o phi-2-both.gguf\n\n"
        "An adapter is a GGUF as llama.cpp has them, or a folder that PEFT wrote. Without --type "
        "the\n"
        "model is F16; from a quantized MODEL no smaller type is better than its own. What is "
        "written\n"
        "answers as the model with --adapter does, but for the rounding of its type.\n",
    .bit = COMMAND_MERGE,
    .least = 2,
    .most = SETTINGS_ARGUMENTS,
    .run = run,
};
