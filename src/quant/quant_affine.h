/* quant_affine.h - finding scale and minimum of a block: what the encoders of Q4_1, Q5_1, Q2_K,
 * Q4_K, Q5_K share.
 *
 *   weight = scale * level + minimum,     level = 0 .. high
 *
 * The idea is that of quant_search.h with one more dimension: (scale, minimum) is sampled so that
 * the smallest and the largest weight lie on or near the two end levels, and the best
 * samples are refitted by least squares,
 *
 *   | sum w q^2  sum w q | | change of scale   |   | sum w r q |
 *   | sum w q    sum w   | | change of minimum | = | sum w r   |,       r = x - scale q - minimum,
 *
 * until that no longer helps. In a super-block
 *
 *   weight = scale * subscale[part] * level - minimum * subminimum[part]
 *
 * with both factors in 0..most: each part's own optimum comes first, then common scales and minima
 * are sampled; for each, every part takes the best of the factors around its optimum; at last the
 * common two are refitted over all 256 weights. As subminima have no sign, parts that lie above
 * zero can't be reached by a positive minimum; where that loses more than it would below zero, the
 * block is encoded negated, with both common factors negative.
 */
#ifndef QUANT_QUANT_AFFINE_H
#define QUANT_QUANT_AFFINE_H

#include "quant/quant_search.h"

#define QUANT_AFFINE_PARTS 16 /* at most */

struct quant_affine_grid {
    size_t count; /* weights under one scale and minimum: 16 or 32 */
    float high;   /* the largest level */
    /* Each end of the range of levels is tried from `outward` levels past the weight that is
     * nearest to it to `inward` levels inside, in steps of `step`. */
    float outward, inward, step;
    bool below; /* the minimum must not be positive */
};

struct quant_affine {
    float scale, minimum;
};

/* The best scale and minimum found, as binary16 values. */
struct quant_affine quant_affine_search(const struct quant_affine_grid *grid, const float *values,
                                        const float *weights);

/* levels[i] = (x_i - minimum) / scale to the nearest of 0..high; all 0 where scale is 0. */
void quant_affine_levels(const struct quant_affine_grid *grid, const float *values,
                         struct quant_affine affine, uint8_t *levels);

struct quant_affine_shape {
    const struct quant_affine_grid *grid; /* of one part; `below` set */
    size_t parts;                         /* parts * grid->count = 256 */
    int most;                             /* the largest subscale and subminimum */
};

struct quant_affine_super {
    float scale, minimum; /* finite binary16 values */
    int subscales[QUANT_AFFINE_PARTS], subminima[QUANT_AFFINE_PARTS];
};

void quant_affine_search_super(const struct quant_affine_shape *shape,
                               const struct quant_search_block *block,
                               struct quant_affine_super *super);

/* The scale and minimum of one part as the decoder has them. */
struct quant_affine quant_affine_part(const struct quant_affine_super *super, size_t part);

#endif
