/* schema_apart.c - whether two schemas can't both hold, as far as that is easily proved.
 *
 *   no type in common                       {type: string} {type: object}
 *   given values that the other refuses     {const: 1} {enum: [2, 3]}
 *   objects: a property that one of both requires, and on which they are apart: a discriminator
 *            {properties: {kind: {const: a}}, required: [kind]} and the same with b
 *   objects: each requires what the other can't have
 *   strings: expressions and lengths whose product is empty
 *   numbers: limits that don't meet          arrays: numbers of items, or first items, likewise
 *
 * "Can't have" is meant of what is written: an object that names its properties is written with
 * these alone (schema.h), where nothing else adds to them. A union is apart where all of it
 * is.
 */
#include "constraint/schema.h"

#include <string.h>

#define APART_DEPTH 12   /* schemas in one another that are looked into */
#define APART_STEPS 5000 /* pairs that are looked at; then they count as not apart */

static bool sets_apart(struct schema *schema, const struct schema_set *a,
                       const struct schema_set *b, bool alone, size_t depth);

/* ---- looking at plain parts ------------------------------------------------------------------ */

static const json_t *plain(const struct schema_set *set, size_t i)
{
    return set->parts[i].kind == SCHEMA_PLAIN ? set->parts[i].schema : NULL;
}

static bool has_unions(const struct schema_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->parts[i].kind != SCHEMA_PLAIN && set->parts[i].kind != SCHEMA_NOT)
            return true;
    return false;
}

static unsigned named_types(const struct schema_set *set)
{
    unsigned types = SCHEMA_ANY;
    for (size_t i = 0; i < set->count; i++)
        if (plain(set, i) != NULL)
            types &= schema_types(plain(set, i));
    return types;
}

/* The schemas of a property, together; how many there are. */
static size_t property_of(struct schema *schema, const struct schema_set *set, const char *name,
                          struct schema_set *out)
{
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        const json_t *const given =
            json_object_get(json_object_get(plain(set, i), "properties"), name);
        if (given == NULL)
            continue;
        count++;
        if (!schema_add(schema, out, given))
            return 0;
    }
    return count;
}

/* What is written for the set never has this property. */
static bool never_has(const struct schema_set *set, const char *name, bool alone)
{
    bool names = false;
    if (!alone || has_unions(set))
        return false;
    for (size_t i = 0; i < set->count; i++) {
        const json_t *const object = plain(set, i);
        const json_t *const further = json_object_get(object, "additionalProperties");
        const json_t *const rest = json_object_get(object, "unevaluatedProperties");
        const json_t *const properties = json_object_get(object, "properties");
        size_t r;
        json_t *required, *item;
        const char *key;
        if (json_object_get(object, "patternProperties") != NULL ||
            json_object_get(object, "propertyNames") != NULL ||
            (further != NULL && !json_is_false(further)) ||
            (rest != NULL && !json_is_false(rest)) || json_object_get(properties, name) != NULL)
            return false;
        json_array_foreach(json_object_get(object, "required"), r, required)
        {
            if (strcmp(json_string_value(required), name) == 0)
                return false;
        }
        json_object_foreach((json_t *)(uintptr_t)properties, key, item)
        {
            names = names || !json_is_false(item);
        }
    }
    return names;
}

/* No valid value of the set has this property. */
static bool forbids(const struct schema_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++) {
        const json_t *const object = plain(set, i);
        const json_t *const given = json_object_get(json_object_get(object, "properties"), name);
        if (json_is_false(given))
            return true;
        if (given == NULL && json_object_get(object, "patternProperties") == NULL &&
            json_is_false(json_object_get(object, "additionalProperties")))
            return true;
    }
    return false;
}

/* ---- objects --------------------------------------------------------------------------------- */

/* Whether one of the keywords says more of what is inside a value. */
static bool says_more(const struct schema_set *set, const char *const *keywords)
{
    for (size_t i = 0; i < set->count; i++)
        for (size_t k = 0; keywords[k] != NULL; k++)
            if (json_is_object(json_object_get(plain(set, i), keywords[k])))
                return true;
    return false;
}

/* A property that `a` requires and on which both say something, apart. */
static bool discriminated(struct schema *schema, const struct schema_set *a,
                          const struct schema_set *b, bool alone, size_t depth)
{
    static const char *const more[] = {"patternProperties", "additionalProperties",
                                       "unevaluatedProperties", NULL};
    alone = alone && !says_more(a, more) && !says_more(b, more);
    for (size_t i = 0; i < a->count; i++) {
        size_t r;
        json_t *name;
        json_array_foreach(json_object_get(plain(a, i), "required"), r, name)
        {
            struct schema_set of_a = {0}, of_b = {0};
            if (property_of(schema, a, json_string_value(name), &of_a) > 0 &&
                property_of(schema, b, json_string_value(name), &of_b) > 0 &&
                sets_apart(schema, &of_a, &of_b, alone, depth + 1))
                return true;
        }
    }
    return false;
}

/* What is written for `a` is never valid for `b`: one requires what the other has not. */
static bool one_way(const struct schema_set *a, const struct schema_set *b, bool alone)
{
    size_t r;
    json_t *name;
    for (size_t i = 0; i < b->count; i++)
        json_array_foreach(json_object_get(plain(b, i), "required"), r, name)
        {
            if (never_has(a, json_string_value(name), alone) || forbids(a, json_string_value(name)))
                return true;
        }
    for (size_t i = 0; i < a->count; i++)
        json_array_foreach(json_object_get(plain(a, i), "required"), r, name)
        {
            if (forbids(b, json_string_value(name)))
                return true;
        }
    return false;
}

static bool objects_apart(struct schema *schema, const struct schema_set *a,
                          const struct schema_set *b, bool alone, size_t depth)
{
    return discriminated(schema, a, b, alone, depth) || discriminated(schema, b, a, alone, depth) ||
           (one_way(a, b, alone) && one_way(b, a, alone));
}

/* ---- other types ----------------------------------------------------------------------------- */

static void item_limits(const struct schema_set *set, size_t *least, size_t *most)
{
    *least = 0;
    *most = SIZE_MAX;
    for (size_t i = 0; i < set->count; i++) {
        const size_t low = schema_count(plain(set, i), "minItems", 0);
        const size_t high = schema_count(plain(set, i), "maxItems", SIZE_MAX);
        *least = low > *least ? low : *least;
        *most = high < *most ? high : *most;
    }
}

static size_t first_item(struct schema *schema, const struct schema_set *set,
                         struct schema_set *out)
{
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        const json_t *const prefix = json_object_get(plain(set, i), "prefixItems");
        const json_t *items = json_object_get(plain(set, i), "items");
        items = json_is_array(items) ? json_array_get(items, 0) : items;
        items = prefix != NULL ? json_array_get(prefix, 0) : items;
        if (items == NULL)
            continue;
        count++;
        if (!schema_add(schema, out, items))
            return 0;
    }
    return count;
}

static bool arrays_apart(struct schema *schema, const struct schema_set *a,
                         const struct schema_set *b, bool alone, size_t depth)
{
    size_t a_least, a_most, b_least, b_most;
    struct schema_set of_a = {0}, of_b = {0};
    static const char *const more[] = {"additionalItems", "unevaluatedItems", NULL};
    const bool first_alone = alone && !says_more(a, more) && !says_more(b, more);
    item_limits(a, &a_least, &a_most);
    item_limits(b, &b_least, &b_most);
    if (a_most < b_least || b_most < a_least)
        return true;
    return (a_least > 0 || b_least > 0) && first_item(schema, a, &of_a) > 0 &&
           first_item(schema, b, &of_b) > 0 &&
           sets_apart(schema, &of_a, &of_b, first_alone, depth + 1);
}

static bool strings_apart(struct schema *schema, const struct schema_set *a,
                          const struct schema_set *b)
{
    struct schema_set both = {0};
    struct schema_text text;
    for (size_t i = 0; i < a->count + b->count; i++) {
        const struct schema_part part = i < a->count ? a->parts[i] : b->parts[i - a->count];
        const struct schema_set one = {(struct schema_part *)(uintptr_t)&part, 1, 0, false};
        if (part.kind == SCHEMA_PLAIN && !schema_add_set(schema, &both, &one))
            return false;
    }
    if (!schema_text_of(schema, &both, &text))
        return false;
    if (text.count < 2 && text.least <= text.most)
        return false;
    return schema_text_empty(schema, &text);
}

static bool numbers_apart(struct schema *schema, const struct schema_set *a,
                          const struct schema_set *b)
{
    for (size_t i = 0; i < a->count; i++)
        for (size_t j = 0; j < b->count; j++)
            if (plain(a, i) != NULL && plain(b, j) != NULL &&
                schema_numbers_apart(schema, plain(a, i), plain(b, j)))
                return true;
    return false;
}

/* ---- all ------------------------------------------------------------------------------------- */

static bool types_apart(struct schema *schema, const struct schema_set *a,
                        const struct schema_set *b, bool alone, size_t depth)
{
    const unsigned common = named_types(a) & named_types(b);
    if ((common & (SCHEMA_NULL | SCHEMA_BOOLEAN)) != 0)
        return false;
    return ((common & SCHEMA_OBJECT) == 0 || objects_apart(schema, a, b, alone, depth)) &&
           ((common & SCHEMA_ARRAY) == 0 || arrays_apart(schema, a, b, alone, depth)) &&
           ((common & SCHEMA_STRING) == 0 || strings_apart(schema, a, b)) &&
           ((common & SCHEMA_NUMBER) == 0 || numbers_apart(schema, a, b));
}

/* Given values of `a`, all of which `b` refuses. */
static bool values_apart(struct schema *schema, const struct schema_set *a,
                         const struct schema_set *b)
{
    const json_t **values;
    size_t count;
    if (!schema_values(schema, a, &values, &count))
        return false;
    for (size_t i = 0; i < count; i++)
        if (schema_valid_set(schema, values[i], b))
            return false;
    return !schema_failed(schema);
}

/* A union of `a`, each alternative of which is apart from `b`. */
static bool union_apart(struct schema *schema, const struct schema_set *a,
                        const struct schema_set *b, bool alone, size_t depth)
{
    for (size_t i = 0; i < a->count; i++) {
        const char *const keyword = a->parts[i].kind == SCHEMA_ANY_OF   ? "anyOf"
                                    : a->parts[i].kind == SCHEMA_ONE_OF ? "oneOf"
                                                                        : NULL;
        const json_t *const list =
            keyword == NULL ? NULL : json_object_get(a->parts[i].schema, keyword);
        size_t n, apart = 0;
        json_t *item;
        json_array_foreach(list, n, item)
        {
            struct schema_set branch = {0};
            const struct schema_set before = {a->parts, i, 0, false};
            const struct schema_set behind = {a->parts + i + 1, a->count - i - 1, 0, false};
            if (!schema_add_set(schema, &branch, &before) ||
                !schema_add_set(schema, &branch, &behind) || !schema_add(schema, &branch, item) ||
                !sets_apart(schema, &branch, b, alone, depth + 1))
                break;
            apart++;
        }
        if (apart > 0 && apart == json_array_size(list))
            return true;
    }
    return false;
}

static bool sets_apart(struct schema *schema, const struct schema_set *a,
                       const struct schema_set *b, bool alone, size_t depth)
{
    if (depth > APART_DEPTH || schema->apart_left == 0 || !schema_step(schema))
        return false;
    schema->apart_left--;
    if (a->nothing || b->nothing || (named_types(a) & named_types(b)) == 0)
        return true;
    return values_apart(schema, a, b) || values_apart(schema, b, a) ||
           types_apart(schema, a, b, alone, depth) || union_apart(schema, a, b, alone, depth) ||
           union_apart(schema, b, a, alone, depth);
}

bool schema_apart(struct schema *schema, const json_t *a, const json_t *b, bool alone)
{
    struct schema_set of_a = {0}, of_b = {0};
    schema->apart_left = APART_STEPS;
    return schema_add(schema, &of_a, a) && schema_add(schema, &of_b, b) &&
           sets_apart(schema, &of_a, &of_b, alone, 0) && !schema_failed(schema);
}
