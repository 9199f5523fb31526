/* go_template_print.c - values of a Go template as text, as fmt's %v prints them, and as JSON, as
 * encoding/json writes it.
 *
 *   list [a b]   map map[k:v k:v]   record {a b}   nil <nil>   nothing <no value>
 *
 * What Ollama gives a String method is written as JSON wherever a text is asked for. JSON has < >
 * & and the two line separators as escapes, as Go's has, so that it can stand in HTML.
 */
#include "chat/go_template_value.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/utf8.h"

#define MOST_DIGITS 2000 /* width and precision are at most 1000 */

static const unsigned char all_outside[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

/* `length` bytes that stand for the character at text[at], and come from where it does. */
static struct jinja_text instead(struct jinja_text text, size_t at, const char *bytes,
                                 size_t length)
{
    const bool outside = text.outside != NULL && text.outside[at] != 0;
    return (struct jinja_text){bytes, outside ? all_outside : NULL, length};
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* The shortest digits that read back as the same number: d.ddde+xx. */
static void shortest(double real, char out[64])
{
    for (int precision = 0; precision <= 17; precision++) {
        snprintf(out, 64, "%.*e", precision, real);
        if (strtod(out, NULL) == real)
            return;
    }
}

/* As strconv's 'g' or, for JSON, 'f' has it, with an exponent where it is below `least` or from
 * `most` on. */
static void format_shortest(double real, int least, int most, char out[64])
{
    char scientific[64], digits[32];
    shortest(real, scientific);
    const char *const mark = strchr(scientific, 'e');
    const int exponent = mark == NULL ? 0 : (int)strtol(mark + 1, NULL, 10);
    int count = 0;
    if (mark == NULL || exponent < least || exponent >= most) {
        memcpy(out, scientific, sizeof scientific);
        return;
    }
    for (const char *c = scientific; c < mark && count < 20; c++)
        if (*c >= '0' && *c <= '9')
            digits[count++] = *c;
    digits[count] = '\0';
    const char *const sign = scientific[0] == '-' ? "-" : "";
    if (exponent < 0)
        snprintf(out, 64, "%s0.%0*d%s", sign, -exponent - 1, 0, digits);
    else if (count <= exponent + 1)
        snprintf(out, 64, "%s%s%.*s", sign, digits, exponent + 1 - count, "000000000000000000000");
    else
        snprintf(out, 64, "%s%.*s.%s", sign, exponent + 1, digits, digits + exponent + 1);
    if (exponent == -1)
        snprintf(out, 64, "%s0.%s", sign, digits);
}

/* JSON has exponents of one digit as 1e-7. */
static primer_status write_json_number(struct go_run *run, struct jinja_writer *writer, double real)
{
    char digits[64];
    format_shortest(real, -6, 21, digits);
    char *const mark = strstr(digits, "e-0");
    if (mark != NULL)
        memmove(mark + 2, mark + 3, strlen(mark + 3) + 1);
    return jinja_write_plain(&run->base, writer, digits);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* What a character is written as inside a JSON string; its length, 0: itself. */
static size_t json_escape(uint32_t c, char out[16])
{
    static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *const known = c != 0 && c < 0x80 ? strchr(plain, (int)c) : NULL;
    if (known != NULL)
        return (size_t)snprintf(out, 16, "\\%c", letters[known - plain]);
    if (c < 0x20 || c == '<' || c == '>' || c == '&' || c == 0x2028 || c == 0x2029)
        return (size_t)snprintf(out, 16, "\\u%04x", (unsigned)c);
    return 0;
}

static primer_status json_text(struct go_run *run, struct jinja_writer *writer,
                               struct jinja_text text)
{
    FORWARD(jinja_run_step(&run->base, text.length / 16));
    FORWARD(jinja_write_plain(&run->base, writer, "\""));
    for (size_t at = 0, n; at < text.length; at += n) {
        uint32_t c;
        char escaped[16];
        n = utf8_decode(text.bytes + at, text.length - at, &c);
        if (n == 0) {
            n = 1;
            FORWARD(jinja_write(&run->base, writer, instead(text, at, "\\ufffd", 6)));
            continue;
        }
        const size_t length = json_escape(c, escaped);
        FORWARD(jinja_write(&run->base, writer,
                            length > 0 ? instead(text, at, escaped, length)
                                       : jinja_text_part(text, at, n)));
    }
    return jinja_write_plain(&run->base, writer, "\"");
}

static primer_status json_list(struct go_run *run, struct jinja_writer *writer,
                               const struct go_list *list)
{
    if (list->nil)
        return jinja_write_plain(&run->base, writer, "null");
    if (list->style == GO_AS_TYPE && list->count == 1)
        return go_template_json(run, writer, &list->items[0]);
    for (size_t i = 0; i < list->count; i++) {
        FORWARD(jinja_write_plain(&run->base, writer, i == 0 ? "[" : ","));
        FORWARD(go_template_json(run, writer, &list->items[i]));
    }
    return jinja_write_plain(&run->base, writer, list->count == 0 ? "[]" : "]");
}

static primer_status json_map(struct go_run *run, struct jinja_writer *writer,
                              const struct go_map *map)
{
    if (map->nil)
        return jinja_write_plain(&run->base, writer, "null");
    for (size_t i = 0; i < map->count; i++) {
        FORWARD(jinja_write_plain(&run->base, writer, i == 0 ? "{" : ","));
        FORWARD(json_text(run, writer, map->entries[i].key));
        FORWARD(jinja_write_plain(&run->base, writer, ":"));
        FORWARD(go_template_json(run, writer, &map->entries[i].value));
    }
    return jinja_write_plain(&run->base, writer, map->count == 0 ? "{}" : "}");
}

/* Go's omitempty. */
static bool is_left_out(const struct go_field *field, const struct go_value *value)
{
    return field->omitted && value->kind != GO_RECORD &&
           !(field->kind == GO_NIL && value->kind != GO_NIL) && !go_template_true(value);
}

static primer_status json_record(struct go_run *run, struct jinja_writer *writer,
                                 const struct go_record *record)
{
    bool first = true;
    for (size_t i = 0; i < GO_RECORD_FIELDS && record->type->fields[i].name != NULL; i++) {
        const struct go_field *const field = &record->type->fields[i];
        if (is_left_out(field, &record->fields[i]))
            continue;
        FORWARD(jinja_write_plain(&run->base, writer, first ? "{\"" : ",\""));
        FORWARD(jinja_write_plain(&run->base, writer, field->json));
        FORWARD(jinja_write_plain(&run->base, writer, "\":"));
        FORWARD(go_template_json(run, writer, &record->fields[i]));
        first = false;
    }
    return jinja_write_plain(&run->base, writer, first ? "{}" : "}");
}

primer_status go_template_json(struct go_run *run, struct jinja_writer *writer,
                               const struct go_value *value)
{
    char digits[32];
    FORWARD(jinja_run_step(&run->base, 1));
    switch (value->kind) {
    case GO_BOOLEAN:
        return jinja_write_plain(&run->base, writer, value->truth ? "true" : "false");
    case GO_INTEGER:
        snprintf(digits, sizeof digits, "%" PRId64, value->integer);
        return jinja_write_plain(&run->base, writer, digits);
    case GO_REAL:
        return write_json_number(run, writer, value->real);
    case GO_TEXT_VALUE:
        return json_text(run, writer, value->text);
    case GO_LIST:
        return json_list(run, writer, value->list);
    case GO_MAP:
        return json_map(run, writer, value->map);
    case GO_RECORD:
        return json_record(run, writer, value->record);
    default:
        return jinja_write_plain(&run->base, writer, "null");
    }
}

/* ---- verbs on what is no list ---------------------------------------------------------------- */

static const char *leaf_type(const struct go_value *value)
{
    return value->kind == GO_BOOLEAN   ? "bool"
           : value->kind == GO_INTEGER ? "int"
           : value->kind == GO_REAL    ? "float64"
                                       : "string";
}

static primer_status write_leaf(struct go_run *run, struct jinja_writer *writer,
                                const struct go_value *value, const struct go_verb *given);

/* %!d(string=text), the value in the width that was asked for */
static primer_status write_bad(struct go_run *run, struct jinja_writer *writer,
                               const struct go_value *value, const struct go_verb *verb)
{
    struct go_verb usual = *verb;
    char head[32];
    if (go_value_absent(value)) {
        snprintf(head, sizeof head, "%%!%c(<nil>)", verb->letter);
        return jinja_write_plain(&run->base, writer, head);
    }
    snprintf(head, sizeof head, "%%!%c(%s=", verb->letter, leaf_type(value));
    FORWARD(jinja_write_plain(&run->base, writer, head));
    usual.letter = value->kind == GO_BOOLEAN   ? 't'
                   : value->kind == GO_INTEGER ? 'd'
                   : value->kind == GO_REAL    ? 'g'
                                               : 's';
    FORWARD(write_leaf(run, writer, value, &usual));
    return jinja_write_plain(&run->base, writer, ")");
}

/* A text in a field of verb->width characters. */
static primer_status write_padded(struct go_run *run, struct jinja_writer *writer,
                                  struct jinja_text text, const struct go_verb *verb)
{
    const size_t width = verb->width > 0 ? (size_t)verb->width : 0;
    const size_t characters = width > 0 ? jinja_text_characters(text) : 0;
    const size_t blanks = width > characters ? width - characters : 0;
    FORWARD(jinja_run_step(&run->base, (width > 0 ? text.length : 0) / 16 + blanks / 16));
    if (verb->minus)
        FORWARD(jinja_write(&run->base, writer, text));
    for (size_t i = 0; i < blanks; i++)
        FORWARD(jinja_write_plain(&run->base, writer, verb->zero && !verb->minus ? "0" : " "));
    return verb->minus ? PRIMER_OK : jinja_write(&run->base, writer, text);
}

static bool is_printable(uint32_t c)
{
    const utf8proc_category_t kind = utf8proc_category((utf8proc_int32_t)c);
    return c == ' ' || (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_SO);
}

/* What strconv.Quote has for a character; `valid`: it is one; 0: itself. */
static size_t quote_escape(uint32_t c, bool valid, char quote, bool ascii, char out[16])
{
    static const char plain[] = "\a\b\f\n\r\t\v\\", letters[] = "abfnrtv\\";
    const char *const known = valid && c != 0 && c < 0x80 ? strchr(plain, (int)c) : NULL;
    if (known != NULL)
        return (size_t)snprintf(out, 16, "\\%c", letters[known - plain]);
    if (valid && c == (uint32_t)quote)
        return (size_t)snprintf(out, 16, "\\%c", quote);
    if (!valid || c < 0x20 || c == 0x7f)
        return (size_t)snprintf(out, 16, "\\x%02x", (unsigned)c & 0xff);
    if (is_printable(c) && (!ascii || c < 0x80))
        return 0;
    return (size_t)snprintf(out, 16, c < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)c);
}

static primer_status quote_text(struct go_run *run, struct jinja_writer *writer,
                                struct jinja_text text, char quote, bool ascii)
{
    const char mark[2] = {quote, '\0'};
    FORWARD(jinja_run_step(&run->base, text.length / 16));
    FORWARD(jinja_write_plain(&run->base, writer, mark));
    for (size_t at = 0, n; at < text.length; at += n) {
        uint32_t c = 0;
        char escaped[16];
        n = utf8_decode(text.bytes + at, text.length - at, &c);
        const bool valid = n > 0;
        n = valid ? n : 1;
        c = valid ? c : (unsigned char)text.bytes[at];
        const size_t length = quote_escape(c, valid, quote, ascii, escaped);
        FORWARD(jinja_write(&run->base, writer,
                            length > 0 ? instead(text, at, escaped, length)
                                       : jinja_text_part(text, at, n)));
    }
    return jinja_write_plain(&run->base, writer, mark);
}

static primer_status hexadecimal(struct go_run *run, struct jinja_writer *writer,
                                 struct jinja_text text, const struct go_verb *verb)
{
    const char *const digits = verb->letter == 'x' ? "0123456789abcdef" : "0123456789ABCDEF";
    FORWARD(jinja_run_step(&run->base, text.length / 16));
    for (size_t i = 0; i < text.length; i++) {
        const unsigned char byte = (unsigned char)text.bytes[i];
        const char pair[2] = {digits[byte >> 4], digits[byte & 15]};
        FORWARD(jinja_write(&run->base, writer, instead(text, i, pair, 2)));
    }
    return PRIMER_OK;
}

static primer_status write_text(struct go_run *run, struct jinja_writer *writer,
                                const struct go_value *value, const struct go_verb *verb)
{
    struct jinja_writer made = {0};
    struct jinja_text text = value->text;
    if (verb->precision >= 0) {
        size_t end = 0;
        for (int n = verb->precision; n > 0 && end < text.length; n--)
            end += jinja_text_character(text, end);
        text = jinja_text_part(text, 0, end);
    }
    switch (verb->letter) {
    case 'v':
    case 's':
        return write_padded(run, writer, text, verb);
    case 'q':
        FORWARD(quote_text(run, &made, text, '"', verb->plus));
        return write_padded(run, writer, jinja_written(&made), verb);
    case 'x':
    case 'X':
        FORWARD(hexadecimal(run, &made, text, verb));
        return write_padded(run, writer, jinja_written(&made), verb);
    default:
        return write_bad(run, writer, value, verb);
    }
}

/* A conversion for C, which pads, signs and rounds numbers as Go does. */
static primer_status write_digits(struct go_run *run, struct jinja_writer *writer,
                                  const struct go_verb *verb, const struct go_value *value)
{
    const bool integer = value->kind == GO_INTEGER, decimal = verb->letter == 'd';
    const bool negative = integer && !decimal && value->integer < 0;
    const uintmax_t magnitude = value->kind != GO_INTEGER ? 0
                                : negative                ? -(uintmax_t)value->integer
                                                          : (uintmax_t)value->integer;
    char format[32], digits[MOST_DIGITS + 1] = "-";
    snprintf(format, sizeof format, "%%%s%s%s%s%s*.*%s%c", verb->minus ? "-" : "",
             verb->plus ? "+" : "", verb->space ? " " : "", verb->zero ? "0" : "",
             verb->sharp && !decimal ? "#" : "", integer ? "j" : "", verb->letter);
    const int width = verb->width < 0 || negative ? 0 : verb->width;
    char *const out = digits + negative;
    if (!integer)
        snprintf(out, MOST_DIGITS, format, width, verb->precision, value->real);
    else if (decimal)
        snprintf(out, MOST_DIGITS, format, width, verb->precision, (intmax_t)value->integer);
    else
        snprintf(out, MOST_DIGITS, format, width, verb->precision, magnitude);
    const struct jinja_text text = jinja_text_of(digits, strlen(digits));
    return negative ? write_padded(run, writer, text, verb) : jinja_write(&run->base, writer, text);
}

/* A character, or its quoted form. */
static primer_status write_rune(struct go_run *run, struct jinja_writer *writer, int64_t code,
                                const struct go_verb *verb)
{
    struct jinja_writer made = {0};
    char bytes[4];
    const uint32_t rune = code < 0 || code > 0x10ffff ? 0xfffd : (uint32_t)code;
    const size_t length = utf8_encode(rune, bytes);
    if (verb->letter == 'c')
        return write_padded(run, writer, jinja_text_of(bytes, length), verb);
    FORWARD(quote_text(run, &made, jinja_text_of(bytes, length), '\'', verb->plus));
    return write_padded(run, writer, jinja_written(&made), verb);
}

static primer_status write_integer(struct go_run *run, struct jinja_writer *writer,
                                   const struct go_value *value, const struct go_verb *verb)
{
    struct go_verb decimal = *verb;
    if (verb->letter == 'c' || verb->letter == 'q')
        return write_rune(run, writer, value->integer, verb);
    if (strchr("vdxXo", verb->letter) == NULL)
        return write_bad(run, writer, value, verb);
    decimal.letter = verb->letter == 'v' ? 'd' : verb->letter;
    return write_digits(run, writer, &decimal, value);
}

static primer_status write_real(struct go_run *run, struct jinja_writer *writer,
                                const struct go_value *value, const struct go_verb *verb)
{
    struct go_verb plain = *verb;
    char digits[65], *from = digits + 1;
    if (verb->letter == 'x' || verb->letter == 'X')
        return jinja_run_failure(&run->base, "printf: %%x of a float isn't there for prompts");
    if (strchr("vgGeEfF", verb->letter) == NULL)
        return write_bad(run, writer, value, verb);
    plain.letter = verb->letter == 'v' ? 'g' : verb->letter;
    if (verb->precision >= 0 || (verb->letter != 'v' && verb->letter != 'g' && verb->letter != 'G'))
        return write_digits(run, writer, &plain, value);
    format_shortest(value->real, -4, 6, from);
    if (verb->letter == 'G')
        for (char *c = from; *c != '\0'; c++)
            *c = *c == 'e' ? 'E' : *c;
    if ((verb->plus || verb->space) && *from != '-')
        *--from = verb->plus ? '+' : ' ';
    return write_padded(run, writer, jinja_text_of(from, strlen(from)), &plain);
}

static primer_status write_leaf(struct go_run *run, struct jinja_writer *writer,
                                const struct go_value *value, const struct go_verb *given)
{
    struct go_verb plain = *given;
    const struct go_verb *const verb = &plain;
    const char *text;
    plain.plus = plain.plus && plain.letter != 'v'; /* %+v names members, and signs nothing */
    switch (value->kind) {
    case GO_BOOLEAN:
        if (verb->letter != 'v' && verb->letter != 't')
            return write_bad(run, writer, value, verb);
        text = value->truth ? "true" : "false";
        return write_padded(run, writer, jinja_text_of(text, strlen(text)), verb);
    case GO_INTEGER:
        return write_integer(run, writer, value, verb);
    case GO_REAL:
        return write_real(run, writer, value, verb);
    case GO_TEXT_VALUE:
        return write_text(run, writer, value, verb);
    default:
        return verb->letter == 'v' ? write_padded(run, writer, jinja_text_of("<nil>", 5), verb)
                                   : write_bad(run, writer, value, verb);
    }
}

/* ---- verbs on lists, maps, records ----------------------------------------------------------- */

static primer_status write_items(struct go_run *run, struct jinja_writer *writer,
                                 const struct go_value *value, const struct go_verb *verb)
{
    const bool map = value->kind == GO_MAP, record = value->kind == GO_RECORD;
    size_t count = map ? value->map->count : record ? GO_RECORD_FIELDS : value->list->count;
    for (size_t i = 0; record && i < count; i++)
        count = value->record->type->fields[i].name == NULL ? i : count;
    FORWARD(jinja_write_plain(&run->base, writer, map ? "map[" : record ? "{" : "["));
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            FORWARD(jinja_write_plain(&run->base, writer, " "));
        if (record && verb->plus) {
            FORWARD(jinja_write_plain(&run->base, writer, value->record->type->fields[i].name));
            FORWARD(jinja_write_plain(&run->base, writer, ":"));
        }
        if (map) {
            const struct go_value key = go_value_text(value->map->entries[i].key);
            FORWARD(go_template_write(run, writer, &key, verb));
            FORWARD(jinja_write_plain(&run->base, writer, ":"));
        }
        const struct go_value *const item = map      ? &value->map->entries[i].value
                                            : record ? &value->record->fields[i]
                                                     : &value->list->items[i];
        FORWARD(go_value_absent(item) ? jinja_write_plain(&run->base, writer, "<nil>")
                                      : go_template_write(run, writer, item, verb));
    }
    return jinja_write_plain(&run->base, writer, record ? "}" : "]");
}

static enum go_style style_of(const struct go_value *value)
{
    return value->kind == GO_LIST     ? value->list->style
           : value->kind == GO_MAP    ? value->map->style
           : value->kind == GO_RECORD ? value->record->type->style
                                      : GO_PLAIN;
}

/* What a String method gives. */
static primer_status string_of(struct go_run *run, const struct go_value *value,
                               struct go_value *out)
{
    const struct go_verb plain = {.letter = 'v', .width = -1, .precision = -1};
    struct jinja_writer made = {0};
    if (value->kind == GO_LIST && value->list->style == GO_AS_TYPE) {
        if (value->list->count == 1) {
            *out = value->list->items[0];
            return PRIMER_OK;
        }
        if (value->list->count > 1)
            FORWARD(write_items(run, &made, value, &plain));
    } else if (value->kind == GO_MAP && value->map->nil) {
        FORWARD(jinja_write_plain(&run->base, &made, "{}"));
    } else {
        FORWARD(go_template_json(run, &made, value));
    }
    *out = go_value_text(jinja_written(&made));
    return PRIMER_OK;
}

primer_status go_template_write(struct go_run *run, struct jinja_writer *writer,
                                const struct go_value *value, const struct go_verb *verb)
{
    struct go_value text;
    FORWARD(jinja_run_step(&run->base, 1));
    if (value->kind != GO_LIST && value->kind != GO_MAP && value->kind != GO_RECORD)
        return write_leaf(run, writer, value, verb);
    if (value->kind == GO_RECORD && value->record->type == &go_template_message)
        FORWARD(jinja_write_plain(&run->base, writer, "&")); /* a pointer of Go's */
    if (style_of(value) == GO_PLAIN || strchr("vsqxX", verb->letter) == NULL)
        return write_items(run, writer, value, verb);
    FORWARD(string_of(run, value, &text));
    return write_leaf(run, writer, &text, verb);
}

primer_status go_template_print(struct go_run *run, struct jinja_writer *writer,
                                const struct go_value *value)
{
    const struct go_verb plain = {.letter = 'v', .width = -1, .precision = -1};
    if (value->kind == GO_RECORD && style_of(value) == GO_PLAIN)
        return write_items(run, writer, value, &plain);
    return go_value_absent(value) ? jinja_write_plain(&run->base, writer, "<no value>")
                                  : go_template_write(run, writer, value, &plain);
}
