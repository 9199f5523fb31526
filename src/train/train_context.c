/* train_context.c - see train_context.h. */
#include "train/train_context.h"

#include <stdatomic.h>
#include <string.h>

struct cut {
    train_rows *task;
    void *job;
    size_t rows, piece;
};

static void run_piece(void *context, size_t task, size_t thread)
{
    const struct cut *cut = context;
    const size_t first = task * cut->piece;
    const size_t left = cut->rows - first;
    (void)thread;
    cut->task(cut->job, first, left < cut->piece ? left : cut->piece, task);
}

static size_t run_cut(const struct train_context *context, struct cut *cut)
{
    const size_t pieces = (cut->rows + cut->piece - 1) / cut->piece;
    pool_run(context->pool, run_piece, cut, pieces);
    return pieces;
}

void train_over_rows(const struct train_context *context, train_rows *task, void *job, size_t rows)
{
    run_cut(context, &(struct cut){task, job, rows, 32});
}

size_t train_over_slices(const struct train_context *context, train_rows *task, void *job,
                         size_t rows)
{
    return run_cut(context,
                   &(struct cut){task, job, rows, (rows + TRAIN_SLICES - 1) / TRAIN_SLICES});
}

/* ---- what is done row by row ---- */

struct rows_job {
    const struct train_context *context;
    const struct train_dropout *dropout;
    const float *from;
    float *to;
    size_t columns;
    size_t total;
    atomic_size_t bad;
};

static void drop_rows(void *context, size_t first, size_t count, size_t slice)
{
    const struct rows_job *job = context;
    (void)slice;
    for (size_t r = first; r < first + count; r++)
        job->context->training->dropout(job->to + r * job->columns, job->columns,
                                        training_key(job->dropout->seed, job->dropout->place, r),
                                        (float)job->dropout->probability);
}

void train_drop(const struct train_context *context, const struct train_dropout *dropout, float *x,
                size_t rows, size_t columns)
{
    struct rows_job job = {.context = context, .dropout = dropout, .to = x, .columns = columns};
    if (dropout->probability > 0)
        train_over_rows(context, drop_rows, &job, rows);
}

static void add_rows(void *context, size_t first, size_t count, size_t slice)
{
    const struct rows_job *job = context;
    (void)slice;
    job->context->training->add(job->to + first * job->columns, job->from + first * job->columns,
                                count * job->columns);
}

void train_add(const struct train_context *context, const float *from, float *to, size_t rows,
               size_t columns)
{
    struct rows_job job = {.context = context, .from = from, .to = to, .columns = columns};
    train_over_rows(context, add_rows, &job, rows);
}

static void copy_rows(void *context, size_t first, size_t count, size_t slice)
{
    const struct rows_job *job = context;
    (void)slice;
    memcpy(job->to + first * job->columns, job->from + first * job->columns,
           count * job->columns * sizeof(float));
}

void train_copy(const struct train_context *context, const float *from, float *to, size_t rows,
                size_t columns)
{
    struct rows_job job = {.context = context, .from = from, .to = to, .columns = columns};
    train_over_rows(context, copy_rows, &job, rows);
}

static void check_rows(void *context, size_t first, size_t count, size_t slice)
{
    struct rows_job *job = context;
    (void)slice;
    if (job->context->kernel->finite(job->from + first * job->columns, count * job->columns))
        return;
    for (size_t r = first; r < first + count; r++)
        if (!job->context->kernel->finite(job->from + r * job->columns, job->columns)) {
            size_t before = atomic_load(&job->bad);
            while (r < before && !atomic_compare_exchange_weak(&job->bad, &before, r))
                ;
            return;
        }
}

size_t train_not_finite(const struct train_context *context, const float *x, size_t rows,
                        size_t columns)
{
    struct rows_job job = {.context = context, .from = x, .columns = columns, .bad = rows};
    train_over_rows(context, check_rows, &job, rows);
    return atomic_load(&job.bad);
}

/* ---- sums of columns: each slice of rows its own, joined in order ---- */

struct columns_job {
    const struct train_context *context;
    const float *x;
    size_t x_row, columns;
};

static void add_columns(void *context, size_t first, size_t count, size_t slice)
{
    const struct columns_job *job = context;
    const struct training_kernel *kernel = job->context->training;
    float *const sums = job->context->partials + slice * job->columns;
    const float *x = job->x + first * job->x_row;
    memset(sums, 0, job->columns * sizeof *sums);
    if (job->x_row == job->columns) {
        kernel->add_rows(x, count, job->columns, sums);
        return;
    }
    for (size_t r = 0; r < count; r++)
        kernel->add(sums, x + r * job->x_row, job->columns);
}

void train_add_columns(const struct train_context *context, const float *x, size_t x_row,
                       size_t rows, size_t columns, float *sums)
{
    struct columns_job job = {context, x, x_row, columns};
    const size_t slices = train_over_slices(context, add_columns, &job, rows);
    for (size_t s = 0; s < slices; s++)
        context->training->add(sums, context->partials + s * columns, columns);
}
