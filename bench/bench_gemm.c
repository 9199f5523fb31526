/* bench_gemm.c - how fast training's matrix products are, beside the processor's peak of f32
 * multiply-adds measured in the same moments.
 *
 *   bench_gemm [bf16] [LEVEL [ROWS COLUMNS DEPTH [LAYOUT]]]   at this level; this shape alone
 *
 * Each line: the shape out[rows][columns] over depth; which operand lies transposed (xW: y = x W^T,
 * dx = dy W, dW = dy^T x; QK and PV, those of attention, many small products on one thread); the
 * number of threads; GFLOP/s (a multiply-add counted twice), the peak, and the share of it; all
 * by processor time, divided by the number of threads, and last the share by the clock. With bf16
 * the same product of factors rounded to bfloat16 takes turns too: its GFLOP/s, and how many times
 * those of f32 these are. A product
 * and a loop of nothing but multiply-adds take turns; of each the best counts, since on a busy
 * machine other programs only ever take time away.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/memory.h"
#include "base/pool.h"
#include "base/random.h"
#include "kernel/kernel.h"
#include "tensor/gemm.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define SUMS         12 /* independent ones: more than latency times units */
#define PEAK_ROUNDS  200000
#define LEAST_ROUNDS 10
#define LEAST_TIME   500000000u        /* nanoseconds for one line */
#define SMALL_WORK   ((size_t)1 << 27) /* multiply-adds of repeated small products */

static volatile float sink;

#define PEAK_LOOP(type, set, fma, lanes)                                                           \
    type sums[SUMS], x = set(0.5f), y = set(1.0f);                                                 \
    for (int i = 0; i < SUMS; i++)                                                                 \
        sums[i] = set((float)i);                                                                   \
    for (long round = 0; round < PEAK_ROUNDS; round++)                                             \
        _Pragma("GCC unroll 12") for (int i = 0; i < SUMS; i++) sums[i] = fma(sums[i], x, y);      \
    for (int i = 0; i < SUMS; i++) {                                                               \
        float out[lanes];                                                                          \
        memcpy(out, &sums[i], sizeof out);                                                         \
        sink = out[0];                                                                             \
    }                                                                                              \
    return 2.0 * SUMS * PEAK_ROUNDS * (lanes)

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static double peak_16(void)
{
    PEAK_LOOP(__m512, _mm512_set1_ps, _mm512_fmadd_ps, 16);
}
__attribute__((target("avx2,fma"))) static double peak_8(void)
{
    PEAK_LOOP(__m256, _mm256_set1_ps, _mm256_fmadd_ps, 8);
}
#elif defined(__aarch64__)
#define MULTIPLY_ADD(a, b, c) vfmaq_f32(c, a, b)
static double peak_4(void)
{
    PEAK_LOOP(float32x4_t, vdupq_n_f32, MULTIPLY_ADD, 4);
}
#endif

/* Operations of one run of the peak's loop; NULL where the level has none. */
static double (*peak_of(enum cpu_level level))(void)
{
#if defined(__x86_64__)
    return level == CPU_AVX512 ? peak_16 : level == CPU_SCALAR ? NULL : peak_8;
#elif defined(__aarch64__)
    return level == CPU_SCALAR ? NULL : peak_4;
#else
    return NULL;
#endif
}

enum layout { FORWARD, BACKWARD, WEIGHTS, SCORES, VALUES };
static const char *const layout_names[] = {"xW", "dx", "dW", "QK", "PV"};

struct shape {
    size_t rows, columns, depth;
    enum layout layout;
};

static const struct shape shapes[] = {
    {4096, 256, 256, FORWARD},   {4096, 1024, 256, FORWARD},  {4096, 8192, 256, FORWARD},
    {4096, 256, 1024, FORWARD},  {4096, 1024, 1024, FORWARD}, {4096, 1024, 256, BACKWARD},
    {4096, 256, 1024, BACKWARD}, {4096, 256, 8192, BACKWARD}, {256, 256, 4096, WEIGHTS},
    {1024, 256, 4096, WEIGHTS},  {256, 1024, 4096, WEIGHTS},  {8192, 256, 4096, WEIGHTS},
    {64, 64, 32, SCORES},        {64, 512, 64, SCORES},       {512, 512, 32, SCORES},
    {512, 512, 64, SCORES},      {512, 512, 128, SCORES},     {64, 32, 64, VALUES},
    {512, 32, 512, VALUES},      {512, 64, 512, VALUES},      {512, 128, 512, VALUES},
};

struct bench {
    const struct kernel *kernel;
    struct pool *pool;
    struct gemm_workspace *workspace;
    struct gemm product;
    size_t threads, repeats;
    double (*peak)(void);
    bool bfloat; /* wanted too */
    float *a, *b, *out;
};

static void peak_task(void *context, size_t task, size_t thread)
{
    (void)task;
    (void)thread;
    ((const struct bench *)context)->peak();
}

/* Operations a second, by the processor's time and by the clock. */
struct rate {
    double busy, passed;
};

struct moment {
    uint64_t busy, passed;
};

static struct moment moment_now(void)
{
    return (struct moment){clock_cpu_nanoseconds(), clock_nanoseconds()};
}

static struct rate rate_since(struct moment start, double operations, size_t threads)
{
    const struct moment now = moment_now();
    return (struct rate){operations * (double)threads / ((double)(now.busy - start.busy) * 1e-9),
                         operations / ((double)(now.passed - start.passed) * 1e-9)};
}

static void keep_best(struct rate *best, struct rate now)
{
    best->busy = now.busy > best->busy ? now.busy : best->busy;
    best->passed = now.passed > best->passed ? now.passed : best->passed;
}

static struct rate peak_rate(struct bench *bench)
{
    const enum cpu_level level = bench->kernel->level;
    const double lanes = level == CPU_AVX512 ? 16.0 : level >= CPU_NEON ? 4.0 : 8.0;
    const struct moment start = moment_now();
    if (bench->peak == NULL)
        return (struct rate){0.0, 0.0};
    pool_run(bench->pool, peak_task, bench, bench->threads);
    return rate_since(start, 2.0 * SUMS * PEAK_ROUNDS * lanes * (double)bench->threads,
                      bench->threads);
}

static struct rate product_rate(struct bench *bench, bool small, bool bfloat)
{
    struct gemm *const product = &bench->product;
    product->bfloat = bfloat;
    const struct moment start = moment_now();
    for (size_t i = 0; i < bench->repeats; i++)
        if (small)
            gemm_run_here(bench->workspace, product, 0);
        else
            gemm_run(bench->workspace, product);
    return rate_since(start,
                      2.0 * (double)product->rows * (double)product->columns *
                          (double)product->depth * (double)bench->repeats,
                      bench->threads);
}

/* x W^T: x [rows][depth], W [columns][depth]; dy W: W [depth][columns];
 * dy^T x: dy [depth][rows]. */
static void lay_out(struct bench *bench, const struct shape *shape)
{
    const bool a_across = shape->layout == WEIGHTS;
    const bool b_along = shape->layout == FORWARD || shape->layout == SCORES;
    bench->product = (struct gemm){.rows = shape->rows,
                                   .columns = shape->columns,
                                   .depth = shape->depth,
                                   .a = bench->a,
                                   .a_row = a_across ? 1 : shape->depth,
                                   .a_step = a_across ? shape->rows : 1,
                                   .b = bench->b,
                                   .b_step = b_along ? 1 : shape->columns,
                                   .b_column = b_along ? shape->depth : 1,
                                   .out = bench->out,
                                   .out_row = shape->columns,
                                   .accumulate = a_across};
}

static bool fill(struct bench *bench, const struct shape *shape)
{
    struct random random;
    const size_t a = shape->rows * shape->depth, b = shape->depth * shape->columns;
    bench->a = memory_allocate_aligned(a, sizeof(float));
    bench->b = memory_allocate_aligned(b, sizeof(float));
    bench->out = memory_allocate_aligned(shape->rows * shape->columns, sizeof(float));
    if (bench->a == NULL || bench->b == NULL || bench->out == NULL)
        return false;
    random_seed(&random, 1);
    for (size_t i = 0; i < a; i++)
        bench->a[i] = (float)random_unit(&random) - 0.5f;
    for (size_t i = 0; i < b; i++)
        bench->b[i] = (float)random_unit(&random) - 0.5f;
    memset(bench->out, 0, shape->rows * shape->columns * sizeof(float));
    return true;
}

static void print_shape(struct bench *bench, const struct shape *shape)
{
    const bool small = shape->layout == SCORES || shape->layout == VALUES;
    struct rate best = {0.0, 0.0}, rounded = {0.0, 0.0}, peak = {0.0, 0.0};
    if (!fill(bench, shape))
        abort();
    lay_out(bench, shape);
    bench->repeats = small ? 1 + SMALL_WORK / (shape->rows * shape->columns * shape->depth) : 1;
    const uint64_t start = clock_nanoseconds();
    for (int i = 0; i < LEAST_ROUNDS || clock_nanoseconds() - start < LEAST_TIME; i++) {
        keep_best(&peak, peak_rate(bench));
        keep_best(&best, product_rate(bench, small, false));
        if (bench->bfloat)
            keep_best(&rounded, product_rate(bench, small, true));
    }
    printf("%5zu x %5zu x %5zu  %s  %zu  %7.1f GFLOP/s  of %7.1f", shape->rows, shape->columns,
           shape->depth, layout_names[shape->layout], bench->threads, best.busy * 1e-9,
           peak.busy * 1e-9);
    if (bench->peak != NULL)
        printf("  %4.0f %%  %4.0f %%", 100.0 * best.busy / peak.busy,
               100.0 * best.passed / peak.passed);
    if (bench->bfloat)
        printf("  bf16 %7.1f  %.2f x", rounded.busy * 1e-9, rounded.busy / best.busy);
    printf("\n");
    fflush(stdout);
    memory_free(bench->a);
    memory_free(bench->b);
    memory_free(bench->out);
}

static bool run(struct bench *bench, const struct shape *alone)
{
    if (pool_create(&bench->pool, bench->threads, NULL) != PRIMER_OK ||
        gemm_workspace_create(&bench->workspace, bench->kernel, bench->pool, NULL) != PRIMER_OK)
        return false;
    if (alone != NULL)
        print_shape(bench, alone);
    for (size_t i = 0; alone == NULL && i < sizeof shapes / sizeof shapes[0]; i++)
        if (bench->threads == 1 || shapes[i].layout < SCORES)
            print_shape(bench, &shapes[i]);
    gemm_workspace_free(bench->workspace);
    pool_free(bench->pool);
    return true;
}

int main(int count, char **arguments)
{
    struct bench bench = {.kernel = kernel_best()};
    struct shape alone = {0};
    enum cpu_level level;
    if (count > 1 && strcmp(arguments[1], "bf16") == 0) {
        bench.bfloat = true;
        count--;
        arguments++;
    }
    if (count > 1)
        bench.kernel = cpu_level_by_name(arguments[1], &level) ? kernel_at(level) : NULL;
    if (count > 4)
        alone = (struct shape){strtoul(arguments[2], NULL, 10), strtoul(arguments[3], NULL, 10),
                               strtoul(arguments[4], NULL, 10), FORWARD};
    if (count > 5)
        for (int i = 0; i < 5; i++)
            if (strcmp(arguments[5], layout_names[i]) == 0)
                alone.layout = (enum layout)i;
    if (bench.kernel == NULL) {
        fprintf(stderr, "bench_gemm: no such level here\n");
        return 1;
    }
    bench.peak = peak_of(bench.kernel->level);
    for (bench.threads = 1; bench.threads <= 2; bench.threads++)
        if (!run(&bench, count > 4 ? &alone : NULL)) {
            fprintf(stderr, "bench_gemm: no memory, or no threads\n");
            return 1;
        }
    return 0;
}
