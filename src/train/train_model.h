/* train_model.h - a model that is being trained: its shape, and its parameters in one run of f32.
 *
 *   weights    | token_embd.weight | blk.0.attn_norm.weight | ... | output.bias |     [floats]
 *   gradients  | the same                                                       |     [floats]
 *
 * Which tensors there are, their shapes and names, comes from the architecture's own file in
 * src/model (model_architecture.form, .tensors). Matrices are [rows][columns] as in the file.
 */
#ifndef TRAIN_TRAIN_MODEL_H
#define TRAIN_TRAIN_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/random.h"
#include "format/gguf.h"
#include "model/model.h"

struct train_shape {
    const struct model_architecture *architecture;
    size_t vocabulary, context, embedding, layers, heads, kv_heads, head_dimensions, feed_forward,
        rotary_dimensions;
    float epsilon;
    double rope_base;
    bool tied;       /* the output matrix is the embedding (llama only) */
    uint32_t biases; /* bit 1 << role: the bias that the architecture leaves open is there */
};

/* A tensor is the matrix or vector itself, or one of the two whose product is added to it. */
enum train_low_rank_part { TRAIN_WHOLE, TRAIN_LOW_RANK_A, TRAIN_LOW_RANK_B };

struct train_tensor {
    char name[64];        /* as in the GGUF */
    size_t rows, columns; /* a vector: 1 row */
    size_t offset;        /* floats, into weights and gradients; a multiple of 16 */
    bool matrix;          /* decays, and may be kept in another type than F32; else a vector */
    size_t layer;         /* SIZE_MAX: of none */
    enum model_role role; /* what it is for */
    bool bias;            /* the bias of that */
    enum train_low_rank_part low_rank;
};

struct train_model {
    struct train_shape shape;
    struct train_tensor *tensors;
    size_t count, floats, parameters; /* floats: with the gaps between tensors, which stay 0 */
    float *weights;                   /* [floats] */
    /* The file that it goes on from, whose other keys still hold; borrowed, NULL: none. */
    const struct gguf *origin;
    /* Adapters (train_adapter.h): what the tensors above are added to, which stays as it is.
     * Borrowed; NULL: the tensors are the model. */
    const struct model *base;
    double alpha; /* of the adapters */
};

/* Checks the shape (every field named in the error) and makes the tensors; weights are 0. */
primer_status train_model_create(struct train_model *model, const struct train_shape *shape,
                                 primer_error *error);
/* The same checks, and what it would come to, without making anything. */
primer_status train_model_measure(const struct train_shape *shape, size_t *floats,
                                  size_t *parameters, primer_error *error);
/* One more tensor behind the others, of columns and rows that fit a size; while model->tensors is
 * NULL it is only counted. */
primer_status train_model_add(struct train_model *model, const struct train_tensor *tensor,
                              primer_error *error);
/* Once all were counted: makes the list; once they were added again: their weights, which are 0. */
primer_status train_model_list(struct train_model *model, primer_error *error);
primer_status train_model_allocate(struct train_model *model, primer_error *error);
/* The shape of a bound model, and of the one in a GGUF; errors as of train_model_load. */
primer_status train_model_shape_of(const struct model *bound, struct train_shape *shape,
                                   primer_error *error);
primer_status train_model_shape(const struct gguf *gguf, struct train_shape *shape,
                                primer_error *error);
/* A model from a GGUF of F32, F16, BF16 or any quantized type, decoded to f32; fused Q, K, V come
 * apart. PRIMER_EUNSUPPORTED: a sliding window, or scaled rotary positions. */
primer_status train_model_load(struct train_model *model, const struct gguf *gguf,
                               primer_error *error);
void train_model_free(struct train_model *model);
/* NULL where there is none. */
const struct train_tensor *train_model_tensor(const struct train_model *model, const char *name);

/* Normal weights of this deviation for matrices (what adds to the residual stream is divided by
 * sqrt(2 * layers): Radford et al. 2019, section 2.3), 1 for norms' weights, 0 for biases. */
void train_model_initialize(struct train_model *model, float deviation, struct random *random);

/* A GGUF that the engine, and llama.cpp, read: matrices as `type` (F32, F16, BF16), vectors F32,
 * the shape's keys, and tokenizer.* and general.name, general.license of `tokenizer` (a GGUF; NULL:
 * none); of model->origin instead all keys but those of its quantization and its parts. Atomic: the
 * file is there whole, or as it was. Adapters: see train_adapter_save. */
primer_status train_model_save(const struct train_model *model, const char *path,
                               enum quant_type type, const struct gguf *tokenizer, const char *name,
                               primer_error *error);

#endif
