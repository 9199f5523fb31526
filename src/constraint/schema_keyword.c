/* schema_keyword.c - the keywords of JSON Schema, what they must hold, and what is done with them.
 *
 * A keyword that isn't listed is a note for somebody else, as the standard has it. One that is
 * known and can't be held is refused by name: ignoring it would let invalid answers through.
 */
#include "constraint/schema.h"

#include <string.h>

enum holds {
    ANYTHING,
    SCHEMA,     /* an object or a boolean */
    SCHEMAS,    /* an array of them, not empty */
    SCHEMA_MAP, /* an object of them */
    ITEMS,      /* a schema or an array of them */
    TEXT,
    NAMES, /* an array of names: strings without a NUL */
    COUNT, /* an integer of at least 0 */
    NUMBER,
    LIMIT, /* a number, or the boolean of draft 4 */
    BOOLEAN,
    LIST,        /* an array */
    DEPENDENCES, /* an object of arrays of strings or schemas */
    TYPES        /* a string or an array of strings */
};

enum use { NOTE, PLAIN, UNION, REFUSED };

static const struct keyword {
    const char *name;
    enum holds holds;
    enum use use;
    unsigned types; /* that it is about */
} keywords[] = {
    {"type", TYPES, PLAIN, 0},
    {"nullable", BOOLEAN, PLAIN, 0},
    {"enum", LIST, PLAIN, 0},
    {"const", ANYTHING, PLAIN, 0},
    {"properties", SCHEMA_MAP, PLAIN, SCHEMA_OBJECT},
    {"required", NAMES, PLAIN, SCHEMA_OBJECT},
    {"additionalProperties", SCHEMA, PLAIN, SCHEMA_OBJECT},
    {"patternProperties", SCHEMA_MAP, PLAIN, SCHEMA_OBJECT},
    {"propertyNames", SCHEMA, PLAIN, SCHEMA_OBJECT},
    {"unevaluatedProperties", SCHEMA, PLAIN, SCHEMA_OBJECT},
    {"minProperties", COUNT, PLAIN, SCHEMA_OBJECT},
    {"maxProperties", COUNT, PLAIN, SCHEMA_OBJECT},
    {"items", ITEMS, PLAIN, SCHEMA_ARRAY},
    {"prefixItems", SCHEMAS, PLAIN, SCHEMA_ARRAY},
    {"additionalItems", SCHEMA, PLAIN, 0},
    {"unevaluatedItems", SCHEMA, PLAIN, SCHEMA_ARRAY},
    {"minItems", COUNT, PLAIN, SCHEMA_ARRAY},
    {"maxItems", COUNT, PLAIN, SCHEMA_ARRAY},
    {"uniqueItems", BOOLEAN, PLAIN, SCHEMA_ARRAY},
    {"contains", SCHEMA, PLAIN, SCHEMA_ARRAY},
    {"minContains", COUNT, PLAIN, 0},
    {"maxContains", COUNT, PLAIN, 0},
    {"minLength", COUNT, PLAIN, SCHEMA_STRING},
    {"maxLength", COUNT, PLAIN, SCHEMA_STRING},
    {"pattern", TEXT, PLAIN, SCHEMA_STRING},
    {"format", TEXT, PLAIN, 0},
    {"minimum", NUMBER, PLAIN, SCHEMA_NUMBER},
    {"maximum", NUMBER, PLAIN, SCHEMA_NUMBER},
    {"exclusiveMinimum", LIMIT, PLAIN, SCHEMA_NUMBER},
    {"exclusiveMaximum", LIMIT, PLAIN, SCHEMA_NUMBER},
    {"multipleOf", NUMBER, PLAIN, SCHEMA_NUMBER},
    {"$ref", TEXT, UNION, 0},
    {"allOf", SCHEMAS, UNION, 0},
    {"anyOf", SCHEMAS, UNION, 0},
    {"oneOf", SCHEMAS, UNION, 0},
    {"not", SCHEMA, UNION, 0},
    {"if", SCHEMA, UNION, 0},
    {"then", SCHEMA, UNION, 0},
    {"else", SCHEMA, UNION, 0},
    {"dependentRequired", DEPENDENCES, UNION, 0},
    {"dependentSchemas", DEPENDENCES, UNION, 0},
    {"dependencies", DEPENDENCES, UNION, 0},
    {"$dynamicRef", ANYTHING, REFUSED, 0},
    {"$recursiveRef", ANYTHING, REFUSED, 0},
};

static const struct keyword *find(const char *name)
{
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (strcmp(keywords[i].name, name) == 0)
            return &keywords[i];
    return NULL;
}

bool schema_knows(const char *keyword)
{
    return find(keyword) != NULL;
}

/* ---- kinds ----------------------------------------------------------------------------------- */

static bool is_schema(const json_t *value)
{
    return json_is_object(value) || json_is_boolean(value);
}

static bool all_items(const json_t *array, bool (*is)(const json_t *))
{
    size_t i;
    json_t *item;
    if (!json_is_array(array))
        return false;
    json_array_foreach(array, i, item)
    {
        if (!is(item))
            return false;
    }
    return true;
}

static bool is_text(const json_t *value)
{
    return json_is_string(value);
}

static bool is_name(const json_t *value)
{
    return json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value);
}

static bool is_dependence(const json_t *value)
{
    return is_schema(value) || all_items(value, is_name);
}

static bool all_members(const json_t *object, bool (*is)(const json_t *))
{
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)object, key, member)
    {
        if (!is(member))
            return false;
    }
    return json_is_object(object);
}

/* An integer, written as one or as 3.0; huge ones count as SCHEMA_MOST. */
static bool count_of(const json_t *value, size_t *count)
{
    const size_t most = SCHEMA_MOST;
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        const json_int_t integer = json_integer_value(value);
        *count = (unsigned long long)integer > most ? most : (size_t)integer;
        return true;
    }
    const double real = json_real_value(value);
    if (!json_is_real(value) || real < 0)
        return false;
    *count = real >= (double)most ? most : (size_t)real;
    return real >= (double)most || (double)*count == real;
}

static bool holds_right(const json_t *value, enum holds holds)
{
    size_t count;
    switch (holds) {
    case ANYTHING:
        return true;
    case SCHEMA:
        return is_schema(value);
    case SCHEMAS:
        return all_items(value, is_schema) && json_array_size(value) > 0;
    case SCHEMA_MAP:
        return all_members(value, is_schema);
    case ITEMS:
        return is_schema(value) || all_items(value, is_schema);
    case TEXT:
        return json_is_string(value);
    case NAMES:
        return all_items(value, is_name);
    case COUNT:
        return count_of(value, &count);
    case NUMBER:
        return json_is_number(value);
    case LIMIT:
        return json_is_number(value) || json_is_boolean(value);
    case BOOLEAN:
        return json_is_boolean(value);
    case LIST:
        return json_is_array(value);
    case DEPENDENCES:
        return all_members(value, is_dependence);
    case TYPES:
        return json_is_string(value) || all_items(value, is_text);
    }
    return false;
}

static const char *const expected[] = {[ANYTHING] = "anything",
                                       [SCHEMA] = "a schema (an object or a boolean)",
                                       [SCHEMAS] = "an array of schemas, not empty",
                                       [SCHEMA_MAP] = "an object of schemas",
                                       [ITEMS] = "a schema or an array of schemas",
                                       [TEXT] = "a string",
                                       [NAMES] = "an array of strings, without U+0000",
                                       [COUNT] = "an integer of at least 0",
                                       [NUMBER] = "a number",
                                       [LIMIT] = "a number",
                                       [BOOLEAN] = "a boolean",
                                       [LIST] = "an array",
                                       [DEPENDENCES] =
                                           "an object of arrays of strings or of schemas",
                                       [TYPES] = "a string or an array of strings"};

/* ---- types ----------------------------------------------------------------------------------- */

static unsigned type_named(const char *name)
{
    static const struct {
        const char *name;
        unsigned types;
    } types[] = {{"null", SCHEMA_NULL},      {"boolean", SCHEMA_BOOLEAN}, {"object", SCHEMA_OBJECT},
                 {"array", SCHEMA_ARRAY},    {"string", SCHEMA_STRING},   {"number", SCHEMA_NUMBER},
                 {"integer", SCHEMA_INTEGER}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].types;
    return 0;
}

static bool check_types(struct schema *schema, const json_t *object)
{
    const json_t *const type = json_object_get(object, "type");
    size_t i;
    json_t *item;
    if (json_is_string(type) && type_named(json_string_value(type)) == 0)
        schema_failure(schema, PRIMER_EFORMAT, object, "type",
                       "\"%.60s\" is no type of JSON Schema", json_string_value(type));
    json_array_foreach(type, i, item)
    {
        if (type_named(json_string_value(item)) == 0)
            schema_failure(schema, PRIMER_EFORMAT, object, "type",
                           "\"%.60s\" is no type of JSON Schema", json_string_value(item));
    }
    return !schema_failed(schema);
}

unsigned schema_types(const json_t *object)
{
    const json_t *const type = json_object_get(object, "type");
    unsigned types = 0;
    size_t i;
    json_t *item;
    if (type == NULL)
        return SCHEMA_ANY;
    if (json_is_string(type))
        types = type_named(json_string_value(type));
    json_array_foreach(type, i, item)
    {
        types |= type_named(json_string_value(item));
    }
    if (json_is_true(json_object_get(object, "nullable")))
        types |= SCHEMA_NULL;
    return types;
}

unsigned schema_implied(const json_t *object)
{
    unsigned types = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const struct keyword *const keyword = find(key);
        types |= keyword != NULL ? keyword->types : 0;
    }
    const json_t *const format = json_object_get(object, "format");
    const char *const expression = format == NULL ? NULL : schema_format(json_string_value(format));
    if (expression != NULL && expression[0] != '\0')
        types |= SCHEMA_STRING;
    return types;
}

unsigned schema_type_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return SCHEMA_OBJECT;
    case JSON_ARRAY:
        return SCHEMA_ARRAY;
    case JSON_STRING:
        return SCHEMA_STRING;
    case JSON_INTEGER:
        return SCHEMA_INTEGER;
    case JSON_REAL: {
        const double real = json_real_value(value);
        const bool whole = real >= 9007199254740992.0 || real <= -9007199254740992.0 ||
                           (double)(long long)real == real;
        return whole ? SCHEMA_INTEGER : SCHEMA_FRACTION;
    }
    case JSON_NULL:
        return SCHEMA_NULL;
    default:
        return SCHEMA_BOOLEAN;
    }
}

/* ---- schemas --------------------------------------------------------------------------------- */

bool schema_check(struct schema *schema, const json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const struct keyword *const keyword = find(key);
        if (keyword == NULL)
            continue;
        if (keyword->use == REFUSED)
            schema_failure(schema, PRIMER_EUNSUPPORTED, object, key, "not supported");
        if (!holds_right(value, keyword->holds))
            schema_failure(schema, PRIMER_EFORMAT, object, key, "expected %s",
                           expected[keyword->holds]);
    }
    return !schema_failed(schema) && check_types(schema, object);
}

bool schema_has_plain(const json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const struct keyword *const keyword = find(key);
        if (keyword != NULL && keyword->use == PLAIN)
            return true;
    }
    return false;
}

bool schema_only(const json_t *object, const char *const *names)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        size_t i = 0;
        while (names[i] != NULL && strcmp(names[i], key) != 0)
            i++;
        if (names[i] == NULL && find(key) != NULL)
            return false;
    }
    return true;
}

size_t schema_count(const json_t *object, const char *keyword, size_t otherwise)
{
    size_t count = otherwise;
    const json_t *const value = json_object_get(object, keyword);
    return value != NULL && count_of(value, &count) ? count : otherwise;
}
