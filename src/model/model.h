/* model.h - a model bound to its file: hyperparameters, weights by meaning, and the pass over a
 * batch.
 *
 * An architecture is one file and one row of the table in model.c: what a layer is made of (its
 * form), the list of its tensors (bound and checked before anything is multiplied), and the layer
 * over the engine's operators. Form and list serve whoever else runs the architecture: training has
 * its own forward pass, with what the backward pass needs. Everything else is shared:
 *
 *   ids -> embedding rows -> x [rows][embedding]
 *   each layer: architecture->layer(x)             x is the residual stream
 *   the form's norm of x -> hidden [rows][embedding]
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

/* What a tensor is for. Roles of a layer come after those of the model. */
enum model_role {
    MODEL_TOKEN_EMBEDDING,
    MODEL_ROPE_FACTORS,
    MODEL_FINAL_NORM,
    MODEL_OUTPUT,
    MODEL_ATTENTION_NORM,
    MODEL_QUERY_KEY_VALUE,
    MODEL_QUERY,
    MODEL_KEY,
    MODEL_VALUE,
    MODEL_ATTENTION_OUTPUT,
    MODEL_FEED_FORWARD_NORM,
    MODEL_GATE,
    MODEL_UP,
    MODEL_DOWN,
    MODEL_ROLES
};

/* What a tensor's rows, or columns, are as many as. */
enum model_extent {
    MODEL_ONE, /* rows of a vector */
    MODEL_VOCABULARY,
    MODEL_EMBEDDING,
    MODEL_QUERIES,
    MODEL_KEYS,
    MODEL_FUSED,
    MODEL_INNER,
    MODEL_PAIRS,
    MODEL_EXTENTS
};

enum model_need {
    MODEL_ABSENT,
    MODEL_OPTIONAL, /* the output's weight: the embedding serves where it is absent */
    MODEL_REQUIRED,
    MODEL_UNLESS_FUSED /* required, and looked for, only where MODEL_QUERY_KEY_VALUE is absent */
};

/* NAME.weight, and NAME.bias [rows] (a norm's: [columns]) which is looked for only where the weight
 * is there. */
struct model_part {
    enum model_role role;
    const char *name; /* one %zu for the layer, if it is of one */
    enum model_extent rows, columns;
    enum model_need weight, bias;
};

enum model_norm_kind { MODEL_LAYER_NORM, MODEL_RMS_NORM };
enum model_activation { MODEL_GELU /* tanh form */, MODEL_SILU_GATE /* silu(gate) * up */ };

/* What a layer does:
 *
 *   sequential   x = x + attention(norm(x)), then x = x + feed_forward(norm(x))
 *   parallel     x = x + attention(h) + feed_forward(h), h = norm(x) */
struct model_form {
    enum model_norm_kind norm;
    enum model_activation activation;
    bool parallel;
    bool interleaved;               /* RoPE pairs (2i, 2i+1); else (i, i + pairs) */
    const char *epsilon;            /* key of the norms' epsilon, after "ARCHITECTURE." */
    bool epsilon_needed;            /* else 1e-5 where the key is absent */
    const struct model_part *parts; /* [part_count] */
    size_t part_count;
};

struct model;
struct pass;
struct adapter_set;

struct model_architecture {
    const char *name; /* general.architecture */
    struct model_form form;
    /* Reads hyperparameters that only this architecture has, before the tensors are bound; or
     * NULL. */
    primer_status (*read)(struct model *model, primer_error *error);
    /* One layer over all rows of the pass: pass->x is updated. */
    void (*layer)(const struct model *model, struct pass *pass, size_t index);
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
    size_t longest_row;   /* columns of the widest quantized matrix */
    uint64_t step_bytes;  /* weight bytes read for one token */
    uint64_t parameters;
};

/* Binds an open file. Errors name the tensor or key, what was found and what was expected. */
primer_status model_create(struct model **model, const struct gguf *gguf, primer_error *error);
void model_free(struct model *model);
/* The table of architectures, for messages and documentation; NULL past the last. */
const struct model_architecture *model_architecture_at(size_t index);
/* The part of a role; NULL where the architecture has none. */
const struct model_part *model_architecture_part(const struct model_architecture *architecture,
                                                 enum model_role role);
size_t model_extent_of(const struct model *model, enum model_extent of);
/* Room for a tensor's name. */
#define MODEL_NAME_LIMIT 128
/* "blk.%zu.attn_q" with layer 3 and suffix ".weight": "blk.3.attn_q.weight". */
void model_tensor_name(char out[MODEL_NAME_LIMIT], const char *name, size_t layer,
                       const char *suffix);

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
    const struct adapter_set *const *adapters; /* [sequence_count] or NULL, as the batch's */
    size_t layer;                              /* that is being computed */
    struct tensor_low_rank *low_ranks;         /* [low_rank_most] */
    float *middle;                             /* [rows][middle_stride]: A x of every adapter */
    size_t low_rank_most, middle_stride;       /* 0: no session has had adapters */
    struct arena arena;
    size_t bytes;
};
primer_status pass_create(struct pass *pass, const struct model *model, const struct kernel *kernel,
                          struct pool *pool, size_t tokens, primer_error *error);
void pass_free(struct pass *pass);
/* Room for adapters: in one pass at most so many sequences with so many adapters, whose ranks add
 * up to `rank`. Before a session that has them is part of a pass. */
primer_status pass_reserve_adapters(struct pass *pass, size_t sequences, size_t adapters,
                                    size_t rank, primer_error *error);

/* Ids of a run in the pass: ids[i] is at row sequence.first_row + i. */
struct model_batch {
    const struct attention_sequence
        *sequences;            /* caches prepared; first_row counts up without gaps */
    const int32_t *const *ids; /* [count][tokens of the sequence] */
    size_t count;
    atomic_bool *cancel; /* checked at every layer; NULL: none */
    /* [count] each sequence's (model/adapter.h), NULL where it has none; or NULL */
    const struct adapter_set *const *adapters;
};
/* Runs the layers: pass->hidden holds every row after the final norm. PRIMER_ECANCELED leaves the
 * caches' contents past their former ends undefined. PRIMER_ENUMERIC names the layer. */
primer_status model_forward(const struct model *model, struct pass *pass,
                            const struct model_batch *batch, primer_error *error);
/* Logits of hidden rows [first, first + rows) to out [rows][vocabulary]. */
primer_status model_logits(const struct model *model, struct pass *pass, const float *hidden,
                           size_t rows, float *out, primer_error *error);

#endif
