/* command_merge.c - primer merge: a model with its adapters in its weights. */
#include "command/command.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/file.h"
#include "command/adapter_option.h"
#include "convert/merge_adapter.h"
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

/* What comes out: a model of a type, or the adapters as one. */
enum form { FORM_MODEL, FORM_GGUF, FORM_PEFT };

/* What the command line names: the model first, then adapters. */
struct merge {
    struct merge_model_adapter adapters[SETTINGS_ARGUMENTS];
    char *paths[SETTINGS_ARGUMENTS];
    size_t count, matrices, rank;
    struct quantize_summary summary;
    enum form form;
    const struct mix *mix; /* of a model */
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
    FORWARD(file_check_output(settings->output, settings->arguments, 1, error));
    return file_check_output(settings->output, (const char *const *)merge->paths, merge->count,
                             error);
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

static primer_status say_adapter(const struct merge *merge, const struct settings *settings,
                                 primer_error *error)
{
    primer_status status = PRIMER_OK;
    const char *const type = merge->form == FORM_PEFT ? "PEFT" : "LORA";
    struct buffer out = {0};
    if (settings->json)
        TRY(buffer_format(&out, error,
                          "{\"type\":\"%s\",\"adapters\":%zu,\"matrices\":%zu,\"rank\":%zu,"
                          "\"seconds\":%.3f}\n",
                          type, merge->count, merge->matrices, merge->rank, merge->seconds));
    else
        TRY(buffer_format(&out, error, "%s: an adapter of %zu matrices, rank %zu\n",
                          settings->output, merge->matrices, merge->rank));
    TRY(output_write(out.bytes, out.length, error));
cleanup:
    buffer_free(&out);
    return status;
}

static primer_status write_adapter(struct merge *merge, const struct settings *settings,
                                   primer_error *error)
{
    const uint64_t begun = clock_nanoseconds();
    FORWARD(merge_adapter_write(settings->arguments[0], merge->adapters, merge->count,
                                settings->output, merge->form == FORM_PEFT, &merge->matrices,
                                &merge->rank, error));
    merge->seconds = clock_seconds_since(begun);
    return say_adapter(merge, settings, error);
}

static primer_status write_model(struct merge *merge, const struct settings *settings,
                                 primer_error *error)
{
    struct progress progress = progress_begin("merging", "B");
    const struct quantize_options options = {
        .target = settings->merge_type != NULL ? settings->merge_type : USUAL_TYPE,
        .threads = settings->model.threads,
        .progress = report,
        .context = &progress};
    const uint64_t begun = clock_nanoseconds();
    interrupt_install(NULL);
    interrupt_hold();
    const primer_status status =
        merge_model_write(settings->arguments[0], merge->adapters, merge->count, settings->output,
                          &options, &merge->summary, &merge->matrices, error);
    progress_end(&progress);
    if (status == PRIMER_ECANCELED)
        interrupt_end();
    FORWARD(status);
    merge->seconds = clock_seconds_since(begun);
    return say(merge, settings, error);
}

static int run(struct settings *settings)
{
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    const char *const type = settings->merge_type != NULL ? settings->merge_type : USUAL_TYPE;
    struct merge merge = {.form = strcasecmp(type, "LORA") == 0   ? FORM_GGUF
                                  : strcasecmp(type, "PEFT") == 0 ? FORM_PEFT
                                                                  : FORM_MODEL,
                          .mix = mixes_named(type)};
    if (settings->output == NULL)
        return command_misused(settings->command,
                               "-o FILE is missing: where the model, or the adapter, goes");
    if (merge.form == FORM_MODEL && merge.mix == NULL) {
        char shown[64];
        return command_misused(
            settings->command,
            "--type: found \"%s\", expected one of those that primer quantize has, LORA or PEFT",
            error_printable(type, strlen(type), shown, sizeof shown));
    }
    TRY(split_adapters(&merge, settings, error));
    status = merge.form == FORM_MODEL ? write_model(&merge, settings, error)
                                      : write_adapter(&merge, settings, error);
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
        "  primer merge phi-2.F16.gguf poet.gguf=0.5 terse/ --type Q4_K_M -o phi-2-both.gguf\n"
        "  primer merge phi-2.F16.gguf terse/ --type LORA -o terse.gguf\n\n"
        "An adapter is a GGUF as llama.cpp has them, or a folder that PEFT wrote. Without --type\n"
        "the model is F16; from a quantized MODEL no smaller type is better than its own. What is\n"
        "written answers as the model with --adapter does, but for the rounding of its type. With\n"
        "--type LORA or PEFT it is one adapter, a GGUF or a folder, that does what those given "
        "do.\n",
    .bit = COMMAND_MERGE,
    .least = 2,
    .most = SETTINGS_ARGUMENTS,
    .run = run,
};
