/* bench_rows.c - how fast weights are read by the products of few tokens, beside plain reading.
 *
 *   bench_rows [FORMAT [LEVEL]]     only this format ("Q4_K"); at this instruction level
 *
 * Each line: format, columns, threads; what plain reading of the same memory gave, the best of a
 * few ways; for 1, 2, 4 and 8 tokens GB/s of weights, and their share of that; last the same with
 * one token and with eight for rows that stay in the second cache, which is what arithmetic allows.
 *
 *   weights   | thread 0: slice of 4 MB | slice | ... | thread 1: slice | slice ...
 *
 * A thread times each slice by its own processor time, so that other programs on a busy machine
 * disturb little; a thread's rate is that of its median slice, the threads' rates are added, and
 * the best of a few passes counts.
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/memory.h"
#include "base/random.h"
#include "kernel/kernel.h"

#if defined(__x86_64__)
#define WIDE __attribute__((target("avx512f")))
#else
#define WIDE
#endif

#define WEIGHTS ((size_t)640 << 20) /* bytes, well above any cache's share */
#define SLICE   ((size_t)4 << 20)
#define CACHED  ((size_t)768 << 10)
#define SLICES  (WEIGHTS / SLICE + 2)
#define THREADS 2
#define TOKENS  8
#define COLUMNS 10240 /* at most */
#define PASSES  3

struct bench {
    const struct kernel *kernel;
    const struct quant_format *format; /* NULL: plain reading */
    unsigned char *weights;
    size_t columns, row_bytes, rows; /* rows: a multiple of 16 */
    float *x;
    struct activation activation;
    size_t tokens;
    size_t streams; /* of plain reading */
};

struct thread {
    const struct bench *bench;
    pthread_barrier_t *start;
    size_t first, rows;
    double rate; /* bytes a second */
};

static double processor_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Reads as `streams` runs side by side, pieces of 64 KB at a time. The sum keeps the compiler from
 * leaving the reading out. */
static inline __attribute__((always_inline)) void read_runs(const unsigned char *bytes, size_t size,
                                                            size_t streams)
{
    typedef uint64_t line __attribute__((vector_size(64), aligned(1), may_alias));
    static volatile uint64_t sink;
    const size_t run = ((size_t)64 << 10) / streams;
    line sum = {0};
    for (; size >= run * streams; size -= run * streams, bytes += run * streams)
        for (size_t at = 0; at < run; at += 2 * sizeof(line))
            for (size_t stream = 0; stream < streams; stream++) {
                const line *const from = (const void *)(bytes + stream * run + at);
                sum ^= from[0] ^ from[1];
            }
    for (size_t i = 0; i < 8; i++)
        sink = sum[i];
    (void)sink;
}

static void read_narrow(const unsigned char *bytes, size_t size, size_t streams)
{
    read_runs(bytes, size, streams);
}

/* With registers of 64 bytes, where there are such. */
static WIDE void read_wide(const unsigned char *bytes, size_t size, size_t streams)
{
    read_runs(bytes, size, streams);
}

static void read_plain(const struct bench *bench, const unsigned char *bytes, size_t size)
{
    (bench->kernel->level == CPU_AVX512 ? read_wide : read_narrow)(bytes, size, bench->streams);
}

static void multiply_slice(const struct bench *bench, size_t first, size_t rows)
{
    _Alignas(64) float out[TOKENS * 16];
    const enum quant_type type = bench->format->type;
    for (size_t row = first; row < first + rows; row += 16) {
        const unsigned char *const base = bench->weights + row * bench->row_bytes;
        if (bench->format->kind == QUANT_KIND_FLOAT)
            bench->kernel->float_product(type, base, bench->row_bytes, 16, bench->columns, bench->x,
                                         bench->columns, bench->tokens, out, 16);
        else
            bench->kernel->rows_product[type](base, bench->row_bytes, 16, bench->columns / 32,
                                              &bench->activation, 0, bench->tokens, out, 16);
    }
}

static void *run_thread(void *argument)
{
    struct thread *const thread = argument;
    const struct bench *const bench = thread->bench;
    static double rates[THREADS][SLICES];
    double *const mine = rates[thread->first > 0];
    const size_t step = SLICE / bench->row_bytes / 16 * 16;
    size_t count = 0;
    pthread_barrier_wait(thread->start);
    for (size_t done = 0; done < thread->rows; done += step) {
        const size_t rows = thread->rows - done < step ? thread->rows - done : step;
        const double start = processor_seconds();
        if (bench->format == NULL)
            read_plain(bench, bench->weights + (thread->first + done) * bench->row_bytes,
                       rows * bench->row_bytes);
        else
            multiply_slice(bench, thread->first + done, rows);
        mine[count++] = (double)(rows * bench->row_bytes) / (processor_seconds() - start);
    }
    qsort(mine, count, sizeof *mine, by_value);
    thread->rate = mine[count / 2];
    return NULL;
}

/* Bytes a second of one pass. */
static double pass(const struct bench *bench, size_t threads)
{
    struct thread each[THREADS];
    pthread_t handles[THREADS];
    pthread_barrier_t start;
    const size_t share = bench->rows / threads / 16 * 16;
    double rate = 0.0;
    pthread_barrier_init(&start, NULL, (unsigned)threads);
    for (size_t i = 0; i < threads; i++) {
        each[i] = (struct thread){bench, &start, i * share, share, 0.0};
        if (pthread_create(&handles[i], NULL, run_thread, &each[i]) != 0)
            abort();
    }
    for (size_t i = 0; i < threads; i++) {
        pthread_join(handles[i], NULL);
        rate += each[i].rate;
    }
    pthread_barrier_destroy(&start);
    return rate;
}

/* Bytes a second of the best reader: one stream, or several. */
static double read_rate(const struct bench *bench, size_t threads)
{
    static const size_t streams[] = {1, 4, 8};
    struct bench plain = *bench;
    double best = 0.0;
    plain.format = NULL;
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        plain.streams = streams[i];
        best = fmax(best, pass(&plain, threads));
    }
    return best;
}

/* Bytes a second of rows that stay in the cache, the best of many short runs. */
static double cached_rate(const struct bench *bench)
{
    const size_t rows = CACHED / bench->row_bytes / 16 * 16 + 16;
    double best = 1e9;
    for (int i = 0; i < 40; i++) {
        const double start = processor_seconds();
        multiply_slice(bench, 0, rows);
        const double seconds = processor_seconds() - start;
        best = seconds < best ? seconds : best;
    }
    return (double)(rows * bench->row_bytes) / best;
}

/* Weights as a model has them: sixteen rows encoded, again and again. */
static void fill_weights(struct bench *bench)
{
    struct random random;
    float *const row = memory_allocate(bench->columns, sizeof *row);
    if (row == NULL)
        abort();
    random_seed(&random, 1);
    for (size_t r = 0; r < 16; r++) {
        for (size_t c = 0; c < bench->columns; c++)
            row[c] = (float)random_normal(&random);
        bench->format->encode(row, NULL, bench->weights + r * bench->row_bytes, bench->columns);
    }
    for (size_t r = 16; r < bench->rows; r++)
        memcpy(bench->weights + r * bench->row_bytes, bench->weights + r % 16 * bench->row_bytes,
               bench->row_bytes);
    memory_free(row);
}

static void fill_tokens(struct bench *bench)
{
    struct random random;
    random_seed(&random, 2);
    for (size_t i = 0; i < TOKENS * bench->columns; i++)
        bench->x[i] = (float)random_normal(&random);
    bench->activation.columns = bench->columns;
    bench->activation.blocks = bench->columns / 32;
    bench->kernel->quantize(bench->x, bench->columns, TOKENS, 0, &bench->activation);
}

static void print_tokens(struct bench *bench, size_t threads)
{
    static const size_t tokens[] = {1, 2, 4, 8};
    const struct quant_format *const format = bench->format;
    double best[4] = {0}, read = 0.0;
    for (size_t i = 0; i < PASSES; i++) {
        read = fmax(read, read_rate(bench, threads));
        for (size_t n = 0; n < 4; n++) {
            bench->tokens = tokens[n];
            best[n] = fmax(best[n], pass(bench, threads));
        }
    }
    printf("%-7s %5zu  %zu  read %5.1f ", format->name, bench->columns, threads, read * 1e-9);
    for (size_t n = 0; n < 4; n++)
        printf(" | %zu: %5.1f %4.0f %%", tokens[n], best[n] * 1e-9, 100.0 * best[n] / read);
    bench->tokens = 1;
    printf(" | cached 1: %5.1f", cached_rate(bench) * 1e-9);
    bench->tokens = 8;
    printf("  8: %5.1f\n", cached_rate(bench) * 1e-9);
    fflush(stdout);
}

static void bench_format(struct bench *bench, const struct quant_format *format)
{
    static const size_t columns[] = {2560, COLUMNS};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        bench->format = format;
        bench->columns = columns[i];
        bench->row_bytes = columns[i] / format->block_length * format->block_bytes;
        bench->rows = WEIGHTS / bench->row_bytes / 32 * 32;
        fill_weights(bench);
        fill_tokens(bench);
        for (size_t threads = 1; threads <= THREADS; threads++)
            print_tokens(bench, threads);
    }
}

static bool allocate(struct bench *bench)
{
    struct activation *const a = &bench->activation;
    const size_t blocks = COLUMNS / 32;
    bench->weights = memory_allocate_aligned(WEIGHTS, 1);
    bench->x = memory_allocate_aligned(TOKENS * COLUMNS, sizeof *bench->x);
    a->values = memory_allocate_aligned(TOKENS * COLUMNS, 1);
    a->scales = memory_allocate_aligned(TOKENS * blocks, sizeof *a->scales);
    a->sums = memory_allocate_aligned(TOKENS * blocks * 2, sizeof *a->sums);
    a->scaled_sums = memory_allocate_aligned(TOKENS * blocks, sizeof *a->scaled_sums);
    a->tiles = memory_allocate_aligned(blocks, sizeof *a->tiles);
    return bench->weights != NULL && bench->x != NULL && a->values != NULL && a->scales != NULL &&
           a->sums != NULL && a->scaled_sums != NULL && a->tiles != NULL;
}

int main(int count, char **arguments)
{
    static struct bench bench;
    enum cpu_level level;
    bench.kernel = kernel_best();
    if (count > 2)
        bench.kernel = cpu_level_by_name(arguments[2], &level) ? kernel_at(level) : NULL;
    if (bench.kernel == NULL || !allocate(&bench)) {
        fprintf(stderr, "bench_rows: no such level here, or no memory\n");
        return 1;
    }
    for (uint32_t type = 0; type < QUANT_TYPES; type++) {
        const struct quant_format *const format = quant_format_of(type);
        const bool wanted =
            format != NULL && (count < 2 || format == quant_format_named(arguments[1]));
        if (wanted &&
            (format->kind == QUANT_KIND_FLOAT || bench.kernel->rows_product[type] != NULL))
            bench_format(&bench, format);
    }
    return 0;
}
