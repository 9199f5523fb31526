/* test_gemm.c - products of matrices, f32 and rounded to bfloat16: every orientation, odd sizes,
 * strides, threads and levels give the bits of the plain loop that gemm.h defines them by, and
 * nothing outside `out` is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <math.h>
#include "base/half.h"
#include "base/memory.h"
#include "base/pool.h"
#include "base/random.h"
#include "kernel/kernel.h"
#include "kernel/training.h"
#include "tensor/gemm.h"

#define GUARD 12345.5f

/* As gemm.h has it: to bfloat16 and back, what is below 2^-126 being 0. */
static float rounded(float x)
{
    if (fabsf(x) < 0x1p-126f)
        return copysignf(0.0f, x);
    return bfloat_to_float(bfloat_from_float(x));
}

/* The definition of one element's sum. */
static float sum_plainly(const struct gemm *product, size_t i, size_t j, float sum)
{
    const float *const a = product->a + i * product->a_row;
    const float *const b = product->b + j * product->b_column;
    const size_t depth = product->depth, a_step = product->a_step, b_step = product->b_step;
    if (!product->bfloat) {
        for (size_t p = 0; p < depth; p++)
            sum = fmaf(a[p * a_step], b[p * b_step], sum);
        return sum;
    }
    for (size_t p = 0; p < depth; p += 2) {
        const bool odd = p + 1 < depth;
        sum = fmaf(odd ? rounded(a[(p + 1) * a_step]) : 0.0f,
                   odd ? rounded(b[(p + 1) * b_step]) : 0.0f, sum);
        sum = fmaf(rounded(a[p * a_step]), rounded(b[p * b_step]), sum);
    }
    return sum;
}

static void multiply_plainly(const struct gemm *product)
{
    for (size_t i = 0; i < product->rows; i++)
        for (size_t j = 0; j < product->columns; j++) {
            float *const out = product->out + i * product->out_row + j;
            const float sum = sum_plainly(product, i, j, product->accumulate ? *out : 0.0f);
            *out = product->bias != NULL ? sum + product->bias[j] : sum;
        }
}

/* How one operand of lanes x depth lies: lanes apart, steps apart, 1 and more, or neither 1. */
enum lie { LANES_APART, STEPS_APART, BOTH_APART, LIES };

struct operand {
    float *values;
    size_t lane, step, floats;
};

static float number(struct random *random)
{
    const float unit = (float)(2.0 * random_unit(random) - 1.0);
    const uint64_t dice = random_below(random, 32);
    return dice == 0 ? 0.0f : dice == 1 ? -0.0f : dice == 2 ? unit * 0x1p-140f : unit;
}

/* What an element goes on from: none below 2^-126, which only some levels take as 0. */
static float start(struct random *random)
{
    const float value = number(random);
    return fabsf(value) < 0x1p-126f ? 0.0f : value;
}

static struct operand make_operand(struct random *random, enum lie lie, size_t lanes, size_t depth,
                                   size_t gap)
{
    struct operand made = {0};
    made.step = lie == LANES_APART ? 1 : lie == STEPS_APART ? lanes + gap : 2 * lanes + gap;
    made.lane = lie == LANES_APART ? depth + gap : lie == STEPS_APART ? 1 : 2;
    /* Exactly as much as may be read: the last row has no gap behind it. */
    made.floats = (lanes - 1) * made.lane + (depth > 0 ? (depth - 1) * made.step : 0) + 1;
    made.values = malloc(made.floats * sizeof *made.values);
    assert_non_null(made.values);
    for (size_t i = 0; i < made.floats; i++)
        made.values[i] = number(random);
    return made;
}

struct trial {
    size_t rows, columns, depth, gap;
    enum lie a, b;
    bool accumulate, bias, alone, bfloat;
};

static const struct kernel *level_at(int level)
{
    return kernel_at((enum cpu_level)level);
}

/* One product at one level with so many threads. */
static void run_trial(const struct kernel *kernel, struct pool *pool,
                      struct gemm_workspace *workspace, const struct trial *trial,
                      struct random *random)
{
    const size_t out_row = trial->columns + trial->gap, floats = (trial->rows + 1) * out_row;
    struct operand a = make_operand(random, trial->a, trial->rows, trial->depth, trial->gap);
    struct operand b = make_operand(random, trial->b, trial->columns, trial->depth, trial->gap);
    float *const want = malloc(floats * sizeof *want), *const got = malloc(floats * sizeof *got);
    float *const bias = malloc(trial->columns * sizeof *bias);
    assert_true(want != NULL && got != NULL && bias != NULL);
    for (size_t i = 0; i < floats; i++)
        want[i] = i % out_row < trial->columns && i / out_row < trial->rows ? start(random) : GUARD;
    for (size_t j = 0; j < trial->columns; j++)
        bias[j] = number(random);
    memcpy(got, want, floats * sizeof *got);
    struct gemm product = {.rows = trial->rows,
                           .columns = trial->columns,
                           .depth = trial->depth,
                           .a = a.values,
                           .a_row = a.lane,
                           .a_step = a.step,
                           .b = b.values,
                           .b_step = b.step,
                           .b_column = b.lane,
                           .out = want,
                           .out_row = out_row,
                           .accumulate = trial->accumulate,
                           .bias = trial->bias ? bias : NULL,
                           .bfloat = trial->bfloat};
    multiply_plainly(&product);
    product.out = got;
    if (trial->alone)
        gemm_run_here(workspace, &product, pool_size(pool) - 1);
    else
        gemm_run(workspace, &product);
    for (size_t i = 0; i < floats; i++)
        if (half_float_to_bits(got[i]) != half_float_to_bits(want[i]))
            fail_msg(
                "%s, %s, %zu threads: %zu x %zu x %zu, a %d, b %d, gap %zu, accumulate %d, bias "
                "%d: (%zu, %zu) is %a, the plain loop has %a",
                cpu_level_name(kernel->level), trial->bfloat ? "bf16" : "f32", pool_size(pool),
                trial->rows, trial->columns, trial->depth, (int)trial->a, (int)trial->b, trial->gap,
                trial->accumulate, trial->bias, i / out_row, i % out_row, (double)got[i],
                (double)want[i]);
    free(a.values);
    free(b.values);
    free(want);
    free(got);
    free(bias);
}

/* Calls `what` at every level, with a workspace of so many threads. */
static void each_level(size_t threads,
                       void (*what)(const struct kernel *kernel, struct pool *pool,
                                    struct gemm_workspace *workspace, struct random *random))
{
    struct pool *pool = NULL;
    assert_int_equal(pool_create(&pool, threads, NULL), PRIMER_OK);
    for (int level = 0; level < CPU_LEVELS; level++) {
        struct gemm_workspace *workspace = NULL;
        struct random random;
        if (level_at(level) == NULL)
            continue;
        random_seed(&random, threads * 100 + (uint64_t)level);
        assert_int_equal(gemm_workspace_create(&workspace, level_at(level), pool, NULL), PRIMER_OK);
        assert_true(gemm_workspace_bytes(workspace) > threads * sizeof(float) * 256);
        what(level_at(level), pool, workspace, &random);
        gemm_workspace_free(workspace);
    }
    pool_free(pool);
}

static struct trial random_trial(struct random *random, size_t most)
{
    struct trial trial = {.rows = 1 + random_below(random, most),
                          .columns = 1 + random_below(random, most),
                          .depth = random_below(random, most + 1),
                          .gap = random_below(random, 3) * random_below(random, 6),
                          .a = (enum lie)random_below(random, LIES),
                          .b = (enum lie)random_below(random, LIES),
                          .accumulate = random_below(random, 2) == 0,
                          .alone = random_below(random, 2) == 0,
                          .bfloat = random_below(random, 2) == 0};
    trial.bias = !trial.accumulate && random_below(random, 2) == 0;
    return trial;
}

/* Each number of rows and of columns that a tile can have, and one more. */
static void try_borders(const struct kernel *kernel, struct pool *pool,
                        struct gemm_workspace *workspace, struct random *random)
{
    const struct training_kernel *const training = training_kernel_of(kernel);
    for (size_t rows = 1; rows <= training->tile_rows + 1; rows++)
        for (size_t columns = 1; columns <= training->tile_columns + 1; columns++) {
            struct trial trial = random_trial(random, 40);
            trial.rows = rows;
            trial.columns = columns;
            run_trial(kernel, pool, workspace, &trial, random);
        }
}

static void try_sizes(const struct kernel *kernel, struct pool *pool,
                      struct gemm_workspace *workspace, struct random *random)
{
    for (int i = 0; i < 300; i++) {
        const struct trial trial = random_trial(random, i % 2 == 0 ? 70 : 20);
        run_trial(kernel, pool, workspace, &trial, random);
    }
}

/* More than one block, one piece of depth, one rectangle for each thread. */
static void try_large(const struct kernel *kernel, struct pool *pool,
                      struct gemm_workspace *workspace, struct random *random)
{
    static const struct trial large[] = {
        {300, 700, 70, 0, LANES_APART, LANES_APART, false, true, false, false},
        {90, 130, 600, 3, STEPS_APART, STEPS_APART, true, false, false, false},
        {1100, 40, 65, 1, LANES_APART, STEPS_APART, false, false, false, false},
        {33, 600, 517, 0, STEPS_APART, LANES_APART, false, true, false, false},
        {600, 33, 517, 5, LANES_APART, LANES_APART, true, false, true, false},
        {65, 65, 1031, 0, BOTH_APART, BOTH_APART, false, true, true, false},
    };
    const size_t count = kernel->level == CPU_SCALAR ? 3 : sizeof large / sizeof large[0];
    for (size_t i = 0; i < count; i++) {
        struct trial trial = large[i];
        trial.bfloat = (i + pool_size(pool)) % 2 != 0;
        run_trial(kernel, pool, workspace, &trial, random);
    }
}

static void test_borders(void **state)
{
    (void)state;
    each_level(1, try_borders);
}

static void test_sizes(void **state)
{
    (void)state;
    for (size_t threads = 1; threads <= 3; threads++)
        each_level(threads, try_sizes);
}

static void test_large(void **state)
{
    (void)state;
    for (size_t threads = 1; threads <= 3; threads++)
        each_level(threads, try_large);
}

/* NaN and infinity in a row of a and a column of b stay in that row and column. */
static void break_values(const struct kernel *kernel, struct gemm_workspace *workspace,
                         struct random *random, bool bfloat)
{
    enum { ROWS = 47, COLUMNS = 53, DEPTH = 21, BAD_ROW = 46, BAD_COLUMN = 52 };
    static float a[ROWS * DEPTH], b[COLUMNS * DEPTH], out[ROWS * COLUMNS];
    for (size_t i = 0; i < ROWS * DEPTH; i++)
        a[i] = number(random);
    for (size_t i = 0; i < COLUMNS * DEPTH; i++)
        b[i] = number(random);
    for (size_t p = 0; p < DEPTH; p++) {
        a[BAD_ROW * DEPTH + p] = p % 2 == 0 ? NAN : INFINITY;
        b[BAD_COLUMN * DEPTH + p] = p % 2 == 0 ? -INFINITY : NAN;
    }
    gemm_run(workspace, &(struct gemm){.rows = ROWS,
                                       .columns = COLUMNS,
                                       .depth = DEPTH,
                                       .a = a,
                                       .a_row = DEPTH,
                                       .a_step = 1,
                                       .b = b,
                                       .b_step = 1,
                                       .b_column = DEPTH,
                                       .out = out,
                                       .out_row = COLUMNS,
                                       .bfloat = bfloat});
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < COLUMNS; j++)
            if (isnan(out[i * COLUMNS + j]) != (i == BAD_ROW || j == BAD_COLUMN))
                fail_msg("%s: (%zu, %zu) is %a", cpu_level_name(kernel->level), i, j,
                         (double)out[i * COLUMNS + j]);
}

static void try_broken(const struct kernel *kernel, struct pool *pool,
                       struct gemm_workspace *workspace, struct random *random)
{
    (void)pool;
    break_values(kernel, workspace, random, false);
    break_values(kernel, workspace, random, true);
}

static void test_broken(void **state)
{
    (void)state;
    each_level(1, try_broken);
}

/* Products inside tasks, each on its thread's own pieces; nothing is allocated. */
enum { TASKS = 40, SIDE = 45 };
struct inside {
    struct gemm_workspace *workspace;
    const float *a, *b;
    float (*out)[SIDE * SIDE];
};

static struct gemm inside_product(const struct inside *inside, size_t task)
{
    return (struct gemm){.rows = SIDE,
                         .columns = SIDE,
                         .depth = SIDE,
                         .a = inside->a + task,
                         .a_row = SIDE,
                         .a_step = 1,
                         .b = inside->b + task,
                         .b_step = SIDE,
                         .b_column = 1,
                         .out = inside->out[task],
                         .out_row = SIDE,
                         .bfloat = task % 3 == 0};
}

static void inside_task(void *context, size_t task, size_t thread)
{
    const struct inside *const inside = context;
    const struct gemm product = inside_product(inside, task);
    if (task % 2 == 0)
        gemm_run_here(inside->workspace, &product, thread);
    else
        gemm_run(inside->workspace, &product);
}

static void try_inside(const struct kernel *kernel, struct pool *pool,
                       struct gemm_workspace *workspace, struct random *random)
{
    static float a[SIDE * SIDE + TASKS], b[SIDE * SIDE + TASKS];
    static float got[TASKS][SIDE * SIDE], want[TASKS][SIDE * SIDE];
    for (size_t i = 0; i < SIDE * SIDE + TASKS; i++) {
        a[i] = number(random);
        b[i] = number(random);
    }
    struct inside inside = {workspace, a, b, got};
    const size_t before = memory_allocation_count();
    pool_run(pool, inside_task, &inside, TASKS);
    assert_int_equal(memory_allocation_count(), before);
    inside.out = want;
    for (size_t task = 0; task < TASKS; task++) {
        const struct gemm product = inside_product(&inside, task);
        multiply_plainly(&product);
    }
    if (memcmp(got, want, sizeof got) != 0)
        fail_msg("%s: products inside tasks differ", cpu_level_name(kernel->level));
}

static void test_inside_tasks(void **state)
{
    (void)state;
    for (size_t threads = 1; threads <= 3; threads++)
        each_level(threads, try_inside);
}

/* Nothing is there, and nothing is written. */
static void try_empty(const struct kernel *kernel, struct pool *pool,
                      struct gemm_workspace *workspace, struct random *random)
{
    float out[4] = {GUARD, GUARD, GUARD, GUARD};
    (void)kernel;
    (void)pool;
    (void)random;
    const struct gemm no_rows = {.columns = 4, .depth = 3, .out = out, .out_row = 4};
    const struct gemm no_columns = {.rows = 4, .depth = 3, .out = out, .out_row = 1};
    gemm_run(workspace, &no_rows);
    gemm_run(workspace, &no_columns);
    gemm_run_here(workspace, &no_rows, 0);
    gemm_run_here(workspace, &no_columns, 0);
    for (size_t i = 0; i < 4; i++)
        assert_true(out[i] == GUARD);
}

static void test_empty(void **state)
{
    (void)state;
    each_level(2, try_empty);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct pool *pool = NULL;
    struct gemm_workspace *workspace = NULL;
    primer_error error;
    assert_int_equal(pool_create(&pool, 2, NULL), PRIMER_OK);
    for (size_t n = 0; n < 2; n++) {
        memory_fail_at(n);
        assert_int_equal(gemm_workspace_create(&workspace, kernel_best(), pool, &error),
                         PRIMER_ENOMEM);
        assert_null(workspace);
    }
    memory_fail_at(SIZE_MAX);
    assert_int_equal(gemm_workspace_create(&workspace, kernel_best(), pool, &error), PRIMER_OK);
    gemm_workspace_free(workspace);
    gemm_workspace_free(NULL);
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_borders),      cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_large),        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_inside_tasks), cmocka_unit_test(test_empty),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
