/* gguf.h - GGUF versions 2 and 3, read in place and written.
 *
 *   "GGUF" u32 version  u64 tensor count  u64 metadata count
 *   metadata count x  { string key, u32 type, value }
 *   tensor count   x  { string name, u32 dimensions, u64 size[dimensions], u32 type, u64 offset }
 *   padding to `general.alignment` (32)
 *   tensor data, each at its offset from here, each offset a multiple of the alignment
 *
 * string = u64 length, bytes. Array value = u32 element type, u64 count, elements. Little-endian.
 * size[0] is the row length (columns); shape here is given as GGUF has it, fastest dimension first.
 *
 * Opening checks everything that could be used wrongly later: counts against the bytes that are
 * left, types, duplicate names, shapes whose product overflows, rows that are not whole blocks,
 * data that lies outside the file or overlaps. After it, a tensor's bytes are safe to read. Strings
 * and arrays are views into the map; nothing is copied but two tables for look-up.
 */
#ifndef FORMAT_GGUF_H
#define FORMAT_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/file.h"
#include "quant/quant.h"

enum gguf_type {
    GGUF_U8, GGUF_I8, GGUF_U16, GGUF_I16, GGUF_U32, GGUF_I32, GGUF_F32, GGUF_BOOL, GGUF_STRING,
    GGUF_ARRAY, GGUF_U64, GGUF_I64, GGUF_F64, GGUF_TYPES
};

#define GGUF_DIMENSIONS 4

struct gguf_string {
    const char *bytes; /* not NUL-terminated */
    size_t length;
};

struct gguf_value {
    struct gguf_string key;
    enum gguf_type type, element_type; /* element_type: of arrays */
    uint64_t count;                    /* elements of an array, else 1 */
    const unsigned char *data;         /* the first element's bytes; for strings, at its length */
    size_t size;                       /* bytes of all elements */
};

struct gguf_tensor {
    struct gguf_string name;
    size_t dimensions;             /* 1..4 */
    size_t shape[GGUF_DIMENSIONS]; /* fastest first; 1 past `dimensions` */
    const struct quant_format *format;
    const unsigned char *data; /* in the map */
    size_t bytes, row_bytes;   /* row_bytes: of shape[0] weights */
};

struct gguf; /* an open file; read-only, shareable between threads */

primer_status gguf_open(struct gguf **gguf, const char *path, primer_error *error);
/* A file already in memory (borrowed, must outlive the gguf; aligned to 32). `name` is for
 * messages. */
primer_status gguf_open_memory(struct gguf **gguf, const void *bytes, size_t size, const char *name,
                               primer_error *error);
void gguf_free(struct gguf *gguf);

const char *gguf_path(const struct gguf *gguf);
const struct file_map *gguf_map(const struct gguf *gguf);
uint32_t gguf_version(const struct gguf *gguf);
size_t gguf_tensor_count(const struct gguf *gguf);
size_t gguf_value_count(const struct gguf *gguf);
/* In file order; NULL past the end. */
const struct gguf_tensor *gguf_tensor_at(const struct gguf *gguf, size_t index);
const struct gguf_value *gguf_value_at(const struct gguf *gguf, size_t index);
/* NULL where there is none. */
const struct gguf_tensor *gguf_tensor_named(const struct gguf *gguf, const char *name);
const struct gguf_value *gguf_value_named(const struct gguf *gguf, const char *key);

/* Typed look-ups. A missing key leaves *value as it is and gives PRIMER_OK (set the default
 * before); a key of the wrong type, or a value that doesn't fit, is an error that names file, key,
 * found, expected. gguf_require_* makes a missing key an error too. Any integer type serves for an
 * integer. */
primer_status gguf_get_u64(const struct gguf *gguf, const char *key, uint64_t *value,
                           primer_error *error);
primer_status gguf_get_i64(const struct gguf *gguf, const char *key, int64_t *value,
                           primer_error *error);
primer_status gguf_get_f64(const struct gguf *gguf, const char *key, double *value,
                           primer_error *error);
primer_status gguf_get_bool(const struct gguf *gguf, const char *key, bool *value,
                            primer_error *error);
primer_status gguf_get_string(const struct gguf *gguf, const char *key, struct gguf_string *value,
                              primer_error *error);
primer_status gguf_require_u64(const struct gguf *gguf, const char *key, uint64_t *value,
                               primer_error *error);
primer_status gguf_require_string(const struct gguf *gguf, const char *key,
                                  struct gguf_string *value, primer_error *error);

/* Array access. Strings of an array are walked in order: *offset starts at 0 and is moved on; past
 * the last there are empty ones. Numbers serve any integer, or any numeric, element type; past the
 * end and for other types they are 0. */
struct gguf_string gguf_array_string(const struct gguf_value *array, size_t *offset);
int64_t gguf_array_integer(const struct gguf_value *array, size_t index);
double gguf_array_number(const struct gguf_value *array, size_t index);

/* Writing: metadata, then tensor declarations in order, then their data in the same order. After a
 * failure the writer can only be freed. Data is aligned to 32; a copied general.alignment is left
 * out. */
struct gguf_writer;
primer_status gguf_writer_create(struct gguf_writer **writer, const char *path,
                                 primer_error *error);
void gguf_writer_free(struct gguf_writer *writer); /* abandons an unfinished file */
primer_status gguf_write_u32(struct gguf_writer *writer, const char *key, uint32_t value,
                             primer_error *error);
primer_status gguf_write_u64(struct gguf_writer *writer, const char *key, uint64_t value,
                             primer_error *error);
primer_status gguf_write_f32(struct gguf_writer *writer, const char *key, float value,
                             primer_error *error);
primer_status gguf_write_bool(struct gguf_writer *writer, const char *key, bool value,
                              primer_error *error);
primer_status gguf_write_string(struct gguf_writer *writer, const char *key, const char *value,
                                primer_error *error);
primer_status gguf_write_strings(struct gguf_writer *writer, const char *key,
                                 const struct gguf_string *values, size_t count,
                                 primer_error *error);
primer_status gguf_write_i32s(struct gguf_writer *writer, const char *key, const int32_t *values,
                              size_t count, primer_error *error);
primer_status gguf_write_f32s(struct gguf_writer *writer, const char *key, const float *values,
                              size_t count, primer_error *error);
primer_status gguf_write_value(struct gguf_writer *writer, const struct gguf_value *value,
                               primer_error *error); /* a copy from another file */
primer_status gguf_declare_tensor(struct gguf_writer *writer, const char *name, size_t dimensions,
                                  const size_t *shape, const struct quant_format *format,
                                  primer_error *error);
/* The next bytes of tensor data, in declaration order; each tensor may come in several pieces. */
primer_status gguf_write_data(struct gguf_writer *writer, const void *bytes, size_t length,
                              primer_error *error);
/* Checks that every declared tensor got its bytes, and puts the file under its name. */
primer_status gguf_writer_finish(struct gguf_writer *writer, primer_error *error);

#endif
