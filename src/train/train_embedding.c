/* train_embedding.c - see train_embedding.h.
 *
 * A row of the gradient may be asked for by several tokens: each task has the ids of one remainder
 * and takes their tokens in order, so that no two tasks share a row.
 */
#include "train/train_embedding.h"

#include <string.h>

#define REMAINDERS 16

struct embedding_job {
    const struct train_context *context;
    const float *from;
    float *to;
    size_t columns, tokens;
    const int32_t *ids;
};

static void forward_rows(void *context, size_t first, size_t count, size_t slice)
{
    const struct embedding_job *job = context;
    (void)slice;
    for (size_t t = first; t < first + count; t++)
        memcpy(job->to + t * job->columns, job->from + (size_t)job->ids[t] * job->columns,
               job->columns * sizeof(float));
}

void train_embedding_forward(const struct train_context *context, const float *matrix,
                             size_t columns, const int32_t *ids, size_t tokens, float *x)
{
    struct embedding_job job = {context, matrix, x, columns, tokens, ids};
    train_over_rows(context, forward_rows, &job, tokens);
}

static void backward_ids(void *context, size_t task, size_t thread)
{
    const struct embedding_job *job = context;
    (void)thread;
    for (size_t t = 0; t < job->tokens; t++)
        if ((size_t)job->ids[t] % REMAINDERS == task)
            job->context->training->add(job->to + (size_t)job->ids[t] * job->columns,
                                        job->from + t * job->columns, job->columns);
}

void train_embedding_backward(const struct train_context *context, const float *dx, size_t columns,
                              const int32_t *ids, size_t tokens, float *gradient)
{
    struct embedding_job job = {context, dx, gradient, columns, tokens, ids};
    pool_run(context->pool, backward_ids, &job, REMAINDERS);
}
