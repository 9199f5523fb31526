/* train_layer.h - one layer forward, with what its backward pass needs, and backward.
 *
 *   parallel (phi2)                              sequential (llama)
 *
 *   in --- norm --+-- attention --+              in --- norm --- attention --(+)-- middle
 *    |            +-- feed fwd. --+               |___________________________|     |
 *    |____________________________(+)-- out      middle --- norm --- feed fwd. --(+)-- out
 *                                                  |______________________________|
 *
 * Which of the two, which norm and which activation, the architecture's form says (model/model.h).
 */
#ifndef TRAIN_TRAIN_LAYER_H
#define TRAIN_TRAIN_LAYER_H

#include "model/model.h"
#include "train/train_attention.h"
#include "train/train_linear.h"
#include "train/train_norm.h"

/* Kept from forward to backward, per token. */
struct train_saved {
    float *mean, *inverse; /* [tokens] of the first norm */
    float *qkv;            /* [tokens][Q + 2 KV], rotated */
    float *attended;       /* [tokens][Q] */
    float *log_sums;       /* [rows][heads][length] */
    float *middle;         /* [tokens][embedding]; sequential alone, with the second norm's: */
    float *middle_mean, *middle_inverse;
    float *up, *gate; /* [tokens][feed_forward] before the activation; gate: SILU_GATE alone */
};

/* Used by one layer at a time. */
struct train_scratch {
    float *normed;       /* [tokens][embedding] */
    float *dnormed;      /* [tokens][embedding] */
    float *branch;       /* [tokens][embedding]; dropout alone */
    float *wide, *dwide; /* [tokens][feed_forward] */
    float *dqkv;         /* [tokens][Q + 2 KV] */
    float *dattended;    /* [tokens][Q] */
};

struct train_layer {
    const struct model_form *form;
    size_t embedding, feed_forward;
    struct train_norm attention_norm, feed_forward_norm;
    struct train_linear query, key, value, attention_output, gate, up, down;
    /* Q, K and V as one matrix, where a frozen file has them so (in 0: it doesn't); what the three
     * above have is added to its rows. */
    struct train_linear fused;
    struct train_dropout attention_dropout, feed_forward_dropout;
    struct train_saved saved;
};

/* in, out [tokens][embedding]. `out` NULL: only what backward needs is made, anew. */
void train_layer_forward(const struct train_context *context, const struct train_layer *layer,
                         const struct train_attention *attention,
                         const struct train_scratch *scratch, const float *in, float *out);
/* dx [tokens][embedding]: the gradient of `out` becomes that of `in`. */
void train_layer_backward(const struct train_context *context, const struct train_layer *layer,
                          const struct train_attention *attention,
                          const struct train_scratch *scratch, const float *in, float *dx);

#endif
