/* bench_report.c - limits and shares.
 *
 *   memory share      (weights + keys and values read per token) * tokens/s / bytes/s that readers
 * reach arithmetic share  seconds that a prompt token's products would take at the peaks, times
 * tokens/s: 2 * weights / peak, quantized weights at the 8-bit peak, float ones at that of f32
 *
 * Keys and values are counted at the middle of the generated tokens. The output matrix is not
 * counted for the prompt, where only the last token needs it. With several clients the weights are
 * read once for all.
 */
#include "command/bench_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/file.h"
#include "command/builtin.h"
#include "command/inspection.h"
#include "command/limits.h"
#include "terminal/render.h"

#define MEMORY_SECONDS 2.0
#define PEAK_SECONDS   0.3
enum { STATUS_MOST = 64 << 10 };

/* ---- what is read and multiplied ------------------------------------------------------------- */

/* RssAnon of /proc/self/status in bytes; 0 where the system doesn't tell. */
static uint64_t anonymous_bytes(void)
{
    struct buffer text = {0};
    uint64_t bytes = 0;
    if (file_read("/proc/self/status", STATUS_MOST, &text, NULL) == PRIMER_OK && text.length > 0) {
        const char *line = strstr(text.bytes, "RssAnon:");
        if (line != NULL)
            bytes = strtoull(line + strlen("RssAnon:"), NULL, 10) * 1024;
    }
    buffer_free(&text);
    return bytes;
}

static bool is_output(const struct gguf *gguf, const struct gguf_tensor *tensor)
{
    const struct gguf_tensor *output = gguf_tensor_named(gguf, "output.weight");
    return tensor == (output != NULL ? output : gguf_tensor_named(gguf, "token_embd.weight"));
}

/* Seconds that the products of one prompt token would take at the peaks; *operations: how many they
 * are. */
static double prompt_seconds(const struct gguf *gguf, const struct bench_figures *figures,
                             double *operations)
{
    double seconds = 0;
    *operations = 0;
    for (size_t i = 0; i < gguf_tensor_count(gguf); i++) {
        const struct gguf_tensor *tensor = gguf_tensor_at(gguf, i);
        const bool embedding = tensor == gguf_tensor_named(gguf, "token_embd.weight");
        if (tensor->dimensions < 2 || embedding || is_output(gguf, tensor))
            continue;
        const double work = 2.0 * (double)tensor->shape[0] * (double)tensor->shape[1];
        const bool real = tensor->format->kind == QUANT_KIND_FLOAT;
        *operations += work;
        seconds += work / (real ? figures->f32_limit : figures->int8_limit);
    }
    return seconds;
}

/* Keys and values that one generated token reads, at the middle of those generated. */
static double kv_bytes_read(const struct settings *settings, const primer_model_information *about)
{
    static const double bytes[] = {[PRIMER_KV_F16] = 2,
                                   [PRIMER_KV_F32] = 4,
                                   [PRIMER_KV_BF16] = 2,
                                   [PRIMER_KV_Q8_0] = 34.0 / 32};
    double seen = (double)settings->prompt_tokens + (double)settings->generated_tokens / 2;
    if (about->sliding_window > 0 && seen > (double)about->sliding_window)
        seen = (double)about->sliding_window;
    return seen * 2 * (double)(about->layers * about->kv_heads * about->head_dimension) *
           bytes[settings->parameters.session.kv_format];
}

static void count_work(const struct settings *settings, const primer_model *model,
                       const struct gguf *gguf, struct bench_figures *figures)
{
    figures->weight_bytes_per_token = primer_model_info(model)->weight_bytes;
    figures->kv_bytes_per_token = (uint64_t)kv_bytes_read(settings, primer_model_info(model));
    const double clients = (double)settings->clients;
    const double bytes =
        (double)figures->weight_bytes_per_token / clients + (double)figures->kv_bytes_per_token;
    if (figures->memory_limit > 0)
        figures->memory_share = bytes * figures->generate / figures->memory_limit;
    figures->arithmetic_share =
        prompt_seconds(gguf, figures, &figures->operations_per_token) * figures->prompt;
}

primer_status bench_report_limits(const struct settings *settings, const primer_model *model,
                                  const char *path, struct bench_figures *figures,
                                  primer_error *error)
{
    struct gguf *gguf = NULL;
    size_t size = 0;
    const size_t threads = primer_model_info(model)->threads;
    const unsigned char *bytes = path == NULL ? builtin_model(&size) : NULL;
    figures->resident_bytes = cpu_memory_resident();
    figures->anonymous_bytes = anonymous_bytes();
    if (path != NULL)
        FORWARD(gguf_open(&gguf, path, error));
    else
        FORWARD(gguf_open_memory(&gguf, bytes, size, "builtin", error));
    const struct file_map *map = gguf_map(gguf);
    figures->memory_limit = limits_memory(map->bytes, map->size, threads, MEMORY_SECONDS);
    figures->int8_limit = limits_int8(threads, PEAK_SECONDS);
    figures->f32_limit = limits_f32(threads, PEAK_SECONDS);
    count_work(settings, model, gguf, figures);
    gguf_free(gguf);
    return PRIMER_OK;
}

/* ---- reports --------------------------------------------------------------------------------- */

primer_status bench_report_text(const struct settings *settings, const primer_model *model,
                                const struct bench_figures *f, struct buffer *out,
                                primer_error *error)
{
    const primer_model_information *about = primer_model_info(model);
    char a[RENDER_TEXT], b[RENDER_TEXT], c[RENDER_TEXT], name[128];
    FORWARD(buffer_format(out, error, "model      %s, %s, %s, %s, %zu threads\n",
                          error_printable(about->name, strlen(about->name), name, sizeof name),
                          about->type, render_bytes(about->file_bytes, a), about->level,
                          about->threads));
    FORWARD(buffer_format(out, error,
                          "load       %.0f ms, first token of a 16-token prompt after %.0f ms\n",
                          f->load_seconds * 1e3, f->first_token_seconds * 1e3));
    FORWARD(buffer_format(out, error,
                          "prompt     %zu tokens, %.1f tokens/s, %.0f %% of the arithmetic limit "
                          "(8-bit %.0f GOP/s, f32 %.0f GFLOP/s)\n",
                          settings->prompt_tokens, f->prompt, f->arithmetic_share * 100,
                          f->int8_limit * 1e-9, f->f32_limit * 1e-9));
    FORWARD(buffer_format(
        out, error,
        "generate   %zu tokens%s, %.2f tokens/s, %s of weights and %s of keys and values "
        "read per token, %.0f %% of the memory limit (%.1f GB/s)\n",
        settings->generated_tokens, settings->clients > 1 ? " a client" : "", f->generate,
        render_bytes(f->weight_bytes_per_token, a), render_bytes(f->kv_bytes_per_token, b),
        f->memory_share * 100, f->memory_limit * 1e-9));
    if (settings->clients > 1)
        FORWARD(buffer_format(out, error,
                              "clients    %zu at once; speeds are those of all together\n",
                              settings->clients));
    return buffer_format(out, error,
                         "memory     %s resident, of it %s not the file's; KV cache %s\n",
                         render_bytes(f->resident_bytes, a), render_bytes(f->anonymous_bytes, b),
                         render_bytes(f->kv_bytes, c));
}

static primer_status json_model(const struct settings *settings, const primer_model *model,
                                struct buffer *out, primer_error *error)
{
    const primer_model_information *about = primer_model_info(model);
    FORWARD(buffer_text(
        out, "{\"engine\":\"primer\",\"version\":\"" PRIMER_VERSION "\",\"path\":", error));
    FORWARD(buffer_json_string(out, about->path, strlen(about->path), error));
    return buffer_format(out, error,
                         ",\"type\":\"%s\",\"level\":\"%s\",\"threads\":%zu,\"prompt_tokens\":%zu,"
                         "\"generated\":%zu,\"clients\":%zu,\"runs\":%zu",
                         about->type, about->level, about->threads, settings->prompt_tokens,
                         settings->generated_tokens, settings->clients, settings->runs);
}

primer_status bench_report_json(const struct settings *settings, const primer_model *model,
                                const struct bench_figures *f, struct buffer *out,
                                primer_error *error)
{
    FORWARD(json_model(settings, model, out, error));
    FORWARD(
        buffer_format(out, error,
                      ",\"prompt_tok_s\":%.6g,\"generate_tok_s\":%.6g,\"load_ms\":%.3f,"
                      "\"first_token_ms\":%.3f,\"resident_bytes\":%llu,\"anonymous_bytes\":%llu,"
                      "\"kv_bytes\":%llu,\"scratch_bytes\":%llu",
                      f->prompt, f->generate, f->load_seconds * 1e3, f->first_token_seconds * 1e3,
                      (unsigned long long)f->resident_bytes, (unsigned long long)f->anonymous_bytes,
                      (unsigned long long)f->kv_bytes, (unsigned long long)f->scratch_bytes));
    return buffer_format(
        out, error,
        ",\"bytes_per_token\":%llu,\"weight_bytes_per_token\":%llu,\"kv_bytes_per_token\":%llu,"
        "\"operations_per_prompt_token\":%.6g,\"memory_limit_bytes_s\":%.6g,"
        "\"int8_limit_ops_s\":%.6g,\"f32_limit_flop_s\":%.6g,\"memory_share\":%.4f,"
        "\"arithmetic_share\":%.4f}\n",
        (unsigned long long)(f->weight_bytes_per_token + f->kv_bytes_per_token),
        (unsigned long long)f->weight_bytes_per_token, (unsigned long long)f->kv_bytes_per_token,
        f->operations_per_token, f->memory_limit, f->int8_limit, f->f32_limit, f->memory_share,
        f->arithmetic_share);
}
