/* The whole pass: gradients against differences of the loss; documents, accumulation, repetition
 * and recomputation; dropout and a teacher; what is refused. */
#include "train_fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"

#define ROWS   3
#define LENGTH 40
#define COUNT  (ROWS * LENGTH)

/* A model, a pass over it, a batch, gradients. */
struct trial {
    struct train_shape shape;
    struct train_model model;
    struct train_fixture_batch batch;
    struct pool *pool;
    struct train_pass *pass;
    float *gradients;
    const struct train_teacher *teacher;
    uint64_t seed;
};

static void open_trial(struct trial *t, const struct train_shape *shape,
                       const struct train_pass_options *options, size_t threads)
{
    *t = (struct trial){.shape = *shape, .seed = 5};
    struct train_pass_options sized = options != NULL ? *options : (struct train_pass_options){0};
    sized.rows = ROWS;
    sized.length = LENGTH;
    train_fixture_model(&t->model, shape, NULL);
    train_fixture_batch(&t->batch, shape->vocabulary, ROWS, LENGTH);
    must(pool_create(&t->pool, threads, error));
    must(train_pass_create(&t->pass, shape, &sized, t->pool, error));
    t->gradients = calloc(t->model.floats, sizeof *t->gradients);
}

static void close_trial(struct trial *t)
{
    train_pass_free(t->pass);
    pool_free(t->pool);
    train_model_free(&t->model);
    train_fixture_batch_free(&t->batch);
    free(t->gradients);
}

static double add_gradients(struct trial *t, float scale)
{
    struct train_result result = {0};
    must(train_pass_backward(t->pass, &t->model, &t->batch.batch, scale, t->seed, t->teacher,
                             t->gradients, &result, error));
    return result.loss;
}

static double run(struct trial *t)
{
    memset(t->gradients, 0, t->model.floats * sizeof *t->gradients);
    return add_gradients(t, 1);
}

/* ---- differences ---- */

/* The loss with tensor `i` moved by `step` along `way`. */
static double moved_loss(struct trial *t, const struct train_tensor *tensor, const float *way,
                         double step)
{
    float *const w = t->model.weights + tensor->offset;
    const size_t count = tensor->rows * tensor->columns;
    float *const before = malloc(count * sizeof *before);
    float *const scratch = t->gradients;
    struct train_result result;
    memcpy(before, w, count * sizeof *before);
    for (size_t k = 0; k < count; k++)
        w[k] = (float)((double)w[k] + step * (double)way[k]);
    must(train_pass_backward(t->pass, &t->model, &t->batch.batch, 1, t->seed, t->teacher, scratch,
                             &result, error));
    memcpy(w, before, count * sizeof *before);
    free(before);
    return result.loss;
}

/* Along its own gradient a tensor's slope is the gradient's norm. Losses are single precision, so
 * the step is large, and the error of its square is taken out by a second one. */
static void check_slopes(struct trial *t, const char *what)
{
    run(t);
    float *const all = malloc(t->model.floats * sizeof *all);
    memcpy(all, t->gradients, t->model.floats * sizeof *all);
    for (size_t i = 0; i < t->model.count; i++) {
        const struct train_tensor *tensor = &t->model.tensors[i];
        float *const g = all + tensor->offset;
        const size_t count = tensor->rows * tensor->columns;
        double norm = 0, slopes[2];
        for (size_t k = 0; k < count; k++)
            norm += (double)g[k] * (double)g[k];
        norm = sqrt(norm);
        if (norm < 0.05)
            continue; /* keys' biases: what rounding leaves */
        for (size_t k = 0; k < count; k++)
            g[k] = (float)((double)g[k] / norm);
        for (int s = 0; s < 2; s++) {
            const double step = s == 0 ? 0.02 : 0.04;
            slopes[s] =
                (moved_loss(t, tensor, g, step) - moved_loss(t, tensor, g, -step)) / (2 * step);
        }
        const double slope = (4 * slopes[0] - slopes[1]) / 3;
        if (!(fabs(slope - norm) < 2e-3 * norm + 1e-3))
            fail_msg("%s: %s has slope %.7g, expected %.7g", what, tensor->name, slope, norm);
    }
    free(all);
}

static void gradients_are_the_losses_slopes(void **state)
{
    (void)state;
    struct trial t;
    struct train_shape shape = train_fixture_shape("phi2");
    open_trial(&t, &shape, NULL, 2);
    check_slopes(&t, "phi2");
    close_trial(&t);
    shape = train_fixture_shape("llama");
    shape.tied = true;
    shape.biases = 1u << MODEL_QUERY | 1u << MODEL_VALUE | 1u << MODEL_ATTENTION_OUTPUT;
    shape.kv_heads = 1;
    shape.rotary_dimensions = 6;
    open_trial(&t, &shape, NULL, 2);
    assert_null(train_model_tensor(&t.model, "output.weight"));
    assert_non_null(train_model_tensor(&t.model, "blk.1.attn_q.bias"));
    check_slopes(&t, "llama, tied");
    close_trial(&t);
}

static void dropouts_gradients_are_its_losses_slopes(void **state)
{
    (void)state;
    for (int llama = 0; llama < 2; llama++) {
        struct trial t;
        const struct train_shape shape = train_fixture_shape(llama ? "llama" : "phi2");
        open_trial(&t, &shape, &(struct train_pass_options){.dropout = 0.2}, 2);
        check_slopes(&t, "dropout");
        const double one = run(&t);
        assert_true(run(&t) == one);
        t.seed++;
        assert_true(fabs(run(&t) - one) > 1e-3);
        close_trial(&t);
    }
}

static void a_teachers_gradients_are_its_losses_slopes(void **state)
{
    (void)state;
    struct trial student, taught;
    struct train_shape shape = train_fixture_shape("phi2");
    open_trial(&student, &shape, NULL, 2);
    shape = train_fixture_shape("llama");
    open_trial(&taught, &shape, NULL, 2);
    const double alone = run(&student);
    struct train_teacher teacher = {taught.pass, &taught.model, 2, 0};
    student.teacher = &teacher;
    assert_true(fabs(run(&student) / alone - 1) < 1e-6);
    teacher.mix = 0.6;
    assert_true(fabs(run(&student) / alone - 1) > 1e-3);
    check_slopes(&student, "a teacher");
    /* A student that is its own teacher has nothing to learn from it. */
    struct trial same;
    shape = student.shape;
    open_trial(&same, &shape, NULL, 2);
    teacher = (struct train_teacher){same.pass, &same.model, 3, 1};
    assert_true(fabs(run(&student)) < 1e-4);
    for (size_t i = 0; i < student.model.floats; i++)
        assert_true(fabsf(student.gradients[i]) < 1e-3f);
    close_trial(&same);
    close_trial(&student);
    close_trial(&taught);
}

/* ---- the same sums in other pieces ---- */

/* One document alone, its gradients added. */
static double add_document(struct trial *t, size_t first, size_t tokens)
{
    uint32_t starts[LENGTH] = {0};
    struct train_result result;
    const struct train_batch batch = {
        1,     tokens, t->batch.inputs + first, t->batch.targets + first, t->batch.weights + first,
        starts};
    must(train_pass_backward(t->pass, &t->model, &batch, 1, 0, NULL, t->gradients, &result, error));
    return result.loss;
}

static void documents_in_a_row_equal_documents_alone(void **state)
{
    (void)state;
    for (int llama = 0; llama < 2; llama++) {
        struct trial t;
        const struct train_shape shape = train_fixture_shape(llama ? "llama" : "phi2");
        open_trial(&t, &shape, NULL, 2);
        const double whole = run(&t);
        float *const together = malloc(t.model.floats * sizeof *together);
        memcpy(together, t.gradients, t.model.floats * sizeof *together);
        memset(t.gradients, 0, t.model.floats * sizeof *t.gradients);
        double alone = 0;
        size_t documents = 0;
        for (size_t first = 0, next; first < COUNT; first = next, documents++) {
            for (next = first + 1; next < COUNT && t.batch.starts[next] != next % LENGTH;)
                next++;
            alone += add_document(&t, first, next - first);
        }
        assert_in_range(documents, ROWS + 3, COUNT / 2);
        assert_true(fabs(alone / whole - 1) < 1e-6);
        assert_true(train_fixture_distance(together, t.gradients, t.model.floats) < 1e-5);
        free(together);
        close_trial(&t);
    }
}

static void parts_of_a_batch_add_up(void **state)
{
    (void)state;
    struct trial t;
    const struct train_shape shape = train_fixture_shape("llama");
    open_trial(&t, &shape, NULL, 2);
    const double whole = run(&t);
    float *const together = malloc(t.model.floats * sizeof *together);
    memcpy(together, t.gradients, t.model.floats * sizeof *together);
    memset(t.gradients, 0, t.model.floats * sizeof *t.gradients);
    const struct train_batch all = t.batch.batch;
    t.batch.batch.rows = 1;
    double parts = add_gradients(&t, 1);
    t.batch.batch = (struct train_batch){2,
                                         LENGTH,
                                         all.inputs + LENGTH,
                                         all.targets + LENGTH,
                                         all.weights + LENGTH,
                                         all.starts + LENGTH};
    parts += add_gradients(&t, 1);
    assert_true(fabs(parts / whole - 1) < 1e-6);
    assert_true(train_fixture_distance(together, t.gradients, t.model.floats) < 1e-5);
    /* `scale` is a factor of the gradients alone. */
    t.batch.batch = all;
    memset(t.gradients, 0, t.model.floats * sizeof *t.gradients);
    assert_true(fabs(add_gradients(&t, 0.25f) - whole) < 1e-9);
    for (size_t i = 0; i < t.model.floats; i++)
        t.gradients[i] *= 4;
    assert_true(train_fixture_distance(together, t.gradients, t.model.floats) < 1e-6);
    free(together);
    close_trial(&t);
}

/* ---- bits ---- */

static void same_bits(const struct train_shape *shape, const struct train_pass_options *first,
                      size_t first_threads, const struct train_pass_options *second,
                      size_t second_threads)
{
    struct trial a, b;
    open_trial(&a, shape, first, first_threads);
    open_trial(&b, shape, second, second_threads);
    for (int again = 0; again < 3; again++) {
        assert_true(run(&a) == run(&b));
        assert_memory_equal(a.gradients, b.gradients, a.model.floats * sizeof(float));
    }
    close_trial(&a);
    close_trial(&b);
}

static void runs_repeat_their_bits(void **state)
{
    (void)state;
    const struct train_pass_options dropout = {.dropout = 0.1};
    for (int llama = 0; llama < 2; llama++) {
        const struct train_shape shape = train_fixture_shape(llama ? "llama" : "phi2");
        same_bits(&shape, NULL, 2, NULL, 2);
        same_bits(&shape, &dropout, 2, &dropout, 1);
    }
}

static void what_is_computed_anew_has_the_same_bits(void **state)
{
    (void)state;
    const struct train_pass_options kept = {.dropout = 0.1},
                                    anew = {.dropout = 0.1, .recompute = true};
    for (int llama = 0; llama < 2; llama++) {
        struct train_shape shape = train_fixture_shape(llama ? "llama" : "phi2");
        shape.layers = 3;
        same_bits(&shape, &kept, 2, &anew, 2);
    }
}

static void recomputing_needs_less_memory(void **state)
{
    (void)state;
    struct trial kept, anew;
    struct train_shape shape = train_fixture_shape("llama");
    shape.layers = 6;
    open_trial(&kept, &shape, NULL, 1);
    open_trial(&anew, &shape, &(struct train_pass_options){.recompute = true}, 1);
    assert_true(train_pass_bytes(anew.pass) * 3 < train_pass_bytes(kept.pass) * 2);
    close_trial(&kept);
    close_trial(&anew);
}

static void a_step_allocates_nothing(void **state)
{
    (void)state;
    struct trial t;
    const struct train_shape shape = train_fixture_shape("llama");
    open_trial(&t, &shape, &(struct train_pass_options){.bfloat = true, .dropout = 0.1}, 2);
    const size_t before = memory_allocation_count();
    run(&t);
    assert_int_equal(memory_allocation_count(), before);
    close_trial(&t);
}

/* ---- bfloat ---- */

static void rounded_products_are_near(void **state)
{
    (void)state;
    for (int llama = 0; llama < 2; llama++) {
        struct trial exact, rounded;
        const struct train_shape shape = train_fixture_shape(llama ? "llama" : "phi2");
        open_trial(&exact, &shape, NULL, 2);
        open_trial(&rounded, &shape, &(struct train_pass_options){.bfloat = true}, 2);
        const double apart = fabs(run(&rounded) / run(&exact) - 1);
        const double gradients =
            train_fixture_distance(rounded.gradients, exact.gradients, exact.model.floats);
        assert_true(apart > 1e-7 && apart < 5e-3);
        assert_true(gradients > 1e-4 && gradients < 3e-2);
        close_trial(&exact);
        close_trial(&rounded);
    }
}

/* ---- what is refused ---- */

static void refused(struct trial *t, primer_status status, const char *says)
{
    struct train_result result = {.loss = 77};
    primer_error why = {0};
    const primer_status found = train_pass_backward(t->pass, &t->model, &t->batch.batch, 1, 0,
                                                    t->teacher, t->gradients, &result, &why);
    if (found != status || strstr(why.message, says) == NULL)
        fail_msg("status %d: \"%s\" does not say \"%s\"", found, why.message, says);
    assert_true(result.loss == 77);
}

static void a_bad_batch_is_refused(void **state)
{
    (void)state;
    struct trial t;
    const struct train_shape shape = train_fixture_shape("phi2");
    open_trial(&t, &shape, NULL, 1);
    const int32_t input = t.batch.inputs[7];
    t.batch.inputs[7] = 48;
    refused(&t, PRIMER_EINVAL, "token 48, expected 0 to 47");
    t.batch.inputs[7] = input;
    t.batch.weights[9] = 0;
    t.batch.targets[9] = -1; /* nothing is asked there */
    run(&t);
    t.batch.weights[9] = 1;
    refused(&t, PRIMER_EINVAL, "target -1");
    t.batch.targets[9] = 1;
    t.batch.weights[9] = NAN;
    refused(&t, PRIMER_EINVAL, "weight nan");
    t.batch.weights[9] = 1;
    t.batch.starts[LENGTH + 1] = 2;
    refused(&t, PRIMER_EINVAL, "row 1, position 1: its document starts at 2");
    t.batch.starts[LENGTH + 1] = 1;
    t.batch.batch.rows = ROWS + 1;
    refused(&t, PRIMER_EINVAL, "a batch of 4 rows");
    t.batch.batch.rows = ROWS;
    t.model.shape.heads = 2;
    refused(&t, PRIMER_EINVAL, "shape");
    close_trial(&t);
}

static void a_nan_is_found_in_its_layer(void **state)
{
    (void)state;
    struct trial t;
    const struct train_shape shape = train_fixture_shape("llama");
    open_trial(&t, &shape, NULL, 2);
    float *const w = t.model.weights + train_model_tensor(&t.model, "blk.1.ffn_up.weight")->offset;
    const float before = *w;
    *w = NAN;
    refused(&t, PRIMER_ENUMERIC, "after layer 1 of 2");
    *w = before;
    t.model.weights[train_model_tensor(&t.model, "output.weight")->offset] = INFINITY;
    refused(&t, PRIMER_ENUMERIC, "loss");
    close_trial(&t);
}

static void bad_options_are_refused(void **state)
{
    (void)state;
    const struct train_shape shape = train_fixture_shape("phi2");
    const struct {
        struct train_pass_options options;
        const char *says;
    } cases[] = {
        {{.rows = 1, .length = 65}, "context, 64"},
        {{.rows = 0, .length = 1}, "0 rows"},
        {{.rows = 1, .length = 8, .dropout = 1}, "dropout is 1"},
        {{.rows = 1, .length = 8, .dropout = NAN}, "dropout is nan"},
        {{.rows = 1, .length = 8, .dropout = 1 - 1e-9}, "dropout is 1"},
        {{.rows = 1, .length = 8, .rank = 1, .rank_dropout = 1 - 1e-9}, "adapters is 1"},
        {{.rows = SIZE_MAX / 2, .length = 64}, "rows of 64"},
    };
    struct pool *pool = NULL;
    must(pool_create(&pool, 1, error));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct train_pass *pass = NULL;
        primer_error why = {0};
        assert_int_not_equal(train_pass_create(&pass, &shape, &cases[i].options, pool, &why),
                             PRIMER_OK);
        if (pass != NULL || strstr(why.message, cases[i].says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", why.message, cases[i].says);
    }
    pool_free(pool);
}

static void memory_that_fails_is_said(void **state)
{
    (void)state;
    const struct train_shape shape = train_fixture_shape("llama");
    struct pool *pool = NULL;
    must(pool_create(&pool, 1, error));
    primer_status status = PRIMER_ENOMEM;
    for (size_t n = 0; status != PRIMER_OK; n++) {
        struct train_pass *pass = NULL;
        memory_fail_at(n);
        status = train_pass_create(
            &pass, &shape, &(struct train_pass_options){.rows = 1, .length = 8}, pool, NULL);
        memory_fail_at(SIZE_MAX);
        assert_true(status == PRIMER_OK || (status == PRIMER_ENOMEM && pass == NULL));
        assert_true(n < 100);
        train_pass_free(pass);
    }
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_the_losses_slopes),
        cmocka_unit_test(dropouts_gradients_are_its_losses_slopes),
        cmocka_unit_test(a_teachers_gradients_are_its_losses_slopes),
        cmocka_unit_test(documents_in_a_row_equal_documents_alone),
        cmocka_unit_test(parts_of_a_batch_add_up),
        cmocka_unit_test(runs_repeat_their_bits),
        cmocka_unit_test(what_is_computed_anew_has_the_same_bits),
        cmocka_unit_test(recomputing_needs_less_memory),
        cmocka_unit_test(a_step_allocates_nothing),
        cmocka_unit_test(rounded_products_are_near),
        cmocka_unit_test(a_bad_batch_is_refused),
        cmocka_unit_test(a_nan_is_found_in_its_layer),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(memory_that_fails_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
