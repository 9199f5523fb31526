/* training.h - the table of training's inner loops, one per instruction level: functions forward
 * and backward over rows, the optimizer's step, and the tiles that matrix products are made of.
 *
 * All f32, "[a][b]" row-major and without gaps; a count or a number of columns is of floats. Every
 * level equals kernel/scalar/scalar_training.c bit for bit: sums over a row run in sixteen lanes by
 * index modulo 16, joined by one tree, as docs/NUMERICS.md has them; exp, gelu, silu and the norms
 * are those of the engine (kernel.h), so that a model computes in training what it computes when it
 * runs. No function allocates, locks or fails. An output may be the same array as an input of the
 * same shape where this says so; else nothing may overlap.
 *
 * "Adds to": the caller has set it, to 0 or to what came before.
 */
#ifndef KERNEL_TRAINING_H
#define KERNEL_TRAINING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "kernel/kernel.h"

/* Sums over a row of logits or scores: sixteen lanes over so many columns at a time, whose trees
 * are added up in double. */
#define TRAINING_CHUNK 1024

/* LayerNorm (Ba et al. 2016) or RMSNorm of each row, forward:
 *
 *   layer   inverse = 1 / sqrt(variance + epsilon)       xhat = (x - mean) * inverse
 *           out = xhat * weight + bias
 *   rms     inverse = 1 / sqrt(mean of x^2 + epsilon)    xhat = x * inverse
 *           out = xhat * weight
 */
struct training_norm {
    size_t rows, columns;
    const float *x;      /* [rows][columns] */
    const float *weight; /* [columns] */
    const float *bias;   /* [columns], or NULL; layer alone */
    float epsilon;
    float *out;     /* [rows][columns]; may be x */
    float *mean;    /* [rows] out; layer alone */
    float *inverse; /* [rows] out */
};

/* Backward of both, with g = dout * weight and M(v) = the mean of v over the row:
 *
 *   layer   dx = inverse * (g - M(g) - xhat * M(g * xhat))
 *   rms     dx = inverse * (g - xhat * M(g * xhat))
 *   dweight = the sum over rows, in order, of dout * xhat       dbias = that of dout
 */
struct training_norm_backward {
    size_t rows, columns;
    const float *x;              /* [rows][columns], as forward */
    const float *weight;         /* [columns] */
    const float *mean, *inverse; /* [rows], as forward gave them; mean: layer alone */
    const float *dout;           /* [rows][columns] */
    float *dx;                   /* [rows][columns]; may be dout */
    bool accumulate;             /* adds to dx, which then isn't dout */
    float *dweight;              /* [columns], adds to; or NULL */
    float *dbias;                /* [columns], adds to; or NULL; layer alone */
};

/* Distillation (Hinton et al. 2015, arXiv 1503.02531) of one row of logits, T the temperature:
 *
 *   loss = (1 - mix) * -log softmax(student)[target]
 *        + mix * T^2 * KL(softmax(teacher / T) || softmax(student / T))
 */
struct training_distillation {
    size_t count;         /* of the vocabulary */
    float *student;       /* [count] logits; become scale * dloss/dlogit */
    const float *teacher; /* [count] logits */
    size_t target;        /* < count */
    float temperature;    /* > 0 */
    float mix;            /* 0..1 */
    float scale;
};

/* Numbers of one AdamW step (Loshchilov, Hutter 2019, algorithm 2), t counted from 1:
 *
 *   g = gradient * factor
 *   m = beta_1 m + rest_1 g                  v = beta_2 v + rest_2 g^2
 *   w = w - rate * (m * correction_1 / (sqrt(v * correction_2) + epsilon) + decay * w)
 */
struct training_adam {
    float beta_1, rest_1; /* rest_1 = 1 - beta_1 */
    float beta_2, rest_2;
    float correction_1, correction_2; /* 1 / (1 - beta_1^t), 1 / (1 - beta_2^t) */
    float epsilon, rate;
    float decay;  /* 0 where there is none */
    float factor; /* of the gradients: clipping */
};

/* The heads of one token, rotated in place: the first 2 * pairs dimensions of each, pair i being
 * (2i, 2i + 1) if interleaved, else (i, i + pairs); by the angle whose cosine and sine are given,
 * or back by it, which is the gradient's way. Forward equals kernel.rotate. */
struct training_rotation {
    float *x; /* [heads][dimensions] */
    size_t heads, dimensions;
    const float *cosine, *sine; /* [pairs] */
    size_t pairs;               /* 2 * pairs <= dimensions */
    bool interleaved, back;
};

/* What is packed next, to be fetched into the second cache while a tile is multiplied: before each
 * TRAINING_AHEAD_STEPS steps the lines at `at` and `at + second`, `each` times `stride` floats
 * apart; then `at` moves on by `advance`. All regular: no branch depends on where in memory it is.
 * May reach past what there is. */
struct training_ahead {
    const float *at;
    size_t second, stride, each, advance;
};
#define TRAINING_AHEAD_STEPS 32

/* A tile of a matrix product (tensor/gemm.h) out of packed panels:
 *
 *   a  [depth][rows]                     b  [depth][tile_columns]
 *   out[i][j] = start + sum over p of a[p][i] * b[p][j] + bias[j]
 *
 * The sum is one chain of fused multiply-adds over p in order; with factors of bfloat16 p runs 1, 0,
 * 3, 2, 5, 4, ..., an odd depth having a last step of zeros. Rows of out are out_row floats
 * apart; columns of b past `columns` may hold anything. */
struct training_tile {
    size_t rows, columns; /* 1..tile_rows, 1..tile_columns */
    size_t depth;         /* may be 0 */
    const float *a, *b;
    float *out;
    size_t out_row;
    bool accumulate;   /* starts from out, else from +0 */
    const float *bias; /* [columns], added once at the end; or NULL */
    const float *next; /* where out of the next tile lies, to be fetched meanwhile; or NULL */
    struct training_ahead ahead;
};

/* Floats past its end that packing may write. */
#define TRAINING_PACK_SLACK 16

struct training_kernel {
    enum cpu_level level;

    /* ---- activations; an output may be one of the inputs ---- */

    void (*gelu)(const float *x, size_t count, float *out); /* the tanh form, as kernel.finish */
    /* dx = dout * gelu'(x) */
    void (*gelu_backward)(const float *x, const float *dout, size_t count, float *dx);
    /* out = silu(gate) * up, as kernel.silu_product */
    void (*silu)(const float *gate, const float *up, size_t count, float *out);
    /* dgate = dout * up * silu'(gate), dup = dout * silu(gate) */
    void (*silu_backward)(const float *gate, const float *up, const float *dout, size_t count,
                          float *dgate, float *dup);

    /* ---- norms ---- */

    void (*layer_norm)(const struct training_norm *norm);
    void (*layer_norm_backward)(const struct training_norm_backward *norm);
    void (*rms_norm)(const struct training_norm *norm);
    void (*rms_norm_backward)(const struct training_norm_backward *norm);

    /* ---- softmax and losses: one row, count >= 1, at least one logit above -inf ---- */

    /* x becomes softmax(x); returns log(sum exp(x)). -inf becomes 0. */
    float (*softmax)(float *x, size_t count);
    /* out = exp(x - log_sum): the same probabilities anew, within rounding. out may be x. */
    void (*softmax_again)(const float *x, float log_sum, size_t count, float *out);
    /* dp, the gradient of probabilities p, becomes that of the logits (times scale):
     * p * (dp - correction) * scale, correction being dot(p, dp). */
    void (*softmax_backward)(const float *p, float correction, float scale, size_t count,
                             float *dp);
    /* log(sum exp(x)); minus the target's logit this is the loss in nats. */
    double (*log_sum)(const float *x, size_t count);
    /* Returns -log softmax(x)[target] in nats; x becomes scale * (softmax(x) - [j == target]). */
    double (*cross_entropy)(float *x, size_t count, size_t target, float scale);
    double (*distill)(const struct training_distillation *distillation);

    /* ---- vectors ---- */

    float (*dot)(const float *x, const float *y, size_t count);
    void (*add)(float *y, const float *x, size_t count);                 /* y += x */
    void (*add_scaled)(float *y, float a, const float *x, size_t count); /* y = fma(a, x, y) */
    void (*scale)(float *x, float factor, size_t count);                 /* x *= factor */
    double (*square_sum)(const float *x, size_t count);                  /* each square exact */
    /* sums[j] += x[i][j] over rows i in order: a bias' gradient. x [rows][columns]. */
    void (*add_rows)(const float *x, size_t rows, size_t columns, float *sums);
    void (*rotate)(const struct training_rotation *rotation);
    /* x[j] = 0 with this probability, else x[j] / (1 - probability), j chosen by (key, j) alone:
     * the same call on the gradient is the backward. 0 <= probability < 1. count <= 2^32. */
    void (*dropout)(float *x, size_t count, uint64_t key, float probability);

    /* ---- the optimizer ---- */

    /* gradient, m, v, w [count] */
    void (*adam)(const struct training_adam *step, const float *gradient, size_t count, float *m,
                 float *v, float *w);

    /* ---- matrix products: for tensor/gemm.c ---- */

    size_t tile_rows, tile_columns; /* of the register tile */
    size_t panel_depth;             /* depth of a panel such that tile_rows of it stay in L1 */
    size_t block_columns;           /* columns of b of that depth that stay in L2 */
    /* to[p * width + i] = from[i * lane + p * step] for i < lanes <= width <= tile_columns, p <
     * depth; between `lanes` and `width` anything is written, and past the end up to
     * TRAINING_PACK_SLACK. One of lane and step is best 1. */
    void (*pack)(const float *from, size_t lane, size_t step, size_t lanes, size_t depth,
                 size_t width, float *to);
    void (*tile)(const struct training_tile *tile);

    /* The same with both factors rounded to bfloat16 as they are packed. A pair of steps of one
     * lane takes pair_floats floats of a panel, which is ceil(depth / 2) pairs long; only
     * tile_bfloat knows what is in it. The tile's depth, and what it fetches, count steps. */
    size_t pair_floats;
    void (*pack_bfloat)(const float *from, size_t lane, size_t step, size_t lanes, size_t depth,
                        size_t width, float *to);
    void (*tile_bfloat)(const struct training_tile *tile);
};

/* The table of a level that kernel_at has. Static. */
const struct training_kernel *training_kernel_of(const struct kernel *kernel);

/* What dropout compares its 32 random bits with: below it the value becomes 0. */
static inline uint32_t training_threshold(float probability)
{
    return (uint32_t)((double)probability * 0x1p32);
}

/* A key for dropout: of the run's seed, of the place in the model, and of the row (token). */
uint64_t training_key(uint64_t seed, uint64_t place, uint64_t row);

#endif
