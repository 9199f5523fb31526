/* quant_f32.c - F32: binary32, little-endian, one weight per block of 4 bytes.
 *
 *   byte    0        1        2        3
 *         | m7..m0 | m15..8 | e0 m22..16 | s e7..e1 |
 *
 * Bits pass unchanged in both directions, NaN payloads included.
 */
#include "quant/quant_formats.h"

#include "quant/quant_bits.h"

static void decode(const void *blocks, float *out, size_t count)
{
    memcpy(out, blocks, count * sizeof *out);
}

static void encode(const float *in, const float *importance, void *blocks, size_t count)
{
    (void)importance; /* nothing is lost */
    memcpy(blocks, in, count * sizeof *in);
}

const struct quant_format quant_f32_format = {
    .type = QUANT_F32,
    .name = "F32",
    .block_length = 1,
    .block_bytes = 4,
    .kind = QUANT_KIND_FLOAT,
    .decode = decode,
    .encode = encode,
};
