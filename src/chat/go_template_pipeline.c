/* go_template_pipeline.c - pipelines, commands and operands of a running Go template.
 *
 *   command | command | ..    the value of each is the last argument of the next one
 *
 * As in Go, `and` and `or` evaluate their arguments one by one and stop where the outcome is
 * known, and a value that is nil at the end of a pipeline is nothing from there on.
 */
#include "chat/go_template_value.h"

#include <string.h>

#define MOST_ARGUMENTS 1000

/* ---- variables ------------------------------------------------------------------------------- */

primer_status go_template_declare(struct go_run *run, struct jinja_text name,
                                  const struct go_value *value)
{
    const struct go_value kept = *value;
    if (run->variable_count == run->variable_capacity) {
        const size_t capacity = run->variable_capacity == 0 ? 16 : 2 * run->variable_capacity;
        struct go_variable *variables;
        FORWARD(jinja_run_take(&run->base, capacity, sizeof *variables, &variables));
        if (run->variable_count > 0)
            memcpy(variables, run->variables, run->variable_count * sizeof *variables);
        run->variables = variables;
        run->variable_capacity = capacity;
    }
    run->variables[run->variable_count++] = (struct go_variable){name, kept};
    return PRIMER_OK;
}

struct go_variable *go_template_variable(struct go_run *run, struct jinja_text name)
{
    for (size_t i = run->variable_count; i > 0; i--)
        if (jinja_text_same(run->variables[i - 1].name, name))
            return &run->variables[i - 1];
    return NULL;
}

static primer_status undefined(struct go_run *run, struct jinja_text name)
{
    char shown[48];
    return jinja_run_failure(&run->base, "undefined variable: %s",
                             error_printable(name.bytes, name.length, shown, sizeof shown));
}

/* ---- operands -------------------------------------------------------------------------------- */

static primer_status call(struct go_run *run, const struct go_value *dot,
                          const struct go_node_list *command, const struct go_value *last,
                          struct go_value *out);

static primer_status follow(struct go_run *run, const struct go_path *path, struct go_value *value)
{
    for (size_t i = 0; i < path->count; i++) {
        const struct go_value of = *value;
        FORWARD(go_template_field(run, &of, path->names[i], value));
    }
    return PRIMER_OK;
}

static primer_status operand(struct go_run *run, const struct go_value *dot,
                             const struct go_node *node, struct go_value *out)
{
    const struct go_variable *variable;
    struct go_node *self = NULL;
    FORWARD(jinja_run_step(&run->base, 1));
    switch (node->kind) {
    case GO_NODE_DOT:
    case GO_NODE_FIELD:
        *out = *dot;
        break;
    case GO_NODE_VARIABLE:
        variable = go_template_variable(run, node->text);
        if (variable == NULL)
            return undefined(run, node->text);
        *out = variable->value;
        break;
    case GO_NODE_PIPE:
        FORWARD(go_template_pipeline(run, dot, node->pipe, out));
        break;
    case GO_NODE_FUNCTION:
        memcpy(&self, &node, sizeof self);
        FORWARD(call(run, dot, &(struct go_node_list){&self, 1}, NULL, out));
        break;
    case GO_NODE_BOOLEAN:
        *out = go_value_boolean(node->integer != 0);
        return PRIMER_OK;
    case GO_NODE_INTEGER:
        *out = go_value_integer(node->integer);
        return PRIMER_OK;
    case GO_NODE_REAL:
        *out = (struct go_value){GO_REAL, {.real = node->real}};
        return PRIMER_OK;
    case GO_NODE_STRING:
        *out = go_value_text(node->text);
        return PRIMER_OK;
    default:
        *out = (struct go_value){.kind = GO_NIL};
        return PRIMER_OK;
    }
    return follow(run, &node->path, out);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static primer_status check_count(struct go_run *run, const struct go_function *function,
                                 size_t count)
{
    if (count >= function->least && count <= function->most)
        return PRIMER_OK;
    return jinja_run_failure(&run->base, "wrong number of args for %s: want %s%zu got %zu",
                             function->name, function->most > function->least ? "at least " : "",
                             function->least, count);
}

/* The first argument that is as true as it takes, or the last one. */
static primer_status call_until(struct go_run *run, const struct go_value *dot,
                                const struct go_node_list *command, const struct go_value *last,
                                struct go_value *out)
{
    const bool until = command->items[0]->function->until;
    for (size_t i = 1; i < command->count; i++) {
        FORWARD(operand(run, dot, command->items[i], out));
        if (go_template_true(out) == until)
            return PRIMER_OK;
    }
    if (last != NULL)
        *out = *last;
    return PRIMER_OK;
}

static primer_status call(struct go_run *run, const struct go_value *dot,
                          const struct go_node_list *command, const struct go_value *last,
                          struct go_value *out)
{
    const struct go_function *const function = command->items[0]->function;
    struct go_arguments arguments = {.count = command->count - 1 + (last != NULL)};
    const struct go_value final = last != NULL ? *last : (struct go_value){.kind = GO_NOTHING};
    FORWARD(check_count(run, function, arguments.count));
    if (arguments.count > MOST_ARGUMENTS)
        return jinja_run_failure(&run->base, "a call with more than %d arguments", MOST_ARGUMENTS);
    if (function->native == NULL)
        return call_until(run, dot, command, last != NULL ? &final : NULL, out);
    FORWARD(jinja_run_take(&run->base, arguments.count, sizeof *arguments.items, &arguments.items));
    for (size_t i = 1; i < command->count; i++)
        FORWARD(operand(run, dot, command->items[i], &arguments.items[i - 1]));
    if (last != NULL)
        arguments.items[arguments.count - 1] = final;
    return function->native(run, &arguments, out);
}

/* ---- commands -------------------------------------------------------------------------------- */

/* Only functions take arguments; `last`: the previous command's value, or NULL. */
static primer_status no_arguments(struct go_run *run, const struct go_node_list *command,
                                  const struct go_value *last)
{
    const struct go_node *const first = command->items[0];
    char shown[48] = "an operand";
    struct jinja_text name = first->text;
    if (command->count == 1 && last == NULL)
        return PRIMER_OK;
    if (first->path.count > 0)
        name = first->path.names[first->path.count - 1];
    if (name.length > 0)
        error_printable(name.bytes, name.length, shown, sizeof shown);
    return jinja_run_failure(&run->base,
                             first->path.count > 0
                                 ? "%s has arguments but cannot be invoked as function"
                                 : "can't give argument to non-function %s",
                             shown);
}

static primer_status command_value(struct go_run *run, const struct go_value *dot,
                                   const struct go_node_list *command, const struct go_value *last,
                                   struct go_value *out)
{
    const struct go_node *const first = command->items[0];
    run->base.line = first->line;
    if (first->kind == GO_NODE_FUNCTION && first->path.count == 0)
        return call(run, dot, command, last, out);
    FORWARD(no_arguments(run, command, last));
    if (first->kind == GO_NODE_NIL)
        return jinja_run_failure(&run->base, "nil is not a command");
    return operand(run, dot, first, out);
}

primer_status go_template_pipeline(struct go_run *run, const struct go_value *dot,
                                   const struct go_pipe *pipe, struct go_value *out)
{
    struct go_value value = {.kind = GO_NOTHING};
    if (++run->base.nested > JINJA_NESTED)
        return jinja_run_failure(&run->base, "more than %d pipelines in each other", JINJA_NESTED);
    for (size_t i = 0; i < pipe->count; i++) {
        const struct go_value last = value;
        FORWARD(jinja_run_step(&run->base, 1));
        FORWARD(command_value(run, dot, &pipe->commands[i], i > 0 ? &last : NULL, &value));
        if (value.kind == GO_NIL)
            value.kind = GO_NOTHING;
    }
    for (size_t i = 0; i < pipe->variable_count; i++) {
        struct go_variable *const known =
            pipe->assigns ? go_template_variable(run, pipe->variables[i]) : NULL;
        if (pipe->assigns && known == NULL)
            return undefined(run, pipe->variables[i]);
        if (known != NULL)
            known->value = value;
        else
            FORWARD(go_template_declare(run, pipe->variables[i], &value));
    }
    run->base.nested--;
    *out = value;
    return PRIMER_OK;
}
