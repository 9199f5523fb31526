/* train_linear.c - see train_linear.h.
 *
 * With bfloat both factors of each product count as rounded to bfloat16 (tensor/gemm.h); sums stay
 * f32, and the rounding counts as the identity in the backward pass (the weights that are stepped
 * stay f32: Micikevicius et al. 2018, arXiv 1710.03740, section 3.1).
 */
#include "train/train_linear.h"

#include "train/train_frozen.h"

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

static void dense_forward(const struct train_context *context, const struct train_linear *linear,
                          const float *x, size_t tokens, float *y, size_t y_row, bool accumulate)
{
    gemm_run(context->gemm, &(struct gemm){.rows = tokens,
                                           .columns = linear->out,
                                           .depth = linear->in,
                                           .a = x,
                                           .a_row = linear->in,
                                           .a_step = 1,
                                           .b = linear->weight,
                                           .b_step = 1,
                                           .b_column = linear->in,
                                           .out = y,
                                           .out_row = y_row,
                                           .accumulate = accumulate,
                                           .bias = accumulate ? NULL : linear->bias,
                                           .bfloat = context->bfloat});
}

static void dense_backward(const struct train_context *context, const struct train_linear *linear,
                           const float *x, const float *dy, size_t dy_row, size_t tokens, float *dx,
                           bool accumulate)
{
    if (linear->weight_gradient != NULL)
        gemm_run(context->gemm, &(struct gemm){.rows = linear->out,
                                               .columns = linear->in,
                                               .depth = tokens,
                                               .a = dy,
                                               .a_row = 1,
                                               .a_step = dy_row,
                                               .b = x,
                                               .b_step = linear->in,
                                               .b_column = 1,
                                               .out = linear->weight_gradient,
                                               .out_row = linear->in,
                                               .accumulate = true,
                                               .bfloat = context->bfloat});
    if (dx == NULL)
        return;
    gemm_run(context->gemm, &(struct gemm){.rows = tokens,
                                           .columns = linear->in,
                                           .depth = linear->out,
                                           .a = dy,
                                           .a_row = dy_row,
                                           .a_step = 1,
                                           .b = linear->weight,
                                           .b_step = linear->in,
                                           .b_column = 1,
                                           .out = dx,
                                           .out_row = linear->in,
                                           .accumulate = accumulate,
                                           .bfloat = context->bfloat});
}

void train_linear_forward(const struct train_context *context, const struct train_linear *linear,
                          const float *x, size_t tokens, float *y, size_t y_row, bool accumulate)
{
    if (accumulate && linear->bias != NULL) {
        struct bias_job job = {context, linear->bias, y, y_row, linear->out};
        train_over_rows(context, add_bias, &job, tokens);
    }
    if (linear->weight != NULL)
        dense_forward(context, linear, x, tokens, y, y_row, accumulate);
    else if (linear->frozen != NULL)
        train_frozen_forward(context, linear->frozen, accumulate ? NULL : linear->bias, x, tokens,
                             y, y_row, accumulate);
    if (linear->low.rank > 0)
        train_low_rank_forward(context, &linear->low, x, tokens, y, y_row);
}

void train_linear_backward(const struct train_context *context, const struct train_linear *linear,
                           const float *x, const float *dy, size_t dy_row, size_t tokens, float *dx,
                           bool accumulate)
{
    if (linear->bias_gradient != NULL)
        train_add_columns(context, dy, dy_row, tokens, linear->out, linear->bias_gradient);
    if (linear->weight != NULL)
        dense_backward(context, linear, x, dy, dy_row, tokens, dx, accumulate);
    else if (linear->frozen != NULL && dx != NULL)
        train_frozen_backward(context, linear->frozen, dy, dy_row, tokens, dx, accumulate);
    if (linear->low.rank > 0)
        train_low_rank_backward(context, &linear->low, x, dy, dy_row, tokens, dx);
}
