/* engine_model.c - opening a model file, and what can be asked of it. */
#include "engine/engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/pool.h"
#include "constraint/constraint.h"

#define MIB (1024.0 * 1024.0)

void primer_free(void *block)
{
    memory_free(block);
}

/* Without what only a prefix cache holds, which was promised to nobody. */
static size_t pages_of_sessions(struct kv_pool *pool)
{
    const size_t kept = kv_pool_pages_kept(pool), used = kv_pool_pages_used(pool);
    return used > kept ? used - kept : 0;
}

/* Bytes of KV pages that sessions have filled: they are missing from what is available already. */
static uint64_t kv_in_use(primer_model *model)
{
    uint64_t bytes = 0;
    pthread_mutex_lock(&model->pools_lock);
    for (const struct engine_pool *entry = model->pools; entry != NULL; entry = entry->next)
        bytes += pages_of_sessions(entry->pool) * kv_pool_geometry(entry->pool)->page_bytes;
    pthread_mutex_unlock(&model->pools_lock);
    return bytes;
}

/* What waits for this model's later sessions goes before anything is refused. */
static void give_back_pages(primer_model *model)
{
    pthread_mutex_lock(&model->pools_lock);
    for (struct engine_pool *entry = model->pools; entry != NULL; entry = entry->next)
        kv_pool_give_back(entry->pool);
    pthread_mutex_unlock(&model->pools_lock);
}

primer_status engine_memory_check(primer_model *model, uint64_t more_kv, uint64_t scratch,
                                  size_t context, primer_error *error)
{
    uint64_t space = cpu_address_space_left(), available = cpu_memory_available();
    const uint64_t weights = model->information.weight_bytes;
    const uint64_t promised = atomic_load(&model->kv_reserved), used = kv_in_use(model);
    const uint64_t kv = more_kv + (promised > used ? promised - used : 0);
    if (more_kv > space || (!model->ignore_memory && weights + kv + scratch > available)) {
        give_back_pages(model);
        space = cpu_address_space_left();
        available = cpu_memory_available();
    }
    if (!model->ignore_memory && more_kv > space) /* weights are mapped, scratch is there */
        return error_set(
            error, PRIMER_ENOMEM,
            "%s: a KV cache of %.0f MiB for %zu tokens exceeds the %.0f MiB that the limit on "
            "address space (ulimit -v) leaves; use a smaller context (-c), a smaller KV format "
            "(--kv q8_0), or raise the limit",
            gguf_path(model->gguf), (double)more_kv / MIB, context, (double)space / MIB);
    if (model->ignore_memory || available == UINT64_MAX || weights + kv + scratch <= available)
        return PRIMER_OK;
    if (more_kv == 0)
        return error_set(
            error, PRIMER_ENOMEM,
            "%s: the weights take %.0f MiB and %.0f MiB of memory are available; use a smaller "
            "quantization, or ignore this check (--ignore-memory)",
            gguf_path(model->gguf), (double)(weights + scratch) / MIB, (double)available / MIB);
    return error_set(
        error, PRIMER_ENOMEM,
        "%s: weights of %.0f MiB and a KV cache of %.0f MiB for %zu tokens exceed the %.0f MiB of "
        "memory available; use a smaller context (-c), a smaller KV format (--kv q8_0), or ignore "
        "this check (--ignore-memory)",
        gguf_path(model->gguf), (double)weights / MIB, (double)(kv + scratch) / MIB, context,
        (double)available / MIB);
}

static char *copy_key(const struct gguf *gguf, const char *key)
{
    struct gguf_string text = {NULL, 0};
    if (gguf_get_string(gguf, key, &text, NULL) != PRIMER_OK || text.bytes == NULL)
        return NULL;
    return memory_copy_bytes(text.bytes, text.length);
}

static primer_status fill_information(primer_model *m, primer_error *error)
{
    const struct model *model = m->model;
    primer_model_information *info = &m->information;
    m->name = copy_key(m->gguf, "general.name");
    m->chat_template = copy_key(m->gguf, "tokenizer.chat_template");
    m->tool_template = copy_key(m->gguf, "tokenizer.chat_template.tool_use");
    if (m->name == NULL)
        m->name = memory_copy_text(file_base_name(gguf_path(m->gguf)));
    if (m->name == NULL)
        return memory_failure(error, "the model's name", 0);
    *info = (primer_model_information){
        .path = gguf_path(m->gguf),
        .name = m->name,
        .architecture = model->architecture->name,
        .type = engine_main_type(m->gguf),
        .chat_template = m->chat_template,
        .tool_template = m->tool_template,
        .level = cpu_level_name(m->kernel->level),
        .parameters = model->parameters,
        .file_bytes = gguf_map(m->gguf)->size,
        .weight_bytes = model->step_bytes,
        .vocabulary = model->vocabulary,
        .context = model->context,
        .embedding = model->embedding,
        .layers = model->layer_count,
        .heads = model->heads,
        .kv_heads = model->kv_heads,
        .head_dimension = model->head_dimensions,
        .feed_forward = model->feed_forward,
        .sliding_window = model->window,
        .threads = pool_size(m->pool),
    };
    m->longest_token = tokenizer_longest(m->tokenizer);
    m->vocabulary_hash = tokenizer_hash(m->tokenizer);
    info->vocabulary_hash = m->vocabulary_hash;
    return PRIMER_OK;
}

static void destroy(primer_model *m)
{
    while (m->pools != NULL) {
        struct engine_pool *entry = m->pools;
        m->pools = entry->next;
        prefix_free(&entry->prefix);
        kv_pool_free(entry->pool);
        memory_free(entry);
    }
    prefix_disk_free(m->disk);
    scheduler_free(&m->scheduler);
    pool_free(m->pool);
    constraint_vocabulary_free(m->constraint_vocabulary);
    tokenizer_free(m->tokenizer);
    model_free(m->model);
    gguf_free(m->gguf);
    memory_free(m->name);
    memory_free(m->chat_template);
    memory_free(m->tool_template);
    pthread_mutex_destroy(&m->pools_lock);
    pthread_mutex_destroy(&m->constraint_lock);
    memory_free(m);
}

void primer_model_statistics(primer_model *model, primer_totals *totals)
{
    struct scheduler_counts counts;
    scheduler_count(&model->scheduler, &counts);
    *totals = (primer_totals){.passes = counts.passes,
                              .tokens = counts.tokens,
                              .joined_passes = counts.joined_passes,
                              .joined_tokens = counts.joined_tokens};
    memcpy(totals->pass_sizes, counts.pass_sizes, sizeof totals->pass_sizes);
    pthread_mutex_lock(&model->pools_lock);
    for (struct engine_pool *entry = model->pools; entry != NULL; entry = entry->next) {
        pthread_mutex_lock(&entry->prefix.lock);
        totals->prefix_hits += entry->prefix.hits;
        totals->prefix_evictions += entry->prefix.evictions;
        pthread_mutex_unlock(&entry->prefix.lock);
        totals->prefix_bytes +=
            kv_pool_pages_kept(entry->pool) * kv_pool_geometry(entry->pool)->page_bytes;
    }
    pthread_mutex_unlock(&model->pools_lock);
}

/* Bytes for pages that no session holds: what was asked for, else an eighth of the memory, at most
 * 1 GiB. */
static size_t prefix_budget(const primer_model_options *options)
{
    const uint64_t eighth = cpu_memory_available() / 8, most = (uint64_t)1 << 30;
    if (options != NULL && options->no_prefix_cache)
        return 0;
    if (options != NULL && options->prefix_cache_bytes != 0)
        return options->prefix_cache_bytes;
    return (size_t)(eighth < most ? eighth : most);
}

/* Opening's work for all threads: one builds the tokenizer while the others enter the weights in
 * the page table, a step at a time (small ones: who takes memory meanwhile waits for one). */
#define FETCH_STEP ((size_t)4 << 20)

struct preparation {
    primer_model *model;
    primer_status status;
    primer_error *error;
};

static void prepare(void *context, size_t task, size_t thread)
{
    struct preparation *preparation = context;
    primer_model *m = preparation->model;
    (void)thread;
    if (task > 0)
        file_map_fetch(gguf_map(m->gguf), (task - 1) * FETCH_STEP, FETCH_STEP);
    else
        preparation->status = tokenizer_from_gguf(&m->tokenizer, m->gguf, preparation->error);
}

static primer_status prepare_all(primer_model *m, primer_error *error)
{
    struct preparation preparation = {m, PRIMER_OK, error};
    pool_run(m->pool, prepare, &preparation, 1 + gguf_map(m->gguf)->size / FETCH_STEP + 1);
    return preparation.status;
}

/* The cache on disk, where a folder was named and it is known which file the model came from. */
static primer_status open_disk(primer_model *m, const primer_model_options *options,
                               primer_error *error)
{
    const char *folder = options != NULL ? options->prefix_folder : NULL;
    if (folder == NULL || *folder == '\0' || m->prefix_budget == 0 ||
        !prefix_disk_identify(m->gguf, m->identity, &m->origin))
        return PRIMER_OK;
    return prefix_disk_create(&m->disk, folder, options->prefix_folder_bytes, error);
}

/* Takes over `gguf`, also when it fails. */
static primer_status open_gguf(struct gguf *gguf, const primer_model_options *options,
                               primer_model **model, primer_error *error)
{
    primer_status status = PRIMER_OK;
    primer_model *m = memory_allocate(1, sizeof *m);
    if (m == NULL) {
        gguf_free(gguf);
        return memory_failure(error, "a model", sizeof *m);
    }
    m->gguf = gguf;
    atomic_init(&m->references, 1);
    atomic_init(&m->kv_reserved, 0);
    pthread_mutex_init(&m->pools_lock, NULL);
    pthread_mutex_init(&m->constraint_lock, NULL);
    m->ignore_memory = options != NULL && options->ignore_memory;
    m->prefix_budget = prefix_budget(options);
    m->kernel = kernel_best();
    TRY(model_create(&m->model, gguf, error));
    m->information.weight_bytes = m->model->step_bytes;
    TRY(engine_memory_check(m, 0, 0, 0, error));
    TRY(pool_create(&m->pool, options != NULL ? options->threads : 0, error));
    TRY(prepare_all(m, error));
    TRY(fill_information(m, error));
    TRY(scheduler_create(&m->scheduler, m->model, m->kernel, m->pool, error));
    m->identity = engine_identity(gguf);
    TRY(open_disk(m, options, error));
    *model = m;
    m = NULL;
cleanup:
    if (m != NULL)
        destroy(m);
    return status;
}

primer_status primer_model_open(const char *path, const primer_model_options *options,
                                primer_model **model, primer_error *error)
{
    struct gguf *gguf = NULL;
    if (options != NULL && options->vocabulary_only)
        return engine_vocabulary_open(path, model, error);
    FORWARD(gguf_open(&gguf, path, error));
    return open_gguf(gguf, options, model, error);
}

primer_status primer_model_open_memory(const void *bytes, size_t size, const char *name,
                                       const primer_model_options *options, primer_model **model,
                                       primer_error *error)
{
    struct gguf *gguf = NULL;
    FORWARD(gguf_open_memory(&gguf, bytes, size, name, error));
    return open_gguf(gguf, options, model, error);
}

void primer_model_free(primer_model *model)
{
    if (model != NULL && atomic_fetch_sub(&model->references, 1) == 1)
        destroy(model);
}

const primer_model_information *primer_model_info(const primer_model *model)
{
    return &model->information;
}
