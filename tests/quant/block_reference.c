/* block_reference.c - see block_reference.h. */
#include "block_reference.h"

#include <math.h>

static const int levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                               1,    13,   25,  38,  53,  69,  89,  113};

static const enum quant_type types[] = {QUANT_F32,  QUANT_F16,    QUANT_BF16,  QUANT_Q4_0,
                                        QUANT_Q4_1, QUANT_Q5_0,   QUANT_Q5_1,  QUANT_Q8_0,
                                        QUANT_Q2_K, QUANT_Q3_K,   QUANT_Q4_K,  QUANT_Q5_K,
                                        QUANT_Q6_K, QUANT_IQ4_NL, QUANT_IQ4_XS};

const enum quant_type *block_reference_types(size_t *count)
{
    *count = sizeof types / sizeof *types;
    return types;
}

double block_reference_half(uint16_t bits)
{
    const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    const double sign = (bits & 0x8000) != 0 ? -1 : 1;
    if (exponent == 31)
        return mantissa == 0 ? sign * INFINITY : (double)NAN;
    return sign * (exponent == 0 ? ldexp(mantissa, -24) : ldexp(1024 + mantissa, exponent - 25));
}

static double half_at(const uint8_t *block, size_t at)
{
    return block_reference_half((uint16_t)(block[at] + 256 * block[at + 1]));
}

static int bit(const uint8_t *block, size_t byte, size_t number)
{
    return block[byte] >> number & 1;
}

/* Of 16 bytes that hold 32 nibbles, the one of weight i. */
static int nibble(const uint8_t *bytes, size_t i)
{
    return i < 16 ? bytes[i] % 16 : bytes[i - 16] / 16;
}

/* Of runs of 32 bytes that hold 64 nibbles each (Q4_K, Q5_K). */
static int nibble_64(const uint8_t *bytes, size_t i)
{
    const uint8_t byte = bytes[i / 64 * 32 + i % 32];
    return i % 64 < 32 ? byte % 16 : byte / 16;
}

/* Of 64 bytes, two bits each, runs of 32 bytes for 128 weights (Q2_K, Q3_K). */
static int pair_of_bits(const uint8_t *bytes, size_t i)
{
    return bytes[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3;
}

/* The six-bit scale and minimum of part j (Q4_K, Q5_K); p: the twelve bytes. */
static void six_bits(const uint8_t *p, size_t j, int *scale, int *minimum)
{
    if (j < 4) {
        *scale = p[j] % 64;
        *minimum = p[j + 4] % 64;
    } else {
        *scale = p[j + 4] % 16 + p[j - 4] / 64 * 16;
        *minimum = p[j + 4] / 16 + p[j] / 64 * 16;
    }
}

static double weight_with_pairs(const uint8_t *block, size_t i, int value)
{
    int scale, minimum;
    six_bits(block + 4, i / 32, &scale, &minimum);
    return half_at(block, 0) * scale * value - half_at(block, 2) * minimum;
}

static double weight_q3_k(const uint8_t *block, size_t i)
{
    const size_t j = i / 16;
    const int low = j < 8 ? block[96 + j] % 16 : block[96 + j - 8] / 16;
    const int high = block[104 + j % 4] >> j / 4 * 2 & 3;
    const int value = pair_of_bits(block + 32, i) + 4 * bit(block, i % 32, i / 32);
    return half_at(block, 108) * (low + 16 * high - 32) * (value - 4);
}

static double weight_q6_k(const uint8_t *block, size_t i)
{
    const size_t half = i / 128, run = i % 128 / 32, l = i % 32;
    const uint8_t byte = block[64 * half + 32 * (run % 2) + l];
    const int low = run < 2 ? byte % 16 : byte / 16;
    const int high = block[128 + 32 * half + l] >> 2 * run & 3;
    return half_at(block, 208) * (int8_t)block[192 + i / 16] * (low + 16 * high - 32);
}

static double weight_iq4_xs(const uint8_t *block, size_t i)
{
    const size_t j = i / 32;
    const int low = j % 2 == 0 ? block[4 + j / 2] % 16 : block[4 + j / 2] / 16;
    const int high = (block[2] + 256 * block[3]) >> 2 * j & 3;
    return half_at(block, 0) * (low + 16 * high - 32) * levels[nibble(block + 8 + 16 * j, i % 32)];
}

static double weight_float(enum quant_type type, const uint8_t *block)
{
    if (type == QUANT_F16)
        return half_at(block, 0);
    const uint32_t low = (uint32_t)block[0] | (uint32_t)block[1] << 8;
    const uint32_t bits =
        type == QUANT_BF16 ? low << 16 : low | (uint32_t)block[2] << 16 | (uint32_t)block[3] << 24;
    const int exponent = (int)(bits >> 23 & 255);
    const double mantissa = bits & 0x7fffff;
    const double sign = bits >> 31 != 0 ? -1 : 1;
    if (exponent == 255)
        return mantissa == 0 ? sign * INFINITY : (double)NAN;
    return sign *
           (exponent == 0 ? ldexp(mantissa, -149) : ldexp(0x800000 + mantissa, exponent - 150));
}

double block_reference_weight(enum quant_type type, const uint8_t *block, size_t i)
{
    switch (type) {
    case QUANT_Q4_0:
        return half_at(block, 0) * (nibble(block + 2, i) - 8);
    case QUANT_Q4_1:
        return half_at(block, 0) * nibble(block + 4, i) + half_at(block, 2);
    case QUANT_Q5_0:
        return half_at(block, 0) * (nibble(block + 6, i) + 16 * bit(block, 2 + i / 8, i % 8) - 16);
    case QUANT_Q5_1:
        return half_at(block, 0) * (nibble(block + 8, i) + 16 * bit(block, 4 + i / 8, i % 8)) +
               half_at(block, 2);
    case QUANT_Q8_0:
        return half_at(block, 0) * (int8_t)block[2 + i];
    case QUANT_Q2_K:
        return half_at(block, 80) * (block[i / 16] % 16) * pair_of_bits(block + 16, i) -
               half_at(block, 82) * (block[i / 16] / 16);
    case QUANT_Q3_K:
        return weight_q3_k(block, i);
    case QUANT_Q4_K:
        return weight_with_pairs(block, i, nibble_64(block + 16, i));
    case QUANT_Q5_K:
        return weight_with_pairs(block, i,
                                 nibble_64(block + 48, i) + 16 * bit(block, 16 + i % 32, i / 32));
    case QUANT_Q6_K:
        return weight_q6_k(block, i);
    case QUANT_IQ4_NL:
        return half_at(block, 0) * levels[nibble(block + 2, i)];
    case QUANT_IQ4_XS:
        return weight_iq4_xs(block, i);
    default:
        return weight_float(type, block);
    }
}

/* Where the binary16 fields of a block lie, [2]; SIZE_MAX: none. */
static void scale_fields(enum quant_type type, size_t fields[2])
{
    fields[0] = 0;
    fields[1] = SIZE_MAX;
    if (type == QUANT_Q4_1 || type == QUANT_Q5_1 || type == QUANT_Q4_K || type == QUANT_Q5_K)
        fields[1] = 2;
    if (type == QUANT_Q2_K) {
        fields[0] = 80;
        fields[1] = 82;
    }
    if (type == QUANT_Q3_K)
        fields[0] = 108;
    if (type == QUANT_Q6_K)
        fields[0] = 208;
}

/* One field in four infinite or NaN. */
static void make_wild(struct random *random, uint8_t *field)
{
    const uint64_t which = random_below(random, 8);
    if (which >= 2)
        return;
    field[0] = which == 0 ? 0 : (uint8_t)(1 + random_below(random, 255));
    field[1] = (uint8_t)(0x7c | (field[1] & 0x80));
}

void block_reference_fill(const struct quant_format *format, struct random *random, int wild,
                          uint8_t *blocks, size_t count)
{
    size_t fields[2];
    scale_fields(format->type, fields);
    for (size_t i = 0; i < count * format->block_bytes; i++)
        blocks[i] = (uint8_t)random_below(random, 256);
    for (size_t i = 0; i < count && format->kind != QUANT_KIND_FLOAT; i++)
        for (size_t j = 0; j < 2 && fields[j] != SIZE_MAX; j++) {
            uint8_t *high = blocks + i * format->block_bytes + fields[j] + 1;
            if (!wild)
                *high &= 0xbf; /* the exponent's upper bit: magnitude below 2 */
            else
                make_wild(random, high - 1);
        }
}
