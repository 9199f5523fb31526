/* inspection.h - a GGUF's contents as text for people, and as JSON. */
#ifndef COMMAND_INSPECTION_H
#define COMMAND_INSPECTION_H

#include <stdbool.h>
#include "base/buffer.h"
#include "format/gguf.h"

struct inspection_options {
    bool tensors; /* each of them, in the file's order */
    bool whole;   /* long arrays and texts are not shortened */
};

/* Sums over the tensors of one block format. */
struct inspection_type {
    const char *name;
    size_t tensors;
    uint64_t weights, bytes;
};

struct inspection_sums {
    struct inspection_type types[QUANT_TYPES]; /* by type number; name NULL: none */
    uint64_t weights, bytes;
    uint64_t read_bytes;   /* once per generated token: all but the token embedding where output is
                              apart */
    uint64_t read_weights; /* multiplied per token: those of two dimensions and more among them */
};

void inspection_sum(const struct gguf *gguf, struct inspection_sums *sums);
/* Bytes of keys and values per token in f16; 0 where the file doesn't say enough. */
uint64_t inspection_kv_bytes(const struct gguf *gguf);

primer_status inspection_text(const struct gguf *gguf, const struct inspection_options *options,
                              struct buffer *out, primer_error *error);
primer_status inspection_json(const struct gguf *gguf, const struct inspection_options *options,
                              struct buffer *out, primer_error *error);

#endif
