/* trainer.h - what a run holds, between trainer.c (made), trainer_data.c, trainer_memory.c,
 * trainer_run.c (runs), trainer_plan.c and trainer_log.c.
 *
 *   a step    | batch 0 | batch 1 | ... accumulate - 1 |     rows of `length` tokens each
 *             rank 0    rank 1    rank 0 ...                 with several processes
 *
 * Every process draws all rows of a step, and computes those of its batches. The loss is divided by
 * the weights of the whole step, so neither the cut into batches nor the ranks show in the result
 * but by rounding; what is random in a batch comes from the recipe's seed, the step and the batch's
 * number.
 */
#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H

#include <stdio.h>
#include "base/pool.h"
#include "format/gguf.h"
#include "primer_train.h"
#include "train/train_checkpoint.h"
#include "train/train_data.h"
#include "train/train_model.h"
#include "train/train_optimizer.h"
#include "train/train_pass.h"
#include "ranks/ranks.h"

struct trainer_data {
    struct train_shard *shards[PRIMER_RECIPE_SOURCES_MOST];
    struct train_source sources[PRIMER_RECIPE_SOURCES_MOST];
    size_t count;
};

/* The rows of one step. */
struct trainer_rows {
    size_t rows, length;
    int32_t *inputs, *targets; /* [rows][length] */
    float *weights;
    uint32_t *starts;
};

struct primer_trainer {
    const primer_recipe *recipe;
    primer_train_options options;
    struct ranks ranks;
    bool failed; /* the other ranks can't be waited for */
    struct pool *pool;
    struct gguf *tokenizer, *source; /* source: the model to go on from; or NULL */
    struct model *base;              /* what adapters are trained of; or NULL */
    struct train_model model;
    struct train_optimizer optimizer;
    struct train_schedule schedule;
    struct train_pass *pass;
    struct train_model teacher_model;
    struct train_teacher teacher; /* pass NULL: none */
    float *gradients;             /* [model.floats] */
    struct trainer_data data, evaluation;
    struct train_sampler *sampler;
    struct trainer_rows step, trial; /* trial: a batch to evaluate */
    struct train_state state;
    uint64_t resumed; /* steps */
    char *skipped;
    char *output; /* where the trained model goes */
    int lock;     /* descriptor; -1: none */

    FILE *log;
    double loss_first;  /* of this run's first step; 0: not yet */
    size_t exploded;    /* steps in a row whose loss was absurd */
    double norm_before; /* of the gradient of the last step; 0: none */
    uint64_t kept;      /* step of the newest checkpoint; UINT64_MAX: none that is known */
    uint64_t begun, reported_tokens;
    double seconds_before_report;
};

/* Shards of a recipe's lines, read whole once: torn ones, those made with another vocabulary than
 * the model's or the tokenizer's, and data that has nothing to learn or is shorter than `least`
 * tokens are PRIMER_EFORMAT. `data` is closed by the caller. */
primer_status trainer_data_open(const primer_trainer *trainer, struct trainer_data *data,
                                const primer_recipe_source *sources, size_t count,
                                const char *const *shards, uint64_t least, primer_error *error);
/* PRIMER_EFORMAT where the teacher's tokens aren't the model's: its guesses would be of others. */
primer_status trainer_data_same_vocabulary(const primer_trainer *trainer,
                                           const struct gguf *teacher, primer_error *error);
/* Hash of what train_state.data speaks of. */
uint64_t trainer_data_identity(const primer_trainer *trainer);

/* How the recipe's passes are made: the model's, once its base is known, and the teacher's. */
struct train_pass_options trainer_pass_options(const primer_trainer *trainer);
struct train_pass_options trainer_teacher_options(const primer_trainer *trainer);
/* PRIMER_ENOMEM, with what it is needed for, where memory doesn't hold a run of this shape: before
 * any of it is taken. */
primer_status trainer_check_memory(const primer_trainer *trainer, const struct train_shape *shape,
                                   primer_error *error);

uint64_t trainer_step_tokens(const primer_trainer *trainer);
/* 6 * parameters without the embedding table (2 forwards, 4 backwards), and attention's products
 * over half of the length on average (Kaplan et al. 2020, arXiv 2001.08361, section 2.1). What
 * adapters are added to counts 4 times: no gradient of it is computed. */
double trainer_token_operations(const struct train_model *model, size_t length);
/* The gradient of one step's rows, of all ranks together. */
primer_status trainer_gradient(primer_trainer *trainer, double weight, struct train_result *result,
                               primer_error *error);

/* FOLDER/log.jsonl, appended to. A log that can't be written is an error: a run without one is
 * worth little. */
primer_status trainer_log_begin(primer_trainer *trainer, primer_error *error);
primer_status trainer_log_step(primer_trainer *trainer, const primer_train_progress *progress,
                               primer_error *error);
primer_status trainer_log_evaluation(primer_trainer *trainer, const primer_train_progress *progress,
                                     primer_error *error);
primer_status trainer_log_end(primer_trainer *trainer, const char *why, primer_error *error);

#endif
