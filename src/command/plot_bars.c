/* plot_bars.c - reading bars: lines of JSON. */
#include "command/plot_bars.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"

#define BARS_BYTES_MOST ((size_t)1 << 26)

struct place {
    const char *path;
    size_t line;
};

static primer_status read_number(const struct place *place, const json_t *line, const char *member,
                                 bool required, double *out, primer_error *error)
{
    const json_t *const value = json_object_get(line, member);
    *out = NAN;
    if (!required && (value == NULL || json_is_null(value)))
        return PRIMER_OK;
    if (!json_is_number(value))
        return error_set(error, PRIMER_EFORMAT, "%s:%zu: %s: found %s, expected a number",
                         place->path, place->line, member,
                         value == NULL ? "nothing" : "something else");
    *out = json_number_value(value);
    return PRIMER_OK;
}

/* A text, copied; what isn't there stays as it is. */
static primer_status read_text(const struct place *place, const json_t *line, const char *member,
                               char **out, primer_error *error)
{
    const json_t *const value = json_object_get(line, member);
    if (value == NULL)
        return PRIMER_OK;
    if (!json_is_string(value))
        return error_set(error, PRIMER_EFORMAT, "%s:%zu: %s: found no text, expected one",
                         place->path, place->line, member);
    memory_free(*out);
    *out = memory_copy_bytes(json_string_value(value), json_string_length(value));
    return *out != NULL ? PRIMER_OK : memory_failure(error, member, json_string_length(value));
}

static primer_status grow(struct plot_bars *bars, primer_error *error)
{
    if (bars->count < bars->capacity)
        return PRIMER_OK;
    const size_t capacity = bars->capacity == 0 ? 16 : 2 * bars->capacity;
    struct report_bar *const grown = memory_resize(bars->bars, capacity, sizeof *grown);
    if (grown == NULL)
        return memory_failure(error, "bars", capacity * sizeof *grown);
    bars->bars = grown;
    bars->capacity = capacity;
    return PRIMER_OK;
}

static primer_status read_bar(const struct place *place, const json_t *line, struct plot_bars *bars,
                              primer_error *error)
{
    struct report_bar bar = {0};
    char *name = NULL;
    FORWARD(read_number(place, line, "value", true, &bar.value, error));
    FORWARD(read_number(place, line, "low", false, &bar.low, error));
    FORWARD(read_number(place, line, "high", false, &bar.high, error));
    FORWARD(grow(bars, error));
    FORWARD(read_text(place, line, "name", &name, error));
    bar.name = name;
    bars->bars[bars->count++] = bar;
    return PRIMER_OK;
}

static primer_status read_line(const struct place *place, const char *text, size_t length,
                               struct plot_bars *bars, primer_error *error)
{
    primer_status status = PRIMER_OK;
    json_error_t problem;
    if (length == 0 || strspn(text, " \t\r") >= length)
        return PRIMER_OK;
    json_t *const line = json_loadb(text, length, 0, &problem);
    if (line == NULL)
        return error_set(error, PRIMER_EFORMAT, "%s:%zu: found no JSON: %s", place->path,
                         place->line, problem.text);
    if (!json_is_object(line))
        FAIL(PRIMER_EFORMAT, "%s:%zu: found no object, expected one", place->path, place->line);
    if (json_object_get(line, "name") != NULL) {
        TRY(read_bar(place, line, bars, error));
    } else if (json_object_get(line, "axis") != NULL || json_object_get(line, "note") != NULL) {
        TRY(read_text(place, line, "axis", &bars->axis, error));
        TRY(read_text(place, line, "note", &bars->note, error));
    } else {
        FAIL(PRIMER_EFORMAT, "%s:%zu: name: found nothing, expected a text", place->path,
             place->line);
    }

cleanup:
    json_decref(line);
    return status;
}

primer_status plot_bars_read(const char *path, struct plot_bars *bars, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer bytes = {0};
    struct place place = {path, 0};
    TRY(file_read(path, BARS_BYTES_MOST, &bytes, error));
    for (size_t at = 0; at < bytes.length;) {
        const char *const text = bytes.bytes + at;
        const char *const end = memchr(text, '\n', bytes.length - at);
        const size_t length = end != NULL ? (size_t)(end - text) : bytes.length - at;
        place.line++;
        TRY(read_line(&place, text, length, bars, error));
        at += length + 1;
    }

cleanup:
    buffer_free(&bytes);
    return status;
}

void plot_bars_free(struct plot_bars *bars)
{
    for (size_t i = 0; i < bars->count; i++)
        memory_free((char *)bars->bars[i].name);
    memory_free(bars->bars);
    memory_free(bars->axis);
    memory_free(bars->note);
    *bars = (struct plot_bars){0};
}
