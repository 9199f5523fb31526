/* train_norm.c - see train_norm.h.
 *
 * The gradients of weight and bias are sums over tokens: each slice of tokens has its own, joined
 * in the slices' order.
 */
#include "train/train_norm.h"

#include <string.h>

struct norm_job {
    const struct train_context *context;
    const struct train_norm *norm;
    const float *x;
    float *out, *mean, *inverse;
};

static void forward_rows(void *context, size_t first, size_t count, size_t slice)
{
    const struct norm_job *job = context;
    const struct train_norm *norm = job->norm;
    const struct training_kernel *kernel = job->context->training;
    const struct training_norm rows = {
        .rows = count,
        .columns = norm->columns,
        .x = job->x + first * norm->columns,
        .weight = norm->weight,
        .bias = norm->bias,
        .epsilon = norm->epsilon,
        .out = job->out + first * norm->columns,
        .mean = job->mean + first,
        .inverse = job->inverse + first,
    };
    (void)slice;
    (norm->kind == MODEL_LAYER_NORM ? kernel->layer_norm : kernel->rms_norm)(&rows);
}

void train_norm_forward(const struct train_context *context, const struct train_norm *norm,
                        const float *x, size_t tokens, float *out, float *mean, float *inverse)
{
    struct norm_job job = {context, norm, x, out, mean, inverse};
    train_over_rows(context, forward_rows, &job, tokens);
}

struct backward_job {
    const struct train_context *context;
    const struct train_norm *norm;
    const float *x, *mean, *inverse, *dout;
    float *dx;
    bool accumulate;
};

static float *partial(const struct train_context *context, const struct train_norm *norm,
                      size_t slice)
{
    return context->partials + slice * 2 * norm->columns;
}

static void backward_rows(void *context, size_t first, size_t count, size_t slice)
{
    const struct backward_job *job = context;
    const struct train_norm *norm = job->norm;
    const struct training_kernel *kernel = job->context->training;
    const size_t columns = norm->columns;
    float *const sums = partial(job->context, norm, slice);
    memset(sums, 0, 2 * columns * sizeof *sums);
    const struct training_norm_backward rows = {
        .rows = count,
        .columns = columns,
        .x = job->x + first * columns,
        .weight = norm->weight,
        .mean = job->mean + first,
        .inverse = job->inverse + first,
        .dout = job->dout + first * columns,
        .dx = job->dx + first * columns,
        .accumulate = job->accumulate,
        .dweight = norm->weight_gradient != NULL ? sums : NULL,
        .dbias = norm->bias_gradient != NULL ? sums + columns : NULL,
    };
    (norm->kind == MODEL_LAYER_NORM ? kernel->layer_norm_backward
                                    : kernel->rms_norm_backward)(&rows);
}

void train_norm_backward(const struct train_context *context, const struct train_norm *norm,
                         const float *x, const float *mean, const float *inverse, const float *dout,
                         size_t tokens, float *dx, bool accumulate)
{
    struct backward_job job = {context, norm, x, mean, inverse, dout, dx, accumulate};
    const size_t slices = train_over_slices(context, backward_rows, &job, tokens);
    for (size_t s = 0; s < slices; s++) {
        const float *sums = partial(context, norm, s);
        if (norm->weight_gradient != NULL)
            context->training->add(norm->weight_gradient, sums, norm->columns);
        if (norm->bias_gradient != NULL)
            context->training->add(norm->bias_gradient, sums + norm->columns, norm->columns);
    }
}
