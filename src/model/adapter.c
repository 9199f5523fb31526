/* adapter.c - an adapter's tensors bound to a model: names, shapes, identity. */
#include "model/adapter.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"

/* ---- data ------------------------------------------------------------------------------------ */

struct adapter_data adapter_data_for(const struct model *model)
{
    return (struct adapter_data){.architecture = model->architecture,
                                 .heads = model->heads,
                                 .kv_heads = model->kv_heads,
                                 .head_dimensions = model->head_dimensions};
}

void adapter_data_free(struct adapter_data *data)
{
    for (size_t i = 0; i < data->count; i++) {
        memory_free(data->tensors[i].a);
        memory_free(data->tensors[i].b);
    }
    memory_free(data->tensors);
    data->tensors = NULL;
    data->count = 0;
}

primer_status adapter_data_add(struct adapter_data *data, const char *name, size_t rank,
                               size_t rows, size_t columns, double factor,
                               struct adapter_tensor **tensor, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct adapter_tensor made = {.rank = rank, .rows = rows, .columns = columns, .factor = factor};
    size_t a = 0, b = 0;
    if (strlen(name) >= sizeof made.name)
        return error_set(error, PRIMER_EFORMAT, "a tensor's name has %zu bytes, at most %zu",
                         strlen(name), sizeof made.name - 1);
    strcpy(made.name, name);
    if (!memory_product(rank, columns, &a) || !memory_product(rows, rank, &b))
        return error_set(error, PRIMER_ELIMIT, "%s: an adapter of rank %zu does not fit a size",
                         name, rank);
    made.a = memory_allocate(a, sizeof *made.a);
    made.b = memory_allocate(b, sizeof *made.b);
    if (made.a == NULL || made.b == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for an adapter of rank %zu", rank);
    struct adapter_tensor *const more =
        memory_resize(data->tensors, data->count + 1, sizeof *data->tensors);
    if (more == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for %zu tensors of an adapter", data->count + 1);
    data->tensors = more;
    data->tensors[data->count++] = made;
    *tensor = &data->tensors[data->count - 1];
    return PRIMER_OK;
cleanup:
    memory_free(made.a);
    memory_free(made.b);
    return status;
}

primer_status adapter_data_put(struct adapter_data *data, size_t layer, enum model_role role,
                               size_t rank, size_t rows, size_t columns, double factor,
                               const float *a, const float *b, primer_error *error)
{
    const struct model_part *const part = model_architecture_part(data->architecture, role);
    char name[MODEL_NAME_LIMIT];
    struct adapter_tensor *tensor = NULL;
    if (part == NULL)
        return error_set(error, PRIMER_EINVAL,
                         "an adapter's matrix is none that architecture %s has",
                         data->architecture->name);
    model_tensor_name(name, part->name, layer, ".weight");
    FORWARD(adapter_data_add(data, name, rank, rows, columns, factor, &tensor, error));
    memcpy(tensor->a, a, rank * columns * sizeof *a);
    memcpy(tensor->b, b, rows * rank * sizeof *b);
    return PRIMER_OK;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

primer_status adapter_read(struct adapter_data *data, const struct model *model, const char *path,
                           primer_error *error)
{
    struct stat facts;
    const bool folder = stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
    if (folder || ends_with(path, ".safetensors"))
        return adapter_peft_read(data, model, path, error);
    return adapter_gguf_read(data, model, path, error);
}

/* ---- binding --------------------------------------------------------------------------------- */

/* The roles an adapter may add to, in the order of struct adapter's pairs. */
static const enum model_role roles[] = {MODEL_QUERY, MODEL_KEY, MODEL_VALUE, MODEL_ATTENTION_OUTPUT,
                                        MODEL_GATE,  MODEL_UP,  MODEL_DOWN};
enum { ADAPTER_ROLES = sizeof roles / sizeof *roles };

static size_t place_of(enum model_role role)
{
    size_t place = 0;
    while (place < ADAPTER_ROLES && roles[place] != role)
        place++;
    return place;
}

const struct adapter_pair *adapter_pair_of(const struct adapter *adapter, size_t layer,
                                           enum model_role role)
{
    const size_t place = place_of(role);
    if (place == ADAPTER_ROLES || layer >= adapter->layers)
        return NULL;
    const struct adapter_pair *const pair = &adapter->pairs[layer * ADAPTER_ROLES + place];
    return pair->rank > 0 ? pair : NULL;
}

/* What a tensor's name says. */
struct target {
    const struct model_part *part;
    size_t layer;
};

static bool find_target(const struct model *model, const char *name, struct target *target)
{
    const struct model_form *const form = &model->architecture->form;
    size_t layer = 0;
    int end = 0;
    if (sscanf(name, "blk.%9zu.%n", &layer, &end) != 1 || end == 0 || layer >= model->layer_count)
        return false;
    for (size_t i = 0; i < form->part_count; i++) {
        char full[MODEL_NAME_LIMIT];
        const struct model_part *const part = &form->parts[i];
        if (part->role != MODEL_QUERY_KEY_VALUE && place_of(part->role) == ADAPTER_ROLES)
            continue;
        model_tensor_name(full, part->name, layer, ".weight");
        if (strcmp(full, name) == 0) {
            *target = (struct target){part, layer};
            return true;
        }
    }
    return false;
}

static primer_status check_shape(const struct model *model, const struct adapter_tensor *t,
                                 const struct target *target, const char *path, primer_error *error)
{
    const size_t rows = model_extent_of(model, target->part->rows),
                 columns = model_extent_of(model, target->part->columns);
    if (t->columns != columns)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: tensor %s.lora_a has shape [%zu, %zu], expected [%zu, %zu] for this "
                         "model",
                         path, t->name, t->columns, t->rank, columns, t->rank);
    if (t->rows != rows)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: tensor %s.lora_b has shape [%zu, %zu], expected [%zu, %zu] for this "
                         "model",
                         path, t->name, t->rank, t->rows, t->rank, rows);
    if (!isfinite(t->factor))
        return error_set(error, PRIMER_EFORMAT, "%s: tensor %s: alpha / rank is %g", path, t->name,
                         t->factor);
    return PRIMER_OK;
}

/* A value that isn't finite would make every logit so, and be blamed on a layer. */
static primer_status check_values(const struct adapter_tensor *t, const char *path,
                                  primer_error *error)
{
    const size_t a = t->rank * t->columns, b = t->rows * t->rank;
    for (size_t i = 0; i < a + b; i++) {
        const float value = i < a ? t->a[i] : t->b[i - a];
        if (!isfinite(value))
            return error_set(error, PRIMER_ENUMERIC,
                             "%s: tensor %s.lora_%c: value %zu is %g, expected finite numbers",
                             path, t->name, i < a ? 'a' : 'b', i < a ? i : i - a, (double)value);
    }
    return PRIMER_OK;
}

static primer_status put_pair(struct adapter *adapter, const struct adapter_tensor *t, size_t layer,
                              enum model_role role, size_t first, size_t rows, const char *path,
                              primer_error *error)
{
    struct adapter_pair *const pair = &adapter->pairs[layer * ADAPTER_ROLES + place_of(role)];
    if (pair->rank != 0)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: tensor %s adds to a matrix that another tensor adds to already", path,
                         t->name);
    *pair =
        (struct adapter_pair){t->a, t->b + first * t->rank, t->rank, rows, t->columns, t->factor};
    return PRIMER_OK;
}

static primer_status bind_tensor(struct adapter *adapter, const struct model *model,
                                 const struct adapter_tensor *t, const char *path,
                                 primer_error *error)
{
    struct target target;
    char shown[MODEL_NAME_LIMIT];
    const size_t q = model_extent_of(model, MODEL_QUERIES), kv = model_extent_of(model, MODEL_KEYS);
    if (!find_target(model, t->name, &target))
        return error_set(error, PRIMER_EUNSUPPORTED,
                         "%s: tensor %s: adapters of it are not supported for architecture %s with "
                         "%zu layers",
                         path, error_printable(t->name, strlen(t->name), shown, sizeof shown),
                         model->architecture->name, model->layer_count);
    FORWARD(check_shape(model, t, &target, path, error));
    FORWARD(check_values(t, path, error));
    if (t->rank > adapter->rank)
        adapter->rank = t->rank;
    if (target.part->role != MODEL_QUERY_KEY_VALUE)
        return put_pair(adapter, t, target.layer, target.part->role, 0, t->rows, path, error);
    FORWARD(put_pair(adapter, t, target.layer, MODEL_QUERY, 0, q, path, error));
    FORWARD(put_pair(adapter, t, target.layer, MODEL_KEY, q, kv, path, error));
    return put_pair(adapter, t, target.layer, MODEL_VALUE, q + kv, kv, path, error);
}

/* Everything that decides what is added, in order of layers and roles. */
static void identify(struct adapter *adapter)
{
    for (uint64_t half = 0; half < 2; half++) {
        uint64_t hash = half;
        for (size_t i = 0; i < adapter->layers * ADAPTER_ROLES; i++) {
            const struct adapter_pair *const p = &adapter->pairs[i];
            if (p->rank == 0)
                continue;
            const uint64_t shape[] = {i, p->rank, p->rows, p->columns};
            hash = hash_bytes(shape, sizeof shape, hash);
            hash = hash_bytes(&p->factor, sizeof p->factor, hash);
            hash = hash_bytes(p->a, p->rank * p->columns * sizeof *p->a, hash);
            hash = hash_bytes(p->b, p->rows * p->rank * sizeof *p->b, hash);
        }
        adapter->identity[half] = hash;
    }
}

primer_status adapter_create(struct adapter *adapter, const struct model *model,
                             struct adapter_data *data, const char *path, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct adapter made = {.data = *data, .layers = model->layer_count};
    *data = (struct adapter_data){0};
    made.pairs = memory_allocate(made.layers * ADAPTER_ROLES, sizeof *made.pairs);
    if (made.pairs == NULL)
        FAIL(PRIMER_ENOMEM, "%s: no memory for an adapter of %zu layers", path, made.layers);
    if (made.data.count == 0)
        FAIL(PRIMER_EFORMAT, "%s: there is no tensor in the adapter", path);
    for (size_t i = 0; i < made.data.count; i++)
        TRY(bind_tensor(&made, model, &made.data.tensors[i], path, error));
    identify(&made);
    *adapter = made;
    return PRIMER_OK;
cleanup:
    adapter_free(&made);
    return status;
}

void adapter_free(struct adapter *adapter)
{
    adapter_data_free(&adapter->data);
    memory_free(adapter->pairs);
    *adapter = (struct adapter){0};
}
