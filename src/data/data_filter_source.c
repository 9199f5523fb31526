/* data_filter_source.c - files and folders to samples. Declared in data_filter_source.h.
 *
 * A folder is walked once, at the beginning: the paths are sorted, so that the order is that of the
 * names and not that of the file system. Links to folders are not followed.
 */
#include "data/data_filter_source.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "data/data.h"

#define DEEPEST 64 /* folders in folders */

void data_filter_sample_free(struct data_filter_sample *sample)
{
    buffer_free(&sample->text);
    buffer_free(&sample->record);
    *sample = (struct data_filter_sample){0};
}

uint64_t data_filter_sample_id(const struct data_filter_sample *sample)
{
    return hash_bytes(sample->text.bytes, sample->text.length, 0);
}

/* ---- the files ------------------------------------------------------------------------------- */

static bool is_python(const char *path)
{
    const char *const dot = strrchr(path, '.');
    return dot != NULL && strcasecmp(dot, ".py") == 0;
}

static primer_status add_path(struct data_filter_source *source, const char *path,
                              primer_error *error)
{
    if (source->count == source->capacity) {
        const size_t capacity = 2 * source->capacity + 64;
        char **const grown = memory_resize(source->paths, capacity, sizeof *grown);
        if (grown == NULL)
            return memory_failure(error, "the files' names", capacity * sizeof *grown);
        source->paths = grown;
        source->capacity = capacity;
    }
    source->paths[source->count] = memory_copy_text(path);
    if (source->paths[source->count] == NULL)
        return memory_failure(error, "a file's name", strlen(path));
    source->count++;
    return PRIMER_OK;
}

static primer_status walk(struct data_filter_source *source, const char *folder, size_t depth,
                          primer_error *error);

static primer_status walk_entry(struct data_filter_source *source, const char *path, size_t depth,
                                primer_error *error)
{
    struct stat facts;
    if (lstat(path, &facts) != 0)
        return PRIMER_OK; /* taken away meanwhile */
    if (S_ISDIR(facts.st_mode))
        return walk(source, path, depth + 1, error);
    if (!is_python(path) || stat(path, &facts) != 0 || !S_ISREG(facts.st_mode))
        return PRIMER_OK;
    return add_path(source, path, error);
}

static primer_status walk(struct data_filter_source *source, const char *folder, size_t depth,
                          primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer path = {0};
    const size_t length = strlen(folder);
    if (depth > DEEPEST)
        return error_set(error, PRIMER_ELIMIT, "%s: more than %d folders deep", folder, DEEPEST);
    DIR *const entries = opendir(folder);
    if (entries == NULL)
        return error_set(error, PRIMER_EIO, "%s: cannot read the folder: %s", folder,
                         strerror(errno));
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        buffer_clear(&path);
        TRY(buffer_format(&path, error, "%s%s%s", folder,
                          length > 0 && folder[length - 1] == '/' ? "" : "/", entry->d_name));
        TRY(walk_entry(source, path.bytes, depth, error));
    }
cleanup:
    closedir(entries);
    buffer_free(&path);
    return status;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static primer_status add_input(struct data_filter_source *source, const char *input,
                               primer_error *error)
{
    struct stat facts;
    const size_t before = source->count;
    if (stat(input, &facts) != 0)
        return error_set(error, PRIMER_EIO, "%s: cannot look at it: %s", input, strerror(errno));
    if (S_ISREG(facts.st_mode)) {
        if (!is_python(input)) { /* said now, not after the files before it */
            FORWARD(data_reader_open(&source->reader, input, source->separator, error));
            data_reader_close(&source->reader);
        }
        return add_path(source, input, error);
    }
    if (!S_ISDIR(facts.st_mode))
        return error_set(error, PRIMER_EINVAL, "%s: is no regular file and no folder", input);
    FORWARD(walk(source, input, 0, error));
    if (source->count == before)
        return error_set(error, PRIMER_EINVAL, "%s: there is no Python file (.py) in the folder",
                         input);
    qsort(source->paths + before, source->count - before, sizeof *source->paths, compare_paths);
    return PRIMER_OK;
}

primer_status data_filter_source_open(struct data_filter_source *source, const char *const *inputs,
                                      size_t count, const char *field, const char *separator,
                                      size_t lines, primer_error *error)
{
    primer_status status = PRIMER_OK;
    *source =
        (struct data_filter_source){.field = field == NULL ? "text" : field,
                                    .separator = separator == NULL ? DATA_SEPARATOR : separator,
                                    .lines = lines,
                                    .reader.descriptor = -1};
    for (size_t i = 0; i < count; i++)
        TRY(add_input(source, inputs[i], error));
    TRY(data_read_sizes((const char *const *)source->paths, source->count, &source->sizes,
                        &source->bytes, error));
cleanup:
    if (status != PRIMER_OK)
        data_filter_source_close(source);
    return status;
}

void data_filter_source_close(struct data_filter_source *source)
{
    for (size_t i = 0; i < source->count; i++)
        memory_free(source->paths[i]);
    memory_free(source->paths);
    memory_free(source->sizes);
    if (source->open)
        data_reader_close(&source->reader);
    data_filter_sample_free(&source->document);
    *source = (struct data_filter_source){.reader.descriptor = -1};
}

/* ---- documents ------------------------------------------------------------------------------- */

static primer_status check_utf8(const struct data_filter_sample *document, primer_error *error)
{
    const struct buffer *const text = &document->text;
    uint64_t line = document->line;
    size_t at = 0, step = 0;
    uint32_t character;
    if (utf8_valid(text->bytes, text->length))
        return PRIMER_OK;
    for (; (step = utf8_decode(text->bytes + at, text->length - at, &character)) > 0; at += step)
        line += character == '\n';
    return error_set(error, PRIMER_EFORMAT, "%s:%llu: found the byte 0x%02x, which is no UTF-8",
                     document->path, (unsigned long long)line, (unsigned char)text->bytes[at]);
}

static primer_status read_python(struct data_filter_source *source, primer_error *error)
{
    struct data_filter_sample *const document = &source->document;
    static const char mark[] = "\xEF\xBB\xBF"; /* some editors begin files so */
    const primer_status status =
        file_read(document->path, DATA_FILTER_FILE_MOST, &document->text, &document->error);
    if (status == PRIMER_ENOMEM)
        return error_set(error, status, "%s", document->error.message);
    document->status = status;
    if (status != PRIMER_OK)
        return PRIMER_OK;
    source->done += document->text.length;
    if (document->text.length < source->sizes[source->at]) {
        document->status = data_read_shrunk(document->path, document->text.length,
                                            source->sizes[source->at], &document->error);
        return PRIMER_OK;
    }
    FORWARD(buffer_reserve(&document->text, 1, error));
    if (document->text.length >= 3 && memcmp(document->text.bytes, mark, 3) == 0) {
        document->text.length -= 3;
        memmove(document->text.bytes, document->text.bytes + 3, document->text.length);
    }
    document->status = check_utf8(document, &document->error);
    return PRIMER_OK;
}

/* The text of a line of JSON, which stays as the document's record. */
static primer_status text_of_json(const struct data_filter_source *source,
                                  struct data_filter_sample *document, primer_error *error)
{
    primer_status status = PRIMER_OK;
    json_error_t problem;
    json_t *const object =
        json_loadb(document->record.bytes, document->record.length, JSON_ALLOW_NUL, &problem);
    if (object == NULL && json_error_code(&problem) == json_error_out_of_memory)
        FAIL(PRIMER_ENOMEM, "%s: no memory for a line of JSON", document->path);
    if (!json_is_object(object))
        FAIL(PRIMER_EFORMAT, "%s:%llu: no JSON object: %s", document->path,
             (unsigned long long)document->line,
             object == NULL ? problem.text : "found another value");
    const json_t *const text = json_object_get(object, source->field);
    if (!json_is_string(text))
        FAIL(PRIMER_EFORMAT, "%s:%llu: \"%s\": expected a text, found %s", document->path,
             (unsigned long long)document->line, source->field,
             text == NULL ? "nothing" : "another value");
    TRY(buffer_append(&document->text, json_string_value(text), json_string_length(text), error));
cleanup:
    json_decref(object);
    return status;
}

static primer_status read_record(struct data_filter_source *source, bool *more, primer_error *error)
{
    struct data_filter_sample *const document = &source->document;
    bool too_long = false;
    if (!source->open) {
        FORWARD(data_reader_open(&source->reader, document->path, source->separator, error));
        source->open = true;
        source->reader.least = source->sizes[source->at];
    }
    struct buffer *const into = source->reader.json ? &document->record : &document->text;
    FORWARD(data_reader_next(&source->reader, into, &document->line, &too_long, more, error));
    source->done = source->before + source->reader.done;
    if (!*more) {
        data_reader_close(&source->reader);
        source->open = false;
        return PRIMER_OK;
    }
    if (too_long)
        document->status =
            error_set(&document->error, PRIMER_ELIMIT, "%s:%llu: a line of more than %zu bytes",
                      document->path, (unsigned long long)document->line, DATA_LINE_MOST);
    else
        document->status = source->reader.json ? text_of_json(source, document, &document->error)
                                               : check_utf8(document, &document->error);
    return document->status == PRIMER_ENOMEM
               ? error_set(error, PRIMER_ENOMEM, "%s", document->error.message)
               : PRIMER_OK;
}

static primer_status next_document(struct data_filter_source *source, bool *more,
                                   primer_error *error)
{
    struct data_filter_sample *const document = &source->document;
    for (*more = false; !*more && source->at < source->count;) {
        buffer_clear(&document->text);
        buffer_clear(&document->record);
        FORWARD(buffer_reserve(&document->text, 1, error));
        document->path = source->paths[source->at];
        document->line = 1;
        document->status = PRIMER_OK;
        if (is_python(document->path)) {
            *more = true;
            FORWARD(read_python(source, error));
        } else {
            FORWARD(read_record(source, more, error));
        }
        if (!source->open) { /* the file is done */
            source->before = source->done;
            source->at++;
        }
    }
    if (document->status != PRIMER_OK)
        buffer_clear(&document->text);
    return PRIMER_OK;
}

/* ---- pieces ---------------------------------------------------------------------------------- */

static bool is_blank(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (strchr(" \t\r\n\f", line[i]) == NULL || line[i] == '\0')
            return false;
    return true;
}

static size_t line_length(const char *text, size_t length)
{
    const char *const end = length == 0 ? NULL : memchr(text, '\n', length);
    return end == NULL ? length : (size_t)(end - text) + 1;
}

size_t data_filter_source_piece(const char *text, size_t length, size_t lines, uint64_t *taken)
{
    size_t at = 0, margin = 0, gap = 0; /* bytes where something new begins, behind an empty line */
    uint64_t count = 0, margin_lines = 0, gap_lines = 0;
    bool empty = false;
    for (; at < length; count++) {
        const size_t step = line_length(text + at, length - at);
        const bool blank = is_blank(text + at, step);
        if (empty && !blank && 2 * count >= lines) {
            gap = at;
            gap_lines = count;
            if (strchr(" \t)]}", text[at]) == NULL) {
                margin = at;
                margin_lines = count;
            }
        }
        if (count == lines)
            break;
        empty = blank;
        at += step;
    }
    if (at < length && (margin > 0 || gap > 0)) {
        *taken = margin > 0 ? margin_lines : gap_lines;
        return margin > 0 ? margin : gap;
    }
    *taken = count;
    return at;
}

size_t data_filter_source_line(const char *text, size_t length, uint64_t line)
{
    size_t at = 0;
    for (; line > 1 && at < length; line--)
        at += line_length(text + at, length - at);
    return at;
}

static void swap_buffers(struct buffer *a, struct buffer *b)
{
    const struct buffer kept = *a;
    *a = *b;
    *b = kept;
}

static primer_status next_piece(struct data_filter_source *source,
                                struct data_filter_sample *sample, primer_error *error)
{
    const struct buffer *const text = &source->document.text;
    const size_t length = data_filter_source_piece(
        text->bytes + source->next, text->length - source->next, source->lines, &sample->lines);
    buffer_clear(&sample->text);
    buffer_clear(&sample->record);
    FORWARD(buffer_reserve(&sample->text, 1, error));
    FORWARD(buffer_append(&sample->text, text->bytes + source->next, length, error));
    sample->path = source->document.path;
    sample->line = source->document.line;
    sample->from = source->next_line;
    sample->status = PRIMER_OK;
    source->next += length;
    source->next_line += sample->lines;
    source->pending = source->next < text->length;
    return PRIMER_OK;
}

primer_status data_filter_source_next(struct data_filter_source *source,
                                      struct data_filter_sample *sample, bool *more,
                                      primer_error *error)
{
    struct data_filter_sample *const document = &source->document;
    *more = true;
    if (source->pending)
        return next_piece(source, sample, error);
    FORWARD(next_document(source, more, error));
    if (!*more)
        return PRIMER_OK;
    if (source->lines > 0 && document->status == PRIMER_OK && document->text.length > 0) {
        source->next = 0;
        source->next_line = 1;
        return next_piece(source, sample, error);
    }
    swap_buffers(&sample->text, &document->text);
    swap_buffers(&sample->record, &document->record);
    sample->path = document->path;
    sample->line = document->line;
    sample->from = 1;
    sample->lines = 0;
    sample->status = document->status;
    sample->error = document->error;
    return PRIMER_OK;
}
