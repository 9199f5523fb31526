/* kv_internal.h - what the files of this folder share: the pool's pages one by one. */
#ifndef KV_INTERNAL_H
#define KV_INTERNAL_H

#include "kv/kv.h"

primer_status kv_pool_reserve(struct kv_pool *pool, size_t pages, primer_error *error);
void kv_pool_unreserve(struct kv_pool *pool, size_t pages);
struct kv_page *
kv_pool_take(struct kv_pool *pool); /* one reference, contents undefined; within a reservation */
/* The page itself if nobody else holds it; else a copy, and the caller's reference moves to the
 * copy. */
struct kv_page *kv_pool_unshare(struct kv_pool *pool, struct kv_page *page);

#endif
