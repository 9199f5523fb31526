/* go_template_parser.c - the tokens of a Go template to its tree.
 *
 *   list     = { text | "{{" action "}}" }
 *   action   = pipe | "if" | "with" | "range" pipe .. "else" .. "end" | "template" name [pipe]
 *            | "block" name pipe .. "end" | "define" name .. "end" | "break" | "continue"
 *   pipe     = [ $v [ "," $v ] ( ":=" | "=" ) ] command { "|" command }
 *   command  = operand { space operand }
 *   operand  = ( "." | .name | $v | constant | function | "(" pipe ")" ) { .name }
 *
 * Variables are resolved here as far as they exist at all: a name lives until the end of the
 * block that declares it. Functions are looked up, so that what can't be called is refused before
 * it is run.
 */
#include "chat/go_template_tree.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "chat/go_template.h"

#define MOST_VARIABLES 256 /* at a time */

struct parser {
    const struct go_token *items;
    size_t at;
    struct scratch *memory;
    primer_error *error;
    struct go_tree *tree;
    struct jinja_text variables[MOST_VARIABLES];
    size_t variable_count, first_variable; /* those before the first are another body's */
    size_t depth, ranges;                  /* of blocks and parentheses; of loops around */
};

/* Items of some size that are gathered one by one. */
struct gathering {
    void *items;
    size_t count, capacity;
};

static const struct go_token *token(const struct parser *parser)
{
    return &parser->items[parser->at];
}

static bool is_sign(const struct go_token *found, const char *sign)
{
    return found->kind == GO_SIGN && jinja_text_is(found->text, sign);
}

static bool is_word(const struct go_token *found, const char *word)
{
    return found->kind == GO_WORD && jinja_text_is(found->text, word);
}

static void skip_space(struct parser *parser)
{
    while (token(parser)->kind == GO_SPACE)
        parser->at++;
}

static primer_status no_memory(const struct parser *parser)
{
    return jinja_failure(parser->error, token(parser)->line, "the template is too large");
}

/* "unexpected ".." in where" */
static primer_status unexpected(const struct parser *parser, const char *where)
{
    const struct go_token *const found = token(parser);
    char shown[48];
    if (found->kind == GO_FINISHED)
        return jinja_failure(parser->error, found->line, "unexpected end of the template in %s",
                             where);
    const char *const text =
        found->kind == GO_SPACE ? "a space"
        : found->kind == GO_CLOSE
            ? "}}"
            : error_printable(found->text.bytes, found->text.length, shown, sizeof shown);
    return jinja_failure(parser->error, found->line, "unexpected \"%s\" in %s", text, where);
}

static primer_status gather(struct parser *parser, struct gathering *to, size_t size, void **slot)
{
    if (to->count == to->capacity) {
        const size_t capacity = to->capacity == 0 ? 4 : 2 * to->capacity;
        void *const items = scratch_take(parser->memory, capacity, size);
        if (items == NULL)
            return no_memory(parser);
        if (to->count > 0)
            memcpy(items, to->items, to->count * size);
        to->items = items;
        to->capacity = capacity;
    }
    *slot = (char *)to->items + size * to->count++;
    return PRIMER_OK;
}

static primer_status add_node(struct parser *parser, struct gathering *to, struct go_node *node)
{
    void *slot = NULL;
    FORWARD(gather(parser, to, sizeof node, &slot));
    memcpy(slot, &node, sizeof node);
    return PRIMER_OK;
}

static struct go_node_list list_of(const struct gathering *nodes)
{
    return (struct go_node_list){nodes->items, nodes->count};
}

static primer_status make(struct parser *parser, enum go_node_kind kind, struct go_node **node)
{
    *node = scratch_take(parser->memory, 1, sizeof **node);
    if (*node == NULL)
        return no_memory(parser);
    (*node)->kind = kind;
    (*node)->line = token(parser)->line;
    return PRIMER_OK;
}

static primer_status go_deeper(struct parser *parser)
{
    if (++parser->depth > JINJA_DEPTH)
        return jinja_failure(parser->error, token(parser)->line,
                             "blocks and parentheses nested more than %d levels deep", JINJA_DEPTH);
    return PRIMER_OK;
}

/* ---- variables ------------------------------------------------------------------------------- */

static primer_status declare(struct parser *parser, struct jinja_text name)
{
    if (parser->variable_count == MOST_VARIABLES)
        return jinja_failure(parser->error, token(parser)->line, "more than %d variables",
                             MOST_VARIABLES);
    parser->variables[parser->variable_count++] = name;
    return PRIMER_OK;
}

static primer_status expect_variable(const struct parser *parser, struct jinja_text name)
{
    char shown[48];
    for (size_t i = parser->first_variable; i < parser->variable_count; i++)
        if (jinja_text_same(parser->variables[i], name))
            return PRIMER_OK;
    return jinja_failure(parser->error, token(parser)->line, "undefined variable \"%s\"",
                         error_printable(name.bytes, name.length, shown, sizeof shown));
}

/* What the names of fields say about a template. */
static void note_use(struct parser *parser, struct jinja_text name)
{
    static const struct {
        const char *name;
        unsigned use;
    } uses[] = {{"messages", GO_TEMPLATE_MESSAGES}, {"response", GO_TEMPLATE_RESPONSE},
                {"tools", GO_TEMPLATE_TOOLS},       {"thinking", GO_TEMPLATE_THINKING},
                {"think", GO_TEMPLATE_THINKING},    {"thinklevel", GO_TEMPLATE_THINKING},
                {"suffix", GO_TEMPLATE_SUFFIX}};
    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++)
        if (name.length == strlen(uses[i].name) &&
            strncasecmp(name.bytes, uses[i].name, name.length) == 0)
            parser->tree->uses |= uses[i].use;
}

/* ---- operands -------------------------------------------------------------------------------- */

static primer_status parse_pipe(struct parser *parser, const char *where, bool parenthesis,
                                struct go_pipe **out);

/* .name.name, which follow each other without a space. */
static primer_status parse_path(struct parser *parser, struct go_path *path)
{
    struct gathering names = {0};
    while (token(parser)->kind == GO_FIELD) {
        void *slot;
        FORWARD(gather(parser, &names, sizeof(struct jinja_text), &slot));
        memcpy(slot, &token(parser)->text, sizeof(struct jinja_text));
        note_use(parser, token(parser)->text);
        parser->at++;
    }
    *path = (struct go_path){names.items, names.count};
    return PRIMER_OK;
}

/* A base's prefix and underscores between digits are Go's; strtoll wants neither. */
static size_t plain_digits(struct jinja_text text, char *out, size_t room, int *base)
{
    const size_t sign = text.length > 0 && (text.bytes[0] == '-' || text.bytes[0] == '+');
    size_t from = sign, used = sign;
    const char mark = text.length > sign + 1 ? (char)(text.bytes[sign + 1] | 0x20) : '\0';
    const bool zero = text.length > sign && text.bytes[sign] == '0';
    *base = !zero ? 10 : mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 8;
    if (zero && (mark == 'x' || mark == 'o' || mark == 'b'))
        from += 2;
    if (text.length >= room)
        return 0;
    memcpy(out, text.bytes, sign);
    for (; from < text.length; from++)
        if (text.bytes[from] != '_')
            out[used++] = text.bytes[from];
    out[used] = '\0';
    return used;
}

static bool read_integer(struct jinja_text text, int64_t *integer)
{
    char digits[80], *end;
    int base;
    if (plain_digits(text, digits, sizeof digits, &base) == 0)
        return false;
    errno = 0;
    const size_t sign = digits[0] == '-' || digits[0] == '+';
    *integer = strtoll(digits, &end, base);
    return errno == 0 && *end == '\0' && end > digits + sign && digits[sign] != '+' &&
           digits[sign] != '-';
}

static bool read_real(struct jinja_text text, double *real)
{
    char digits[80], *end;
    size_t used = 0;
    if (text.length >= sizeof digits)
        return false;
    for (size_t i = 0; i < text.length; i++)
        if (text.bytes[i] != '_')
            digits[used++] = text.bytes[i];
    digits[used] = '\0';
    *real = strtod(digits, &end);
    return used > 0 && *end == '\0' && isfinite(*real) && strpbrk(digits, "iInN") == NULL;
}

/* A number with a point or exponent is real; a hexadecimal e is a digit. */
static primer_status parse_number(struct parser *parser, struct go_node *node)
{
    const struct jinja_text text = token(parser)->text;
    char shown[48];
    node->text = text;
    if (read_integer(text, &node->integer)) {
        node->kind = GO_NODE_INTEGER;
    } else if (read_real(text, &node->real) && memchr(text.bytes, 'i', text.length) == NULL) {
        node->kind = GO_NODE_REAL;
        const bool whole = strcspn(text.bytes, ".eEpP") >= text.length;
        if (whole)
            return jinja_failure(parser->error, node->line, "integer overflow: \"%s\"",
                                 error_printable(text.bytes, text.length, shown, sizeof shown));
    } else {
        return jinja_failure(parser->error, node->line, "bad number syntax: \"%s\"",
                             error_printable(text.bytes, text.length, shown, sizeof shown));
    }
    parser->at++;
    return PRIMER_OK;
}

static primer_status parse_rune(struct parser *parser, struct go_node *node)
{
    const struct jinja_text text = token(parser)->text;
    uint32_t code = (unsigned char)(text.length == 1 ? text.bytes[0] : 0);
    if (text.length != 1 && utf8_decode(text.bytes, text.length, &code) != text.length)
        return jinja_failure(parser->error, node->line, "malformed character constant");
    if (text.length == 0)
        return jinja_failure(parser->error, node->line, "malformed character constant");
    node->kind = GO_NODE_INTEGER;
    node->text = text;
    node->integer = code;
    parser->at++;
    return PRIMER_OK;
}

static primer_status parse_word(struct parser *parser, struct go_node *node)
{
    const struct jinja_text text = token(parser)->text;
    bool refused = false;
    char shown[48];
    node->text = text;
    if (jinja_text_is(text, "true") || jinja_text_is(text, "false")) {
        node->kind = GO_NODE_BOOLEAN;
        node->integer = text.length == 4;
    } else if (jinja_text_is(text, "nil")) {
        node->kind = GO_NODE_NIL;
    } else {
        node->kind = GO_NODE_FUNCTION;
        node->function = go_template_function(text, &refused);
        if (node->function == NULL)
            return jinja_failure(parser->error, node->line,
                                 refused ? "function \"%s\" isn't there for prompts"
                                         : "function \"%s\" not defined",
                                 error_printable(text.bytes, text.length, shown, sizeof shown));
    }
    parser->at++;
    return PRIMER_OK;
}

static bool is_keyword(const struct go_token *found)
{
    static const char *const words[] = {"block", "break", "continue", "define",   "else",
                                        "end",   "if",    "range",    "template", "with"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (is_word(found, words[i]))
            return true;
    return false;
}

static primer_status parse_term(struct parser *parser, struct go_node *node, bool *found)
{
    *found = true;
    switch (token(parser)->kind) {
    case GO_WORD:
        if (!is_keyword(token(parser)))
            return parse_word(parser, node);
        break;
    case GO_DOT:
        node->kind = GO_NODE_DOT;
        node->text = jinja_text_of(".", 1);
        parser->at++;
        return PRIMER_OK;
    case GO_FIELD:
        node->kind = GO_NODE_FIELD;
        return parse_path(parser, &node->path);
    case GO_VARIABLE:
        node->kind = GO_NODE_VARIABLE;
        node->text = token(parser)->text;
        FORWARD(expect_variable(parser, node->text));
        parser->at++;
        return parse_path(parser, &node->path);
    case GO_STRING:
        node->kind = GO_NODE_STRING;
        node->text = token(parser)->text;
        parser->at++;
        return PRIMER_OK;
    case GO_NUMBER:
        return parse_number(parser, node);
    case GO_RUNE:
        return parse_rune(parser, node);
    default:
        if (is_sign(token(parser), "(")) {
            parser->at++;
            node->kind = GO_NODE_PIPE;
            FORWARD(parse_pipe(parser, "parenthesized pipeline", true, &node->pipe));
            return parse_path(parser, &node->path);
        }
    }
    *found = false;
    return PRIMER_OK;
}

/* ---- pipelines ------------------------------------------------------------------------------- */

/* Up to the end of the pipeline, or behind a |, which *more says. */
static primer_status parse_command(struct parser *parser, struct go_node_list *out, bool *more)
{
    struct gathering operands = {0};
    const struct go_token *end;
    char shown[48];
    do {
        struct go_node *node;
        bool found;
        skip_space(parser);
        FORWARD(make(parser, GO_NODE_DOT, &node));
        FORWARD(parse_term(parser, node, &found));
        if (found)
            FORWARD(add_node(parser, &operands, node));
        end = token(parser);
        if (found && end->kind == GO_FIELD && node->kind == GO_NODE_FUNCTION)
            FORWARD(parse_path(parser, &node->path));
        else if (found && end->kind == GO_FIELD)
            return jinja_failure(
                parser->error, end->line, "unexpected . after term \"%s\"",
                error_printable(node->text.bytes, node->text.length, shown, sizeof shown));
        end = token(parser);
    } while (end->kind == GO_SPACE);
    *more = is_sign(end, "|");
    if (!*more && end->kind != GO_CLOSE && !is_sign(end, ")"))
        return unexpected(parser, "operand");
    parser->at += *more;
    if (operands.count == 0)
        return jinja_failure(parser->error, end->line, "empty command");
    *out = list_of(&operands);
    return PRIMER_OK;
}

/* $a := , $a, $b := and the like, where a pipeline begins with one. */
static primer_status parse_declaration(struct parser *parser, const char *where,
                                       struct go_pipe *pipe)
{
    const size_t begin = parser->at;
    for (;;) {
        const struct jinja_text name = token(parser)->text;
        if (token(parser)->kind != GO_VARIABLE)
            break;
        parser->at++;
        skip_space(parser);
        const bool declares = is_sign(token(parser), ":="), comma = is_sign(token(parser), ",");
        if (!declares && !comma && !is_sign(token(parser), "="))
            break;
        if (comma && (strcmp(where, "range") != 0 || pipe->variable_count == 1))
            return jinja_failure(parser->error, token(parser)->line, "too many declarations in %s",
                                 where);
        pipe->variables[pipe->variable_count++] = name;
        parser->at++;
        skip_space(parser);
        if (!comma) {
            pipe->assigns = !declares;
            return PRIMER_OK;
        }
    }
    if (pipe->variable_count > 0)
        return jinja_failure(parser->error, token(parser)->line,
                             "range can only initialize variables");
    parser->at = begin;
    return PRIMER_OK;
}

/* Only the first command may be a constant. */
static primer_status check_commands(const struct parser *parser, const struct go_pipe *pipe)
{
    for (size_t i = 1; i < pipe->count; i++) {
        const enum go_node_kind kind = pipe->commands[i].items[0]->kind;
        if (kind == GO_NODE_BOOLEAN || kind == GO_NODE_DOT || kind == GO_NODE_NIL ||
            kind == GO_NODE_INTEGER || kind == GO_NODE_REAL || kind == GO_NODE_STRING)
            return jinja_failure(parser->error, pipe->line,
                                 "non executable command in pipeline stage %zu", i + 1);
    }
    return PRIMER_OK;
}

/* Up to and with the }} or ) that ends it. */
static primer_status parse_pipe(struct parser *parser, const char *where, bool parenthesis,
                                struct go_pipe **out)
{
    struct gathering commands = {0};
    struct go_pipe *const pipe = scratch_take(parser->memory, 1, sizeof *pipe);
    bool more = false;
    if (pipe == NULL)
        return no_memory(parser);
    FORWARD(go_deeper(parser));
    skip_space(parser);
    pipe->line = token(parser)->line;
    FORWARD(parse_declaration(parser, where, pipe));
    for (size_t i = 0; i < pipe->variable_count; i++)
        FORWARD(pipe->assigns ? expect_variable(parser, pipe->variables[i])
                              : declare(parser, pipe->variables[i]));
    for (;;) {
        void *slot;
        skip_space(parser);
        if (parenthesis ? is_sign(token(parser), ")") : token(parser)->kind == GO_CLOSE)
            break;
        FORWARD(gather(parser, &commands, sizeof(struct go_node_list), &slot));
        FORWARD(parse_command(parser, slot, &more));
        if (!more && (parenthesis ? !is_sign(token(parser), ")") : token(parser)->kind != GO_CLOSE))
            return unexpected(parser, where);
    }
    if (commands.count == 0)
        return jinja_failure(parser->error, token(parser)->line, "missing value for %s", where);
    parser->at++;
    parser->depth--;
    pipe->commands = commands.items;
    pipe->count = commands.count;
    *out = pipe;
    return check_commands(parser, pipe);
}

/* ---- statements ------------------------------------------------------------------------------ */

/* What ends a list. */
enum ending { ENDS_TEXT, ENDS_END, ENDS_ELSE };

static primer_status parse_list(struct parser *parser, struct go_node_list *out,
                                enum ending *ending);

static primer_status expect_close(struct parser *parser, const char *where)
{
    skip_space(parser);
    if (token(parser)->kind != GO_CLOSE)
        return unexpected(parser, where);
    parser->at++;
    return PRIMER_OK;
}

static primer_status parse_control(struct parser *parser, enum go_node_kind kind,
                                   struct go_node **out);

/* Behind the body of `node`: {{else}}, {{else if}}, {{else with}}. */
static primer_status parse_else(struct parser *parser, struct go_node *node)
{
    const char *const again = node->kind == GO_NODE_IF     ? "if"
                              : node->kind == GO_NODE_WITH ? "with"
                                                           : "";
    enum ending ending;
    skip_space(parser);
    if (*again != '\0' && is_word(token(parser), again)) {
        struct gathering nodes = {0};
        struct go_node *inner;
        parser->at++;
        FORWARD(parse_control(parser, node->kind, &inner));
        FORWARD(add_node(parser, &nodes, inner));
        node->other = list_of(&nodes);
        return PRIMER_OK;
    }
    FORWARD(expect_close(parser, "else"));
    FORWARD(parse_list(parser, &node->other, &ending));
    return ending == ENDS_END
               ? PRIMER_OK
               : jinja_failure(parser->error, token(parser)->line, "expected end; found {{else}}");
}

/* Behind if, with, range; with the {{end}}. */
static primer_status parse_control(struct parser *parser, enum go_node_kind kind,
                                   struct go_node **out)
{
    const char *const name = kind == GO_NODE_IF ? "if" : kind == GO_NODE_WITH ? "with" : "range";
    const size_t outer = parser->variable_count;
    enum ending ending;
    FORWARD(make(parser, kind, out));
    FORWARD(go_deeper(parser));
    FORWARD(parse_pipe(parser, name, false, &(*out)->pipe));
    parser->ranges += kind == GO_NODE_RANGE;
    FORWARD(parse_list(parser, &(*out)->body, &ending));
    parser->ranges -= kind == GO_NODE_RANGE;
    if (ending == ENDS_ELSE)
        FORWARD(parse_else(parser, *out));
    parser->variable_count = outer;
    parser->depth--;
    return PRIMER_OK;
}

static primer_status parse_name(struct parser *parser, const char *where, struct jinja_text *name)
{
    skip_space(parser);
    if (token(parser)->kind != GO_STRING)
        return unexpected(parser, where);
    *name = token(parser)->text;
    parser->at++;
    return PRIMER_OK;
}

static bool is_empty(const struct go_node_list *body)
{
    for (size_t i = 0; i < body->count; i++) {
        const struct go_node *const node = body->items[i];
        if (node->kind != GO_NODE_TEXT)
            return false;
        for (size_t c = 0; c < node->text.length; c++)
            if (strchr(" \t\r\n", node->text.bytes[c]) == NULL || node->text.bytes[c] == '\0')
                return false;
    }
    return true;
}

/* A second definition counts where one of the two is empty. */
static primer_status define(struct parser *parser, struct jinja_text name,
                            const struct go_node_list *body)
{
    char shown[48];
    struct go_definition *definition = parser->tree->definitions;
    while (definition != NULL && !jinja_text_same(definition->name, name))
        definition = definition->next;
    if (definition != NULL && !is_empty(body) && !is_empty(&definition->body))
        return jinja_failure(parser->error, token(parser)->line,
                             "multiple definition of template \"%s\"",
                             error_printable(name.bytes, name.length, shown, sizeof shown));
    if (definition == NULL) {
        definition = scratch_take(parser->memory, 1, sizeof *definition);
        if (definition == NULL)
            return no_memory(parser);
        *definition = (struct go_definition){name, *body, parser->tree->definitions};
        parser->tree->definitions = definition;
    } else if (is_empty(&definition->body)) {
        definition->body = *body;
    }
    return PRIMER_OK;
}

/* A body of its own: it sees no variable from outside but $. */
static primer_status parse_definition(struct parser *parser, struct jinja_text name,
                                      const char *where)
{
    const size_t variables = parser->variable_count, first = parser->first_variable;
    const size_t ranges = parser->ranges;
    struct go_node_list body;
    enum ending ending;
    FORWARD(go_deeper(parser));
    parser->first_variable = variables;
    parser->ranges = 0;
    FORWARD(declare(parser, jinja_text_of("$", 1)));
    FORWARD(parse_list(parser, &body, &ending));
    if (ending != ENDS_END)
        return jinja_failure(parser->error, token(parser)->line, "unexpected {{else}} in %s",
                             where);
    parser->variable_count = variables;
    parser->first_variable = first;
    parser->ranges = ranges;
    parser->depth--;
    return define(parser, name, &body);
}

static primer_status parse_template(struct parser *parser, bool block, struct go_node **out)
{
    const char *const where = block ? "block clause" : "template clause";
    FORWARD(make(parser, GO_NODE_TEMPLATE, out));
    FORWARD(parse_name(parser, where, &(*out)->text));
    skip_space(parser);
    if (!block && token(parser)->kind == GO_CLOSE) {
        parser->at++;
        return PRIMER_OK;
    }
    FORWARD(parse_pipe(parser, where, false, &(*out)->pipe));
    return block ? parse_definition(parser, (*out)->text, where) : PRIMER_OK;
}

static primer_status parse_jump(struct parser *parser, enum go_node_kind kind, struct go_node **out)
{
    const char *const name = kind == GO_NODE_BREAK ? "{{break}}" : "{{continue}}";
    FORWARD(make(parser, kind, out));
    FORWARD(expect_close(parser, name));
    return parser->ranges > 0
               ? PRIMER_OK
               : jinja_failure(parser->error, (*out)->line, "%s outside {{range}}", name);
}

/* Behind {{, up to behind its }} or its {{end}}; {{define}} gives no node. */
static primer_status parse_action(struct parser *parser, bool top, struct go_node **out)
{
    const struct go_token *const word = token(parser);
    struct jinja_text name;
    *out = NULL;
    parser->at++;
    if (is_word(word, "if"))
        return parse_control(parser, GO_NODE_IF, out);
    if (is_word(word, "with"))
        return parse_control(parser, GO_NODE_WITH, out);
    if (is_word(word, "range"))
        return parse_control(parser, GO_NODE_RANGE, out);
    if (is_word(word, "template") || is_word(word, "block"))
        return parse_template(parser, is_word(word, "block"), out);
    if (is_word(word, "break"))
        return parse_jump(parser, GO_NODE_BREAK, out);
    if (is_word(word, "continue"))
        return parse_jump(parser, GO_NODE_CONTINUE, out);
    if (is_word(word, "define") && top) {
        FORWARD(parse_name(parser, "define clause", &name));
        FORWARD(expect_close(parser, "define clause"));
        return parse_definition(parser, name, "define clause");
    }
    parser->at--;
    if (is_keyword(word))
        return unexpected(parser, "command");
    FORWARD(make(parser, GO_NODE_ACTION, out));
    return parse_pipe(parser, "command", false, &(*out)->pipe);
}

/* Up to behind {{end}}, behind the word else, or the text's end. */
static primer_status parse_list(struct parser *parser, struct go_node_list *out,
                                enum ending *ending)
{
    struct gathering nodes = {0};
    const bool top = parser->depth == 0;
    for (;;) {
        struct go_node *node;
        if (token(parser)->kind == GO_FINISHED) {
            *ending = ENDS_TEXT;
            break;
        }
        if (token(parser)->kind == GO_TEXT) {
            FORWARD(make(parser, GO_NODE_TEXT, &node));
            node->text = token(parser)->text;
            parser->at++;
            FORWARD(add_node(parser, &nodes, node));
            continue;
        }
        parser->at++; /* {{ */
        skip_space(parser);
        if (is_word(token(parser), "end") || is_word(token(parser), "else")) {
            *ending = is_word(token(parser), "end") ? ENDS_END : ENDS_ELSE;
            parser->at++;
            if (*ending == ENDS_END)
                FORWARD(expect_close(parser, "end"));
            break;
        }
        FORWARD(parse_action(parser, top, &node));
        if (node != NULL)
            FORWARD(add_node(parser, &nodes, node));
    }
    *out = list_of(&nodes);
    if (!top && *ending == ENDS_TEXT)
        return jinja_failure(parser->error, token(parser)->line,
                             "unexpected EOF, {{end}} is missing");
    return PRIMER_OK;
}

/* ---- the root -------------------------------------------------------------------------------- */

/* {{ .Response }} at the end. */
static primer_status append_response(struct parser *parser)
{
    struct gathering nodes = {0}, operands = {0}, commands = {0};
    struct go_node *node, *field;
    void *slot;
    for (size_t i = 0; i < parser->tree->root.count; i++)
        FORWARD(add_node(parser, &nodes, parser->tree->root.items[i]));
    FORWARD(make(parser, GO_NODE_ACTION, &node));
    FORWARD(make(parser, GO_NODE_FIELD, &field));
    node->pipe = scratch_take(parser->memory, 1, sizeof *node->pipe);
    field->path.names = scratch_take(parser->memory, 1, sizeof *field->path.names);
    if (node->pipe == NULL || field->path.names == NULL)
        return no_memory(parser);
    field->path.names[0] = jinja_text_of("Response", 8);
    field->path.count = 1;
    FORWARD(add_node(parser, &operands, field));
    FORWARD(gather(parser, &commands, sizeof(struct go_node_list), &slot));
    *(struct go_node_list *)slot = list_of(&operands);
    *node->pipe = (struct go_pipe){.line = node->line, .commands = commands.items, .count = 1};
    FORWARD(add_node(parser, &nodes, node));
    parser->tree->root = list_of(&nodes);
    return PRIMER_OK;
}

static bool is_response(const struct go_pipe *pipe)
{
    for (size_t c = 0; c < pipe->count; c++)
        for (size_t i = 0; i < pipe->commands[c].count; i++) {
            const struct go_node *const node = pipe->commands[c].items[i];
            if (node->kind == GO_NODE_PIPE && is_response(node->pipe))
                return true;
            for (size_t n = 0; node->kind == GO_NODE_FIELD && n < node->path.count; n++)
                if (jinja_text_is(node->path.names[n], "Response"))
                    return true;
        }
    return false;
}

/* Marks what comes behind the first .Response that is written. */
static void mark_cut(struct go_node_list *list, bool *cut)
{
    for (size_t i = 0; i < list->count; i++) {
        struct go_node *const node = list->items[i];
        node->cut = *cut;
        if (node->kind == GO_NODE_ACTION)
            *cut = *cut || is_response(node->pipe);
        mark_cut(&node->body, cut);
        mark_cut(&node->other, cut);
    }
}

primer_status go_template_parser(const struct go_tokens *tokens, struct scratch *memory,
                                 struct go_tree *tree, primer_error *error)
{
    struct parser parser = {.items = tokens->items, .memory = memory, .error = error, .tree = tree};
    enum ending ending;
    bool cut = false;
    *tree = (struct go_tree){.definitions = NULL};
    FORWARD(declare(&parser, jinja_text_of("$", 1)));
    FORWARD(parse_list(&parser, &tree->root, &ending));
    if (ending != ENDS_TEXT)
        return jinja_failure(error, token(&parser)->line, "unexpected {{%s}}",
                             ending == ENDS_END ? "end" : "else");
    if ((tree->uses & (GO_TEMPLATE_MESSAGES | GO_TEMPLATE_RESPONSE)) == 0)
        FORWARD(append_response(&parser));
    mark_cut(&tree->root, &cut);
    return PRIMER_OK;
}
