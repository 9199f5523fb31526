/* cursor.c - checked little-endian reads.
 *
 *   start          position          size
 *   |  consumed    |  remaining      |
 *
 * Invariant: position <= size. Every read goes through `take`, which is the only place that
 * compares a length with what is left; values are put together byte by byte, so neither alignment
 * nor the byte order of the machine matters.
 */
#include "base/cursor.h"

#include <string.h>

/* The next `length` bytes, or NULL (and the error filled) where so many aren't left. */
static const unsigned char *take(struct cursor *cursor, const char *what, uint64_t length,
                                 primer_error *error)
{
    const size_t left = cursor_remaining(cursor);
    if (length > left) {
        error_set(error, PRIMER_EFORMAT, "%s: %llu bytes expected at offset %zu, %zu are left",
                  what, (unsigned long long)length, cursor->position, left);
        return NULL;
    }
    const unsigned char *const bytes = cursor->start + cursor->position;
    cursor->position += (size_t)length;
    return bytes;
}

static primer_status read_integer(struct cursor *cursor, const char *what, unsigned length,
                                  uint64_t *value, primer_error *error)
{
    const unsigned char *const bytes = take(cursor, what, length, error);
    if (bytes == NULL)
        return PRIMER_EFORMAT;
    uint64_t result = 0;
    for (unsigned i = 0; i < length; i++)
        result |= (uint64_t)bytes[i] << (8 * i);
    *value = result;
    return PRIMER_OK;
}

primer_status cursor_u8(struct cursor *cursor, const char *what, uint8_t *value,
                        primer_error *error)
{
    uint64_t wide;
    FORWARD(read_integer(cursor, what, 1, &wide, error));
    *value = (uint8_t)wide;
    return PRIMER_OK;
}

primer_status cursor_u16(struct cursor *cursor, const char *what, uint16_t *value,
                         primer_error *error)
{
    uint64_t wide;
    FORWARD(read_integer(cursor, what, 2, &wide, error));
    *value = (uint16_t)wide;
    return PRIMER_OK;
}

primer_status cursor_u32(struct cursor *cursor, const char *what, uint32_t *value,
                         primer_error *error)
{
    uint64_t wide;
    FORWARD(read_integer(cursor, what, 4, &wide, error));
    *value = (uint32_t)wide;
    return PRIMER_OK;
}

primer_status cursor_u64(struct cursor *cursor, const char *what, uint64_t *value,
                         primer_error *error)
{
    return read_integer(cursor, what, 8, value, error);
}

primer_status cursor_f32(struct cursor *cursor, const char *what, float *value, primer_error *error)
{
    uint32_t bits;
    FORWARD(cursor_u32(cursor, what, &bits, error));
    memcpy(value, &bits, sizeof *value);
    return PRIMER_OK;
}

primer_status cursor_f64(struct cursor *cursor, const char *what, double *value,
                         primer_error *error)
{
    uint64_t bits;
    FORWARD(cursor_u64(cursor, what, &bits, error));
    memcpy(value, &bits, sizeof *value);
    return PRIMER_OK;
}

primer_status cursor_bytes(struct cursor *cursor, const char *what, uint64_t length,
                           const unsigned char **bytes, primer_error *error)
{
    const unsigned char *const found = take(cursor, what, length, error);
    if (found == NULL)
        return PRIMER_EFORMAT;
    *bytes = found;
    return PRIMER_OK;
}

primer_status cursor_skip(struct cursor *cursor, const char *what, uint64_t length,
                          primer_error *error)
{
    return take(cursor, what, length, error) == NULL ? PRIMER_EFORMAT : PRIMER_OK;
}

primer_status cursor_align(struct cursor *cursor, size_t alignment, primer_error *error)
{
    if (alignment == 0 || (alignment & (alignment - 1)) != 0)
        return error_set(error, PRIMER_EFORMAT, "alignment %zu is not a power of two", alignment);
    const size_t beyond = cursor->position & (alignment - 1);
    if (beyond == 0)
        return PRIMER_OK;
    return cursor_skip(cursor, "padding", alignment - beyond, error);
}
