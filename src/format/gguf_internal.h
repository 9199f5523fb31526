/* gguf_internal.h - what gguf.c, gguf_value.c and gguf_writer.c share.
 *
 * An index finds a name's entry: open addressing, linear probing, at most half full; a slot holds
 * the entry's number plus one, 0 is free. The hash is seeded anew for every open file, so that a
 * crafted file can't make all its names collide.
 */
#ifndef FORMAT_GGUF_INTERNAL_H
#define FORMAT_GGUF_INTERNAL_H

#include "format/gguf.h"

#define GGUF_MAGIC          "GGUF"
#define GGUF_VERSION        3U
#define GGUF_ALIGNMENT      32U        /* without general.alignment, and the writer's */
#define GGUF_ALIGNMENT_MOST (1U << 20) /* bytes */
#define GGUF_ALIGNMENT_KEY  "general.alignment"
#define GGUF_KEY_MOST       65535U /* bytes, by the specification */
#define GGUF_NAME_MOST      512U   /* bytes; the specification recommends 64 */
#define GGUF_SHOWN          96     /* bytes of a name in a message */

struct gguf_index {
    uint32_t *slots; /* [mask + 1] */
    size_t mask;
    uint64_t seed;
};

struct gguf {
    struct file_map map;
    char *path;
    uint32_t version;
    size_t alignment;
    struct gguf_value *values; /* [value_count], file order */
    size_t value_count;
    struct gguf_tensor *tensors; /* [tensor_count], file order */
    size_t tensor_count;
    struct gguf_index value_index, tensor_index;
};

/* Bytes of one element; 0 for strings and arrays, whose size varies. */
size_t gguf_type_size(enum gguf_type type);
const char *gguf_type_name(enum gguf_type type); /* "u32", "string" */

#endif
