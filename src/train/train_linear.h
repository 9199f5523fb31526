/* train_linear.h - y = W x + b over tokens, and its gradients; every matrix of a model goes
 * through here.
 *
 *   y[t][o]  = sum over i of W[o][i] x[t][i] + b[o]
 *   dx[t][i] = sum over o of W[o][i] dy[t][o]
 *   dW[o][i] += sum over t of dy[t][o] x[t][i]        db[o] += sum over t of dy[t][o]
 *
 * A linear says what it multiplies with and where its gradients go; callers know no more of it.
 * What isn't trained has no gradients. W may also be a matrix that stays as its file has it
 * (train_frozen.h), and what is trained something of low rank beside it (train_low_rank.h).
 */
#ifndef TRAIN_TRAIN_LINEAR_H
#define TRAIN_TRAIN_LINEAR_H

#include "tensor/tensor.h"
#include "train/train_context.h"
#include "train/train_low_rank.h"

struct train_linear {
    size_t in, out;
    const float *weight;    /* [out][in] or NULL; beside it, or `frozen`, may be nothing at all */
    const struct tensor *frozen; /* [out][in] or NULL */
    const float *bias;      /* [out] or NULL */
    float *weight_gradient; /* [out][in], added to; NULL: not wanted */
    float *bias_gradient;   /* [out], added to; NULL: not wanted */
    struct train_low_rank low; /* added to W x; its `in` and `out` are these */
};

/* x [tokens][in]; y [tokens], rows y_row floats apart: y = Wx + b, or y += Wx + b. */
void train_linear_forward(const struct train_context *context, const struct train_linear *linear,
                          const float *x, size_t tokens, float *y, size_t y_row, bool accumulate);
/* dy [tokens], rows dy_row apart; dx [tokens][in] is set or, accumulate, added to; NULL: not
 * wanted. */
void train_linear_backward(const struct train_context *context, const struct train_linear *linear,
                           const float *x, const float *dy, size_t dy_row, size_t tokens, float *dx,
                           bool accumulate);

#endif
