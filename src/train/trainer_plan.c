/* trainer_plan.c - what a run will cost, before its first step. */
#include "train/trainer.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"

uint64_t trainer_step_tokens(const primer_trainer *trainer)
{
    return (uint64_t)trainer->step.rows * trainer->step.length;
}

double trainer_token_operations(const struct train_model *model, size_t length)
{
    const struct train_shape *const shape = &model->shape;
    const double table = shape->tied ? 0.0 : (double)shape->vocabulary * (double)shape->embedding;
    const double width = (double)(shape->heads * shape->head_dimensions);
    const double attention = 12.0 * (double)shape->layers * width * ((double)length / 2.0);
    if (model->base != NULL)
        return 6.0 * (double)model->parameters + 4.0 * ((double)model->base->parameters - table) +
               attention;
    return 6.0 * ((double)model->parameters - table) + attention;
}

/* A step's gradient and the optimizer's part with a rate of 0: no weight changes, and the moments
 * are put back where nothing had been learned yet. */
static primer_status measured_step(primer_trainer *trainer, primer_error *error)
{
    struct trainer_rows *const step = &trainer->step;
    struct train_result result = {0};
    double norm = 0.0;
    FORWARD(train_sampler_next(trainer->sampler, step->rows, step->inputs, step->targets,
                               step->weights, step->starts, error));
    FORWARD(trainer_gradient(trainer, (double)trainer_step_tokens(trainer), &result, error));
    if (trainer->state.step != 0)
        return PRIMER_OK;
    return train_optimizer_step(&trainer->optimizer, &trainer->model, trainer->gradients, 0.0,
                                trainer->pool, &norm, error);
}

/* By the first rank's clock: where another took one step more it would wait for the rest in
 * vain. */
static primer_status goes_on(const primer_trainer *trainer, uint64_t begun, double seconds,
                             bool *more, primer_error *error)
{
    *more = clock_seconds_since(begun) < seconds;
    return ranks_broadcast(&trainer->ranks, 0, more, sizeof *more, error);
}

/* On the rows that come first. The first step meets cold memory and isn't counted. */
static primer_status measure(primer_trainer *trainer, double seconds, double *tokens_per_second,
                             primer_error *error)
{
    primer_status status = PRIMER_OK;
    const struct train_position position = *train_sampler_position(trainer->sampler);
    uint64_t tokens = 0;
    bool more = true;
    TRY(measured_step(trainer, error));
    const uint64_t begun = clock_nanoseconds();
    while (more) {
        TRY(measured_step(trainer, error));
        tokens += trainer_step_tokens(trainer);
        TRY(goes_on(trainer, begun, seconds, &more, error));
    }
    *tokens_per_second = (double)tokens / clock_seconds_since(begun);

cleanup:
    if (trainer->state.step == 0) {
        memset(trainer->optimizer.mean, 0, trainer->optimizer.floats * sizeof(float));
        memset(trainer->optimizer.variance, 0, trainer->optimizer.floats * sizeof(float));
        trainer->optimizer.step = 0;
    }
    if (status == PRIMER_OK)
        status = train_sampler_seek(trainer->sampler, &position, error);
    trainer->failed = status != PRIMER_OK;
    return status;
}

primer_status primer_trainer_plan(primer_trainer *trainer, double seconds, primer_train_plan *plan,
                                  primer_error *error)
{
    const primer_recipe *const recipe = trainer->recipe;
    const uint64_t floats = trainer->model.floats * sizeof(float);
    primer_train_plan made = {
        .parameters = trainer->model.parameters,
        .steps = recipe->steps,
        .tokens_per_step = trainer_step_tokens(trainer),
        .tokens = recipe->steps * trainer_step_tokens(trainer),
        .operations_per_token = trainer_token_operations(&trainer->model, trainer->step.length),
        .weight_bytes = floats,
        .gradient_bytes = floats,
        .optimizer_bytes = 2 * floats,
        .activation_bytes = train_pass_bytes(trainer->pass),
        .memory_available = cpu_memory_available(),
        .processes = trainer->ranks.count,
    };
    for (size_t i = 0; i < trainer->data.count; i++)
        made.data_tokens += train_shard_info(trainer->data.shards[i])->tokens;
    made.memory_bytes = 4 * floats + made.activation_bytes;
    if (trainer->teacher.pass != NULL)
        made.memory_bytes +=
            trainer->teacher_model.floats * sizeof(float) + train_pass_bytes(trainer->teacher.pass);
    if (seconds > 0.0) {
        FORWARD(measure(trainer, seconds, &made.tokens_per_second, error));
        made.operations_per_second = made.tokens_per_second * made.operations_per_token;
        made.seconds =
            (double)((recipe->steps - trainer->state.step) * trainer_step_tokens(trainer)) /
            made.tokens_per_second;
    }
    *plan = made;
    return PRIMER_OK;
}
