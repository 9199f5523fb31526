/* prefix.c - see prefix.h. */
#include "engine/prefix.h"

#include <sched.h>
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

/* Takes a node out of the tree; its page stays the caller's to give back. */
static void take_out(struct prefix *p, struct prefix_node *node)
{
    struct prefix_node **at = bucket_of(p, node->parent, node->ids);
    while (*at != node)
        at = &(*at)->chain;
    *at = node->chain;
    unlink_use(p, node);
    p->count--;
    p->evictions++;
}

/* Where the list points to the root. */
static struct prefix_root **place_of(struct prefix *p, const struct prefix_root *root)
{
    struct prefix_root **at = &p->roots;
    while (*at != root)
        at = &(*at)->next;
    return at;
}

/* One user less; the last one's end is the root's. */
static void leave_root(struct prefix *p, const struct prefix_root *root)
{
    struct prefix_root **const at = place_of(p, root), *const left = *at;
    if (--left->users > 0)
        return;
    *at = left->next;
    memory_free(left);
}

static void give_back(struct prefix *p, struct prefix_node *node)
{
    kv_pool_release(p->pool, node->page);
    leave_root(p, node->root);
    node->serial = 0; /* what is below it sees that it is gone */
    node->chain = p->spare;
    p->spare = node;
    p->spare_count++;
}

/* The oldest node whose page nobody else holds; else, if `any`, the oldest of all. */
static struct prefix_node *oldest(const struct prefix *p, bool any)
{
    struct prefix_node *node = p->oldest;
    while (node != NULL && !kv_pool_only_kept(p->pool, node->page))
        node = node->newer;
    return node != NULL || !any ? node : p->oldest;
}

/* The ids of the node's path to p->path; how many pages, 0: some node above is gone, or it is too
 * long. */
static size_t gather_path(struct prefix *p, const struct prefix_node *node)
{
    size_t pages = 1, at;
    for (const struct prefix_node *n = node; n->above != NULL; n = n->above, pages++)
        if (n->above->serial != n->parent || pages == p->path_pages)
            return 0;
    at = pages;
    for (const struct prefix_node *n = node; n != NULL; n = n->above)
        memcpy(p->path + --at * KV_PAGE_TOKENS, n->ids, sizeof n->ids);
    return pages;
}

static void store(struct prefix *p, const struct prefix_node *node, size_t pages)
{
    struct prefix_file file = {.origin = &node->root->origin,
                               .key = prefix_disk_root(&node->root->origin),
                               .ids = p->path,
                               .index = pages - 1,
                               .now = prefix_disk_now()};
    for (size_t i = 0; i < pages; i++)
        file.key = prefix_disk_next(&file.key, p->path + i * KV_PAGE_TOKENS);
    prefix_disk_store(p->disk, &file, node->page->memory);
}

/* Lets the oldest node go whose page nobody else holds, to the disk if it is worth it; else, if
 * `any`, the oldest of all, and nothing is written: somebody waits for a page. False: there is
 * none. */
static bool evict(struct prefix *p, bool any)
{
    size_t pages = 0;
    if (p->disk != NULL)
        pthread_mutex_lock(&p->path_lock);
    pthread_mutex_lock(&p->lock);
    struct prefix_node *node = oldest(p, any);
    if (node != NULL) {
        if (!any && p->disk != NULL && node->lasting && kv_pool_only_kept(p->pool, node->page))
            pages = gather_path(p, node);
        take_out(p, node);
        if (pages > 0) { /* out of the tree nobody reaches its page: written without the lock */
            pthread_mutex_unlock(&p->lock);
            store(p, node, pages);
            pthread_mutex_lock(&p->lock);
        }
        give_back(p, node);
    }
    pthread_mutex_unlock(&p->lock);
    if (p->disk != NULL)
        pthread_mutex_unlock(&p->path_lock);
    return node != NULL;
}

static void reclaim(void *context)
{
    if (!evict(context, true))
        sched_yield(); /* another is about to give a page back */
}

static void destroy_locks(struct prefix *p)
{
    pthread_mutex_destroy(&p->lock);
    pthread_mutex_destroy(&p->path_lock);
}

primer_status prefix_create(struct prefix *prefix, struct kv_pool *pool, size_t budget,
                            struct prefix_disk *disk, primer_error *error)
{
    *prefix = (struct prefix){
        .pool = pool, .budget = budget, .next_serial = 1, .disk = budget > 0 ? disk : NULL};
    pthread_mutex_init(&prefix->lock, NULL);
    pthread_mutex_init(&prefix->path_lock, NULL);
    if (budget == 0)
        return PRIMER_OK;
    prefix->buckets = memory_allocate(LEAST_BUCKETS, sizeof(struct prefix_node *));
    if (prefix->buckets == NULL) {
        destroy_locks(prefix);
        return memory_failure(error, "the prefix cache",
                              LEAST_BUCKETS * sizeof(struct prefix_node *));
    }
    prefix->bucket_count = LEAST_BUCKETS;
    kv_pool_set_reclaim(pool, reclaim, prefix);
    return PRIMER_OK;
}

void prefix_free(struct prefix *prefix)
{
    while (evict(prefix, true))
        continue;
    while (prefix->spare != NULL) {
        struct prefix_node *node = prefix->spare;
        prefix->spare = node->chain;
        memory_free(node);
    }
    while (prefix->roots != NULL) {
        struct prefix_root *root = prefix->roots;
        prefix->roots = root->next;
        memory_free(root);
    }
    memory_free(prefix->path);
    memory_free(prefix->buckets);
    destroy_locks(prefix);
}

static struct prefix_root *find_root(const struct prefix *p, const struct prefix_origin *origin)
{
    struct prefix_root *root = p->roots;
    while (root != NULL && memcmp(&root->origin, origin, sizeof *origin) != 0)
        root = root->next;
    return root;
}

primer_status prefix_root_of(struct prefix *prefix, const struct prefix_origin *origin,
                             const struct prefix_root **root, primer_error *error)
{
    struct prefix *p = prefix;
    primer_status status = PRIMER_OK;
    pthread_mutex_lock(&p->lock);
    struct prefix_root *found = find_root(p, origin);
    if (found == NULL) {
        found = memory_allocate(1, sizeof *found);
        if (found == NULL)
            FAIL(PRIMER_ENOMEM, "no memory for a root of the prefix cache");
        *found = (struct prefix_root){p->next_serial++, 0, *origin, p->roots};
        p->roots = found;
    }
    found->users++;
    *root = found;
cleanup:
    pthread_mutex_unlock(&p->lock);
    return status;
}

void prefix_root_release(struct prefix *prefix, const struct prefix_root *root)
{
    pthread_mutex_lock(&prefix->lock);
    leave_root(prefix, root);
    pthread_mutex_unlock(&prefix->lock);
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

static primer_status reserve_path(struct prefix *p, size_t pages, primer_error *error)
{
    primer_status status = PRIMER_OK;
    pthread_mutex_lock(&p->path_lock);
    if (pages > p->path_pages) {
        int32_t *path = memory_resize(p->path, pages, KV_PAGE_TOKENS * sizeof *path);
        if (path == NULL)
            FAIL(PRIMER_ENOMEM, "no memory for the ids of %zu pages", pages);
        p->path = path;
        p->path_pages = pages;
    }
cleanup:
    pthread_mutex_unlock(&p->path_lock);
    return status;
}

primer_status prefix_reserve(struct prefix *prefix, size_t pages, primer_error *error)
{
    struct prefix *p = prefix;
    primer_status status = PRIMER_OK;
    if (p->bucket_count == 0)
        return PRIMER_OK;
    if (p->disk != NULL)
        FORWARD(reserve_path(p, pages, error));
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

/* The node of a path's page `index`, if it is still there. */
static struct prefix_node *find_on_path(const struct prefix *p, const struct prefix_root *root,
                                        const uint64_t *serials, const int32_t *ids, size_t index)
{
    const uint64_t parent = index > 0 ? serials[index - 1] : root->serial;
    struct prefix_node *node = find(p, parent, ids + index * KV_PAGE_TOKENS);
    return node != NULL && node->serial == serials[index] ? node : NULL;
}

static uint64_t add(struct prefix *p, const struct prefix_root *root,
                    const struct prefix_node *above, const int32_t *ids, struct kv_page *page)
{
    struct prefix_node *node = p->spare;
    const uint64_t parent = above != NULL ? above->serial : root->serial;
    if (node == NULL)
        return 0;
    p->spare = node->chain;
    p->spare_count--;
    struct prefix_node **bucket = bucket_of(p, parent, ids);
    node->serial = p->next_serial++;
    node->parent = parent;
    node->root = root;
    (*place_of(p, root))->users++;
    node->above = above;
    node->lasting = false;
    memcpy(node->ids, ids, sizeof node->ids);
    node->page = page;
    node->chain = *bucket;
    *bucket = node;
    kv_pool_keep(p->pool, page);
    link_newest(p, node);
    p->count++;
    return node->serial;
}

uint64_t prefix_add(struct prefix *prefix, const struct prefix_root *root, const uint64_t *serials,
                    const int32_t *ids, size_t pages, struct kv_page **page)
{
    struct prefix *p = prefix;
    const int32_t *const own = ids + pages * KV_PAGE_TOKENS;
    uint64_t serial = 0;
    if (p->bucket_count == 0)
        return 0;
    pthread_mutex_lock(&p->lock);
    struct prefix_node *node = find(p, pages > 0 ? serials[pages - 1] : root->serial, own);
    if (node == NULL) {
        const struct prefix_node *above =
            pages > 0 ? find_on_path(p, root, serials, ids, pages - 1) : NULL;
        if (pages == 0 || above != NULL)
            serial = add(p, root, above, own, *page);
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

void prefix_touch(struct prefix *prefix, const struct prefix_root *root, const uint64_t *serials,
                  const int32_t *ids, size_t pages)
{
    struct prefix *p = prefix;
    pthread_mutex_lock(&p->lock);
    for (size_t i = pages; i-- > 0;) {
        struct prefix_node *node = find_on_path(p, root, serials, ids, i);
        if (node == NULL)
            continue;
        node->lasting = node->lasting || pages >= PREFIX_DISK_PAGES;
        unlink_use(p, node);
        link_newest(p, node);
    }
    pthread_mutex_unlock(&p->lock);
}

void prefix_trim(struct prefix *prefix)
{
    struct prefix *p = prefix;
    const size_t page_bytes = kv_pool_geometry(p->pool)->page_bytes;
    while (kv_pool_pages_kept(p->pool) > p->budget / page_bytes && evict(p, false))
        continue;
}
