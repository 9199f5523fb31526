/*
 * A small reader of GGUF files, versions 2 and 3: the whole file in memory, fields and tensors by
 * name. Everything handed out is borrowed from the file and lives as long as it does.
 */
#ifndef REFERENCE_GGUF_H
#define REFERENCE_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reference.h"
#include "reference_format.h"

/* A matrix [rows][columns] of weights, row-major; a vector has one row. data is NULL where an
 * optional tensor is absent. */
typedef struct {
    char name[128];
    size_t rows;
    size_t columns;
    const reference_format *format; /* NULL if unknown; never in a bound model */
    uint32_t type;
    const uint8_t *data;
} reference_tensor;

typedef struct reference_gguf reference_gguf;

bool reference_gguf_open(const char *path, reference_gguf **file, reference_error *error);
void reference_gguf_free(reference_gguf *file);
const char *reference_gguf_path(const reference_gguf *file);

/* The number in a field of any integer, float or boolean kind; false where there is none. */
bool reference_gguf_number(const reference_gguf *file, const char *key, double *value);

/* A text field, not NUL-terminated; false where there is none. */
bool reference_gguf_text(const reference_gguf *file, const char *key, const char **text,
                         size_t *length);

/* Element i of a field that is an array of texts; walks there from the first. */
bool reference_gguf_text_at(const reference_gguf *file, const char *key, size_t i,
                            const char **text, size_t *length);

/* The tensor of that name, or NULL. */
const reference_tensor *reference_gguf_tensor(const reference_gguf *file, const char *name);

#endif
