/* jinja_run.h - evaluation of a template's tree: expressions (jinja_expression.c) and statements
 * (jinja_run.c). */
#ifndef CHAT_JINJA_RUN_H
#define CHAT_JINJA_RUN_H

#include "chat/jinja_value.h"

/* An expression's value. */
primer_status jinja_expression(struct jinja_run *run, const struct jinja_node *node,
                               struct jinja_value *out);
/* A filter node applied to `operand`. */
primer_status jinja_expression_filter(struct jinja_run *run, const struct jinja_node *node,
                                      const struct jinja_value *operand, struct jinja_value *out);
/* The arguments of a call or filter. */
primer_status jinja_expression_arguments(struct jinja_run *run, const struct jinja_node_list *list,
                                         struct jinja_arguments *out);

/* Statements, whose text is written; a {% break %} or {% continue %} inside ends them and stays in
 * run->leaving. */
primer_status jinja_run_body(struct jinja_run *run, const struct jinja_node_list *body,
                             struct jinja_writer *writer);
/* A macro's body, or that of {% call %}. */
primer_status jinja_run_macro(struct jinja_run *run, const struct jinja_function *macro,
                              const struct jinja_arguments *arguments, struct jinja_value *out);

#endif
