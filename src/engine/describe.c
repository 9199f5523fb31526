/* describe.c - what a model's file says of itself, as JSON, without running anything of it.
 *
 * A file that no model was opened from is mapped, checked, and unmapped again; of its weights only
 * the samples of the identity are read.
 */
#include "engine/engine.h"

#include <inttypes.h>
#include <string.h>

#include "base/hash.h"
#include "format/gguf_json.h"

enum { SHORT_ARRAY = 5 };

/* Two files that differ in their weights differ here, short of intent, for little reading. */
uint64_t engine_identity(const struct gguf *gguf)
{
    const struct file_map *map = gguf_map(gguf);
    const unsigned char *first = map->bytes + map->size;
    uint64_t hash = map->size;
    for (size_t i = 0; i < gguf_tensor_count(gguf); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(gguf, i);
        const size_t piece = t->bytes < 256 ? t->bytes : 256;
        if (t->data < first)
            first = t->data;
        hash = hash_bytes(t->data, piece, hash);
        hash = hash_bytes(t->data + (t->bytes - piece) / 2, piece, hash);
        hash = hash_bytes(t->data + t->bytes - piece, piece, hash);
    }
    return hash_bytes(map->bytes, (size_t)(first - map->bytes), hash);
}

const char *engine_main_type(const struct gguf *gguf)
{
    size_t bytes[QUANT_TYPES] = {0}, best = QUANT_F32;
    for (size_t i = 0; i < gguf_tensor_count(gguf); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(gguf, i);
        bytes[t->format->type] += t->bytes;
    }
    for (size_t i = 0; i < QUANT_TYPES; i++)
        if (bytes[i] > bytes[best])
            best = i;
    return quant_format_of((uint32_t)best)->name;
}

static uint64_t weights_of(const struct gguf *gguf)
{
    uint64_t weights = 0;
    for (size_t i = 0; i < gguf_tensor_count(gguf); i++) {
        const size_t *shape = gguf_tensor_at(gguf, i)->shape;
        weights += (uint64_t)shape[0] * shape[1] * shape[2] * shape[3];
    }
    return weights;
}

static primer_status append_head(const struct gguf *gguf, struct buffer *out, primer_error *error)
{
    const struct file_map *map = gguf_map(gguf);
    const char *const path = gguf_path(gguf);
    FORWARD(buffer_text(out, "{\"path\":", error));
    FORWARD(buffer_json_string(out, path, strlen(path), error));
    return buffer_format(out, error,
                         ",\"version\":%u,\"file_bytes\":%zu,\"modified\":%" PRId64
                         ",\"parameters\":%" PRIu64 ",\"type\":\"%s\",\"identity\":\"%016" PRIx64
                         "\"",
                         gguf_version(gguf), map->size, map->modified_nanoseconds / 1000000000,
                         weights_of(gguf), engine_main_type(gguf), engine_identity(gguf));
}

static primer_status append_metadata(const struct gguf *gguf, bool arrays, struct buffer *out,
                                     primer_error *error)
{
    FORWARD(buffer_text(out, ",\"metadata\":{", error));
    for (size_t i = 0; i < gguf_value_count(gguf); i++) {
        const struct gguf_value *value = gguf_value_at(gguf, i);
        FORWARD(buffer_text(out, i > 0 ? "," : "", error));
        FORWARD(buffer_json_string(out, value->key.bytes, value->key.length, error));
        FORWARD(buffer_text(out, ":", error));
        FORWARD(gguf_json_value(out, value, arrays ? UINT64_MAX : SHORT_ARRAY, error));
    }
    return buffer_text(out, "}", error);
}

static primer_status append_tensors(const struct gguf *gguf, struct buffer *out,
                                    primer_error *error)
{
    FORWARD(buffer_text(out, ",\"tensors\":[", error));
    for (size_t i = 0; i < gguf_tensor_count(gguf); i++) {
        const struct gguf_tensor *tensor = gguf_tensor_at(gguf, i);
        FORWARD(buffer_text(out, i > 0 ? ",{\"name\":" : "{\"name\":", error));
        FORWARD(buffer_json_string(out, tensor->name.bytes, tensor->name.length, error));
        FORWARD(buffer_format(out, error, ",\"type\":\"%s\",\"shape\":[", tensor->format->name));
        for (size_t j = 0; j < tensor->dimensions; j++)
            FORWARD(buffer_format(out, error, "%s%zu", j > 0 ? "," : "", tensor->shape[j]));
        FORWARD(buffer_format(out, error, "],\"bytes\":%zu}", tensor->bytes));
    }
    return buffer_text(out, "]", error);
}

static primer_status describe(const struct gguf *gguf, unsigned flags, char **json, size_t *length,
                              primer_error *error)
{
    struct buffer out = {0};
    primer_status status = PRIMER_OK;
    TRY(append_head(gguf, &out, error));
    TRY(append_metadata(gguf, (flags & PRIMER_DESCRIBE_ARRAYS) != 0, &out, error));
    if ((flags & PRIMER_DESCRIBE_TENSORS) != 0)
        TRY(append_tensors(gguf, &out, error));
    TRY(buffer_text(&out, "}", error));
    *json = out.bytes;
    *length = out.length;
    out = (struct buffer){0};
cleanup:
    buffer_free(&out);
    return status;
}

primer_status primer_model_describe(const primer_model *model, unsigned flags, char **json,
                                    size_t *length, primer_error *error)
{
    if (model->gguf == NULL)
        return error_set(error, PRIMER_EUNSUPPORTED, "%s: is no GGUF, there is nothing to describe",
                         model->information.path);
    return describe(model->gguf, flags, json, length, error);
}

primer_status primer_file_describe(const char *path, unsigned flags, char **json, size_t *length,
                                   primer_error *error)
{
    struct gguf *gguf = NULL;
    FORWARD(gguf_open(&gguf, path, error));
    const primer_status status = describe(gguf, flags, json, length, error);
    gguf_free(gguf);
    return status;
}
