/* gguf.c - opening a GGUF: one pass over the file's head, every field checked before it is used.
 *
 * The file's layout is drawn in gguf.h (ggml/docs/gguf.md of the ggml project is the
 * specification). What opening allocates is bounded by the file's own bytes: a count is believed
 * only where the bytes that are left could hold that many entries (13 bytes for a value, 33 for a
 * tensor), so the tables take less than 8 bytes per byte of file.
 *
 * Invariants after gguf_open: every value's bytes and every tensor's bytes lie inside the map; no
 * two values or tensors share a name; no name is empty or holds a NUL; rows are whole blocks;
 * tensors don't overlap.
 */
#include "format/gguf.h"

#include <string.h>

#include "base/clock.h"
#include "base/cursor.h"
#include "base/hash.h"
#include "base/memory.h"
#include "format/gguf_internal.h"

#define VALUE_BYTES_LEAST  13U /* key length 8, key 1, type 4, and a value of 0 bytes at least */
#define TENSOR_BYTES_LEAST 33U /* name 9 at least, dimensions 4, one size 8, type 4, offset 8 */
#define ENTRIES_MOST       ((uint64_t)1 << 24)

struct type_row {
    const char *name;
    size_t size;
};
static const struct type_row TYPE_ROWS[GGUF_TYPES] = {
    [GGUF_U8] = {"u8", 1},         [GGUF_I8] = {"i8", 1},       [GGUF_U16] = {"u16", 2},
    [GGUF_I16] = {"i16", 2},       [GGUF_U32] = {"u32", 4},     [GGUF_I32] = {"i32", 4},
    [GGUF_F32] = {"f32", 4},       [GGUF_BOOL] = {"bool", 1},   [GGUF_STRING] = {"string", 0},
    [GGUF_ARRAY] = {"array", 0},   [GGUF_U64] = {"u64", 8},     [GGUF_I64] = {"i64", 8},
    [GGUF_F64] = {"f64", 8},
};

size_t gguf_type_size(enum gguf_type type)
{
    return (unsigned)type < GGUF_TYPES ? TYPE_ROWS[type].size : 0;
}

const char *gguf_type_name(enum gguf_type type)
{
    return (unsigned)type < GGUF_TYPES ? TYPE_ROWS[type].name : "unknown";
}

static bool strings_equal(struct gguf_string a, struct gguf_string b)
{
    return a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0;
}

/* ---- the index of names ---- */

static primer_status index_create(struct gguf_index *index, size_t count, uint64_t seed,
                                  primer_error *error)
{
    size_t slots = 4;
    while (slots < 2 * count)
        slots *= 2;
    index->slots = memory_allocate(slots, sizeof *index->slots);
    if (!index->slots)
        return memory_failure(error, "an index of names", slots * sizeof *index->slots);
    index->mask = slots - 1;
    index->seed = seed;
    return PRIMER_OK;
}

_Static_assert(offsetof(struct gguf_value, key) == 0, "the index reads an entry's first member");
_Static_assert(offsetof(struct gguf_tensor, name) == 0, "the index reads an entry's first member");

/* The slot that holds the name, or the free one where it belongs. `names` points at the first
 * entry's name; entries are `stride` bytes apart. */
static uint32_t *index_slot(const struct gguf_index *index, struct gguf_string name,
                            const void *names, size_t stride)
{
    size_t at = (size_t)hash_bytes(name.bytes, name.length, index->seed) & index->mask;
    while (index->slots[at] != 0) {
        const char *entry = (const char *)names + (size_t)(index->slots[at] - 1) * stride;
        struct gguf_string other;
        memcpy(&other, entry, sizeof other);
        if (strings_equal(other, name))
            break;
        at = (at + 1) & index->mask;
    }
    return &index->slots[at];
}

/* Enters entry number `entry`; false where its name is taken. */
static bool index_enter(struct gguf_index *index, struct gguf_string name, const void *names,
                        size_t stride, size_t entry)
{
    uint32_t *slot = index_slot(index, name, names, stride);
    if (*slot != 0)
        return false;
    *slot = (uint32_t)entry + 1;
    return true;
}

/* ---- header ---- */

static primer_status read_magic(struct cursor *cursor, primer_error *error)
{
    const unsigned char *magic;
    char shown[8];
    if (cursor_remaining(cursor) < 4)
        return error_set(error, PRIMER_EFORMAT, "not a GGUF file: only %zu bytes long",
                         cursor_remaining(cursor));
    FORWARD(cursor_bytes(cursor, "magic", 4, &magic, error));
    if (memcmp(magic, GGUF_MAGIC, 4) != 0)
        return error_set(
            error, PRIMER_EFORMAT,
            "not a GGUF file: it begins with \"%s\" (%02x %02x %02x %02x), expected \"GGUF\"",
            error_printable((const char *)magic, 4, shown, sizeof shown), magic[0], magic[1],
            magic[2], magic[3]);
    return PRIMER_OK;
}

static primer_status read_version(struct cursor *cursor, uint32_t *version, primer_error *error)
{
    uint32_t found = 0;
    FORWARD(cursor_u32(cursor, "version", &found, error));
    if (found == 1)
        return error_set(
            error, PRIMER_EUNSUPPORTED,
            "GGUF version 1 is too old (versions 2 and 3 are read); convert the model again");
    if (found != 0 && (found & 0xffffU) == 0)
        return error_set(
            error, PRIMER_EUNSUPPORTED,
            "a big-endian GGUF (version bytes reversed); only little-endian files are read");
    if (found != 2 && found != 3)
        return error_set(error, PRIMER_EUNSUPPORTED, "GGUF version %u; versions 2 and 3 are read",
                         (unsigned)found);
    *version = found;
    return PRIMER_OK;
}

static primer_status read_count(struct cursor *cursor, const char *what, size_t *count,
                                primer_error *error)
{
    uint64_t found = 0;
    FORWARD(cursor_u64(cursor, what, &found, error));
    if (found > ENTRIES_MOST)
        return error_set(error, PRIMER_ELIMIT, "%s is %llu, at most %llu are read", what,
                         (unsigned long long)found, (unsigned long long)ENTRIES_MOST);
    *count = (size_t)found;
    return PRIMER_OK;
}

static primer_status check_count(const struct cursor *cursor, const char *what, size_t count,
                                 size_t least, primer_error *error)
{
    if (count > cursor_remaining(cursor) / least)
        return error_set(error, PRIMER_EFORMAT,
                         "%s is %zu, but the %zu bytes left can hold %zu at most", what, count,
                         cursor_remaining(cursor), cursor_remaining(cursor) / least);
    return PRIMER_OK;
}

/* ---- metadata ---- */

/* A key or tensor name: not empty, not too long, without NUL. */
static primer_status read_name(struct cursor *cursor, const char *what, size_t most,
                               struct gguf_string *name, primer_error *error)
{
    const unsigned char *bytes;
    uint64_t length = 0;
    size_t offset = cursor->position;
    FORWARD(cursor_u64(cursor, what, &length, error));
    if (length == 0 || length > most)
        return error_set(error, PRIMER_EFORMAT,
                         "a %s at offset %zu is %llu bytes long, expected 1 to %zu", what, offset,
                         (unsigned long long)length, most);
    FORWARD(cursor_bytes(cursor, what, length, &bytes, error));
    if (memchr(bytes, 0, (size_t)length))
        return error_set(error, PRIMER_EFORMAT, "a %s at offset %zu holds a NUL byte", what,
                         offset);
    *name = (struct gguf_string){(const char *)bytes, (size_t)length};
    return PRIMER_OK;
}

static primer_status skip_strings(struct cursor *cursor, uint64_t count, primer_error *error)
{
    if (count > cursor_remaining(cursor) / 8)
        return error_set(error, PRIMER_EFORMAT,
                         "%llu strings announced, but only %zu bytes are left",
                         (unsigned long long)count, cursor_remaining(cursor));
    for (uint64_t i = 0; i < count; i++) {
        uint64_t length = 0;
        FORWARD(cursor_u64(cursor, "string length", &length, error));
        FORWARD(cursor_skip(cursor, "string", length, error));
    }
    return PRIMER_OK;
}

static primer_status read_type(struct cursor *cursor, const char *what, enum gguf_type *type,
                               primer_error *error)
{
    uint32_t found = 0;
    FORWARD(cursor_u32(cursor, what, &found, error));
    if (found >= GGUF_TYPES)
        return error_set(error, PRIMER_EFORMAT, "%s is %u, expected 0 to %d", what, (unsigned)found,
                         GGUF_TYPES - 1);
    *type = (enum gguf_type)found;
    return PRIMER_OK;
}

/* Type and elements of a value whose key has been read. */
static primer_status read_elements(struct cursor *cursor, struct gguf_value *value,
                                   primer_error *error)
{
    FORWARD(read_type(cursor, "value type", &value->type, error));
    value->element_type = value->type;
    value->count = 1;
    if (value->type == GGUF_ARRAY) {
        FORWARD(read_type(cursor, "element type", &value->element_type, error));
        FORWARD(cursor_u64(cursor, "array length", &value->count, error));
        if (value->element_type == GGUF_ARRAY)
            return error_set(error, PRIMER_EUNSUPPORTED, "arrays of arrays are not supported");
    }
    size_t start = cursor->position;
    size_t size = gguf_type_size(value->element_type);
    value->data = cursor->start + start;
    if (size == 0) {
        FORWARD(skip_strings(cursor, value->count, error));
    } else {
        if (value->count > cursor_remaining(cursor) / size)
            return error_set(error, PRIMER_EFORMAT,
                             "%llu elements of type %s announced, but only %zu bytes are left",
                             (unsigned long long)value->count, gguf_type_name(value->element_type),
                             cursor_remaining(cursor));
        FORWARD(cursor_skip(cursor, "value", value->count * size, error));
    }
    value->size = cursor->position - start;
    return PRIMER_OK;
}

static primer_status read_values(struct gguf *gguf, struct cursor *cursor, primer_error *error)
{
    size_t count = gguf->value_count;
    FORWARD(check_count(cursor, "the number of metadata values", count, VALUE_BYTES_LEAST, error));
    gguf->values = memory_allocate(count, sizeof *gguf->values);
    if (!gguf->values)
        return memory_failure(error, "metadata", count * sizeof *gguf->values);
    FORWARD(index_create(&gguf->value_index, count, clock_nanoseconds(), error));
    for (size_t i = 0; i < count; i++) {
        struct gguf_value *value = &gguf->values[i];
        char shown[GGUF_SHOWN];
        FORWARD(read_name(cursor, "metadata key", GGUF_KEY_MOST, &value->key, error));
        error_printable(value->key.bytes, value->key.length, shown, sizeof shown);
        primer_status status = read_elements(cursor, value, error);
        if (status != PRIMER_OK) {
            error_prefix(error, "metadata key '%s'", shown);
            return status;
        }
        if (!index_enter(&gguf->value_index, value->key, gguf->values, sizeof *gguf->values, i))
            return error_set(error, PRIMER_EFORMAT, "metadata key '%s' appears twice", shown);
    }
    return PRIMER_OK;
}

static primer_status read_alignment(struct gguf *gguf, primer_error *error)
{
    uint64_t alignment = GGUF_ALIGNMENT;
    FORWARD(gguf_get_u64(gguf, GGUF_ALIGNMENT_KEY, &alignment, error));
    if (alignment < 8 || alignment > GGUF_ALIGNMENT_MOST || (alignment & (alignment - 1)) != 0)
        return error_set(error, PRIMER_EFORMAT,
                         GGUF_ALIGNMENT_KEY " is %llu, expected a power of two from 8 to %u",
                         (unsigned long long)alignment, GGUF_ALIGNMENT_MOST);
    gguf->alignment = (size_t)alignment;
    return PRIMER_OK;
}

/* ---- tensors ---- */

/* Dimensions, type and what follows from them; `offset` is from the beginning of the data. */
static primer_status read_shape(struct cursor *cursor, struct gguf_tensor *tensor, uint64_t *offset,
                                primer_error *error)
{
    uint32_t dimensions = 0, type = 0;
    size_t rows = 1;
    FORWARD(cursor_u32(cursor, "number of dimensions", &dimensions, error));
    if (dimensions < 1 || dimensions > GGUF_DIMENSIONS)
        return error_set(error, PRIMER_EFORMAT, "%u dimensions, expected 1 to %d",
                         (unsigned)dimensions, GGUF_DIMENSIONS);
    tensor->dimensions = dimensions;
    for (size_t i = 0; i < GGUF_DIMENSIONS; i++) {
        uint64_t size = 1;
        if (i < dimensions)
            FORWARD(cursor_u64(cursor, "dimension", &size, error));
        if (size == 0 || size > INT64_MAX)
            return error_set(error, PRIMER_EFORMAT, "dimension %zu has size %llu", i,
                             (unsigned long long)size);
        tensor->shape[i] = (size_t)size;
        if (i > 0 && !memory_product(rows, (size_t)size, &rows))
            return error_set(error, PRIMER_EFORMAT, "the product of its dimensions overflows");
    }
    FORWARD(cursor_u32(cursor, "tensor type", &type, error));
    FORWARD(cursor_u64(cursor, "data offset", offset, error));
    const struct quant_format *format = quant_format_of(type);
    if (!format)
        return error_set(error, PRIMER_EUNSUPPORTED, "tensor type %u is not supported",
                         (unsigned)type);
    if (tensor->shape[0] % format->block_length != 0)
        return error_set(error, PRIMER_EFORMAT,
                         "a row has %zu weights, not a multiple of %s's block of %zu",
                         tensor->shape[0], format->name, format->block_length);
    if (!quant_bytes(format, tensor->shape[0], &tensor->row_bytes) ||
        !memory_product(tensor->row_bytes, rows, &tensor->bytes))
        return error_set(error, PRIMER_EFORMAT, "the product of its dimensions overflows");
    tensor->format = format;
    return PRIMER_OK;
}

static primer_status read_tensors(struct gguf *gguf, struct cursor *cursor, uint64_t *offsets,
                                  primer_error *error)
{
    FORWARD(index_create(&gguf->tensor_index, gguf->tensor_count, gguf->value_index.seed, error));
    for (size_t i = 0; i < gguf->tensor_count; i++) {
        struct gguf_tensor *tensor = &gguf->tensors[i];
        char shown[GGUF_SHOWN];
        FORWARD(read_name(cursor, "tensor name", GGUF_NAME_MOST, &tensor->name, error));
        error_printable(tensor->name.bytes, tensor->name.length, shown, sizeof shown);
        primer_status status = read_shape(cursor, tensor, &offsets[i], error);
        if (status != PRIMER_OK) {
            error_prefix(error, "tensor '%s'", shown);
            return status;
        }
        if (!index_enter(&gguf->tensor_index, tensor->name, gguf->tensors, sizeof *gguf->tensors,
                         i))
            return error_set(error, PRIMER_EFORMAT, "tensor '%s' appears twice", shown);
    }
    return PRIMER_OK;
}

/* Moves order[root] down to where the heap's largest-first rule holds within `count` entries. */
static void sift(uint32_t *order, const uint64_t *offsets, size_t root, size_t count)
{
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= count)
            return;
        if (child + 1 < count && offsets[order[child]] < offsets[order[child + 1]])
            child++;
        if (offsets[order[root]] >= offsets[order[child]])
            return;
        uint32_t swap = order[root];
        order[root] = order[child];
        order[child] = swap;
        root = child;
    }
}

/* Heapsort: no allocation, and n log n whatever the file says. */
static void sort_by_offset(uint32_t *order, const uint64_t *offsets, size_t count)
{
    for (size_t i = count / 2; i-- > 0;)
        sift(order, offsets, i, count);
    for (size_t end = count; end-- > 1;) {
        uint32_t swap = order[0];
        order[0] = order[end];
        order[end] = swap;
        sift(order, offsets, 0, end);
    }
}

static primer_status check_overlap(const struct gguf *gguf, const uint64_t *offsets,
                                   primer_error *error)
{
    primer_status status = PRIMER_OK;
    size_t count = gguf->tensor_count;
    uint32_t *order = memory_allocate(count, sizeof *order);
    if (!order)
        return memory_failure(error, "the order of tensors", count * sizeof *order);
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    sort_by_offset(order, offsets, count);
    for (size_t i = 1; i < count; i++) {
        const struct gguf_tensor *a = &gguf->tensors[order[i - 1]], *b = &gguf->tensors[order[i]];
        char shown_a[GGUF_SHOWN], shown_b[GGUF_SHOWN];
        if (a->bytes > offsets[order[i]] - offsets[order[i - 1]])
            FAIL(PRIMER_EFORMAT, "tensors '%s' and '%s' overlap",
                 error_printable(a->name.bytes, a->name.length, shown_a, sizeof shown_a),
                 error_printable(b->name.bytes, b->name.length, shown_b, sizeof shown_b));
    }
cleanup:
    memory_free(order);
    return status;
}

/* Turns offsets into pointers. `data` is the number of bytes before the tensor data. */
static primer_status place_tensors(struct gguf *gguf, const uint64_t *offsets, size_t data,
                                   primer_error *error)
{
    size_t size = gguf->map.size - data;
    for (size_t i = 0; i < gguf->tensor_count; i++) {
        struct gguf_tensor *tensor = &gguf->tensors[i];
        char shown[GGUF_SHOWN];
        error_printable(tensor->name.bytes, tensor->name.length, shown, sizeof shown);
        if (offsets[i] % gguf->alignment != 0)
            return error_set(error, PRIMER_EFORMAT,
                             "tensor '%s': offset %llu is not a multiple of the alignment, %zu",
                             shown, (unsigned long long)offsets[i], gguf->alignment);
        if (offsets[i] > size || tensor->bytes > size - offsets[i])
            return error_set(
                error, PRIMER_EFORMAT,
                "tensor '%s': %zu bytes at offset %llu, but the file has only %zu bytes of "
                "tensor data; is it cut short?",
                shown, tensor->bytes, (unsigned long long)offsets[i], size);
        tensor->data = gguf->map.bytes + data + offsets[i];
    }
    return check_overlap(gguf, offsets, error);
}

static primer_status parse(struct gguf *gguf, primer_error *error)
{
    primer_status status = PRIMER_OK;
    uint64_t *offsets = NULL;
    struct cursor cursor = cursor_over(gguf->map.bytes, gguf->map.size);
    TRY(read_magic(&cursor, error));
    TRY(read_version(&cursor, &gguf->version, error));
    TRY(read_count(&cursor, "the number of tensors", &gguf->tensor_count, error));
    TRY(read_count(&cursor, "the number of metadata values", &gguf->value_count, error));
    TRY(check_count(&cursor, "the number of tensors", gguf->tensor_count, TENSOR_BYTES_LEAST,
                    error));
    TRY(read_values(gguf, &cursor, error));
    TRY(read_alignment(gguf, error));
    TRY(check_count(&cursor, "the number of tensors", gguf->tensor_count, TENSOR_BYTES_LEAST,
                    error));
    gguf->tensors = memory_allocate(gguf->tensor_count, sizeof *gguf->tensors);
    offsets = memory_allocate(gguf->tensor_count, sizeof *offsets);
    if (!gguf->tensors || !offsets) {
        status =
            memory_failure(error, "the tensor table", gguf->tensor_count * sizeof *gguf->tensors);
        goto cleanup;
    }
    TRY(read_tensors(gguf, &cursor, offsets, error));
    if (gguf->tensor_count > 0) { /* a vocabulary alone may end right here */
        TRY(cursor_align(&cursor, gguf->alignment, error));
        TRY(place_tensors(gguf, offsets, cursor.position, error));
    }
cleanup:
    memory_free(offsets);
    return status;
}

/* ---- opening and closing ---- */

/* Takes over `map`, whether it succeeds or not. */
static primer_status open_map(struct gguf **gguf, struct file_map *map, const char *path,
                              primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct gguf *made = memory_allocate(1, sizeof *made);
    if (!made) {
        file_map_close(map);
        return memory_failure(error, "an open model file", sizeof *made);
    }
    made->map = *map;
    made->path = memory_copy_text(path);
    if (!made->path) {
        status = memory_failure(error, "a file's name", strlen(path) + 1);
        goto cleanup;
    }
    status = parse(made, error);
    if (status != PRIMER_OK) {
        error_prefix(error, "%s", path);
        goto cleanup;
    }
    *gguf = made;
    made = NULL;
cleanup:
    gguf_free(made);
    return status;
}

primer_status gguf_open(struct gguf **gguf, const char *path, primer_error *error)
{
    struct file_map map;
    FORWARD(file_map_open(&map, path, error));
    return open_map(gguf, &map, path, error);
}

primer_status gguf_open_memory(struct gguf **gguf, const void *bytes, size_t size, const char *name,
                               primer_error *error)
{
    struct file_map map;
    if ((uintptr_t)bytes % GGUF_ALIGNMENT != 0)
        return error_set(error, PRIMER_EINVAL, "%s: a model in memory must be aligned to %u bytes",
                         name, GGUF_ALIGNMENT);
    file_map_memory(&map, bytes, size);
    return open_map(gguf, &map, name, error);
}

void gguf_free(struct gguf *gguf)
{
    if (!gguf)
        return;
    memory_free(gguf->value_index.slots);
    memory_free(gguf->tensor_index.slots);
    memory_free(gguf->values);
    memory_free(gguf->tensors);
    memory_free(gguf->path);
    file_map_close(&gguf->map);
    memory_free(gguf);
}

/* ---- tables ---- */

const char *gguf_path(const struct gguf *gguf)
{
    return gguf->path;
}

const struct file_map *gguf_map(const struct gguf *gguf)
{
    return &gguf->map;
}

uint32_t gguf_version(const struct gguf *gguf)
{
    return gguf->version;
}

size_t gguf_tensor_count(const struct gguf *gguf)
{
    return gguf->tensor_count;
}

const struct gguf_tensor *gguf_tensor_at(const struct gguf *gguf, size_t index)
{
    return index < gguf->tensor_count ? &gguf->tensors[index] : NULL;
}

const struct gguf_tensor *gguf_tensor_named(const struct gguf *gguf, const char *name)
{
    struct gguf_string wanted = {name, strlen(name)};
    uint32_t entry =
        *index_slot(&gguf->tensor_index, wanted, gguf->tensors, sizeof *gguf->tensors);
    return entry ? &gguf->tensors[entry - 1] : NULL;
}

size_t gguf_value_count(const struct gguf *gguf)
{
    return gguf->value_count;
}

const struct gguf_value *gguf_value_at(const struct gguf *gguf, size_t index)
{
    return index < gguf->value_count ? &gguf->values[index] : NULL;
}

const struct gguf_value *gguf_value_named(const struct gguf *gguf, const char *key)
{
    struct gguf_string wanted = {key, strlen(key)};
    uint32_t entry = *index_slot(&gguf->value_index, wanted, gguf->values, sizeof *gguf->values);
    return entry ? &gguf->values[entry - 1] : NULL;
}
