/* schema_maker.h - schemas out of any bytes: what a fuzzer that changes bytes comes to more quickly
 * than to schemas by way of JSON.
 */
#ifndef FUZZ_SCHEMA_MAKER_H
#define FUZZ_SCHEMA_MAKER_H

#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"

/* Appends a JSON Schema that the bytes choose; the same bytes always the same one. */
void schema_maker_write(struct buffer *json, const uint8_t *bytes, size_t length);

#endif
