/*
 * A model bound: its sizes, its tensors checked and found by name, and the buffers that a forward
 * pass needs. Both families use the same structs; what a family doesn't have stays absent.
 */
#ifndef REFERENCE_MODEL_H
#define REFERENCE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reference.h"
#include "reference_gguf.h"

/* d = width, f = the feed-forward width, hq = heads * head_size, hk = key_heads * head_size.
 * Weights are [outputs][inputs]; a tensor whose data is NULL is absent. */
typedef struct {
    reference_tensor attention_norm, attention_norm_bias; /* [d] */
    reference_tensor query, query_bias;                   /* [hq][d], [hq] */
    reference_tensor key, key_bias;                       /* [hk][d], [hk] */
    reference_tensor value, value_bias;                   /* [hk][d], [hk] */
    reference_tensor output, output_bias;                 /* [d][hq], [d] */
    reference_tensor forward_norm;                        /* [d], llama */
    reference_tensor gate, gate_bias;                     /* [f][d], [f], llama */
    reference_tensor up, up_bias;                         /* [f][d], [f] */
    reference_tensor down, down_bias;                     /* [d][f], [d] */
} reference_layer;

typedef struct reference_family reference_family;

struct reference_model {
    reference_gguf *file;
    const reference_family *family;
    size_t vocabulary;
    size_t context;
    size_t width;
    size_t forward_width;
    size_t heads;
    size_t key_heads; /* each serves heads / key_heads query heads */
    size_t head_size;
    size_t rotary;     /* the first dimensions of a head that carry the position */
    double *frequency; /* [rotary / 2], radians a position */
    size_t window;     /* a key j is seen by a query i while i - j < window; 0: always */
    double epsilon;    /* of the norms */
    size_t layer_count;
    reference_layer *layers;
    reference_tensor embedding;                     /* [vocabulary][d] */
    reference_tensor output_norm, output_norm_bias; /* [d] */
    reference_tensor head, head_bias;               /* [vocabulary][d], [vocabulary] */
};

/* Buffers of one forward pass over n tokens. */
typedef struct {
    double *x;         /* [n][d] the residual stream */
    double *normed;    /* [n][d] */
    double *query;     /* [n][hq] */
    double *key;       /* [n][hk] */
    double *value;     /* [n][hk] */
    double *attention; /* [n][hq] what the heads gathered */
    double *gate;      /* [n][f] */
    double *up;        /* [n][f] */
    double *branch;    /* [n][d] what a branch adds to x */
} reference_buffers;

struct reference_family {
    const char *architecture;
    const char *epsilon_key; /* the norms' epsilon, after "architecture." */
    bool rotates_halves;     /* RoPE pairs (i, i + rotary / 2), else (2i, 2i + 1) */
    /* Finds and checks the tensors of layer i; then the model's own. */
    bool (*bind_layer)(reference_model *model, size_t i, reference_error *error);
    bool (*bind)(reference_model *model, reference_error *error);
    /* buffers->x holds the embeddings; writes logits [n][vocabulary]. */
    bool (*forward)(const reference_model *model, const reference_self_extend *extend, size_t n,
                    reference_buffers *buffers, double *logits, reference_error *error);
};

extern const reference_family reference_phi2;
extern const reference_family reference_llama;

/* Builds a model over an open file, which it owns from then on, on failure too. */
bool reference_model_create(reference_gguf *file, const reference_family *family,
                            reference_model **model, reference_error *error);
void reference_model_free(reference_model *model);

/* Finds tensor `name`, which must be [rows][columns]. */
bool reference_model_bind(const reference_model *model, const char *name, size_t rows,
                          size_t columns, reference_tensor *tensor, reference_error *error);

/* The same, but absent is fine. */
bool reference_model_bind_optional(const reference_model *model, const char *name, size_t rows,
                                   size_t columns, reference_tensor *tensor,
                                   reference_error *error);

/* The same for tensor "blk.<i>.<name>". */
bool reference_model_bind_layer(const reference_model *model, size_t i, const char *name,
                                size_t rows, size_t columns, reference_tensor *tensor,
                                reference_error *error);
bool reference_model_bind_layer_optional(const reference_model *model, size_t i, const char *name,
                                         size_t rows, size_t columns, reference_tensor *tensor,
                                         reference_error *error);

bool reference_buffers_create(const reference_model *model, size_t n, reference_buffers *buffers,
                              reference_error *error);
void reference_buffers_free(reference_buffers *buffers);

#endif
