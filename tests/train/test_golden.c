/* Loss and every gradient of two small models against PyTorch's in double precision
 * (golden/make_gradients.py wrote the files; nothing of it is needed here). */
#include "train_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLERANCE    1e-4 /* of a tensor's gradient: norm of the difference through the norm */
#define TENSORS_MOST 64

struct golden {
    struct train_shape shape;
    size_t rows, length, count;
    double loss, weight;
    char names[TENSORS_MOST][64];
    size_t sizes[TENSORS_MOST];
    float *gradients[TENSORS_MOST];
};

static void read_field(struct golden *g, const char *name, const char *value)
{
    const struct {
        const char *name;
        size_t *to;
    } sizes[] = {
        {"vocabulary", &g->shape.vocabulary},
        {"context", &g->shape.context},
        {"embedding", &g->shape.embedding},
        {"layers", &g->shape.layers},
        {"heads", &g->shape.heads},
        {"kv_heads", &g->shape.kv_heads},
        {"head_dimensions", &g->shape.head_dimensions},
        {"feed_forward", &g->shape.feed_forward},
        {"rotary_dimensions", &g->shape.rotary_dimensions},
        {"rows", &g->rows},
        {"length", &g->length},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (strcmp(sizes[i].name, name) == 0)
            *sizes[i].to = strtoul(value, NULL, 10);
    if (strcmp(name, "architecture") == 0)
        g->shape.architecture = train_fixture_architecture(value);
    else if (strcmp(name, "epsilon") == 0)
        g->shape.epsilon = strtof(value, NULL);
    else if (strcmp(name, "rope_base") == 0)
        g->shape.rope_base = strtod(value, NULL);
    else if (strcmp(name, "loss") == 0)
        g->loss = strtod(value, NULL);
    else if (strcmp(name, "weight") == 0)
        g->weight = strtod(value, NULL);
}

static void read_golden(struct golden *g, const char *architecture)
{
    char path[128], line[256], name[64], value[64];
    *g = (struct golden){0};
    snprintf(path, sizeof path, "tests/train/golden/%s.golden", architecture);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("%s is missing", path);
    assert_non_null(fgets(line, sizeof line, file));
    assert_string_equal(line, "primer gradients 1\n");
    while (fgets(line, sizeof line, file) != NULL && strcmp(line, "data\n") != 0) {
        size_t rows, columns;
        if (sscanf(line, "tensor %63s %zu %zu", g->names[g->count], &rows, &columns) == 3)
            g->sizes[g->count++] = rows * columns;
        else if (sscanf(line, "%63s %63s", name, value) == 2)
            read_field(g, name, value);
        assert_true(g->count < TENSORS_MOST);
    }
    for (size_t i = 0; i < g->count; i++) {
        g->gradients[i] = malloc(g->sizes[i] * sizeof(float));
        assert_int_equal(fread(g->gradients[i], sizeof(float), g->sizes[i], file), g->sizes[i]);
    }
    fclose(file);
}

static void check(const char *architecture, bool recompute)
{
    struct golden g;
    struct train_model model;
    struct train_fixture_batch batch;
    struct train_pass *pass = NULL;
    struct pool *pool = NULL;
    struct train_result result;
    double worst = 0;
    read_golden(&g, architecture);
    train_fixture_model(&model, &g.shape, g.names);
    assert_int_equal(model.count, g.count);
    train_fixture_batch(&batch, g.shape.vocabulary, g.rows, g.length);
    float *gradients = calloc(model.floats, sizeof *gradients);
    must(pool_create(&pool, 2, error));
    must(train_pass_create(
        &pass, &g.shape,
        &(struct train_pass_options){.rows = g.rows, .length = g.length, .recompute = recompute},
        pool, error));
    must(train_pass_backward(pass, &model, &batch.batch, 1, 0, NULL, gradients, &result, error));
    assert_true(fabs(result.weight - g.weight) < 1e-9);
    if (!(fabs(result.loss / g.loss - 1) < 1e-6))
        fail_msg("%s: the loss is %.9g, expected %.9g", architecture, result.loss, g.loss);
    for (size_t i = 0; i < g.count; i++) {
        const struct train_tensor *t = train_model_tensor(&model, g.names[i]);
        assert_int_equal(t->rows * t->columns, g.sizes[i]);
        const double apart =
            train_fixture_distance(gradients + t->offset, g.gradients[i], g.sizes[i]);
        if (!(apart < TOLERANCE))
            fail_msg("%s: the gradient of %s is %.3g away", architecture, t->name, apart);
        worst = apart > worst ? apart : worst;
        free(g.gradients[i]);
    }
    print_message("%s: loss %.9g (%.2g away), gradients at most %.2g away\n", architecture,
                  result.loss, fabs(result.loss / g.loss - 1), worst);
    train_pass_free(pass);
    pool_free(pool);
    train_model_free(&model);
    train_fixture_batch_free(&batch);
    free(gradients);
}

static void phi2_has_pytorchs_gradients(void **state)
{
    (void)state;
    check("phi2", false);
    check("phi2", true);
}

static void llama_has_pytorchs_gradients(void **state)
{
    (void)state;
    check("llama", false);
    check("llama", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phi2_has_pytorchs_gradients),
        cmocka_unit_test(llama_has_pytorchs_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
