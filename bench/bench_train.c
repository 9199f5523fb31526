/* bench_train.c - what a training step costs, and its parts.
 *
 *   bench_train [bf16] [THREADS [ROUNDS]]
 *
 * A step is forward, backward and nothing else, of a phi2 of 10.5 million parameters (8 layers,
 * 256 wide, 8 heads, 1024 inside, a vocabulary of 8192) over 8 rows of 512 tokens. Operations are
 * counted as 6 for each token and weight of a matrix that multiplies (2 forward, 4 backward), and
 * those of attention over what a causal mask leaves; what is computed anew does not count. The
 * peak is that of fused multiply-adds in registers, on as many threads, measured in the same run.
 * With bf16 each round has a step whose products' factors are rounded to bfloat16 as well; last, how
 * many times as fast it is. Rounds are independent; the best one, and the median, are printed; last
 * the same by processor time, which says more on a machine that others use too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/memory.h"
#include "base/pool.h"
#include "kernel/kernel.h"
#include "train/train_pass.h"

#define ROWS   8
#define LENGTH 512

/* ---- the peak ---- */

#define PEAK_LOOPS 1000000 /* of twelve independent multiply-adds */

#if defined(__x86_64__)
#define TWELVE(OP, r)                                                                              \
    OP(r, 0)                                                                                       \
    OP(r, 1)                                                                                       \
    OP(r, 2) OP(r, 3) OP(r, 4) OP(r, 5) OP(r, 6) OP(r, 7) OP(r, 8) OP(r, 9) OP(r, 10) OP(r, 11)
#define CLEAR(r, n) "vpxor %%xmm" #n ", %%xmm" #n ", %%xmm" #n "\n"
#define FUSED(r, n) "vfmadd231ps %%" #r "15, %%" #r "14, %%" #r #n "\n"
#define REPEAT(name, r)                                                                            \
    static void name(size_t rounds)                                                                \
    {                                                                                              \
        __asm__ volatile(TWELVE(CLEAR, r) CLEAR(r, 14)                                             \
                             CLEAR(r, 15) "1:\n" TWELVE(FUSED, r) "dec %0\n jnz 1b\n"              \
                         : "+r"(rounds)                                                            \
                         :                                                                         \
                         : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", \
                           "xmm9", "xmm10", "xmm11", "xmm14", "xmm15", "cc");                      \
    }
REPEAT(fused_256, ymm)
REPEAT(fused_512, zmm)

static size_t peak_lanes(void)
{
    const enum cpu_level level = kernel_best()->level;
    return level == CPU_AVX512 ? 16 : level >= CPU_AVX2 ? 8 : 0;
}

static void peak_task(void *context, size_t task, size_t thread)
{
    (void)context;
    (void)task;
    (void)thread;
    (peak_lanes() == 16 ? fused_512 : fused_256)(PEAK_LOOPS);
}
#else
static size_t peak_lanes(void)
{
    return 0;
}

static void peak_task(void *context, size_t task, size_t thread)
{
    (void)context;
    (void)task;
    (void)thread;
}
#endif

/* Operations a second, and a second of one processor; 0: not known at this level. */
struct peak {
    double wall, processor;
};

static void measure_peak(struct pool *pool, struct peak *peak)
{
    const double done = 24.0 * (double)peak_lanes() * PEAK_LOOPS * (double)pool_size(pool);
    for (int round = 0; round < 12 && peak_lanes() > 0; round++) {
        const uint64_t begin = clock_nanoseconds(), begin_cpu = clock_cpu_nanoseconds();
        pool_run(pool, peak_task, NULL, pool_size(pool));
        const double wall = done * 1e9 / (double)(clock_nanoseconds() - begin);
        const double processor = done * 1e9 / (double)(clock_cpu_nanoseconds() - begin_cpu);
        peak->wall = wall > peak->wall ? wall : peak->wall;
        peak->processor = processor > peak->processor ? processor : peak->processor;
    }
}

/* ---- the step ---- */

static const struct model_architecture *phi2(void)
{
    const struct model_architecture *a;
    for (size_t i = 0; (a = model_architecture_at(i)) != NULL; i++)
        if (strcmp(a->name, "phi2") == 0)
            return a;
    return NULL;
}

static struct train_shape shape(void)
{
    return (struct train_shape){.architecture = phi2(),
                                .vocabulary = 8192,
                                .context = LENGTH,
                                .embedding = 256,
                                .layers = 8,
                                .heads = 8,
                                .kv_heads = 8,
                                .head_dimensions = 32,
                                .feed_forward = 1024,
                                .rotary_dimensions = 16,
                                .epsilon = 1e-5f,
                                .rope_base = 10000};
}

/* Of one step. */
static double operations(const struct train_shape *s)
{
    const double width = (double)(s->heads * s->head_dimensions), tokens = ROWS * LENGTH;
    const double layer = (double)s->embedding * (4 * width + 2 * (double)s->feed_forward);
    const double matrices = (double)s->layers * layer + (double)(s->embedding * s->vocabulary);
    const double attention = (double)s->layers * 4 * width * (LENGTH + 1) / 2;
    return tokens * (6 * matrices + 3 * attention);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct measured {
    struct train_model model;
    struct train_pass *passes[2]; /* f32, and bf16 where that is wanted */
    float *gradients;
    int32_t inputs[ROWS * LENGTH], targets[ROWS * LENGTH];
    float weights[ROWS * LENGTH];
    uint32_t starts[ROWS * LENGTH];
};

static primer_status prepare(struct measured *m, size_t passes, struct pool *pool,
                             primer_error *error)
{
    const struct train_shape s = shape();
    struct random random;
    random_seed(&random, 1);
    FORWARD(train_model_create(&m->model, &s, error));
    train_model_initialize(&m->model, 0.02f, &random);
    for (size_t i = 0; i < passes; i++)
        FORWARD(train_pass_create(
            &m->passes[i], &s,
            &(struct train_pass_options){.rows = ROWS, .length = LENGTH, .bfloat = i > 0}, pool,
            error));
    m->gradients = memory_allocate_aligned(m->model.floats, sizeof *m->gradients);
    if (m->gradients == NULL)
        return memory_failure(error, "gradients", m->model.floats * sizeof *m->gradients);
    memset(m->gradients, 0, m->model.floats * sizeof *m->gradients);
    for (size_t i = 0; i < ROWS * LENGTH; i++) {
        m->inputs[i] = (int32_t)random_below(&random, s.vocabulary);
        m->targets[i] = (int32_t)random_below(&random, s.vocabulary);
        m->weights[i] = 1;
        m->starts[i] = 0;
    }
    return PRIMER_OK;
}

#define ROUNDS_MOST 64

/* Seconds of steps, and those of the processors. */
struct times {
    double wall[ROUNDS_MOST], processor[ROUNDS_MOST];
};

static primer_status step(struct measured *m, size_t pass, struct times *times, size_t round,
                          primer_error *error)
{
    const struct train_batch batch = {ROWS, LENGTH, m->inputs, m->targets, m->weights, m->starts};
    struct train_result result;
    const uint64_t begin = clock_nanoseconds(), begin_cpu = clock_cpu_nanoseconds();
    FORWARD(train_pass_backward(m->passes[pass], &m->model, &batch, 1.0f / (ROWS * LENGTH), 0, NULL,
                                m->gradients, &result, error));
    times->wall[round] = (double)(clock_nanoseconds() - begin) * 1e-9;
    times->processor[round] = (double)(clock_cpu_nanoseconds() - begin_cpu) * 1e-9;
    return PRIMER_OK;
}

static void print_line(const char *name, double seconds, double limit)
{
    const struct train_shape s = shape();
    const double rate = operations(&s) / seconds;
    printf("%-10s %7.3f s %7.0f tokens/s %7.1f GFLOP/s", name, seconds, ROWS * LENGTH / seconds,
           rate * 1e-9);
    if (limit > 0)
        printf(" %5.1f %% of the peak, %.0f GFLOP/s", 100 * rate / limit, limit * 1e-9);
    printf("\n");
}

static void print_times(const char *name, const struct measured *m, size_t pass,
                        struct times *times, size_t rounds, const struct peak *peak)
{
    qsort(times->wall, rounds, sizeof *times->wall, compare);
    qsort(times->processor, rounds, sizeof *times->processor, compare);
    printf("%s, %.0f MB of activations\n", name, (double)train_pass_bytes(m->passes[pass]) / 1e6);
    print_line("best", times->wall[0], peak->wall);
    print_line("median", times->wall[rounds / 2], peak->wall);
    print_line("processor", times->processor[0], peak->processor);
}

static primer_status measure(struct measured *m, size_t passes, struct pool *pool, size_t rounds,
                             primer_error *error)
{
    struct times times[2];
    struct peak peak = {0};
    rounds = rounds < 1 ? 1 : rounds > ROUNDS_MOST ? ROUNDS_MOST : rounds;
    for (size_t i = 0; i < rounds; i++) {
        if (i % 4 == 0)
            measure_peak(pool, &peak);
        for (size_t pass = 0; pass < passes; pass++)
            FORWARD(step(m, pass, &times[pass], i, error));
    }
    printf("%zu parameters, %d x %d tokens, %zu threads; the peak is that of f32\n",
           m->model.parameters, ROWS, LENGTH, pool_size(pool));
    print_times("f32", m, 0, &times[0], rounds, &peak);
    if (passes < 2)
        return PRIMER_OK;
    print_times("bf16", m, 1, &times[1], rounds, &peak);
    printf("bf16 is %.2f (best), %.2f (median), %.2f (processor) times as fast\n",
           times[0].wall[0] / times[1].wall[0],
           times[0].wall[rounds / 2] / times[1].wall[rounds / 2],
           times[0].processor[0] / times[1].processor[0]);
    return PRIMER_OK;
}

int main(int count, char **arguments)
{
    primer_status status = PRIMER_OK;
    primer_error why = {0}, *const error = &why;
    struct pool *pool = NULL;
    struct measured *m = memory_allocate(1, sizeof *m);
    size_t passes = 1;
    if (m == NULL)
        return 1;
    if (count > 1 && strcmp(arguments[1], "bf16") == 0) {
        passes = 2;
        count--;
        arguments++;
    }
    TRY(pool_create(&pool, count > 1 ? strtoul(arguments[1], NULL, 10) : 0, error));
    TRY(prepare(m, passes, pool, error));
    TRY(measure(m, passes, pool, count > 2 ? strtoul(arguments[2], NULL, 10) : 8, error));
cleanup:
    if (status != PRIMER_OK)
        fprintf(stderr, "%s\n", why.message);
    for (size_t i = 0; i < 2; i++)
        train_pass_free(m->passes[i]);
    train_model_free(&m->model);
    memory_free(m->gradients);
    memory_free(m);
    pool_free(pool);
    return status != PRIMER_OK;
}
