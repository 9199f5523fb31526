/* test_kernel_attention.c - one KV page of attention and the join of pages: every level equals
 * scalar bit for bit in all four formats, any head dimension, any visible range, with and without
 * Self-Extend's grouped keys; scalar equals a softmax in double precision, and one hash of its
 * results is the same on every machine. */
#include "kernel_check.h"

#include <math.h>
#include "kernel/scalar/scalar.h"

#define GOLDEN UINT64_C(0x611acd76fbc3c018)

static const enum quant_type formats[] = {QUANT_F32, QUANT_F16, QUANT_BF16, QUANT_Q8_0};

/* A page in memory that ends where it ends, and `queries` queries against it. */
struct fenced_task {
    struct fence keys, values, grouped, key_scales, value_scales, grouped_scales;
    struct fence query, grouped_query, first, last, split;
    struct kernel_attention task;
};

static size_t blocks_of(size_t count)
{
    return (count + QUANT_BLOCK - 1) / QUANT_BLOCK;
}

static size_t size_of(enum quant_type format)
{
    return format == QUANT_F32 ? 4 : format == QUANT_Q8_0 ? 1 : 2;
}

static struct fence page_data(struct random *random, enum quant_type format, enum check_kind kind,
                              size_t count)
{
    struct fence x = check_floats(random, kind, count);
    const struct fence out = fence_make(count * size_of(format));
    if (format == QUANT_Q8_0)
        for (size_t i = 0; i < count; i++)
            out.bytes[i] = (unsigned char)(random_below(random, 255) + 129);
    else
        check_scalar()->encode(format, fence_floats(&x), count, out.bytes, NULL);
    fence_free(&x);
    return out;
}

static struct fence scale_data(struct random *random, size_t count)
{
    const struct fence out = fence_make(count * 2);
    for (size_t i = 0; i < count; i++)
        ((uint16_t *)(void *)out.bytes)[i] = half_from_float((float)random_unit(random) * 0.01f);
    return out;
}

static void fill_ranges(struct random *random, const struct fenced_task *made, bool causal)
{
    for (size_t q = 0; q < made->task.queries; q++) {
        const size_t first =
            causal || random_below(random, 3) == 0 ? 0 : random_below(random, KERNEL_PAGE);
        size_t last = first + 1 + random_below(random, KERNEL_PAGE - first);
        if (causal)
            last = q < KERNEL_PAGE ? q + 1 : KERNEL_PAGE;
        made->first.bytes[q] = (unsigned char)first;
        made->last.bytes[q] =
            (unsigned char)(random_below(random, 4) == 0 && !causal ? KERNEL_PAGE : last);
        const uint64_t dice = random_below(random, 4);
        made->split.bytes[q] = (unsigned char)(dice == 0   ? 0
                                               : dice == 1 ? KERNEL_PAGE
                                                           : random_below(random, KERNEL_PAGE + 1));
    }
}

static void point_task(struct fenced_task *made, bool grouped)
{
    struct kernel_attention *const task = &made->task;
    const bool scaled = task->format == QUANT_Q8_0;
    task->page = (struct kernel_page){
        .keys = made->keys.bytes,
        .values = made->values.bytes,
        .key_scales = scaled ? (uint16_t *)(void *)made->key_scales.bytes : NULL,
        .value_scales = scaled ? (uint16_t *)(void *)made->value_scales.bytes : NULL,
        .grouped_keys = grouped ? made->grouped.bytes : NULL,
        .grouped_scales = grouped && scaled ? (uint16_t *)(void *)made->grouped_scales.bytes : NULL,
    };
    task->query = fence_floats(&made->query);
    task->grouped_query = grouped ? fence_floats(&made->grouped_query) : NULL;
    task->first = made->first.bytes;
    task->last = made->last.bytes;
    task->split = grouped ? made->split.bytes : NULL;
}

struct shape {
    enum quant_type format;
    size_t dimensions, rotary, queries;
    bool grouped, causal;
};

static struct fenced_task task_make(struct random *random, enum check_kind kind,
                                    const struct shape *shape)
{
    const size_t dimensions = shape->dimensions, queries = shape->queries, rotary = shape->rotary;
    struct fenced_task made = {
        .first = fence_make(queries),
        .last = fence_make(queries),
        .split = fence_make(queries),
        .task = {.format = shape->format,
                 .dimensions = dimensions,
                 .rotary = rotary,
                 .queries = queries},
    };
    made.keys = page_data(random, shape->format, kind, KERNEL_PAGE * dimensions);
    made.values = page_data(random, shape->format, kind, KERNEL_PAGE * dimensions);
    made.grouped = page_data(random, shape->format, kind, KERNEL_PAGE * rotary);
    made.key_scales = scale_data(random, KERNEL_PAGE * blocks_of(dimensions));
    made.value_scales = scale_data(random, KERNEL_PAGE * blocks_of(dimensions));
    made.grouped_scales = scale_data(random, KERNEL_PAGE * blocks_of(rotary));
    made.query = check_floats(random, kind == CHECK_HUGE ? CHECK_UNIT : kind, queries * dimensions);
    made.grouped_query = check_floats(random, CHECK_UNIT, queries * rotary);
    fill_ranges(random, &made, shape->causal);
    point_task(&made, shape->grouped);
    return made;
}

static void task_free(struct fenced_task *made)
{
    struct fence *const all[] = {&made->keys,       &made->values,        &made->grouped,
                                 &made->key_scales, &made->value_scales,  &made->grouped_scales,
                                 &made->query,      &made->grouped_query, &made->first,
                                 &made->last,       &made->split};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        fence_free(all[i]);
}

struct outputs {
    struct fence maximum, sum, output;
};

static struct outputs run(const struct kernel *kernel, const struct fenced_task *made)
{
    struct kernel_attention task = made->task;
    const struct outputs out = {fence_make(task.queries * sizeof(float)),
                                fence_make(task.queries * sizeof(float)),
                                fence_make(task.queries * task.dimensions * sizeof(float))};
    struct fence scratch = fence_make(
        (kernel_attention_scratch(task.dimensions, task.queries) * sizeof(float) + 63) / 64 * 64);
    task.maximum = fence_floats(&out.maximum);
    task.sum = fence_floats(&out.sum);
    task.output = fence_floats(&out.output);
    task.scratch = fence_floats(&scratch);
    task.ahead = task.queries % 2 == 1 ? scratch.map : NULL; /* it may only be fetched */
    kernel->attention(&task);
    fence_free(&scratch);
    return out;
}

static void outputs_free(struct outputs *outputs)
{
    fence_free(&outputs->maximum);
    fence_free(&outputs->sum);
    fence_free(&outputs->output);
}

static void try_task(struct random *random, enum check_kind kind, const struct shape *shape,
                     uint64_t *hash)
{
    struct fenced_task made = task_make(random, kind, shape);
    struct outputs want = run(check_scalar(), &made);
    check_hash(hash, fence_floats(&want.maximum), shape->queries);
    check_hash(hash, fence_floats(&want.sum), shape->queries);
    check_hash(hash, fence_floats(&want.output), shape->queries * shape->dimensions);
    CHECK_EACH_LEVEL(kernel)
    {
        struct outputs got = run(kernel, &made);
        const char *const level = cpu_level_name(kernel->level);
        check_same_fence(&got.maximum, &want.maximum, level, "attention's maximum");
        check_same_fence(&got.sum, &want.sum, level, "attention's sum");
        check_same_fence(&got.output, &want.output, level, "attention's output");
        outputs_free(&got);
    }
    outputs_free(&want);
    task_free(&made);
}

static void test_levels_equal_scalar(void **state)
{
    (void)state;
    static const size_t dimensions[] = {80, 64, 128, 8, 96, 20, 1, 33, 47};
    static const size_t queries[] = {1, 2, 3, 4, 5, 7, 8, 13, 16, 31};
    struct random random;
    uint64_t hash = 0;
    random_seed(&random, 1);
    for (size_t f = 0; f < 4; f++)
        for (size_t d = 0; d < 9; d++)
            for (size_t n = 0; n < 10; n++) {
                const size_t rotary = 1 + random_below(&random, dimensions[d]);
                try_task(&random, CHECK_UNIT,
                         &(struct shape){formats[f], dimensions[d], rotary, queries[n], n % 2 == 1,
                                         n % 3 == 0},
                         &hash);
            }
    print_message("hash of the attention: 0x%016llx\n", (unsigned long long)hash);
    assert_true(hash == GOLDEN);
}

static void test_odd_numbers_equal_scalar(void **state)
{
    (void)state;
    struct random random;
    uint64_t hash = 0;
    random_seed(&random, 2);
    for (enum check_kind kind = 0; kind < CHECK_BROKEN; kind++)
        for (size_t f = 0; f < 4; f++)
            for (int round = 0; round < 6; round++)
                try_task(&random, kind,
                         &(struct shape){formats[f], 1 + random_below(&random, 90), 1,
                                         1 + random_below(&random, 12), round % 2 == 1,
                                         round % 3 == 0},
                         &hash);
}

/* One and two pages' worth of queries that see all of it, or up to themselves, as a long prompt has them. */
static void test_many_queries_equal_scalar(void **state)
{
    (void)state;
    struct random random;
    uint64_t hash = 0;
    random_seed(&random, 3);
    for (size_t f = 0; f < 4; f++)
        for (size_t n = 0; n < 6; n++) {
            const size_t queries = n < 3 ? 63 + n : 124 + n; /* 63 .. 65, 127 .. 129 */
            const struct shape shape = {formats[f], 80, 32, queries, false, n % 2 == 0};
            try_task(&random, CHECK_UNIT, &shape, &hash);
        }
    try_task(&random, CHECK_UNIT, &(struct shape){QUANT_F16, 80, 32, 65, true, true}, &hash);
}

/* Splits at or before the first visible key need no grouped queries, splits past the last no
 * others. */
static void test_splits_at_the_borders(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 7);
    for (const struct kernel *kernel = check_scalar(); kernel != NULL; kernel = check_next(kernel))
        for (size_t queries = 1; queries <= 7; queries += 3) {
            struct fenced_task made = task_make(
                &random, CHECK_UNIT, &(struct shape){QUANT_F16, 20, 20, queries, true, false});
            for (size_t q = 0; q < queries; q++)
                made.split.bytes[q] = made.first.bytes[q];
            made.task.grouped_query = NULL;
            struct outputs none = run(kernel, &made);
            made.task.split = NULL;
            struct outputs plain = run(check_scalar(), &made);
            check_same_fence(&none.output, &plain.output, cpu_level_name(kernel->level),
                             "no split");
            made.task.split = made.split.bytes;
            memset(made.split.bytes, KERNEL_PAGE, queries);
            made.task.grouped_query = fence_floats(&made.grouped_query);
            struct outputs all = run(kernel, &made), want = run(check_scalar(), &made);
            check_same_fence(&all.output, &want.output, cpu_level_name(kernel->level), "all split");
            outputs_free(&none);
            outputs_free(&plain);
            outputs_free(&all);
            outputs_free(&want);
            task_free(&made);
        }
}

/* What isn't visible may be anything, NaN included. */
static void test_invisible_keys_do_not_matter(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 4);
    for (const struct kernel *kernel = check_scalar(); kernel != NULL; kernel = check_next(kernel))
        for (size_t queries = 1; queries <= 9; queries += 4) {
            struct fenced_task made = task_make(
                &random, CHECK_UNIT, &(struct shape){QUANT_F32, 20, 1, queries, false, false});
            memset(made.first.bytes, 5, queries);
            memset(made.last.bytes, 38, queries);
            struct outputs before = run(kernel, &made);
            for (size_t j = 0; j < KERNEL_PAGE; j++)
                for (size_t d = 0; d < 20 && (j < 5 || j >= 38); d++) {
                    fence_floats(&made.keys)[(j / 16 * 20 + d) * 16 + j % 16] =
                        d % 2 ? NAN : INFINITY;
                    fence_floats(&made.values)[j * 20 + d] = d % 2 ? INFINITY : NAN;
                }
            struct outputs after = run(kernel, &made);
            check_same_fence(&after.maximum, &before.maximum, cpu_level_name(kernel->level),
                             "maximum");
            check_same_fence(&after.sum, &before.sum, cpu_level_name(kernel->level), "sum");
            check_same_fence(&after.output, &before.output, cpu_level_name(kernel->level),
                             "output");
            assert_true(kernel->finite(fence_floats(&after.output), queries * 20));
            outputs_free(&before);
            outputs_free(&after);
            task_free(&made);
        }
}

/* exp of every level at its lower end: the score of key j is x[j], value j is the unit vector j, so
 * that output j is exp(x[j] - max). */
static void test_exp_below_zero(void **state)
{
    (void)state;
    const float query[KERNEL_PAGE] = {1.0f}, edges[] = {-87.33654f, -87.0f, -0.34657359f, -103.0f};
    static float keys[KERNEL_PAGE * KERNEL_PAGE], values[KERNEL_PAGE * KERNEL_PAGE];
    for (size_t j = 0; j < KERNEL_PAGE; j++) {
        float *const key = &keys[j / 16 * KERNEL_PAGE * 16 + j % 16]; /* dimension 0 */
        *key = half_bits_to_float(half_float_to_bits(edges[j % 4]) + (uint32_t)(j / 4) - 8);
        values[j * KERNEL_PAGE + j] = 1.0f;
    }
    keys[0] = 0.0f;
    keys[1] = -INFINITY;
    keys[2] = -0.0f;
    const uint8_t first = 0, last = KERNEL_PAGE;
    for (const struct kernel *kernel = check_scalar(); kernel != NULL;
         kernel = check_next(kernel)) {
        float maximum, sum, output[KERNEL_PAGE], want[KERNEL_PAGE];
        struct fence scratch = fence_make(kernel_attention_scratch(KERNEL_PAGE, 1) * sizeof(float));
        const struct kernel_attention task = {.format = QUANT_F32,
                                              .dimensions = KERNEL_PAGE,
                                              .page = {.keys = keys, .values = values},
                                              .queries = 1,
                                              .query = query,
                                              .first = &first,
                                              .last = &last,
                                              .maximum = &maximum,
                                              .sum = &sum,
                                              .output = output,
                                              .scratch = fence_floats(&scratch)};
        kernel->attention(&task);
        for (size_t j = 0; j < KERNEL_PAGE; j++)
            want[j] = scalar_vector_exp(keys[j / 16 * KERNEL_PAGE * 16 + j % 16]);
        assert_true(half_float_to_bits(maximum) == 0);
        check_same(output, want, KERNEL_PAGE, cpu_level_name(kernel->level), "exp below zero");
        fence_free(&scratch);
    }
}

static void test_join_equals_scalar(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 5);
    for (size_t dimensions = 1; dimensions <= 129; dimensions++) {
        struct fence output = check_floats(&random, CHECK_UNIT, dimensions);
        struct fence o = check_floats(&random, CHECK_UNIT, dimensions);
        const float maximum = check_number(&random, CHECK_UNIT) * 40.0f, sum = 3.25f;
        const float m = dimensions % 3 == 0 ? -INFINITY : check_number(&random, CHECK_UNIT) * 40.0f;
        struct fence want = fence_copy(&o);
        float want_m = m, want_l = 1.75f;
        check_scalar()->attention_join(dimensions, maximum, sum, fence_floats(&output), &want_m,
                                       &want_l, fence_floats(&want));
        CHECK_EACH_LEVEL(kernel)
        {
            struct fence got = fence_copy(&o);
            float got_m = m, got_l = 1.75f;
            kernel->attention_join(dimensions, maximum, sum, fence_floats(&output), &got_m, &got_l,
                                   fence_floats(&got));
            check_same(&got_m, &want_m, 1, cpu_level_name(kernel->level), "join's maximum");
            check_same(&got_l, &want_l, 1, cpu_level_name(kernel->level), "join's sum");
            check_same_fence(&got, &want, cpu_level_name(kernel->level), "join's output");
            fence_free(&got);
        }
        fence_free(&output);
        fence_free(&o);
        fence_free(&want);
    }
}

/* Softmax over two pages in double precision; keys below the split in their grouped rotation. */
static void exact_attention(const struct fenced_task pages[2], size_t query, double *out)
{
    const size_t dimensions = pages[0].task.dimensions, rotary = pages[0].task.rotary;
    double total = 0.0;
    memset(out, 0, dimensions * sizeof *out);
    for (size_t page = 0; page < 2; page++)
        for (size_t j = pages[page].first.bytes[query]; j < pages[page].last.bytes[query]; j++) {
            const struct fenced_task *const made = &pages[page];
            const bool grouped = made->task.split != NULL && j < made->task.split[query];
            double score = 0.0;
            for (size_t d = 0; d < dimensions; d++)
                score += grouped && d < rotary
                             ? (double)made->task.grouped_query[query * rotary + d] *
                                   (double)fence_floats(
                                       &made->grouped)[(j / 16 * rotary + d) * 16 + j % 16]
                             : (double)made->task.query[query * dimensions + d] *
                                   (double)fence_floats(
                                       &made->keys)[(j / 16 * dimensions + d) * 16 + j % 16];
            total += exp(score);
            for (size_t d = 0; d < dimensions; d++)
                out[d] += exp(score) * (double)fence_floats(&made->values)[j * dimensions + d];
        }
    for (size_t d = 0; d < dimensions; d++)
        out[d] /= total;
}

static void test_scalar_is_right(void **state)
{
    (void)state;
    enum { DIMENSIONS = 24, QUERIES = 6 };
    struct random random;
    random_seed(&random, 6);
    for (int grouped = 0; grouped < 2; grouped++) {
        struct fenced_task pages[2];
        struct outputs parts[2];
        for (size_t page = 0; page < 2; page++) {
            pages[page] =
                task_make(&random, CHECK_UNIT,
                          &(struct shape){QUANT_F32, DIMENSIONS, 10, QUERIES, grouped == 1, false});
            if (page == 1) { /* the same queries against another page */
                memcpy(pages[1].query.bytes, pages[0].query.bytes, pages[0].query.size);
                memcpy(pages[1].grouped_query.bytes, pages[0].grouped_query.bytes,
                       pages[0].grouped_query.size);
            }
            parts[page] = run(check_scalar(), &pages[page]);
        }
        for (size_t q = 0; q < QUERIES; q++) {
            float m = -INFINITY, l = 0.0f, o[DIMENSIONS] = {0};
            double exact[DIMENSIONS];
            for (size_t page = 0; page < 2; page++)
                check_scalar()->attention_join(DIMENSIONS, fence_floats(&parts[page].maximum)[q],
                                               fence_floats(&parts[page].sum)[q],
                                               fence_floats(&parts[page].output) + q * DIMENSIONS,
                                               &m, &l, o);
            exact_attention(pages, q, exact);
            for (size_t d = 0; d < DIMENSIONS; d++)
                if (!(fabs((double)(o[d] / l) - exact[d]) <= 2e-6))
                    fail_msg("%.9g where %.9g is right", (double)(o[d] / l), exact[d]);
        }
        for (size_t page = 0; page < 2; page++) {
            task_free(&pages[page]);
            outputs_free(&parts[page]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels_equal_scalar),
        cmocka_unit_test(test_odd_numbers_equal_scalar),
        cmocka_unit_test(test_many_queries_equal_scalar),
        cmocka_unit_test(test_invisible_keys_do_not_matter),
        cmocka_unit_test(test_splits_at_the_borders),
        cmocka_unit_test(test_exp_below_zero),
        cmocka_unit_test(test_join_equals_scalar),
        cmocka_unit_test(test_scalar_is_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
