/* go_template.c - compiling and rendering Go templates: the door to the other go_template files.
 *
 * A template without .Messages is run turn by turn, each text behind the one before:
 *
 *   system A | user B | assistant C | user D
 *   {System A, Prompt B, Response C} | {Prompt D} up to .Response
 */
#include "chat/go_template.h"

#include <string.h>

#include "base/memory.h"
#include "chat/go_template_value.h"

#define COMPILE_BYTES  ((size_t)64 << 20)
#define DEFAULT_STEPS  ((size_t)4 << 20)
#define DEFAULT_MEMORY ((size_t)64 << 20)

#define MOST_VARIABLES 9 /* of those that a template sees */

struct go_template {
    struct scratch memory;
    struct go_tree tree;
};

primer_status go_template_compile(const char *text, size_t length, struct go_template **template,
                                  primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct go_tokens tokens;
    struct go_template *const made = memory_allocate(1, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "a chat template", sizeof *made);
    made->memory.left = COMPILE_BYTES;
    TRY(go_template_lexer(text, length, &made->memory, &tokens, error));
    TRY(go_template_parser(&tokens, &made->memory, &made->tree, error));
    *template = made;
    return PRIMER_OK;

cleanup:
    go_template_free(made);
    return status;
}

void go_template_free(struct go_template *template)
{
    if (template == NULL)
        return;
    scratch_free(&template->memory);
    memory_free(template);
}

unsigned go_template_uses(const struct go_template *template)
{
    return template->tree.uses;
}

bool go_template_has_suffix(const struct go_template *template)
{
    return (template->tree.uses & GO_TEMPLATE_SUFFIX) != 0;
}

/* ---- rendering ------------------------------------------------------------------------------- */

static void add(struct go_map *map, const char *name, const struct go_value *value)
{
    map->entries[map->count++] = (struct go_entry){jinja_text_of(name, strlen(name)), *value};
}

/* The dot, with what every template sees. */
static primer_status make_dot(struct go_run *run, const struct go_conversation *conversation,
                              const struct go_value *response, struct go_value *dot)
{
    FORWARD(go_template_map(run, MOST_VARIABLES, GO_PLAIN, dot));
    dot->map->count = 0;
    add(dot->map, "Response", response);
    add(dot->map, "Think", &conversation->think);
    add(dot->map, "ThinkLevel", &conversation->think_level);
    add(dot->map, "IsThinkSet", &conversation->think_set);
    return PRIMER_OK;
}

static primer_status execute(struct go_run *run, struct go_value *dot, struct jinja_writer *writer)
{
    go_template_sort(dot->map);
    return go_template_execute(run, dot, writer);
}

static primer_status render_gap(struct go_run *run, const struct go_conversation *conversation,
                                struct jinja_writer *writer)
{
    const struct go_value none = go_value_text(jinja_text_of("", 0));
    struct go_value dot;
    FORWARD(make_dot(run, conversation, &none, &dot));
    add(dot.map, "Prompt", &conversation->prompt);
    add(dot.map, "Suffix", &conversation->suffix);
    return execute(run, &dot, writer);
}

static primer_status render_messages(struct go_run *run, const struct go_conversation *conversation,
                                     struct jinja_writer *writer)
{
    const struct go_value none = go_value_text(jinja_text_of("", 0));
    struct go_value dot;
    FORWARD(make_dot(run, conversation, &none, &dot));
    add(dot.map, "System", &conversation->system);
    add(dot.map, "Messages", &conversation->messages);
    add(dot.map, "Tools", &conversation->tools);
    return execute(run, &dot, writer);
}

/* One turn of a template without .Messages. */
struct turn {
    struct go_value system, prompt, response;
};

static primer_status render_turn(struct go_run *run, const struct go_conversation *conversation,
                                 struct turn *turn, struct jinja_writer *writer)
{
    const struct go_value none = go_value_text(jinja_text_of("", 0));
    struct go_value dot;
    FORWARD(make_dot(run, conversation, &turn->response, &dot));
    add(dot.map, "System", &turn->system);
    add(dot.map, "Prompt", &turn->prompt);
    *turn = (struct turn){none, none, none};
    return execute(run, &dot, writer);
}

static primer_status render_turns(struct go_run *run, const struct go_conversation *conversation,
                                  struct jinja_writer *writer)
{
    const struct go_value none = go_value_text(jinja_text_of("", 0));
    const struct go_list *const messages = conversation->messages.list;
    struct turn turn = {none, none, none};
    for (size_t i = 0; i < messages->count; i++) {
        const struct go_value *const fields = messages->items[i].record->fields;
        const bool system = jinja_text_is(fields[0].text, "system");
        const bool user = jinja_text_is(fields[0].text, "user");
        const bool answered = turn.response.text.length > 0;
        if ((user && answered) || (system && (answered || turn.prompt.text.length > 0)))
            FORWARD(render_turn(run, conversation, &turn, writer));
        if (system)
            turn.system = fields[1];
        else if (user)
            turn.prompt = fields[1];
        else if (jinja_text_is(fields[0].text, "assistant"))
            turn.response = fields[1];
    }
    run->last_turn = true;
    return render_turn(run, conversation, &turn, writer);
}

primer_status go_template_render(const struct go_template *template, const json_t *conversation,
                                 int64_t now, const struct jinja_limits *limits,
                                 struct jinja_output *output, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct go_conversation given;
    struct jinja_writer writer = {0};
    struct go_run run = {
        .base = {.memory = {.left = limits->memory == 0 ? DEFAULT_MEMORY : limits->memory},
                 .error = error,
                 .steps = limits->steps == 0 ? DEFAULT_STEPS : limits->steps,
                 .line = 1,
                 .now = now},
        .tree = &template->tree};
    TRY(go_template_conversation(&run, conversation, &given));
    if (given.suffix.kind != GO_NOTHING)
        TRY(render_gap(&run, &given, &writer));
    else if ((template->tree.uses & GO_TEMPLATE_MESSAGES) != 0)
        TRY(render_messages(&run, &given, &writer));
    else
        TRY(render_turns(&run, &given, &writer));
    TRY(jinja_deliver(&writer, output, error));

cleanup:
    scratch_free(&run.base.memory);
    return status;
}
