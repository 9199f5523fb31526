/* phi2.c - Phi-1, Phi-1.5 and Phi-2 (GGUF architecture "phi2").
 *
 *   h = LayerNorm(x)                                one norm for both branches
 *   x = x + Wo attention(Wq h, Wk h, Wv h)          every linear has a bias
 *         + W2 gelu(W1 h)
 *
 * RoPE turns the first rope.dimension_count dimensions of a head, pairs (i, i + half). Old files
 * have Q, K, V fused by rows in attn_qkv; newer ones split. The output matrix is untied and has a
 * bias. Source: Microsoft's modeling code as in transformers' modular_phi.py.
 */
#include "model/model_architectures.h"

#include "model/model_bind.h"
#include "model/model_layers.h"

static primer_status bind_layer(struct model *m, size_t i, primer_error *error)
{
    struct model_layer *l = &m->layers[i];
    const size_t d = m->embedding, q = m->heads * m->head_dimensions,
                 kv = m->kv_heads * m->head_dimensions;
    FORWARD(model_bind_vector(m, MODEL_REQUIRED, "blk.%zu.attn_norm.weight", i, d,
                              &l->attention_norm.weight, error));
    FORWARD(model_bind_vector(m, MODEL_REQUIRED, "blk.%zu.attn_norm.bias", i, d,
                              &l->attention_norm.bias, error));
    FORWARD(model_bind_linear(m, MODEL_OPTIONAL, MODEL_REQUIRED, "blk.%zu.attn_qkv", i, q + 2 * kv,
                              d, &l->query_key_value, error));
    if (l->query_key_value.weight.format == NULL) {
        FORWARD(model_bind_linear(m, MODEL_REQUIRED, MODEL_REQUIRED, "blk.%zu.attn_q", i, q, d,
                                  &l->query, error));
        FORWARD(model_bind_linear(m, MODEL_REQUIRED, MODEL_REQUIRED, "blk.%zu.attn_k", i, kv, d,
                                  &l->key, error));
        FORWARD(model_bind_linear(m, MODEL_REQUIRED, MODEL_REQUIRED, "blk.%zu.attn_v", i, kv, d,
                                  &l->value, error));
    }
    FORWARD(model_bind_linear(m, MODEL_REQUIRED, MODEL_REQUIRED, "blk.%zu.attn_output", i, d, q,
                              &l->attention_output, error));
    FORWARD(model_bind_linear(m, MODEL_REQUIRED, MODEL_REQUIRED, "blk.%zu.ffn_up", i,
                              m->feed_forward, d, &l->up, error));
    return model_bind_linear(m, MODEL_REQUIRED, MODEL_REQUIRED, "blk.%zu.ffn_down", i, d,
                             m->feed_forward, &l->down, error);
}

static primer_status phi2_bind(struct model *m, primer_error *error)
{
    double epsilon = 1e-5;
    FORWARD(model_bind_real(m, MODEL_OPTIONAL, "attention.layer_norm_epsilon", &epsilon, error));
    m->epsilon = (float)epsilon;
    FORWARD(model_bind_vector(m, MODEL_REQUIRED, "output_norm.weight", 0, m->embedding,
                              &m->final_norm.weight, error));
    FORWARD(model_bind_vector(m, MODEL_REQUIRED, "output_norm.bias", 0, m->embedding,
                              &m->final_norm.bias, error));
    FORWARD(model_bind_linear(m, MODEL_REQUIRED, MODEL_REQUIRED, "output", 0, m->vocabulary,
                              m->embedding, &m->output, error));
    for (size_t i = 0; i < m->layer_count; i++)
        FORWARD(bind_layer(m, i, error));
    return PRIMER_OK;
}

static void phi2_layer(const struct model *m, struct pass *p, size_t index)
{
    const struct model_layer *l = &m->layers[index];
    tensor_layer_norm(&p->workspace, p->x, l->attention_norm.weight, l->attention_norm.bias,
                      m->epsilon, p->rows, m->embedding, p->normed);
    model_layers_project(m, p, l, p->normed, &l->up);
    model_layers_attend(m, p, index);
    model_layers_add(p, &l->attention_output, p->attended);
    model_layers_add(p, &l->down, p->wide);
}

static void phi2_output_norm(const struct model *m, struct pass *p, const float *x, size_t rows,
                             float *hidden)
{
    tensor_layer_norm(&p->workspace, x, m->final_norm.weight, m->final_norm.bias, m->epsilon, rows,
                      m->embedding, hidden);
}

const struct model_architecture *phi2_architecture(void)
{
    static const struct model_architecture architecture = {
        .name = "phi2",
        .interleaved = false,
        .bind = phi2_bind,
        .layer = phi2_layer,
        .output_norm = phi2_output_norm,
    };
    return &architecture;
}
