/* test_agreement.c - a trainer's model, saved and opened by the reference: the same logits (the
 * engine's are tests/engine/test_train_agreement.c). And what comes back from files. */
#include "train_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "format/gguf.h"
#include "reference/reference.h"
#include "tools/model_maker.h"

#define LENGTH 30

static char folder[] = "/tmp/primer-agreement-XXXXXX";
static char saved[64], made[64];

static void trainer_logits(const struct train_model *model, const int32_t *ids, float *logits)
{
    struct pool *pool = NULL;
    struct train_pass *pass = NULL;
    const int32_t targets[LENGTH] = {0};
    const float weights[LENGTH] = {0};
    const uint32_t starts[LENGTH] = {0};
    const struct train_batch batch = {1, LENGTH, ids, targets, weights, starts};
    must(pool_create(&pool, 2, error));
    must(train_pass_create(&pass, &model->shape,
                           &(struct train_pass_options){.rows = 1, .length = LENGTH}, pool, error));
    must(train_pass_logits(pass, model, &batch, logits, error));
    train_pass_free(pass);
    pool_free(pool);
}

static double largest_difference(const float *a, const double *b, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)a[i] - b[i]));
    return most;
}

static void check_reference(const char *path, const int32_t *ids, const float *logits,
                            size_t vocabulary)
{
    reference_model *model = NULL;
    reference_error why = {""};
    uint32_t unsigned_ids[LENGTH];
    double *expected = malloc(LENGTH * vocabulary * sizeof *expected);
    for (size_t t = 0; t < LENGTH; t++)
        unsigned_ids[t] = (uint32_t)ids[t];
    if (!reference_open(path, &model, &why) ||
        !reference_evaluate(model, NULL, unsigned_ids, LENGTH, expected, &why))
        fail_msg("%s", why.message);
    const double most = largest_difference(logits, expected, LENGTH * vocabulary);
    if (!(most < 1e-4))
        fail_msg("the reference's logits are %.3g away", most);
    reference_free(model);
    free(expected);
}

static void fill_ids(int32_t *ids, size_t vocabulary)
{
    for (size_t t = 0; t < LENGTH; t++)
        ids[t] = (int32_t)((train_fixture_mixed(900 + t) + 0.5) * (double)vocabulary);
}

/* Logits, written and read; with the tokenizer of the file `made`. */
static void check_shape(struct train_shape *shape)
{
    struct train_model model;
    struct gguf *tokenizer = NULL;
    int32_t ids[LENGTH];
    must(gguf_open(&tokenizer, made, error));
    shape->vocabulary = gguf_tensor_named(tokenizer, "token_embd.weight")->shape[1];
    float *logits = malloc(LENGTH * shape->vocabulary * sizeof *logits);
    fill_ids(ids, shape->vocabulary);
    train_fixture_model(&model, shape, NULL);
    trainer_logits(&model, ids, logits);
    must(train_model_save(&model, saved, QUANT_F32, tokenizer, "a model", error));
    check_reference(saved, ids, logits, shape->vocabulary);
    train_model_free(&model);
    gguf_free(tokenizer);
    free(logits);
}

static void a_saved_model_runs_as_it_was_trained(void **state)
{
    (void)state;
    struct train_shape shape = train_fixture_shape("phi2");
    must(model_maker_write(
        &(struct model_maker_options){.layers = 1, .dimension = 32, .heads = 2, .type = "F32"},
        made, error));
    check_shape(&shape);
    shape.kv_heads = 2;
    shape.head_dimensions = 12; /* not embedding / heads */
    shape.rope_base = 5000;
    check_shape(&shape);
    shape = train_fixture_shape("llama");
    check_shape(&shape);
    shape.tied = true;
    shape.kv_heads = 1;
    shape.epsilon = 1e-3f;
    shape.biases = 1u << MODEL_KEY | 1u << MODEL_VALUE;
    check_shape(&shape);
}

/* Loads a file of the generator: its logits are the reference's. */
static void check_file(const struct model_maker_options *options)
{
    struct gguf *gguf = NULL;
    struct train_model model;
    int32_t ids[LENGTH];
    must(model_maker_write(options, made, error));
    must(gguf_open(&gguf, made, error));
    must(train_model_load(&model, gguf, error));
    float *logits = malloc(LENGTH * model.shape.vocabulary * sizeof *logits);
    fill_ids(ids, model.shape.vocabulary);
    trainer_logits(&model, ids, logits);
    check_reference(made, ids, logits, model.shape.vocabulary);
    /* And again from its own file, with the tokenizer taken over. */
    must(train_model_save(&model, saved, QUANT_F32, gguf, NULL, error));
    check_reference(saved, ids, logits, model.shape.vocabulary);
    gguf_free(gguf);
    must(gguf_open(&gguf, saved, error));
    const struct gguf_value *tokens = gguf_value_named(gguf, "tokenizer.ggml.tokens");
    assert_non_null(tokens);
    assert_int_equal(tokens->count, model.shape.vocabulary);
    struct gguf_string name = {"", 0};
    must(gguf_get_string(gguf, "general.name", &name, error));
    assert_int_equal(name.length, strlen("random weights"));
    gguf_free(gguf);
    train_model_free(&model);
    free(logits);
}

static void models_of_others_are_loaded(void **state)
{
    (void)state;
    check_file(&(struct model_maker_options){.architecture = "phi2", .type = "F32"});
    check_file(&(struct model_maker_options){
        .architecture = "phi2", .type = "F16", .split_qkv = true, .kv_heads = 2});
    check_file(&(struct model_maker_options){.architecture = "llama",
                                             .type = "Q8_0",
                                             .kv_heads = 2,
                                             .tied = true,
                                             .bias = true,
                                             .head_dimension = 32});
}

static void what_is_not_trained_is_refused(void **state)
{
    (void)state;
    const struct {
        struct model_maker_options options;
        const char *says;
    } cases[] = {
        {{.architecture = "llama", .type = "F32", .window = 8}, "sliding_window is 8"},
        {{.architecture = "llama", .type = "F32", .rope = "factors"}, "rope_freqs.weight"},
        {{.architecture = "phi2", .type = "F32", .rope = "linear:4"}, "divided by 4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gguf *gguf = NULL;
        struct train_model model;
        primer_error why = {0};
        must(model_maker_write(&cases[i].options, made, error));
        must(gguf_open(&gguf, made, error));
        assert_int_equal(train_model_load(&model, gguf, &why), PRIMER_EUNSUPPORTED);
        if (strstr(why.message, cases[i].says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", why.message, cases[i].says);
        gguf_free(gguf);
    }
}

static void weights_come_back_as_their_type_holds_them(void **state)
{
    (void)state;
    static const struct {
        enum quant_type type;
        double relative; /* half a unit in the last place */
    } cases[] = {{QUANT_F32, 0}, {QUANT_F16, 1.0 / 2048}, {QUANT_BF16, 1.0 / 256}};
    const struct train_shape shape = train_fixture_shape("llama");
    struct train_model model, back;
    train_fixture_model(&model, &shape, NULL);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct gguf *gguf = NULL;
        size_t changed = 0;
        must(train_model_save(&model, saved, cases[c].type, NULL, NULL, error));
        must(gguf_open(&gguf, saved, error));
        must(train_model_load(&back, gguf, error));
        assert_int_equal(back.count, model.count);
        assert_int_equal(back.parameters, model.parameters);
        for (size_t i = 0; i < model.count; i++) {
            const struct train_tensor *t = &model.tensors[i];
            for (size_t k = t->offset; k < t->offset + t->rows * t->columns; k++) {
                const double from = (double)model.weights[k], to = (double)back.weights[k];
                const double most = t->matrix ? cases[c].relative * fabs(from) + 1e-7 : 0;
                assert_true(fabs(to - from) <= most + 0);
                changed += fabs(to - from) > 0;
            }
        }
        assert_true((changed > 0) == (cases[c].type != QUANT_F32));
        train_model_free(&back);
        gguf_free(gguf);
    }
    primer_error why = {0};
    assert_int_equal(train_model_save(&model, saved, QUANT_Q8_0, NULL, NULL, &why), PRIMER_EINVAL);
    assert_int_equal(access(saved, F_OK), 0); /* as it was */
    train_model_free(&model);
}

static void shapes_that_fit_nothing_are_named(void **state)
{
    (void)state;
    struct train_shape good = train_fixture_shape("phi2");
    const struct {
        size_t *field;
        size_t value;
        const char *says;
    } cases[] = {
        {&good.vocabulary, 1, "vocabulary is 1"},
        {&good.context, 0, "context is 0"},
        {&good.embedding, 0, "embedding is 0"},
        {&good.layers, 5000, "layers is 5000"},
        {&good.heads, 0, "heads is 0"},
        {&good.kv_heads, 3, "multiple of kv_heads, 3"},
        {&good.head_dimensions, 1, "head_dimensions is 1"},
        {&good.feed_forward, 0, "feed_forward is 0"},
        {&good.rotary_dimensions, 3, "rotary_dimensions is 3"},
        {&good.rotary_dimensions, 10, "rotary_dimensions is 10"},
    };
    struct train_model model;
    primer_error why;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t before = *cases[i].field;
        *cases[i].field = cases[i].value;
        assert_int_equal(train_model_create(&model, &good, &why), PRIMER_EINVAL);
        if (strstr(why.message, cases[i].says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", why.message, cases[i].says);
        *cases[i].field = before;
    }
    good.tied = true;
    assert_int_equal(train_model_create(&model, &good, &why), PRIMER_EINVAL);
    assert_non_null(strstr(why.message, "phi2"));
}

static void first_weights_have_their_deviations(void **state)
{
    (void)state;
    struct train_model model;
    struct random random;
    struct train_shape shape = train_fixture_shape("phi2");
    shape.layers = 8;
    must(train_model_create(&model, &shape, error));
    random_seed(&random, 1);
    train_model_initialize(&model, 0.02f, &random);
    for (size_t i = 0; i < model.count; i++) {
        const struct train_tensor *t = &model.tensors[i];
        const size_t count = t->rows * t->columns;
        const float *w = model.weights + t->offset;
        double square = 0;
        assert_int_equal(t->offset % 16, 0);
        for (size_t k = 0; k < count; k++)
            square += (double)w[k] * (double)w[k] / (double)count;
        const bool adds = strstr(t->name, "attn_output") || strstr(t->name, "ffn_down");
        const double expected = t->bias ? 0 : !t->matrix ? 1 : adds ? 0.005 : 0.02;
        if (!(fabs(sqrt(square) - expected) <= 0.1 * expected))
            fail_msg("%s deviates by %g", t->name, sqrt(square));
    }
    train_model_free(&model);
}

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(saved, sizeof saved, "%s/saved.gguf", folder);
    snprintf(made, sizeof made, "%s/made.gguf", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(saved);
    unlink(made);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_saved_model_runs_as_it_was_trained),
        cmocka_unit_test(models_of_others_are_loaded),
        cmocka_unit_test(what_is_not_trained_is_refused),
        cmocka_unit_test(weights_come_back_as_their_type_holds_them),
        cmocka_unit_test(shapes_that_fit_nothing_are_named),
        cmocka_unit_test(first_weights_have_their_deviations),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
