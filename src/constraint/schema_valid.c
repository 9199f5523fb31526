/* schema_valid.c - whether a given value is valid: what const and enum list is looked at before it
 * is written. Here every keyword but unevaluated* can be held, also those that no grammar could.
 */
#include "constraint/schema.h"

#include <string.h>

#define VALID_DEPTH 1000 /* schemas and values in one another */

/* ---- equal values ---------------------------------------------------------------------------- */

static bool equal_objects(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *member;
    if (json_object_size(a) != json_object_size(b))
        return false;
    json_object_foreach((json_t *)(uintptr_t)a, key, member)
    {
        const json_t *const other = json_object_get(b, key);
        if (other == NULL || !schema_equal(member, other))
            return false;
    }
    return true;
}

bool schema_equal(const json_t *a, const json_t *b)
{
    size_t i;
    json_t *item;
    if (json_is_integer(a) && json_is_integer(b))
        return json_integer_value(a) == json_integer_value(b);
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    if (json_is_object(a) && json_is_object(b))
        return equal_objects(a, b);
    if (!json_is_array(a) || !json_is_array(b))
        return json_equal(a, b);
    if (json_array_size(a) != json_array_size(b))
        return false;
    json_array_foreach(a, i, item)
    {
        if (!schema_equal(item, json_array_get(b, i)))
            return false;
    }
    return true;
}

/* ---- arrays ---------------------------------------------------------------------------------- */

/* The schema of item `i`; NULL: anything. */
static const json_t *item_schema(const json_t *object, size_t i)
{
    const json_t *const prefix = json_object_get(object, "prefixItems");
    const json_t *const items = json_object_get(object, "items");
    const json_t *const list = prefix != NULL ? prefix : json_is_array(items) ? items : NULL;
    if (i < json_array_size(list))
        return json_array_get(list, i);
    return json_is_array(items) ? json_object_get(object, "additionalItems") : items;
}

static bool unique(struct schema *schema, const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        for (size_t j = 0; j < i; j++)
            if (!schema_step(schema) ||
                schema_equal(json_array_get(array, i), json_array_get(array, j)))
                return false;
    return true;
}

static bool valid_array(struct schema *schema, const json_t *value, const json_t *object)
{
    const size_t count = json_array_size(value);
    const json_t *const contains = json_object_get(object, "contains");
    size_t contained = 0;
    if (count < schema_count(object, "minItems", 0) ||
        count > schema_count(object, "maxItems", SIZE_MAX))
        return false;
    for (size_t i = 0; i < count; i++) {
        const json_t *const item = json_array_get(value, i), *const own = item_schema(object, i);
        if (own != NULL && !schema_valid(schema, item, own))
            return false;
        contained += contains != NULL && schema_valid(schema, item, contains);
    }
    if (contains != NULL && (contained < schema_count(object, "minContains", 1) ||
                             contained > schema_count(object, "maxContains", SIZE_MAX)))
        return false;
    const json_t *const rest = json_object_get(object, "unevaluatedItems");
    if (rest != NULL && !json_is_true(rest))
        schema_failure(schema, PRIMER_EUNSUPPORTED, object, "unevaluatedItems",
                       "not supported beside given values");
    return !json_is_true(json_object_get(object, "uniqueItems")) || unique(schema, value);
}

/* ---- objects --------------------------------------------------------------------------------- */

static bool valid_member(struct schema *schema, const char *name, const json_t *member,
                         const json_t *object)
{
    const json_t *const own = json_object_get(json_object_get(object, "properties"), name);
    const json_t *const names = json_object_get(object, "propertyNames");
    const json_t *const further = json_object_get(object, "additionalProperties");
    bool evaluated = own != NULL;
    const char *pattern;
    json_t *item;
    if (own != NULL && !schema_valid(schema, member, own))
        return false;
    json_object_foreach(json_object_get(object, "patternProperties"), pattern, item)
    {
        if (!schema_text_matches(schema, object, pattern, name, strlen(name)))
            continue;
        evaluated = true;
        if (!schema_valid(schema, member, item))
            return false;
    }
    if (names != NULL) {
        json_t *const text = json_string(name);
        const bool valid = text != NULL && schema_valid(schema, text, names);
        json_decref(text);
        if (!valid)
            return false;
    }
    return evaluated || further == NULL || schema_valid(schema, member, further);
}

static bool valid_object(struct schema *schema, const json_t *value, const json_t *object)
{
    const size_t count = json_object_size(value);
    size_t i;
    json_t *item;
    const char *key;
    if (count < schema_count(object, "minProperties", 0) ||
        count > schema_count(object, "maxProperties", SIZE_MAX))
        return false;
    json_array_foreach(json_object_get(object, "required"), i, item)
    {
        if (json_object_get(value, json_string_value(item)) == NULL)
            return false;
    }
    json_object_foreach((json_t *)(uintptr_t)value, key, item)
    {
        if (!valid_member(schema, key, item, object))
            return false;
    }
    const json_t *const rest = json_object_get(object, "unevaluatedProperties");
    if (rest != NULL && !json_is_true(rest))
        schema_failure(schema, PRIMER_EUNSUPPORTED, object, "unevaluatedProperties",
                       "not supported beside given values");
    return true;
}

/* ---- parts ----------------------------------------------------------------------------------- */

static bool valid_plain(struct schema *schema, const json_t *value, const json_t *object)
{
    const json_t *const given = json_object_get(object, "const");
    const json_t *const list = json_object_get(object, "enum");
    size_t i;
    json_t *item;
    bool listed = list == NULL || (list == schema->given_list && value == schema->given);
    if ((schema_types(object) & schema_type_of(value)) == 0 ||
        (given != NULL && !schema_equal(given, value)))
        return false;
    json_array_foreach(list, i, item)
    {
        if (listed || !schema_step(schema))
            break;
        listed = schema_equal(item, value);
    }
    if (!listed)
        return false;
    switch (schema_type_of(value)) {
    case SCHEMA_OBJECT:
        return valid_object(schema, value, object);
    case SCHEMA_ARRAY:
        return valid_array(schema, value, object);
    case SCHEMA_STRING:
        return schema_text_valid(schema, object, json_string_value(value),
                                 json_string_length(value));
    case SCHEMA_INTEGER:
    case SCHEMA_FRACTION:
        return schema_number_valid(schema, value, object);
    default:
        return true;
    }
}

static size_t count_valid(struct schema *schema, const json_t *value, const json_t *list)
{
    size_t i, count = 0;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        count += schema_valid(schema, value, item);
    }
    return count;
}

static bool valid_if(struct schema *schema, const json_t *value, const json_t *object)
{
    const bool holds = schema_valid(schema, value, json_object_get(object, "if"));
    const json_t *const next = json_object_get(object, holds ? "then" : "else");
    return next == NULL || schema_valid(schema, value, next);
}

static bool valid_dependence(struct schema *schema, const json_t *value, const json_t *object)
{
    static const char *const keywords[] = {"dependentRequired", "dependentSchemas", "dependencies"};
    for (size_t k = 0; k < 3; k++) {
        const char *name;
        json_t *wanted, *item;
        size_t i;
        json_object_foreach(json_object_get(object, keywords[k]), name, wanted)
        {
            if (json_object_get(value, name) == NULL)
                continue;
            json_array_foreach(wanted, i, item)
            {
                if (json_object_get(value, json_string_value(item)) == NULL)
                    return false;
            }
            if (!json_is_array(wanted) && !schema_valid(schema, value, wanted))
                return false;
        }
    }
    return true;
}

bool schema_valid_part(struct schema *schema, const json_t *value, struct schema_part part)
{
    const json_t *const object = part.schema;
    switch (part.kind) {
    case SCHEMA_PLAIN:
        return valid_plain(schema, value, object);
    case SCHEMA_ANY_OF:
        return count_valid(schema, value, json_object_get(object, "anyOf")) > 0;
    case SCHEMA_ONE_OF:
        return count_valid(schema, value, json_object_get(object, "oneOf")) == 1;
    case SCHEMA_IF:
        return valid_if(schema, value, object);
    case SCHEMA_NOT:
        return !schema_valid(schema, value, json_object_get(object, "not")) &&
               !schema_failed(schema);
    case SCHEMA_DEPENDENT:
        return valid_dependence(schema, value, object);
    }
    return false;
}

bool schema_valid_set(struct schema *schema, const json_t *value, const struct schema_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        if (!schema_valid_part(schema, value, set->parts[i]))
            return false;
    return !set->nothing && !schema_failed(schema);
}

bool schema_valid(struct schema *schema, const json_t *value, const json_t *item)
{
    struct schema_set set = {0};
    if (!schema_step(schema))
        return false;
    if (schema->valid_depth == VALID_DEPTH) {
        schema_failure(schema, PRIMER_ELIMIT, item, NULL,
                       "a given value leads through more than %d schemas in one another",
                       VALID_DEPTH);
        return false;
    }
    schema->valid_depth++;
    const bool valid = schema_add(schema, &set, item) && schema_valid_set(schema, value, &set);
    schema->valid_depth--;
    return valid;
}
