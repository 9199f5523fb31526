/* train_model_file.c - a model from a GGUF, and to one.
 *
 * Reading goes through model_create, which checks every key and tensor as for the engine; what is
 * bound there is then decoded, row by row. Writing gives the keys that model_create, and llama.cpp,
 * look for, and copies what is the tokenizer's from another file.
 */
#include "train/train_model.h"

#include <stdio.h>
#include <string.h>
#include "base/half.h"
#include "base/memory.h"
#include "train/train_adapter.h"

/* ---- reading ---- */

static uint32_t biases_of(const struct gguf *gguf, const struct model_architecture *architecture)
{
    uint32_t biases = 0;
    for (size_t i = 0; i < architecture->form.part_count; i++) {
        const struct model_part *part = &architecture->form.parts[i];
        char name[MODEL_NAME_LIMIT];
        model_tensor_name(name, part->name, 0, ".bias");
        if (part->bias == MODEL_OPTIONAL && gguf_tensor_named(gguf, name) != NULL)
            biases |= 1u << part->role;
    }
    return biases;
}

primer_status train_model_shape_of(const struct model *m, struct train_shape *shape,
                                   primer_error *error)
{
    const char *path = gguf_path(m->gguf);
    if (m->window != 0)
        return error_set(error, PRIMER_EUNSUPPORTED,
                         "%s: key %s.attention.sliding_window is %zu; training has no sliding "
                         "window",
                         path, m->architecture->name, m->window);
    if (m->rope_factors != NULL)
        return error_set(error, PRIMER_EUNSUPPORTED,
                         "%s: tensor rope_freqs.weight divides rotary frequencies; training does "
                         "not",
                         path);
    if (m->rope_scale < 1 || m->rope_scale > 1)
        return error_set(error, PRIMER_EUNSUPPORTED,
                         "%s: rotary positions are divided by %g; training has them undivided",
                         path, m->rope_scale);
    *shape = (struct train_shape){
        .architecture = m->architecture,
        .vocabulary = m->vocabulary,
        .context = m->context,
        .embedding = m->embedding,
        .layers = m->layer_count,
        .heads = m->heads,
        .kv_heads = m->kv_heads,
        .head_dimensions = m->head_dimensions,
        .feed_forward = m->feed_forward,
        .rotary_dimensions = m->rotary_dimensions,
        .epsilon = m->epsilon,
        .rope_base = m->rope_base,
        .tied = gguf_tensor_named(m->gguf, "output.weight") == NULL,
        .biases = biases_of(m->gguf, m->architecture),
    };
    return PRIMER_OK;
}

/* Rows [first, first + rows) of a tensor of the file. */
static void decode_rows(const struct gguf_tensor *from, size_t first, size_t rows, float *out)
{
    for (size_t r = 0; r < rows; r++)
        from->format->decode(from->data + (first + r) * from->row_bytes, out + r * from->shape[0],
                             from->shape[0]);
}

/* Q, K and V out of one matrix whose rows they are, or out of its bias. */
static void decode_fused(const struct train_shape *s, const struct gguf_tensor *from,
                         const struct train_tensor *to, float *out)
{
    const size_t q = s->heads * s->head_dimensions, kv = s->kv_heads * s->head_dimensions;
    const size_t first = to->role == MODEL_QUERY ? 0 : to->role == MODEL_KEY ? q : q + kv;
    if (!to->bias) {
        decode_rows(from, first, to->rows, out);
        return;
    }
    from->format->decode(from->data + first * from->format->block_bytes, out, to->columns);
}

static primer_status read_tensor(struct train_model *model, const struct gguf *gguf,
                                 const struct train_tensor *tensor, primer_error *error)
{
    float *const out = model->weights + tensor->offset;
    const struct gguf_tensor *from = gguf_tensor_named(gguf, tensor->name);
    if (from != NULL) {
        decode_rows(from, 0, tensor->rows, out);
        return PRIMER_OK;
    }
    const struct model_part *fused =
        model_architecture_part(model->shape.architecture, MODEL_QUERY_KEY_VALUE);
    char name[MODEL_NAME_LIMIT] = "";
    if (fused != NULL)
        model_tensor_name(name, fused->name, tensor->layer, tensor->bias ? ".bias" : ".weight");
    from = gguf_tensor_named(gguf, name);
    if (from == NULL)
        return error_set(error, PRIMER_EFORMAT, "%s: tensor %s is missing", gguf_path(gguf),
                         tensor->name);
    decode_fused(&model->shape, from, tensor, out);
    return PRIMER_OK;
}

primer_status train_model_shape(const struct gguf *gguf, struct train_shape *shape,
                                primer_error *error)
{
    struct model *bound = NULL;
    FORWARD(model_create(&bound, gguf, error));
    const primer_status status = train_model_shape_of(bound, shape, error);
    model_free(bound);
    return status;
}

primer_status train_model_load(struct train_model *model, const struct gguf *gguf,
                               primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct model *bound = NULL;
    struct train_shape shape;
    struct train_model made = {0};
    TRY(model_create(&bound, gguf, error));
    TRY(train_model_shape_of(bound, &shape, error));
    TRY(train_model_create(&made, &shape, error));
    for (size_t i = 0; i < made.count; i++)
        TRY(read_tensor(&made, gguf, &made.tensors[i], error));
    *model = made;
    made = (struct train_model){0};
cleanup:
    train_model_free(&made);
    model_free(bound);
    return status;
}

/* ---- writing ---- */

/* What file_type of general.* says of a type (llama.cpp's enum). */
static uint32_t file_type(enum quant_type type)
{
    return type == QUANT_F16 ? 1 : type == QUANT_BF16 ? 32 : 0;
}

static primer_status put_size(struct gguf_writer *writer, const struct train_shape *shape,
                              const char *key, size_t value, primer_error *error)
{
    char full[MODEL_NAME_LIMIT];
    snprintf(full, sizeof full, "%s.%s", shape->architecture->name, key);
    return gguf_write_u32(writer, full, (uint32_t)value, error);
}

static primer_status put_real(struct gguf_writer *writer, const struct train_shape *shape,
                              const char *key, double value, primer_error *error)
{
    char full[MODEL_NAME_LIMIT];
    snprintf(full, sizeof full, "%s.%s", shape->architecture->name, key);
    return gguf_write_f32(writer, full, (float)value, error);
}

static primer_status write_shape(struct gguf_writer *writer, const struct train_shape *s,
                                 primer_error *error)
{
    FORWARD(put_size(writer, s, "context_length", s->context, error));
    FORWARD(put_size(writer, s, "embedding_length", s->embedding, error));
    FORWARD(put_size(writer, s, "feed_forward_length", s->feed_forward, error));
    FORWARD(put_size(writer, s, "block_count", s->layers, error));
    FORWARD(put_size(writer, s, "attention.head_count", s->heads, error));
    FORWARD(put_size(writer, s, "attention.head_count_kv", s->kv_heads, error));
    FORWARD(put_size(writer, s, "vocab_size", s->vocabulary, error));
    FORWARD(put_real(writer, s, s->architecture->form.epsilon, (double)s->epsilon, error));
    FORWARD(put_size(writer, s, "rope.dimension_count", s->rotary_dimensions, error));
    FORWARD(put_real(writer, s, "rope.freq_base", s->rope_base, error));
    if (s->heads * s->head_dimensions == s->embedding)
        return PRIMER_OK;
    FORWARD(put_size(writer, s, "attention.key_length", s->head_dimensions, error));
    return put_size(writer, s, "attention.value_length", s->head_dimensions, error);
}

static bool begins(const struct gguf_string *text, const char *with)
{
    return text->length >= strlen(with) && memcmp(text->bytes, with, strlen(with)) == 0;
}

static bool is(const struct gguf_string *text, const char *other)
{
    return text->length == strlen(other) && memcmp(text->bytes, other, text->length) == 0;
}

/* Whether write_shape, or train_model_save, writes this key. */
static bool is_written(const struct gguf_string *key, const struct train_shape *shape)
{
    const char *const general[] = {"general.architecture", "general.name", "general.file_type",
                                   "general.quantization_version"};
    const char *const sizes[] = {"context_length",       "embedding_length",
                                 "feed_forward_length",  "block_count",
                                 "attention.head_count", "attention.head_count_kv",
                                 "vocab_size",           shape->architecture->form.epsilon,
                                 "rope.dimension_count", "rope.freq_base"};
    const char *const heads[] = {"attention.key_length", "attention.value_length"};
    char full[MODEL_NAME_LIMIT];
    for (size_t i = 0; i < sizeof general / sizeof *general; i++)
        if (is(key, general[i]))
            return true;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        snprintf(full, sizeof full, "%s.%s", shape->architecture->name, sizes[i]);
        if (is(key, full))
            return true;
    }
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        snprintf(full, sizeof full, "%s.%s", shape->architecture->name, heads[i]);
        if (shape->heads * shape->head_dimensions != shape->embedding && is(key, full))
            return true;
    }
    return false;
}

/* What is true of the trained weights as it was of those before: not how these were quantized, by
 * whom, and in how many files. */
static bool still_holds(const struct gguf_string *key)
{
    return !begins(key, "quantize.") && !begins(key, "general.quantized_by") &&
           !begins(key, "split.");
}

/* Of the file that the model goes on from all that holds; else tokenizer.*, general.license* of
 * another. */
static primer_status copy_keys(struct gguf_writer *writer, const struct train_model *model,
                               const struct gguf *tokenizer, primer_error *error)
{
    const struct gguf *const from = model->origin != NULL ? model->origin : tokenizer;
    for (size_t i = 0; from != NULL && i < gguf_value_count(from); i++) {
        const struct gguf_value *value = gguf_value_at(from, i);
        const bool wanted =
            model->origin != NULL
                ? !is_written(&value->key, &model->shape) && still_holds(&value->key)
                : begins(&value->key, "tokenizer.") || begins(&value->key, "general.license");
        if (wanted)
            FORWARD(gguf_write_value(writer, value, error));
    }
    return PRIMER_OK;
}

static primer_status write_name(struct gguf_writer *writer, const struct gguf *tokenizer,
                                const char *name, primer_error *error)
{
    const struct gguf_value *other =
        tokenizer != NULL ? gguf_value_named(tokenizer, "general.name") : NULL;
    if (name != NULL)
        return gguf_write_string(writer, "general.name", name, error);
    return other != NULL ? gguf_write_value(writer, other, error) : PRIMER_OK;
}

/* An embedding and an output of fewer rows than the tokenizer has tokens would be refused on
 * opening. */
static primer_status check_tokens(const struct train_model *model, const struct gguf *tokenizer,
                                  primer_error *error)
{
    const struct gguf_value *tokens =
        tokenizer != NULL ? gguf_value_named(tokenizer, "tokenizer.ggml.tokens") : NULL;
    if (tokens == NULL || tokens->count <= model->shape.vocabulary)
        return PRIMER_OK;
    return error_set(error, PRIMER_EINVAL,
                     "%s: tokenizer.ggml.tokens has %llu tokens, expected at most the model's "
                     "vocabulary, %zu",
                     gguf_path(tokenizer), (unsigned long long)tokens->count,
                     model->shape.vocabulary);
}

#define CHUNK 4096 /* weights encoded at a time */

static primer_status write_weights(struct gguf_writer *writer, const float *weights, size_t count,
                                   const struct quant_format *format, primer_error *error)
{
    unsigned char bytes[CHUNK * sizeof(float)];
    while (count > 0) {
        const size_t now = count < CHUNK ? count : CHUNK;
        format->encode(weights, NULL, bytes, now);
        FORWARD(gguf_write_data(writer, bytes, now * format->block_bytes, error));
        weights += now;
        count -= now;
    }
    return PRIMER_OK;
}

static primer_status write_tensors(struct gguf_writer *writer, const struct train_model *model,
                                   const struct quant_format *format, primer_error *error)
{
    const struct quant_format *plain = quant_format_of(QUANT_F32);
    for (size_t i = 0; i < model->count; i++) {
        const struct train_tensor *t = &model->tensors[i];
        const size_t shape[] = {t->columns, t->rows};
        FORWARD(gguf_declare_tensor(writer, t->name, t->matrix ? 2 : 1, shape,
                                    t->matrix ? format : plain, error));
    }
    for (size_t i = 0; i < model->count; i++) {
        const struct train_tensor *t = &model->tensors[i];
        FORWARD(write_weights(writer, model->weights + t->offset, t->rows * t->columns,
                              t->matrix ? format : plain, error));
    }
    return PRIMER_OK;
}

primer_status train_model_save(const struct train_model *model, const char *path,
                               enum quant_type type, const struct gguf *tokenizer, const char *name,
                               primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct gguf_writer *writer = NULL;
    const struct train_shape *shape = &model->shape;
    if (model->base != NULL)
        return train_adapter_save(model, path, name, error);
    if (type != QUANT_F32 && type != QUANT_F16 && type != QUANT_BF16)
        FAIL(PRIMER_EINVAL, "%s: matrices are to be of type %d, expected F32, F16 or BF16", path,
             (int)type);
    TRY(check_tokens(model, tokenizer, error));
    TRY(gguf_writer_create(&writer, path, error));
    TRY(gguf_write_string(writer, "general.architecture", shape->architecture->name, error));
    TRY(write_name(writer, tokenizer, name, error));
    TRY(gguf_write_u32(writer, "general.file_type", file_type(type), error));
    TRY(gguf_write_u32(writer, "general.quantization_version", 2, error));
    TRY(write_shape(writer, shape, error));
    TRY(copy_keys(writer, model, tokenizer, error));
    TRY(write_tensors(writer, model, quant_format_of(type), error));
    TRY(gguf_writer_finish(writer, error));
cleanup:
    gguf_writer_free(writer);
    return status;
}
