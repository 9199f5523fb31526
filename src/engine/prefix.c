/* prefix.c - see prefix.h. */
#include "engine/prefix.h"

#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

#define LEAST_BUCKETS 256

static uint64_t key_of(uint64_t parent, const int32_t *ids)
{
    return hash_bytes(ids, KV_PAGE_TOKENS * sizeof *ids, parent);
}

static struct prefix_node **bucket_of(const struct prefix *p, uint64_t parent, const int32_t *ids)
{
    return &p->buckets[key_of(parent, ids) & (p->bucket_count - 1)];
}

static struct prefix_node *find(const struct prefix *p, uint64_t parent, const int32_t *ids)
{
    if (p->bucket_count == 0)
        return NULL;
    struct prefix_node *node = *bucket_of(p, parent, ids);
    while (node != NULL &&
           (node->parent != parent || memcmp(node->ids, ids, sizeof node->ids) != 0))
        node = node->chain;
    return node;
}

static void unlink_use(struct prefix *p, struct prefix_node *node)
{
    *(node->newer != NULL ? &node->newer->older : &p->newest) = node->older;
    *(node->older != NULL ? &node->older->newer : &p->oldest) = node->newer;
}

static void link_newest(struct prefix *p, struct prefix_node *node)
{
    node->newer = NULL;
    node->older = p->newest;
    *(p->newest != NULL ? &p->newest->newer : &p->oldest) = node;
    p->newest = node;
}

static void forget(struct prefix *p, struct prefix_node *node)
{
    struct prefix_node **at = bucket_of(p, node->parent, node->ids);
    while (*at != node)
        at = &(*at)->chain;
    *at = node->chain;
    unlink_use(p, node);
    kv_pool_release(p->pool, node->page);
    node->chain = p->spare;
    p->spare = node;
    p->spare_count++;
    p->count--;
    p->evictions++;
}

/* The oldest node whose page nobody else holds; else, if `any`, the oldest of all. */
static struct prefix_node *oldest(const struct prefix *p, bool any)
{
    struct prefix_node *node = p->oldest;
    while (node != NULL && !kv_pool_only_kept(p->pool, node->page))
        node = node->newer;
    return node != NULL || !any ? node : p->oldest;
}

static void reclaim(void *context)
{
    struct prefix *p = context;
    pthread_mutex_lock(&p->lock);
    struct prefix_node *node = oldest(p, true);
    if (node != NULL)
        forget(p, node);
    pthread_mutex_unlock(&p->lock);
}

primer_status prefix_create(struct prefix *prefix, struct kv_pool *pool, size_t budget,
                            primer_error *error)
{
    *prefix = (struct prefix){.pool = pool, .budget = budget, .next_serial = 1};
    pthread_mutex_init(&prefix->lock, NULL);
    if (budget == 0)
        return PRIMER_OK;
    prefix->buckets = memory_allocate(LEAST_BUCKETS, sizeof(struct prefix_node *));
    if (prefix->buckets == NULL) {
        pthread_mutex_destroy(&prefix->lock);
        return memory_failure(error, "the prefix cache",
                              LEAST_BUCKETS * sizeof(struct prefix_node *));
    }
    prefix->bucket_count = LEAST_BUCKETS;
    kv_pool_set_reclaim(pool, reclaim, prefix);
    return PRIMER_OK;
}

void prefix_free(struct prefix *prefix)
{
    while (prefix->oldest != NULL)
        forget(prefix, prefix->oldest);
    while (prefix->spare != NULL) {
        struct prefix_node *node = prefix->spare;
        prefix->spare = node->chain;
        memory_free(node);
    }
    memory_free(prefix->buckets);
    pthread_mutex_destroy(&prefix->lock);
}

uint64_t prefix_find(struct prefix *prefix, uint64_t parent, const int32_t *ids,
                     struct kv_page **page)
{
    uint64_t serial = 0;
    pthread_mutex_lock(&prefix->lock);
    struct prefix_node *node = find(prefix, parent, ids);
    if (node != NULL) {
        serial = node->serial;
        *page = node->page;
        kv_pool_hold(prefix->pool, node->page);
        prefix->hits++;
    }
    pthread_mutex_unlock(&prefix->lock);
    return serial;
}

/* More buckets when chains would grow long; without memory they stay as they are. */
static void grow(struct prefix *p, size_t nodes)
{
    if (nodes < 2 * p->bucket_count)
        return;
    size_t wanted = p->bucket_count;
    while (wanted < nodes)
        wanted *= 2;
    struct prefix_node **buckets = memory_allocate(wanted, sizeof *buckets);
    if (buckets == NULL)
        return;
    memory_free(p->buckets);
    p->buckets = buckets;
    p->bucket_count = wanted;
    for (struct prefix_node *node = p->oldest; node != NULL; node = node->newer) {
        struct prefix_node **bucket = bucket_of(p, node->parent, node->ids);
        node->chain = *bucket;
        *bucket = node;
    }
}

primer_status prefix_reserve(struct prefix *prefix, primer_error *error)
{
    struct prefix *p = prefix;
    primer_status status = PRIMER_OK;
    if (p->bucket_count == 0)
        return PRIMER_OK;
    const size_t wanted = kv_pool_pages_existing(p->pool);
    pthread_mutex_lock(&p->lock);
    grow(p, wanted);
    while (p->count + p->spare_count < wanted) {
        struct prefix_node *node = memory_allocate(1, sizeof *node);
        if (node == NULL)
            FAIL(PRIMER_ENOMEM, "no memory for the prefix cache of %zu pages", wanted);
        node->chain = p->spare;
        p->spare = node;
        p->spare_count++;
    }
cleanup:
    pthread_mutex_unlock(&p->lock);
    return status;
}

static uint64_t add(struct prefix *p, uint64_t parent, const int32_t *ids, struct kv_page *page)
{
    struct prefix_node *node = p->spare;
    if (node == NULL)
        return 0;
    p->spare = node->chain;
    p->spare_count--;
    struct prefix_node **bucket = bucket_of(p, parent, ids);
    node->serial = p->next_serial++;
    node->parent = parent;
    memcpy(node->ids, ids, sizeof node->ids);
    node->page = page;
    node->chain = *bucket;
    *bucket = node;
    kv_pool_keep(p->pool, page);
    link_newest(p, node);
    p->count++;
    return node->serial;
}

uint64_t prefix_add(struct prefix *prefix, uint64_t parent, const int32_t *ids,
                    struct kv_page **page)
{
    struct prefix *p = prefix;
    uint64_t serial = 0;
    if (p->bucket_count == 0)
        return 0;
    pthread_mutex_lock(&p->lock);
    struct prefix_node *node = find(p, parent, ids);
    if (node == NULL) {
        serial = add(p, parent, ids, *page);
    } else {
        serial = node->serial;
        if (node->page != *page) {
            kv_pool_hold(p->pool, node->page);
            kv_pool_drop(p->pool, *page);
            *page = node->page;
        }
    }
    pthread_mutex_unlock(&p->lock);
    return serial;
}

void prefix_touch(struct prefix *prefix, uint64_t root, const uint64_t *serials, const int32_t *ids,
                  size_t pages)
{
    struct prefix *p = prefix;
    pthread_mutex_lock(&p->lock);
    for (size_t i = pages; i-- > 0;) {
        struct prefix_node *node = find(p, i > 0 ? serials[i - 1] : root, ids + i * KV_PAGE_TOKENS);
        if (node == NULL || node->serial != serials[i])
            continue;
        unlink_use(p, node);
        link_newest(p, node);
    }
    pthread_mutex_unlock(&p->lock);
}

void prefix_trim(struct prefix *prefix)
{
    struct prefix *p = prefix;
    const size_t page_bytes = kv_pool_geometry(p->pool)->page_bytes;
    pthread_mutex_lock(&p->lock);
    while (kv_pool_pages_kept(p->pool) > p->budget / page_bytes) {
        struct prefix_node *node = oldest(p, false);
        if (node == NULL)
            break;
        forget(p, node);
    }
    pthread_mutex_unlock(&p->lock);
}
