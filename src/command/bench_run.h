/* bench_run.h - the measured parts of primer bench. */
#ifndef COMMAND_BENCH_RUN_H
#define COMMAND_BENCH_RUN_H

#include "command/settings.h"

struct bench_speeds {
    double prompt, generate;          /* tokens a second */
    uint64_t kv_bytes, scratch_bytes; /* of one session at its end */
};

/* The first token after a prompt of 16. */
primer_status bench_run_first_token(const struct settings *settings, primer_model *model,
                                    primer_error *error);
/* One session alone. */
primer_status bench_run_one(const struct settings *settings, primer_model *model,
                            struct bench_speeds *speeds, primer_error *error);
/* settings->clients sessions at once; the speeds are those of all together. */
primer_status bench_run_many(const struct settings *settings, primer_model *model,
                             struct bench_speeds *speeds, primer_error *error);

#endif
