/* adapter_gguf.c - adapters as llama.cpp has them (convert_lora_to_gguf.py and
 * src/llama-adapter.cpp of that project).
 *
 *   general.type "adapter"   general.architecture as the model's   adapter.type "lora"
 *   adapter.lora.alpha       f32; 0 or absent: what B (A x) gives counts as it is
 *   blk.0.attn_q.weight.lora_a   {columns, rank}
 *   blk.0.attn_q.weight.lora_b   {rank, rows}
 */
#include "model/adapter.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

#define ALPHA_KEY      "adapter.lora.alpha"
#define INVOCATION_KEY "adapter.alora.invocation_tokens"
#define RANK_MOST      65536

static primer_status require_text(const struct gguf *gguf, const char *key, const char *expected,
                                  primer_error *error)
{
    struct gguf_string found;
    char shown[64];
    FORWARD(gguf_require_string(gguf, key, &found, error));
    if (found.length == strlen(expected) && memcmp(found.bytes, expected, found.length) == 0)
        return PRIMER_OK;
    return error_set(error, PRIMER_EFORMAT, "%s: key %s is \"%s\", expected \"%s\"",
                     gguf_path(gguf), key,
                     error_printable(found.bytes, found.length, shown, sizeof shown), expected);
}

/* The name without its last seven bytes, where these are `suffix`. */
static bool strip(const struct gguf_tensor *tensor, const char *suffix, char name[MODEL_NAME_LIMIT])
{
    const size_t length = tensor->name.length, tail = strlen(suffix);
    if (length <= tail || length - tail >= MODEL_NAME_LIMIT ||
        memcmp(tensor->name.bytes + length - tail, suffix, tail) != 0 ||
        memchr(tensor->name.bytes, '\0', length) != NULL)
        return false;
    memcpy(name, tensor->name.bytes, length - tail);
    name[length - tail] = '\0';
    return true;
}

static primer_status wrong_shape(const struct gguf *gguf, const struct gguf_tensor *t,
                                 const char *expected, primer_error *error)
{
    char shown[MODEL_NAME_LIMIT];
    return error_set(error, PRIMER_EFORMAT, "%s: tensor %s has shape [%zu, %zu], expected %s",
                     gguf_path(gguf),
                     error_printable(t->name.bytes, t->name.length, shown, sizeof shown),
                     t->shape[0], t->shape[1], expected);
}

static primer_status read_pair(struct adapter_data *data, const struct gguf *gguf,
                               const struct gguf_tensor *a, const char *name, float alpha,
                               primer_error *error)
{
    char other[MODEL_NAME_LIMIT + 8], expected[64];
    struct adapter_tensor *tensor = NULL;
    snprintf(other, sizeof other, "%s.lora_b", name);
    const struct gguf_tensor *const b = gguf_tensor_named(gguf, other);
    if (b == NULL)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: tensor %s is missing, though %s.lora_a is there", gguf_path(gguf),
                         other, name);
    const size_t rank = a->shape[1];
    if (a->shape[2] != 1 || a->shape[3] != 1 || rank > RANK_MOST)
        return wrong_shape(gguf, a, "[columns, rank]", error);
    snprintf(expected, sizeof expected, "[%zu, rows], the rank of lora_a", rank);
    if (b->shape[0] != rank || b->shape[2] != 1 || b->shape[3] != 1)
        return wrong_shape(gguf, b, expected, error);
    const double factor = alpha == 0 ? 1 : (double)alpha / (double)rank;
    FORWARD(adapter_data_add(data, name, rank, b->shape[1], a->shape[0], factor, &tensor, error));
    a->format->decode(a->data, tensor->a, rank * tensor->columns);
    b->format->decode(b->data, tensor->b, rank * tensor->rows);
    return PRIMER_OK;
}

static primer_status read_tensors(struct adapter_data *data, const struct gguf *gguf, float alpha,
                                  primer_error *error)
{
    char name[MODEL_NAME_LIMIT], other[MODEL_NAME_LIMIT + 8];
    for (size_t i = 0; i < gguf_tensor_count(gguf); i++) {
        const struct gguf_tensor *const t = gguf_tensor_at(gguf, i);
        if (strip(t, ".lora_a", name)) {
            FORWARD(read_pair(data, gguf, t, name, alpha, error));
            continue;
        }
        if (!strip(t, ".lora_b", name))
            return error_set(error, PRIMER_EUNSUPPORTED,
                             "%s: tensor %s is neither a .lora_a nor a .lora_b", gguf_path(gguf),
                             error_printable(t->name.bytes, t->name.length, name, sizeof name));
        snprintf(other, sizeof other, "%s.lora_a", name);
        if (gguf_tensor_named(gguf, other) == NULL)
            return error_set(error, PRIMER_EFORMAT,
                             "%s: tensor %s is missing, though %s.lora_b is there", gguf_path(gguf),
                             other, name);
    }
    return PRIMER_OK;
}

static primer_status check_keys(const struct gguf *gguf, const struct model *model,
                                primer_error *error)
{
    if (gguf_value_named(gguf, "general.type") == NULL &&
        gguf_value_named(gguf, "adapter.type") == NULL)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: not an adapter: its keys general.type and adapter.type are missing",
                         gguf_path(gguf));
    FORWARD(require_text(gguf, "general.type", "adapter", error));
    FORWARD(require_text(gguf, "adapter.type", "lora", error));
    if (gguf_value_named(gguf, INVOCATION_KEY) != NULL)
        return error_set(error, PRIMER_EUNSUPPORTED,
                         "%s: key " INVOCATION_KEY
                         ": adapters that tokens switch on are not supported",
                         gguf_path(gguf));
    return require_text(gguf, "general.architecture", model->architecture->name, error);
}

primer_status adapter_gguf_take(struct adapter_data *data, const struct model *model,
                                const struct gguf *gguf, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct adapter_data made = adapter_data_for(model);
    double alpha = 0;
    TRY(check_keys(gguf, model, error));
    TRY(gguf_get_f64(gguf, ALPHA_KEY, &alpha, error));
    TRY(read_tensors(&made, gguf, (float)alpha, error));
    *data = made;
    made = (struct adapter_data){0};
cleanup:
    adapter_data_free(&made);
    return status;
}

primer_status adapter_gguf_read(struct adapter_data *data, const struct model *model,
                                const char *path, primer_error *error)
{
    struct gguf *gguf = NULL;
    FORWARD(gguf_open(&gguf, path, error));
    const primer_status status = adapter_gguf_take(data, model, gguf, error);
    gguf_free(gguf);
    return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

static primer_status declare(const struct adapter_data *data, struct gguf_writer *writer,
                             primer_error *error)
{
    const struct quant_format *const format = quant_format_of(QUANT_F32);
    for (size_t i = 0; i < data->count; i++) {
        const struct adapter_tensor *const t = &data->tensors[i];
        char name[MODEL_NAME_LIMIT + 8];
        const size_t a[] = {t->columns, t->rank}, b[] = {t->rank, t->rows};
        snprintf(name, sizeof name, "%s.lora_a", t->name);
        FORWARD(gguf_declare_tensor(writer, name, 2, a, format, error));
        snprintf(name, sizeof name, "%s.lora_b", t->name);
        FORWARD(gguf_declare_tensor(writer, name, 2, b, format, error));
    }
    return PRIMER_OK;
}

/* b times what its factor is more than alpha / rank. */
static primer_status write_b(struct gguf_writer *writer, const struct adapter_tensor *t,
                             float alpha, primer_error *error)
{
    const double more = t->factor * (double)t->rank / (double)alpha;
    float piece[256];
    const size_t count = t->rank * t->rows, most = sizeof piece / sizeof *piece;
    for (size_t at = 0; at < count; at += most) {
        const size_t n = count - at < most ? count - at : most;
        for (size_t i = 0; i < n; i++)
            piece[i] = (float)((double)t->b[at + i] * more);
        FORWARD(gguf_write_data(writer, piece, n * sizeof *piece, error));
    }
    return PRIMER_OK;
}

static primer_status write_all(const struct adapter_data *data, struct gguf_writer *writer,
                               const char *name, primer_error *error)
{
    const float alpha = (float)(data->tensors[0].factor * (double)data->tensors[0].rank);
    FORWARD(gguf_write_string(writer, "general.type", "adapter", error));
    FORWARD(gguf_write_string(writer, "general.architecture", data->architecture->name, error));
    if (name != NULL)
        FORWARD(gguf_write_string(writer, "general.name", name, error));
    FORWARD(gguf_write_string(writer, "adapter.type", "lora", error));
    FORWARD(gguf_write_f32(writer, ALPHA_KEY, alpha, error));
    FORWARD(declare(data, writer, error));
    for (size_t i = 0; i < data->count; i++) {
        const struct adapter_tensor *const t = &data->tensors[i];
        FORWARD(gguf_write_data(writer, t->a, t->rank * t->columns * sizeof *t->a, error));
        FORWARD(write_b(writer, t, alpha, error));
    }
    return gguf_writer_finish(writer, error);
}

primer_status adapter_write_gguf(const struct adapter_data *data, const char *path,
                                 const char *name, primer_error *error)
{
    struct gguf_writer *writer = NULL;
    if (data->count == 0 || !(data->tensors[0].factor != 0))
        return error_set(error, PRIMER_EINVAL, "%s: an adapter without tensors, or of alpha 0",
                         path);
    FORWARD(gguf_writer_create(&writer, path, error));
    const primer_status status = write_all(data, writer, name, error);
    gguf_writer_free(writer);
    return status;
}
