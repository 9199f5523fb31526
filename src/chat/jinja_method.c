/* jinja_method.c - methods of texts and dicts, tests, and global functions. */
#include "chat/jinja_value.h"

#include <string.h>
#include <time.h>

#define SET_MOST 64 /* bytes of the characters to strip */

/* ---- arguments ------------------------------------------------------------------------------- */

static primer_status text_argument(struct jinja_run *run, const struct jinja_arguments *arguments,
                                   size_t index, const char *name, struct jinja_text *out)
{
    const struct jinja_value *const value = jinja_argument(arguments, index, name);
    if (value == NULL || value->kind != JINJA_TEXT_VALUE)
        return jinja_run_failure(run, "argument %s: expected a text, found %s", name,
                                 value == NULL ? "none" : jinja_value_kind(value));
    *out = value->text;
    return PRIMER_OK;
}

/* An integer; `otherwise` where it isn't given or is none. */
static primer_status integer_argument(struct jinja_run *run,
                                      const struct jinja_arguments *arguments, size_t index,
                                      const char *name, int64_t otherwise, int64_t *out)
{
    const struct jinja_value *const value = jinja_argument(arguments, index, name);
    *out = otherwise;
    if (value == NULL || value->kind == JINJA_NONE)
        return PRIMER_OK;
    if (value->kind != JINJA_INTEGER)
        return jinja_run_failure(run, "argument %s: expected an integer, found %s", name,
                                 jinja_value_kind(value));
    *out = value->integer;
    return PRIMER_OK;
}

/* ---- methods of texts ------------------------------------------------------------------------ */

static primer_status strip_some(struct jinja_run *run, const struct jinja_value *self,
                                const struct jinja_arguments *arguments, bool front, bool end,
                                struct jinja_value *out)
{
    struct jinja_text text = self->text, set = {0};
    FORWARD(jinja_run_step(run, text.length / 64));
    const struct jinja_value *const characters = jinja_argument(arguments, 0, "chars");
    if (characters == NULL || characters->kind == JINJA_NONE) {
        *out = jinja_value_text(jinja_text_strip(text, front, end));
        return PRIMER_OK;
    }
    FORWARD(text_argument(run, arguments, 0, "chars", &set));
    if (set.length > SET_MOST)
        return jinja_run_failure(run, "strip: more than %d characters", SET_MOST);
    for (size_t n; front && text.length > 0; text = jinja_text_part(text, n, text.length - n)) {
        n = jinja_text_character(text, 0);
        if (jinja_text_find(set, 0, jinja_text_part(text, 0, n)) == SIZE_MAX)
            break;
    }
    while (end && text.length > 0) {
        size_t at = text.length - 1;
        while (at > 0 && ((unsigned char)text.bytes[at] & 0xc0) == 0x80)
            at--;
        if (jinja_text_find(set, 0, jinja_text_part(text, at, text.length - at)) == SIZE_MAX)
            break;
        text.length = at;
    }
    *out = jinja_value_text(text);
    return PRIMER_OK;
}

static primer_status method_strip(struct jinja_run *run, const struct jinja_value *self,
                                  const struct jinja_arguments *arguments, struct jinja_value *out)
{
    return strip_some(run, self, arguments, true, true, out);
}

static primer_status method_lstrip(struct jinja_run *run, const struct jinja_value *self,
                                   const struct jinja_arguments *arguments, struct jinja_value *out)
{
    return strip_some(run, self, arguments, true, false, out);
}

static primer_status method_rstrip(struct jinja_run *run, const struct jinja_value *self,
                                   const struct jinja_arguments *arguments, struct jinja_value *out)
{
    return strip_some(run, self, arguments, false, true, out);
}

static bool has_at_end(struct jinja_text text, struct jinja_text what, bool end)
{
    return what.length <= text.length &&
           jinja_text_same(jinja_text_part(text, end ? text.length - what.length : 0, what.length),
                           what);
}

/* With a text, or with any of a list of texts. */
static primer_status has_some_at_end(struct jinja_run *run, const struct jinja_value *self,
                                     const struct jinja_arguments *arguments, bool end,
                                     struct jinja_value *out)
{
    const struct jinja_value *const what = jinja_argument(arguments, 0, NULL);
    *out = jinja_value_boolean(false);
    if (what != NULL && what->kind == JINJA_TEXT_VALUE) {
        FORWARD(jinja_run_step(run, what->text.length / 64));
        out->truth = has_at_end(self->text, what->text, end);
        return PRIMER_OK;
    }
    if (what == NULL || what->kind != JINJA_LIST)
        return jinja_run_failure(run, "expected a text or a tuple of texts");
    for (size_t i = 0; i < what->list->count && !out->truth; i++) {
        if (what->list->items[i].kind != JINJA_TEXT_VALUE)
            return jinja_run_failure(run, "expected a text or a tuple of texts");
        FORWARD(jinja_run_step(run, 1 + what->list->items[i].text.length / 64));
        out->truth = has_at_end(self->text, what->list->items[i].text, end);
    }
    return PRIMER_OK;
}

static primer_status method_startswith(struct jinja_run *run, const struct jinja_value *self,
                                       const struct jinja_arguments *arguments,
                                       struct jinja_value *out)
{
    return has_some_at_end(run, self, arguments, false, out);
}

static primer_status method_endswith(struct jinja_run *run, const struct jinja_value *self,
                                     const struct jinja_arguments *arguments,
                                     struct jinja_value *out)
{
    return has_some_at_end(run, self, arguments, true, out);
}

static primer_status add_part(struct jinja_run *run, struct jinja_value *list,
                              struct jinja_text text, size_t at, size_t end)
{
    const struct jinja_value part = jinja_value_text(jinja_text_part(text, at, end - at));
    return jinja_list_add(run, list->list, &part);
}

/* At runs of white space. */
static primer_status split_space(struct jinja_run *run, struct jinja_text text, int64_t most,
                                 struct jinja_value *out)
{
    text = jinja_text_strip(text, true, false);
    for (size_t at = 0; at < text.length;) {
        size_t end = at;
        while (end < text.length && jinja_text_space(text, end) == 0)
            end += jinja_text_character(text, end);
        if (most >= 0 && out->list->count >= (size_t)most)
            end = text.length;
        FORWARD(add_part(run, out, text, at, end));
        for (at = end; at < text.length && jinja_text_space(text, at) > 0;)
            at += jinja_text_space(text, at);
    }
    return PRIMER_OK;
}

static primer_status method_split(struct jinja_run *run, const struct jinja_value *self,
                                  const struct jinja_arguments *arguments, struct jinja_value *out)
{
    const struct jinja_value *const separator = jinja_argument(arguments, 0, "sep");
    const struct jinja_text text = self->text;
    struct jinja_text by;
    int64_t most;
    size_t at = 0;
    FORWARD(jinja_run_step(run, text.length / 64));
    FORWARD(integer_argument(run, arguments, 1, "maxsplit", -1, &most));
    FORWARD(jinja_list_make(run, out));
    if (separator == NULL || separator->kind == JINJA_NONE)
        return split_space(run, text, most, out);
    FORWARD(text_argument(run, arguments, 0, "sep", &by));
    if (by.length == 0)
        return jinja_run_failure(run, "split: an empty separator");
    for (;;) {
        const bool stop = most >= 0 && out->list->count >= (size_t)most;
        const size_t next = stop ? SIZE_MAX : jinja_text_find(text, at, by);
        FORWARD(add_part(run, out, text, at, next == SIZE_MAX ? text.length : next));
        if (next == SIZE_MAX)
            return PRIMER_OK;
        at = next + by.length;
    }
}

primer_status jinja_method_replace(struct jinja_run *run, const struct jinja_value *self,
                                   const struct jinja_arguments *arguments, struct jinja_value *out)
{
    const struct jinja_text text = self->text;
    struct jinja_text old, new;
    struct jinja_writer writer = {0};
    int64_t count;
    size_t at = 0;
    FORWARD(jinja_run_step(run, text.length / 64));
    FORWARD(text_argument(run, arguments, 0, "old", &old));
    FORWARD(text_argument(run, arguments, 1, "new", &new));
    FORWARD(integer_argument(run, arguments, 2, "count", -1, &count));
    for (; count != 0; count--) {
        const size_t next = jinja_text_find(text, at, old);
        if (next == SIZE_MAX)
            break;
        FORWARD(jinja_write(run, &writer, jinja_text_part(text, at, next - at)));
        FORWARD(jinja_write(run, &writer, new));
        at = next + old.length;
        if (old.length > 0)
            continue;
        if (at == text.length) /* before each character, and at the end */
            break;
        const size_t n = jinja_text_character(text, at);
        FORWARD(jinja_write(run, &writer, jinja_text_part(text, at, n)));
        at += n;
    }
    FORWARD(jinja_write(run, &writer, jinja_text_part(text, at, text.length - at)));
    *out = jinja_value_text(jinja_written(&writer));
    return PRIMER_OK;
}

primer_status jinja_method_upper(struct jinja_run *run, const struct jinja_value *self,
                                 const struct jinja_arguments *arguments, struct jinja_value *out)
{
    (void)arguments;
    out->kind = JINJA_TEXT_VALUE;
    return jinja_text_upper(run, self->text, true, &out->text);
}

primer_status jinja_method_lower(struct jinja_run *run, const struct jinja_value *self,
                                 const struct jinja_arguments *arguments, struct jinja_value *out)
{
    (void)arguments;
    out->kind = JINJA_TEXT_VALUE;
    return jinja_text_upper(run, self->text, false, &out->text);
}

/* Every `each`: of each word, else of the text, the first letter in upper case. */
static primer_status capitalise(struct jinja_run *run, struct jinja_text text, bool each,
                                struct jinja_value *out)
{
    struct jinja_writer writer = {0};
    bool begin = true;
    for (size_t at = 0, n; at < text.length; at += n) {
        n = jinja_text_character(text, at);
        struct jinja_text character = jinja_text_part(text, at, n);
        const char c = *character.bytes;
        const bool word = n > 1 || c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                          (c >= 'A' && c <= 'Z');
        if (begin && word)
            FORWARD(jinja_text_upper(run, character, true, &character));
        FORWARD(jinja_write(run, &writer, character));
        begin = each && !word;
    }
    *out = jinja_value_text(jinja_written(&writer));
    return PRIMER_OK;
}

primer_status jinja_method_title(struct jinja_run *run, const struct jinja_value *self,
                                 const struct jinja_arguments *arguments, struct jinja_value *out)
{
    (void)arguments;
    return capitalise(run, self->text, true, out);
}

primer_status jinja_method_capitalize(struct jinja_run *run, const struct jinja_value *self,
                                      const struct jinja_arguments *arguments,
                                      struct jinja_value *out)
{
    (void)arguments;
    return capitalise(run, self->text, false, out);
}

/* ---- methods of dicts ------------------------------------------------------------------------ */

static primer_status method_get(struct jinja_run *run, const struct jinja_value *self,
                                const struct jinja_arguments *arguments, struct jinja_value *out)
{
    struct jinja_text key;
    FORWARD(text_argument(run, arguments, 0, "key", &key));
    FORWARD(jinja_run_step(run, self->dict->count / 16));
    const struct jinja_value *const found = jinja_dict_find(self->dict, key);
    const struct jinja_value *const otherwise = jinja_argument(arguments, 1, "default");
    *out = found != NULL       ? *found
           : otherwise != NULL ? *otherwise
                               : (struct jinja_value){.kind = JINJA_NONE};
    return PRIMER_OK;
}

static primer_status method_items(struct jinja_run *run, const struct jinja_value *self,
                                  const struct jinja_arguments *arguments, struct jinja_value *out)
{
    (void)arguments;
    return jinja_dict_list(run, self->dict, JINJA_ITEMS, out);
}

static primer_status method_keys(struct jinja_run *run, const struct jinja_value *self,
                                 const struct jinja_arguments *arguments, struct jinja_value *out)
{
    (void)arguments;
    return jinja_dict_list(run, self->dict, JINJA_KEYS, out);
}

static primer_status method_values(struct jinja_run *run, const struct jinja_value *self,
                                   const struct jinja_arguments *arguments, struct jinja_value *out)
{
    (void)arguments;
    return jinja_dict_list(run, self->dict, JINJA_VALUES, out);
}

struct method {
    const char *name;
    jinja_native *native;
};

static jinja_native *find(const struct method *methods, size_t count, struct jinja_text name)
{
    for (size_t i = 0; i < count; i++)
        if (jinja_text_is(name, methods[i].name))
            return methods[i].native;
    return NULL;
}

jinja_native *jinja_method_named(const struct jinja_value *of, struct jinja_text name)
{
    static const struct method texts[] = {
        {"strip", method_strip},
        {"lstrip", method_lstrip},
        {"rstrip", method_rstrip},
        {"split", method_split},
        {"startswith", method_startswith},
        {"endswith", method_endswith},
        {"replace", jinja_method_replace},
        {"upper", jinja_method_upper},
        {"lower", jinja_method_lower},
        {"title", jinja_method_title},
        {"capitalize", jinja_method_capitalize},
    };
    static const struct method dicts[] = {{"get", method_get},
                                          {"items", method_items},
                                          {"keys", method_keys},
                                          {"values", method_values}};
    if (of->kind == JINJA_TEXT_VALUE)
        return find(texts, sizeof texts / sizeof texts[0], name);
    if (of->kind == JINJA_DICT)
        return find(dicts, sizeof dicts / sizeof dicts[0], name);
    return NULL;
}

/* ---- tests ----------------------------------------------------------------------------------- */

#define KIND_TEST(name, condition)                                                                 \
    static primer_status test_##name(struct jinja_run *run, const struct jinja_value *value,       \
                                     const struct jinja_value *other, bool *holds)                 \
    {                                                                                              \
        (void)run, (void)other;                                                                    \
        *holds = (condition);                                                                      \
        return PRIMER_OK;                                                                          \
    }

KIND_TEST(defined, value->kind != JINJA_UNDEFINED)
KIND_TEST(undefined, value->kind == JINJA_UNDEFINED)
KIND_TEST(none, value->kind == JINJA_NONE)
KIND_TEST(boolean, value->kind == JINJA_BOOLEAN)
KIND_TEST(true, value->kind == JINJA_BOOLEAN && value->truth)
KIND_TEST(false, value->kind == JINJA_BOOLEAN && !value->truth)
KIND_TEST(string, value->kind == JINJA_TEXT_VALUE)
KIND_TEST(integer, value->kind == JINJA_INTEGER)
KIND_TEST(float, value->kind == JINJA_REAL)
KIND_TEST(number, value->kind == JINJA_INTEGER || value->kind == JINJA_REAL)
KIND_TEST(mapping, value->kind == JINJA_DICT)
KIND_TEST(iterable, value->kind == JINJA_LIST || value->kind == JINJA_TEXT_VALUE)
KIND_TEST(sequence,
          value->kind == JINJA_LIST || value->kind == JINJA_DICT || value->kind == JINJA_TEXT_VALUE)
KIND_TEST(callable, value->kind == JINJA_FUNCTION)

static primer_status test_equal(struct jinja_run *run, const struct jinja_value *value,
                                const struct jinja_value *other, bool *holds)
{
    return jinja_value_equal(run, value, other, holds);
}

static primer_status test_unequal(struct jinja_run *run, const struct jinja_value *value,
                                  const struct jinja_value *other, bool *holds)
{
    FORWARD(jinja_value_equal(run, value, other, holds));
    *holds = !*holds;
    return PRIMER_OK;
}

static primer_status test_in(struct jinja_run *run, const struct jinja_value *value,
                             const struct jinja_value *other, bool *holds)
{
    *holds = false;
    if (other->kind == JINJA_TEXT_VALUE && value->kind == JINJA_TEXT_VALUE) {
        FORWARD(jinja_run_step(run, other->text.length / 64));
        *holds = jinja_text_find(other->text, 0, value->text) != SIZE_MAX;
    } else if (other->kind == JINJA_DICT && value->kind == JINJA_TEXT_VALUE) {
        FORWARD(jinja_run_step(run, other->dict->count / 16));
        *holds = jinja_dict_find(other->dict, value->text) != NULL;
    } else if (other->kind == JINJA_LIST) {
        for (size_t i = 0; i < other->list->count && !*holds; i++)
            FORWARD(jinja_value_equal(run, value, &other->list->items[i], holds));
    } else if (other->kind != JINJA_UNDEFINED) {
        return jinja_run_failure(run, "%s can't be in %s", jinja_value_kind(value),
                                 jinja_value_kind(other));
    }
    return PRIMER_OK;
}

static primer_status remainder_of(struct jinja_run *run, const struct jinja_value *value,
                                  int64_t divisor, int64_t *remainder)
{
    if (value->kind != JINJA_INTEGER)
        return jinja_run_failure(run, "expected an integer, found %s", jinja_value_kind(value));
    if (divisor == 0)
        return jinja_run_failure(run, "division by zero");
    *remainder = divisor == -1 ? 0 : value->integer % divisor;
    return PRIMER_OK;
}

static primer_status test_odd(struct jinja_run *run, const struct jinja_value *value,
                              const struct jinja_value *other, bool *holds)
{
    (void)other;
    int64_t remainder = 0;
    FORWARD(remainder_of(run, value, 2, &remainder));
    *holds = remainder != 0;
    return PRIMER_OK;
}

static primer_status test_even(struct jinja_run *run, const struct jinja_value *value,
                               const struct jinja_value *other, bool *holds)
{
    FORWARD(test_odd(run, value, other, holds));
    *holds = !*holds;
    return PRIMER_OK;
}

static primer_status test_divisible(struct jinja_run *run, const struct jinja_value *value,
                                    const struct jinja_value *other, bool *holds)
{
    int64_t remainder = 0;
    if (other->kind != JINJA_INTEGER)
        return jinja_run_failure(run, "divisibleby: expected an integer, found %s",
                                 jinja_value_kind(other));
    FORWARD(remainder_of(run, value, other->integer, &remainder));
    *holds = remainder == 0;
    return PRIMER_OK;
}

static primer_status test_case(struct jinja_run *run, const struct jinja_value *value, bool upper,
                               bool *holds)
{
    struct jinja_text other;
    *holds = false;
    if (value->kind != JINJA_TEXT_VALUE)
        return PRIMER_OK;
    FORWARD(jinja_text_upper(run, value->text, upper, &other));
    *holds = jinja_text_same(value->text, other);
    return PRIMER_OK;
}

static primer_status test_lower(struct jinja_run *run, const struct jinja_value *value,
                                const struct jinja_value *other, bool *holds)
{
    (void)other;
    return test_case(run, value, false, holds);
}

static primer_status test_upper(struct jinja_run *run, const struct jinja_value *value,
                                const struct jinja_value *other, bool *holds)
{
    (void)other;
    return test_case(run, value, true, holds);
}

jinja_test *jinja_test_named(struct jinja_text name, bool *wants)
{
    static const struct {
        const char *name;
        jinja_test *test;
        bool wants;
    } tests[] = {
        {"defined", test_defined, false},
        {"undefined", test_undefined, false},
        {"none", test_none, false},
        {"boolean", test_boolean, false},
        {"true", test_true, false},
        {"false", test_false, false},
        {"string", test_string, false},
        {"integer", test_integer, false},
        {"float", test_float, false},
        {"number", test_number, false},
        {"mapping", test_mapping, false},
        {"iterable", test_iterable, false},
        {"sequence", test_sequence, false},
        {"callable", test_callable, false},
        {"odd", test_odd, false},
        {"even", test_even, false},
        {"lower", test_lower, false},
        {"upper", test_upper, false},
        {"eq", test_equal, true},
        {"equalto", test_equal, true},
        {"sameas", test_equal, true},
        {"ne", test_unequal, true},
        {"in", test_in, true},
        {"divisibleby", test_divisible, true},
    };
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        if (jinja_text_is(name, tests[i].name)) {
            *wants = tests[i].wants;
            return tests[i].test;
        }
    return NULL;
}

/* ---- global functions ------------------------------------------------------------------------ */

static primer_status function_namespace(struct jinja_run *run, const struct jinja_value *self,
                                        const struct jinja_arguments *arguments,
                                        struct jinja_value *out)
{
    (void)self;
    FORWARD(jinja_dict_make(run, JINJA_NAMESPACE, out));
    const struct jinja_value *const from = jinja_argument(arguments, 0, NULL);
    if (from != NULL && from->kind != JINJA_DICT)
        return jinja_run_failure(run, "namespace: expected a dict, found %s",
                                 jinja_value_kind(from));
    for (size_t i = 0; from != NULL && i < from->dict->count; i++)
        FORWARD(jinja_dict_set(run, out->dict, from->dict->entries[i].key,
                               &from->dict->entries[i].value));
    for (size_t i = 0; i < arguments->named.count; i++)
        FORWARD(jinja_dict_set(run, out->dict, arguments->named.entries[i].key,
                               &arguments->named.entries[i].value));
    return PRIMER_OK;
}

static primer_status function_dict(struct jinja_run *run, const struct jinja_value *self,
                                   const struct jinja_arguments *arguments, struct jinja_value *out)
{
    FORWARD(function_namespace(run, self, arguments, out));
    out->kind = JINJA_DICT;
    return PRIMER_OK;
}

static primer_status function_range(struct jinja_run *run, const struct jinja_value *self,
                                    const struct jinja_arguments *arguments,
                                    struct jinja_value *out)
{
    (void)self;
    int64_t first, end, step;
    FORWARD(integer_argument(run, arguments, 0, "start", 0, &first));
    FORWARD(integer_argument(run, arguments, 1, "stop", first, &end));
    FORWARD(integer_argument(run, arguments, 2, "step", 1, &step));
    if (arguments->positional.count < 2)
        first = 0;
    if (step == 0)
        return jinja_run_failure(run, "range: a step of zero");
    FORWARD(jinja_list_make(run, out));
    for (int64_t i = first; step > 0 ? i < end : i > end;) {
        const struct jinja_value item = jinja_value_integer(i);
        FORWARD(jinja_run_step(run, 1));
        FORWARD(jinja_list_add(run, out->list, &item));
        if (__builtin_add_overflow(i, step, &i))
            break;
    }
    return PRIMER_OK;
}

static primer_status function_raise(struct jinja_run *run, const struct jinja_value *self,
                                    const struct jinja_arguments *arguments,
                                    struct jinja_value *out)
{
    (void)self, (void)out;
    struct jinja_text words = {0};
    char shown[256];
    FORWARD(text_argument(run, arguments, 0, "message", &words));
    return jinja_run_failure(run, "%s",
                             error_printable(words.bytes, words.length, shown, sizeof shown));
}

static primer_status function_now(struct jinja_run *run, const struct jinja_value *self,
                                  const struct jinja_arguments *arguments, struct jinja_value *out)
{
    (void)self;
    struct jinja_text format = {0};
    struct tm local;
    char pattern[128], *text;
    const size_t most = 512;
    const time_t now = (time_t)run->now;
    FORWARD(text_argument(run, arguments, 0, "format", &format));
    if (format.length >= sizeof pattern)
        return jinja_run_failure(run, "strftime_now: a format of %zu bytes", format.length);
    memcpy(pattern, format.bytes, format.length);
    pattern[format.length] = '\0';
    FORWARD(jinja_run_take(run, most, 1, &text));
    const bool known = localtime_r(&now, &local) != NULL;
    const size_t length = known ? strftime(text, most, pattern, &local) : 0;
    unsigned char *marks = NULL; /* of outside if the format is */
    FORWARD(jinja_run_take(run, most, 1, &marks));
    for (size_t i = 0; format.outside != NULL && i < format.length; i++)
        if (format.outside[i] != 0)
            memset(marks, 1, length);
    *out = jinja_value_text((struct jinja_text){text, marks, length});
    return PRIMER_OK;
}

static primer_status declare(struct jinja_run *run, struct jinja_dict *variables, const char *name,
                             const struct jinja_value *value)
{
    return jinja_dict_set(run, variables, jinja_text_of(name, strlen(name)), value);
}

primer_status jinja_method_globals(struct jinja_run *run, struct jinja_dict *variables)
{
    static const struct method functions[] = {{"namespace", function_namespace},
                                              {"dict", function_dict},
                                              {"range", function_range},
                                              {"raise_exception", function_raise},
                                              {"strftime_now", function_now}};
    const struct jinja_value yes = jinja_value_boolean(true), no = jinja_value_boolean(false),
                             none = {.kind = JINJA_NONE};
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        struct jinja_value value = {.kind = JINJA_FUNCTION};
        FORWARD(jinja_run_take(run, 1, sizeof *value.function, &value.function));
        value.function->native = functions[i].native;
        FORWARD(declare(run, variables, functions[i].name, &value));
    }
    FORWARD(declare(run, variables, "true", &yes));
    FORWARD(declare(run, variables, "True", &yes));
    FORWARD(declare(run, variables, "false", &no));
    FORWARD(declare(run, variables, "False", &no));
    FORWARD(declare(run, variables, "none", &none));
    return declare(run, variables, "None", &none);
}
