/* model_bind.c - tensors and keys by name, checked; see model_bind.h. */
#include "model/model_bind.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

void model_tensor_name(char out[MODEL_NAME_LIMIT], const char *name, size_t layer,
                       const char *suffix)
{
    const char *mark = strstr(name, "%zu");
    if (mark == NULL)
        snprintf(out, MODEL_NAME_LIMIT, "%s%s", name, suffix);
    else
        snprintf(out, MODEL_NAME_LIMIT, "%.*s%zu%s%s", (int)(mark - name), name, layer, mark + 3,
                 suffix);
}

/* The tensor, marked as bound; NULL where it may be absent and is. */
static primer_status find(struct model *model, enum model_need need, const char *full,
                          const struct gguf_tensor **tensor, primer_error *error)
{
    *tensor = need == MODEL_ABSENT ? NULL : gguf_tensor_named(model->gguf, full);
    if (*tensor == NULL && need != MODEL_OPTIONAL && need != MODEL_ABSENT)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: tensor %s is missing; architecture %s needs it",
                         gguf_path(model->gguf), full, model->architecture->name);
    if (*tensor != NULL)
        model->bound[*tensor - gguf_tensor_at(model->gguf, 0)] = true;
    return PRIMER_OK;
}

static primer_status check_shape(const struct model *model, const struct gguf_tensor *tensor,
                                 const char *full, size_t rows, size_t columns, primer_error *error)
{
    if (tensor->shape[0] == columns && tensor->shape[1] == rows && tensor->shape[2] == 1 &&
        tensor->shape[3] == 1)
        return PRIMER_OK;
    return error_set(error, PRIMER_EFORMAT,
                     "%s: tensor %s has shape [%zu, %zu, %zu, %zu], expected [%zu, %zu]",
                     gguf_path(model->gguf), full, tensor->shape[0], tensor->shape[1],
                     tensor->shape[2], tensor->shape[3], columns, rows);
}

static primer_status bind_matrix(struct model *model, enum model_need need, const char *full,
                                 size_t rows, size_t columns, struct tensor *tensor,
                                 primer_error *error)
{
    const struct gguf_tensor *found;
    FORWARD(find(model, need, full, &found, error));
    if (found == NULL)
        return PRIMER_OK;
    FORWARD(check_shape(model, found, full, rows, columns, error));
    *tensor = (struct tensor){found->format, found->data, rows, columns, found->row_bytes};
    if (found->format->kind != QUANT_KIND_FLOAT && columns > model->longest_row)
        model->longest_row = columns;
    return PRIMER_OK;
}

static primer_status bind_vector(struct model *model, enum model_need need, const char *full,
                                 size_t count, const float **vector, primer_error *error)
{
    const struct gguf_tensor *found;
    FORWARD(find(model, need, full, &found, error));
    if (found == NULL)
        return PRIMER_OK;
    FORWARD(check_shape(model, found, full, 1, count, error));
    if (found->format->kind != QUANT_KIND_FLOAT)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: tensor %s has type %s, expected F32, F16 or BF16",
                         gguf_path(model->gguf), full, found->format->name);
    if (found->format->type == QUANT_F32 && (uintptr_t)found->data % sizeof(float) == 0) {
        *vector = (const float *)(const void *)found->data;
        return PRIMER_OK;
    }
    float *copy = arena_take(&model->vectors, count, sizeof *copy);
    if (copy == NULL)
        return memory_failure(error, full, count * sizeof *copy);
    found->format->decode(found->data, copy, count);
    *vector = copy;
    return PRIMER_OK;
}

size_t model_extent_of(const struct model *model, enum model_extent of)
{
    const struct model *const m = model;
    const size_t q = m->heads * m->head_dimensions, kv = m->kv_heads * m->head_dimensions;
    const size_t extents[MODEL_EXTENTS] = {
        [MODEL_ONE] = 1,
        [MODEL_VOCABULARY] = m->vocabulary,
        [MODEL_EMBEDDING] = m->embedding,
        [MODEL_QUERIES] = q,
        [MODEL_KEYS] = kv,
        [MODEL_FUSED] = q + 2 * kv,
        [MODEL_INNER] = m->feed_forward,
        [MODEL_PAIRS] = m->rotary_dimensions / 2,
    };
    return extents[of];
}

/* Where a part of the file goes: a matrix or a vector, and its bias. */
struct place {
    struct tensor *matrix;
    const float **vector, **bias;
};

static struct place linear_place(struct model_linear *linear)
{
    return (struct place){.matrix = &linear->weight, .bias = &linear->bias};
}

static struct place norm_place(struct model_norm *norm)
{
    return (struct place){.vector = &norm->weight, .bias = &norm->bias};
}

static struct place layer_place(struct model_layer *l, enum model_role role)
{
    switch (role) {
    case MODEL_ATTENTION_NORM:
        return norm_place(&l->attention_norm);
    case MODEL_FEED_FORWARD_NORM:
        return norm_place(&l->feed_forward_norm);
    case MODEL_QUERY_KEY_VALUE:
        return linear_place(&l->query_key_value);
    case MODEL_QUERY:
        return linear_place(&l->query);
    case MODEL_KEY:
        return linear_place(&l->key);
    case MODEL_VALUE:
        return linear_place(&l->value);
    case MODEL_ATTENTION_OUTPUT:
        return linear_place(&l->attention_output);
    case MODEL_GATE:
        return linear_place(&l->gate);
    case MODEL_UP:
        return linear_place(&l->up);
    default:
        return linear_place(&l->down);
    }
}

static struct place model_place(struct model *m, enum model_role role)
{
    switch (role) {
    case MODEL_TOKEN_EMBEDDING:
        return (struct place){.matrix = &m->token_embedding};
    case MODEL_ROPE_FACTORS:
        return (struct place){.vector = &m->rope_factors};
    case MODEL_FINAL_NORM:
        return norm_place(&m->final_norm);
    default:
        return linear_place(&m->output);
    }
}

static primer_status bind_part(struct model *m, const struct model_part *part, size_t layer,
                               const struct place *place, primer_error *error)
{
    const size_t rows = model_extent_of(m, part->rows), columns = model_extent_of(m, part->columns);
    char full[MODEL_NAME_LIMIT];
    model_tensor_name(full, part->name, layer, ".weight");
    bool there;
    if (place->matrix != NULL) {
        FORWARD(bind_matrix(m, part->weight, full, rows, columns, place->matrix, error));
        there = place->matrix->format != NULL;
    } else {
        FORWARD(bind_vector(m, part->weight, full, columns, place->vector, error));
        there = *place->vector != NULL;
    }
    if (!there || part->bias == MODEL_ABSENT)
        return PRIMER_OK;
    model_tensor_name(full, part->name, layer, ".bias");
    return bind_vector(m, part->bias, full, part->rows == MODEL_ONE ? columns : rows, place->bias,
                       error);
}

static primer_status bind_layer(struct model *m, size_t layer, primer_error *error)
{
    const struct model_form *form = &m->architecture->form;
    struct model_layer *l = &m->layers[layer];
    for (size_t i = 0; i < form->part_count; i++) {
        const struct model_part *part = &form->parts[i];
        const bool fused = l->query_key_value.weight.format != NULL;
        if (part->role < MODEL_ATTENTION_NORM || (part->weight == MODEL_UNLESS_FUSED && fused))
            continue;
        const struct place place = layer_place(l, part->role);
        FORWARD(bind_part(m, part, layer, &place, error));
    }
    return PRIMER_OK;
}

primer_status model_bind_parts(struct model *m, primer_error *error)
{
    const struct model_form *form = &m->architecture->form;
    for (size_t i = 0; i < form->part_count; i++) {
        const struct model_part *part = &form->parts[i];
        if (part->role >= MODEL_ATTENTION_NORM)
            continue;
        const struct place place = model_place(m, part->role);
        FORWARD(bind_part(m, part, 0, &place, error));
    }
    if (m->output.weight.format == NULL)
        m->output.weight = m->token_embedding;
    for (size_t layer = 0; layer < m->layer_count; layer++)
        FORWARD(bind_layer(m, layer, error));
    return PRIMER_OK;
}

static primer_status missing_key(const struct model *model, const char *full, primer_error *error)
{
    return error_set(error, PRIMER_EFORMAT, "%s: key %s is missing; architecture %s needs it",
                     gguf_path(model->gguf), full, model->architecture->name);
}

primer_status model_bind_size(const struct model *model, enum model_need need, const char *key,
                              size_t least, size_t most, size_t *value, primer_error *error)
{
    char full[MODEL_NAME_LIMIT];
    uint64_t number = 0;
    snprintf(full, sizeof full, "%s.%s", model->architecture->name, key);
    if (gguf_value_named(model->gguf, full) == NULL)
        return need == MODEL_REQUIRED ? missing_key(model, full, error) : PRIMER_OK;
    FORWARD(gguf_get_u64(model->gguf, full, &number, error));
    if (number < least || number > most)
        return error_set(error, PRIMER_EFORMAT, "%s: key %s is %llu, expected %zu to %zu",
                         gguf_path(model->gguf), full, (unsigned long long)number, least, most);
    *value = (size_t)number;
    return PRIMER_OK;
}

primer_status model_bind_real(const struct model *model, enum model_need need, const char *key,
                              double *value, primer_error *error)
{
    char full[MODEL_NAME_LIMIT];
    double number = 0;
    snprintf(full, sizeof full, "%s.%s", model->architecture->name, key);
    if (gguf_value_named(model->gguf, full) == NULL)
        return need == MODEL_REQUIRED ? missing_key(model, full, error) : PRIMER_OK;
    FORWARD(gguf_get_f64(model->gguf, full, &number, error));
    if (!isfinite(number) || number < 0)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: key %s is %g, expected a finite number that is not negative",
                         gguf_path(model->gguf), full, number);
    *value = number;
    return PRIMER_OK;
}

/* Tensors that some converters leave in a file though every reader computes them anew. */
static bool computed_anew(const struct gguf_tensor *tensor)
{
    static const char *const parts[] = {"attn_rot_embd", "rotary_emb.inv_freq", "rope.freqs"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (memmem(tensor->name.bytes, tensor->name.length, parts[i], strlen(parts[i])) != NULL)
            return true;
    return false;
}

primer_status model_bind_finished(const struct model *model, primer_error *error)
{
    for (size_t i = 0; i < gguf_tensor_count(model->gguf); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(model->gguf, i);
        char name[MODEL_NAME_LIMIT];
        if (model->bound[i] || computed_anew(t))
            continue;
        return error_set(error, PRIMER_EUNSUPPORTED,
                         "%s: tensor %s has no place in architecture %s as primer knows it; "
                         "without it the answers would be wrong",
                         gguf_path(model->gguf),
                         error_printable(t->name.bytes, t->name.length, name, sizeof name),
                         model->architecture->name);
    }
    return PRIMER_OK;
}
