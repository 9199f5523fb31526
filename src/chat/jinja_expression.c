/* jinja_expression.c - expressions of a template: names, members, operators, calls, filters, tests. */
#include "chat/jinja_run.h"

#include <math.h>
#include <string.h>

static primer_status evaluate(struct jinja_run *run, const struct jinja_node *node,
                              struct jinja_value *out);

/* ---- names and members ----------------------------------------------------------------------- */

static primer_status lookup(struct jinja_run *run, struct jinja_text name, struct jinja_value *out)
{
    *out = (struct jinja_value){.kind = JINJA_UNDEFINED};
    for (const struct jinja_scope *scope = run->scope; scope != NULL; scope = scope->parent) {
        FORWARD(jinja_run_step(run, scope->variables.count / 16));
        const struct jinja_value *const found = jinja_dict_find(&scope->variables, name);
        if (found == NULL)
            continue;
        *out = *found;
        break;
    }
    return PRIMER_OK;
}

/* A member by name: an entry, else a method, else a length. */
static primer_status named_member(struct jinja_run *run, const struct jinja_value *object,
                                  struct jinja_text name, struct jinja_value *out)
{
    const bool entries = object->kind == JINJA_DICT || object->kind == JINJA_NAMESPACE;
    FORWARD(jinja_run_step(run, entries ? object->dict->count / 16 : 0));
    const struct jinja_value *const entry = entries ? jinja_dict_find(object->dict, name) : NULL;
    *out = (struct jinja_value){.kind = JINJA_UNDEFINED};
    if (entry != NULL) {
        *out = *entry;
        return PRIMER_OK;
    }
    jinja_native *const method = jinja_method_named(object, name);
    if (method != NULL) {
        out->kind = JINJA_FUNCTION;
        FORWARD(jinja_run_take(run, 1, sizeof *out->function, &out->function));
        *out->function = (struct jinja_function){.native = method, .self = *object};
        return PRIMER_OK;
    }
    if (!jinja_text_is(name, "length"))
        return PRIMER_OK;
    if (object->kind == JINJA_LIST)
        *out = jinja_value_integer((int64_t)object->list->count);
    if (object->kind != JINJA_TEXT_VALUE)
        return PRIMER_OK;
    *out = jinja_value_integer((int64_t)jinja_text_characters(object->text));
    return jinja_run_step(run, object->text.length / 64);
}

/* Where character `index` begins and how long it is; false outside. */
static bool character_at(struct jinja_text text, int64_t index, size_t *at, size_t *length)
{
    if (index < 0)
        index += (int64_t)jinja_text_characters(text);
    *at = 0;
    for (; index > 0 && *at < text.length; index--)
        *at += jinja_text_character(text, *at);
    if (index != 0 || *at >= text.length)
        return false;
    *length = jinja_text_character(text, *at);
    return true;
}

static primer_status indexed_member(struct jinja_run *run, const struct jinja_value *object,
                                    int64_t index, struct jinja_value *out)
{
    size_t at, length;
    *out = (struct jinja_value){.kind = JINJA_UNDEFINED};
    if (object->kind == JINJA_LIST) {
        const int64_t count = (int64_t)object->list->count;
        index += index < 0 ? count : 0;
        if (index >= 0 && index < count)
            *out = object->list->items[index];
        return PRIMER_OK;
    }
    if (object->kind != JINJA_TEXT_VALUE)
        return jinja_run_failure(run, "%s has no members with numbers", jinja_value_kind(object));
    FORWARD(jinja_run_step(run, object->text.length / 16));
    if (character_at(object->text, index, &at, &length))
        *out = jinja_value_text(jinja_text_part(object->text, at, length));
    return PRIMER_OK;
}

static primer_status evaluate_member(struct jinja_run *run, const struct jinja_node *node,
                                     struct jinja_value *out)
{
    struct jinja_value object, index;
    FORWARD(evaluate(run, node->a, &object));
    if (node->b == NULL)
        return named_member(run, &object, node->text, out);
    FORWARD(evaluate(run, node->b, &index));
    if (index.kind == JINJA_TEXT_VALUE)
        return named_member(run, &object, index.text, out);
    if (index.kind == JINJA_INTEGER)
        return indexed_member(run, &object, index.integer, out);
    if (index.kind == JINJA_UNDEFINED && object.kind == JINJA_DICT) { /* no dict has such a key */
        *out = index;
        return PRIMER_OK;
    }
    return jinja_run_failure(run, "an index must be a text or an integer, found %s",
                             jinja_value_kind(&index));
}

/* ---- slices ---------------------------------------------------------------------------------- */

/* first, end and step of a slice of `count` items, as Python has them. */
struct range {
    int64_t first, end, step;
};

static int64_t bounded(int64_t at, int64_t count, int64_t least, int64_t most)
{
    at += at < 0 ? count : 0;
    return at < least ? least : at > most ? most : at;
}

static primer_status slice_part(struct jinja_run *run, const struct jinja_node *node, int64_t *out,
                                bool *given)
{
    struct jinja_value value;
    *given = false;
    if (node == NULL)
        return PRIMER_OK;
    FORWARD(evaluate(run, node, &value));
    if (value.kind <= JINJA_NONE)
        return PRIMER_OK;
    if (value.kind != JINJA_INTEGER)
        return jinja_run_failure(run, "a slice's parts must be integers, found %s",
                                 jinja_value_kind(&value));
    *given = true;
    *out = value.integer;
    return PRIMER_OK;
}

static primer_status slice_range(struct jinja_run *run, const struct jinja_node *node,
                                 int64_t count, struct range *out)
{
    int64_t first = 0, end = 0;
    bool has_first, has_end, has_step;
    out->step = 1;
    FORWARD(slice_part(run, node->list.items[0], &first, &has_first));
    FORWARD(slice_part(run, node->list.items[1], &end, &has_end));
    FORWARD(slice_part(run, node->list.items[2], &out->step, &has_step));
    if (out->step == 0)
        return jinja_run_failure(run, "a slice with a step of zero");
    const bool up = out->step > 0;
    const int64_t least = up ? 0 : -1, most = up ? count : count - 1;
    out->first = has_first ? bounded(first, count, least, most) : up ? 0 : count - 1;
    out->end = has_end ? bounded(end, count, least, most) : up ? count : -1;
    return PRIMER_OK;
}

/* Characters [first, end) of a text. */
static struct jinja_text run_of_characters(struct jinja_text text, int64_t first, int64_t end)
{
    size_t begin = 0, at = 0;
    for (int64_t i = 0; i < end && at < text.length; i++) {
        if (i == first)
            begin = at;
        at += jinja_text_character(text, at);
    }
    return jinja_text_part(text, begin, first < end ? at - begin : 0);
}

static primer_status slice_text(struct jinja_run *run, const struct jinja_node *node,
                                struct jinja_text text, struct jinja_value *out)
{
    const struct jinja_value whole = jinja_value_text(text);
    const struct jinja_arguments none = {0};
    struct jinja_value items;
    struct jinja_writer writer = {0};
    struct range range;
    FORWARD(jinja_run_step(run, text.length / 64));
    FORWARD(slice_range(run, node, (int64_t)jinja_text_characters(text), &range));
    if (range.step == 1) {
        *out = jinja_value_text(run_of_characters(text, range.first, range.end));
        return PRIMER_OK;
    }
    FORWARD(jinja_filter_named(jinja_text_of("list", 4))(run, &whole, &none, &items));
    for (int64_t i = range.first; range.step > 0 ? i < range.end : i > range.end;) {
        FORWARD(jinja_run_step(run, 1));
        FORWARD(jinja_write(run, &writer, items.list->items[i].text));
        if (__builtin_add_overflow(i, range.step, &i))
            break;
    }
    *out = jinja_value_text(jinja_written(&writer));
    return PRIMER_OK;
}

static primer_status evaluate_slice(struct jinja_run *run, const struct jinja_node *node,
                                    struct jinja_value *out)
{
    struct jinja_value object;
    struct range range;
    FORWARD(evaluate(run, node->a, &object));
    if (object.kind == JINJA_TEXT_VALUE)
        return slice_text(run, node, object.text, out);
    if (object.kind != JINJA_LIST)
        return jinja_run_failure(run, "a slice of %s", jinja_value_kind(&object));
    FORWARD(slice_range(run, node, (int64_t)object.list->count, &range));
    FORWARD(jinja_list_make(run, out));
    for (int64_t i = range.first; range.step > 0 ? i < range.end : i > range.end;) {
        FORWARD(jinja_run_step(run, 1));
        FORWARD(jinja_list_add(run, out->list, &object.list->items[i]));
        if (__builtin_add_overflow(i, range.step, &i))
            break;
    }
    return PRIMER_OK;
}

/* ---- operators ------------------------------------------------------------------------------- */

static primer_status unknown_operator(struct jinja_run *run, struct jinja_text operator,
                                      const struct jinja_value * a, const struct jinja_value *b)
{
    return jinja_run_failure(run, "the operator %.*s has no use for %s and %s",
                             (int)operator.length, operator.bytes, jinja_value_kind(a),
                             jinja_value_kind(b));
}

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

/* + - * // % of integers; false where the sign is another, or the result doesn't fit. */
static bool integer_operation(char sign, size_t length, int64_t a, int64_t b, int64_t *out)
{
    if (length == 2)
        sign = sign == '/' ? 'f' : '?';
    switch (sign) {
    case '+':
        return !__builtin_add_overflow(a, b, out);
    case '-':
        return !__builtin_sub_overflow(a, b, out);
    case '*':
        return !__builtin_mul_overflow(a, b, out);
    case 'f':
    case '%':
        if (b == 0 || (a == INT64_MIN && b == -1))
            return false;
        *out = sign == 'f' ? floor_divide(a, b) : a % b;
        return true;
    default:
        return false;
    }
}

static bool real_operation(struct jinja_text operator, double a, double b, double *out)
{
    if (jinja_text_is(operator, "+"))
        *out = a + b;
    else if (jinja_text_is(operator, "-"))
        *out = a - b;
    else if (jinja_text_is(operator, "*"))
        *out = a * b;
    else if (jinja_text_is(operator, "**"))
        *out = pow(a, b);
    else if (b == 0.0)
        return false;
    else if (jinja_text_is(operator, "/"))
        *out = a / b;
    else if (jinja_text_is(operator, "//"))
        *out = floor(a / b);
    else if (jinja_text_is(operator, "%"))
        *out = fmod(a, b);
    else
        return false;
    return isfinite(*out);
}

static primer_status arithmetic(struct jinja_run *run, struct jinja_text operator,
                                const struct jinja_value * a, const struct jinja_value *b,
                                struct jinja_value *out)
{
    double x, y, real;
    int64_t integer;
    const bool integers = a->kind == JINJA_INTEGER && b->kind == JINJA_INTEGER;
    if (integers &&
        integer_operation(*operator.bytes, operator.length, a->integer, b->integer, &integer)) {
        *out = jinja_value_integer(integer);
        return PRIMER_OK;
    }
    if (!jinja_value_number(a, &x) || !jinja_value_number(b, &y))
        return unknown_operator(run, operator, a, b);
    if (!real_operation(operator, x, y, &real))
        return jinja_run_failure(run, "%.*s has no finite result",
                                 (int)operator.length, operator.bytes);
    const bool whole = integers && jinja_text_is(operator, "**") && b->integer >= 0 &&
                       fabs(real) < 9007199254740992.0;
    *out = whole ? jinja_value_integer((int64_t)real) : jinja_value_real(real);
    return PRIMER_OK;
}

/* + of two lists, or where one side is a text; ~ of anything. */
static primer_status join(struct jinja_run *run, const struct jinja_value *a,
                          const struct jinja_value *b, struct jinja_value *out)
{
    struct jinja_writer writer = {0};
    if (a->kind == JINJA_LIST && b->kind == JINJA_LIST) {
        FORWARD(jinja_list_make(run, out));
        FORWARD(jinja_run_step(run, a->list->count + b->list->count));
        for (size_t i = 0; i < a->list->count; i++)
            FORWARD(jinja_list_add(run, out->list, &a->list->items[i]));
        for (size_t i = 0; i < b->list->count; i++)
            FORWARD(jinja_list_add(run, out->list, &b->list->items[i]));
        return PRIMER_OK;
    }
    FORWARD(jinja_write_value(run, &writer, a));
    FORWARD(jinja_write_value(run, &writer, b));
    *out = jinja_value_text(jinja_written(&writer));
    return PRIMER_OK;
}

static primer_status ordered(struct jinja_run *run, struct jinja_text operator,
                             const struct jinja_value * a, const struct jinja_value *b,
                             struct jinja_value *out)
{
    int order;
    FORWARD(jinja_value_compare(run, a, b, true, &order));
    const bool equal = operator.length == 2 && order == 0;
    *out = jinja_value_boolean(equal || (*operator.bytes == '<' ? order < 0 : order> 0));
    return PRIMER_OK;
}

static primer_status contained(struct jinja_run *run, bool negated, const struct jinja_value *a,
                               const struct jinja_value *b, struct jinja_value *out)
{
    bool wants, holds;
    FORWARD(jinja_test_named(jinja_text_of("in", 2), &wants)(run, a, b, &holds));
    *out = jinja_value_boolean(holds != negated);
    return PRIMER_OK;
}

static bool is_addition(struct jinja_text operator, const struct jinja_value * a,
                        const struct jinja_value *b)
{
    const bool texts = a->kind == JINJA_TEXT_VALUE || b->kind == JINJA_TEXT_VALUE;
    const bool lists = a->kind == JINJA_LIST && b->kind == JINJA_LIST;
    return jinja_text_is(operator, "~") || (jinja_text_is(operator, "+") && (texts || lists));
}

static primer_status operate(struct jinja_run *run, struct jinja_text operator,
                             const struct jinja_value * a, const struct jinja_value *b,
                             struct jinja_value *out)
{
    const bool unequal = jinja_text_is(operator, "!=");
    if (unequal || jinja_text_is(operator, "==")) {
        bool equal;
        FORWARD(jinja_value_equal(run, a, b, &equal));
        *out = jinja_value_boolean(equal != unequal);
        return PRIMER_OK;
    }
    const bool not_in = jinja_text_is(operator, "not in");
    if (not_in || jinja_text_is(operator, "in"))
        return contained(run, not_in, a, b, out);
    if (a->kind <= JINJA_NONE || b->kind <= JINJA_NONE)
        return unknown_operator(run, operator, a, b);
    if (is_addition(operator, a, b))
        return join(run, a, b, out);
    if (*operator.bytes == '<' || * operator.bytes == '>')
        return ordered(run, operator, a, b, out);
    return arithmetic(run, operator, a, b, out);
}

static primer_status evaluate_binary(struct jinja_run *run, const struct jinja_node *node,
                                     struct jinja_value *out)
{
    struct jinja_value a, b;
    FORWARD(evaluate(run, node->a, &a));
    const bool and = jinja_text_is(node->text, "and");
    if (and || jinja_text_is(node->text, "or")) {
        *out = a;
        return jinja_value_true(&a) == and? evaluate(run, node->b, out) : PRIMER_OK;
    }
    FORWARD(evaluate(run, node->b, &b));
    return operate(run, node->text, &a, &b, out);
}

static primer_status evaluate_unary(struct jinja_run *run, const struct jinja_node *node,
                                    struct jinja_value *out)
{
    struct jinja_value a;
    FORWARD(evaluate(run, node->a, &a));
    if (jinja_text_is(node->text, "not")) {
        *out = jinja_value_boolean(!jinja_value_true(&a));
        return PRIMER_OK;
    }
    const struct jinja_value zero = jinja_value_integer(0);
    if (a.kind == JINJA_REAL) { /* also -0.0 */
        *out = jinja_value_real(jinja_text_is(node->text, "-") ? -a.real : a.real);
        return PRIMER_OK;
    }
    if (a.kind == JINJA_BOOLEAN)
        a = jinja_value_integer(a.truth);
    return arithmetic(run, node->text, &zero, &a, out);
}

/* ---- calls, filters, tests ------------------------------------------------------------------- */

static primer_status add_named(struct jinja_run *run, struct jinja_dict *named,
                               struct jinja_text name, const struct jinja_value *value)
{
    if (jinja_dict_find(named, name) != NULL)
        return jinja_run_failure(run, "an argument is given twice");
    return jinja_dict_set(run, named, name, value);
}

static primer_status spread(struct jinja_run *run, const struct jinja_node *node,
                            struct jinja_arguments *out)
{
    struct jinja_value value;
    FORWARD(evaluate(run, node->a, &value));
    if (value.kind != (node->negated ? JINJA_DICT : JINJA_LIST))
        return jinja_run_failure(run, "%s: found %s",
                                 node->negated ? "** of a dict" : "* of a list",
                                 jinja_value_kind(&value));
    if (node->negated) {
        for (size_t i = 0; i < value.dict->count; i++)
            FORWARD(add_named(run, &out->named, value.dict->entries[i].key,
                              &value.dict->entries[i].value));
        return PRIMER_OK;
    }
    for (size_t i = 0; i < value.list->count; i++)
        FORWARD(jinja_list_add(run, &out->positional, &value.list->items[i]));
    return PRIMER_OK;
}

primer_status jinja_expression_arguments(struct jinja_run *run, const struct jinja_node_list *list,
                                         struct jinja_arguments *out)
{
    *out = (struct jinja_arguments){0};
    for (size_t i = 0; i < list->count; i++) {
        const struct jinja_node *const node = list->items[i];
        struct jinja_value value;
        if (node->kind == JINJA_NODE_SPREAD) {
            FORWARD(spread(run, node, out));
        } else if (node->kind == JINJA_NODE_KEYWORD) {
            FORWARD(evaluate(run, node->a, &value));
            FORWARD(add_named(run, &out->named, node->text, &value));
        } else {
            FORWARD(evaluate(run, node, &value));
            FORWARD(jinja_list_add(run, &out->positional, &value));
        }
    }
    return PRIMER_OK;
}

static primer_status evaluate_call(struct jinja_run *run, const struct jinja_node *node,
                                   struct jinja_value *out)
{
    struct jinja_arguments arguments;
    struct jinja_value function;
    FORWARD(evaluate(run, node->a, &function));
    FORWARD(jinja_expression_arguments(run, &node->list, &arguments));
    run->line = node->line;
    return jinja_run_call(run, &function, &arguments, out);
}

primer_status jinja_expression_filter(struct jinja_run *run, const struct jinja_node *node,
                                      const struct jinja_value *operand, struct jinja_value *out)
{
    struct jinja_arguments arguments;
    char shown[64];
    jinja_native *const filter = jinja_filter_named(node->text);
    run->line = node->line;
    if (filter == NULL)
        return jinja_run_failure(
            run, "an unknown filter: %s",
            error_printable(node->text.bytes, node->text.length, shown, sizeof shown));
    FORWARD(jinja_expression_arguments(run, &node->list, &arguments));
    return filter(run, operand, &arguments, out);
}

static primer_status evaluate_filter(struct jinja_run *run, const struct jinja_node *node,
                                     struct jinja_value *out)
{
    struct jinja_value operand;
    FORWARD(evaluate(run, node->a, &operand));
    return jinja_expression_filter(run, node, &operand, out);
}

static primer_status evaluate_test(struct jinja_run *run, const struct jinja_node *node,
                                   struct jinja_value *out)
{
    struct jinja_value operand;
    struct jinja_arguments arguments;
    char shown[64];
    bool wants, holds;
    jinja_test *const test = jinja_test_named(node->text, &wants);
    FORWARD(evaluate(run, node->a, &operand));
    FORWARD(jinja_expression_arguments(run, &node->list, &arguments));
    if (test == NULL)
        return jinja_run_failure(
            run, "an unknown test: %s",
            error_printable(node->text.bytes, node->text.length, shown, sizeof shown));
    const struct jinja_value *const other = jinja_argument(&arguments, 0, NULL);
    if (wants && other == NULL)
        return jinja_run_failure(run, "a test without its argument");
    FORWARD(test(run, &operand, other, &holds));
    *out = jinja_value_boolean(holds != node->negated);
    return PRIMER_OK;
}

/* ---- the rest -------------------------------------------------------------------------------- */

static primer_status evaluate_list(struct jinja_run *run, const struct jinja_node *node,
                                   struct jinja_value *out)
{
    FORWARD(jinja_list_make(run, out));
    for (size_t i = 0; i < node->list.count; i++) {
        struct jinja_value item;
        FORWARD(evaluate(run, node->list.items[i], &item));
        FORWARD(jinja_list_add(run, out->list, &item));
    }
    return PRIMER_OK;
}

static primer_status evaluate_dict(struct jinja_run *run, const struct jinja_node *node,
                                   struct jinja_value *out)
{
    FORWARD(jinja_dict_make(run, JINJA_DICT, out));
    for (size_t i = 0; i + 1 < node->list.count; i += 2) {
        struct jinja_value key, value;
        FORWARD(evaluate(run, node->list.items[i], &key));
        FORWARD(evaluate(run, node->list.items[i + 1], &value));
        if (key.kind != JINJA_TEXT_VALUE)
            return jinja_run_failure(run, "a dict's keys must be texts, found %s",
                                     jinja_value_kind(&key));
        FORWARD(jinja_dict_set(run, out->dict, key.text, &value));
    }
    return PRIMER_OK;
}

static primer_status evaluate_choice(struct jinja_run *run, const struct jinja_node *node,
                                     struct jinja_value *out)
{
    struct jinja_value condition;
    FORWARD(evaluate(run, node->b, &condition));
    if (jinja_value_true(&condition))
        return evaluate(run, node->a, out);
    *out = (struct jinja_value){.kind = JINJA_UNDEFINED};
    return node->c == NULL ? PRIMER_OK : evaluate(run, node->c, out);
}

static primer_status evaluate_kind(struct jinja_run *run, const struct jinja_node *node,
                                   struct jinja_value *out)
{
    switch (node->kind) {
    case JINJA_NODE_STRING:
        *out = jinja_value_text(node->text);
        return PRIMER_OK;
    case JINJA_NODE_INTEGER:
        *out = jinja_value_integer(node->integer);
        return PRIMER_OK;
    case JINJA_NODE_FLOAT:
        *out = jinja_value_real(node->real);
        return PRIMER_OK;
    case JINJA_NODE_NAME:
        return lookup(run, node->text, out);
    case JINJA_NODE_LIST:
    case JINJA_NODE_TUPLE:
        return evaluate_list(run, node, out);
    case JINJA_NODE_DICT:
        return evaluate_dict(run, node, out);
    case JINJA_NODE_UNARY:
        return evaluate_unary(run, node, out);
    case JINJA_NODE_BINARY:
        return evaluate_binary(run, node, out);
    case JINJA_NODE_CHOICE:
        return evaluate_choice(run, node, out);
    case JINJA_NODE_MEMBER:
        return evaluate_member(run, node, out);
    case JINJA_NODE_SLICE:
        return evaluate_slice(run, node, out);
    case JINJA_NODE_CALL:
        return evaluate_call(run, node, out);
    case JINJA_NODE_FILTER:
        return evaluate_filter(run, node, out);
    case JINJA_NODE_TEST:
        return evaluate_test(run, node, out);
    default:
        return jinja_run_failure(run, "no expression");
    }
}

static primer_status evaluate(struct jinja_run *run, const struct jinja_node *node,
                              struct jinja_value *out)
{
    run->line = node->line;
    if (++run->nested > JINJA_NESTED)
        return jinja_run_failure(run, "more than %d expressions in each other", JINJA_NESTED);
    FORWARD(jinja_run_step(run, 1));
    FORWARD(evaluate_kind(run, node, out));
    run->nested--;
    return PRIMER_OK;
}

primer_status jinja_expression(struct jinja_run *run, const struct jinja_node *node,
                               struct jinja_value *out)
{
    return evaluate(run, node, out);
}
