/* teacher_record.c - the files of a run. Declared in teacher_record.h. */
#include "data/teacher_record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#define STATE_MOST ((size_t)1 << 16)

/* ---- OUT.state ------------------------------------------------------------------------------- */

static primer_status write_state(const char *path, uint64_t identity, primer_error *error)
{
    struct file_writer writer = {0};
    primer_status status = PRIMER_OK;
    char text[64];
    const int length = snprintf(text, sizeof text, "{\"identity\":\"%016" PRIx64 "\"}\n", identity);
    TRY(file_writer_open(&writer, path, error));
    TRY(file_writer_write(&writer, text, (size_t)length, error));
    TRY(file_writer_commit(&writer, error));

cleanup:
    file_writer_abandon(&writer);
    return status;
}

/* *resumes: there is a run of this identity to go on with. */
static primer_status read_state(const char *path, uint64_t identity, bool *resumes,
                                primer_error *error)
{
    struct buffer text = {0};
    json_t *state = NULL;
    primer_status status = PRIMER_OK;
    *resumes = file_exists(path);
    if (!*resumes)
        return PRIMER_OK;
    TRY(file_read(path, STATE_MOST, &text, error));
    state = json_loadb(text.bytes == NULL ? "" : text.bytes, text.length, 0, NULL);
    const char *const found = json_string_value(json_object_get(state, "identity"));
    if (found == NULL || strtoull(found, NULL, 16) != identity)
        FAIL(PRIMER_EINVAL,
             "%s: is of another curriculum, seed or choice of prompts (found \"%s\", expected "
             "\"%016" PRIx64
             "\"); name another file to write, or remove this one, the .part and the "
             ".refused beside it to begin anew",
             path, found == NULL ? "" : found, identity);

cleanup:
    json_decref(state);
    buffer_free(&text);
    return status;
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* Gives what is whole to `take`; *whole: bytes up to the last line's end. */
static primer_status read_lines(const char *path, bool kept, teacher_record_line *take,
                                void *context, size_t *whole, primer_error *error)
{
    struct file_map map = {0};
    primer_status status = PRIMER_OK;
    *whole = 0;
    TRY(file_map_open(&map, path, error));
    for (;;) {
        const char *const line = (const char *)map.bytes + *whole;
        const size_t left = map.size - *whole;
        const char *const end = left == 0 ? NULL : memchr(line, '\n', left);
        if (end == NULL)
            break;
        json_t *const value = json_loadb(line, (size_t)(end - line), 0, NULL);
        if (!json_is_object(value)) {
            json_decref(value);
            FAIL(PRIMER_EFORMAT, "%s: byte %zu: found a line that is no JSON object", path, *whole);
        }
        status = take(context, value, kept, error);
        json_decref(value);
        if (status != PRIMER_OK)
            goto cleanup;
        *whole += (size_t)(end - line) + 1;
    }

cleanup:
    file_map_close(&map);
    return status;
}

static primer_status open_lines(const char *path, bool resumes, bool kept,
                                teacher_record_line *take, void *context, int *descriptor,
                                primer_error *error)
{
    size_t whole = 0;
    if (resumes && file_exists(path))
        FORWARD(read_lines(path, kept, take, context, &whole, error));
    *descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (*descriptor < 0 || ftruncate(*descriptor, (off_t)whole) != 0 ||
        lseek(*descriptor, 0, SEEK_END) < 0)
        return error_set(error, PRIMER_EIO, "%s: cannot write it: %s", path, strerror(errno));
    return PRIMER_OK;
}

static primer_status append(int descriptor, const char *path, const struct buffer *line,
                            primer_error *error)
{
    for (size_t at = 0; at < line->length;) {
        const ssize_t count = write(descriptor, line->bytes + at, line->length - at);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return error_set(error, PRIMER_EIO, "%s: cannot write: %s", path, strerror(errno));
        at += (size_t)count;
    }
    return PRIMER_OK;
}

primer_status teacher_record_open(struct teacher_record *record, const char *path,
                                  uint64_t identity, teacher_record_line *take, void *context,
                                  primer_error *error)
{
    bool resumes = false;
    *record = (struct teacher_record){.part = -1, .refused = -1};
    FORWARD(buffer_format(&record->part_path, error, "%s.part", path));
    FORWARD(buffer_format(&record->refused_path, error, "%s.refused", path));
    FORWARD(buffer_format(&record->state_path, error, "%s.state", path));
    FORWARD(read_state(record->state_path.bytes, identity, &resumes, error));
    FORWARD(
        open_lines(record->part_path.bytes, resumes, true, take, context, &record->part, error));
    FORWARD(open_lines(record->refused_path.bytes, resumes, false, take, context, &record->refused,
                       error));
    return resumes ? PRIMER_OK : write_state(record->state_path.bytes, identity, error);
}

primer_status teacher_record_keep(struct teacher_record *record, const struct buffer *line,
                                  primer_error *error)
{
    return append(record->part, record->part_path.bytes, line, error);
}

primer_status teacher_record_refuse(struct teacher_record *record, const struct buffer *line,
                                    primer_error *error)
{
    return append(record->refused, record->refused_path.bytes, line, error);
}

primer_status teacher_record_finish(struct teacher_record *record, const char *path,
                                    primer_error *error)
{
    const int part = record->part;
    record->part = -1;
    if (fsync(part) != 0 || close(part) != 0)
        return error_set(error, PRIMER_EIO, "%s: cannot write: %s", record->part_path.bytes,
                         strerror(errno));
    if (rename(record->part_path.bytes, path) != 0)
        return error_set(error, PRIMER_EIO, "%s: cannot rename it to %s: %s",
                         record->part_path.bytes, path, strerror(errno));
    unlink(record->state_path.bytes);
    return PRIMER_OK;
}

void teacher_record_close(struct teacher_record *record)
{
    if (record->part_path.bytes == NULL)
        return;
    if (record->part >= 0)
        close(record->part);
    if (record->refused >= 0)
        close(record->refused);
    buffer_free(&record->part_path);
    buffer_free(&record->refused_path);
    buffer_free(&record->state_path);
    record->part = record->refused = -1;
}
