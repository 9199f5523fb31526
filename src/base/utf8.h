/* utf8.h - walking over UTF-8 that may be invalid, and holding back half a character of a
 * stream. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes one character at bytes[0..length). Returns its length (1-4) and the code point, or 0
 * where the bytes are not a well-formed sequence (Unicode 15, table 3-7) or length is 0. */
size_t utf8_decode(const char *bytes, size_t length, uint32_t *code_point);
/* Where utf8_decode gave 0: how many bytes (1-3) stand for one U+FFFD, the maximal subpart of an
 * ill-formed sequence; 0 where length is 0. */
size_t utf8_invalid_length(const char *bytes, size_t length);
/* Writes 1-4 bytes (no NUL) and returns how many; surrogates and values above U+10FFFF give
 * U+FFFD. */
size_t utf8_encode(uint32_t code_point, char out[4]);
/* How many of the bytes can be shown now: all but an unfinished, so far well-formed character at
 * the end. */
size_t utf8_complete(const char *bytes, size_t length);
bool utf8_valid(const char *bytes, size_t length);
/* Columns that the text takes on a terminal (0, 1 or 2 per character; East Asian wide). */
size_t utf8_width(const char *bytes, size_t length);

#endif
