/* grammar.h - a grammar over bytes, as an object that is built by calls: what every notation is
 * brought to, and what a tool call's shape is written in.
 *
 *   node   a number; what matches:
 *     bytes        a text, exactly
 *     class        one character out of ranges of code points, written as UTF-8
 *     mark         a text that may also be one control token of that text ("<tool_call>")
 *     sequence     one after the other          choice     one of
 *     repeat       least..most times            rule       named later: recursion
 *     without      any text in which none of some texts stands; whole characters only
 *
 *   grammar *g = grammar_create();  size_t a = grammar_bytes(g, "[", 1);  ...
 *   grammar_finish(g, root, &constraint, error)
 *
 * Calls never fail by themselves: a failure (memory, a limit) is kept and told by grammar_finish.
 */
#ifndef CONSTRAINT_GRAMMAR_H
#define CONSTRAINT_GRAMMAR_H

#include <jansson.h>
#include "constraint/constraint.h"

struct grammar;

#define GRAMMAR_ENDLESS SIZE_MAX /* as `most` of a repetition */

struct grammar_range {
    uint32_t first, last; /* code points, both belong to it */
};

struct grammar *grammar_create(void); /* NULL: no memory; the other calls take NULL */
void grammar_free(struct grammar *grammar);

size_t grammar_bytes(struct grammar *grammar, const char *bytes, size_t length);
size_t grammar_text(struct grammar *grammar, const char *text); /* NUL-terminated */
size_t grammar_mark(struct grammar *grammar, const char *text);
size_t grammar_class(struct grammar *grammar, const struct grammar_range *ranges, size_t count,
                     bool negated);
size_t grammar_sequence(struct grammar *grammar, const size_t *nodes, size_t count);
size_t grammar_choice(struct grammar *grammar, const size_t *nodes, size_t count);
size_t grammar_repeat(struct grammar *grammar, size_t node, size_t least, size_t most);
size_t grammar_without(struct grammar *grammar, const char *const *texts, size_t count);
size_t grammar_rule(struct grammar *grammar); /* to be defined before the end */
void grammar_define(struct grammar *grammar, size_t rule, size_t node);

/* A JSON value as a schema wants it (schema.c); `path` is what messages call the schema. */
size_t grammar_schema(struct grammar *grammar, const json_t *schema, const char *path);
size_t grammar_json(struct grammar *grammar, bool object); /* any value, or any object */

/* A failure that a notation found, to be told by grammar_finish; the first one is kept. */
void grammar_failure(struct grammar *grammar, const primer_error *error);

/* Takes the grammar's memory over, whatever comes out. */
primer_status grammar_finish(struct grammar *grammar, size_t root, primer_constraint **constraint,
                             primer_error *error);

#endif
