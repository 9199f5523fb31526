/* train_head.c - see train_head.h. */
#include "train/train_head.h"

#include <string.h>

struct chunk_job {
    const struct train_context *context;
    const struct train_head *head;
    const struct train_head_task *task;
};

static void gather(const struct train_head *head, const float *hidden, size_t columns, size_t count)
{
    for (size_t r = 0; r < count; r++)
        memcpy(head->rows + r * columns, hidden + head->positions[r] * columns,
               columns * sizeof(float));
}

static void lose_rows(void *context, size_t first, size_t count, size_t slice)
{
    const struct chunk_job *job = context;
    const struct training_kernel *kernel = job->context->training;
    const struct train_head_task *task = job->task;
    const size_t vocabulary = task->output->out;
    (void)slice;
    for (size_t r = first; r < first + count; r++) {
        const size_t position = job->head->positions[r], target = (size_t)task->targets[position];
        float *const logits = job->head->logits + r * vocabulary;
        const float weight = task->weights[position];
        double loss;
        if (task->teacher != NULL)
            loss = kernel->distill(&(struct training_distillation){
                .count = vocabulary,
                .student = logits,
                .teacher = task->teacher->head->logits + r * vocabulary,
                .target = target,
                .temperature = (float)task->teacher->temperature,
                .mix = (float)task->teacher->mix,
                .scale = task->scale * weight});
        else if (task->dhidden != NULL)
            loss = kernel->cross_entropy(logits, vocabulary, target, task->scale * weight);
        else
            loss = kernel->log_sum(logits, vocabulary) - (double)logits[target];
        job->head->losses[r] = (double)weight * loss;
    }
}

static void scatter(const struct train_head *head, size_t columns, size_t count, float *dhidden)
{
    for (size_t r = 0; r < count; r++)
        memcpy(dhidden + head->positions[r] * columns, head->rows_gradient + r * columns,
               columns * sizeof(float));
}

static double run_chunk(const struct train_context *context, const struct train_head *head,
                        const struct train_head_task *task, size_t count)
{
    const struct train_linear *output = task->output;
    const struct train_head_teacher *teacher = task->teacher;
    struct chunk_job job = {context, head, task};
    double loss = 0;
    gather(head, task->hidden, output->in, count);
    train_linear_forward(context, output, head->rows, count, head->logits, output->out, false);
    if (teacher != NULL) {
        memcpy(teacher->head->positions, head->positions, count * sizeof *head->positions);
        gather(teacher->head, teacher->hidden, teacher->output->in, count);
        train_linear_forward(teacher->context, teacher->output, teacher->head->rows, count,
                             teacher->head->logits, teacher->output->out, false);
    }
    train_over_rows(context, lose_rows, &job, count);
    for (size_t r = 0; r < count; r++)
        loss += head->losses[r];
    if (task->dhidden == NULL)
        return loss;
    train_linear_backward(context, output, head->rows, head->logits, output->out, count,
                          head->rows_gradient, false);
    scatter(head, output->in, count, task->dhidden);
    return loss;
}

void train_head_run(const struct train_context *context, const struct train_head *head,
                    const struct train_head_task *task, double *loss, double *weight)
{
    size_t count = 0;
    *loss = *weight = 0;
    if (task->dhidden != NULL)
        memset(task->dhidden, 0, task->tokens * task->output->in * sizeof *task->dhidden);
    for (size_t t = 0; t < task->tokens; t++) {
        if (task->weights[t] > 0) {
            head->positions[count++] = t;
            *weight += (double)task->weights[t];
        }
        if (count == TRAIN_HEAD_CHUNK || (count > 0 && t + 1 == task->tokens)) {
            *loss += run_chunk(context, head, task, count);
            count = 0;
        }
    }
}
