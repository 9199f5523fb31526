/* quant_iq4.h - the sixteen levels of the formats IQ4_NL and IQ4_XS, denser near zero, where
 * weights are.
 *
 * The table is part of the formats (GGUF's kvalues_iq4nl).
 */
#ifndef QUANT_QUANT_IQ4_H
#define QUANT_QUANT_IQ4_H

#include "quant/quant_search.h"

#define QUANT_IQ4_OFFSET 128 /* levels plus this are the panel's unsigned integers */
#define QUANT_IQ4_MOST   241 /* the largest of them */

extern const int8_t quant_iq4_levels[16];

/* 32 weights under one scale. */
extern const struct quant_search_grid quant_iq4_grid;

/* codes[i] = index of the level nearest to x_i / scale, [32]; of the level 1 where scale is 0. */
void quant_iq4_codes(const float *values, float scale, uint8_t *codes);

/* 16 bytes of codes, weights 0..15 in the low nibbles and 16..31 in the high ones, to levels + 128.
 */
void quant_iq4_values(const uint8_t *nibbles, uint8_t values[32]);

#endif
