/* avx2_rows.c - products of one token that read sixteen rows of the file in place (docs/NUMERICS.md),
 * and the unpacking of rows, which shares all of its code.
 *
 * lanes_unpack.inc brings four columns of eight rows to a register, and UNPACK_STORE either stores
 * them to a panel or multiplies them by the token's four activations there:
 *
 *   u   | row 0 c0..c3 | row 1 c0..c3 | ...        sums   | row 0 | row 1 | ...   +=
 *   a   |       a0..a3 |       a0..a3 | ...               | u.a   | u.a   |
 *
 * Two products of bytes are added to 16 bits (as avx2_panel.c has it: integers of a panel stay below
 * 128 but for Q8_0's, whose signed ones take the other way), two of those to 32. Scales and minima
 * of a step go through a panel of their own in the first cache.
 */
#include "kernel/avx2/avx2.h"

#include "kernel/lanes/fetching.h"
#include "kernel/lanes/lanes_avx2.h"
#include "kernel/lanes/lanes_unpack.h"

#define MOST_BLOCKS 8 /* of a step */
#define MOST_TOKENS 2 /* one after the other: each reads the rows anew, from the second cache */

/* Four activations in every lane. */
UNROLL_INLINE __m256i broadcast(const int8_t *a)
{
    int32_t four;
    memcpy(&four, a, sizeof four);
    return _mm256_set1_epi32(four);
}

/* sums + the four products of each lane's bytes. */
UNROLL_INLINE unpack_integers add_products(unpack_integers sums, lanes_bytes values, __m256i a,
                                           bool wide)
{
    const __m256i u = (__m256i)values;
    __m256i pairs;
    if (wide) { /* w = u - 128: |w| times a with w's sign */
        const __m256i w = _mm256_xor_si256(u, _mm256_set1_epi8(-128));
        pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(a, w));
    } else {
        pairs = _mm256_maddubs_epi16(u, a);
    }
    return sums + (unpack_integers)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

/* Where `sums` are set the values are multiplied, by which of two ways is constant once inlined. */
UNROLL_INLINE void store_or_multiply(const struct unpack_rows *unpack, size_t block, size_t group,
                                     size_t h, lanes_bytes values, bool wide)
{
    if (unpack->sums == NULL) {
        unpack_to_panel(unpack, block, group, h, values);
        return;
    }
    const __m256i a = broadcast(unpack->activations + block * QUANT_BLOCK + group * 4);
    unpack_integers *const sum = &unpack->sums[2 * block + group / 4][h];
    *sum = add_products(*sum, values, a, wide);
}

#define UNPACK_STORE(unpack, block, group, h, values)                                              \
    store_or_multiply(unpack, block, group, h, values, (unpack)->wide)
#include "kernel/lanes/lanes_unpack.inc"

/* Sixteen rows times one token, so far. */
struct product {
    const struct activation *activation;
    lanes acc[2];
};

/* Adds block `b` of a step, which the step's panel and its sums [half][h] describe. */
UNROLL_INLINE void add_block(struct product *product, enum quant_kind kind, int32_t offset,
                             const struct quant_panel *panel, size_t b, size_t at,
                             const unpack_integers halves[2][2])
{
    const struct activation *const activation = product->activation;
    const int32_t *const s = activation->sums + 2 * at;
    const lanes as = lanes_set(activation->scales[at]);
    const size_t parts = quant_kind_parts(kind);
    UNROLL
    for (size_t i = 0; i < 2 * parts; i++) {
        const size_t part = i / 2, h = i % 2, lane = (b * parts + part) * QUANT_PANEL_ROWS + 8 * h;
        const unpack_integers sum = parts == 2
                                        ? halves[part][h] - offset * s[part]
                                        : halves[0][h] + halves[1][h] - offset * (s[0] + s[1]);
        const lanes scaled = lanes_multiply(as, _mm256_cvtepi32_ps((__m256i)sum));
        product->acc[h] = lanes_fma(lanes_load(panel->scales + lane), scaled, product->acc[h]);
        if (kind == QUANT_KIND_MINIMUM)
            product->acc[h] = lanes_fma(lanes_load(panel->minima + lane),
                                        lanes_set(activation->scaled_sums[at]), product->acc[h]);
    }
}

/* What rows_product is called with, for one token. */
struct rows_task {
    const struct quant_format *format;
    const uint8_t *base;
    size_t row_bytes, rows, blocks;
    const struct activation *activation;
    size_t token;
};

/* Sixteen rows, a step after the other; meanwhile the next sixteen are fetched. */
UNROLL_INLINE void multiply_rows(const struct rows_task *task, unpack_one *one,
                                 enum quant_kind kind, int32_t offset, bool wide, size_t length,
                                 float out[QUANT_PANEL_ROWS])
{
    float scales[2 * MOST_BLOCKS * QUANT_PANEL_ROWS], minima[MOST_BLOCKS * QUANT_PANEL_ROWS];
    const struct quant_panel panel = {.scales = scales, .minima = minima};
    const struct kernel_ahead ahead = {task->base + QUANT_PANEL_ROWS * task->row_bytes,
                                       task->row_bytes, QUANT_PANEL_ROWS, task->row_bytes};
    struct fetching fetching = fetching_of(&ahead, task->blocks / length);
    struct product product = {task->activation, {lanes_zero(), lanes_zero()}};
    const size_t first = task->token * task->activation->blocks;
    for (size_t b = 0; b < task->blocks; b += length) {
        unpack_integers sums[2 * MOST_BLOCKS][2];
        UNROLL
        for (size_t i = 0; i < 2 * length; i++)
            sums[i][0] = sums[i][1] = (unpack_integers){0};
        const struct unpack_rows unpack = {
            .rows = task->base + b / length * task->format->block_bytes,
            .stride = task->row_bytes,
            .panel = &panel,
            .activations = task->activation->values + (first + b) * QUANT_BLOCK,
            .sums = sums,
            .wide = wide};
        one(&unpack);
        UNROLL
        for (size_t i = 0; i < length; i++)
            add_block(&product, kind, offset, &panel, i, first + b + i, &sums[2 * i]);
        fetch_some(&fetching);
    }
    lanes_store(out, product.acc[0]);
    lanes_store(out + LANES, product.acc[1]);
}

/* Fewer than sixteen rows: by way of a panel. */
static void multiply_few_rows(const struct rows_task *task, float out[QUANT_PANEL_ROWS])
{
    uint8_t values[MOST_BLOCKS * QUANT_BLOCK * QUANT_PANEL_ROWS];
    float scales[2 * MOST_BLOCKS * QUANT_PANEL_ROWS], minima[MOST_BLOCKS * QUANT_PANEL_ROWS];
    const struct quant_panel panel = {values, scales, minima};
    for (size_t b = 0, n; b < task->blocks; b += n) {
        n = task->blocks - b < MOST_BLOCKS ? task->blocks - b : MOST_BLOCKS;
        task->format->unpack(task->base, task->row_bytes, task->rows, b, n, &panel);
        avx2_panel_product(task->format, &panel, 1, n, task->activation, b, task->token, 1, out,
                           QUANT_PANEL_ROWS, NULL);
    }
}

UNROLL_INLINE void multiply_each(enum quant_type type, unpack_one *one, enum quant_kind kind,
                                 int32_t offset, bool wide, size_t length, struct rows_task *task,
                                 size_t tokens, float *out, size_t out_stride)
{
    task->format = quant_format_of(type);
    for (size_t t = 0; t < tokens; t++, task->token++, out += out_stride) {
        _Alignas(64) float sums[QUANT_PANEL_ROWS];
        if (task->rows == QUANT_PANEL_ROWS)
            multiply_rows(task, one, kind, offset, wide, length, sums);
        else
            multiply_few_rows(task, sums);
        memcpy(out, sums, task->rows * sizeof *out);
    }
}

/* `offset` is what sums of the values' products have too much, per activation. */
#define AVX2_ROWS(name, type, kind, offset, wide, length)                                          \
    static void rows_##name(const void *base, size_t row_bytes, size_t rows, size_t blocks,        \
                            const struct activation *activation, size_t first_token,               \
                            size_t tokens, float *out, size_t out_stride)                          \
    {                                                                                              \
        struct rows_task task = {NULL, base, row_bytes, rows, blocks, activation, first_token};    \
        multiply_each(type, unpack_##name, kind, offset, wide, length, &task, tokens, out,         \
                      out_stride);                                                                 \
    }

AVX2_ROWS(q4_0, QUANT_Q4_0, QUANT_KIND_PLAIN, 8, false, 1)
AVX2_ROWS(q4_1, QUANT_Q4_1, QUANT_KIND_MINIMUM, 0, false, 1)
AVX2_ROWS(q5_0, QUANT_Q5_0, QUANT_KIND_PLAIN, 16, false, 1)
AVX2_ROWS(q5_1, QUANT_Q5_1, QUANT_KIND_MINIMUM, 0, false, 1)
AVX2_ROWS(q8_0, QUANT_Q8_0, QUANT_KIND_PLAIN, 0, true, 1)
AVX2_ROWS(q4_k, QUANT_Q4_K, QUANT_KIND_MINIMUM, 0, false, 8)
AVX2_ROWS(q5_k, QUANT_Q5_K, QUANT_KIND_MINIMUM, 0, false, 8)
AVX2_ROWS(q6_k, QUANT_Q6_K, QUANT_KIND_HALVES, 32, false, 8)

void avx2_rows_fill(struct kernel *kernel)
{
    lanes_unpack_fill(kernel);
    kernel->rows_tokens = MOST_TOKENS;
    kernel->rows_product[QUANT_Q4_0] = rows_q4_0;
    kernel->rows_product[QUANT_Q4_1] = rows_q4_1;
    kernel->rows_product[QUANT_Q5_0] = rows_q5_0;
    kernel->rows_product[QUANT_Q5_1] = rows_q5_1;
    kernel->rows_product[QUANT_Q8_0] = rows_q8_0;
    kernel->rows_product[QUANT_Q4_K] = rows_q4_k;
    kernel->rows_product[QUANT_Q5_K] = rows_q5_k;
    kernel->rows_product[QUANT_Q6_K] = rows_q6_k;
}
