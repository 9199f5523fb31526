/*
 * A small reader of GGUF files, versions 2 and 3 (ggml's docs/gguf.md). All of it is little-endian:
 *
 *     "GGUF" | version 4 | tensors 8 | fields 8
 *     field  = text key | kind 4 | value                        text   = length 8 | bytes
 *     array  = kind 4 | count 8 | values                        (the value of a field of kind 9)
 *     tensor = text name | dimensions 4 | sizes 8 each, columns first | type 4 | offset 8
 *     padding to general.alignment (32) | the tensors' data, each at its offset from here
 *
 * Reading moves one cursor through the bytes; once it would step over the end it stays failed.
 */
#include "reference_gguf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind {
    KIND_U8,
    KIND_I8,
    KIND_U16,
    KIND_I16,
    KIND_U32,
    KIND_I32,
    KIND_F32,
    KIND_BOOL,
    KIND_TEXT,
    KIND_ARRAY,
    KIND_U64,
    KIND_I64,
    KIND_F64,
    KIND_COUNT
};

static const size_t kind_bytes[KIND_COUNT] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

typedef struct {
    const uint8_t *bytes;
    size_t size;
    size_t position;
    bool failed;
} reader;

typedef struct {
    const char *key;
    size_t key_length;
    uint32_t kind;
    size_t position; /* of the value in the file; its extent was checked at opening */
} field;

struct reference_gguf {
    char *path;
    uint8_t *bytes;
    size_t size;
    field *fields;
    size_t field_count;
    reference_tensor *tensors;
    size_t tensor_count;
};

static const uint8_t *take(reader *in, uint64_t n)
{
    if (in->failed || n > in->size - in->position) {
        in->failed = true;
        return NULL;
    }
    const uint8_t *at = in->bytes + in->position;
    in->position += (size_t)n;
    return at;
}

static uint32_t take_u32(reader *in)
{
    uint32_t value = 0;
    const uint8_t *at = take(in, sizeof value);
    if (at != NULL) {
        memcpy(&value, at, sizeof value);
    }
    return value;
}

static uint64_t take_u64(reader *in)
{
    uint64_t value = 0;
    const uint8_t *at = take(in, sizeof value);
    if (at != NULL) {
        memcpy(&value, at, sizeof value);
    }
    return value;
}

static const char *take_text(reader *in, size_t *length)
{
    const uint64_t n = take_u64(in);
    const char *text = (const char *)take(in, n);
    *length = text != NULL ? (size_t)n : 0;
    return text;
}

/* Steps over a value; arrays of arrays don't occur in models and are refused. */
static void skip_value(reader *in, uint32_t kind)
{
    size_t length;
    uint64_t count = 1;
    if (kind == KIND_ARRAY) {
        kind = take_u32(in);
        count = take_u64(in);
    }
    if (kind == KIND_TEXT) {
        for (uint64_t i = 0; i < count && !in->failed; i++) {
            take_text(in, &length);
        }
    } else if (kind >= KIND_COUNT || kind_bytes[kind] == 0 || count > in->size) {
        in->failed = true;
    } else {
        take(in, count * kind_bytes[kind]);
    }
}

static bool read_whole_file(const char *path, uint8_t **bytes, size_t *size, reference_error *error)
{
    uint8_t *buffer = NULL;
    FILE *in = fopen(path, "rb");
    bool ok = false;
    if (in == NULL || fseek(in, 0, SEEK_END) != 0) {
        snprintf(error->message, sizeof error->message, "%s: %s", path, strerror(errno));
        goto cleanup;
    }
    const long length = ftell(in);
    buffer = length > 0 ? malloc((size_t)length) : NULL;
    rewind(in);
    if (buffer == NULL || fread(buffer, 1, (size_t)length, in) != (size_t)length) {
        snprintf(error->message, sizeof error->message, "%s: can't read its %ld bytes", path,
                 length);
        goto cleanup;
    }
    *bytes = buffer;
    *size = (size_t)length;
    buffer = NULL;
    ok = true;
cleanup:
    free(buffer);
    if (in != NULL) {
        fclose(in);
    }
    return ok;
}

/* Where a tensor's data ends, counted from its start; 0 if that makes no sense. */
static size_t tensor_bytes(const reference_tensor *tensor, size_t limit)
{
    const reference_format *format = tensor->format;
    if (format == NULL || tensor->columns % format->length != 0) {
        return 0;
    }
    const size_t blocks = tensor->columns / format->length;
    if (blocks > limit || (blocks != 0 && tensor->rows > limit / blocks) ||
        blocks * tensor->rows > limit / format->bytes) {
        return 0;
    }
    return blocks * tensor->rows * format->bytes;
}

/* Reads one description; the offset stays in *offset until the data's start is known. */
static void read_tensor(reader *in, reference_tensor *tensor, uint64_t *offset)
{
    size_t length;
    const char *name = take_text(in, &length);
    const uint32_t dimensions = take_u32(in);
    if (name == NULL || length >= sizeof tensor->name || dimensions < 1 || dimensions > 4) {
        in->failed = true;
        return;
    }
    memcpy(tensor->name, name, length);
    tensor->columns = (size_t)take_u64(in);
    tensor->rows = 1;
    for (uint32_t d = 1; d < dimensions; d++) {
        const uint64_t size = take_u64(in);
        if (size != 0 && tensor->rows > in->size / size) {
            in->failed = true;
            return;
        }
        tensor->rows *= (size_t)size;
    }
    tensor->type = take_u32(in);
    tensor->format = reference_format_find(tensor->type);
    *offset = take_u64(in);
}

static bool read_fields(reader *in, reference_gguf *file)
{
    for (size_t i = 0; i < file->field_count && !in->failed; i++) {
        field *f = &file->fields[i];
        f->key = take_text(in, &f->key_length);
        f->kind = take_u32(in);
        f->position = in->position;
        skip_value(in, f->kind);
    }
    return !in->failed;
}

static bool read_tensors(reader *in, reference_gguf *file, reference_error *error)
{
    uint64_t *offsets = calloc(file->tensor_count + 1, sizeof *offsets);
    double alignment = 32;
    bool ok = false;
    for (size_t i = 0; offsets != NULL && i < file->tensor_count && !in->failed; i++) {
        read_tensor(in, &file->tensors[i], &offsets[i]);
    }
    reference_gguf_number(file, "general.alignment", &alignment);
    if (offsets == NULL || in->failed || alignment < 1 || alignment > 65536) {
        snprintf(error->message, sizeof error->message, "%s: a tensor's description is damaged",
                 file->path);
        goto cleanup;
    }
    const size_t step = (size_t)alignment;
    take(in, (step - in->position % step) % step);
    for (size_t i = 0; i < file->tensor_count; i++) {
        reference_tensor *tensor = &file->tensors[i];
        const size_t limit = in->size - in->position;
        const size_t bytes = tensor_bytes(tensor, limit);
        if (tensor->format != NULL && (in->failed || bytes == 0 || offsets[i] > limit - bytes)) {
            snprintf(error->message, sizeof error->message,
                     "%s: tensor %s [%zu][%zu] of type %s doesn't fit in the file", file->path,
                     tensor->name, tensor->rows, tensor->columns, tensor->format->name);
            goto cleanup;
        }
        tensor->data = tensor->format != NULL ? in->bytes + in->position + offsets[i] : NULL;
    }
    ok = true;
cleanup:
    free(offsets);
    return ok;
}

static bool read_gguf(reference_gguf *file, reference_error *error)
{
    reader in = {.bytes = file->bytes, .size = file->size};
    const uint8_t *magic = take(&in, 4);
    const uint32_t version = take_u32(&in);
    if (magic == NULL || memcmp(magic, "GGUF", 4) != 0 || (version != 2 && version != 3)) {
        snprintf(error->message, sizeof error->message, "%s: not a GGUF file of version 2 or 3",
                 file->path);
        return false;
    }
    const uint64_t tensors = take_u64(&in);
    const uint64_t fields = take_u64(&in);
    if (in.failed || tensors > file->size / 32 || fields > file->size / 12) {
        snprintf(error->message, sizeof error->message, "%s: it can't hold as much as it says",
                 file->path);
        return false;
    }
    file->tensor_count = (size_t)tensors;
    file->field_count = (size_t)fields;
    file->tensors = calloc(file->tensor_count + 1, sizeof *file->tensors);
    file->fields = calloc(file->field_count + 1, sizeof *file->fields);
    if (file->tensors == NULL || file->fields == NULL || !read_fields(&in, file)) {
        snprintf(error->message, sizeof error->message, "%s: its metadata is damaged", file->path);
        return false;
    }
    return read_tensors(&in, file, error);
}

bool reference_gguf_open(const char *path, reference_gguf **file, reference_error *error)
{
    reference_gguf *opened = calloc(1, sizeof *opened);
    if (opened == NULL || (opened->path = strdup(path)) == NULL) {
        snprintf(error->message, sizeof error->message, "%s: out of memory", path);
        reference_gguf_free(opened);
        return false;
    }
    if (!read_whole_file(path, &opened->bytes, &opened->size, error) || !read_gguf(opened, error)) {
        reference_gguf_free(opened);
        return false;
    }
    *file = opened;
    return true;
}

void reference_gguf_free(reference_gguf *file)
{
    if (file != NULL) {
        free(file->path);
        free(file->bytes);
        free(file->fields);
        free(file->tensors);
        free(file);
    }
}

const char *reference_gguf_path(const reference_gguf *file)
{
    return file->path;
}

static const field *find_field(const reference_gguf *file, const char *key)
{
    const size_t length = strlen(key);
    for (size_t i = 0; i < file->field_count; i++) {
        const field *f = &file->fields[i];
        if (f->key_length == length && memcmp(f->key, key, length) == 0) {
            return f;
        }
    }
    return NULL;
}

/* An integer of 1, 2, 4 or 8 bytes, sign-extended where its kind has a sign. */
static double integer_at(const uint8_t *at, size_t bytes, bool is_signed)
{
    uint64_t value = 0;
    memcpy(&value, at, bytes);
    if (!is_signed) {
        return (double)value;
    }
    const unsigned unused = (unsigned)(64 - 8 * bytes);
    return (double)((int64_t)(value << unused) >> unused);
}

bool reference_gguf_number(const reference_gguf *file, const char *key, double *value)
{
    const field *f = find_field(file, key);
    if (f == NULL || f->kind == KIND_TEXT || f->kind == KIND_ARRAY) {
        return false;
    }
    const uint8_t *at = file->bytes + f->position;
    if (f->kind == KIND_F32) {
        float single;
        memcpy(&single, at, sizeof single);
        *value = (double)single;
    } else if (f->kind == KIND_F64) {
        memcpy(value, at, sizeof *value);
    } else {
        const bool is_signed =
            f->kind == KIND_I8 || f->kind == KIND_I16 || f->kind == KIND_I32 || f->kind == KIND_I64;
        *value = integer_at(at, kind_bytes[f->kind], is_signed);
    }
    return true;
}

bool reference_gguf_text(const reference_gguf *file, const char *key, const char **text,
                         size_t *length)
{
    const field *f = find_field(file, key);
    if (f == NULL || f->kind != KIND_TEXT) {
        return false;
    }
    reader in = {.bytes = file->bytes, .size = file->size, .position = f->position};
    *text = take_text(&in, length);
    return true;
}

bool reference_gguf_text_at(const reference_gguf *file, const char *key, size_t i,
                            const char **text, size_t *length)
{
    const field *f = find_field(file, key);
    if (f == NULL || f->kind != KIND_ARRAY) {
        return false;
    }
    reader in = {.bytes = file->bytes, .size = file->size, .position = f->position};
    if (take_u32(&in) != KIND_TEXT || i >= take_u64(&in)) {
        return false;
    }
    for (size_t before = 0; before < i; before++) {
        take_text(&in, length);
    }
    *text = take_text(&in, length);
    return true;
}

const reference_tensor *reference_gguf_tensor(const reference_gguf *file, const char *name)
{
    for (size_t i = 0; i < file->tensor_count; i++) {
        if (strcmp(file->tensors[i].name, name) == 0) {
            return &file->tensors[i];
        }
    }
    return NULL;
}
