/* unicode_class.h - which code points are letters, numbers and white space, for cutting text into
 * words.
 *
 * The classes are fixed in the source (Unicode 15.1) instead of asked from a library, so that a
 * text has the same ids on every machine.
 *
 *   code point  = page (code_point >> 8) and place (code_point & 255)
 *   page_of[page] -> pages[][place] -> class
 *
 * A byte that starts no well-formed UTF-8 sequence has a class of its own; no pattern matches it.
 */
#ifndef TOKENIZER_UNICODE_CLASS_H
#define TOKENIZER_UNICODE_CLASS_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/utf8.h"

enum unicode_class {
    UNICODE_OTHER,
    UNICODE_LETTER,  /* general category L */
    UNICODE_NUMBER,  /* general category N */
    UNICODE_SPACE,   /* the property White_Space */
    UNICODE_INVALID, /* not well-formed UTF-8: one byte */
    UNICODE_END      /* past the text */
};

struct unicode_class_map {
    unsigned char ascii[128];
    uint16_t page_of[0x1100];
    unsigned char (*pages)[256];
};

primer_status unicode_class_create(struct unicode_class_map *map, primer_error *error);
void unicode_class_free(struct unicode_class_map *map);

static inline unsigned unicode_class_of(const struct unicode_class_map *map, uint32_t code_point)
{
    return map->pages[map->page_of[code_point >> 8]][code_point & 0xFF];
}

/* The class of the character at text[at] and its width in bytes (0 at the end). */
static inline unsigned unicode_class_at(const struct unicode_class_map *map, const char *text,
                                        size_t length, size_t at, size_t *width)
{
    if (at >= length) {
        *width = 0;
        return UNICODE_END;
    }
    const unsigned char byte = (unsigned char)text[at];
    *width = 1;
    if (byte < 0x80)
        return map->ascii[byte];
    uint32_t code_point = 0;
    const size_t taken = utf8_decode(text + at, length - at, &code_point);
    if (taken == 0)
        return UNICODE_INVALID;
    *width = taken;
    return unicode_class_of(map, code_point);
}

#endif
