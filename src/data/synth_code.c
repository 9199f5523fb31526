/* synth_code.c - writing code: $names replaced, lines that are one name taking all of its lines.
 *
 *   $fold.start                  total = 0
 *   for $x in $source.each:  ->  for x in numbers:
 *       $fold.step                   total += x
 *   return $fold.finish          return total
 *
 * What a name means is itself code, written in turn; a name alone on its line that means nothing
 * takes the line with it.
 */
#include "data/synth.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MOST 12

static enum synth_said write_lines(struct synth *synth, const char *code, size_t length,
                                   size_t indent, struct buffer *out, size_t depth);

static bool name_sign(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* The name behind a $ at text[0]: "$a.b", "${a.b}". Gives the bytes taken; 0: it is no name. */
static size_t read_name(const char *text, size_t length, struct synth_piece *name)
{
    if (length > 2 && text[1] == '{') {
        const char *const end = memchr(text, '}', length);
        if (end == NULL)
            return 0;
        *name = (struct synth_piece){text + 2, (size_t)(end - text) - 2};
        return (size_t)(end - text) + 1;
    }
    size_t end = 1;
    while (end < length && name_sign(text[end]))
        end++;
    if (end == 1 || isdigit((unsigned char)text[1]))
        return 0;
    if (end + 1 < length && text[end] == '.' && isalpha((unsigned char)text[end + 1])) {
        size_t further = end + 1;
        while (further < length && name_sign(text[further]))
            further++;
        /* "$numbers.append": a method of what is no part. */
        *name = (struct synth_piece){text + 1, further - 1};
        return further;
    }
    *name = (struct synth_piece){text + 1, end - 1};
    return end;
}

static enum synth_said append(struct synth *synth, const char *text, size_t length,
                              struct buffer *out)
{
    return synth_text_raw(synth, text, length, out);
}

/* A field's first text as code, seen from the part that owns it. */
static enum synth_said write_field(struct synth *synth, const struct curriculum_block *block,
                                   const char *key, size_t length, size_t indent,
                                   struct buffer *out, size_t depth)
{
    size_t at = 0;
    const struct curriculum_field *const field =
        block == NULL ? NULL : curriculum_next(block, key, length, &at);
    if (field == NULL)
        return SYNTH_MISSING;
    return write_lines(synth, field->text, strlen(field->text), indent, out, depth + 1);
}

static enum synth_said write_quoted(struct synth *synth, const char *text, struct buffer *out)
{
    enum synth_said said = append(synth, "'", 1, out);
    for (; said == SYNTH_SAID && *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            said = append(synth, "\\", 1, out);
        if (said == SYNTH_SAID)
            said = append(synth, text, 1, out);
    }
    return said == SYNTH_SAID ? append(synth, "'", 1, out) : said;
}

static enum synth_said write_row(struct synth *synth, const struct synth_binding *binding,
                                 struct synth_piece field, struct buffer *out)
{
    struct buffer text = {0};
    char name[128];
    if (binding->name == NULL || strlen(binding->name) + field.length + 4 > sizeof name)
        return SYNTH_MISSING;
    snprintf(name, sizeof name, "{%s%s%.*s}", binding->name, field.length > 0 ? "." : "",
             (int)field.length, field.text);
    enum synth_said said = synth_text_say(synth, name, strlen(name), &text);
    if (said == SYNTH_SAID)
        said = append(synth, text.bytes, text.length, out);
    buffer_free(&text);
    return said;
}

/* "$text.upper": what follows the dot is code. */
static enum synth_said append_method(struct synth *synth, struct synth_piece method,
                                     struct buffer *out)
{
    if (method.length == 0)
        return SYNTH_SAID;
    const enum synth_said said = append(synth, ".", 1, out);
    return said == SYNTH_SAID ? append(synth, method.text, method.length, out) : said;
}

/* $name where it is bound: a number, an argument, a part's field. */
static enum synth_said write_binding(struct synth *synth, const struct synth_binding *binding,
                                     struct synth_piece field, size_t indent, struct buffer *out,
                                     size_t depth)
{
    char digits[32];
    if (binding->kind == SYNTH_PART) {
        const struct curriculum_block *const before = synth->owner;
        synth->owner = binding->block;
        const enum synth_said said =
            write_field(synth, binding->block, field.text, field.length, indent, out, depth);
        synth->owner = before;
        return said;
    }
    if (binding->kind == SYNTH_ROW)
        return write_row(synth, binding, field, out);
    enum synth_said said = SYNTH_MISSING;
    if (binding->kind == SYNTH_NUMBER) {
        snprintf(digits, sizeof digits, "%lld", binding->number);
        said = append(synth, digits, strlen(digits), out);
    } else if (binding->kind == SYNTH_ARGUMENT) {
        const char *const name = synth->function->arguments[binding->number].name;
        said = append(synth, name, strlen(name), out);
    } else if (binding->kind == SYNTH_TEXT) {
        said = write_quoted(synth, binding->text, out);
    } else {
        said = synth_text_hole(synth, binding->name, strlen(binding->name), out);
    }
    return said == SYNTH_SAID ? append_method(synth, field, out) : said;
}

static enum synth_said write_name(struct synth *synth, struct synth_piece piece, size_t indent,
                                  struct buffer *out, size_t depth)
{
    const struct synth_function *const function = synth->function;
    const char *const dot = memchr(piece.text, '.', piece.length);
    const size_t length = dot == NULL ? piece.length : (size_t)(dot - piece.text);
    const struct synth_piece field = {dot == NULL ? "" : dot + 1,
                                      dot == NULL ? 0 : piece.length - length - 1};
    if (depth > DEPTH_MOST) {
        error_set(synth->error, PRIMER_ELIMIT, "%s: $%.*s names itself without an end",
                  synth->where == NULL ? "curriculum" : synth->where, (int)piece.length,
                  piece.text);
        return SYNTH_FAILED;
    }
    const struct synth_binding *const binding = synth_text_binding(synth, piece.text, length);
    if (binding != NULL)
        return write_binding(synth, binding, field, indent, out, depth);
    if (length == 1 && *piece.text == 'f' && function->name != NULL)
        return append(synth, function->name, strlen(function->name), out);
    enum synth_said said =
        write_field(synth, function->block, piece.text, length, indent, out, depth);
    /* $x, and what else the parts offer to each other. */
    for (size_t i = 0; said == SYNTH_MISSING && i < function->slot_count; i++)
        said = write_field(synth, function->parts[i], piece.text, length, indent, out, depth);
    return said == SYNTH_SAID ? append_method(synth, field, out) : said;
}

/* A line without its end. *dropped: it was one name that means nothing. */
static enum synth_said write_line(struct synth *synth, const char *line, size_t length,
                                  size_t indent, struct buffer *out, bool *dropped, size_t depth)
{
    const size_t own = strspn(line, " ") < length ? strspn(line, " ") : length;
    struct synth_piece name;
    *dropped = false;
    if (own < length && line[own] == '$' &&
        read_name(line + own, length - own, &name) == length - own) {
        const enum synth_said said = write_name(synth, name, indent + own, out, depth);
        *dropped = said == SYNTH_MISSING;
        return *dropped ? SYNTH_SAID : said;
    }
    enum synth_said said = append(synth, line, own, out);
    for (size_t i = own; i < length && said == SYNTH_SAID;) {
        const size_t taken = line[i] == '$' ? read_name(line + i, length - i, &name) : 0;
        if (taken > 0)
            said = write_name(synth, name, indent + own, out, depth);
        else
            said = append(synth, line + i, 1, out);
        i += taken > 0 ? taken : 1;
    }
    return said;
}

static enum synth_said append_indent(struct synth *synth, size_t indent, struct buffer *out)
{
    enum synth_said said = SYNTH_SAID;
    for (size_t i = 0; i < indent && said == SYNTH_SAID; i++)
        said = append(synth, " ", 1, out);
    return said;
}

/* The first line has its indentation already, where this is called for a name inside of a line. */
static enum synth_said write_lines(struct synth *synth, const char *code, size_t length,
                                   size_t indent, struct buffer *out, size_t depth)
{
    enum synth_said said = SYNTH_SAID;
    bool first = true;
    for (size_t at = 0; at <= length && said == SYNTH_SAID;) {
        const char *const end = memchr(code + at, '\n', length - at);
        const size_t line = end == NULL ? length - at : (size_t)(end - code) - at;
        const size_t before = out->length;
        const size_t own = strspn(code + at, " ");
        bool dropped = false;
        if (!first) {
            said = append(synth, "\n", 1, out);
            if (said == SYNTH_SAID && line > 0)
                said = append_indent(synth, indent, out);
        }
        /* A line that is one name is written with the name's own lines behind this indentation. */
        if (said == SYNTH_SAID && line > own && code[at + own] == '$') {
            struct synth_piece name;
            if (read_name(code + at + own, line - own, &name) == line - own)
                said = append_indent(synth, own, out);
        }
        if (said == SYNTH_SAID)
            said = write_line(synth, code + at, line, indent, out, &dropped, depth);
        if (dropped && out->length > before)
            out->bytes[out->length = before] = '\0';
        first = first && dropped;
        at += line + 1;
    }
    return said;
}

enum synth_said synth_code_write(struct synth *synth, const char *code, size_t indent,
                                 struct buffer *out)
{
    const size_t length = out->length;
    enum synth_said said = append_indent(synth, indent, out);
    if (said == SYNTH_SAID)
        said = write_lines(synth, code, strlen(code), indent, out, 0);
    if (said == SYNTH_MISSING && out->bytes != NULL)
        out->bytes[out->length = length] = '\0';
    return said;
}

enum synth_said synth_code_body(struct synth *synth, const char *label, size_t indent,
                                struct buffer *out)
{
    const struct curriculum_field *field;
    enum synth_said said = SYNTH_MISSING;
    for (size_t at = 0; said == SYNTH_MISSING &&
                        (field = curriculum_next(synth->function->block, "code", 4, &at)) != NULL;)
        if (label == NULL || (field->label != NULL && strcmp(field->label, label) == 0))
            said = synth_twist_write(synth, field->text, indent, out);
    return said;
}

enum synth_said synth_code_signature(struct synth *synth, bool hints, struct buffer *out)
{
    struct synth_function *const function = synth->function;
    const char *const returns = curriculum_text(function->block, "returns", NULL);
    enum synth_said said = synth_text_raw(synth, "def ", 4, out);
    if (said == SYNTH_SAID)
        said = append(synth, function->name, strlen(function->name), out);
    for (size_t i = 0; i < function->argument_count && said == SYNTH_SAID; i++) {
        const struct synth_argument *const argument = &function->arguments[i];
        const char *const hint = curriculum_text(argument->type, "hint", NULL);
        said = append(synth, i == 0 ? "(" : ", ", i == 0 ? 1 : 2, out);
        if (said == SYNTH_SAID)
            said = append(synth, argument->name, strlen(argument->name), out);
        if (said == SYNTH_SAID && hints && hint != NULL) {
            said = append(synth, ": ", 2, out);
            if (said == SYNTH_SAID)
                said = append(synth, hint, strlen(hint), out);
        }
    }
    if (said == SYNTH_SAID && function->argument_count == 0)
        said = append(synth, "(", 1, out);
    if (said == SYNTH_SAID)
        said = append(synth, ")", 1, out);
    if (said == SYNTH_SAID && hints && returns != NULL) {
        said = append(synth, " -> ", 4, out);
        if (said == SYNTH_SAID)
            said = append(synth, returns, strlen(returns), out);
    }
    return said == SYNTH_SAID ? append(synth, ":", 1, out) : said;
}
