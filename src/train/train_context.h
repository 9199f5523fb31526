/* train_context.h - what every operator of a pass needs: threads, kernels, products.
 *
 * Operators cut their rows over the pool. Which pieces there are depends on the number of rows
 * alone, and what several pieces add up is joined in their order, so that the bits of a pass don't
 * depend on who did what.
 */
#ifndef TRAIN_TRAIN_CONTEXT_H
#define TRAIN_TRAIN_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/pool.h"
#include "kernel/training.h"
#include "tensor/gemm.h"

#define TRAIN_SLICES 16 /* pieces of a sum over tokens */

struct train_context {
    struct pool *pool;
    const struct kernel *kernel;
    const struct training_kernel *training;
    struct gemm_workspace *gemm;
    bool bfloat;     /* matrices and activations are rounded when they multiply */
    float *partials; /* [TRAIN_SLICES][train_context_partial] */
    /* For adapters alone: */
    float *strip;   /* rows of a matrix, decoded */
    float *thin[2]; /* [tokens][rank] */
    float *dropped; /* [tokens][widest input], where adapters leave out */
};

/* Floats that one slice of a sum over tokens needs, in a model of this widest row and norm. */
static inline size_t train_context_partial(size_t widest, size_t norm)
{
    return widest > 2 * norm ? widest : 2 * norm;
}

/* Rows [first, first + count) of a job, which are its piece number `slice`. */
typedef void train_rows(void *job, size_t first, size_t count, size_t slice);
/* All `rows` over the pool, in pieces of 32. */
void train_over_rows(const struct train_context *context, train_rows *task, void *job, size_t rows);
/* The same in at most TRAIN_SLICES equal pieces; returns how many. */
size_t train_over_slices(const struct train_context *context, train_rows *task, void *job,
                         size_t rows);

/* x [rows][columns] row by row: zeros at a place of the model, the others enlarged; the same seed
 * and place give the same zeros. */
struct train_dropout {
    double probability; /* 0: nothing happens */
    uint64_t seed, place;
};
void train_drop(const struct train_context *context, const struct train_dropout *dropout, float *x,
                size_t rows, size_t columns);
/* to += from, and to = from, [rows][columns]. */
void train_add(const struct train_context *context, const float *from, float *to, size_t rows,
               size_t columns);
void train_copy(const struct train_context *context, const float *from, float *to, size_t rows,
                size_t columns);
/* sums [columns] += the rows of x, x_row floats apart. */
void train_add_columns(const struct train_context *context, const float *x, size_t x_row,
                       size_t rows, size_t columns, float *sums);
/* The first row of x [rows][columns] that holds a NaN or infinity; `rows` where none does. */
size_t train_not_finite(const struct train_context *context, const float *x, size_t rows,
                        size_t columns);

#endif
