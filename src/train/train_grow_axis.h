/* train_grow_axis.h - what the rows and the columns of a grown model's tensors are made of.
 *
 * A tensor's rows, or columns, are an axis: heads times their dimensions, units, ids. An axis says
 * of each of its places which place of the source's it was made of:
 *
 *   queries of 2 -> 3 heads of 2 -> 3 dimensions
 *     sources   0 1 0   2 3 2   0 1 0      repeats   . . x   . . x   x x x
 */
#ifndef TRAIN_TRAIN_GROW_AXIS_H
#define TRAIN_TRAIN_GROW_AXIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "model/model.h"
#include "primer_train.h"
#include "train/train_grow_map.h"

struct train_grow_axis {
    size_t count, source_count;
    uint32_t *sources; /* [count] */
    bool *repeats;     /* [count] an earlier place has the same source */
    uint32_t *copies;  /* [source_count] places made of it */
    double *factors;   /* [count] what rows are multiplied by; NULL: 1 */
};

struct train_grow_axes {
    struct train_grow_axis of[MODEL_EXTENTS];
    struct train_grow_axis values;   /* rows of the values: kv_heads times their dimensions */
    struct train_grow_axis attended; /* columns of the attention's output: heads times those */
};

/* To be freed after a failure too. */
primer_status train_grow_axis_create(struct train_grow_axes *axes,
                                     const primer_grow_summary *summary,
                                     enum train_grow_method method, primer_error *error);
void train_grow_axis_free(struct train_grow_axes *axes);

const struct train_grow_axis *train_grow_axis_rows(const struct train_grow_axes *axes,
                                                   const struct model_part *part);
const struct train_grow_axis *train_grow_axis_columns(const struct train_grow_axes *axes,
                                                      const struct model_part *part);

#endif
