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

#include "model/model_layers.h"

static const struct model_part parts[] = {
    {MODEL_TOKEN_EMBEDDING, "token_embd", MODEL_VOCABULARY, MODEL_EMBEDDING, MODEL_REQUIRED,
     MODEL_ABSENT},
    {MODEL_FINAL_NORM, "output_norm", MODEL_ONE, MODEL_EMBEDDING, MODEL_REQUIRED, MODEL_REQUIRED},
    {MODEL_OUTPUT, "output", MODEL_VOCABULARY, MODEL_EMBEDDING, MODEL_REQUIRED, MODEL_REQUIRED},
    {MODEL_ATTENTION_NORM, "blk.%zu.attn_norm", MODEL_ONE, MODEL_EMBEDDING, MODEL_REQUIRED,
     MODEL_REQUIRED},
    {MODEL_QUERY_KEY_VALUE, "blk.%zu.attn_qkv", MODEL_FUSED, MODEL_EMBEDDING, MODEL_OPTIONAL,
     MODEL_REQUIRED},
    {MODEL_QUERY, "blk.%zu.attn_q", MODEL_QUERIES, MODEL_EMBEDDING, MODEL_UNLESS_FUSED,
     MODEL_REQUIRED},
    {MODEL_KEY, "blk.%zu.attn_k", MODEL_KEYS, MODEL_EMBEDDING, MODEL_UNLESS_FUSED, MODEL_REQUIRED},
    {MODEL_VALUE, "blk.%zu.attn_v", MODEL_KEYS, MODEL_EMBEDDING, MODEL_UNLESS_FUSED,
     MODEL_REQUIRED},
    {MODEL_ATTENTION_OUTPUT, "blk.%zu.attn_output", MODEL_EMBEDDING, MODEL_QUERIES, MODEL_REQUIRED,
     MODEL_REQUIRED},
    {MODEL_UP, "blk.%zu.ffn_up", MODEL_INNER, MODEL_EMBEDDING, MODEL_REQUIRED, MODEL_REQUIRED},
    {MODEL_DOWN, "blk.%zu.ffn_down", MODEL_EMBEDDING, MODEL_INNER, MODEL_REQUIRED, MODEL_REQUIRED},
};

static void phi2_layer(const struct model *m, struct pass *p, size_t index)
{
    const struct model_layer *l = &m->layers[index];
    model_layers_norm(m, p, &l->attention_norm, p->x, p->rows, p->normed);
    model_layers_project(m, p, l, p->normed, &l->up);
    model_layers_attend(m, p, index);
    model_layers_add(p, &l->attention_output, p->attended);
    model_layers_add(p, &l->down, p->wide);
}

const struct model_architecture *phi2_architecture(void)
{
    static const struct model_architecture architecture = {
        .name = "phi2",
        .form = {.norm = MODEL_LAYER_NORM,
                 .activation = MODEL_GELU,
                 .parallel = true,
                 .interleaved = false,
                 .epsilon = "attention.layer_norm_epsilon",
                 .parts = parts,
                 .part_count = sizeof parts / sizeof *parts},
        .layer = phi2_layer,
    };
    return &architecture;
}
