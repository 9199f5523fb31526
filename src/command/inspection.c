/* inspection.c - walking over a GGUF's metadata and tensors.
 *
 * A value is written in JSON's way in both forms, so that a text can't forge lines of the listing:
 * strings are quoted and escaped, numbers plain, arrays in brackets. What JSON lacks (NaN,
 * infinities) is null.
 */
#include "command/inspection.h"

#include <stdio.h>
#include <string.h>

#include "format/gguf_json.h"
#include "terminal/render.h"

enum { SHOWN_ELEMENTS = 6, SHOWN_TEXT = 72 /* bytes */, NAME_BYTES = 256 };

static const char *const type_names[GGUF_TYPES] = {
    [GGUF_U8] = "u8",         [GGUF_I8] = "i8",       [GGUF_U16] = "u16", [GGUF_I16] = "i16",
    [GGUF_U32] = "u32",       [GGUF_I32] = "i32",     [GGUF_F32] = "f32", [GGUF_BOOL] = "bool",
    [GGUF_STRING] = "string", [GGUF_ARRAY] = "array", [GGUF_U64] = "u64", [GGUF_I64] = "i64",
    [GGUF_F64] = "f64",
};

/* ---- sums ------------------------------------------------------------------------------------ */

static uint64_t weights_of(const struct gguf_tensor *tensor)
{
    uint64_t count = 1;
    for (size_t i = 0; i < GGUF_DIMENSIONS; i++)
        count *= tensor->shape[i];
    return count;
}

static bool is_named(struct gguf_string name, const char *wanted)
{
    return name.length == strlen(wanted) && memcmp(name.bytes, wanted, name.length) == 0;
}

void inspection_sum(const struct gguf *gguf, struct inspection_sums *sums)
{
    *sums = (struct inspection_sums){0};
    const bool tied = gguf_tensor_named(gguf, "output.weight") == NULL;
    for (size_t i = 0; i < gguf_tensor_count(gguf); i++) {
        const struct gguf_tensor *tensor = gguf_tensor_at(gguf, i);
        struct inspection_type *type = &sums->types[tensor->format->type];
        const uint64_t weights = weights_of(tensor);
        type->name = tensor->format->name;
        type->tensors++;
        type->weights += weights;
        type->bytes += tensor->bytes;
        sums->weights += weights;
        sums->bytes += tensor->bytes;
        if (!tied && is_named(tensor->name, "token_embd.weight"))
            continue;
        sums->read_bytes += tensor->bytes;
        sums->read_weights += tensor->dimensions >= 2 ? weights : 0;
    }
}

/* The number under "ARCHITECTURE.key"; `fallback` where it is missing or no number. */
static uint64_t shape_number(const struct gguf *gguf, const char *key, uint64_t fallback)
{
    struct gguf_string architecture = {"", 0};
    char name[NAME_BYTES];
    uint64_t value = fallback;
    if (gguf_get_string(gguf, "general.architecture", &architecture, NULL) != PRIMER_OK ||
        architecture.length + strlen(key) + 2 > sizeof name)
        return fallback;
    snprintf(name, sizeof name, "%.*s.%s", (int)architecture.length, architecture.bytes, key);
    return gguf_get_u64(gguf, name, &value, NULL) == PRIMER_OK ? value : fallback;
}

uint64_t inspection_kv_bytes(const struct gguf *gguf)
{
    const uint64_t layers = shape_number(gguf, "block_count", 0),
                   heads = shape_number(gguf, "attention.head_count", 0);
    const uint64_t embedding = shape_number(gguf, "embedding_length", 0);
    const uint64_t limit = 1 << 20;
    if (heads == 0 || heads > limit || layers > limit || embedding > limit)
        return 0;
    const uint64_t kv_heads = shape_number(gguf, "attention.head_count_kv", heads);
    const uint64_t keys = shape_number(gguf, "attention.key_length", embedding / heads);
    const uint64_t values = shape_number(gguf, "attention.value_length", embedding / heads);
    return kv_heads > limit || keys > limit || values > limit
               ? 0
               : layers * kv_heads * (keys + values) * 2;
}

/* ---- one value ------------------------------------------------------------------------------- */

/* Shortened texts are cut at a character's border and end in "...". */
static primer_status write_string(struct buffer *out, struct gguf_string text, bool whole,
                                  primer_error *error)
{
    size_t shown = text.length;
    if (!whole && shown > SHOWN_TEXT) {
        shown = SHOWN_TEXT;
        while (shown > 0 && ((unsigned char)text.bytes[shown] & 0xC0) == 0x80)
            shown--;
    }
    FORWARD(buffer_json_string(out, text.bytes, shown, error));
    if (shown == text.length)
        return PRIMER_OK;
    out->length--; /* the closing quote moves behind the dots */
    return buffer_text(out, "...\"", error);
}

static primer_status write_elements(struct buffer *out, const struct gguf_value *value,
                                    size_t count, bool whole, primer_error *error)
{
    size_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        FORWARD(buffer_text(out, i > 0 ? "," : "", error));
        if (value->element_type == GGUF_STRING)
            FORWARD(write_string(out, gguf_array_string(value, &offset), whole, error));
        else
            FORWARD(gguf_json_number(out, value, i, error));
    }
    return PRIMER_OK;
}

static primer_status write_scalar(struct buffer *out, const struct gguf_value *value, bool whole,
                                  primer_error *error)
{
    size_t offset = 0;
    return value->type == GGUF_STRING
               ? write_string(out, gguf_array_string(value, &offset), whole, error)
               : gguf_json_number(out, value, 0, error);
}

static size_t shown_elements(const struct gguf_value *value,
                             const struct inspection_options *options)
{
    return !options->whole && value->count > SHOWN_ELEMENTS ? SHOWN_ELEMENTS : (size_t)value->count;
}

/* ---- for people ------------------------------------------------------------------------------ */

static primer_status text_value(struct buffer *out, const struct gguf_value *value,
                                const struct inspection_options *options, primer_error *error)
{
    char key[NAME_BYTES];
    FORWARD(buffer_format(out, error, "  %-42s ",
                          error_printable(value->key.bytes, value->key.length, key, sizeof key)));
    if (value->type != GGUF_ARRAY)
        FORWARD(write_scalar(out, value, options->whole, error));
    else {
        const size_t shown = shown_elements(value, options);
        FORWARD(buffer_format(out, error, "%s[%llu]: ", type_names[value->element_type],
                              (unsigned long long)value->count));
        FORWARD(write_elements(out, value, shown, options->whole, error));
        FORWARD(buffer_text(out, shown < value->count ? ",..." : "", error));
    }
    return buffer_text(out, "\n", error);
}

static primer_status text_shape(struct buffer *out, const struct gguf_tensor *tensor,
                                primer_error *error)
{
    char shape[RENDER_TEXT];
    size_t length = 0;
    for (size_t i = 0; i < tensor->dimensions && length < sizeof shape - 32; i++)
        length += (size_t)snprintf(shape + length, sizeof shape - length, "%s%zu",
                                   i > 0 ? " x " : "", tensor->shape[i]);
    return buffer_format(out, error, "%-20s", shape);
}

static primer_status text_tensors(const struct gguf *gguf, struct buffer *out, primer_error *error)
{
    FORWARD(buffer_text(out, "\ntensors\n", error));
    for (size_t i = 0; i < gguf_tensor_count(gguf); i++) {
        const struct gguf_tensor *tensor = gguf_tensor_at(gguf, i);
        char name[NAME_BYTES], bytes[RENDER_TEXT];
        FORWARD(buffer_format(
            out, error, "  %-32s ",
            error_printable(tensor->name.bytes, tensor->name.length, name, sizeof name)));
        FORWARD(text_shape(out, tensor, error));
        FORWARD(buffer_format(out, error, " %-7s %s\n", tensor->format->name,
                              render_bytes(tensor->bytes, bytes)));
    }
    return PRIMER_OK;
}

static primer_status text_sums(const struct gguf *gguf, struct buffer *out, primer_error *error)
{
    struct inspection_sums sums;
    char a[RENDER_TEXT], b[RENDER_TEXT];
    inspection_sum(gguf, &sums);
    FORWARD(buffer_format(out, error,
                          "file        %s, GGUF version %u, %zu tensors, %zu metadata values\n",
                          render_bytes(gguf_map(gguf)->size, a), gguf_version(gguf),
                          gguf_tensor_count(gguf), gguf_value_count(gguf)));
    FORWARD(buffer_format(out, error, "weights     %s in %s, %.2f bits each\n",
                          render_count(sums.weights, a), render_bytes(sums.bytes, b),
                          sums.weights == 0 ? 0.0 : (double)sums.bytes * 8 / (double)sums.weights));
    FORWARD(buffer_format(out, error, "per token   %s of weights are read\n",
                          render_bytes(sums.read_bytes, a)));
    if (inspection_kv_bytes(gguf) > 0)
        FORWARD(buffer_format(
            out, error, "KV cache    %s a token in f16, %s at the trained context\n",
            render_bytes(inspection_kv_bytes(gguf), a),
            render_bytes(inspection_kv_bytes(gguf) * shape_number(gguf, "context_length", 0), b)));
    FORWARD(buffer_text(out, "\ntypes\n", error));
    for (size_t i = 0; i < QUANT_TYPES; i++)
        if (sums.types[i].name != NULL)
            FORWARD(buffer_format(out, error, "  %-7s %5zu tensors %15s weights %10s\n",
                                  sums.types[i].name, sums.types[i].tensors,
                                  render_count(sums.types[i].weights, a),
                                  render_bytes(sums.types[i].bytes, b)));
    return PRIMER_OK;
}

primer_status inspection_text(const struct gguf *gguf, const struct inspection_options *options,
                              struct buffer *out, primer_error *error)
{
    FORWARD(text_sums(gguf, out, error));
    FORWARD(buffer_text(out, "\nmetadata\n", error));
    for (size_t i = 0; i < gguf_value_count(gguf); i++)
        FORWARD(text_value(out, gguf_value_at(gguf, i), options, error));
    return options->tensors ? text_tensors(gguf, out, error) : PRIMER_OK;
}

/* ---- for programs ---------------------------------------------------------------------------- */

/* A shortened array is an object: {"array":"string","count":51200,"first":[...]}. */
static primer_status json_value(struct buffer *out, const struct gguf_value *value,
                                const struct inspection_options *options, primer_error *error)
{
    FORWARD(buffer_json_string(out, value->key.bytes, value->key.length, error));
    FORWARD(buffer_text(out, ":", error));
    if (value->type != GGUF_ARRAY)
        return write_scalar(out, value, true, error);
    const size_t shown = shown_elements(value, options);
    const bool cut = shown < value->count;
    if (cut)
        FORWARD(buffer_format(out, error, "{\"array\":\"%s\",\"count\":%llu,\"first\":",
                              type_names[value->element_type], (unsigned long long)value->count));
    FORWARD(buffer_text(out, "[", error));
    FORWARD(write_elements(out, value, shown, true, error));
    return buffer_text(out, cut ? "]}" : "]", error);
}

static primer_status json_tensors(const struct gguf *gguf, struct buffer *out, primer_error *error)
{
    FORWARD(buffer_text(out, ",\"tensors\":[", error));
    for (size_t i = 0; i < gguf_tensor_count(gguf); i++) {
        const struct gguf_tensor *tensor = gguf_tensor_at(gguf, i);
        FORWARD(buffer_text(out, i > 0 ? ",{\"name\":" : "{\"name\":", error));
        FORWARD(buffer_json_string(out, tensor->name.bytes, tensor->name.length, error));
        FORWARD(buffer_text(out, ",\"shape\":[", error));
        for (size_t j = 0; j < tensor->dimensions; j++)
            FORWARD(buffer_format(out, error, "%s%zu", j > 0 ? "," : "", tensor->shape[j]));
        FORWARD(buffer_format(out, error, "],\"type\":\"%s\",\"bytes\":%zu}", tensor->format->name,
                              tensor->bytes));
    }
    return buffer_text(out, "]", error);
}

static primer_status json_types(const struct inspection_sums *sums, struct buffer *out,
                                primer_error *error)
{
    bool first = true;
    FORWARD(buffer_text(out, ",\"types\":{", error));
    for (size_t i = 0; i < QUANT_TYPES; i++) {
        if (sums->types[i].name == NULL)
            continue;
        FORWARD(buffer_format(
            out, error, "%s\"%s\":{\"tensors\":%zu,\"weights\":%llu,\"bytes\":%llu}",
            first ? "" : ",", sums->types[i].name, sums->types[i].tensors,
            (unsigned long long)sums->types[i].weights, (unsigned long long)sums->types[i].bytes));
        first = false;
    }
    return buffer_text(out, "}", error);
}

primer_status inspection_json(const struct gguf *gguf, const struct inspection_options *options,
                              struct buffer *out, primer_error *error)
{
    struct inspection_sums sums;
    inspection_sum(gguf, &sums);
    FORWARD(buffer_text(out, "{\"path\":", error));
    FORWARD(buffer_json_string(out, gguf_path(gguf), strlen(gguf_path(gguf)), error));
    FORWARD(buffer_format(
        out, error,
        ",\"version\":%u,\"file_bytes\":%zu,\"tensor_count\":%zu,\"weights\":%llu,"
        "\"weight_bytes\":%llu,\"read_bytes_per_token\":%llu,\"kv_bytes_per_token_f16\":%llu",
        gguf_version(gguf), gguf_map(gguf)->size, gguf_tensor_count(gguf),
        (unsigned long long)sums.weights, (unsigned long long)sums.bytes,
        (unsigned long long)sums.read_bytes, (unsigned long long)inspection_kv_bytes(gguf)));
    FORWARD(json_types(&sums, out, error));
    FORWARD(buffer_text(out, ",\"metadata\":{", error));
    for (size_t i = 0; i < gguf_value_count(gguf); i++) {
        FORWARD(buffer_text(out, i > 0 ? "," : "", error));
        FORWARD(json_value(out, gguf_value_at(gguf, i), options, error));
    }
    FORWARD(buffer_text(out, "}", error));
    if (options->tensors)
        FORWARD(json_tensors(gguf, out, error));
    return buffer_text(out, "}\n", error);
}
