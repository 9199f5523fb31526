/* Adapters over a base that stays as its file has it: gradients against differences of the loss,
 * the base's own logits while B is 0, those of merged matrices else, and the files. */
#include "train_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "format/gguf.h"
#include "model/adapter.h"
#include "tools/model_maker.h"
#include "train/train_adapter.h"

#define ROWS   2
#define LENGTH 24
#define RANK   3

static char folder[] = "/tmp/primer-train-adapter-XXXXXX";
static char base_path[64], adapter_path[64], peft_path[64];

/* A base, adapters of it, a pass, a batch. */
struct trial {
    struct gguf *gguf;
    struct model *base;
    struct train_model model;
    struct pool *pool;
    struct train_pass *pass;
    struct train_fixture_batch batch;
    float *gradients;
};

static struct model_maker_options base_of(const char *architecture, const char *type)
{
    return (struct model_maker_options){.architecture = architecture,
                                        .type = type,
                                        .dimension = 64,
                                        .heads = 4,
                                        .ffn = 96,
                                        .vocabulary = 320,
                                        .context = 64};
}

static void open_trial(struct trial *t, const struct model_maker_options *base, const char *targets,
                       const struct train_pass_options *options)
{
    struct train_pass_options sized = options != NULL ? *options : (struct train_pass_options){0};
    const struct train_adapter_options adapters = {RANK, 5, targets};
    *t = (struct trial){0};
    must(model_maker_write(base, base_path, error));
    must(gguf_open(&t->gguf, base_path, error));
    must(model_create(&t->base, t->gguf, error));
    must(train_adapter_create(&t->model, t->base, &adapters, error));
    for (size_t i = 0; i < t->model.count; i++)
        for (size_t k = 0; k < t->model.tensors[i].rows * t->model.tensors[i].columns; k++)
            t->model.weights[t->model.tensors[i].offset + k] =
                0.2f * (float)train_fixture_mixed(7919 * (i + 1) + k);
    sized.rows = ROWS;
    sized.length = LENGTH;
    sized.rank = RANK;
    must(pool_create(&t->pool, 2, error));
    must(train_pass_create(&t->pass, &t->model.shape, &sized, t->pool, error));
    train_fixture_batch(&t->batch, t->model.shape.vocabulary, ROWS, LENGTH);
    t->gradients = calloc(t->model.floats, sizeof *t->gradients);
}

static void close_trial(struct trial *t)
{
    free(t->gradients);
    train_fixture_batch_free(&t->batch);
    train_pass_free(t->pass);
    pool_free(t->pool);
    train_model_free(&t->model);
    model_free(t->base);
    gguf_free(t->gguf);
}

static double run(struct trial *t, uint64_t seed)
{
    struct train_result result;
    memset(t->gradients, 0, t->model.floats * sizeof *t->gradients);
    must(train_pass_backward(t->pass, &t->model, &t->batch.batch, 1, seed, NULL, t->gradients,
                             &result, error));
    return result.loss;
}

/* The loss with tensor `tensor` moved by `step` along its gradient's direction. */
static double loss_along(struct trial *t, const struct train_tensor *tensor, const float *direction,
                         double step)
{
    const size_t count = tensor->rows * tensor->columns;
    float *const weights = t->model.weights + tensor->offset;
    float *const kept = malloc(count * sizeof *kept);
    memcpy(kept, weights, count * sizeof *kept);
    for (size_t i = 0; i < count; i++)
        weights[i] += (float)(step * (double)direction[i]);
    const double loss = run(t, 9);
    memcpy(weights, kept, count * sizeof *kept);
    free(kept);
    return loss;
}

/* Every tensor's gradient g: along g the loss changes by |g|^2. */
static void check_gradients(const struct model_maker_options *base, const char *targets,
                            size_t tensors, const struct train_pass_options *options)
{
    struct trial t;
    open_trial(&t, base, targets, options);
    assert_int_equal(t.model.count, tensors);
    for (size_t i = 0; i < t.model.count; i++) {
        const struct train_tensor *const tensor = &t.model.tensors[i];
        const size_t count = tensor->rows * tensor->columns;
        double square = 0;
        run(&t, 9);
        float *const direction = malloc(count * sizeof *direction);
        memcpy(direction, t.gradients + tensor->offset, count * sizeof *direction);
        for (size_t k = 0; k < count; k++)
            square += (double)direction[k] * (double)direction[k];
        assert_true(square > 0);
        const double step = 0.02 / sqrt(square);
        const double slope =
            (loss_along(&t, tensor, direction, step) - loss_along(&t, tensor, direction, -step)) /
            (2 * step);
        if (!(fabs(slope / square - 1) < 3e-3))
            fail_msg("%s: the loss changes by %g, its gradient says %g", tensor->name, slope,
                     square);
        free(direction);
    }
    close_trial(&t);
}

static void gradients_are_those_of_the_loss(void **state)
{
    (void)state;
    struct model_maker_options base = base_of("phi2", "Q8_0");
    check_gradients(&base, "all", 2 * 2 * 4, NULL);
    check_gradients(&base, "attn_q, ffn_down", 2 * 2 * 2, NULL);
    check_gradients(&base, "attn_q ffn_down", 2 * 2 * 2, NULL);
    base.split_qkv = true;
    base.type = "F16";
    check_gradients(
        &base, "all", 2 * 2 * 6,
        &(struct train_pass_options){.recompute = true, .dropout = 0.1, .rank_dropout = 0.2});
    base = base_of("llama", "Q4_0");
    base.kv_heads = 2;
    check_gradients(&base, "all", 2 * 2 * 7, &(struct train_pass_options){.rank_dropout = 0.3});
    base.type = "F32";
    base.tied = true;
    check_gradients(&base, "attn_k,ffn_gate", 2 * 2 * 2, &(struct train_pass_options){0});
}

static float *logits_of(struct train_pass *pass, const struct train_model *model,
                        const struct train_batch *batch)
{
    float *const logits = malloc(ROWS * LENGTH * model->shape.vocabulary * sizeof *logits);
    must(train_pass_logits(pass, model, batch, logits, error));
    return logits;
}

/* The rows of a whole matrix that an adapter's rows are added to; NULL: they are in the next. */
static void merge_into(const struct train_model *model, const struct train_tensor *a,
                       struct train_model *whole)
{
    const struct train_tensor *const b = a + 1;
    char name[64];
    size_t row = 0;
    static const char *const parts[] = {"attn_q", "attn_k", "attn_v"};
    for (size_t part = 0; part < 3; part++) {
        snprintf(name, sizeof name, "%.*s", (int)(strlen(a->name) - strlen(".lora_a")), a->name);
        char *const fused = strstr(name, "attn_qkv");
        if (fused != NULL)
            snprintf(fused, sizeof name - (size_t)(fused - name), "%s.weight", parts[part]);
        else if (part > 0)
            return;
        const struct train_tensor *const to = train_model_tensor(whole, name);
        assert_non_null(to);
        for (size_t r = 0; r < to->rows; r++, row++)
            for (size_t c = 0; c < to->columns; c++) {
                double sum = 0;
                for (size_t k = 0; k < a->rows; k++)
                    sum += (double)model->weights[b->offset + row * b->columns + k] *
                           (double)model->weights[a->offset + k * a->columns + c];
                whole->weights[to->offset + r * to->columns + c] +=
                    (float)(model->alpha / RANK * sum);
            }
    }
    assert_int_equal(row, b->rows);
}

static double distance_to(struct trial *t, const struct train_model *whole, struct train_pass *pass)
{
    float *const with = logits_of(t->pass, &t->model, &t->batch.batch);
    float *const merged = logits_of(pass, whole, &t->batch.batch);
    const double distance =
        train_fixture_distance(with, merged, ROWS * LENGTH * whole->shape.vocabulary);
    free(with);
    free(merged);
    return distance;
}

static void check_logits(const struct model_maker_options *base, const char *targets)
{
    struct trial t;
    struct train_model whole;
    struct train_pass *pass = NULL;
    struct random random;
    open_trial(&t, base, targets, NULL);
    float *const trained = malloc(t.model.floats * sizeof *trained);
    memcpy(trained, t.model.weights, t.model.floats * sizeof *trained);
    must(train_model_load(&whole, t.gguf, error));
    must(train_pass_create(&pass, &whole.shape,
                           &(struct train_pass_options){.rows = ROWS, .length = LENGTH}, t.pool,
                           error));
    random_seed(&random, 3);
    train_adapter_initialize(&t.model, &random);
    assert_true(distance_to(&t, &whole, pass) <= 0); /* the base's own, bit for bit */
    memcpy(t.model.weights, trained, t.model.floats * sizeof *trained);
    assert_true(distance_to(&t, &whole, pass) > 0.01);
    for (size_t i = 0; i < t.model.count; i += 2)
        merge_into(&t.model, &t.model.tensors[i], &whole);
    assert_true(distance_to(&t, &whole, pass) < 1e-5);
    train_pass_free(pass);
    train_model_free(&whole);
    free(trained);
    close_trial(&t);
}

static void logits_are_those_of_merged_matrices(void **state)
{
    (void)state;
    struct model_maker_options base = base_of("phi2", "Q4_0");
    check_logits(&base, "all");
    check_logits(&base, "attn_v,ffn_up");
    base = base_of("llama", "F32");
    base.kv_heads = 2;
    check_logits(&base, "all");
}

/* What is left out is chosen by the seed, and nothing is where no gradient is wanted. */
static void inputs_are_left_out_by_the_seed(void **state)
{
    (void)state;
    const struct model_maker_options base = base_of("llama", "Q8_0");
    struct trial t;
    struct train_result plain;
    open_trial(&t, &base, "all", &(struct train_pass_options){.rank_dropout = 0.5});
    const double one = run(&t, 1), again = run(&t, 1), other = run(&t, 2);
    must(train_pass_loss(t.pass, &t.model, &t.batch.batch, &plain, error));
    assert_memory_equal(&one, &again, sizeof one);
    assert_true(fabs(one - other) > 0);
    assert_true(fabs(one - plain.loss) > 0);
    close_trial(&t);
}

static void check_file(const struct trial *t, const char *path)
{
    struct adapter_data data = {0};
    must(adapter_read(&data, t->base, path, error));
    for (size_t i = 0; i < t->model.count; i += 2) {
        const struct train_tensor *const a = &t->model.tensors[i], *const b = a + 1;
        size_t found = 0;
        for (size_t k = 0; k < data.count; k++) {
            const struct adapter_tensor *const read = &data.tensors[k];
            if (strncmp(read->name, a->name, strlen(read->name)) != 0 ||
                strlen(read->name) + strlen(".lora_a") != strlen(a->name))
                continue;
            assert_memory_equal(read->a, t->model.weights + a->offset,
                                a->rows * a->columns * sizeof(float));
            assert_memory_equal(read->b, t->model.weights + b->offset,
                                b->rows * b->columns * sizeof(float));
            assert_true(fabs(read->factor - t->model.alpha / RANK) < 1e-9);
            found++;
        }
        assert_int_equal(found, 1);
    }
    adapter_data_free(&data);
}

static void files_come_back_as_they_were(void **state)
{
    (void)state;
    struct model_maker_options base = base_of("llama", "Q8_0");
    struct trial t;
    base.kv_heads = 2;
    open_trial(&t, &base, "all", NULL);
    must(train_model_save(&t.model, adapter_path, QUANT_F32, t.gguf, "taught", error));
    check_file(&t, adapter_path);
    must(train_model_save(&t.model, peft_path, QUANT_F32, t.gguf, NULL, error));
    check_file(&t, peft_path);
    close_trial(&t);
}

/* Far wider than what is decoded at once, in a build of small limits: nothing behind is touched. */
static void rows_may_be_longer_than_a_strip(void **state)
{
    (void)state;
    struct model_maker_options base = base_of("phi2", "F16");
    base.ffn = 16384;
    check_logits(&base, "ffn_down");
}

static void what_cannot_be_adapted_is_named(void **state)
{
    (void)state;
    static const struct {
        struct train_adapter_options options;
        const char *says;
    } cases[] = {
        {{4, 8, "q_proj"}, "found \"q_proj\", expected some of attn_qkv, attn_q, attn_k, attn_v"},
        {{4, 8, "attn_q,ffn_gate"}, "found \"ffn_gate\""},
        {{4, 8, "token_embd"}, "found \"token_embd\""},
        {{4, 8, ","}, "no matrix is named"},
        {{0, 8, "all"}, "rank 0"},
        {{4, NAN, "all"}, "alpha nan"},
    };
    const struct model_maker_options base = base_of("phi2", "F32");
    struct trial t;
    open_trial(&t, &base, "all", NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct train_model model;
        primer_error why = {0};
        assert_int_equal(train_adapter_create(&model, t.base, &cases[i].options, &why),
                         PRIMER_EINVAL);
        if (strstr(why.message, cases[i].says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", why.message, cases[i].says);
    }
    close_trial(&t);
}

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(base_path, sizeof base_path, "%s/base.gguf", folder);
    snprintf(adapter_path, sizeof adapter_path, "%s/adapter.gguf", folder);
    snprintf(peft_path, sizeof peft_path, "%s/peft", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char path[96];
    snprintf(path, sizeof path, "%s/adapter_config.json", peft_path);
    unlink(path);
    snprintf(path, sizeof path, "%s/adapter_model.safetensors", peft_path);
    unlink(path);
    rmdir(peft_path);
    unlink(base_path);
    unlink(adapter_path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_the_loss),
        cmocka_unit_test(logits_are_those_of_merged_matrices),
        cmocka_unit_test(inputs_are_left_out_by_the_seed),
        cmocka_unit_test(files_come_back_as_they_were),
        cmocka_unit_test(rows_may_be_longer_than_a_strip),
        cmocka_unit_test(what_cannot_be_adapted_is_named),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
