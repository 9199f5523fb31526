/* train_optimizer.h - AdamW, clipping by the global norm, and schedules of the learning rate.
 *
 *   m = b1 m + (1 - b1) g          v = b2 v + (1 - b2) g^2
 *   w = w - rate * (m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon) + decay * w)
 *
 * (Loshchilov, Hutter 2019, arXiv 1711.05101, algorithm 2.) Decay falls on matrices alone.
 */
#ifndef TRAIN_TRAIN_OPTIMIZER_H
#define TRAIN_TRAIN_OPTIMIZER_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/pool.h"
#include "kernel/training.h"
#include "train/train_model.h"

struct train_optimizer_options {
    double beta_1, beta_2, epsilon, decay;
    double clip; /* the gradient's norm is at most this; 0: not clipped */
};

struct train_optimizer {
    struct train_optimizer_options options;
    uint64_t step;          /* steps taken */
    size_t floats;          /* as the model's */
    float *mean, *variance; /* m, v [floats] */
    double *squares;        /* of the gradient, a sum for each piece of a step */
    const struct training_kernel *kernel;
};
/* Each option that makes no sense is named in the error. */
primer_status train_optimizer_create(struct train_optimizer *optimizer,
                                     const struct train_optimizer_options *options, size_t floats,
                                     primer_error *error);
void train_optimizer_free(struct train_optimizer *optimizer);
/* One step; *norm is the gradient's before clipping. The sum of squares is in double, in pieces of
 * a fixed size joined in order: the number of threads changes no bit. PRIMER_ENUMERIC, nothing
 * changed: the norm isn't finite (the first tensor with such a value is named), or is so large that
 * its square is no float. Tensors must lie in the order of their offsets. */
primer_status train_optimizer_step(struct train_optimizer *optimizer, struct train_model *model,
                                   const float *gradients, double rate, struct pool *pool,
                                   double *norm, primer_error *error);

enum train_schedule_kind {
    TRAIN_SCHEDULE_CONSTANT,
    TRAIN_SCHEDULE_LINEAR,
    TRAIN_SCHEDULE_COSINE,
    TRAIN_SCHEDULE_STABLE /* warm-up, stable, decay (Hu et al. 2024, arXiv 2404.06395, section 4) */
};
struct train_schedule {
    enum train_schedule_kind kind;
    double peak, final;      /* learning rates */
    uint64_t warm_up, steps; /* steps; linear from 0 to peak over warm_up */
    uint64_t decay;          /* STABLE: the last steps, over which it falls to `final`, linearly */
};
/* Refuses what no rate can be had from, in the words of a recipe's fields. */
primer_status train_schedule_check(const struct train_schedule *schedule, primer_error *error);
/* The rate of step 0, 1, ...; steps - 1 is the last, later ones have its rate. The schedule has
 * been checked. With w = warm_up the first step has peak / (w + 1), step w the peak, and, but for
 * CONSTANT, the last one `final`. */
double train_schedule_rate(const struct train_schedule *schedule, uint64_t step);

#endif
