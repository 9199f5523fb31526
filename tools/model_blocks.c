/* model_blocks.c - random bytes with the scales put where each format keeps them.
 *
 *   block:  | random bits ... | scale f16 | minimum f16 | ... |     offsets by the table below
 *
 * A format with minima would have a random offset in every block; so its minimum is put to where
 * the mean of the block is near 0: minimum = ratio * scale, and packed sub-block minima follow the
 * sub-block scales.
 */
#include "model_blocks.h"

#include <math.h>
#include <string.h>

#include "base/half.h"

#define NOWHERE ((size_t)-1)

enum { MEASURED_BLOCKS = 64, BLOCK_BYTES_MOST = 256, BLOCK_LENGTH_MOST = 256 };

struct layout {
    enum quant_type type;
    size_t scale_at, minimum_at; /* bytes into the block */
    float ratio;                 /* of minimum to scale */
    bool both_signs;             /* the scale may be negative */
    void (*pair)(unsigned char *block);
};

/* Q4_K, Q5_K: twelve bytes at 4 hold eight scales and eight minima of 6 bits. Equal bytes in the
 * first two groups of four, and equal nibbles in the third, make each minimum its scale; the low
 * bits stay free. */
static void pair_six_bits(unsigned char *block)
{
    unsigned char *packed = block + 4;
    for (size_t i = 0; i < 4; i++) {
        packed[4 + i] = (unsigned char)((packed[i] & 0xfe) | (packed[4 + i] & 1));
        packed[8 + i] = (unsigned char)((packed[8 + i] & 0x1f) | (packed[8 + i] & 0x0e) << 4);
    }
}

/* Q2_K: sixteen bytes at 0, scale in the low nibble, minimum in the high one. */
static void pair_nibbles(unsigned char *block)
{
    for (size_t i = 0; i < 16; i++)
        block[i] = (unsigned char)((block[i] & 0x1f) | (block[i] & 0x0e) << 4);
}

static const struct layout LAYOUTS[] = {
    {QUANT_Q4_0, 0, NOWHERE, 0.0F, true, NULL},
    {QUANT_Q4_1, 0, 2, -7.5F, false, NULL},
    {QUANT_Q5_0, 0, NOWHERE, 0.0F, true, NULL},
    {QUANT_Q5_1, 0, 2, -15.5F, false, NULL},
    {QUANT_Q8_0, 0, NOWHERE, 0.0F, true, NULL},
    {QUANT_IQ4_NL, 0, NOWHERE, 0.0F, true, NULL},
    {QUANT_IQ4_XS, 0, NOWHERE, 0.0F, true, NULL},
    {QUANT_Q2_K, 80, 82, 1.5F, false, pair_nibbles},
    {QUANT_Q3_K, 108, NOWHERE, 0.0F, true, NULL},
    {QUANT_Q4_K, 0, 2, 7.5F, false, pair_six_bits},
    {QUANT_Q5_K, 0, 2, 15.5F, false, pair_six_bits},
    {QUANT_Q6_K, 208, NOWHERE, 0.0F, true, NULL},
};

static const struct layout *layout_of(enum quant_type type)
{
    for (size_t i = 0; i < sizeof LAYOUTS / sizeof *LAYOUTS; i++)
        if (LAYOUTS[i].type == type)
            return &LAYOUTS[i];
    return NULL;
}

void model_blocks_seed(struct model_blocks *blocks, uint64_t seed)
{
    memset(blocks, 0, sizeof *blocks);
    random_seed(&blocks->random, seed);
    for (size_t i = 0; i < MODEL_BLOCKS_NORMALS; i++)
        blocks->normals[i] = (float)random_normal(&blocks->random);
}

static void fill_bytes(struct random *random, unsigned char *out, size_t length)
{
    for (; length >= 8; out += 8, length -= 8) {
        uint64_t bits = random_u64(random);
        memcpy(out, &bits, 8);
    }
    uint64_t bits = random_u64(random);
    memcpy(out, &bits, length);
}

static void put_half(unsigned char *at, float value)
{
    uint16_t half = half_from_float(value);
    memcpy(at, &half, sizeof half);
}

/* Blocks whose scales lie around `scale`, from half of it to one and a half. */
static void fill_quantized(struct random *random, const struct layout *layout, float scale,
                           size_t block_bytes, unsigned char *out, size_t blocks)
{
    fill_bytes(random, out, blocks * block_bytes);
    for (size_t i = 0; i < blocks; i++, out += block_bytes) {
        uint64_t bits = random_u64(random);
        float own = scale * (0.5F + (float)(bits >> 48) * 0x1p-16F);
        if (layout->both_signs && (bits & 1) != 0)
            own = -own;
        put_half(out + layout->scale_at, own);
        if (layout->minimum_at != NOWHERE)
            put_half(out + layout->minimum_at, own * layout->ratio);
        if (layout->pair)
            layout->pair(out);
    }
}

/* The deviation of the format's weights under scales around 1. */
static float measure(const struct quant_format *format, const struct layout *layout)
{
    struct random random;
    unsigned char block[BLOCK_BYTES_MOST];
    float weights[BLOCK_LENGTH_MOST];
    double sum = 0.0;
    random_seed(&random, 1);
    for (size_t i = 0; i < MEASURED_BLOCKS; i++) {
        fill_quantized(&random, layout, 1.0F, format->block_bytes, block, 1);
        format->decode(block, weights, format->block_length);
        for (size_t j = 0; j < format->block_length; j++)
            sum += (double)weights[j] * (double)weights[j];
    }
    return (float)sqrt(sum / (double)(MEASURED_BLOCKS * format->block_length));
}

static void fill_floats(struct model_blocks *blocks, const struct quant_format *format,
                        double deviation, unsigned char *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = random_u64(&blocks->random);
        float value = blocks->normals[bits % MODEL_BLOCKS_NORMALS] * (float)deviation;
        format->encode(&value, NULL, out + i * format->block_bytes, 1);
    }
}

void model_blocks_fill(struct model_blocks *blocks, const struct quant_format *format,
                       double deviation, void *out, size_t count)
{
    const struct layout *layout = layout_of(format->type);
    if (!layout) {
        fill_floats(blocks, format, deviation, out, count);
        return;
    }
    if (!(blocks->measured[format->type] > 0.0F))
        blocks->measured[format->type] = measure(format, layout);
    float scale = (float)deviation / blocks->measured[format->type];
    fill_quantized(&blocks->random, layout, scale, format->block_bytes, out,
                   count / format->block_length);
}
