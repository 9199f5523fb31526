/* prefix.h - sessions that begin alike share pages of keys and values.
 *
 * A tree of full pages: a node is 64 tokens and the page that holds their keys and values, computed
 * after the tokens of its ancestors. The numeric contract makes a page found here equal, bit for
 * bit, to one that would be computed.
 *
 *   root (prefix_origin: model, adapters, KV format, RoPE, Self-Extend)
 *     [ids 0..63] - [64..127] - [128..191]
 *                 \\ [64..127]'
 *
 * Nodes are found by hash of (parent's serial number, 64 ids) and compared in full. Pages that only
 * the cache holds count against a budget; over it the least recently used leaves go first (a path
 * is touched from its leaf up, so a parent is never older than its children).
 *
 * Where there is a folder for it, pages of paths of PREFIX_DISK_PAGES and more go to files when
 * they leave the memory (prefix_disk.h), or earlier, when a session ends (prefix_session.h).
 *
 * Lock: `prefix->lock` guards the tree; it is taken before the page pool's. `prefix->path_lock`,
 * for who writes an evicted page, is taken before both.
 */
#ifndef ENGINE_PREFIX_H
#define ENGINE_PREFIX_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "engine/prefix_disk.h"
#include "kv/kv.h"

/* What the paths of sessions with the same options begin at. */
struct prefix_root {
    uint64_t serial;
    size_t users; /* sessions, and nodes on its paths; without any it goes */
    struct prefix_origin origin;
    struct prefix_root *next;
};

struct prefix_node {
    uint64_t serial, parent; /* of the node above, or of the root */
    const struct prefix_root *root;
    const struct prefix_node *above; /* NULL below the root; gone where its serial isn't `parent` */
    int32_t ids[KV_PAGE_TOKENS];
    struct kv_page *page;
    bool lasting;                      /* on a path that is worth keeping on disk */
    struct prefix_node *chain;         /* in the same bucket */
    struct prefix_node *newer, *older; /* by last use */
};

struct prefix {
    pthread_mutex_t lock;
    struct kv_pool *pool;
    size_t budget;             /* bytes of pages that only the cache holds */
    struct prefix_node *spare; /* nodes for pages to come: adding one allocates nothing */
    struct prefix_node **buckets;
    size_t bucket_count, count, spare_count;
    struct prefix_node *newest, *oldest;
    uint64_t next_serial;
    uint64_t hits, evictions; /* pages found; pages let go */
    struct prefix_root *roots;
    struct prefix_disk *disk; /* borrowed; NULL: none */
    pthread_mutex_t path_lock;
    int32_t *path; /* [path_pages][64] scratch: the ids of a path whose page is being written */
    size_t path_pages;
};

/* Budget 0: nothing is kept. */
primer_status prefix_create(struct prefix *prefix, struct kv_pool *pool, size_t budget,
                            struct prefix_disk *disk, primer_error *error);
void prefix_free(struct prefix *prefix); /* what is worth it goes to the disk */

/* The root of this origin, made if there is none; lives until it is released and no path begins at
 * it. */
primer_status prefix_root_of(struct prefix *prefix, const struct prefix_origin *origin,
                             const struct prefix_root **root, primer_error *error);
void prefix_root_release(struct prefix *prefix, const struct prefix_root *root);
/* Nodes and buckets for all pages that the pool has now, and room for paths of `pages`; after a
 * session was made. */
primer_status prefix_reserve(struct prefix *prefix, size_t pages, primer_error *error);

/* The serial of the node for these 64 ids after `parent`, and its page, held once for the caller;
 * 0: none. */
uint64_t prefix_find(struct prefix *prefix, uint64_t parent, const int32_t *ids,
                     struct kv_page **page);
/* Adds a full page, the last of a path of `pages` nodes above it (their serials, and ids
 * [pages + 1][64]); returns the node's serial. Where there is such a node already, *page is
 * exchanged for its page (the caller's reference moves). 0 when it could not be kept; never an
 * error. */
uint64_t prefix_add(struct prefix *prefix, const struct prefix_root *root, const uint64_t *serials,
                    const int32_t *ids, size_t pages, struct kv_page **page);
/* Marks the path of `pages` nodes (their serials, and ids [pages][64]) as used now. */
void prefix_touch(struct prefix *prefix, const struct prefix_root *root, const uint64_t *serials,
                  const int32_t *ids, size_t pages);
/* Lets the least recently used go until the budget holds. */
void prefix_trim(struct prefix *prefix);

#endif
