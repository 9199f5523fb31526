/* buffer.c - a growing run of bytes.
 *
 *   bytes                    length                capacity
 *   | text                   | NUL | free          |
 *
 * Invariants: length < capacity once anything was reserved, and bytes[length] is NUL. Capacity
 * doubles, so appending n bytes one at a time copies O(n). A failed call leaves the contents as
 * they were.
 */
#include "base/buffer.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

enum { SMALLEST_CAPACITY = 64 };

primer_status buffer_reserve(struct buffer *buffer, size_t more, primer_error *error)
{
    size_t needed;
    if (!memory_sum(buffer->length, more, &needed) || !memory_sum(needed, 1, &needed))
        return memory_failure(error, "a buffer", SIZE_MAX);
    if (needed <= buffer->capacity)
        return PRIMER_OK;
    size_t capacity = buffer->capacity < SMALLEST_CAPACITY ? SMALLEST_CAPACITY : buffer->capacity;
    while (capacity < needed)
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    char *const bytes = memory_resize(buffer->bytes, capacity, 1);
    if (bytes == NULL)
        return memory_failure(error, "a buffer", capacity);
    bytes[buffer->length] = '\0';
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return PRIMER_OK;
}

primer_status buffer_append(struct buffer *buffer, const void *bytes, size_t length,
                            primer_error *error)
{
    FORWARD(buffer_reserve(buffer, length, error));
    if (length != 0)
        memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
    buffer->bytes[buffer->length] = '\0';
    return PRIMER_OK;
}

primer_status buffer_text(struct buffer *buffer, const char *text, primer_error *error)
{
    return buffer_append(buffer, text, strlen(text), error);
}

primer_status buffer_format(struct buffer *buffer, primer_error *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int wanted = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (wanted < 0)
        return error_set(error, PRIMER_EINVAL, "a text could not be formatted by \"%s\"", format);
    FORWARD(buffer_reserve(buffer, (size_t)wanted, error));
    va_start(arguments, format);
    vsnprintf(buffer->bytes + buffer->length, (size_t)wanted + 1, format, arguments);
    va_end(arguments);
    buffer->length += (size_t)wanted;
    return PRIMER_OK;
}

/* Writes the escape of one character and returns its length (at most 6), or 0 where it needs
 * none. */
static size_t json_escape(unsigned char character, char out[8])
{
    static const char short_forms[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* character, letter */
    for (size_t i = 0; i + 1 < sizeof short_forms; i += 2) {
        if ((unsigned char)short_forms[i] == character) {
            out[0] = '\\';
            out[1] = short_forms[i + 1];
            return 2;
        }
    }
    return character < 0x20 ? (size_t)snprintf(out, 8, "\\u%04x", (unsigned)character) : 0;
}

/* The length of the run at `text` that can be copied as it is. */
static size_t json_plain_run(const char *text, size_t length)
{
    size_t at = 0;
    while (at < length) {
        const unsigned char byte = (unsigned char)text[at];
        uint32_t code_point;
        if (byte < 0x20 || byte == '"' || byte == '\\')
            break;
        const size_t taken = byte < 0x80 ? 1 : utf8_decode(text + at, length - at, &code_point);
        if (taken == 0)
            break;
        at += taken;
    }
    return at;
}

primer_status buffer_json_string(struct buffer *buffer, const char *text, size_t length,
                                 primer_error *error)
{
    primer_status status;
    const size_t before = buffer->length;
    TRY(buffer_append(buffer, "\"", 1, error));
    for (size_t at = 0; at < length;) {
        const size_t run = json_plain_run(text + at, length - at);
        TRY(buffer_append(buffer, text + at, run, error));
        at += run;
        if (at == length)
            break;
        char escape[8];
        const size_t escaped = json_escape((unsigned char)text[at], escape);
        if (escaped != 0)
            TRY(buffer_append(buffer, escape, escaped, error));
        else
            TRY(buffer_append(buffer, "\xEF\xBF\xBD", 3, error));
        at += escaped != 0 ? 1 : utf8_invalid_length(text + at, length - at);
    }
    TRY(buffer_append(buffer, "\"", 1, error));
cleanup:
    if (status != PRIMER_OK && buffer->bytes != NULL) {
        buffer->length = before;
        buffer->bytes[before] = '\0';
    }
    return status;
}

void buffer_clear(struct buffer *buffer)
{
    buffer->length = 0;
    if (buffer->bytes != NULL)
        buffer->bytes[0] = '\0';
}

void buffer_free(struct buffer *buffer)
{
    memory_free(buffer->bytes);
    *buffer = (struct buffer){NULL, 0, 0};
}
