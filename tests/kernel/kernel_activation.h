/* kernel_activation.h - fenced activations for the kernel tests. */
#ifndef TESTS_KERNEL_KERNEL_ACTIVATION_H
#define TESTS_KERNEL_KERNEL_ACTIVATION_H

#include "kernel_check.h"

struct fenced_activation {
    struct fence values, scales, sums, scaled_sums, tiles;
    struct activation view;
};

static inline struct fenced_activation activation_make(size_t tokens, size_t blocks)
{
    struct fenced_activation made = {
        .values = fence_make(tokens * blocks * QUANT_BLOCK),
        .scales = fence_make(tokens * blocks * sizeof(float)),
        .sums = fence_make(tokens * blocks * 2 * sizeof(int32_t)),
        .scaled_sums = fence_make(tokens * blocks * sizeof(float)),
        .tiles = fence_make((tokens + ACTIVATION_LANES - 1) / ACTIVATION_LANES * blocks *
                            sizeof(struct activation_tile)),
    };
    made.view = (struct activation){
        .values = (int8_t *)made.values.bytes,
        .scales = fence_floats(&made.scales),
        .sums = (int32_t *)(void *)made.sums.bytes,
        .scaled_sums = fence_floats(&made.scaled_sums),
        .tiles = (struct activation_tile *)(void *)made.tiles.bytes,
        .columns = blocks * QUANT_BLOCK,
        .blocks = blocks,
    };
    return made;
}

static inline void activation_free(struct fenced_activation *activation)
{
    fence_free(&activation->values);
    fence_free(&activation->scales);
    fence_free(&activation->sums);
    fence_free(&activation->scaled_sums);
    fence_free(&activation->tiles);
}

/* Numbers of the given kind, quantized by scalar. With `extreme` the values are made +-127
 * afterwards. */
static inline struct fenced_activation activation_random(struct random *random,
                                                         enum check_kind kind, bool extreme,
                                                         size_t tokens, size_t blocks)
{
    struct fenced_activation made = activation_make(tokens, blocks);
    struct fence x = check_floats(random, kind, tokens * blocks * QUANT_BLOCK);
    check_scalar()->quantize(fence_floats(&x), blocks * QUANT_BLOCK, tokens, 0, &made.view);
    fence_free(&x);
    if (!extreme)
        return made;
    for (size_t at = 0; at < tokens * blocks; at++) {
        int32_t *const sums = made.view.sums + 2 * at;
        const uint64_t pattern = random_u64(random);
        sums[0] = sums[1] = 0;
        for (size_t i = 0; i < QUANT_BLOCK; i++) {
            const int8_t q = pattern % 4 == 0 || (pattern >> (i + 4)) % 2 ? 127 : -127;
            made.view.values[at * QUANT_BLOCK + i] = q;
            sums[i / 16] += q;
        }
        made.view.scaled_sums[at] = made.view.scales[at] * (float)(sums[0] + sums[1]);
        activation_tile_update(&made.view, at / blocks, at % blocks);
    }
    return made;
}

/* What is left of a panel behind its first `blocks` blocks. */
static inline struct quant_panel check_panel_rest(struct quant_panel panel, enum quant_kind kind,
                                                  size_t blocks)
{
    const size_t lanes = blocks * quant_kind_parts(kind) * QUANT_PANEL_ROWS;
    panel.values += blocks * QUANT_PANEL_ROWS * QUANT_BLOCK;
    panel.scales += lanes;
    panel.minima += panel.minima != NULL ? lanes : 0;
    return panel;
}

/* A panel product in two pieces, of `rows` rows to out [tokens][out_stride]. */
static inline void check_panel_product(kernel_panel_product *product,
                                       const struct quant_format *format,
                                       const struct quant_panel *panel, size_t rows, size_t blocks,
                                       const struct activation *activation, size_t first_token,
                                       size_t tokens, float *out, size_t out_stride)
{
    const size_t piece = blocks / 2;
    const size_t stride = (tokens % 2 + 1) * QUANT_PANEL_ROWS;
    struct fence sums = fence_make(tokens * stride * sizeof(float));
    const struct quant_panel rest = check_panel_rest(*panel, format->kind, piece);
    memset(sums.bytes, 0xff, sums.size); /* NaN: what is there at block 0 doesn't matter */
    if (piece > 0)
        product(format, panel, 1, piece, activation, 0, first_token, tokens, fence_floats(&sums),
                stride, NULL);
    /* What is ahead may only be fetched. */
    const struct kernel_ahead nowhere = {sums.map, 4096, tokens + 1, blocks * 18 + tokens};
    product(format, &rest, 1, blocks - piece, activation, piece, first_token, tokens,
            fence_floats(&sums), stride, &nowhere);
    for (size_t t = 0; t < tokens; t++)
        memcpy(out + t * out_stride, fence_floats(&sums) + t * stride, rows * sizeof *out);
    fence_free(&sums);
}

#endif
