/* gemm.c - see gemm.h. */
#include "tensor/gemm.h"

#include <math.h>
#include "base/memory.h"

struct gemm_workspace {
    struct pool *pool;
};

primer_status gemm_workspace_create(struct gemm_workspace **workspace, const struct kernel *kernel,
                                    struct pool *pool, primer_error *error)
{
    struct gemm_workspace *const made = memory_allocate(1, sizeof *made);
    (void)kernel;
    if (made == NULL)
        return memory_failure(error, "a product's workspace", sizeof *made);
    made->pool = pool;
    *workspace = made;
    return PRIMER_OK;
}

void gemm_workspace_free(struct gemm_workspace *workspace)
{
    memory_free(workspace);
}

size_t gemm_workspace_bytes(const struct gemm_workspace *workspace)
{
    return sizeof *workspace;
}

void gemm_run_here(struct gemm_workspace *workspace, const struct gemm *product, size_t thread)
{
    (void)workspace;
    (void)thread;
    for (size_t i = 0; i < product->rows; i++)
        for (size_t j = 0; j < product->columns; j++) {
            float *const out = product->out + i * product->out_row + j;
            float sum = product->accumulate ? *out : 0.0f;
            for (size_t p = 0; p < product->depth; p++)
                sum = fmaf(product->a[i * product->a_row + p * product->a_step],
                           product->b[p * product->b_step + j * product->b_column], sum);
            *out = product->bias != NULL ? sum + product->bias[j] : sum;
        }
}

void gemm_run(struct gemm_workspace *workspace, const struct gemm *product)
{
    gemm_run_here(workspace, product, 0);
}
