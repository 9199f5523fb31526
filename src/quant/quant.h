/* quant.h - the block formats: one row of a table per format, one file per format.
 *
 * A tensor's row is a run of blocks; a block holds `block_length` weights in `block_bytes` bytes.
 * Each format knows how to decode itself to f32, how to be encoded, and how to unpack 16 rows of
 * itself to the canonical panel, from which one kernel per level multiplies every format.
 *
 * The canonical panel: 16 rows x `blocks` blocks of 32 columns, lanes are rows.
 *
 *   values    u8  [blocks][8][16][4]  unsigned integer of (row r, column 4*g + j) at [b][g][r][j]
 *   scales    f32 [blocks][parts][16] a binary16 times a small integer, so exact
 *   minima    f32 [blocks][parts][16] the same; kinds MINIMUM and HALVES_MINIMUM only
 *
 * A block has one part, or two in the kinds of halves, for columns 0..15 and 16..31. A weight is, by
 * kind, with u its value and o the format's offset:
 *
 *   PLAIN, HALVES             scale * (u - o)
 *   MINIMUM, HALVES_MINIMUM   scale * u + minimum
 *
 * How products are summed is the numeric contract: docs/NUMERICS.md.
 */
#ifndef QUANT_QUANT_H
#define QUANT_QUANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUANT_PANEL_ROWS 16
#define QUANT_BLOCK      32 /* columns per panel block, and activations per scale */

/* The numbers are GGUF's tensor types. */
enum quant_type {
    QUANT_F32 = 0,
    QUANT_F16 = 1,
    QUANT_Q4_0 = 2,
    QUANT_Q4_1 = 3,
    QUANT_Q5_0 = 6,
    QUANT_Q5_1 = 7,
    QUANT_Q8_0 = 8,
    QUANT_Q2_K = 10,
    QUANT_Q3_K = 11,
    QUANT_Q4_K = 12,
    QUANT_Q5_K = 13,
    QUANT_Q6_K = 14,
    QUANT_IQ4_NL = 20,
    QUANT_IQ4_XS = 23,
    QUANT_BF16 = 30,
    QUANT_TYPES = 31 /* one more than the largest */
};

enum quant_kind {
    QUANT_KIND_FLOAT, /* F32, F16, BF16: no panel of integers */
    QUANT_KIND_PLAIN,
    QUANT_KIND_MINIMUM,
    QUANT_KIND_HALVES,
    QUANT_KIND_HALVES_MINIMUM
};

struct quant_panel {
    uint8_t *values;
    float *scales, *minima;
};

/* Scales, and minima, of a block and row. */
static inline size_t quant_kind_parts(enum quant_kind kind)
{
    return kind == QUANT_KIND_HALVES || kind == QUANT_KIND_HALVES_MINIMUM ? 2 : 1;
}

static inline bool quant_kind_minima(enum quant_kind kind)
{
    return kind == QUANT_KIND_MINIMUM || kind == QUANT_KIND_HALVES_MINIMUM;
}

struct quant_format {
    enum quant_type type;
    const char *name; /* "Q4_K" */
    size_t block_length, block_bytes;
    enum quant_kind kind;
    int32_t offset;     /* subtracted from the panel's unsigned integers */
    int32_t value_most; /* the largest unsigned integer a panel of this format can hold */

    /* `count` weights (a multiple of block_length) to f32, exactly as the format defines them. */
    void (*decode)(const void *blocks, float *out, size_t count);
    /* The reverse, with least weighted squared error; `importance` [count] or NULL weighs the
     * columns. No allocation; the same bytes for the same input on every machine. */
    void (*encode)(const float *in, const float *importance, void *blocks, size_t count);
    /* Unpacks columns [32*first_block, 32*(first_block+blocks)) of `rows` (1..16) rows that lie
     * `row_bytes` apart from `base` on. Lanes past `rows` are filled with zeros. NULL for kind
     * FLOAT. first_block and blocks are multiples of block_length / 32. */
    void (*unpack)(const void *base, size_t row_bytes, size_t rows, size_t first_block,
                   size_t blocks, const struct quant_panel *panel);
};

/* NULL: not a type known here. */
const struct quant_format *quant_format_of(uint32_t type);
/* By name, case-insensitive; NULL if there is none. */
/* From here on a finite weight rounds to more than the format holds. Formats with scales reach
 * further than any weight of a model; there the encoder takes the nearest that there is, and this
 * is infinity. */
float quant_format_limit(const struct quant_format *format);
const struct quant_format *quant_format_named(const char *name);

/* Bytes of `count` weights (a multiple of block_length), false on overflow or a broken block. */
bool quant_bytes(const struct quant_format *format, size_t count, size_t *bytes);

#endif
