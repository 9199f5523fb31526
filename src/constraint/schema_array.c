/* schema_array.c - arrays: tuples, lists, and how many items there are.
 *
 *   "[" break ( item_0 "," item_1 ... ("," further item){least..most} break )? "]"
 *
 * written from the back: what follows item i is optional from the least number of items on. Unique
 * items are written where they are out of a list of values: up to 8 in any order (a state is the
 * set of those that are gone), more in the list's order.
 */
#include "constraint/schema.h"

#include "constraint/grammar_json.h"

enum { ANY_ORDER = 8 };

struct array {
    struct schema *schema;
    const struct schema_set *set;
    size_t least, most, prefix; /* items that have schemas of their own */
    const json_t *contains;     /* the object with that keyword; NULL */
    size_t contained;
    const json_t *unique; /* the object with that keyword; NULL */
    bool closed;          /* a tuple without a word on further items */
};

static const json_t *tuple_of(const json_t *object)
{
    const json_t *const prefix = json_object_get(object, "prefixItems");
    const json_t *const items = json_object_get(object, "items");
    return prefix != NULL ? prefix : json_is_array(items) ? items : NULL;
}

/* What the object says of item `i`; NULL: nothing. */
static const json_t *item_of(const json_t *object, size_t i)
{
    const json_t *const tuple = tuple_of(object), *const items = json_object_get(object, "items");
    if (i < json_array_size(tuple))
        return json_array_get(tuple, i);
    const json_t *const further =
        json_is_array(items) ? json_object_get(object, "additionalItems") : items;
    return further != NULL ? further : json_object_get(object, "unevaluatedItems");
}

static bool read_contains(struct array *array, const json_t *object)
{
    struct schema *const schema = array->schema;
    if (json_object_get(object, "contains") == NULL || schema_failed(schema))
        return !schema_failed(schema);
    if (json_object_get(object, "maxContains") != NULL)
        schema_failure(schema, PRIMER_EUNSUPPORTED, object, "maxContains", "not supported");
    const size_t contained = schema_count(object, "minContains", 1);
    if (contained == 0)
        return !schema_failed(schema);
    if (array->contains != NULL)
        schema_failure(schema, PRIMER_EUNSUPPORTED, object, "contains",
                       "not supported more than once for one array");
    array->contains = object;
    array->contained = contained;
    return !schema_failed(schema);
}

static bool read_array(struct array *array)
{
    array->most = GRAMMAR_ENDLESS;
    for (size_t i = 0; i < array->set->count; i++) {
        const json_t *const object = array->set->parts[i].schema;
        if (array->set->parts[i].kind != SCHEMA_PLAIN)
            continue;
        const size_t least = schema_count(object, "minItems", 0);
        const size_t most = schema_count(object, "maxItems", GRAMMAR_ENDLESS);
        const size_t prefix = json_array_size(tuple_of(object));
        array->least = least > array->least ? least : array->least;
        array->most = most < array->most ? most : array->most;
        array->prefix = prefix > array->prefix ? prefix : array->prefix;
        array->closed =
            array->closed || (tuple_of(object) != NULL && item_of(object, prefix) == NULL);
        if (json_is_true(json_object_get(object, "uniqueItems")))
            array->unique = object;
        if (!read_contains(array, object))
            return false;
    }
    if (array->contains != NULL && array->prefix > 0)
        schema_failure(array->schema, PRIMER_EUNSUPPORTED, array->contains, "contains",
                       "not supported beside items with schemas of their own");
    return !schema_failed(array->schema);
}

/* What all parts say of item `i`. */
static bool item_set(struct array *array, size_t i, struct schema_set *set)
{
    for (size_t p = 0; p < array->set->count; p++) {
        const struct schema_part part = array->set->parts[p];
        const json_t *const item = part.kind == SCHEMA_PLAIN ? item_of(part.schema, i) : NULL;
        if (item != NULL && !schema_add(array->schema, set, item))
            return false;
    }
    return true;
}

/* ---- lists ----------------------------------------------------------------------------------- */

static size_t behind_comma(struct grammar *grammar, size_t node)
{
    const size_t parts[] = {grammar_json_comma(grammar), node};
    return grammar_sequence(grammar, parts, 2);
}

static size_t less(size_t count, size_t by)
{
    return count == GRAMMAR_ENDLESS ? count : count > by ? count - by : 0;
}

/* item ("," item){least - 1 .. most - 1}; at least one of them. */
static size_t list_of(struct grammar *grammar, size_t item, size_t least, size_t most)
{
    const size_t parts[] = {
        item, grammar_repeat(grammar, behind_comma(grammar, item), less(least, 1), less(most, 1))};
    return grammar_sequence(grammar, parts, 2);
}

/* Nothing, or `inside` and a break. */
static size_t bracketed(struct grammar *grammar, size_t inside, bool may_be_empty)
{
    const size_t parts[] = {inside, grammar_json_break(grammar)};
    const size_t node = grammar_sequence(grammar, parts, 2);
    return grammar_json_bracketed(grammar, "[", grammar_repeat(grammar, node, !may_be_empty, 1),
                                  "]");
}

static size_t empty_array(struct grammar *grammar)
{
    return grammar_json_bracketed(grammar, "[", grammar_sequence(grammar, NULL, 0), "]");
}

/* ---- contains -------------------------------------------------------------------------------- */

static size_t with_contained(struct array *array, const struct schema_set *items, size_t item)
{
    struct schema *const schema = array->schema;
    struct grammar *const grammar = schema->grammar;
    const size_t count = array->contained;
    struct schema_set both = {0};
    if (!schema_add_set(schema, &both, items) ||
        !schema_add(schema, &both, json_object_get(array->contains, "contains")))
        return SCHEMA_NOTHING;
    const size_t wanted = schema_node_below(schema, &both);
    if (wanted == SCHEMA_NOTHING || array->most < count)
        return SCHEMA_NOTHING;
    const size_t more = behind_comma(grammar, item);
    if (array->most != GRAMMAR_ENDLESS || array->least > count) {
        const size_t parts[] = {
            list_of(grammar, wanted, count, count),
            grammar_repeat(grammar, more, less(array->least, count), less(array->most, count))};
        return bracketed(grammar, grammar_sequence(grammar, parts, 2), false);
    }
    const size_t before[] = {item, grammar_json_comma(grammar)};
    const size_t others = grammar_repeat(grammar, more, 0, GRAMMAR_ENDLESS);
    const size_t again[] = {behind_comma(grammar, wanted), others};
    const size_t parts[] = {
        grammar_repeat(grammar, grammar_sequence(grammar, before, 2), 0, GRAMMAR_ENDLESS), wanted,
        others, grammar_repeat(grammar, grammar_sequence(grammar, again, 2), count - 1, count - 1)};
    return bracketed(grammar, grammar_sequence(grammar, parts, 4), false);
}

/* ---- unique items ---------------------------------------------------------------------------- */

/* Values, each once; as soon as there are too many it is enough. */
static size_t distinct(const json_t **values, size_t count)
{
    size_t used = 0;
    for (size_t i = 0; i < count && used <= SCHEMA_UNIQUE; i++) {
        size_t j = 0;
        while (j < used && !schema_equal(values[j], values[i]))
            j++;
        if (j == used)
            values[used++] = values[i];
    }
    return used;
}

static size_t ones(size_t bits)
{
    size_t count = 0;
    for (; bits != 0; bits &= bits - 1)
        count++;
    return count;
}

/* nodes[taken]: what may follow once these values are written; from the fullest to none. */
static size_t in_any_order(struct array *array, const size_t *values, size_t count)
{
    struct grammar *const grammar = array->schema->grammar;
    size_t nodes[(size_t)1 << ANY_ORDER];
    for (size_t taken = (size_t)1 << count; taken-- > 0;) {
        size_t choices[ANY_ORDER + 1], used = 0;
        const size_t written = ones(taken);
        if (written >= array->least)
            choices[used++] =
                written == 0 ? grammar_sequence(grammar, NULL, 0) : grammar_json_break(grammar);
        for (size_t i = 0; i < count && written < array->most; i++) {
            const size_t with = taken | (size_t)1 << i;
            if ((taken >> i & 1) != 0 || nodes[with] == SCHEMA_NOTHING)
                continue;
            const size_t parts[] = {written == 0 ? values[i] : behind_comma(grammar, values[i]),
                                    nodes[with]};
            choices[used++] = grammar_sequence(grammar, parts, 2);
        }
        nodes[taken] = used == 0 ? SCHEMA_NOTHING : grammar_choice(grammar, choices, used);
    }
    return nodes[0];
}

/* nodes[written]: what may follow where values from i on are left. */
static size_t in_their_order(struct array *array, const size_t *values, size_t count)
{
    struct grammar *const grammar = array->schema->grammar;
    size_t nodes[SCHEMA_UNIQUE + 2], before[SCHEMA_UNIQUE + 2];
    for (size_t written = 0; written <= count; written++) {
        nodes[written] =
            written == 0 ? grammar_sequence(grammar, NULL, 0) : grammar_json_break(grammar);
        if (written < array->least || written > array->most)
            nodes[written] = SCHEMA_NOTHING;
    }
    for (size_t i = count; i-- > 0;) {
        for (size_t written = 0; written <= count; written++)
            before[written] = nodes[written];
        for (size_t written = 0; written <= i; written++) {
            size_t choices[2], used = 0;
            if (before[written + 1] != SCHEMA_NOTHING) {
                const size_t parts[] = {written == 0 ? values[i] : behind_comma(grammar, values[i]),
                                        before[written + 1]};
                choices[used++] = grammar_sequence(grammar, parts, 2);
            }
            if (before[written] != SCHEMA_NOTHING)
                choices[used++] = before[written];
            nodes[written] = used == 0 ? SCHEMA_NOTHING : grammar_choice(grammar, choices, used);
        }
    }
    return nodes[0];
}

static size_t unique_items(struct array *array, const struct schema_set *items)
{
    struct schema *const schema = array->schema;
    const json_t **values;
    size_t count, nodes[SCHEMA_UNIQUE];
    if (array->prefix > 0 || array->contains != NULL ||
        !schema_values(schema, items, &values, &count))
        return schema_failure(schema, PRIMER_EUNSUPPORTED, array->unique, "uniqueItems",
                              "supported for items out of an enum, and for at most one item");
    count = distinct(values, count);
    if (count > SCHEMA_UNIQUE)
        return schema_failure(schema, PRIMER_ELIMIT, array->unique, "uniqueItems",
                              "an enum of more than %d values", SCHEMA_UNIQUE);
    if (array->least > count)
        return SCHEMA_NOTHING;
    for (size_t i = 0; i < count; i++)
        nodes[i] = schema_value(schema, values[i]);
    if (schema_failed(schema))
        return SCHEMA_NOTHING;
    const size_t inside = count <= ANY_ORDER ? in_any_order(array, nodes, count)
                                             : in_their_order(array, nodes, count);
    return inside == SCHEMA_NOTHING ? inside
                                    : grammar_json_bracketed(schema->grammar, "[", inside, "]");
}

/* ---- tuples ---------------------------------------------------------------------------------- */

/* `items` [prefix]; further: the node of those behind them, or SCHEMA_NOTHING. */
static size_t tuple(struct array *array, const size_t *items, size_t further)
{
    struct grammar *const grammar = array->schema->grammar;
    size_t node = grammar_sequence(grammar, NULL, 0);
    size_t i = array->prefix < array->most ? array->prefix : array->most;
    if (further != SCHEMA_NOTHING && array->most > i)
        node = grammar_repeat(grammar, behind_comma(grammar, further), less(array->least, i),
                              less(array->most, i));
    while (i-- > 0) {
        const size_t parts[] = {i == 0 ? items[i] : behind_comma(grammar, items[i]), node};
        node = grammar_sequence(grammar, parts, 2);
        if (i > 0)
            node = grammar_repeat(grammar, node, i < array->least, 1);
    }
    return bracketed(grammar, node, array->least == 0);
}

static size_t plain_array(struct array *array, size_t further)
{
    struct schema *const schema = array->schema;
    size_t *const items = scratch_take(&schema->scratch, array->prefix + 1, sizeof *items);
    if (items == NULL)
        return schema_no_memory(schema);
    for (size_t i = 0; i < array->prefix && i < array->most; i++) {
        struct schema_set set = {0};
        if (!item_set(array, i, &set))
            return SCHEMA_NOTHING;
        items[i] = schema_node_below(schema, &set);
        if (items[i] == SCHEMA_NOTHING)
            array->most = i;
    }
    if (further == SCHEMA_NOTHING && array->most > array->prefix)
        array->most = array->prefix;
    if (schema_failed(schema) || array->least > array->most)
        return SCHEMA_NOTHING;
    if (array->most == 0)
        return empty_array(schema->grammar);
    if (array->prefix > 0)
        return tuple(array, items, further);
    return bracketed(schema->grammar, list_of(schema->grammar, further, array->least, array->most),
                     array->least == 0);
}

size_t schema_array(struct schema *schema, const struct schema_set *set)
{
    struct array array = {.schema = schema, .set = set};
    struct schema_set items = {0};
    if (!read_array(&array) || array.least > array.most || !item_set(&array, array.prefix, &items))
        return SCHEMA_NOTHING;
    if (array.unique != NULL && array.most > 1)
        return unique_items(&array, &items);
    const size_t further = array.closed || array.most <= array.prefix
                               ? SCHEMA_NOTHING
                               : schema_node_below(schema, &items);
    if (array.contains == NULL || schema_failed(schema))
        return plain_array(&array, further);
    return further == SCHEMA_NOTHING ? SCHEMA_NOTHING : with_contained(&array, &items, further);
}
