/* oracle.h - grammars judged by their definition: slow, and with nothing of what is judged.
 *
 * For each node and each place of a text: where matches that begin there end, and whether the whole
 * rest of the text is the beginning of a match; from nothing upwards until it stays the same. So
 * recursion of any kind is no special case.
 */
#ifndef TESTS_CONSTRAINT_ORACLE_H
#define TESTS_CONSTRAINT_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/random.h"
#include "constraint/grammar.h"

enum { ORACLE_NODES = 48, ORACLE_CHILDREN = 4, ORACLE_TEXT = 40 };

enum oracle_kind {
    ORACLE_BYTES,
    ORACLE_CLASS,
    ORACLE_SEQUENCE,
    ORACLE_CHOICE,
    ORACLE_REPEAT,
    ORACLE_RULE,
    ORACLE_WITHOUT
};

struct oracle_node {
    enum oracle_kind kind;
    const char *texts[ORACLE_CHILDREN];
    struct grammar_range ranges[ORACLE_CHILDREN];
    size_t children[ORACLE_CHILDREN];
    size_t count; /* of texts, ranges or children */
    size_t least, most;
};

struct oracle {
    struct oracle_node nodes[ORACLE_NODES];
    size_t count, root;
};

/* A grammar at random, of about `size` nodes, and the same one built. */
void oracle_random(struct oracle *oracle, struct random *random, size_t size);
size_t oracle_build(const struct oracle *oracle, struct grammar *grammar);
/* Whether there is any text, and what these bytes are: 1 a sentence, 0 the beginning of one, -1
 * neither. */
bool oracle_possible(const struct oracle *oracle);
int oracle_judge(const struct oracle *oracle, const char *bytes, size_t length);
/* The grammar in words, for messages; static. */
const char *oracle_show(const struct oracle *oracle);

#endif
