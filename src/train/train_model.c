/* train_model.c - the shape checked, the tensors listed, first weights; see train_model.h.
 *
 * Tensors of the model itself come first, then layer by layer; each time matrices, then vectors, in
 * the order of the architecture's list, so that the matrices, and the biases, of Q, K and V are
 * neighbours and can be multiplied as one (train_layer.c). Each begins at a multiple of 16 floats, so
 * that a vector register never holds two tensors, and the gaps stay 0.
 */
#include "train/train_model.h"

#include <math.h>
#include <string.h>
#include "base/memory.h"

#define ALIGNED_FLOATS 16
#define MOST_LAYERS    4096
#define MOST_WIDTH     (1u << 24)

/* ---- the shape ---- */

static primer_status within(const char *field, size_t value, size_t least, size_t most,
                            primer_error *error)
{
    if (value >= least && value <= most)
        return PRIMER_OK;
    return error_set(error, PRIMER_EINVAL, "shape: %s is %zu, expected %zu to %zu", field, value,
                     least, most);
}

static primer_status check_sizes(const struct train_shape *s, primer_error *error)
{
    FORWARD(within("vocabulary", s->vocabulary, 2, INT32_MAX, error));
    FORWARD(within("context", s->context, 1, MOST_WIDTH, error));
    FORWARD(within("embedding", s->embedding, 1, MOST_WIDTH, error));
    FORWARD(within("layers", s->layers, 1, MOST_LAYERS, error));
    FORWARD(within("heads", s->heads, 1, MOST_WIDTH, error));
    FORWARD(within("kv_heads", s->kv_heads, 1, s->heads, error));
    FORWARD(within("head_dimensions", s->head_dimensions, 2, 4096, error));
    FORWARD(within("feed_forward", s->feed_forward, 1, MOST_WIDTH, error));
    return within("rotary_dimensions", s->rotary_dimensions, 2, s->head_dimensions, error);
}

static primer_status check_shape(const struct train_shape *s, primer_error *error)
{
    if (s->architecture == NULL)
        return error_set(error, PRIMER_EINVAL, "shape: architecture is missing");
    FORWARD(check_sizes(s, error));
    if (s->heads % s->kv_heads != 0)
        return error_set(error, PRIMER_EINVAL,
                         "shape: heads is %zu, expected a multiple of kv_heads, %zu", s->heads,
                         s->kv_heads);
    if (s->rotary_dimensions % 2 != 0)
        return error_set(error, PRIMER_EINVAL,
                         "shape: rotary_dimensions is %zu, expected an even number",
                         s->rotary_dimensions);
    if (!isfinite(s->epsilon) || s->epsilon < 0)
        return error_set(error, PRIMER_EINVAL,
                         "shape: epsilon is %g, expected a finite number that is not negative",
                         (double)s->epsilon);
    if (!isfinite(s->rope_base) || s->rope_base <= 0)
        return error_set(error, PRIMER_EINVAL, "shape: rope_base is %g, expected a positive number",
                         s->rope_base);
    const struct model_part *output = model_architecture_part(s->architecture, MODEL_OUTPUT);
    if (s->tied && output->weight != MODEL_OPTIONAL)
        return error_set(error, PRIMER_EINVAL,
                         "shape: tied is true, but architecture %s has an output matrix of its own",
                         s->architecture->name);
    return PRIMER_OK;
}

/* ---- the tensors ---- */

static bool has_weight(const struct train_shape *shape, const struct model_part *part)
{
    if (part->role == MODEL_OUTPUT)
        return !shape->tied;
    return part->weight == MODEL_REQUIRED || part->weight == MODEL_UNLESS_FUSED;
}

static bool has_bias(const struct train_shape *shape, const struct model_part *part)
{
    return part->bias == MODEL_REQUIRED ||
           (part->bias == MODEL_OPTIONAL && (shape->biases >> part->role & 1) != 0);
}

static size_t extent(const struct train_shape *s, enum model_extent of)
{
    const size_t q = s->heads * s->head_dimensions, kv = s->kv_heads * s->head_dimensions;
    const size_t extents[MODEL_EXTENTS] = {
        [MODEL_ONE] = 1,
        [MODEL_VOCABULARY] = s->vocabulary,
        [MODEL_EMBEDDING] = s->embedding,
        [MODEL_QUERIES] = q,
        [MODEL_KEYS] = kv,
        [MODEL_FUSED] = q + 2 * kv,
        [MODEL_INNER] = s->feed_forward,
        [MODEL_PAIRS] = s->rotary_dimensions / 2,
    };
    return extents[of];
}

primer_status train_model_add(struct train_model *model, const struct train_tensor *tensor,
                              primer_error *error)
{
    size_t count, end;
    if (!memory_product(tensor->rows, tensor->columns, &count) ||
        !memory_sum(model->floats, count, &end) || end > SIZE_MAX / sizeof(float) / 2)
        return error_set(error, PRIMER_ELIMIT, "tensor %s of %zu x %zu does not fit a size",
                         tensor->name, tensor->rows, tensor->columns);
    if (model->tensors != NULL) {
        model->tensors[model->count] = *tensor;
        model->tensors[model->count].offset = model->floats;
    }
    model->floats = (end + ALIGNED_FLOATS - 1) / ALIGNED_FLOATS * ALIGNED_FLOATS;
    model->parameters += count;
    model->count++;
    return PRIMER_OK;
}

static primer_status add_tensor(struct train_model *model, const struct model_part *part,
                                size_t layer, bool bias, primer_error *error)
{
    const bool vector = bias || part->rows == MODEL_ONE;
    struct train_tensor tensor = {
        .matrix = !vector, .layer = layer, .role = part->role, .bias = bias};
    char name[MODEL_NAME_LIMIT];
    model_tensor_name(name, part->name, layer, bias ? ".bias" : ".weight");
    if (strlen(name) >= sizeof tensor.name)
        return error_set(error, PRIMER_EINTERNAL, "the name %s is too long", name);
    strcpy(tensor.name, name);
    const size_t rows = extent(&model->shape, part->rows),
                 columns = extent(&model->shape, part->columns);
    tensor.rows = vector ? 1 : rows;
    tensor.columns = bias && part->rows != MODEL_ONE ? rows : columns;
    return train_model_add(model, &tensor, error);
}

/* The matrices, or the vectors, of the model itself (layer SIZE_MAX) or of a layer. */
static primer_status add_parts(struct train_model *model, size_t layer, bool matrices,
                               primer_error *error)
{
    const struct model_form *form = &model->shape.architecture->form;
    for (size_t i = 0; i < form->part_count; i++) {
        const struct model_part *part = &form->parts[i];
        const bool of_layer = part->role >= MODEL_ATTENTION_NORM;
        if (of_layer != (layer != SIZE_MAX) || !has_weight(&model->shape, part))
            continue;
        if (matrices == (part->rows != MODEL_ONE))
            FORWARD(add_tensor(model, part, layer, false, error));
        if (!matrices && has_bias(&model->shape, part))
            FORWARD(add_tensor(model, part, layer, true, error));
    }
    return PRIMER_OK;
}

static primer_status add_tensors(struct train_model *model, primer_error *error)
{
    FORWARD(add_parts(model, SIZE_MAX, true, error));
    FORWARD(add_parts(model, SIZE_MAX, false, error));
    for (size_t layer = 0; layer < model->shape.layers; layer++) {
        FORWARD(add_parts(model, layer, true, error));
        FORWARD(add_parts(model, layer, false, error));
    }
    return PRIMER_OK;
}

primer_status train_model_measure(const struct train_shape *shape, size_t *floats,
                                  size_t *parameters, primer_error *error)
{
    struct train_model counted = {.shape = *shape};
    FORWARD(check_shape(shape, error));
    FORWARD(add_tensors(&counted, error));
    *floats = counted.floats;
    *parameters = counted.parameters;
    return PRIMER_OK;
}

primer_status train_model_list(struct train_model *model, primer_error *error)
{
    model->tensors = memory_allocate(model->count, sizeof *model->tensors);
    if (model->tensors == NULL)
        return memory_failure(error, "a list of tensors", model->count * sizeof *model->tensors);
    model->count = model->floats = model->parameters = 0;
    return PRIMER_OK;
}

primer_status train_model_allocate(struct train_model *model, primer_error *error)
{
    model->weights = memory_allocate_aligned(model->floats, sizeof *model->weights);
    if (model->weights == NULL)
        return memory_failure(error, "weights", model->floats * sizeof *model->weights);
    memset(model->weights, 0, model->floats * sizeof *model->weights);
    return PRIMER_OK;
}

primer_status train_model_create(struct train_model *model, const struct train_shape *shape,
                                 primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct train_model made = {.shape = *shape};
    TRY(check_shape(shape, error));
    TRY(add_tensors(&made, error));
    TRY(train_model_list(&made, error));
    TRY(add_tensors(&made, error));
    TRY(train_model_allocate(&made, error));
    *model = made;
    return PRIMER_OK;
cleanup:
    train_model_free(&made);
    return status;
}

void train_model_free(struct train_model *model)
{
    memory_free(model->tensors);
    memory_free(model->weights);
    *model = (struct train_model){0};
}

const struct train_tensor *train_model_tensor(const struct train_model *model, const char *name)
{
    for (size_t i = 0; i < model->count; i++)
        if (strcmp(model->tensors[i].name, name) == 0)
            return &model->tensors[i];
    return NULL;
}

void train_model_initialize(struct train_model *model, float deviation, struct random *random)
{
    const double residual = sqrt(2.0 * (double)model->shape.layers);
    for (size_t i = 0; i < model->count; i++) {
        const struct train_tensor *t = &model->tensors[i];
        const bool adds = t->role == MODEL_ATTENTION_OUTPUT || t->role == MODEL_DOWN;
        const double spread = adds ? (double)deviation / residual : (double)deviation;
        const size_t count = t->rows * t->columns;
        float *const w = model->weights + t->offset;
        for (size_t k = 0; k < count; k++)
            w[k] = t->matrix ? (float)(spread * random_normal(random)) : t->bias ? 0.0f : 1.0f;
    }
}
