/* bench_speculate.h - primer bench --speculate: what guessing ahead by look-up is worth at best. */
#ifndef COMMAND_BENCH_SPECULATE_H
#define COMMAND_BENCH_SPECULATE_H

#include "command/bench_run.h"

struct bench_speculation {
    size_t text;              /* tokens of the text, and of the answer that repeats it */
    double plain, guessed;    /* tokens a second without and with guesses: the last run's */
    size_t drafted, accepted; /* guesses of one answer, and those that were right */
    struct bench_memory memory;
};

/* Tokens of the text: 300, or what fits twice into the model's context. */
size_t bench_speculate_text(const primer_model *model);
/* Once to warm up and settings->runs times, without and with guesses in turn: tokens a second to
 * plain [settings->runs] and guessed [settings->runs]. */
primer_status bench_speculate_run(const struct settings *settings, primer_model *model,
                                  double *plain, double *guessed,
                                  struct bench_speculation *speculation, primer_error *error);

#endif
