/* safetensors.h - files of named tensors as Hugging Face has them, read in place and written.
 *
 *   u64 length of the header, little-endian
 *   header: JSON {"NAME": {"dtype": "F32", "shape": [rows, columns], "data_offsets": [begin, end]},
 *                 "__metadata__": {"key": "text"}}
 *   the tensors' bytes; offsets count from here
 *
 * Opening checks everything that could be used wrongly later: the header's length against the
 * file, types, shapes whose product overflows, offsets outside the file, a size that isn't the
 * shape's, bytes that two tensors share or that none has. Shapes are as in the file, slowest
 * dimension first. (Format: github.com/huggingface/safetensors, README.)
 */
#ifndef FORMAT_SAFETENSORS_H
#define FORMAT_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "quant/quant.h"

#define SAFETENSORS_DIMENSIONS 8

struct safetensors_tensor {
    const char *name;                  /* owned by the file */
    const struct quant_format *format; /* F32, F16, BF16; NULL: another type */
    const char *type;                  /* as the file calls it */
    size_t dimensions;
    size_t shape[SAFETENSORS_DIMENSIONS]; /* 1 past `dimensions` */
    const unsigned char *data;            /* in the map, at any address */
    size_t bytes, count;                  /* count: of values */
};

struct safetensors; /* an open file; read-only */

primer_status safetensors_open(struct safetensors **file, const char *path, primer_error *error);
/* A file already in memory, borrowed. `name` is for messages. */
primer_status safetensors_open_memory(struct safetensors **file, const void *bytes, size_t size,
                                      const char *name, primer_error *error);
void safetensors_free(struct safetensors *file);
const char *safetensors_path(const struct safetensors *file);
/* In order of their data; NULL past the end. */
const struct safetensors_tensor *safetensors_at(const struct safetensors *file, size_t index);
const struct safetensors_tensor *safetensors_named(const struct safetensors *file,
                                                   const char *name); /* NULL: none */

/* One tensor of f32 to be written. */
struct safetensors_output {
    const char *name;
    size_t rows, columns;
    const float *values;
};
/* All as F32, with "format": "pt" in the metadata, which readers of PyTorch want. */
primer_status safetensors_write(const char *path, const struct safetensors_output *tensors,
                                size_t count, primer_error *error);

#endif
