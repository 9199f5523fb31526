/* low_rank.c - adding the product of two thin matrices: what a LoRA adapter is (Hu et al. 2021,
 * arXiv 2106.09685, section 4.1).
 *
 *   x [tokens][columns] --A [rank][columns]--> middle [tokens][rank], times `scale`
 *                       --B [rows][rank]-----> added to out [tokens][rows]
 *
 * First all middles, then all additions; a task is a strip of rows for a few tokens. Pairs that add
 * to the same outputs are one task's work, in the order of the list:
 *
 *   pairs   | 0: out q | 1: out q | 2: out k |      tasks of the additions: strips of 0 and 1, then
 *                                                   strips of 2
 */
#include "tensor/tensor.h"

#include <stdalign.h>

#define FEW_TOKENS     16
#define MIDDLE_ROWS    16 /* of A, in one task */
#define MIDDLE_TOKENS  64
#define STRIP_ROWS     64 /* of B, in one task for many tokens */
#define STRIP_TOKENS   64
#define FEW_STRIP_ROWS 512 /* the same for few tokens */
#define HELD_FLOATS    (FEW_STRIP_ROWS * FEW_TOKENS)

/* Rows and tokens of one task. */
struct cut {
    size_t rows, tokens;
};

struct low_rank_job {
    const struct kernel *kernel;
    struct tensor_low_rank *pairs;
    size_t count;
};

static size_t pieces(size_t whole, size_t part)
{
    return (whole + part - 1) / part;
}

static size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

static struct cut middle_cut(void)
{
    return (struct cut){MIDDLE_ROWS, MIDDLE_TOKENS};
}

static struct cut strip_cut(const struct tensor_low_rank *pair)
{
    return pair->tokens <= FEW_TOKENS ? (struct cut){FEW_STRIP_ROWS, FEW_TOKENS}
                                      : (struct cut){STRIP_ROWS, STRIP_TOKENS};
}

/* The last pair whose first task isn't after `task`; those without a task of their own are passed. */
static struct tensor_low_rank *pair_of(const struct low_rank_job *job, size_t task)
{
    size_t low = 0, high = job->count;
    while (high - low > 1) {
        const size_t half = low + (high - low) / 2;
        *(job->pairs[half].first_task <= task ? &low : &high) = half;
    }
    while (low > 0 && job->pairs[low - 1].first_task == job->pairs[low].first_task)
        low--;
    return &job->pairs[low];
}

static void make_middle(void *context, size_t task, size_t thread)
{
    (void)thread;
    const struct low_rank_job *job = context;
    const struct tensor_low_rank *const p = pair_of(job, task);
    const struct cut cut = middle_cut();
    const size_t strips = pieces(p->rank, cut.rows), own = task - p->first_task;
    const size_t row = own % strips * cut.rows, token = own / strips * cut.tokens;
    const size_t rows = lesser(p->rank - row, cut.rows),
                 tokens = lesser(p->tokens - token, cut.tokens);
    float *const middle = p->middle + token * p->middle_stride + row;
    job->kernel->float_product(QUANT_F32, p->a + row * p->columns, p->columns * sizeof *p->a, rows,
                               p->columns, p->x + token * p->x_stride, p->x_stride, tokens, middle,
                               p->middle_stride);
    for (size_t t = 0; t < tokens; t++)
        job->kernel->scale(middle + t * p->middle_stride, p->scale, rows);
}

static void add_strip(void *context, size_t task, size_t thread)
{
    (void)thread;
    alignas(MEMORY_ALIGNMENT) float held[HELD_FLOATS];
    const struct low_rank_job *job = context;
    const struct tensor_low_rank *const first = pair_of(job, task), *const end =
                                                                        job->pairs + job->count;
    const struct cut cut = strip_cut(first);
    const size_t strips = pieces(first->rows, cut.rows), own = task - first->first_task;
    const size_t row = own % strips * cut.rows, token = own / strips * cut.tokens;
    const size_t rows = lesser(first->rows - row, cut.rows),
                 tokens = lesser(first->tokens - token, cut.tokens);
    for (const struct tensor_low_rank *p = first; p < end && p->out == first->out; p++) {
        job->kernel->float_product(QUANT_F32, p->b + row * p->rank, p->rank * sizeof *p->b, rows,
                                   p->rank, p->middle + token * p->middle_stride, p->middle_stride,
                                   tokens, held, cut.rows);
        job->kernel->finish(&(struct kernel_finish){.sums = held,
                                                    .sums_stride = cut.rows,
                                                    .tokens = tokens,
                                                    .rows = rows,
                                                    .accumulate = true,
                                                    .out = p->out + token * p->out_stride + row,
                                                    .out_stride = p->out_stride});
    }
}

void tensor_add_low_rank(struct workspace *workspace, struct tensor_low_rank *pairs, size_t count)
{
    struct low_rank_job job = {workspace->kernel, pairs, count};
    const struct cut middle = middle_cut();
    size_t tasks = 0;
    for (size_t i = 0; i < count; i++) {
        pairs[i].first_task = tasks;
        tasks += pieces(pairs[i].rank, middle.rows) * pieces(pairs[i].tokens, middle.tokens);
    }
    pool_run(workspace->pool, make_middle, &job, tasks);
    tasks = 0;
    for (size_t i = 0; i < count; i++) {
        const struct cut cut = strip_cut(&pairs[i]);
        const bool follows = i > 0 && pairs[i - 1].out == pairs[i].out;
        pairs[i].first_task = follows ? pairs[i - 1].first_task : tasks;
        if (!follows)
            tasks += pieces(pairs[i].rows, cut.rows) * pieces(pairs[i].tokens, cut.tokens);
    }
    pool_run(workspace->pool, add_strip, &job, tasks);
}
