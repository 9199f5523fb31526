/* train_norm.h - LayerNorm and RMSNorm over tokens, and their gradients (formulas:
 * kernel/training.h). */
#ifndef TRAIN_TRAIN_NORM_H
#define TRAIN_TRAIN_NORM_H

#include "model/model.h"
#include "train/train_context.h"

struct train_norm {
    enum model_norm_kind kind;
    size_t columns;
    float epsilon;
    const float *weight, *bias;             /* [columns]; bias NULL where there is none */
    float *weight_gradient, *bias_gradient; /* [columns], added to; NULL: not wanted */
};

/* x, out [tokens][columns]; mean (of LayerNorm), inverse [tokens]. */
void train_norm_forward(const struct train_context *context, const struct train_norm *norm,
                        const float *x, size_t tokens, float *out, float *mean, float *inverse);
/* dx [tokens][columns] is added to, or set. */
void train_norm_backward(const struct train_context *context, const struct train_norm *norm,
                         const float *x, const float *mean, const float *inverse, const float *dout,
                         size_t tokens, float *dx, bool accumulate);

#endif
