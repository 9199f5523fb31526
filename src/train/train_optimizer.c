/* train_optimizer.c - see train_optimizer.h for the formulas.
 *
 *   weights   | piece 0 (16384 floats) | piece 1 | ... | the rest |     pieces know of no tensor
 *   tensors   |  t0  |gap|      t1         |   t2   |gap| t3  |
 *
 * A step looks at the gradient twice. First each piece sums its squares, in double, and the pieces'
 * sums are added in order: the norm. Then each piece updates what it holds of every tensor. What a
 * piece holds depends on the model alone, so the number of threads changes no bit. Gaps between
 * tensors are neither summed nor written.
 */
#include "train/train_optimizer.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"

enum { PIECE = 16384 }; /* floats: 64 KiB of each of four arrays */
/* Beyond it (1 - b2) g^2 may not be a float any more. */
static const double largest_norm = 1e18;
static const double largest_rate = 1e6; /* far from what helps; its products are still floats */

/* ---- creation -------------------------------------------------------------------------------- */

static bool is_rate(double beta)
{
    return beta >= 0 && beta < 1;
}

static primer_status check_options(const struct train_optimizer_options *o, primer_error *error)
{
    if (!is_rate(o->beta_1))
        return error_set(error, PRIMER_EINVAL, "beta_1: found %g, expected 0 to below 1",
                         o->beta_1);
    if (!is_rate(o->beta_2))
        return error_set(error, PRIMER_EINVAL, "beta_2: found %g, expected 0 to below 1",
                         o->beta_2);
    /* As a float it must still be above 0, or a gradient of 0 divides by 0. */
    if (!isfinite(o->epsilon) || !(o->epsilon >= (double)FLT_MIN))
        return error_set(error, PRIMER_EINVAL, "epsilon: found %g, expected at least %g",
                         o->epsilon, (double)FLT_MIN);
    if (!isfinite(o->decay) || o->decay < 0)
        return error_set(error, PRIMER_EINVAL, "decay: found %g, expected 0 or more", o->decay);
    if (!isfinite(o->clip) || o->clip < 0)
        return error_set(error, PRIMER_EINVAL, "clip: found %g, expected 0 (none) or more",
                         o->clip);
    return PRIMER_OK;
}

static size_t piece_count(size_t floats)
{
    return floats / PIECE + (floats % PIECE != 0);
}

static float *zeros(size_t floats)
{
    float *const made = memory_allocate_aligned(floats, sizeof *made);
    if (made != NULL)
        memset(made, 0, floats * sizeof *made);
    return made;
}

primer_status train_optimizer_create(struct train_optimizer *optimizer,
                                     const struct train_optimizer_options *options, size_t floats,
                                     primer_error *error)
{
    size_t bytes;
    FORWARD(check_options(options, error));
    if (!memory_product(floats, sizeof(float), &bytes))
        return error_set(error, PRIMER_ELIMIT, "an optimizer of %zu floats is too large", floats);
    struct train_optimizer made = {
        .options = *options, .floats = floats, .kernel = training_kernel_of(kernel_best())};
    made.mean = zeros(floats);
    made.variance = zeros(floats);
    made.squares = memory_allocate(piece_count(floats), sizeof *made.squares);
    if (made.mean == NULL || made.variance == NULL || made.squares == NULL) {
        train_optimizer_free(&made);
        return memory_failure(error, "an optimizer's mean or variance", bytes);
    }
    *optimizer = made;
    return PRIMER_OK;
}

void train_optimizer_free(struct train_optimizer *optimizer)
{
    memory_free(optimizer->mean);
    memory_free(optimizer->variance);
    memory_free(optimizer->squares);
    *optimizer = (struct train_optimizer){0};
}

/* ---- a step ---------------------------------------------------------------------------------- */

/* What every task of a step reads. */
struct step {
    struct train_optimizer *optimizer;
    struct train_model *model;
    const float *gradients;
    struct training_adam matrix, vector; /* which decays, and which doesn't */
};

static size_t tensor_end(const struct train_tensor *tensor)
{
    return tensor->offset + tensor->rows * tensor->columns;
}

/* The first tensor that ends behind `from`; tensors lie in order. */
static size_t first_tensor(const struct train_model *model, size_t from)
{
    size_t low = 0, high = model->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (tensor_end(&model->tensors[middle]) <= from)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The run of floats [*from, *to) that the piece holds of a tensor; false: none, nor of later
 * ones. */
static bool run_of(const struct train_model *model, size_t tensor, size_t piece, size_t *from,
                   size_t *to)
{
    if (tensor == model->count)
        return false;
    const size_t begin = model->tensors[tensor].offset, end = tensor_end(&model->tensors[tensor]);
    const size_t first = piece * PIECE, last = first + PIECE;
    *from = begin > first ? begin : first;
    *to = end < last ? end : last;
    return *from < last;
}

static void sum_piece(void *context, size_t piece, size_t thread)
{
    const struct step *const s = context;
    size_t from, to;
    double sum = 0;
    (void)thread;
    for (size_t t = first_tensor(s->model, piece * PIECE); run_of(s->model, t, piece, &from, &to);
         t++)
        sum += s->optimizer->kernel->square_sum(s->gradients + from, to - from);
    s->optimizer->squares[piece] = sum;
}

static void update_piece(void *context, size_t piece, size_t thread)
{
    const struct step *const s = context;
    struct train_optimizer *const o = s->optimizer;
    size_t from, to;
    (void)thread;
    for (size_t t = first_tensor(s->model, piece * PIECE); run_of(s->model, t, piece, &from, &to);
         t++)
        o->kernel->adam(s->model->tensors[t].matrix ? &s->matrix : &s->vector, s->gradients + from,
                        to - from, o->mean + from, o->variance + from, s->model->weights + from);
}

/* Names the first value of the gradient that isn't finite. */
static primer_status not_finite(const struct train_model *model, const float *gradients,
                                primer_error *error)
{
    for (size_t t = 0; t < model->count; t++) {
        const struct train_tensor *const tensor = &model->tensors[t];
        const float *const values = gradients + tensor->offset;
        for (size_t i = 0; i < tensor->rows * tensor->columns; i++)
            if (!isfinite(values[i]))
                return error_set(error, PRIMER_ENUMERIC,
                                 "the gradient of %s is %g at row %zu, column %zu; the weights "
                                 "are as they were before the step",
                                 tensor->name, (double)values[i], i / tensor->columns,
                                 i % tensor->columns);
    }
    return error_set(error, PRIMER_EINTERNAL, "the gradient's norm isn't finite, its values are");
}

/* `rate`: the schedule's; `factor`: of the gradient. */
static void set_factors(struct step *s, double rate, double factor)
{
    const struct train_optimizer_options *const o = &s->optimizer->options;
    const double t = (double)(s->optimizer->step + 1);
    s->vector = (struct training_adam){
        .beta_1 = (float)o->beta_1,
        .rest_1 = (float)(1 - o->beta_1),
        .beta_2 = (float)o->beta_2,
        .rest_2 = (float)(1 - o->beta_2),
        .correction_1 = (float)(1 / (1 - pow(o->beta_1, t))),
        .correction_2 = (float)(1 / (1 - pow(o->beta_2, t))),
        .epsilon = (float)o->epsilon,
        .rate = (float)rate,
        .factor = (float)factor,
    };
    s->matrix = s->vector;
    s->matrix.decay = (float)o->decay;
}

primer_status train_optimizer_step(struct train_optimizer *optimizer, struct train_model *model,
                                   const float *gradients, double rate, struct pool *pool,
                                   double *norm, primer_error *error)
{
    struct step s = {.optimizer = optimizer, .model = model, .gradients = gradients};
    const double clip = optimizer->options.clip;
    double squares = 0;
    if (optimizer->floats != model->floats)
        return error_set(error, PRIMER_EINVAL, "an optimizer of %zu floats, the model has %zu",
                         optimizer->floats, model->floats);
    if (!(rate >= 0 && rate <= largest_rate))
        return error_set(error, PRIMER_EINVAL, "rate: found %g, expected 0 to %g", rate,
                         largest_rate);
    const size_t pieces = piece_count(optimizer->floats);
    pool_run(pool, sum_piece, &s, pieces);
    for (size_t i = 0; i < pieces; i++)
        squares += optimizer->squares[i];
    if (!isfinite(squares))
        return not_finite(model, gradients, error);
    const double found = sqrt(squares), left = clip > 0 && clip < found ? clip : found;
    if (left > largest_norm)
        return error_set(error, PRIMER_ENUMERIC,
                         "the gradient's norm is %g, expected at most %g; the weights are as they "
                         "were before the step",
                         left, largest_norm);
    set_factors(&s, rate, left < found ? left / found : 1);
    pool_run(pool, update_piece, &s, pieces);
    optimizer->step++;
    *norm = found;
    return PRIMER_OK;
}
