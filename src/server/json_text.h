/* json_text.h - a JSON string of bytes that a model wrote: what isn't UTF-8 becomes U+FFFD. */
#ifndef SERVER_JSON_TEXT_H
#define SERVER_JSON_TEXT_H

#include <jansson.h>
#include <stddef.h>

json_t *json_text(const char *bytes, size_t length); /* NULL: no memory */

#endif
