/* network_empty.c - a draft without its empty edges: a state gets the edges of all states that it
 * reaches by empty ones, and is final where one of those is the rule's final state.
 *
 *   before   a --ε--> b --x--> c --ε--> final        after   a --x--> c'   (c' is final)
 *
 * A rule's new start is never final: whoever calls it has an edge past the call where the empty
 * text will do. Only states that some edge leads to are kept, numbered rule by rule.
 */
#include "constraint/network_draft.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "constraint/constraint_memory.h"

enum { HOPS_MOST = 64 };

struct pass {
    const struct network_draft *draft;
    struct network_draft *out;
    uint32_t *first;  /* [states + 1] into `order` */
    uint32_t *order;  /* [edges] edges by the state they come from */
    uint32_t *number; /* [states] in `out`; 0: not yet */
    uint32_t *seen;   /* [states] the last state whose closure it was in */
    uint32_t *stack;  /* [states] */
    uint32_t *todo;   /* [states] states of `draft`, in the order of their new numbers */
    size_t todo_count;
    uint32_t stamp;
};

static void pass_free(struct pass *pass)
{
    memory_free(pass->first);
    memory_free(pass->order);
    memory_free(pass->number);
    memory_free(pass->seen);
    memory_free(pass->stack);
    memory_free(pass->todo);
}

static primer_status pass_create(struct pass *pass, const struct network_draft *draft,
                                 struct network_draft *out, primer_error *error)
{
    const size_t states = draft->state_count + 1;
    *pass = (struct pass){.draft = draft,
                          .out = out,
                          .first = memory_allocate(states + 1, sizeof *pass->first),
                          .order = memory_allocate(draft->edge_count, sizeof *pass->order),
                          .number = memory_allocate(states, sizeof *pass->number),
                          .seen = memory_allocate(states, sizeof *pass->seen),
                          .stack = memory_allocate(states, sizeof *pass->stack),
                          .todo = memory_allocate(states, sizeof *pass->todo)};
    if (pass->first == NULL || pass->order == NULL || pass->number == NULL || pass->seen == NULL ||
        pass->stack == NULL || pass->todo == NULL) {
        pass_free(pass);
        return memory_failure(error, "a grammar's states", states * sizeof *pass->first);
    }
    for (size_t i = 0; i < draft->edge_count; i++)
        pass->first[draft->edges[i].from + 1]++;
    for (size_t i = 1; i <= states; i++)
        pass->first[i] += pass->first[i - 1];
    for (size_t i = draft->edge_count; i-- > 0;) {
        const uint32_t from = draft->edges[i].from;
        pass->order[pass->first[from] + pass->seen[from]++] = (uint32_t)i;
    }
    memset(pass->seen, 0, states * sizeof *pass->seen);
    return PRIMER_OK;
}

/* The same state, or one that says the same: past states that have but one, empty, edge. */
static uint32_t resolved(const struct pass *pass, uint32_t state)
{
    for (int hop = 0; hop < HOPS_MOST; hop++) {
        if (pass->first[state + 1] - pass->first[state] != 1)
            return state;
        const struct network_edge *const edge =
            &pass->draft->edges[pass->order[pass->first[state]]];
        if (edge->kind != NETWORK_EMPTY)
            return state;
        state = edge->to;
    }
    return state;
}

static uint32_t number_of(struct pass *pass, uint32_t state)
{
    state = resolved(pass, state);
    if (pass->number[state] == 0) {
        pass->number[state] = network_draft_state(pass->out);
        pass->todo[pass->todo_count++] = state;
    }
    return pass->number[state];
}

static int by_meaning(const void *a, const void *b)
{
    const struct network_edge *const x = a, *const y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    if (x->to != y->to)
        return x->to < y->to ? -1 : 1;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->last < y->last ? -1 : x->last > y->last;
}

/* The edges from `begin` on: sorted, each once, neighbouring ranges of bytes joined. */
static void tidy(struct network_draft *out, size_t begin)
{
    struct network_edge *const edges = out->edges;
    size_t used = begin;
    if (begin == out->edge_count)
        return;
    qsort(edges + begin, out->edge_count - begin, sizeof *edges, by_meaning);
    for (size_t i = begin; i < out->edge_count; i++) {
        struct network_edge *const last = used > begin ? &edges[used - 1] : NULL;
        const bool joins = last != NULL && last->kind == edges[i].kind &&
                           last->value == edges[i].value && last->to == edges[i].to &&
                           edges[i].first <= last->last + 1;
        if (!joins)
            edges[used++] = edges[i];
        else if (edges[i].last > last->last)
            last->last = edges[i].last;
    }
    out->edge_count = used;
}

/* Draws the new state `from` of `state`; whether a final state is among those it stands for. */
static bool close_state(struct pass *pass, uint32_t state, uint32_t from, uint32_t final)
{
    const size_t begin = pass->out->edge_count;
    size_t depth = 0;
    bool ends = false;
    pass->stamp++;
    pass->seen[state] = pass->stamp;
    pass->stack[depth++] = state;
    while (depth > 0 && network_draft_good(pass->out)) {
        const uint32_t at = pass->stack[--depth];
        ends |= at == final;
        for (uint32_t i = pass->first[at]; i < pass->first[at + 1]; i++) {
            struct network_edge edge = pass->draft->edges[pass->order[i]];
            if (edge.kind == NETWORK_EMPTY && pass->seen[edge.to] != pass->stamp) {
                pass->seen[edge.to] = pass->stamp;
                pass->stack[depth++] = edge.to;
            } else if (edge.kind != NETWORK_EMPTY) {
                edge.from = from;
                edge.to = number_of(pass, edge.to);
                network_draft_edge(pass->out, edge);
            }
        }
    }
    tidy(pass->out, begin);
    return ends;
}

/* All states of a rule. The start is no entry of `todo`: nothing leads to it. */
static void close_rule(struct pass *pass, const struct network_draft_rule *rule)
{
    struct network_draft *const out = pass->out;
    const uint32_t number = (uint32_t)out->rule_count;
    const uint32_t start = network_draft_state(out);
    size_t next = pass->todo_count;
    struct network_draft_rule *const rules =
        constraint_grown(out->rules, &out->rule_capacity, out->rule_count + 1, sizeof *rules);
    if (rules == NULL) {
        memory_failure(&out->failure, "a grammar's rules", (number + (size_t)1) * sizeof *rules);
        return;
    }
    out->rules = rules;
    rules[out->rule_count++] = (struct network_draft_rule){start, 0, rule->least, rule->most, 0};
    for (uint32_t state = start, from = rule->start; state != 0;) {
        out->rule_of[state] = number;
        out->first[state] = (uint32_t)out->edge_count;
        const bool final = close_state(pass, from, state, rule->final);
        out->final[state] = final && state != start;
        if (next == pass->todo_count || !network_draft_good(out))
            break;
        from = pass->todo[next++];
        state = pass->number[from];
    }
}

primer_status network_without_empty(const struct network_draft *draft, struct network_draft *out,
                                    primer_error *error)
{
    struct pass pass;
    const size_t states = draft->state_count + draft->rule_count + 2;
    FORWARD(pass_create(&pass, draft, out, error));
    network_draft_state(out); /* nobody */
    out->first = memory_allocate(states, sizeof *out->first);
    out->rule_of = memory_allocate(states, sizeof *out->rule_of);
    out->final = memory_allocate(states, 1);
    if (out->first == NULL || out->rule_of == NULL || out->final == NULL)
        memory_failure(&out->failure, "a grammar's states", states * sizeof *out->first);
    for (size_t i = 0; i < draft->rule_count && network_draft_good(out); i++)
        close_rule(&pass, &draft->rules[i]);
    pass_free(&pass);
    if (!network_draft_good(out))
        return error_set(error, out->failure.status, "%s", out->failure.message);
    out->first[out->state_count] = (uint32_t)out->edge_count;
    return PRIMER_OK;
}
