/* merge_adapter.c - see merge_adapter.h. */
#include "convert/merge_adapter.h"

#include <math.h>

#include "base/memory.h"
#include "format/gguf.h"
#include "model/adapter.h"

/* What is added to some rows of a matrix. Parts that share their A (of a fused tensor) stand in the
 * same columns of B. */
struct part {
    const struct adapter_pair *pair;
    double factor;
    size_t first;  /* of its rows in the matrix */
    size_t column; /* of its rank in B */
};

struct sum {
    struct part parts[3 * MERGE_MODEL_ADAPTERS_MOST];
    size_t count, rank, rows, columns, pieces; /* pieces: parts with an A of their own */
};

struct joining {
    struct gguf *gguf;
    struct model *model;
    struct adapter *adapters; /* [count] */
    double scales[MERGE_MODEL_ADAPTERS_MOST];
    size_t count, rank; /* rank: the largest that was made */
    struct sum *sum;    /* of the matrix at hand */
    struct adapter_data made;
};

/* ---- one matrix ------------------------------------------------------------------------------ */

/* Lists what every adapter adds to a role, in rows from `first` on. */
static void list_role(struct joining *j, size_t layer, enum model_role role, size_t first)
{
    struct sum *const sum = j->sum;
    for (size_t i = 0; i < j->count; i++) {
        const struct adapter_pair *const pair = adapter_pair_of(&j->adapters[i], layer, role);
        if (pair == NULL || j->scales[i] == 0)
            continue;
        struct part *const part = &sum->parts[sum->count];
        *part = (struct part){pair, j->scales[i] * pair->factor, first, sum->rank};
        for (size_t p = 0; p < sum->count; p++)
            if (sum->parts[p].pair->a == pair->a && sum->parts[p].factor == part->factor)
                part->column = sum->parts[p].column;
        if (part->column == sum->rank) {
            sum->rank += pair->rank;
            sum->pieces++;
        }
        sum->columns = pair->columns;
        sum->count++;
    }
}

/* Makes the listed sum a tensor of the adapter that is written. */
static primer_status put_sum(struct joining *j, size_t layer, enum model_role role,
                             primer_error *error)
{
    const struct model_part *const of = model_architecture_part(j->model->architecture, role);
    struct sum *const sum = j->sum;
    struct adapter_tensor *t = NULL;
    char name[MODEL_NAME_LIMIT];
    if (sum->count == 0)
        return PRIMER_OK;
    const bool kept = sum->pieces == 1 && sum->parts[0].factor > 0;
    model_tensor_name(name, of->name, layer, ".weight");
    FORWARD(adapter_data_add(&j->made, name, sum->rank, model_extent_of(j->model, of->rows),
                             sum->columns, kept ? sum->parts[0].factor : 1, &t, error));
    for (size_t p = 0; p < sum->count; p++) {
        const struct part *const part = &sum->parts[p];
        const struct adapter_pair *const pair = part->pair;
        const double factor = kept ? 1 : part->factor;
        for (size_t i = 0; i < pair->rank * pair->columns; i++)
            t->a[part->column * pair->columns + i] = pair->a[i];
        for (size_t row = 0; row < pair->rows; row++)
            for (size_t k = 0; k < pair->rank; k++)
                t->b[(part->first + row) * sum->rank + part->column + k] =
                    (float)(factor * (double)pair->b[row * pair->rank + k]);
    }
    if (sum->rank > j->rank)
        j->rank = sum->rank;
    return PRIMER_OK;
}

static primer_status join_role(struct joining *j, size_t layer, enum model_role role,
                               primer_error *error)
{
    *j->sum = (struct sum){0};
    list_role(j, layer, role, 0);
    return put_sum(j, layer, role, error);
}

static primer_status join_fused(struct joining *j, size_t layer, primer_error *error)
{
    const size_t q = model_extent_of(j->model, MODEL_QUERIES),
                 kv = model_extent_of(j->model, MODEL_KEYS);
    *j->sum = (struct sum){0};
    list_role(j, layer, MODEL_QUERY, 0);
    list_role(j, layer, MODEL_KEY, q);
    list_role(j, layer, MODEL_VALUE, q + kv);
    return put_sum(j, layer, MODEL_QUERY_KEY_VALUE, error);
}

static primer_status join_layer(struct joining *j, size_t layer, bool peft, primer_error *error)
{
    static const enum model_role split[] = {MODEL_QUERY, MODEL_KEY, MODEL_VALUE},
                                 others[] = {MODEL_ATTENTION_OUTPUT, MODEL_GATE, MODEL_UP,
                                             MODEL_DOWN};
    const bool fused = j->model->layers[layer].query_key_value.weight.format != NULL;
    if (fused && !peft)
        FORWARD(join_fused(j, layer, error));
    for (size_t i = 0; i < 3 && (!fused || peft); i++)
        FORWARD(join_role(j, layer, split[i], error));
    for (size_t i = 0; i < 4; i++)
        FORWARD(join_role(j, layer, others[i], error));
    return PRIMER_OK;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static primer_status open_all(struct joining *j, const char *model,
                              const struct merge_model_adapter *adapters, size_t count,
                              primer_error *error)
{
    if (count > MERGE_MODEL_ADAPTERS_MOST)
        return error_set(error, PRIMER_ELIMIT, "%zu adapters to merge, at most %d", count,
                         MERGE_MODEL_ADAPTERS_MOST);
    FORWARD(gguf_open(&j->gguf, model, error));
    FORWARD(model_create(&j->model, j->gguf, error));
    j->adapters = memory_allocate(count, sizeof *j->adapters);
    j->sum = memory_allocate(1, sizeof *j->sum);
    if (j->adapters == NULL || j->sum == NULL)
        return memory_failure(error, "merging", count * sizeof *j->adapters);
    for (size_t i = 0; i < count; i++) {
        struct adapter_data data = {0};
        if (!isfinite(adapters[i].scale))
            return error_set(error, PRIMER_EINVAL, "%s: the scale is %g, expected a finite number",
                             adapters[i].path, adapters[i].scale);
        FORWARD(adapter_read(&data, j->model, adapters[i].path, error));
        FORWARD(adapter_create(&j->adapters[i], j->model, &data, adapters[i].path, error));
        j->scales[j->count++] = adapters[i].scale;
    }
    return PRIMER_OK;
}

primer_status merge_adapter_write(const char *model, const struct merge_model_adapter *adapters,
                                  size_t count, const char *out, bool peft, size_t *matrices,
                                  size_t *rank, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct joining j = {0};
    TRY(open_all(&j, model, adapters, count, error));
    j.made = adapter_data_for(j.model);
    for (size_t layer = 0; layer < j.model->layer_count; layer++)
        TRY(join_layer(&j, layer, peft, error));
    if (j.made.count == 0)
        FAIL(PRIMER_EINVAL, "%s: nothing to write, as the scale of every adapter is 0", out);
    if (peft)
        TRY(adapter_write_peft(&j.made, out, NULL, error));
    else
        TRY(adapter_write_gguf(&j.made, out, NULL, error));
    if (matrices != NULL)
        *matrices = j.made.count;
    if (rank != NULL)
        *rank = j.rank;
cleanup:
    adapter_data_free(&j.made);
    for (size_t i = 0; i < j.count; i++)
        adapter_free(&j.adapters[i]);
    memory_free(j.sum);
    memory_free(j.adapters);
    model_free(j.model);
    gguf_free(j.gguf);
    return status;
}
