/* safetensors.c - see safetensors.h. */
#include "format/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cursor.h"
#include "base/file.h"
#include "base/memory.h"

#define HEADER_MOST ((uint64_t)100 << 20) /* bytes: as the format's own reader has it */
#define METADATA    "__metadata__"
#define SHOWN       96

struct safetensors {
    struct file_map map;
    char *path;
    json_t *header;                            /* the names are its keys */
    struct safetensors_tensor *tensors;        /* [count] in order of their data */
    const struct safetensors_tensor **by_name; /* [count] in order of their names */
    size_t count;
    const unsigned char *data; /* [data_bytes] */
    size_t data_bytes;
};

static const struct {
    const char *name;
    size_t bytes;
} types[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"I32", 4}, {"I16", 2},
             {"I8", 1},  {"U64", 8}, {"U32", 4}, {"U16", 2},  {"U8", 1},  {"BOOL", 1}};

static primer_status broken(const struct safetensors *file, const char *name, const char *what,
                            primer_error *error)
{
    char shown[SHOWN];
    return error_set(error, PRIMER_EFORMAT, "%s: tensor %s: %s", file->path,
                     error_printable(name, strlen(name), shown, sizeof shown), what);
}

/* A number of a list that is no negative one and fits a size; SIZE_MAX: it is neither. */
static size_t size_at(const json_t *list, size_t index)
{
    const json_t *const item = json_array_get(list, index);
    return json_is_integer(item) && json_integer_value(item) >= 0 ? (size_t)json_integer_value(item)
                                                                  : SIZE_MAX;
}

static primer_status read_type(const struct safetensors *file, struct safetensors_tensor *t,
                               const json_t *entry, size_t *bytes, primer_error *error)
{
    t->type = json_string_value(json_object_get(entry, "dtype"));
    if (t->type == NULL)
        return broken(file, t->name, "its dtype is no text", error);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, t->type) == 0) {
            *bytes = types[i].bytes;
            t->format = quant_format_named(t->type);
            return PRIMER_OK;
        }
    char shown[SHOWN];
    return error_set(error, PRIMER_EUNSUPPORTED,
                     "%s: tensor %s: its dtype is \"%s\", expected a "
                     "known one, such as F32, F16 or BF16",
                     file->path, t->name,
                     error_printable(t->type, strlen(t->type), shown, sizeof shown));
}

static primer_status read_shape(const struct safetensors *file, struct safetensors_tensor *t,
                                const json_t *entry, primer_error *error)
{
    const json_t *const shape = json_object_get(entry, "shape");
    if (!json_is_array(shape) || json_array_size(shape) > SAFETENSORS_DIMENSIONS)
        return broken(file, t->name, "its shape is no list of at most 8 numbers", error);
    t->dimensions = json_array_size(shape);
    t->count = 1;
    for (size_t i = 0; i < SAFETENSORS_DIMENSIONS; i++) {
        t->shape[i] = i < t->dimensions ? size_at(shape, i) : 1;
        if (t->shape[i] == SIZE_MAX || !memory_product(t->count, t->shape[i], &t->count))
            return broken(file, t->name, "its shape doesn't fit a size", error);
    }
    return PRIMER_OK;
}

static primer_status read_entry(const struct safetensors *file, struct safetensors_tensor *t,
                                const char *name, const json_t *entry, primer_error *error)
{
    size_t size = 0, expected = 0;
    t->name = name;
    if (!json_is_object(entry))
        return broken(file, name, "its entry is no object", error);
    FORWARD(read_type(file, t, entry, &size, error));
    FORWARD(read_shape(file, t, entry, error));
    const json_t *const offsets = json_object_get(entry, "data_offsets");
    const size_t begin = size_at(offsets, 0), end = size_at(offsets, 1);
    if (json_array_size(offsets) != 2 || begin > end || end > file->data_bytes)
        return broken(file, name, "its data_offsets are no two numbers inside the file", error);
    if (!memory_product(t->count, size, &expected) || expected != end - begin)
        return broken(file, name, "its data_offsets span another size than its shape has", error);
    t->data = file->data + begin;
    t->bytes = end - begin;
    return PRIMER_OK;
}

static int by_data(const void *a, const void *b)
{
    const struct safetensors_tensor *const left = a, *const right = b;
    if (left->data != right->data)
        return left->data < right->data ? -1 : 1;
    return left->bytes < right->bytes ? -1 : left->bytes > right->bytes; /* empty ones first */
}

static int by_name(const void *a, const void *b)
{
    const struct safetensors_tensor *const *const left = a, *const *const right = b;
    return strcmp((*left)->name, (*right)->name);
}

/* Each begins where the one before it ends, and the last one ends the file. */
static primer_status check_gaps(const struct safetensors *file, primer_error *error)
{
    const unsigned char *at = file->data;
    for (size_t i = 0; i < file->count; i++) {
        if (file->tensors[i].data != at)
            return broken(file, file->tensors[i].name,
                          "its bytes don't begin where those of the tensor before it end", error);
        at += file->tensors[i].bytes;
    }
    if (at == file->data + file->data_bytes)
        return PRIMER_OK;
    return error_set(error, PRIMER_EFORMAT, "%s: %zu bytes behind the last tensor", file->path,
                     (size_t)(file->data + file->data_bytes - at));
}

static primer_status read_entries(struct safetensors *file, primer_error *error)
{
    const char *name;
    json_t *entry;
    const size_t most = json_object_size(file->header);
    file->tensors = memory_allocate(most, sizeof *file->tensors);
    file->by_name = memory_allocate(most, sizeof *file->by_name);
    if (file->tensors == NULL || file->by_name == NULL)
        return memory_failure(error, "a table of tensors", most * sizeof *file->tensors);
    json_object_foreach(file->header, name, entry)
    {
        if (strcmp(name, METADATA) == 0)
            continue;
        FORWARD(read_entry(file, &file->tensors[file->count], name, entry, error));
        file->count++;
    }
    if (file->count > 1)
        qsort(file->tensors, file->count, sizeof *file->tensors, by_data);
    for (size_t i = 0; i < file->count; i++)
        file->by_name[i] = &file->tensors[i];
    if (file->count > 1)
        qsort(file->by_name, file->count, sizeof *file->by_name, by_name);
    return check_gaps(file, error);
}

static primer_status read_header(struct safetensors *file, primer_error *error)
{
    struct cursor cursor = cursor_over(file->map.bytes, file->map.size);
    const unsigned char *bytes = NULL;
    uint64_t length = 0;
    json_error_t problem;
    FORWARD(cursor_u64(&cursor, "the header's length", &length, error));
    if (length > HEADER_MOST)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: its header would have %llu bytes, at most %llu are allowed",
                         file->path, (unsigned long long)length, (unsigned long long)HEADER_MOST);
    FORWARD(cursor_bytes(&cursor, "the header", length, &bytes, error));
    file->header =
        json_loadb((const char *)bytes, (size_t)length, JSON_REJECT_DUPLICATES, &problem);
    if (!json_is_object(file->header))
        return error_set(error, PRIMER_EFORMAT, "%s: its header is no JSON object: %s", file->path,
                         file->header == NULL ? problem.text : "something else");
    file->data = file->map.bytes + cursor.position;
    file->data_bytes = cursor_remaining(&cursor);
    return read_entries(file, error);
}

/* Takes the map over, also when it fails. */
static primer_status open_map(struct safetensors **file, struct file_map *map, const char *path,
                              primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct safetensors *made = memory_allocate(1, sizeof *made);
    if (made == NULL) {
        file_map_close(map);
        return memory_failure(error, "a file of tensors", sizeof *made);
    }
    made->map = *map;
    made->path = memory_copy_text(path);
    if (made->path == NULL)
        FAIL(PRIMER_ENOMEM, "%s: no memory for its path", path);
    TRY(read_header(made, error));
    *file = made;
    made = NULL;
cleanup:
    safetensors_free(made);
    return status;
}

primer_status safetensors_open(struct safetensors **file, const char *path, primer_error *error)
{
    struct file_map map = {0};
    FORWARD(file_map_open(&map, path, error));
    return open_map(file, &map, path, error);
}

primer_status safetensors_open_memory(struct safetensors **file, const void *bytes, size_t size,
                                      const char *name, primer_error *error)
{
    struct file_map map = {0};
    file_map_memory(&map, bytes, size);
    return open_map(file, &map, name, error);
}

void safetensors_free(struct safetensors *file)
{
    if (file == NULL)
        return;
    json_decref(file->header);
    memory_free(file->by_name);
    memory_free(file->tensors);
    memory_free(file->path);
    file_map_close(&file->map);
    memory_free(file);
}

const char *safetensors_path(const struct safetensors *file)
{
    return file->path;
}

const struct safetensors_tensor *safetensors_at(const struct safetensors *file, size_t index)
{
    return index < file->count ? &file->tensors[index] : NULL;
}

const struct safetensors_tensor *safetensors_named(const struct safetensors *file, const char *name)
{
    size_t low = 0, high = file->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(file->by_name[middle]->name, name);
        if (order == 0)
            return file->by_name[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- writing --------------------------------------------------------------------------------- */

static int append(const char *bytes, size_t length, void *context)
{
    return buffer_append(context, bytes, length, NULL) == PRIMER_OK ? 0 : -1;
}

/* The header's text, blanks at its end so that the data begin at a multiple of 8. */
static primer_status make_header(const struct safetensors_output *tensors, size_t count,
                                 struct buffer *text, primer_error *error)
{
    json_t *const header = json_pack("{s:{s:s}}", METADATA, "format", "pt");
    json_int_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        const struct safetensors_output *const t = &tensors[i];
        const json_int_t bytes = (json_int_t)(t->rows * t->columns * sizeof *t->values);
        json_object_set_new(header, t->name,
                            json_pack("{s:s, s:[I, I], s:[I, I]}", "dtype", "F32", "shape",
                                      (json_int_t)t->rows, (json_int_t)t->columns, "data_offsets",
                                      offset, offset + bytes));
        offset += bytes;
    }
    const bool good = json_object_size(header) == count + 1 &&
                      json_dump_callback(header, append, text, JSON_COMPACT) == 0;
    json_decref(header);
    if (!good)
        return memory_failure(error, "a header of tensors", count);
    return buffer_append(text, "       ", (8 - text->length % 8) % 8, error);
}

primer_status safetensors_write(const char *path, const struct safetensors_output *tensors,
                                size_t count, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct file_writer writer = {0};
    struct buffer text = {0};
    unsigned char length[8];
    TRY(make_header(tensors, count, &text, error));
    for (size_t i = 0; i < sizeof length; i++)
        length[i] = (unsigned char)((uint64_t)text.length >> (8 * i));
    TRY(file_writer_open(&writer, path, error));
    TRY(file_writer_write(&writer, length, sizeof length, error));
    TRY(file_writer_write(&writer, text.bytes, text.length, error));
    for (size_t i = 0; i < count; i++)
        TRY(file_writer_write(&writer, tensors[i].values,
                              tensors[i].rows * tensors[i].columns * sizeof *tensors[i].values,
                              error));
    TRY(file_writer_commit(&writer, error));
cleanup:
    file_writer_abandon(&writer);
    buffer_free(&text);
    return status;
}
