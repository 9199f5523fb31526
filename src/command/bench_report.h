/* bench_report.h - the figures of primer bench, next to what the machine could do. */
#ifndef COMMAND_BENCH_REPORT_H
#define COMMAND_BENCH_REPORT_H

#include "base/buffer.h"
#include "command/bench_run.h"
#include "command/bench_speculate.h"
#include "format/gguf.h"

/* Bytes and operations a second; all 0: not measured. */
struct bench_limits {
    double memory, int8, f32;
};

struct bench_figures {
    double load_seconds, first_token_seconds; /* both from the start of loading */
    double *prompt_runs, *generate_runs;      /* tokens a second, in order; with --speculate those
                                                 without and with guesses; owned */
    size_t prompt_count, generate_count;
    double prompt, generate; /* their medians */
    struct bench_memory memory;
    struct bench_speculation speculation;                /* with --speculate */
    uint64_t weight_bytes_per_token, kv_bytes_per_token; /* read for each generated token */
    double operations_per_token;                         /* of the prompt's matrix products */
    struct bench_limits limits;
    double memory_share, arithmetic_share; /* of the limits; 0: not known */
};

void bench_report_free(struct bench_figures *figures);

/* Measured over the model's own file, now. */
void bench_report_limits(const struct gguf *gguf, size_t threads, struct bench_limits *limits);
/* Fills what is read and multiplied, and its shares of figures->limits. */
void bench_report_work(const struct settings *settings, const primer_model *model,
                       const struct gguf *gguf, struct bench_figures *figures);

/* The report of a measurement, or of one with --speculate; and of the limits alone. */
primer_status bench_report_text(const struct settings *settings, const primer_model *model,
                                const struct bench_figures *figures, struct buffer *out,
                                primer_error *error);
primer_status bench_report_json(const struct settings *settings, const primer_model *model,
                                const struct bench_figures *figures, struct buffer *out,
                                primer_error *error);
primer_status bench_report_limits_alone(const struct bench_limits *limits, size_t threads,
                                        bool json, struct buffer *out, primer_error *error);

#endif
