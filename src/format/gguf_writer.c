/* gguf_writer.c - writing a GGUF version 3, front to back.
 *
 *   | metadata | tensor declarations |   tensor data ...
 *   buffered, written by the first data call
 *
 * The head holds counts and offsets, so it waits in memory until the last declaration is known;
 * tensor data is never buffered. Every tensor begins at a multiple of 32, and so does the end of
 * the file. Names are kept as hashes only, to refuse a key or tensor that is written twice.
 */
#include "format/gguf.h"

#include <string.h>

#include "base/buffer.h"
#include "base/hash.h"
#include "base/memory.h"
#include "format/gguf_internal.h"

struct declared {
    size_t bytes;   /* of data */
    size_t name_at; /* offset of its declaration in `declarations` */
};

struct gguf_writer {
    struct file_writer file;
    bool open;
    char *path;
    struct buffer metadata, declarations;
    struct buffer key_hashes, name_hashes; /* u64 each */
    struct buffer tensors;                 /* struct declared each */
    uint64_t value_count, tensor_count;
    uint64_t data_size;   /* offset of the next tensor to be declared */
    bool head_written;    /* declarations are closed */
    size_t current, done; /* the tensor that is being written, and its bytes so far */
};

primer_status gguf_writer_create(struct gguf_writer **writer, const char *path, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct gguf_writer *made = memory_allocate(1, sizeof *made);
    if (!made)
        return memory_failure(error, "a model writer", sizeof *made);
    made->path = memory_copy_text(path);
    if (!made->path) {
        status = memory_failure(error, "a file's name", strlen(path) + 1);
        goto cleanup;
    }
    TRY(file_writer_open(&made->file, path, error));
    made->open = true;
    *writer = made;
    made = NULL;
cleanup:
    gguf_writer_free(made);
    return status;
}

void gguf_writer_free(struct gguf_writer *writer)
{
    if (!writer)
        return;
    if (writer->open)
        file_writer_abandon(&writer->file);
    buffer_free(&writer->metadata);
    buffer_free(&writer->declarations);
    buffer_free(&writer->key_hashes);
    buffer_free(&writer->name_hashes);
    buffer_free(&writer->tensors);
    memory_free(writer->path);
    memory_free(writer);
}

static primer_status put_number(struct buffer *buffer, uint64_t value, size_t size,
                                primer_error *error)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    return buffer_append(buffer, bytes, size, error);
}

static primer_status put_string(struct buffer *buffer, struct gguf_string string,
                                primer_error *error)
{
    FORWARD(put_number(buffer, string.length, 8, error));
    return buffer_append(buffer, string.bytes, string.length, error);
}

/* Refuses a name that is empty, too long or already there. */
static primer_status enter_name(struct gguf_writer *writer, struct buffer *hashes,
                                struct gguf_string name, const char *what, size_t most,
                                primer_error *error)
{
    char shown[GGUF_SHOWN];
    uint64_t hash = hash_bytes(name.bytes, name.length, 0);
    if (writer->head_written)
        return error_set(error, PRIMER_EINTERNAL, "%s: a %s after the tensor data began",
                         writer->path, what);
    if (name.length == 0 || name.length > most)
        return error_set(error, PRIMER_EINVAL, "%s: a %s of %zu bytes, expected 1 to %zu",
                         writer->path, what, name.length, most);
    for (size_t at = 0; at < hashes->length; at += sizeof hash)
        if (memcmp(hashes->bytes + at, &hash, sizeof hash) == 0)
            return error_set(error, PRIMER_EINVAL, "%s: %s '%s' is written twice", writer->path,
                             what, error_printable(name.bytes, name.length, shown, sizeof shown));
    return buffer_append(hashes, &hash, sizeof hash, error);
}

/* ---- metadata ---- */

static primer_status begin_value(struct gguf_writer *writer, struct gguf_string key,
                                 enum gguf_type type, primer_error *error)
{
    FORWARD(enter_name(writer, &writer->key_hashes, key, "metadata key", GGUF_KEY_MOST, error));
    FORWARD(put_string(&writer->metadata, key, error));
    FORWARD(put_number(&writer->metadata, type, 4, error));
    writer->value_count++;
    return PRIMER_OK;
}

static struct gguf_string text_of(const char *text)
{
    return (struct gguf_string){text, strlen(text)};
}

static primer_status write_scalar(struct gguf_writer *writer, const char *key, enum gguf_type type,
                                  uint64_t bits, primer_error *error)
{
    FORWARD(begin_value(writer, text_of(key), type, error));
    return put_number(&writer->metadata, bits, gguf_type_size(type), error);
}

primer_status gguf_write_u32(struct gguf_writer *writer, const char *key, uint32_t value,
                             primer_error *error)
{
    if (strcmp(key, GGUF_ALIGNMENT_KEY) == 0)
        return error_set(error, PRIMER_EINVAL, "%s: the writer's alignment is %u and can't be set",
                         writer->path, GGUF_ALIGNMENT);
    return write_scalar(writer, key, GGUF_U32, value, error);
}

primer_status gguf_write_u64(struct gguf_writer *writer, const char *key, uint64_t value,
                             primer_error *error)
{
    return write_scalar(writer, key, GGUF_U64, value, error);
}

primer_status gguf_write_f32(struct gguf_writer *writer, const char *key, float value,
                             primer_error *error)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return write_scalar(writer, key, GGUF_F32, bits, error);
}

primer_status gguf_write_bool(struct gguf_writer *writer, const char *key, bool value,
                              primer_error *error)
{
    return write_scalar(writer, key, GGUF_BOOL, value, error);
}

primer_status gguf_write_string(struct gguf_writer *writer, const char *key, const char *value,
                                primer_error *error)
{
    FORWARD(begin_value(writer, text_of(key), GGUF_STRING, error));
    return put_string(&writer->metadata, text_of(value), error);
}

static primer_status begin_array(struct gguf_writer *writer, struct gguf_string key,
                                 enum gguf_type element_type, uint64_t count, primer_error *error)
{
    FORWARD(begin_value(writer, key, GGUF_ARRAY, error));
    FORWARD(put_number(&writer->metadata, element_type, 4, error));
    return put_number(&writer->metadata, count, 8, error);
}

primer_status gguf_write_strings(struct gguf_writer *writer, const char *key,
                                 const struct gguf_string *values, size_t count,
                                 primer_error *error)
{
    FORWARD(begin_array(writer, text_of(key), GGUF_STRING, count, error));
    for (size_t i = 0; i < count; i++)
        FORWARD(put_string(&writer->metadata, values[i], error));
    return PRIMER_OK;
}

primer_status gguf_write_i32s(struct gguf_writer *writer, const char *key, const int32_t *values,
                              size_t count, primer_error *error)
{
    FORWARD(begin_array(writer, text_of(key), GGUF_I32, count, error));
    for (size_t i = 0; i < count; i++)
        FORWARD(put_number(&writer->metadata, (uint32_t)values[i], 4, error));
    return PRIMER_OK;
}

primer_status gguf_write_f32s(struct gguf_writer *writer, const char *key, const float *values,
                              size_t count, primer_error *error)
{
    FORWARD(begin_array(writer, text_of(key), GGUF_F32, count, error));
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        FORWARD(put_number(&writer->metadata, bits, 4, error));
    }
    return PRIMER_OK;
}

primer_status gguf_write_value(struct gguf_writer *writer, const struct gguf_value *value,
                               primer_error *error)
{
    struct gguf_string alignment = text_of(GGUF_ALIGNMENT_KEY);
    if (value->key.length == alignment.length &&
        memcmp(value->key.bytes, alignment.bytes, alignment.length) == 0)
        return PRIMER_OK; /* the writer has its own */
    if (value->type == GGUF_ARRAY)
        FORWARD(begin_array(writer, value->key, value->element_type, value->count, error));
    else
        FORWARD(begin_value(writer, value->key, value->type, error));
    return buffer_append(&writer->metadata, value->data, value->size, error);
}

/* ---- tensors ---- */

static struct declared *declared_at(const struct gguf_writer *writer, size_t index)
{
    return (struct declared *)(void *)writer->tensors.bytes + index;
}

/* The name of a declared tensor, printable, for messages. */
static const char *name_at(const struct gguf_writer *writer, size_t index, char shown[GGUF_SHOWN])
{
    const char *at = writer->declarations.bytes + declared_at(writer, index)->name_at;
    uint64_t length = 0;
    for (size_t i = 8; i-- > 0;)
        length = length << 8 | (unsigned char)at[i];
    return error_printable(at + 8, (size_t)length, shown, GGUF_SHOWN);
}

primer_status gguf_declare_tensor(struct gguf_writer *writer, const char *name, size_t dimensions,
                                  const size_t *shape, const struct quant_format *format,
                                  primer_error *error)
{
    struct declared declared = {0, writer->declarations.length};
    size_t rows = 1;
    if (dimensions < 1 || dimensions > GGUF_DIMENSIONS)
        return error_set(error, PRIMER_EINVAL,
                         "%s: tensor '%s' has %zu dimensions, expected 1 to %d", writer->path, name,
                         dimensions, GGUF_DIMENSIONS);
    for (size_t i = 0; i < dimensions; i++)
        if (shape[i] == 0 || (i > 0 && !memory_product(rows, shape[i], &rows)))
            return error_set(error, PRIMER_EINVAL, "%s: tensor '%s': dimension %zu is %zu",
                             writer->path, name, i, shape[i]);
    if (shape[0] % format->block_length != 0)
        return error_set(
            error, PRIMER_EINVAL,
            "%s: tensor '%s' has rows of %zu weights, not a multiple of %s's block of %zu",
            writer->path, name, shape[0], format->name, format->block_length);
    if (!quant_bytes(format, shape[0], &declared.bytes) ||
        !memory_product(declared.bytes, rows, &declared.bytes) ||
        declared.bytes > SIZE_MAX / 2 - writer->data_size)
        return error_set(error, PRIMER_EINVAL, "%s: tensor '%s' is too large", writer->path, name);
    FORWARD(enter_name(writer, &writer->name_hashes, text_of(name), "tensor name", GGUF_NAME_MOST,
                       error));
    FORWARD(put_string(&writer->declarations, text_of(name), error));
    FORWARD(put_number(&writer->declarations, dimensions, 4, error));
    for (size_t i = 0; i < dimensions; i++)
        FORWARD(put_number(&writer->declarations, shape[i], 8, error));
    FORWARD(put_number(&writer->declarations, format->type, 4, error));
    FORWARD(put_number(&writer->declarations, writer->data_size, 8, error));
    FORWARD(buffer_append(&writer->tensors, &declared, sizeof declared, error));
    writer->tensor_count++;
    writer->data_size += (declared.bytes + GGUF_ALIGNMENT - 1) / GGUF_ALIGNMENT * GGUF_ALIGNMENT;
    return PRIMER_OK;
}

static primer_status write_head(struct gguf_writer *writer, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer head = {0};
    TRY(buffer_append(&head, GGUF_MAGIC, 4, error));
    TRY(put_number(&head, GGUF_VERSION, 4, error));
    TRY(put_number(&head, writer->tensor_count, 8, error));
    TRY(put_number(&head, writer->value_count, 8, error));
    TRY(file_writer_write(&writer->file, head.bytes, head.length, error));
    if (writer->metadata.length > 0)
        TRY(file_writer_write(&writer->file, writer->metadata.bytes, writer->metadata.length,
                              error));
    if (writer->declarations.length > 0)
        TRY(file_writer_write(&writer->file, writer->declarations.bytes,
                              writer->declarations.length, error));
    TRY(file_writer_align(&writer->file, GGUF_ALIGNMENT, error));
    writer->head_written = true;
cleanup:
    buffer_free(&head);
    return status;
}

primer_status gguf_write_data(struct gguf_writer *writer, const void *bytes, size_t length,
                              primer_error *error)
{
    char shown[GGUF_SHOWN];
    if (!writer->head_written)
        FORWARD(write_head(writer, error));
    if (length == 0)
        return PRIMER_OK;
    if (writer->current >= writer->tensor_count)
        return error_set(error, PRIMER_EINTERNAL, "%s: %zu bytes of data past the last tensor",
                         writer->path, length);
    size_t wanted = declared_at(writer, writer->current)->bytes;
    if (length > wanted - writer->done)
        return error_set(error, PRIMER_EINTERNAL,
                         "%s: tensor '%s' takes %zu more bytes of data, but got %zu", writer->path,
                         name_at(writer, writer->current, shown), wanted - writer->done, length);
    FORWARD(file_writer_write(&writer->file, bytes, length, error));
    writer->done += length;
    if (writer->done == wanted) {
        FORWARD(file_writer_align(&writer->file, GGUF_ALIGNMENT, error));
        writer->current++;
        writer->done = 0;
    }
    return PRIMER_OK;
}

primer_status gguf_writer_finish(struct gguf_writer *writer, primer_error *error)
{
    char shown[GGUF_SHOWN];
    if (!writer->head_written)
        FORWARD(write_head(writer, error));
    if (writer->current < writer->tensor_count)
        return error_set(error, PRIMER_EINTERNAL, "%s: tensor '%s' got only %zu of its %zu bytes",
                         writer->path, name_at(writer, writer->current, shown), writer->done,
                         declared_at(writer, writer->current)->bytes);
    FORWARD(file_writer_commit(&writer->file, error));
    writer->open = false;
    return PRIMER_OK;
}
