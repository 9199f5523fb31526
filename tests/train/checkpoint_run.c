/* checkpoint_run.c - see checkpoint_run.h. */
#include "checkpoint_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/random.h"

/* ---- a small run ----------------------------------------------------------------------------- */

char checkpoint_folder[64];
struct gguf *checkpoint_tokenizer;

static const struct model_architecture *architecture_named(const char *name)
{
    const struct model_architecture *found;
    for (size_t i = 0; (found = model_architecture_at(i)) != NULL; i++)
        if (strcmp(found->name, name) == 0)
            return found;
    return NULL;
}

static struct train_shape shape_of(size_t embedding)
{
    return (struct train_shape){
        .architecture = architecture_named("llama"),
        .vocabulary = 12,
        .context = 8,
        .embedding = embedding,
        .layers = 1,
        .heads = 2,
        .kv_heads = 1,
        .head_dimensions = embedding / 2,
        .feed_forward = 4,
        .rotary_dimensions = embedding / 2,
        .epsilon = 1e-5f,
        .rope_base = 10000,
        .tied = true,
    };
}

struct checkpoint_run checkpoint_run_of(size_t embedding)
{
    const struct train_optimizer_options options = {
        .beta_1 = 0.9, .beta_2 = 0.95, .epsilon = 1e-8, .decay = 0.1, .clip = 1};
    const struct train_shape shape = shape_of(embedding);
    struct checkpoint_run r = {.state = {.best = INFINITY, .position = {.current = UINT64_MAX}}};
    struct random random;
    primer_error error = {0};
    if (train_model_create(&r.model, &shape, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    random_seed(&random, 1);
    train_model_initialize(&r.model, 0.02f, &random);
    assert_int_equal(train_optimizer_create(&r.optimizer, &options, r.model.floats, NULL),
                     PRIMER_OK);
    return r;
}

void checkpoint_run_free(struct checkpoint_run *r)
{
    train_model_free(&r->model);
    train_optimizer_free(&r->optimizer);
}

/* A step whose gradient depends on its number and on the weights. */
static void take_step(struct checkpoint_run *r, struct pool *pool)
{
    float *const gradients = calloc(r->model.floats, sizeof *gradients);
    struct random random;
    double norm;
    random_seed(&random, 1000 + r->state.step);
    for (size_t t = 0; t < r->model.count; t++) {
        const struct train_tensor *const tensor = &r->model.tensors[t];
        for (size_t i = tensor->offset; i < tensor->offset + tensor->rows * tensor->columns; i++)
            gradients[i] = r->model.weights[i] + (float)random_normal(&random);
    }
    assert_int_equal(
        train_optimizer_step(&r->optimizer, &r->model, gradients, 1e-2, pool, &norm, NULL),
        PRIMER_OK);
    r->state.step++;
    r->state.tokens += 128;
    r->state.recipe = 0x0123456789abcdef;
    r->state.position.rows += 4;
    r->state.position.drawn[0] += 3;
    r->state.position.drawn[TRAIN_SOURCES_MOST - 1] += 5;
    r->state.position.inside = 17 + r->state.step;
    r->state.position.current = r->state.step % 2 == 0 ? 3 : UINT64_MAX;
    r->state.position.dealt[63] += 77;
    r->state.position.dealt[1] = r->state.step;
    r->state.loss_sum = 100 / (double)r->state.step;
    r->state.weight_sum = 0.1 * (double)r->state.step;
    free(gradients);
}

void checkpoint_steps(struct checkpoint_run *r, unsigned steps)
{
    struct pool *pool;
    assert_int_equal(pool_create(&pool, 1, NULL), PRIMER_OK);
    while (steps-- > 0)
        take_step(r, pool);
    pool_free(pool);
}

void checkpoint_same(const struct checkpoint_run *a, const struct checkpoint_run *b)
{
    const size_t bytes = a->model.floats * sizeof(float);
    assert_memory_equal(a->model.weights, b->model.weights, bytes);
    assert_memory_equal(a->optimizer.mean, b->optimizer.mean, bytes);
    assert_memory_equal(a->optimizer.variance, b->optimizer.variance, bytes);
    assert_int_equal(a->optimizer.step, b->optimizer.step);
    assert_memory_equal(&a->state, &b->state, sizeof a->state);
}

primer_status checkpoint_save(const struct checkpoint_run *r, size_t keep, primer_error *error)
{
    return train_checkpoint_write(checkpoint_folder, &r->model, &r->optimizer, &r->state,
                                  checkpoint_tokenizer, keep, error);
}

void checkpoint_save_well(const struct checkpoint_run *r, size_t keep)
{
    primer_error error = {0};
    if (checkpoint_save(r, keep, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
}

uint64_t checkpoint_load(struct checkpoint_run *r, const char *torn)
{
    bool found = false;
    char *skipped = NULL;
    primer_error error = {0};
    if (train_checkpoint_read(checkpoint_folder, &r->model, &r->optimizer, &r->state, &found,
                              &skipped, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    if (torn == NULL ? skipped != NULL : skipped == NULL || strstr(skipped, torn) == NULL)
        fail_msg("skipped: \"%s\", expected \"%s\"", skipped ? skipped : "", torn ? torn : "");
    memory_free(skipped);
    return found ? r->state.step : 0;
}

/* ---- files ----------------------------------------------------------------------------------- */

const char *checkpoint_path(const char *name)
{
    static char text[4][768];
    static unsigned turn;
    char *const out = text[turn++ % 4];
    snprintf(out, sizeof text[0], "%s/%s", checkpoint_folder, name);
    return out;
}

/* The names in the checkpoint_folder, in order, each with a blank behind it. */
const char *checkpoint_names(void)
{
    static char text[4096];
    struct dirent **entries;
    const int count = scandir(checkpoint_folder, &entries, NULL, alphasort);
    text[0] = '\0';
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            strcat(text, entries[i]->d_name);
            strcat(text, " ");
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return text;
}

void checkpoint_touch(const char *name, const char *text)
{
    FILE *const file = fopen(checkpoint_path(name), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

int checkpoint_empty(void **state)
{
    (void)state;
    struct dirent **entries;
    const int count = scandir(checkpoint_folder, &entries, NULL, NULL);
    for (int i = 0; i < count; i++) {
        unlink(checkpoint_path(entries[i]->d_name));
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    rmdir(checkpoint_folder);
    return 0;
}

/* ---- set-up ---------------------------------------------------------------------------------- */

int checkpoint_begin(void **state)
{
    (void)state;
    static char file[128];
    struct gguf_writer *writer;
    struct gguf_string tokens[12];
    int32_t types[12];
    float scores[12];
    for (size_t i = 0; i < 12; i++) {
        tokens[i] = (struct gguf_string){&"abcdefghijkl"[i], 1};
        types[i] = 1;
        scores[i] = -(float)i;
    }
    /* In memory where that can be: thousands of files are cut and written. */
    snprintf(checkpoint_folder, sizeof checkpoint_folder, "/dev/shm/primer-checkpoint-XXXXXX");
    if (mkdtemp(checkpoint_folder) == NULL) {
        snprintf(checkpoint_folder, sizeof checkpoint_folder, "/tmp/primer-checkpoint-XXXXXX");
        if (mkdtemp(checkpoint_folder) == NULL)
            return -1;
    }
    snprintf(file, sizeof file, "%s.tokenizer.gguf", checkpoint_folder);
    assert_int_equal(gguf_writer_create(&writer, file, NULL), PRIMER_OK);
    gguf_write_string(writer, "general.architecture", "llama", NULL);
    gguf_write_string(writer, "tokenizer.ggml.model", "llama", NULL);
    gguf_write_strings(writer, "tokenizer.ggml.tokens", tokens, 12, NULL);
    gguf_write_i32s(writer, "tokenizer.ggml.token_type", types, 12, NULL);
    gguf_write_f32s(writer, "tokenizer.ggml.scores", scores, 12, NULL);
    assert_int_equal(gguf_writer_finish(writer, NULL), PRIMER_OK);
    gguf_writer_free(writer);
    assert_int_equal(gguf_open(&checkpoint_tokenizer, file, NULL), PRIMER_OK);
    unlink(file);
    return rmdir(checkpoint_folder);
}

int checkpoint_end(void **state)
{
    gguf_free(checkpoint_tokenizer);
    return checkpoint_empty(state);
}
