/* model.h - a model bound to its file: hyperparameters, weights by meaning, and the pass over a
 * batch.
 *
 * An architecture is one file and one row of the table in model.c: how its tensors are called
 * (bound and checked before anything is multiplied) and what one layer does. Everything else is
 * shared:
 *
 *   ids -> embedding rows -> x [rows][embedding]
 *   each layer: architecture->layer(x)             x is the residual stream
 *   architecture->output_norm(x) -> hidden [rows][embedding]
 *   model_logits: hidden rows -> logits [rows][vocabulary]
 *
 * A pass takes runs of tokens of any number of sessions at once (struct model_sequence).
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "format/gguf.h"
#include "kv/kv.h"
#include "tensor/tensor.h"

/* A weight matrix with its bias; either may be absent (format NULL, bias NULL). */
struct model_linear {
    struct tensor weight;
    const float *bias; /* [rows] */
};

struct model_norm {
    const float *weight, *bias; /* [embedding]; bias NULL where there is none */
};

struct model_layer {
    struct model_norm attention_norm, feed_forward_norm;
    struct model_linear query_key_value;   /* fused [Q rows | K rows | V rows], or absent */
    struct model_linear query, key, value; /* split, or absent */
    struct model_linear attention_output;
    struct model_linear gate, up, down;
};

struct model;
struct pass;

struct model_architecture {
    const char *name; /* general.architecture */
    bool interleaved; /* RoPE pairs (2i, 2i+1); else (i, i + pairs) */
    /* Reads hyperparameters of its own, binds and checks every tensor. */
    primer_status (*bind)(struct model *model, primer_error *error);
    /* One layer over all rows of the pass: pass->x is updated. */
    void (*layer)(const struct model *model, struct pass *pass, size_t index);
    /* x [rows][embedding] to hidden, the same shape. */
    void (*output_norm)(const struct model *model, struct pass *pass, const float *x, size_t rows,
                        float *hidden);
};

struct model {
    const struct gguf *gguf; /* borrowed, outlives the model */
    const struct model_architecture *architecture;
    size_t vocabulary, context, embedding, layer_count, heads, kv_heads, head_dimensions,
        feed_forward;
    size_t rotary_dimensions, window; /* window: sliding attention, 0 none */
    float epsilon;
    double rope_base, rope_scale;
    const float *rope_factors; /* [rotary_dimensions / 2] or NULL */

    struct tensor token_embedding; /* [vocabulary][embedding] */
    struct model_norm final_norm;
    struct model_linear output; /* [vocabulary][embedding]; tied models: the embedding's tensor */
    struct model_layer *layers; /* [layer_count] */

    bool *bound;          /* [tensors of the file] while binding */
    struct arena vectors; /* f32 copies of norms and biases that the file has in another type */
    size_t longest_row;   /* columns of the widest matrix */
    uint64_t step_bytes;  /* weight bytes read for one token */
    uint64_t parameters;
};

/* Binds an open file. Errors name the tensor or key, what was found and what was expected. */
primer_status model_create(struct model **model, const struct gguf *gguf, primer_error *error);
void model_free(struct model *model);
/* The table of architectures, for messages and documentation; NULL past the last. */
const struct model_architecture *model_architecture_at(size_t index);

/* What a session declares that changes its logits. Zero: the file's. */
struct model_options {
    double rope_base, rope_scale;
    size_t self_extend_group, self_extend_window;
};
primer_status model_rotary(const struct model *model, const struct model_options *options,
                           struct rotary *rotary, primer_error *error);

/* Buffers of one pass; shared by all sessions of a model, used by one pass at a time. */
struct pass {
    struct workspace workspace;
    const struct model *model;
    size_t rows;                                        /* in this pass */
    float *x, *normed, *query, *key, *value, *attended; /* [rows][their width] */
    float *rotated, *grouped;
    float *wide, *gate;             /* [rows][feed_forward] */
    size_t query_stride, kv_stride; /* of query; of key and value */
    float *hidden;                  /* [rows][embedding] after the final norm */
    const struct attention_sequence *sequences;
    size_t sequence_count;
    struct arena arena;
    size_t bytes;
};
primer_status pass_create(struct pass *pass, const struct model *model, const struct kernel *kernel,
                          struct pool *pool, size_t tokens, primer_error *error);
void pass_free(struct pass *pass);

/* Ids of a run in the pass: ids[i] is at row sequence.first_row + i. */
struct model_batch {
    const struct attention_sequence
        *sequences;            /* caches prepared; first_row counts up without gaps */
    const int32_t *const *ids; /* [count][tokens of the sequence] */
    size_t count;
    atomic_bool *cancel; /* checked at every layer; NULL: none */
};
/* Runs the layers: pass->hidden holds every row after the final norm. PRIMER_ECANCELED leaves the
 * caches' contents past their former ends undefined. PRIMER_ENUMERIC names the layer. */
primer_status model_forward(const struct model *model, struct pass *pass,
                            const struct model_batch *batch, primer_error *error);
/* Logits of hidden rows [first, first + rows) to out [rows][vocabulary]. */
primer_status model_logits(const struct model *model, struct pass *pass, const float *hidden,
                           size_t rows, float *out, primer_error *error);

#endif
