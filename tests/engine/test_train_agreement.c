/* test_train_agreement.c - what was trained runs: the engine's logits for a model that the trainer
 * saved are the trainer's own, and so they are for a model of others that it loaded and saved. */
#include "fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/gguf.h"
#include "train/train_model.h"
#include "train/train_pass.h"

enum { LENGTH = 30 };
#define MOST 1e-4 /* between logits; of f32 sums in other orders */

static const char *const SAVED = "saved.gguf";

/* [LENGTH][vocabulary]; the caller frees. */
static float *trainer_logits(const struct train_model *model, const int32_t *ids)
{
    struct pool *pool = NULL;
    struct train_pass *pass = NULL;
    const int32_t targets[LENGTH] = {0};
    const float weights[LENGTH] = {0};
    const uint32_t starts[LENGTH] = {0};
    const struct train_batch batch = {1, LENGTH, ids, targets, weights, starts};
    const struct train_pass_options options = {.rows = 1, .length = LENGTH};
    float *const logits = malloc(LENGTH * model->shape.vocabulary * sizeof *logits);
    assert_non_null(logits);
    must(pool_create(&pool, 2, error));
    must(train_pass_create(&pass, &model->shape, &options, pool, error));
    must(train_pass_logits(pass, model, &batch, logits, error));
    train_pass_free(pass);
    pool_free(pool);
    return logits;
}

/* The engine reads the ids one by one; its logits after each are compared. */
static void check_engine(const char *path, const int32_t *ids, const float *logits,
                         size_t vocabulary)
{
    primer_model *model = NULL;
    primer_session *session = NULL;
    const primer_model_options how = {.threads = 1, .no_prefix_cache = true};
    const primer_session_options options = {.kv_format = PRIMER_KV_F32};
    must(primer_model_open(path, &how, &model, error));
    must(primer_session_create(model, &options, &session, error));
    assert_int_equal(primer_model_info(model)->vocabulary, vocabulary);
    double largest = 0;
    for (size_t t = 0; t < LENGTH; t++) {
        must(primer_session_append(session, ids[t], error));
        const float *const found = primer_session_logits(session);
        for (size_t v = 0; v < vocabulary; v++) {
            const double expected = (double)logits[t * vocabulary + v];
            largest = fmax(largest, fabs(expected));
            if (!(fabs((double)found[v] - expected) < MOST))
                fail_msg("position %zu, token %zu: the engine has %g, the trainer %g", t, v,
                         (double)found[v], expected);
        }
    }
    assert_true(largest > 0.1); /* or the bound above would say nothing */
    primer_session_free(session);
    primer_model_free(model);
}

/* Saves the model, with the tokenizer of a file, and compares. */
static void check_model(const struct train_model *model, const struct gguf *tokenizer)
{
    int32_t ids[LENGTH];
    const char *const path = fixture_path(SAVED);
    fixture_ids(ids, LENGTH, model->shape.vocabulary, 7);
    float *const logits = trainer_logits(model, ids);
    must(train_model_save(model, path, QUANT_F32, tokenizer, NULL, error));
    check_engine(path, ids, logits, model->shape.vocabulary);
    unlink(path);
    free(logits);
}

static const struct model_architecture *architecture_named(const char *name)
{
    for (size_t i = 0; model_architecture_at(i) != NULL; i++)
        if (strcmp(model_architecture_at(i)->name, name) == 0)
            return model_architecture_at(i);
    fail_msg("no architecture %s", name);
    return NULL;
}

/* Random weights, vectors (which begin at 0 or 1) moved a little. */
static void check_shape(struct train_shape shape)
{
    struct gguf *tokenizer = NULL;
    struct train_model model;
    struct random random;
    const struct model_maker_options options = {
        .layers = 1, .dimension = 32, .heads = 2, .type = "F32"};
    must(gguf_open(&tokenizer, fixture_model(&options, 0), error));
    shape.vocabulary = gguf_tensor_named(tokenizer, "token_embd.weight")->shape[1];
    must(train_model_create(&model, &shape, error));
    random_seed(&random, 11);
    train_model_initialize(&model, 0.2f, &random);
    for (size_t i = 0; i < model.count; i++) {
        const struct train_tensor *const t = &model.tensors[i];
        for (size_t k = 0; !t->matrix && k < t->columns; k++)
            model.weights[t->offset + k] += (float)(0.25 * (random_unit(&random) - 0.5));
    }
    check_model(&model, tokenizer);
    train_model_free(&model);
    gguf_free(tokenizer);
}

static void a_saved_model_runs_as_it_was_trained(void **state)
{
    (void)state;
    struct train_shape shape = {
        .architecture = architecture_named("phi2"),
        .context = 64,
        .embedding = 32,
        .layers = 2,
        .heads = 4,
        .kv_heads = 4,
        .head_dimensions = 8,
        .feed_forward = 64,
        .rotary_dimensions = 4,
        .epsilon = 1e-5f,
        .rope_base = 10000,
    };
    check_shape(shape);
    shape.kv_heads = 2;
    shape.head_dimensions = 12; /* not embedding / heads */
    shape.rope_base = 5000;
    check_shape(shape);
    shape.architecture = architecture_named("llama");
    shape.head_dimensions = shape.rotary_dimensions = 8;
    check_shape(shape);
    shape.tied = true;
    shape.kv_heads = 1;
    shape.epsilon = 1e-3f;
    shape.biases = 1u << MODEL_KEY | 1u << MODEL_VALUE;
    check_shape(shape);
}

static void models_of_others_go_through(void **state)
{
    (void)state;
    static const struct model_maker_options MODELS[] = {
        {.architecture = "phi2", .type = "F32"},
        {.architecture = "phi2", .type = "F16", .split_qkv = true, .kv_heads = 2},
        {.architecture = "llama",
         .type = "Q8_0",
         .kv_heads = 2,
         .tied = true,
         .bias = true,
         .head_dimension = 32},
    };
    for (size_t i = 0; i < sizeof MODELS / sizeof *MODELS; i++) {
        struct gguf *gguf = NULL;
        struct train_model model;
        must(gguf_open(&gguf, fixture_model(&MODELS[i], 0), error));
        must(train_model_load(&model, gguf, error));
        check_model(&model, gguf);
        train_model_free(&model);
        gguf_free(gguf);
    }
}

static int tear_down(void **state)
{
    (void)state;
    fixture_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_saved_model_runs_as_it_was_trained),
        cmocka_unit_test(models_of_others_go_through),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
