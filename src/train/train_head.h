/* train_head.h - the output matrix and the loss, forward and backward at once, a chunk of tokens at
 * a time: logits are never held whole.
 *
 *   hidden [tokens][embedding] -> rows that the loss asks for -> logits [chunk][vocabulary]
 *     -> loss, and its gradient in the logits' place -> gradients of output matrix and hidden
 */
#ifndef TRAIN_TRAIN_HEAD_H
#define TRAIN_TRAIN_HEAD_H

#include "train/train_linear.h"

#ifdef PRIMER_STRESS
#define TRAIN_HEAD_CHUNK 7
#else
#define TRAIN_HEAD_CHUNK 256 /* tokens */
#endif

/* Room for one chunk. */
struct train_head {
    float *rows, *rows_gradient; /* [chunk][embedding] */
    float *logits;               /* [chunk][vocabulary] */
    double *losses;              /* [chunk] */
    size_t *positions;           /* [chunk] */
};

/* A teacher's part: its own head over its own hidden states of the same tokens. */
struct train_head_teacher {
    const struct train_context *context;
    const struct train_head *head;
    const struct train_linear *output;
    const float *hidden;
    double temperature, mix;
};

struct train_head_task {
    const struct train_linear *output;
    const float *hidden; /* [tokens][embedding] */
    size_t tokens;
    const int32_t *targets;                   /* [tokens] */
    const float *weights;                     /* [tokens]; 0: not asked */
    float scale;                              /* of the gradients */
    const struct train_head_teacher *teacher; /* or NULL */
    float *dhidden;                           /* [tokens][embedding], set; NULL: the loss alone */
};

/* Sums of weight * loss, and of weights. */
void train_head_run(const struct train_context *context, const struct train_head *head,
                    const struct train_head_task *task, double *loss, double *weight);

#endif
