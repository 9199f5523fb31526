/*
 * From a file to a bound model: sizes out of the metadata, rotary frequencies, tensors by name.
 * Every number is checked for sense here, so that the forward passes need no checks.
 *
 * Keys stand after the architecture's name ("phi2.block_count"); what a file may leave out, and
 * what that means, is llama.cpp's convention.
 */
#include "reference_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No model of today has a size beyond this; products of two sizes can't overflow. */
static const double largest_size = 1e8;

static bool fail(const reference_model *model, const char *what, reference_error *error)
{
    snprintf(error->message, sizeof error->message, "%s: %s", reference_gguf_path(model->file),
             what);
    return false;
}

static bool find_number(const reference_model *model, const char *key, double *value)
{
    char name[128];
    snprintf(name, sizeof name, "%s.%s", model->family->architecture, key);
    return reference_gguf_number(model->file, name, value);
}

/* A size from the metadata; `otherwise` where it is absent, unless that is 0: then it must be. */
static bool read_size(const reference_model *model, const char *key, size_t otherwise, size_t *size,
                      reference_error *error)
{
    double value = (double)otherwise;
    find_number(model, key, &value);
    if (!(value >= 1 && value <= largest_size)) {
        snprintf(error->message, sizeof error->message, "%s: %s.%s: missing or not a size",
                 reference_gguf_path(model->file), model->family->architecture, key);
        return false;
    }
    *size = (size_t)value;
    return true;
}

static bool read_sizes(reference_model *model, reference_error *error)
{
    size_t value_size = 0;
    double experts = 0;
    double window = 0;
    if (!read_size(model, "context_length", 0, &model->context, error) ||
        !read_size(model, "embedding_length", 0, &model->width, error) ||
        !read_size(model, "feed_forward_length", 0, &model->forward_width, error) ||
        !read_size(model, "block_count", 0, &model->layer_count, error) ||
        !read_size(model, "attention.head_count", 0, &model->heads, error) ||
        !read_size(model, "attention.head_count_kv", model->heads, &model->key_heads, error) ||
        !read_size(model, "attention.key_length", model->width / model->heads, &model->head_size,
                   error) ||
        !read_size(model, "attention.value_length", model->head_size, &value_size, error) ||
        !read_size(model, "rope.dimension_count", model->head_size, &model->rotary, error)) {
        return false;
    }
    if (model->heads % model->key_heads != 0 || value_size != model->head_size ||
        model->rotary > model->head_size || model->rotary % 2 != 0) {
        return fail(model, "its attention heads are of a kind not computed here", error);
    }
    if (find_number(model, "expert_count", &experts) && experts != 0) {
        return fail(model, "it has experts, which are not computed here", error);
    }
    find_number(model, "attention.sliding_window", &window);
    model->window = window >= 1 && window <= largest_size ? (size_t)window : 0;
    return find_number(model, model->family->epsilon_key, &model->epsilon) ||
           fail(model, "the norms' epsilon is missing", error);
}

/* The factor by which linear scaling stretches positions; 1 without scaling. */
static bool read_stretch(const reference_model *model, double *stretch, reference_error *error)
{
    char name[128];
    const char *kind = "linear";
    size_t length = strlen(kind);
    snprintf(name, sizeof name, "%s.rope.scaling.type", model->family->architecture);
    reference_gguf_text(model->file, name, &kind, &length);
    *stretch = 1;
    if (length == 4 && memcmp(kind, "none", 4) == 0) {
        return true;
    }
    if (length != 6 || memcmp(kind, "linear", 6) != 0) {
        return fail(model, "rope.scaling.type: only none and linear are computed here", error);
    }
    if (!find_number(model, "rope.scaling.factor", stretch)) {
        find_number(model, "rope.scale_linear", stretch);
    }
    if (*stretch == 0) { /* written by some converters for "none" */
        *stretch = 1;
    }
    return *stretch > 0 || fail(model, "rope.scaling.factor: negative", error);
}

/*
 * Rotary frequencies (Su et al., RoFormer, arXiv 2104.09864, section 3.4.2): pair i turns by
 * base^(-2i / rotary) a position. Llama 3.1 and later divide each by a factor of its own from
 * rope_freqs.weight; linear scaling divides all by one (Chen et al., arXiv 2306.15595).
 */
static bool read_frequencies(reference_model *model, reference_error *error)
{
    const size_t pairs = model->rotary / 2;
    reference_tensor factors = {0};
    double base = 10000;
    double stretch;
    find_number(model, "rope.freq_base", &base);
    if (!(base > 0)) {
        return fail(model, "rope.freq_base: not above 0", error);
    }
    if (!read_stretch(model, &stretch, error) ||
        !reference_model_bind_optional(model, "rope_freqs.weight", 1, pairs, &factors, error)) {
        return false;
    }
    model->frequency = calloc(pairs, sizeof *model->frequency);
    if (model->frequency == NULL) {
        return fail(model, "out of memory", error);
    }
    for (size_t i = 0; i < pairs; i++) {
        const double factor =
            factors.data != NULL ? reference_format_at(factors.format, factors.data, i) : 1;
        const double exponent = -2 * (double)i / (double)model->rotary;
        model->frequency[i] = pow(base, exponent) / factor / stretch;
    }
    return true;
}

static bool build(reference_model *model, reference_error *error)
{
    const reference_tensor *embedding = reference_gguf_tensor(model->file, "token_embd.weight");
    if (embedding == NULL) {
        return fail(model, "tensor token_embd.weight is missing", error);
    }
    model->vocabulary = embedding->rows;
    if (!read_sizes(model, error) || !read_frequencies(model, error)) {
        return false;
    }
    model->layers = calloc(model->layer_count, sizeof *model->layers);
    if (model->layers == NULL) {
        return fail(model, "out of memory", error);
    }
    for (size_t i = 0; i < model->layer_count; i++) {
        if (!model->family->bind_layer(model, i, error)) {
            return false;
        }
    }
    return reference_model_bind(model, "token_embd.weight", model->vocabulary, model->width,
                                &model->embedding, error) &&
           model->family->bind(model, error);
}

bool reference_model_create(reference_gguf *file, const reference_family *family,
                            reference_model **model, reference_error *error)
{
    reference_model *built = calloc(1, sizeof *built);
    if (built == NULL) {
        snprintf(error->message, sizeof error->message, "out of memory");
        reference_gguf_free(file);
        return false;
    }
    built->file = file;
    built->family = family;
    if (!build(built, error)) {
        reference_model_free(built);
        return false;
    }
    *model = built;
    return true;
}

void reference_model_free(reference_model *model)
{
    if (model != NULL) {
        reference_gguf_free(model->file);
        free(model->frequency);
        free(model->layers);
        free(model);
    }
}

bool reference_model_bind_optional(const reference_model *model, const char *name, size_t rows,
                                   size_t columns, reference_tensor *tensor, reference_error *error)
{
    const reference_tensor *found = reference_gguf_tensor(model->file, name);
    if (found == NULL) {
        return true;
    }
    if (found->format == NULL) {
        snprintf(error->message, sizeof error->message, "%s: tensor %s: unknown type %u",
                 reference_gguf_path(model->file), name, (unsigned)found->type);
        return false;
    }
    if (found->rows != rows || found->columns != columns) {
        snprintf(error->message, sizeof error->message,
                 "%s: tensor %s is [%zu][%zu], expected [%zu][%zu]",
                 reference_gguf_path(model->file), name, found->rows, found->columns, rows,
                 columns);
        return false;
    }
    *tensor = *found;
    return true;
}

bool reference_model_bind(const reference_model *model, const char *name, size_t rows,
                          size_t columns, reference_tensor *tensor, reference_error *error)
{
    if (!reference_model_bind_optional(model, name, rows, columns, tensor, error)) {
        return false;
    }
    if (tensor->data == NULL) {
        snprintf(error->message, sizeof error->message, "%s: tensor %s is missing",
                 reference_gguf_path(model->file), name);
        return false;
    }
    return true;
}

bool reference_model_bind_layer(const reference_model *model, size_t i, const char *name,
                                size_t rows, size_t columns, reference_tensor *tensor,
                                reference_error *error)
{
    char full[128];
    snprintf(full, sizeof full, "blk.%zu.%s", i, name);
    return reference_model_bind(model, full, rows, columns, tensor, error);
}

bool reference_model_bind_layer_optional(const reference_model *model, size_t i, const char *name,
                                         size_t rows, size_t columns, reference_tensor *tensor,
                                         reference_error *error)
{
    char full[128];
    snprintf(full, sizeof full, "blk.%zu.%s", i, name);
    return reference_model_bind_optional(model, full, rows, columns, tensor, error);
}

bool reference_buffers_create(const reference_model *model, size_t n, reference_buffers *buffers,
                              reference_error *error)
{
    const size_t query_width = model->heads * model->head_size;
    const size_t key_width = model->key_heads * model->head_size;
    buffers->x = calloc(n, model->width * sizeof(double));
    buffers->normed = calloc(n, model->width * sizeof(double));
    buffers->query = calloc(n, query_width * sizeof(double));
    buffers->key = calloc(n, key_width * sizeof(double));
    buffers->value = calloc(n, key_width * sizeof(double));
    buffers->attention = calloc(n, query_width * sizeof(double));
    buffers->gate = calloc(n, model->forward_width * sizeof(double));
    buffers->up = calloc(n, model->forward_width * sizeof(double));
    buffers->branch = calloc(n, model->width * sizeof(double));
    if (buffers->x == NULL || buffers->normed == NULL || buffers->query == NULL ||
        buffers->key == NULL || buffers->value == NULL || buffers->attention == NULL ||
        buffers->gate == NULL || buffers->up == NULL || buffers->branch == NULL) {
        reference_buffers_free(buffers);
        return fail(model, "out of memory", error);
    }
    return true;
}

void reference_buffers_free(reference_buffers *buffers)
{
    free(buffers->x);
    free(buffers->normed);
    free(buffers->query);
    free(buffers->key);
    free(buffers->value);
    free(buffers->attention);
    free(buffers->gate);
    free(buffers->up);
    free(buffers->branch);
    *buffers = (reference_buffers){0};
}
