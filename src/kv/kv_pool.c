/* kv_pool.c - reserved pages, handed out and taken back under one lock.
 *
 *   reserved  = pages that sessions may still ask for, in all
 *   existing  = used + free >= reserved
 *
 * Each page is its own range from the system: untouched, it costs no memory.
 */
#include "kv/kv.h"

#include <string.h>

#include "base/memory.h"
#include "kv/kv_internal.h"

struct kv_pool {
    struct kv_geometry geometry;
    pthread_mutex_t lock;
    struct kv_page *free;            /* list of pages with no reference */
    size_t reserved, existing, used; /* pages */
};

primer_status kv_pool_create(struct kv_pool **pool, const struct kv_geometry *geometry,
                             primer_error *error)
{
    struct kv_pool *made = memory_allocate(1, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "the KV page pool", sizeof *made);
    made->geometry = *geometry;
    pthread_mutex_init(&made->lock, NULL);
    *pool = made;
    return PRIMER_OK;
}

static void page_destroy(struct kv_pool *pool, struct kv_page *page)
{
    memory_release(page->memory, pool->geometry.page_bytes);
    memory_free(page);
    pool->existing--;
}

void kv_pool_free(struct kv_pool *pool)
{
    if (pool == NULL)
        return;
    while (pool->free != NULL) {
        struct kv_page *page = pool->free;
        pool->free = page->next;
        page_destroy(pool, page);
    }
    pthread_mutex_destroy(&pool->lock);
    memory_free(pool);
}

const struct kv_geometry *kv_pool_geometry(const struct kv_pool *pool)
{
    return &pool->geometry;
}

size_t kv_pool_pages_used(struct kv_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    const size_t used = pool->used;
    pthread_mutex_unlock(&pool->lock);
    return used;
}

static primer_status page_create(struct kv_pool *pool, struct kv_page **page, primer_error *error)
{
    void *memory = NULL;
    struct kv_page *made = memory_allocate(1, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "a KV page", sizeof *made);
    const primer_status status = memory_reserve(pool->geometry.page_bytes, &memory, error);
    if (status != PRIMER_OK) {
        memory_free(made);
        return status;
    }
    made->memory = memory;
    *page = made;
    return PRIMER_OK;
}

primer_status kv_pool_reserve(struct kv_pool *pool, size_t pages, primer_error *error)
{
    primer_status status = PRIMER_OK;
    pthread_mutex_lock(&pool->lock);
    while (pool->existing < pool->reserved + pages) {
        struct kv_page *page = NULL;
        TRY(page_create(pool, &page, error));
        page->next = pool->free;
        pool->free = page;
        pool->existing++;
    }
    pool->reserved += pages;
cleanup:
    pthread_mutex_unlock(&pool->lock);
    if (status != PRIMER_OK)
        kv_pool_unreserve(pool, 0);
    return status;
}

void kv_pool_unreserve(struct kv_pool *pool, size_t pages)
{
    pthread_mutex_lock(&pool->lock);
    pool->reserved -= pages;
    while (pool->free != NULL && pool->existing > pool->reserved) {
        struct kv_page *page = pool->free;
        pool->free = page->next;
        page_destroy(pool, page);
    }
    pthread_mutex_unlock(&pool->lock);
}

struct kv_page *kv_pool_take(struct kv_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct kv_page *page = pool->free; /* never empty: a cache asks for no more than it reserved */
    pool->free = page->next;
    page->next = NULL;
    page->references = 1;
    pool->used++;
    pthread_mutex_unlock(&pool->lock);
    return page;
}

void kv_pool_hold(struct kv_pool *pool, struct kv_page *page)
{
    pthread_mutex_lock(&pool->lock);
    page->references++;
    pthread_mutex_unlock(&pool->lock);
}

void kv_pool_drop(struct kv_pool *pool, struct kv_page *page)
{
    pthread_mutex_lock(&pool->lock);
    if (--page->references == 0) {
        page->next = pool->free;
        pool->free = page;
        pool->used--;
    }
    pthread_mutex_unlock(&pool->lock);
}

struct kv_page *kv_pool_unshare(struct kv_pool *pool, struct kv_page *page)
{
    pthread_mutex_lock(&pool->lock);
    const bool alone = page->references == 1;
    pthread_mutex_unlock(&pool->lock);
    if (alone)
        return page;
    struct kv_page *copy = kv_pool_take(pool);
    memcpy(copy->memory, page->memory, pool->geometry.page_bytes);
    kv_pool_drop(pool, page);
    return copy;
}
