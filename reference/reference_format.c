/*
 * What the bits of every block format mean, one function per format: element e of a block.
 *
 * A block holds 1, 32 or 256 consecutive weights of a row. All formats are a few integer codes
 * and one or two 16-bit floats that turn them into numbers; in each the value is
 *
 *     scale * code    or    scale * code - minimum
 *
 * computed in 32-bit floats as ggml's own decoder does, since that is the number that the
 * file's maker saw; widening it to double afterwards is exact. Layouts: ggml's ggml-common.h.
 *
 *     F32     4 bytes a number        F16, BF16   2 bytes a number
 *     Q4_0    [d 2][codes 16]                     32 weights
 *     Q4_1    [d 2][m 2][codes 16]
 *     Q5_0    [d 2][fifth bits 4][codes 16]
 *     Q5_1    [d 2][m 2][fifth bits 4][codes 16]
 *     Q8_0    [d 2][codes 32]
 *     IQ4_NL  [d 2][codes 16]
 *     Q2_K    [scales 16][codes 64][d 2][dmin 2]                   256 weights
 *     Q3_K    [third bits 32][codes 64][scales 12][d 2]
 *     Q4_K    [d 2][dmin 2][scales 12][codes 128]
 *     Q5_K    [d 2][dmin 2][scales 12][fifth bits 32][codes 128]
 *     Q6_K    [low bits 128][high bits 64][scales 16][d 2]
 *     IQ4_XS  [d 2][scales' high bits 2][scales' low bits 4][codes 128]
 *
 * Codes of four bits in a block of 32 are halves: byte i holds element i below, i + 16 above.
 */
#include "reference_format.h"

#include <string.h>

static uint16_t word_at(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static float float_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE 754 binary16: [sign 1][exponent 5, bias 15][fraction 10]. */
static float half_at(const uint8_t *bytes)
{
    const uint32_t half = word_at(bytes);
    const uint32_t sign = (half & 0x8000u) << 16;
    const uint32_t exponent = half >> 10 & 0x1f;
    const uint32_t fraction = half & 0x3ff;
    if (exponent == 0) { /* zero and subnormals: fraction * 2^-24, exact in a float */
        const float magnitude = (float)fraction * 0x1p-24f;
        return sign != 0 ? -magnitude : magnitude;
    }
    if (exponent == 31) {
        return float_from_bits(sign | 0x7f800000u | fraction << 13);
    }
    return float_from_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

static float f32(const uint8_t *block, size_t e)
{
    (void)e;
    return float_from_bits((uint32_t)word_at(block) | (uint32_t)word_at(block + 2) << 16);
}

static float f16(const uint8_t *block, size_t e)
{
    (void)e;
    return half_at(block);
}

/* The upper half of a binary32. */
static float bf16(const uint8_t *block, size_t e)
{
    (void)e;
    return float_from_bits((uint32_t)word_at(block) << 16);
}

/* Four bits of a block of 32: element i in the lower half of byte i, i + 16 in the upper. */
static int nibble(const uint8_t *codes, size_t e)
{
    return e < 16 ? codes[e] & 15 : codes[e - 16] >> 4;
}

/* The same with a fifth bit, bit e of a 32-bit word. */
static int five_bits(const uint8_t *fifth, const uint8_t *codes, size_t e)
{
    return nibble(codes, e) | (fifth[e / 8] >> e % 8 & 1) << 4;
}

static float q4_0(const uint8_t *block, size_t e)
{
    return half_at(block) * (float)(nibble(block + 2, e) - 8);
}

static float q4_1(const uint8_t *block, size_t e)
{
    return half_at(block) * (float)nibble(block + 4, e) + half_at(block + 2);
}

static float q5_0(const uint8_t *block, size_t e)
{
    return half_at(block) * (float)(five_bits(block + 2, block + 6, e) - 16);
}

static float q5_1(const uint8_t *block, size_t e)
{
    return half_at(block) * (float)five_bits(block + 4, block + 8, e) + half_at(block + 2);
}

static float q8_0(const uint8_t *block, size_t e)
{
    return half_at(block) * (float)(int8_t)block[2 + e];
}

/* The 16 levels of the IQ4 formats: close together near zero, where most weights are. */
static const int8_t levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                  1,    13,   25,  38,  53,  69,  89,  113};

static float iq4_nl(const uint8_t *block, size_t e)
{
    return half_at(block) * (float)levels[nibble(block + 2, e)];
}

/*
 * Two bits per code. Byte l of each half-block's 32 holds elements l, l + 32, l + 64, l + 96 of
 * that half of 128, lowest bits first.
 */
static int two_bits(const uint8_t *codes, size_t e)
{
    return codes[e / 128 * 32 + e % 32] >> e % 128 / 32 * 2 & 3;
}

/* A scale (low four bits) and a minimum (high four) for every 16. */
static float q2_k(const uint8_t *block, size_t e)
{
    const int scale = block[e / 16] & 15;
    const int minimum = block[e / 16] >> 4;
    const float d = half_at(block + 80);
    const float dmin = half_at(block + 82);
    return d * (float)scale * (float)two_bits(block + 16, e) - dmin * (float)minimum;
}

/* Sixteen 6-bit scales: four low bits in bytes 0..7, two high bits in bytes 8..11. */
static int q3_k_scale(const uint8_t *scales, size_t s)
{
    const int low = s < 8 ? scales[s] & 15 : scales[s - 8] >> 4;
    const int high = scales[8 + s % 4] >> s / 4 * 2 & 3;
    return (low | high << 4) - 32;
}

/* Codes -4..3: two bits, and a third that is 1 where 4 is *not* to be taken away. */
static float q3_k(const uint8_t *block, size_t e)
{
    const int third = block[e % 32] >> e / 32 & 1;
    const int code = two_bits(block + 32, e) - (third != 0 ? 0 : 4);
    return half_at(block + 108) * (float)q3_k_scale(block + 96, e / 16) * (float)code;
}

/*
 * Eight 6-bit scales and eight 6-bit minima in 12 bytes. The first four of each are the low six
 * bits of bytes 0..3 and 4..7, whose two high bits belong to the last four, as do bytes 8..11.
 */
static int k4_scale(const uint8_t *scales, size_t s)
{
    return s < 4 ? scales[s] & 63 : (scales[s + 4] & 15) | scales[s - 4] >> 6 << 4;
}

static int k4_minimum(const uint8_t *scales, size_t s)
{
    return s < 4 ? scales[s + 4] & 63 : scales[s + 4] >> 4 | scales[s] >> 6 << 4;
}

/* Four bits per code of a block of 256: each 32 bytes hold 64 elements, halves as in Q4_0. */
static int wide_nibble(const uint8_t *codes, size_t e)
{
    return codes[e / 64 * 32 + e % 32] >> e % 64 / 32 * 4 & 15;
}

static float k4_value(const uint8_t *block, size_t e, int code)
{
    const float scale = half_at(block) * (float)k4_scale(block + 4, e / 32);
    const float minimum = half_at(block + 2) * (float)k4_minimum(block + 4, e / 32);
    return scale * (float)code - minimum;
}

static float q4_k(const uint8_t *block, size_t e)
{
    return k4_value(block, e, wide_nibble(block + 16, e));
}

static float q5_k(const uint8_t *block, size_t e)
{
    const int fifth = block[16 + e % 32] >> e / 32 & 1;
    return k4_value(block, e, wide_nibble(block + 48, e) | fifth << 4);
}

/* Codes -32..31: four bits in `low`, whose 64 bytes a half hold 128 elements, two in `high`. */
static float q6_k(const uint8_t *block, size_t e)
{
    const uint8_t *low = block + e / 128 * 64;
    const int four = low[e % 64] >> e % 128 / 64 * 4 & 15;
    const int code = (four | two_bits(block + 128, e) << 4) - 32;
    const float scale = half_at(block + 208) * (float)(int8_t)block[192 + e / 16];
    return scale * (float)code;
}

/* A 6-bit scale for every 32; the codes of each 32 are a block of IQ4_NL without its scale. */
static float iq4_xs(const uint8_t *block, size_t e)
{
    const size_t s = e / 32;
    const int low = block[4 + s / 2] >> s % 2 * 4 & 15;
    const int high = word_at(block + 2) >> s * 2 & 3;
    const float scale = half_at(block) * (float)((low | high << 4) - 32);
    return scale * (float)levels[nibble(block + 8 + s * 16, e % 32)];
}

static const reference_format formats[] = {
    {.type = 0, .name = "F32", .length = 1, .bytes = 4, .element = f32},
    {.type = 1, .name = "F16", .length = 1, .bytes = 2, .element = f16},
    {.type = 2, .name = "Q4_0", .length = 32, .bytes = 18, .element = q4_0},
    {.type = 3, .name = "Q4_1", .length = 32, .bytes = 20, .element = q4_1},
    {.type = 6, .name = "Q5_0", .length = 32, .bytes = 22, .element = q5_0},
    {.type = 7, .name = "Q5_1", .length = 32, .bytes = 24, .element = q5_1},
    {.type = 8, .name = "Q8_0", .length = 32, .bytes = 34, .element = q8_0},
    {.type = 10, .name = "Q2_K", .length = 256, .bytes = 84, .element = q2_k},
    {.type = 11, .name = "Q3_K", .length = 256, .bytes = 110, .element = q3_k},
    {.type = 12, .name = "Q4_K", .length = 256, .bytes = 144, .element = q4_k},
    {.type = 13, .name = "Q5_K", .length = 256, .bytes = 176, .element = q5_k},
    {.type = 14, .name = "Q6_K", .length = 256, .bytes = 210, .element = q6_k},
    {.type = 20, .name = "IQ4_NL", .length = 32, .bytes = 18, .element = iq4_nl},
    {.type = 23, .name = "IQ4_XS", .length = 256, .bytes = 136, .element = iq4_xs},
    {.type = 30, .name = "BF16", .length = 1, .bytes = 2, .element = bf16},
};

const reference_format *reference_format_find(uint32_t type)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (formats[i].type == type) {
            return &formats[i];
        }
    }
    return NULL;
}

double reference_format_at(const reference_format *format, const uint8_t *data, size_t i)
{
    return (double)format->element(data + i / format->length * format->bytes, i % format->length);
}
