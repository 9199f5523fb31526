/* jinja_value.c - values of a running template: made, compared, from JSON. */
#include "chat/jinja_value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_EXACT 9007199254740992.0 /* 2^53 */

const char *jinja_value_kind(const struct jinja_value *value)
{
    static const char *const names[] = {[JINJA_UNDEFINED] = "nothing defined",
                                        [JINJA_NONE] = "none",
                                        [JINJA_BOOLEAN] = "a boolean",
                                        [JINJA_INTEGER] = "an integer",
                                        [JINJA_REAL] = "a number",
                                        [JINJA_TEXT_VALUE] = "a text",
                                        [JINJA_LIST] = "a list",
                                        [JINJA_DICT] = "a dict",
                                        [JINJA_NAMESPACE] = "a namespace",
                                        [JINJA_FUNCTION] = "a function"};
    return names[value->kind];
}

bool jinja_value_true(const struct jinja_value *value)
{
    switch (value->kind) {
    case JINJA_BOOLEAN:
        return value->truth;
    case JINJA_INTEGER:
        return value->integer != 0;
    case JINJA_REAL:
        return value->real != 0.0 && !isnan(value->real);
    case JINJA_TEXT_VALUE:
        return value->text.length > 0;
    case JINJA_LIST:
        return value->list->count > 0;
    case JINJA_DICT:
        return value->dict->count > 0;
    case JINJA_NAMESPACE:
    case JINJA_FUNCTION:
        return true;
    default:
        return false;
    }
}

bool jinja_value_number(const struct jinja_value *value, double *number)
{
    switch (value->kind) {
    case JINJA_BOOLEAN:
        *number = value->truth;
        return true;
    case JINJA_INTEGER:
        *number = (double)value->integer;
        return true;
    case JINJA_REAL:
        *number = value->real;
        return true;
    default:
        return false;
    }
}

static primer_status equal_at(struct jinja_run *run, const struct jinja_value *a,
                              const struct jinja_value *b, size_t depth, bool *equal);

static primer_status lists_equal(struct jinja_run *run, const struct jinja_list *a,
                                 const struct jinja_list *b, size_t depth, bool *equal)
{
    *equal = a->count == b->count;
    for (size_t i = 0; a != b && i < a->count && *equal; i++)
        FORWARD(equal_at(run, &a->items[i], &b->items[i], depth, equal));
    return PRIMER_OK;
}

static primer_status dicts_equal(struct jinja_run *run, const struct jinja_dict *a,
                                 const struct jinja_dict *b, size_t depth, bool *equal)
{
    *equal = a->count == b->count;
    for (size_t i = 0; a != b && i < a->count && *equal; i++) {
        FORWARD(jinja_run_step(run, b->count / 16));
        const struct jinja_value *const other = jinja_dict_find(b, a->entries[i].key);
        *equal = other != NULL;
        if (other != NULL)
            FORWARD(equal_at(run, &a->entries[i].value, other, depth, equal));
    }
    return PRIMER_OK;
}

static primer_status equal_of_kind(struct jinja_run *run, const struct jinja_value *a,
                                   const struct jinja_value *b, size_t depth, bool *equal)
{
    switch (a->kind) {
    case JINJA_TEXT_VALUE:
        *equal = jinja_text_same(a->text, b->text);
        return jinja_run_step(run, a->text.length / 64);
    case JINJA_LIST:
        return lists_equal(run, a->list, b->list, depth + 1, equal);
    case JINJA_DICT:
        return dicts_equal(run, a->dict, b->dict, depth + 1, equal);
    case JINJA_NAMESPACE:
        *equal = a->dict == b->dict;
        return PRIMER_OK;
    default:
        *equal = a->function == b->function;
        return PRIMER_OK;
    }
}

static primer_status equal_at(struct jinja_run *run, const struct jinja_value *a,
                              const struct jinja_value *b, size_t depth, bool *equal)
{
    double x, y;
    FORWARD(jinja_run_step(run, 1));
    if (depth > JINJA_DEPTH)
        return jinja_run_failure(run, "values nested more than %d levels deep", JINJA_DEPTH);
    if (a->kind == JINJA_INTEGER && b->kind == JINJA_INTEGER)
        *equal = a->integer == b->integer;
    else if (jinja_value_number(a, &x) && jinja_value_number(b, &y))
        *equal = x == y;
    else if (a->kind <= JINJA_NONE && b->kind <= JINJA_NONE)
        *equal = true;
    else if (a->kind != b->kind)
        *equal = false;
    else
        return equal_of_kind(run, a, b, depth, equal);
    return PRIMER_OK;
}

primer_status jinja_value_equal(struct jinja_run *run, const struct jinja_value *a,
                                const struct jinja_value *b, bool *equal)
{
    return equal_at(run, a, b, 0, equal);
}

/* By bytes, which for UTF-8 is by code points. */
static int compare_texts(struct jinja_text a, struct jinja_text b)
{
    const size_t both = a.length < b.length ? a.length : b.length;
    const int order = both == 0 ? 0 : memcmp(a.bytes, b.bytes, both);
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

primer_status jinja_value_compare(struct jinja_run *run, const struct jinja_value *a,
                                  const struct jinja_value *b, bool case_sensitive, int *order)
{
    double x, y;
    if (jinja_value_number(a, &x) && jinja_value_number(b, &y)) {
        *order = (x > y) - (x < y);
        return PRIMER_OK;
    }
    if (a->kind == b->kind && a->kind <= JINJA_NONE) {
        *order = 0;
        return PRIMER_OK;
    }
    if (a->kind != JINJA_TEXT_VALUE || b->kind != JINJA_TEXT_VALUE)
        return jinja_run_failure(run, "%s and %s can't be compared", jinja_value_kind(a),
                                 jinja_value_kind(b));
    struct jinja_text s = a->text, t = b->text;
    FORWARD(jinja_run_step(run, (s.length < t.length ? s.length : t.length) / 64));
    if (!case_sensitive) {
        FORWARD(jinja_text_upper(run, s, false, &s));
        FORWARD(jinja_text_upper(run, t, false, &t));
    }
    *order = compare_texts(s, t);
    return PRIMER_OK;
}

/* ---- lists ----------------------------------------------------------------------------------- */

primer_status jinja_list_make(struct jinja_run *run, struct jinja_value *out)
{
    out->kind = JINJA_LIST;
    return jinja_run_take(run, 1, sizeof *out->list, &out->list);
}

primer_status jinja_list_add(struct jinja_run *run, struct jinja_list *list,
                             const struct jinja_value *value)
{
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity == 0 ? 4 : 2 * list->capacity;
        struct jinja_value *items;
        FORWARD(jinja_run_take(run, capacity, sizeof *items, &items));
        if (list->count > 0)
            memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = *value;
    return PRIMER_OK;
}

/* ---- dicts ----------------------------------------------------------------------------------- */

primer_status jinja_dict_make(struct jinja_run *run, enum jinja_kind kind, struct jinja_value *out)
{
    out->kind = kind;
    return jinja_run_take(run, 1, sizeof *out->dict, &out->dict);
}

struct jinja_value *jinja_dict_find(const struct jinja_dict *dict, struct jinja_text key)
{
    for (size_t i = 0; i < dict->count; i++)
        if (jinja_text_same(dict->entries[i].key, key))
            return &dict->entries[i].value;
    return NULL;
}

struct jinja_value *jinja_dict_get(const struct jinja_dict *dict, const char *key)
{
    return jinja_dict_find(dict, jinja_text_of(key, strlen(key)));
}

primer_status jinja_dict_set(struct jinja_run *run, struct jinja_dict *dict, struct jinja_text key,
                             const struct jinja_value *value)
{
    FORWARD(jinja_run_step(run, 1 + dict->count / 16));
    struct jinja_value *const known = jinja_dict_find(dict, key);
    if (known != NULL) {
        *known = *value;
        return PRIMER_OK;
    }
    if (dict->count == dict->capacity) {
        const size_t capacity = dict->capacity == 0 ? 4 : 2 * dict->capacity;
        struct jinja_entry *entries;
        FORWARD(jinja_run_take(run, capacity, sizeof *entries, &entries));
        if (dict->count > 0)
            memcpy(entries, dict->entries, dict->count * sizeof *entries);
        dict->entries = entries;
        dict->capacity = capacity;
    }
    dict->entries[dict->count++] = (struct jinja_entry){key, *value};
    return PRIMER_OK;
}

primer_status jinja_dict_list(struct jinja_run *run, const struct jinja_dict *dict,
                              enum jinja_side side, struct jinja_value *out)
{
    FORWARD(jinja_list_make(run, out));
    FORWARD(jinja_run_step(run, dict->count));
    for (size_t i = 0; i < dict->count; i++) {
        const struct jinja_value key = jinja_value_text(dict->entries[i].key);
        const struct jinja_value *const value = &dict->entries[i].value;
        struct jinja_value pair;
        if (side == JINJA_ITEMS) {
            FORWARD(jinja_list_make(run, &pair));
            FORWARD(jinja_list_add(run, pair.list, &key));
            FORWARD(jinja_list_add(run, pair.list, value));
        } else {
            pair = side == JINJA_KEYS ? key : *value;
        }
        FORWARD(jinja_list_add(run, out->list, &pair));
    }
    return PRIMER_OK;
}

/* ---- members --------------------------------------------------------------------------------- */

const struct jinja_value *jinja_argument(const struct jinja_arguments *arguments, size_t index,
                                         const char *name)
{
    if (index < arguments->positional.count)
        return &arguments->positional.items[index];
    return name == NULL ? NULL : jinja_dict_get(&arguments->named, name);
}

static struct jinja_value member(const struct jinja_value *value, struct jinja_text key)
{
    if (value->kind == JINJA_DICT || value->kind == JINJA_NAMESPACE) {
        const struct jinja_value *const found = jinja_dict_find(value->dict, key);
        return found == NULL ? (struct jinja_value){0} : *found;
    }
    size_t index = 0;
    if (value->kind != JINJA_LIST || key.length == 0 || key.length > 9)
        return (struct jinja_value){0};
    for (size_t i = 0; i < key.length; i++) {
        if (key.bytes[i] < '0' || key.bytes[i] > '9')
            return (struct jinja_value){0};
        index = index * 10 + (size_t)(key.bytes[i] - '0');
    }
    return index < value->list->count ? value->list->items[index] : (struct jinja_value){0};
}

primer_status jinja_value_path(struct jinja_run *run, const struct jinja_value *value,
                               struct jinja_text path, struct jinja_value *out)
{
    const struct jinja_text dot = jinja_text_of(".", 1);
    struct jinja_value found = *value;
    for (size_t at = 0; at <= path.length;) {
        const size_t next = jinja_text_find(path, at, dot);
        const size_t end = next == SIZE_MAX ? path.length : next;
        const bool entries = found.kind == JINJA_DICT || found.kind == JINJA_NAMESPACE;
        FORWARD(jinja_run_step(run, 1 + (entries ? found.dict->count / 16 : 0)));
        found = member(&found, jinja_text_part(path, at, end - at));
        at = end + 1;
    }
    *out = found;
    return PRIMER_OK;
}

/* ---- from JSON ------------------------------------------------------------------------------- */

primer_status jinja_text_copy(struct jinja_run *run, const char *bytes, size_t length, bool outside,
                              struct jinja_text *out)
{
    char *copy = NULL;
    unsigned char *marks = NULL;
    FORWARD(jinja_run_take(run, length + 1, 1, &copy));
    FORWARD(jinja_run_take(run, length + 1, 1, &marks));
    memcpy(copy, bytes, length);
    memset(marks, outside, length);
    *out = (struct jinja_text){copy, marks, length};
    return PRIMER_OK;
}

static primer_status list_of_json(struct jinja_run *run, const json_t *json, bool outside,
                                  struct jinja_value *out)
{
    FORWARD(jinja_list_make(run, out));
    for (size_t i = 0; i < json_array_size(json); i++) {
        struct jinja_value item;
        FORWARD(jinja_value_of_json(run, json_array_get(json, i), outside, &item));
        FORWARD(jinja_list_add(run, out->list, &item));
    }
    return PRIMER_OK;
}

bool jinja_text_usual_role(struct jinja_text text)
{
    static const char *const roles[] = {"system", "user", "assistant", "tool", "developer"};
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (jinja_text_is(text, roles[i]))
            return true;
    return false;
}

static primer_status dict_of_json(struct jinja_run *run, const json_t *json, bool outside,
                                  struct jinja_value *out)
{
    json_t *const object = (json_t *)(uintptr_t)json; /* jansson's iterators want it so */
    FORWARD(jinja_dict_make(run, JINJA_DICT, out));
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        struct jinja_value value;
        struct jinja_text key;
        const char *const name = json_object_iter_key(at);
        FORWARD(jinja_text_copy(run, name, strlen(name), outside, &key));
        FORWARD(jinja_value_of_json(run, json_object_iter_value(at), outside, &value));
        if (jinja_text_is(key, "role") && value.kind == JINJA_TEXT_VALUE &&
            jinja_text_usual_role(value.text))
            value.text.outside = NULL;
        FORWARD(jinja_dict_set(run, out->dict, key, &value));
    }
    return PRIMER_OK;
}

static primer_status container_of_json(struct jinja_run *run, const json_t *json, bool outside,
                                       struct jinja_value *out)
{
    if (++run->depth > JINJA_DEPTH)
        return jinja_run_failure(run, "values nested more than %d levels deep", JINJA_DEPTH);
    FORWARD(json_is_array(json) ? list_of_json(run, json, outside, out)
                                : dict_of_json(run, json, outside, out));
    run->depth--;
    return PRIMER_OK;
}

/* Whole numbers are integers, however they were written. */
static struct jinja_value number_of_json(double real)
{
    return real == floor(real) && fabs(real) < MOST_EXACT ? jinja_value_integer((int64_t)real)
                                                          : jinja_value_real(real);
}

primer_status jinja_value_of_json(struct jinja_run *run, const json_t *json, bool outside,
                                  struct jinja_value *out)
{
    FORWARD(jinja_run_step(run, 1));
    switch (json_typeof(json)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        return container_of_json(run, json, outside, out);
    case JSON_STRING:
        out->kind = JINJA_TEXT_VALUE;
        return jinja_text_copy(run, json_string_value(json), json_string_length(json), outside,
                            &out->text);
    case JSON_INTEGER:
        *out = jinja_value_integer(json_integer_value(json));
        return PRIMER_OK;
    case JSON_REAL:
        *out = number_of_json(json_real_value(json));
        return PRIMER_OK;
    case JSON_TRUE:
    case JSON_FALSE:
        *out = jinja_value_boolean(json_is_true(json));
        return PRIMER_OK;
    default:
        *out = (struct jinja_value){.kind = JINJA_NONE};
        return PRIMER_OK;
    }
}
