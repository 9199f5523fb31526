/* quant_formats.h - the rows of the table, one per file of the same name. A new format is one file,
 * one line here and one row in quant.c.
 */
#ifndef QUANT_QUANT_FORMATS_H
#define QUANT_QUANT_FORMATS_H

#include "quant/quant.h"

extern const struct quant_format quant_f32_format;
extern const struct quant_format quant_f16_format;
extern const struct quant_format quant_bf16_format;
extern const struct quant_format quant_q4_0_format;
extern const struct quant_format quant_q4_1_format;
extern const struct quant_format quant_q5_0_format;
extern const struct quant_format quant_q5_1_format;
extern const struct quant_format quant_q8_0_format;
extern const struct quant_format quant_q2_k_format;
extern const struct quant_format quant_q3_k_format;
extern const struct quant_format quant_q4_k_format;
extern const struct quant_format quant_q5_k_format;
extern const struct quant_format quant_q6_k_format;
extern const struct quant_format quant_iq4_nl_format;
extern const struct quant_format quant_iq4_xs_format;

#endif
