/* gguf_json.h - metadata values as JSON text. */
#ifndef FORMAT_GGUF_JSON_H
#define FORMAT_GGUF_JSON_H

#include "base/buffer.h"
#include "format/gguf.h"

/* The value, or an array's element `index`, that is no string. What JSON lacks (NaN, infinities) is
 * null. */
primer_status gguf_json_number(struct buffer *out, const struct gguf_value *value, size_t index,
                               primer_error *error);
/* The whole value; an array of more than `most` elements is null. */
primer_status gguf_json_value(struct buffer *out, const struct gguf_value *value, uint64_t most,
                              primer_error *error);

#endif
