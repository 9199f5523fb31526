/* gguf_json.c - metadata values as JSON text.
 *
 *   u8..i64     12           f32, f64    0.25, null where not finite
 *   bool        true         string      "text", bytes that are no UTF-8 replaced
 *   array       [1,2,3], null where it is longer than was asked for
 *
 * Floating-point numbers have as many digits as bring the same bits back.
 */
#include "format/gguf_json.h"

#include <math.h>

primer_status gguf_json_number(struct buffer *out, const struct gguf_value *value, size_t index,
                               primer_error *error)
{
    const enum gguf_type type = value->element_type;
    if (type == GGUF_BOOL)
        return buffer_text(out, gguf_array_integer(value, index) != 0 ? "true" : "false", error);
    if (type == GGUF_U64)
        return buffer_format(out, error, "%llu",
                             (unsigned long long)gguf_array_integer(value, index));
    if (type != GGUF_F32 && type != GGUF_F64)
        return buffer_format(out, error, "%lld", (long long)gguf_array_integer(value, index));
    const double number = gguf_array_number(value, index);
    if (!isfinite(number))
        return buffer_text(out, "null", error);
    return buffer_format(out, error, type == GGUF_F32 ? "%.9g" : "%.17g", number);
}

static primer_status element(struct buffer *out, const struct gguf_value *value, size_t index,
                             size_t *offset, primer_error *error)
{
    if (value->element_type != GGUF_STRING)
        return gguf_json_number(out, value, index, error);
    const struct gguf_string text = gguf_array_string(value, offset);
    return buffer_json_string(out, text.bytes, text.length, error);
}

primer_status gguf_json_value(struct buffer *out, const struct gguf_value *value, uint64_t most,
                              primer_error *error)
{
    size_t offset = 0;
    if (value->type != GGUF_ARRAY)
        return element(out, value, 0, &offset, error);
    if (value->count > most)
        return buffer_text(out, "null", error);
    FORWARD(buffer_text(out, "[", error));
    for (size_t i = 0; i < value->count; i++) {
        FORWARD(buffer_text(out, i > 0 ? "," : "", error));
        FORWARD(element(out, value, i, &offset, error));
    }
    return buffer_text(out, "]", error);
}
