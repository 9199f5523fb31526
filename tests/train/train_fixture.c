/* train_fixture.c - see train_fixture.h. */
#include "train_fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double train_fixture_mixed(uint64_t index)
{
    uint64_t z = (index + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (double)((z ^ (z >> 31)) >> 40) / (double)(1 << 24) - 0.5;
}

const struct model_architecture *train_fixture_architecture(const char *name)
{
    const struct model_architecture *a;
    for (size_t i = 0; (a = model_architecture_at(i)) != NULL; i++)
        if (strcmp(a->name, name) == 0)
            return a;
    fail_msg("no architecture %s", name);
    return NULL;
}

struct train_shape train_fixture_shape(const char *architecture)
{
    const bool phi = strcmp(architecture, "phi2") == 0;
    return (struct train_shape){
        .architecture = train_fixture_architecture(architecture),
        .vocabulary = 48,
        .context = 64,
        .embedding = 32,
        .layers = 2,
        .heads = 4,
        .kv_heads = phi ? 4 : 2,
        .head_dimensions = 8,
        .feed_forward = 64,
        .rotary_dimensions = phi ? 4 : 8,
        .epsilon = 1e-5f,
        .rope_base = 10000,
    };
}

float train_fixture_weight(size_t tensor, const char *name, size_t element)
{
    const double u = train_fixture_mixed(((uint64_t)tensor << 32) + element);
    const size_t length = strlen(name);
    if (length >= 4 && strcmp(name + length - 4, "bias") == 0)
        return (float)(0.25 * u);
    return strstr(name, "norm") != NULL ? (float)(1 + 0.25 * u) : (float)(0.625 * u);
}

void train_fixture_model(struct train_model *model, const struct train_shape *shape,
                         const char (*names)[64])
{
    must(train_model_create(model, shape, error));
    for (size_t i = 0; i < model->count; i++) {
        const struct train_tensor *t =
            names != NULL ? train_model_tensor(model, names[i]) : &model->tensors[i];
        if (t == NULL)
            fail_msg("no tensor %s", names[i]);
        for (size_t k = 0; k < t->rows * t->columns; k++)
            model->weights[t->offset + k] = train_fixture_weight(i, t->name, k);
    }
}

void train_fixture_batch(struct train_fixture_batch *b, size_t vocabulary, size_t rows,
                         size_t length)
{
    const size_t count = rows * length;
    *b = (struct train_fixture_batch){
        .inputs = calloc(count, sizeof(int32_t)),
        .targets = calloc(count, sizeof(int32_t)),
        .weights = calloc(count, sizeof(float)),
        .starts = calloc(count, sizeof(uint32_t)),
    };
    for (size_t i = 0; i < count; i++) {
        double draw[4];
        for (size_t k = 0; k < 4; k++)
            draw[k] = train_fixture_mixed((UINT64_C(1) << 60) + k * count + i) + 0.5;
        const size_t t = i % length;
        b->inputs[i] = (int32_t)(draw[0] * (double)vocabulary);
        b->targets[i] = (int32_t)(draw[1] * (double)vocabulary);
        b->weights[i] = draw[2] < 0.25 ? 0 : (float)floor(draw[2] * 8) / 4;
        b->starts[i] = t == 0 || draw[3] < 0.125 ? (uint32_t)t : b->starts[i - 1];
    }
    b->batch = (struct train_batch){rows, length, b->inputs, b->targets, b->weights, b->starts};
}

void train_fixture_batch_free(struct train_fixture_batch *b)
{
    free(b->inputs);
    free(b->targets);
    free(b->weights);
    free(b->starts);
}

double train_fixture_distance(const float *a, const float *b, size_t count)
{
    double apart = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        const double d = (double)a[i] - (double)b[i];
        apart += d * d;
        size += (double)b[i] * (double)b[i];
    }
    return size > 0 ? sqrt(apart / size) : sqrt(apart);
}
