/* data_rate_file.c - ratings read, and their texts found again. Declared in data_rate_file.h. */
#include "data/data_rate_file.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/memory.h"
#include "data/data.h"
#include "data/data_filter_source.h"

static void free_row(struct data_rate_row *row)
{
    memory_free(row->path);
    memory_free(row->text);
    *row = (struct data_rate_row){0};
}

void data_rate_file_free(struct data_rate_file *file)
{
    for (size_t i = 0; i < file->count; i++)
        free_row(&file->rows[i]);
    memory_free(file->rows);
    *file = (struct data_rate_file){0};
}

const struct data_rate_row *data_rate_file_find(const struct data_rate_file *file, uint64_t id)
{
    for (size_t i = 0; i < file->count; i++)
        if (file->rows[i].id == id)
            return &file->rows[i];
    return NULL;
}

/* ---- a row ----------------------------------------------------------------------------------- */

static primer_status read_id(const json_t *object, struct data_rate_row *row, primer_error *error)
{
    const char *const text = json_string_value(json_object_get(object, "id"));
    const uint64_t hash = row->text == NULL ? 0 : hash_bytes(row->text, row->length, 0);
    if (text == NULL && row->text != NULL) {
        row->id = hash;
        return PRIMER_OK;
    }
    if (text == NULL || strlen(text) != 16)
        return error_set(error, PRIMER_EFORMAT,
                         "\"id\": expected 16 hexadecimal digits, or a \"text\"");
    for (size_t i = 0; i < 16; i++) {
        if (hex_digit(text[i]) < 0)
            return error_set(error, PRIMER_EFORMAT,
                             "\"id\": expected 16 hexadecimal digits, found '%c'",
                             text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
        row->id = row->id << 4 | (uint64_t)hex_digit(text[i]);
    }
    if (row->text != NULL && row->id != hash)
        return error_set(error, PRIMER_EFORMAT,
                         "\"id\": found %s, expected the text's hash, %016llx", text,
                         (unsigned long long)hash);
    return PRIMER_OK;
}

static primer_status read_number(const json_t *object, const char *name, uint64_t *number,
                                 primer_error *error)
{
    const json_t *const value = json_object_get(object, name);
    if (value == NULL)
        return PRIMER_OK;
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return error_set(error, PRIMER_EFORMAT, "\"%s\": expected a whole number from 0", name);
    *number = (uint64_t)json_integer_value(value);
    return PRIMER_OK;
}

static primer_status read_row(const json_t *object, struct data_rate_row *row, primer_error *error)
{
    const json_t *const text = json_object_get(object, "text");
    const json_t *const path = json_object_get(object, "path");
    const json_t *const rating = json_object_get(object, "rating");
    if (!json_is_object(object))
        return error_set(error, PRIMER_EFORMAT, "expected an object");
    if (!json_is_number(rating) || !(json_number_value(rating) >= 0) ||
        !(json_number_value(rating) <= DATA_RATE_MOST))
        return error_set(error, PRIMER_EFORMAT, "\"rating\": expected a number from 0 to %d",
                         DATA_RATE_MOST);
    if ((text != NULL && !json_is_string(text)) || (path != NULL && !json_is_string(path)))
        return error_set(error, PRIMER_EFORMAT, "\"text\", \"path\": expected texts");
    row->rating = json_number_value(rating);
    row->line = row->from = 1;
    FORWARD(read_number(object, "line", &row->line, error));
    FORWARD(read_number(object, "from", &row->from, error));
    FORWARD(read_number(object, "lines", &row->lines, error));
    if (text != NULL) {
        row->length = json_string_length(text);
        row->text = memory_copy_bytes(json_string_value(text), row->length);
        if (row->text == NULL)
            return memory_failure(error, "a rated text", row->length);
    }
    if (path != NULL && (row->path = memory_copy_text(json_string_value(path))) == NULL)
        return memory_failure(error, "a path", json_string_length(path));
    return read_id(object, row, error);
}

static primer_status take_line(struct data_rate_file *file, const char *line, size_t length,
                               primer_error *error)
{
    struct data_rate_row row = {0};
    json_error_t problem;
    json_t *const object = json_loadb(line, length, JSON_ALLOW_NUL, &problem);
    primer_status status =
        object == NULL ? error_set(error, PRIMER_EFORMAT, "no JSON object: %s", problem.text)
                       : read_row(object, &row, error);
    json_decref(object);
    if (status == PRIMER_OK && file->count == file->capacity) {
        const size_t capacity = 2 * file->capacity + 64;
        struct data_rate_row *const grown = memory_resize(file->rows, capacity, sizeof *grown);
        if (grown == NULL) {
            status = memory_failure(error, "ratings", capacity * sizeof *grown);
        } else {
            file->rows = grown;
            file->capacity = capacity;
        }
    }
    if (status == PRIMER_OK)
        file->rows[file->count++] = row;
    else
        free_row(&row);
    return status;
}

static primer_status read_lines(struct data_rate_file *file, const struct buffer *bytes,
                                const char *path, bool skip_bad, primer_error *error)
{
    uint64_t number = 1;
    for (size_t at = 0; at < bytes->length; number++) {
        const char *const line = bytes->bytes + at;
        const char *const end = memchr(line, '\n', bytes->length - at);
        primer_error problem = {0};
        if (end == NULL)
            break;
        const size_t length = (size_t)(end - line);
        at += length + 1;
        file->whole = at;
        if (strspn(line, " \t\r") >= length)
            continue;
        const primer_status status = take_line(file, line, length, &problem);
        if (status == PRIMER_OK)
            continue;
        error_prefix(&problem, "%s:%llu", path, (unsigned long long)number);
        if (status != PRIMER_EFORMAT || !skip_bad)
            return error_set(error, status, "%s", problem.message);
        if (file->bad++ == 0)
            snprintf(file->first_bad, sizeof file->first_bad, "%.500s", problem.message);
    }
    return PRIMER_OK;
}

primer_status data_rate_file_read(struct data_rate_file *file, const char *path, bool may_miss,
                                  bool skip_bad, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer bytes = {0};
    *file = (struct data_rate_file){0};
    if (may_miss && !file_exists(path))
        return PRIMER_OK;
    TRY(file_read(path, DATA_DOCUMENT_MOST, &bytes, error));
    file->bytes = bytes.length;
    TRY(read_lines(file, &bytes, path, skip_bad, error));
cleanup:
    buffer_free(&bytes);
    if (status != PRIMER_OK)
        data_rate_file_free(file);
    return status;
}

/* ---- texts, found again ---------------------------------------------------------------------- */

/* Rows without a text, in the order of their paths. */
static int compare_rows(const void *a, const void *b)
{
    const struct data_rate_row *const x = *(struct data_rate_row *const *)a;
    const struct data_rate_row *const y = *(struct data_rate_row *const *)b;
    const int order = strcmp(x->path, y->path);
    return order != 0 ? order : (x > y) - (x < y);
}

/* The row's piece of a document, if it is the one that was rated. */
static primer_status take_text(struct data_rate_row *row, const struct data_filter_sample *document,
                               primer_error *error)
{
    const char *const text = document->text.bytes;
    const size_t length = document->text.length;
    const size_t begin = data_filter_source_line(text, length, row->from);
    const size_t end =
        row->lines == 0
            ? length
            : begin + data_filter_source_line(text + begin, length - begin, row->lines + 1);
    if (row->line != document->line || hash_bytes(text + begin, end - begin, 0) != row->id)
        return PRIMER_OK;
    row->length = end - begin;
    row->text = memory_copy_bytes(text + begin, row->length);
    return row->text == NULL ? memory_failure(error, "a rated text", row->length) : PRIMER_OK;
}

/* What can't be read is missing, not an error. */
static primer_status search_file(struct data_rate_row **rows, size_t count, const char *field,
                                 const char *separator, primer_error *error)
{
    primer_status status = PRIMER_OK;
    const char *const path = rows[0]->path;
    struct data_filter_source source = {0};
    struct data_filter_sample document = {0};
    primer_error problem = {0};
    bool more = true;
    status = data_filter_source_open(&source, &path, 1, field, separator, 0, &problem);
    while (status == PRIMER_OK && more) {
        status = data_filter_source_next(&source, &document, &more, &problem);
        for (size_t i = 0; status == PRIMER_OK && more && i < count; i++)
            if (rows[i]->text == NULL && document.status == PRIMER_OK)
                status = take_text(rows[i], &document, &problem);
    }
    data_filter_sample_free(&document);
    data_filter_source_close(&source);
    return status == PRIMER_ENOMEM ? error_set(error, status, "%s", problem.message) : PRIMER_OK;
}

primer_status data_rate_file_find_texts(struct data_rate_file *file, const char *field,
                                        const char *separator, size_t *missing, primer_error *error)
{
    primer_status status = PRIMER_OK;
    size_t count = 0;
    struct data_rate_row **const rows = memory_allocate(file->count, sizeof *rows);
    if (rows == NULL)
        return memory_failure(error, "ratings", file->count * sizeof *rows);
    for (size_t i = 0; i < file->count; i++)
        if (file->rows[i].text == NULL && file->rows[i].path != NULL)
            rows[count++] = &file->rows[i];
    if (count > 0)
        qsort(rows, count, sizeof(struct data_rate_row *), compare_rows);
    for (size_t i = 0, end = 0; i < count; i = end) {
        for (end = i + 1; end < count && strcmp(rows[i]->path, rows[end]->path) == 0;)
            end++;
        TRY(search_file(rows + i, end - i, field, separator, error));
    }
    *missing = 0;
    for (size_t i = 0; i < file->count; i++)
        *missing += file->rows[i].text == NULL;
cleanup:
    memory_free(rows);
    return status;
}
