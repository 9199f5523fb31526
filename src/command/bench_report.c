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

#include <string.h>

#include "base/cpu.h"
#include "base/memory.h"
#include "command/limits.h"
#include "terminal/render.h"

#define MEMORY_SECONDS 2.0
#define PEAK_SECONDS   0.3

static const char *const kv_names[] = {[PRIMER_KV_F16] = "f16",
                                       [PRIMER_KV_F32] = "f32",
                                       [PRIMER_KV_BF16] = "bf16",
                                       [PRIMER_KV_Q8_0] = "q8_0"};

void bench_report_free(struct bench_figures *figures)
{
    memory_free(figures->prompt_runs);
    memory_free(figures->generate_runs);
}

/* ---- what is read and multiplied ------------------------------------------------------------- */

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
        seconds += work / (real ? figures->limits.f32 : figures->limits.int8);
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

void bench_report_work(const struct settings *settings, const primer_model *model,
                       const struct gguf *gguf, struct bench_figures *figures)
{
    figures->weight_bytes_per_token = primer_model_info(model)->weight_bytes;
    figures->kv_bytes_per_token = (uint64_t)kv_bytes_read(settings, primer_model_info(model));
    const double bytes = (double)figures->weight_bytes_per_token / (double)settings->clients +
                         (double)figures->kv_bytes_per_token;
    if (figures->limits.memory > 0)
        figures->memory_share = bytes * figures->generate / figures->limits.memory;
    const double seconds = prompt_seconds(gguf, figures, &figures->operations_per_token);
    if (figures->limits.int8 > 0)
        figures->arithmetic_share = seconds * figures->prompt;
}

void bench_report_limits(const struct gguf *gguf, size_t threads, struct bench_limits *limits)
{
    const struct file_map *map = gguf_map(gguf);
    limits->memory = limits_memory(map->bytes, map->size, threads, MEMORY_SECONDS);
    limits->int8 = limits_int8(threads, PEAK_SECONDS);
    limits->f32 = limits_f32(threads, PEAK_SECONDS);
}

/* ---- reports --------------------------------------------------------------------------------- */

static primer_status text_speeds(const struct settings *settings, const struct bench_figures *f,
                                 struct buffer *out, primer_error *error)
{
    const bool known = f->limits.int8 > 0;
    char a[RENDER_TEXT], b[RENDER_TEXT];
    FORWARD(buffer_format(out, error, "prompt     %zu tokens, %.1f tokens/s",
                          settings->prompt_tokens, f->prompt));
    if (known)
        FORWARD(buffer_format(out, error,
                              ", %.0f %% of the arithmetic limit (8-bit %.0f GOP/s, f32 %.0f "
                              "GFLOP/s)",
                              f->arithmetic_share * 100, f->limits.int8 * 1e-9,
                              f->limits.f32 * 1e-9));
    FORWARD(buffer_format(out, error,
                          "\ngenerate   %zu tokens%s, %.2f tokens/s, %s of weights and %s of keys "
                          "and values read per token",
                          settings->generated_tokens, settings->clients > 1 ? " a client" : "",
                          f->generate, render_bytes(f->weight_bytes_per_token, a),
                          render_bytes(f->kv_bytes_per_token, b)));
    if (known)
        FORWARD(buffer_format(out, error, ", %.0f %% of the memory limit (%.1f GB/s)",
                              f->memory_share * 100, f->limits.memory * 1e-9));
    FORWARD(buffer_text(out, "\n", error));
    if (settings->depth > 0)
        FORWARD(buffer_format(out, error, "depth      %zu tokens of context, read once\n",
                              settings->depth));
    if (settings->clients > 1)
        FORWARD(buffer_format(out, error,
                              "clients    %zu at once; speeds are those of all together\n",
                              settings->clients));
    return PRIMER_OK;
}

static primer_status text_speculation(const struct bench_figures *f, struct buffer *out,
                                      primer_error *error)
{
    const struct bench_speculation *s = &f->speculation;
    return buffer_format(out, error,
                         "repeat     a text of %zu tokens but for one of them\n"
                         "plain      %.2f tokens/s\n"
                         "guessing   %.2f tokens/s, %.2f times as fast, %zu of %zu guesses right\n",
                         s->text, f->prompt, f->generate, f->generate / f->prompt, s->accepted,
                         s->drafted);
}

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
    FORWARD(settings->speculate ? text_speculation(f, out, error)
                                : text_speeds(settings, f, out, error));
    return buffer_format(
        out, error, "memory     %s resident, of it %s not the file's; KV cache %s in %s\n",
        render_bytes(f->memory.resident_bytes, a), render_bytes(f->memory.anonymous_bytes, b),
        render_bytes(f->memory.kv_bytes, c), kv_names[settings->parameters.session.kv_format]);
}

static primer_status json_model(const struct settings *settings, const primer_model *model,
                                struct buffer *out, primer_error *error)
{
    const primer_model_information *about = primer_model_info(model);
    FORWARD(buffer_text(
        out, "{\"engine\":\"primer\",\"version\":\"" PRIMER_VERSION "\",\"path\":", error));
    FORWARD(buffer_json_string(out, about->path, strlen(about->path), error));
    return buffer_format(out, error,
                         ",\"type\":\"%s\",\"level\":\"%s\",\"threads\":%zu,"
                         "\"kv_format\":\"%s\",\"prompt_tokens\":%zu,\"generated\":%zu,"
                         "\"depth\":%zu,\"clients\":%zu,\"runs\":%zu",
                         about->type, about->level, about->threads,
                         kv_names[settings->parameters.session.kv_format], settings->prompt_tokens,
                         settings->generated_tokens, settings->depth, settings->clients,
                         settings->runs);
}

static primer_status json_runs(const char *name, const double *runs, size_t count,
                               struct buffer *out, primer_error *error)
{
    FORWARD(buffer_format(out, error, ",\"%s\":[", name));
    for (size_t i = 0; i < count; i++)
        FORWARD(buffer_format(out, error, "%s%.6g", i > 0 ? "," : "", runs[i]));
    return buffer_text(out, "]", error);
}

static primer_status json_speeds(const struct bench_figures *f, struct buffer *out,
                                 primer_error *error)
{
    FORWARD(buffer_format(out, error, ",\"prompt_tok_s\":%.6g,\"generate_tok_s\":%.6g", f->prompt,
                          f->generate));
    FORWARD(json_runs("prompt_runs_tok_s", f->prompt_runs, f->prompt_count, out, error));
    FORWARD(json_runs("generate_runs_tok_s", f->generate_runs, f->generate_count, out, error));
    return buffer_format(
        out, error,
        ",\"bytes_per_token\":%llu,\"weight_bytes_per_token\":%llu,\"kv_bytes_per_token\":%llu,"
        "\"operations_per_prompt_token\":%.6g",
        (unsigned long long)(f->weight_bytes_per_token + f->kv_bytes_per_token),
        (unsigned long long)f->weight_bytes_per_token, (unsigned long long)f->kv_bytes_per_token,
        f->operations_per_token);
}

static primer_status json_speculation(const struct bench_figures *f, struct buffer *out,
                                      primer_error *error)
{
    const struct bench_speculation *s = &f->speculation;
    FORWARD(buffer_format(out, error,
                          ",\"plain_tok_s\":%.6g,\"speculate_tok_s\":%.6g,"
                          "\"speculate_gain\":%.4g,\"drafted\":%zu,\"accepted\":%zu",
                          f->prompt, f->generate, f->generate / f->prompt, s->drafted,
                          s->accepted));
    FORWARD(json_runs("plain_runs_tok_s", f->prompt_runs, f->prompt_count, out, error));
    return json_runs("speculate_runs_tok_s", f->generate_runs, f->generate_count, out, error);
}

static primer_status json_limits(const struct bench_limits *limits, struct buffer *out,
                                 primer_error *error)
{
    return buffer_format(out, error,
                         "\"memory_limit_bytes_s\":%.6g,\"int8_limit_ops_s\":%.6g,"
                         "\"f32_limit_flop_s\":%.6g",
                         limits->memory, limits->int8, limits->f32);
}

primer_status bench_report_json(const struct settings *settings, const primer_model *model,
                                const struct bench_figures *f, struct buffer *out,
                                primer_error *error)
{
    FORWARD(json_model(settings, model, out, error));
    FORWARD(buffer_format(
        out, error,
        ",\"load_ms\":%.3f,\"first_token_ms\":%.3f,\"resident_bytes\":%llu,"
        "\"anonymous_bytes\":%llu,\"kv_bytes\":%llu,\"scratch_bytes\":%llu",
        f->load_seconds * 1e3, f->first_token_seconds * 1e3,
        (unsigned long long)f->memory.resident_bytes, (unsigned long long)f->memory.anonymous_bytes,
        (unsigned long long)f->memory.kv_bytes, (unsigned long long)f->memory.scratch_bytes));
    FORWARD(settings->speculate ? json_speculation(f, out, error) : json_speeds(f, out, error));
    if (f->limits.int8 > 0) {
        FORWARD(buffer_text(out, ",", error));
        FORWARD(json_limits(&f->limits, out, error));
        FORWARD(buffer_format(out, error, ",\"memory_share\":%.4f,\"arithmetic_share\":%.4f",
                              f->memory_share, f->arithmetic_share));
    }
    return buffer_text(out, "}\n", error);
}

primer_status bench_report_limits_alone(const struct bench_limits *limits, size_t threads,
                                        bool json, struct buffer *out, primer_error *error)
{
    if (!json)
        return buffer_format(out, error,
                             "limits     of %zu threads: memory %.1f GB/s, 8-bit %.0f GOP/s, f32 "
                             "%.0f GFLOP/s\n",
                             threads, limits->memory * 1e-9, limits->int8 * 1e-9,
                             limits->f32 * 1e-9);
    FORWARD(buffer_format(
        out, error, "{\"engine\":\"primer\",\"version\":\"" PRIMER_VERSION "\",\"threads\":%zu,",
        threads));
    FORWARD(json_limits(limits, out, error));
    return buffer_text(out, "}\n", error);
}
