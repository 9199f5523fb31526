/* jinja_filter.c - filters: value | name(arguments). */
#include "chat/jinja_value.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH_MOST 256 /* of an indent */

static primer_status no_filter(struct jinja_run *run, const char *name,
                               const struct jinja_value *self)
{
    return jinja_run_failure(run, "the filter %s has no use for %s", name, jinja_value_kind(self));
}

/* To a filter of texts what isn't defined is an empty one, as in Jinja. */
static struct jinja_value text_or_nothing(const struct jinja_value *self)
{
    return self->kind == JINJA_UNDEFINED ? jinja_value_text(jinja_text_of("", 0)) : *self;
}

static bool flag(const struct jinja_arguments *arguments, size_t index, const char *name)
{
    const struct jinja_value *const value = jinja_argument(arguments, index, name);
    return value != NULL && jinja_value_true(value);
}

/* ---- as it is, as text, as a number ---------------------------------------------------------- */

static primer_status filter_safe(struct jinja_run *run, const struct jinja_value *self,
                                 const struct jinja_arguments *arguments, struct jinja_value *out)
{
    (void)run, (void)arguments;
    *out = *self;
    return PRIMER_OK;
}

static primer_status filter_default(struct jinja_run *run, const struct jinja_value *self,
                                    const struct jinja_arguments *arguments,
                                    struct jinja_value *out)
{
    (void)run;
    const struct jinja_value *const otherwise = jinja_argument(arguments, 0, "default_value");
    const bool missing =
        self->kind == JINJA_UNDEFINED || (flag(arguments, 1, "boolean") && !jinja_value_true(self));
    *out = !missing            ? *self
           : otherwise != NULL ? *otherwise
                               : jinja_value_text(jinja_text_of("", 0));
    return PRIMER_OK;
}

static primer_status filter_string(struct jinja_run *run, const struct jinja_value *self,
                                   const struct jinja_arguments *arguments, struct jinja_value *out)
{
    (void)arguments;
    struct jinja_writer writer = {0};
    FORWARD(jinja_write_value(run, &writer, self));
    *out = jinja_value_text(jinja_written(&writer));
    return PRIMER_OK;
}

static primer_status separators(struct jinja_run *run, const struct jinja_value *value,
                                struct jinja_json *json)
{
    if (value == NULL || value->kind == JINJA_NONE)
        return PRIMER_OK;
    const struct jinja_value *const items = value->kind == JINJA_LIST ? value->list->items : NULL;
    if (items == NULL || value->list->count != 2 || items[0].kind != JINJA_TEXT_VALUE ||
        items[1].kind != JINJA_TEXT_VALUE)
        return jinja_run_failure(run, "tojson: separators must be two texts");
    json->between = items[0].text;
    json->colon = items[1].text;
    return PRIMER_OK;
}

static primer_status filter_tojson(struct jinja_run *run, const struct jinja_value *self,
                                   const struct jinja_arguments *arguments, struct jinja_value *out)
{
    struct jinja_writer writer = {0};
    struct jinja_json json = {.ascii = flag(arguments, SIZE_MAX, "ensure_ascii"),
                              .sorted = flag(arguments, SIZE_MAX, "sort_keys")};
    const struct jinja_value *const indent = jinja_argument(arguments, 0, "indent");
    if (indent != NULL && indent->kind != JINJA_NONE) {
        if (indent->kind != JINJA_INTEGER || indent->integer < 0 || indent->integer > WIDTH_MOST)
            return jinja_run_failure(run, "tojson: an indent is an integer to %d", WIDTH_MOST);
        json.indent = indent->integer;
    }
    FORWARD(separators(run, jinja_argument(arguments, SIZE_MAX, "separators"), &json));
    FORWARD(jinja_write_json(run, &writer, self, &json));
    *out = jinja_value_text(jinja_written(&writer));
    return PRIMER_OK;
}

/* The number at a text's begin, by strtoll or strtod; false where there is none. */
static bool parse(struct jinja_text text, bool whole, struct jinja_value *out)
{
    char digits[64], *end;
    const struct jinja_text stripped = jinja_text_strip(text, true, false);
    const size_t length = stripped.length < sizeof digits - 1 ? stripped.length : sizeof digits - 1;
    memcpy(digits, stripped.bytes, length);
    digits[length] = '\0';
    digits[strspn(digits, "+-.0123456789eE")] = '\0';
    errno = 0;
    *out = whole ? jinja_value_integer(strtoll(digits, &end, 10))
                 : jinja_value_real(strtod(digits, &end));
    return end != digits && errno == 0;
}

static primer_status to_number(struct jinja_run *run, const struct jinja_value *self,
                               const struct jinja_arguments *arguments, bool whole,
                               struct jinja_value *out)
{
    const struct jinja_value *const otherwise = jinja_argument(arguments, 0, "default");
    double number;
    if (self->kind == JINJA_TEXT_VALUE) {
        if (!parse(self->text, whole, out))
            *out = otherwise != NULL ? *otherwise
                   : whole           ? jinja_value_integer(0)
                                     : jinja_value_real(0.0);
        return PRIMER_OK;
    }
    if (!jinja_value_number(self, &number))
        return no_filter(run, whole ? "int" : "float", self);
    if (self->kind == JINJA_INTEGER && whole)
        *out = *self;
    else if (!whole)
        *out = jinja_value_real(number);
    else if (fabs(number) < 9.2e18)
        *out = jinja_value_integer((int64_t)floor(number));
    else
        return jinja_run_failure(run, "the number is too large for an integer");
    return PRIMER_OK;
}

static primer_status filter_int(struct jinja_run *run, const struct jinja_value *self,
                                const struct jinja_arguments *arguments, struct jinja_value *out)
{
    return to_number(run, self, arguments, true, out);
}

static primer_status filter_float(struct jinja_run *run, const struct jinja_value *self,
                                  const struct jinja_arguments *arguments, struct jinja_value *out)
{
    return to_number(run, self, arguments, false, out);
}

static primer_status filter_abs(struct jinja_run *run, const struct jinja_value *self,
                                const struct jinja_arguments *arguments, struct jinja_value *out)
{
    (void)arguments;
    if (self->kind == JINJA_REAL)
        *out = jinja_value_real(fabs(self->real));
    else if (self->kind == JINJA_INTEGER && self->integer != INT64_MIN)
        *out = jinja_value_integer(self->integer < 0 ? -self->integer : self->integer);
    else
        return no_filter(run, "abs", self);
    return PRIMER_OK;
}

/* ---- texts ----------------------------------------------------------------------------------- */

static primer_status filter_trim(struct jinja_run *run, const struct jinja_value *self,
                                 const struct jinja_arguments *arguments, struct jinja_value *out)
{
    (void)arguments;
    const struct jinja_value text = text_or_nothing(self);
    if (text.kind != JINJA_TEXT_VALUE)
        return no_filter(run, "trim", self);
    FORWARD(jinja_run_step(run, text.text.length / 64));
    *out = jinja_value_text(jinja_text_strip(text.text, true, true));
    return PRIMER_OK;
}

/* A method of texts as a filter. */
#define TEXT_FILTER(name)                                                                          \
    static primer_status filter_##name(struct jinja_run *run, const struct jinja_value *self,      \
                                       const struct jinja_arguments *arguments,                    \
                                       struct jinja_value *out)                                    \
    {                                                                                              \
        const struct jinja_value text = text_or_nothing(self);                                     \
        return text.kind == JINJA_TEXT_VALUE ? jinja_method_##name(run, &text, arguments, out)     \
                                             : no_filter(run, #name, self);                        \
    }

TEXT_FILTER(replace)
TEXT_FILTER(upper)
TEXT_FILTER(lower)
TEXT_FILTER(title)
TEXT_FILTER(capitalize)

static primer_status filter_indent(struct jinja_run *run, const struct jinja_value *self,
                                   const struct jinja_arguments *arguments, struct jinja_value *out)
{
    const struct jinja_value *const width = jinja_argument(arguments, 0, "width");
    const bool first = flag(arguments, 1, "first"), blank = flag(arguments, 2, "blank");
    const int64_t columns = width == NULL ? 4 : width->kind == JINJA_INTEGER ? width->integer : -1;
    const struct jinja_text newline = jinja_text_of("\n", 1);
    struct jinja_writer writer = {0};
    if (self->kind != JINJA_TEXT_VALUE)
        return no_filter(run, "indent", self);
    if (columns < 0 || columns > WIDTH_MOST)
        return jinja_run_failure(run, "indent: a width is an integer to %d", WIDTH_MOST);
    for (size_t at = 0; at <= self->text.length;) {
        const size_t next = jinja_text_find(self->text, at, newline);
        const size_t end = next == SIZE_MAX ? self->text.length : next;
        for (int64_t i = 0; (at > 0 || first) && (end > at || blank) && i < columns; i++)
            FORWARD(jinja_write_plain(run, &writer, " "));
        FORWARD(jinja_write(run, &writer, jinja_text_part(self->text, at, end - at)));
        if (next != SIZE_MAX)
            FORWARD(jinja_write(run, &writer, jinja_text_part(self->text, next, 1)));
        at = end + 1;
    }
    *out = jinja_value_text(jinja_written(&writer));
    return PRIMER_OK;
}

/* ---- lists ----------------------------------------------------------------------------------- */

/* A list of what a value holds: items, characters, keys. */
static primer_status items_of(struct jinja_run *run, const char *name,
                              const struct jinja_value *self, struct jinja_value *out)
{
    if (self->kind == JINJA_LIST) {
        *out = *self;
        return PRIMER_OK;
    }
    if (self->kind == JINJA_DICT)
        return jinja_dict_list(run, self->dict, JINJA_KEYS, out);
    FORWARD(jinja_list_make(run, out));
    if (self->kind == JINJA_UNDEFINED)
        return PRIMER_OK;
    if (self->kind != JINJA_TEXT_VALUE)
        return no_filter(run, name, self);
    for (size_t at = 0, n; at < self->text.length; at += n) {
        n = jinja_text_character(self->text, at);
        const struct jinja_value item = jinja_value_text(jinja_text_part(self->text, at, n));
        FORWARD(jinja_run_step(run, 1));
        FORWARD(jinja_list_add(run, out->list, &item));
    }
    return PRIMER_OK;
}

static primer_status filter_list(struct jinja_run *run, const struct jinja_value *self,
                                 const struct jinja_arguments *arguments, struct jinja_value *out)
{
    (void)arguments;
    return items_of(run, "list", self, out);
}

static primer_status one_of(struct jinja_run *run, const char *name, const struct jinja_value *self,
                            bool last, struct jinja_value *out)
{
    struct jinja_value items;
    FORWARD(items_of(run, name, self, &items));
    const struct jinja_list *const list = items.list;
    *out = list->count == 0 ? (struct jinja_value){.kind = JINJA_UNDEFINED}
                            : list->items[last ? list->count - 1 : 0];
    return PRIMER_OK;
}

static primer_status filter_first(struct jinja_run *run, const struct jinja_value *self,
                                  const struct jinja_arguments *arguments, struct jinja_value *out)
{
    (void)arguments;
    return one_of(run, "first", self, false, out);
}

static primer_status filter_last(struct jinja_run *run, const struct jinja_value *self,
                                 const struct jinja_arguments *arguments, struct jinja_value *out)
{
    (void)arguments;
    return one_of(run, "last", self, true, out);
}

static primer_status filter_length(struct jinja_run *run, const struct jinja_value *self,
                                   const struct jinja_arguments *arguments, struct jinja_value *out)
{
    (void)arguments;
    size_t count = 0;
    if (self->kind == JINJA_TEXT_VALUE)
        FORWARD(jinja_run_step(run, self->text.length / 64));
    if (self->kind == JINJA_TEXT_VALUE)
        count = jinja_text_characters(self->text);
    else if (self->kind == JINJA_LIST)
        count = self->list->count;
    else if (self->kind == JINJA_DICT)
        count = self->dict->count;
    else if (self->kind != JINJA_UNDEFINED)
        return no_filter(run, "length", self);
    *out = jinja_value_integer((int64_t)count);
    return PRIMER_OK;
}

static primer_status filter_reverse(struct jinja_run *run, const struct jinja_value *self,
                                    const struct jinja_arguments *arguments,
                                    struct jinja_value *out)
{
    struct jinja_value items, reversed;
    struct jinja_writer writer = {0};
    (void)arguments;
    FORWARD(items_of(run, "reverse", self, &items));
    FORWARD(jinja_list_make(run, &reversed));
    for (size_t i = items.list->count; i > 0; i--) {
        FORWARD(jinja_list_add(run, reversed.list, &items.list->items[i - 1]));
        if (self->kind == JINJA_TEXT_VALUE)
            FORWARD(jinja_write(run, &writer, items.list->items[i - 1].text));
    }
    *out = self->kind == JINJA_TEXT_VALUE ? jinja_value_text(jinja_written(&writer)) : reversed;
    return PRIMER_OK;
}

static primer_status filter_join(struct jinja_run *run, const struct jinja_value *self,
                                 const struct jinja_arguments *arguments, struct jinja_value *out)
{
    const struct jinja_value *const between = jinja_argument(arguments, 0, "d");
    const struct jinja_value *const attribute = jinja_argument(arguments, 1, "attribute");
    struct jinja_value items;
    struct jinja_writer writer = {0};
    FORWARD(items_of(run, "join", self, &items));
    for (size_t i = 0; i < items.list->count; i++) {
        struct jinja_value item = items.list->items[i];
        FORWARD(jinja_run_step(run, 1));
        if (attribute != NULL && attribute->kind == JINJA_TEXT_VALUE)
            FORWARD(jinja_value_path(run, &item, attribute->text, &item));
        if (i > 0 && between != NULL)
            FORWARD(jinja_write_value(run, &writer, between));
        FORWARD(jinja_write_value(run, &writer, &item));
    }
    *out = jinja_value_text(jinja_written(&writer));
    return PRIMER_OK;
}

static primer_status filter_unique(struct jinja_run *run, const struct jinja_value *self,
                                   const struct jinja_arguments *arguments, struct jinja_value *out)
{
    (void)arguments;
    struct jinja_value items;
    FORWARD(items_of(run, "unique", self, &items));
    FORWARD(jinja_list_make(run, out));
    for (size_t i = 0; i < items.list->count; i++) {
        bool known = false;
        for (size_t j = 0; j < out->list->count && !known; j++)
            FORWARD(jinja_value_equal(run, &out->list->items[j], &items.list->items[i], &known));
        if (!known)
            FORWARD(jinja_list_add(run, out->list, &items.list->items[i]));
    }
    return PRIMER_OK;
}

/* ---- sorting --------------------------------------------------------------------------------- */

struct order {
    bool reverse, case_sensitive;
    struct jinja_text path; /* of what is compared; bytes NULL: the item itself */
};

static primer_status compare(struct jinja_run *run, const struct jinja_value *a,
                             const struct jinja_value *b, const struct order *order, int *result)
{
    const bool whole = order->path.bytes == NULL;
    struct jinja_value x = *a, y = *b;
    if (!whole) {
        FORWARD(jinja_value_path(run, a, order->path, &x));
        FORWARD(jinja_value_path(run, b, order->path, &y));
    }
    FORWARD(jinja_value_compare(run, &x, &y, order->case_sensitive, result));
    *result = order->reverse ? -*result : *result;
    return PRIMER_OK;
}

/* Merges runs of `width` items; what is equal keeps its order. */
static primer_status merge(struct jinja_run *run, const struct jinja_value *from, size_t count,
                           size_t width, const struct order *order, struct jinja_value *to)
{
    for (size_t at = 0; at < count; at += 2 * width) {
        const size_t middle = count - at < width ? count : at + width;
        const size_t end = count - middle < width ? count : middle + width;
        for (size_t i = at, j = middle, k = at; k < end; k++) {
            int result = -1;
            FORWARD(jinja_run_step(run, 1));
            if (i < middle && j < end)
                FORWARD(compare(run, &from[j], &from[i], order, &result));
            const bool right = i == middle || (j < end && result < 0);
            to[k] = right ? from[j++] : from[i++];
        }
    }
    return PRIMER_OK;
}

static primer_status sorted(struct jinja_run *run, const struct jinja_list *list,
                            const struct order *order, struct jinja_value *out)
{
    struct jinja_value *from, *to;
    FORWARD(jinja_list_make(run, out));
    FORWARD(jinja_run_take(run, list->count, sizeof *from, &from));
    FORWARD(jinja_run_take(run, list->count, sizeof *to, &to));
    if (list->count > 0)
        memcpy(from, list->items, list->count * sizeof *from);
    for (size_t width = 1; width < list->count; width *= 2) {
        FORWARD(merge(run, from, list->count, width, order, to));
        struct jinja_value *const other = from;
        from = to;
        to = other;
    }
    *out->list = (struct jinja_list){from, list->count, list->count};
    return PRIMER_OK;
}

static primer_status filter_sort(struct jinja_run *run, const struct jinja_value *self,
                                 const struct jinja_arguments *arguments, struct jinja_value *out)
{
    const struct jinja_value *const attribute = jinja_argument(arguments, 2, "attribute");
    struct order order = {
        flag(arguments, 0, "reverse"), flag(arguments, 1, "case_sensitive"), {NULL, NULL, 0}};
    struct jinja_value items;
    if (attribute != NULL && attribute->kind == JINJA_TEXT_VALUE)
        order.path = attribute->text;
    FORWARD(items_of(run, "sort", self, &items));
    return sorted(run, items.list, &order, out);
}

static primer_status filter_dictsort(struct jinja_run *run, const struct jinja_value *self,
                                     const struct jinja_arguments *arguments,
                                     struct jinja_value *out)
{
    const struct jinja_value *const by = jinja_argument(arguments, 1, "by");
    const bool value =
        by != NULL && by->kind == JINJA_TEXT_VALUE && jinja_text_is(by->text, "value");
    const struct order order = {flag(arguments, 2, "reverse"), flag(arguments, 0, "case_sensitive"),
                                jinja_text_of(value ? "1" : "0", 1)};
    struct jinja_value items;
    if (self->kind != JINJA_DICT)
        return no_filter(run, "dictsort", self);
    FORWARD(jinja_dict_list(run, self->dict, JINJA_ITEMS, &items));
    return sorted(run, items.list, &order, out);
}

static primer_status filter_items(struct jinja_run *run, const struct jinja_value *self,
                                  const struct jinja_arguments *arguments, struct jinja_value *out)
{
    (void)arguments;
    if (self->kind == JINJA_UNDEFINED)
        return jinja_list_make(run, out);
    return self->kind == JINJA_DICT ? jinja_dict_list(run, self->dict, JINJA_ITEMS, out)
                                    : no_filter(run, "items", self);
}

/* ---- choosing -------------------------------------------------------------------------------- */

/* Which items stay: those whose attribute (or themselves) pass a test, or are true. */
struct choice {
    bool keep, attribute;
    const char *filter;
};

static primer_status passes(struct jinja_run *run, const struct jinja_value *value,
                            const struct jinja_arguments *arguments, size_t first, bool *out)
{
    const struct jinja_value *const name = jinja_argument(arguments, first, NULL);
    const struct jinja_value nothing = {.kind = JINJA_UNDEFINED};
    const struct jinja_value *const other = jinja_argument(arguments, first + 1, NULL);
    bool wants = false;
    if (name == NULL) {
        *out = jinja_value_true(value);
        return PRIMER_OK;
    }
    jinja_test *const test =
        name->kind == JINJA_TEXT_VALUE ? jinja_test_named(name->text, &wants) : NULL;
    if (test == NULL)
        return jinja_run_failure(run, "an unknown test");
    if (wants && other == NULL)
        return jinja_run_failure(run, "a test without its argument");
    return test(run, value, other == NULL ? &nothing : other, out);
}

static primer_status choose(struct jinja_run *run, const struct jinja_value *self,
                            const struct jinja_arguments *arguments, const struct choice *choice,
                            struct jinja_value *out)
{
    const struct jinja_value *const path = jinja_argument(arguments, 0, NULL);
    struct jinja_value items;
    FORWARD(items_of(run, choice->filter, self, &items));
    if (choice->attribute && (path == NULL || path->kind != JINJA_TEXT_VALUE))
        return jinja_run_failure(run, "%s: expected an attribute's name", choice->filter);
    FORWARD(jinja_list_make(run, out));
    for (size_t i = 0; i < items.list->count; i++) {
        const struct jinja_value *const item = &items.list->items[i];
        struct jinja_value value = *item;
        bool holds;
        FORWARD(jinja_run_step(run, 1));
        if (choice->attribute)
            FORWARD(jinja_value_path(run, item, path->text, &value));
        FORWARD(passes(run, &value, arguments, choice->attribute, &holds));
        if (holds == choice->keep)
            FORWARD(jinja_list_add(run, out->list, item));
    }
    return PRIMER_OK;
}

#define CHOICE_FILTER(name, keep, attribute)                                                       \
    static primer_status filter_##name(struct jinja_run *run, const struct jinja_value *self,      \
                                       const struct jinja_arguments *arguments,                    \
                                       struct jinja_value *out)                                    \
    {                                                                                              \
        return choose(run, self, arguments, &(struct choice){keep, attribute, #name}, out);        \
    }

CHOICE_FILTER(select, true, false)
CHOICE_FILTER(reject, false, false)
CHOICE_FILTER(selectattr, true, true)
CHOICE_FILTER(rejectattr, false, true)

/* An attribute of each item, or each through a filter without arguments. */
static primer_status filter_map(struct jinja_run *run, const struct jinja_value *self,
                                const struct jinja_arguments *arguments, struct jinja_value *out)
{
    const struct jinja_value *const path = jinja_argument(arguments, SIZE_MAX, "attribute");
    const struct jinja_value *const name = jinja_argument(arguments, 0, NULL);
    const struct jinja_value *const otherwise = jinja_argument(arguments, SIZE_MAX, "default");
    jinja_native *const filter =
        name != NULL && name->kind == JINJA_TEXT_VALUE ? jinja_filter_named(name->text) : NULL;
    struct jinja_value items;
    FORWARD(items_of(run, "map", self, &items));
    if (filter == NULL && (path == NULL || path->kind != JINJA_TEXT_VALUE))
        return jinja_run_failure(run, "map: expected attribute=\"..\" or a filter's name");
    FORWARD(jinja_list_make(run, out));
    for (size_t i = 0; i < items.list->count; i++) {
        struct jinja_value value;
        FORWARD(jinja_run_step(run, 1));
        if (filter != NULL) {
            FORWARD(filter(run, &items.list->items[i], &(struct jinja_arguments){0}, &value));
        } else {
            FORWARD(jinja_value_path(run, &items.list->items[i], path->text, &value));
            value = value.kind == JINJA_UNDEFINED && otherwise != NULL ? *otherwise : value;
        }
        FORWARD(jinja_list_add(run, out->list, &value));
    }
    return PRIMER_OK;
}

jinja_native *jinja_filter_named(struct jinja_text name)
{
    static const struct {
        const char *name;
        jinja_native *native;
    } filters[] = {
        {"safe", filter_safe},
        {"default", filter_default},
        {"d", filter_default},
        {"string", filter_string},
        {"tojson", filter_tojson},
        {"int", filter_int},
        {"float", filter_float},
        {"abs", filter_abs},
        {"trim", filter_trim},
        {"replace", filter_replace},
        {"upper", filter_upper},
        {"lower", filter_lower},
        {"title", filter_title},
        {"capitalize", filter_capitalize},
        {"indent", filter_indent},
        {"list", filter_list},
        {"first", filter_first},
        {"last", filter_last},
        {"length", filter_length},
        {"count", filter_length},
        {"reverse", filter_reverse},
        {"join", filter_join},
        {"unique", filter_unique},
        {"sort", filter_sort},
        {"dictsort", filter_dictsort},
        {"items", filter_items},
        {"select", filter_select},
        {"reject", filter_reject},
        {"selectattr", filter_selectattr},
        {"rejectattr", filter_rejectattr},
        {"map", filter_map},
    };
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
        if (jinja_text_is(name, filters[i].name))
            return filters[i].native;
    return NULL;
}
