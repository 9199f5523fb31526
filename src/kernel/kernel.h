/* kernel.h - the table of inner loops, one per instruction level; all equal kernel/scalar bit for
 * bit.
 *
 * The order of every sum is docs/NUMERICS.md. A level is a folder; it fills the pointers it
 * improves and takes the others from the level below (src/kernel/kernel.c). No kernel allocates,
 * locks or fails; sizes have been checked by the callers. "[a][b]" is row-major.
 */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/cpu.h"
#include "quant/activation.h"
#include "quant/quant.h"

#define KERNEL_PAGE 64 /* keys per KV page */
#define KERNEL_TILE 16 /* keys per tile */

/* One run of KV page data of one layer and KV head, in a format F32, F16, BF16 or Q8_0:
 *
 *   keys    [4 tiles][dimensions][16 keys]      elements of the format (Q8_0: i8)
 *   values  [64 keys][dimensions]
 *   scales, Q8_0 only, binary16: of keys [4][blocks][16], of values [64][blocks], where
 *           blocks = ceil(dimensions / 32)
 *
 * What isn't visible to a query may hold anything, but must be readable.
 */
struct kernel_page {
    const void *keys, *values;
    const uint16_t *key_scales, *value_scales;
    const void *grouped_keys; /* Self-Extend: [4][rotary][16], rotated at position / G; else NULL */
    const uint16_t *grouped_scales; /* [4][ceil(rotary / 32)][16] */
};

/* `queries` query vectors of one KV head against one page. */
struct kernel_attention {
    enum quant_type format;
    size_t dimensions; /* of the head */
    size_t rotary;     /* leading dimensions that grouped_keys replaces */
    struct kernel_page page;
    size_t queries;
    const float *query;          /* [queries][dimensions], rotated and scaled */
    const float *grouped_query;  /* [queries][rotary], or NULL where no query has split > first */
    const uint8_t *first, *last; /* [queries] visible keys of the page, first < last <= 64 */
    const uint8_t *split;        /* [queries] keys j < split take the grouped rotation; or NULL */
    float *maximum, *sum;        /* [queries] out; maximum is never -0, and skips NaN */
    float *output;               /* [queries][dimensions] out */
    float *scratch;              /* aligned to 64 */
    const void *ahead;           /* keys of the page that is attended next; or NULL */
};
/* Floats of scratch. */
size_t kernel_attention_scratch(size_t dimensions, size_t queries);

/* Rows of a weight matrix as they lie in the file, times tokens: out[t * out_stride + r],
 * r < rows. */
typedef void kernel_rows_product(const void *base, size_t row_bytes, size_t rows, size_t blocks,
                                 const struct activation *activation, size_t first_token,
                                 size_t tokens, float *out, size_t out_stride);

/* Memory to be read next, which a kernel may fetch meanwhile: `rows` runs of `bytes`. */
struct kernel_ahead {
    const void *base;
    size_t row_bytes, rows, bytes;
};

/* Panels of `blocks` blocks each times the same number of blocks of tokens
 * [first_token, first_token + tokens), from `first_block` on: goes on with the accumulators
 * sums f32 [tokens][panel_count * 16], or begins with 0 at block 0; tokens are sums_stride floats
 * apart, all aligned to 64. Lanes without a row don't matter. Many tokens are best served from the
 * activation's tiles, in pieces that begin and end at multiples of ACTIVATION_LANES. `ahead` may be
 * NULL. */
typedef void kernel_panel_product(const struct quant_format *format,
                                  const struct quant_panel *panels, size_t panel_count,
                                  size_t blocks, const struct activation *activation,
                                  size_t first_block, size_t first_token, size_t tokens,
                                  float *sums, size_t sums_stride,
                                  const struct kernel_ahead *ahead);

/* Sums of a product to where they are wanted: value = sum + bias, through gelu if asked for; out =
 * value, or out + value. Sums may lie in `out` already, with its stride. */
struct kernel_finish {
    const float *sums; /* [tokens][sums_stride] */
    size_t sums_stride, tokens, rows;
    const float *bias; /* [rows] or NULL */
    bool gelu, accumulate;
    float *out; /* [tokens][out_stride] */
    size_t out_stride;
};

/* What quant_format.unpack does to columns [0, 32 * blocks) of the rows; lanes without a row need
 * not become 0. */
typedef void kernel_rows_unpack(const void *base, size_t row_bytes, size_t rows, size_t blocks,
                                const struct quant_panel *panel);

struct kernel {
    enum cpu_level level;

    /* x [tokens][columns], rows x_stride floats apart, to tokens first_token.. of `out`, and to its
     * tiles where it has them. */
    void (*quantize)(const float *x, size_t x_stride, size_t tokens, size_t first_token,
                     const struct activation *out);

    kernel_panel_product *panel_product;
    void (*finish)(const struct kernel_finish *task);

    /* Optional, NULL where a format has none at this level: reads the rows in place. Worth it up to
     * `rows_tokens` tokens. */
    kernel_rows_product *rows_product[QUANT_TYPES];
    size_t rows_tokens;
    /* The same: unpacks rows faster than the format's own routine. */
    kernel_rows_unpack *rows_unpack[QUANT_TYPES];

    /* F32, F16, BF16 weights, rows row_bytes apart, any number of columns. Many tokens are best
     * served with 64 rows at a time. */
    void (*float_product)(enum quant_type type, const void *base, size_t row_bytes, size_t rows,
                          size_t columns, const float *x, size_t x_stride, size_t tokens,
                          float *out, size_t out_stride);

    void (*attention)(const struct kernel_attention *task);
    /* Joins one page's result into (m, l, o[dimensions]); start from m = -inf, l = 0, o = 0. */
    void (*attention_join)(size_t dimensions, float maximum, float sum, const float *output,
                           float *m, float *l, float *o);

    /* x [count] to a KV format; Q8_0 writes ceil(count / 32) scales. */
    void (*encode)(enum quant_type format, const float *x, size_t count, void *out,
                   uint16_t *scales);

    void (*layer_norm)(const float *x, const float *weight, const float *bias /* or NULL */,
                       float epsilon, size_t count, float *out);
    void (*rms_norm)(const float *x, const float *weight, float epsilon, size_t count, float *out);
    /* In place over the first 2 * pairs values; pairs (2i, 2i+1) if interleaved, else
     * (i, i + pairs). */
    void (*rotate)(float *x, const float *cosine, const float *sine, size_t pairs,
                   bool interleaved);
    void (*silu_product)(float *gate, const float *up, size_t count); /* gate = silu(gate) * up */
    void (*scale)(float *x, float factor, size_t count);              /* x *= factor */
    bool (*finite)(const float *x, size_t count);                     /* no NaN, no infinity */
};

/* The table of a level; NULL where this processor or build doesn't have it. Static. */
const struct kernel *kernel_at(enum cpu_level level);
/* The best level, or the one the knob PRIMER_LEVEL forces (an unknown or absent one: the best, with
 * a warning logged once; below AVX2 on x86-64 the scalar level, with one warning). */
const struct kernel *kernel_best(void);

#endif
