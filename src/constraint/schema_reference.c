/* schema_reference.c - what a $ref means, and how places are called in messages.
 *
 *   "#"  "#/$defs/a"  "#/properties/a~1b/items/0"    a pointer from the root (RFC 6901, 6)
 *   "#name"                                          the schema with that $anchor, or $id "#name"
 *   "item"  "https://example.com/item#/$defs/a"      the schema with that $id; a pointer from it
 *
 * Schemas elsewhere are never fetched. A place is found again by looking for it: only messages
 * need it.
 */
#include "constraint/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"

#define SEARCH_DEPTH 300 /* values in one another that are searched */

/* ---- messages -------------------------------------------------------------------------------- */

static bool append_key(struct buffer *path, const char *key)
{
    bool good = buffer_text(path, "/", NULL) == PRIMER_OK;
    for (; good && *key != '\0'; key++) {
        const char *const escape = *key == '~' ? "~0" : *key == '/' ? "~1" : NULL;
        good = escape != NULL ? buffer_text(path, escape, NULL) == PRIMER_OK
                              : buffer_append(path, key, 1, NULL) == PRIMER_OK;
    }
    return good;
}

/* Appends the way to `target`, which isn't `at` itself; false, and as before, where it isn't
 * there. */
static bool find_below(const json_t *at, const json_t *target, struct buffer *path, size_t depth)
{
    const size_t before = path->length;
    const char *key;
    json_t *child;
    size_t i;
    if (at == target)
        return true;
    if (depth == SEARCH_DEPTH)
        return false;
    json_object_foreach((json_t *)(uintptr_t)at, key, child)
    {
        if (!json_is_object(child) && !json_is_array(child))
            continue;
        if (append_key(path, key) && find_below(child, target, path, depth + 1))
            return true;
        path->length = before;
    }
    json_array_foreach(at, i, child)
    {
        char number[24];
        (void)snprintf(number, sizeof number, "%zu", i);
        if (!json_is_object(child) && !json_is_array(child))
            continue;
        if (append_key(path, number) && find_below(child, target, path, depth + 1))
            return true;
        path->length = before;
    }
    return false;
}

static void place_of(const struct schema *schema, const json_t *where, const char *keyword,
                     char *out, size_t capacity)
{
    struct buffer path = {0};
    if (where != NULL && !find_below(schema->root, where, &path, 0))
        path.length = 0;
    if (keyword != NULL)
        (void)append_key(&path, keyword);
    (void)error_printable(path.bytes == NULL ? "" : path.bytes, path.length, out, capacity);
    buffer_free(&path);
}

size_t schema_failure(struct schema *schema, primer_status status, const json_t *where,
                      const char *keyword, const char *format, ...)
{
    char place[400], message[400];
    va_list arguments;
    if (schema_failed(schema))
        return SCHEMA_NOTHING;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    place_of(schema, where, keyword, place, sizeof place);
    error_set(&schema->error, status, "%s%s: %s", schema->path, place, message);
    return SCHEMA_NOTHING;
}

size_t schema_failed_at(struct schema *schema, const json_t *where, const char *keyword,
                        const primer_error *error)
{
    return schema_failure(schema, error->status, where, keyword, "%s", error->message);
}

size_t schema_no_memory(struct schema *schema)
{
    if (!schema_failed(schema))
        (void)constraint_scratch_failure(&schema->scratch, &schema->error);
    return SCHEMA_NOTHING;
}

bool schema_step(struct schema *schema)
{
    return schema_steps(schema, 1);
}

bool schema_steps(struct schema *schema, size_t count)
{
    schema->steps += count;
    if (schema->steps <= SCHEMA_STEPS)
        return !schema_failed(schema);
    schema_failure(schema, PRIMER_ELIMIT, NULL, NULL,
                   "more than %d steps of looking at unions, values and expressions", SCHEMA_STEPS);
    return false;
}

/* ---- references ------------------------------------------------------------------------------ */

/* One step of a pointer: decodes ~0 ~1 and %XX into `key`. Returns what follows. */
static const char *read_step(const char *pointer, struct buffer *key)
{
    key->length = 0;
    for (; *pointer != '\0' && *pointer != '/'; pointer++) {
        char c = *pointer;
        unsigned value;
        if (c == '%' && sscanf(pointer + 1, "%2x", &value) == 1 && pointer[1] != '\0' &&
            pointer[2] != '\0') {
            c = (char)value;
            pointer += 2;
        } else if (c == '~' && (pointer[1] == '0' || pointer[1] == '1')) {
            c = *++pointer == '0' ? '~' : '/';
        }
        if (buffer_append(key, &c, 1, NULL) != PRIMER_OK)
            return NULL;
    }
    return pointer;
}

static const json_t *item_at(const json_t *array, const char *digits)
{
    size_t index = 0;
    if (*digits == '\0' || strlen(digits) > 9)
        return NULL;
    for (; *digits >= '0' && *digits <= '9'; digits++)
        index = index * 10 + (size_t)(*digits - '0');
    return *digits == '\0' ? json_array_get(array, index) : NULL;
}

/* `pointer` is "" or begins with a slash. */
static const json_t *follow(const json_t *at, const char *pointer)
{
    struct buffer key = {0};
    while (at != NULL && *pointer == '/') {
        pointer = read_step(pointer + 1, &key);
        if (pointer == NULL || buffer_append(&key, "", 1, NULL) != PRIMER_OK) {
            at = NULL;
            break;
        }
        at = json_is_array(at) ? item_at(at, key.bytes) : json_object_get(at, key.bytes);
    }
    buffer_free(&key);
    return at != NULL && *pointer == '\0' ? at : NULL;
}

static bool text_is(const json_t *text, const char *bytes, size_t length)
{
    return json_is_string(text) && json_string_length(text) == length &&
           memcmp(json_string_value(text), bytes, length) == 0;
}

/* The schema with this $id, or (name begins with #) this $anchor. */
static const json_t *find_named(struct schema *schema, const json_t *at, const char *name,
                                size_t length, size_t depth)
{
    const char *key;
    json_t *child;
    size_t i;
    const json_t *found = NULL;
    if (depth == SEARCH_DEPTH || (++schema->visited % 64 == 0 && !schema_step(schema)))
        return NULL;
    if (length > 0 &&
        (text_is(json_object_get(at, "$id"), name, length) ||
         (name[0] == '#' && text_is(json_object_get(at, "$anchor"), name + 1, length - 1))))
        return at;
    json_object_foreach((json_t *)(uintptr_t)at, key, child)
    {
        found = found == NULL ? find_named(schema, child, name, length, depth + 1) : found;
    }
    json_array_foreach(at, i, child)
    {
        found = found == NULL ? find_named(schema, child, name, length, depth + 1) : found;
    }
    return found;
}

const json_t *schema_resolve(struct schema *schema, const json_t *from)
{
    const char *const name = json_string_value(json_object_get(from, "$ref"));
    const char *const mark = strchr(name, '#');
    const size_t before = mark == NULL ? strlen(name) : (size_t)(mark - name);
    const json_t *base = schema->root;
    if (before > 0)
        base = find_named(schema, base, name, before, 0);
    if (base != NULL && mark != NULL && mark[1] != '\0')
        base = mark[1] == '/' ? follow(base, mark + 1)
                              : find_named(schema, schema->root, mark, strlen(mark), 0);
    if (base == NULL)
        schema_failure(schema, PRIMER_EFORMAT, from, "$ref",
                       "there is no \"%.100s\" in this schema%s", name,
                       before > 0 ? ", and others are not fetched" : "");
    else if (!json_is_object(base) && !json_is_boolean(base))
        schema_failure(schema, PRIMER_EFORMAT, from, "$ref", "\"%.100s\" is no schema", name);
    return schema_failed(schema) ? NULL : base;
}
