/* go_template_run.c - statements of a running Go template.
 *
 *   variables   | $ | $a | $b ..      a block takes off what was declared in it; {{template}}
 *                                     begins anew, with $ alone, behind those of its caller
 */
#include "chat/go_template_value.h"

#include <string.h>

static primer_status run_list(struct go_run *run, const struct go_value *dot,
                              const struct go_node_list *list, struct jinja_writer *writer);

static primer_status go_deeper(struct go_run *run)
{
    if (++run->base.depth > JINJA_DEPTH)
        return jinja_run_failure(&run->base, "templates and blocks nested more than %d levels deep",
                                 JINJA_DEPTH);
    return PRIMER_OK;
}

/* ---- range ----------------------------------------------------------------------------------- */

/* The variable `from_top` places below the newest one, or, for an assignment, the one of that
 * name. */
static primer_status set_variable(struct go_run *run, const struct go_pipe *pipe, size_t index,
                                  const struct go_value *value)
{
    struct go_variable *variable =
        pipe->assigns ? go_template_variable(run, pipe->variables[index])
                      : &run->variables[run->variable_count - pipe->variable_count + index];
    if (variable == NULL)
        return jinja_run_failure(&run->base, "undefined variable in range");
    variable->value = *value;
    return PRIMER_OK;
}

/* One iteration; false in *more after {{break}}. */
static primer_status iterate(struct go_run *run, const struct go_node *node,
                             const struct go_value *index, const struct go_value *element,
                             struct jinja_writer *writer, bool *more)
{
    const size_t variables = run->variable_count;
    FORWARD(jinja_run_step(&run->base, 1));
    if (node->pipe->variable_count == 1)
        FORWARD(set_variable(run, node->pipe, 0, element));
    if (node->pipe->variable_count == 2) {
        FORWARD(set_variable(run, node->pipe, 0, index));
        FORWARD(set_variable(run, node->pipe, 1, element));
    }
    FORWARD(run_list(run, element, &node->body, writer));
    *more = run->base.leaving != JINJA_BREAKS;
    run->base.leaving = JINJA_STAYS;
    run->variable_count = variables;
    return PRIMER_OK;
}

static primer_status iterate_items(struct go_run *run, const struct go_node *node,
                                   const struct go_value *over, size_t count,
                                   struct jinja_writer *writer)
{
    bool more = true;
    for (size_t i = 0; i < count && more; i++) {
        struct go_value index = go_value_integer((int64_t)i), element = index;
        if (over->kind == GO_LIST)
            element = over->list->items[i];
        if (over->kind == GO_MAP) {
            index = go_value_text(over->map->entries[i].key);
            element = over->map->entries[i].value;
        }
        FORWARD(iterate(run, node, &index, &element, writer, &more));
    }
    return PRIMER_OK;
}

static primer_status run_range(struct go_run *run, const struct go_value *dot,
                               const struct go_node *node, struct jinja_writer *writer)
{
    struct go_value over;
    size_t count = 0;
    FORWARD(go_template_pipeline(run, dot, node->pipe, &over));
    switch (over.kind) {
    case GO_LIST:
        count = over.list->count;
        break;
    case GO_MAP:
        count = over.map->count;
        break;
    case GO_INTEGER:
        if (node->pipe->variable_count > 1)
            return jinja_run_failure(&run->base,
                                     "can't use %lld to iterate over more than one variable",
                                     (long long)over.integer);
        count = over.integer > 0 ? (size_t)over.integer : 0;
        break;
    case GO_NOTHING:
        break;
    default:
        return jinja_run_failure(&run->base, "range can't iterate over a value of type %s",
                                 go_template_type(&over));
    }
    return count > 0 ? iterate_items(run, node, &over, count, writer)
                     : run_list(run, dot, &node->other, writer);
}

/* ---- other statements ------------------------------------------------------------------------ */

static primer_status run_branch(struct go_run *run, const struct go_value *dot,
                                const struct go_node *node, struct jinja_writer *writer)
{
    struct go_value value;
    FORWARD(go_template_pipeline(run, dot, node->pipe, &value));
    if (!go_template_true(&value))
        return run_list(run, dot, &node->other, writer);
    return run_list(run, node->kind == GO_NODE_WITH ? &value : dot, &node->body, writer);
}

/* A definition's body on a dot of its own, with no variable but $. */
static primer_status run_template(struct go_run *run, const struct go_value *dot,
                                  const struct go_node *node, struct jinja_writer *writer)
{
    const struct go_definition *definition = run->tree->definitions;
    struct go_value value = {.kind = GO_NOTHING};
    char shown[48];
    for (; definition != NULL && !jinja_text_same(definition->name, node->text);
         definition = definition->next)
        FORWARD(jinja_run_step(&run->base, 1));
    if (definition == NULL)
        return jinja_run_failure(
            &run->base, "template \"%s\" not defined",
            error_printable(node->text.bytes, node->text.length, shown, sizeof shown));
    if (node->pipe != NULL)
        FORWARD(go_template_pipeline(run, dot, node->pipe, &value));
    FORWARD(go_template_declare(run, jinja_text_of("$", 1), &value));
    const bool last_turn = run->last_turn;
    run->last_turn = false;
    FORWARD(run_list(run, &value, &definition->body, writer));
    run->last_turn = last_turn;
    return PRIMER_OK;
}

static primer_status run_action(struct go_run *run, const struct go_value *dot,
                                const struct go_node *node, struct jinja_writer *writer)
{
    struct go_value value;
    FORWARD(go_template_pipeline(run, dot, node->pipe, &value));
    return node->pipe->variable_count > 0 ? PRIMER_OK : go_template_print(run, writer, &value);
}

static primer_status run_statement(struct go_run *run, const struct go_value *dot,
                                   const struct go_node *node, struct jinja_writer *writer)
{
    switch (node->kind) {
    case GO_NODE_TEXT:
        return jinja_write(&run->base, writer, node->text);
    case GO_NODE_IF:
    case GO_NODE_WITH:
        return run_branch(run, dot, node, writer);
    case GO_NODE_RANGE:
        return run_range(run, dot, node, writer);
    case GO_NODE_TEMPLATE:
        return run_template(run, dot, node, writer);
    case GO_NODE_BREAK:
    case GO_NODE_CONTINUE:
        run->base.leaving = node->kind == GO_NODE_BREAK ? JINJA_BREAKS : JINJA_CONTINUES;
        return PRIMER_OK;
    default:
        return run_action(run, dot, node, writer);
    }
}

static primer_status run_list(struct go_run *run, const struct go_value *dot,
                              const struct go_node_list *list, struct jinja_writer *writer)
{
    FORWARD(go_deeper(run));
    for (size_t i = 0; i < list->count && run->base.leaving == JINJA_STAYS; i++) {
        const struct go_node *const node = list->items[i];
        const size_t variables = run->variable_count;
        run->base.line = node->line;
        FORWARD(jinja_run_step(&run->base, 1));
        if (!(run->last_turn && node->cut))
            FORWARD(run_statement(run, dot, node, writer));
        if (node->kind != GO_NODE_ACTION)
            run->variable_count = variables;
    }
    run->base.depth--;
    return PRIMER_OK;
}

primer_status go_template_execute(struct go_run *run, const struct go_value *dot,
                                  struct jinja_writer *writer)
{
    run->variable_count = 0;
    FORWARD(go_template_declare(run, jinja_text_of("$", 1), dot));
    return run_list(run, dot, &run->tree->root, writer);
}
