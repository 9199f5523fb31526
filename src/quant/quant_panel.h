/* quant_panel.h - the loop that every unpack is: blocks of up to 16 rows to the canonical panel of
 * quant.h.
 *
 *   rows in the file                     values of one panel block: 8 groups of 16 dwords
 *   row 0   | c0..c3 | c4..c7 | ...      | row 0 c0..c3 | row 1 c0..c3 | ... | row 15 c0..c3 |
 *   row 1   | c0..c3 | c4..c7 | ...      | row 0 c4..c7 | row 1 c4..c7 | ... | row 15 c4..c7 |
 *   ...                                  ...
 *
 * A format supplies `one`, which unpacks a single block of the file to row `row` of the panel
 * blocks from `block` on (1 panel block, or 8 for a super-block of 256). The panel is walked block
 * by block with the rows inside, so that the 512 bytes being filled stay in the first cache while
 * 16 rows are read as 16 streams.
 */
#ifndef QUANT_QUANT_PANEL_H
#define QUANT_QUANT_PANEL_H

#include <string.h>
#include "quant/quant.h"

#define QUANT_PANEL_BYTES (QUANT_PANEL_ROWS * QUANT_BLOCK) /* of values per panel block */

typedef void quant_panel_one(const uint8_t *bytes, const struct quant_panel *panel, size_t block,
                             size_t row);

/* The 32 unsigned integers of one row of one panel block. */
static inline void quant_panel_values(const struct quant_panel *panel, size_t block, size_t row,
                                      const uint8_t values[QUANT_BLOCK])
{
    uint8_t *out = panel->values + block * QUANT_PANEL_BYTES + row * 4;
    for (size_t group = 0; group < QUANT_BLOCK / 4; group++)
        memcpy(out + group * (4 * QUANT_PANEL_ROWS), values + group * 4, 4);
}

/* Index of (block, row) in scales and minima that have one part. */
static inline size_t quant_panel_lane(size_t block, size_t row)
{
    return block * QUANT_PANEL_ROWS + row;
}

/* Of (block, half, row) in those that have two. */
static inline size_t quant_panel_half(size_t block, size_t half, size_t row)
{
    return (block * 2 + half) * QUANT_PANEL_ROWS + row;
}

/* Zeros everywhere, for a panel with fewer than 16 rows. */
static inline void quant_panel_clear(const struct quant_panel *panel, enum quant_kind kind,
                                     size_t blocks)
{
    const size_t lanes = blocks * quant_kind_parts(kind) * QUANT_PANEL_ROWS;
    memset(panel->values, 0, blocks * QUANT_PANEL_BYTES);
    memset(panel->scales, 0, lanes * sizeof(float));
    if (quant_kind_minima(kind))
        memset(panel->minima, 0, lanes * sizeof(float));
}

/* Where the rows lie: the first arguments of unpack. */
struct quant_panel_rows {
    const uint8_t *base;
    size_t row_bytes, rows;     /* 1..16 rows */
    size_t first_block, blocks; /* panel blocks */
};

__attribute__((always_inline)) static inline void
quant_panel_unpack(const struct quant_panel_rows *source, const struct quant_format *format,
                   const struct quant_panel *panel, quant_panel_one *one)
{
    const size_t length = format->block_length / QUANT_BLOCK;
    if (source->rows < QUANT_PANEL_ROWS)
        quant_panel_clear(panel, format->kind, source->blocks);
    for (size_t block = 0; block < source->blocks; block += length) {
        const size_t at = (source->first_block + block) / length * format->block_bytes;
        for (size_t row = 0; row < source->rows; row++)
            one(source->base + row * source->row_bytes + at, panel, block, row);
    }
}

#endif
