/* test_grow_map.c - the arithmetic of growth: the published depth map, heads and rotary pairs, and
 * what stands where in one small matrix. */
#include "train/train_grow_map.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "train/train_grow_axis.h"
#include "train/train_grow_fill.h"

/* ---- index arithmetic ---- */

static void test_depth(void **state)
{
    (void)state;
    /* i * 20 / 24 and i * 24 / 32, rounded by hand, halves up. */
    static const size_t SLIDE[24] = {0,  1,  2,  3,  3,  4,  5,  6,  7,  8,  8,  9,
                                     10, 11, 12, 13, 13, 14, 15, 16, 17, 18, 18, 19};
    static const size_t PHI[32] = {0,  1,  2,  2,  3,  4,  5,  5,  6,  7,  8,  8,  9,  10, 11, 11,
                                   12, 13, 14, 14, 15, 16, 17, 17, 18, 19, 20, 20, 21, 22, 23, 23};
    static const size_t FOURFOLD[8] = {0, 0, 1, 1, 1, 1, 1, 1}; /* 2 would be the last two */
    for (size_t i = 0; i < 24; i++)
        assert_int_equal(train_grow_map_layer(i, 20, 24), SLIDE[i]);
    for (size_t i = 0; i < 32; i++)
        assert_int_equal(train_grow_map_layer(i, 24, 32), PHI[i]);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(train_grow_map_layer(i, 2, 8), FOURFOLD[i]);
    for (size_t from = 1; from < 20; from++)
        for (size_t to = from; to < 50; to++) {
            size_t last = 0;
            for (size_t i = 0; i < to; i++) {
                const size_t now = train_grow_map_layer(i, from, to);
                assert_true(now == last || now == last + 1);
                last = now;
            }
            assert_int_equal(last, from - 1);
        }
}

static primer_grow_shape resolved(const primer_grow_shape *from, primer_grow_options options,
                                  enum train_grow_method method)
{
    primer_grow_shape to = {0};
    primer_error error = {0};
    if (train_grow_map_shape(from, &options, method, &to, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return to;
}

static primer_grow_summary mapped(const primer_grow_shape *from, const primer_grow_shape *to,
                                  bool interleaved)
{
    primer_grow_summary summary = {.from = *from, .to = *to};
    primer_error error = {0};
    if (train_grow_map_create(&summary, interleaved, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return summary;
}

static const primer_grow_shape PHI_1_5 = {.vocabulary = 51200,
                                          .layers = 24,
                                          .embedding = 2048,
                                          .heads = 32,
                                          .kv_heads = 32,
                                          .head_dimensions = 64,
                                          .rotary_dimensions = 32,
                                          .feed_forward = 8192};

static void test_phi_2(void **state)
{
    (void)state;
    const primer_grow_options options = {.layers = 32, .embedding = 2560, .feed_forward = 10240};
    const primer_grow_shape to = resolved(&PHI_1_5, options, TRAIN_GROW_TILE);
    assert_int_equal(to.heads, 32);
    assert_int_equal(to.kv_heads, 32);
    assert_int_equal(to.head_dimensions, 80);
    assert_int_equal(to.rotary_dimensions, 32);
    primer_grow_summary summary = mapped(&PHI_1_5, &to, false);
    const primer_grow_map *keys = &summary.maps[PRIMER_GROW_HEAD_DIMENSIONS],
                          *values = &summary.maps[PRIMER_GROW_VALUE_DIMENSIONS],
                          *embedding = &summary.maps[PRIMER_GROW_EMBEDDING];
    for (size_t i = 0; i < 80; i++) {
        assert_int_equal(keys->sources[i], i < 64 ? i : i - 32); /* 32..47 once more */
        assert_int_equal(values->sources[i], i < 64 ? i : i - 64);
        assert_int_equal(keys->repeats[i], i >= 64);
        assert_int_equal(values->repeats[i], i >= 64);
    }
    for (size_t i = 0; i < 2560; i++) {
        assert_int_equal(embedding->sources[i], i < 2048 ? i : i - 2048);
        assert_int_equal(embedding->repeats[i], i >= 2048);
    }
    primer_grow_summary_free(&summary);
}

/* What a head's rotary dimensions copy when there are more. */
static void check_pairs(size_t from, size_t to, bool interleaved, const size_t *expected)
{
    const primer_grow_shape small = {.vocabulary = 8,
                                     .layers = 1,
                                     .embedding = from,
                                     .heads = 1,
                                     .kv_heads = 1,
                                     .head_dimensions = from,
                                     .rotary_dimensions = from,
                                     .feed_forward = 8};
    const primer_grow_shape large =
        resolved(&small, (primer_grow_options){.embedding = to}, TRAIN_GROW_TILE);
    assert_int_equal(large.rotary_dimensions, to);
    primer_grow_summary summary = mapped(&small, &large, interleaved);
    const primer_grow_map *map = &summary.maps[PRIMER_GROW_HEAD_DIMENSIONS];
    for (size_t i = 0; i < to; i++)
        assert_int_equal(map->sources[i], expected[i]);
    primer_grow_summary_free(&summary);
}

static void test_pairs(void **state)
{
    (void)state;
    /* Pairs 4 -> 5: i * 0.8 is 0, 0.8, 1.6, 2.4, 3.2. */
    check_pairs(8, 10, true, (size_t[]){0, 1, 2, 3, 4, 5, 4, 5, 6, 7});
    check_pairs(8, 10, false, (size_t[]){0, 1, 2, 2, 3, 4, 5, 6, 6, 7});
    /* Pairs 2 -> 4: every second has the angle that it was trained with, and is its first copy. */
    check_pairs(4, 8, true, (size_t[]){0, 1, 0, 1, 2, 3, 2, 3});
    check_pairs(4, 8, false, (size_t[]){0, 0, 1, 1, 2, 2, 3, 3});
    /* Partial rotation that grows: 4 of 6 -> 8 of 12. */
    const primer_grow_shape small = {.vocabulary = 8,
                                     .layers = 1,
                                     .embedding = 12,
                                     .heads = 2,
                                     .kv_heads = 2,
                                     .head_dimensions = 6,
                                     .rotary_dimensions = 4,
                                     .feed_forward = 8};
    const primer_grow_options options = {.embedding = 24, .rotary_dimensions = 8};
    const primer_grow_shape large = resolved(&small, options, TRAIN_GROW_TILE);
    primer_grow_summary summary = mapped(&small, &large, false);
    static const size_t PARTIAL[12] = {0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 4, 5};
    for (size_t i = 0; i < 12; i++)
        assert_int_equal(summary.maps[PRIMER_GROW_HEAD_DIMENSIONS].sources[i], PARTIAL[i]);
    primer_grow_summary_free(&summary);
}

/* Angles of a new pair and of the one it copies, base^(-i / pairs): never further apart than half
 * of the source's step, where a wrapped copy would be. */
static void test_pairs_keep_angles(void **state)
{
    (void)state;
    for (size_t from = 1; from <= 48; from++)
        for (size_t to = from; to <= 2 * from; to++)
            for (size_t i = 0; i < to; i++) {
                const double wanted = (double)i / (double)to * (double)from;
                const double found = (double)train_grow_map_pair(i, from, to);
                assert_true(fabs(wanted - found) <= 0.5 + 1e-9);
            }
}

static void check_heads(size_t heads, size_t kv_heads, size_t new_heads, size_t new_kv_heads,
                        const size_t *expected)
{
    const primer_grow_shape small = {.vocabulary = 8,
                                     .layers = 1,
                                     .embedding = heads * 4,
                                     .heads = heads,
                                     .kv_heads = kv_heads,
                                     .head_dimensions = 4,
                                     .rotary_dimensions = 4,
                                     .feed_forward = 8};
    const primer_grow_options options = {
        .embedding = heads * 8, .heads = new_heads, .kv_heads = new_kv_heads, .head_dimensions = 4};
    const primer_grow_shape large = resolved(&small, options, TRAIN_GROW_CLONE);
    primer_grow_summary summary = mapped(&small, &large, true);
    const primer_grow_map *queries = &summary.maps[PRIMER_GROW_HEADS],
                          *keys = &summary.maps[PRIMER_GROW_KV_HEADS];
    const size_t shared = heads / kv_heads, each = new_heads / large.kv_heads;
    for (size_t h = 0; h < new_heads; h++) {
        assert_int_equal(queries->sources[h], expected[h]);
        /* The keys that it meets are copies of those it met. */
        assert_int_equal(keys->sources[h / each], queries->sources[h] / shared);
    }
    primer_grow_summary_free(&summary);
}

static void test_heads(void **state)
{
    (void)state;
    check_heads(2, 2, 4, 0, (size_t[]){0, 1, 0, 1});
    check_heads(4, 2, 8, 0, (size_t[]){0, 1, 2, 3, 0, 1, 2, 3});
    check_heads(4, 2, 8, 2, (size_t[]){0, 1, 0, 1, 2, 3, 2, 3});
    check_heads(8, 2, 8, 4, (size_t[]){0, 1, 4, 5, 2, 3, 6, 7});
    check_heads(4, 2, 6, 0, (size_t[]){0, 1, 2, 3, 0, 1});
}

/* ---- one matrix ---- */

enum { ROWS = 3, COLUMNS = 5, SMALL_ROWS = 2, SMALL_COLUMNS = 3 };

static const float SMALL[SMALL_ROWS][SMALL_COLUMNS] = {{1, 2, 3}, {4, 5, 6}};

static uint32_t row_sources[ROWS] = {0, 1, 0}, column_sources[COLUMNS] = {0, 1, 2, 0, 1};
static bool row_repeats[ROWS] = {false, false, true},
            column_repeats[COLUMNS] = {false, false, false, true, true};
static uint32_t row_copies[SMALL_ROWS] = {2, 1}, column_copies[SMALL_COLUMNS] = {2, 2, 1};

static const struct train_grow_axis row_axis = {ROWS,        SMALL_ROWS, row_sources,
                                                row_repeats, row_copies, NULL};
static const struct train_grow_axis column_axis = {COLUMNS,        SMALL_COLUMNS, column_sources,
                                                   column_repeats, column_copies, NULL};

static struct train_grow_fill filling(enum train_grow_method method, enum train_grow_kind kind)
{
    return (struct train_grow_fill){.method = method,
                                    .kind = kind,
                                    .rows = &row_axis,
                                    .columns = &column_axis,
                                    .mean = 3.5,
                                    .deviation = 1.5,
                                    .seed = 7};
}

static void fill_all(const struct train_grow_fill *fill, float out[ROWS][COLUMNS])
{
    double scratch[COLUMNS + SMALL_COLUMNS];
    assert_true(train_grow_fill_scratch(fill) <= sizeof scratch / sizeof *scratch);
    for (size_t r = ROWS; r-- > 0;) /* rows in any order */
        train_grow_fill_row(fill, r, SMALL[row_sources[r]], scratch, out[r]);
}

static void test_tile_elements(void **state)
{
    (void)state;
    static const float EXPECTED[ROWS][COLUMNS] = {
        {1, 2, 3, 1, 2}, {4, 5, 6, 4, 5}, {1, 2, 3, 1, 2}};
    struct train_grow_fill fill = filling(TRAIN_GROW_TILE, TRAIN_GROW_LINEAR);
    float out[ROWS][COLUMNS], noisy[ROWS][COLUMNS];
    fill_all(&fill, out);
    assert_memory_equal(out, EXPECTED, sizeof out);
    fill.noise = 0.5;
    fill_all(&fill, noisy);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t c = 0; c < COLUMNS; c++)
            if (r < SMALL_ROWS && c < SMALL_COLUMNS)
                assert_true(noisy[r][c] == EXPECTED[r][c]);
            else
                assert_true(noisy[r][c] != EXPECTED[r][c] &&
                            fabsf(noisy[r][c] - EXPECTED[r][c]) < 0.5F * 1.5F * 6.0F);
}

static void test_reuse_elements(void **state)
{
    (void)state;
    struct train_grow_fill fill = filling(TRAIN_GROW_REUSE, TRAIN_GROW_LINEAR);
    float out[ROWS][COLUMNS], other[ROWS][COLUMNS];
    fill_all(&fill, out);
    fill.seed = 8;
    fill_all(&fill, other);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t c = 0; c < COLUMNS; c++)
            if (r < SMALL_ROWS && c < SMALL_COLUMNS)
                assert_true(out[r][c] == SMALL[r][c] && other[r][c] == SMALL[r][c]);
            else
                assert_true(out[r][c] != other[r][c] && fabsf(out[r][c]) < 6.0F * 0.02F);
}

static void test_clone_elements(void **state)
{
    (void)state;
    static const float EXPECTED[ROWS][COLUMNS] = {
        {0.5F, 1, 3, 0.5F, 1}, {2, 2.5F, 6, 2, 2.5F}, {0.5F, 1, 3, 0.5F, 1}};
    struct train_grow_fill fill = filling(TRAIN_GROW_CLONE, TRAIN_GROW_LINEAR);
    float out[ROWS][COLUMNS], noisy[ROWS][COLUMNS], again[ROWS][COLUMNS];
    fill_all(&fill, out);
    assert_memory_equal(out, EXPECTED, sizeof out);
    fill.noise = 0.5;
    fill_all(&fill, noisy);
    fill_all(&fill, again);
    assert_memory_equal(noisy, again, sizeof noisy);
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t c = 0; c < SMALL_COLUMNS - 1; c++) {
            /* Both copies differ from the half, and sum to the whole. */
            assert_true(noisy[r][c] != EXPECTED[r][c] && noisy[r][c + 3] != EXPECTED[r][c + 3]);
            assert_float_equal(noisy[r][c] + noisy[r][c + 3], SMALL[row_sources[r]][c], 1e-6);
        }
        assert_true(noisy[r][2] == EXPECTED[r][2]); /* the only copy */
    }
    assert_true(noisy[0][0] !=
                noisy[2][0]); /* rows that compute the same have noise of their own */
    fill.kind = TRAIN_GROW_TABLE;
    fill_all(&fill, out);
    assert_true(out[2][4] == 2.0F && out[1][0] == 4.0F);
    fill.silent = true;
    fill_all(&fill, out);
    for (size_t i = 0; i < (size_t)ROWS * COLUMNS; i++)
        assert_true(out[i / COLUMNS][i % COLUMNS] == 0.0F);
}

/* The deviation of a clone's noise is the part of the copy's that was asked for, for any m. */
static void test_clone_noise_size(void **state)
{
    (void)state;
    enum { SOURCES = 500, MOST = 4 };
    for (size_t copies = 2; copies <= MOST; copies++) {
        uint32_t sources[SOURCES * MOST], counts[SOURCES];
        bool repeats[SOURCES * MOST] = {false};
        float source[SOURCES] = {0}, out[SOURCES * MOST];
        double scratch[SOURCES * MOST + SOURCES], squares = 0;
        const size_t count = SOURCES * copies;
        for (size_t i = 0; i < count; i++)
            sources[i] = (uint32_t)(i % SOURCES);
        for (size_t i = 0; i < SOURCES; i++)
            counts[i] = (uint32_t)copies;
        const struct train_grow_axis columns = {count, SOURCES, sources, repeats, counts, NULL};
        struct train_grow_fill fill = filling(TRAIN_GROW_CLONE, TRAIN_GROW_LINEAR);
        fill.columns = &columns;
        fill.noise = 0.2;
        train_grow_fill_row(&fill, 0, source, scratch, out);
        for (size_t i = 0; i < count; i++)
            squares += (double)out[i] * (double)out[i];
        const double found = sqrt(squares / (double)count) * (double)copies;
        assert_true(fabs(found / (1.5 * 0.2) - 1.0) < 0.06);
    }
}

static void test_vector_elements(void **state)
{
    (void)state;
    static const float SOURCE[SMALL_COLUMNS] = {2, 4, 6};
    float out[COLUMNS];
    struct train_grow_fill fill = filling(TRAIN_GROW_REUSE, TRAIN_GROW_NORM);
    train_grow_fill_row(&fill, 0, SOURCE, NULL, out);
    assert_memory_equal(out, ((float[]){2, 4, 6, 3.5F, 3.5F}), sizeof out);
    fill.kind = TRAIN_GROW_BIAS;
    train_grow_fill_row(&fill, 0, SOURCE, NULL, out);
    assert_memory_equal(out, ((float[]){2, 4, 6, 0, 0}), sizeof out);
    fill.method = TRAIN_GROW_TILE;
    fill.noise = 0.5;
    train_grow_fill_row(&fill, 0, SOURCE, NULL, out);
    assert_memory_equal(out, ((float[]){2, 4, 6, 2, 4}), sizeof out);
    fill.method = TRAIN_GROW_CLONE;
    fill.divided = true;
    train_grow_fill_row(&fill, 0, SOURCE, NULL, out);
    assert_memory_equal(out, ((float[]){1, 2, 6, 1, 2}), sizeof out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_phi_2),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_pairs_keep_angles),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_tile_elements),
        cmocka_unit_test(test_reuse_elements),
        cmocka_unit_test(test_clone_elements),
        cmocka_unit_test(test_clone_noise_size),
        cmocka_unit_test(test_vector_elements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
