/* json_body.h - a request's body as JSON, within limits of depth and of how many values it holds: a
 * value of two bytes takes more than a hundred in memory.
 */
#ifndef SERVER_JSON_BODY_H
#define SERVER_JSON_BODY_H

#include <jansson.h>
#include <stddef.h>
#include "base/error.h"

enum { JSON_BODY_DEPTH_MOST = 128, JSON_BODY_VALUES_MOST = 1 << 19 };

/* What other languages' libraries write and jansson refuses is taken: U+0000 in a text, and half a
 * surrogate pair, are U+FFFD (as in Go's encoding/json for the latter), integers beyond 64 bits the
 * nearest double. Errors: PRIMER_EFORMAT, PRIMER_ELIMIT, whose messages go on behind "the request
 * body"; PRIMER_ENOMEM. */
primer_status json_body_parse(const char *bytes, size_t length, json_t **value,
                              primer_error *error);

#endif
