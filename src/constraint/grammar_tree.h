/* grammar_tree.h - what a grammar's builder keeps: nodes, and their variable parts in stores.
 *
 *   kind       first               count      least, most
 *   BYTES      in bytes            bytes      -
 *   CLASS      in ranges           ranges     -              sorted, apart, without surrogates
 *   MARK       in bytes            bytes      -
 *   SEQUENCE   in children         children   -
 *   CHOICE     in children         children   -
 *   REPEAT     the child           1          as given
 *   RULE       its definition      0 or 1     -              count 0: not yet defined
 *   WITHOUT    in children         texts      -              each the number of a BYTES node
 *
 * Children are older than their parents, but for a rule's definition. Nodes that say the same are
 * one node; so what schemas repeat is compiled once.
 */
#ifndef CONSTRAINT_GRAMMAR_TREE_H
#define CONSTRAINT_GRAMMAR_TREE_H

#include <stdint.h>
#include "base/buffer.h"
#include "constraint/grammar.h"

#define GRAMMAR_NODES_MOST ((size_t)1 << 20)
#define GRAMMAR_BYTES_MOST ((size_t)16 << 20)
#define GRAMMAR_DEPTH_MOST 4000 /* nodes from a leaf to the root, rules not followed */

enum grammar_kind {
    GRAMMAR_BYTES,
    GRAMMAR_CLASS,
    GRAMMAR_MARK,
    GRAMMAR_SEQUENCE,
    GRAMMAR_CHOICE,
    GRAMMAR_REPEAT,
    GRAMMAR_RULE,
    GRAMMAR_WITHOUT
};

struct grammar_node {
    enum grammar_kind kind;
    uint32_t depth;
    size_t first, count;
    size_t least, most;
};

struct grammar {
    struct grammar_node *nodes;
    size_t count, capacity;
    struct buffer bytes;
    struct grammar_range *ranges;
    size_t range_count, range_capacity;
    size_t *children;
    size_t child_count, child_capacity;
    uint32_t *slots; /* [slot_capacity] node + 1, 0: empty; at most half full */
    size_t slot_count, slot_capacity;
    primer_error failure; /* the first one */
};

#endif
