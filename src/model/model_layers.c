/* model_layers.c - see model_layers.h. */
#include "model/model_layers.h"

#include "model/adapter.h"

static struct tensor_product product(const struct model_linear *linear, float *out,
                                     size_t out_stride)
{
    return (struct tensor_product){
        .weight = &linear->weight, .bias = linear->bias, .out = out, .out_stride = out_stride};
}

void model_layers_norm(const struct model *model, struct pass *pass, const struct model_norm *norm,
                       const float *x, size_t rows, float *out)
{
    if (model->architecture->form.norm == MODEL_LAYER_NORM)
        tensor_layer_norm(&pass->workspace, x, norm->weight, norm->bias, model->epsilon, rows,
                          model->embedding, out);
    else
        tensor_rms_norm(&pass->workspace, x, norm->weight, model->epsilon, rows, model->embedding,
                        out);
}

void model_layers_project(const struct model *model, struct pass *pass,
                          const struct model_layer *layer, const float *in,
                          const struct model_linear *with_gelu)
{
    struct tensor_product products[4];
    size_t count = 0;
    const bool late_gelu = with_gelu != NULL && adapter_touches(pass, MODEL_UP);
    const size_t q = model->heads * model->head_dimensions,
                 kv = model->kv_heads * model->head_dimensions;
    if (layer->query_key_value.weight.format != NULL) {
        /* One matrix whose rows are Q, K and V: the three lie side by side in each row of
         * pass->query. */
        pass->query_stride = pass->kv_stride = q + 2 * kv;
        pass->key = pass->query + q;
        pass->value = pass->key + kv;
        products[count++] = product(&layer->query_key_value, pass->query, pass->query_stride);
    } else {
        pass->query_stride = q;
        pass->kv_stride = kv;
        pass->key = pass->query + pass->rows * q;
        pass->value = pass->key + pass->rows * kv;
        products[count++] = product(&layer->query, pass->query, q);
        products[count++] = product(&layer->key, pass->key, kv);
        products[count++] = product(&layer->value, pass->value, kv);
    }
    if (with_gelu != NULL) {
        products[count] = product(with_gelu, pass->wide, model->feed_forward);
        products[count++].gelu = !late_gelu;
    }
    tensor_multiply(&pass->workspace, in, model->embedding, pass->rows, products, count);
    const struct adapter_target targets[] = {{MODEL_QUERY, pass->query, pass->query_stride},
                                             {MODEL_KEY, pass->key, pass->kv_stride},
                                             {MODEL_VALUE, pass->value, pass->kv_stride},
                                             {MODEL_UP, pass->wide, model->feed_forward}};
    adapter_apply(pass, in, targets, with_gelu != NULL ? 4 : 3);
    if (late_gelu)
        tensor_gelu(&pass->workspace, pass->wide, pass->rows, model->feed_forward);
}

void model_layers_attend(const struct model *model, struct pass *pass, size_t layer)
{
    tensor_attention(&pass->workspace, &(struct attention){
                                           .layer = layer,
                                           .heads = model->heads,
                                           .kv_heads = model->kv_heads,
                                           .dimensions = model->head_dimensions,
                                           .window = model->window,
                                           .interleaved = model->architecture->form.interleaved,
                                           .query = pass->query,
                                           .key = pass->key,
                                           .value = pass->value,
                                           .query_stride = pass->query_stride,
                                           .kv_stride = pass->kv_stride,
                                           .rotated = pass->rotated,
                                           .grouped = pass->grouped,
                                           .out = pass->attended,
                                           .out_stride = model->heads * model->head_dimensions,
                                           .sequences = pass->sequences,
                                           .sequence_count = pass->sequence_count,
                                       });
}

void model_layers_gate(const struct model *model, struct pass *pass,
                       const struct model_layer *layer, const float *in)
{
    const struct tensor_product products[] = {
        product(&layer->gate, pass->gate, model->feed_forward),
        product(&layer->up, pass->wide, model->feed_forward)};
    tensor_multiply(&pass->workspace, in, model->embedding, pass->rows, products, 2);
    const struct adapter_target targets[] = {{MODEL_GATE, pass->gate, model->feed_forward},
                                             {MODEL_UP, pass->wide, model->feed_forward}};
    adapter_apply(pass, in, targets, 2);
}

void model_layers_add(struct pass *pass, const struct model_linear *linear, const float *in)
{
    struct tensor_product sum = product(linear, pass->x, linear->weight.rows);
    sum.accumulate = true;
    tensor_multiply(&pass->workspace, in, linear->weight.columns, pass->rows, &sum, 1);
    const bool down = linear == &pass->model->layers[pass->layer].down;
    const struct adapter_target target = {down ? MODEL_DOWN : MODEL_ATTENTION_OUTPUT, pass->x,
                                          linear->weight.rows};
    adapter_apply(pass, in, &target, 1);
}
