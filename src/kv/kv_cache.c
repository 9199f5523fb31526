/* kv_cache.c - one session's list of pages. It reserves one page more than it can hold, for the copy it
 * makes of a shared page before it lets go of that; so the pool always has one to give (kv_pool.c). */
#include "kv/kv.h"

#include <string.h>

#include "base/memory.h"
#include "kv/kv_internal.h"

static size_t pages_for(size_t tokens)
{
    return tokens / KV_PAGE_TOKENS + (tokens % KV_PAGE_TOKENS != 0);
}

primer_status kv_cache_create(struct kv_cache *cache, struct kv_pool *pool, size_t tokens,
                              primer_error *error)
{
    struct kv_cache made = {.pool = pool, .capacity = pages_for(tokens)};
    made.pages = memory_allocate(made.capacity, sizeof *made.pages);
    if (made.pages == NULL)
        return memory_failure(error, "the list of KV pages", made.capacity * sizeof *made.pages);
    const primer_status status = kv_pool_reserve(pool, made.capacity + 1, error);
    if (status != PRIMER_OK) {
        memory_free(made.pages);
        return status;
    }
    *cache = made;
    return PRIMER_OK;
}

void kv_cache_free(struct kv_cache *cache)
{
    if (cache->pool == NULL)
        return;
    kv_cache_truncate(cache, 0);
    kv_pool_unreserve(cache->pool, cache->capacity + 1);
    memory_free(cache->pages);
    *cache = (struct kv_cache){0};
}

void kv_cache_prepare(struct kv_cache *cache, size_t from, size_t to)
{
    if (from >= to)
        return;
    for (size_t i = from / KV_PAGE_TOKENS; i < cache->count && i < pages_for(to); i++)
        cache->pages[i] = kv_pool_unshare(cache->pool, cache->pages[i]);
    while (cache->count < pages_for(to))
        cache->pages[cache->count++] = kv_pool_take(cache->pool);
}

void kv_cache_truncate(struct kv_cache *cache, size_t tokens)
{
    while (cache->count > pages_for(tokens))
        kv_pool_drop(cache->pool, cache->pages[--cache->count]);
}

void kv_cache_share(const struct kv_cache *from, struct kv_cache *to, size_t tokens)
{
    kv_cache_truncate(to, 0);
    for (size_t i = 0; i < pages_for(tokens); i++) {
        kv_pool_hold(from->pool, from->pages[i]);
        to->pages[to->count++] = from->pages[i];
    }
}

void kv_cache_place(struct kv_cache *cache, size_t index, struct kv_page *page)
{
    if (index < cache->count)
        kv_pool_drop(cache->pool, cache->pages[index]);
    else
        cache->count++;
    cache->pages[index] = page;
}
