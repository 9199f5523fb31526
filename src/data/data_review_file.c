/* data_review_file.c - verdicts read and written. Declared in data_review_file.h. */
#include "data/data_review_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hex.h"
#include "base/memory.h"

#define FILE_MOST ((size_t)1 << 30) /* bytes */
#define LINE_MOST ((size_t)1 << 20)

static const char *const words[] = {
    [DATA_REVIEW_RIGHT] = "right",
    [DATA_REVIEW_WRONG] = "wrong",
    [DATA_REVIEW_DOUBTFUL] = "doubtful",
    [DATA_REVIEW_UNDONE] = "undone",
};

void data_review_file_free(struct data_review_file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        memory_free(file->rows[i].kind);
        memory_free(file->rows[i].title);
    }
    for (size_t i = 0; i < file->judge_count; i++)
        memory_free(file->judges[i]);
    memory_free(file->rows);
    *file = (struct data_review_file){0};
}

primer_status data_review_file_judge(struct data_review_file *file, const char *name,
                                     size_t *number, primer_error *error)
{
    size_t at = 0;
    while (at < file->judge_count && strcmp(file->judges[at], name) != 0)
        at++;
    if (at == DATA_REVIEW_JUDGES)
        return error_set(error, PRIMER_ELIMIT, "more than %d judges", DATA_REVIEW_JUDGES);
    if (at == file->judge_count) {
        file->judges[at] = memory_copy_text(name);
        if (file->judges[at] == NULL)
            return memory_failure(error, "a judge's name", strlen(name) + 1);
        file->judge_count++;
    }
    *number = at;
    return PRIMER_OK;
}

/* ---- a row ----------------------------------------------------------------------------------- */

static primer_status read_id(const json_t *object, uint64_t *id, primer_error *error)
{
    const char *const text = json_string_value(json_object_get(object, "id"));
    *id = 0;
    if (text == NULL || strlen(text) != 16)
        return error_set(error, PRIMER_EFORMAT, "\"id\": expected 16 hexadecimal digits");
    for (size_t i = 0; i < 16; i++) {
        if (hex_digit(text[i]) < 0)
            return error_set(error, PRIMER_EFORMAT,
                             "\"id\": expected 16 hexadecimal digits, found '%c'",
                             text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
        *id = *id << 4 | (uint64_t)hex_digit(text[i]);
    }
    return PRIMER_OK;
}

static primer_status read_mark(const json_t *object, enum data_review_mark *mark,
                               primer_error *error)
{
    const char *const text = json_string_value(json_object_get(object, "verdict"));
    char shown[64];
    for (size_t i = 0; text != NULL && i < sizeof words / sizeof words[0]; i++)
        if (strcmp(text, words[i]) == 0) {
            *mark = (enum data_review_mark)i;
            return PRIMER_OK;
        }
    return error_set(
        error, PRIMER_EFORMAT, "\"verdict\": expected right, wrong, doubtful or undone, found %s",
        text == NULL ? "none" : error_printable(text, strlen(text), shown, sizeof shown));
}

/* Of a field that may be missing: "". */
static primer_status copy_field(const json_t *object, const char *name, char **copy,
                                primer_error *error)
{
    const json_t *const value = json_object_get(object, name);
    if (value != NULL && !json_is_string(value))
        return error_set(error, PRIMER_EFORMAT, "\"%s\": expected a text", name);
    *copy = memory_copy_text(value == NULL ? "" : json_string_value(value));
    return *copy == NULL ? memory_failure(error, name, json_string_length(value) + 1) : PRIMER_OK;
}

static primer_status read_row(struct data_review_file *file, const json_t *object,
                              struct data_review_row *row, primer_error *error)
{
    const json_t *const name = json_object_get(object, "by"), *const index =
                                                                  json_object_get(object, "index");
    const char *const by = json_string_value(name);
    if (!json_is_object(object))
        return error_set(error, PRIMER_EFORMAT, "expected an object");
    FORWARD(read_id(object, &row->id, error));
    FORWARD(read_mark(object, &row->mark, error));
    if (by == NULL || *by == '\0' || strlen(by) != json_string_length(name))
        return error_set(error, PRIMER_EFORMAT, "\"by\": expected the judge's name");
    if (index != NULL && (!json_is_integer(index) || json_integer_value(index) < 0))
        return error_set(error, PRIMER_EFORMAT, "\"index\": expected a whole number from 0");
    row->index = index == NULL ? 0 : (uint64_t)json_integer_value(index);
    FORWARD(copy_field(object, "kind", &row->kind, error));
    FORWARD(copy_field(object, "text", &row->title, error));
    return data_review_file_judge(file, by, &row->judge, error);
}

static primer_status add_row(struct data_review_file *file, struct data_review_row row,
                             primer_error *error)
{
    if (file->count == file->capacity) {
        const size_t capacity = 2 * file->capacity + 64;
        struct data_review_row *const grown = memory_resize(file->rows, capacity, sizeof *grown);
        if (grown == NULL)
            return memory_failure(error, "verdicts", capacity * sizeof *grown);
        file->rows = grown;
        file->capacity = capacity;
    }
    file->rows[file->count++] = row;
    return PRIMER_OK;
}

static primer_status take_line(struct data_review_file *file, const char *line, size_t length,
                               primer_error *error)
{
    struct data_review_row row = {0};
    json_error_t problem;
    if (length > LINE_MOST)
        return error_set(error, PRIMER_ELIMIT, "a verdict of %zu bytes, expected %zu at most",
                         length, LINE_MOST);
    json_t *const object = json_loadb(line, length, JSON_ALLOW_NUL, &problem);
    primer_status status =
        object == NULL ? error_set(error, PRIMER_EFORMAT, "no JSON object: %s", problem.text)
                       : read_row(file, object, &row, error);
    json_decref(object);
    if (status == PRIMER_OK)
        status = add_row(file, row, error);
    if (status != PRIMER_OK) {
        memory_free(row.kind);
        memory_free(row.title);
    }
    return status;
}

/* ---- a file ---------------------------------------------------------------------------------- */

/* Half of a line as it is written below: no other file's end is to be cut off. */
static bool is_torn(const char *line, size_t length)
{
    static const char begin[] = "{\"id\":\"";
    const size_t same = length < sizeof begin - 1 ? length : sizeof begin - 1;
    return length <= LINE_MOST && memcmp(line, begin, same) == 0;
}

static primer_status read_lines(struct data_review_file *file, const struct buffer *bytes,
                                const char *path, bool skip_bad, primer_error *error)
{
    uint64_t number = 1;
    for (size_t at = 0; at < bytes->length; number++) {
        const char *const line = bytes->bytes + at;
        const char *const end = memchr(line, '\n', bytes->length - at);
        const size_t length = end == NULL ? bytes->length - at : (size_t)(end - line);
        primer_error problem = {0};
        at += length + (end != NULL);
        if (end != NULL)
            file->whole = at;
        if (strspn(line, " \t\r") >= length)
            continue;
        const primer_status status = take_line(file, line, length, &problem);
        if (status == PRIMER_OK) {
            file->whole = at; /* also where only the line's end is missing */
            continue;
        }
        if (end == NULL && status == PRIMER_EFORMAT && is_torn(line, length)) {
            file->torn++;
            continue;
        }
        error_prefix(&problem, "%s:%llu", path, (unsigned long long)number);
        if (!skip_bad || end == NULL || status == PRIMER_ENOMEM)
            return error_set(error, status, "%s", problem.message);
        if (file->bad++ == 0)
            snprintf(file->first_bad, sizeof file->first_bad, "%.500s", problem.message);
    }
    return PRIMER_OK;
}

primer_status data_review_file_read(struct data_review_file *file, const char *path, bool may_miss,
                                    bool skip_bad, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer bytes = {0};
    file->whole = file->bytes = 0;
    if (may_miss && !file_exists(path))
        return PRIMER_OK;
    TRY(file_read(path, FILE_MOST, &bytes, error));
    file->bytes = bytes.length;
    TRY(read_lines(file, &bytes, path, skip_bad, error));
cleanup:
    buffer_free(&bytes);
    return status;
}

/* ---- appending ------------------------------------------------------------------------------- */

static primer_status write_whole(struct data_review_log *log, const char *bytes, size_t length,
                                 primer_error *error)
{
    const off_t begin = lseek(log->descriptor, 0, SEEK_END);
    for (size_t done = 0; done < length;) {
        const ssize_t written = write(log->descriptor, bytes + done, length - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            const int why = errno;
            if (done > 0 && ftruncate(log->descriptor, begin) != 0)
                return error_set(error, PRIMER_EIO, "%s: half a line is left: %s", log->path,
                                 strerror(errno));
            return error_set(error, PRIMER_EIO, "%s: cannot write to it: %s", log->path,
                             strerror(why));
        }
        done += (size_t)written;
    }
    return PRIMER_OK;
}

primer_status data_review_log_open(struct data_review_log *log, const char *path,
                                   const struct data_review_file *file, primer_error *error)
{
    char last = '\n';
    *log = (struct data_review_log){.path = path, .descriptor = -1};
    log->descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (log->descriptor < 0)
        return error_set(error, PRIMER_EIO, "%s: cannot open it: %s", path, strerror(errno));
    if (file->bytes > file->whole && ftruncate(log->descriptor, (off_t)file->whole) != 0)
        return error_set(error, PRIMER_EIO, "%s: cannot cut off half a line: %s", path,
                         strerror(errno));
    if (file->whole > 0 && pread(log->descriptor, &last, 1, (off_t)file->whole - 1) < 0)
        return error_set(error, PRIMER_EIO, "%s: cannot read it: %s", path, strerror(errno));
    return last == '\n' ? PRIMER_OK : write_whole(log, "\n", 1, error);
}

void data_review_log_close(struct data_review_log *log)
{
    if (log->descriptor >= 0)
        close(log->descriptor);
    buffer_free(&log->line);
    log->descriptor = -1;
}

/* What somebody typed: a control character stays no part of it, least of all NUL, which JSON's
 * readers refuse. */
static primer_status write_note(const struct data_review_verdict *verdict, struct buffer *line,
                                primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer note = {0};
    if (verdict->note != NULL)
        TRY(buffer_append(&note, verdict->note, verdict->note_length, error));
    for (size_t i = 0; i < note.length; i++) {
        const unsigned char byte = (unsigned char)note.bytes[i];
        if ((byte < ' ' && byte != '\t' && byte != '\n') || byte == 0x7F)
            note.bytes[i] = '?';
    }
    TRY(buffer_json_string(line, note.length > 0 ? note.bytes : "", note.length, error));
cleanup:
    buffer_free(&note);
    return status;
}

primer_status data_review_log_add(struct data_review_log *log,
                                  const struct data_review_lesson *lesson,
                                  const struct data_review_verdict *verdict, const char *by,
                                  double seconds, primer_error *error)
{
    struct buffer *const line = &log->line;
    buffer_clear(line);
    FORWARD(buffer_format(line, error, "{\"id\":\"%016" PRIx64 "\",\"index\":%" PRIu64 ",\"kind\":",
                          lesson->id, lesson->index));
    FORWARD(buffer_json_string(line, lesson->kind, strlen(lesson->kind), error));
    FORWARD(buffer_format(line, error, ",\"verdict\":\"%s\",\"by\":", words[verdict->mark]));
    FORWARD(buffer_json_string(line, by, strlen(by), error));
    FORWARD(buffer_text(line, ",\"note\":", error));
    FORWARD(write_note(verdict, line, error));
    FORWARD(buffer_format(line, error, ",\"seconds\":%.3f", seconds));
    if (verdict->probability >= 0)
        FORWARD(buffer_format(line, error, ",\"probability\":%.6f,\"mass\":%.3g",
                              verdict->probability, verdict->mass));
    FORWARD(buffer_text(line, ",\"text\":", error));
    FORWARD(buffer_json_string(line, lesson->title, strlen(lesson->title), error));
    FORWARD(buffer_text(line, "}\n", error));
    if (line->length > LINE_MOST) /* it could not be read again */
        return error_set(error, PRIMER_ELIMIT,
                         "the lesson of line %" PRIu64
                         ": a verdict of %zu bytes, expected %zu at most",
                         lesson->line, line->length, LINE_MOST);
    return write_whole(log, line->bytes, line->length, error);
}

primer_status data_review_log_sync(struct data_review_log *log, primer_error *error)
{
    if (fsync(log->descriptor) == 0 || errno == EINVAL || errno == EROFS)
        return PRIMER_OK;
    return error_set(error, PRIMER_EIO, "%s: cannot write to it: %s", log->path, strerror(errno));
}
