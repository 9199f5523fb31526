/* train_pass.h - forward and backward over a batch, with saved activations.
 *
 * A batch is rows of tokens. Inside a row several documents may follow each other; a token attends
 * to its own document alone:
 *
 *   inputs   | a0 a1 a2 a3 | b0 b1 | c0 c1 ... |          targets: the next token of each
 *   starts   |  0  0  0  0 |  4  4 |  6  6 ... |          weights: 0 where nothing is asked
 *
 * The loss is the sum over positions of weight * -log p(target), divided by the sum of weights of
 * the whole step (which may be several batches: gradient accumulation), in nats.
 *
 * Backward formulas are derived beside the operators (train_*.c). Everything is cut over the pool
 * such that the same run with the same number of threads repeats its bits.
 */
#ifndef TRAIN_TRAIN_PASS_H
#define TRAIN_TRAIN_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/pool.h"
#include "train/train_model.h"

struct train_batch {
    size_t rows, length;             /* rows of `length` tokens */
    const int32_t *inputs, *targets; /* [rows][length] */
    const float *weights;            /* [rows][length], >= 0 */
    const uint32_t *starts; /* [rows][length] where the token's document begins in its row */
};

struct train_pass_options {
    size_t rows, length; /* most of a batch */
    double dropout;      /* of embeddings, attention output and feed-forward output, 0: none */
    bool recompute;      /* keep each layer's input alone, and compute the rest anew */
    bool bfloat;         /* matrices and activations are rounded to bf16 before they multiply */
    size_t rank;         /* of adapters, 0: none */
    double rank_dropout; /* of their inputs */
};

/* A teacher's part in the loss (Hinton et al. 2015, arXiv 1503.02531, section 2): the loss becomes
 * (1 - mix) * cross entropy + mix * T^2 * KL(teacher_T || student_T). */
struct train_teacher {
    struct train_pass *pass;         /* its own buffers, of the same rows and length */
    const struct train_model *model; /* the same vocabulary */
    double temperature, mix;
};

struct train_pass;
primer_status train_pass_create(struct train_pass **pass, const struct train_shape *shape,
                                const struct train_pass_options *options, struct pool *pool,
                                primer_error *error);
void train_pass_free(struct train_pass *pass);
size_t train_pass_bytes(const struct train_pass *pass);
/* What it will be of such a pass, but for a few buffers of the threads' products. */
primer_status train_pass_measure(const struct train_shape *shape,
                                 const struct train_pass_options *options, struct pool *pool,
                                 size_t *bytes, primer_error *error);

struct train_result {
    double loss, weight; /* sums: of weight * loss in nats, and of weights */
};

/* Forward and backward. Adds to `gradients` [floats] the gradient of `scale` * loss sum. `seed`
 * chooses dropout's zeros. PRIMER_ENUMERIC names the layer whose output isn't finite. */
primer_status train_pass_backward(struct train_pass *pass, const struct train_model *model,
                                  const struct train_batch *batch, float scale, uint64_t seed,
                                  const struct train_teacher *teacher, float *gradients,
                                  struct train_result *result, primer_error *error);
/* Forward alone, without dropout. */
primer_status train_pass_loss(struct train_pass *pass, const struct train_model *model,
                              const struct train_batch *batch, struct train_result *result,
                              primer_error *error);
/* Logits of every position: out [rows][length][vocabulary]. */
primer_status train_pass_logits(struct train_pass *pass, const struct train_model *model,
                                const struct train_batch *batch, float *out, primer_error *error);

#endif
