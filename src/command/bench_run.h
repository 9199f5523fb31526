/* bench_run.h - the measured parts of primer bench. */
#ifndef COMMAND_BENCH_RUN_H
#define COMMAND_BENCH_RUN_H

#include "command/settings.h"

/* Taken at the end of a run, while its sessions live. */
struct bench_memory {
    uint64_t kv_bytes;        /* of all sessions */
    uint64_t scratch_bytes;   /* of one session */
    uint64_t resident_bytes;  /* of the process */
    uint64_t anonymous_bytes; /* of them, not mapped from files; 0: the system doesn't tell */
};

struct bench_speeds {
    double prompt, generate; /* tokens a second */
    struct bench_memory memory;
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
/* A prompt of settings->depth tokens read once, then generation after it, once to warm up and
 * settings->runs times: tokens a second to runs [settings->runs]; speeds->generate is the last. */
primer_status bench_run_deep(const struct settings *settings, primer_model *model, double *runs,
                             struct bench_speeds *speeds, primer_error *error);

/* The same ids in every engine that is compared; memory_free gives them back. */
primer_status bench_run_ids(const primer_model *model, size_t count, uint64_t seed, int32_t **ids,
                            primer_error *error);
/* What is held now. */
struct bench_memory bench_run_memory(const primer_session *session);

#endif
