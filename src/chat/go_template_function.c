/* go_template_function.c - the functions of Go templates: the language's own, in the order of its
 * documentation, fmt's printf, and those that Ollama adds. */
#include "chat/go_template_value.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define MOST_WIDTH 1000

static primer_status failure(struct go_run *run, const char *function, const char *what)
{
    return jinja_run_failure(&run->base, "error calling %s: %s", function, what);
}

/* ---- printf ---------------------------------------------------------------------------------- */

/* Where printf is in its format and arguments. */
struct printing {
    struct go_run *run;
    struct jinja_writer *writer;
    struct jinja_text format;
    const struct go_arguments *arguments;
    size_t at, next; /* in the format; the next argument */
};

static char format_peek(const struct printing *printing)
{
    return printing->at < printing->format.length ? printing->format.bytes[printing->at] : '\0';
}

static void read_flags(struct printing *printing, struct go_verb *verb)
{
    for (;; printing->at++) {
        switch (format_peek(printing)) {
        case '-':
            verb->minus = true;
            break;
        case '+':
            verb->plus = true;
            break;
        case '0':
            verb->zero = true;
            break;
        case ' ':
            verb->space = true;
            break;
        case '#':
            verb->sharp = true;
            break;
        default:
            verb->zero = verb->zero && !verb->minus;
            return;
        }
    }
}

static primer_status read_number(struct printing *printing, int *number)
{
    char c = format_peek(printing);
    for (*number = c >= '0' && c <= '9' ? 0 : -1; c >= '0' && c <= '9'; c = format_peek(printing)) {
        *number = *number * 10 + (c - '0');
        if (*number > MOST_WIDTH)
            return jinja_run_failure(&printing->run->base, "printf: a width above %d", MOST_WIDTH);
        printing->at++;
    }
    return PRIMER_OK;
}

/* Behind a %. */
static primer_status print_verb(struct printing *printing)
{
    struct jinja_run *const run = &printing->run->base;
    struct go_verb verb = {.width = -1, .precision = -1};
    char missing[32];
    read_flags(printing, &verb);
    FORWARD(read_number(printing, &verb.width));
    if (format_peek(printing) == '.') {
        printing->at++;
        FORWARD(read_number(printing, &verb.precision));
        verb.precision = verb.precision < 0 ? 0 : verb.precision;
    }
    if (printing->at >= printing->format.length)
        return jinja_write_plain(run, printing->writer, "%!(NOVERB)");
    verb.letter = format_peek(printing);
    printing->at++;
    if (verb.letter == '%')
        return jinja_write_plain(run, printing->writer, "%");
    if (verb.letter < ' ' || verb.letter > '~' || strchr("TpbOU*[", verb.letter) != NULL ||
        (verb.letter == 'v' && verb.sharp))
        return jinja_run_failure(run, "printf: %%%c isn't there for prompts",
                                 verb.letter > ' ' && verb.letter <= '~' ? verb.letter : '?');
    if (printing->next < printing->arguments->count)
        return go_template_write(printing->run, printing->writer,
                                 &printing->arguments->items[printing->next++], &verb);
    snprintf(missing, sizeof missing, "%%!%c(MISSING)", verb.letter);
    return jinja_write_plain(run, printing->writer, missing);
}

/* %!(EXTRA string=text, int=1) */
static primer_status print_extra(struct printing *printing)
{
    const struct go_verb plain = {.letter = 'v', .width = -1, .precision = -1};
    struct jinja_run *const run = &printing->run->base;
    if (printing->next == printing->arguments->count)
        return PRIMER_OK;
    FORWARD(jinja_write_plain(run, printing->writer, "%!(EXTRA "));
    for (const size_t first = printing->next; printing->next < printing->arguments->count;) {
        if (printing->next > first)
            FORWARD(jinja_write_plain(run, printing->writer, ", "));
        const struct go_value *const value = &printing->arguments->items[printing->next++];
        if (go_value_absent(value)) {
            FORWARD(jinja_write_plain(run, printing->writer, "<nil>"));
            continue;
        }
        FORWARD(jinja_write_plain(run, printing->writer, go_template_type(value)));
        FORWARD(jinja_write_plain(run, printing->writer, "="));
        FORWARD(go_template_write(printing->run, printing->writer, value, &plain));
    }
    return jinja_write_plain(run, printing->writer, ")");
}

primer_status go_template_printf(struct go_run *run, struct jinja_writer *writer,
                                 struct jinja_text format, const struct go_arguments *arguments)
{
    struct printing printing = {run, writer, format, arguments, 0, 0};
    while (printing.at < format.length) {
        const char *const from = format.bytes + printing.at;
        const char *const mark = memchr(from, '%', format.length - printing.at);
        const size_t plain = mark == NULL ? format.length - printing.at : (size_t)(mark - from);
        FORWARD(jinja_write(&run->base, writer, jinja_text_part(format, printing.at, plain)));
        printing.at += plain + 1;
        if (mark != NULL)
            FORWARD(print_verb(&printing));
    }
    return print_extra(&printing);
}

static primer_status function_printf(struct go_run *run, const struct go_arguments *arguments,
                                     struct go_value *out)
{
    struct jinja_writer writer = {0};
    const struct go_arguments rest = {arguments->items + 1, arguments->count - 1};
    if (arguments->items[0].kind != GO_TEXT_VALUE)
        return jinja_run_failure(&run->base, "wrong type for value; expected string; got %s",
                                 go_template_type(&arguments->items[0]));
    FORWARD(go_template_printf(run, &writer, arguments->items[0].text, &rest));
    *out = go_value_text(jinja_written(&writer));
    return PRIMER_OK;
}

/* ---- print, println -------------------------------------------------------------------------- */

/* `line`: a blank between all and a newline; else a blank between those that are no texts. */
static primer_status print_all(struct go_run *run, const struct go_arguments *arguments, bool line,
                               struct go_value *out)
{
    const struct go_verb plain = {.letter = 'v', .width = -1, .precision = -1};
    struct jinja_writer writer = {0};
    for (size_t i = 0; i < arguments->count; i++) {
        const bool texts = i > 0 && (arguments->items[i].kind == GO_TEXT_VALUE ||
                                     arguments->items[i - 1].kind == GO_TEXT_VALUE);
        if (i > 0 && (line || !texts))
            FORWARD(jinja_write_plain(&run->base, &writer, " "));
        FORWARD(go_template_write(run, &writer, &arguments->items[i], &plain));
    }
    if (line)
        FORWARD(jinja_write_plain(&run->base, &writer, "\n"));
    *out = go_value_text(jinja_written(&writer));
    return PRIMER_OK;
}

static primer_status function_print(struct go_run *run, const struct go_arguments *arguments,
                                    struct go_value *out)
{
    return print_all(run, arguments, false, out);
}

static primer_status function_println(struct go_run *run, const struct go_arguments *arguments,
                                      struct go_value *out)
{
    return print_all(run, arguments, true, out);
}

/* ---- truth and lengths ----------------------------------------------------------------------- */

static primer_status function_not(struct go_run *run, const struct go_arguments *arguments,
                                  struct go_value *out)
{
    (void)run;
    *out = go_value_boolean(!go_template_true(&arguments->items[0]));
    return PRIMER_OK;
}

/* Length in bytes or items; false where the value has none. */
static bool length_of(const struct go_value *value, size_t *length)
{
    switch (value->kind) {
    case GO_TEXT_VALUE:
        *length = value->text.length;
        return true;
    case GO_LIST:
        *length = value->list->count;
        return true;
    case GO_MAP:
        *length = value->map->count;
        return true;
    default:
        return false;
    }
}

static primer_status function_len(struct go_run *run, const struct go_arguments *arguments,
                                  struct go_value *out)
{
    size_t length;
    if (go_value_absent(&arguments->items[0]))
        return failure(run, "len", "len of nil pointer");
    if (!length_of(&arguments->items[0], &length))
        return jinja_run_failure(&run->base, "error calling len: len of type %s",
                                 go_template_type(&arguments->items[0]));
    *out = go_value_integer((int64_t)length);
    return PRIMER_OK;
}

/* An index up to `most`. */
static primer_status index_of(struct go_run *run, const char *function,
                              const struct go_value *value, size_t most, size_t *index)
{
    if (go_value_absent(value))
        return failure(run, function, "cannot index slice/array with nil");
    if (value->kind != GO_INTEGER)
        return jinja_run_failure(&run->base,
                                 "error calling %s: cannot index slice/array with type %s",
                                 function, go_template_type(value));
    if (value->integer < 0 || (uint64_t)value->integer > most)
        return jinja_run_failure(&run->base, "error calling %s: index out of range: %lld", function,
                                 (long long)value->integer);
    *index = (size_t)value->integer;
    return PRIMER_OK;
}

static primer_status index_map(struct go_run *run, const struct go_map *map,
                               const struct go_value *key, struct go_value *out)
{
    if (go_value_absent(key))
        return failure(run, "index", "value is nil; should be of type string");
    if (key->kind != GO_TEXT_VALUE)
        return jinja_run_failure(&run->base,
                                 "error calling index: value has type %s; should be string",
                                 go_template_type(key));
    return go_template_member(run, map, key->text, out);
}

static primer_status index_once(struct go_run *run, const struct go_value *of,
                                const struct go_value *key, struct go_value *out)
{
    size_t length = 0, index = 0;
    if (go_value_absent(of))
        return failure(run, "index", "index of nil pointer");
    if (of->kind == GO_MAP)
        return index_map(run, of->map, key, out);
    if (!length_of(of, &length))
        return jinja_run_failure(&run->base, "error calling index: can't index item of type %s",
                                 go_template_type(of));
    FORWARD(index_of(run, "index", key, length, &index));
    if (index == length)
        return jinja_run_failure(&run->base, "error calling index: index out of range: %zu", index);
    *out = of->kind == GO_LIST ? of->list->items[index]
                               : go_value_integer((unsigned char)of->text.bytes[index]);
    return PRIMER_OK;
}

static primer_status function_index(struct go_run *run, const struct go_arguments *arguments,
                                    struct go_value *out)
{
    struct go_value value = arguments->items[0];
    if (go_value_absent(&value))
        return failure(run, "index", "index of untyped nil");
    for (size_t i = 1; i < arguments->count; i++) {
        const struct go_value of = value;
        FORWARD(index_once(run, &of, &arguments->items[i], &value));
    }
    *out = value;
    return PRIMER_OK;
}

static primer_status function_slice(struct go_run *run, const struct go_arguments *arguments,
                                    struct go_value *out)
{
    const struct go_value *const of = &arguments->items[0];
    size_t length = 0, limits[3];
    if (go_value_absent(of))
        return failure(run, "slice", "slice of untyped nil");
    if (arguments->count > 4)
        return jinja_run_failure(&run->base, "error calling slice: too many slice indexes: %zu",
                                 arguments->count - 1);
    if (of->kind == GO_MAP || !length_of(of, &length))
        return jinja_run_failure(&run->base, "error calling slice: can't slice item of type %s",
                                 go_template_type(of));
    if (of->kind == GO_TEXT_VALUE && arguments->count == 4)
        return failure(run, "slice", "cannot 3-index slice a string");
    limits[0] = 0;
    limits[1] = limits[2] = length;
    for (size_t i = 1; i < arguments->count; i++)
        FORWARD(index_of(run, "slice", &arguments->items[i], length, &limits[i - 1]));
    if (limits[0] > limits[1] || limits[1] > limits[2])
        return jinja_run_failure(&run->base, "error calling slice: invalid slice index: %zu > %zu",
                                 limits[0] > limits[1] ? limits[0] : limits[1],
                                 limits[0] > limits[1] ? limits[1] : limits[2]);
    *out = *of;
    if (of->kind == GO_TEXT_VALUE) {
        out->text = jinja_text_part(of->text, limits[0], limits[1] - limits[0]);
        return PRIMER_OK;
    }
    FORWARD(go_template_list(run, 0, of->list->style, out));
    out->list->items = of->list->items + limits[0]; /* shared: no value ever changes */
    out->list->count = limits[1] - limits[0];
    out->list->nil = of->list->nil;
    return PRIMER_OK;
}

/* ---- comparison ------------------------------------------------------------------------------ */

static bool is_basic(const struct go_value *value)
{
    return value->kind == GO_BOOLEAN || value->kind == GO_INTEGER || value->kind == GO_REAL ||
           value->kind == GO_TEXT_VALUE;
}

static bool is_nil(const struct go_value *value)
{
    return go_value_absent(value) || (value->kind == GO_LIST && value->list->nil) ||
           (value->kind == GO_MAP && value->map->nil);
}

static bool is_message(const struct go_value *value)
{
    return value->kind == GO_RECORD && value->record->type == &go_template_message;
}

/* Lists and maps are compared with nil alone; messages, which are pointers in Go, are the same one or
 * not. */
static primer_status containers_equal(struct go_run *run, const char *function,
                                      const struct go_value *a, const struct go_value *b,
                                      bool *equal)
{
    const bool nil = go_value_absent(a) || go_value_absent(b);
    const bool messages = is_message(a) && is_message(b);
    if (!nil && (a->kind != b->kind || is_message(a) != is_message(b)))
        return jinja_run_failure(&run->base, "error calling %s: non-comparable types %s, %s",
                                 function, go_template_type(a), go_template_type(b));
    if (!nil && !messages && !is_nil(a) && !is_nil(b))
        return jinja_run_failure(&run->base, "error calling %s: non-comparable type %s", function,
                                 go_template_type(a));
    *equal = messages ? a->record == b->record : is_nil(a) && is_nil(b);
    return PRIMER_OK;
}

static primer_status values_equal(struct go_run *run, const char *function,
                                  const struct go_value *a, const struct go_value *b, bool *equal)
{
    *equal = false;
    if (!is_basic(a) && !is_basic(b))
        return containers_equal(run, function, a, b, equal);
    if (a->kind != b->kind)
        return go_value_absent(a) || go_value_absent(b)
                   ? PRIMER_OK
                   : failure(run, function, "incompatible types for comparison");
    if (a->kind == GO_TEXT_VALUE) {
        FORWARD(jinja_run_step(&run->base, a->text.length / 64));
        *equal = jinja_text_same(a->text, b->text);
        return PRIMER_OK;
    }
    *equal = a->kind == GO_BOOLEAN   ? a->truth == b->truth
             : a->kind == GO_INTEGER ? a->integer == b->integer
                                     : a->real >= b->real && a->real <= b->real;
    return PRIMER_OK;
}

/* Whether the first equals one of the others. */
static primer_status function_eq(struct go_run *run, const struct go_arguments *arguments,
                                 struct go_value *out)
{
    bool equal = false;
    if (arguments->count < 2)
        return failure(run, "eq", "missing argument for comparison");
    for (size_t i = 1; i < arguments->count && !equal; i++)
        FORWARD(values_equal(run, "eq", &arguments->items[0], &arguments->items[i], &equal));
    *out = go_value_boolean(equal);
    return PRIMER_OK;
}

static primer_status function_ne(struct go_run *run, const struct go_arguments *arguments,
                                 struct go_value *out)
{
    bool equal = false;
    FORWARD(values_equal(run, "ne", &arguments->items[0], &arguments->items[1], &equal));
    *out = go_value_boolean(!equal);
    return PRIMER_OK;
}

/* -1, 0, 1. */
static primer_status compare(struct go_run *run, const char *function,
                             const struct go_arguments *arguments, int *order)
{
    const struct go_value *const a = &arguments->items[0], *const b = &arguments->items[1];
    if (!is_basic(a) || !is_basic(b))
        return failure(run, function, "invalid type for comparison");
    if (a->kind != b->kind)
        return failure(run, function, "incompatible types for comparison");
    if (a->kind == GO_BOOLEAN)
        return failure(run, function, "invalid type for comparison");
    *order = a->kind == GO_TEXT_VALUE ? go_template_order(a->text, b->text)
             : a->kind == GO_INTEGER  ? (a->integer > b->integer) - (a->integer < b->integer)
                                      : (a->real > b->real) - (a->real < b->real);
    return a->kind == GO_TEXT_VALUE ? jinja_run_step(&run->base, a->text.length / 64) : PRIMER_OK;
}

static primer_status function_lt(struct go_run *run, const struct go_arguments *arguments,
                                 struct go_value *out)
{
    int order = 0;
    FORWARD(compare(run, "lt", arguments, &order));
    *out = go_value_boolean(order < 0);
    return PRIMER_OK;
}

static primer_status function_le(struct go_run *run, const struct go_arguments *arguments,
                                 struct go_value *out)
{
    int order = 0;
    FORWARD(compare(run, "le", arguments, &order));
    *out = go_value_boolean(order <= 0);
    return PRIMER_OK;
}

static primer_status function_gt(struct go_run *run, const struct go_arguments *arguments,
                                 struct go_value *out)
{
    int order = 0;
    FORWARD(compare(run, "gt", arguments, &order));
    *out = go_value_boolean(order > 0);
    return PRIMER_OK;
}

static primer_status function_ge(struct go_run *run, const struct go_arguments *arguments,
                                 struct go_value *out)
{
    int order = 0;
    FORWARD(compare(run, "ge", arguments, &order));
    *out = go_value_boolean(order >= 0);
    return PRIMER_OK;
}

/* ---- Ollama's -------------------------------------------------------------------------------- */

static primer_status function_json(struct go_run *run, const struct go_arguments *arguments,
                                   struct go_value *out)
{
    struct jinja_writer writer = {0};
    FORWARD(go_template_json(run, &writer, &arguments->items[0]));
    *out = go_value_text(jinja_written(&writer));
    return PRIMER_OK;
}

/* The date some days from now as 2006-01-02; a format may be given, and is not looked at. */
static primer_status date(struct go_run *run, const struct go_arguments *arguments, int days,
                          struct go_value *out)
{
    const time_t now = (time_t)run->base.now;
    struct tm local;
    char *text;
    const size_t most = 16;
    for (size_t i = 0; i < arguments->count; i++)
        if (arguments->items[i].kind != GO_TEXT_VALUE)
            return jinja_run_failure(&run->base, "wrong type for value; expected string; got %s",
                                     go_template_type(&arguments->items[i]));
    FORWARD(jinja_run_take(&run->base, most, 1, &text));
    if (localtime_r(&now, &local) == NULL)
        return jinja_run_failure(&run->base, "the time has no date");
    local.tm_mday += days;
    local.tm_hour = 12; /* no clock change leaves the day */
    local.tm_isdst = -1;
    mktime(&local);
    *out = go_value_text(jinja_text_of(text, strftime(text, most, "%Y-%m-%d", &local)));
    return PRIMER_OK;
}

static primer_status function_current_date(struct go_run *run, const struct go_arguments *arguments,
                                           struct go_value *out)
{
    return date(run, arguments, 0, out);
}

static primer_status function_yesterday(struct go_run *run, const struct go_arguments *arguments,
                                        struct go_value *out)
{
    return date(run, arguments, -1, out);
}

static primer_status function_typescript(struct go_run *run, const struct go_arguments *arguments,
                                         struct go_value *out)
{
    return go_template_typescript(run, &arguments->items[0], out);
}

/* ---- the table ------------------------------------------------------------------------------- */

const struct go_function *go_template_function(struct jinja_text name, bool *refused)
{
    static const struct go_function functions[] = {
        {"and", 1, SIZE_MAX, NULL, false},
        {"or", 1, SIZE_MAX, NULL, true},
        {"not", 1, 1, function_not, false},
        {"len", 1, 1, function_len, false},
        {"index", 1, SIZE_MAX, function_index, false},
        {"slice", 1, SIZE_MAX, function_slice, false},
        {"print", 0, SIZE_MAX, function_print, false},
        {"printf", 1, SIZE_MAX, function_printf, false},
        {"println", 0, SIZE_MAX, function_println, false},
        {"eq", 1, SIZE_MAX, function_eq, false},
        {"ne", 2, 2, function_ne, false},
        {"lt", 2, 2, function_lt, false},
        {"le", 2, 2, function_le, false},
        {"gt", 2, 2, function_gt, false},
        {"ge", 2, 2, function_ge, false},
        {"json", 1, 1, function_json, false},
        {"currentDate", 0, SIZE_MAX, function_current_date, false},
        {"yesterdayDate", 0, SIZE_MAX, function_yesterday, false},
        {"toTypeScriptType", 1, 1, function_typescript, false},
    };
    static const char *const others[] = {"call", "html", "js", "urlquery"};
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (jinja_text_is(name, functions[i].name))
            return &functions[i];
    *refused = false;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        *refused = *refused || jinja_text_is(name, others[i]);
    return NULL;
}
