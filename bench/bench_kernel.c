/* bench_kernel.c - times the kernels of every level on one thread, beside what the processor can do
 * at most.
 *
 *   bench_kernel [PART]     only the lines whose name contains PART
 *
 * A line: level, kernel, rate of the median and of the best round, and the best's share of the
 * limit. Limits are measured in the same run: independent multiply-adds in registers of the level's
 * width, and reading of memory by the level's widest load. A round is short, so that some go
 * undisturbed on a busy machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/cpu.h"
#include "base/half.h"
#include "base/memory.h"
#include "base/random.h"
#include "kernel/kernel.h"
#include "tensor/tensor.h"

#define ROUNDS     300
#define COLUMNS    2560
#define BLOCKS     (COLUMNS / QUANT_BLOCK)
#define TOKENS     64
#define DIMENSIONS 80
#define STREAM     ((size_t)192 << 20) /* bytes of weights read from memory */

static const char *only = "";

/* Rates a second; 0: not known. */
struct limits {
    double integers, floats, bytes;
};

#if defined(__x86_64__)
/* Twelve independent instructions, again and again. */
#define TWELVE(OP, r)                                                                              \
    OP(r, 0)                                                                                       \
    OP(r, 1)                                                                                       \
    OP(r, 2) OP(r, 3) OP(r, 4) OP(r, 5) OP(r, 6) OP(r, 7) OP(r, 8) OP(r, 9) OP(r, 10) OP(r, 11)
#define CLEAR(r, n)   "vpxor %%xmm" #n ", %%xmm" #n ", %%xmm" #n "\n"
#define FUSED(r, n)   "vfmadd231ps %%" #r "15, %%" #r "14, %%" #r #n "\n"
#define DOT(r, n)     "vpdpbusd %%" #r "15, %%" #r "14, %%" #r #n "\n"
#define DOT_VEX(r, n) "%{vex%} " DOT(r, n)
#define PAIRS(r, n)   "vpmaddubsw %%" #r "15, %%" #r "14, %%" #r #n "\n"
#define REPEAT(name, OP, r)                                                                        \
    static void name(size_t rounds)                                                                \
    {                                                                                              \
        __asm__ volatile(TWELVE(CLEAR, r) CLEAR(r, 14)                                             \
                             CLEAR(r, 15) "1:\n" TWELVE(OP, r) "dec %0\n jnz 1b\n"                 \
                         : "+r"(rounds)                                                            \
                         :                                                                         \
                         : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", \
                           "xmm9", "xmm10", "xmm11", "xmm14", "xmm15", "cc");                      \
    }
REPEAT(fused_256, FUSED, ymm)
REPEAT(fused_512, FUSED, zmm)
REPEAT(pairs_256, PAIRS, ymm)
REPEAT(dot_256, DOT, ymm)
REPEAT(dot_256_vex, DOT_VEX, ymm)
REPEAT(dot_512, DOT, zmm)

static void read_256(const unsigned char *bytes, size_t size)
{
    const unsigned char *const end = bytes + size;
    __asm__ volatile(
        "1: vpxor (%0), %%ymm0, %%ymm0\n vpxor 32(%0), %%ymm1, %%ymm1\n"
        "vpxor 64(%0), %%ymm2, %%ymm2\n vpxor 96(%0), %%ymm3, %%ymm3\n"
        "prefetcht0 4096(%0)\n prefetcht0 4160(%0)\n add $128, %0\n cmp %1, %0\n jb 1b\n"
        : "+r"(bytes)
        : "r"(end)
        : "xmm0", "xmm1", "xmm2", "xmm3", "cc", "memory");
}

/* Operations a second of a loop of twelve. */
static double rate_of(void (*loop)(size_t rounds), double operations)
{
    double best = 1e9;
    for (int i = 0; i < 100; i++) {
        const uint64_t start = clock_nanoseconds();
        loop(20000);
        const double seconds = clock_seconds_since(start);
        best = seconds < best ? seconds : best;
    }
    return 12.0 * 20000.0 * operations / best;
}

static struct limits limits_of(enum cpu_level level, const unsigned char *stream)
{
    struct limits limits = {0, 0, 0};
    double best = 1e9;
    for (int i = 0; i < 10; i++) {
        const uint64_t start = clock_nanoseconds();
        read_256(stream, STREAM);
        const double seconds = clock_seconds_since(start);
        best = seconds < best ? seconds : best;
    }
    limits.bytes = level == CPU_SCALAR ? 0.0 : (double)STREAM / best;
    if (level == CPU_AVX512)
        limits.integers = rate_of(dot_512, 128.0);
    else if (level == CPU_AVX2_VNNI)
        limits.integers = rate_of(cpu_has_avx_vnni() ? dot_256_vex : dot_256, 64.0);
    else if (level == CPU_AVX2)
        limits.integers = rate_of(pairs_256, 64.0);
    if (level != CPU_SCALAR)
        limits.floats = level == CPU_AVX512 ? rate_of(fused_512, 32.0) : rate_of(fused_256, 16.0);
    return limits;
}
#else
static struct limits limits_of(enum cpu_level level, const unsigned char *stream)
{
    (void)level;
    (void)stream;
    return (struct limits){0, 0, 0};
}
#endif

/* Everything that any kernel here reads or writes. */
struct bench {
    const struct kernel *kernel;
    struct activation activation;
    struct quant_panel panel;
    float *x, *y, *out, *scratch; /* x [TOKENS][COLUMNS], y like it */
    unsigned char *stream;
    uint8_t first[TOKENS], last[TOKENS];
    /* of the call being timed */
    struct quant_format format;
    enum quant_type type;
    size_t tokens;
    const struct quant_format *rows_format;
};
typedef void call(struct bench *bench);

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* `work` operations or bytes a call; a limit of 0 prints no share. */
static void time_call(struct bench *bench, call *function, const char *name, double work,
                      const char *unit, double limit)
{
    static double seconds[ROUNDS];
    if (strstr(name, only) == NULL)
        return;
    size_t rounds = 0;
    for (double total = 0.0; rounds < ROUNDS && (total < 0.25 || rounds < 5); rounds++) {
        const uint64_t start = clock_nanoseconds();
        function(bench);
        seconds[rounds] = clock_seconds_since(start);
        total += seconds[rounds];
    }
    qsort(seconds, rounds, sizeof *seconds, by_value);
    const double median = seconds[rounds / 2], best = seconds[0];
    printf("%-10s %-34s %9.1f %9.1f %s", cpu_level_name(bench->kernel->level), name,
           work / median * 1e-9, work / best * 1e-9, unit);
    if (limit > 0.0)
        printf(" %5.1f %%", 100.0 * work / best / limit);
    printf("\n");
    fflush(stdout);
}

static void call_panel(struct bench *bench)
{
    /* In the pieces of src/tensor/multiply.c; one panel serves as all three, and every piece is its
     * first, so that it lies in the innermost cache: the product alone, without unpacking. */
    const struct quant_panel panels[3] = {bench->panel, bench->panel, bench->panel};
    for (size_t block = 0; block < BLOCKS; block += TENSOR_PANEL_BLOCKS)
        bench->kernel->panel_product(
            &bench->format, panels, 3,
            BLOCKS - block < TENSOR_PANEL_BLOCKS ? BLOCKS - block : TENSOR_PANEL_BLOCKS,
            &bench->activation, block, 0, bench->tokens, bench->out, 48, NULL);
}

static void bench_panels(struct bench *bench, const struct limits *limits)
{
    static const struct quant_format formats[] = {
        {.name = "plain 15 - 8", .kind = QUANT_KIND_PLAIN, .offset = 8, .value_most = 15},
        {.name = "plain 255 - 128", .kind = QUANT_KIND_PLAIN, .offset = 128, .value_most = 255},
        {.name = "minimum 15", .kind = QUANT_KIND_MINIMUM, .value_most = 15},
        {.name = "halves 63 - 32", .kind = QUANT_KIND_HALVES, .offset = 32, .value_most = 63},
        {.name = "halves minimum 3", .kind = QUANT_KIND_HALVES_MINIMUM, .value_most = 3},
    };
    static const size_t tokens[] = {1, 4, 8, TOKENS};
    for (size_t f = 0; f < sizeof formats / sizeof formats[0]; f++)
        for (size_t n = 0; n < 4; n++) {
            char name[80];
            bench->format = formats[f];
            bench->tokens = tokens[n];
            memset(bench->panel.values, formats[f].value_most, (size_t)COLUMNS * 16);
            snprintf(name, sizeof name, "panel %s x %zu", formats[f].name, tokens[n]);
            time_call(bench, call_panel, name, 2.0 * 48 * COLUMNS * (double)tokens[n], "GOP/s  ",
                      limits->integers);
        }
}

/* All rows that the stream holds, in tasks of sixteen. */
static void call_rows(struct bench *bench)
{
    const struct quant_format *const format = bench->rows_format;
    const size_t row_bytes = COLUMNS / format->block_length * format->block_bytes;
    for (size_t row = 0; (row + 16) * row_bytes <= STREAM; row += 16)
        bench->kernel->rows_product[format->type](bench->stream + row * row_bytes, row_bytes, 16,
                                                  BLOCKS, &bench->activation, 0, bench->tokens,
                                                  bench->out, 16);
}

static void call_float_rows(struct bench *bench)
{
    const size_t row_bytes = COLUMNS * (bench->type == QUANT_F32 ? 4 : 2);
    for (size_t row = 0; (row + 16) * row_bytes <= STREAM; row += 16)
        bench->kernel->float_product(bench->type, bench->stream + row * row_bytes, row_bytes, 16,
                                     COLUMNS, bench->x, COLUMNS, bench->tokens, bench->out, 16);
}

static void bench_rows(struct bench *bench, const struct limits *limits)
{
    static const size_t tokens[] = {1, 2, 4, 8};
    for (uint32_t type = 0; type < QUANT_TYPES; type++)
        for (size_t n = 0; n < 4; n++) {
            const struct quant_format *const format = quant_format_of(type);
            const bool floats = format != NULL && format->kind == QUANT_KIND_FLOAT;
            char name[80];
            if (format == NULL || (!floats && bench->kernel->rows_product[type] == NULL))
                continue;
            bench->rows_format = format;
            bench->type = format->type;
            bench->tokens = tokens[n];
            snprintf(name, sizeof name, "rows %s x %zu", format->name, tokens[n]);
            time_call(bench, floats ? call_float_rows : call_rows, name, (double)STREAM, "GB/s   ",
                      limits->bytes);
        }
}

static void call_float(struct bench *bench)
{
    bench->kernel->float_product(bench->type, bench->stream,
                                 COLUMNS * (bench->type == QUANT_F32 ? 4 : 2), 16, COLUMNS,
                                 bench->x, COLUMNS, bench->tokens, bench->out, 16);
}

static void bench_floats(struct bench *bench, const struct limits *limits)
{
    static const enum quant_type types[] = {QUANT_F32, QUANT_F16, QUANT_BF16};
    static const size_t tokens[] = {1, 2, 4, 8, TOKENS};
    for (size_t i = 0; i < 15; i++) {
        char name[80];
        bench->type = types[i / 5];
        bench->tokens = tokens[i % 5];
        snprintf(name, sizeof name, "float %s x %zu", quant_format_of(types[i / 5])->name,
                 tokens[i % 5]);
        time_call(bench, call_float, name, 2.0 * 16 * COLUMNS * (double)bench->tokens, "GFLOP/s",
                  limits->floats);
    }
}

static void call_attention(struct bench *bench)
{
    const struct kernel_attention task = {
        .format = bench->type,
        .dimensions = DIMENSIONS,
        .page = {.keys = bench->stream,
                 .values = bench->stream + 65536,
                 .key_scales = (const uint16_t *)(const void *)(bench->stream + 131072),
                 .value_scales = (const uint16_t *)(const void *)(bench->stream + 131072)},
        .queries = bench->tokens,
        .query = bench->y,
        .first = bench->first,
        .last = bench->last,
        .maximum = bench->out,
        .sum = bench->out + 1024,
        .output = bench->out + 2048,
        .scratch = bench->scratch,
    };
    bench->kernel->attention(&task);
}

/* A page as if written by a session: keys and values of about 1. */
static void encode_page(struct bench *bench)
{
    uint16_t *const scales = (uint16_t *)(void *)(bench->stream + 131072);
    for (size_t half = 0; half < 2; half++)
        kernel_at(CPU_SCALAR)
            ->encode(bench->type, bench->x, (size_t)KERNEL_PAGE * DIMENSIONS,
                     bench->stream + half * 65536, scales);
    for (size_t i = 160; i < 192; i++) /* shorter blocks at the end of each row: more scales */
        scales[i] = scales[0];
}

static void bench_attention(struct bench *bench, const struct limits *limits)
{
    static const enum quant_type types[] = {QUANT_F32, QUANT_F16, QUANT_BF16, QUANT_Q8_0};
    static const size_t queries[] = {1, 8, TOKENS};
    for (size_t i = 0; i < 12; i++) {
        char name[80];
        bench->type = types[i / 3];
        bench->tokens = queries[i % 3];
        encode_page(bench);
        snprintf(name, sizeof name, "attention %s x %zu", quant_format_of(bench->type)->name,
                 bench->tokens);
        time_call(bench, call_attention, name,
                  4.0 * KERNEL_PAGE * DIMENSIONS * (double)bench->tokens, "GFLOP/s",
                  limits->floats);
    }
}

static void call_quantize(struct bench *bench)
{
    bench->kernel->quantize(bench->y, COLUMNS, 8, 0, &bench->activation);
}

static void call_encode(struct bench *bench)
{
    bench->kernel->encode(bench->type, bench->y, 8 * COLUMNS, bench->out,
                          (uint16_t *)(void *)bench->scratch);
}

static void call_layer_norm(struct bench *bench)
{
    bench->kernel->layer_norm(bench->y, bench->x, bench->x, 1e-5f, 8 * COLUMNS, bench->out);
}

static void call_rms_norm(struct bench *bench)
{
    bench->kernel->rms_norm(bench->y, bench->x, 1e-5f, 8 * COLUMNS, bench->out);
}

static void call_finish(struct bench *bench)
{
    bench->kernel->finish(&(struct kernel_finish){.sums = bench->y,
                                                  .tokens = 1,
                                                  .rows = 8 * COLUMNS,
                                                  .bias = bench->x,
                                                  .gelu = true,
                                                  .out = bench->out});
}

static void call_silu(struct bench *bench)
{
    memcpy(bench->out, bench->y, 8 * COLUMNS * sizeof(float));
    bench->kernel->silu_product(bench->out, bench->x, 8 * COLUMNS);
}

static void bench_vectors(struct bench *bench)
{
    static const struct {
        const char *name;
        call *function;
        enum quant_type type;
    } calls[] = {
        {"quantize", call_quantize, 0},           {"encode F16", call_encode, QUANT_F16},
        {"encode Q8_0", call_encode, QUANT_Q8_0}, {"layer_norm", call_layer_norm, 0},
        {"rms_norm", call_rms_norm, 0},           {"bias and gelu", call_finish, 0},
        {"silu_product", call_silu, 0},
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        bench->type = calls[i].type;
        time_call(bench, calls[i].function, calls[i].name, 8.0 * COLUMNS, "Gvalue/s", 0.0);
    }
}

static void fill(float *out, size_t count, struct random *random)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (float)(2.0 * random_unit(random) - 1.0);
}

/* Weights of any format: every two bytes a binary16 between 0.01 and 0.3, and as bytes no denormal
 * F32. */
static void fill_stream(unsigned char *stream)
{
    for (size_t i = 0; i < STREAM; i += 2) {
        const uint32_t mixed = (uint32_t)i * 2654435761u;
        stream[i] = (unsigned char)(mixed >> 16);
        stream[i + 1] = (unsigned char)(0x22 + (mixed >> 24) % 18);
    }
}

static bool prepare(struct bench *bench)
{
    struct random random;
    random_seed(&random, 1);
    const size_t values = (size_t)TOKENS * COLUMNS, lanes = (size_t)BLOCKS * 32;
    bench->x = memory_allocate_aligned(values, sizeof(float));
    bench->y = memory_allocate_aligned(values, sizeof(float));
    bench->out = memory_allocate_aligned(values, sizeof(float));
    bench->scratch =
        memory_allocate_aligned(kernel_attention_scratch(DIMENSIONS, TOKENS), sizeof(float));
    bench->stream = memory_allocate_aligned(STREAM + 65536, 1);
    bench->activation =
        (struct activation){.values = memory_allocate_aligned(values, 1),
                            .scales = memory_allocate_aligned(values / 32, sizeof(float)),
                            .sums = memory_allocate_aligned(values / 16, sizeof(int32_t)),
                            .scaled_sums = memory_allocate_aligned(values / 32, sizeof(float)),
                            .tiles = memory_allocate_aligned(values / 32 / ACTIVATION_LANES,
                                                             sizeof(struct activation_tile)),
                            .columns = COLUMNS,
                            .blocks = BLOCKS};
    bench->panel = (struct quant_panel){.values = memory_allocate_aligned((size_t)COLUMNS * 16, 1)};
    float *const floats = memory_allocate_aligned(lanes, sizeof(float));
    if (!bench->x || !bench->y || !bench->out || !bench->scratch || !bench->stream || !floats ||
        !bench->activation.values || !bench->activation.scales || !bench->activation.sums ||
        !bench->activation.scaled_sums || !bench->activation.tiles || !bench->panel.values)
        return false;
    bench->panel.scales = bench->panel.minima = floats;
    fill(bench->x, values, &random);
    fill(bench->y, values, &random);
    for (size_t i = 0; i < lanes; i++)
        floats[i] = 1.0f + (float)(i % 7);
    fill_stream(bench->stream);
    memset(bench->last, KERNEL_PAGE, sizeof bench->last);
    kernel_at(CPU_SCALAR)->quantize(bench->x, COLUMNS, TOKENS, 0, &bench->activation);
    return true;
}

int main(int count, char **arguments)
{
    static struct bench bench;
    if (count > 1)
        only = arguments[1];
    if (!prepare(&bench)) {
        fprintf(stderr, "bench_kernel: no memory\n");
        return 1;
    }
    printf("%s\n%-10s %-34s %9s %9s\n", cpu_model_name(), "level", "kernel", "median", "best");
    for (int level = CPU_LEVELS - 1; level > CPU_SCALAR; level--) {
        bench.kernel = kernel_at((enum cpu_level)level);
        if (bench.kernel == NULL)
            continue;
        const struct limits limits = limits_of((enum cpu_level)level, bench.stream);
        printf("%-10s limits: %.0f GOP/s of integers, %.0f GFLOP/s, %.1f GB/s\n",
               cpu_level_name((enum cpu_level)level), limits.integers * 1e-9, limits.floats * 1e-9,
               limits.bytes * 1e-9);
        bench_panels(&bench, &limits);
        bench_rows(&bench, &limits);
        bench_floats(&bench, &limits);
        bench_attention(&bench, &limits);
        bench_vectors(&bench);
    }
    return 0;
}
