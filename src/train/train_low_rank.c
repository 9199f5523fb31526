/* train_low_rank.c - see train_low_rank.h. Its thin products are f32 whatever the precision of the
 * others: they cost little, and what is trained is all there. */
#include "train/train_low_rank.h"

struct scale_job {
    const struct train_context *context;
    float *x, factor;
    size_t columns;
};

static void scale_rows(void *context, size_t first, size_t count, size_t slice)
{
    const struct scale_job *job = context;
    (void)slice;
    job->context->training->scale(job->x + first * job->columns, job->factor, count * job->columns);
}

static void scale(const struct train_context *context, const struct train_low_rank *low, float *x,
                  size_t tokens)
{
    struct scale_job job = {context, x, low->factor, low->rank};
    train_over_rows(context, scale_rows, &job, tokens);
}

/* x without what is left out, which may be x itself. */
static const float *dropped(const struct train_context *context, const struct train_low_rank *low,
                            const float *x, size_t tokens)
{
    if (!(low->dropout.probability > 0))
        return x;
    train_copy(context, x, context->dropped, tokens, low->in);
    train_drop(context, &low->dropout, context->dropped, tokens, low->in);
    return context->dropped;
}

/* u = factor * A x, to context->thin[0]. */
static void shrink(const struct train_context *context, const struct train_low_rank *low,
                   const float *x, size_t tokens)
{
    gemm_run(context->gemm, &(struct gemm){.rows = tokens,
                                           .columns = low->rank,
                                           .depth = low->in,
                                           .a = x,
                                           .a_row = low->in,
                                           .a_step = 1,
                                           .b = low->a,
                                           .b_step = 1,
                                           .b_column = low->in,
                                           .out = context->thin[0],
                                           .out_row = low->rank});
    scale(context, low, context->thin[0], tokens);
}

void train_low_rank_forward(const struct train_context *context, const struct train_low_rank *low,
                            const float *x, size_t tokens, float *y, size_t y_row)
{
    shrink(context, low, dropped(context, low, x, tokens), tokens);
    gemm_run(context->gemm, &(struct gemm){.rows = tokens,
                                           .columns = low->out,
                                           .depth = low->rank,
                                           .a = context->thin[0],
                                           .a_row = low->rank,
                                           .a_step = 1,
                                           .b = low->b,
                                           .b_step = 1,
                                           .b_column = low->rank,
                                           .out = y,
                                           .out_row = y_row,
                                           .accumulate = true});
}

/* dx += drop(du A) */
static void widen(const struct train_context *context, const struct train_low_rank *low,
                  const float *du, size_t tokens, float *dx)
{
    const bool drops = low->dropout.probability > 0;
    gemm_run(context->gemm, &(struct gemm){.rows = tokens,
                                           .columns = low->in,
                                           .depth = low->rank,
                                           .a = du,
                                           .a_row = low->rank,
                                           .a_step = 1,
                                           .b = low->a,
                                           .b_step = low->in,
                                           .b_column = 1,
                                           .out = drops ? context->dropped : dx,
                                           .out_row = low->in,
                                           .accumulate = !drops});
    if (!drops)
        return;
    train_drop(context, &low->dropout, context->dropped, tokens, low->in);
    train_add(context, context->dropped, dx, tokens, low->in);
}

void train_low_rank_backward(const struct train_context *context, const struct train_low_rank *low,
                             const float *x, const float *dy, size_t dy_row, size_t tokens,
                             float *dx)
{
    const float *const u = context->thin[0], *const in = dropped(context, low, x, tokens);
    float *const du = context->thin[1];
    shrink(context, low, in, tokens);
    if (low->b_gradient != NULL)
        gemm_run(context->gemm, &(struct gemm){.rows = low->out,
                                               .columns = low->rank,
                                               .depth = tokens,
                                               .a = dy,
                                               .a_row = 1,
                                               .a_step = dy_row,
                                               .b = u,
                                               .b_step = low->rank,
                                               .b_column = 1,
                                               .out = low->b_gradient,
                                               .out_row = low->rank,
                                               .accumulate = true});
    gemm_run(context->gemm, &(struct gemm){.rows = tokens,
                                           .columns = low->rank,
                                           .depth = low->out,
                                           .a = dy,
                                           .a_row = dy_row,
                                           .a_step = 1,
                                           .b = low->b,
                                           .b_step = low->rank,
                                           .b_column = 1,
                                           .out = du,
                                           .out_row = low->rank});
    scale(context, low, du, tokens);
    if (low->a_gradient != NULL)
        gemm_run(context->gemm, &(struct gemm){.rows = low->rank,
                                               .columns = low->in,
                                               .depth = tokens,
                                               .a = du,
                                               .a_row = 1,
                                               .a_step = low->rank,
                                               .b = in,
                                               .b_step = low->in,
                                               .b_column = 1,
                                               .out = low->a_gradient,
                                               .out_row = low->in,
                                               .accumulate = true});
    if (dx != NULL)
        widen(context, low, du, tokens, dx);
}
