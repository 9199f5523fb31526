/* train_checkpoint_state.c - the state file of a checkpoint, which train_checkpoint_files.h draws.
 *
 * Numbers go by the names of one table, which reading and writing share: a file that lacks one, or
 * has another, is refused rather than half understood.
 */
#include "train/train_checkpoint_files.h"

#include <string.h>

#include "base/buffer.h"
#include "base/cursor.h"
#include "base/hash_chain.h"
#include "base/memory.h"

#define VERSION 1u
static const char magic[] = "PRIMERTS"; /* 8 bytes, without the NUL */
enum { MAGIC = sizeof magic - 1, HASH = 8, KIND_INTEGER = 0, KIND_REAL = 1 };

/* ---- numbers ---- */

struct number {
    const char *name;
    uint32_t kind, count;
    size_t offset; /* in struct train_checkpoint_numbers */
};

#define AT(field) offsetof(struct train_checkpoint_numbers, field)
#define INTEGER(name, field)                                                                       \
    {                                                                                              \
        name, KIND_INTEGER, 1, AT(field)                                                           \
    }
#define INTEGERS(name, n, field)                                                                   \
    {                                                                                              \
        name, KIND_INTEGER, n, AT(field)                                                           \
    }
#define REAL(name, field)                                                                          \
    {                                                                                              \
        name, KIND_REAL, 1, AT(field)                                                              \
    }

static const struct number numbers[] = {
    INTEGER("recipe", state.recipe),
    INTEGER("data", state.data),
    INTEGER("step", state.step),
    INTEGER("tokens", state.tokens),
    INTEGER("position.rows", state.position.rows),
    INTEGERS("position.drawn", TRAIN_SOURCES_MOST, state.position.drawn),
    INTEGER("position.inside", state.position.inside),
    INTEGER("position.current", state.position.current),
    INTEGERS("position.dealt", TRAIN_SOURCES_MOST, state.position.dealt),
    REAL("loss_sum", state.loss_sum),
    REAL("weight_sum", state.weight_sum),
    INTEGER("clipped", state.clipped),
    REAL("best", state.best),
    INTEGER("optimizer.step", optimizer_step),
    INTEGER("optimizer.floats", floats),
    INTEGER("weights.bytes", weights_bytes),
    INTEGER("weights.hash", weights_hash),
};
enum { NUMBERS = sizeof numbers / sizeof *numbers };

/* A field that the table above doesn't know would be lost: whoever adds one comes here. */
_Static_assert(sizeof(struct train_position) == (3 + 2 * TRAIN_SOURCES_MOST) * 8,
               "a position has fields that no checkpoint keeps");
_Static_assert(sizeof(struct train_state) == sizeof(struct train_position) + 8 * 8,
               "a state has fields that no checkpoint keeps");
_Static_assert(sizeof(struct train_checkpoint_numbers) == sizeof(struct train_state) + 4 * 8,
               "there are numbers that no checkpoint keeps");

static primer_status put_u32(struct buffer *out, uint32_t value, primer_error *error)
{
    unsigned char bytes[4];
    for (unsigned i = 0; i < 4; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    return buffer_append(out, bytes, sizeof bytes, error);
}

static primer_status put_u64(struct buffer *out, uint64_t value, primer_error *error)
{
    FORWARD(put_u32(out, (uint32_t)value, error));
    return put_u32(out, (uint32_t)(value >> 32), error);
}

/* Numbers are 8 bytes of either kind; f64 goes by its bits. */
static primer_status put_numbers(struct buffer *out, const struct train_checkpoint_numbers *from,
                                 primer_error *error)
{
    for (size_t i = 0; i < NUMBERS; i++) {
        const struct number *const n = &numbers[i];
        FORWARD(put_u32(out, (uint32_t)strlen(n->name), error));
        FORWARD(buffer_text(out, n->name, error));
        FORWARD(put_u32(out, n->kind, error));
        FORWARD(put_u32(out, n->count, error));
        for (size_t j = 0; j < n->count; j++) {
            uint64_t bits;
            memcpy(&bits, (const char *)from + n->offset + 8 * j, sizeof bits);
            FORWARD(put_u64(out, bits, error));
        }
    }
    return PRIMER_OK;
}

static const struct number *number_named(const unsigned char *name, size_t length)
{
    for (size_t i = 0; i < NUMBERS; i++)
        if (strlen(numbers[i].name) == length && memcmp(numbers[i].name, name, length) == 0)
            return &numbers[i];
    return NULL;
}

/* The next number of the file to its place; *found: which it was. */
static primer_status take_number(struct cursor *cursor, struct train_checkpoint_numbers *to,
                                 size_t *found, primer_error *error)
{
    uint32_t length, kind, count;
    const unsigned char *name;
    char shown[80];
    FORWARD(cursor_u32(cursor, "length of a number's name", &length, error));
    FORWARD(cursor_bytes(cursor, "a number's name", length, &name, error));
    FORWARD(cursor_u32(cursor, "a number's kind", &kind, error));
    FORWARD(cursor_u32(cursor, "a number's count", &count, error));
    const struct number *const n = number_named(name, length);
    if (n == NULL)
        return error_set(error, PRIMER_EFORMAT, "a number \"%s\", which this version has not",
                         error_printable((const char *)name, length, shown, sizeof shown));
    if (kind != n->kind || count != n->count)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: found %u values of kind %u, expected %u of kind %u", n->name, count,
                         kind, n->count, n->kind);
    for (size_t j = 0; j < count; j++) {
        uint64_t bits;
        FORWARD(cursor_u64(cursor, n->name, &bits, error));
        memcpy((char *)to + n->offset + 8 * j, &bits, sizeof bits);
    }
    *found = (size_t)(n - numbers);
    return PRIMER_OK;
}

/* Each number just once. */
static primer_status take_numbers(struct cursor *cursor, size_t end,
                                  struct train_checkpoint_numbers *to, primer_error *error)
{
    bool seen[NUMBERS] = {false};
    size_t found = 0;
    while (cursor->position < end) {
        FORWARD(take_number(cursor, to, &found, error));
        if (seen[found])
            return error_set(error, PRIMER_EFORMAT, "%s stands there twice", numbers[found].name);
        seen[found] = true;
    }
    if (cursor->position != end)
        return error_set(error, PRIMER_EFORMAT, "the last number ends at offset %zu, expected %zu",
                         cursor->position, end);
    for (size_t i = 0; i < NUMBERS; i++)
        if (!seen[i])
            return error_set(error, PRIMER_EFORMAT, "%s is missing", numbers[i].name);
    return PRIMER_OK;
}

/* ---- writing ---- */

/* A file writer that hashes what passes. */
struct sink {
    struct file_writer writer;
    struct hash_chain chain;
};

static primer_status put(struct sink *sink, const void *bytes, size_t length, primer_error *error)
{
    FORWARD(file_writer_write(&sink->writer, bytes, length, error));
    hash_chain_add(&sink->chain, bytes, length);
    return PRIMER_OK;
}

primer_status train_checkpoint_state_write(const char *path,
                                           const struct train_checkpoint_numbers *from,
                                           const float *mean, const float *variance,
                                           primer_error *error)
{
    primer_status status = PRIMER_OK;
    const size_t bytes = (size_t)from->floats * sizeof(float);
    struct buffer table = {0}, header = {0}, end = {0};
    struct sink sink = {0};
    FORWARD(hash_chain_begin(&sink.chain, "writing a checkpoint", error));
    TRY(put_numbers(&table, from, error));
    TRY(buffer_append(&header, magic, MAGIC, error));
    TRY(put_u32(&header, VERSION, error));
    TRY(put_u32(&header, (uint32_t)table.length, error));
    TRY(file_writer_open(&sink.writer, path, error));
    TRY(put(&sink, header.bytes, header.length, error));
    TRY(put(&sink, table.bytes, table.length, error));
    TRY(put(&sink, mean, bytes, error));
    TRY(put(&sink, variance, bytes, error));
    TRY(put_u64(&end, hash_chain_end(&sink.chain), error));
    TRY(file_writer_write(&sink.writer, end.bytes, end.length, error));
    TRY(file_writer_commit(&sink.writer, error));
cleanup:
    file_writer_abandon(&sink.writer);
    buffer_free(&table);
    buffer_free(&header);
    buffer_free(&end);
    hash_chain_free(&sink.chain);
    return status;
}

/* ---- reading ---- */

/* Comes first: what follows is then what was written. */
static primer_status check_whole(const struct file_map *map, primer_error *error)
{
    uint64_t stored = 0;
    if (map->size < MAGIC + HASH || memcmp(map->bytes, magic, MAGIC) != 0)
        return error_set(error, PRIMER_EFORMAT, "it is no state: it doesn't begin with \"%s\"",
                         magic);
    struct cursor end = cursor_over(map->bytes + map->size - HASH, HASH);
    FORWARD(cursor_u64(&end, "hash", &stored, error));
    if (stored != hash_chain_bytes(map->bytes, map->size - HASH))
        return error_set(error, PRIMER_EFORMAT, "its hash doesn't fit what it holds");
    return PRIMER_OK;
}

static primer_status read_map(struct train_checkpoint_state *made, primer_error *error)
{
    struct cursor cursor = cursor_over(made->map.bytes, made->map.size);
    uint32_t version, length;
    FORWARD(cursor_skip(&cursor, "magic", MAGIC, error));
    FORWARD(cursor_u32(&cursor, "version", &version, error));
    if (version != VERSION)
        return error_set(error, PRIMER_EUNSUPPORTED, "a state of version %u, expected %u", version,
                         VERSION);
    FORWARD(cursor_u32(&cursor, "bytes of numbers", &length, error));
    if (length > cursor_remaining(&cursor))
        return error_set(error, PRIMER_EFORMAT, "%u bytes of numbers, %zu are left", length,
                         cursor_remaining(&cursor));
    FORWARD(take_numbers(&cursor, cursor.position + length, &made->numbers, error));
    const uint64_t floats = made->numbers.floats;
    const size_t left = cursor_remaining(&cursor);
    if (left < HASH || floats > left / 8 || floats * 8 != left - HASH)
        return error_set(error, PRIMER_EFORMAT,
                         "%zu bytes behind the numbers, expected mean and variance of %llu floats "
                         "and a hash",
                         left, (unsigned long long)floats);
    FORWARD(cursor_bytes(&cursor, "mean", floats * 4, &made->mean, error));
    return cursor_bytes(&cursor, "variance", floats * 4, &made->variance, error);
}

primer_status train_checkpoint_state_open(struct train_checkpoint_state *state, const char *path,
                                          primer_error *error)
{
    struct train_checkpoint_state made = {0};
    char shown[512];
    FORWARD(file_map_open(&made.map, path, error));
    primer_status status = check_whole(&made.map, error);
    if (status == PRIMER_OK && (status = read_map(&made, error)) == PRIMER_EFORMAT)
        status = PRIMER_EUNSUPPORTED; /* whole, so somebody meant something by it */
    if (status != PRIMER_OK) {
        error_prefix(error, "%s", error_printable(path, strlen(path), shown, sizeof shown));
        if (error != NULL)
            error->status = status;
        train_checkpoint_state_close(&made);
        return status;
    }
    *state = made;
    return PRIMER_OK;
}

void train_checkpoint_state_close(struct train_checkpoint_state *state)
{
    file_map_close(&state->map);
    *state = (struct train_checkpoint_state){0};
}
