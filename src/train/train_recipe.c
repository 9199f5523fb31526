/* train_recipe.c - reading a recipe: lines to fields, by the table; and its identity.
 *
 *   file | overrides  ->  lines  ->  values by the table  ->  standards  ->  train_recipe_check.c
 *
 * Nothing in a recipe is trusted: it is UTF-8 of at most RECIPE_MOST bytes, numbers are read by
 * their own grammar (no hexadecimal, no overflow), and what is wrong is named by file and line.
 */
#include "train/train_recipe.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/suggest.h"
#include "base/utf8.h"

enum { RECIPE_MOST = 1 << 20, NUMBER_MOST = 64, SHOWN_MOST = 80 };

struct span {
    const char *bytes;
    size_t length;
};

/* A line's right side: its text, and what follows a source's path. */
struct value {
    struct buffer text;
    struct span weight; /* of a source; length 0: none */
};

/* ---- messages -------------------------------------------------------------------------------- */

static void *field_at(primer_recipe *recipe, size_t offset)
{
    return (char *)recipe + offset;
}

bool train_recipe_given(const struct train_recipe_draft *draft, size_t offset)
{
    return draft->places[train_recipe_field_of(offset)] != 0;
}

/* "PATH:LINE", "PATH, override 2" or "PATH". */
static void name_place(const struct train_recipe_draft *draft, int64_t place, char *out,
                       size_t capacity)
{
    if (place > 0)
        snprintf(out, capacity, "%s:%" PRId64, draft->path, place);
    else if (place < 0)
        snprintf(out, capacity, "%s, override %" PRId64, draft->path, -place);
    else
        snprintf(out, capacity, "%s", draft->path);
}

primer_status train_recipe_refuse(const struct train_recipe_draft *draft, size_t offset,
                                  primer_error *error, const char *format, ...)
{
    char place[512], message[512];
    const size_t index = train_recipe_field_of(offset);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    name_place(draft, draft->places[index], place, sizeof place);
    return error_set(error, PRIMER_EINVAL, "%s: %s: %s", place,
                     train_recipe_field_at(index)->shown.name, message);
}

static primer_status refuse_line(const struct train_recipe_draft *draft, int64_t place,
                                 primer_error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static primer_status refuse_line(const struct train_recipe_draft *draft, int64_t place,
                                 primer_error *error, const char *format, ...)
{
    char where[512], message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    name_place(draft, place, where, sizeof where);
    return error_set(error, PRIMER_EFORMAT, "%s: %s", where, message);
}

/* "found "x", expected a whole number from 1 to 5". */
static primer_status unexpected(const struct train_recipe_draft *draft,
                                const struct train_recipe_field *field, struct span found,
                                primer_error *error)
{
    char shown[SHOWN_MOST];
    const bool plain = field->kind == TRAIN_RECIPE_CHOICE || field->kind == TRAIN_RECIPE_FLAG;
    error_printable(found.bytes, found.length, shown, sizeof shown);
    return train_recipe_refuse(draft, field->offset, error, "found %s%s%s, expected %s%s",
                               found.length > 0 ? "\"" : "", found.length > 0 ? shown : "nothing",
                               found.length > 0 ? "\"" : "", plain ? "" : "a ", field->shown.kind);
}

/* ---- numbers --------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits_of(struct span text, size_t from)
{
    size_t count = 0;
    while (from + count < text.length && is_digit(text.bytes[from + count]))
        count++;
    return count;
}

/* value * 10 + digit, if it fits. */
static bool push_digit(uint64_t *value, char digit)
{
    const uint64_t d = (uint64_t)(digit - '0');
    if (*value > (UINT64_MAX - d) / 10)
        return false;
    *value = *value * 10 + d;
    return true;
}

/* Zeros that a unit stands for: k 3, M 6, G 9; -1: no unit. */
static int zeros_of(struct span unit)
{
    if (unit.length == 0)
        return 0;
    return unit.length > 1      ? -1
           : *unit.bytes == 'k' ? 3
           : *unit.bytes == 'M' ? 6
           : *unit.bytes == 'G' ? 9
                                : -1;
}

/* 1200, 12k, 1.5M: the result is whole, and exact. */
static bool read_whole(struct span text, uint64_t *out)
{
    uint64_t value = 0;
    const size_t whole = digits_of(text, 0);
    size_t at = whole, part = 0;
    if (at < text.length && text.bytes[at] == '.') {
        part = digits_of(text, ++at);
        if (part == 0)
            return false;
    }
    const struct span unit = {text.bytes + at + part, text.length - at - part};
    int zeros = zeros_of(unit);
    if (whole == 0 || zeros < 0 || (part > 0 && zeros == 0))
        return false;
    for (size_t i = 0; i < whole; i++)
        if (!push_digit(&value, text.bytes[i]))
            return false;
    for (size_t i = 0; i < part; i++, zeros--)
        if (zeros > 0 ? !push_digit(&value, text.bytes[at + i]) : text.bytes[at + i] != '0')
            return false;
    for (; zeros > 0; zeros--)
        if (!push_digit(&value, '0'))
            return false;
    *out = value;
    return true;
}

/* -1, 0.5, 3e-4; finite. */
static bool read_real(struct span text, double *out)
{
    char copy[NUMBER_MOST];
    size_t at = text.length > 0 && *text.bytes == '-' ? 1 : 0;
    const size_t whole = digits_of(text, at);
    at += whole;
    if (whole == 0 || text.length >= sizeof copy)
        return false;
    if (at < text.length && text.bytes[at] == '.') {
        const size_t part = digits_of(text, at + 1);
        if (part == 0)
            return false;
        at += 1 + part;
    }
    if (at < text.length && (text.bytes[at] == 'e' || text.bytes[at] == 'E')) {
        at++;
        if (at < text.length && (text.bytes[at] == '-' || text.bytes[at] == '+'))
            at++;
        const size_t exponent = digits_of(text, at);
        if (exponent == 0)
            return false;
        at += exponent;
    }
    if (at != text.length)
        return false;
    memcpy(copy, text.bytes, text.length);
    copy[text.length] = '\0';
    *out = strtod(copy, NULL);
    return isfinite(*out) != 0;
}

/* ---- values to fields ------------------------------------------------------------------------ */

static bool is(struct span text, const char *word)
{
    return strlen(word) == text.length && memcmp(text.bytes, word, text.length) == 0;
}

/* One of "a, b, c". */
static bool has_choice(const char *choices, struct span wanted)
{
    for (const char *at = choices;; at += 2) {
        const size_t length = strcspn(at, ",");
        if (length == wanted.length && memcmp(at, wanted.bytes, length) == 0)
            return true;
        at += length;
        if (*at == '\0')
            return false;
    }
}

/* The path as the recipe's folder makes it; owned. */
static char *resolve(const char *recipe_path, struct span path)
{
    const size_t folder = (size_t)(file_base_name(recipe_path) - recipe_path);
    const size_t before = *path.bytes == '/' ? 0 : folder;
    char *const joined = memory_allocate(before + path.length + 1, 1);
    if (joined != NULL) {
        memcpy(joined, recipe_path, before);
        memcpy(joined + before, path.bytes, path.length);
    }
    return joined;
}

static primer_status store_text(struct train_recipe_draft *draft,
                                const struct train_recipe_field *field, struct span text,
                                primer_error *error)
{
    char **const slot = field_at(draft->recipe, field->offset);
    char *made;
    if (field->kind == TRAIN_RECIPE_CHOICE ? !has_choice(field->choices, text)
                                           : field->kind == TRAIN_RECIPE_PATH && text.length == 0)
        return unexpected(draft, field, text, error);
    made = field->kind == TRAIN_RECIPE_PATH ? resolve(draft->path, text)
                                            : memory_copy_bytes(text.bytes, text.length);
    if (made == NULL)
        return memory_failure(error, field->shown.name, text.length);
    memory_free(*slot);
    *slot = made;
    return PRIMER_OK;
}

static primer_status store_number(struct train_recipe_draft *draft,
                                  const struct train_recipe_field *field, struct span text,
                                  primer_error *error)
{
    void *const slot = field_at(draft->recipe, field->offset);
    uint64_t whole = 0;
    double real = 0;
    if (field->kind == TRAIN_RECIPE_REAL) {
        if (!read_real(text, &real) || real < field->low || real > field->high ||
            (field->above && real == field->low) || (field->below && real == field->high))
            return unexpected(draft, field, text, error);
        *(double *)slot = real;
        return PRIMER_OK;
    }
    if (!read_whole(text, &whole) || whole < field->least || whole > field->most)
        return unexpected(draft, field, text, error);
    if (field->kind == TRAIN_RECIPE_SIZE)
        *(size_t *)slot = (size_t)whole;
    else
        *(uint64_t *)slot = whole;
    return PRIMER_OK;
}

static primer_status store_flag(struct train_recipe_draft *draft,
                                const struct train_recipe_field *field, struct span text,
                                primer_error *error)
{
    const bool yes = is(text, "yes") || is(text, "true");
    if (!yes && !is(text, "no") && !is(text, "false"))
        return unexpected(draft, field, text, error);
    *(bool *)field_at(draft->recipe, field->offset) = yes;
    return PRIMER_OK;
}

static primer_status store_source(struct train_recipe_draft *draft,
                                  const struct train_recipe_field *field, struct span path,
                                  struct span weight, primer_error *error)
{
    size_t *const count = field_at(draft->recipe, field->count_offset);
    primer_recipe_source *const sources = field_at(draft->recipe, field->offset);
    double share = 1;
    char shown[SHOWN_MOST];
    if (path.length == 0)
        return unexpected(draft, field, path, error);
    if (*count == PRIMER_RECIPE_SOURCES_MOST)
        return train_recipe_refuse(draft, field->offset, error,
                                   "found one more, expected at most %d",
                                   PRIMER_RECIPE_SOURCES_MOST);
    if (weight.length > 0 && (!read_real(weight, &share) || share <= 0))
        return train_recipe_refuse(
            draft, field->offset, error,
            "found weight \"%s\", expected a number above 0 (quote a path that has blanks)",
            error_printable(weight.bytes, weight.length, shown, sizeof shown));
    sources[*count].path = resolve(draft->path, path);
    if (sources[*count].path == NULL)
        return memory_failure(error, field->shown.name, path.length);
    sources[(*count)++].weight = share;
    return PRIMER_OK;
}

static void clear_sources(primer_recipe *recipe, const struct train_recipe_field *field)
{
    size_t *const count = field_at(recipe, field->count_offset);
    primer_recipe_source *const sources = field_at(recipe, field->offset);
    for (size_t i = 0; i < *count; i++)
        memory_free(sources[i].path);
    *count = 0;
}

/* An open field without a value is as if it weren't there, whatever an override takes back. */
static void clear_field(primer_recipe *recipe, const struct train_recipe_field *field)
{
    void *const slot = field_at(recipe, field->offset);
    switch (field->kind) {
    case TRAIN_RECIPE_TEXT:
    case TRAIN_RECIPE_PATH:
    case TRAIN_RECIPE_CHOICE:
        memory_free(*(char **)slot);
        *(char **)slot = NULL;
        return;
    case TRAIN_RECIPE_SIZE:
        *(size_t *)slot = 0;
        return;
    case TRAIN_RECIPE_COUNT:
        *(uint64_t *)slot = 0;
        return;
    case TRAIN_RECIPE_REAL:
        *(double *)slot = 0;
        return;
    case TRAIN_RECIPE_FLAG:
        *(bool *)slot = false;
        return;
    case TRAIN_RECIPE_SOURCE:
        break;
    }
    clear_sources(recipe, field);
}

static primer_status store(struct train_recipe_draft *draft, const struct train_recipe_field *field,
                           struct span text, struct span weight, primer_error *error)
{
    if (text.length == 0 && field->need == TRAIN_RECIPE_OPEN) {
        clear_field(draft->recipe, field);
        draft->places[train_recipe_field_of(field->offset)] = 0;
        return PRIMER_OK;
    }
    switch (field->kind) {
    case TRAIN_RECIPE_TEXT:
    case TRAIN_RECIPE_PATH:
    case TRAIN_RECIPE_CHOICE:
        return store_text(draft, field, text, error);
    case TRAIN_RECIPE_SIZE:
    case TRAIN_RECIPE_COUNT:
    case TRAIN_RECIPE_REAL:
        return store_number(draft, field, text, error);
    case TRAIN_RECIPE_FLAG:
        return store_flag(draft, field, text, error);
    case TRAIN_RECIPE_SOURCE:
        break;
    }
    return store_source(draft, field, text, weight, error);
}

/* ---- lines ----------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct span trimmed(struct span text)
{
    while (text.length > 0 && is_blank(*text.bytes))
        text.bytes++, text.length--;
    while (text.length > 0 && is_blank(text.bytes[text.length - 1]))
        text.length--;
    return text;
}

/* The text without a comment: from a '#' at the begin or after a blank. */
static struct span uncommented(struct span text)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.bytes[i] == '#' && (i == 0 || is_blank(text.bytes[i - 1])))
            text.length = i;
    return trimmed(text);
}

/* Reads "quoted" at the text's begin; *rest is what follows it. */
static primer_status read_quoted(const struct train_recipe_draft *draft, int64_t place,
                                 struct span text, struct buffer *out, struct span *rest,
                                 primer_error *error)
{
    static const char names[] = "\"\\nt", values[] = "\"\\\n\t";
    for (size_t i = 1; i < text.length; i++) {
        const char c = text.bytes[i];
        if (c == '"') {
            *rest = (struct span){text.bytes + i + 1, text.length - i - 1};
            return PRIMER_OK;
        }
        const char *escape =
            c == '\\' && i + 1 < text.length ? strchr(names, text.bytes[++i]) : NULL;
        if (c == '\\' && escape == NULL)
            return refuse_line(draft, place, error,
                               "found an unknown escape after \\, expected \\\", \\\\, \\n or \\t");
        FORWARD(buffer_append(out, c == '\\' ? &values[escape - names] : &c, 1, error));
    }
    return refuse_line(draft, place, error, "found no closing \", expected one on the same line");
}

static primer_status read_value(const struct train_recipe_draft *draft, int64_t place, bool source,
                                struct span text, struct value *value, primer_error *error)
{
    const bool quoted = text.length > 0 && *text.bytes == '"';
    struct span rest = {text.bytes, 0};
    char shown[SHOWN_MOST];
    if (quoted) {
        FORWARD(read_quoted(draft, place, text, &value->text, &rest, error));
        rest = uncommented(rest);
    } else {
        text = uncommented(text);
        size_t length = 0;
        while (source && length < text.length && !is_blank(text.bytes[length]))
            length++;
        length = source ? length : text.length;
        rest = trimmed((struct span){text.bytes + length, text.length - length});
        FORWARD(buffer_append(&value->text, text.bytes, length, error));
    }
    if (!source && rest.length > 0)
        return refuse_line(draft, place, error,
                           "found \"%s\" after the closing \", expected the line's end",
                           error_printable(rest.bytes, rest.length, shown, sizeof shown));
    value->weight = rest;
    return PRIMER_OK;
}

static primer_status find_field(const struct train_recipe_draft *draft, int64_t place,
                                struct span name, size_t *index, primer_error *error)
{
    char shown[SHOWN_MOST];
    error_printable(name.bytes, name.length, shown, sizeof shown);
    struct suggest nearest = suggest_for(shown);
    for (size_t i = 0; train_recipe_field_at(i) != NULL; i++) {
        const char *const known = train_recipe_field_at(i)->shown.name;
        if (is(name, known)) {
            *index = i;
            return PRIMER_OK;
        }
        suggest_consider(&nearest, known);
    }
    return nearest.best != NULL
               ? refuse_line(draft, place, error,
                             "found the name \"%s\", expected a recipe's field; did you mean %s?",
                             shown, nearest.best)
               : refuse_line(draft, place, error,
                             "found the name \"%s\", expected a recipe's field", shown);
}

/* A field may come again only if it is a source, or in an override what a line has set. */
static primer_status claim(struct train_recipe_draft *draft, size_t index, int64_t place,
                           primer_error *error)
{
    const struct train_recipe_field *const field = train_recipe_field_at(index);
    const int64_t before = draft->places[index];
    const bool replaces = place < 0 && before >= 0;
    if (field->kind == TRAIN_RECIPE_SOURCE && replaces)
        clear_sources(draft->recipe, field);
    if (field->kind != TRAIN_RECIPE_SOURCE && before != 0 && !replaces)
        return refuse_line(draft, place, error,
                           "%s: found a second time, expected once (%s %" PRId64 ")",
                           field->shown.name, before > 0 ? "it is in line" : "it is override",
                           before > 0 ? before : -before);
    draft->places[index] = place;
    return PRIMER_OK;
}

static primer_status read_line(struct train_recipe_draft *draft, int64_t place, struct span line,
                               primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct value value = {0};
    size_t index = 0;
    char shown[SHOWN_MOST];
    line = trimmed(line);
    if (line.length == 0 || *line.bytes == '#')
        return PRIMER_OK;
    const char *const equals = memchr(line.bytes, '=', line.length);
    if (equals == NULL)
        return refuse_line(draft, place, error, "found \"%s\", expected name = value",
                           error_printable(line.bytes, line.length, shown, sizeof shown));
    const size_t before = (size_t)(equals - line.bytes);
    TRY(find_field(draft, place, trimmed((struct span){line.bytes, before}), &index, error));
    const struct train_recipe_field *const field = train_recipe_field_at(index);
    TRY(claim(draft, index, place, error));
    TRY(read_value(draft, place, field->kind == TRAIN_RECIPE_SOURCE,
                   trimmed((struct span){equals + 1, line.length - before - 1}), &value, error));
    status = store(draft, field,
                   (struct span){value.text.length > 0 ? value.text.bytes : "", value.text.length},
                   value.weight, error);

cleanup:
    buffer_free(&value.text);
    return status;
}

static primer_status check_text(const struct train_recipe_draft *draft, int64_t place,
                                struct span line, primer_error *error)
{
    if (!utf8_valid(line.bytes, line.length))
        return refuse_line(draft, place, error, "found bytes that are no UTF-8, expected text");
    for (size_t i = 0; i < line.length; i++)
        if (((unsigned char)line.bytes[i] < 0x20 && !is_blank(line.bytes[i])) ||
            line.bytes[i] == 0x7F)
            return refuse_line(draft, place, error,
                               "found the control character 0x%02x, expected text",
                               (unsigned)line.bytes[i]);
    return PRIMER_OK;
}

static primer_status read_lines(struct train_recipe_draft *draft, struct span text,
                                primer_error *error)
{
    if (text.length >= 3 && memcmp(text.bytes, "\xEF\xBB\xBF", 3) == 0)
        text.bytes += 3, text.length -= 3;
    for (int64_t number = 1; text.length > 0; number++) {
        const char *const end = memchr(text.bytes, '\n', text.length);
        const size_t length = end == NULL ? text.length : (size_t)(end - text.bytes);
        const struct span line = {text.bytes, length};
        FORWARD(check_text(draft, number, line, error));
        FORWARD(read_line(draft, number, line, error));
        text.bytes += length + (end != NULL), text.length -= length + (end != NULL);
    }
    return PRIMER_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* What nothing was said of. */
static primer_status complete(struct train_recipe_draft *draft, primer_error *error)
{
    for (size_t i = 0; train_recipe_field_at(i) != NULL; i++) {
        const struct train_recipe_field *const field = train_recipe_field_at(i);
        const struct span standard = {field->shown.standard, strlen(field->shown.standard)};
        if (draft->places[i] != 0)
            continue;
        if (field->need == TRAIN_RECIPE_REQUIRED)
            return train_recipe_refuse(draft, field->offset, error,
                                       "found nothing, expected a line %s = %s", field->shown.name,
                                       field->shown.kind);
        if (field->need == TRAIN_RECIPE_STANDARD)
            FORWARD(store(draft, field, standard, (struct span){"", 0}, error));
    }
    return PRIMER_OK;
}

primer_status train_recipe_parse(const char *text, size_t length, const char *path,
                                 const char *const *overrides, size_t override_count,
                                 primer_recipe **recipe, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct train_recipe_draft draft = {.path = path};
    draft.recipe = memory_allocate(1, sizeof *draft.recipe);
    if (draft.recipe == NULL)
        return memory_failure(error, "a recipe", sizeof *draft.recipe);
    TRY(read_lines(&draft, (struct span){text, length}, error));
    for (size_t i = 0; i < override_count; i++) {
        const struct span line = {overrides[i], strlen(overrides[i])};
        const int64_t place = -(int64_t)i - 1;
        TRY(check_text(&draft, place, line, error));
        TRY(read_line(&draft, place, line, error));
    }
    TRY(complete(&draft, error));
    TRY(train_recipe_check(&draft, error));
    *recipe = draft.recipe;
    return PRIMER_OK;

cleanup:
    primer_recipe_free(draft.recipe);
    return status;
}

primer_status primer_recipe_read(const char *path, const char *const *overrides,
                                 size_t override_count, primer_recipe **recipe, primer_error *error)
{
    struct buffer bytes = {0};
    primer_status status = file_read(path, RECIPE_MOST, &bytes, error);
    if (status == PRIMER_OK)
        status = train_recipe_parse(bytes.length > 0 ? bytes.bytes : "", bytes.length, path,
                                    overrides, override_count, recipe, error);
    buffer_free(&bytes);
    return status;
}

void primer_recipe_free(primer_recipe *recipe)
{
    if (recipe == NULL)
        return;
    for (size_t i = 0; train_recipe_field_at(i) != NULL; i++) {
        const struct train_recipe_field *const field = train_recipe_field_at(i);
        if (field->kind == TRAIN_RECIPE_SOURCE)
            clear_sources(recipe, field);
        else if (field->kind == TRAIN_RECIPE_TEXT || field->kind == TRAIN_RECIPE_PATH ||
                 field->kind == TRAIN_RECIPE_CHOICE)
            memory_free(*(char **)field_at(recipe, field->offset));
    }
    memory_free(recipe);
}

/* ---- identity -------------------------------------------------------------------------------- */

static uint64_t mix_number(uint64_t hash, uint64_t number)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(number >> 8 * i);
    return hash_bytes(bytes, sizeof bytes, hash);
}

static uint64_t mix_real(uint64_t hash, double real)
{
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    return mix_number(hash, bits);
}

/* NULL is another thing than the empty text. */
static uint64_t mix_text(uint64_t hash, const char *text)
{
    return text == NULL ? mix_number(hash, UINT64_MAX) : hash_bytes(text, strlen(text), hash);
}

static uint64_t mix_path(uint64_t hash, const char *path)
{
    return mix_text(hash, path == NULL ? NULL : file_base_name(path));
}

static uint64_t mix_sources(uint64_t hash, const primer_recipe_source *sources, size_t count)
{
    hash = mix_number(hash, count);
    for (size_t i = 0; i < count; i++)
        hash = mix_real(mix_path(hash, sources[i].path), sources[i].weight);
    return hash;
}

static uint64_t mix_field(uint64_t hash, const primer_recipe *recipe,
                          const struct train_recipe_field *field)
{
    const void *const slot = (const char *)recipe + field->offset;
    switch (field->kind) {
    case TRAIN_RECIPE_TEXT:
    case TRAIN_RECIPE_CHOICE:
        return mix_text(hash, *(char *const *)slot);
    case TRAIN_RECIPE_PATH:
        return mix_path(hash, *(char *const *)slot);
    case TRAIN_RECIPE_SIZE:
        return mix_number(hash, *(const size_t *)slot);
    case TRAIN_RECIPE_COUNT:
        return mix_number(hash, *(const uint64_t *)slot);
    case TRAIN_RECIPE_REAL:
        return mix_real(hash, *(const double *)slot);
    case TRAIN_RECIPE_FLAG:
        return mix_number(hash, *(const bool *)slot);
    case TRAIN_RECIPE_SOURCE:
        break;
    }
    return mix_sources(hash, slot,
                       *(const size_t *)(const void *)((const char *)recipe + field->count_offset));
}

uint64_t train_recipe_hash(const primer_recipe *recipe)
{
    uint64_t hash = 0;
    const bool endless = recipe->schedule != NULL && strcmp(recipe->schedule, "constant") == 0;
    for (size_t i = 0; train_recipe_field_at(i) != NULL; i++) {
        const struct train_recipe_field *const field = train_recipe_field_at(i);
        if (!field->identity || (endless && field->offset == offsetof(primer_recipe, steps)))
            continue;
        hash = mix_field(mix_text(hash, field->shown.name), recipe, field);
    }
    return hash;
}
