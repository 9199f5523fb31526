/* quant_super.h - finding the scales of a symmetric super-block: 256 weights in parts of 16 or 32.
 *
 *   weight = scale * subscale[part] * level
 *
 * scale is binary16, a subscale a small integer, a level one of a grid's.
 *
 * Each part's own best scale is found first (quant_search.h). Then scales for the whole are sampled
 * that put the extreme of them on or near an end of the sub-scales' range; for each, every part
 * takes the best of the sub-scales next to its own ideal, and the sum of errors decides. The winner
 * is refitted by least squares over all 256 weights, and the parts choose again, until that no
 * longer helps.
 */
#ifndef QUANT_QUANT_SUPER_H
#define QUANT_QUANT_SUPER_H

#include "quant/quant_search.h"

#define QUANT_SUPER_PARTS 16 /* at most */

struct quant_super_shape {
    const struct quant_search_grid *grid; /* of one part */
    size_t parts;                         /* parts * grid->count = 256 */
    int low, high;                        /* range of the sub-scales, low < 0 */
};

struct quant_super {
    float scale; /* a finite binary16 */
    int subscales[QUANT_SUPER_PARTS];
};

void quant_super_search(const struct quant_super_shape *shape,
                        const struct quant_search_block *block, struct quant_super *super);

#endif
