/* base64.h - RFC 4648, section 4: with padding, on one line. */
#ifndef SERVER_BASE64_H
#define SERVER_BASE64_H

#include "base/buffer.h"

primer_status base64_append(struct buffer *out, const void *bytes, size_t length,
                            primer_error *error);
/* The floats as little-endian binary32, whatever the machine. */
primer_status base64_floats(struct buffer *out, const float *values, size_t count,
                            primer_error *error);

#endif
