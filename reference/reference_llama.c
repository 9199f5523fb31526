/*
 * Llama 1 to 3 (Touvron et al., arXiv 2302.13971, section 2.2, and 2307.09288; Dubey et al., arXiv
 * 2407.21783), and what shares its shape: Mistral, TinyStories, SmolLM.
 *
 *     x --+------------------------------------------------+--> y --+------------------------+--> x
 *         +-> RMSNorm -> Wq Wk Wv -> attention -> Wo ------+        +-> RMSNorm -> SwiGLU ---+
 *
 *     SwiGLU(h) = down( silu(gate h) * up h )
 *     logits    = head(RMSNorm(x)); the head is the embedding matrix where output.weight is absent
 *
 * RoPE pairs neighbours, (2i, 2i + 1): the GGUF converter has permuted Wq and Wk of Hugging Face
 * checkpoints to that, their original, order. Several query heads may share one key head. No
 * linear map has a bias in the originals; where a file holds biases they are added.
 */
#include "reference_model.h"

#include <stdio.h>

#include "reference_attention.h"
#include "reference_math.h"

static bool bind_attention(reference_model *model, size_t i, reference_error *error)
{
    reference_layer *layer = &model->layers[i];
    const size_t d = model->width;
    const size_t hq = model->heads * model->head_size;
    const size_t hk = model->key_heads * model->head_size;
    return reference_model_bind_layer(model, i, "attn_norm.weight", 1, d, &layer->attention_norm,
                                      error) &&
           reference_model_bind_layer(model, i, "attn_q.weight", hq, d, &layer->query, error) &&
           reference_model_bind_layer(model, i, "attn_k.weight", hk, d, &layer->key, error) &&
           reference_model_bind_layer(model, i, "attn_v.weight", hk, d, &layer->value, error) &&
           reference_model_bind_layer(model, i, "attn_output.weight", d, hq, &layer->output,
                                      error) &&
           reference_model_bind_layer_optional(model, i, "attn_q.bias", 1, hq, &layer->query_bias,
                                               error) &&
           reference_model_bind_layer_optional(model, i, "attn_k.bias", 1, hk, &layer->key_bias,
                                               error) &&
           reference_model_bind_layer_optional(model, i, "attn_v.bias", 1, hk, &layer->value_bias,
                                               error) &&
           reference_model_bind_layer_optional(model, i, "attn_output.bias", 1, d,
                                               &layer->output_bias, error);
}

static bool bind_layer(reference_model *model, size_t i, reference_error *error)
{
    reference_layer *layer = &model->layers[i];
    const size_t d = model->width;
    const size_t f = model->forward_width;
    return bind_attention(model, i, error) &&
           reference_model_bind_layer(model, i, "ffn_norm.weight", 1, d, &layer->forward_norm,
                                      error) &&
           reference_model_bind_layer(model, i, "ffn_gate.weight", f, d, &layer->gate, error) &&
           reference_model_bind_layer(model, i, "ffn_up.weight", f, d, &layer->up, error) &&
           reference_model_bind_layer(model, i, "ffn_down.weight", d, f, &layer->down, error) &&
           reference_model_bind_layer_optional(model, i, "ffn_gate.bias", 1, f, &layer->gate_bias,
                                               error) &&
           reference_model_bind_layer_optional(model, i, "ffn_up.bias", 1, f, &layer->up_bias,
                                               error) &&
           reference_model_bind_layer_optional(model, i, "ffn_down.bias", 1, d, &layer->down_bias,
                                               error);
}

static bool bind(reference_model *model, reference_error *error)
{
    const size_t d = model->width;
    const size_t v = model->vocabulary;
    model->head = model->embedding; /* tied, unless the file holds its own */
    return reference_model_bind(model, "output_norm.weight", 1, d, &model->output_norm, error) &&
           reference_model_bind_optional(model, "output.weight", v, d, &model->head, error) &&
           reference_model_bind_optional(model, "output.bias", 1, v, &model->head_bias, error);
}

/* The drawing above; w->x [n][d] in and out. */
static bool forward_layer(const reference_model *model, const reference_self_extend *extend,
                          const reference_layer *layer, size_t n, reference_buffers *w,
                          reference_error *error)
{
    const size_t d = model->width;
    reference_math_rms_norm(&layer->attention_norm, model->epsilon, w->x, n, w->normed);
    reference_math_linear(&layer->query, &layer->query_bias, w->normed, n, w->query);
    reference_math_linear(&layer->key, &layer->key_bias, w->normed, n, w->key);
    reference_math_linear(&layer->value, &layer->value_bias, w->normed, n, w->value);
    if (!reference_attention(model, extend, n, w, error)) {
        return false;
    }
    reference_math_linear(&layer->output, &layer->output_bias, w->attention, n, w->branch);
    reference_math_add(w->x, w->branch, n * d);

    reference_math_rms_norm(&layer->forward_norm, model->epsilon, w->x, n, w->normed);
    reference_math_linear(&layer->gate, &layer->gate_bias, w->normed, n, w->gate);
    reference_math_linear(&layer->up, &layer->up_bias, w->normed, n, w->up);
    reference_math_swiglu(w->gate, w->up, n * model->forward_width);
    reference_math_linear(&layer->down, &layer->down_bias, w->gate, n, w->branch);
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
    reference_math_rms_norm(&model->output_norm, model->epsilon, w->x, n, w->normed);
    reference_math_linear(&model->head, &model->head_bias, w->normed, n, logits);
    return true;
}

const reference_family reference_llama = {
    .architecture = "llama",
    .epsilon_key = "attention.layer_norm_rms_epsilon",
    .rotates_halves = false,
    .bind_layer = bind_layer,
    .bind = bind,
    .forward = forward,
};
