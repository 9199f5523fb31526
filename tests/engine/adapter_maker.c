/* adapter_maker.c - see adapter_maker.h. */
#include "adapter_maker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "format/gguf.h"

/* Uniform in [-1, 1). */
static float next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)((double)(*state >> 8) / 8388608.0 - 1);
}

static bool is_wanted(const char *name, const char *parts)
{
    char list[128], *rest = list;
    if (parts == NULL)
        return true;
    snprintf(list, sizeof list, "%s", parts);
    for (char *part; (part = strsep(&rest, " ")) != NULL;)
        if (strstr(name, part) != NULL)
            return true;
    return false;
}

static void add(struct adapter_data *data, const struct model *model, enum model_role role,
                size_t layer, size_t rank, double alpha, uint32_t *state, const char *parts)
{
    const struct model_part *part = model_architecture_part(model->architecture, role);
    struct adapter_tensor *t = NULL;
    char name[MODEL_NAME_LIMIT];
    if (part == NULL)
        return;
    model_tensor_name(name, part->name, layer, ".weight");
    if (!is_wanted(name, parts))
        return;
    const size_t rows = model_extent_of(model, part->rows),
                 columns = model_extent_of(model, part->columns);
    must(adapter_data_add(data, name, rank, rows, columns, alpha / (double)rank, &t, error));
    for (size_t i = 0; i < rank * columns; i++)
        t->a[i] = next_random(state) / sqrtf((float)columns);
    for (size_t i = 0; i < rows * rank; i++)
        t->b[i] = next_random(state);
}

void adapter_maker_fill(struct adapter_data *data, const char *model_path, size_t rank,
                        double alpha, unsigned seed, const char *parts, bool split)
{
    static const enum model_role roles[] = {
        MODEL_QUERY_KEY_VALUE,  MODEL_QUERY, MODEL_KEY, MODEL_VALUE,
        MODEL_ATTENTION_OUTPUT, MODEL_GATE,  MODEL_UP,  MODEL_DOWN};
    struct gguf *gguf = NULL;
    struct model *model = NULL;
    uint32_t state = seed * 2654435761u + 1;
    must(gguf_open(&gguf, model_path, error));
    must(model_create(&model, gguf, error));
    *data = adapter_data_for(model);
    for (size_t layer = 0; layer < model->layer_count; layer++)
        for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
            const bool fused = !split && model->layers[layer].query_key_value.weight.format != NULL;
            const bool of_split =
                roles[i] == MODEL_QUERY || roles[i] == MODEL_KEY || roles[i] == MODEL_VALUE;
            if (roles[i] == MODEL_QUERY_KEY_VALUE ? fused : !of_split || !fused)
                add(data, model, roles[i], layer, rank, alpha, &state, parts);
        }
    model_free(model);
    gguf_free(gguf);
}

void adapter_maker_write(const char *model_path, const char *out, size_t rank, double alpha,
                         unsigned seed, const char *parts, bool split)
{
    struct adapter_data data;
    adapter_maker_fill(&data, model_path, rank, alpha, seed, parts, split);
    must(adapter_write_gguf(&data, out, "random", error));
    adapter_data_free(&data);
}

static void add_product(float *weights, const struct gguf_tensor *a, const struct gguf_tensor *b,
                        double scale)
{
    const size_t columns = a->shape[0], rank = a->shape[1], rows = b->shape[1];
    const float *const left = (const float *)(const void *)b->data,
                       *const right = (const float *)(const void *)a->data;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            double sum = 0;
            for (size_t k = 0; k < rank; k++)
                sum += (double)left[r * rank + k] * (double)right[k * columns + c];
            weights[r * columns + c] = (float)((double)weights[r * columns + c] + scale * sum);
        }
}

void adapter_maker_merge(const char *model_path, const char *adapter_path, double scale,
                         const char *out)
{
    struct gguf *model = NULL, *adapter = NULL;
    struct gguf_writer *writer = NULL;
    double alpha = 0;
    char name[160];
    must(gguf_open(&model, model_path, error));
    must(gguf_open(&adapter, adapter_path, error));
    must(gguf_get_f64(adapter, "adapter.lora.alpha", &alpha, error));
    must(gguf_writer_create(&writer, out, error));
    for (size_t i = 0; i < gguf_value_count(model); i++)
        must(gguf_write_value(writer, gguf_value_at(model, i), error));
    for (size_t i = 0; i < gguf_tensor_count(model); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(model, i);
        snprintf(name, sizeof name, "%.*s", (int)t->name.length, t->name.bytes);
        must(gguf_declare_tensor(writer, name, t->dimensions, t->shape, t->format, error));
    }
    for (size_t i = 0; i < gguf_tensor_count(model); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(model, i);
        float *weights = malloc(t->bytes);
        memcpy(weights, t->data, t->bytes);
        snprintf(name, sizeof name, "%.*s.lora_a", (int)t->name.length, t->name.bytes);
        const struct gguf_tensor *a = gguf_tensor_named(adapter, name);
        name[strlen(name) - 1] = 'b';
        if (a != NULL)
            add_product(weights, a, gguf_tensor_named(adapter, name),
                        scale * alpha / (double)a->shape[1]);
        must(gguf_write_data(writer, weights, t->bytes, error));
        free(weights);
    }
    must(gguf_writer_finish(writer, error));
    gguf_writer_free(writer);
    gguf_free(adapter);
    gguf_free(model);
}

/* ---- logits ---------------------------------------------------------------------------------- */

float *adapter_maker_logits(const char *model_path, size_t tokens,
                            const struct merge_model_adapter *adapters, size_t count,
                            size_t *vocabulary)
{
    primer_model *model = NULL;
    primer_session *session = NULL;
    primer_adapter_use uses[4];
    int32_t ids[64];
    assert_true(count <= sizeof uses / sizeof *uses && tokens <= sizeof ids / sizeof *ids);
    must(primer_model_open(model_path, NULL, &model, error));
    *vocabulary = primer_model_info(model)->vocabulary;
    for (size_t i = 0; i < count; i++) {
        must(primer_adapter_open(model, adapters[i].path, &uses[i].adapter, error));
        uses[i].scale = (float)adapters[i].scale;
    }
    const primer_session_options options = {
        .kv_format = PRIMER_KV_F32, .adapters = uses, .adapter_count = count};
    must(primer_session_create(model, &options, &session, error));
    fixture_ids(ids, tokens, *vocabulary, 5);
    must(primer_session_sync(session, ids, tokens, NULL, NULL, error));
    float *logits = malloc(*vocabulary * sizeof *logits);
    memcpy(logits, primer_session_logits(session), *vocabulary * sizeof *logits);
    primer_session_free(session);
    for (size_t i = 0; i < count; i++)
        primer_adapter_free(uses[i].adapter);
    primer_model_free(model);
    return logits;
}

double adapter_maker_distance(const float *a, const float *b, size_t count)
{
    double difference = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        size += (double)a[i] * (double)a[i];
    }
    return sqrt(difference / size);
}
