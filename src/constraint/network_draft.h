/* network_draft.h - a network being made: a list of edges in any order (network.h).
 *
 * Before network_empty.c each rule has one final state, which no edge leaves, and its start, which
 * none enters; after it the edges lie sorted by `from`, and final states are marked. Failures are
 * kept: functions that return nothing do nothing after the first.
 */
#ifndef CONSTRAINT_NETWORK_DRAFT_H
#define CONSTRAINT_NETWORK_DRAFT_H

#include "constraint/grammar_tree.h"
#include "constraint/network.h"

#define NETWORK_STATES_MOST ((size_t)1 << 19)
#define NETWORK_EDGES_MOST  ((size_t)1 << 21)

enum network_edge_kind { NETWORK_EMPTY, NETWORK_BYTE, NETWORK_CALL, NETWORK_MARK };

struct network_edge {
    uint32_t from, to;
    uint32_t value;      /* of a call: the rule; of a mark: its number */
    uint8_t kind;        /* enum network_edge_kind */
    uint8_t first, last; /* of a byte edge: bytes */
};

struct network_draft_rule {
    uint32_t start, final; /* final: 0 after network_empty.c */
    uint32_t least, most;
    size_t node; /* the grammar's, of what is matched least..most times */
};

struct network_draft {
    struct network_edge *edges;
    size_t edge_count, edge_capacity;
    size_t state_count; /* with 0, nobody */
    struct network_draft_rule *rules;
    size_t rule_count, rule_capacity;
    uint32_t *first;      /* [state_count + 1] after network_empty.c: a state's edges */
    uint32_t *rule_of;    /* [state_count] after network_empty.c */
    unsigned char *final; /* [state_count] after network_empty.c */
    size_t *marks;        /* the grammar's nodes of marks */
    size_t mark_count, mark_capacity;
    primer_error failure;
};

/* network.c */
void network_draft_free(struct network_draft *draft);
uint32_t network_draft_state(struct network_draft *draft);
uint32_t network_draft_rule(struct network_draft *draft, size_t node, uint32_t least,
                            uint32_t most);
void network_draft_edge(struct network_draft *draft, struct network_edge edge);
static inline bool network_draft_good(const struct network_draft *draft)
{
    return draft->failure.status == PRIMER_OK;
}
static inline void network_draft_empty(struct network_draft *draft, uint32_t from, uint32_t to)
{
    network_draft_edge(draft, (struct network_edge){from, to, 0, NETWORK_EMPTY, 0, 0});
}
static inline void network_draft_byte(struct network_draft *draft, uint32_t from, uint8_t first,
                                      uint8_t last, uint32_t to)
{
    network_draft_edge(draft, (struct network_edge){from, to, 0, NETWORK_BYTE, first, last});
}

/* network_fragment.c: all rules that the root needs; rule 0 is the root's. *empty: the root matches
 * the empty text. */
void network_fragment(struct network_draft *draft, const struct grammar *grammar, size_t root,
                      bool *empty);
/* network_class.c: one character of the ranges, from state to state. */
void network_class(struct network_draft *draft, const struct grammar_range *ranges, size_t count,
                   uint32_t from, uint32_t to);
/* network_without.c: any text in which none of the node's texts stands. */
void network_without(struct network_draft *draft, const struct grammar *grammar,
                     const struct grammar_node *node, uint32_t from, uint32_t to);

/* network_empty.c: the draft without empty edges, to `out` (zeroes). */
primer_status network_without_empty(const struct network_draft *draft, struct network_draft *out,
                                    primer_error *error);
/* network_left.c: the draft (without empty edges) without left recursion, in its place. */
primer_status network_without_left(struct network_draft *draft, primer_error *error);

#endif
