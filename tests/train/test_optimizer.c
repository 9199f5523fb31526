/* test_optimizer.c - AdamW against its formula in binary64, clipping, decay, and what doesn't
 * matter: the number of threads, a gradient that isn't finite. */
#include "train/train_optimizer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"

/* A matrix over several pieces of a step, vectors, and gaps between them. */
enum { TENSORS = 4, FLOATS = 50000 + 16 + 48 + 112 };
static struct train_tensor tensors[TENSORS] = {
    {.name = "token_embd.weight", .rows = 250, .columns = 200, .offset = 0, .matrix = true},
    {.name = "blk.0.attn_norm.weight", .rows = 1, .columns = 7, .offset = 50000, .matrix = false},
    {.name = "blk.0.attn_q.weight", .rows = 5, .columns = 9, .offset = 50016, .matrix = true},
    {.name = "output.bias", .rows = 1, .columns = 100, .offset = 50064, .matrix = false},
};
static const struct train_optimizer_options usual = {
    .beta_1 = 0.9, .beta_2 = 0.95, .epsilon = 1e-8, .decay = 0.1, .clip = 1.0};

struct bench {
    struct train_model model;
    struct train_optimizer optimizer;
    struct pool *pool;
    float *gradients;
};

static bool is_gap(size_t i)
{
    for (size_t t = 0; t < TENSORS; t++)
        if (i >= tensors[t].offset && i < tensors[t].offset + tensors[t].rows * tensors[t].columns)
            return false;
    return true;
}

static void fill(float *values, uint64_t seed, double deviation)
{
    struct random random;
    random_seed(&random, seed);
    for (size_t i = 0; i < FLOATS; i++) {
        const float value = (float)(deviation * random_normal(&random));
        values[i] = is_gap(i) ? 0 : value;
    }
}

static struct bench set_up(const struct train_optimizer_options *options, size_t threads)
{
    struct bench b = {.model = {.tensors = tensors, .count = TENSORS, .floats = FLOATS}};
    b.model.weights = calloc(FLOATS, sizeof(float));
    b.gradients = calloc(FLOATS, sizeof(float));
    fill(b.model.weights, 1, 0.02);
    assert_int_equal(pool_create(&b.pool, threads, NULL), PRIMER_OK);
    assert_int_equal(train_optimizer_create(&b.optimizer, options, FLOATS, NULL), PRIMER_OK);
    return b;
}

static void tear_down(struct bench *b)
{
    train_optimizer_free(&b->optimizer);
    pool_free(b->pool);
    free(b->model.weights);
    free(b->gradients);
}

static double take_step(struct bench *b, uint64_t seed, double deviation, double rate)
{
    double norm = -1;
    fill(b->gradients, seed, deviation);
    assert_int_equal(
        train_optimizer_step(&b->optimizer, &b->model, b->gradients, rate, b->pool, &norm, NULL),
        PRIMER_OK);
    return norm;
}

/* The formula of train_optimizer.h for all floats; `decays` says which. */
struct oracle {
    double w[FLOATS], m[FLOATS], v[FLOATS];
    unsigned step;
};

static double norm_of(const float *gradients)
{
    double squares = 0;
    for (size_t i = 0; i < FLOATS; i++)
        squares += (double)gradients[i] * gradients[i];
    return sqrt(squares);
}

static void oracle_step(struct oracle *o, const struct train_optimizer_options *p,
                        const float *gradients, double rate)
{
    const double norm = norm_of(gradients);
    const double scale = p->clip > 0 && norm > p->clip ? p->clip / norm : 1;
    const double t = ++o->step;
    for (size_t i = 0; i < FLOATS; i++) {
        const double g = gradients[i] * scale;
        const bool decays = i < 50000 || (i >= 50016 && i < 50061);
        o->m[i] = p->beta_1 * o->m[i] + (1 - p->beta_1) * g;
        o->v[i] = p->beta_2 * o->v[i] + (1 - p->beta_2) * g * g;
        const double mean = o->m[i] / (1 - pow(p->beta_1, t));
        const double variance = o->v[i] / (1 - pow(p->beta_2, t));
        const double decay = decays ? p->decay : 0;
        o->w[i] -= rate * (mean / (sqrt(variance) + p->epsilon) + decay * o->w[i]);
    }
}

static void compare_with_formula(const struct train_optimizer_options *options, double deviation)
{
    struct bench b = set_up(options, 2);
    struct oracle *const o = calloc(1, sizeof *o);
    for (size_t i = 0; i < FLOATS; i++)
        o->w[i] = b.model.weights[i];
    for (unsigned step = 0; step < 20; step++) {
        const double rate = 1e-3 * (step + 1);
        const double norm = take_step(&b, 100 + step, deviation, rate);
        oracle_step(o, options, b.gradients, rate);
        const double expected = norm_of(b.gradients);
        assert_true(fabs(norm - expected) <= 1e-12 * expected);
    }
    assert_int_equal(b.optimizer.step, 20);
    /* 20 steps of up to 0.02 each, rounded to 24 bits a few times. */
    for (size_t i = 0; i < FLOATS; i++) {
        assert_true(fabs(b.model.weights[i] - o->w[i]) <= 1e-6);
        assert_true(fabs(b.optimizer.mean[i] - o->m[i]) <= 1e-6 * deviation);
        assert_true(fabs(b.optimizer.variance[i] - o->v[i]) <=
                    4e-6 * o->v[i] + 1e-9 * deviation * deviation);
        if (is_gap(i))
            assert_true(b.model.weights[i] == 0 && b.optimizer.mean[i] == 0);
    }
    free(o);
    tear_down(&b);
}

static void follows_the_formula_clipped(void **state)
{
    (void)state;
    compare_with_formula(&usual, 0.3);
}

static void follows_the_formula_unclipped(void **state)
{
    (void)state;
    struct train_optimizer_options options = usual;
    options.clip = 0;
    compare_with_formula(&options, 0.3);
    options.clip = 1e6; /* never reached */
    options.beta_1 = 0;
    options.beta_2 = 0.999;
    compare_with_formula(&options, 0.01);
}

/* One float of the gradient: the norm is its size, and the clipped mean tells the scale. */
static void clips_to_the_norm(void **state)
{
    (void)state;
    struct bench b = set_up(&usual, 1);
    double norm = 0;
    b.gradients[50020] = -3;
    b.gradients[50070] = 4;
    assert_int_equal(
        train_optimizer_step(&b.optimizer, &b.model, b.gradients, 0, b.pool, &norm, NULL),
        PRIMER_OK);
    assert_true(norm == 5);
    assert_true(fabs(b.optimizer.mean[50020] - 0.1 * -0.6) < 1e-8);
    assert_true(fabs(b.optimizer.mean[50070] - 0.1 * 0.8) < 1e-8);
    b.gradients[50020] = 0.3f; /* norm 0.5: as it is */
    b.gradients[50070] = 0.4f;
    b.optimizer.mean[50020] = 0;
    assert_int_equal(
        train_optimizer_step(&b.optimizer, &b.model, b.gradients, 0, b.pool, &norm, NULL),
        PRIMER_OK);
    assert_true(fabs(norm - 0.5) < 1e-7);
    assert_true(fabs(b.optimizer.mean[50020] - 0.03) < 1e-8);
    tear_down(&b);
}

/* Without a gradient only decay moves weights. */
static void decay_spares_vectors(void **state)
{
    (void)state;
    struct bench b = set_up(&usual, 2);
    float *const before = malloc(FLOATS * sizeof *before);
    memcpy(before, b.model.weights, FLOATS * sizeof *before);
    assert_true(take_step(&b, 1, 0, 0.5) == 0);
    for (size_t t = 0; t < TENSORS; t++)
        for (size_t i = 0; i < tensors[t].rows * tensors[t].columns; i++) {
            const double was = before[tensors[t].offset + i];
            const double is = b.model.weights[tensors[t].offset + i];
            assert_true(fabs(is - (tensors[t].matrix ? 0.95 : 1) * was) <= 1e-7 * fabs(was));
        }
    free(before);
    tear_down(&b);
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    struct bench one = set_up(&usual, 1);
    for (size_t threads = 2; threads <= 7; threads += 5) {
        struct bench many = set_up(&usual, threads);
        if (threads == 2)
            for (unsigned step = 0; step < 5; step++)
                take_step(&one, step, 0.1, 1e-3);
        double last = 0;
        for (unsigned step = 0; step < 5; step++)
            last = take_step(&many, step, 0.1, 1e-3);
        assert_true(last > 1);
        assert_memory_equal(one.model.weights, many.model.weights, FLOATS * sizeof(float));
        assert_memory_equal(one.optimizer.mean, many.optimizer.mean, FLOATS * sizeof(float));
        assert_memory_equal(one.optimizer.variance, many.optimizer.variance,
                            FLOATS * sizeof(float));
        tear_down(&many);
    }
    tear_down(&one);
}

/* The norm of what is there in pieces differs from one running sum in its last bits, so this fails
 * where threads join sums as they end. */
static void norm_is_the_same_bits(void **state)
{
    (void)state;
    double norms[3];
    for (size_t i = 0; i < 3; i++) {
        struct bench b = set_up(&usual, 1 + 2 * i);
        norms[i] = take_step(&b, 9, 0.1, 1e-3);
        tear_down(&b);
    }
    assert_memory_equal(&norms[0], &norms[1], sizeof *norms);
    assert_memory_equal(&norms[0], &norms[2], sizeof *norms);
}

static void what_is_not_finite_changes_nothing(void **state)
{
    (void)state;
    static const float values[] = {NAN, INFINITY, -INFINITY};
    struct bench b = set_up(&usual, 2);
    take_step(&b, 3, 0.1, 1e-3);
    struct bench same = set_up(&usual, 2);
    take_step(&same, 3, 0.1, 1e-3);
    for (size_t i = 0; i < 3; i++) {
        primer_error error = {0};
        double norm = 77;
        fill(b.gradients, 4, 0.1);
        b.gradients[50016 + 2 * 9 + 4] = values[i]; /* row 2, column 4 */
        b.gradients[50100] = NAN;                   /* a later tensor's isn't named */
        assert_int_equal(
            train_optimizer_step(&b.optimizer, &b.model, b.gradients, 1e-3, b.pool, &norm, &error),
            PRIMER_ENUMERIC);
        assert_non_null(strstr(error.message, "blk.0.attn_q.weight"));
        assert_non_null(strstr(error.message, "row 2, column 4"));
        assert_true(norm == 77);
    }
    fill(b.gradients, 4, 0.1);
    b.gradients[3] = 1e19f; /* finite; clipped, it is as any other */
    double norm;
    assert_int_equal(b.optimizer.step, 1);
    assert_memory_equal(b.model.weights, same.model.weights, FLOATS * sizeof(float));
    assert_memory_equal(b.optimizer.mean, same.optimizer.mean, FLOATS * sizeof(float));
    assert_memory_equal(b.optimizer.variance, same.optimizer.variance, FLOATS * sizeof(float));
    b.optimizer.options.clip = 0; /* unclipped, its square would be no float */
    assert_int_equal(
        train_optimizer_step(&b.optimizer, &b.model, b.gradients, 1e-3, b.pool, &norm, NULL),
        PRIMER_ENUMERIC);
    assert_memory_equal(b.model.weights, same.model.weights, FLOATS * sizeof(float));
    b.optimizer.options.clip = 1;
    assert_int_equal(
        train_optimizer_step(&b.optimizer, &b.model, b.gradients, 1e-3, b.pool, &norm, NULL),
        PRIMER_OK);
    assert_true(isfinite(b.model.weights[3]) && isfinite(b.optimizer.variance[3]));
    tear_down(&same);
    tear_down(&b);
}

static void options_are_checked(void **state)
{
    (void)state;
    const struct {
        const char *field;
        struct train_optimizer_options options;
    } cases[] = {
        {"beta_1", {1, 0.95, 1e-8, 0, 0}},      {"beta_1", {NAN, 0.95, 1e-8, 0, 0}},
        {"beta_2", {0.9, -0.1, 1e-8, 0, 0}},    {"epsilon", {0.9, 0.95, 0, 0, 0}},
        {"epsilon", {0.9, 0.95, 1e-300, 0, 0}}, {"decay", {0.9, 0.95, 1e-8, -1, 0}},
        {"decay", {0.9, 0.95, 1e-8, NAN, 0}},   {"clip", {0.9, 0.95, 1e-8, 0, INFINITY}},
    };
    struct train_optimizer optimizer = {.floats = 1234};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        primer_error error = {0};
        assert_int_equal(train_optimizer_create(&optimizer, &cases[i].options, 64, &error),
                         PRIMER_EINVAL);
        assert_int_equal(strncmp(error.message, cases[i].field, strlen(cases[i].field)), 0);
    }
    assert_int_equal(optimizer.floats, 1234);
    struct bench b = set_up(&usual, 1);
    double norm;
    assert_int_equal(
        train_optimizer_step(&b.optimizer, &b.model, b.gradients, NAN, b.pool, &norm, NULL),
        PRIMER_EINVAL);
    b.model.floats -= 16;
    assert_int_equal(
        train_optimizer_step(&b.optimizer, &b.model, b.gradients, 1, b.pool, &norm, NULL),
        PRIMER_EINVAL);
    tear_down(&b);
}

static void memory_may_fail(void **state)
{
    (void)state;
    struct train_optimizer optimizer = {.floats = 1234};
    for (size_t n = 0; n < 3; n++) {
        primer_error error = {0};
        memory_fail_at(n);
        assert_int_equal(train_optimizer_create(&optimizer, &usual, FLOATS, &error), PRIMER_ENOMEM);
        assert_int_equal(optimizer.floats, 1234);
    }
    memory_fail_at(SIZE_MAX);
    assert_int_equal(train_optimizer_create(&optimizer, &usual, SIZE_MAX / 2, NULL), PRIMER_ELIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_formula_clipped),
        cmocka_unit_test(follows_the_formula_unclipped),
        cmocka_unit_test(clips_to_the_norm),
        cmocka_unit_test(decay_spares_vectors),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(norm_is_the_same_bits),
        cmocka_unit_test(what_is_not_finite_changes_nothing),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(memory_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
