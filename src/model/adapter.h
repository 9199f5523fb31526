/* adapter.h - LoRA adapters: thin matrices whose product is added to a weight matrix's (Hu et al.
 * 2021, arXiv 2106.09685).
 *
 *   y = W x + bias + sum over adapters of  B (s * (A x))         s = scale * factor
 *
 *   A [rank][columns]  B [rows][rank]      W [rows][columns]     factor: alpha / rank
 *
 * adapter_data is what a file holds, by tensor names as in a GGUF of the model; it is read from
 * and written to two forms:
 *
 *   GGUF (llama.cpp)   NAME.lora_a, shape {columns, rank}; NAME.lora_b, shape {rank, rows};
 *                      general.type "adapter", adapter.type "lora", adapter.lora.alpha
 *   PEFT               a folder with adapter_config.json and adapter_model.safetensors, whose
 *                      modules have Hugging Face's names and order of rows (adapter_peft.c)
 *
 * struct adapter is the same bound to a model: checked, and found by layer and role. Adapters of
 * the token embedding and the output matrix are refused; one of the fused attn_qkv serves a model
 * whose matrices are split, and the other way about.
 */
#ifndef MODEL_ADAPTER_H
#define MODEL_ADAPTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "model/model.h"

struct adapter_tensor {
    char name[MODEL_NAME_LIMIT]; /* of the weight matrix: "blk.0.attn_q.weight" */
    size_t rank, rows, columns;
    double factor; /* alpha / rank, or what stands for it */
    float *a, *b;  /* [rank][columns], [rows][rank] */
};

struct adapter_data {
    const struct model_architecture *architecture;
    size_t heads, kv_heads, head_dimensions; /* of the model; the order of rows depends on them */
    struct adapter_tensor *tensors;          /* [count]; their a and b are owned */
    size_t count;
};

/* The shape's fields from the model, no tensors. */
struct adapter_data adapter_data_for(const struct model *model);
void adapter_data_free(struct adapter_data *data);
/* A zeroed tensor behind the others: *tensor is valid until the next one is added. */
primer_status adapter_data_add(struct adapter_data *data, const char *name, size_t rank,
                               size_t rows, size_t columns, double factor,
                               struct adapter_tensor **tensor, primer_error *error);
/* The same with copies of a [rank][columns] and b [rows][rank], by layer and role (one that an
 * adapter may add to, or MODEL_QUERY_KEY_VALUE). */
primer_status adapter_data_put(struct adapter_data *data, size_t layer, enum model_role role,
                               size_t rank, size_t rows, size_t columns, double factor,
                               const float *a, const float *b, primer_error *error);

/* A GGUF, a folder of PEFT, or its .safetensors (with adapter_config.json beside it). */
primer_status adapter_read(struct adapter_data *data, const struct model *model, const char *path,
                           primer_error *error);
primer_status adapter_gguf_read(struct adapter_data *data, const struct model *model,
                                const char *path, primer_error *error);
primer_status adapter_peft_read(struct adapter_data *data, const struct model *model,
                                const char *path, primer_error *error);
/* The same from files that are open already. */
struct peft_config;
struct safetensors;
primer_status adapter_gguf_take(struct adapter_data *data, const struct model *model,
                                const struct gguf *gguf, primer_error *error);
primer_status adapter_peft_take(struct adapter_data *data, const struct model *model,
                                const struct peft_config *config, const struct safetensors *file,
                                primer_error *error);
/* One alpha for the whole file: where factors are not alpha / rank of one alpha, B takes the
 * difference up. `name`: general.name. */
primer_status adapter_write_gguf(const struct adapter_data *data, const char *path,
                                 const char *name, primer_error *error);
/* Makes the folder if it is missing; what was fused is written as three modules. `base`:
 * base_model_name_or_path, NULL: none. */
primer_status adapter_write_peft(const struct adapter_data *data, const char *folder,
                                 const char *base, primer_error *error);

/* What is added to one matrix of a layer. */
struct adapter_pair {
    const float *a, *b; /* [rank][columns], [rows][rank] */
    size_t rank;        /* 0: nothing */
    size_t rows, columns;
    double factor;
};

struct adapter {
    struct adapter_data data;
    struct adapter_pair *pairs; /* [layers][ADAPTER_ROLES] */
    size_t layers;
    size_t rank;          /* the largest */
    uint64_t identity[2]; /* hashes of all that it does to a model */
};

/* Checks every name and shape (errors name `path`, tensor, found, expected) and takes `data` over
 * (also when it fails). */
primer_status adapter_create(struct adapter *adapter, const struct model *model,
                             struct adapter_data *data, const char *path, primer_error *error);
void adapter_free(struct adapter *adapter);
/* NULL where it adds nothing. `role`: MODEL_QUERY, KEY, VALUE, ATTENTION_OUTPUT, GATE, UP, DOWN. */
const struct adapter_pair *adapter_pair_of(const struct adapter *adapter, size_t layer,
                                           enum model_role role);

#define ADAPTER_SET_MOST 16

/* What one session adds, in this order. Adapters of scale 0 are not in it. */
struct adapter_set {
    struct {
        const struct adapter *adapter;
        double scale;
    } uses[ADAPTER_SET_MOST];
    size_t count;
    size_t rank;          /* the sum of their largest */
    uint64_t identity[2]; /* of adapters and scales; 0 where there are none */
};

/* PRIMER_ELIMIT for too many, PRIMER_EINVAL for a scale that isn't finite. */
primer_status adapter_set_add(struct adapter_set *set, const struct adapter *adapter, double scale,
                              primer_error *error);
/* Whether they add the same, in the same order. */
bool adapter_set_same(const struct adapter_set *a, const struct adapter_set *b);

/* The outputs of one product that was just made, to which the pass's adapters are added. */
struct adapter_target {
    enum model_role role;
    float *out; /* [pass->rows][stride] */
    size_t stride;
};
/* For every sequence of the pass that has adapters; in [pass->rows][columns] is what the products
 * had. At most ADAPTER_TARGETS_MOST targets. */
#define ADAPTER_TARGETS_MOST 4
void adapter_apply(struct pass *pass, const float *in, const struct adapter_target *targets,
                   size_t count);
/* Whether any sequence of the pass adds to this role in the pass's layer. */
bool adapter_touches(const struct pass *pass, enum model_role role);

#endif
