/* kv_geometry.c - where each part of a page lies; the drawing is in kv.h. */
#include "kv/kv.h"

#include "base/memory.h"

static bool add_part(size_t a, size_t b, size_t c, size_t *part, size_t *offset)
{
    size_t bytes;
    if (!memory_product(a, b, &bytes) || !memory_product(bytes, c, &bytes) ||
        !memory_sum(bytes, MEMORY_ALIGNMENT - 1, &bytes))
        return false;
    bytes &= ~(size_t)(MEMORY_ALIGNMENT - 1);
    *part = bytes;
    return memory_sum(*offset, bytes, offset);
}

primer_status kv_geometry_init(struct kv_geometry *geometry, primer_error *error)
{
    struct kv_geometry *g = geometry;
    const bool scaled = g->format == QUANT_Q8_0;
    size_t offset = 0;
    g->element = g->format == QUANT_F32 ? 4 : scaled ? 1 : 2;
    const size_t scale = scaled ? sizeof(uint16_t) : 0;
    const size_t blocks = kv_scale_blocks(g->dimensions);
    if (!add_part(KV_PAGE_TOKENS, g->dimensions, g->element, &g->keys, &offset) ||
        !add_part(KV_PAGE_TOKENS, blocks, scale, &g->key_scales, &offset) ||
        !add_part(KV_PAGE_TOKENS, g->dimensions, g->element, &g->values, &offset) ||
        !add_part(KV_PAGE_TOKENS, blocks, scale, &g->value_scales, &offset) ||
        !add_part(KV_PAGE_TOKENS, g->rotary, g->element, &g->grouped, &offset) ||
        !add_part(KV_PAGE_TOKENS, kv_scale_blocks(g->rotary), scale, &g->grouped_scales, &offset))
        goto overflow;
    g->head_stride = offset;
    if (!memory_product(g->head_stride, g->heads, &g->layer_stride) ||
        !memory_product(g->layer_stride, g->layers, &g->page_bytes))
        goto overflow;
    return PRIMER_OK;
overflow:
    return error_set(error, PRIMER_ELIMIT,
                     "KV cache: %zu layers of %zu heads of %zu dimensions do not fit a size",
                     g->layers, g->heads, g->dimensions);
}

struct kv_parts kv_page_parts(const struct kv_geometry *geometry, const struct kv_page *page,
                              size_t layer, size_t head)
{
    const struct kv_geometry *g = geometry;
    unsigned char *p = page->memory + layer * g->layer_stride + head * g->head_stride;
    struct kv_parts parts = {0};
    parts.keys = p;
    p += g->keys;
    parts.key_scales = (uint16_t *)(void *)p;
    p += g->key_scales;
    parts.values = p;
    p += g->values;
    parts.value_scales = (uint16_t *)(void *)p;
    p += g->value_scales;
    parts.grouped = p;
    p += g->grouped;
    parts.grouped_scales = (uint16_t *)(void *)p;
    return parts;
}
