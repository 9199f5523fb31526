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

static const struct model_part parts[] = {
    {MODEL_TOKEN_EMBEDDING, "token_embd", MODEL_VOCABULARY, MODEL_EMBEDDING, MODEL_REQUIRED,
     MODEL_ABSENT},
    {MODEL_ROPE_FACTORS, "rope_freqs", MODEL_ONE, MODEL_PAIRS, MODEL_OPTIONAL, MODEL_ABSENT},
    {MODEL_FINAL_NORM, "output_norm", MODEL_ONE, MODEL_EMBEDDING, MODEL_REQUIRED, MODEL_ABSENT},
    {MODEL_OUTPUT, "output", MODEL_VOCABULARY, MODEL_EMBEDDING, MODEL_OPTIONAL, MODEL_OPTIONAL},
    {MODEL_ATTENTION_NORM, "blk.%zu.attn_norm", MODEL_ONE, MODEL_EMBEDDING, MODEL_REQUIRED,
     MODEL_ABSENT},
    {MODEL_FEED_FORWARD_NORM, "blk.%zu.ffn_norm", MODEL_ONE, MODEL_EMBEDDING, MODEL_REQUIRED,
     MODEL_ABSENT},
    {MODEL_QUERY, "blk.%zu.attn_q", MODEL_QUERIES, MODEL_EMBEDDING, MODEL_REQUIRED, MODEL_OPTIONAL},
    {MODEL_KEY, "blk.%zu.attn_k", MODEL_KEYS, MODEL_EMBEDDING, MODEL_REQUIRED, MODEL_OPTIONAL},
    {MODEL_VALUE, "blk.%zu.attn_v", MODEL_KEYS, MODEL_EMBEDDING, MODEL_REQUIRED, MODEL_OPTIONAL},
    {MODEL_ATTENTION_OUTPUT, "blk.%zu.attn_output", MODEL_EMBEDDING, MODEL_QUERIES, MODEL_REQUIRED,
     MODEL_OPTIONAL},
    {MODEL_GATE, "blk.%zu.ffn_gate", MODEL_INNER, MODEL_EMBEDDING, MODEL_REQUIRED, MODEL_OPTIONAL},
    {MODEL_UP, "blk.%zu.ffn_up", MODEL_INNER, MODEL_EMBEDDING, MODEL_REQUIRED, MODEL_OPTIONAL},
    {MODEL_DOWN, "blk.%zu.ffn_down", MODEL_EMBEDDING, MODEL_INNER, MODEL_REQUIRED, MODEL_OPTIONAL},
};

static primer_status llama_read(struct model *m, primer_error *error)
{
    size_t experts = 0;
    FORWARD(model_bind_size(m, MODEL_OPTIONAL, "expert_count", 0, SIZE_MAX, &experts, error));
    if (experts != 0)
        return error_set(
            error, PRIMER_EUNSUPPORTED,
            "%s: key llama.expert_count is %zu; mixtures of experts are not supported yet",
            gguf_path(m->gguf), experts);
    return model_bind_size(m, MODEL_OPTIONAL, "attention.sliding_window", 0, SIZE_MAX, &m->window,
                           error);
}

static void llama_layer(const struct model *m, struct pass *p, size_t index)
{
    const struct model_layer *l = &m->layers[index];
    model_layers_norm(m, p, &l->attention_norm, p->x, p->rows, p->normed);
    model_layers_project(m, p, l, p->normed, NULL);
    model_layers_attend(m, p, index);
    model_layers_add(p, &l->attention_output, p->attended);
    model_layers_norm(m, p, &l->feed_forward_norm, p->x, p->rows, p->normed);
    model_layers_gate(m, p, l, p->normed);
    tensor_silu_product(&p->workspace, p->gate, p->wide, p->rows, m->feed_forward);
    model_layers_add(p, &l->down, p->gate);
}

const struct model_architecture *llama_architecture(void)
{
    static const struct model_architecture architecture = {
        .name = "llama",
        .form = {.norm = MODEL_RMS_NORM,
                 .activation = MODEL_SILU_GATE,
                 .parallel = false,
                 .interleaved = true,
                 .epsilon = "attention.layer_norm_rms_epsilon",
                 .epsilon_needed = true,
                 .parts = parts,
                 .part_count = sizeof parts / sizeof *parts},
        .read = llama_read,
        .layer = llama_layer,
    };
    return &architecture;
}
