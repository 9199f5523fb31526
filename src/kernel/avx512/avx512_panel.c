/* avx512_panel.c - three panels of sixteen rows times four tokens at a time (docs/NUMERICS.md; the
 * panel is drawn in quant/quant.h, the tiles in quant/activation.h).
 *
 *               token 0  token 1  token 2  token 3      a register is sixteen rows of four columns;
 *   panel 0   |        |        |        |        |     the four activations that meet it are
 *   panel 1   |        |        |        |        |     broadcast, once for all panels
 *   panel 2   |        |        |        |        |
 *
 * Twelve sums are enough to hide that a multiplication takes five cycles while two begin in each.
 * An integer sum i begins with -offset * (sum of activations), of the block or of its halves, made
 * for a few blocks in advance.
 *
 * Where it can be, no instruction converts the sum: it begins, besides, with the bits of M = 3 *
 * 2^22 as a float, and so ends as the bits of M + i, since |i| < 2^22. What is to be multiplied by
 * i is, fused, x * (M + i) - x * M; -x * M is exact for an activation's scale x, whose last two
 * bits are 0, and for a sub-scale, so the result is x * i rounded once, as the contract has it. Per
 * (token, block) that leaves eight multiplications of bytes and two fused products; sub-scales and
 * minima add theirs. Sums of sub-scaled halves are exact in f32, being below 2^24.
 */
#include "kernel/avx512/avx512.h"

#include <immintrin.h>
#include <string.h>
#include "kernel/lanes/fetching.h"

#define PIECE_BLOCKS 64          /* blocks at a time */
#define PANELS       3           /* side by side */
#define TOKENS       4           /* the same */
#define MAGIC        12582912.0f /* M */
#define MAGIC_BITS   0x4b400000

/* `blocks` blocks of one panel or PANELS, from `block` on, times `tokens` tokens: lanes `lane`.. of
 * the tiles; added to memory f32 [tokens][panels * 16], tokens `stride` apart. */
struct piece {
    const struct quant_panel *panels;
    size_t panel_count, block, blocks;
    const struct activation_tile *tiles; /* [blocks] */
    size_t ahead;                        /* tiles from there to the next tokens' */
    size_t lane, tokens;
    int32_t offset;
    float *memory;
    size_t stride;
};

/* Four activations in every lane. */
UNROLL_INLINE __m512i broadcast(const int8_t *a)
{
    int32_t four;
    memcpy(&four, a, sizeof four);
    return _mm512_set1_epi32(four);
}

UNROLL_INLINE bool has_halves(enum quant_kind kind)
{
    return kind == QUANT_KIND_SUBSCALE || kind == QUANT_KIND_SUBSCALE_MINIMUM;
}

UNROLL_INLINE bool has_minima(enum quant_kind kind)
{
    return kind == QUANT_KIND_MINIMUM || kind == QUANT_KIND_SUBSCALE_MINIMUM;
}

/* Of a block and its tokens: what integer sums begin with, of the whole or of its halves; for
 * sub-minima the halves' sums of activations; -M times the activations' scales. */
struct start {
    int32_t integers[2][ACTIVATION_LANES];
    float sums[2][ACTIVATION_LANES];
    float back[ACTIVATION_LANES];
};

/* One block of a panel; next_block goes on to the next. What the kind lacks is NULL. */
struct weights {
    const uint8_t *values;
    const float *scales, *minima, *subscales, *subminima;
};

struct block {
    struct weights panels[PANELS];
    const int8_t *tokens; /* [tokens][32] */
    const float *token_scales, *scaled_sums;
    const struct start *start;
    size_t lane;
};

UNROLL_INLINE struct weights first_weights(const struct quant_panel *panel, size_t at,
                                           enum quant_kind kind)
{
    struct weights weights = {.values = panel->values + at * QUANT_BLOCK * QUANT_PANEL_ROWS,
                              .scales = panel->scales + at * QUANT_PANEL_ROWS};
    if (has_minima(kind))
        weights.minima = panel->minima + at * QUANT_PANEL_ROWS;
    if (has_halves(kind))
        weights.subscales = panel->subscales + at * 2 * QUANT_PANEL_ROWS;
    if (has_halves(kind) && has_minima(kind))
        weights.subminima = panel->subminima + at * 2 * QUANT_PANEL_ROWS;
    return weights;
}

UNROLL_INLINE struct block first_block(const struct piece *piece, const struct start *start,
                                       enum quant_kind kind, size_t panels)
{
    struct block block = {.tokens = piece->tiles->values[piece->lane],
                          .token_scales = piece->tiles->scales + piece->lane,
                          .scaled_sums = piece->tiles->scaled_sums + piece->lane,
                          .start = start,
                          .lane = piece->lane};
    UNROLL
    for (size_t p = 0; p < panels; p++)
        block.panels[p] = first_weights(&piece->panels[p], piece->block, kind);
    return block;
}

/* Fetches the next tokens' tile: they are too far away for hardware that looks ahead by itself. */
UNROLL_INLINE void fetch_ahead(const struct block *block, size_t ahead)
{
    const char *const from = (const char *)block->tokens + ahead * sizeof(struct activation_tile);
    UNROLL
    for (size_t line = 0; line < 3; line++) /* half a tile: four of its eight tokens pass by */
        _mm_prefetch(from + (block->lane / TOKENS * 64) + line * 64, _MM_HINT_T0);
}

UNROLL_INLINE void next_block(struct block *block, enum quant_kind kind, size_t panels)
{
    UNROLL
    for (size_t p = 0; p < panels; p++) {
        struct weights *const weights = &block->panels[p];
        weights->values += QUANT_BLOCK * QUANT_PANEL_ROWS;
        weights->scales += QUANT_PANEL_ROWS;
        if (has_minima(kind))
            weights->minima += QUANT_PANEL_ROWS;
        if (has_halves(kind))
            weights->subscales += 2 * QUANT_PANEL_ROWS;
        if (has_halves(kind) && has_minima(kind))
            weights->subminima += 2 * QUANT_PANEL_ROWS;
    }
    block->tokens += sizeof(struct activation_tile);
    block->token_scales += sizeof(struct activation_tile) / sizeof(float);
    block->scaled_sums += sizeof(struct activation_tile) / sizeof(float);
    block->start++;
}

UNROLL_INLINE void fill_starts(const struct piece *piece, enum quant_kind kind, struct start *out)
{
    const __m256i factor = _mm256_set1_epi32(-piece->offset), magic = _mm256_set1_epi32(MAGIC_BITS);
    for (size_t b = 0; b < piece->blocks; b++) {
        const struct activation_tile *const tile = &piece->tiles[b];
        struct start *const start = &out[b];
        const __m256i s0 = _mm256_loadu_si256((const void *)tile->sums[0]);
        const __m256i s1 = _mm256_loadu_si256((const void *)tile->sums[1]);
        _mm256_storeu_ps(start->back,
                         _mm256_mul_ps(_mm256_loadu_ps(tile->scales), _mm256_set1_ps(-MAGIC)));
        if (kind == QUANT_KIND_SUBSCALE_MINIMUM) {
            _mm256_storeu_ps(start->sums[0], _mm256_cvtepi32_ps(s0));
            _mm256_storeu_ps(start->sums[1], _mm256_cvtepi32_ps(s1));
        } else if (kind == QUANT_KIND_SUBSCALE) {
            _mm256_storeu_si256((void *)start->integers[0],
                                _mm256_add_epi32(magic, _mm256_mullo_epi32(factor, s0)));
            _mm256_storeu_si256((void *)start->integers[1], _mm256_mullo_epi32(factor, s1));
        } else if (kind == QUANT_KIND_PLAIN) {
            _mm256_storeu_si256(
                (void *)start->integers[0],
                _mm256_add_epi32(magic, _mm256_mullo_epi32(factor, _mm256_add_epi32(s0, s1))));
        }
    }
}

#define SUMS (PANELS * TOKENS) /* [tokens][panels] */

/* sums = start[t], or `all` where there is none, + products of `groups` groups of four columns,
 * from group `first` on. */
UNROLL_INLINE void add_groups(const struct block *block, const int32_t *start, int32_t all,
                              size_t first, size_t groups, size_t panels, size_t tokens,
                              __m512i sums[SUMS])
{
    UNROLL
    for (size_t t = 0; t < tokens; t++)
        UNROLL
    for (size_t p = 0; p < panels; p++)
        sums[t * panels + p] = _mm512_set1_epi32(start != NULL ? start[t] : all);
    UNROLL
    for (size_t g = first; g < first + groups; g++) {
        __m512i u[PANELS];
        UNROLL
        for (size_t p = 0; p < panels; p++)
            u[p] = _mm512_loadu_si512(block->panels[p].values + g * 64);
        UNROLL
        for (size_t t = 0; t < tokens; t++) {
            const __m512i a = broadcast(block->tokens + t * QUANT_BLOCK + g * 4);
            UNROLL
            for (size_t p = 0; p < panels; p++)
                sums[t * panels + p] = _mm512_dpbusd_epi32(sums[t * panels + p], u[p], a);
        }
    }
}

/* factor * i, given the bits of M + i and back = -factor * M. */
UNROLL_INLINE __m512 scaled(__m512i bits, __m512 factor, __m512 back)
{
    return _mm512_fmadd_ps(_mm512_castsi512_ps(bits), factor, back);
}

UNROLL_INLINE void add_whole(const struct block *block, enum quant_kind kind, size_t panels,
                             size_t tokens, __m512 acc[SUMS])
{
    __m512i sums[SUMS];
    const int32_t *const start =
        kind == QUANT_KIND_MINIMUM ? NULL : block->start->integers[0] + block->lane;
    const float *const back = block->start->back + block->lane;
    add_groups(block, start, MAGIC_BITS, 0, 8, panels, tokens, sums);
    UNROLL
    for (size_t i = 0; i < tokens * panels; i++) {
        const struct weights *const weights = &block->panels[i % panels];
        const size_t t = i / panels;
        const __m512 part =
            scaled(sums[i], _mm512_set1_ps(block->token_scales[t]), _mm512_set1_ps(back[t]));
        acc[i] = _mm512_fmadd_ps(_mm512_loadu_ps(weights->scales), part, acc[i]);
        if (kind == QUANT_KIND_MINIMUM)
            acc[i] = _mm512_fmadd_ps(_mm512_loadu_ps(weights->minima),
                                     _mm512_set1_ps(block->scaled_sums[t]), acc[i]);
    }
}

UNROLL_INLINE void add_halves(const struct block *block, enum quant_kind kind, size_t panels,
                              size_t tokens, __m512 acc[SUMS])
{
    __m512i sums[SUMS];
    __m512 totals[SUMS], back[PANELS];
    const struct start *const start = block->start;
    const bool offset = kind == QUANT_KIND_SUBSCALE;
    UNROLL
    for (size_t p = 0; p < panels; p++)
        back[p] =
            _mm512_mul_ps(_mm512_loadu_ps(block->panels[p].subscales), _mm512_set1_ps(-MAGIC));
    add_groups(block, offset ? start->integers[0] + block->lane : NULL, MAGIC_BITS, 0, 4, panels,
               tokens, sums);
    UNROLL
    for (size_t i = 0; i < tokens * panels; i++)
        totals[i] =
            scaled(sums[i], _mm512_loadu_ps(block->panels[i % panels].subscales), back[i % panels]);
    add_groups(block, offset ? start->integers[1] + block->lane : NULL, 0, 4, 4, panels, tokens,
               sums);
    UNROLL
    for (size_t i = 0; i < tokens * panels; i++) {
        const struct weights *const weights = &block->panels[i % panels];
        const size_t t = i / panels;
        const __m512 as = _mm512_set1_ps(block->token_scales[t]);
        totals[i] = _mm512_fmadd_ps(_mm512_loadu_ps(weights->subscales + 16),
                                    _mm512_cvtepi32_ps(sums[i]), totals[i]);
        acc[i] =
            _mm512_fmadd_ps(_mm512_loadu_ps(weights->scales), _mm512_mul_ps(as, totals[i]), acc[i]);
        if (kind == QUANT_KIND_SUBSCALE)
            continue;
        const __m512 least =
            _mm512_fmadd_ps(_mm512_loadu_ps(weights->subminima + 16),
                            _mm512_set1_ps(start->sums[1][block->lane + t]),
                            _mm512_mul_ps(_mm512_loadu_ps(weights->subminima),
                                          _mm512_set1_ps(start->sums[0][block->lane + t])));
        acc[i] =
            _mm512_fmadd_ps(_mm512_loadu_ps(weights->minima), _mm512_mul_ps(as, least), acc[i]);
    }
}

/* Adds the piece to its memory. */
UNROLL_INLINE void add_piece(const struct piece *piece, const struct start *starts,
                             enum quant_kind kind, size_t panels, size_t tokens)
{
    __m512 acc[SUMS];
    struct block block = first_block(piece, starts, kind, panels);
    UNROLL
    for (size_t i = 0; i < tokens * panels; i++)
        acc[i] = _mm512_load_ps(piece->memory + i / panels * piece->stride + i % panels * 16);
    for (size_t b = 0; b < piece->blocks; b++) {
        fetch_ahead(&block, piece->ahead);
        if (has_halves(kind))
            add_halves(&block, kind, panels, tokens, acc);
        else
            add_whole(&block, kind, panels, tokens, acc);
        next_block(&block, kind, panels);
    }
    UNROLL
    for (size_t i = 0; i < tokens * panels; i++)
        _mm512_store_ps(piece->memory + i / panels * piece->stride + i % panels * 16, acc[i]);
}

UNROLL_INLINE void add_tokens(const struct piece *piece, const struct start *starts,
                              enum quant_kind kind, size_t panels)
{
    switch (piece->tokens) {
    case 1:
        add_piece(piece, starts, kind, panels, 1);
        break;
    case 2:
        add_piece(piece, starts, kind, panels, 2);
        break;
    case 3:
        add_piece(piece, starts, kind, panels, 3);
        break;
    default:
        add_piece(piece, starts, kind, panels, TOKENS);
        break;
    }
}

/* All tokens of the tiles that the piece names, TOKENS at a time. */
UNROLL_INLINE void multiply(const struct piece *piece, enum quant_kind kind)
{
    struct start starts[PIECE_BLOCKS];
    struct piece some = *piece;
    fill_starts(piece, kind, starts);
    for (size_t t = 0; t < piece->tokens; t += TOKENS) {
        some.lane = piece->lane + t;
        some.tokens = piece->tokens - t < TOKENS ? piece->tokens - t : TOKENS;
        some.memory = piece->memory + t * piece->stride;
        if (piece->panel_count == 1)
            add_tokens(&some, starts, kind, 1);
        else
            add_tokens(&some, starts, kind, PANELS);
    }
}

static void multiply_plain(const struct piece *piece)
{
    multiply(piece, QUANT_KIND_PLAIN);
}

static void multiply_minimum(const struct piece *piece)
{
    multiply(piece, QUANT_KIND_MINIMUM);
}

static void multiply_subscale(const struct piece *piece)
{
    multiply(piece, QUANT_KIND_SUBSCALE);
}

static void multiply_subscale_minimum(const struct piece *piece)
{
    multiply(piece, QUANT_KIND_SUBSCALE_MINIMUM);
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

/* One panel or PANELS, all tokens: those of a tile at a time. */
static void multiply_panels(const struct quant_format *format, struct piece *piece, size_t blocks,
                            const struct activation *activation, size_t first_block,
                            size_t first_token, size_t tokens, float *sums,
                            struct fetching *fetching)
{
    static void (*const multipliers[])(const struct piece *piece) = {
        [QUANT_KIND_PLAIN] = multiply_plain,
        [QUANT_KIND_MINIMUM] = multiply_minimum,
        [QUANT_KIND_SUBSCALE] = multiply_subscale,
        [QUANT_KIND_SUBSCALE_MINIMUM] = multiply_subscale_minimum};
    _Alignas(64) struct activation_tile own[PIECE_BLOCKS];
    for (size_t t = 0; t < tokens; t += piece->tokens) {
        piece->lane = (first_token + t) % ACTIVATION_LANES;
        const size_t lanes = ACTIVATION_LANES - piece->lane;
        piece->tokens = tokens - t < lanes ? tokens - t : lanes;
        piece->memory = sums + t * piece->stride;
        fetch_some(fetching);
        for (piece->block = 0; piece->block < blocks; piece->block += PIECE_BLOCKS) {
            piece->blocks =
                blocks - piece->block < PIECE_BLOCKS ? blocks - piece->block : PIECE_BLOCKS;
            piece->tiles = tiles_of(activation, first_block, first_token + t, piece, own);
            multipliers[format->kind](piece);
        }
    }
}

void avx512_panel_product(const struct quant_format *format, const struct quant_panel *panels,
                          size_t panel_count, size_t blocks, const struct activation *activation,
                          size_t first_block, size_t first_token, size_t tokens, float *sums,
                          size_t sums_stride, const struct kernel_ahead *ahead)
{
    struct fetching fetching =
        fetching_of(ahead, (panel_count + PANELS - 1) / PANELS *
                               ((tokens + ACTIVATION_LANES - 1) / ACTIVATION_LANES));
    for (size_t p = 0, count; p < panel_count; p += count) {
        count = panel_count - p < PANELS ? 1 : PANELS;
        struct piece piece = {.panels = panels + p,
                              .panel_count = count,
                              .ahead = activation->blocks,
                              .offset = format->offset,
                              .stride = sums_stride};
        multiply_panels(format, &piece, blocks, activation, first_block, first_token, tokens,
                        sums + p * QUANT_PANEL_ROWS, &fetching);
    }
}
