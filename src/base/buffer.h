/* buffer.h - a growing run of bytes. Zero-initialise; always NUL-terminated after the first
 * append. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdarg.h>
#include <stddef.h>
#include "base/error.h"

struct buffer {
    char *bytes;
    size_t length, capacity; /* bytes, the NUL not counted in length */
};

primer_status buffer_reserve(struct buffer *buffer, size_t more, primer_error *error);
primer_status buffer_append(struct buffer *buffer, const void *bytes, size_t length,
                            primer_error *error);
primer_status buffer_text(struct buffer *buffer, const char *text, primer_error *error);
primer_status buffer_format(struct buffer *buffer, primer_error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Appends `text` as a JSON string, quotes included; invalid UTF-8 becomes U+FFFD. */
primer_status buffer_json_string(struct buffer *buffer, const char *text, size_t length,
                                 primer_error *error);
void buffer_clear(struct buffer *buffer); /* keeps the memory */
void buffer_free(struct buffer *buffer);

#endif
