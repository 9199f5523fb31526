/* quant_bits.h - the little-endian fields and bit planes that blocks are made of.
 *
 *   nibbles  16 bytes: byte j holds value j in its low half and value j + 16 in its high half
 *   fifths   a u32: bit j is bit 4 of value j
 *
 * Blocks are packed without padding (18, 34, 210 bytes ...), so fields may lie at odd addresses and
 * are read and written byte by byte; compilers make one load or store of it. Little-endian machines
 * only.
 */
#ifndef QUANT_QUANT_BITS_H
#define QUANT_QUANT_BITS_H

#include <stdint.h>
#include <string.h>
#include "base/half.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "blocks are little-endian, as the machines are");

static inline uint16_t quant_bits_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline void quant_bits_put_u16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

static inline uint32_t quant_bits_u32(const uint8_t *bytes)
{
    return (uint32_t)quant_bits_u16(bytes) | (uint32_t)quant_bits_u16(bytes + 2) << 16;
}

static inline void quant_bits_put_u32(uint8_t *bytes, uint32_t value)
{
    quant_bits_put_u16(bytes, (uint16_t)value);
    quant_bits_put_u16(bytes + 2, (uint16_t)(value >> 16));
}

/* A binary16 field, widened. */
static inline float quant_bits_half(const uint8_t *bytes)
{
    return half_to_float(quant_bits_u16(bytes));
}

static inline void quant_bits_put_half(uint8_t *bytes, float value)
{
    quant_bits_put_u16(bytes, half_from_float(value));
}

/* 16 bytes of nibbles to and from 32 values 0..15; bits above 3 of `values` are left out. */
static inline void quant_bits_nibbles(const uint8_t *bytes, uint8_t values[32])
{
    for (int i = 0; i < 16; i++) {
        values[i] = bytes[i] & 15;
        values[i + 16] = bytes[i] >> 4;
    }
}

static inline void quant_bits_put_nibbles(uint8_t *bytes, const uint8_t values[32])
{
    for (int i = 0; i < 16; i++)
        bytes[i] = (uint8_t)((values[i] & 15) | values[i + 16] << 4);
}

/* Fifths at `bytes`, nibbles behind them, to and from 32 values 0..31. Eight bits at a time are
 * spread over eight bytes: byte j keeps bit j of its copy, and adding 0x7f carries it to bit 7,
 * whichever it was. */
static inline void quant_bits_fifths(const uint8_t *bytes, uint8_t values[32])
{
    quant_bits_nibbles(bytes + 4, values);
    for (int i = 0; i < 4; i++) {
        const uint64_t copies = bytes[i] * 0x0101010101010101u;
        const uint64_t carried = (copies & 0x8040201008040201u) + 0x7f7f7f7f7f7f7f7fu;
        uint64_t eight;
        memcpy(&eight, values + 8 * i, sizeof eight);
        eight |= carried >> 3 & 0x1010101010101010u;
        memcpy(values + 8 * i, &eight, sizeof eight);
    }
}

static inline void quant_bits_put_fifths(uint8_t *bytes, const uint8_t values[32])
{
    uint32_t fifths = 0;
    for (int i = 0; i < 32; i++)
        fifths |= (uint32_t)(values[i] >> 4) << i;
    quant_bits_put_u32(bytes, fifths);
    quant_bits_put_nibbles(bytes + 4, values);
}

#endif
