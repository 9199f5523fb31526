/* prefix_session.c - see prefix_session.h. */
#include "engine/prefix_session.h"

#include <string.h>

#include "base/hash.h"
#include "base/pool.h"

#define SLICE 8 /* pages read from the disk in one job of the threads, at most */

primer_status prefix_session_root(const primer_session *session, const struct adapter_set *adapters,
                                  const struct prefix_root **root, primer_error *error)
{
    const primer_session *s = session;
    const struct kv_geometry *g = kv_pool_geometry(s->cache.pool);
    const struct prefix_origin origin = {
        .numerics = ENGINE_NUMERICS,
        .program = hash_bytes(PRIMER_VERSION, sizeof PRIMER_VERSION, 0),
        .model = s->model->origin,
        .format = (uint64_t)g->format,
        .layers = g->layers,
        .heads = g->heads,
        .dimensions = g->dimensions,
        .rotary = g->rotary,
        .page_bytes = g->page_bytes,
        .trained = s->model->model->context,
        .group = s->options.self_extend_group,
        .window = s->options.self_extend_window,
        .rope_base = s->options.rope_base,
        .rope_scale = s->options.rope_scale,
        .adapters = {adapters->identity[0], adapters->identity[1]},
    };
    return prefix_root_of(s->prefix, &origin, root, error);
}

/* ---- from the disk --------------------------------------------------------------------------- */

struct slice {
    primer_session *session;
    struct prefix_file files[SLICE];
    bool good[SLICE];
    size_t count;
};

static void load_one(void *context, size_t task, size_t thread)
{
    (void)thread;
    struct slice *slice = context;
    const struct prefix_file *file = &slice->files[task];
    const primer_session *s = slice->session;
    slice->good[task] =
        prefix_disk_load(s->prefix->disk, file, s->cache.pages[file->index]->memory);
}

/* Lists the files there are for ids [pages][64] from page `index` on; `key` is that before it. */
static void list_slice(struct slice *slice, struct prefix_key *key, const int32_t *ids,
                       size_t index, size_t pages, int64_t now)
{
    const primer_session *s = slice->session;
    const size_t threads = pool_size(s->model->pool),
                 most = 2 * threads < SLICE ? 2 * threads : SLICE;
    for (slice->count = 0; slice->count < most && index < pages; slice->count++, index++) {
        *key = prefix_disk_next(key, ids + index * KV_PAGE_TOKENS);
        if (!prefix_disk_has(s->prefix->disk, key))
            return;
        slice->files[slice->count] =
            (struct prefix_file){&s->prefix_root->origin, *key, ids, index, now};
    }
}

/* How many pages of the slice are good from its first on; those past them are given back. */
static size_t load_slice(struct slice *slice)
{
    primer_session *s = slice->session;
    const size_t first = slice->files[0].index;
    size_t good = 0;
    kv_cache_truncate(&s->cache, first * KV_PAGE_TOKENS);
    kv_cache_prepare(&s->cache, first * KV_PAGE_TOKENS, (first + slice->count) * KV_PAGE_TOKENS);
    pool_run(s->model->pool, load_one, slice, slice->count);
    while (good < slice->count && slice->good[good])
        good++;
    kv_cache_truncate(&s->cache, (first + good) * KV_PAGE_TOKENS);
    return good;
}

/* Pages from `index` on, which memory doesn't have; the session holds `same` tokens. */
static size_t restore(primer_session *s, const int32_t *ids, size_t index, size_t same,
                      size_t count)
{
    const size_t pages = (count - 1) / KV_PAGE_TOKENS; /* one token stays to be computed */
    const int64_t now = prefix_disk_now();
    struct prefix_key key = prefix_disk_root(&s->prefix_root->origin);
    struct slice slice = {.session = s};
    for (size_t i = 0; i < index; i++)
        key = prefix_disk_next(&key, ids + i * KV_PAGE_TOKENS);
    while (index < pages && !atomic_load(&s->cancel)) {
        list_slice(&slice, &key, ids, index, pages, now);
        if (slice.count == 0)
            break;
        const size_t good = load_slice(&slice);
        index += good;
        same = index * KV_PAGE_TOKENS;
        s->statistics.restored_tokens += good * KV_PAGE_TOKENS;
        if (good < slice.count)
            break;
    }
    return same;
}

size_t prefix_session_take(primer_session *session, const int32_t *ids, size_t same, size_t count)
{
    primer_session *s = session;
    const size_t held = same;
    size_t i = same / KV_PAGE_TOKENS;
    if (i > s->published)
        return same;
    for (; (i + 1) * KV_PAGE_TOKENS < count; i++) {
        struct kv_page *page;
        const uint64_t parent = i > 0 ? s->serials[i - 1] : s->prefix_root->serial;
        const uint64_t serial = prefix_find(s->prefix, parent, ids + i * KV_PAGE_TOKENS, &page);
        if (serial == 0)
            break;
        kv_cache_place(&s->cache, i, page);
        s->serials[i] = serial;
        s->published = i + 1;
        same = (i + 1) * KV_PAGE_TOKENS;
    }
    s->statistics.shared_tokens += same - held;
    return s->prefix->disk != NULL ? restore(s, ids, i, same, count) : same;
}

/* ---- to the disk ----------------------------------------------------------------------------- */

void prefix_session_store(primer_session *session)
{
    const primer_session *s = session;
    const size_t pages = s->foreign ? 0 : s->computed / KV_PAGE_TOKENS;
    if (s->prefix == NULL || s->prefix->disk == NULL || s->prefix_root == NULL ||
        pages < PREFIX_DISK_PAGES)
        return;
    struct prefix_file file = {.origin = &s->prefix_root->origin,
                               .key = prefix_disk_root(&s->prefix_root->origin),
                               .ids = s->ids,
                               .now = prefix_disk_now()};
    for (; file.index < pages; file.index++) {
        file.key = prefix_disk_next(&file.key, s->ids + file.index * KV_PAGE_TOKENS);
        prefix_disk_store(s->prefix->disk, &file, s->cache.pages[file.index]->memory);
    }
}
