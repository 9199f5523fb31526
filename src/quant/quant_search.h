/* quant_search.h - finding the scale of a block of weights: what the encoders of symmetric formats
 * share.
 *
 * With the scale s fixed, the best level of each weight is the nearest one, so the error of a
 * block,
 *
 *   E(s) = sum over i of w_i (x_i - s q_i(s))^2,      q_i(s) the level nearest to x_i / s,
 *
 * is a function of the scale alone: parabolas, one per choice of levels, joined where a weight
 * changes its level. It has many minima. It is sampled at scales that put the extreme weight on or
 * near the ends of the grid of levels, and from the best samples follows the parabola to its lowest
 * point (a least-squares refit, s += sum w r q / sum w q^2 with r = x - s q) until that no longer
 * helps. Each sample is a scale as the decoder will see it, rounded to binary16 where the format
 * stores that.
 *
 * Here and in what builds on it, all arithmetic is IEEE 754's basic operations in a fixed order,
 * nothing from libm: the same bytes on every machine.
 */
#ifndef QUANT_QUANT_SEARCH_H
#define QUANT_QUANT_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUANT_SEARCH_MOST 256 /* weights of the longest block */

/* One block of a tensor, made safe to calculate with: values finite, below 2^28 in magnitude (more
 * than any format can hold) and zero where below 2^-40 (less than any can); NaN is taken as 0, an
 * infinity as 2^28. weights: the importance divided by the block's largest, at least 2^-20; all 1
 * where there is none, or where none is above 2^-100. */
struct quant_search_block {
    float values[QUANT_SEARCH_MOST];
    float weights[QUANT_SEARCH_MOST];
};
void quant_search_load(struct quant_search_block *block, const float *in, const float *importance,
                       size_t count);

/* The nearest finite binary16, as f32. */
float quant_search_half(float value);

/* How well a scale fits. */
struct quant_search_fit {
    float error;     /* sum w r^2 */
    float slope;     /* sum w r q */
    float curvature; /* sum w q^2 */
};

/* The levels that `count` weights under one scale can take. */
struct quant_search_grid {
    size_t count;    /* a multiple of 16 */
    float low, high; /* the smallest (negative) and the largest level */
    /* The extreme weight is tried at the levels from `inward` inside either end of the range to
     * `outward` past it, in steps of `step`. */
    float inward, outward, step;
    /* The fit of `scale` with the nearest levels. */
    struct quant_search_fit (*measure)(const struct quant_search_grid *grid, const float *values,
                                       const float *weights, float scale);
};

/* Grids of all integers from low to high: values for `measure`. */
struct quant_search_fit quant_search_measure_16(const struct quant_search_grid *grid,
                                                const float *values, const float *weights,
                                                float scale);
struct quant_search_fit quant_search_measure_32(const struct quant_search_grid *grid,
                                                const float *values, const float *weights,
                                                float scale);

/* The best scale found for grid->count weights, 0 for zeros; `half`: as a binary16 value. */
float quant_search_scale(const struct quant_search_grid *grid, const float *values,
                         const float *weights, bool half);

/* levels[i] = x_i / scale to the nearest integer in [low, high]; all 0 where scale is 0. */
void quant_search_levels(const struct quant_search_grid *grid, const float *values, float scale,
                         int8_t *levels);

#endif
