/*
 * Phi-1, Phi-1.5 and Phi-2 (Li et al., arXiv 2309.05463; modeling_phi.py of Hugging Face's
 * transformers): attention and feed-forward stand side by side behind one LayerNorm, and every
 * linear map has a bias.
 *
 *     x ---+--------------------------------------------------------------+--> x
 *          |                 +-> Wq Wk Wv -> attention -> Wo -----------+ |
 *          +-> LayerNorm ----+                                          +-+ sum of all three
 *                            +-> up -> gelu -> down --------------------+
 *
 *     logits = head(LayerNorm(x)), a matrix of its own and a bias
 *
 * RoPE turns only the first rope.dimension_count dimensions of a head (32 of 80 in Phi-2), in
 * halves: dimension i pairs with i + 16. Old files hold Wq, Wk and Wv as one tensor attn_qkv,
 * whose rows are all of Q, then of K, then of V.
 */
#include "reference_model.h"

#include <stdio.h>

#include "reference_attention.h"
#include "reference_math.h"

/* Rows [first, first + rows) of a matrix, or that many elements of a vector (rows of one). */
static void slice(const reference_tensor *whole, size_t first, size_t rows, reference_tensor *part)
{
    const reference_format *format = whole->format;
    const bool is_vector = whole->rows == 1;
    const size_t row_bytes = (is_vector ? 1 : whole->columns / format->length) * format->bytes;
    *part = *whole;
    part->rows = is_vector ? 1 : rows;
    part->columns = is_vector ? rows : whole->columns;
    part->data = whole->data + first * row_bytes;
}

static bool bind_fused(reference_model *model, size_t i, reference_error *error)
{
    reference_layer *layer = &model->layers[i];
    const size_t d = model->width;
    const size_t hq = model->heads * model->head_size;
    const size_t hk = model->key_heads * model->head_size;
    reference_tensor weight = {0};
    reference_tensor bias = {0};
    if (!reference_model_bind_layer(model, i, "attn_qkv.weight", hq + 2 * hk, d, &weight, error) ||
        !reference_model_bind_layer(model, i, "attn_qkv.bias", 1, hq + 2 * hk, &bias, error)) {
        return false;
    }
    if (bias.format->length != 1) {
        snprintf(error->message, sizeof error->message, "tensor blk.%zu.attn_qkv.bias is in blocks",
                 i);
        return false;
    }
    slice(&weight, 0, hq, &layer->query);
    slice(&weight, hq, hk, &layer->key);
    slice(&weight, hq + hk, hk, &layer->value);
    slice(&bias, 0, hq, &layer->query_bias);
    slice(&bias, hq, hk, &layer->key_bias);
    slice(&bias, hq + hk, hk, &layer->value_bias);
    return true;
}

static bool bind_split(reference_model *model, size_t i, reference_error *error)
{
    reference_layer *layer = &model->layers[i];
    const size_t d = model->width;
    const size_t hq = model->heads * model->head_size;
    const size_t hk = model->key_heads * model->head_size;
    return reference_model_bind_layer(model, i, "attn_q.weight", hq, d, &layer->query, error) &&
           reference_model_bind_layer(model, i, "attn_q.bias", 1, hq, &layer->query_bias, error) &&
           reference_model_bind_layer(model, i, "attn_k.weight", hk, d, &layer->key, error) &&
           reference_model_bind_layer(model, i, "attn_k.bias", 1, hk, &layer->key_bias, error) &&
           reference_model_bind_layer(model, i, "attn_v.weight", hk, d, &layer->value, error) &&
           reference_model_bind_layer(model, i, "attn_v.bias", 1, hk, &layer->value_bias, error);
}

static bool bind_layer(reference_model *model, size_t i, reference_error *error)
{
    reference_layer *layer = &model->layers[i];
    const size_t d = model->width;
    const size_t f = model->forward_width;
    const size_t hq = model->heads * model->head_size;
    char fused[64];
    snprintf(fused, sizeof fused, "blk.%zu.attn_qkv.weight", i);
    const bool is_fused = reference_gguf_tensor(model->file, fused) != NULL;
    return reference_model_bind_layer(model, i, "attn_norm.weight", 1, d, &layer->attention_norm,
                                      error) &&
           reference_model_bind_layer(model, i, "attn_norm.bias", 1, d, &layer->attention_norm_bias,
                                      error) &&
           (is_fused ? bind_fused(model, i, error) : bind_split(model, i, error)) &&
           reference_model_bind_layer(model, i, "attn_output.weight", d, hq, &layer->output,
                                      error) &&
           reference_model_bind_layer(model, i, "attn_output.bias", 1, d, &layer->output_bias,
                                      error) &&
           reference_model_bind_layer(model, i, "ffn_up.weight", f, d, &layer->up, error) &&
           reference_model_bind_layer(model, i, "ffn_up.bias", 1, f, &layer->up_bias, error) &&
           reference_model_bind_layer(model, i, "ffn_down.weight", d, f, &layer->down, error) &&
           reference_model_bind_layer(model, i, "ffn_down.bias", 1, d, &layer->down_bias, error);
}

static bool bind(reference_model *model, reference_error *error)
{
    const size_t d = model->width;
    const size_t v = model->vocabulary;
    return reference_model_bind(model, "output_norm.weight", 1, d, &model->output_norm, error) &&
           reference_model_bind(model, "output_norm.bias", 1, d, &model->output_norm_bias, error) &&
           reference_model_bind(model, "output.weight", v, d, &model->head, error) &&
           reference_model_bind(model, "output.bias", 1, v, &model->head_bias, error);
}

/* The drawing above; w->x [n][d] in and out. */
static bool forward_layer(const reference_model *model, const reference_self_extend *extend,
                          const reference_layer *layer, size_t n, reference_buffers *w,
                          reference_error *error)
{
    const size_t d = model->width;
    reference_math_layer_norm(&layer->attention_norm, &layer->attention_norm_bias, model->epsilon,
                              w->x, n, w->normed);

    reference_math_linear(&layer->query, &layer->query_bias, w->normed, n, w->query);
    reference_math_linear(&layer->key, &layer->key_bias, w->normed, n, w->key);
    reference_math_linear(&layer->value, &layer->value_bias, w->normed, n, w->value);
    if (!reference_attention(model, extend, n, w, error)) {
        return false;
    }
    reference_math_linear(&layer->output, &layer->output_bias, w->attention, n, w->branch);
    reference_math_add(w->x, w->branch, n * d);

    reference_math_linear(&layer->up, &layer->up_bias, w->normed, n, w->up);
    reference_math_gelu(w->up, n * model->forward_width);
    reference_math_linear(&layer->down, &layer->down_bias, w->up, n, w->branch);
    reference_math_add(w->x, w->branch, n * d);
    return true;
}

static bool forward(const reference_model *model, const reference_self_extend *extend, size_t n,
                    reference_buffers *w, double *logits, reference_error *error)
{
    for (size_t i = 0; i < model->layer_count; i++) {
        if (!forward_layer(model, extend, &model->layers[i], n, w, error)) {
            return false;
        }
    }
    reference_math_layer_norm(&model->output_norm, &model->output_norm_bias, model->epsilon, w->x,
                              n, w->normed);
    reference_math_linear(&model->head, &model->head_bias, w->normed, n, logits);
    return true;
}

const reference_family reference_phi2 = {
    .architecture = "phi2",
    .epsilon_key = "attention.layer_norm_epsilon",
    .rotates_halves = true,
    .bind_layer = bind_layer,
    .bind = bind,
    .forward = forward,
};
