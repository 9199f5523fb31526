/* trainer.c - making a trainer of a recipe: data, model, buffers, and the newest checkpoint. */
#include "train/trainer.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/memory.h"
#include "train/train_adapter.h"
#include "train/train_recipe.h"

/* FOLDER/lock is held while this process lives: two runs in one folder would take each other's
 * checkpoints away. */
static primer_status take_folder(primer_trainer *trainer, primer_error *error)
{
    const char *const folder = trainer->recipe->folder;
    struct buffer path = {0};
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    primer_status status = PRIMER_OK;
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        FAIL(PRIMER_EIO, "%s: cannot make the folder: %s", folder, strerror(errno));
    TRY(buffer_format(&path, error, "%s/lock", folder));
    trainer->lock = open(path.bytes, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (trainer->lock < 0)
        FAIL(PRIMER_EIO, "%s: cannot open: %s", path.bytes, strerror(errno));
    if (fcntl(trainer->lock, F_SETLK, &lock) != 0)
        FAIL(PRIMER_EINVAL, "%s: another process trains in this folder", folder);

cleanup:
    buffer_free(&path);
    return status;
}

static primer_status make_rows(struct trainer_rows *rows, size_t count, size_t length,
                               primer_error *error)
{
    const size_t tokens = count * length;
    *rows = (struct trainer_rows){.rows = count, .length = length};
    rows->inputs = memory_allocate(tokens, sizeof *rows->inputs);
    rows->targets = memory_allocate(tokens, sizeof *rows->targets);
    rows->weights = memory_allocate(tokens, sizeof *rows->weights);
    rows->starts = memory_allocate(tokens, sizeof *rows->starts);
    if (rows->inputs == NULL || rows->targets == NULL || rows->weights == NULL ||
        rows->starts == NULL)
        return memory_failure(error, "a step's tokens", tokens * 16);
    return PRIMER_OK;
}

static void free_rows(struct trainer_rows *rows)
{
    memory_free(rows->inputs);
    memory_free(rows->targets);
    memory_free(rows->weights);
    memory_free(rows->starts);
}

static primer_status vocabulary_of(const struct gguf *tokenizer, size_t *vocabulary,
                                   primer_error *error)
{
    const struct gguf_value *const tokens = gguf_value_named(tokenizer, "tokenizer.ggml.tokens");
    if (tokens == NULL || tokens->type != GGUF_ARRAY || tokens->element_type != GGUF_STRING)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: key tokenizer.ggml.tokens: found %s, expected an array of strings",
                         gguf_path(tokenizer), tokens == NULL ? "nothing" : "something else");
    *vocabulary = (size_t)tokens->count;
    return PRIMER_OK;
}

static const struct model_architecture *architecture_named(const char *name)
{
    for (size_t i = 0; model_architecture_at(i) != NULL; i++)
        if (strcmp(model_architecture_at(i)->name, name) == 0)
            return model_architecture_at(i);
    return NULL;
}

static primer_status shape_of(const primer_recipe *recipe, size_t vocabulary,
                              struct train_shape *shape, primer_error *error)
{
    *shape = (struct train_shape){
        .architecture = architecture_named(recipe->architecture),
        .vocabulary = vocabulary,
        .context = recipe->context,
        .embedding = recipe->embedding,
        .layers = recipe->layers,
        .heads = recipe->heads,
        .kv_heads = recipe->kv_heads,
        .head_dimensions = recipe->heads == 0 ? 0 : recipe->embedding / recipe->heads,
        .feed_forward = recipe->feed_forward,
        .rotary_dimensions = recipe->rotary,
        .epsilon = 1e-5f,
        .rope_base = 10000.0,
        .tied = recipe->tied,
    };
    if (shape->architecture == NULL)
        return error_set(error, PRIMER_EUNSUPPORTED,
                         "architecture: found \"%s\", expected one that can be trained: phi2 or "
                         "llama",
                         recipe->architecture);
    return PRIMER_OK;
}

static primer_status make_adapters(primer_trainer *trainer, primer_error *error)
{
    const primer_recipe *const recipe = trainer->recipe;
    const struct train_adapter_options options = {recipe->lora_rank, recipe->lora_alpha,
                                                  recipe->lora_targets};
    FORWARD(model_create(&trainer->base, trainer->source, error));
    FORWARD(train_adapter_create(&trainer->model, trainer->base, &options, error));
    return trainer_check_memory(trainer, &trainer->model.shape, error);
}

/* The model's tensors; their contents come once memory is known to hold everything. */
static primer_status make_model(primer_trainer *trainer, primer_error *error)
{
    const primer_recipe *const recipe = trainer->recipe;
    size_t vocabulary = 0;
    struct train_shape shape;
    if (recipe->model != NULL) {
        FORWARD(gguf_open(&trainer->source, recipe->model, error));
        if (recipe->lora_rank > 0)
            return make_adapters(trainer, error);
        FORWARD(train_model_shape(trainer->source, &shape, error));
        FORWARD(trainer_check_memory(trainer, &shape, error));
        FORWARD(train_model_load(&trainer->model, trainer->source, error));
        trainer->model.origin = trainer->source;
        return PRIMER_OK;
    }
    FORWARD(gguf_open(&trainer->tokenizer, recipe->tokenizer, error));
    FORWARD(vocabulary_of(trainer->tokenizer, &vocabulary, error));
    FORWARD(shape_of(recipe, vocabulary, &shape, error));
    FORWARD(trainer_check_memory(trainer, &shape, error));
    return train_model_create(&trainer->model, &shape, error);
}

static primer_status make_teacher(primer_trainer *trainer, primer_error *error)
{
    const primer_recipe *const recipe = trainer->recipe;
    struct gguf *gguf = NULL;
    const struct train_pass_options own = trainer_teacher_options(trainer);
    primer_status status = PRIMER_OK;
    if (recipe->teacher == NULL)
        return PRIMER_OK;
    TRY(gguf_open(&gguf, recipe->teacher, error));
    TRY(train_model_load(&trainer->teacher_model, gguf, error));
    if (trainer->teacher_model.shape.vocabulary != trainer->model.shape.vocabulary)
        FAIL(PRIMER_EFORMAT, "%s: the teacher has %zu tokens, the model %zu; they must be the same",
             recipe->teacher, trainer->teacher_model.shape.vocabulary,
             trainer->model.shape.vocabulary);
    TRY(trainer_data_same_vocabulary(trainer, gguf, error));
    TRY(train_pass_create(&trainer->teacher.pass, &trainer->teacher_model.shape, &own,
                          trainer->pool, error));
    trainer->teacher.model = &trainer->teacher_model;
    trainer->teacher.temperature = recipe->temperature;
    trainer->teacher.mix = recipe->mix;

cleanup:
    gguf_free(gguf);
    return status;
}

static primer_status make_buffers(primer_trainer *trainer, primer_error *error)
{
    const primer_recipe *const recipe = trainer->recipe;
    const struct train_optimizer_options options = {recipe->beta_1, recipe->beta_2, recipe->epsilon,
                                                    recipe->decay, recipe->clip};
    const struct train_pass_options pass = trainer_pass_options(trainer);
    FORWARD(train_optimizer_create(&trainer->optimizer, &options, trainer->model.floats, error));
    trainer->gradients = memory_allocate_aligned(trainer->model.floats, sizeof(float));
    if (trainer->gradients == NULL)
        return memory_failure(error, "gradients", trainer->model.floats * sizeof(float));
    FORWARD(train_pass_create(&trainer->pass, &trainer->model.shape, &pass, trainer->pool, error));
    FORWARD(make_rows(&trainer->step, recipe->batch * recipe->accumulate, recipe->length, error));
    FORWARD(make_rows(&trainer->trial, recipe->batch, recipe->length, error));
    return make_teacher(trainer, error);
}

static primer_status make_schedule(primer_trainer *trainer, primer_error *error)
{
    static const struct {
        const char *name;
        enum train_schedule_kind kind;
    } kinds[] = {{"constant", TRAIN_SCHEDULE_CONSTANT},
                 {"linear", TRAIN_SCHEDULE_LINEAR},
                 {"cosine", TRAIN_SCHEDULE_COSINE},
                 {"stable", TRAIN_SCHEDULE_STABLE}};
    const primer_recipe *const recipe = trainer->recipe;
    trainer->schedule = (struct train_schedule){.peak = recipe->rate,
                                                .final = recipe->final_rate,
                                                .warm_up = recipe->warm_up,
                                                .steps = recipe->steps,
                                                .decay = recipe->decay_steps};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(recipe->schedule, kinds[i].name) == 0) {
            trainer->schedule.kind = kinds[i].kind;
            return train_schedule_check(&trainer->schedule, error);
        }
    return error_set(error, PRIMER_EINVAL,
                     "schedule: found \"%s\", expected constant, linear, cosine or stable",
                     recipe->schedule);
}

/* What the first rank read of the newest checkpoint, to all: the others may be elsewhere. */
static primer_status share_checkpoint(primer_trainer *trainer, bool *found, primer_error *error)
{
    const struct ranks *const ranks = &trainer->ranks;
    const size_t bytes = trainer->model.floats * sizeof(float);
    if (ranks->count == 1)
        return PRIMER_OK;
    FORWARD(ranks_broadcast(ranks, 0, found, sizeof *found, error));
    if (!*found)
        return PRIMER_OK;
    FORWARD(ranks_broadcast(ranks, 0, &trainer->state, sizeof trainer->state, error));
    FORWARD(ranks_broadcast(ranks, 0, &trainer->optimizer.step,
                                  sizeof trainer->optimizer.step, error));
    FORWARD(ranks_broadcast(ranks, 0, trainer->model.weights, bytes, error));
    FORWARD(ranks_broadcast(ranks, 0, trainer->optimizer.mean, bytes, error));
    return ranks_broadcast(ranks, 0, trainer->optimizer.variance, bytes, error);
}

static primer_status read_checkpoint(primer_trainer *trainer, bool *found, primer_error *error)
{
    primer_status own = PRIMER_OK;
    primer_error why = {0};
    if (trainer->ranks.rank == 0 && trainer->options.fresh)
        own = train_checkpoint_clear(trainer->recipe->folder, &why);
    else if (trainer->ranks.rank == 0)
        own = train_checkpoint_read(trainer->recipe->folder, &trainer->model, &trainer->optimizer,
                                    &trainer->state, found, &trainer->skipped, &why);
    if (own == PRIMER_EINVAL)
        error_set(error, own,
                  "%s; go back to the recipe it was made by, choose another folder, or begin anew "
                  "with --fresh",
                  why.message);
    else if (own != PRIMER_OK && error != NULL)
        *error = why;
    if (trainer->ranks.count > 1)
        own = ranks_agree(&trainer->ranks, own, error);
    FORWARD(own);
    return share_checkpoint(trainer, found, error);
}

/* Several processes with different recipes or files would train on, each its own way. */
static primer_status check_alike(const primer_trainer *trainer, const uint64_t identity[2],
                                 primer_error *error)
{
    const struct ranks *const ranks = &trainer->ranks;
    primer_status own = PRIMER_OK;
    uint64_t first[2] = {identity[0], identity[1]};
    if (ranks->count == 1)
        return PRIMER_OK;
    FORWARD(ranks_broadcast(ranks, 0, first, sizeof first, error));
    if (first[0] != identity[0] || first[1] != identity[1])
        own = error_set(error, PRIMER_EINVAL, "its %s is not that of rank 0",
                        first[0] != identity[0] ? "recipe" : "data, model or teacher");
    return ranks_agree(ranks, own, error);
}

static primer_status check_resumed(const primer_trainer *trainer, const uint64_t identity[2],
                                   primer_error *error)
{
    const char *const folder = trainer->recipe->folder;
    const unsigned long long step = trainer->state.step;
    if (trainer->state.recipe != identity[0])
        return error_set(error, PRIMER_EINVAL,
                         "%s: its checkpoint at step %llu was made by another recipe; go back to "
                         "that one, choose another folder, or begin anew with --fresh",
                         folder, step);
    if (trainer->state.data != identity[1])
        return error_set(error, PRIMER_EINVAL,
                         "%s: the data, or the model or teacher that the recipe names, has changed "
                         "since its checkpoint at step %llu; bring the old files back, choose "
                         "another folder, or begin anew with --fresh",
                         folder, step);
    return PRIMER_OK;
}

/* Weights as they begin, or as the newest checkpoint has them. */
static primer_status begin(primer_trainer *trainer, primer_error *error)
{
    const primer_recipe *const recipe = trainer->recipe;
    struct random random;
    bool found = false;
    trainer->kept = UINT64_MAX;
    if (!trainer->options.plan_only) {
        const uint64_t identity[2] = {train_recipe_hash(recipe), trainer_data_identity(trainer)};
        FORWARD(check_alike(trainer, identity, error));
        FORWARD(read_checkpoint(trainer, &found, error));
        if (found) {
            FORWARD(check_resumed(trainer, identity, error));
            trainer->resumed = trainer->kept = trainer->state.step;
            return train_sampler_seek(trainer->sampler, &trainer->state.position, error);
        }
        trainer->state =
            (struct train_state){.recipe = identity[0], .data = identity[1], .best = HUGE_VAL};
    }
    random_seed(&random, recipe->seed);
    if (recipe->model == NULL)
        train_model_initialize(&trainer->model, (float)recipe->initial_deviation, &random);
    else if (recipe->lora_rank > 0)
        train_adapter_initialize(&trainer->model, &random);
    return PRIMER_OK;
}

static primer_status check_ranks(const primer_trainer *trainer, primer_error *error)
{
    const size_t ranks = trainer->ranks.count, accumulate = trainer->recipe->accumulate;
    if (accumulate % ranks == 0)
        return PRIMER_OK;
    return error_set(error, PRIMER_EINVAL,
                     "accumulate: found %zu, expected a multiple of the %zu processes, which share "
                     "a step's batches",
                     accumulate, ranks);
}

static primer_status name_output(primer_trainer *trainer, primer_error *error)
{
    const primer_recipe *const recipe = trainer->recipe;
    struct buffer path = {0};
    const primer_status status = recipe->output != NULL
                                     ? buffer_text(&path, recipe->output, error)
                                     : buffer_format(&path, error, "%s/%s.gguf", recipe->folder,
                                                     recipe->lora_rank > 0 ? "adapter" : "model");
    trainer->output = path.bytes;
    return status;
}

/* What the run reads isn't what it writes. */
static primer_status check_inputs(const primer_trainer *trainer, primer_error *error)
{
    const primer_recipe *const recipe = trainer->recipe;
    const char *const files[] = {recipe->model, recipe->tokenizer, recipe->teacher};
    FORWARD(file_check_output(trainer->output, files, sizeof files / sizeof *files, error));
    for (size_t i = 0; i < recipe->source_count; i++) {
        const char *const path = recipe->sources[i].path;
        FORWARD(file_check_output(trainer->output, &path, 1, error));
    }
    for (size_t i = 0; i < recipe->evaluation_count; i++) {
        const char *const path = recipe->evaluation[i].path;
        FORWARD(file_check_output(trainer->output, &path, 1, error));
    }
    return PRIMER_OK;
}

/* With `whole` rows may end before the first answer. */
static primer_status check_asked(const struct train_sampler *sampler, const char *path,
                                 size_t length, primer_error *error)
{
    if (train_sampler_asked(sampler) > 0)
        return PRIMER_OK;
    return error_set(
        error, PRIMER_EFORMAT,
        "whole: found no token that the loss asks for in the first %zu of any document "
        "of %s; expected a longer length, or whole = no",
        length + 1, path);
}

static primer_status make_sampler(primer_trainer *trainer, primer_error *error)
{
    const primer_recipe *const recipe = trainer->recipe;
    struct train_sampler *trial = NULL;
    primer_status status = PRIMER_OK;
    TRY(train_sampler_create(&trainer->sampler, trainer->data.sources, trainer->data.count,
                             recipe->seed, recipe->whole, recipe->length, error));
    TRY(check_asked(trainer->sampler, recipe->sources[0].path, recipe->length, error));
    if (trainer->evaluation.count == 0)
        return PRIMER_OK;
    TRY(train_sampler_create(&trial, trainer->evaluation.sources, trainer->evaluation.count, 0,
                             recipe->whole, recipe->length, error));
    TRY(check_asked(trial, recipe->evaluation[0].path, recipe->length, error));

cleanup:
    train_sampler_free(trial);
    return status;
}

static primer_status open_all(primer_trainer *trainer, primer_error *error)
{
    const primer_recipe *const recipe = trainer->recipe;
    FORWARD(check_ranks(trainer, error));
    FORWARD(name_output(trainer, error));
    FORWARD(check_inputs(trainer, error));
    FORWARD(make_schedule(trainer, error));
    FORWARD(make_model(trainer, error));
    FORWARD(trainer_data_open(trainer, &trainer->data, recipe->sources, recipe->source_count,
                              trainer->options.shards, recipe->whole ? 0 : recipe->length, error));
    FORWARD(trainer_data_open(trainer, &trainer->evaluation, recipe->evaluation,
                              recipe->evaluation_count, trainer->options.evaluation_shards, 0,
                              error));
    FORWARD(make_sampler(trainer, error));
    FORWARD(make_buffers(trainer, error));
    return trainer->ranks.rank == 0 && !trainer->options.plan_only ? take_folder(trainer, error)
                                                                   : PRIMER_OK;
}

primer_status primer_trainer_create(const primer_recipe *recipe,
                                    const primer_train_options *options, primer_trainer **trainer,
                                    primer_error *error)
{
    primer_status status = PRIMER_OK;
    primer_trainer *const made = memory_allocate(1, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "a trainer", sizeof *made);
    made->lock = -1;
    made->recipe = recipe;
    if (options != NULL)
        made->options = *options;
    made->ranks.count = 1;
    TRY(ranks_begin(&made->ranks, error));
    status = pool_create(&made->pool, made->options.threads, error);
    if (status == PRIMER_OK)
        status = open_all(made, error);
    if (made->ranks.count > 1)
        status = ranks_agree(&made->ranks, status, error);
    TRY(status);
    TRY(begin(made, error));
    *trainer = made;
    return PRIMER_OK;

cleanup:
    made->failed = true;
    primer_trainer_free(made);
    return status;
}

static void close_data(struct trainer_data *data)
{
    for (size_t i = 0; i < PRIMER_RECIPE_SOURCES_MOST; i++)
        train_shard_free(data->shards[i]);
}

void primer_trainer_free(primer_trainer *trainer)
{
    if (trainer == NULL)
        return;
    if (trainer->log != NULL)
        fclose(trainer->log);
    train_sampler_free(trainer->sampler);
    close_data(&trainer->data);
    close_data(&trainer->evaluation);
    free_rows(&trainer->step);
    free_rows(&trainer->trial);
    train_pass_free(trainer->teacher.pass);
    train_model_free(&trainer->teacher_model);
    train_pass_free(trainer->pass);
    memory_free(trainer->gradients);
    train_optimizer_free(&trainer->optimizer);
    train_model_free(&trainer->model);
    model_free(trainer->base);
    gguf_free(trainer->source);
    gguf_free(trainer->tokenizer);
    pool_free(trainer->pool);
    memory_free(trainer->skipped);
    memory_free(trainer->output);
    if (trainer->lock >= 0)
        close(trainer->lock);
    ranks_end(&trainer->ranks, trainer->failed);
    memory_free(trainer);
}

uint64_t primer_trainer_resumed(const primer_trainer *trainer)
{
    return trainer->resumed;
}

bool primer_trainer_reports(const primer_trainer *trainer)
{
    return trainer->ranks.rank == 0;
}

const char *primer_trainer_output(const primer_trainer *trainer)
{
    return trainer->output;
}

void primer_trainer_cuts(const primer_trainer *trainer, uint64_t *documents, uint64_t *tokens)
{
    train_sampler_cuts(trainer->sampler, documents, tokens);
}

const char *primer_trainer_skipped(const primer_trainer *trainer)
{
    return trainer->skipped;
}
