/* teacher_record.c - the files of a run. Declared in teacher_record.h. */
#include "data/teacher_record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "data/synth_output.h"

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

/* What is whole stays, what comes will stand behind it. */
static primer_status take_lines(int descriptor, const char *path, bool resumes, bool kept,
                                teacher_record_line *take, void *context, primer_error *error)
{
    size_t whole = 0;
    if (resumes)
        FORWARD(read_lines(path, kept, take, context, &whole, error));
    if (ftruncate(descriptor, (off_t)whole) != 0 || lseek(descriptor, 0, SEEK_END) < 0)
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

/* ---- what is there --------------------------------------------------------------------------- */

/* Lessons that were paid for aren't replaced. */
static primer_status check_finished(const char *path, const char *refused_path, primer_error *error)
{
    struct file_map map = {0};
    size_t lines = 0;
    if (!file_exists(path))
        return PRIMER_OK;
    FORWARD(file_map_open(&map, path, error));
    const unsigned char *const end = map.bytes + map.size;
    for (const unsigned char *at = map.bytes;
         at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++)
        lines++;
    const bool empty = map.size == 0;
    file_map_close(&map);
    return empty ? PRIMER_OK
                 : error_set(error, PRIMER_EINVAL,
                             "%s: is there, complete, with %zu lessons; name another file, or "
                             "remove it and %s to ask for all anew",
                             path, lines, refused_path);
}

static primer_status check_files(const struct teacher_record *record, const char *path,
                                 bool *resumes, primer_error *error)
{
    FORWARD(check_finished(path, record->refused_path.bytes, error));
    FORWARD(read_state(record->state_path.bytes, record->identity, resumes, error));
    FORWARD(synth_output_check_part(record->part_path.bytes, *resumes, error));
    return synth_output_check_part(record->refused_path.bytes, *resumes, error);
}

primer_status teacher_record_begin(struct teacher_record *record, const char *path,
                                   uint64_t identity, primer_error *error)
{
    bool resumes;
    *record = (struct teacher_record){.part = -1, .refused = -1, .identity = identity};
    FORWARD(buffer_format(&record->part_path, error, "%s.part", path));
    FORWARD(buffer_format(&record->refused_path, error, "%s.refused", path));
    FORWARD(buffer_format(&record->state_path, error, "%s.state", path));
    return check_files(record, path, &resumes, error);
}

primer_status teacher_record_open(struct teacher_record *record, const char *path,
                                  teacher_record_line *take, void *context, primer_error *error)
{
    const char *const part = record->part_path.bytes, *const refused = record->refused_path.bytes;
    bool resumes = false;
    FORWARD(synth_output_open(part, &record->part, error));
    FORWARD(check_files(record, path, &resumes, error));
    record->refused = open(refused, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (record->refused < 0)
        return error_set(error, PRIMER_EIO, "%s: cannot write it: %s", refused, strerror(errno));
    FORWARD(take_lines(record->part, part, resumes, true, take, context, error));
    FORWARD(take_lines(record->refused, refused, resumes, false, take, context, error));
    return resumes ? PRIMER_OK : write_state(record->state_path.bytes, record->identity, error);
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
    if (fsync(record->part) != 0)
        return error_set(error, PRIMER_EIO, "%s: cannot write: %s", record->part_path.bytes,
                         strerror(errno));
    if (rename(record->part_path.bytes, path) != 0)
        return error_set(error, PRIMER_EIO, "%s: cannot rename it to %s: %s",
                         record->part_path.bytes, path, strerror(errno));
    unlink(record->state_path.bytes);
    close(record->part); /* and with it the lock */
    record->part = -1;
    return PRIMER_OK;
}

static bool is_empty(int descriptor)
{
    struct stat facts;
    return fstat(descriptor, &facts) == 0 && facts.st_size == 0;
}

/* Of a run that got no answer, and found none. */
static void remove_nothing(const struct teacher_record *record)
{
    if (record->part < 0 || record->refused < 0 || !is_empty(record->part) ||
        !is_empty(record->refused))
        return;
    unlink(record->part_path.bytes);
    unlink(record->refused_path.bytes);
    unlink(record->state_path.bytes);
}

void teacher_record_close(struct teacher_record *record)
{
    if (record->part_path.bytes == NULL)
        return;
    remove_nothing(record);
    if (record->part >= 0)
        close(record->part);
    if (record->refused >= 0)
        close(record->refused);
    buffer_free(&record->part_path);
    buffer_free(&record->refused_path);
    buffer_free(&record->state_path);
    record->part = record->refused = -1;
}
