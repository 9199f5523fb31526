/* jinja_parser.c - tokens to a tree, by recursive descent. From the weakest to the strongest:
 *
 *   choice        a if b else c
 *   or, and, not
 *   comparison    == != < > <= >= in, not in
 *   sum           + - ~
 *   product       * / // %
 *   power         **, from the left
 *   test          is, is not
 *   filter        |
 *   sign          - +
 *   call, member  f(x), a.b, a[b], a[b:c:d]
 *   primary       literals, names, parentheses
 */
#include "chat/jinja_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PARAMETERS_MOST 255 /* of a macro */

struct parser {
    const struct jinja_token *token; /* the next one */
    struct scratch *memory;
    primer_error *error;
    size_t depth;
};

/* Children of a list that is being read. */
struct growing {
    struct jinja_node_list list;
    size_t capacity;
};

static primer_status parse_expression(struct parser *parser, struct jinja_node **out);
static primer_status parse_statement(struct parser *parser, struct jinja_node **out);

/* ---- tokens and nodes ------------------------------------------------------------------------ */

static bool is_sign(const struct parser *parser, const char *sign)
{
    return parser->token->kind == JINJA_SIGN && jinja_text_is(parser->token->text, sign);
}

static bool is_name(const struct parser *parser, const char *name)
{
    return parser->token->kind == JINJA_NAME && jinja_text_is(parser->token->text, name);
}

/* The next tag is {% name. */
static bool is_tag(const struct parser *parser, const char *name)
{
    return parser->token->kind == JINJA_BEGIN && parser->token[1].kind == JINJA_NAME &&
           jinja_text_is(parser->token[1].text, name);
}

static bool accept_sign(struct parser *parser, const char *sign)
{
    const bool found = is_sign(parser, sign);
    parser->token += found;
    return found;
}

static primer_status unexpected(const struct parser *parser, const char *expected)
{
    const struct jinja_token *const token = parser->token;
    char shown[40];
    if (token->kind == JINJA_FINISHED)
        return jinja_failure(parser->error, token->line, "expected %s, found the end", expected);
    return jinja_failure(
        parser->error, token->line, "expected %s, found \"%s\"", expected,
        error_printable(token->text.bytes, token->text.length, shown, sizeof shown));
}

static primer_status expect_sign(struct parser *parser, const char *sign)
{
    return accept_sign(parser, sign) ? PRIMER_OK : unexpected(parser, sign);
}

static primer_status expect_kind(struct parser *parser, enum jinja_token_kind kind,
                                 const char *what)
{
    if (parser->token->kind != kind)
        return unexpected(parser, what);
    parser->token++;
    return PRIMER_OK;
}

static primer_status make(struct parser *parser, enum jinja_node_kind kind, struct jinja_node **out)
{
    *out = scratch_take(parser->memory, 1, sizeof **out);
    if (*out == NULL)
        return jinja_failure(parser->error, parser->token->line, "the template is too large");
    (*out)->kind = kind;
    (*out)->line = parser->token->line;
    return PRIMER_OK;
}

static primer_status append(struct parser *parser, struct growing *list, struct jinja_node *node)
{
    if (list->list.count == list->capacity) {
        const size_t capacity = list->capacity == 0 ? 4 : 2 * list->capacity;
        struct jinja_node **const items = scratch_take(parser->memory, capacity, sizeof *items);
        if (items == NULL)
            return jinja_failure(parser->error, parser->token->line, "the template is too large");
        if (list->list.count > 0)
            memcpy(items, list->list.items, list->list.count * sizeof(struct jinja_node *));
        list->list.items = items;
        list->capacity = capacity;
    }
    list->list.items[list->list.count++] = node;
    return PRIMER_OK;
}

static primer_status go_deeper(struct parser *parser)
{
    if (++parser->depth > JINJA_DEPTH)
        return jinja_failure(parser->error, parser->token->line, "nested more than %d levels deep",
                             JINJA_DEPTH);
    return PRIMER_OK;
}

static primer_status expect_name(struct parser *parser, const char *what, struct jinja_text *name)
{
    *name = parser->token->text;
    return expect_kind(parser, JINJA_NAME, what);
}

/* ---- primary --------------------------------------------------------------------------------- */

static primer_status parse_number(struct parser *parser, struct jinja_node **out)
{
    const struct jinja_text text = parser->token->text;
    char digits[64], *end;
    if (text.length >= sizeof digits)
        return jinja_failure(parser->error, parser->token->line, "a number of %zu digits",
                             text.length);
    memcpy(digits, text.bytes, text.length);
    digits[text.length] = '\0';
    const bool fraction = strchr(digits, '.') != NULL;
    FORWARD(make(parser, fraction ? JINJA_NODE_FLOAT : JINJA_NODE_INTEGER, out));
    errno = 0;
    if (fraction)
        (*out)->real = strtod(digits, &end);
    else
        (*out)->integer = strtoll(digits, &end, 10);
    if (errno == ERANGE)
        return jinja_failure(parser->error, parser->token->line, "the number %s is too large",
                             digits);
    parser->token++;
    return PRIMER_OK;
}

/* Strings side by side are one. */
static primer_status parse_string(struct parser *parser, struct jinja_node **out)
{
    size_t length = 0;
    FORWARD(make(parser, JINJA_NODE_STRING, out));
    const struct jinja_token *const first = parser->token;
    for (; parser->token->kind == JINJA_STRING; parser->token++)
        length += parser->token->text.length;
    (*out)->text = first->text;
    if (parser->token == first + 1)
        return PRIMER_OK;
    char *const joined = scratch_take(parser->memory, length + 1, 1);
    if (joined == NULL)
        return jinja_failure(parser->error, first->line, "the template is too large");
    (*out)->text = jinja_text_of(joined, length);
    size_t used = 0;
    for (const struct jinja_token *t = first; t < parser->token; t++) {
        memcpy(joined + used, t->text.bytes, t->text.length);
        used += t->text.length;
    }
    return PRIMER_OK;
}

/* Items between commas up to `end`, which is taken; of a dict keys and values in turn. */
static primer_status parse_items(struct parser *parser, const char *end, bool dict,
                                 struct jinja_node_list *out)
{
    struct growing items = {0};
    while (!is_sign(parser, end)) {
        struct jinja_node *item;
        FORWARD(parse_expression(parser, &item));
        FORWARD(append(parser, &items, item));
        if (dict) {
            FORWARD(expect_sign(parser, ":"));
            FORWARD(parse_expression(parser, &item));
            FORWARD(append(parser, &items, item));
        }
        if (!accept_sign(parser, ",") && !is_sign(parser, end))
            return unexpected(parser, end);
    }
    parser->token++;
    *out = items.list;
    return PRIMER_OK;
}

/* a, or a tuple a, b, ..; of each by `one`. */
static primer_status parse_sequence(struct parser *parser,
                                    primer_status (*one)(struct parser *, struct jinja_node **),
                                    struct jinja_node **out)
{
    struct growing items = {0};
    struct jinja_node *tuple;
    FORWARD(one(parser, out));
    if (!is_sign(parser, ","))
        return PRIMER_OK;
    FORWARD(make(parser, JINJA_NODE_TUPLE, &tuple));
    FORWARD(append(parser, &items, *out));
    while (accept_sign(parser, ",")) {
        if (is_sign(parser, ")"))
            break;
        FORWARD(one(parser, out));
        FORWARD(append(parser, &items, *out));
    }
    tuple->list = items.list;
    *out = tuple;
    return PRIMER_OK;
}

static primer_status parse_name(struct parser *parser, struct jinja_node **out)
{
    FORWARD(make(parser, JINJA_NODE_NAME, out));
    return expect_name(parser, "a name", &(*out)->text);
}

static primer_status parse_parentheses(struct parser *parser, struct jinja_node **out)
{
    parser->token++;
    if (is_sign(parser, ")")) { /* () */
        parser->token++;
        return make(parser, JINJA_NODE_TUPLE, out);
    }
    FORWARD(parse_sequence(parser, parse_expression, out));
    return expect_sign(parser, ")");
}

static primer_status parse_primary(struct parser *parser, struct jinja_node **out)
{
    switch (parser->token->kind) {
    case JINJA_NUMBER:
        return parse_number(parser, out);
    case JINJA_STRING:
        return parse_string(parser, out);
    case JINJA_NAME:
        return parse_name(parser, out);
    default:
        break;
    }
    if (is_sign(parser, "("))
        return parse_parentheses(parser, out);
    const bool list = is_sign(parser, "["), dict = is_sign(parser, "{");
    if (!list && !dict)
        return unexpected(parser, "an expression");
    FORWARD(make(parser, list ? JINJA_NODE_LIST : JINJA_NODE_DICT, out));
    parser->token++;
    return parse_items(parser, list ? "]" : "}", dict, &(*out)->list);
}

/* ---- calls and members ----------------------------------------------------------------------- */

/* One argument: a value, name=value, *value or **value. */
static primer_status parse_argument(struct parser *parser, struct jinja_node **out)
{
    const bool two = is_sign(parser, "**");
    if (two || is_sign(parser, "*")) {
        FORWARD(make(parser, JINJA_NODE_SPREAD, out));
        (*out)->negated = two;
        parser->token++;
        return parse_expression(parser, &(*out)->a);
    }
    if (parser->token->kind == JINJA_NAME && parser->token[1].kind == JINJA_SIGN &&
        jinja_text_is(parser->token[1].text, "=")) {
        FORWARD(make(parser, JINJA_NODE_KEYWORD, out));
        (*out)->text = parser->token->text;
        parser->token += 2;
        return parse_expression(parser, &(*out)->a);
    }
    return parse_expression(parser, out);
}

/* Behind an opening parenthesis, up to the closing one, which is taken. */
static primer_status parse_arguments(struct parser *parser, struct jinja_node_list *out)
{
    struct growing items = {0};
    bool keywords = false;
    while (!is_sign(parser, ")")) {
        struct jinja_node *item;
        const size_t line = parser->token->line;
        FORWARD(parse_argument(parser, &item));
        const bool keyword = item->kind == JINJA_NODE_KEYWORD;
        if (keywords && !keyword && item->kind != JINJA_NODE_SPREAD)
            return jinja_failure(parser->error, line,
                                 "a positional argument behind one with a name");
        keywords = keywords || keyword;
        FORWARD(append(parser, &items, item));
        if (!accept_sign(parser, ",") && !is_sign(parser, ")"))
            return unexpected(parser, ")");
    }
    parser->token++;
    *out = items.list;
    return PRIMER_OK;
}

/* Names, each with a default or without, up to the closing parenthesis. */
static primer_status parse_parameters(struct parser *parser, struct jinja_node_list *out)
{
    FORWARD(expect_sign(parser, "("));
    FORWARD(parse_arguments(parser, out));
    if (out->count > PARAMETERS_MOST)
        return jinja_failure(parser->error, parser->token->line, "more than %d parameters",
                             PARAMETERS_MOST);
    bool defaults = false;
    for (size_t i = 0; i < out->count; i++) {
        const struct jinja_node *const item = out->items[i];
        if (item->kind != JINJA_NODE_NAME && item->kind != JINJA_NODE_KEYWORD)
            return jinja_failure(parser->error, item->line, "a parameter that is no name");
        if (defaults && item->kind == JINJA_NODE_NAME)
            return jinja_failure(parser->error, item->line,
                                 "a parameter without a default behind one that has it");
        defaults = item->kind == JINJA_NODE_KEYWORD;
        for (size_t j = 0; j < i; j++)
            if (jinja_text_same(out->items[j]->text, item->text))
                return jinja_failure(parser->error, item->line, "a parameter that is there twice");
    }
    return PRIMER_OK;
}

/* Inside [ ]: an index, or up to three parts between colons; the bracket is taken. */
static primer_status parse_index(struct parser *parser, struct jinja_node *object,
                                 struct jinja_node **out)
{
    struct growing parts = {0};
    struct jinja_node *part = NULL;
    bool slice = false;
    while (!is_sign(parser, "]")) {
        if (accept_sign(parser, ":")) {
            FORWARD(append(parser, &parts, part));
            part = NULL;
            slice = true;
            continue;
        }
        if (part != NULL)
            return unexpected(parser, "]");
        FORWARD(parse_expression(parser, &part));
    }
    if (!slice && part == NULL)
        return unexpected(parser, "an index");
    FORWARD(make(parser, slice ? JINJA_NODE_SLICE : JINJA_NODE_MEMBER, out));
    parser->token++;
    (*out)->a = object;
    (*out)->b = slice ? NULL : part;
    while (slice && parts.list.count < 3) {
        FORWARD(append(parser, &parts, part));
        part = NULL;
    }
    if (parts.list.count > 3 || (slice && part != NULL))
        return jinja_failure(parser->error, (*out)->line, "a slice of more than three parts");
    (*out)->list = parts.list;
    return PRIMER_OK;
}

static primer_status parse_dot(struct parser *parser, struct jinja_node *object,
                               struct jinja_node **out)
{
    FORWARD(make(parser, JINJA_NODE_MEMBER, out));
    (*out)->a = object;
    if (parser->token->kind == JINJA_NUMBER)
        return parse_number(parser, &(*out)->b);
    return expect_name(parser, "a member's name", &(*out)->text);
}

static primer_status parse_postfix(struct parser *parser, struct jinja_node **out)
{
    FORWARD(parse_primary(parser, out));
    for (;;) {
        struct jinja_node *const inner = *out;
        if (accept_sign(parser, ".")) {
            FORWARD(parse_dot(parser, inner, out));
        } else if (accept_sign(parser, "[")) {
            FORWARD(parse_index(parser, inner, out));
        } else if (is_sign(parser, "(")) {
            FORWARD(make(parser, JINJA_NODE_CALL, out));
            parser->token++;
            (*out)->a = inner;
            FORWARD(parse_arguments(parser, &(*out)->list));
        } else {
            return PRIMER_OK;
        }
    }
}

/* ---- operators ------------------------------------------------------------------------------- */

static primer_status parse_signed(struct parser *parser, struct jinja_node **out)
{
    if (!is_sign(parser, "-") && !is_sign(parser, "+"))
        return parse_postfix(parser, out);
    FORWARD(go_deeper(parser));
    FORWARD(make(parser, JINJA_NODE_UNARY, out));
    (*out)->text = parser->token++->text;
    FORWARD(parse_signed(parser, &(*out)->a));
    parser->depth--;
    return PRIMER_OK;
}

/* A name, with arguments in parentheses or without, applied to *out: a filter or a test. */
static primer_status parse_applied(struct parser *parser, enum jinja_node_kind kind,
                                   const char *what, struct jinja_node **out)
{
    struct jinja_node *const operand = *out;
    FORWARD(make(parser, kind, out));
    (*out)->a = operand;
    FORWARD(expect_name(parser, what, &(*out)->text));
    return accept_sign(parser, "(") ? parse_arguments(parser, &(*out)->list) : PRIMER_OK;
}

static primer_status parse_filtered(struct parser *parser, struct jinja_node **out)
{
    FORWARD(parse_signed(parser, out));
    while (accept_sign(parser, "|"))
        FORWARD(parse_applied(parser, JINJA_NODE_FILTER, "a filter's name", out));
    return PRIMER_OK;
}

static primer_status parse_tested(struct parser *parser, struct jinja_node **out)
{
    FORWARD(parse_filtered(parser, out));
    while (is_name(parser, "is")) {
        parser->token++;
        const bool negated = is_name(parser, "not");
        parser->token += negated;
        FORWARD(parse_applied(parser, JINJA_NODE_TEST, "a test's name", out));
        (*out)->negated = negated;
    }
    return PRIMER_OK;
}

/* Operators of one level, from the left. */
struct level {
    primer_status (*operand)(struct parser *, struct jinja_node **);
    const char *const *signs; /* up to NULL; those of letters are names */
};

static bool accept_operator(struct parser *parser, const struct level *level,
                            struct jinja_text *operator)
{
    for (size_t i = 0; level->signs[i] != NULL; i++)
        if (is_sign(parser, level->signs[i]) || is_name(parser, level->signs[i])) {
            *operator= parser->token++->text;
            return true;
        }
    return false;
}

static primer_status parse_level(struct parser *parser, const struct level *level,
                                 struct jinja_node **out)
{
    struct jinja_text operator;
    FORWARD(level->operand(parser, out));
    while (accept_operator(parser, level, &operator)) {
        struct jinja_node *const left = *out;
        FORWARD(make(parser, JINJA_NODE_BINARY, out));
        (*out)->text = operator;
        (*out)->a = left;
        FORWARD(level->operand(parser, &(*out)->b));
    }
    return PRIMER_OK;
}

static primer_status parse_power(struct parser *parser, struct jinja_node **out)
{
    static const char *const signs[] = {"**", NULL};
    return parse_level(parser, &(struct level){parse_tested, signs}, out);
}

static primer_status parse_product(struct parser *parser, struct jinja_node **out)
{
    static const char *const signs[] = {"*", "/", "//", "%", NULL};
    return parse_level(parser, &(struct level){parse_power, signs}, out);
}

static primer_status parse_sum(struct parser *parser, struct jinja_node **out)
{
    static const char *const signs[] = {"+", "-", "~", NULL};
    return parse_level(parser, &(struct level){parse_product, signs}, out);
}

static primer_status parse_comparison(struct parser *parser, struct jinja_node **out)
{
    static const char *const signs[] = {"==", "!=", "<", ">", "<=", ">=", "in", NULL};
    const struct level level = {parse_sum, signs};
    struct jinja_text operator;
    FORWARD(parse_sum(parser, out));
    for (;;) {
        struct jinja_node *const left = *out;
        const bool not_in = is_name(parser, "not") && parser->token[1].kind == JINJA_NAME &&
                            jinja_text_is(parser->token[1].text, "in");
        parser->token += not_in;
        if (!accept_operator(parser, &level, &operator))
            return PRIMER_OK;
        FORWARD(make(parser, JINJA_NODE_BINARY, out));
        (*out)->text = not_in ? jinja_text_of("not in", 6) : operator;
        (*out)->a = left;
        FORWARD(parse_sum(parser, &(*out)->b));
    }
}

static primer_status parse_not(struct parser *parser, struct jinja_node **out)
{
    if (!is_name(parser, "not"))
        return parse_comparison(parser, out);
    FORWARD(go_deeper(parser));
    FORWARD(make(parser, JINJA_NODE_UNARY, out));
    (*out)->text = parser->token++->text;
    FORWARD(parse_not(parser, &(*out)->a));
    parser->depth--;
    return PRIMER_OK;
}

static primer_status parse_and(struct parser *parser, struct jinja_node **out)
{
    static const char *const signs[] = {"and", NULL};
    return parse_level(parser, &(struct level){parse_not, signs}, out);
}

static primer_status parse_or(struct parser *parser, struct jinja_node **out)
{
    static const char *const signs[] = {"or", NULL};
    return parse_level(parser, &(struct level){parse_and, signs}, out);
}

static primer_status parse_expression(struct parser *parser, struct jinja_node **out)
{
    FORWARD(go_deeper(parser));
    FORWARD(parse_or(parser, out));
    if (is_name(parser, "if")) {
        struct jinja_node *const yes = *out;
        FORWARD(make(parser, JINJA_NODE_CHOICE, out));
        parser->token++;
        (*out)->a = yes;
        FORWARD(parse_or(parser, &(*out)->b));
        if (is_name(parser, "else")) {
            parser->token++;
            FORWARD(parse_expression(parser, &(*out)->c));
        }
    }
    parser->depth--;
    return PRIMER_OK;
}

/* ---- statements ------------------------------------------------------------------------------ */

static primer_status expect_end(struct parser *parser)
{
    return expect_kind(parser, JINJA_END, "%}");
}

/* Statements up to a tag that begins with one of `ends` (up to NULL), which is not taken. */
static primer_status parse_body(struct parser *parser, const char *const *ends,
                                struct jinja_node_list *out)
{
    struct growing body = {0};
    for (;;) {
        struct jinja_node *statement = NULL;
        for (size_t i = 0; ends[i] != NULL; i++)
            if (is_tag(parser, ends[i])) {
                *out = body.list;
                return PRIMER_OK;
            }
        if (parser->token->kind == JINJA_FINISHED)
            return unexpected(parser, ends[0]);
        FORWARD(parse_statement(parser, &statement));
        FORWARD(append(parser, &body, statement));
    }
}

/* A body up to {% end %}, which is taken. */
static primer_status parse_block(struct parser *parser, const char *end,
                                 struct jinja_node_list *out)
{
    const char *const ends[] = {end, NULL};
    FORWARD(expect_end(parser));
    FORWARD(parse_body(parser, ends, out));
    parser->token += 2;
    return expect_end(parser);
}

static primer_status parse_else(struct parser *parser, const char *end, struct jinja_node_list *out)
{
    if (is_tag(parser, "else")) {
        parser->token += 2;
        return parse_block(parser, end, out);
    }
    parser->token += 2;
    return expect_end(parser);
}

/* Behind {% if or {% elif, up to {% endif %}. */
static primer_status parse_if(struct parser *parser, struct jinja_node *node)
{
    static const char *const ends[] = {"endif", "elif", "else", NULL};
    struct growing other = {0};
    struct jinja_node *next;
    FORWARD(parse_expression(parser, &node->a));
    FORWARD(expect_end(parser));
    FORWARD(parse_body(parser, ends, &node->body));
    if (!is_tag(parser, "elif"))
        return parse_else(parser, "endif", &node->other);
    FORWARD(make(parser, JINJA_NODE_IF, &next));
    parser->token += 2;
    FORWARD(go_deeper(parser));
    FORWARD(parse_if(parser, next));
    parser->depth--;
    FORWARD(append(parser, &other, next));
    node->other = other.list;
    return PRIMER_OK;
}

static primer_status parse_for_name(struct parser *parser, struct jinja_node **out)
{
    if (!is_sign(parser, "("))
        return parse_name(parser, out);
    parser->token++;
    FORWARD(parse_sequence(parser, parse_name, out));
    return expect_sign(parser, ")");
}

static primer_status parse_for(struct parser *parser, struct jinja_node *node)
{
    static const char *const ends[] = {"endfor", "else", NULL};
    FORWARD(parse_sequence(parser, parse_for_name, &node->a));
    if (!is_name(parser, "in"))
        return unexpected(parser, "in");
    parser->token++;
    FORWARD(parse_or(parser, &node->b));
    if (is_name(parser, "if")) {
        parser->token++;
        FORWARD(parse_expression(parser, &node->c));
    }
    if (is_name(parser, "else")) { /* it was: in (a if b else c) */
        struct jinja_node *choice;
        FORWARD(make(parser, JINJA_NODE_CHOICE, &choice));
        parser->token++;
        choice->a = node->b;
        choice->b = node->c;
        FORWARD(parse_expression(parser, &choice->c));
        node->b = choice;
        node->c = NULL;
    }
    if (is_name(parser, "recursive"))
        return jinja_failure(parser->error, node->line, "recursive loops are not supported");
    FORWARD(expect_end(parser));
    FORWARD(parse_body(parser, ends, &node->body));
    return parse_else(parser, "endfor", &node->other);
}

static primer_status parse_set(struct parser *parser, struct jinja_node *node)
{
    FORWARD(parse_sequence(parser, parse_postfix, &node->a));
    const bool member = node->a->kind == JINJA_NODE_MEMBER && node->a->b == NULL;
    if (node->a->kind != JINJA_NODE_NAME && node->a->kind != JINJA_NODE_TUPLE && !member)
        return jinja_failure(parser->error, node->line, "this can't be set");
    if (!accept_sign(parser, "="))
        return parse_block(parser, "endset", &node->body);
    FORWARD(parse_sequence(parser, parse_expression, &node->b));
    return expect_end(parser);
}

static primer_status parse_macro(struct parser *parser, struct jinja_node *node)
{
    FORWARD(expect_name(parser, "a macro's name", &node->text));
    FORWARD(parse_parameters(parser, &node->list));
    return parse_block(parser, "endmacro", &node->body);
}

static primer_status parse_calling(struct parser *parser, struct jinja_node *node)
{
    if (is_sign(parser, "("))
        FORWARD(parse_parameters(parser, &node->list));
    FORWARD(parse_postfix(parser, &node->a));
    if (node->a->kind != JINJA_NODE_CALL)
        return jinja_failure(parser->error, node->line, "{%% call %%} without a call");
    return parse_block(parser, "endcall", &node->body);
}

static primer_status parse_filter_block(struct parser *parser, struct jinja_node *node)
{
    FORWARD(parse_applied(parser, JINJA_NODE_FILTER, "a filter's name", &node->a));
    const size_t depth = parser->depth;
    while (accept_sign(parser, "|")) {
        FORWARD(go_deeper(parser));
        FORWARD(parse_applied(parser, JINJA_NODE_FILTER, "a filter's name", &node->a));
    }
    parser->depth = depth;
    return parse_block(parser, "endfilter", &node->body);
}

static primer_status parse_break(struct parser *parser, struct jinja_node *node)
{
    (void)node;
    return expect_end(parser);
}

static primer_status parse_tag(struct parser *parser, struct jinja_node **out)
{
    static const struct {
        const char *name;
        enum jinja_node_kind kind;
        primer_status (*parse)(struct parser *parser, struct jinja_node *node);
    } tags[] = {
        {"if", JINJA_NODE_IF, parse_if},
        {"for", JINJA_NODE_FOR, parse_for},
        {"set", JINJA_NODE_SET, parse_set},
        {"macro", JINJA_NODE_MACRO, parse_macro},
        {"call", JINJA_NODE_CALLING, parse_calling},
        {"filter", JINJA_NODE_FILTERED, parse_filter_block},
        {"break", JINJA_NODE_BREAK, parse_break},
        {"continue", JINJA_NODE_CONTINUE, parse_break},
    };
    parser->token++;
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
        if (is_name(parser, tags[i].name)) {
            FORWARD(make(parser, tags[i].kind, out));
            parser->token++;
            return tags[i].parse(parser, *out);
        }
    return unexpected(parser, "a statement (if, for, set, macro, call, filter, break, continue)");
}

static primer_status parse_statement(struct parser *parser, struct jinja_node **out)
{
    FORWARD(go_deeper(parser));
    if (parser->token->kind == JINJA_TEXT) {
        FORWARD(make(parser, JINJA_NODE_TEXT, out));
        (*out)->text = parser->token++->text;
    } else if (parser->token->kind == JINJA_OPEN) {
        FORWARD(make(parser, JINJA_NODE_OUTPUT, out));
        parser->token++;
        FORWARD(parse_sequence(parser, parse_expression, &(*out)->a));
        FORWARD(expect_kind(parser, JINJA_CLOSE, "}}"));
    } else if (parser->token->kind == JINJA_BEGIN) {
        FORWARD(parse_tag(parser, out));
    } else {
        return unexpected(parser, "text or a tag");
    }
    parser->depth--;
    return PRIMER_OK;
}

primer_status jinja_parser(const struct jinja_tokens *tokens, struct scratch *memory,
                           struct jinja_node_list *root, primer_error *error)
{
    struct parser parser = {.token = tokens->items, .memory = memory, .error = error};
    struct growing body = {0};
    while (parser.token->kind != JINJA_FINISHED) {
        struct jinja_node *statement = NULL;
        FORWARD(parse_statement(&parser, &statement));
        FORWARD(append(&parser, &body, statement));
    }
    *root = body.list;
    return PRIMER_OK;
}
