/* json_body.c - see json_body.h. */
#include "server/json_body.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/hex.h"

enum { INTEGER_DIGITS = 18 /* of any length up to here it fits */, ESCAPE_BYTES = 6 };

/* How deep brackets are nested outside of texts, and how many values there are at most; what isn't
 * JSON the parser finds. */
struct extent {
    size_t depth, values;
};

static struct extent measure(const char *bytes, size_t length)
{
    struct extent extent = {0, 1};
    size_t depth = 0;
    bool text = false;
    for (size_t i = 0; i < length; i++) {
        const char c = bytes[i];
        if (text && c == '\\') {
            i++;
        } else if (c == '"') {
            text = !text;
        } else if (!text && (c == '{' || c == '[')) {
            extent.values++;
            extent.depth = ++depth > extent.depth ? depth : extent.depth;
        } else if (!text && (c == '}' || c == ']') && depth > 0) {
            depth--;
        } else if (!text && c == ',') {
            extent.values++;
        }
    }
    return extent;
}

/* ---- what others write ----------------------------------------------------------------------- */

/* The code unit of a \uXXXX at the text's begin; -1: there is none. */
static int32_t code_unit(const char *text, const char *end)
{
    int32_t unit = 0;
    if (end - text < ESCAPE_BYTES || text[0] != '\\' || text[1] != 'u')
        return -1;
    for (size_t i = 2; i < ESCAPE_BYTES; i++) {
        const int digit = hex_digit(text[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

static bool is_high(int32_t unit)
{
    return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_low(int32_t unit)
{
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* An escape, or a plain byte, of a text; returns how many bytes of it were taken. */
static size_t copy_character(const char *at, const char *end, struct buffer *out,
                             primer_status *status, primer_error *error)
{
    const int32_t unit = code_unit(at, end);
    const bool pair = is_high(unit) && is_low(code_unit(at + ESCAPE_BYTES, end));
    if (unit == 0 || ((is_high(unit) || is_low(unit)) && !pair)) {
        *status = buffer_text(out, "\\ufffd", error);
        return ESCAPE_BYTES;
    }
    const size_t taken = pair                          ? 2 * ESCAPE_BYTES
                         : unit >= 0                   ? ESCAPE_BYTES
                         : *at == '\\' && end - at > 1 ? 2
                                                       : 1;
    *status = buffer_append(out, at, taken, error);
    return taken;
}

/* A number; one that has more digits than an integer holds, and is one, becomes a double. */
static size_t copy_number(const char *at, const char *end, struct buffer *out,
                          primer_status *status, primer_error *error)
{
    size_t digits = 0, length = 0;
    for (; at + length < end && strchr("0123456789+-.eE", at[length]) != NULL && at[length] != '\0';
         length++)
        digits += at[length] >= '0' && at[length] <= '9';
    *status = buffer_append(out, at, length, error);
    const bool whole = memchr(at, '.', length) == NULL && memchr(at, 'e', length) == NULL &&
                       memchr(at, 'E', length) == NULL;
    if (*status == PRIMER_OK && whole && digits > INTEGER_DIGITS)
        *status = buffer_text(out, ".0", error);
    return length;
}

static primer_status mend(const char *bytes, size_t length, struct buffer *out, primer_error *error)
{
    const char *const end = bytes + length;
    primer_status status = PRIMER_OK;
    bool text = false;
    for (const char *at = bytes; at < end && status == PRIMER_OK;) {
        if (!text && ((*at >= '0' && *at <= '9') || *at == '-')) {
            at += copy_number(at, end, out, &status, error);
            continue;
        }
        if (*at == '"')
            text = !text;
        if (text && *at != '"') {
            at += copy_character(at, end, out, &status, error);
            continue;
        }
        status = buffer_append(out, at++, 1, error);
    }
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static primer_status not_json(const json_error_t *problem, primer_error *error)
{
    return error_set(error, PRIMER_EFORMAT, "is not JSON: line %d, column %d: %s", problem->line,
                     problem->column, problem->text);
}

primer_status json_body_parse(const char *bytes, size_t length, json_t **value, primer_error *error)
{
    json_error_t problem, again;
    struct buffer mended = {0};
    const struct extent extent = measure(bytes, length);
    if (extent.depth > JSON_BODY_DEPTH_MOST)
        return error_set(error, PRIMER_ELIMIT, "is nested %zu deep, expected at most %d",
                         extent.depth, JSON_BODY_DEPTH_MOST);
    if (extent.values > JSON_BODY_VALUES_MOST)
        return error_set(error, PRIMER_ELIMIT, "holds %zu values, expected at most %d",
                         extent.values, JSON_BODY_VALUES_MOST);
    *value = json_loadb(bytes, length, 0, &problem);
    if (*value != NULL)
        return PRIMER_OK;
    const primer_status status = mend(bytes, length, &mended, error);
    if (status == PRIMER_OK)
        *value = json_loadb(mended.bytes == NULL ? "" : mended.bytes, mended.length, 0, &again);
    buffer_free(&mended);
    if (status != PRIMER_OK)
        return status;
    return *value != NULL ? PRIMER_OK : not_json(&problem, error);
}
