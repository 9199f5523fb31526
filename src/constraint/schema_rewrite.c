/* schema_rewrite.c - what isn't a union written as one.
 *
 *   oneOf: [A, B]             [A, B] where they are apart, else [A and not B, B and not A]
 *   if: I, then: T, else: E   [I and T, not I and E]
 *   not: {k: .., l: ..}       [not k, not l], each said positively:
 *                               required: [a]      properties: {a: false}
 *                               properties: {a: S} a is there and not S
 *                               minimum: 3         exclusiveMaximum: 3            and so on
 *   dependentRequired: {a: [b]}    [without a, with a and b]
 *
 * A keyword that has no such opposite is left out of a negation's alternatives: what is left is
 * stricter, and so still right. Where for want of it nothing is left, that is an error.
 */
#include "constraint/schema.h"

#include <string.h>

struct schema_made {
    const json_t *from;
    enum schema_kind kind;
    bool alone;
    bool incomplete; /* something had no opposite */
    const json_t *alternatives;
};

struct schema_negation {
    const json_t *item;
    json_t *made; /* {not: item} */
};

/* Takes `value` over and lends it; NULL is a failure for want of memory. */
static json_t *own(struct schema *schema, json_t *value)
{
    if (value == NULL || json_array_append_new(schema->owned, value) != 0) {
        if (!schema_failed(schema))
            error_set(&schema->error, PRIMER_ENOMEM, "no memory for rewriting a schema");
        return NULL;
    }
    return value;
}

static json_t *borrowed(const json_t *value)
{
    return (json_t *)(uintptr_t)value;
}

/* {not: item}, the same one for the same item: so that sets of a recursive schema come to an end.
 * The caller's own; NULL is a failure. */
static json_t *negation(struct schema *schema, const json_t *item)
{
    for (size_t i = 0; i < schema->negation_count; i++)
        if (schema->negations[i].item == item)
            return json_incref(schema->negations[i].made);
    json_t *const made = own(schema, json_pack("{s:O}", "not", borrowed(item)));
    schema->negations = scratch_grow(&schema->scratch, schema->negations, schema->negation_count,
                                     &schema->negation_capacity, sizeof *schema->negations);
    if (schema->negations == NULL)
        schema->negation_count = schema->negation_capacity = 0;
    if (made == NULL || schema->negations == NULL) {
        schema_no_memory(schema);
        return NULL;
    }
    schema->negations[schema->negation_count++] = (struct schema_negation){item, made};
    return json_incref(made);
}

/* ---- not ------------------------------------------------------------------------------------- */

bool schema_not_simple(const json_t *negated)
{
    static const char *const given[] = {"const", "enum", NULL};
    static const char *const texts[] = {"type", "pattern", NULL};
    const json_t *const type = json_object_get(negated, "type");
    if (!json_is_object(negated))
        return false;
    if (json_object_get(negated, "const") != NULL || json_object_get(negated, "enum") != NULL)
        return schema_only(negated, given) && (json_object_get(negated, "const") == NULL ||
                                               json_object_get(negated, "enum") == NULL);
    return json_object_get(negated, "pattern") != NULL && json_is_string(type) &&
           strcmp(json_string_value(type), "string") == 0 && schema_only(negated, texts);
}

static json_t *other_types(const json_t *object)
{
    static const struct {
        const char *name;
        unsigned types;
    } all[] = {{"object", SCHEMA_OBJECT}, {"array", SCHEMA_ARRAY},     {"string", SCHEMA_STRING},
               {"number", SCHEMA_NUMBER}, {"boolean", SCHEMA_BOOLEAN}, {"null", SCHEMA_NULL}};
    const unsigned types = schema_types(object);
    json_t *const names = json_array();
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if ((types & all[i].types) == 0)
            (void)json_array_append_new(names, json_string(all[i].name));
    return json_pack("{s:o}", "type", names);
}

/* Limits and the limits that exclude them; of counts the next one. */
static json_t *other_limit(const json_t *object, const char *key, const json_t *value)
{
    static const struct {
        const char *key, *type, *opposite;
        int step; /* 0: the same value */
    } limits[] = {{"minimum", "number", "exclusiveMaximum", 0},
                  {"maximum", "number", "exclusiveMinimum", 0},
                  {"exclusiveMinimum", "number", "maximum", 0},
                  {"exclusiveMaximum", "number", "minimum", 0},
                  {"minLength", "string", "maxLength", -1},
                  {"maxLength", "string", "minLength", 1},
                  {"minItems", "array", "maxItems", -1},
                  {"maxItems", "array", "minItems", 1},
                  {"minProperties", "object", "maxProperties", -1},
                  {"maxProperties", "object", "minProperties", 1}};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (strcmp(limits[i].key, key) != 0)
            continue;
        if (limits[i].step == 0)
            return json_is_number(value) ? json_pack("{s:s, s:O}", "type", limits[i].type,
                                                     limits[i].opposite, borrowed(value))
                                         : json_false();
        const size_t count = schema_count(object, key, 0);
        if (count == 0 && limits[i].step < 0)
            return json_false();
        return json_pack("{s:s, s:I}", "type", limits[i].type, limits[i].opposite,
                         (json_int_t)count + limits[i].step);
    }
    return NULL;
}

static bool add_new(struct schema *schema, json_t *alternatives, json_t *alternative)
{
    if (alternative != NULL && json_array_append_new(alternatives, alternative) == 0)
        return true;
    return own(schema, NULL) != NULL;
}

static bool negate_objects(struct schema *schema, json_t *alternatives, const char *key,
                           const json_t *value)
{
    size_t i;
    json_t *item;
    const char *name;
    bool good = true;
    if (strcmp(key, "required") == 0)
        json_array_foreach(value, i, item)
        {
            good = good && add_new(schema, alternatives,
                                   json_pack("{s:s, s:{s:b}}", "type", "object", "properties",
                                             json_string_value(item), 0));
        }
    else
        json_object_foreach((json_t *)(uintptr_t)value, name, item)
        {
            good = good && add_new(schema, alternatives,
                                   json_pack("{s:s, s:[s], s:{s:o}}", "type", "object", "required",
                                             name, "properties", name, negation(schema, item)));
        }
    return good;
}

/* Some of the keywords together: $ref, anyOf, allOf, not, if. */
static bool negate_union(struct schema *schema, json_t *alternatives, const json_t *object,
                         const char *key, const json_t *value, bool *understood)
{
    size_t i;
    json_t *item;
    bool good = true;
    if (strcmp(key, "$ref") == 0) {
        const json_t *const target = schema_resolve(schema, object);
        return target != NULL && add_new(schema, alternatives, negation(schema, target));
    }
    if (strcmp(key, "not") == 0)
        return add_new(schema, alternatives, json_incref(borrowed(value)));
    if (strcmp(key, "allOf") == 0) {
        json_array_foreach(value, i, item)
        {
            good = good && add_new(schema, alternatives, negation(schema, item));
        }
        return good;
    }
    if (strcmp(key, "anyOf") == 0) {
        json_t *const all = json_array();
        json_array_foreach(value, i, item)
        {
            good = good && json_array_append_new(all, negation(schema, item)) == 0;
        }
        return add_new(schema, alternatives, json_pack("{s:o}", "allOf", all)) && good;
    }
    *understood = false;
    return true;
}

static bool negate_keyword(struct schema *schema, json_t *alternatives, const json_t *object,
                           const char *key, const json_t *value, bool *understood)
{
    json_t *const limit = other_limit(object, key, value);
    *understood = true;
    if (limit != NULL)
        return add_new(schema, alternatives, limit);
    if (strcmp(key, "type") == 0)
        return add_new(schema, alternatives, other_types(object));
    if (strcmp(key, "const") == 0 || strcmp(key, "enum") == 0)
        return add_new(schema, alternatives, json_pack("{s:{s:O}}", "not", key, borrowed(value)));
    if (strcmp(key, "pattern") == 0)
        return add_new(schema, alternatives,
                       json_pack("{s:s, s:{s:s, s:O}}", "type", "string", "not", "type", "string",
                                 "pattern", borrowed(value)));
    if (strcmp(key, "required") == 0 || strcmp(key, "properties") == 0)
        return negate_objects(schema, alternatives, key, value);
    return negate_union(schema, alternatives, object, key, value, understood);
}

void schema_left_out(struct schema *schema)
{
    schema_failure(schema, PRIMER_EUNSUPPORTED, schema->left_out, schema->left_out_keyword, "%s",
                   "not supported in a negation (by not, if, or a oneOf that overlaps)");
}

/* Kept to be told where nothing remains for want of it; told at once where that is sure. */
static void leave_out(struct schema *schema, const json_t *where, const char *keyword, bool alone)
{
    schema->left_out = where;
    schema->left_out_keyword = keyword;
    schema->left_outs++;
    if (alone)
        schema_left_out(schema);
}

static json_t *negate(struct schema *schema, const json_t *item)
{
    json_t *const alternatives = own(schema, json_array());
    const char *key, *unknown = NULL;
    json_t *value;
    if (alternatives == NULL)
        return NULL;
    if (!json_is_object(item)) {
        if (json_is_false(item) && !add_new(schema, alternatives, json_true()))
            return NULL;
        return alternatives;
    }
    if (!schema_check(schema, item))
        return NULL;
    json_object_foreach((json_t *)(uintptr_t)item, key, value)
    {
        bool understood;
        if (strcmp(key, "nullable") == 0)
            continue;
        if (!negate_keyword(schema, alternatives, item, key, value, &understood))
            return NULL;
        if (!understood && unknown == NULL && schema_knows(key))
            unknown = key;
    }
    if (unknown != NULL)
        leave_out(schema, item, unknown, json_array_size(alternatives) == 0);
    return schema_failed(schema) ? NULL : alternatives;
}

/* ---- oneOf ----------------------------------------------------------------------------------- */

/* `list` itself where all are apart from one another. */
static const json_t *exclusive(struct schema *schema, const json_t *list, bool alone)
{
    const size_t count = json_array_size(list);
    bool *const apart = scratch_take(&schema->scratch, count * count + 1, sizeof *apart);
    bool all = true;
    if (apart == NULL) {
        schema_no_memory(schema);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++) {
            apart[i * count + j] = apart[j * count + i] =
                schema_apart(schema, json_array_get(list, i), json_array_get(list, j), alone);
            all = all && apart[i * count + j];
        }
    if (all || schema_failed(schema))
        return schema_failed(schema) ? NULL : list;
    json_t *const alternatives = own(schema, json_array());
    for (size_t i = 0; alternatives != NULL && i < count; i++) {
        json_t *const both = json_pack("[O]", json_array_get(list, i));
        for (size_t j = 0; j < count; j++)
            if (j != i && !apart[i * count + j])
                (void)json_array_append_new(both, negation(schema, json_array_get(list, j)));
        if (!add_new(schema, alternatives, json_pack("{s:o}", "allOf", both)))
            return NULL;
    }
    return alternatives;
}

/* ---- if, dependent* -------------------------------------------------------------------------- */

static json_t *conditional(struct schema *schema, const json_t *object)
{
    const json_t *const condition = json_object_get(object, "if");
    const json_t *const then = json_object_get(object, "then");
    const json_t *const otherwise = json_object_get(object, "else");
    return own(schema, json_pack("[{s:[O,O]},{s:[o,O]}]", "allOf", borrowed(condition),
                                 then == NULL ? json_true() : borrowed(then), "allOf",
                                 negation(schema, condition),
                                 otherwise == NULL ? json_true() : borrowed(otherwise)));
}

static json_t *dependence(const char *name, const json_t *value)
{
    json_t *const without = json_pack("{s:{s:b}}", "properties", name, 0);
    json_t *const with = json_pack("{s:[s]}", "required", name);
    size_t i;
    json_t *item;
    json_array_foreach(value, i, item)
    {
        (void)json_array_append(json_object_get(with, "required"), item);
    }
    if (!json_is_array(value))
        (void)json_object_set_new(with, "allOf", json_pack("[O]", borrowed(value)));
    return json_pack("{s:[o,o]}", "anyOf", without, with);
}

static json_t *dependences(struct schema *schema, const json_t *object)
{
    static const char *const keywords[] = {"dependentRequired", "dependentSchemas", "dependencies"};
    json_t *const all = json_array();
    for (size_t k = 0; k < 3; k++) {
        const char *name;
        json_t *value;
        json_object_foreach(json_object_get(object, keywords[k]), name, value)
        {
            (void)json_array_append_new(all, dependence(name, value));
        }
    }
    return own(schema, json_pack("[{s:o}]", "allOf", all));
}

/* ---- all ------------------------------------------------------------------------------------- */

static const json_t *rewrite(struct schema *schema, struct schema_part part, bool alone)
{
    switch (part.kind) {
    case SCHEMA_ANY_OF:
        return json_object_get(part.schema, "anyOf");
    case SCHEMA_ONE_OF:
        return exclusive(schema, json_object_get(part.schema, "oneOf"), alone);
    case SCHEMA_IF:
        return conditional(schema, part.schema);
    case SCHEMA_NOT:
        return negate(schema, json_object_get(part.schema, "not"));
    default:
        return dependences(schema, part.schema);
    }
}

const json_t *schema_alternatives(struct schema *schema, struct schema_part part, bool alone)
{
    for (size_t i = 0; i < schema->made_count; i++)
        if (schema->made[i].from == part.schema && schema->made[i].kind == part.kind &&
            schema->made[i].alone == alone) {
            schema->left_outs += schema->made[i].incomplete;
            return schema->made[i].alternatives;
        }
    const size_t before = schema->left_outs;
    const json_t *const alternatives = rewrite(schema, part, alone);
    if (alternatives == NULL || schema_failed(schema))
        return NULL;
    struct schema_made *const made = scratch_grow(
        &schema->scratch, schema->made, schema->made_count, &schema->made_capacity, sizeof *made);
    if (made == NULL) {
        schema_no_memory(schema);
        return NULL;
    }
    schema->made = made;
    made[schema->made_count++] = (struct schema_made){part.schema, part.kind, alone,
                                                      schema->left_outs != before, alternatives};
    return alternatives;
}
