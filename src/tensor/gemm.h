/* gemm.h - products of matrices in any orientation, over threads: what training is made of.
 *
 *   out[i][j] = start + sum over p of a(i, p) * b(p, j)        i < rows, j < columns, p < depth
 *
 * a(i, p) is a[i * a_row + p * a_step], b(p, j) is b[p * b_step + j * b_column], so that a product
 * with a transposed matrix is the same call:
 *
 *   y  = x W^T    a = x  {a_row: in, a_step: 1}    b = W {b_step: 1, b_column: in}
 *   dx = dy W     a = dy {out, 1}                  b = W {in, 1}
 *   dW = dy^T x   a = dy {1, out}                  b = x {in, 1}
 *
 * The sum of one element runs over p in order, each step a fused multiply-add, starting from +0, or
 * from out[i][j] where it is accumulated: the same bits at every level, for any number of threads
 * and any blocking (kernel/scalar is the definition). With `bias` the sum is out = sum + bias[j],
 * one addition at the end.
 *
 * With `bfloat` both factors count as rounded to bfloat16 (nearest, ties to even; what lies below
 * 2^-126 is 0), sums stay f32, and the steps are taken in pairs, the odd one first:
 *
 *   sum = fma(a(i, 2q), b(2q, j), fma(a(i, 2q + 1), b(2q + 1, j), sum))      q = 0, 1, ...
 *
 * An odd depth is followed by one step of zeros. This is what the instruction of x86 does, which
 * takes a sum below 2^-126 as 0 besides; other levels do not.
 */
#ifndef TENSOR_GEMM_H
#define TENSOR_GEMM_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"
#include "base/pool.h"
#include "kernel/kernel.h"

struct gemm {
    size_t rows, columns, depth;
    const float *a;
    size_t a_row, a_step;
    const float *b;
    size_t b_step, b_column;
    float *out;
    size_t out_row; /* floats from a row to the next */
    bool accumulate;
    const float *bias; /* [columns] or NULL; not with accumulate */
    bool bfloat;
};

/* Packed pieces of one thread each. */
struct gemm_workspace;
primer_status gemm_workspace_create(struct gemm_workspace **workspace, const struct kernel *kernel,
                                    struct pool *pool, primer_error *error);
void gemm_workspace_free(struct gemm_workspace *workspace);
size_t gemm_workspace_bytes(const struct gemm_workspace *workspace);

/* Cut over the pool's threads. */
void gemm_run(struct gemm_workspace *workspace, const struct gemm *product);
/* On the calling thread alone, inside a task of the pool whose number is `thread`. */
void gemm_run_here(struct gemm_workspace *workspace, const struct gemm *product, size_t thread);

#endif
