/* workspace.c - the memory of one pass, taken once:
 *
 *   shared      activation: values, scales, sums, scaled sums for [tokens][columns], and the same
 *               in tiles
 *   per thread  panels of 16 rows and their sums; attention scratch
 */
#include "tensor/tensor.h"

#include "tensor/attention.h"

static size_t padded(size_t count, size_t size)
{
    return (count * size + MEMORY_ALIGNMENT - 1) / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
}

static size_t panel_bytes(size_t blocks)
{
    return padded(blocks, QUANT_BLOCK * QUANT_PANEL_ROWS) +
           2 * padded(blocks, 2 * QUANT_PANEL_ROWS * sizeof(float));
}

static void take_panel(struct arena *arena, size_t blocks, struct quant_panel *panel)
{
    const size_t most = 2 * QUANT_PANEL_ROWS * sizeof(float);
    panel->values = arena_take(arena, blocks, QUANT_BLOCK * QUANT_PANEL_ROWS);
    panel->scales = arena_take(arena, blocks, most);
    panel->minima = arena_take(arena, blocks, most);
}

primer_status workspace_create(struct workspace *workspace, const struct kernel *kernel,
                               struct pool *pool, const struct workspace_shape *shape,
                               primer_error *error)
{
    struct workspace made = {.kernel = kernel, .pool = pool, .tokens = shape->tokens};
    const size_t blocks = (shape->columns + QUANT_BLOCK - 1) / QUANT_BLOCK, tokens = shape->tokens;
    const size_t threads = pool_size(pool);
    const size_t tiles = (tokens + ACTIVATION_LANES - 1) / ACTIVATION_LANES * blocks;
    made.columns = blocks * QUANT_BLOCK;
    made.attention_floats = attention_scratch(shape->head_dimensions, shape->group);
    const size_t shared = padded(tokens, made.columns) +
                          padded(tokens * blocks, sizeof(float)) * 2 +
                          padded(tokens * blocks, 2 * sizeof(int32_t)) +
                          padded(tiles, sizeof(struct activation_tile)) +
                          padded(threads, sizeof(struct tensor_thread));
    const size_t sums_bytes = TENSOR_PANEL_ROWS * sizeof(float);
    const size_t each = TENSOR_PANELS * panel_bytes(TENSOR_PANEL_BLOCKS) +
                        padded(tokens, sums_bytes) + padded(made.attention_floats, sizeof(float));
    made.bytes = shared + threads * each + MEMORY_ALIGNMENT;
    FORWARD(arena_create(&made.arena, made.bytes, error));
    made.activation = (struct activation){
        .values = arena_take(&made.arena, tokens, made.columns),
        .scales = arena_take(&made.arena, tokens * blocks, sizeof(float)),
        .sums = arena_take(&made.arena, tokens * blocks, 2 * sizeof(int32_t)),
        .scaled_sums = arena_take(&made.arena, tokens * blocks, sizeof(float)),
        .tiles = arena_take(&made.arena, tiles, sizeof(struct activation_tile)),
    };
    made.threads = arena_take(&made.arena, threads, sizeof *made.threads);
    for (size_t i = 0; i < threads; i++) {
        for (size_t p = 0; p < TENSOR_PANELS; p++)
            take_panel(&made.arena, TENSOR_PANEL_BLOCKS, &made.threads[i].panels[p]);
        made.threads[i].sums = arena_take(&made.arena, tokens, sums_bytes);
        made.threads[i].attention = arena_take(&made.arena, made.attention_floats, sizeof(float));
    }
    *workspace = made;
    return PRIMER_OK;
}

void workspace_free(struct workspace *workspace)
{
    arena_free(&workspace->arena);
    *workspace = (struct workspace){0};
}
