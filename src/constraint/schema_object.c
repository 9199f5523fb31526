/* schema_object.c - objects: properties in their order, then further ones.
 *
 *   "{" break ( "a": A ("," "b": B)? "," "c": C ("," further)* break )? "}"
 *
 * written from the back, for each property once for "something is before it" and once for "nothing
 * is", so that the commas are right; where properties are counted, once for each count n:
 *
 *   must_i[n]   member_i ends_i+1[n + 1]  or, if i is optional, must_i+1[n]
 *   ends_i[n]   break  if no more is required,  or "," must_i[n]
 *
 * A further key is neither a declared name nor differently schemed: for each subset of the
 * patterns, the keys that match just these have the schemas of these, and of additionalProperties
 * where it applies. Keys are told apart as texts: declared names are written in one way, so a
 * further key can't be one in disguise.
 */
#include "constraint/schema.h"

#include <string.h>

#include "base/hash.h"
#include "constraint/grammar_json.h"

struct property {
    const char *name;
    bool required;
    size_t member; /* "name": value */
};

struct pattern {
    const json_t *object; /* whose patternProperties have it */
    const char *text;
    const json_t *schema;
};

struct object {
    struct schema *schema;
    const struct schema_set *set;
    struct property *properties;
    size_t count, capacity;
    uint32_t *table; /* hashed properties, + 1 */
    size_t table_size;
    size_t least, most;
    const char **taken; /* [taken_count] names that no further key may be */
    size_t *lengths;    /* [taken_count] */
    size_t taken_count;
    struct pattern patterns[SCHEMA_PATTERNS];
    size_t pattern_count;
    struct schema_set names; /* propertyNames */
    struct schema_text keys; /* what they say of keys */
    const json_t *where;     /* for messages */
    bool closed;             /* properties are named, and further ones are not mentioned */
    size_t further;          /* a member, or SCHEMA_NOTHING */
};

static const json_t *plain(const struct object *object, size_t i)
{
    const struct schema_part part = object->set->parts[i];
    return part.kind == SCHEMA_PLAIN ? part.schema : NULL;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* The place in the table where the name is, or would be. */
static uint32_t *slot_of(struct object *object, const char *name)
{
    size_t at = hash_bytes(name, strlen(name), 0) & (object->table_size - 1);
    while (object->table[at] != 0 &&
           strcmp(object->properties[object->table[at] - 1].name, name) != 0)
        at = (at + 1) & (object->table_size - 1);
    return &object->table[at];
}

static bool grow_table(struct object *object)
{
    const size_t size = object->table_size == 0 ? 16 : object->table_size * 2;
    object->table = scratch_take(&object->schema->scratch, size, sizeof *object->table);
    object->table_size = size;
    for (size_t i = 0; object->table != NULL && i < object->count; i++)
        *slot_of(object, object->properties[i].name) = (uint32_t)i + 1;
    return object->table != NULL;
}

static bool add_name(struct object *object, const char *name, bool required)
{
    struct schema *const schema = object->schema;
    struct property *properties = NULL;
    if (object->count * 2 < object->table_size || grow_table(object))
        properties = scratch_grow(&schema->scratch, object->properties, object->count,
                                  &object->capacity, sizeof *properties);
    if (properties == NULL || !schema_step(schema)) {
        schema_no_memory(schema);
        return false;
    }
    object->properties = properties;
    uint32_t *const slot = slot_of(object, name);
    if (*slot == 0) {
        properties[object->count++] = (struct property){name, required, SCHEMA_NOTHING};
        *slot = (uint32_t)object->count;
    }
    properties[*slot - 1].required = properties[*slot - 1].required || required;
    return true;
}

static bool add_patterns(struct object *object, const json_t *from)
{
    const char *text;
    json_t *item;
    json_object_foreach(json_object_get(from, "patternProperties"), text, item)
    {
        if (object->pattern_count == SCHEMA_PATTERNS) {
            schema_failure(object->schema, PRIMER_ELIMIT, from, "patternProperties",
                           "more than %d patterns for one object", SCHEMA_PATTERNS);
            return false;
        }
        object->patterns[object->pattern_count++] = (struct pattern){from, text, item};
    }
    return true;
}

/* Of a negation of names as many are taken out as its const, enum or pattern says: these alone are
 * understood, and what stands beside them would leave out fewer. */
static bool understood(struct schema_part part)
{
    const json_t *const negated = json_object_get(part.schema, "not");
    return part.kind == SCHEMA_PLAIN ||
           (part.kind == SCHEMA_NOT && (json_object_get(negated, "const") != NULL ||
                                        json_object_get(negated, "enum") != NULL ||
                                        json_object_get(negated, "pattern") != NULL));
}

/* Names that propertyNames gives, if it gives a list. */
static bool add_given_names(struct object *object)
{
    const json_t **values;
    size_t count;
    struct schema *const schema = object->schema;
    for (size_t i = 0; i < object->names.count; i++)
        if (!understood(object->names.parts[i]))
            schema_failure(schema, PRIMER_EUNSUPPORTED, object->names.parts[i].schema, NULL,
                           "unions of names (propertyNames) are not supported");
    if (schema_failed(schema))
        return false;
    if (schema_values(schema, &object->names, &values, &count)) {
        object->names.nothing = true; /* no others */
        for (size_t i = 0; i < count; i++)
            if (json_is_string(values[i]) && !add_name(object, json_string_value(values[i]), false))
                return false;
        return true;
    }
    return !schema_failed(schema) && schema_text_of(schema, &object->names, &object->keys);
}

static bool read_names(struct object *object)
{
    struct schema *const schema = object->schema;
    bool named = false, mentioned = false;
    for (size_t i = 0; i < object->set->count; i++) {
        const char *name;
        json_t *item;
        const json_t *const further = json_object_get(plain(object, i), "additionalProperties");
        const json_t *const rest = json_object_get(plain(object, i), "unevaluatedProperties");
        json_object_foreach(json_object_get(plain(object, i), "properties"), name, item)
        {
            if (!add_name(object, name, false))
                return false;
            named = named || !json_is_false(item);
        }
        named = named || json_object_get(plain(object, i), "patternProperties") != NULL;
        mentioned = mentioned || further != NULL || (rest != NULL && !json_is_false(rest));
        if (!add_patterns(object, plain(object, i)))
            return false;
    }
    object->closed = named && !mentioned;
    return !schema_failed(schema);
}

static bool read_required(struct object *object)
{
    for (size_t i = 0; i < object->set->count; i++) {
        size_t r;
        json_t *name;
        json_array_foreach(json_object_get(plain(object, i), "required"), r, name)
        {
            if (!add_name(object, json_string_value(name), true))
                return false;
        }
    }
    return true;
}

static bool read_limits(struct object *object)
{
    struct schema *const schema = object->schema;
    object->most = GRAMMAR_ENDLESS;
    object->keys.most = GRAMMAR_ENDLESS;
    for (size_t i = 0; i < object->set->count; i++) {
        const json_t *const own = plain(object, i);
        const size_t least = schema_count(own, "minProperties", 0);
        const size_t most = schema_count(own, "maxProperties", GRAMMAR_ENDLESS);
        const json_t *const names = json_object_get(own, "propertyNames");
        object->least = least > object->least ? least : object->least;
        object->most = most < object->most ? most : object->most;
        object->where = object->where != NULL || own == NULL ? object->where : own;
        if (names != NULL && !schema_add(schema, &object->names, names))
            return false;
    }
    return object->names.count == 0 || add_given_names(object);
}

/* ---- unevaluatedProperties ------------------------------------------------------------------- */

/* Whether `to` holds wherever `from` does, or in one of its alternatives. */
static bool reaches(struct schema *schema, const json_t *from, const json_t *to, size_t depth)
{
    static const char *const lists[] = {"allOf", "anyOf", "oneOf"};
    static const char *const singles[] = {"if", "then", "else"};
    size_t n;
    json_t *item;
    const char *name;
    if (from == to)
        return true;
    if (depth == 0 || !json_is_object(from) || !schema_step(schema))
        return false;
    if (json_object_get(from, "$ref") != NULL &&
        reaches(schema, schema_resolve(schema, from), to, depth - 1))
        return true;
    for (size_t i = 0; i < 3; i++) {
        if (reaches(schema, json_object_get(from, singles[i]), to, depth - 1))
            return true;
        json_array_foreach(json_object_get(from, lists[i]), n, item)
        {
            if (reaches(schema, item, to, depth - 1))
                return true;
        }
    }
    json_object_foreach(json_object_get(from, "dependentSchemas"), name, item)
    {
        if (reaches(schema, item, to, depth - 1))
            return true;
    }
    return false;
}

/* A part that names properties, and that a part with unevaluatedProperties doesn't see. */
static bool check_unevaluated(struct object *object)
{
    for (size_t i = 0; i < object->set->count; i++) {
        const json_t *const own = plain(object, i);
        const json_t *const rest = json_object_get(own, "unevaluatedProperties");
        if (rest == NULL || json_is_true(rest))
            continue;
        for (size_t j = 0; j < object->set->count; j++)
            if ((json_object_get(plain(object, j), "properties") != NULL ||
                 json_object_get(plain(object, j), "patternProperties") != NULL ||
                 json_object_get(plain(object, j), "additionalProperties") != NULL) &&
                !reaches(object->schema, own, plain(object, j), 16))
                schema_failure(object->schema, PRIMER_EUNSUPPORTED, own, "unevaluatedProperties",
                               "not supported beside properties that it doesn't see");
    }
    return !schema_failed(object->schema);
}

/* ---- what a property holds ------------------------------------------------------------------- */

/* What holds where no part has a word on the property. */
static bool add_unevaluated(struct object *object, struct schema_set *set)
{
    for (size_t i = 0; i < object->set->count; i++) {
        const json_t *const rest = json_object_get(plain(object, i), "unevaluatedProperties");
        if (rest != NULL && !schema_add(object->schema, set, rest))
            return false;
    }
    return true;
}

/* Bit p: pattern p matches the name. */
static unsigned matching(struct object *object, const char *name)
{
    unsigned matches = 0;
    for (size_t p = 0; p < object->pattern_count; p++) {
        const struct pattern *const pattern = &object->patterns[p];
        if (schema_text_matches(object->schema, pattern->object, pattern->text, name, strlen(name)))
            matches |= 1u << p;
    }
    return matches;
}

/* name: NULL for a further one. */
static bool property_set(struct object *object, const char *name, unsigned matches,
                         struct schema_set *set)
{
    bool evaluated = false;
    for (size_t i = 0; i < object->set->count; i++) {
        const json_t *const own = plain(object, i);
        const json_t *const further = json_object_get(own, "additionalProperties");
        const json_t *const given =
            name == NULL ? NULL : json_object_get(json_object_get(own, "properties"), name);
        bool fits = given != NULL;
        if (own == NULL)
            continue;
        if (given != NULL && !schema_add(object->schema, set, given))
            return false;
        for (size_t p = 0; p < object->pattern_count; p++) {
            if (object->patterns[p].object != own || (matches >> p & 1) == 0)
                continue;
            fits = true;
            if (!schema_add(object->schema, set, object->patterns[p].schema))
                return false;
        }
        if (!fits && further != NULL && !schema_add(object->schema, set, further))
            return false;
        evaluated = evaluated || fits || further != NULL;
    }
    return evaluated || add_unevaluated(object, set);
}

static bool name_is_allowed(struct object *object, const char *name)
{
    bool allowed = true;
    for (size_t i = 0; i < object->set->count && allowed; i++) {
        const json_t *const names = json_object_get(plain(object, i), "propertyNames");
        json_t *const text = names == NULL ? NULL : json_string(name);
        allowed = names == NULL || (text != NULL && schema_valid(object->schema, text, names));
        json_decref(text);
    }
    return allowed;
}

static size_t member_node(struct object *object, size_t key, size_t value)
{
    struct grammar *const grammar = object->schema->grammar;
    const size_t parts[] = {key, grammar_json_colon(grammar), value};
    return grammar_sequence(grammar, parts, 3);
}

/* Drops optional properties that can't be; false: a failure, or a required one can't be. */
static bool make_members(struct object *object)
{
    struct schema *const schema = object->schema;
    size_t used = 0;
    for (size_t i = 0; i < object->count; i++) {
        struct property property = object->properties[i];
        struct schema_set set = {0};
        if (!property_set(object, property.name, matching(object, property.name), &set))
            return false;
        const size_t value = name_is_allowed(object, property.name)
                                 ? schema_node_below(schema, &set)
                                 : SCHEMA_NOTHING;
        if (schema_failed(schema) || (value == SCHEMA_NOTHING && property.required))
            return false;
        if (value == SCHEMA_NOTHING)
            continue;
        const size_t key = schema_quoted(schema, property.name, strlen(property.name));
        if (key == SCHEMA_NOTHING)
            return false;
        property.member = member_node(object, key, value);
        object->properties[used++] = property;
    }
    object->count = used;
    return !schema_failed(schema);
}

/* ---- further properties ---------------------------------------------------------------------- */

/* Keys that match just these patterns, and are none of the names. */
static size_t further_key(struct object *object, unsigned matches)
{
    struct schema *const schema = object->schema;
    struct schema_text text = object->keys;
    for (size_t p = 0; p < object->pattern_count; p++)
        if (!schema_text_pattern(schema, &text, object->patterns[p].object,
                                 object->patterns[p].text, strlen(object->patterns[p].text),
                                 (matches >> p & 1) == 0))
            return SCHEMA_NOTHING;
    if (!schema_text_except(schema, &text, object->taken, object->lengths, object->taken_count))
        return SCHEMA_NOTHING;
    return schema_text_node(schema, &text, object->where);
}

static size_t further_members(struct object *object)
{
    struct schema *const schema = object->schema;
    size_t nodes[1 << SCHEMA_PATTERNS], used = 0;
    for (unsigned matches = 0; matches < 1u << object->pattern_count; matches++) {
        struct schema_set set = {0};
        if (matches == 0 && object->closed)
            continue;
        if (!property_set(object, NULL, matches, &set))
            return SCHEMA_NOTHING;
        const size_t value = set.nothing ? SCHEMA_NOTHING : schema_node_below(schema, &set);
        const size_t key = value == SCHEMA_NOTHING ? SCHEMA_NOTHING : further_key(object, matches);
        if (schema_failed(schema))
            return SCHEMA_NOTHING;
        if (key != SCHEMA_NOTHING)
            nodes[used++] = member_node(object, key, value);
    }
    return used == 0 ? SCHEMA_NOTHING : grammar_choice(schema->grammar, nodes, used);
}

static bool list_names(struct object *object)
{
    struct schema *const schema = object->schema;
    object->taken = scratch_take(&schema->scratch, object->count + 1, sizeof *object->taken);
    object->lengths = scratch_take(&schema->scratch, object->count + 1, sizeof *object->lengths);
    if (object->taken == NULL || object->lengths == NULL) {
        schema_no_memory(schema);
        return false;
    }
    for (size_t i = 0; i < object->count; i++) {
        object->taken[i] = object->properties[i].name;
        object->lengths[i] = strlen(object->taken[i]);
    }
    object->taken_count = object->count;
    return true;
}

static size_t further(struct object *object)
{
    const bool none =
        object->names.nothing ||
        (object->names.count > 0 && (schema_set_types(&object->names) & SCHEMA_STRING) == 0);
    return none ? SCHEMA_NOTHING : further_members(object);
}

/* ---- all of them in order -------------------------------------------------------------------- */

static size_t behind_comma(struct grammar *grammar, size_t node)
{
    const size_t parts[] = {grammar_json_comma(grammar), node};
    return grammar_sequence(grammar, parts, 2);
}

/* A rule of its own, so that nothing is nested deeply. */
static size_t as_rule(struct grammar *grammar, size_t node)
{
    const size_t rule = grammar_rule(grammar);
    grammar_define(grammar, rule, node);
    return rule;
}

/* Behind a further one, which is number `written`. Two of them could be the same, so no more than
 * one is ever counted on. */
static size_t behind_further(const struct object *object, size_t written, bool counted)
{
    struct grammar *const grammar = object->schema->grammar;
    size_t most = GRAMMAR_ENDLESS;
    if (counted && (object->least > written || object->most < written))
        return SCHEMA_NOTHING;
    if (counted && object->most != GRAMMAR_ENDLESS)
        most = object->most - written;
    const size_t parts[] = {
        grammar_repeat(grammar, behind_comma(grammar, object->further), 0, most),
        grammar_json_break(grammar)};
    return grammar_sequence(grammar, parts, 2);
}

/* A member, and what follows it; or the other choice. */
static size_t member_or(struct grammar *grammar, size_t member, size_t behind, size_t other)
{
    const size_t parts[] = {member, behind};
    size_t choices[2], used = 0;
    if (member != SCHEMA_NOTHING && behind != SCHEMA_NOTHING)
        choices[used++] = grammar_sequence(grammar, parts, 2);
    if (other != SCHEMA_NOTHING)
        choices[used++] = other;
    return used == 0 ? SCHEMA_NOTHING : grammar_choice(grammar, choices, used);
}

/* Where `written` are there: the end, if it may be here, or a comma and what must follow. */
static size_t end_or_more(const struct object *object, size_t written, bool may_end, bool counted,
                          size_t more)
{
    struct grammar *const grammar = object->schema->grammar;
    size_t choices[2], used = 0;
    if (may_end && (!counted || (written >= object->least && written <= object->most)))
        choices[used++] =
            written == 0 ? grammar_sequence(grammar, NULL, 0) : grammar_json_break(grammar);
    if (more != SCHEMA_NOTHING)
        choices[used++] = written == 0 ? more : behind_comma(grammar, more);
    return used == 0 ? SCHEMA_NOTHING : grammar_choice(grammar, choices, used);
}

/* must[n]: one of the properties from i on, and the rest; ends[n]: the same, or the end. */
static size_t properties_node(struct object *object, bool counted)
{
    struct schema *const schema = object->schema;
    const size_t width = counted ? object->count + 2 : 2;
    size_t *const must = scratch_take(&schema->scratch, width, sizeof *must);
    size_t *const ends = scratch_take(&schema->scratch, width, sizeof *ends);
    bool may_end = true;
    if (must == NULL || ends == NULL)
        return schema_no_memory(schema);
    for (size_t n = 0; n < width; n++) {
        must[n] =
            member_or(schema->grammar, object->further,
                      object->further == SCHEMA_NOTHING ? SCHEMA_NOTHING
                                                        : behind_further(object, n + 1, counted),
                      SCHEMA_NOTHING);
        ends[n] = end_or_more(object, n, may_end, counted, must[n]);
    }
    for (size_t i = object->count; i-- > 0;) {
        const struct property *const property = &object->properties[i];
        may_end = may_end && !property->required;
        for (size_t n = 0; n < width; n++) {
            const size_t next = n + 1 < width ? n + 1 : n;
            must[n] = member_or(schema->grammar, property->member, ends[next],
                                property->required ? SCHEMA_NOTHING : must[n]);
            if (must[n] != SCHEMA_NOTHING && i % 64 == 63)
                must[n] = as_rule(schema->grammar, must[n]);
        }
        for (size_t n = 0; n < width; n++)
            ends[n] = end_or_more(object, n, may_end, counted, must[n]);
    }
    return ends[0];
}

static size_t object_node(struct object *object)
{
    struct schema *const schema = object->schema;
    size_t required = 0;
    for (size_t i = 0; i < object->count; i++)
        required += object->properties[i].required;
    const bool endless = object->further != SCHEMA_NOTHING;
    const bool counted = object->least > required || (object->most != GRAMMAR_ENDLESS &&
                                                      (endless || object->most < object->count));
    if (counted && object->count > SCHEMA_COUNTED)
        return schema_failure(schema, PRIMER_ELIMIT, object->where, NULL,
                              "minProperties or maxProperties beside more than %d properties",
                              SCHEMA_COUNTED);
    const size_t inside = properties_node(object, counted);
    if (inside == SCHEMA_NOTHING && endless && object->least > object->count + 1)
        return schema_failure(schema, PRIMER_EUNSUPPORTED, object->where, "minProperties",
                              "not supported where it takes more than one property besides those "
                              "that are named: keys might repeat");
    return inside == SCHEMA_NOTHING ? SCHEMA_NOTHING
                                    : grammar_json_bracketed(schema->grammar, "{", inside, "}");
}

size_t schema_object(struct schema *schema, const struct schema_set *set)
{
    struct object object = {.schema = schema, .set = set, .further = SCHEMA_NOTHING};
    if (!read_names(&object) || !read_limits(&object) || !read_required(&object) ||
        !check_unevaluated(&object) || !list_names(&object) || !make_members(&object))
        return SCHEMA_NOTHING;
    object.further = further(&object);
    return schema_failed(schema) ? SCHEMA_NOTHING : object_node(&object);
}
