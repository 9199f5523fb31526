/* regex.c - a constraint out of one regular expression. */
#include "constraint/regex.h"

static primer_status build(struct grammar *grammar, struct scratch *scratch, const char *pattern,
                           size_t length, size_t *root, primer_error *error)
{
    struct regex_term terms[REGEX_TERMS];
    struct regex_automaton automaton;
    size_t count = 0;
    FORWARD(regex_parse(scratch, pattern, length, true, terms, &count, error));
    if (count == 1 && regex_node_grammar(grammar, terms[0], false, root))
        return PRIMER_OK;
    FORWARD(regex_automaton_make(scratch, terms, count, 0, GRAMMAR_ENDLESS, &automaton, error));
    if (automaton.states == 0)
        return error_set(error, PRIMER_EINVAL, "regular expression: nothing matches it");
    *root = regex_automaton_grammar(grammar, scratch, &automaton, false);
    return PRIMER_OK;
}

primer_status constraint_regex(const char *pattern, size_t length, primer_constraint **constraint,
                               primer_error *error)
{
    struct scratch scratch = {.left = CONSTRAINT_SCRATCH};
    struct grammar *const grammar = grammar_create();
    size_t root = 0;
    const primer_status status = build(grammar, &scratch, pattern, length, &root, error);
    scratch_free(&scratch);
    if (status != PRIMER_OK) {
        grammar_free(grammar);
        return status;
    }
    return grammar_finish(grammar, root, constraint, error);
}
