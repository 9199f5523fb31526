/* merge_model.c - see merge_model.h.
 *
 *   tensor attn_qkv  | rows of Q | rows of K | rows of V |      parts: what is added to which rows
 *   parts               q of adapter 1, then of 2 ...
 *
 * A change comes for a run of weights that may begin and end inside rows; it is made row by row, in
 * strips of columns whose sums stay in the first cache.
 */
#include "convert/merge_model.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "format/gguf.h"
#include "model/adapter.h"

#define STRIP 256 /* columns */

/* One product added to some rows of a tensor. */
struct part {
    const struct adapter_pair *pair;
    double factor;
    size_t first; /* its first row in the tensor */
};

struct sums {
    size_t columns;
    struct part parts[3 * MERGE_MODEL_ADAPTERS_MOST]; /* Q, K and V of each */
    size_t count;
};

struct merging {
    struct gguf *gguf;
    struct model *model;
    struct adapter *adapters; /* [count] */
    double scales[MERGE_MODEL_ADAPTERS_MOST];
    size_t count;
    struct sums **sums; /* [tensors of the file]; NULL: not changed */
    size_t changed;
};

/* ---- what is added where --------------------------------------------------------------------- */

static primer_status add_part(struct merging *m, const struct gguf_tensor *tensor,
                              const struct adapter_pair *pair, double scale, size_t first,
                              primer_error *error)
{
    struct sums **const place = &m->sums[tensor - gguf_tensor_at(m->gguf, 0)];
    if (pair == NULL)
        return PRIMER_OK;
    if (*place == NULL) {
        *place = memory_allocate(1, sizeof **place);
        if (*place == NULL)
            return memory_failure(error, "merging", sizeof **place);
        (*place)->columns = tensor->shape[0];
        m->changed++;
    }
    (*place)->parts[(*place)->count++] = (struct part){pair, scale * pair->factor, first};
    return PRIMER_OK;
}

/* Parts of one adapter for one tensor of a layer. */
static primer_status plan_tensor(struct merging *m, size_t adapter, size_t layer,
                                 const struct model_part *of, primer_error *error)
{
    char name[MODEL_NAME_LIMIT];
    const struct adapter *const a = &m->adapters[adapter];
    const double scale = m->scales[adapter];
    model_tensor_name(name, of->name, layer, ".weight");
    const struct gguf_tensor *const tensor = gguf_tensor_named(m->gguf, name);
    if (tensor == NULL || scale == 0)
        return PRIMER_OK;
    if (of->role != MODEL_QUERY_KEY_VALUE)
        return add_part(m, tensor, adapter_pair_of(a, layer, of->role), scale, 0, error);
    const size_t q = model_extent_of(m->model, MODEL_QUERIES),
                 kv = model_extent_of(m->model, MODEL_KEYS);
    FORWARD(add_part(m, tensor, adapter_pair_of(a, layer, MODEL_QUERY), scale, 0, error));
    FORWARD(add_part(m, tensor, adapter_pair_of(a, layer, MODEL_KEY), scale, q, error));
    return add_part(m, tensor, adapter_pair_of(a, layer, MODEL_VALUE), scale, q + kv, error);
}

static primer_status plan(struct merging *m, primer_error *error)
{
    const struct model_form *const form = &m->model->architecture->form;
    for (size_t adapter = 0; adapter < m->count; adapter++)
        for (size_t layer = 0; layer < m->model->layer_count; layer++)
            for (size_t i = 0; i < form->part_count; i++)
                if (form->parts[i].role >= MODEL_ATTENTION_NORM)
                    FORWARD(plan_tensor(m, adapter, layer, &form->parts[i], error));
    return PRIMER_OK;
}

/* ---- adding ---------------------------------------------------------------------------------- */

static bool changes(void *context, size_t tensor)
{
    const struct merging *const m = context;
    return m->sums[tensor] != NULL;
}

/* weights[0..count) are row `row` from `column` on; count <= STRIP. */
static void add_strip(const struct sums *sums, size_t row, size_t column, float *weights,
                      size_t count)
{
    double total[STRIP];
    for (size_t i = 0; i < count; i++)
        total[i] = (double)weights[i];
    for (size_t p = 0; p < sums->count; p++) {
        const struct part *const part = &sums->parts[p];
        const struct adapter_pair *const pair = part->pair;
        if (row < part->first || row - part->first >= pair->rows)
            continue;
        const float *const b = pair->b + (row - part->first) * pair->rank;
        for (size_t k = 0; k < pair->rank; k++) {
            const double left = part->factor * (double)b[k];
            const float *const a = pair->a + k * pair->columns + column;
            for (size_t i = 0; i < count; i++)
                total[i] += left * (double)a[i];
        }
    }
    for (size_t i = 0; i < count; i++)
        weights[i] = (float)total[i];
}

static void change(void *context, size_t tensor, size_t start, float *weights, size_t count)
{
    const struct merging *const m = context;
    const struct sums *const sums = m->sums[tensor];
    for (size_t done = 0; done < count;) {
        const size_t row = (start + done) / sums->columns, column = (start + done) % sums->columns;
        size_t n = sums->columns - column < STRIP ? sums->columns - column : STRIP;
        if (n > count - done)
            n = count - done;
        add_strip(sums, row, column, weights + done, n);
        done += n;
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

static primer_status open_adapter(struct merging *m, const struct merge_model_adapter *from,
                                  primer_error *error)
{
    struct adapter_data data = {0};
    if (!isfinite(from->scale))
        return error_set(error, PRIMER_EINVAL, "%s: the scale is %g, expected a finite number",
                         from->path, from->scale);
    FORWARD(adapter_read(&data, m->model, from->path, error));
    FORWARD(adapter_create(&m->adapters[m->count], m->model, &data, from->path, error));
    m->scales[m->count++] = from->scale;
    return PRIMER_OK;
}

static primer_status prepare(struct merging *m, const char *in,
                             const struct merge_model_adapter *adapters, size_t count,
                             primer_error *error)
{
    if (count > MERGE_MODEL_ADAPTERS_MOST)
        return error_set(error, PRIMER_ELIMIT, "%zu adapters to merge, at most %d", count,
                         MERGE_MODEL_ADAPTERS_MOST);
    FORWARD(gguf_open(&m->gguf, in, error));
    FORWARD(model_create(&m->model, m->gguf, error));
    m->adapters = memory_allocate(count, sizeof *m->adapters);
    m->sums = memory_allocate(gguf_tensor_count(m->gguf), sizeof *m->sums);
    if (m->adapters == NULL || m->sums == NULL)
        return memory_failure(error, "merging", count * sizeof *m->adapters);
    for (size_t i = 0; i < count; i++)
        FORWARD(open_adapter(m, &adapters[i], error));
    return plan(m, error);
}

primer_status merge_model_write(const char *in, const struct merge_model_adapter *adapters,
                                size_t count, const char *out,
                                const struct quantize_options *options,
                                struct quantize_summary *summary, size_t *matrices,
                                primer_error *error)
{
    struct merging m = {0};
    struct quantize_options own = *options;
    primer_status status = prepare(&m, in, adapters, count, error);
    own.changes = changes;
    own.change = change;
    own.change_context = &m;
    if (status == PRIMER_OK)
        status = quantize_file(in, out, &own, summary, error);
    if (status == PRIMER_OK && matrices != NULL)
        *matrices = m.changed;
    for (size_t i = 0; m.sums != NULL && i < gguf_tensor_count(m.gguf); i++)
        memory_free(m.sums[i]);
    for (size_t i = 0; i < m.count; i++)
        adapter_free(&m.adapters[i]);
    memory_free(m.sums);
    memory_free(m.adapters);
    model_free(m.model);
    gguf_free(m.gguf);
    return status;
}
