/* activation.h - the int8 form of a product's input, in blocks of 32 with one f32 scale.
 *
 *   values      i8  [tokens][columns]     q = x * (127 / max |x|), rounded half to even
 *   scales      f32 [tokens][blocks]      max |x| / 127, the last two bits 0; 0 below 2^-90,
 *                                          NaN from 2^100 on
 *   sums        i32 [tokens][blocks][2]   sums of the values per 16 columns
 *   scaled_sums f32 [tokens][blocks]      scale * (sum of 32 values)
 *   tiles       [ceil(tokens / 8)][blocks]  the same again, eight tokens side by side; or NULL
 *
 * Products of many tokens read the tiles: of eight tokens one stream instead of thirty-two. Token t
 * is lane t % 8 of tile row t / 8; lanes without a token don't matter. Where there are no tiles,
 * such products lay them out for themselves, each time, at less than half the speed.
 *
 * columns is a multiple of 32, blocks = columns / 32. docs/NUMERICS.md, section "Activations".
 */
#ifndef QUANT_ACTIVATION_H
#define QUANT_ACTIVATION_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ACTIVATION_LANES 8 /* tokens of a tile */
#define ACTIVATION_BLOCK 32

/* One block of eight tokens: 384 bytes, aligned to 64. */
struct activation_tile {
    int8_t values[ACTIVATION_LANES][ACTIVATION_BLOCK];
    float scales[ACTIVATION_LANES];
    float scaled_sums[ACTIVATION_LANES];
    int32_t sums[2][ACTIVATION_LANES];
};

struct activation {
    int8_t *values;
    float *scales;
    int32_t *sums;
    float *scaled_sums;
    struct activation_tile *tiles; /* NULL: none */
    size_t columns, blocks;
};

/* The scale of a block whose largest magnitude is m: m / 127, the last two bits cleared. */
static inline float activation_scale(float m)
{
    const float whole = m / 127.0f;
    uint32_t bits;
    memcpy(&bits, &whole, sizeof bits);
    bits &= ~UINT32_C(3);
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return scale;
}

/* Copies one block of one token into lane `lane` of a tile. */
static inline void activation_tile_set(struct activation_tile *tile, size_t lane,
                                       const struct activation *from, size_t token, size_t block)
{
    const size_t at = token * from->blocks + block;
    memcpy(tile->values[lane], from->values + at * ACTIVATION_BLOCK, ACTIVATION_BLOCK);
    tile->scales[lane] = from->scales[at];
    tile->scaled_sums[lane] = from->scaled_sums[at];
    tile->sums[0][lane] = from->sums[2 * at];
    tile->sums[1][lane] = from->sums[2 * at + 1];
}

/* Copies one block of a token that has just been quantized into its tile, if there are tiles. */
static inline void activation_tile_update(const struct activation *activation, size_t token,
                                          size_t block)
{
    if (activation->tiles != NULL)
        activation_tile_set(
            &activation->tiles[token / ACTIVATION_LANES * activation->blocks + block],
            token % ACTIVATION_LANES, activation, token, block);
}

#endif
