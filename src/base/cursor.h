/* cursor.h - the bounded cursor over untrusted bytes: every read is checked, little-endian.
 *
 *   start          position          end
 *   |  consumed    |  remaining      |
 *
 * A failed read leaves the position where it was and names the offset.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

struct cursor {
    const unsigned char *start;
    size_t position, size; /* bytes */
};

static inline struct cursor cursor_over(const void *bytes, size_t size)
{
    return (struct cursor){(const unsigned char *)bytes, 0, size};
}
static inline size_t cursor_remaining(const struct cursor *cursor)
{
    return cursor->size - cursor->position;
}
/* `what` is the field's name for the message. */
primer_status cursor_u8(struct cursor *cursor, const char *what, uint8_t *value,
                        primer_error *error);
primer_status cursor_u16(struct cursor *cursor, const char *what, uint16_t *value,
                         primer_error *error);
primer_status cursor_u32(struct cursor *cursor, const char *what, uint32_t *value,
                         primer_error *error);
primer_status cursor_u64(struct cursor *cursor, const char *what, uint64_t *value,
                         primer_error *error);
primer_status cursor_f32(struct cursor *cursor, const char *what, float *value,
                         primer_error *error);
primer_status cursor_f64(struct cursor *cursor, const char *what, double *value,
                         primer_error *error);
/* A borrowed view of the next `length` bytes. */
primer_status cursor_bytes(struct cursor *cursor, const char *what, uint64_t length,
                           const unsigned char **bytes, primer_error *error);
primer_status cursor_skip(struct cursor *cursor, const char *what, uint64_t length,
                          primer_error *error);
/* Moves to the next multiple of `alignment` (a power of two). */
primer_status cursor_align(struct cursor *cursor, size_t alignment, primer_error *error);

#endif
