/* engine_adapter.c - adapters of a model, and what a session has of them.
 *
 * An adapter lives as long as its owner or a session holds it, and the model as long as an adapter.
 * Adapters of another model's are refused: names and shapes were checked against one.
 */
#include "engine/engine_adapter.h"

#include <string.h>

static primer_status describe(struct primer_adapter *a, const char *path, primer_error *error)
{
    a->path = memory_copy_text(path);
    if (a->path == NULL)
        return memory_failure(error, "an adapter's path", strlen(path));
    uint64_t parameters = 0;
    for (size_t i = 0; i < a->adapter.data.count; i++) {
        const struct adapter_tensor *const t = &a->adapter.data.tensors[i];
        parameters += (uint64_t)t->rank * (t->rows + t->columns);
    }
    a->information = (primer_adapter_information){.path = a->path,
                                                  .rank = a->adapter.rank,
                                                  .matrices = a->adapter.data.count,
                                                  .parameters = parameters};
    return PRIMER_OK;
}

primer_status primer_adapter_open(primer_model *model, const char *path, primer_adapter **adapter,
                                  primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct adapter_data data = {0};
    struct primer_adapter *a = memory_allocate(1, sizeof *a);
    if (a == NULL)
        return memory_failure(error, "an adapter", sizeof *a);
    atomic_init(&a->references, 1);
    TRY(adapter_read(&data, model->model, path, error));
    TRY(adapter_create(&a->adapter, model->model, &data, path, error));
    TRY(describe(a, path, error));
    atomic_fetch_add(&model->references, 1);
    a->model = model;
    *adapter = a;
    a = NULL;
cleanup:
    primer_adapter_free(a);
    return status;
}

void primer_adapter_free(primer_adapter *adapter)
{
    if (adapter == NULL || atomic_fetch_sub(&adapter->references, 1) != 1)
        return;
    adapter_free(&adapter->adapter);
    memory_free(adapter->path);
    primer_model_free(adapter->model);
    memory_free(adapter);
}

const primer_adapter_information *primer_adapter_info(const primer_adapter *adapter)
{
    return &adapter->information;
}

void engine_adapter_release(struct engine_adapters *adapters)
{
    for (size_t i = 0; i < adapters->count; i++)
        primer_adapter_free(adapters->uses[i].adapter);
    *adapters = (struct engine_adapters){0};
}

/* Checks the list and counts a reference to each that is used. */
static primer_status hold(const primer_model *model, const primer_adapter_use *uses, size_t count,
                          struct engine_adapters *adapters, primer_error *error)
{
    for (size_t i = 0; i < count; i++) {
        primer_adapter *const a = uses[i].adapter;
        const size_t before = adapters->set.count;
        if (a == NULL)
            return error_set(error, PRIMER_EINVAL, "adapter %zu of a session is NULL", i);
        if (a->model != model)
            return error_set(error, PRIMER_EINVAL,
                             "the adapter %s was opened for %s, not for the session's model, %s",
                             a->path, a->model->name, model->name);
        FORWARD(adapter_set_add(&adapters->set, &a->adapter, (double)uses[i].scale, error));
        if (adapters->set.count == before)
            continue; /* of scale 0 */
        atomic_fetch_add(&a->references, 1);
        adapters->uses[adapters->count++] = uses[i];
    }
    return PRIMER_OK;
}

primer_status engine_adapter_attach(primer_model *model, const primer_adapter_use *uses,
                                    size_t count, struct engine_adapters *adapters,
                                    primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct engine_adapters made = {0};
    TRY(hold(model, uses, count, &made, error));
    if (made.set.count > 0)
        TRY(scheduler_reserve_adapters(&model->scheduler, made.set.count, made.set.rank, error));
    *adapters = made;
    made = (struct engine_adapters){0};
cleanup:
    engine_adapter_release(&made);
    return status;
}
