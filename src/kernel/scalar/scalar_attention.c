/* scalar_attention.c - one KV page of attention, and the join of two pages (docs/NUMERICS.md,
 * "Attention"; the page is drawn in kernel.h).
 *
 * The order of sums over pages is that of the streaming softmax (Milakov, Gimelshein 2018). Keys
 * before `split` are read in their grouped rotation: Self-Extend (Jin et al. 2024).
 */
#include "kernel/scalar/scalar.h"

#include <math.h>
#include "base/half.h"

static float element(enum quant_type format, const void *data, size_t at, const uint16_t *scales,
                     size_t scale_at)
{
    switch (format) {
    case QUANT_F32:
        return ((const float *)data)[at];
    case QUANT_F16:
        return half_to_float(((const uint16_t *)data)[at]);
    case QUANT_BF16:
        return bfloat_to_float(((const uint16_t *)data)[at]);
    default:
        return half_to_float(scales[scale_at]) * (float)((const int8_t *)data)[at];
    }
}

static size_t blocks_of(size_t count)
{
    return (count + QUANT_BLOCK - 1) / QUANT_BLOCK;
}

/* Dimension d of key j, out of a run of `dimensions` per key. */
static float key_element(enum quant_type format, const void *keys, const uint16_t *scales,
                         size_t dimensions, size_t j, size_t d)
{
    const size_t tile = j / KERNEL_TILE, lane = j % KERNEL_TILE;
    return element(format, keys, (tile * dimensions + d) * KERNEL_TILE + lane, scales,
                   (tile * blocks_of(dimensions) + d / QUANT_BLOCK) * KERNEL_TILE + lane);
}

static float score_of(const struct kernel_attention *task, size_t query, size_t j)
{
    const struct kernel_page *const page = &task->page;
    const size_t grouped = task->split != NULL && j < task->split[query] ? task->rotary : 0;
    float s = 0.0f;
    for (size_t d = 0; d < grouped; d++)
        s = fmaf(
            task->grouped_query[query * task->rotary + d],
            key_element(task->format, page->grouped_keys, page->grouped_scales, task->rotary, j, d),
            s);
    for (size_t d = grouped; d < task->dimensions; d++)
        s = fmaf(task->query[query * task->dimensions + d],
                 key_element(task->format, page->keys, page->key_scales, task->dimensions, j, d),
                 s);
    return s;
}

static void attend(const struct kernel_attention *task, size_t query)
{
    const size_t first = task->first[query], last = task->last[query];
    float p[KERNEL_PAGE], maximum = -INFINITY, lanes[16] = {0};
    for (size_t j = first; j < last; j++) {
        p[j] = score_of(task, query, j);
        maximum = p[j] > maximum ? p[j] : maximum;
    }
    maximum = maximum + 0.0f; /* -0 becomes +0: the maximum doesn't depend on the order */
    for (size_t j = first; j < last; j++) {
        p[j] = scalar_vector_exp(p[j] - maximum);
        lanes[j % 16] = lanes[j % 16] + p[j];
    }
    task->maximum[query] = maximum;
    task->sum[query] = scalar_vector_tree(lanes);
    for (size_t d = 0; d < task->dimensions; d++) {
        float o = 0.0f;
        for (size_t j = first; j < last; j++)
            o = fmaf(p[j],
                     element(task->format, task->page.values, j * task->dimensions + d,
                             task->page.value_scales,
                             j * blocks_of(task->dimensions) + d / QUANT_BLOCK),
                     o);
        task->output[query * task->dimensions + d] = o;
    }
}

void scalar_attention(const struct kernel_attention *task)
{
    for (size_t query = 0; query < task->queries; query++)
        attend(task, query);
}

void scalar_attention_join(size_t dimensions, float maximum, float sum, const float *output,
                           float *m, float *l, float *o)
{
    const float larger = maximum > *m ? maximum : *m;
    const float a = scalar_vector_exp(*m - larger), b = scalar_vector_exp(maximum - larger);
    *l = fmaf(sum, b, *l * a);
    for (size_t d = 0; d < dimensions; d++)
        o[d] = fmaf(output[d], b, o[d] * a);
    *m = larger;
}
