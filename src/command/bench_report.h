/* bench_report.h - the figures of primer bench, next to what the machine could do. */
#ifndef COMMAND_BENCH_REPORT_H
#define COMMAND_BENCH_REPORT_H

#include "base/buffer.h"
#include "command/settings.h"

struct bench_figures {
    double load_seconds, first_token_seconds;
    double prompt, generate; /* tokens a second, medians */
    uint64_t kv_bytes, scratch_bytes;
    uint64_t resident_bytes, anonymous_bytes; /* of the process; anonymous: not mapped from files */
    uint64_t weight_bytes_per_token, kv_bytes_per_token; /* read for each generated token */
    double operations_per_token;                         /* of the prompt's matrix products */
    double memory_limit, int8_limit, f32_limit;          /* bytes and operations a second */
    double memory_share, arithmetic_share;               /* of the limits; 0: not known */
};

/* Measures the limits over the model's own file and fills all that comes after scratch_bytes. */
primer_status bench_report_limits(const struct settings *settings, const primer_model *model,
                                  const char *path, struct bench_figures *figures,
                                  primer_error *error);
primer_status bench_report_text(const struct settings *settings, const primer_model *model,
                                const struct bench_figures *figures, struct buffer *out,
                                primer_error *error);
primer_status bench_report_json(const struct settings *settings, const primer_model *model,
                                const struct bench_figures *figures, struct buffer *out,
                                primer_error *error);

#endif
