/* command_quantize.c - primer quantize: a model's weights in another block format.
 *
 * Ctrl-C and the signals that end a program only set a flag: the next report of progress says that
 * it is to stop, and the writer takes its unfinished file away.
 */
#include "command/command.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "command/inspection.h"
#include "convert/mixes.h"
#include "convert/quantize.h"
#include "terminal/interrupt.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "terminal/render.h"

static bool report(void *context, uint64_t done, uint64_t total)
{
    struct progress *progress = context;
    progress_step(progress, done, total, NULL);
    return !interrupt_seen();
}

static primer_status write_json(const struct quantize_summary *summary,
                                const struct inspection_sums *sums, const char *target,
                                double seconds, struct buffer *out, primer_error *error)
{
    bool first = true;
    FORWARD(buffer_format(
        out, error,
        "{\"type\":\"%s\",\"bytes_in\":%llu,\"bytes_out\":%llu,\"bits_per_weight\":%.6g,"
        "\"tensors\":%zu,\"encoded\":%zu,\"requantized\":%zu,\"fallbacks\":%zu,"
        "\"seconds\":%.3f,\"types\":{",
        target, (unsigned long long)summary->bytes_in, (unsigned long long)summary->bytes_out,
        sums->weights == 0 ? 0.0 : (double)sums->bytes * 8 / (double)sums->weights,
        summary->tensors, summary->encoded, summary->requantized, summary->fallbacks, seconds));
    for (size_t i = 0; i < QUANT_TYPES; i++) {
        if (sums->types[i].name == NULL)
            continue;
        FORWARD(buffer_format(out, error, "%s\"%s\":%zu", first ? "" : ",", sums->types[i].name,
                              sums->types[i].tensors));
        first = false;
    }
    return buffer_text(out, "}}\n", error);
}

static primer_status write_text(const struct quantize_summary *summary,
                                const struct inspection_sums *sums, const char *path,
                                double seconds, struct buffer *out, primer_error *error)
{
    char a[RENDER_TEXT], b[RENDER_TEXT], c[RENDER_TEXT];
    FORWARD(
        buffer_format(out, error, "%s: %s of weights became %s, %.2f bits each, in %s\n", path,
                      render_bytes(summary->bytes_in, a), render_bytes(summary->bytes_out, b),
                      sums->weights == 0 ? 0.0 : (double)sums->bytes * 8 / (double)sums->weights,
                      render_duration(seconds, c)));
    for (size_t i = 0; i < QUANT_TYPES; i++)
        if (sums->types[i].name != NULL)
            FORWARD(buffer_format(out, error, "  %-7s %5zu tensors %10s\n", sums->types[i].name,
                                  sums->types[i].tensors, render_bytes(sums->types[i].bytes, a)));
    if (summary->fallbacks > 0)
        FORWARD(buffer_format(
            out, error,
            "  %zu tensors have rows that this type can't divide; a wider type was taken\n",
            summary->fallbacks));
    if (summary->requantized > 0)
        FORWARD(buffer_format(
            out, error,
            "  %zu tensors were quantized before: an F16 or F32 original gives better weights\n",
            summary->requantized));
    return PRIMER_OK;
}

static int refuse_target(const struct settings *settings, const char *target)
{
    char names[512] = "", shown[64];
    size_t length = 0;
    for (size_t i = 0; mixes_name(i) != NULL && length < sizeof names; i++)
        length += (size_t)snprintf(names + length, sizeof names - length, " %s", mixes_name(i));
    return command_misused(settings->command, "type: found \"%s\", expected one of:%s",
                           error_printable(target, strlen(target), shown, sizeof shown), names);
}

static int run(struct settings *settings)
{
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    const char *in = settings->arguments[0], *path = settings->arguments[1],
               *target = settings->arguments[2];
    struct quantize_summary summary = {0};
    struct inspection_sums sums;
    struct gguf *gguf = NULL;
    struct buffer out = {0};
    struct progress progress = progress_begin("quantizing", "B");
    const struct mix *mix = mixes_named(target);
    if (mix == NULL)
        return refuse_target(settings, target);
    const struct quantize_options options = {.target = target,
                                             .threads = settings->model.threads,
                                             .progress = report,
                                             .context = &progress};
    const uint64_t begun = clock_nanoseconds();
    interrupt_install(NULL);
    interrupt_hold();
    status = quantize_file(in, path, &options, &summary, error);
    progress_end(&progress);
    if (status == PRIMER_ECANCELED)
        interrupt_end();
    if (status != PRIMER_OK)
        goto cleanup;
    TRY(gguf_open(&gguf, path, error));
    inspection_sum(gguf, &sums);
    TRY(settings->json
            ? write_json(&summary, &sums, mixes_name_of(mix), clock_seconds_since(begun), &out,
                         error)
            : write_text(&summary, &sums, path, clock_seconds_since(begun), &out, error));
    TRY(output_write(out.bytes, out.length, error));

cleanup:
    buffer_free(&out);
    gguf_free(gguf);
    return status == PRIMER_OK ? EXIT_CODE_OK : command_failed(error);
}

const struct command command_quantize = {
    .name = "quantize",
    .group = "Prepare",
    .arguments = "IN OUT TYPE",
    .summary = "write a model's weights in a smaller type",
    .teaching = "Examples\n"
                "  primer quantize phi-2.F16.gguf phi-2.Q4_K_M.gguf Q4_K_M\n"
                "  primer quantize phi-2.F16.gguf phi-2.Q8_0.gguf Q8_0\n\n"
                "Types: F32 F16 BF16 Q8_0 Q6_K Q5_K Q5_1 Q5_0 Q4_K Q4_1 Q4_0 IQ4_XS IQ4_NL Q3_K "
                "Q2_K, and mixes\n"
                "that give the tensors that matter most a wider one: Q5_K_M Q5_K_S Q4_K_M Q4_K_S "
                "Q3_K_L Q3_K_M\n"
                "Q3_K_S. OUT appears only when it is complete.\n",
    .bit = COMMAND_QUANTIZE,
    .least = 3,
    .most = 3,
    .run = run,
};
