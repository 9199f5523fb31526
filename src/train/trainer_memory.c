/* trainer_memory.c - what a run takes of memory, added up from its shapes before any is taken.
 *
 *   weights + gradients + optimizer (twice the weights) + a pass   | of the teacher: weights + pass
 *
 * Of adapters only these have weights; what they are added to stays mapped.
 */
#include "train/trainer.h"

#include <string.h>

#include "base/cpu.h"

#define MIB 1048576.0

struct train_pass_options trainer_pass_options(const primer_trainer *trainer)
{
    const primer_recipe *const recipe = trainer->recipe;
    return (struct train_pass_options){
        .rows = recipe->batch,
        .length = recipe->length,
        .dropout = recipe->dropout,
        .recompute = recipe->recompute,
        .bfloat = strcmp(recipe->precision, "bf16") == 0,
        .rank = recipe->lora_rank,
        .rank_dropout = recipe->lora_dropout,
    };
}

struct train_pass_options trainer_teacher_options(const primer_trainer *trainer)
{
    struct train_pass_options options = trainer_pass_options(trainer);
    options.dropout = 0.0;
    options.rank = 0;
    options.recompute = true; /* a teacher is never gone back through: least memory */
    return options;
}

struct need {
    double weights, activations, teacher; /* bytes */
};

static primer_status measure_teacher(const primer_trainer *trainer, double *bytes,
                                     primer_error *error)
{
    const struct train_pass_options options = trainer_teacher_options(trainer);
    struct gguf *gguf = NULL;
    struct train_shape shape;
    size_t floats = 0, parameters = 0, pass = 0;
    primer_status status = PRIMER_OK;
    if (trainer->recipe->teacher == NULL)
        return PRIMER_OK;
    TRY(gguf_open(&gguf, trainer->recipe->teacher, error));
    TRY(train_model_shape(gguf, &shape, error));
    TRY(train_model_measure(&shape, &floats, &parameters, error));
    TRY(train_pass_measure(&shape, &options, trainer->pool, &pass, error));
    *bytes = (double)floats * sizeof(float) + (double)pass;

cleanup:
    gguf_free(gguf);
    return status;
}

static primer_status measure(const primer_trainer *trainer, const struct train_shape *shape,
                             struct need *need, primer_error *error)
{
    const struct train_pass_options options = trainer_pass_options(trainer);
    size_t floats = trainer->model.floats, parameters = 0, pass = 0;
    if (trainer->base == NULL)
        FORWARD(train_model_measure(shape, &floats, &parameters, error));
    FORWARD(train_pass_measure(shape, &options, trainer->pool, &pass, error));
    need->weights = (double)floats * sizeof(float);
    need->activations = (double)pass;
    return measure_teacher(trainer, &need->teacher, error);
}

primer_status trainer_check_memory(const primer_trainer *trainer, const struct train_shape *shape,
                                   primer_error *error)
{
    const uint64_t available = cpu_memory_available();
    struct need need = {0};
    FORWARD(measure(trainer, shape, &need, error));
    const double all = 4.0 * need.weights + need.activations + need.teacher;
    if (trainer->options.ignore_memory || available == UINT64_MAX || all <= (double)available)
        return PRIMER_OK;
    return error_set(error, PRIMER_ENOMEM,
                     "the run needs %.0f MiB (weights %.0f, gradients %.0f, optimizer %.0f, "
                     "activations %.0f, teacher %.0f) and %.0f MiB of memory are available; use a "
                     "smaller batch, recompute = yes, or ignore this with --ignore-memory",
                     all / MIB, need.weights / MIB, need.weights / MIB, 2.0 * need.weights / MIB,
                     need.activations / MIB, need.teacher / MIB, (double)available / MIB);
}
