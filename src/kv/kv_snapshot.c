/* kv_snapshot.c - the tokens of a cache as bytes, without what lies past the last one.
 *
 *   for each page, layer, head:  keys of ceil(n / 16) tiles | their scales | n rows of values |
 * their scales | grouped keys of ceil(n / 16) tiles | their scales      (n = tokens in the page)
 *
 * The lanes of the last tile that hold no token are written as zeros: a snapshot is a function of
 * the tokens, and holds nothing of anybody else's.
 */
#include "kv/kv.h"

#include <string.h>

struct piece {
    unsigned char *bytes;
    size_t length, lane; /* lane: bytes of one key in a row of 16; 0 for values */
};

/* The six pieces that hold `tokens` tokens of one layer and head. */
static void list_pieces(const struct kv_geometry *g, const struct kv_parts *parts, size_t tokens,
                        struct piece pieces[6])
{
    const size_t tiles = (tokens + KV_TILE_TOKENS - 1) / KV_TILE_TOKENS;
    const size_t scale = g->format == QUANT_Q8_0 ? sizeof(uint16_t) : 0;
    const size_t blocks = kv_scale_blocks(g->dimensions) * scale;
    const size_t grouped_blocks = kv_scale_blocks(g->rotary) * scale;
    const size_t lanes = tiles * KV_TILE_TOKENS;
    pieces[0] = (struct piece){parts->keys, lanes * g->dimensions * g->element, g->element};
    pieces[1] = (struct piece){(unsigned char *)parts->key_scales, lanes * blocks, scale};
    pieces[2] = (struct piece){parts->values, tokens * g->dimensions * g->element, 0};
    pieces[3] = (struct piece){(unsigned char *)parts->value_scales, tokens * blocks, 0};
    pieces[4] = (struct piece){parts->grouped, lanes * g->rotary * g->element, g->element};
    pieces[5] =
        (struct piece){(unsigned char *)parts->grouped_scales, lanes * grouped_blocks, scale};
}

static size_t head_bytes(const struct kv_geometry *g, size_t tokens)
{
    struct piece pieces[6];
    const struct kv_parts none = {0};
    size_t total = 0;
    list_pieces(g, &none, tokens, pieces);
    for (size_t i = 0; i < 6; i++)
        total += pieces[i].length;
    return total;
}

size_t kv_snapshot_bytes(const struct kv_geometry *geometry, size_t tokens)
{
    const size_t full = tokens / KV_PAGE_TOKENS, rest = tokens % KV_PAGE_TOKENS;
    return geometry->layers * geometry->heads *
           (full * head_bytes(geometry, KV_PAGE_TOKENS) + head_bytes(geometry, rest));
}

/* Writes a piece of tiles row by row of 16 lanes, zeros in the lanes of the last tile without a
 * token. */
static primer_status write_piece(const struct piece *piece, size_t tokens, kv_sink *sink,
                                 void *context, primer_error *error)
{
    const size_t used = tokens % KV_TILE_TOKENS;
    size_t clean = piece->length;
    if (piece->lane != 0 && used != 0 && piece->length != 0) {
        const size_t tiles = tokens / KV_TILE_TOKENS + 1;
        clean = piece->length / tiles * (tiles - 1);
    }
    FORWARD(sink(context, piece->bytes, clean, error));
    const size_t row = piece->lane * KV_TILE_TOKENS;
    for (size_t at = clean; at < piece->length; at += row) {
        unsigned char lanes[4 * KV_TILE_TOKENS] = {0};
        memcpy(lanes, piece->bytes + at, used * piece->lane);
        FORWARD(sink(context, lanes, row, error));
    }
    return PRIMER_OK;
}

primer_status kv_snapshot_write(const struct kv_cache *cache, size_t tokens, kv_sink *sink,
                                void *context, primer_error *error)
{
    const struct kv_geometry *g = kv_pool_geometry(cache->pool);
    for (size_t start = 0; start < tokens; start += KV_PAGE_TOKENS) {
        const size_t here = tokens - start < KV_PAGE_TOKENS ? tokens - start : KV_PAGE_TOKENS;
        const struct kv_page *page = cache->pages[start / KV_PAGE_TOKENS];
        for (size_t i = 0; i < g->layers * g->heads; i++) {
            const struct kv_parts parts = kv_page_parts(g, page, i / g->heads, i % g->heads);
            struct piece pieces[6];
            list_pieces(g, &parts, here, pieces);
            for (size_t p = 0; p < 6; p++)
                FORWARD(write_piece(&pieces[p], here, sink, context, error));
        }
    }
    return PRIMER_OK;
}

void kv_snapshot_read(struct kv_cache *cache, size_t tokens, const unsigned char *bytes)
{
    const struct kv_geometry *g = kv_pool_geometry(cache->pool);
    kv_cache_truncate(cache, 0);
    kv_cache_prepare(cache, 0, tokens);
    for (size_t start = 0; start < tokens; start += KV_PAGE_TOKENS) {
        const size_t here = tokens - start < KV_PAGE_TOKENS ? tokens - start : KV_PAGE_TOKENS;
        const struct kv_page *page = cache->pages[start / KV_PAGE_TOKENS];
        for (size_t i = 0; i < g->layers * g->heads; i++) {
            const struct kv_parts parts = kv_page_parts(g, page, i / g->heads, i % g->heads);
            struct piece pieces[6];
            list_pieces(g, &parts, here, pieces);
            for (size_t p = 0; p < 6; p++) {
                if (pieces[p].length != 0)
                    memcpy(pieces[p].bytes, bytes, pieces[p].length);
                bytes += pieces[p].length;
            }
        }
    }
}
