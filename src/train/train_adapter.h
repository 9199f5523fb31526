/* train_adapter.h - a train_model whose tensors are adapters of a model that stays as its file has
 * it (LoRA, over quantized matrices QLoRA).
 *
 *   base      blk.0.attn_q.weight [rows][columns], mapped, any format
 *   tensors   blk.0.attn_q.weight.lora_a [rank][columns] | ....lora_b [rows][rank] | ...
 *
 * Optimizer, gradients, checkpoints and processes see one run of f32 as ever.
 */
#ifndef TRAIN_TRAIN_ADAPTER_H
#define TRAIN_TRAIN_ADAPTER_H

#include "train/train_model.h"

struct train_adapter_options {
    size_t rank;
    double alpha;        /* what they add counts alpha / rank times */
    const char *targets; /* "attn_q,attn_v", or "all" */
};

/* `base` is borrowed. Errors name what is there to be adapted. Weights are 0. */
primer_status train_adapter_create(struct train_model *model, const struct model *base,
                                   const struct train_adapter_options *options,
                                   primer_error *error);
/* A: normal, of deviation 1 / sqrt(3 columns), as large as PEFT's uniform one; B: 0, so that
 * nothing is added at first (Hu et al. 2021, section 4.1). */
void train_adapter_initialize(struct train_model *model, struct random *random);
bool train_adapter_is_gguf(const char *path);
/* A GGUF as llama.cpp reads it where `path` ends in .gguf, else a folder of PEFT; F32. */
primer_status train_adapter_save(const struct train_model *model, const char *path,
                                 const char *name, primer_error *error);

#endif
