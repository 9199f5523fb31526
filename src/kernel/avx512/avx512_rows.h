/* avx512_rows.h - products that read sixteen rows of the file in place, for few tokens
 * (docs/NUMERICS.md; what the formats' bits are stands in src/quant).
 *
 * Generating one token is bound by memory, so weights are read once, as they lie. Lanes are rows:
 * sixteen bytes of each of sixteen rows become four registers, lane r of register j being dword j
 * of row r, which the four activations of those columns meet broadcast:
 *
 *   row 0  | bytes 0..3 | 4..7 | 8..11 | 12..15 |        register 0  | row 0 0..3 | row 1 0..3 |
 *   row 1  | bytes 0..3 | 4..7 | 8..11 | 12..15 |   ->   register 1  | row 0 4..7 | row 1 4..7 |
 *
 * A format adds a few blocks of all sixteen rows, a step, to one f32 accumulator per token, in the
 * contract's order; everything is inlined into one loop per number of tokens. Meanwhile the sixteen
 * rows that follow are fetched as four runs in the order of the file: hardware that looks ahead by
 * itself follows these, but not sixteen rows, and not one run as fast.
 *
 * Nothing outside the rows is read: a step reads whole vectors inside itself. What is left of the
 * rows behind the last whole step, and all of fewer than sixteen rows, is copied first.
 *
 * With no tokens at all the same loop unpacks the rows to a panel (drawn in quant/quant.h): what
 * would be multiplied or scaled by is stored instead.
 */
#ifndef KERNEL_AVX512_AVX512_ROWS_H
#define KERNEL_AVX512_AVX512_ROWS_H

#include <immintrin.h>
#include <string.h>
#include "kernel/kernel.h"
#include "kernel/lanes/unroll.h"

#define ROWS            16
#define ROWS_TOKENS     ACTIVATION_LANES
#define ROWS_STEP_BYTES 216 /* most bytes of a row in one step */
#define ROWS_COPY_STEPS 4
#define ROWS_UNPACK     0 /* instead of a number of tokens */

/* Replaces the products of the formats that this level reads in place. */
void avx512_rows_fill(struct kernel *kernel);

kernel_rows_product avx512_rows_q4_0, avx512_rows_q4_1, avx512_rows_q5_0, avx512_rows_q5_1,
    avx512_rows_q8_0, avx512_rows_q2_k, avx512_rows_q3_k, avx512_rows_q4_k, avx512_rows_q5_k,
    avx512_rows_q6_k, avx512_rows_iq4_nl, avx512_rows_iq4_xs;
kernel_rows_unpack avx512_unpack_q4_0, avx512_unpack_q4_1, avx512_unpack_q5_0, avx512_unpack_q5_1,
    avx512_unpack_q8_0, avx512_unpack_q2_k, avx512_unpack_q3_k, avx512_unpack_q4_k,
    avx512_unpack_q5_k, avx512_unpack_q6_k, avx512_unpack_iq4_nl, avx512_unpack_iq4_xs;

/* Sixteen rows at the current step; row 4 i + k is quads[i] + k * stride. What the next sixteen
 * rows have at this step is fetched as four runs, `quad_bytes` apart. */
struct rows_source {
    const uint8_t *quads[4];
    size_t stride, stride_3;
    const uint8_t *ahead; /* what to fetch; need not exist */
    size_t quad_bytes;
};

/* The tokens' activations at the current block: of one token as it lies, of more a tile; or the
 * panel there. */
struct rows_tokens {
    const int8_t *values;     /* [tokens][32] */
    const float *scales;      /* [tokens] */
    const float *scaled_sums; /* [tokens] */
    const int32_t *sums;      /* of one token [2], of a tile [2][8] from its first lane on */
    size_t lane;              /* of the first token in its tile */
    struct quant_panel panel; /* for ROWS_UNPACK */
};

/* `blocks` blocks of sixteen rows times `tokens` tokens, added to memory f32 [tokens][16]; or
 * unpacked, block 0 to block `block` of the panel. */
struct rows_part {
    const uint8_t *base;
    size_t row_bytes, blocks;
    const uint8_t *ahead; /* the next rows at this step, and how far four of them are apart */
    size_t quad_bytes;
    const struct activation *activation;
    size_t token, tokens, block;         /* the first token and its block */
    const struct activation_tile *tiles; /* [blocks]; NULL for one token */
    float *memory;
    const struct quant_panel *panel;
    size_t parts; /* of its blocks */
};

/* Adds `blocks` blocks to the accumulators. */
typedef void rows_run(struct rows_source *source, struct rows_tokens *at, size_t tokens,
                      size_t blocks, __m512 acc[ROWS_TOKENS]);
/* Adds one step. */
typedef void rows_step(const struct rows_source *source, struct rows_tokens *at, size_t tokens,
                       __m512 acc[ROWS_TOKENS]);

struct rows_format {
    size_t step_blocks, step_bytes; /* per row */
    size_t parts;                   /* quant_kind_parts */
    void (*multiply)(const struct rows_part *part);
};

/* The product, given a format. */
void avx512_rows_multiply(const struct rows_format *format, const void *base, size_t row_bytes,
                          size_t rows, size_t blocks, const struct activation *activation,
                          size_t first_token, size_t tokens, float *out, size_t out_stride);
void avx512_rows_unpack(const struct rows_format *format, const void *base, size_t row_bytes,
                        size_t rows, size_t blocks, const struct quant_panel *panel);

/* sum + the four products of each lane's bytes of u with the four at `a`. Written out because gcc
 * 12 doesn't broadcast in the instruction by itself. */
UNROLL_INLINE __m512i rows_dot(__m512i sum, __m512i u, const int8_t *a)
{
    __asm__("vpdpbusd %2%{1to16%}, %1, %0"
            : "+v"(sum)
            : "v"(u), "m"(*(const int32_t(*)[1])(const void *)a));
    return sum;
}

UNROLL_INLINE const uint8_t *rows_row(const struct rows_source *source, size_t row)
{
    const size_t k = row % 4;
    return source->quads[row / 4] + (k == 3 ? source->stride_3 : k * source->stride);
}

UNROLL_INLINE void rows_forward(struct rows_source *source, size_t bytes)
{
    UNROLL
    for (size_t i = 0; i < 4; i++) {
        source->quads[i] += bytes;
        /* One register each: compilers would keep sixteen. */
        __asm__("" : "+r"(source->quads[i]));
    }
    source->ahead += 4 * bytes;
}

UNROLL_INLINE __m128i rows_load_16(const struct rows_source *source, size_t row, size_t at)
{
    return _mm_loadu_si128((const void *)(rows_row(source, row) + at));
}

/* Sixteen bytes at `at` of each row to four registers of dwords, lanes being rows. */
UNROLL_INLINE void rows_transpose(const struct rows_source *source, size_t at, __m512i out[4])
{
    __m512i z[4];
    UNROLL
    for (size_t k = 0; k < 4; k++) {
        z[k] = _mm512_castsi128_si512(rows_load_16(source, k, at));
        z[k] = _mm512_mask_broadcast_i32x4(z[k], 0x00f0, rows_load_16(source, k + 4, at));
        z[k] = _mm512_mask_broadcast_i32x4(z[k], 0x0f00, rows_load_16(source, k + 8, at));
        z[k] = _mm512_mask_broadcast_i32x4(z[k], 0xf000, rows_load_16(source, k + 12, at));
    }
    const __m512i a = _mm512_unpacklo_epi32(z[0], z[1]), b = _mm512_unpackhi_epi32(z[0], z[1]);
    const __m512i c = _mm512_unpacklo_epi32(z[2], z[3]), d = _mm512_unpackhi_epi32(z[2], z[3]);
    out[0] = _mm512_unpacklo_epi64(a, c);
    out[1] = _mm512_unpackhi_epi64(a, c);
    out[2] = _mm512_unpacklo_epi64(b, d);
    out[3] = _mm512_unpackhi_epi64(b, d);
}

/* Thirty-two bytes at `at` of each row to eight registers of dwords. */
UNROLL_INLINE void rows_transpose_32(const struct rows_source *source, size_t at, __m512i out[8])
{
    __m512i z[8], half[8];
    UNROLL
    for (size_t k = 0; k < 8; k++) {
        const size_t row = k / 4 * 8 + k % 4; /* rows k and k + 4, of each eight */
        z[k] =
            _mm512_castsi256_si512(_mm256_loadu_si256((const void *)(rows_row(source, row) + at)));
        z[k] = _mm512_mask_broadcast_i64x4(
            z[k], 0xf0, _mm256_loadu_si256((const void *)(rows_row(source, row + 4) + at)));
    }
    UNROLL
    for (size_t k = 0; k < 8; k += 4) {
        const __m512i a = _mm512_unpacklo_epi32(z[k], z[k + 1]),
                      b = _mm512_unpackhi_epi32(z[k], z[k + 1]);
        const __m512i c = _mm512_unpacklo_epi32(z[k + 2], z[k + 3]),
                      d = _mm512_unpackhi_epi32(z[k + 2], z[k + 3]);
        half[k] = _mm512_unpacklo_epi64(a, c);
        half[k + 1] = _mm512_unpackhi_epi64(a, c);
        half[k + 2] = _mm512_unpacklo_epi64(b, d);
        half[k + 3] = _mm512_unpackhi_epi64(b, d);
    }
    UNROLL
    for (size_t k = 0; k < 4; k++) {
        out[k] = _mm512_shuffle_i32x4(half[k], half[k + 4], 0x88);
        out[k + 4] = _mm512_shuffle_i32x4(half[k], half[k + 4], 0xdd);
    }
}

/* The first two of those dwords. */
UNROLL_INLINE void rows_transpose_two(const struct rows_source *source, size_t at, __m512i out[2])
{
    __m512i four[4];
    rows_transpose(source, at, four);
    out[0] = four[0];
    out[1] = four[1];
}

/* Sixteen binary16, widened. */
UNROLL_INLINE __m512 rows_widen(const uint16_t halves[ROWS])
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)halves));
}

/* A binary16 of each row, widened; through memory by scalar moves, which leave the vector ports
 * alone. */
UNROLL_INLINE __m512 rows_halves(const struct rows_source *source, size_t at)
{
    uint16_t halves[ROWS];
    UNROLL
    for (size_t r = 0; r < ROWS; r++)
        memcpy(&halves[r], rows_row(source, r) + at, sizeof halves[r]);
    return rows_widen(halves);
}

/* The binary16 in the low, the high half of each dword, widened. */
UNROLL_INLINE __m512 rows_low_halves(__m512i v)
{
    return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(v));
}

UNROLL_INLINE __m512 rows_high_halves(__m512i v)
{
    return rows_low_halves(_mm512_srli_epi32(v, 16));
}

/* Shifts by numbers that are constant only once functions are inlined. */
typedef uint32_t rows_dwords __attribute__((vector_size(64)));
typedef uint16_t rows_words __attribute__((vector_size(64)));

UNROLL_INLINE __m512i rows_dwords_right(__m512i v, size_t bits)
{
    return (__m512i)((rows_dwords)v >> (unsigned)bits);
}

UNROLL_INLINE __m512i rows_dwords_left(__m512i v, size_t bits)
{
    return (__m512i)((rows_dwords)v << (unsigned)bits);
}

UNROLL_INLINE __m512i rows_words_right(__m512i v, size_t bits)
{
    return (__m512i)((rows_words)v >> (unsigned short)bits);
}

/* Byte j of each dword as a float: unsigned, signed. */
UNROLL_INLINE __m512 rows_byte(__m512i v, size_t j)
{
    const __m512i shifted = rows_dwords_right(v, 8 * j);
    return _mm512_cvtepi32_ps(j == 3 ? shifted : _mm512_and_si512(shifted, _mm512_set1_epi32(255)));
}

UNROLL_INLINE __m512 rows_signed_byte(__m512i v, size_t j)
{
    return _mm512_cvtepi32_ps(_mm512_srai_epi32(rows_dwords_left(v, 24 - 8 * j), 24));
}

/* a where `bits` are set, else b. */
UNROLL_INLINE __m512i rows_select(__m512i bits, __m512i a, __m512i b)
{
    return _mm512_ternarylogic_epi32(bits, a, b, 0xca);
}

/* The tokens' integer sums of the block's activations: of half 0 or 1, or of the whole block. */
#define ROWS_WHOLE 2
UNROLL_INLINE __m256i rows_tile_sums(const struct rows_tokens *at, size_t half)
{
    const __m256i s0 = _mm256_loadu_si256((const void *)at->sums);
    const __m256i s1 = _mm256_loadu_si256((const void *)(at->sums + ACTIVATION_LANES));
    return half == ROWS_WHOLE ? _mm256_add_epi32(s0, s1) : half == 0 ? s0 : s1;
}

/* sums = -offset * the sum of activations: what sums of a block with an offset begin with. */
UNROLL_INLINE void rows_start(const struct rows_tokens *at, size_t half, int32_t offset,
                              size_t tokens, __m512i sums[ROWS_TOKENS])
{
    if (tokens == ROWS_UNPACK)
        return;
    if (tokens == 1) {
        const int32_t sum = half == ROWS_WHOLE ? at->sums[0] + at->sums[1] : at->sums[half];
        sums[0] = _mm512_set1_epi32(-offset * sum);
        return;
    }
    int32_t starts[ACTIVATION_LANES];
    const int32_t *const first = starts + at->lane;
    _mm256_storeu_si256((void *)starts,
                        _mm256_mullo_epi32(rows_tile_sums(at, half), _mm256_set1_epi32(-offset)));
    UNROLL
    for (size_t t = 0; t < tokens; t++)
        sums[t] = _mm512_set1_epi32(first[t]);
}

UNROLL_INLINE void rows_zero(__m512i sums[ROWS_TOKENS], size_t tokens)
{
    UNROLL
    for (size_t t = 0; t < tokens; t++)
        sums[t] = _mm512_setzero_si512();
}

/* sums[t] += products of the columns from `column` on. */
UNROLL_INLINE void rows_add(__m512i sums[ROWS_TOKENS], __m512i u, const struct rows_tokens *at,
                            size_t column, size_t tokens)
{
    if (tokens == ROWS_UNPACK)
        _mm512_storeu_si512(at->panel.values + column * ROWS, u);
    UNROLL
    for (size_t t = 0; t < tokens; t++)
        sums[t] = rows_dot(sums[t], u, at->values + t * QUANT_BLOCK + column);
}

/* acc = fma(ws, as * sum, acc), of part `part` of a block */
UNROLL_INLINE void rows_scale(__m512 acc[ROWS_TOKENS], const __m512i sums[ROWS_TOKENS], size_t part,
                              __m512 ws, const struct rows_tokens *at, size_t tokens)
{
    if (tokens == ROWS_UNPACK)
        _mm512_storeu_ps(at->panel.scales + part * ROWS, ws);
    UNROLL
    for (size_t t = 0; t < tokens; t++)
        acc[t] = _mm512_fmadd_ps(
            ws, _mm512_mul_ps(_mm512_set1_ps(at->scales[t]), _mm512_cvtepi32_ps(sums[t])), acc[t]);
}

/* acc = fma(wm, scaled sum of activations, acc) */
UNROLL_INLINE void rows_least(__m512 acc[ROWS_TOKENS], __m512 wm, const struct rows_tokens *at,
                              size_t tokens)
{
    if (tokens == ROWS_UNPACK)
        _mm512_storeu_ps(at->panel.minima, wm);
    UNROLL
    for (size_t t = 0; t < tokens; t++)
        acc[t] = _mm512_fmadd_ps(wm, _mm512_set1_ps(at->scaled_sums[t]), acc[t]);
}

/* The panel at `blocks` blocks from here; minima NULL in kinds without. */
UNROLL_INLINE struct quant_panel rows_panel_at(struct quant_panel panel, size_t blocks,
                                               size_t parts)
{
    panel.values += blocks * QUANT_BLOCK * ROWS;
    panel.scales += blocks * parts * ROWS;
    if (panel.minima != NULL)
        panel.minima += blocks * parts * ROWS;
    return panel;
}

UNROLL_INLINE void rows_next_block(struct rows_tokens *at, size_t parts, size_t tokens)
{
    if (tokens == ROWS_UNPACK) {
        at->panel = rows_panel_at(at->panel, 1, parts);
        return;
    }
    const size_t tile = sizeof(struct activation_tile);
    at->values += tokens == 1 ? QUANT_BLOCK : tile;
    at->scales += tokens == 1 ? 1 : tile / sizeof(float);
    at->scaled_sums += tokens == 1 ? 1 : tile / sizeof(float);
    at->sums += tokens == 1 ? 2 : tile / sizeof(int32_t);
    /* One register, added to: with a second one as index each broadcast would cost an instruction
     * more. */
    __asm__("" : "+r"(at->values));
}

/* Fetches part `part` of `parts` of what the next sixteen rows have at this step: one stream for
 * every four rows, in the order of the file. Who unpacks a piece of the rows has it fetched. */
UNROLL_INLINE void rows_fetch(const struct rows_source *source, size_t step_bytes, size_t part,
                              size_t parts, size_t tokens)
{
    if (tokens == ROWS_UNPACK)
        return;
    const size_t quad = part * 4 / parts;            /* stream */
    const size_t pieces = parts < 4 ? 1 : parts / 4; /* of a stream's share of the step */
    const size_t streams = parts < 4 ? 4 / parts : 1;
    const size_t bytes = 4 * step_bytes / pieces;
    const uint8_t *const from = source->ahead + part % pieces * bytes;
    UNROLL
    for (size_t i = 0; i < streams; i++)
        UNROLL
    for (size_t line = 0; line < (bytes + 63) / 64; line++)
        _mm_prefetch((const void *)(from + (quad + i) * source->quad_bytes + line * 64),
                     _MM_HINT_T1);
}

UNROLL_INLINE struct rows_tokens rows_first_tokens(const struct rows_part *part, size_t tokens)
{
    if (tokens == ROWS_UNPACK)
        return (struct rows_tokens){.panel = rows_panel_at(*part->panel, part->block, part->parts)};
    if (tokens == 1) {
        const struct activation *const activation = part->activation;
        const size_t at = part->token * activation->blocks + part->block;
        return (struct rows_tokens){activation->values + at * QUANT_BLOCK, activation->scales + at,
                                    activation->scaled_sums + at, activation->sums + 2 * at,
                                    .lane = 0};
    }
    const size_t lane = part->token % ACTIVATION_LANES;
    return (struct rows_tokens){part->tiles->values[lane], part->tiles->scales + lane,
                                part->tiles->scaled_sums + lane, part->tiles->sums[0],
                                .lane = lane};
}

UNROLL_INLINE void rows_walk(const struct rows_part *part, rows_run *run, size_t tokens)
{
    const size_t stride = part->row_bytes;
    struct rows_source source = {
        {part->base, part->base + 4 * stride, part->base + 8 * stride, part->base + 12 * stride},
        stride,
        3 * stride,
        part->ahead,
        part->quad_bytes};
    struct rows_tokens at = rows_first_tokens(part, tokens);
    __m512 acc[ROWS_TOKENS];
    UNROLL
    for (size_t t = 0; t < tokens; t++)
        acc[t] = _mm512_load_ps(part->memory + t * ROWS);
    run(&source, &at, tokens, part->blocks, acc);
    UNROLL
    for (size_t t = 0; t < tokens; t++)
        _mm512_store_ps(part->memory + t * ROWS, acc[t]);
}

/* One loop per number of tokens. */
UNROLL_INLINE void rows_walk_tokens(const struct rows_part *part, rows_run *run)
{
    switch (part->tokens) {
    case ROWS_UNPACK:
        rows_walk(part, run, ROWS_UNPACK);
        break;
    case 1:
        rows_walk(part, run, 1);
        break;
    case 2:
        rows_walk(part, run, 2);
        break;
    case 3:
        rows_walk(part, run, 3);
        break;
    case 4:
        rows_walk(part, run, 4);
        break;
    case 5:
        rows_walk(part, run, 5);
        break;
    case 6:
        rows_walk(part, run, 6);
        break;
    case 7:
        rows_walk(part, run, 7);
        break;
    default:
        rows_walk(part, run, 8);
        break;
    }
}

UNROLL_INLINE void rows_steps(struct rows_source *source, struct rows_tokens *at, size_t tokens,
                              size_t steps, __m512 acc[ROWS_TOKENS], rows_step *step,
                              size_t step_bytes)
{
    for (; steps > 0; steps--) {
        step(source, at, tokens, acc);
        rows_forward(source, step_bytes);
    }
}

/* The run of a format as a kernel_rows_product, and as a kernel_rows_unpack. */
#define ROWS_PRODUCT(name, run, step_blocks, step_bytes, parts)                                    \
    static void multiply_##name(const struct rows_part *part)                                      \
    {                                                                                              \
        rows_walk_tokens(part, run);                                                               \
    }                                                                                              \
    _Static_assert((step_bytes) <= ROWS_STEP_BYTES, "a copy holds no such step");                  \
    static const struct rows_format name##_format = {step_blocks, step_bytes, parts,               \
                                                     multiply_##name};                             \
    void avx512_rows_##name(const void *base, size_t row_bytes, size_t rows, size_t blocks,        \
                            const struct activation *activation, size_t first_token,               \
                            size_t tokens, float *out, size_t out_stride)                          \
    {                                                                                              \
        avx512_rows_multiply(&name##_format, base, row_bytes, rows, blocks, activation,            \
                             first_token, tokens, out, out_stride);                                \
    }                                                                                              \
    void avx512_unpack_##name(const void *base, size_t row_bytes, size_t rows, size_t blocks,      \
                              const struct quant_panel *panel)                                     \
    {                                                                                              \
        avx512_rows_unpack(&name##_format, base, row_bytes, rows, blocks, panel);                  \
    }

/* The same of a format whose steps are all alike and hold whole blocks of the file. */
#define ROWS_PRODUCT_OF_STEPS(name, step, step_blocks, step_bytes, parts)                          \
    UNROLL_INLINE void run_##name(struct rows_source *source, struct rows_tokens *at,              \
                                  size_t tokens, size_t blocks, __m512 acc[ROWS_TOKENS])           \
    {                                                                                              \
        rows_steps(source, at, tokens, blocks / (step_blocks), acc, step, step_bytes);             \
    }                                                                                              \
    ROWS_PRODUCT(name, run_##name, step_blocks, step_bytes, parts)

#endif
