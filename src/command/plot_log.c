/* plot_log.c - reading a trainer's log. */
#include "command/plot_log.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"

#define LOG_MOST ((size_t)1 << 30) /* bytes */

static const struct plot_log_y table[] = {
    {"loss", "step", "loss", "loss (nats a token)"},
    {"evaluation", "evaluate", "loss", "evaluation loss (nats a token)"},
    {"bits", "evaluate", "bits_per_byte", "evaluation (bits a byte)"},
    {"rate", "step", "rate", "learning rate"},
    {"norm", "step", "norm", "norm of the gradient"},
    {"speed", "step", "tokens_per_second", "tokens a second"},
};

const struct plot_log_y *plot_log_y_named(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

/* A line of either event. */
struct row {
    bool wanted; /* of the event that is drawn */
    uint64_t step;
    double x, y;
    double seconds, time; /* as logged; since the first start, what was lost left out */
};

struct reader {
    const char *path;
    size_t line;
    enum plot_log_x x;
    const struct plot_log_y *y;
    double operations; /* per token; NaN: not said yet */
    struct row *rows;
    size_t count, capacity;
};

/* ---- members --------------------------------------------------------------------------------- */

static const char *shown(const json_t *value)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array", [JSON_STRING] = "a text",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a number",  [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null"};
    return value == NULL ? "nothing" : names[json_typeof(value)];
}

static primer_status unexpected(const struct reader *reader, const char *member,
                                const json_t *value, const char *expected, primer_error *error)
{
    return error_set(error, PRIMER_EFORMAT, "%s:%zu: %s: found %s, expected %s", reader->path,
                     reader->line, member, shown(value), expected);
}

static primer_status read_number(const struct reader *reader, const json_t *line,
                                 const char *member, bool gaps, double *out, primer_error *error)
{
    const json_t *const value = json_object_get(line, member);
    if (gaps && json_is_null(value)) {
        *out = NAN;
        return PRIMER_OK;
    }
    if (!json_is_number(value))
        return unexpected(reader, member, value, gaps ? "a number or null" : "a number", error);
    *out = json_number_value(value);
    return PRIMER_OK;
}

static primer_status read_x(const struct reader *reader, const json_t *line, struct row *row,
                            primer_error *error)
{
    double tokens = 0;
    const json_t *const step = json_object_get(line, "step");
    if (!json_is_integer(step) || json_integer_value(step) < 0)
        return unexpected(reader, "step", step, "a whole number from 0", error);
    row->step = (uint64_t)json_integer_value(step);
    row->x = (double)row->step;
    if (reader->x == PLOT_LOG_HOURS)
        return read_number(reader, line, "seconds", false, &row->seconds, error);
    if (reader->x == PLOT_LOG_STEPS)
        return PRIMER_OK;
    FORWARD(read_number(reader, line, "tokens", false, &tokens, error));
    row->x = reader->x == PLOT_LOG_TOKENS ? tokens : tokens * reader->operations;
    if (isnan(row->x))
        return error_set(error, PRIMER_EFORMAT,
                         "%s:%zu: found no operations_per_token before, expected it in the line of "
                         "event \"start\"",
                         reader->path, reader->line);
    return PRIMER_OK;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Forgets what a row takes the place of. */
static void forget(struct reader *reader, const struct row *row)
{
    while (reader->count > 0 && reader->rows[reader->count - 1].step > row->step)
        reader->count--;
    for (size_t i = reader->count; i > 0 && reader->rows[i - 1].step == row->step; i--)
        if (reader->rows[i - 1].wanted == row->wanted) {
            memmove(&reader->rows[i - 1], &reader->rows[i], (reader->count - i) * sizeof *row);
            reader->count--;
        }
}

/* Seconds that begin anew go on from the last row that is kept. */
static void tell_time(const struct reader *reader, struct row *row)
{
    const struct row *const last = reader->count > 0 ? &reader->rows[reader->count - 1] : NULL;
    row->time = row->seconds;
    if (last != NULL)
        row->time += row->seconds < last->seconds ? last->time : last->time - last->seconds;
    if (reader->x == PLOT_LOG_HOURS)
        row->x = row->time / 3600;
}

static primer_status keep(struct reader *reader, struct row row, primer_error *error)
{
    forget(reader, &row);
    tell_time(reader, &row);
    if (reader->count == reader->capacity) {
        const size_t capacity = reader->capacity == 0 ? 256 : 2 * reader->capacity;
        struct row *const grown = memory_resize(reader->rows, capacity, sizeof row);
        if (grown == NULL)
            return memory_failure(error, "a log's lines", capacity * sizeof row);
        reader->rows = grown;
        reader->capacity = capacity;
    }
    reader->rows[reader->count++] = row;
    return PRIMER_OK;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static primer_status read_event(struct reader *reader, const json_t *line, primer_error *error)
{
    const json_t *const event = json_object_get(line, "event");
    struct row row = {.y = NAN};
    if (!json_is_object(line))
        return unexpected(reader, "the line", line, "an object", error);
    if (!json_is_string(event))
        return unexpected(reader, "event", event, "a text", error);
    const char *const name = json_string_value(event);
    if (strcmp(name, "start") == 0) {
        const json_t *const operations = json_object_get(line, "operations_per_token");
        if (json_is_number(operations))
            reader->operations = json_number_value(operations);
        return PRIMER_OK;
    }
    if (strcmp(name, "step") != 0 && strcmp(name, "evaluate") != 0)
        return PRIMER_OK;
    row.wanted = strcmp(name, reader->y->event) == 0;
    FORWARD(read_x(reader, line, &row, error));
    if (row.wanted)
        FORWARD(read_number(reader, line, reader->y->member, true, &row.y, error));
    return keep(reader, row, error);
}

/* `ended`: a new line follows. */
static primer_status read_line(struct reader *reader, const char *text, size_t length, bool ended,
                               primer_error *error)
{
    json_error_t problem;
    if (length == 0 || strspn(text, " \t\r") >= length)
        return PRIMER_OK;
    json_t *const line = json_loadb(text, length, 0, &problem);
    if (line == NULL && !ended)
        return PRIMER_OK;
    if (line == NULL)
        return error_set(error, PRIMER_EFORMAT, "%s:%zu: found no JSON: %s", reader->path,
                         reader->line, problem.text);
    const primer_status status = read_event(reader, line, error);
    json_decref(line);
    return status;
}

static primer_status read_lines(struct reader *reader, const struct buffer *bytes,
                                primer_error *error)
{
    for (size_t at = 0; at < bytes->length;) {
        const char *const text = bytes->bytes + at;
        const char *const end = memchr(text, '\n', bytes->length - at);
        const size_t length = end != NULL ? (size_t)(end - text) : bytes->length - at;
        reader->line++;
        FORWARD(read_line(reader, text, length, end != NULL, error));
        at += length + 1;
    }
    return PRIMER_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static primer_status take(const struct reader *reader, struct plot_log *log, primer_error *error)
{
    size_t count = 0;
    for (size_t i = 0; i < reader->count; i++)
        count += reader->rows[i].wanted;
    if (count == 0)
        return error_set(error, PRIMER_EFORMAT,
                         "%s: found no line of event \"%s\" in %zu lines, expected some",
                         reader->path, reader->y->event, reader->line);
    log->x = memory_allocate(count, sizeof *log->x);
    log->y = memory_allocate(count, sizeof *log->y);
    if (log->x == NULL || log->y == NULL) {
        plot_log_free(log);
        return memory_failure(error, "a log's points", 2 * count * sizeof *log->x);
    }
    for (size_t i = 0; i < reader->count; i++)
        if (reader->rows[i].wanted) {
            log->x[log->count] = reader->rows[i].x;
            log->y[log->count++] = reader->rows[i].y;
        }
    return PRIMER_OK;
}

primer_status plot_log_read(const char *path, enum plot_log_x x, const struct plot_log_y *y,
                            struct plot_log *log, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer bytes = {0};
    struct reader reader = {.path = path, .x = x, .y = y, .operations = NAN};
    struct plot_log made = {0};
    TRY(file_read(path, LOG_MOST, &bytes, error));
    TRY(read_lines(&reader, &bytes, error));
    TRY(take(&reader, &made, error));
    *log = made;

cleanup:
    memory_free(reader.rows);
    buffer_free(&bytes);
    return status;
}

void plot_log_free(struct plot_log *log)
{
    memory_free(log->x);
    memory_free(log->y);
    *log = (struct plot_log){0};
}
