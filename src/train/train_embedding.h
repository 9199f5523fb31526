/* train_embedding.h - rows of the embedding matrix by token, and their gradients. */
#ifndef TRAIN_TRAIN_EMBEDDING_H
#define TRAIN_TRAIN_EMBEDDING_H

#include "train/train_context.h"

/* x[t] = matrix[ids[t]], x [tokens][columns]. */
void train_embedding_forward(const struct train_context *context, const float *matrix,
                             size_t columns, const int32_t *ids, size_t tokens, float *x);
/* gradient[ids[t]] += dx[t], in the order of t. */
void train_embedding_backward(const struct train_context *context, const float *dx, size_t columns,
                              const int32_t *ids, size_t tokens, float *gradient);

#endif
