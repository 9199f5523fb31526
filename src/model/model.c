/* model.c - opening: the table of architectures, the hyperparameters all of them have, sizes. */
#include "model/model.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "model/model_architectures.h"
#include "model/model_bind.h"

/* A new architecture is one file and one row. */
static const struct model_architecture *(*const architectures[])(void) = {phi2_architecture,
                                                                          llama_architecture};

const struct model_architecture *model_architecture_at(size_t index)
{
    return index < sizeof architectures / sizeof *architectures ? architectures[index]() : NULL;
}

const struct model_part *model_architecture_part(const struct model_architecture *architecture,
                                                 enum model_role role)
{
    for (size_t i = 0; i < architecture->form.part_count; i++)
        if (architecture->form.parts[i].role == role)
            return &architecture->form.parts[i];
    return NULL;
}

/* An adapter names an architecture too, but has none of a model's keys. */
static primer_status refuse_adapter(const struct gguf *gguf, primer_error *error)
{
    struct gguf_string type = {"", 0};
    FORWARD(gguf_get_string(gguf, "general.type", &type, error));
    if (type.length != strlen("adapter") || memcmp(type.bytes, "adapter", type.length) != 0)
        return PRIMER_OK;
    return error_set(error, PRIMER_EUNSUPPORTED,
                     "%s: is an adapter (its general.type says so), expected a model; an adapter "
                     "is given beside its model: --adapter",
                     gguf_path(gguf));
}

static primer_status find_architecture(struct model *model, primer_error *error)
{
    struct gguf_string name;
    char printable[64], known[128] = "";
    FORWARD(refuse_adapter(model->gguf, error));
    FORWARD(gguf_require_string(model->gguf, "general.architecture", &name, error));
    const struct model_architecture *a;
    for (size_t i = 0; (a = model_architecture_at(i)) != NULL; i++) {
        if (strlen(a->name) == name.length && memcmp(a->name, name.bytes, name.length) == 0) {
            model->architecture = a;
            return PRIMER_OK;
        }
        strncat(known, i == 0 ? "" : ", ", sizeof known - strlen(known) - 1);
        strncat(known, a->name, sizeof known - strlen(known) - 1);
    }
    return error_set(error, PRIMER_EUNSUPPORTED,
                     "%s: general.architecture is \"%s\", expected one of: %s",
                     gguf_path(model->gguf),
                     error_printable(name.bytes, name.length, printable, sizeof printable), known);
}

#define MOST_LAYERS 4096
#define MOST_WIDTH  (1u << 24)

static primer_status read_shape(struct model *m, primer_error *error)
{
    FORWARD(
        model_bind_size(m, MODEL_REQUIRED, "block_count", 1, MOST_LAYERS, &m->layer_count, error));
    FORWARD(
        model_bind_size(m, MODEL_REQUIRED, "context_length", 1, MOST_WIDTH, &m->context, error));
    FORWARD(model_bind_size(m, MODEL_REQUIRED, "embedding_length", 1, MOST_WIDTH, &m->embedding,
                            error));
    FORWARD(model_bind_size(m, MODEL_REQUIRED, "feed_forward_length", 1, MOST_WIDTH,
                            &m->feed_forward, error));
    FORWARD(model_bind_size(m, MODEL_REQUIRED, "attention.head_count", 1, MOST_WIDTH, &m->heads,
                            error));
    m->kv_heads = m->heads;
    FORWARD(model_bind_size(m, MODEL_OPTIONAL, "attention.head_count_kv", 1, m->heads, &m->kv_heads,
                            error));
    if (m->heads % m->kv_heads != 0)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: key %s.attention.head_count is %zu, expected a multiple of "
                         "attention.head_count_kv, %zu",
                         gguf_path(m->gguf), m->architecture->name, m->heads, m->kv_heads);
    m->head_dimensions = m->embedding / m->heads;
    size_t value_length = 0;
    FORWARD(model_bind_size(m, MODEL_OPTIONAL, "attention.key_length", 1, 4096, &m->head_dimensions,
                            error));
    value_length = m->head_dimensions;
    FORWARD(model_bind_size(m, MODEL_OPTIONAL, "attention.value_length", 1, 4096, &value_length,
                            error));
    if (value_length != m->head_dimensions || m->head_dimensions == 0 || m->head_dimensions > 4096)
        return error_set(
            error, PRIMER_EUNSUPPORTED,
            "%s: heads have %zu key and %zu value dimensions, expected the same number, 1 to 4096",
            gguf_path(m->gguf), m->head_dimensions, value_length);
    return PRIMER_OK;
}

static primer_status read_rotation(struct model *m, primer_error *error)
{
    struct gguf_string kind = {"none", 4};
    char key[96];
    double factor = 0;
    m->rotary_dimensions = m->head_dimensions;
    m->rope_base = 10000;
    FORWARD(model_bind_size(m, MODEL_OPTIONAL, "rope.dimension_count", 2, m->head_dimensions,
                            &m->rotary_dimensions, error));
    if (m->rotary_dimensions % 2 != 0)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: key %s.rope.dimension_count is %zu, expected an even number",
                         gguf_path(m->gguf), m->architecture->name, m->rotary_dimensions);
    FORWARD(model_bind_real(m, MODEL_OPTIONAL, "rope.freq_base", &m->rope_base, error));
    FORWARD(model_bind_real(m, MODEL_OPTIONAL, "rope.scale_linear", &factor, error));
    FORWARD(model_bind_real(m, MODEL_OPTIONAL, "rope.scaling.factor", &factor, error));
    strcpy(key, m->architecture->name);
    strcat(key, ".rope.scaling.type");
    FORWARD(gguf_get_string(m->gguf, key, &kind, error));
    const bool none = kind.length == 4 && memcmp(kind.bytes, "none", 4) == 0;
    const bool linear = kind.length == 6 && memcmp(kind.bytes, "linear", 6) == 0;
    if (!none && !linear) {
        char found[64];
        return error_set(error, PRIMER_EUNSUPPORTED,
                         "%s: key %s is \"%s\", expected none or linear", gguf_path(m->gguf), key,
                         error_printable(kind.bytes, kind.length, found, sizeof found));
    }
    if (none && gguf_value_named(m->gguf, key) != NULL)
        factor = 0; /* the file says that nothing is scaled */
    m->rope_scale = factor > 0 ? factor : 1;
    if (m->rope_base <= 0)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: key %s.rope.freq_base is %g, expected a positive number",
                         gguf_path(m->gguf), m->architecture->name, m->rope_base);
    return PRIMER_OK;
}

static primer_status read_vocabulary(struct model *m, primer_error *error)
{
    const struct gguf_tensor *t = gguf_tensor_named(m->gguf, "token_embd.weight");
    const struct gguf_value *tokens = gguf_value_named(m->gguf, "tokenizer.ggml.tokens");
    if (t == NULL)
        return error_set(error, PRIMER_EFORMAT, "%s: tensor token_embd.weight is missing",
                         gguf_path(m->gguf));
    m->vocabulary = t->shape[1];
    if (tokens != NULL && tokens->type == GGUF_ARRAY && tokens->count > m->vocabulary)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: tensor token_embd.weight has %zu rows, expected at least %llu, the "
                         "tokens of tokenizer.ggml.tokens",
                         gguf_path(m->gguf), m->vocabulary, (unsigned long long)tokens->count);
    if (m->vocabulary > INT32_MAX)
        return error_set(error, PRIMER_ELIMIT,
                         "%s: tensor token_embd.weight has %zu rows, at most %d are allowed",
                         gguf_path(m->gguf), m->vocabulary, INT32_MAX);
    return PRIMER_OK;
}

static primer_status read_epsilon(struct model *m, primer_error *error)
{
    const struct model_form *form = &m->architecture->form;
    double epsilon = 1e-5;
    FORWARD(model_bind_real(m, form->epsilon_needed ? MODEL_REQUIRED : MODEL_OPTIONAL,
                            form->epsilon, &epsilon, error));
    m->epsilon = (float)epsilon;
    return PRIMER_OK;
}

/* Room for the one-dimensional tensors that must be widened or moved to an aligned place. */
static primer_status reserve_vectors(struct model *m, primer_error *error)
{
    size_t bytes = MEMORY_ALIGNMENT;
    for (size_t i = 0; i < gguf_tensor_count(m->gguf); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(m->gguf, i);
        size_t more;
        if (t->shape[1] * t->shape[2] * t->shape[3] != 1 ||
            (t->format->type == QUANT_F32 && (uintptr_t)t->data % sizeof(float) == 0))
            continue;
        if (!memory_product(t->shape[0], sizeof(float), &more) ||
            !memory_sum(bytes, more + MEMORY_ALIGNMENT, &bytes))
            return error_set(error, PRIMER_ELIMIT, "%s: vectors too long", gguf_path(m->gguf));
    }
    return arena_create(&m->vectors, bytes, error);
}

static void count_weights(struct model *m)
{
    for (size_t i = 0; i < gguf_tensor_count(m->gguf); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(m->gguf, i);
        m->parameters += (uint64_t)t->shape[0] * t->shape[1] * t->shape[2] * t->shape[3];
        if (t->data != m->token_embedding.data || m->output.weight.data == t->data)
            m->step_bytes += t->bytes;
    }
    m->step_bytes += m->token_embedding.row_bytes;
}

primer_status model_create(struct model **model, const struct gguf *gguf, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct model *m = memory_allocate(1, sizeof *m);
    if (m == NULL)
        return memory_failure(error, "a model", sizeof *m);
    m->gguf = gguf;
    m->bound = memory_allocate(gguf_tensor_count(gguf), sizeof *m->bound);
    if (m->bound == NULL)
        FAIL(PRIMER_ENOMEM, "%s: no memory for %zu tensors", gguf_path(gguf),
             gguf_tensor_count(gguf));
    TRY(find_architecture(m, error));
    TRY(read_shape(m, error));
    TRY(read_rotation(m, error));
    TRY(reserve_vectors(m, error));
    TRY(read_vocabulary(m, error));
    m->layers = memory_allocate(m->layer_count, sizeof *m->layers);
    if (m->layers == NULL)
        FAIL(PRIMER_ENOMEM, "%s: no memory for %zu layers", gguf_path(gguf), m->layer_count);
    TRY(read_epsilon(m, error));
    if (m->architecture->read != NULL)
        TRY(m->architecture->read(m, error));
    TRY(model_bind_parts(m, error));
    TRY(model_bind_finished(m, error));
    count_weights(m);
    *model = m;
    m = NULL;
cleanup:
    if (status == PRIMER_OK) {
        memory_free((*model)->bound);
        (*model)->bound = NULL;
    }
    model_free(m);
    return status;
}

void model_free(struct model *model)
{
    if (model == NULL)
        return;
    arena_free(&model->vectors);
    memory_free(model->bound);
    memory_free(model->layers);
    memory_free(model);
}

primer_status model_rotary(const struct model *model, const struct model_options *options,
                           struct rotary *rotary, primer_error *error)
{
    const double base = options->rope_base > 0 ? options->rope_base : model->rope_base;
    const double scale = options->rope_scale > 0 ? options->rope_scale : model->rope_scale;
    return rotary_create(rotary, model->rotary_dimensions, base, scale, model->rope_factors,
                         options->self_extend_group, options->self_extend_window, error);
}
