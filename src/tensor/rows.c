/* rows.c - what is done to each token's row by itself: norms, activations, the check for NaN. */
#include "tensor/tensor.h"

#define ROWS_PER_TASK 4

struct rows_job {
    const struct kernel *kernel;
    const float *x, *weight, *bias;
    float *out;
    float epsilon;
    size_t tokens, columns;
    void (*row)(const struct rows_job *job, size_t t);
};

static void run_rows(void *context, size_t task, size_t thread)
{
    (void)thread;
    const struct rows_job *job = context;
    for (size_t t = task * ROWS_PER_TASK; t < (task + 1) * ROWS_PER_TASK && t < job->tokens; t++)
        job->row(job, t);
}

static void each_row(struct workspace *workspace, struct rows_job *job)
{
    job->kernel = workspace->kernel;
    pool_run(workspace->pool, run_rows, job, (job->tokens + ROWS_PER_TASK - 1) / ROWS_PER_TASK);
}

static void layer_norm_row(const struct rows_job *job, size_t t)
{
    job->kernel->layer_norm(job->x + t * job->columns, job->weight, job->bias, job->epsilon,
                            job->columns, job->out + t * job->columns);
}

static void rms_norm_row(const struct rows_job *job, size_t t)
{
    job->kernel->rms_norm(job->x + t * job->columns, job->weight, job->epsilon, job->columns,
                          job->out + t * job->columns);
}

static void silu_row(const struct rows_job *job, size_t t)
{
    job->kernel->silu_product(job->out + t * job->columns, job->x + t * job->columns, job->columns);
}

static void gelu_row(const struct rows_job *job, size_t t)
{
    float *const row = job->out + t * job->columns;
    job->kernel->finish(&(struct kernel_finish){.sums = row,
                                                .sums_stride = job->columns,
                                                .tokens = 1,
                                                .rows = job->columns,
                                                .gelu = true,
                                                .out = row,
                                                .out_stride = job->columns});
}

void tensor_layer_norm(struct workspace *workspace, const float *x, const float *weight,
                       const float *bias, float epsilon, size_t tokens, size_t columns, float *out)
{
    each_row(workspace, &(struct rows_job){.x = x,
                                           .weight = weight,
                                           .bias = bias,
                                           .epsilon = epsilon,
                                           .tokens = tokens,
                                           .columns = columns,
                                           .out = out,
                                           .row = layer_norm_row});
}

void tensor_rms_norm(struct workspace *workspace, const float *x, const float *weight,
                     float epsilon, size_t tokens, size_t columns, float *out)
{
    each_row(workspace, &(struct rows_job){.x = x,
                                           .weight = weight,
                                           .epsilon = epsilon,
                                           .tokens = tokens,
                                           .columns = columns,
                                           .out = out,
                                           .row = rms_norm_row});
}

void tensor_silu_product(struct workspace *workspace, float *gate, const float *up, size_t tokens,
                         size_t columns)
{
    each_row(workspace,
             &(struct rows_job){
                 .x = up, .out = gate, .tokens = tokens, .columns = columns, .row = silu_row});
}

void tensor_gelu(struct workspace *workspace, float *x, size_t tokens, size_t columns)
{
    each_row(workspace,
             &(struct rows_job){.out = x, .tokens = tokens, .columns = columns, .row = gelu_row});
}

size_t tensor_not_finite(struct workspace *workspace, const float *x, size_t tokens, size_t columns)
{
    for (size_t t = 0; t < tokens; t++)
        if (!workspace->kernel->finite(x + t * columns, columns))
            return t;
    return tokens;
}
