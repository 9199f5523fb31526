/* tensor.h - operators over threads: products, attention, norms; no model and no instruction set
 * here.
 *
 * An operator cuts its work into tasks for the pool and calls the kernels of the chosen level. What
 * a task computes depends on its rows, tokens, heads and pages alone (docs/NUMERICS.md), so neither
 * the number of threads nor the cut shows in the result. All memory is taken when the workspace is
 * made; operators allocate nothing and can't fail.
 */
#ifndef TENSOR_TENSOR_H
#define TENSOR_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"
#include "kernel/kernel.h"
#include "kv/kv.h"
#include "quant/quant.h"
#include "tensor/rotary.h"

/* A weight matrix as it lies in the file: [rows][columns], rows row_bytes apart. Borrowed. */
struct tensor {
    const struct quant_format *format; /* NULL: absent */
    const unsigned char *data;
    size_t rows, columns, row_bytes;
};

#define TENSOR_PANELS       6 /* panels that a thread multiplies side by side */
#define TENSOR_PANEL_ROWS   (TENSOR_PANELS * QUANT_PANEL_ROWS)
#define TENSOR_PANEL_BLOCKS 16 /* of each, at a time; a multiple of 8 */

/* What one thread needs to itself. */
struct tensor_thread {
    struct quant_panel panels[TENSOR_PANELS]; /* of TENSOR_PANEL_BLOCKS blocks */
    float *sums;                              /* [tokens][TENSOR_PANEL_ROWS] */
    float *attention;                         /* see attention.c */
};

struct workspace {
    const struct kernel *kernel;
    struct pool *pool;
    size_t tokens;                 /* most tokens in one pass */
    size_t columns;                /* longest row of any quantized matrix, a multiple of 32 */
    struct activation activation;  /* [tokens][columns] */
    struct tensor_thread *threads; /* [pool_size] */
    size_t attention_floats;       /* of each thread's `attention` */
    struct arena arena;
    size_t bytes; /* of everything here */
};

struct workspace_shape {
    size_t tokens, columns, head_dimensions, group; /* group: query heads per KV head */
};
primer_status workspace_create(struct workspace *workspace, const struct kernel *kernel,
                               struct pool *pool, const struct workspace_shape *shape,
                               primer_error *error);
void workspace_free(struct workspace *workspace);

/* One matrix of a joint product: out[t][r] = x[t] . weight[r] + bias[r], or added to out. */
struct tensor_product {
    const struct tensor *weight;
    const float *bias; /* [rows] or NULL */
    float *out;        /* [tokens][out_stride] */
    size_t out_stride;
    bool accumulate; /* out = out + (product + bias) */
    bool gelu;       /* out = gelu(product + bias); not with accumulate */
};
/* x [tokens][x_stride], as many columns as every weight has. The input is quantized once for all.
 */
void tensor_multiply(struct workspace *workspace, const float *x, size_t x_stride, size_t tokens,
                     const struct tensor_product *products, size_t count);

/* One addition of low rank (low_rank.c): out[t] += B (scale * (A x[t])), t < tokens. */
struct tensor_low_rank {
    const float *x; /* [tokens][x_stride] */
    size_t x_stride, tokens, columns;
    const float *a, *b; /* [rank][columns], [rows][rank] */
    size_t rank, rows;
    float scale;
    float *middle; /* scratch [tokens][middle_stride]; of this pair alone */
    size_t middle_stride;
    float *out; /* [tokens][out_stride] */
    size_t out_stride;
    size_t first_task; /* filled in */
};
/* Those that add to the same `out` (for the same tokens) follow each other, and are added in that
 * order. */
void tensor_add_low_rank(struct workspace *workspace, struct tensor_low_rank *pairs, size_t count);

/* Row `id` of a matrix as f32, out [columns]. */
void tensor_row(const struct tensor *tensor, size_t id, float *out);

/* The norms, row by row: x, out [tokens][columns]. */
void tensor_layer_norm(struct workspace *workspace, const float *x, const float *weight,
                       const float *bias, float epsilon, size_t tokens, size_t columns, float *out);
void tensor_rms_norm(struct workspace *workspace, const float *x, const float *weight,
                     float epsilon, size_t tokens, size_t columns, float *out);
void tensor_silu_product(struct workspace *workspace, float *gate, const float *up, size_t tokens,
                         size_t columns);
/* x = gelu(x), for products that could not do it themselves. */
void tensor_gelu(struct workspace *workspace, float *x, size_t tokens, size_t columns);
/* The first row that holds a NaN or infinity; `tokens` when none does. */
size_t tensor_not_finite(struct workspace *workspace, const float *x, size_t tokens,
                         size_t columns);

/* A run of consecutive tokens of one session inside a pass. */
struct attention_sequence {
    struct kv_cache *cache;      /* prepared for [start, start + tokens) */
    const struct rotary *rotary; /* of the session */
    size_t first_row;            /* its first row in the pass */
    size_t start, tokens;        /* positions */
};

struct attention {
    size_t layer, heads, kv_heads, dimensions;
    size_t window;            /* sliding window, 0: none */
    bool interleaved;         /* RoPE pairs (2i, 2i+1) */
    float *query;             /* [rows][query_stride]: heads * dimensions each; overwritten */
    const float *key, *value; /* [rows][kv_stride] */
    size_t query_stride, kv_stride;
    float *rotated; /* scratch [rows][heads * dimensions] */
    float *grouped; /* scratch [rows][heads * rotary], Self-Extend; NULL where no session has it */
    float *out;     /* [rows][out_stride] */
    size_t out_stride;
    const struct attention_sequence *sequences;
    size_t sequence_count;
};
/* Rotates, stores keys and values in the caches, and attends. */
void tensor_attention(struct workspace *workspace, const struct attention *attention);

#endif
