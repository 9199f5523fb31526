/* test_data_forest.c - what learns from ratings: forests, regressions, folds and figures, on numbers
 * whose answer is known.
 */
#include "data/data_forest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "data/data_filter_learn.h"
#include "data/data_linear.h"
#include "data_helper.h"

#define SAMPLES 400
#define WIDTH   9

struct made {
    float values[SAMPLES * WIDTH];
    unsigned char labels[SAMPLES];
    double ratings[SAMPLES];
    size_t rows[SAMPLES];
    struct data_table table;
};

static struct made made;

/* Labelled where columns 2 and 5 are both above 0: no line parts them, questions do. */
static void make_corner(void)
{
    struct random random;
    random_seed(&random, 7);
    for (size_t i = 0; i < SAMPLES; i++) {
        float *const x = made.values + i * WIDTH;
        for (size_t j = 0; j < WIDTH; j++)
            x[j] = (float)(2 * random_unit(&random) - 1);
        made.labels[i] = x[2] > 0 && x[5] > 0;
        made.ratings[i] = made.labels[i] ? 4 : 1;
        made.rows[i] = i;
    }
    made.table = (struct data_table){made.values, WIDTH, WIDTH, made.labels, made.ratings};
}

static struct data_forest grow(size_t threads, size_t count, uint64_t seed)
{
    primer_error error = {0};
    struct pool *pool = NULL;
    struct data_forest forest;
    assert_int_equal(pool_create(&pool, threads, &error), PRIMER_OK);
    const struct data_forest_options options = {.trees = 60, .seed = seed, .pool = pool};
    if (data_forest_grow(&forest, &made.table, made.rows, count, &options, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    pool_free(pool);
    return forest;
}

static void forest_learns_a_corner(void **state)
{
    (void)state;
    size_t wrong = 0;
    make_corner();
    struct data_forest forest = grow(2, SAMPLES / 2, 1);
    assert_int_equal(data_forest_check(&forest, NULL), PRIMER_OK);
    for (size_t i = SAMPLES / 2; i < SAMPLES; i++)
        wrong += (data_forest_score(&forest, made.values + i * WIDTH) >= 0.5) != made.labels[i];
    assert_true(wrong <= 12);
    data_forest_free(&forest);
}

static void forest_is_the_same_on_any_threads(void **state)
{
    (void)state;
    size_t apart = 0;
    make_corner();
    struct data_forest one = grow(1, SAMPLES, 1), four = grow(4, SAMPLES, 1);
    struct data_forest other = grow(2, SAMPLES, 2);
    for (size_t t = 0; t < one.count; t++) {
        assert_int_equal(one.trees[t].count, four.trees[t].count);
        assert_memory_equal(one.trees[t].nodes, four.trees[t].nodes,
                            one.trees[t].count * sizeof *one.trees[t].nodes);
    }
    for (size_t i = 0; i < SAMPLES; i++)
        apart += data_forest_score(&one, made.values + i * WIDTH) !=
                 data_forest_score(&other, made.values + i * WIDTH);
    assert_true(apart > 0);
    data_forest_free(&one);
    data_forest_free(&four);
    data_forest_free(&other);
}

/* By hand: the split of 1 2 | 3 4 is at 2.5, and with leaves of two there is no other. */
static void a_tree_splits_where_impurity_falls_most(void **state)
{
    (void)state;
    static const float values[] = {1, 2, 3, 4};
    static const unsigned char labels[] = {0, 0, 1, 1};
    static const double ratings[] = {0, 0, 5, 5};
    static const size_t rows[] = {0, 1, 2, 3};
    const struct data_table table = {values, 1, 1, labels, ratings};
    primer_error error = {0};
    struct pool *pool = NULL;
    struct data_forest forest;
    size_t alone = 0;
    assert_int_equal(pool_create(&pool, 1, &error), PRIMER_OK);
    const struct data_forest_options options = {.trees = 200, .leaf = 1, .pool = pool};
    assert_int_equal(data_forest_grow(&forest, &table, rows, 4, &options, &error), PRIMER_OK);
    for (size_t t = 0; t < forest.count; t++) {
        const struct data_forest_node *const root = forest.trees[t].nodes;
        if (root->feature < 0) {
            alone++; /* the bootstrap drew one kind alone: one tree in eight */
            continue;
        }
        assert_true(root->threshold > 1 && root->threshold < 4);
        assert_int_equal(forest.trees[t].count, 3);
        assert_true(root[root->left].threshold == 0 && root[root->right].threshold == 1);
    }
    assert_true(alone > 10 && alone < 45);
    assert_true(data_forest_score(&forest, &values[0]) < 0.2);
    assert_true(data_forest_score(&forest, &values[3]) > 0.8);
    data_forest_free(&forest);
    pool_free(pool);
}

static void nodes_that_lead_astray_are_refused(void **state)
{
    (void)state;
    static const struct data_forest_node bad[][3] = {
        {{0, 1, 3, 0}, {-1, 0, 0, 0}, {-1, 0, 0, 0}},   /* beyond the end */
        {{0, 1, 0, 0}, {-1, 0, 0, 0}, {-1, 0, 0, 0}},   /* a circle */
        {{2, 1, 2, 0}, {-1, 0, 0, 0}, {-1, 0, 0, 0}},   /* no such feature */
        {{-2, 1, 2, 0}, {-1, 0, 0, 0}, {-1, 0, 0, 0}},  /* nor such */
        {{0, 1, 2, 0}, {-1, 0, 0, NAN}, {-1, 0, 0, 0}}, /* no number */
        {{0, -1, 2, 0}, {-1, 0, 0, 0}, {-1, 0, 0, 0}},  /* before the first */
    };
    struct data_forest_node nodes[3];
    struct data_forest_tree tree = {nodes, 3};
    const struct data_forest forest = {&tree, 1, 2};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        primer_error error = {0};
        memcpy(nodes, bad[i], sizeof nodes);
        assert_int_equal(data_forest_check(&forest, &error), PRIMER_EFORMAT);
        assert_non_null(strstr(error.message, "tree 0, node"));
    }
}

/* The rating is 2 + 3 x0 - x4; both forms of the equations find it, with wide and with few samples. */
static void regression_finds_the_weights(void **state)
{
    (void)state;
    static const size_t counts[] = {SAMPLES, WIDTH - 3};
    make_corner();
    for (size_t i = 0; i < SAMPLES; i++)
        made.ratings[i] =
            2 + 3 * (double)made.values[i * WIDTH] - (double)made.values[i * WIDTH + 4];
    for (size_t c = 0; c < 2; c++) {
        primer_error error = {0};
        struct data_linear linear;
        double worst = 0;
        assert_int_equal(data_linear_fit(&linear, &made.table, made.rows, counts[c], &error),
                         PRIMER_OK);
        for (size_t i = 0; i < counts[c]; i++) {
            const double apart =
                fabs(data_linear_score(&linear, made.values + i * WIDTH) - made.ratings[i]);
            worst = apart > worst ? apart : worst;
        }
        if (c == 0)
            assert_true(worst < 0.02 && fabs(linear.weights[0] - 3) < 0.02);
        else
            assert_true(worst < 6); /* few samples: strong lambda, but towards the ratings */
        data_linear_free(&linear);
    }
}

static void figures_are_those_of_the_book(void **state)
{
    (void)state;
    static const double scores[] = {0.9, 0.8, 0.7, 0.6, 0.5, 0.4};
    static const unsigned char labels[] = {1, 0, 1, 1, 0, 0};
    static const unsigned char kept[] = {1, 1, 1, 0, 0, 0};
    struct data_filter_figures figures;
    primer_error error = {0};
    double cut = 0;
    assert_int_equal(data_filter_learn_measure(scores, labels, kept, 6, 0, &figures, &error),
                     PRIMER_OK);
    assert_int_equal(figures.hits, 2);
    assert_true(fabs(figures.precision - 2.0 / 3) < 1e-12);
    assert_true(fabs(figures.recall - 2.0 / 3) < 1e-12);
    assert_true(fabs(figures.f1 - 2.0 / 3) < 1e-12);
    assert_true(fabs(figures.order - 7.0 / 9) <
                1e-12); /* of 9 pairs two stand the wrong way round */
    assert_true(figures.low < figures.f1 && figures.f1 < figures.high && figures.high <= 1);
    /* Keeping four gives 3 hits of 4 kept, 3 labelled: 6/7. */
    assert_int_equal(data_filter_learn_cut(scores, labels, 6, &cut, &error), PRIMER_OK);
    assert_true(fabs(cut - 0.55) < 1e-12);
    /* Scores that are equal can't be parted. */
    static const double equal[] = {0.5, 0.5, 0.5, 0.5, 0.5, 0.5};
    assert_int_equal(data_filter_learn_cut(equal, labels, 6, &cut, &error), PRIMER_OK);
    assert_true(cut <= 0.5);
    assert_int_equal(data_filter_learn_measure(equal, labels, kept, 6, 0, &figures, &error),
                     PRIMER_OK);
    assert_true(fabs(figures.order - 0.5) < 1e-12);
}

static struct data_filter_set set_of_made(void)
{
    struct data_filter_set set = {.count = SAMPLES, .dimensions = WIDTH};
    set.values = memory_allocate(SAMPLES * WIDTH, sizeof(float));
    set.labels = memory_allocate(SAMPLES, 1);
    set.ratings = memory_allocate(SAMPLES, sizeof(double));
    set.ids = memory_allocate(SAMPLES, sizeof(uint64_t));
    memcpy(set.values, made.values, sizeof made.values);
    memcpy(set.labels, made.labels, sizeof made.labels);
    memcpy(set.ratings, made.ratings, sizeof made.ratings);
    for (size_t i = 0; i < SAMPLES; i++)
        set.ids[i] = 1000 + i;
    return set;
}

static void what_is_held_out_takes_no_part(void **state)
{
    (void)state;
    primer_error error = {0};
    struct pool *pool = NULL;
    struct data_filter_fit fits[2] = {{0}, {0}};
    struct data_filter_figures cross, held;
    make_corner();
    struct data_filter_set set = set_of_made();
    assert_int_equal(pool_create(&pool, 2, &error), PRIMER_OK);
    assert_int_equal(data_filter_learn_divide(&set, 3, &error), PRIMER_OK);
    assert_int_equal(set.training_count + set.held_count, SAMPLES);
    assert_true(set.held_count > SAMPLES / 4 && set.held_count < SAMPLES / 2);
    const struct data_filter_learn_options options = {
        .columns = {0, WIDTH}, .trees = 60, .folds = 4, .pool = pool};
    assert_int_equal(data_filter_learn_cross(&set, set.training_count, &options, &cross, &error),
                     PRIMER_OK);
    assert_true(cross.f1 > 0.85 && cross.order > 0.95);
    assert_int_equal(data_filter_learn_fit(&set, &options, &fits[0], &error), PRIMER_OK);
    assert_int_equal(data_filter_learn_judge(&set, &fits[0], &held, &error), PRIMER_OK);
    assert_true(held.f1 > 0.85 && held.samples == set.held_count);
    /* Other labels among the held-out ones change nothing of what is learned. */
    for (size_t i = 0; i < set.held_count; i++)
        set.labels[set.held[i]] ^= 1;
    assert_int_equal(data_filter_learn_fit(&set, &options, &fits[1], &error), PRIMER_OK);
    assert_true(fits[0].cut == fits[1].cut);
    for (size_t i = 0; i < SAMPLES; i++)
        assert_true(data_filter_fit_score(&fits[0], set.values + i * WIDTH) ==
                    data_filter_fit_score(&fits[1], set.values + i * WIDTH));
    data_filter_fit_free(&fits[0]);
    data_filter_fit_free(&fits[1]);
    data_filter_set_free(&set);
    pool_free(pool);
}

/* Ratings that say nothing about the numbers: figures by folds must not pretend they do. */
static void noise_is_not_learned(void **state)
{
    (void)state;
    primer_error error = {0};
    struct pool *pool = NULL;
    struct data_filter_figures cross;
    struct random random;
    make_corner();
    random_seed(&random, 99);
    for (size_t i = 0; i < SAMPLES; i++) {
        made.labels[i] = random_below(&random, 4) == 0;
        made.ratings[i] = made.labels[i] ? 4 : 1;
    }
    struct data_filter_set set = set_of_made();
    assert_int_equal(pool_create(&pool, 2, &error), PRIMER_OK);
    assert_int_equal(data_filter_learn_divide(&set, 0, &error), PRIMER_OK);
    for (size_t method = 0; method < 2; method++) {
        const struct data_filter_learn_options options = {
            .method = method == 0 ? DATA_FILTER_FOREST : DATA_FILTER_LINEAR,
            .columns = {0, WIDTH},
            .trees = 40,
            .folds = 4,
            .pool = pool};
        assert_int_equal(data_filter_learn_cross(&set, SAMPLES, &options, &cross, &error),
                         PRIMER_OK);
        assert_true(cross.order > 0.38 && cross.order < 0.62);
    }
    /* Too few of one kind for folds. */
    memset(set.labels, 0, SAMPLES);
    const struct data_filter_learn_options options = {
        .columns = {0, WIDTH}, .trees = 5, .folds = 4, .pool = pool};
    assert_int_equal(data_filter_learn_cross(&set, SAMPLES, &options, &cross, &error),
                     PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "found 0 from the threshold on"));
    data_filter_set_free(&set);
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forest_learns_a_corner),
        cmocka_unit_test(forest_is_the_same_on_any_threads),
        cmocka_unit_test(a_tree_splits_where_impurity_falls_most),
        cmocka_unit_test(nodes_that_lead_astray_are_refused),
        cmocka_unit_test(regression_finds_the_weights),
        cmocka_unit_test(figures_are_those_of_the_book),
        cmocka_unit_test(what_is_held_out_takes_no_part),
        cmocka_unit_test(noise_is_not_learned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
