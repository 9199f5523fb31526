/* quant.c - the table of block formats, indexed by GGUF's tensor type.
 *
 * Types that are missing here (GGUF has more, and gaps) are NULL in the table.
 */
#include "quant/quant.h"

#include <math.h>
#include "base/memory.h"
#include "quant/quant_formats.h"

static const struct quant_format *const formats[QUANT_TYPES] = {
    [QUANT_F32] = &quant_f32_format,       [QUANT_F16] = &quant_f16_format,
    [QUANT_BF16] = &quant_bf16_format,     [QUANT_Q4_0] = &quant_q4_0_format,
    [QUANT_Q4_1] = &quant_q4_1_format,     [QUANT_Q5_0] = &quant_q5_0_format,
    [QUANT_Q5_1] = &quant_q5_1_format,     [QUANT_Q8_0] = &quant_q8_0_format,
    [QUANT_Q2_K] = &quant_q2_k_format,     [QUANT_Q3_K] = &quant_q3_k_format,
    [QUANT_Q4_K] = &quant_q4_k_format,     [QUANT_Q5_K] = &quant_q5_k_format,
    [QUANT_Q6_K] = &quant_q6_k_format,     [QUANT_IQ4_NL] = &quant_iq4_nl_format,
    [QUANT_IQ4_XS] = &quant_iq4_xs_format,
};

const struct quant_format *quant_format_of(uint32_t type)
{
    return type < QUANT_TYPES ? formats[type] : NULL;
}

/* ASCII only, whatever the locale. */
static char lower(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
}

static bool same_name(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}

const struct quant_format *quant_format_named(const char *name)
{
    for (size_t type = 0; type < QUANT_TYPES; type++)
        if (formats[type] != NULL && same_name(formats[type]->name, name))
            return formats[type];
    return NULL;
}

bool quant_bytes(const struct quant_format *format, size_t count, size_t *bytes)
{
    if (count % format->block_length != 0)
        return false;
    return memory_product(count / format->block_length, format->block_bytes, bytes);
}

float quant_format_limit(const struct quant_format *format)
{
    switch (format->type) {
    case QUANT_F16:
        return 65520.0F;
    case QUANT_BF16:
        return 0x1.ffp127F;
    default:
        return INFINITY;
    }
}
