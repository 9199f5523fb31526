/* The block formats: what the bits of one element mean. See reference_format.c for drawings. */
#ifndef REFERENCE_FORMAT_H
#define REFERENCE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t type; /* the number in a GGUF's tensor description */
    const char *name;
    size_t length; /* elements in a block */
    size_t bytes;  /* bytes in a block */
    float (*element)(const uint8_t *block, size_t e);
} reference_format;

/* The format of that number; NULL for one that this reader doesn't know. */
const reference_format *reference_format_find(uint32_t type);

/* Element i of a tensor stored in blocks from `data` on. */
double reference_format_at(const reference_format *format, const uint8_t *data, size_t i);

#endif
