/* model_bind.c - tensors and keys by name, checked; see model_bind.h. */
#include "model/model_bind.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

#define NAME_LIMIT 128

static void format_name(char out[NAME_LIMIT], const char *name, size_t layer)
{
    const char *mark = strstr(name, "%zu");
    if (mark == NULL)
        snprintf(out, NAME_LIMIT, "%s", name);
    else
        snprintf(out, NAME_LIMIT, "%.*s%zu%s", (int)(mark - name), name, layer, mark + 3);
}

static primer_status find(struct model *model, enum model_need need, const char *name, size_t layer,
                          char full[NAME_LIMIT], const struct gguf_tensor **tensor,
                          primer_error *error)
{
    format_name(full, name, layer);
    *tensor = gguf_tensor_named(model->gguf, full);
    if (*tensor == NULL && need == MODEL_REQUIRED)
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

primer_status model_bind_matrix(struct model *model, enum model_need need, const char *name,
                                size_t layer, size_t rows, size_t columns, struct tensor *tensor,
                                primer_error *error)
{
    char full[NAME_LIMIT];
    const struct gguf_tensor *found;
    FORWARD(find(model, need, name, layer, full, &found, error));
    if (found == NULL)
        return PRIMER_OK;
    FORWARD(check_shape(model, found, full, rows, columns, error));
    *tensor = (struct tensor){found->format, found->data, rows, columns, found->row_bytes};
    if (found->format->kind != QUANT_KIND_FLOAT && columns > model->longest_row)
        model->longest_row = columns;
    return PRIMER_OK;
}

primer_status model_bind_vector(struct model *model, enum model_need need, const char *name,
                                size_t layer, size_t count, const float **vector,
                                primer_error *error)
{
    char full[NAME_LIMIT];
    const struct gguf_tensor *found;
    FORWARD(find(model, need, name, layer, full, &found, error));
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

primer_status model_bind_linear(struct model *model, enum model_need need, enum model_need bias,
                                const char *name, size_t layer, size_t rows, size_t columns,
                                struct model_linear *linear, primer_error *error)
{
    char full[NAME_LIMIT];
    snprintf(full, sizeof full, "%s.weight", name);
    FORWARD(model_bind_matrix(model, need, full, layer, rows, columns, &linear->weight, error));
    if (linear->weight.format == NULL)
        return PRIMER_OK;
    snprintf(full, sizeof full, "%s.bias", name);
    return model_bind_vector(model, bias, full, layer, rows, &linear->bias, error);
}

static primer_status missing_key(const struct model *model, const char *full, primer_error *error)
{
    return error_set(error, PRIMER_EFORMAT, "%s: key %s is missing; architecture %s needs it",
                     gguf_path(model->gguf), full, model->architecture->name);
}

primer_status model_bind_size(const struct model *model, enum model_need need, const char *key,
                              size_t least, size_t most, size_t *value, primer_error *error)
{
    char full[NAME_LIMIT];
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
    char full[NAME_LIMIT];
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
        char name[NAME_LIMIT];
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
