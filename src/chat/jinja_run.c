/* jinja_run.c - statements of a template, macros, and the limits of a run.
 *
 *   scope    | variables | -> parent        a loop and a macro's call have a scope of their own;
 *                                            a macro sees the variables of whoever calls it
 */
#include "chat/jinja_run.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- the run --------------------------------------------------------------------------------- */

primer_status jinja_run_failure(struct jinja_run *run, const char *format, ...)
{
    char message[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return jinja_failure(run->error, run->line, "%s", message);
}

primer_status jinja_run_step(struct jinja_run *run, size_t steps)
{
    if (steps > run->steps)
        return jinja_run_failure(run, "the template runs for too long");
    run->steps -= steps;
    return PRIMER_OK;
}

primer_status jinja_run_take(struct jinja_run *run, size_t count, size_t size, void *out)
{
    void *const piece = scratch_take(&run->memory, count, size);
    if (piece == NULL)
        return jinja_run_failure(run, "the template needs too much memory");
    memcpy(out, &piece, sizeof piece);
    return PRIMER_OK;
}

static primer_status go_deeper(struct jinja_run *run)
{
    if (++run->depth > JINJA_DEPTH)
        return jinja_run_failure(run, "calls and blocks nested more than %d levels deep",
                                 JINJA_DEPTH);
    return PRIMER_OK;
}

primer_status jinja_run_call(struct jinja_run *run, const struct jinja_value *function,
                             const struct jinja_arguments *arguments, struct jinja_value *out)
{
    if (function->kind != JINJA_FUNCTION)
        return jinja_run_failure(run, "%s can't be called", jinja_value_kind(function));
    const struct jinja_function *const called = function->function;
    return called->native != NULL ? called->native(run, &called->self, arguments, out)
                                  : jinja_run_macro(run, called, arguments, out);
}

primer_status jinja_run_scope(struct jinja_run *run, struct jinja_scope *parent)
{
    struct jinja_scope *scope = NULL;
    FORWARD(jinja_run_take(run, 1, sizeof *scope, &scope));
    scope->parent = parent;
    run->scope = scope;
    return PRIMER_OK;
}

static primer_status declare(struct jinja_run *run, struct jinja_text name,
                             const struct jinja_value *value)
{
    return jinja_dict_set(run, &run->scope->variables, name, value);
}

/* ---- setting --------------------------------------------------------------------------------- */

static primer_status assign_member(struct jinja_run *run, const struct jinja_node *target,
                                   const struct jinja_value *value)
{
    struct jinja_value object;
    FORWARD(jinja_expression(run, target->a, &object));
    if (object.kind != JINJA_NAMESPACE)
        return jinja_run_failure(run, "only a namespace's members can be set, found %s",
                                 jinja_value_kind(&object));
    return jinja_dict_set(run, object.dict, target->text, value);
}

/* To a name, a tuple of names, or a namespace's member. */
static primer_status assign(struct jinja_run *run, const struct jinja_node *target,
                            const struct jinja_value *value)
{
    if (target->kind == JINJA_NODE_NAME)
        return declare(run, target->text, value);
    if (target->kind == JINJA_NODE_MEMBER)
        return assign_member(run, target, value);
    const size_t count = target->list.count;
    if (value->kind != JINJA_LIST || value->list->count != count)
        return jinja_run_failure(run, "%s can't be unpacked to %zu names", jinja_value_kind(value),
                                 count);
    for (size_t i = 0; i < count; i++) {
        if (target->list.items[i]->kind != JINJA_NODE_NAME)
            return jinja_run_failure(run, "only names can be unpacked to");
        FORWARD(declare(run, target->list.items[i]->text, &value->list->items[i]));
    }
    return PRIMER_OK;
}

static primer_status run_set(struct jinja_run *run, const struct jinja_node *node)
{
    struct jinja_value value;
    if (node->b != NULL) {
        FORWARD(jinja_expression(run, node->b, &value));
    } else {
        struct jinja_writer text = {0};
        FORWARD(jinja_run_body(run, &node->body, &text));
        value = jinja_value_text(jinja_written(&text));
    }
    return assign(run, node->a, &value);
}

/* ---- loops ----------------------------------------------------------------------------------- */

/* Those of the list's items for which the loop's condition holds. */
static primer_status filter_items(struct jinja_run *run, const struct jinja_node *node,
                                  const struct jinja_list *items, struct jinja_value *out)
{
    struct jinja_scope *const outer = run->scope;
    FORWARD(jinja_list_make(run, out));
    for (size_t i = 0; i < items->count; i++) {
        struct jinja_value condition;
        FORWARD(jinja_run_scope(run, outer));
        FORWARD(assign(run, node->a, &items->items[i]));
        FORWARD(jinja_expression(run, node->c, &condition));
        if (jinja_value_true(&condition))
            FORWARD(jinja_list_add(run, out->list, &items->items[i]));
    }
    run->scope = outer;
    return PRIMER_OK;
}

static primer_status loop_items(struct jinja_run *run, const struct jinja_node *node,
                                struct jinja_value *out)
{
    struct jinja_value what, items;
    const struct jinja_arguments none = {0};
    FORWARD(jinja_expression(run, node->b, &what));
    if (what.kind != JINJA_LIST && what.kind != JINJA_DICT && what.kind != JINJA_TEXT_VALUE &&
        what.kind != JINJA_UNDEFINED)
        return jinja_run_failure(run, "a loop over %s", jinja_value_kind(&what));
    FORWARD(jinja_filter_named(jinja_text_of("list", 4))(run, &what, &none, &items));
    *out = items;
    return node->c == NULL ? PRIMER_OK : filter_items(run, node, items.list, out);
}

static primer_status set_loop(struct jinja_run *run, struct jinja_dict *loop, const char *name,
                              struct jinja_value value)
{
    return jinja_dict_set(run, loop, jinja_text_of(name, strlen(name)), &value);
}

/* The variable `loop` in round i. */
static primer_status declare_loop(struct jinja_run *run, const struct jinja_list *items, size_t i)
{
    struct jinja_value loop;
    const struct jinja_value nothing = {.kind = JINJA_UNDEFINED};
    const int64_t index = (int64_t)i, count = (int64_t)items->count;
    FORWARD(jinja_dict_make(run, JINJA_DICT, &loop));
    FORWARD(set_loop(run, loop.dict, "index", jinja_value_integer(index + 1)));
    FORWARD(set_loop(run, loop.dict, "index0", jinja_value_integer(index)));
    FORWARD(set_loop(run, loop.dict, "revindex", jinja_value_integer(count - index)));
    FORWARD(set_loop(run, loop.dict, "revindex0", jinja_value_integer(count - index - 1)));
    FORWARD(set_loop(run, loop.dict, "first", jinja_value_boolean(index == 0)));
    FORWARD(set_loop(run, loop.dict, "last", jinja_value_boolean(index + 1 == count)));
    FORWARD(set_loop(run, loop.dict, "length", jinja_value_integer(count)));
    FORWARD(set_loop(run, loop.dict, "previtem", i > 0 ? items->items[i - 1] : nothing));
    FORWARD(
        set_loop(run, loop.dict, "nextitem", i + 1 < items->count ? items->items[i + 1] : nothing));
    return declare(run, jinja_text_of("loop", 4), &loop);
}

static primer_status run_rounds(struct jinja_run *run, const struct jinja_node *node,
                                const struct jinja_list *items, struct jinja_writer *writer)
{
    for (size_t i = 0; i < items->count; i++) {
        FORWARD(declare_loop(run, items, i));
        FORWARD(assign(run, node->a, &items->items[i]));
        FORWARD(jinja_run_body(run, &node->body, writer));
        const bool stop = run->leaving == JINJA_BREAKS;
        run->leaving = JINJA_STAYS;
        if (stop)
            break;
    }
    return items->count == 0 ? jinja_run_body(run, &node->other, writer) : PRIMER_OK;
}

static primer_status run_for(struct jinja_run *run, const struct jinja_node *node,
                             struct jinja_writer *writer)
{
    struct jinja_value items;
    struct jinja_scope *const outer = run->scope;
    FORWARD(loop_items(run, node, &items));
    FORWARD(jinja_run_scope(run, outer));
    FORWARD(run_rounds(run, node, items.list, writer));
    run->scope = outer;
    return PRIMER_OK;
}

/* ---- macros ---------------------------------------------------------------------------------- */

static primer_status make_macro(struct jinja_run *run, const struct jinja_node *node,
                                struct jinja_scope *scope, struct jinja_value *out)
{
    out->kind = JINJA_FUNCTION;
    FORWARD(jinja_run_take(run, 1, sizeof *out->function, &out->function));
    out->function->macro = node;
    out->function->scope = scope;
    return PRIMER_OK;
}

/* Parameters by position, by name, or their defaults, which see those before them. */
static primer_status bind(struct jinja_run *run, const struct jinja_node_list *parameters,
                          const struct jinja_arguments *arguments)
{
    size_t used = 0;
    if (arguments->positional.count > parameters->count)
        return jinja_run_failure(run, "a macro of %zu parameters is called with %zu arguments",
                                 parameters->count, arguments->positional.count);
    for (size_t i = 0; i < parameters->count; i++) {
        const struct jinja_node *const parameter = parameters->items[i];
        const struct jinja_value *const named = jinja_dict_find(&arguments->named, parameter->text);
        struct jinja_value value = {.kind = JINJA_UNDEFINED};
        used += named != NULL;
        if (i < arguments->positional.count)
            value = arguments->positional.items[i];
        else if (named != NULL)
            value = *named;
        else if (parameter->kind == JINJA_NODE_KEYWORD)
            FORWARD(jinja_expression(run, parameter->a, &value));
        FORWARD(declare(run, parameter->text, &value));
    }
    if (used < arguments->named.count)
        return jinja_run_failure(run, "a macro is called with an argument that it doesn't have");
    return PRIMER_OK;
}

primer_status jinja_run_macro(struct jinja_run *run, const struct jinja_function *macro,
                              const struct jinja_arguments *arguments, struct jinja_value *out)
{
    struct jinja_scope *const outer = run->scope;
    struct jinja_writer writer = {0};
    FORWARD(go_deeper(run));
    FORWARD(jinja_run_scope(run, macro->scope != NULL ? macro->scope : outer));
    FORWARD(bind(run, &macro->macro->list, arguments));
    FORWARD(jinja_run_body(run, &macro->macro->body, &writer));
    run->scope = outer;
    run->leaving = JINJA_STAYS;
    run->depth--;
    *out = jinja_value_text(jinja_written(&writer));
    return PRIMER_OK;
}

/* {% call(..) macro(..) %} body {% endcall %}: the macro sees the body as `caller`. */
static primer_status run_calling(struct jinja_run *run, const struct jinja_node *node,
                                 struct jinja_writer *writer)
{
    struct jinja_scope *const outer = run->scope;
    struct jinja_value caller, text;
    FORWARD(make_macro(run, node, outer, &caller));
    FORWARD(jinja_run_scope(run, outer));
    FORWARD(declare(run, jinja_text_of("caller", 6), &caller));
    FORWARD(jinja_expression(run, node->a, &text));
    run->scope = outer;
    return jinja_write_value(run, writer, &text);
}

/* ---- statements ------------------------------------------------------------------------------ */

/* The filters of a {% filter a | b %}, innermost first. */
static primer_status apply_filters(struct jinja_run *run, const struct jinja_node *node,
                                   struct jinja_value *value)
{
    const struct jinja_value operand = *value;
    if (node->a == NULL)
        return jinja_expression_filter(run, node, &operand, value);
    FORWARD(apply_filters(run, node->a, value));
    const struct jinja_value inner = *value;
    return jinja_expression_filter(run, node, &inner, value);
}

static primer_status run_filtered(struct jinja_run *run, const struct jinja_node *node,
                                  struct jinja_writer *writer)
{
    struct jinja_writer text = {0};
    FORWARD(jinja_run_body(run, &node->body, &text));
    struct jinja_value value = jinja_value_text(jinja_written(&text));
    FORWARD(apply_filters(run, node->a, &value));
    return jinja_write_value(run, writer, &value);
}

static primer_status run_output(struct jinja_run *run, const struct jinja_node *node,
                                struct jinja_writer *writer)
{
    struct jinja_value value;
    FORWARD(jinja_expression(run, node->a, &value));
    return jinja_write_value(run, writer, &value);
}

static primer_status run_if(struct jinja_run *run, const struct jinja_node *node,
                            struct jinja_writer *writer)
{
    struct jinja_value condition;
    FORWARD(jinja_expression(run, node->a, &condition));
    return jinja_run_body(run, jinja_value_true(&condition) ? &node->body : &node->other, writer);
}

static primer_status run_statement(struct jinja_run *run, const struct jinja_node *node,
                                   struct jinja_writer *writer)
{
    struct jinja_value macro;
    switch (node->kind) {
    case JINJA_NODE_TEXT:
        return jinja_write(run, writer, node->text);
    case JINJA_NODE_OUTPUT:
        return run_output(run, node, writer);
    case JINJA_NODE_IF:
        return run_if(run, node, writer);
    case JINJA_NODE_FOR:
        return run_for(run, node, writer);
    case JINJA_NODE_SET:
        return run_set(run, node);
    case JINJA_NODE_MACRO:
        FORWARD(make_macro(run, node, NULL, &macro));
        return declare(run, node->text, &macro);
    case JINJA_NODE_CALLING:
        return run_calling(run, node, writer);
    case JINJA_NODE_FILTERED:
        return run_filtered(run, node, writer);
    default:
        run->leaving = node->kind == JINJA_NODE_BREAK ? JINJA_BREAKS : JINJA_CONTINUES;
        return PRIMER_OK;
    }
}

primer_status jinja_run_body(struct jinja_run *run, const struct jinja_node_list *body,
                             struct jinja_writer *writer)
{
    FORWARD(go_deeper(run));
    for (size_t i = 0; i < body->count && run->leaving == JINJA_STAYS; i++) {
        run->line = body->items[i]->line;
        FORWARD(jinja_run_step(run, 1));
        FORWARD(run_statement(run, body->items[i], writer));
    }
    run->depth--;
    return PRIMER_OK;
}
