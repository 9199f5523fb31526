/* train_frozen.c - see train_frozen.h. */
#include "train/train_frozen.h"

#include <stdint.h>

/* ---- strips ---------------------------------------------------------------------------------- */

struct decoding {
    const struct tensor *matrix;
    const int32_t *ids; /* of the rows; NULL: first, first + 1, ... */
    size_t first;
    float *out; /* [rows][columns] */
};

static void decode_rows(void *context, size_t first, size_t count, size_t slice)
{
    const struct decoding *const job = context;
    const struct tensor *const matrix = job->matrix;
    (void)slice;
    for (size_t r = first; r < first + count; r++) {
        const size_t row = job->ids != NULL ? (size_t)job->ids[r] : job->first + r;
        matrix->format->decode(matrix->data + row * matrix->row_bytes,
                               job->out + r * matrix->columns, matrix->columns);
    }
}

/* Rows [first, first + rows) as f32: where they lie, or decoded. */
static const float *strip_of(const struct train_context *context, const struct tensor *matrix,
                             size_t first, size_t rows)
{
    const unsigned char *const at = matrix->data + first * matrix->row_bytes;
    struct decoding job = {matrix, NULL, first, context->strip};
    if (matrix->format->type == QUANT_F32 && (uintptr_t)at % sizeof(float) == 0)
        return (const float *)(const void *)at;
    train_over_rows(context, decode_rows, &job, rows);
    return context->strip;
}

static size_t strip_rows(const struct tensor *matrix)
{
    const size_t rows = TRAIN_FROZEN_STRIP / matrix->columns;
    return rows > 0 ? rows : 1;
}

void train_frozen_forward(const struct train_context *context, const struct tensor *matrix,
                          const float *bias, const float *x, size_t tokens, float *y, size_t y_row,
                          bool accumulate)
{
    const size_t most = strip_rows(matrix);
    for (size_t first = 0; first < matrix->rows; first += most) {
        const size_t left = matrix->rows - first, rows = left < most ? left : most;
        gemm_run(context->gemm, &(struct gemm){.rows = tokens,
                                               .columns = rows,
                                               .depth = matrix->columns,
                                               .a = x,
                                               .a_row = matrix->columns,
                                               .a_step = 1,
                                               .b = strip_of(context, matrix, first, rows),
                                               .b_step = 1,
                                               .b_column = matrix->columns,
                                               .out = y + first,
                                               .out_row = y_row,
                                               .accumulate = accumulate,
                                               .bias = bias != NULL ? bias + first : NULL,
                                               .bfloat = context->bfloat});
    }
}

void train_frozen_backward(const struct train_context *context, const struct tensor *matrix,
                           const float *dy, size_t dy_row, size_t tokens, float *dx,
                           bool accumulate)
{
    const size_t most = strip_rows(matrix);
    for (size_t first = 0; first < matrix->rows; first += most) {
        const size_t left = matrix->rows - first, rows = left < most ? left : most;
        gemm_run(context->gemm, &(struct gemm){.rows = tokens,
                                               .columns = matrix->columns,
                                               .depth = rows,
                                               .a = dy + first,
                                               .a_row = dy_row,
                                               .a_step = 1,
                                               .b = strip_of(context, matrix, first, rows),
                                               .b_step = matrix->columns,
                                               .b_column = 1,
                                               .out = dx,
                                               .out_row = matrix->columns,
                                               .accumulate = accumulate || first > 0,
                                               .bfloat = context->bfloat});
    }
}

void train_frozen_rows(const struct train_context *context, const struct tensor *matrix,
                       const int32_t *ids, size_t tokens, float *x)
{
    struct decoding job = {matrix, ids, 0, x};
    train_over_rows(context, decode_rows, &job, tokens);
}

/* ---- by role --------------------------------------------------------------------------------- */

const struct model_linear *train_frozen_linear(const struct model *model, size_t layer,
                                               enum model_role role)
{
    if (layer >= model->layer_count)
        return role == MODEL_OUTPUT || role == MODEL_TOKEN_EMBEDDING ? &model->output : NULL;
    const struct model_layer *const of = &model->layers[layer];
    const struct model_linear *const linears[MODEL_ROLES] = {
        [MODEL_QUERY_KEY_VALUE] = &of->query_key_value,
        [MODEL_QUERY] = &of->query,
        [MODEL_KEY] = &of->key,
        [MODEL_VALUE] = &of->value,
        [MODEL_ATTENTION_OUTPUT] = &of->attention_output,
        [MODEL_GATE] = &of->gate,
        [MODEL_UP] = &of->up,
        [MODEL_DOWN] = &of->down,
    };
    const struct model_linear *const found = linears[role];
    return found != NULL && found->weight.format != NULL ? found : NULL;
}

const struct model_norm *train_frozen_norm(const struct model *model, size_t layer,
                                           enum model_role role)
{
    if (layer >= model->layer_count)
        return role == MODEL_FINAL_NORM ? &model->final_norm : NULL;
    const struct model_layer *const of = &model->layers[layer];
    const struct model_norm *const found = role == MODEL_ATTENTION_NORM ? &of->attention_norm
                                           : role == MODEL_FEED_FORWARD_NORM
                                               ? &of->feed_forward_norm
                                               : NULL;
    return found != NULL && found->weight != NULL ? found : NULL;
}
