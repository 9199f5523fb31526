/* json_dump.h - a JSON value as text at the end of a buffer. */
#ifndef SERVER_JSON_DUMP_H
#define SERVER_JSON_DUMP_H

#include <jansson.h>
#include "base/buffer.h"

/* NULL counts as no memory. */
primer_status json_dump_append(struct buffer *out, const json_t *value, primer_error *error);

#endif
