/* train_attention.h - causal attention inside documents, with rotary positions, and its gradients.
 *
 *   qkv  [tokens][ Q: heads x dimensions | K: kv_heads x dimensions | V: the same ]
 *
 * A token attends to its own document's tokens up to itself. Query head h belongs to key head
 * h / (heads / kv_heads). Probabilities are never kept: the backward pass makes them anew, tile by
 * tile, out of the logarithm of each row's sum (Dao et al. 2022, arXiv 2205.14135, algorithms 1 and
 * 4).
 */
#ifndef TRAIN_TRAIN_ATTENTION_H
#define TRAIN_TRAIN_ATTENTION_H

#include "train/train_context.h"

/* Turns of positions 0 .. length - 1. */
struct train_rotary {
    const float *cosine, *sine; /* [length][pairs] */
    size_t pairs;
    bool interleaved;
};

struct train_attention {
    size_t rows, length;    /* rows of `length` tokens */
    const uint32_t *starts; /* [rows][length] where a token's document begins in its row */
    size_t heads, kv_heads, dimensions;
    struct train_rotary rotary;
    float *scratch; /* [threads][train_attention_scratch] */
};

/* Floats of one thread. */
size_t train_attention_scratch(size_t dimensions, size_t length);
/* Floats from one token of qkv to the next. */
static inline size_t train_attention_width(const struct train_attention *a)
{
    return (a->heads + 2 * a->kv_heads) * a->dimensions;
}

/* Queries and keys turn by their positions in their documents, queries are divided by
 * sqrt(dimensions); in place. `back` is the gradients' way. */
void train_attention_rotate(const struct train_context *context,
                            const struct train_attention *attention, float *qkv, bool back);
/* out [tokens][heads * dimensions]; log_sums [rows][heads][length]. qkv is rotated. */
void train_attention_forward(const struct train_context *context,
                             const struct train_attention *attention, const float *qkv, float *out,
                             float *log_sums);
/* dqkv, as qkv, is set to the gradient of the rotated qkv. */
void train_attention_backward(const struct train_context *context,
                              const struct train_attention *attention, const float *qkv,
                              const float *out, const float *log_sums, const float *dout,
                              float *dqkv);

#endif
