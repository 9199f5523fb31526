/* adapter_maker.h - random adapters for a model's file, and the slow way to what they do: a model
 * whose weights have had the product of the two matrices added. And logits to compare. */
#ifndef TESTS_ENGINE_ADAPTER_MAKER_H
#define TESTS_ENGINE_ADAPTER_MAKER_H

#include <stddef.h>
#include "convert/merge_model.h"
#include "model/adapter.h"

/* Random matrices for every tensor of the model's layers whose name holds one of `parts` (by
 * blanks; NULL: all that can have one). `split`: "attn_q", "attn_k", "attn_v" even where the model
 * has attn_qkv. The caller frees `data`. */
void adapter_maker_fill(struct adapter_data *data, const char *model_path, size_t rank,
                        double alpha, unsigned seed, const char *parts, bool split);
/* The same, written as a GGUF. */
void adapter_maker_write(const char *model_path, const char *out, size_t rank, double alpha,
                         unsigned seed, const char *parts, bool split);
/* Copies a model of F32 weights with scale * alpha / rank * B A added to each matrix that a GGUF
 * adapter names: in double precision, element by element, knowing nothing of src/model. */
void adapter_maker_merge(const char *model_path, const char *adapter_path, double scale,
                         const char *out);

/* The logits after so many of the fixture's ids, with adapters [count]; the caller frees them. */
float *adapter_maker_logits(const char *model_path, size_t tokens,
                            const struct merge_model_adapter *adapters, size_t count,
                            size_t *vocabulary);
/* Norm of a - b through norm of a. */
double adapter_maker_distance(const float *a, const float *b, size_t count);

#endif
