/* trainer_run.c - the steps of a run: gradient, update, and what is told, tried and kept in
 * between. */
#include "train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "train/train_adapter.h"

#define EXPLODED_STEPS 3 /* in a row, with a loss beyond twice that of knowing nothing */

static struct train_batch batch_of(const struct trainer_rows *rows, size_t first, size_t count)
{
    const size_t at = first * rows->length;
    return (struct train_batch){count,
                                rows->length,
                                rows->inputs + at,
                                rows->targets + at,
                                rows->weights + at,
                                rows->starts + at};
}

static double weight_of(const struct trainer_rows *rows)
{
    double sum = 0.0;
    for (size_t i = 0; i < rows->rows * rows->length; i++)
        sum += (double)rows->weights[i];
    return sum;
}

/* What is random in batch `batch` of step `step`. */
static uint64_t seed_of(const primer_trainer *trainer, size_t batch)
{
    const uint64_t parts[3] = {trainer->recipe->seed, trainer->state.step, batch};
    return hash_bytes(parts, sizeof parts, 1);
}

static primer_status own_gradient(primer_trainer *trainer, double weight,
                                  struct train_result *result, primer_error *error)
{
    const size_t rows = trainer->recipe->batch;
    memset(trainer->gradients, 0, trainer->model.floats * sizeof(float));
    for (size_t batch = trainer->ranks.rank; batch < trainer->recipe->accumulate;
         batch += trainer->ranks.count) {
        const struct train_batch part = batch_of(&trainer->step, batch * rows, rows);
        struct train_result one = {0};
        FORWARD(train_pass_backward(trainer->pass, &trainer->model, &part, (float)(1.0 / weight),
                                    seed_of(trainer, batch),
                                    trainer->teacher.pass != NULL ? &trainer->teacher : NULL,
                                    trainer->gradients, &one, error));
        result->loss += one.loss;
        result->weight += one.weight;
    }
    return PRIMER_OK;
}

primer_status trainer_gradient(primer_trainer *trainer, double weight, struct train_result *result,
                               primer_error *error)
{
    const struct ranks *const ranks = &trainer->ranks;
    const primer_status own = own_gradient(trainer, weight, result, error);
    if (ranks->count == 1)
        return own;
    double sums[2] = {result->loss, result->weight};
    FORWARD(ranks_agree(ranks, own, error));
    FORWARD(ranks_sum(ranks, trainer->gradients, trainer->model.floats, error));
    FORWARD(ranks_sum_doubles(ranks, sums, 2, error));
    *result = (struct train_result){sums[0], sums[1]};
    return PRIMER_OK;
}

/* All that was seen of a step that can't be taken, what is left, and what may help. */
static primer_status diverged(const primer_trainer *trainer, double loss, double rate,
                              const char *what, primer_error *error)
{
    char kept[96] = "There is no checkpoint yet";
    if (trainer->kept != UINT64_MAX)
        snprintf(kept, sizeof kept, "The checkpoint of step %llu is as it was",
                 (unsigned long long)trainer->kept);
    return error_set(error, PRIMER_ENUMERIC,
                     "step %llu: %s (loss %.4g, %.4g when this run began; gradient's norm the step "
                     "before %.4g; learning rate %.4g). %s. A lower rate, a longer warm-up or clip "
                     "= 1 may help",
                     (unsigned long long)trainer->state.step + 1, what, loss,
                     trainer->loss_first == 0.0 ? loss : trainer->loss_first, trainer->norm_before,
                     rate, kept);
}

/* The loss of a model that knows nothing: log(vocabulary). From a teacher it is at most as far, and
 * that distance counts T^2 times. */
static double loss_of_nothing(const primer_trainer *trainer)
{
    const struct train_teacher *const teacher = &trainer->teacher;
    const double nothing = log((double)trainer->model.shape.vocabulary);
    if (teacher->pass == NULL || !(teacher->temperature > 1.0))
        return nothing;
    return nothing *
           (1.0 - teacher->mix + teacher->mix * teacher->temperature * teacher->temperature);
}

static primer_status check_loss(primer_trainer *trainer, double loss, double rate,
                                primer_error *error)
{
    const double nothing = loss_of_nothing(trainer);
    char what[128];
    if (!isfinite(loss))
        return diverged(trainer, loss, rate, "the loss is no number any more", error);
    trainer->exploded = loss > 2.0 * nothing + 1.0 ? trainer->exploded + 1 : 0;
    if (trainer->exploded < EXPLODED_STEPS)
        return PRIMER_OK;
    snprintf(what, sizeof what,
             "the third loss in a row beyond twice that of knowing nothing, %.4g", nothing);
    return diverged(trainer, loss, rate, what, error);
}

static primer_status update(primer_trainer *trainer, double loss, double rate, double *norm,
                            primer_error *error)
{
    primer_error found = {0};
    const primer_status status =
        train_optimizer_step(&trainer->optimizer, &trainer->model, trainer->gradients, rate,
                             trainer->pool, norm, &found);
    if (status == PRIMER_ENUMERIC)
        return diverged(trainer, loss, rate, found.message, error);
    if (status != PRIMER_OK)
        return error_set(error, status, "%s", found.message);
    trainer->norm_before = *norm;
    if (trainer->recipe->clip > 0.0 && *norm > trainer->recipe->clip)
        trainer->state.clipped++;
    return PRIMER_OK;
}

static primer_status take_step(primer_trainer *trainer, primer_train_progress *progress,
                               primer_error *error)
{
    struct trainer_rows *const step = &trainer->step;
    struct train_result result = {0};
    FORWARD(train_sampler_next(trainer->sampler, step->rows, step->inputs, step->targets,
                               step->weights, step->starts, error));
    const double weight = weight_of(step);
    const double rate = train_schedule_rate(&trainer->schedule, trainer->state.step);
    if (weight > 0.0) {
        FORWARD(trainer_gradient(trainer, weight, &result, error));
        const double loss = result.loss / weight;
        FORWARD(check_loss(trainer, loss, rate, error));
        if (trainer->loss_first == 0.0)
            trainer->loss_first = loss;
        FORWARD(update(trainer, loss, rate, &progress->norm, error));
    }
    trainer->state.loss_sum += result.loss;
    trainer->state.weight_sum += weight;
    trainer->state.step++;
    trainer->state.tokens += trainer_step_tokens(trainer);
    trainer->state.position = *train_sampler_position(trainer->sampler);
    progress->rate = rate;
    return PRIMER_OK;
}

/* Rows of the held-out data that a whole pass takes, or as many as the recipe asks. */
static size_t evaluation_rows(const primer_trainer *trainer)
{
    uint64_t tokens = 0;
    for (size_t i = 0; i < trainer->evaluation.count; i++)
        tokens += train_shard_info(trainer->evaluation.shards[i])->tokens;
    const uint64_t rows = tokens / trainer->trial.length + (tokens % trainer->trial.length != 0);
    const size_t most = trainer->recipe->evaluate_rows;
    return most != 0 && most < rows ? most : (size_t)(rows == 0 ? 1 : rows);
}

/* Nats a token to bits a byte of text: by how many bytes a token of this data has. */
static double bits_per_byte(const primer_trainer *trainer, double loss)
{
    uint64_t tokens = 0, bytes = 0;
    for (size_t i = 0; i < trainer->evaluation.count; i++) {
        const struct train_shard_information *const info =
            train_shard_info(trainer->evaluation.shards[i]);
        if (info->text_bytes == 0)
            return NAN;
        tokens += info->tokens;
        bytes += info->text_bytes;
    }
    return loss / log(2.0) * (double)tokens / (double)bytes;
}

/* Always the same rows, in the same order. */
static primer_status evaluate(primer_trainer *trainer, primer_train_progress *progress,
                              primer_error *error)
{
    struct trainer_rows *const trial = &trainer->trial;
    struct train_sampler *sampler = NULL;
    struct train_result sum = {0};
    primer_status status = PRIMER_OK;
    TRY(train_sampler_create(&sampler, trainer->evaluation.sources, trainer->evaluation.count, 1,
                             trainer->recipe->whole, trial->length, error));
    for (size_t left = evaluation_rows(trainer); left > 0;) {
        const size_t rows = left < trial->rows ? left : trial->rows;
        struct train_result one = {0};
        TRY(train_sampler_next(sampler, rows, trial->inputs, trial->targets, trial->weights,
                               trial->starts, error));
        const struct train_batch batch = batch_of(trial, 0, rows);
        TRY(train_pass_loss(trainer->pass, &trainer->model, &batch, &one, error));
        sum.loss += one.loss;
        sum.weight += one.weight;
        left -= rows;
    }
    progress->evaluated = true;
    progress->evaluation_loss = sum.weight > 0.0 ? sum.loss / sum.weight : NAN;
    progress->bits_per_byte = bits_per_byte(trainer, progress->evaluation_loss);
    if (progress->evaluation_loss < trainer->state.best)
        trainer->state.best = progress->evaluation_loss;

cleanup:
    train_sampler_free(sampler);
    return status;
}

static const struct gguf *tokenizer_of(const primer_trainer *trainer)
{
    return trainer->source != NULL ? trainer->source : trainer->tokenizer;
}

static primer_status checkpoint(primer_trainer *trainer, primer_error *error)
{
    FORWARD(train_checkpoint_write(trainer->recipe->folder, &trainer->model, &trainer->optimizer,
                                   &trainer->state, tokenizer_of(trainer), trainer->recipe->keep,
                                   error));
    trainer->kept = trainer->state.step;
    return PRIMER_OK;
}

/* The weights as a file, for the time of a callback. */
static primer_status sample(primer_trainer *trainer, const primer_train_callbacks *callbacks,
                            primer_error *error)
{
    struct buffer path = {0};
    primer_status status = PRIMER_OK;
    TRY(buffer_format(&path, error, "%s/sample.gguf", trainer->recipe->folder));
    TRY(train_model_save(&trainer->model, path.bytes, QUANT_F32, tokenizer_of(trainer), "sample",
                         error));
    callbacks->sample(callbacks->context, path.bytes);
    unlink(path.bytes);

cleanup:
    buffer_free(&path);
    return status;
}

static bool due(uint64_t step, uint64_t every, uint64_t steps)
{
    return every != 0 && (step % every == 0 || step == steps);
}

static primer_status report(primer_trainer *trainer, primer_train_progress *progress,
                            primer_error *error)
{
    const uint64_t tokens = trainer->state.tokens - trainer->reported_tokens;
    const double now = clock_seconds_since(trainer->begun);
    const double seconds = now - trainer->seconds_before_report;
    const uint64_t done = trainer->state.step - trainer->resumed;
    progress->clipped = trainer->state.clipped;
    progress->loss =
        trainer->state.weight_sum > 0.0 ? trainer->state.loss_sum / trainer->state.weight_sum : NAN;
    progress->tokens_per_second = seconds > 0.0 ? (double)tokens / seconds : 0.0;
    if (trainer->options.peak_operations_per_second > 0.0)
        progress->peak_share =
            progress->tokens_per_second *
            trainer_token_operations(&trainer->model, trainer->step.length) /
            (trainer->options.peak_operations_per_second * (double)trainer->ranks.count);
    progress->seconds = now;
    progress->seconds_left =
        now / (double)done * (double)(trainer->recipe->steps - trainer->state.step);
    trainer->state.loss_sum = trainer->state.weight_sum = 0.0;
    trainer->state.clipped = 0;
    trainer->reported_tokens = trainer->state.tokens;
    trainer->seconds_before_report = now;
    return trainer_log_step(trainer, progress, error);
}

/* What is due after a step; the first rank's business. */
static primer_status look_after(primer_trainer *trainer, const primer_train_callbacks *callbacks,
                                bool stopping, primer_train_progress *progress, primer_error *error)
{
    const primer_recipe *const recipe = trainer->recipe;
    const uint64_t step = trainer->state.step, steps = recipe->steps;
    const bool reported = due(step, recipe->log_every, steps);
    if (trainer->ranks.rank != 0)
        return PRIMER_OK;
    if (reported)
        FORWARD(report(trainer, progress, error));
    const double before = clock_seconds_since(trainer->begun);
    if (trainer->evaluation.count > 0 && due(step, recipe->evaluate_every, steps)) {
        FORWARD(evaluate(trainer, progress, error));
        progress->seconds = clock_seconds_since(trainer->begun);
        FORWARD(trainer_log_evaluation(trainer, progress, error));
    }
    /* What explodes mustn't push out the checkpoints of when it didn't. */
    if (stopping || step == steps ||
        (due(step, recipe->checkpoint_every, steps) && trainer->exploded == 0)) {
        FORWARD(checkpoint(trainer, error));
        progress->checkpointed = true;
    }
    if (callbacks->sample != NULL && due(step, recipe->sample_every, steps)) {
        FORWARD(sample(trainer, callbacks, error));
        progress->sampled = true;
    }
    if (callbacks->progress != NULL && (reported || progress->evaluated || progress->checkpointed))
        callbacks->progress(callbacks->context, progress);
    /* Tokens a second are the steps'. */
    trainer->seconds_before_report += clock_seconds_since(trainer->begun) - before;
    return PRIMER_OK;
}

/* What would fail at the end fails at once. A folder of PEFT is made when it is written: as long as
 * it isn't there, a file must be possible in its place. */
static primer_status check_output(const primer_trainer *trainer, primer_error *error)
{
    struct file_writer writer = {0};
    struct stat found;
    primer_status status = PRIMER_OK;
    if (trainer->base != NULL && !train_adapter_is_gguf(trainer->output) &&
        stat(trainer->output, &found) == 0) {
        if (S_ISDIR(found.st_mode))
            return PRIMER_OK;
        FAIL(PRIMER_EIO,
             "%s: found a file, expected a folder, or nothing: only adapters that end in .gguf are "
             "files",
             trainer->output);
    }
    TRY(file_writer_open(&writer, trainer->output, error));

cleanup:
    file_writer_abandon(&writer);
    return status;
}

static primer_status write_output(primer_trainer *trainer, primer_error *error)
{
    const primer_recipe *const recipe = trainer->recipe;
    const struct quant_format *const format = quant_format_named(recipe->output_type);
    if (format == NULL)
        return error_set(error, PRIMER_EINVAL,
                         "output-type: found \"%s\", expected F32, F16 or BF16",
                         recipe->output_type);
    return train_model_save(&trainer->model, trainer->output, format->type, tokenizer_of(trainer),
                            NULL, error);
}

/* One rank that is to stop stops all. */
static primer_status stops(primer_trainer *trainer, const primer_train_callbacks *callbacks,
                           bool *stopping, primer_error *error)
{
    double sum = callbacks->stop != NULL && callbacks->stop(callbacks->context) ? 1.0 : 0.0;
    if (trainer->ranks.count > 1)
        FORWARD(ranks_sum_doubles(&trainer->ranks, &sum, 1, error));
    *stopping = sum > 0.0;
    return PRIMER_OK;
}

static primer_status run(primer_trainer *trainer, const primer_train_callbacks *callbacks,
                         primer_error *error)
{
    while (trainer->state.step < trainer->recipe->steps) {
        primer_train_progress progress = {.steps = trainer->recipe->steps};
        FORWARD(take_step(trainer, &progress, error));
        bool stopping = false;
        FORWARD(stops(trainer, callbacks, &stopping, error));
        progress.step = trainer->state.step;
        progress.tokens = trainer->state.tokens;
        FORWARD(look_after(trainer, callbacks, stopping, &progress, error));
        if (stopping && trainer->state.step < trainer->recipe->steps)
            return error_set(error, PRIMER_ECANCELED,
                             "stopped after step %llu of %llu; the same command goes on from there",
                             (unsigned long long)trainer->state.step,
                             (unsigned long long)trainer->recipe->steps);
    }
    return trainer->ranks.rank == 0 ? write_output(trainer, error) : PRIMER_OK;
}

primer_status primer_trainer_run(primer_trainer *trainer, const primer_train_callbacks *callbacks,
                                 primer_error *error)
{
    static const primer_train_callbacks none;
    const bool logs = trainer->ranks.rank == 0;
    primer_error found = {0};
    primer_status status = logs ? check_output(trainer, &found) : PRIMER_OK;
    if (logs && status == PRIMER_OK)
        status = trainer_log_begin(trainer, &found);
    if (trainer->ranks.count > 1)
        status = ranks_agree(&trainer->ranks, status, &found);
    trainer->begun = clock_nanoseconds();
    trainer->seconds_before_report = 0.0;
    trainer->reported_tokens = trainer->state.tokens;
    if (status == PRIMER_OK)
        status = run(trainer, callbacks != NULL ? callbacks : &none, &found);
    trainer->failed = status != PRIMER_OK && status != PRIMER_ECANCELED;
    if (logs && trainer->log != NULL) {
        const bool finished = status == PRIMER_OK;
        const primer_status logged = trainer_log_end(trainer, finished ? "finished" : found.message,
                                                     finished ? &found : NULL);
        status = finished ? logged : status;
    }
    if (error != NULL && status != PRIMER_OK)
        *error = found;
    return status;
}
