/* kv_pool.c - reserved pages, handed out and taken back under one lock.
 *
 *   reserved  = pages that sessions may hold, in all: each its own, and one more for a copy on its way
 *   existing  = used + free
 *   kept      = used pages that only a prefix cache holds
 *
 * existing - kept >= reserved when a session is made. A session that shrinks may leave pages to the cache,
 * so later that can fall short; but who wants a page holds fewer than it reserved, so sessions together hold
 * fewer than `reserved` <= existing. If none is free (existing = used) some page is kept, and is reclaimed.
 *
 * Each page is its own range from the system: untouched, it costs little. As many free pages as the
 * sessions so far held at once, up to a limit, stay for the next ones, since getting memory from the
 * system, cleared, takes long.
 */
#include "kv/kv.h"

#include <string.h>

#include "base/memory.h"
#include "kv/kv_internal.h"

#define SPARE_BYTES ((size_t)256 << 20) /* most that waits for the next sessions of this pool */

struct kv_pool {
    struct kv_geometry geometry;
    pthread_mutex_t lock;
    struct kv_page *free;                  /* list of pages with no reference */
    size_t reserved, existing, used, kept; /* pages */
    size_t most;                           /* the most that was reserved at once */
    kv_reclaim *reclaim;
    void *reclaim_context;
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
    while (pool->existing < pool->reserved + pool->kept + pages) {
        struct kv_page *page = NULL;
        TRY(page_create(pool, &page, error));
        page->next = pool->free;
        pool->free = page;
        pool->existing++;
    }
    pool->reserved += pages;
    pool->most = pool->reserved > pool->most ? pool->reserved : pool->most;
cleanup:
    pthread_mutex_unlock(&pool->lock);
    if (status != PRIMER_OK)
        kv_pool_unreserve(pool, 0);
    return status;
}

/* Free pages beyond what sessions may ask for, or the next one will, go back to the system. Lock
 * held. */
static void shrink(struct kv_pool *pool)
{
    const size_t spare = SPARE_BYTES / pool->geometry.page_bytes;
    const size_t next = pool->most < spare ? pool->most : spare;
    const size_t needed = pool->reserved > next ? pool->reserved : next;
    while (pool->free != NULL && pool->existing > needed + pool->kept) {
        struct kv_page *page = pool->free;
        pool->free = page->next;
        page_destroy(pool, page);
    }
}

void kv_pool_give_back(struct kv_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->most = 0;
    shrink(pool);
    pthread_mutex_unlock(&pool->lock);
}

void kv_pool_unreserve(struct kv_pool *pool, size_t pages)
{
    pthread_mutex_lock(&pool->lock);
    pool->reserved -= pages;
    shrink(pool);
    pthread_mutex_unlock(&pool->lock);
}

struct kv_page *kv_pool_take(struct kv_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->free == NULL) {
        pthread_mutex_unlock(&pool->lock);
        pool->reclaim(pool->reclaim_context);
        pthread_mutex_lock(&pool->lock);
    }
    struct kv_page *page = pool->free;
    pool->free = page->next;
    page->next = NULL;
    page->references = 1;
    pool->used++;
    pthread_mutex_unlock(&pool->lock);
    return page;
}

/* A page changes between "only kept" and held by a session. Lock held. */
static void count_kept(struct kv_pool *pool, const struct kv_page *page, bool before)
{
    const bool now = page->kept && page->references == 1;
    if (now == before)
        return;
    pool->kept = now ? pool->kept + 1 : pool->kept - 1;
}

static void add_reference(struct kv_pool *pool, struct kv_page *page, bool keep)
{
    pthread_mutex_lock(&pool->lock);
    const bool before = page->kept && page->references == 1;
    page->references++;
    page->kept = page->kept || keep;
    count_kept(pool, page, before);
    pthread_mutex_unlock(&pool->lock);
}

static void remove_reference(struct kv_pool *pool, struct kv_page *page, bool keep)
{
    pthread_mutex_lock(&pool->lock);
    const bool before = page->kept && page->references == 1;
    page->references--;
    if (keep)
        page->kept = false;
    count_kept(pool, page, before);
    if (page->references == 0) {
        page->next = pool->free;
        pool->free = page;
        pool->used--;
        shrink(pool);
    }
    pthread_mutex_unlock(&pool->lock);
}

void kv_pool_hold(struct kv_pool *pool, struct kv_page *page)
{
    add_reference(pool, page, false);
}

void kv_pool_drop(struct kv_pool *pool, struct kv_page *page)
{
    remove_reference(pool, page, false);
}

void kv_pool_keep(struct kv_pool *pool, struct kv_page *page)
{
    add_reference(pool, page, true);
}

void kv_pool_release(struct kv_pool *pool, struct kv_page *page)
{
    remove_reference(pool, page, true);
}

void kv_pool_set_reclaim(struct kv_pool *pool, kv_reclaim *reclaim, void *context)
{
    pool->reclaim = reclaim;
    pool->reclaim_context = context;
}

size_t kv_pool_pages_existing(struct kv_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    const size_t existing = pool->existing;
    pthread_mutex_unlock(&pool->lock);
    return existing;
}

size_t kv_pool_pages_kept(struct kv_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    const size_t kept = pool->kept;
    pthread_mutex_unlock(&pool->lock);
    return kept;
}

bool kv_pool_only_kept(struct kv_pool *pool, const struct kv_page *page)
{
    pthread_mutex_lock(&pool->lock);
    const bool only = page->kept && page->references == 1;
    pthread_mutex_unlock(&pool->lock);
    return only;
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
