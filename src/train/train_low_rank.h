/* train_low_rank.h - the trained part of a matrix that stays as it is: LoRA (Hu et al. 2021, arXiv
 * 2106.09685, section 4.1), forward and backward.
 *
 *   u = factor * A drop(x)        y += B u              A [rank][in]  B [out][rank]
 *
 *   dB += dy^T u        du = factor * dy B        dA += du^T drop(x)        dx += drop(du A)
 *
 * u is made anew in the backward pass: it costs less than keeping it.
 */
#ifndef TRAIN_TRAIN_LOW_RANK_H
#define TRAIN_TRAIN_LOW_RANK_H

#include "train/train_context.h"

struct train_low_rank {
    size_t in, out, rank; /* rank 0: there is none */
    float factor;         /* alpha / rank */
    const float *a, *b;
    float *a_gradient, *b_gradient; /* as a and b, added to; both NULL: not wanted */
    struct train_dropout dropout;
};

/* x [tokens][in]; adds to y [tokens], rows y_row floats apart. */
void train_low_rank_forward(const struct train_context *context, const struct train_low_rank *low,
                            const float *x, size_t tokens, float *y, size_t y_row);
/* dy [tokens], rows dy_row apart; adds to dx [tokens][in] (NULL: not wanted). */
void train_low_rank_backward(const struct train_context *context, const struct train_low_rank *low,
                             const float *x, const float *dy, size_t dy_row, size_t tokens,
                             float *dx);

#endif
