/* constraint_vocabulary.h - a tokenizer's tokens as a tree of their bytes, laid flat.
 *
 *   nodes    the tree, each node before its children, children by byte: 0 is the root
 *   skip     the first node that is not below this one
 *   tokens   ids by node: node n's are tokens[nodes[n].tokens .. nodes[n + 1].tokens)
 *
 *   "a" "ab" "b"     n  byte  depth  skip
 *                    0   -      0     4
 *                    1   a      1     3
 *                    2   b      2     3
 *                    3   b      1     4
 *
 * So a walk that gives a subtree up goes on at skip, and is a loop. What isn't in the tree: control
 * tokens, listed by their texts; those that end an answer, listed; those without bytes, never
 * allowed.
 *
 * A token's bytes are those that it has inside a text. The one space that SentencePiece puts before
 * a text, and that isn't shown at a session's very begin, counts as a byte of its token here.
 */
#ifndef CONSTRAINT_CONSTRAINT_VOCABULARY_H
#define CONSTRAINT_CONSTRAINT_VOCABULARY_H

#include "constraint/constraint.h"

struct vocabulary_node {
    uint32_t skip, tokens;
    uint16_t depth;
    uint8_t byte;
};

struct vocabulary_control {
    int32_t id;
    uint32_t first, length; /* in `texts` */
};

struct constraint_vocabulary {
    uint64_t serial;               /* no other in this process has it */
    size_t count, words;           /* ids; words of a mask */
    size_t longest;                /* bytes of a token in the tree */
    struct vocabulary_node *nodes; /* [node_count + 1] */
    size_t node_count, node_capacity;
    int32_t *tokens;
    size_t token_count;
    struct vocabulary_control *controls;
    size_t control_count;
    struct buffer texts;
    int32_t *ends;
    size_t end_count;
    struct vocabulary_bytes *bytes; /* [count] of each id that is in the tree */
    struct buffer store;
};

struct vocabulary_bytes {
    uint32_t first, length; /* in `store` */
};

#endif
