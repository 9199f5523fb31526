/* model_blocks.h - random weights in any block format, made as bytes: no f32 weights are encoded.
 *
 * Quantized formats get random integers under scales that vary from block to block, with signs
 * where the format has them, so that every bit of a block matters to a product; float formats get
 * normal deviates. Weights have mean 0 and the deviation asked for.
 */
#ifndef TOOLS_MODEL_BLOCKS_H
#define TOOLS_MODEL_BLOCKS_H

#include <stddef.h>
#include "base/random.h"
#include "quant/quant.h"

#define MODEL_BLOCKS_NORMALS 4096

struct model_blocks {
    struct random random;
    float normals[MODEL_BLOCKS_NORMALS]; /* deviation 1 */
    float measured[QUANT_TYPES]; /* deviation of a format's blocks under unit scales; 0: not yet */
};

void model_blocks_seed(struct model_blocks *blocks, uint64_t seed);
/* `count` weights, a multiple of the format's block length. The same bytes for the same calls
 * anywhere. */
void model_blocks_fill(struct model_blocks *blocks, const struct quant_format *format,
                       double deviation, void *out, size_t count);

#endif
