/* train_frozen.h - matrices that aren't trained: they stay as the file has them, mapped and in any
 * block format, and are decoded a strip at a time where they multiply (QLoRA: Dettmers et al. 2023,
 * arXiv 2305.14314).
 *
 *   W  | strip 0 of rows -> f32 |     y[.., strip] = x strip^T        dx += dy[.., strip] strip
 *      | strip 1 ...            |
 */
#ifndef TRAIN_TRAIN_FROZEN_H
#define TRAIN_TRAIN_FROZEN_H

#include "model/model.h"
#include "train/train_context.h"

/* Floats of a strip, unless a single row has more. */
#ifdef PRIMER_STRESS
#define TRAIN_FROZEN_STRIP ((size_t)256)
#else
#define TRAIN_FROZEN_STRIP ((size_t)1 << 20)
#endif

static inline size_t train_frozen_strip(size_t longest_row)
{
    return longest_row > TRAIN_FROZEN_STRIP ? longest_row : TRAIN_FROZEN_STRIP;
}

/* x [tokens][columns]; y [tokens], rows y_row floats apart: y = W x + bias (bias NULL: none), or
 * y += W x. */
void train_frozen_forward(const struct train_context *context, const struct tensor *matrix,
                          const float *bias, const float *x, size_t tokens, float *y, size_t y_row,
                          bool accumulate);
/* dy [tokens], rows dy_row apart; dx [tokens][columns] is set or, accumulate, added to. */
void train_frozen_backward(const struct train_context *context, const struct tensor *matrix,
                           const float *dy, size_t dy_row, size_t tokens, float *dx,
                           bool accumulate);
/* x[t] = row ids[t]; x [tokens][columns]. */
void train_frozen_rows(const struct train_context *context, const struct tensor *matrix,
                       const int32_t *ids, size_t tokens, float *x);

/* A bound model's parts by role; layer >= its layers: the model's own. NULL: it has none. */
const struct model_linear *train_frozen_linear(const struct model *model, size_t layer,
                                               enum model_role role);
const struct model_norm *train_frozen_norm(const struct model *model, size_t layer,
                                           enum model_role role);

#endif
