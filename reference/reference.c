/* The calls of reference.h: a table of families, and the frame around a forward pass. */
#include "reference.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "reference_math.h"
#include "reference_model.h"

static const reference_family *const families[] = {&reference_phi2, &reference_llama};

static const reference_family *find_family(const reference_gguf *file)
{
    const char *text = NULL;
    size_t length = 0;
    if (!reference_gguf_text(file, "general.architecture", &text, &length)) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        const char *name = families[i]->architecture;
        if (strlen(name) == length && memcmp(name, text, length) == 0) {
            return families[i];
        }
    }
    return NULL;
}

bool reference_open(const char *path, reference_model **model, reference_error *error)
{
    reference_gguf *file = NULL;
    if (!reference_gguf_open(path, &file, error)) {
        return false;
    }
    const reference_family *family = find_family(file);
    if (family == NULL) {
        snprintf(error->message, sizeof error->message,
                 "%s: general.architecture is neither phi2 nor llama", path);
        reference_gguf_free(file);
        return false;
    }
    return reference_model_create(file, family, model, error);
}

void reference_free(reference_model *model)
{
    reference_model_free(model);
}

size_t reference_vocabulary(const reference_model *model)
{
    return model->vocabulary;
}

size_t reference_context(const reference_model *model)
{
    return model->context;
}

bool reference_piece(const reference_model *model, size_t id, const char **text, size_t *length)
{
    return reference_gguf_text_at(model->file, "tokenizer.ggml.tokens", id, text, length);
}

bool reference_evaluate(const reference_model *model, const reference_self_extend *extend,
                        const uint32_t *ids, size_t n, double *logits, reference_error *error)
{
    reference_buffers buffers = {0};
    if (n == 0) {
        return true;
    }
    if (extend != NULL && extend->group == 0) {
        extend = NULL;
    }
    for (size_t t = 0; t < n; t++) {
        if (ids[t] >= model->vocabulary) {
            snprintf(error->message, sizeof error->message,
                     "token %zu is %u, the vocabulary has %zu", t, (unsigned)ids[t],
                     model->vocabulary);
            return false;
        }
    }
    if (!reference_buffers_create(model, n, &buffers, error)) {
        return false;
    }
    for (size_t t = 0; t < n; t++) {
        reference_math_row(&model->embedding, ids[t], buffers.x + t * model->width);
    }
    const bool ok = model->family->forward(model, extend, n, &buffers, logits, error);
    reference_buffers_free(&buffers);
    return ok;
}

void reference_log_softmax(double *rows, size_t n, size_t vocabulary)
{
    for (size_t t = 0; t < n; t++, rows += vocabulary) {
        double largest = -INFINITY;
        double sum = 0;
        for (size_t v = 0; v < vocabulary; v++) {
            largest = rows[v] > largest ? rows[v] : largest;
        }
        for (size_t v = 0; v < vocabulary; v++) {
            sum += exp(rows[v] - largest);
        }
        const double total = largest + log(sum);
        for (size_t v = 0; v < vocabulary; v++) {
            rows[v] -= total;
        }
    }
}
