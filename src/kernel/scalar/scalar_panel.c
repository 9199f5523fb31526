/* scalar_panel.c - products with integer weights (docs/NUMERICS.md; the panel is drawn in
 * quant/quant.h): one accumulator per (row, token), blocks of 32 columns added in order. */
#include "kernel/scalar/scalar.h"

#include <math.h>

/* The sums of (u - offset) * a over the two halves of a block, for one row of the panel. */
static void half_sums(const struct quant_format *format, const uint8_t *block, size_t row,
                      const int8_t *a, int32_t sums[2])
{
    sums[0] = 0;
    sums[1] = 0;
    for (size_t column = 0; column < QUANT_BLOCK; column++) {
        const int32_t u = block[((column / 4) * QUANT_PANEL_ROWS + row) * 4 + column % 4];
        sums[column / 16] += (u - format->offset) * a[column];
    }
}

/* The contribution of a block's products to the accumulator of row `row`. */
static float add_block(const struct quant_format *format, const struct quant_panel *panel, size_t b,
                       size_t row, const struct activation *activation, size_t at, float acc)
{
    const size_t parts = quant_kind_parts(format->kind), lane = b * parts * QUANT_PANEL_ROWS + row;
    const float as = activation->scales[at];
    int32_t i[2];
    half_sums(format, panel->values + b * QUANT_BLOCK * QUANT_PANEL_ROWS, row,
              activation->values + at * QUANT_BLOCK, i);
    if (parts == 1)
        return fmaf(panel->scales[lane], as * (float)(i[0] + i[1]), acc);
    for (size_t h = 0; h < 2; h++)
        acc = fmaf(panel->scales[lane + h * QUANT_PANEL_ROWS], as * (float)i[h], acc);
    return acc;
}

/* The contribution of its minima. */
static float add_minima(const struct quant_format *format, const struct quant_panel *panel,
                        size_t b, size_t row, const struct activation *activation, size_t at,
                        float acc)
{
    const size_t parts = quant_kind_parts(format->kind), lane = b * parts * QUANT_PANEL_ROWS + row;
    if (!quant_kind_minima(format->kind))
        return acc;
    if (parts == 1)
        return fmaf(panel->minima[lane], activation->scaled_sums[at], acc);
    for (size_t h = 0; h < 2; h++)
        acc = fmaf(panel->minima[lane + h * QUANT_PANEL_ROWS],
                   activation->scales[at] * (float)activation->sums[2 * at + h], acc);
    return acc;
}

void scalar_panel_product(const struct quant_format *format, const struct quant_panel *panels,
                          size_t panel_count, size_t blocks, const struct activation *activation,
                          size_t first_block, size_t first_token, size_t tokens, float *sums,
                          size_t sums_stride, const struct kernel_ahead *ahead)
{
    (void)ahead;
    for (size_t t = 0; t < tokens; t++)
        for (size_t i = 0; i < panel_count * QUANT_PANEL_ROWS; i++) {
            const size_t row = i % QUANT_PANEL_ROWS;
            float *const acc = &sums[t * sums_stride + i];
            if (first_block == 0)
                *acc = 0.0f;
            const struct quant_panel *const panel = &panels[i / QUANT_PANEL_ROWS];
            for (size_t b = 0; b < blocks; b++) {
                const size_t at = (first_token + t) * activation->blocks + first_block + b;
                *acc = add_block(format, panel, b, row, activation, at, *acc);
                *acc = add_minima(format, panel, b, row, activation, at, *acc);
            }
        }
}
