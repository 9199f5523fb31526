/* train_linear.c - see train_linear.h.
 *
 * With bfloat both factors of each product are rounded to bfloat16 first, as hardware for it would
 * take them; sums stay f32, and the rounding counts as the identity in the backward pass (the
 * weights that are stepped stay f32: Micikevicius et al. 2018, arXiv 1710.03740, section 3.1).
 */
#include "train/train_linear.h"

struct rounding {
    const struct train_context *context;
    const float *from;
    size_t from_row, columns;
    float *to;
};

static void round_rows(void *context, size_t first, size_t count, size_t slice)
{
    const struct rounding *job = context;
    (void)slice;
    for (size_t r = first; r < first + count; r++)
        job->context->training->round_bfloat(job->from + r * job->from_row, job->columns,
                                             job->to + r * job->columns);
}

/* A factor of a product: as it is, or rounded into the context's room `which`. */
static const float *factor(const struct train_context *context, size_t which, const float *from,
                           size_t *row, size_t rows, size_t columns)
{
    if (!context->bfloat)
        return from;
    struct rounding job = {context, from, *row, columns, context->rounded[which]};
    train_over_rows(context, round_rows, &job, rows);
    *row = columns;
    return job.to;
}

struct bias_job {
    const struct train_context *context;
    const float *bias;
    float *y;
    size_t y_row, columns;
};

static void add_bias(void *context, size_t first, size_t count, size_t slice)
{
    const struct bias_job *job = context;
    (void)slice;
    for (size_t r = first; r < first + count; r++)
        job->context->training->add(job->y + r * job->y_row, job->bias, job->columns);
}

void train_linear_forward(const struct train_context *context, const struct train_linear *linear,
                          const float *x, size_t tokens, float *y, size_t y_row, bool accumulate)
{
    size_t x_row = linear->in, weight_row = linear->in;
    if (accumulate && linear->bias != NULL) {
        struct bias_job job = {context, linear->bias, y, y_row, linear->out};
        train_over_rows(context, add_bias, &job, tokens);
    }
    const float *a = factor(context, 0, x, &x_row, tokens, linear->in);
    const float *b = factor(context, 1, linear->weight, &weight_row, linear->out, linear->in);
    gemm_run(context->gemm, &(struct gemm){.rows = tokens,
                                           .columns = linear->out,
                                           .depth = linear->in,
                                           .a = a,
                                           .a_row = x_row,
                                           .a_step = 1,
                                           .b = b,
                                           .b_step = 1,
                                           .b_column = weight_row,
                                           .out = y,
                                           .out_row = y_row,
                                           .accumulate = accumulate,
                                           .bias = accumulate ? NULL : linear->bias});
}

void train_linear_backward(const struct train_context *context, const struct train_linear *linear,
                           const float *x, const float *dy, size_t dy_row, size_t tokens, float *dx,
                           bool accumulate)
{
    size_t x_row = linear->in, weight_row = linear->in, gradient_row = dy_row;
    const float *gradient = factor(context, 2, dy, &gradient_row, tokens, linear->out);
    if (linear->bias_gradient != NULL)
        train_add_columns(context, dy, dy_row, tokens, linear->out, linear->bias_gradient);
    if (linear->weight_gradient != NULL) {
        const float *in = factor(context, 0, x, &x_row, tokens, linear->in);
        gemm_run(context->gemm, &(struct gemm){.rows = linear->out,
                                               .columns = linear->in,
                                               .depth = tokens,
                                               .a = gradient,
                                               .a_row = 1,
                                               .a_step = gradient_row,
                                               .b = in,
                                               .b_step = x_row,
                                               .b_column = 1,
                                               .out = linear->weight_gradient,
                                               .out_row = linear->in,
                                               .accumulate = true});
    }
    if (dx == NULL)
        return;
    const float *weight = factor(context, 1, linear->weight, &weight_row, linear->out, linear->in);
    gemm_run(context->gemm, &(struct gemm){.rows = tokens,
                                           .columns = linear->in,
                                           .depth = linear->out,
                                           .a = gradient,
                                           .a_row = gradient_row,
                                           .a_step = 1,
                                           .b = weight,
                                           .b_step = weight_row,
                                           .b_column = 1,
                                           .out = dx,
                                           .out_row = linear->in,
                                           .accumulate = accumulate});
}
