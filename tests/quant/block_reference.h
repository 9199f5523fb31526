/* block_reference.h - the block formats once more, weight by weight: the tests' second opinion.
 *
 * Written from the formats' definitions, without a bit plane or a loop over a block, in binary64,
 * where every weight of every format is exact. Shares nothing with src/quant.
 */
#ifndef TESTS_QUANT_BLOCK_REFERENCE_H
#define TESTS_QUANT_BLOCK_REFERENCE_H

#include <stddef.h>
#include <stdint.h>
#include "base/random.h"
#include "quant/quant.h"

/* The value of a binary16 by its definition. */
double block_reference_half(uint16_t bits);

/* Weight `index` of the block at `block`. */
double block_reference_weight(enum quant_type type, const uint8_t *block, size_t index);

/* Random blocks. `wild`: the scales too, with infinities and NaN; else they are finite and at
 * most 2. */
void block_reference_fill(const struct quant_format *format, struct random *random, int wild,
                          uint8_t *blocks, size_t count);

/* Every type there is, [*count]. */
const enum quant_type *block_reference_types(size_t *count);

#endif
