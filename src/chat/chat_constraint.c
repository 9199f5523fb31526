/* chat_constraint.c - what an answer may be where tools can be called, as a grammar.
 *
 *   [thinking] text [calls]     "auto"       [thinking] calls     "required", or a tool's name
 *   [thinking] text             "none"
 *
 * Where what is no call has a form, a value of its schema stands for the text, and an answer is
 * either that or calls.
 *
 * Calls are as the format's style writes them (chat_style.h), arguments as the tool's schema has
 * them. Text holds none of the marks by which a call is known, so that whatever looks like a
 * call is a whole one; behind calls comes nothing more. Where a style's calls are an array,
 * what stands between its parts may have the white space that models were taught to write
 * there; elsewhere it is the style's, byte for byte. A tool that is asked for by name is called
 * once. A name that the reader would take for something else is refused.
 */
#include "chat/chat_format.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "chat/chat_call.h"
#include "chat/chat_json.h"
#include "constraint/grammar.h"

#define SPACE_MOST    16 /* bytes of white space between the parts of an array */
#define SPACE_THOUGHT 4  /* behind a thinking part */
#define PARTS         16

struct maker {
    struct grammar *grammar;
    const struct chat_style *style;
    const struct chat_thinking *thinking; /* NULL: none */
    const json_t *tools, *form;           /* form: NULL, or a schema */
    const char *only;                     /* the one tool that may be called; NULL: any */
    bool several;
    size_t tool; /* the rule of a call of any of them, without the marks around it */
};

/* Nodes, one after the other. */
struct row {
    size_t nodes[PARTS], count;
};

static void add(struct row *row, size_t node)
{
    assert(row->count < PARTS);
    row->nodes[row->count++] = node;
}

static size_t sequence(struct maker *maker, const struct row *row)
{
    return grammar_sequence(maker->grammar, row->nodes, row->count);
}

static size_t nothing(struct maker *maker)
{
    return grammar_text(maker->grammar, "");
}

static size_t optional(struct maker *maker, size_t node)
{
    return grammar_repeat(maker->grammar, node, 0, 1);
}

static size_t either(struct maker *maker, size_t one, size_t other)
{
    return grammar_choice(maker->grammar, (size_t[]){one, other}, 2);
}

static size_t white_space(struct maker *maker, size_t most)
{
    static const struct grammar_range ranges[] = {{' ', ' '}, {'\n', '\n'}};
    return grammar_repeat(maker->grammar, grammar_class(maker->grammar, ranges, 2, false), 0, most);
}

/* Between the parts of an array, and of objects in it. */
static size_t loose_space(struct maker *maker)
{
    return maker->style->list ? white_space(maker, SPACE_MOST) : nothing(maker);
}

/* ---- marks ----------------------------------------------------------------------------------- */

static bool is_inside_mark(char c, char close)
{
    return close == '>' ? c != '\0' && strchr(" \n<>=", c) == NULL
                        : (c >= 'A' && c <= 'Z') || c == '_';
}

/* The length of the mark at `text`, <..> or [CAPITALS]; 0: there is none. */
static size_t mark_length(const char *text)
{
    if (*text != '<' && *text != '[')
        return 0;
    const char close = *text == '<' ? '>' : ']';
    size_t length = 1;
    while (is_inside_mark(text[length], close))
        length++;
    return length > 1 && text[length] == close ? length + 1 : 0;
}

static size_t one_mark(struct maker *maker, const char *text, size_t length)
{
    char mark[64];
    snprintf(mark, sizeof mark, "%.*s", (int)length, text);
    return grammar_mark(maker->grammar, mark);
}

/* A text of the style's, in which marks may be control tokens. */
static size_t marked(struct maker *maker, const char *text)
{
    struct row row = {.count = 0};
    size_t plain = 0;
    for (; text != NULL && text[plain] != '\0';) {
        const size_t length = mark_length(text + plain);
        if (length == 0) {
            plain++;
            continue;
        }
        if (plain > 0)
            add(&row, grammar_bytes(maker->grammar, text, plain));
        add(&row, one_mark(maker, text + plain, length));
        text += plain + length;
        plain = 0;
    }
    if (plain > 0)
        add(&row, grammar_bytes(maker->grammar, text, plain));
    return sequence(maker, &row);
}

/* ---- arguments ------------------------------------------------------------------------------- */

static const char *name_of(const json_t *tool)
{
    return json_string_value(json_object_get(json_object_get(tool, "function"), "name"));
}

static void refuse(struct maker *maker, const char *path, const json_t *type)
{
    primer_error error = {0};
    error_set(&error, PRIMER_EFORMAT, "%s: arguments are an object, but type is %s", path,
              json_is_string(type) ? json_string_value(type) : chat_json_kind(type));
    grammar_failure(maker->grammar, &error);
}

/* Whether the schema says anything about members. */
static bool has_members(const json_t *schema)
{
    static const char *const words[] = {
        "additionalProperties", "patternProperties", "$ref",         "allOf", "anyOf", "oneOf",
        "minProperties",        "required",          "enum",         "const", "not",   "if",
        "dependentRequired",    "dependentSchemas",  "propertyNames"};
    if (json_object_size(json_object_get(schema, "properties")) > 0)
        return true;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const json_t *const value = json_object_get(schema, words[i]);
        if (value != NULL && !json_is_false(value) && json_array_size(value) > 0)
            return true;
        if (value != NULL && !json_is_false(value) && !json_is_array(value))
            return true;
    }
    return false;
}

/* By the tool's schema, always an object; {} for a tool without parameters. */
static size_t arguments(struct maker *maker, size_t index)
{
    const json_t *const tool = json_array_get(maker->tools, index);
    const json_t *const schema = json_object_get(json_object_get(tool, "function"), "parameters");
    const json_t *const type = json_object_get(schema, "type");
    char path[160], shown[96];
    snprintf(path, sizeof path, "tools[%zu].function.parameters (of \"%s\")", index,
             error_printable(name_of(tool), strlen(name_of(tool)), shown, sizeof shown));
    if (type != NULL && (!json_is_string(type) || strcmp(json_string_value(type), "object") != 0)) {
        refuse(maker, path, type);
        return nothing(maker);
    }
    if (!json_is_object(schema) || !has_members(schema))
        return grammar_text(maker->grammar, "{}");
    json_t *const typed = json_copy((json_t *)(uintptr_t)schema);
    if (typed == NULL || json_object_set_new(typed, "type", json_string("object")) != 0) {
        primer_error error = {0};
        memory_failure(&error, "the schema of a tool", 1);
        grammar_failure(maker->grammar, &error);
    }
    const size_t node = grammar_schema(maker->grammar, typed, path);
    json_decref(typed);
    return node;
}

/* ---- a call ---------------------------------------------------------------------------------- */

static size_t repeated_class(struct maker *maker, const struct grammar_range *ranges, size_t count,
                             size_t least, size_t most)
{
    return grammar_repeat(maker->grammar, grammar_class(maker->grammar, ranges, count, false),
                          least, most);
}

/* The members before the name. */
static void add_head(struct maker *maker, struct row *row)
{
    static const struct grammar_range digits[] = {{'0', '9'}};
    const char *const head = maker->style->head;
    if (head == NULL)
        return;
    const size_t number = strcspn(head, "%");
    add(row, grammar_bytes(maker->grammar, head, number));
    add(row, repeated_class(maker, digits, 1, 1, 4));
    add(row, grammar_text(maker->grammar, head + number + (head[number] == '%')));
}

static void add_id(struct maker *maker, struct row *row)
{
    static const struct grammar_range letters[] = {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}};
    if (!maker->style->ids)
        return;
    add(row, grammar_text(maker->grammar, ", \"id\": \""));
    add(row, repeated_class(maker, letters, 3, 9, 9));
    add(row, grammar_text(maker->grammar, "\""));
}

/* {"name": "NAME", "arguments": ARGUMENTS} */
static size_t object(struct maker *maker, size_t index)
{
    const struct chat_style *const style = maker->style;
    const char *const name = name_of(json_array_get(maker->tools, index));
    struct row row = {.count = 0};
    struct buffer text = {0};
    primer_error error = {0};
    add(&row, grammar_text(maker->grammar, "{"));
    add(&row, loose_space(maker));
    add_head(maker, &row);
    if (buffer_format(&text, &error, "\"%s\": ", style->name_key) != PRIMER_OK ||
        buffer_json_string(&text, name, strlen(name), &error) != PRIMER_OK ||
        buffer_text(&text, ",", &error) != PRIMER_OK ||
        buffer_text(&text, style->list ? "" : " ", &error) != PRIMER_OK)
        grammar_failure(maker->grammar, &error);
    add(&row, grammar_bytes(maker->grammar, text.bytes, text.length));
    add(&row, loose_space(maker));
    buffer_clear(&text);
    if (buffer_format(&text, &error, "\"%s\": ", style->arguments_key) != PRIMER_OK)
        grammar_failure(maker->grammar, &error);
    add(&row, grammar_bytes(maker->grammar, text.bytes, text.length));
    buffer_free(&text);
    add(&row, arguments(maker, index));
    add_id(maker, &row);
    add(&row, loose_space(maker));
    add(&row, grammar_text(maker->grammar, "}"));
    return sequence(maker, &row);
}

static size_t named(struct maker *maker, size_t index)
{
    struct row row = {.count = 0};
    add(&row, grammar_text(maker->grammar, name_of(json_array_get(maker->tools, index))));
    add(&row, marked(maker, maker->style->name_end));
    add(&row, arguments(maker, index));
    return sequence(maker, &row);
}

/* What is written has to be read as the same name. */
static size_t one_tool(struct maker *maker, size_t index)
{
    const char *const name = name_of(json_array_get(maker->tools, index));
    const char *const misread = chat_call_misread(maker->style, name, strlen(name));
    char shown[96];
    if (misread == NULL)
        return maker->style->name_key != NULL ? object(maker, index) : named(maker, index);
    primer_error error = {0};
    error_set(&error, PRIMER_EUNSUPPORTED, "tools[%zu].function.name: %s, found \"%s\"", index,
              misread, error_printable(name, strlen(name), shown, sizeof shown));
    grammar_failure(maker->grammar, &error);
    return nothing(maker);
}

static size_t any_tool(struct maker *maker)
{
    const size_t count = json_array_size(maker->tools);
    size_t *const nodes = memory_allocate(count, sizeof *nodes), used = 0;
    if (nodes == NULL) {
        primer_error error = {0};
        memory_failure(&error, "the tools", count * sizeof *nodes);
        grammar_failure(maker->grammar, &error);
        return nothing(maker);
    }
    for (size_t i = 0; i < count; i++)
        if (maker->only == NULL ||
            strcmp(maker->only, name_of(json_array_get(maker->tools, i))) == 0)
            nodes[used++] = one_tool(maker, i);
    const size_t node = grammar_choice(maker->grammar, nodes, used);
    memory_free(nodes);
    return node;
}

/* ---- calls ----------------------------------------------------------------------------------- */

static size_t separator(struct maker *maker)
{
    struct row row = {.count = 0};
    if (!maker->style->list)
        return marked(maker, maker->style->between);
    add(&row, loose_space(maker));
    add(&row, grammar_text(maker->grammar, ","));
    add(&row, loose_space(maker));
    return sequence(maker, &row);
}

/* One call or several, with all that stands around them; `begun`: the first opening mark stands
 * in the prompt. */
static size_t calls(struct maker *maker, bool begun)
{
    const struct chat_style *const style = maker->style;
    const size_t tool = maker->tool, open = marked(maker, style->call_open),
                 close = marked(maker, style->call_close);
    const size_t next =
        grammar_sequence(maker->grammar, (size_t[]){separator(maker), open, tool, close}, 4);
    struct row row = {.count = 0};
    if (style->other_open != NULL)
        add(&row, optional(maker, marked(maker, style->other_open)));
    add(&row, marked(maker, style->section_open));
    add(&row, grammar_text(maker->grammar, style->list ? "[" : ""));
    add(&row, loose_space(maker));
    add(&row, begun ? nothing(maker) : open);
    add(&row, tool);
    add(&row, close);
    if (maker->several)
        add(&row, grammar_repeat(maker->grammar, next, 0, GRAMMAR_ENDLESS));
    add(&row, loose_space(maker));
    add(&row, grammar_text(maker->grammar, style->list ? "]" : ""));
    add(&row, marked(maker, style->section_close));
    return sequence(maker, &row);
}

/* ---- text ------------------------------------------------------------------------------------ */

/* The first word of what opens calls: by it the reader knows them. */
static size_t without_calls(struct maker *maker)
{
    const struct chat_style *const style = maker->style;
    char words[2][64];
    const char *texts[4];
    size_t count = 0;
    const char *const opens[] = {
        style->section_open != NULL ? style->section_open : style->call_open, style->other_open};
    for (size_t i = 0; i < 2; i++) {
        const size_t length = opens[i] == NULL ? 0 : strcspn(opens[i], " \n");
        if (length == 0)
            continue;
        snprintf(words[i], sizeof words[i], "%.*s", (int)length, opens[i]);
        texts[count++] = words[i];
    }
    if (style->text_open != NULL)
        texts[count++] = style->text_open;
    if (style->text_close != NULL)
        texts[count++] = style->text_close;
    return grammar_without(maker->grammar, texts, count);
}

/* Text that begins, behind white space, neither with { nor with <|, where a call needs no mark;
 * text of white space and < alone is among it. */
static size_t bare_text(struct maker *maker)
{
    static const struct grammar_range firsts[] = {{' ', ' '},   {'\n', '\n'}, {'\t', '\t'},
                                                  {'\r', '\r'}, {'{', '{'},   {'<', '<'}};
    static const struct grammar_range seconds[] = {{'|', '|'}, {'<', '<'}};
    struct grammar *const grammar = maker->grammar;
    const size_t rest = without_calls(maker);
    const size_t word[] = {grammar_class(grammar, firsts, sizeof firsts / sizeof firsts[0], true),
                           rest};
    const size_t behind[] = {grammar_class(grammar, seconds, 2, true), rest};
    const size_t angle[] = {grammar_repeat(grammar, grammar_text(grammar, "<"), 1, GRAMMAR_ENDLESS),
                            optional(maker, grammar_sequence(grammar, behind, 2))};
    const size_t text =
        either(maker, grammar_sequence(grammar, word, 2), grammar_sequence(grammar, angle, 2));
    return grammar_sequence(grammar,
                            (size_t[]){white_space(maker, SPACE_MOST), optional(maker, text)}, 2);
}

static size_t text_only(struct maker *maker)
{
    if (maker->form != NULL)
        return grammar_schema(maker->grammar, maker->form, "the form");
    return maker->style->bare ? bare_text(maker) : without_calls(maker);
}

/* Text with what a style writes around it. */
static size_t said(struct maker *maker)
{
    const struct chat_style *const style = maker->style;
    struct row row = {.count = 0};
    if (style->begun) {
        add(&row, grammar_text(maker->grammar, style->everyone));
        add(&row, marked(maker, style->name_end));
    }
    if (style->text_open != NULL)
        add(&row, optional(maker, marked(maker, style->text_open)));
    add(&row, text_only(maker));
    if (style->text_open != NULL)
        add(&row, optional(maker, marked(maker, style->text_close)));
    return sequence(maker, &row);
}

/* Text, calls, or both. */
static size_t freely(struct maker *maker)
{
    const struct chat_style *const style = maker->style;
    if (maker->form != NULL || style->bare || style->text_open != NULL)
        return either(maker, said(maker), calls(maker, style->begun));
    const size_t both[] = {said(maker), optional(maker, calls(maker, false))};
    const size_t text = grammar_sequence(maker->grammar, both, 2);
    return style->begun ? either(maker, text, calls(maker, true)) : text;
}

static size_t answer(struct maker *maker, const char *choice)
{
    const size_t node = strcmp(choice, "auto") == 0   ? freely(maker)
                        : strcmp(choice, "none") == 0 ? said(maker)
                                                      : calls(maker, maker->style->begun);
    if (maker->thinking == NULL)
        return node;
    const size_t thought[] = {marked(maker, maker->thinking->open),
                              grammar_without(maker->grammar, &maker->thinking->close, 1),
                              marked(maker, maker->thinking->close)};
    const size_t whole[] = {white_space(maker, SPACE_THOUGHT),
                            optional(maker, grammar_sequence(maker->grammar, thought, 3)),
                            white_space(maker, SPACE_THOUGHT), node};
    return grammar_sequence(maker->grammar, whole, 4);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static primer_status check_choice(const json_t *tools, const char *choice, const char **only,
                                  primer_error *error)
{
    char shown[96];
    *only = NULL;
    if (tools == NULL)
        return error_set(error, PRIMER_EINVAL, "tools: there are none to call");
    if (strcmp(choice, "auto") == 0 || strcmp(choice, "none") == 0 ||
        strcmp(choice, "required") == 0)
        return PRIMER_OK;
    for (size_t i = 0; i < json_array_size(tools) && *only == NULL; i++)
        if (strcmp(name_of(json_array_get(tools, i)), choice) == 0)
            *only = choice;
    return *only != NULL
               ? PRIMER_OK
               : error_set(
                     error, PRIMER_EINVAL,
                     "tool_choice: \"%s\" is no tool's name, and none of auto, none, required",
                     error_printable(choice, strlen(choice), shown, sizeof shown));
}

primer_status primer_constraint_tools(const primer_chat_format *format, const char *tools,
                                      size_t length, const char *choice, bool parallel,
                                      const char *form, size_t form_length,
                                      primer_constraint **constraint, primer_error *error)
{
    primer_status status = PRIMER_OK;
    json_t *list = NULL, *schema = NULL;
    const char *only = NULL;
    TRY(chat_json_read_tools(tools, length, &list, error));
    if (form != NULL) {
        schema = json_loadb(form, form_length, JSON_DECODE_ANY, NULL);
        if (schema == NULL)
            FAIL(PRIMER_EFORMAT, "the form: expected a JSON Schema, found no JSON");
    }
    TRY(check_choice(list, choice, &only, error));
    struct maker maker = {
        .grammar = grammar_create(),
        .style = format->style == NULL ? chat_style_generic() : format->style,
        .thinking = format->thinking,
        .tools = list,
        .form = schema,
        .only = only,
    };
    maker.several = parallel && only == NULL && !maker.style->alone;
    maker.tool = grammar_rule(maker.grammar);
    grammar_define(maker.grammar, maker.tool, any_tool(&maker));
    const size_t root = answer(&maker, choice);
    status = grammar_finish(maker.grammar, root, constraint, error);

cleanup:
    json_decref(list);
    json_decref(schema);
    return status;
}
