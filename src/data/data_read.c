/* data_read.c - records of text files and JSON lines. Declared in data_read.h. */
#include "data/data_read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/utf8.h"

#define AHEAD ((size_t)1 << 20) /* bytes */

static bool has_ending(const char *path, const char *const *endings)
{
    const char *const dot = strrchr(path, '.');
    for (; dot != NULL && *endings != NULL; endings++)
        if (strcasecmp(dot, *endings) == 0)
            return true;
    return false;
}

primer_status data_read_sizes(const char *const *paths, size_t count, uint64_t **sizes,
                              uint64_t *all, primer_error *error)
{
    primer_status status = PRIMER_OK;
    uint64_t *const made = memory_allocate(count, sizeof *made);
    *all = 0;
    if (made == NULL)
        return memory_failure(error, "files' sizes", count * sizeof *made);
    for (size_t i = 0; i < count; i++) {
        struct stat facts;
        if (stat(paths[i], &facts) != 0)
            FAIL(PRIMER_EIO, "%s: cannot look at it: %s", paths[i], strerror(errno));
        if (!S_ISREG(facts.st_mode))
            FAIL(PRIMER_EINVAL, "%s: is no regular file", paths[i]);
        made[i] = (uint64_t)facts.st_size;
        *all += made[i];
    }
    *sizes = made;
cleanup:
    if (status != PRIMER_OK)
        memory_free(made);
    return status;
}

primer_status data_read_shrunk(const char *path, uint64_t found, uint64_t expected,
                               primer_error *error)
{
    return error_set(error, PRIMER_EIO,
                     "%s: changed while it was read: it ends after %" PRIu64 " bytes, and had "
                     "%" PRIu64 " at the beginning",
                     path, found, expected);
}

primer_status data_reader_open(struct data_reader *reader, const char *path, const char *separator,
                               primer_error *error)
{
    static const char *const texts[] = {".txt", ".text", ".md", NULL};
    static const char *const lines[] = {".jsonl", ".ndjson", NULL};
    *reader = (struct data_reader){.descriptor = -1,
                                   .path = path,
                                   .separator = separator,
                                   .json = has_ending(path, lines),
                                   .line = 1};
    if (!reader->json && !has_ending(path, texts))
        return error_set(error, PRIMER_EINVAL,
                         "%s: the name's ending says nothing known, expected .txt, .text, .md, "
                         ".jsonl or .ndjson",
                         path);
    struct stat facts;
    reader->descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (reader->descriptor < 0)
        return error_set(error, PRIMER_EIO, "%s: cannot open it: %s", path, strerror(errno));
    if (fstat(reader->descriptor, &facts) == 0 && S_ISREG(facts.st_mode)) /* a pipe has no size */
        reader->least = (uint64_t)facts.st_size;
    reader->bytes = memory_allocate(AHEAD, 1);
    if (reader->bytes == NULL) {
        data_reader_close(reader);
        return memory_failure(error, "reading ahead", AHEAD);
    }
    return PRIMER_OK;
}

void data_reader_close(struct data_reader *reader)
{
    if (reader->descriptor >= 0)
        close(reader->descriptor);
    memory_free(reader->bytes);
    *reader = (struct data_reader){.descriptor = -1};
}

/* Reads ahead where nothing is left of the last time. */
static primer_status fill(struct data_reader *reader, primer_error *error)
{
    static const unsigned char mark[] = {0xEF, 0xBB, 0xBF}; /* some editors begin files so */
    const bool first = reader->done == 0;
    if (reader->begin < reader->end || reader->ended)
        return PRIMER_OK;
    reader->begin = reader->end = 0;
    while (reader->end < AHEAD) {
        const ssize_t got =
            read(reader->descriptor, reader->bytes + reader->end, AHEAD - reader->end);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set(error, PRIMER_EIO, "%s: cannot read it: %s", reader->path,
                             strerror(errno));
        if (got == 0) {
            reader->ended = true;
            break;
        }
        reader->end += (size_t)got;
    }
    reader->done += reader->end;
    if (reader->ended && reader->done < reader->least)
        return data_read_shrunk(reader->path, reader->done, reader->least, error);
    if (first && reader->end >= sizeof mark && memcmp(reader->bytes, mark, sizeof mark) == 0)
        reader->begin = sizeof mark;
    return PRIMER_OK;
}

/* Appends the next line, its end included; *whole is false where more than `most` bytes would stand
 * in the record: the rest of the line is passed over. *more: there was one. */
static primer_status append_line(struct data_reader *reader, size_t most, struct buffer *record,
                                 bool *whole, bool *more, primer_error *error)
{
    *whole = true;
    *more = false;
    for (;;) {
        FORWARD(fill(reader, error));
        const size_t left = reader->end - reader->begin;
        if (left == 0)
            return PRIMER_OK;
        *more = true;
        const unsigned char *const at = reader->bytes + reader->begin;
        const unsigned char *const stop = memchr(at, '\n', left);
        const size_t length = stop == NULL ? left : (size_t)(stop - at) + 1;
        reader->begin += length;
        if (!*whole || length > most - record->length)
            *whole = false;
        else
            FORWARD(buffer_append(record, at, length, error));
        if (stop != NULL) {
            reader->line++;
            return PRIMER_OK;
        }
    }
}

static size_t without_end(const char *bytes, size_t length)
{
    while (length > 0 && (bytes[length - 1] == '\n' || bytes[length - 1] == '\r'))
        length--;
    return length;
}

static bool is_blank(const struct buffer *record)
{
    return strspn(record->bytes, " \t\r\n") == record->length; /* NUL-terminated */
}

static primer_status next_json(struct data_reader *reader, struct buffer *record, uint64_t *line,
                               bool *too_long, bool *more, primer_error *error)
{
    do {
        bool whole = true;
        buffer_clear(record);
        *line = reader->line;
        FORWARD(append_line(reader, DATA_LINE_MOST, record, &whole, more, error));
        *too_long = !whole;
    } while (*more && !*too_long && is_blank(record));
    if (!*too_long)
        record->length = without_end(record->bytes, record->length);
    return PRIMER_OK;
}

/* The line that begins at `start` is the separator. */
static bool is_separator(const struct data_reader *reader, const struct buffer *record,
                         size_t start)
{
    const char *const bytes = record->bytes + start;
    const size_t length = without_end(bytes, record->length - start);
    return length == strlen(reader->separator) && memcmp(bytes, reader->separator, length) == 0;
}

/* Line ends around a document belong to the separators. */
static void strip(struct buffer *record, uint64_t *line)
{
    size_t begin = 0;
    record->length = without_end(record->bytes, record->length);
    for (; begin < record->length; begin++) {
        if (record->bytes[begin] != '\n' && record->bytes[begin] != '\r')
            break;
        *line += record->bytes[begin] == '\n';
    }
    memmove(record->bytes, record->bytes + begin, record->length - begin);
    record->length -= begin;
}

static primer_status next_text(struct data_reader *reader, struct buffer *record, uint64_t *line,
                               bool *more, primer_error *error)
{
    bool any = false;
    buffer_clear(record);
    *line = reader->line;
    for (;;) {
        const size_t start = record->length;
        bool whole = true, there = false;
        FORWARD(append_line(reader, DATA_DOCUMENT_MOST, record, &whole, &there, error));
        if (!whole)
            return error_set(error, PRIMER_ELIMIT,
                             "%s:%llu: a document of more than %zu bytes begins here; lines that "
                             "are \"%s\" (or another --separator) end one",
                             reader->path, (unsigned long long)*line, DATA_DOCUMENT_MOST,
                             reader->separator);
        if (!there)
            break;
        any = true;
        if (is_separator(reader, record, start)) {
            reader->separated = true;
            record->length = start;
            break;
        }
    }
    *more = any;
    if (any && reader->separated)
        strip(record, line);
    return PRIMER_OK;
}

primer_status data_reader_next(struct data_reader *reader, struct buffer *record, uint64_t *line,
                               bool *too_long, bool *more, primer_error *error)
{
    *too_long = false;
    FORWARD(buffer_reserve(record, 1, error));
    return reader->json ? next_json(reader, record, line, too_long, more, error)
                        : next_text(reader, record, line, more, error);
}

primer_status data_read_check_text(const char *text, size_t length, const char *path, uint64_t line,
                                   primer_error *error)
{
    size_t at = 0, step = 0;
    uint32_t character;
    if (utf8_valid(text, length))
        return PRIMER_OK;
    for (; (step = utf8_decode(text + at, length - at, &character)) > 0; at += step)
        line += character == '\n';
    return error_set(error, PRIMER_EFORMAT, "%s:%llu: found the byte 0x%02x, which is no UTF-8",
                     path, (unsigned long long)line, (unsigned char)text[at]);
}
