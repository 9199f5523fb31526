/* llama.c - Llama-2 and 3, Mistral, SmolLM, TinyStories (GGUF architecture "llama").
 *
 *   x = x + Wo attention(Wq h, Wk h, Wv h),   h = RMSNorm(x)
 *   x = x + W2 (silu(W1 g) * W3 g),           g = RMSNorm(x)          (ffn_down, ffn_gate, ffn_up)
 *
 * Grouped key/value heads; RoPE over pairs (2i, 2i+1), frequencies divided by rope_freqs.weight
 * where there is one (Llama 3.1); a sliding window where attention.sliding_window says so
 * (Mistral); the output matrix is the embedding where output.weight is absent. Biases of the
 * attention are taken if present. Sources: Touvron et al. 2023; Jiang et al. 2023; Shazeer 2020
 * (SwiGLU); Zhang, Sennrich 2019 (RMSNorm).
 */
#include "model/model_architectures.h"

#include "model/model_bind.h"
#include "model/model_layers.h"

static primer_status bind_layer(struct model *m, size_t i, primer_error *error)
{
    struct model_layer *l = &m->layers[i];
    const size_t d = m->embedding, q = m->heads * m->head_dimensions,
                 kv = m->kv_heads * m->head_dimensions;
    const size_t f = m->feed_forward;
    FORWARD(model_bind_vector(m, MODEL_REQUIRED, "blk.%zu.attn_norm.weight", i, d,
                              &l->attention_norm.weight, error));
    FORWARD(model_bind_vector(m, MODEL_REQUIRED, "blk.%zu.ffn_norm.weight", i, d,
                              &l->feed_forward_norm.weight, error));
    FORWARD(model_bind_linear(m, MODEL_REQUIRED, MODEL_OPTIONAL, "blk.%zu.attn_q", i, q, d,
                              &l->query, error));
    FORWARD(model_bind_linear(m, MODEL_REQUIRED, MODEL_OPTIONAL, "blk.%zu.attn_k", i, kv, d,
                              &l->key, error));
    FORWARD(model_bind_linear(m, MODEL_REQUIRED, MODEL_OPTIONAL, "blk.%zu.attn_v", i, kv, d,
                              &l->value, error));
    FORWARD(model_bind_linear(m, MODEL_REQUIRED, MODEL_OPTIONAL, "blk.%zu.attn_output", i, d, q,
                              &l->attention_output, error));
    FORWARD(model_bind_linear(m, MODEL_REQUIRED, MODEL_OPTIONAL, "blk.%zu.ffn_gate", i, f, d,
                              &l->gate, error));
    FORWARD(model_bind_linear(m, MODEL_REQUIRED, MODEL_OPTIONAL, "blk.%zu.ffn_up", i, f, d, &l->up,
                              error));
    return model_bind_linear(m, MODEL_REQUIRED, MODEL_OPTIONAL, "blk.%zu.ffn_down", i, d, f,
                             &l->down, error);
}

static primer_status llama_bind(struct model *m, primer_error *error)
{
    double epsilon = 1e-5;
    size_t experts = 0;
    FORWARD(
        model_bind_real(m, MODEL_REQUIRED, "attention.layer_norm_rms_epsilon", &epsilon, error));
    m->epsilon = (float)epsilon;
    FORWARD(model_bind_size(m, MODEL_OPTIONAL, "expert_count", 0, SIZE_MAX, &experts, error));
    if (experts != 0)
        return error_set(
            error, PRIMER_EUNSUPPORTED,
            "%s: key llama.expert_count is %zu; mixtures of experts are not supported yet",
            gguf_path(m->gguf), experts);
    FORWARD(model_bind_size(m, MODEL_OPTIONAL, "attention.sliding_window", 0, SIZE_MAX, &m->window,
                            error));
    FORWARD(model_bind_vector(m, MODEL_OPTIONAL, "rope_freqs.weight", 0, m->rotary_dimensions / 2,
                              &m->rope_factors, error));
    FORWARD(model_bind_vector(m, MODEL_REQUIRED, "output_norm.weight", 0, m->embedding,
                              &m->final_norm.weight, error));
    FORWARD(model_bind_linear(m, MODEL_OPTIONAL, MODEL_OPTIONAL, "output", 0, m->vocabulary,
                              m->embedding, &m->output, error));
    if (m->output.weight.format == NULL)
        m->output.weight = m->token_embedding;
    for (size_t i = 0; i < m->layer_count; i++)
        FORWARD(bind_layer(m, i, error));
    return PRIMER_OK;
}

static void llama_layer(const struct model *m, struct pass *p, size_t index)
{
    const struct model_layer *l = &m->layers[index];
    tensor_rms_norm(&p->workspace, p->x, l->attention_norm.weight, m->epsilon, p->rows,
                    m->embedding, p->normed);
    model_layers_project(m, p, l, p->normed, NULL);
    model_layers_attend(m, p, index);
    model_layers_add(p, &l->attention_output, p->attended);
    tensor_rms_norm(&p->workspace, p->x, l->feed_forward_norm.weight, m->epsilon, p->rows,
                    m->embedding, p->normed);
    model_layers_gate(m, p, l, p->normed);
    tensor_silu_product(&p->workspace, p->gate, p->wide, p->rows, m->feed_forward);
    model_layers_add(p, &l->down, p->gate);
}

static void llama_output_norm(const struct model *m, struct pass *p, const float *x, size_t rows,
                              float *hidden)
{
    tensor_rms_norm(&p->workspace, x, m->final_norm.weight, m->epsilon, rows, m->embedding, hidden);
}

const struct model_architecture *llama_architecture(void)
{
    static const struct model_architecture architecture = {
        .name = "llama",
        .interleaved = true,
        .bind = llama_bind,
        .layer = llama_layer,
        .output_norm = llama_output_norm,
    };
    return &architecture;
}
