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

/* The block's contribution to the accumulator of row `row`. */
static float add_block(const struct quant_format *format, const struct quant_panel *panel, size_t b,
                       size_t row, const struct activation *activation, size_t at, float acc)
{
    const float ws = panel->scales[b * QUANT_PANEL_ROWS + row], as = activation->scales[at];
    int32_t i[2];
    half_sums(format, panel->values + b * QUANT_BLOCK * QUANT_PANEL_ROWS, row,
              activation->values + at * QUANT_BLOCK, i);
    if (format->kind == QUANT_KIND_PLAIN || format->kind == QUANT_KIND_MINIMUM) {
        acc = fmaf(ws, as * (float)(i[0] + i[1]), acc);
    } else {
        const float *const k = panel->subscales + b * 2 * QUANT_PANEL_ROWS + row;
        const int32_t sum = (int32_t)k[0] * i[0] + (int32_t)k[QUANT_PANEL_ROWS] * i[1];
        acc = fmaf(ws, as * (float)sum, acc);
    }
    if (format->kind == QUANT_KIND_MINIMUM)
        acc = fmaf(panel->minima[b * QUANT_PANEL_ROWS + row], activation->scaled_sums[at], acc);
    if (format->kind == QUANT_KIND_SUBSCALE_MINIMUM) {
        const float *const n = panel->subminima + b * 2 * QUANT_PANEL_ROWS + row;
        const int32_t *const s = activation->sums + 2 * at;
        const int32_t sum = (int32_t)n[0] * s[0] + (int32_t)n[QUANT_PANEL_ROWS] * s[1];
        acc = fmaf(panel->minima[b * QUANT_PANEL_ROWS + row], as * (float)sum, acc);
    }
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
            for (size_t b = 0; b < blocks; b++)
                *acc = add_block(format, &panels[i / QUANT_PANEL_ROWS], b, row, activation,
                                 (first_token + t) * activation->blocks + first_block + b, *acc);
        }
}
