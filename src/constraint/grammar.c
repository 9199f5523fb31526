/* grammar.c - the builder: nodes are entered by calls, each only once (grammar_tree.h). */
#include "constraint/grammar_tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "constraint/constraint_internal.h"
#include "constraint/constraint_memory.h"
#include "constraint/network.h"

enum { SURROGATE_FIRST = 0xD800, SURROGATE_LAST = 0xDFFF, CODE_POINT_LAST = 0x10FFFF };

struct grammar *grammar_create(void)
{
    return memory_allocate(1, sizeof(struct grammar));
}

void grammar_free(struct grammar *grammar)
{
    if (grammar == NULL)
        return;
    memory_free(grammar->nodes);
    memory_free(grammar->ranges);
    memory_free(grammar->children);
    memory_free(grammar->slots);
    buffer_free(&grammar->bytes);
    memory_free(grammar);
}

static bool usable(const struct grammar *grammar)
{
    return grammar != NULL && grammar->failure.status == PRIMER_OK;
}

static bool no_memory(struct grammar *grammar, size_t bytes)
{
    memory_failure(&grammar->failure, "a grammar", bytes);
    return false;
}

/* Whether such a node exists; a failure otherwise. */
static bool known(struct grammar *grammar, size_t node)
{
    if (node < grammar->count)
        return true;
    error_set(&grammar->failure, PRIMER_EINVAL, "a grammar's node %zu isn't there: there are %zu",
              node, grammar->count);
    return false;
}

/* ---- each node once -------------------------------------------------------------------------- */

/* The node's variable part as bytes. */
static const void *content(const struct grammar *grammar, const struct grammar_node *node,
                           size_t *bytes)
{
    switch (node->kind) {
    case GRAMMAR_BYTES:
    case GRAMMAR_MARK:
        *bytes = node->count;
        return node->count == 0 ? "" : grammar->bytes.bytes + node->first;
    case GRAMMAR_CLASS:
        *bytes = node->count * sizeof *grammar->ranges;
        return node->count == 0 ? (const void *)"" : grammar->ranges + node->first;
    case GRAMMAR_REPEAT:
    case GRAMMAR_RULE:
        *bytes = sizeof node->first;
        return &node->first;
    default:
        *bytes = node->count * sizeof *grammar->children;
        return node->count == 0 ? (const void *)"" : grammar->children + node->first;
    }
}

static uint64_t hash_of(const struct grammar *grammar, const struct grammar_node *node)
{
    size_t bytes;
    const void *const part = content(grammar, node, &bytes);
    const size_t head[] = {(size_t)node->kind, node->least, node->most};
    return hash_bytes(part, bytes, hash_bytes(head, sizeof head, 0));
}

static bool same(const struct grammar *grammar, const struct grammar_node *a,
                 const struct grammar_node *b)
{
    size_t a_bytes, b_bytes;
    const void *const a_part = content(grammar, a, &a_bytes);
    const void *const b_part = content(grammar, b, &b_bytes);
    return a->kind == b->kind && a->least == b->least && a->most == b->most && a_bytes == b_bytes &&
           memcmp(a_part, b_part, a_bytes) == 0;
}

/* Where the node is, or may be put. */
static size_t slot_of(const struct grammar *grammar, const struct grammar_node *node)
{
    size_t slot = (size_t)hash_of(grammar, node) & (grammar->slot_capacity - 1);
    while (grammar->slots[slot] != 0 &&
           !same(grammar, &grammar->nodes[grammar->slots[slot] - 1], node))
        slot = (slot + 1) & (grammar->slot_capacity - 1);
    return slot;
}

static bool more_slots(struct grammar *grammar)
{
    const size_t old = grammar->slot_capacity, capacity = old == 0 ? 64 : 2 * old;
    uint32_t *const before = grammar->slots;
    uint32_t *const slots = memory_allocate(capacity, sizeof *slots);
    if (slots == NULL)
        return no_memory(grammar, capacity * sizeof *slots);
    grammar->slots = slots;
    grammar->slot_capacity = capacity;
    for (size_t i = 0; i < old; i++)
        if (before[i] != 0)
            slots[slot_of(grammar, &grammar->nodes[before[i] - 1])] = before[i];
    memory_free(before);
    return true;
}

static size_t append(struct grammar *grammar, const struct grammar_node *node)
{
    struct grammar_node *const nodes =
        constraint_grown(grammar->nodes, &grammar->capacity, grammar->count + 1, sizeof *nodes);
    if (nodes == NULL)
        return no_memory(grammar, (grammar->count + 1) * sizeof *nodes);
    grammar->nodes = nodes;
    if (grammar->count >= GRAMMAR_NODES_MOST) {
        error_set(&grammar->failure, PRIMER_ELIMIT, "a grammar has more than %zu parts",
                  GRAMMAR_NODES_MOST);
        return 0;
    }
    if (node->depth > GRAMMAR_DEPTH_MOST) {
        error_set(&grammar->failure, PRIMER_ELIMIT, "a grammar is nested more than %d deep",
                  GRAMMAR_DEPTH_MOST);
        return 0;
    }
    nodes[grammar->count] = *node;
    return grammar->count++;
}

/* The number of the node, be it new or not. */
static size_t enter(struct grammar *grammar, const struct grammar_node *node)
{
    if (grammar->slot_count >= grammar->slot_capacity / 2 && !more_slots(grammar))
        return 0;
    const size_t slot = slot_of(grammar, node);
    if (grammar->slots[slot] != 0)
        return grammar->slots[slot] - 1;
    const size_t number = append(grammar, node);
    if (usable(grammar)) {
        grammar->slots[slot] = (uint32_t)number + 1;
        grammar->slot_count++;
    }
    return number;
}

/* ---- texts ----------------------------------------------------------------------------------- */

static size_t text_node(struct grammar *grammar, enum grammar_kind kind, const char *bytes,
                        size_t length)
{
    struct grammar_node node = {.kind = kind, .depth = 1, .count = length};
    if (!usable(grammar))
        return 0;
    if (length > GRAMMAR_BYTES_MOST - grammar->bytes.length) {
        error_set(&grammar->failure, PRIMER_ELIMIT, "a grammar's texts have more than %zu bytes",
                  GRAMMAR_BYTES_MOST);
        return 0;
    }
    const size_t before = grammar->bytes.length, count = grammar->count;
    node.first = before;
    if (buffer_append(&grammar->bytes, bytes, length, &grammar->failure) != PRIMER_OK)
        return 0;
    const size_t number = enter(grammar, &node);
    if (grammar->count == count)
        grammar->bytes.length = before;
    return number;
}

size_t grammar_bytes(struct grammar *grammar, const char *bytes, size_t length)
{
    return text_node(grammar, GRAMMAR_BYTES, bytes, length);
}

size_t grammar_text(struct grammar *grammar, const char *text)
{
    return text_node(grammar, GRAMMAR_BYTES, text, strlen(text));
}

size_t grammar_mark(struct grammar *grammar, const char *text)
{
    return text_node(grammar, GRAMMAR_MARK, text, strlen(text));
}

/* ---- classes --------------------------------------------------------------------------------- */

static int by_first(const void *a, const void *b)
{
    const struct grammar_range *const x = a, *const y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* Sorted and apart, in place; how many are left. */
static size_t merged(struct grammar_range *ranges, size_t count)
{
    size_t used = 0;
    qsort(ranges, count, sizeof *ranges, by_first);
    for (size_t i = 0; i < count; i++) {
        if (used > 0 && ranges[i].first <= ranges[used - 1].last + 1) {
            if (ranges[i].last > ranges[used - 1].last)
                ranges[used - 1].last = ranges[i].last;
        } else {
            ranges[used++] = ranges[i];
        }
    }
    return used;
}

/* What lies between `count` sorted ranges, to `out` [count + 1]. */
static size_t gaps(const struct grammar_range *ranges, size_t count, struct grammar_range *out)
{
    size_t used = 0;
    uint32_t next = 0;
    for (size_t i = 0; i < count; i++) {
        if (ranges[i].first > next)
            out[used++] = (struct grammar_range){next, ranges[i].first - 1};
        next = ranges[i].last + 1;
    }
    if (next <= CODE_POINT_LAST)
        out[used++] = (struct grammar_range){next, CODE_POINT_LAST};
    return used;
}

/* Surrogates belong to no text: out of the ranges, of which there may be one more then. */
static size_t without_surrogates(struct grammar_range *ranges, size_t count,
                                 struct grammar_range *out)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        const struct grammar_range range = ranges[i];
        if (range.first < SURROGATE_FIRST)
            out[used++] = (struct grammar_range){
                range.first, range.last < SURROGATE_FIRST ? range.last : SURROGATE_FIRST - 1};
        if (range.last > SURROGATE_LAST)
            out[used++] = (struct grammar_range){
                range.first > SURROGATE_LAST ? range.first : SURROGATE_LAST + 1, range.last};
    }
    return used;
}

static bool ranges_valid(struct grammar *grammar, const struct grammar_range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (ranges[i].first > ranges[i].last || ranges[i].last > CODE_POINT_LAST) {
            error_set(&grammar->failure, PRIMER_EINVAL,
                      "a class of characters has the range U+%04X to U+%04X; expected two code "
                      "points in order",
                      (unsigned)ranges[i].first, (unsigned)ranges[i].last);
            return false;
        }
    return true;
}

size_t grammar_class(struct grammar *grammar, const struct grammar_range *ranges, size_t count,
                     bool negated)
{
    if (!usable(grammar) || !ranges_valid(grammar, ranges, count))
        return 0;
    struct grammar_range *const work = memory_allocate(2 * count + 4, sizeof *work);
    struct grammar_range *const all = constraint_grown(
        grammar->ranges, &grammar->range_capacity, grammar->range_count + count + 4, sizeof *all);
    if (all != NULL)
        grammar->ranges = all;
    if (work == NULL || all == NULL) {
        memory_free(work);
        return no_memory(grammar, (2 * count + 4) * sizeof *work);
    }
    struct grammar_range *const out = all + grammar->range_count;
    if (count > 0)
        memcpy(work, ranges, count * sizeof *work);
    size_t used = merged(work, count);
    if (negated)
        used = gaps(work, used, out);
    else if (used > 0)
        memcpy(out, work, used * sizeof *out);
    if (used > 0)
        memcpy(work, out, used * sizeof *out);
    used = without_surrogates(work, used, out);
    memory_free(work);
    const struct grammar_node node = {
        .kind = GRAMMAR_CLASS, .depth = 1, .first = grammar->range_count, .count = used};
    const size_t before = grammar->count, number = enter(grammar, &node);
    if (grammar->count > before)
        grammar->range_count += used;
    return number;
}

/* ---- what nodes are made of nodes ------------------------------------------------------------ */

static size_t parent(struct grammar *grammar, enum grammar_kind kind, const size_t *nodes,
                     size_t count)
{
    struct grammar_node node = {.kind = kind, .first = grammar->child_count, .count = count};
    for (size_t i = 0; i < count; i++) {
        if (!known(grammar, nodes[i]))
            return 0;
        if (grammar->nodes[nodes[i]].depth > node.depth)
            node.depth = grammar->nodes[nodes[i]].depth;
    }
    node.depth++;
    size_t *const children = constraint_grown(grammar->children, &grammar->child_capacity,
                                              grammar->child_count + count, sizeof *children);
    if (children == NULL)
        return no_memory(grammar, (grammar->child_count + count) * sizeof *children);
    grammar->children = children;
    if (count > 0)
        memcpy(children + grammar->child_count, nodes, count * sizeof *nodes);
    const size_t before = grammar->count, number = enter(grammar, &node);
    if (grammar->count > before)
        grammar->child_count += count;
    return number;
}

size_t grammar_sequence(struct grammar *grammar, const size_t *nodes, size_t count)
{
    if (!usable(grammar))
        return 0;
    if (count == 0)
        return grammar_bytes(grammar, "", 0);
    if (count == 1)
        return known(grammar, nodes[0]) ? nodes[0] : 0;
    return parent(grammar, GRAMMAR_SEQUENCE, nodes, count);
}

size_t grammar_choice(struct grammar *grammar, const size_t *nodes, size_t count)
{
    if (!usable(grammar))
        return 0;
    if (count == 1)
        return known(grammar, nodes[0]) ? nodes[0] : 0;
    return parent(grammar, GRAMMAR_CHOICE, nodes, count);
}

size_t grammar_repeat(struct grammar *grammar, size_t node, size_t least, size_t most)
{
    if (!usable(grammar) || !known(grammar, node))
        return 0;
    if (least > most) {
        error_set(&grammar->failure, PRIMER_EINVAL,
                  "a repetition of %zu to %zu times; expected the smaller number first", least,
                  most);
        return 0;
    }
    if (least > NETWORK_COUNT_MOST || (most > NETWORK_COUNT_MOST && most != GRAMMAR_ENDLESS)) {
        error_set(&grammar->failure, PRIMER_ELIMIT,
                  "a repetition of %zu times; expected at most %zu",
                  most == GRAMMAR_ENDLESS ? least : most, NETWORK_COUNT_MOST);
        return 0;
    }
    if (most == 0)
        return grammar_bytes(grammar, "", 0);
    if (least == 1 && most == 1)
        return node;
    const struct grammar_node repeat = {.kind = GRAMMAR_REPEAT,
                                        .depth = grammar->nodes[node].depth + 1,
                                        .first = node,
                                        .count = 1,
                                        .least = least,
                                        .most = most};
    return enter(grammar, &repeat);
}

size_t grammar_without(struct grammar *grammar, const char *const *texts, size_t count)
{
    size_t number = 0;
    if (!usable(grammar))
        return 0;
    size_t *const nodes = memory_allocate(count, sizeof *nodes);
    if (nodes == NULL)
        return no_memory(grammar, count * sizeof *nodes);
    for (size_t i = 0; i < count && usable(grammar); i++) {
        nodes[i] = grammar_text(grammar, texts[i]);
        if (texts[i][0] == '\0')
            error_set(&grammar->failure, PRIMER_EINVAL,
                      "a text without the empty text: there is none");
    }
    if (usable(grammar))
        number = parent(grammar, GRAMMAR_WITHOUT, nodes, count);
    memory_free(nodes);
    return number;
}

size_t grammar_rule(struct grammar *grammar)
{
    const struct grammar_node node = {.kind = GRAMMAR_RULE, .depth = 1};
    return usable(grammar) ? append(grammar, &node) : 0;
}

void grammar_define(struct grammar *grammar, size_t rule, size_t node)
{
    if (!usable(grammar) || !known(grammar, rule) || !known(grammar, node))
        return;
    if (grammar->nodes[rule].kind != GRAMMAR_RULE || grammar->nodes[rule].count != 0) {
        error_set(&grammar->failure, PRIMER_EINVAL,
                  "a grammar's node %zu is defined; expected a rule that isn't yet", rule);
        return;
    }
    grammar->nodes[rule].first = node;
    grammar->nodes[rule].count = 1;
}

void grammar_failure(struct grammar *grammar, const primer_error *error)
{
    if (usable(grammar) && error->status != PRIMER_OK)
        grammar->failure = *error;
}

/* ---- done ------------------------------------------------------------------------------------ */

static primer_status finish(struct grammar *grammar, size_t root, struct network **network,
                            primer_error *error)
{
    if (grammar == NULL)
        return memory_failure(error, "a grammar", sizeof *grammar);
    if (usable(grammar))
        known(grammar, root);
    if (!usable(grammar))
        return error_set(error, grammar->failure.status, "%s", grammar->failure.message);
    for (size_t i = 0; i < grammar->count; i++)
        if (grammar->nodes[i].kind == GRAMMAR_RULE && grammar->nodes[i].count == 0)
            return error_set(error, PRIMER_EINVAL, "a grammar's rule (node %zu) isn't defined", i);
    return network_create(grammar, root, network, error);
}

primer_status grammar_finish(struct grammar *grammar, size_t root, primer_constraint **constraint,
                             primer_error *error)
{
    struct network *network = NULL;
    primer_status status = finish(grammar, root, &network, error);
    grammar_free(grammar);
    if (status == PRIMER_OK)
        status = constraint_create(network, constraint, error);
    return status;
}
