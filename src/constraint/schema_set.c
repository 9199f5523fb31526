/* schema_set.c - parts that hold together, and the nodes they become.
 *
 *   {allOf: [A, {$ref: B}], anyOf: [C, D], type: T}
 *     -> { A's parts, B's parts, (this, PLAIN), (this, ANY_OF) }
 *     -> node of { A's, B's, (this, PLAIN), C's }  |  node of { A's, B's, (this, PLAIN), D's }
 *
 * A set in the making that is met again inside an object or an array is a rule; met again with
 * nothing in between, it would be its own beginning: an error.
 */
#include "constraint/schema.h"

#include <string.h>

#define SLOTS       4096  /* of sets that are remembered */
#define VALUES_MOST 20000 /* of an enum */

struct schema_memory {
    struct schema_part *parts;
    size_t count;
    size_t depth; /* where it was begun */
    size_t next;  /* with the same slot, + 1 */
    size_t rule;  /* SCHEMA_NOTHING: not needed so far */
    size_t node;  /* once it is done */
    bool done;
};

/* The schemas of one place that lead to one another. */
struct chain {
    const json_t *schema;
    const struct chain *before;
    size_t length;
};

/* ---- parts ----------------------------------------------------------------------------------- */

static bool add_part(struct schema *schema, struct schema_set *set, struct schema_part part)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->parts[i].schema == part.schema && set->parts[i].kind == part.kind)
            return true;
    if (!schema_steps(schema, set->count / 64))
        return false;
    struct schema_part *const parts =
        scratch_grow(&schema->scratch, set->parts, set->count, &set->capacity, sizeof part);
    if (parts == NULL) {
        schema_no_memory(schema);
        return false;
    }
    set->parts = parts;
    set->parts[set->count++] = part;
    return true;
}

static bool has(const json_t *item, const char *keyword)
{
    return json_object_get(item, keyword) != NULL;
}

static bool add_own_parts(struct schema *schema, struct schema_set *set, const json_t *item)
{
    const bool present[] = {
        [SCHEMA_PLAIN] = schema_has_plain(item),
        [SCHEMA_ANY_OF] = has(item, "anyOf"),
        [SCHEMA_ONE_OF] = has(item, "oneOf"),
        [SCHEMA_IF] = has(item, "if") && (has(item, "then") || has(item, "else")),
        [SCHEMA_NOT] = has(item, "not"),
        [SCHEMA_DEPENDENT] = has(item, "dependentRequired") || has(item, "dependentSchemas") ||
                             has(item, "dependencies"),
    };
    for (size_t kind = 0; kind < sizeof present / sizeof *present; kind++)
        if (present[kind] &&
            !add_part(schema, set, (struct schema_part){item, (enum schema_kind)kind}))
            return false;
    return true;
}

static bool add_item(struct schema *schema, struct schema_set *set, const json_t *item,
                     const struct chain *before)
{
    const struct chain chain = {item, before, before == NULL ? 1 : before->length + 1};
    if (!schema_steps(schema, 1 + json_object_size(item) / 16))
        return false;
    if (!json_is_object(item)) {
        set->nothing = set->nothing || !json_is_true(item);
        return true;
    }
    for (const struct chain *link = before; link != NULL; link = link->before)
        if (link->schema == item)
            schema_failure(schema, PRIMER_EFORMAT, item, NULL,
                           "leads back to itself, with no value in between");
    if (chain.length > SCHEMA_DEPTH)
        schema_failure(schema, PRIMER_ELIMIT, item, NULL,
                       "more than %d references and allOf in one another", SCHEMA_DEPTH);
    if (schema_failed(schema) || !schema_check(schema, item))
        return false;
    if (has(item, "$ref")) {
        const json_t *const target = schema_resolve(schema, item);
        if (target == NULL || !add_item(schema, set, target, &chain))
            return false;
    }
    size_t i;
    json_t *child;
    json_array_foreach(json_object_get(item, "allOf"), i, child)
    {
        if (!add_item(schema, set, child, &chain))
            return false;
    }
    return add_own_parts(schema, set, item);
}

bool schema_add(struct schema *schema, struct schema_set *set, const json_t *item)
{
    return add_item(schema, set, item, NULL);
}

bool schema_add_set(struct schema *schema, struct schema_set *set, const struct schema_set *other)
{
    set->nothing = set->nothing || other->nothing;
    for (size_t i = 0; i < other->count; i++)
        if (!add_part(schema, set, other->parts[i]))
            return false;
    return true;
}

bool schema_is_any(const struct schema_set *set)
{
    return set->count == 0 && !set->nothing;
}

unsigned schema_set_types(const struct schema_set *set)
{
    unsigned types = SCHEMA_ANY, implied = 0;
    bool named = false;
    for (size_t i = 0; i < set->count; i++) {
        const json_t *const item = set->parts[i].schema;
        if (set->parts[i].kind != SCHEMA_PLAIN)
            continue;
        types &= schema_types(item);
        implied |= schema_implied(item);
        named = named || has(item, "type");
    }
    return named || implied == 0 ? types : types & implied;
}

/* ---- given values ---------------------------------------------------------------------------- */

bool schema_values(struct schema *schema, const struct schema_set *set, const json_t ***values,
                   size_t *count)
{
    const json_t *list = NULL, *single = NULL;
    for (size_t i = 0; i < set->count && list == NULL && single == NULL; i++)
        if (set->parts[i].kind == SCHEMA_PLAIN) {
            single = json_object_get(set->parts[i].schema, "const");
            list = json_object_get(set->parts[i].schema, "enum");
        }
    if (list == NULL && single == NULL)
        return false;
    const size_t candidates = single != NULL ? 1 : json_array_size(list);
    if (candidates > VALUES_MOST) {
        schema_failure(schema, PRIMER_ELIMIT, list, NULL, "an enum of %zu values, at most %d",
                       candidates, VALUES_MOST);
        return false;
    }
    *count = 0;
    *values = scratch_take(&schema->scratch, candidates + 1, sizeof **values);
    if (*values == NULL) {
        schema_no_memory(schema);
        return false;
    }
    const json_t *const given = schema->given, *const given_list = schema->given_list;
    schema->given_list = single != NULL ? NULL : list;
    for (size_t i = 0; i < candidates; i++) {
        const json_t *const value = single != NULL ? single : json_array_get(list, i);
        schema->given = value;
        if (schema_valid_set(schema, value, set))
            (*values)[(*count)++] = value;
    }
    schema->given = given;
    schema->given_list = given_list;
    return !schema_failed(schema);
}

static size_t choice_of(struct schema *schema, size_t *nodes, size_t count)
{
    if (schema_failed(schema) || count == 0)
        return SCHEMA_NOTHING;
    return grammar_choice(schema->grammar, nodes, count);
}

static size_t values_node(struct schema *schema, const json_t *const *values, size_t count)
{
    size_t *const nodes = scratch_take(&schema->scratch, count + 1, sizeof *nodes);
    if (nodes == NULL)
        return schema_no_memory(schema);
    for (size_t i = 0; i < count; i++)
        nodes[i] = schema_value(schema, values[i]);
    return choice_of(schema, nodes, count);
}

/* ---- types ----------------------------------------------------------------------------------- */

/* null, true and false, those that are valid. */
static size_t add_words(struct schema *schema, const struct schema_set *set, unsigned types,
                        size_t *nodes)
{
    json_t *const words[] = {json_true(), json_false(), json_null()};
    static const char *const texts[] = {"true", "false", "null"};
    size_t used = 0;
    for (size_t i = 0; i < 3; i++)
        if ((schema_type_of(words[i]) & types) != 0 && schema_valid_set(schema, words[i], set))
            nodes[used++] = grammar_text(schema->grammar, texts[i]);
    return used;
}

/* A given object or array can't be taken out of those that are written. */
static bool check_excluded(struct schema *schema, const struct schema_set *set, unsigned types)
{
    for (size_t i = 0; i < set->count; i++) {
        const json_t *const negated = json_object_get(set->parts[i].schema, "not");
        const json_t *const given = json_object_get(negated, "const");
        const json_t *const list = json_object_get(negated, "enum");
        const size_t count = given != NULL ? 1 : json_array_size(list);
        for (size_t n = 0; set->parts[i].kind == SCHEMA_NOT && n < count; n++) {
            const unsigned type = schema_type_of(given != NULL ? given : json_array_get(list, n));
            if ((type & types & (SCHEMA_OBJECT | SCHEMA_ARRAY)) != 0)
                schema_failure(schema, PRIMER_EUNSUPPORTED, set->parts[i].schema, "not",
                               "not supported with a given object or array");
        }
    }
    return !schema_failed(schema);
}

static size_t types_node(struct schema *schema, const struct schema_set *set)
{
    const unsigned types = schema_set_types(set);
    size_t nodes[8], used = 0;
    if (!check_excluded(schema, set, types))
        return SCHEMA_NOTHING;
    if ((types & SCHEMA_OBJECT) != 0)
        nodes[used++] = schema_object(schema, set);
    if ((types & SCHEMA_ARRAY) != 0)
        nodes[used++] = schema_array(schema, set);
    if ((types & SCHEMA_STRING) != 0)
        nodes[used++] = schema_string(schema, set);
    if ((types & SCHEMA_NUMBER) != 0)
        nodes[used++] = schema_number(schema, set, types);
    size_t kept = 0;
    for (size_t i = 0; i < used; i++)
        if (nodes[i] != SCHEMA_NOTHING)
            nodes[kept++] = nodes[i];
    kept += add_words(schema, set, types, nodes + kept);
    return choice_of(schema, nodes, kept);
}

/* ---- unions ---------------------------------------------------------------------------------- */

static bool is_union(struct schema_part part)
{
    return part.kind != SCHEMA_PLAIN &&
           (part.kind != SCHEMA_NOT || !schema_not_simple(json_object_get(part.schema, "not")));
}

/* Whether the union's alternatives alone say which properties there are. */
static bool is_alone(const struct schema_set *set, size_t chosen)
{
    static const char *const about_properties[] = {"properties",           "patternProperties",
                                                   "additionalProperties", "required",
                                                   "propertyNames",        "unevaluatedProperties"};
    for (size_t i = 0; i < set->count; i++) {
        if (i != chosen && set->parts[i].kind != SCHEMA_PLAIN)
            return false;
        for (size_t k = 0; k < 6 && i != chosen; k++)
            if (has(set->parts[i].schema, about_properties[k]))
                return false;
    }
    return true;
}

static size_t union_node(struct schema *schema, const struct schema_set *set, size_t chosen)
{
    const json_t *const alternatives =
        schema_alternatives(schema, set->parts[chosen], is_alone(set, chosen));
    size_t i, used = 0;
    json_t *item;
    if (alternatives == NULL)
        return SCHEMA_NOTHING;
    size_t *const nodes =
        scratch_take(&schema->scratch, json_array_size(alternatives) + 1, sizeof *nodes);
    if (nodes == NULL)
        return schema_no_memory(schema);
    json_array_foreach(alternatives, i, item)
    {
        struct schema_set branch = {0};
        for (size_t p = 0; p < set->count; p++)
            if (p != chosen && !add_part(schema, &branch, set->parts[p]))
                return SCHEMA_NOTHING;
        if (!schema_add(schema, &branch, item))
            return SCHEMA_NOTHING;
        const size_t before = schema->left_outs;
        nodes[used] = schema_node(schema, &branch);
        if (nodes[used] == SCHEMA_NOTHING && schema->left_outs != before && !schema_failed(schema))
            schema_left_out(schema);
        used += nodes[used] != SCHEMA_NOTHING;
    }
    return choice_of(schema, nodes, used);
}

/* ---- contradictions -------------------------------------------------------------------------- */

static bool is_required(struct schema *schema, const struct schema_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++) {
        const json_t *const required = json_object_get(set->parts[i].schema, "required");
        size_t r;
        json_t *text;
        if (set->parts[i].kind != SCHEMA_PLAIN ||
            !schema_steps(schema, json_array_size(required) / 64))
            continue;
        json_array_foreach(required, r, text)
        {
            if (strcmp(json_string_value(text), name) == 0)
                return true;
        }
    }
    return false;
}

/* Whether no part's schema for the property leaves one of the given values. */
static bool leaves_none(struct schema *schema, const struct schema_set *set, const char *name,
                        const json_t *given)
{
    struct schema_set all = {0};
    const json_t **values;
    size_t count;
    if (!schema_add(schema, &all, given))
        return false;
    for (size_t i = 0; i < set->count; i++) {
        const json_t *const other =
            json_object_get(json_object_get(set->parts[i].schema, "properties"), name);
        if (set->parts[i].kind == SCHEMA_PLAIN && other != NULL && other != given &&
            !schema_add(schema, &all, other))
            return false;
    }
    return all.nothing || (schema_values(schema, &all, &values, &count) && count == 0);
}

/* A required property whose given values contradict one another: found before unions are
 * multiplied. */
static bool contradicts(struct schema *schema, const struct schema_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        const json_t *const properties = json_object_get(set->parts[i].schema, "properties");
        const char *name;
        json_t *given;
        if (set->parts[i].kind != SCHEMA_PLAIN)
            continue;
        json_object_foreach((json_t *)(uintptr_t)properties, name, given)
        {
            if ((has(given, "const") || has(given, "enum")) && is_required(schema, set, name) &&
                leaves_none(schema, set, name, given))
                return true;
        }
    }
    return false;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static size_t make(struct schema *schema, const struct schema_set *set)
{
    const json_t **values;
    size_t count = 0;
    if (schema_set_types(set) == 0)
        return SCHEMA_NOTHING;
    if (schema_values(schema, set, &values, &count))
        return values_node(schema, values, count);
    for (size_t i = 0; i < set->count && !schema_failed(schema); i++)
        if (is_union(set->parts[i]))
            return contradicts(schema, set) ? SCHEMA_NOTHING : union_node(schema, set, i);
    return schema_failed(schema) ? SCHEMA_NOTHING : types_node(schema, set);
}

/* Sets with the same parts have the same slot; 0 is the end of its chain. */
static size_t *slot_of(struct schema *schema, const struct schema_set *set)
{
    size_t slot = set->count;
    for (size_t p = 0; p < set->count; p++)
        slot =
            (slot * 31 + (size_t)set->parts[p].kind) * 31 + ((uintptr_t)set->parts[p].schema >> 4);
    if (schema->slots == NULL)
        schema->slots = scratch_take(&schema->scratch, SLOTS, sizeof *schema->slots);
    if (schema->slots == NULL)
        schema_no_memory(schema);
    return schema->slots == NULL ? NULL : &schema->slots[(slot ^ slot >> 16) % SLOTS];
}

static bool same_parts(const struct schema_memory *memory, const struct schema_set *set)
{
    size_t p = 0;
    while (memory->count == set->count && p < set->count &&
           memory->parts[p].schema == set->parts[p].schema &&
           memory->parts[p].kind == set->parts[p].kind)
        p++;
    return memory->count == set->count && p == set->count;
}

static struct schema_memory *recall(struct schema *schema, const struct schema_set *set)
{
    const size_t *const slot = slot_of(schema, set);
    for (size_t i = slot == NULL ? 0 : *slot; i != 0; i = schema->memory[i - 1].next)
        if (same_parts(&schema->memory[i - 1], set))
            return &schema->memory[i - 1];
    return NULL;
}

static size_t remember(struct schema *schema, const struct schema_set *set)
{
    size_t *const slot = slot_of(schema, set);
    if (schema->memory_count == SCHEMA_SETS)
        return schema_failure(schema, PRIMER_ELIMIT, NULL, NULL,
                              "its unions multiply to more than %d schemas", SCHEMA_SETS);
    struct schema_memory *const memory =
        scratch_grow(&schema->scratch, schema->memory, schema->memory_count,
                     &schema->memory_capacity, sizeof *memory);
    if (memory == NULL || slot == NULL)
        return schema_no_memory(schema);
    schema->memory = memory;
    memory[schema->memory_count] = (struct schema_memory){.parts = set->parts,
                                                          .count = set->count,
                                                          .depth = schema->depth,
                                                          .next = *slot,
                                                          .rule = SCHEMA_NOTHING};
    *slot = schema->memory_count + 1;
    return schema->memory_count++;
}

static size_t met_again(struct schema *schema, struct schema_memory *memory)
{
    if (memory->done)
        return memory->node;
    if (memory->depth == schema->depth)
        return schema_failure(schema, PRIMER_EFORMAT, memory->parts[0].schema, NULL,
                              "leads back to itself, with no value in between");
    if (memory->rule == SCHEMA_NOTHING)
        memory->rule = grammar_rule(schema->grammar);
    return memory->rule;
}

size_t schema_node(struct schema *schema, const struct schema_set *set)
{
    if (schema_failed(schema) || set->nothing)
        return SCHEMA_NOTHING;
    if (set->count == 0)
        return schema_any(schema);
    struct schema_memory *const known = recall(schema, set);
    if (known != NULL)
        return met_again(schema, known);
    const size_t own = schema_failed(schema) ? SCHEMA_NOTHING : remember(schema, set);
    if (own == SCHEMA_NOTHING)
        return SCHEMA_NOTHING;
    size_t node = make(schema, set);
    struct schema_memory *const memory = &schema->memory[own];
    if (memory->rule != SCHEMA_NOTHING && !schema_failed(schema)) {
        grammar_define(schema->grammar, memory->rule,
                       node == SCHEMA_NOTHING ? grammar_choice(schema->grammar, NULL, 0) : node);
        node = node == SCHEMA_NOTHING ? node : memory->rule;
    }
    memory->node = node;
    memory->done = true;
    return node;
}

size_t schema_node_below(struct schema *schema, const struct schema_set *set)
{
    if (schema->depth == SCHEMA_DEPTH)
        return schema_failure(schema, PRIMER_ELIMIT, NULL, NULL,
                              "more than %d objects and arrays in one another", SCHEMA_DEPTH);
    schema->depth++;
    const size_t node = schema_node(schema, set);
    schema->depth--;
    return node;
}

size_t schema_any(struct schema *schema)
{
    if (schema->any == SCHEMA_NOTHING)
        schema->any = grammar_json(schema->grammar, false);
    return schema->any;
}
