/* kv.h - pages of keys and values: their layout, a pool of them, and one session's list.
 *
 * A page holds 64 absolute positions of every layer and KV head:
 *
 *   page:  [layer][head] { keys | key scales | values | value scales | grouped keys | grouped
 * scales }
 *
 * each part aligned to 64 bytes and laid out as struct kernel_page of src/kernel/kernel.h has it
 * (scales only in Q8_0, grouped keys only with Self-Extend). What lies past a session's last token
 * is undefined.
 *
 * Pages are counted references: sessions that begin alike share them; whoever wants to write to a
 * shared page gets a copy first. The pool hands out memory that was reserved beforehand
 * (kv_pool_reserve, when a session is made), so extending a session allocates nothing and can't
 * fail.
 *
 * Lock: `pool->lock` guards the free list and the counts. A page's contents are written only by the
 * one cache that holds its only reference.
 */
#ifndef KV_KV_H
#define KV_KV_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "quant/quant.h"

#define KV_PAGE_TOKENS 64
#define KV_TILE_TOKENS 16

struct kv_geometry {
    size_t layers, heads, dimensions; /* KV heads, dimensions of a head */
    size_t rotary;                    /* dimensions of the grouped keys; 0: none */
    enum quant_type format;           /* F32, F16, BF16, Q8_0 */
    /* derived, bytes */
    size_t element, keys, key_scales, values, value_scales, grouped, grouped_scales;
    size_t head_stride, layer_stride, page_bytes;
};

/* Fills the derived fields. PRIMER_ELIMIT when a product overflows. */
primer_status kv_geometry_init(struct kv_geometry *geometry, primer_error *error);
/* Blocks of 32 dimensions that have a scale. */
static inline size_t kv_scale_blocks(size_t dimensions)
{
    return (dimensions + 31) / 32;
}

struct kv_page {
    unsigned char *memory;
    size_t references; /* 0: on the free list */
    bool kept;         /* one of the references is a prefix cache's (kv_pool_keep) */
    struct kv_page *next;
};

/* The parts of one layer and head of a page. */
struct kv_parts {
    unsigned char *keys, *values, *grouped;
    uint16_t *key_scales, *value_scales, *grouped_scales;
};
struct kv_parts kv_page_parts(const struct kv_geometry *geometry, const struct kv_page *page,
                              size_t layer, size_t head);

struct kv_pool;
primer_status kv_pool_create(struct kv_pool **pool, const struct kv_geometry *geometry,
                             primer_error *error);
void kv_pool_free(struct kv_pool *pool); /* after all its caches */
const struct kv_geometry *kv_pool_geometry(const struct kv_pool *pool);
size_t kv_pool_pages_used(struct kv_pool *pool);
/* Free pages that wait for the next session go back to the system. */
void kv_pool_give_back(struct kv_pool *pool);

/* A prefix cache keeps pages alive beyond the sessions that filled them. The pool counts the pages
 * that only it holds as memory beside what sessions reserved; where a session wants a reserved page
 * and none is free, `reclaim` is asked to let go of one. Called without the pool's lock. Where no prefix
 * cache is set a page is always free. */
typedef void kv_reclaim(void *context);
void kv_pool_set_reclaim(struct kv_pool *pool, kv_reclaim *reclaim, void *context);
void kv_pool_hold(struct kv_pool *pool, struct kv_page *page);
void kv_pool_drop(struct kv_pool *pool, struct kv_page *page);
void kv_pool_keep(struct kv_pool *pool, struct kv_page *page);    /* takes a reference */
void kv_pool_release(struct kv_pool *pool, struct kv_page *page); /* gives it back */
size_t kv_pool_pages_existing(struct kv_pool *pool); /* used and free, mapped ones not counted */
size_t kv_pool_pages_kept(struct kv_pool *pool);     /* that nobody else holds */
bool kv_pool_only_kept(struct kv_pool *pool, const struct kv_page *page);

/* One session's pages. */
struct kv_cache {
    struct kv_pool *pool;
    struct kv_page **pages; /* [capacity] */
    size_t count, capacity; /* pages */
};

/* Reserves pages for `tokens` tokens. */
primer_status kv_cache_create(struct kv_cache *cache, struct kv_pool *pool, size_t tokens,
                              primer_error *error);
void kv_cache_free(struct kv_cache *cache); /* gives pages and reservation back */
/* Makes positions [from, to) writable: pages exist, and are not shared. to <= the reserved tokens.
 */
void kv_cache_prepare(struct kv_cache *cache, size_t from, size_t to);
/* Gives back the pages past `tokens` tokens. */
void kv_cache_truncate(struct kv_cache *cache, size_t tokens);
/* Empties `to` (of the same pool) and lets it share the pages of the first `tokens` tokens. */
void kv_cache_share(const struct kv_cache *from, struct kv_cache *to, size_t tokens);

/* Takes the next bytes of a snapshot. */
typedef primer_status kv_sink(void *context, const void *bytes, size_t length, primer_error *error);
/* Lets page `index` be `page`, which others may hold too, and takes over the caller's reference;
 * index <= count. */
void kv_cache_place(struct kv_cache *cache, size_t index, struct kv_page *page);

/* The contents of the first `tokens` tokens, and back; only what holds tokens is written. */
primer_status kv_snapshot_write(const struct kv_cache *cache, size_t tokens, kv_sink *sink,
                                void *context, primer_error *error);
size_t kv_snapshot_bytes(const struct kv_geometry *geometry, size_t tokens);
/* `bytes` holds kv_snapshot_bytes; the cache is emptied first. */
void kv_snapshot_read(struct kv_cache *cache, size_t tokens, const unsigned char *bytes);

#endif
