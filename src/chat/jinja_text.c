/* jinja_text.c - text of a running template: cut, searched, written, each byte with its origin. */
#include "chat/jinja_value.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/utf8.h"

#define SHARP_S 0xdf /* the one letter in use that becomes two */

/* ---- looking --------------------------------------------------------------------------------- */

struct jinja_text jinja_text_part(struct jinja_text text, size_t at, size_t length)
{
    return (struct jinja_text){text.bytes + at, text.outside == NULL ? NULL : text.outside + at,
                               length};
}

size_t jinja_text_find(struct jinja_text text, size_t at, struct jinja_text what)
{
    if (at > text.length || what.length > text.length - at)
        return SIZE_MAX;
    if (what.length == 0)
        return at;
    const char *const found =
        memmem(text.bytes + at, text.length - at, what.bytes, what.length); /* in linear time */
    return found == NULL ? SIZE_MAX : (size_t)(found - text.bytes);
}

size_t jinja_text_character(struct jinja_text text, size_t at)
{
    uint32_t code_point;
    const size_t length = utf8_decode(text.bytes + at, text.length - at, &code_point);
    return length == 0 ? 1 : length;
}

size_t jinja_text_characters(struct jinja_text text)
{
    size_t count = 0;
    for (size_t at = 0; at < text.length; at += jinja_text_character(text, at))
        count++;
    return count;
}

/* White space as JavaScript's trim has it, and Python's strip but for odd control characters. */
size_t jinja_text_space(struct jinja_text text, size_t at)
{
    static const uint32_t spaces[] = {'\t',   '\n',   '\v',   '\f',   '\r',   ' ',    0xa0,
                                      0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff};
    uint32_t c;
    const size_t length = utf8_decode(text.bytes + at, text.length - at, &c);
    if (length == 0)
        return 0;
    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++)
        if (c == spaces[i])
            return length;
    return c >= 0x2000 && c <= 0x200a ? length : 0;
}

struct jinja_text jinja_text_strip(struct jinja_text text, bool front, bool end)
{
    size_t first = 0, last = text.length;
    for (size_t n; front && first < last && (n = jinja_text_space(text, first)) > 0;)
        first += n;
    while (end && last > first) {
        size_t at = last - 1;
        while (at > first && ((unsigned char)text.bytes[at] & 0xc0) == 0x80)
            at--;
        if (at + jinja_text_space(text, at) != last)
            break;
        last = at;
    }
    return jinja_text_part(text, first, last - first);
}

/* ---- writing --------------------------------------------------------------------------------- */

static primer_status grow(struct jinja_run *run, struct jinja_writer *writer, size_t more)
{
    if (more <= writer->capacity - writer->length)
        return PRIMER_OK;
    if (more > SIZE_MAX / 4 - writer->length)
        return jinja_run_failure(run, "the text gets too long");
    const size_t capacity = 2 * (writer->length + more) + 64;
    char *bytes;
    unsigned char *outside;
    FORWARD(jinja_run_take(run, capacity, 1, &bytes));
    FORWARD(jinja_run_take(run, capacity, 1, &outside));
    if (writer->length > 0) {
        memcpy(bytes, writer->bytes, writer->length);
        memcpy(outside, writer->outside, writer->length);
    }
    writer->bytes = bytes;
    writer->outside = outside;
    writer->capacity = capacity;
    return PRIMER_OK;
}

primer_status jinja_write(struct jinja_run *run, struct jinja_writer *writer,
                          struct jinja_text text)
{
    FORWARD(jinja_run_step(run, text.length / 64));
    FORWARD(grow(run, writer, text.length));
    if (text.length == 0)
        return PRIMER_OK;
    memcpy(writer->bytes + writer->length, text.bytes, text.length);
    if (text.outside != NULL)
        memcpy(writer->outside + writer->length, text.outside, text.length);
    else
        memset(writer->outside + writer->length, 0, text.length);
    writer->length += text.length;
    return PRIMER_OK;
}

primer_status jinja_write_plain(struct jinja_run *run, struct jinja_writer *writer,
                                const char *text)
{
    return jinja_write(run, writer, jinja_text_of(text, strlen(text)));
}

/* The shortest digits that read back as the same number, as JavaScript prints them up to 1e21. */
static primer_status write_real(struct jinja_run *run, struct jinja_writer *writer, double real,
                                bool fraction)
{
    char digits[64];
    if (real == floor(real) && fabs(real) < 1e21) {
        snprintf(digits, sizeof digits, fraction ? "%.1f" : "%.0f", real);
        return jinja_write_plain(run, writer, digits);
    }
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, real);
        if (strtod(digits, NULL) == real)
            break;
    }
    return jinja_write_plain(run, writer, digits);
}

static primer_status write_integer(struct jinja_run *run, struct jinja_writer *writer,
                                   int64_t integer)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%" PRId64, integer);
    return jinja_write_plain(run, writer, digits);
}

primer_status jinja_write_value(struct jinja_run *run, struct jinja_writer *writer,
                                const struct jinja_value *value)
{
    switch (value->kind) {
    case JINJA_UNDEFINED:
    case JINJA_NONE:
        return PRIMER_OK;
    case JINJA_BOOLEAN:
        return jinja_write_plain(run, writer, value->truth ? "true" : "false");
    case JINJA_INTEGER:
        return write_integer(run, writer, value->integer);
    case JINJA_REAL:
        return write_real(run, writer, value->real, true);
    case JINJA_TEXT_VALUE:
        return jinja_write(run, writer, value->text);
    case JINJA_FUNCTION:
        return jinja_run_failure(run, "a function can't be printed");
    default:
        return jinja_write_json(run, writer, value, &(struct jinja_json){.undefined = true});
    }
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* What a character is written as inside a JSON string; the length of it, 0: itself. */
static size_t escape(uint32_t c, bool ascii, char out[16])
{
    static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *const known = c != 0 && c < 0x80 ? strchr(plain, (int)c) : NULL;
    if (known != NULL)
        return (size_t)snprintf(out, 16, "\\%c", letters[known - plain]);
    if (c >= 0x20 && (!ascii || c < 0x7f))
        return 0;
    if (c < 0x10000)
        return (size_t)snprintf(out, 16, "\\u%04x", (unsigned)c);
    return (size_t)snprintf(out, 16, "\\u%04x\\u%04x", 0xd800 + ((unsigned)(c - 0x10000) >> 10),
                            0xdc00 + ((unsigned)(c - 0x10000) & 0x3ff));
}

static primer_status write_string(struct jinja_run *run, struct jinja_writer *writer,
                                  struct jinja_text text, bool ascii)
{
    static const unsigned char outside[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    FORWARD(jinja_write_plain(run, writer, "\""));
    for (size_t at = 0, n; at < text.length; at += n) {
        uint32_t c = 0xfffd;
        char escaped[16];
        n = utf8_decode(text.bytes + at, text.length - at, &c);
        n = n == 0 ? 1 : n;
        const size_t length = escape(c, ascii, escaped);
        struct jinja_text piece = jinja_text_part(text, at, n);
        if (length > 0)
            piece = (struct jinja_text){
                escaped, text.outside != NULL && text.outside[at] ? outside : NULL, length};
        FORWARD(jinja_write(run, writer, piece));
    }
    return jinja_write_plain(run, writer, "\"");
}

static primer_status write_indent(struct jinja_run *run, struct jinja_writer *writer,
                                  const struct jinja_json *json, size_t depth)
{
    if (json->indent == 0)
        return PRIMER_OK;
    FORWARD(jinja_write_plain(run, writer, "\n"));
    for (size_t i = 0; i < depth * (size_t)json->indent; i++)
        FORWARD(jinja_write_plain(run, writer, " "));
    return PRIMER_OK;
}

static primer_status write_json(struct jinja_run *run, struct jinja_writer *writer,
                                const struct jinja_value *value, const struct jinja_json *json,
                                size_t depth);

/* What stands before an item: a separator, if it isn't the first, and the line's begin. */
static primer_status begin_item(struct jinja_run *run, struct jinja_writer *writer,
                                const struct jinja_json *json, size_t index, size_t depth)
{
    const struct jinja_text usual =
        json->indent > 0 ? jinja_text_of(",", 1) : jinja_text_of(", ", 2);
    if (index > 0)
        FORWARD(jinja_write(run, writer, json->between.bytes == NULL ? usual : json->between));
    return write_indent(run, writer, json, depth);
}

static primer_status write_list(struct jinja_run *run, struct jinja_writer *writer,
                                const struct jinja_list *list, const struct jinja_json *json,
                                size_t depth)
{
    FORWARD(jinja_write_plain(run, writer, "["));
    for (size_t i = 0; i < list->count; i++) {
        FORWARD(begin_item(run, writer, json, i, depth + 1));
        FORWARD(write_json(run, writer, &list->items[i], json, depth + 1));
    }
    if (list->count > 0)
        FORWARD(write_indent(run, writer, json, depth));
    return jinja_write_plain(run, writer, "]");
}

static int by_key(const void *a, const void *b)
{
    const struct jinja_entry *const x = a, *const y = b;
    const size_t both = x->key.length < y->key.length ? x->key.length : y->key.length;
    const int order = both == 0 ? 0 : memcmp(x->key.bytes, y->key.bytes, both);
    return order != 0 ? order : (x->key.length > y->key.length) - (x->key.length < y->key.length);
}

static primer_status write_dict(struct jinja_run *run, struct jinja_writer *writer,
                                const struct jinja_dict *dict, const struct jinja_json *json,
                                size_t depth)
{
    struct jinja_entry *entries = dict->entries;
    if (json->sorted && dict->count > 1) {
        FORWARD(jinja_run_take(run, dict->count, sizeof *entries, &entries));
        memcpy(entries, dict->entries, dict->count * sizeof *entries);
        qsort(entries, dict->count, sizeof *entries, by_key);
    }
    FORWARD(jinja_write_plain(run, writer, "{"));
    for (size_t i = 0; i < dict->count; i++) {
        FORWARD(begin_item(run, writer, json, i, depth + 1));
        FORWARD(write_string(run, writer, entries[i].key, json->ascii));
        FORWARD(jinja_write(run, writer,
                            json->colon.bytes == NULL ? jinja_text_of(": ", 2) : json->colon));
        FORWARD(write_json(run, writer, &entries[i].value, json, depth + 1));
    }
    if (dict->count > 0)
        FORWARD(write_indent(run, writer, json, depth));
    return jinja_write_plain(run, writer, "}");
}

static primer_status write_json(struct jinja_run *run, struct jinja_writer *writer,
                                const struct jinja_value *value, const struct jinja_json *json,
                                size_t depth)
{
    FORWARD(jinja_run_step(run, 1));
    if (depth > JINJA_DEPTH)
        return jinja_run_failure(run, "values nested more than %d levels deep", JINJA_DEPTH);
    switch (value->kind) {
    case JINJA_UNDEFINED:
        return jinja_write_plain(run, writer, json->undefined ? "undefined" : "null");
    case JINJA_NONE:
        return jinja_write_plain(run, writer, "null");
    case JINJA_BOOLEAN:
        return jinja_write_plain(run, writer, value->truth ? "true" : "false");
    case JINJA_INTEGER:
        return write_integer(run, writer, value->integer);
    case JINJA_REAL:
        return isfinite(value->real) ? write_real(run, writer, value->real, false)
                                     : jinja_write_plain(run, writer, "null");
    case JINJA_TEXT_VALUE:
        return write_string(run, writer, value->text, json->ascii);
    case JINJA_LIST:
        return write_list(run, writer, value->list, json, depth);
    case JINJA_DICT:
    case JINJA_NAMESPACE:
        return write_dict(run, writer, value->dict, json, depth);
    default:
        return jinja_run_failure(run, "a function has no JSON");
    }
}

primer_status jinja_write_json(struct jinja_run *run, struct jinja_writer *writer,
                               const struct jinja_value *value, const struct jinja_json *json)
{
    return write_json(run, writer, value, json, 0);
}

/* ---- letters --------------------------------------------------------------------------------- */

primer_status jinja_text_upper(struct jinja_run *run, struct jinja_text text, bool upper,
                               struct jinja_text *out)
{
    struct jinja_writer writer = {0};
    FORWARD(grow(run, &writer, text.length));
    for (size_t at = 0, n; at < text.length; at += n) {
        static const unsigned char outside[4] = {1, 1, 1, 1};
        uint32_t c = 0;
        char bytes[4] = "SS";
        n = utf8_decode(text.bytes + at, text.length - at, &c);
        struct jinja_text piece = jinja_text_part(text, at, n == 0 ? 1 : n);
        if (n > 0) {
            const utf8proc_int32_t from = (utf8proc_int32_t)c;
            const uint32_t to = (uint32_t)(upper ? utf8proc_toupper(from) : utf8proc_tolower(from));
            const size_t length = upper && c == SHARP_S ? 2 : utf8_encode(to, bytes);
            piece = (struct jinja_text){
                bytes, text.outside != NULL && text.outside[at] ? outside : NULL, length};
        }
        n = n == 0 ? 1 : n;
        FORWARD(jinja_write(run, &writer, piece));
    }
    *out = jinja_written(&writer);
    return PRIMER_OK;
}
