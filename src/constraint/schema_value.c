/* schema_value.c - a given value, as const and enum have it, written out: its strings with the
 * fewest escapes, its numbers as JavaScript writes them, its objects in their own order. Only
 * space is left free.
 */
#include "constraint/schema.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "constraint/grammar_json.h"

size_t schema_quoted(struct schema *schema, const char *text, size_t length)
{
    struct buffer buffer = {0};
    size_t node = SCHEMA_NOTHING;
    if (buffer_json_string(&buffer, text, length, &schema->error) == PRIMER_OK)
        node = grammar_bytes(schema->grammar, buffer.bytes, buffer.length);
    buffer_free(&buffer);
    return node;
}

/* The shortest digits that read back as the same number. */
static size_t number_node(struct schema *schema, const json_t *value)
{
    char text[64];
    if (json_is_integer(value)) {
        (void)snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return grammar_text(schema->grammar, text);
    }
    const double real = json_real_value(value);
    if (fabs(real) < 1e15 && floor(real) == real) {
        (void)snprintf(text, sizeof text, "%.0f", real == 0 ? 0.0 : real);
        return grammar_text(schema->grammar, text);
    }
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, real);
        if (json_number_value(value) == strtod(text, NULL))
            break;
    }
    return grammar_text(schema->grammar, text);
}

/* Between brackets: items, or keys and values. */
static size_t container_node(struct schema *schema, const json_t *value)
{
    struct grammar *const grammar = schema->grammar;
    const size_t count = json_is_object(value) ? json_object_size(value) : json_array_size(value);
    size_t *const parts = scratch_take(&schema->scratch, count * 4 + 2, sizeof *parts);
    size_t used = 0, i;
    const char *key;
    json_t *item;
    if (parts == NULL)
        return schema_no_memory(schema);
    json_object_foreach((json_t *)(uintptr_t)value, key, item)
    {
        if (used > 0)
            parts[used++] = grammar_json_comma(grammar);
        parts[used++] = schema_quoted(schema, key, strlen(key));
        parts[used++] = grammar_json_colon(grammar);
        parts[used++] = schema_value(schema, item);
    }
    json_array_foreach(value, i, item)
    {
        if (used > 0)
            parts[used++] = grammar_json_comma(grammar);
        parts[used++] = schema_value(schema, item);
    }
    if (schema_failed(schema))
        return SCHEMA_NOTHING;
    if (used > 0)
        parts[used++] = grammar_json_break(grammar);
    const size_t inside = grammar_sequence(grammar, parts, used);
    return json_is_object(value) ? grammar_json_bracketed(grammar, "{", inside, "}")
                                 : grammar_json_bracketed(grammar, "[", inside, "]");
}

size_t schema_value(struct schema *schema, const json_t *value)
{
    if (!schema_step(schema))
        return SCHEMA_NOTHING;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        return container_node(schema, value);
    case JSON_STRING:
        return schema_quoted(schema, json_string_value(value), json_string_length(value));
    case JSON_INTEGER:
    case JSON_REAL:
        return number_node(schema, value);
    case JSON_TRUE:
        return grammar_text(schema->grammar, "true");
    case JSON_FALSE:
        return grammar_text(schema->grammar, "false");
    default:
        return grammar_text(schema->grammar, "null");
    }
}
