/* pass.c - the buffers of a pass, and the pass itself: embed, layers, final norm, logits.
 *
 * Sizes for `tokens` rows: x, normed, hidden [embedding]; query [Q + 2 KV], rotated, attended
 * [heads * dimensions]; grouped [heads * rotary]; wide, gate [feed_forward].
 */
#include "model/model.h"

#include "base/memory.h"
#include "model/adapter.h"
#include "model/model_layers.h"

static bool add_floats(size_t *bytes, size_t rows, size_t columns)
{
    size_t more;
    return memory_product(rows, columns, &more) && memory_product(more, sizeof(float), &more) &&
           memory_sum(more, MEMORY_ALIGNMENT, &more) && memory_sum(*bytes, more, bytes);
}

struct widths {
    size_t embedding, heads, fused, rotary, feed_forward;
};

static struct widths widths_of(const struct model *m)
{
    const size_t heads = m->heads * m->head_dimensions;
    return (struct widths){m->embedding, heads, heads + 2 * m->kv_heads * m->head_dimensions,
                           m->heads * m->rotary_dimensions, m->feed_forward};
}

primer_status pass_create(struct pass *pass, const struct model *model, const struct kernel *kernel,
                          struct pool *pool, size_t tokens, primer_error *error)
{
    const struct widths w = widths_of(model);
    struct pass made = {.model = model};
    size_t bytes = MEMORY_ALIGNMENT;
    if (!add_floats(&bytes, tokens, 3 * w.embedding) || !add_floats(&bytes, tokens, w.fused) ||
        !add_floats(&bytes, tokens, 2 * w.heads) || !add_floats(&bytes, tokens, w.rotary) ||
        !add_floats(&bytes, tokens, 2 * w.feed_forward))
        return error_set(error, PRIMER_ELIMIT, "a pass of %zu tokens does not fit a size", tokens);
    bytes += 9 * MEMORY_ALIGNMENT;
    const struct workspace_shape shape = {tokens, model->longest_row, model->head_dimensions,
                                          model->heads / model->kv_heads};
    FORWARD(workspace_create(&made.workspace, kernel, pool, &shape, error));
    const primer_status status = arena_create(&made.arena, bytes, error);
    if (status != PRIMER_OK) {
        workspace_free(&made.workspace);
        return status;
    }
    made.x = arena_take(&made.arena, tokens * w.embedding, sizeof(float));
    made.normed = arena_take(&made.arena, tokens * w.embedding, sizeof(float));
    made.hidden = arena_take(&made.arena, tokens * w.embedding, sizeof(float));
    made.query = arena_take(&made.arena, tokens * w.fused, sizeof(float));
    made.rotated = arena_take(&made.arena, tokens * w.heads, sizeof(float));
    made.attended = arena_take(&made.arena, tokens * w.heads, sizeof(float));
    made.grouped = arena_take(&made.arena, tokens * w.rotary, sizeof(float));
    made.wide = arena_take(&made.arena, tokens * w.feed_forward, sizeof(float));
    made.gate = arena_take(&made.arena, tokens * w.feed_forward, sizeof(float));
    made.bytes = bytes + made.workspace.bytes;
    *pass = made;
    return PRIMER_OK;
}

void pass_free(struct pass *pass)
{
    workspace_free(&pass->workspace);
    arena_free(&pass->arena);
    memory_free(pass->low_ranks);
    memory_free(pass->middle);
    *pass = (struct pass){0};
}

primer_status pass_reserve_adapters(struct pass *pass, size_t sequences, size_t adapters,
                                    size_t rank, primer_error *error)
{
    const size_t most = sequences * adapters * ADAPTER_TARGETS_MOST,
                 stride = rank * ADAPTER_TARGETS_MOST;
    size_t floats = 0;
    if (most > pass->low_rank_most) {
        struct tensor_low_rank *const low_ranks = memory_allocate(most, sizeof *low_ranks);
        if (low_ranks == NULL)
            return memory_failure(error, "adapters", most * sizeof *low_ranks);
        memory_free(pass->low_ranks);
        pass->low_ranks = low_ranks;
        pass->bytes += (most - pass->low_rank_most) * sizeof *low_ranks;
        pass->low_rank_most = most;
    }
    if (stride <= pass->middle_stride)
        return PRIMER_OK;
    if (!memory_product(pass->workspace.tokens, stride, &floats))
        return error_set(error, PRIMER_ELIMIT, "adapters of rank %zu do not fit a size", rank);
    float *const middle = memory_allocate_aligned(floats, sizeof *middle);
    if (middle == NULL)
        return memory_failure(error, "adapters", floats * sizeof *middle);
    memory_free(pass->middle);
    pass->middle = middle;
    pass->bytes += (stride - pass->middle_stride) * pass->workspace.tokens * sizeof *middle;
    pass->middle_stride = stride;
    return PRIMER_OK;
}

static primer_status not_finite(const struct model *m, const struct pass *p, size_t row,
                                const char *after, size_t layer, primer_error *error)
{
    const struct attention_sequence *s = p->sequences;
    while (row >= s->first_row + s->tokens)
        s++;
    const bool adapted = p->adapters != NULL && p->adapters[s - p->sequences] != NULL;
    if (layer < m->layer_count)
        return error_set(error, PRIMER_ENUMERIC,
                         "%s: a NaN or infinite value at position %zu after layer %zu of %zu: %s",
                         gguf_path(m->gguf), s->start + row - s->first_row, layer, m->layer_count,
                         adapted ? "its adapters, or their scales, are too large, or the file's "
                                   "weights are damaged"
                                 : "the file's weights are damaged, or overflow");
    return error_set(error, PRIMER_ENUMERIC,
                     "%s: a NaN or infinite value at position %zu after the %s", gguf_path(m->gguf),
                     s->start + row - s->first_row, after);
}

static primer_status check(const struct model *m, struct pass *p, const float *x, const char *after,
                           size_t layer, primer_error *error)
{
    const size_t bad = tensor_not_finite(&p->workspace, x, p->rows, m->embedding);
    return bad == p->rows ? PRIMER_OK : not_finite(m, p, bad, after, layer, error);
}

primer_status model_forward(const struct model *model, struct pass *pass,
                            const struct model_batch *batch, primer_error *error)
{
    pass->sequences = batch->sequences;
    pass->sequence_count = batch->count;
    pass->adapters = batch->adapters;
    pass->rows = 0;
    for (size_t i = 0; i < batch->count; i++)
        for (size_t t = 0; t < batch->sequences[i].tokens; t++)
            tensor_row(&model->token_embedding, (size_t)batch->ids[i][t],
                       pass->x + pass->rows++ * model->embedding);
    FORWARD(check(model, pass, pass->x, "token embedding", SIZE_MAX, error));
    for (size_t layer = 0; layer < model->layer_count; layer++) {
        if (batch->cancel != NULL && atomic_load_explicit(batch->cancel, memory_order_relaxed))
            return error_set(error, PRIMER_ECANCELED, "cancelled");
        pass->layer = layer;
        model->architecture->layer(model, pass, layer);
        FORWARD(check(model, pass, pass->x, "", layer, error));
    }
    model_layers_norm(model, pass, &model->final_norm, pass->x, pass->rows, pass->hidden);
    return check(model, pass, pass->hidden, "final norm", SIZE_MAX, error);
}

primer_status model_logits(const struct model *model, struct pass *pass, const float *hidden,
                           size_t rows, float *out, primer_error *error)
{
    const struct tensor_product product = {.weight = &model->output.weight,
                                           .bias = model->output.bias,
                                           .out = out,
                                           .out_stride = model->vocabulary};
    tensor_multiply(&pass->workspace, hidden, model->embedding, rows, &product, 1);
    if (tensor_not_finite(&pass->workspace, out, rows, model->vocabulary) != rows)
        return error_set(error, PRIMER_ENUMERIC,
                         "%s: a NaN or infinite logit after the output matrix",
                         gguf_path(model->gguf));
    return PRIMER_OK;
}
