/* gguf_value.c - typed look-ups of metadata, and the elements of arrays.
 *
 * Every value's bytes were checked when the file was opened; here only its type and range are.
 * Numbers lie unaligned and little-endian in the map.
 */
#include "format/gguf.h"

#include <math.h>
#include <string.h>

#include "format/gguf_internal.h"

/* Any integer: `negative` says that `bits` is an int64_t below zero. */
struct integer {
    uint64_t bits;
    bool negative;
};

static uint64_t little_endian(const unsigned char *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = size; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

static bool is_integer(enum gguf_type type)
{
    return type != GGUF_F32 && type != GGUF_F64 && type != GGUF_BOOL && type != GGUF_STRING &&
           type != GGUF_ARRAY;
}

static bool is_signed(enum gguf_type type)
{
    return type == GGUF_I8 || type == GGUF_I16 || type == GGUF_I32 || type == GGUF_I64;
}

static struct integer integer_at(const unsigned char *bytes, enum gguf_type type)
{
    size_t size = gguf_type_size(type);
    uint64_t bits = little_endian(bytes, size);
    uint64_t sign = (uint64_t)1 << (8 * size - 1);
    bool negative = is_signed(type) && (bits & sign) != 0;
    if (negative)
        bits |= ~(sign - 1);
    return (struct integer){bits, negative};
}

static double number_at(const unsigned char *bytes, enum gguf_type type)
{
    if (type == GGUF_F32) {
        uint32_t bits = (uint32_t)little_endian(bytes, 4);
        float value;
        memcpy(&value, &bits, sizeof value);
        return (double)value;
    }
    if (type == GGUF_F64) {
        uint64_t bits = little_endian(bytes, 8);
        double value;
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    struct integer integer = integer_at(bytes, type);
    return integer.negative ? (double)(int64_t)integer.bits : (double)integer.bits;
}

static primer_status wrong_type(const struct gguf *gguf, const struct gguf_value *value,
                                const char *expected, primer_error *error)
{
    char shown[GGUF_SHOWN];
    return error_set(error, PRIMER_EFORMAT, "%s: metadata key '%s' is of type %s, expected %s",
                     gguf->path,
                     error_printable(value->key.bytes, value->key.length, shown, sizeof shown),
                     gguf_type_name(value->type), expected);
}

static primer_status missing(const struct gguf *gguf, const char *key, const char *expected,
                             primer_error *error)
{
    return error_set(error, PRIMER_EFORMAT, "%s: metadata key '%s' is missing, expected %s",
                     gguf->path, key, expected);
}

primer_status gguf_get_u64(const struct gguf *gguf, const char *key, uint64_t *value,
                           primer_error *error)
{
    const struct gguf_value *found = gguf_value_named(gguf, key);
    if (!found)
        return PRIMER_OK;
    if (!is_integer(found->type))
        return wrong_type(gguf, found, "an integer", error);
    struct integer integer = integer_at(found->data, found->type);
    if (integer.negative)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: metadata key '%s' is %lld, expected a number not below 0", gguf->path,
                         key, (long long)integer.bits);
    *value = integer.bits;
    return PRIMER_OK;
}

primer_status gguf_get_i64(const struct gguf *gguf, const char *key, int64_t *value,
                           primer_error *error)
{
    const struct gguf_value *found = gguf_value_named(gguf, key);
    if (!found)
        return PRIMER_OK;
    if (!is_integer(found->type))
        return wrong_type(gguf, found, "an integer", error);
    struct integer integer = integer_at(found->data, found->type);
    if (!integer.negative && integer.bits > INT64_MAX)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: metadata key '%s' is %llu, expected at most %lld", gguf->path, key,
                         (unsigned long long)integer.bits, (long long)INT64_MAX);
    *value = (int64_t)integer.bits;
    return PRIMER_OK;
}

primer_status gguf_get_f64(const struct gguf *gguf, const char *key, double *value,
                           primer_error *error)
{
    const struct gguf_value *found = gguf_value_named(gguf, key);
    if (!found)
        return PRIMER_OK;
    if (!is_integer(found->type) && found->type != GGUF_F32 && found->type != GGUF_F64)
        return wrong_type(gguf, found, "a number", error);
    double number = number_at(found->data, found->type);
    if (!isfinite(number))
        return error_set(error, PRIMER_EFORMAT,
                         "%s: metadata key '%s' is not a finite number", gguf->path, key);
    *value = number;
    return PRIMER_OK;
}

primer_status gguf_get_bool(const struct gguf *gguf, const char *key, bool *value,
                            primer_error *error)
{
    const struct gguf_value *found = gguf_value_named(gguf, key);
    if (!found)
        return PRIMER_OK;
    if (found->type != GGUF_BOOL)
        return wrong_type(gguf, found, "bool", error);
    if (found->data[0] > 1)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: metadata key '%s' holds the byte %u, expected 0 or 1", gguf->path,
                         key, (unsigned)found->data[0]);
    *value = found->data[0] == 1;
    return PRIMER_OK;
}

primer_status gguf_get_string(const struct gguf *gguf, const char *key, struct gguf_string *value,
                              primer_error *error)
{
    const struct gguf_value *found = gguf_value_named(gguf, key);
    if (!found)
        return PRIMER_OK;
    if (found->type != GGUF_STRING)
        return wrong_type(gguf, found, "string", error);
    size_t offset = 0;
    *value = gguf_array_string(found, &offset);
    return PRIMER_OK;
}

primer_status gguf_require_u64(const struct gguf *gguf, const char *key, uint64_t *value,
                               primer_error *error)
{
    if (!gguf_value_named(gguf, key))
        return missing(gguf, key, "an integer", error);
    return gguf_get_u64(gguf, key, value, error);
}

primer_status gguf_require_string(const struct gguf *gguf, const char *key,
                                  struct gguf_string *value, primer_error *error)
{
    if (!gguf_value_named(gguf, key))
        return missing(gguf, key, "a string", error);
    return gguf_get_string(gguf, key, value, error);
}

struct gguf_string gguf_array_string(const struct gguf_value *array, size_t *offset)
{
    if (array->element_type != GGUF_STRING || *offset > array->size || array->size - *offset < 8)
        return (struct gguf_string){"", 0};
    const unsigned char *at = array->data + *offset;
    uint64_t length = little_endian(at, 8);
    *offset += 8;
    if (length > array->size - *offset) /* an offset that gguf_array_string didn't make */
        return (struct gguf_string){"", 0};
    *offset += (size_t)length;
    return (struct gguf_string){(const char *)at + 8, (size_t)length};
}

int64_t gguf_array_integer(const struct gguf_value *array, size_t index)
{
    enum gguf_type type = array->element_type;
    if (index >= array->count || !(is_integer(type) || type == GGUF_BOOL))
        return 0;
    return (int64_t)integer_at(array->data + index * gguf_type_size(type), type).bits;
}

double gguf_array_number(const struct gguf_value *array, size_t index)
{
    enum gguf_type type = array->element_type;
    if (index >= array->count || type == GGUF_STRING)
        return 0.0;
    return number_at(array->data + index * gguf_type_size(type), type);
}
