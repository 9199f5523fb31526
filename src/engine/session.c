/* session.c - one timeline of tokens: sync, append, rewind, fork.
 *
 *   ids   | 0 ........ computed ........ count |  ........ context
 *           KV in the cache    to be computed     free
 */
#include "engine/engine.h"

#include <string.h>

#include "engine/engine_adapter.h"
#include "engine/prefix_session.h"

static const enum quant_type kv_types[] = {
    [PRIMER_KV_F16] = QUANT_F16,
    [PRIMER_KV_F32] = QUANT_F32,
    [PRIMER_KV_BF16] = QUANT_BF16,
    [PRIMER_KV_Q8_0] = QUANT_Q8_0,
};

/* The most positions that Self-Extend reaches: (L - W) * G + W (Jin et al. 2024, section 3.2). */
static bool reach_of(size_t trained, size_t group, size_t window, size_t *reach)
{
    return memory_product(trained - window, group, reach) && memory_sum(*reach, window, reach);
}

static primer_status check_self_extend(const struct model *model, primer_session_options *o,
                                       size_t *most, primer_error *error)
{
    const size_t g = o->self_extend_group, w = o->self_extend_window;
    if (g <= 1) {
        o->self_extend_group = o->self_extend_window = 0;
        return PRIMER_OK;
    }
    if (w == 0 || w % g != 0 || w >= model->context)
        return error_set(
            error, PRIMER_EINVAL,
            "Self-Extend: the window is %zu, expected a multiple of the group, %zu, below the "
            "trained context, %zu",
            w, g, model->context);
    if (model->window != 0)
        return error_set(error, PRIMER_EINVAL,
                         "Self-Extend: this model has a sliding window of %zu, which hides "
                         "the keys it would reach",
                         model->window);
    if (!reach_of(model->context, g, w, most))
        return error_set(error, PRIMER_EINVAL, "Self-Extend: a group of %zu is too large", g);
    return PRIMER_OK;
}

static primer_status fill_options(const primer_model *m, const primer_session_options *given,
                                  primer_session_options *o, primer_error *error)
{
    const struct model *model = m->model;
    *o = given != NULL ? *given : (primer_session_options){0};
    size_t most = model->context;
    FORWARD(check_self_extend(model, o, &most, error));
    if (o->context == 0) {
        o->context = most;
        if (o->self_extend_group == 0 && most > ENGINE_DEFAULT_CONTEXT)
            o->context = ENGINE_DEFAULT_CONTEXT;
    }
    if (o->self_extend_group > 1 && o->context > most)
        return error_set(
            error, PRIMER_ELIMIT,
            "Self-Extend with group %zu and window %zu reaches (%zu - %zu) * %zu + %zu = %zu "
            "positions; a context of %zu was asked for",
            o->self_extend_group, o->self_extend_window, model->context, o->self_extend_window,
            o->self_extend_group, o->self_extend_window, most, o->context);
    if (o->chunk == 0)
        o->chunk = ENGINE_DEFAULT_CHUNK;
    if (o->chunk > ENGINE_PASS_TOKENS)
        o->chunk = ENGINE_PASS_TOKENS;
    if (o->drop_oldest && (o->context < 8 || o->keep > o->context / 2))
        return error_set(error, PRIMER_EINVAL,
                         "drop_oldest keeps the first %zu tokens of a context of %zu; at most half "
                         "can be kept, and "
                         "the context must be 8 or more",
                         o->keep, o->context);
    if ((size_t)o->kv_format >= sizeof kv_types / sizeof *kv_types)
        return error_set(error, PRIMER_EINVAL, "unknown KV format %d", (int)o->kv_format);
    return PRIMER_OK;
}

static primer_status make_pool(primer_model *m, const struct kv_geometry *geometry,
                               struct engine_pool **entry, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct engine_pool *made = memory_allocate(1, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "a KV pool", sizeof *made);
    TRY(kv_pool_create(&made->pool, geometry, error));
    TRY(prefix_create(&made->prefix, made->pool, m->prefix_budget, m->disk, error));
    made->next = m->pools;
    m->pools = *entry = made;
    made = NULL;
cleanup:
    if (made != NULL)
        kv_pool_free(made->pool);
    memory_free(made);
    return status;
}

static primer_status find_pool(primer_model *m, const struct kv_geometry *geometry,
                               struct engine_pool **pool, primer_error *error)
{
    primer_status status = PRIMER_OK;
    pthread_mutex_lock(&m->pools_lock);
    struct engine_pool *entry = m->pools;
    while (entry != NULL && (kv_pool_geometry(entry->pool)->format != geometry->format ||
                             kv_pool_geometry(entry->pool)->rotary != geometry->rotary))
        entry = entry->next;
    if (entry == NULL)
        status = make_pool(m, geometry, &entry, error);
    pthread_mutex_unlock(&m->pools_lock);
    if (status == PRIMER_OK)
        *pool = entry;
    return status;
}

static primer_status make_cache(primer_session *s, primer_error *error)
{
    primer_model *m = s->model;
    struct engine_pool *pool = NULL;
    struct kv_geometry geometry = {
        .layers = m->model->layer_count,
        .heads = m->model->kv_heads,
        .dimensions = m->model->head_dimensions,
        .rotary = s->options.self_extend_group > 1 ? m->model->rotary_dimensions : 0,
        .format = kv_types[s->options.kv_format],
    };
    size_t bytes;
    FORWARD(kv_geometry_init(&geometry, error));
    const size_t pages = s->options.context / KV_PAGE_TOKENS + 1;
    if (!memory_product(pages, geometry.page_bytes, &bytes))
        return error_set(error, PRIMER_ELIMIT, "a KV cache for %zu tokens does not fit a size",
                         s->options.context);
    FORWARD(engine_memory_check(m, bytes, m->scheduler.pass.bytes, s->options.context, error));
    FORWARD(find_pool(m, &geometry, &pool, error));
    FORWARD(kv_cache_create(&s->cache, pool->pool, s->options.context, error));
    s->prefix = &pool->prefix;
    atomic_fetch_add(&m->kv_reserved, s->cache.capacity * geometry.page_bytes);
    s->serials = memory_allocate(s->cache.capacity, sizeof *s->serials);
    if (s->serials == NULL)
        return memory_failure(error, "a session's pages", s->cache.capacity * sizeof *s->serials);
    FORWARD(prefix_session_root(s, &s->adapters.set, &s->prefix_root, error));
    return prefix_reserve(s->prefix, s->cache.capacity, error);
}

primer_status primer_session_create(primer_model *model, const primer_session_options *options,
                                    primer_session **session, primer_error *error)
{
    primer_status status = PRIMER_OK;
    FORWARD(engine_vocabulary_refuse(model, "a session", error));
    primer_session *s = memory_allocate(1, sizeof *s);
    if (s == NULL)
        return memory_failure(error, "a session", sizeof *s);
    s->model = model;
    atomic_fetch_add(&model->references, 1);
    atomic_init(&s->cancel, false);
    TRY(fill_options(model, options, &s->options, error));
    TRY(engine_adapter_attach(model, s->options.adapters, s->options.adapter_count, &s->adapters,
                              error));
    s->options.adapters = s->adapters.uses;
    s->options.adapter_count = s->adapters.count;
    TRY(model_rotary(model->model,
                     &(struct model_options){s->options.rope_base, s->options.rope_scale,
                                             s->options.self_extend_group,
                                             s->options.self_extend_window},
                     &s->rotary, error));
    s->ids = memory_allocate(s->options.context, sizeof *s->ids);
    s->shortened = memory_allocate(s->options.context, sizeof *s->shortened);
    s->logits = memory_allocate_aligned(model->model->vocabulary, sizeof *s->logits);
    if (s->ids == NULL || s->shortened == NULL || s->logits == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for a session of %zu tokens", s->options.context);
    TRY(make_cache(s, error));
    *session = s;
    s = NULL;
cleanup:
    primer_session_free(s);
    return status;
}

void primer_session_free(primer_session *session)
{
    if (session == NULL)
        return;
    primer_session *s = session;
    if (s->cache.pool != NULL)
        atomic_fetch_sub(&s->model->kv_reserved,
                         s->cache.capacity * kv_pool_geometry(s->cache.pool)->page_bytes);
    if (s->published > 0)
        prefix_touch(s->prefix, s->prefix_root, s->serials, s->ids, s->published);
    prefix_session_store(s);
    kv_cache_free(&s->cache);
    if (s->prefix != NULL)
        prefix_trim(s->prefix);
    if (s->prefix_root != NULL)
        prefix_root_release(s->prefix, s->prefix_root);
    memory_free(s->serials);
    rotary_free(&s->rotary);
    memory_free(s->ids);
    memory_free(s->shortened);
    memory_free(s->logits);
    engine_adapter_release(&s->adapters);
    primer_model_free(s->model);
    memory_free(s);
}

primer_model *primer_session_model(const primer_session *session)
{
    return session->model;
}

size_t primer_session_context(const primer_session *session)
{
    return session->options.context;
}

const int32_t *primer_session_tokens(const primer_session *session, size_t *count)
{
    *count = session->count;
    return session->ids;
}

const float *primer_session_logits(const primer_session *session)
{
    return session->logits_valid ? session->logits : NULL;
}

void primer_session_cancel(primer_session *session)
{
    atomic_store(&session->cancel, true);
}

void session_truncate(primer_session *session, size_t count)
{
    if (count == session->count && count == session->computed)
        return;
    if (session->published > count / KV_PAGE_TOKENS) /* leaves pages to the prefix cache */
        prefix_touch(session->prefix, session->prefix_root, session->serials, session->ids,
                     session->published);
    session->count = count;
    if (session->computed > count)
        session->computed = count;
    kv_cache_truncate(&session->cache, session->computed);
    session->logits_valid = false;
    session->foreign = session->foreign && session->computed > 0;
    if (session->published > session->computed / KV_PAGE_TOKENS)
        session->published = session->computed / KV_PAGE_TOKENS;
}

void session_publish(primer_session *session)
{
    primer_session *s = session;
    while (!s->foreign && (s->published + 1) * KV_PAGE_TOKENS <= s->computed) {
        const size_t i = s->published;
        s->serials[i] =
            prefix_add(s->prefix, s->prefix_root, s->serials, s->ids, i, &s->cache.pages[i]);
        if (s->serials[i] == 0)
            return;
        s->published++;
    }
}

primer_status session_check_ids(const primer_session *session, const int32_t *ids, size_t count,
                                primer_error *error)
{
    const size_t vocabulary = session->model->model->vocabulary;
    for (size_t i = 0; i < count; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= vocabulary)
            return error_set(error, PRIMER_EINVAL, "token %zu is %d, expected 0 to %zu", i, ids[i],
                             vocabulary - 1);
    return PRIMER_OK;
}

primer_status session_take_cancel(primer_session *session, primer_error *error)
{
    if (!atomic_exchange(&session->cancel, false))
        return PRIMER_OK;
    return error_set(error, PRIMER_ECANCELED, "cancelled with %zu of %zu tokens read",
                     session->computed, session->count);
}

primer_status session_pass(primer_session *session, size_t tokens, float *hidden, bool logits,
                           primer_error *error)
{
    primer_session *s = session;
    const size_t from = s->computed;
    FORWARD(session_take_cancel(s, error));
    kv_cache_prepare(&s->cache, from, from + tokens);
    struct scheduler_work work = {
        .cache = &s->cache,
        .rotary = &s->rotary,
        .adapters = &s->adapters.set,
        .ids = s->ids + from,
        .start = from,
        .tokens = tokens,
        .behind = s->count > from + tokens ? s->count - from - tokens : 0,
        .want = logits ? SCHEDULER_LAST : SCHEDULER_NONE,
        .logits = s->logits,
        .hidden = hidden,
        .cancel = &s->cancel,
    };
    primer_status status = scheduler_run(&s->model->scheduler, &work, error);
    if (status == PRIMER_ECANCELED)
        status = session_take_cancel(s, error);
    s->computed = from + work.done;
    kv_cache_truncate(&s->cache, s->computed);
    s->logits_valid = status == PRIMER_OK && logits && work.done == tokens;
    session_publish(s);
    return status;
}

primer_status session_compute(primer_session *session, primer_progress *progress, void *context,
                              primer_error *error)
{
    primer_session *s = session;
    FORWARD(session_take_cancel(s, error));
    if (s->computed == s->count && s->logits_valid)
        return PRIMER_OK;
    if (s->computed == s->count) { /* the logits must come from somewhere: the last token again */
        s->computed--;
        kv_cache_truncate(&s->cache, s->computed);
        if (s->published > s->computed / KV_PAGE_TOKENS)
            s->published--;
    }
    const uint64_t start = clock_nanoseconds();
    const size_t first = s->computed, missing = s->count - first;
    primer_status status = PRIMER_OK;
    while (status == PRIMER_OK && s->computed < s->count) {
        const size_t left = s->count - s->computed;
        const size_t tokens = left < s->options.chunk ? left : s->options.chunk;
        if (progress != NULL)
            progress(context, s->computed, s->count);
        status = session_pass(s, tokens, NULL, tokens == left, error);
    }
    if (progress != NULL && status == PRIMER_OK)
        progress(context, s->count, s->count);
    const double seconds = clock_seconds_since(start);
    const size_t done = s->computed - first;
    if (missing == 1) {
        s->statistics.generated_tokens += done;
        s->statistics.generate_seconds += seconds;
    } else {
        s->statistics.prompt_tokens += done;
        s->statistics.prompt_seconds += seconds;
    }
    return status;
}

/* The same for callers who want what was read, and no more, where it fails. */
static primer_status compute_or_cut(primer_session *s, primer_progress *progress, void *context,
                                    primer_error *error)
{
    const primer_status status = session_compute(s, progress, context, error);
    if (status != PRIMER_OK)
        session_truncate(s, s->computed);
    return status;
}

/* Shortens ids to the context by whole quarters of it, after the first `keep`; to
 * session->shortened. */
static size_t shorten(primer_session *s, const int32_t *ids, size_t count)
{
    const size_t quarter = s->options.context / 4, keep = s->options.keep;
    const size_t over = count - s->options.context;
    const size_t drop = (over + quarter - 1) / quarter * quarter;
    memcpy(s->shortened, ids, keep * sizeof *ids);
    memcpy(s->shortened + keep, ids + keep + drop, (count - keep - drop) * sizeof *ids);
    s->statistics.dropped_tokens += drop;
    return count - drop;
}

void session_drop_quarter(primer_session *session)
{
    primer_session *s = session;
    const size_t quarter = s->options.context / 4, keep = s->options.keep;
    const size_t count = s->count - quarter;
    session_truncate(s, keep); /* the ids still say which pages these were */
    memmove(s->ids + keep, s->ids + keep + quarter, (count - keep) * sizeof *s->ids);
    s->count = count;
    s->statistics.dropped_tokens += quarter;
}

primer_status primer_session_sync(primer_session *session, const int32_t *ids, size_t count,
                                  primer_progress *progress, void *context, primer_error *error)
{
    primer_session *s = session;
    if (count == 0)
        return error_set(error, PRIMER_EINVAL, "an empty prompt: at least one token is needed");
    FORWARD(session_check_ids(s, ids, count, error));
    if (count > s->options.context) {
        if (!s->options.drop_oldest)
            return error_set(error, PRIMER_ELIMIT,
                             "the prompt has %zu tokens, the context holds %zu", count,
                             s->options.context);
        count = shorten(s, ids, count);
        ids = s->shortened;
    }
    size_t same = 0;
    while (same < count && same < s->computed && ids[same] == s->ids[same])
        same++;
    if (same != count || s->count != count) {
        const size_t left = s->published;
        session_truncate(s, same);
        if (s->published < left)
            prefix_trim(s->prefix);
    }
    const size_t found = prefix_session_take(s, ids, same, count);
    if (found != s->computed)
        s->logits_valid = false;
    memmove(s->ids + same, ids + same, (count - same) * sizeof *ids);
    s->count = count;
    s->computed = found;
    s->statistics.reused_tokens += found;
    session_publish(s);
    return compute_or_cut(s, progress, context, error);
}

primer_status primer_session_append(primer_session *session, int32_t id, primer_error *error)
{
    primer_session *s = session;
    FORWARD(session_check_ids(s, &id, 1, error));
    if (s->count == s->options.context) {
        if (!s->options.drop_oldest)
            return error_set(error, PRIMER_ELIMIT, "the context of %zu tokens is full",
                             s->options.context);
        session_drop_quarter(s);
    }
    s->ids[s->count++] = id;
    return compute_or_cut(s, NULL, NULL, error);
}

primer_status primer_session_rewind(primer_session *session, size_t count, primer_error *error)
{
    if (count > session->count)
        return error_set(error, PRIMER_EINVAL, "cannot rewind to %zu tokens: the session holds %zu",
                         count, session->count);
    const size_t left = session->published;
    session_truncate(session, count);
    if (session->published < left)
        prefix_trim(session->prefix);
    return PRIMER_OK;
}

primer_status primer_session_set_adapters(primer_session *session, const primer_adapter_use *uses,
                                          size_t count, primer_error *error)
{
    primer_session *s = session;
    primer_status status = PRIMER_OK;
    struct engine_adapters made = {0};
    const struct prefix_root *root = NULL;
    TRY(engine_adapter_attach(s->model, uses, count, &made, error));
    if (adapter_set_same(&made.set, &s->adapters.set))
        goto cleanup; /* what is held stays */
    TRY(prefix_session_root(s, &made.set, &root, error));
    session_truncate(s, 0);
    prefix_trim(s->prefix);
    prefix_root_release(s->prefix, s->prefix_root);
    s->prefix_root = root;
    const struct engine_adapters before = s->adapters;
    s->adapters = made;
    made = before;
    s->options.adapter_count = s->adapters.count;
cleanup:
    engine_adapter_release(&made);
    return status;
}

primer_status primer_session_fork(primer_session *session, primer_session **fork,
                                  primer_error *error)
{
    primer_session *s = session, *f = NULL;
    FORWARD(primer_session_create(s->model, &s->options, &f, error));
    kv_cache_share(&s->cache, &f->cache, s->computed);
    memcpy(f->serials, s->serials, s->published * sizeof *s->serials);
    f->published = s->published;
    f->foreign = s->foreign;
    memcpy(f->ids, s->ids, s->count * sizeof *s->ids);
    f->count = s->count;
    f->computed = s->computed;
    f->logits_valid = s->logits_valid;
    if (s->logits_valid)
        memcpy(f->logits, s->logits, s->model->model->vocabulary * sizeof *s->logits);
    *fork = f;
    return PRIMER_OK;
}

void primer_session_statistics(const primer_session *session, primer_statistics *statistics)
{
    const primer_session *s = session;
    *statistics = s->statistics;
    statistics->tokens = s->count;
    statistics->context = s->options.context;
    statistics->kv_bytes = s->cache.count * kv_pool_geometry(s->cache.pool)->page_bytes;
    statistics->scratch_bytes = s->model->scheduler.pass.bytes;
}
