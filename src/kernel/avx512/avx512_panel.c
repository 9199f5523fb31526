/* avx512_panel.c - panels of sixteen rows times up to eight tokens at a time (docs/NUMERICS.md; the
 * panel is drawn in quant/quant.h, the tiles in quant/activation.h).
 *
 * A register is sixteen rows of four columns; the four activations that meet it are broadcast from
 * memory by the multiplying instruction itself. The tokens lie side by side in a tile, so that one
 * pointer reaches them all. An integer sum i begins with -offset * (sum of activations), of the
 * block or of its halves, made for a few blocks in advance.
 *
 * No instruction converts the sum: it begins, besides, with the bits of M = 3 * 2^22 as a float,
 * and so ends as the bits of M + i, since |i| < 2^22. What is to be multiplied by i is, fused,
 * x * (M + i) - x * M; -x * M is exact for an activation's scale x, whose last two bits are 0, and
 * for a sub-scale, so the result is x * i rounded once, as the contract has it. Per (token, block)
 * that leaves eight multiplications of bytes and two fused products; sub-scales and minima add
 * theirs. Sums of sub-scaled halves are exact in f32, being below 2^24.
 */
#include "kernel/avx512/avx512.h"

#include <immintrin.h>
#include <string.h>
#include "kernel/lanes/unroll.h"

#define PIECE_BLOCKS 64          /* blocks at a time */
#define MAGIC        12582912.0f /* M */
#define MAGIC_BITS   0x4b400000

/* `blocks` blocks of a panel, from `block` on, times `tokens` tokens: lanes `lane`.. of the tiles.
 */
struct piece {
    const struct quant_panel *panel;
    size_t block, blocks;
    const struct activation_tile *tiles; /* [blocks] */
    size_t lane, tokens;
    int32_t offset;
};

/* sum + the four products of each lane's bytes of u with the four at `a`. Written out because gcc
 * 12 doesn't broadcast in the instruction by itself. */
UNROLL_INLINE __m512i dot(__m512i sum, __m512i u, const int8_t *a)
{
    __asm__("vpdpbusd %2%{1to16%}, %1, %0"
            : "+v"(sum)
            : "v"(u), "m"(*(const int32_t(*)[1])(const void *)a));
    return sum;
}

UNROLL_INLINE bool has_halves(enum quant_kind kind)
{
    return kind == QUANT_KIND_SUBSCALE || kind == QUANT_KIND_SUBSCALE_MINIMUM;
}

UNROLL_INLINE bool has_minima(enum quant_kind kind)
{
    return kind == QUANT_KIND_MINIMUM || kind == QUANT_KIND_SUBSCALE_MINIMUM;
}

/* What integer sums begin with, of a block or its halves; for sub-minima the halves' sums of
 * activations; -M times the activations' scales. */
struct starts {
    int32_t integers[2][PIECE_BLOCKS][ACTIVATION_LANES];
    float sums[2][PIECE_BLOCKS][ACTIVATION_LANES];
    float back[PIECE_BLOCKS][ACTIVATION_LANES];
};

/* One block of the panel and of the tokens; next_block goes on to the next. What the kind lacks is
 * NULL. */
struct block {
    const uint8_t *values;
    const float *scales, *minima, *subscales, *subminima;
    const int8_t *tokens; /* [tokens][32] */
    const float *token_scales, *scaled_sums, *back;
    const int32_t *integers[2];
    const float *sums[2];
};

UNROLL_INLINE struct block first_block(const struct piece *piece, const struct starts *starts,
                                       enum quant_kind kind)
{
    const struct quant_panel *const panel = piece->panel;
    const size_t at = piece->block;
    struct block block = {
        .values = panel->values + at * QUANT_BLOCK * QUANT_PANEL_ROWS,
        .scales = panel->scales + at * QUANT_PANEL_ROWS,
        .tokens = piece->tiles->values[piece->lane],
        .token_scales = piece->tiles->scales + piece->lane,
        .scaled_sums = piece->tiles->scaled_sums + piece->lane,
        .back = starts->back[0] + piece->lane,
        .integers = {starts->integers[0][0] + piece->lane, starts->integers[1][0] + piece->lane},
        .sums = {starts->sums[0][0] + piece->lane, starts->sums[1][0] + piece->lane}};
    if (has_minima(kind))
        block.minima = panel->minima + at * QUANT_PANEL_ROWS;
    if (has_halves(kind))
        block.subscales = panel->subscales + at * 2 * QUANT_PANEL_ROWS;
    if (has_halves(kind) && has_minima(kind))
        block.subminima = panel->subminima + at * 2 * QUANT_PANEL_ROWS;
    return block;
}

UNROLL_INLINE void next_block(struct block *block, enum quant_kind kind)
{
    block->values += QUANT_BLOCK * QUANT_PANEL_ROWS;
    block->scales += QUANT_PANEL_ROWS;
    if (has_minima(kind))
        block->minima += QUANT_PANEL_ROWS;
    if (has_halves(kind))
        block->subscales += 2 * QUANT_PANEL_ROWS;
    if (has_halves(kind) && has_minima(kind))
        block->subminima += 2 * QUANT_PANEL_ROWS;
    block->tokens += sizeof(struct activation_tile);
    block->token_scales += sizeof(struct activation_tile) / sizeof(float);
    block->scaled_sums += sizeof(struct activation_tile) / sizeof(float);
    block->back += ACTIVATION_LANES;
    for (size_t h = 0; h < 2; h++) {
        block->integers[h] += ACTIVATION_LANES;
        block->sums[h] += ACTIVATION_LANES;
    }
    /* One register, added to: with a second one as index each broadcast would cost an instruction
     * more. */
    __asm__("" : "+r"(block->tokens));
}

UNROLL_INLINE void fill_starts(const struct piece *piece, enum quant_kind kind, struct starts *out)
{
    const __m256i factor = _mm256_set1_epi32(-piece->offset), magic = _mm256_set1_epi32(MAGIC_BITS);
    for (size_t b = 0; b < piece->blocks; b++) {
        const struct activation_tile *const tile = &piece->tiles[b];
        const __m256i s0 = _mm256_loadu_si256((const void *)tile->sums[0]);
        const __m256i s1 = _mm256_loadu_si256((const void *)tile->sums[1]);
        _mm256_storeu_ps(out->back[b],
                         _mm256_mul_ps(_mm256_loadu_ps(tile->scales), _mm256_set1_ps(-MAGIC)));
        if (kind == QUANT_KIND_SUBSCALE_MINIMUM) {
            _mm256_storeu_ps(out->sums[0][b], _mm256_cvtepi32_ps(s0));
            _mm256_storeu_ps(out->sums[1][b], _mm256_cvtepi32_ps(s1));
        } else if (kind == QUANT_KIND_SUBSCALE) {
            _mm256_storeu_si256((void *)out->integers[0][b],
                                _mm256_add_epi32(magic, _mm256_mullo_epi32(factor, s0)));
            _mm256_storeu_si256((void *)out->integers[1][b], _mm256_mullo_epi32(factor, s1));
        } else if (kind == QUANT_KIND_PLAIN) {
            _mm256_storeu_si256(
                (void *)out->integers[0][b],
                _mm256_add_epi32(magic, _mm256_mullo_epi32(factor, _mm256_add_epi32(s0, s1))));
        }
    }
}

/* sums[t] = start[t], or `all` where there is none, + products of `groups` groups of four columns,
 * from group `first` on. */
UNROLL_INLINE void add_groups(const struct block *block, const int32_t *start, int32_t all,
                              size_t first, size_t groups, size_t tokens,
                              __m512i sums[ACTIVATION_LANES])
{
    UNROLL
    for (size_t t = 0; t < tokens; t++)
        sums[t] = _mm512_set1_epi32(start != NULL ? start[t] : all);
    UNROLL
    for (size_t g = first; g < first + groups; g++) {
        const __m512i u = _mm512_loadu_si512(block->values + g * 64);
        UNROLL
        for (size_t t = 0; t < tokens; t++)
            sums[t] = dot(sums[t], u, block->tokens + t * QUANT_BLOCK + g * 4);
    }
}

/* factor * i, given the bits of M + i and back = -factor * M. */
UNROLL_INLINE __m512 scaled(__m512i bits, __m512 factor, __m512 back)
{
    return _mm512_fmadd_ps(_mm512_castsi512_ps(bits), factor, back);
}

UNROLL_INLINE void add_whole(const struct block *block, enum quant_kind kind, size_t tokens,
                             __m512 acc[ACTIVATION_LANES])
{
    __m512i sums[ACTIVATION_LANES];
    const __m512 ws = _mm512_loadu_ps(block->scales);
    const int32_t *const start = kind == QUANT_KIND_MINIMUM ? NULL : block->integers[0];
    add_groups(block, start, MAGIC_BITS, 0, 8, tokens, sums);
    UNROLL
    for (size_t t = 0; t < tokens; t++) {
        const __m512 part =
            scaled(sums[t], _mm512_set1_ps(block->token_scales[t]), _mm512_set1_ps(block->back[t]));
        acc[t] = _mm512_fmadd_ps(ws, part, acc[t]);
        if (kind == QUANT_KIND_MINIMUM)
            acc[t] = _mm512_fmadd_ps(_mm512_loadu_ps(block->minima),
                                     _mm512_set1_ps(block->scaled_sums[t]), acc[t]);
    }
}

UNROLL_INLINE void add_halves(const struct block *block, enum quant_kind kind, size_t tokens,
                              __m512 acc[ACTIVATION_LANES])
{
    __m512i sums[ACTIVATION_LANES];
    __m512 totals[ACTIVATION_LANES];
    const bool offset = kind == QUANT_KIND_SUBSCALE;
    const __m512 ws = _mm512_loadu_ps(block->scales);
    const __m512 k0 = _mm512_loadu_ps(block->subscales),
                 k1 = _mm512_loadu_ps(block->subscales + 16);
    const __m512 back = _mm512_mul_ps(k0, _mm512_set1_ps(-MAGIC));
    add_groups(block, offset ? block->integers[0] : NULL, MAGIC_BITS, 0, 4, tokens, sums);
    UNROLL
    for (size_t t = 0; t < tokens; t++)
        totals[t] = scaled(sums[t], k0, back);
    add_groups(block, offset ? block->integers[1] : NULL, 0, 4, 4, tokens, sums);
    UNROLL
    for (size_t t = 0; t < tokens; t++) {
        const __m512 as = _mm512_set1_ps(block->token_scales[t]);
        totals[t] = _mm512_fmadd_ps(k1, _mm512_cvtepi32_ps(sums[t]), totals[t]);
        acc[t] = _mm512_fmadd_ps(ws, _mm512_mul_ps(as, totals[t]), acc[t]);
        if (kind == QUANT_KIND_SUBSCALE)
            continue;
        const __m512 n0 = _mm512_loadu_ps(block->subminima),
                     n1 = _mm512_loadu_ps(block->subminima + 16);
        const __m512 least = _mm512_fmadd_ps(n1, _mm512_set1_ps(block->sums[1][t]),
                                             _mm512_mul_ps(n0, _mm512_set1_ps(block->sums[0][t])));
        acc[t] = _mm512_fmadd_ps(_mm512_loadu_ps(block->minima), _mm512_mul_ps(as, least), acc[t]);
    }
}

/* Adds the piece to memory f32 [tokens][16], tokens `stride` apart. */
UNROLL_INLINE void add_piece(const struct piece *piece, const struct starts *starts,
                             enum quant_kind kind, size_t tokens, float *memory, size_t stride)
{
    __m512 acc[ACTIVATION_LANES];
    struct block block = first_block(piece, starts, kind);
    UNROLL
    for (size_t t = 0; t < tokens; t++)
        acc[t] = _mm512_load_ps(memory + t * stride);
    for (size_t b = 0; b < piece->blocks; b++) {

        if (has_halves(kind))
            add_halves(&block, kind, tokens, acc);
        else
            add_whole(&block, kind, tokens, acc);
        next_block(&block, kind);
    }
    UNROLL
    for (size_t t = 0; t < tokens; t++)
        _mm512_store_ps(memory + t * stride, acc[t]);
}

UNROLL_INLINE void multiply(const struct piece *piece, enum quant_kind kind, float *memory,
                            size_t stride)
{
    struct starts starts;
    fill_starts(piece, kind, &starts);
    switch (piece->tokens) {
    case 1:
        add_piece(piece, &starts, kind, 1, memory, stride);
        break;
    case 2:
        add_piece(piece, &starts, kind, 2, memory, stride);
        break;
    case 3:
        add_piece(piece, &starts, kind, 3, memory, stride);
        break;
    case 4:
        add_piece(piece, &starts, kind, 4, memory, stride);
        break;
    case 5:
        add_piece(piece, &starts, kind, 5, memory, stride);
        break;
    case 6:
        add_piece(piece, &starts, kind, 6, memory, stride);
        break;
    case 7:
        add_piece(piece, &starts, kind, 7, memory, stride);
        break;
    default:
        add_piece(piece, &starts, kind, 8, memory, stride);
        break;
    }
}

static void multiply_plain(const struct piece *piece, float *memory, size_t stride)
{
    multiply(piece, QUANT_KIND_PLAIN, memory, stride);
}

static void multiply_minimum(const struct piece *piece, float *memory, size_t stride)
{
    multiply(piece, QUANT_KIND_MINIMUM, memory, stride);
}

static void multiply_subscale(const struct piece *piece, float *memory, size_t stride)
{
    multiply(piece, QUANT_KIND_SUBSCALE, memory, stride);
}

static void multiply_subscale_minimum(const struct piece *piece, float *memory, size_t stride)
{
    multiply(piece, QUANT_KIND_SUBSCALE_MINIMUM, memory, stride);
}

/* The tiles of a piece, laid out here where the activation has none. */
static const struct activation_tile *tiles_of(const struct activation *activation,
                                              size_t first_block, size_t token,
                                              const struct piece *piece,
                                              struct activation_tile *own)
{
    if (activation->tiles != NULL)
        return activation->tiles + token / ACTIVATION_LANES * activation->blocks + first_block +
               piece->block;
    for (size_t b = 0; b < piece->blocks; b++)
        for (size_t t = 0; t < piece->tokens; t++)
            activation_tile_set(&own[b], piece->lane + t, activation, token + t,
                                first_block + piece->block + b);
    return own;
}

void avx512_panel_product(const struct quant_format *format, const struct quant_panel *panel,
                          size_t blocks, const struct activation *activation, size_t first_block,
                          size_t first_token, size_t tokens, float *sums, size_t sums_stride)
{
    static void (*const multipliers[])(const struct piece *piece, float *memory, size_t stride) = {
        [QUANT_KIND_PLAIN] = multiply_plain,
        [QUANT_KIND_MINIMUM] = multiply_minimum,
        [QUANT_KIND_SUBSCALE] = multiply_subscale,
        [QUANT_KIND_SUBSCALE_MINIMUM] = multiply_subscale_minimum};
    _Alignas(64) struct activation_tile own[PIECE_BLOCKS];
    for (size_t t = 0, count; t < tokens; t += count) {
        const size_t lane = (first_token + t) % ACTIVATION_LANES;
        count = tokens - t < ACTIVATION_LANES - lane ? tokens - t : ACTIVATION_LANES - lane;
        struct piece piece = {panel, 0, 0, NULL, lane, count, format->offset};
        for (; piece.block < blocks; piece.block += PIECE_BLOCKS) {
            piece.blocks =
                blocks - piece.block < PIECE_BLOCKS ? blocks - piece.block : PIECE_BLOCKS;
            piece.tiles = tiles_of(activation, first_block, first_token + t, &piece, own);
            multipliers[format->kind](&piece, sums + t * sums_stride, sums_stride);
        }
    }
}
