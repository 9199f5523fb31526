/* network_left.c - rules that call themselves before any byte, rewritten so that they don't.
 *
 *   sum ::= sum "+" one | one              sum ::= one ("+" one)*
 *
 * The left-corner transform (Rosenkrantz, Lewis 1970) on automata. Of rules that call each other at
 * their starts, in a circle, each gets copies of all their states, in which one climbs instead of
 * calling: what begins rule R is the beginning of some rule of the circle that is no such call; and
 * where a rule S of the circle ends, one may be behind any first call of S in the circle, or, if S
 * is R, at R's end.
 *
 *   circle {sum}   start  --one-->  end of sum  --ε-->  behind sum's first call  --"+"--> ..
 *
 * A draft without empty edges goes in and comes out.
 */
#include "constraint/network_draft.h"

#include <string.h>

#include "base/memory.h"

#define NONE UINT32_MAX

struct circles {
    const struct network_draft *draft;
    uint32_t *circle;  /* [rules] which, NONE: in none */
    uint32_t *order;   /* [rules] Tarjan's: when first seen, + 1 */
    uint32_t *low;     /* [rules] */
    uint32_t *stack;   /* [rules] */
    uint32_t *path;    /* [rules] the calls under way */
    uint32_t *edge;    /* [rules] where each is */
    uint32_t *members; /* [rules] circle by circle */
    uint32_t *first;   /* [rules + 1] where a circle's begin */
    size_t stack_count, seen, member_count;
    uint32_t count;
};

static const struct network_edge *edges_of(const struct network_draft *draft, uint32_t state,
                                           const struct network_edge **end)
{
    *end = NULL;
    if (draft->edges == NULL)
        return NULL;
    *end = draft->edges + draft->first[state + 1];
    return draft->edges + draft->first[state];
}

static bool calls_itself(const struct network_draft *draft, uint32_t rule)
{
    const struct network_edge *end;
    for (const struct network_edge *e = edges_of(draft, draft->rules[rule].start, &end); e < end;
         e++)
        if (e->kind == NETWORK_CALL && e->value == rule)
            return true;
    return false;
}

/* A component is complete: a circle, if it has more than one rule or calls itself. */
static void close_component(struct circles *circles, uint32_t rule)
{
    const bool alone = circles->stack[circles->stack_count - 1] == rule;
    const bool round = !alone || calls_itself(circles->draft, rule);
    for (uint32_t member = NONE; member != rule;) {
        member = circles->stack[--circles->stack_count];
        circles->low[member] = NONE;
        circles->circle[member] = round ? circles->count : NONE;
        if (round)
            circles->members[circles->member_count++] = member;
    }
    circles->count += round;
    circles->first[circles->count] = (uint32_t)circles->member_count;
}

/* Tarjan 1972, with a stack of its own. */
static void visit(struct circles *circles, uint32_t root)
{
    const struct network_draft *const draft = circles->draft;
    size_t depth = 0;
    circles->path[depth++] = root;
    while (depth > 0) {
        const uint32_t rule = circles->path[depth - 1];
        const uint32_t start = draft->rules[rule].start;
        if (circles->order[rule] == 0) {
            circles->order[rule] = circles->low[rule] = (uint32_t)++circles->seen;
            circles->stack[circles->stack_count++] = rule;
            circles->edge[rule] = draft->first[start];
        }
        bool deeper = false;
        for (; circles->edge[rule] < draft->first[start + 1]; circles->edge[rule]++) {
            const struct network_edge *const e = &draft->edges[circles->edge[rule]];
            if (e->kind != NETWORK_CALL)
                continue;
            if (circles->order[e->value] == 0) {
                circles->path[depth++] = e->value;
                deeper = true;
                break;
            }
            if (circles->low[e->value] != NONE && circles->low[e->value] < circles->low[rule])
                circles->low[rule] = circles->low[e->value];
        }
        if (deeper)
            continue;
        if (circles->low[rule] == circles->order[rule])
            close_component(circles, rule);
        depth--;
    }
}

static primer_status find(struct circles *circles, const struct network_draft *draft,
                          primer_error *error)
{
    const size_t count = draft->rule_count;
    *circles = (struct circles){.draft = draft,
                                .circle = memory_allocate(count, sizeof(uint32_t)),
                                .order = memory_allocate(count, sizeof(uint32_t)),
                                .low = memory_allocate(count, sizeof(uint32_t)),
                                .stack = memory_allocate(count, sizeof(uint32_t)),
                                .path = memory_allocate(count + 1, sizeof(uint32_t)),
                                .edge = memory_allocate(count, sizeof(uint32_t)),
                                .members = memory_allocate(count, sizeof(uint32_t)),
                                .first = memory_allocate(count + 1, sizeof(uint32_t))};
    if (circles->circle == NULL || circles->order == NULL || circles->low == NULL ||
        circles->stack == NULL || circles->path == NULL || circles->edge == NULL ||
        circles->members == NULL || circles->first == NULL)
        return memory_failure(error, "a grammar's rules", count * sizeof(uint32_t));
    for (uint32_t i = 0; i < count; i++)
        if (circles->order[i] == 0)
            visit(circles, i);
    return PRIMER_OK;
}

static void circles_free(struct circles *circles)
{
    memory_free(circles->circle);
    memory_free(circles->order);
    memory_free(circles->low);
    memory_free(circles->stack);
    memory_free(circles->path);
    memory_free(circles->edge);
    memory_free(circles->members);
    memory_free(circles->first);
}

/* ---- rewriting ------------------------------------------------------------------------------- */

struct rewriting {
    const struct network_draft *draft;
    const struct circles *circles;
    struct network_draft *out;
    uint32_t *copy; /* [states] of the rule being written, 0: none */
};

static uint32_t copy_of(struct rewriting *rewriting, uint32_t state)
{
    if (rewriting->copy[state] == 0)
        rewriting->copy[state] = network_draft_state(rewriting->out);
    return rewriting->copy[state];
}

static void copy_edge(struct rewriting *rewriting, const struct network_edge *edge, uint32_t from)
{
    struct network_edge copied = *edge;
    copied.from = from;
    copied.to = copy_of(rewriting, edge->to);
    network_draft_edge(rewriting->out, copied);
}

/* The rules that are copied for one: those of its circle, or itself. */
static const uint32_t *members_of(const struct circles *circles, const uint32_t *rule,
                                  size_t *count)
{
    const uint32_t circle = circles->circle[*rule];
    *count = 1;
    if (circle == NONE)
        return rule;
    *count = circles->first[circle + 1] - circles->first[circle];
    return circles->members + circles->first[circle];
}

/* From the end of `rule` to behind all first calls of it in the circle. */
static void climb(struct rewriting *rewriting, uint32_t rule, uint32_t from)
{
    const struct network_draft *const draft = rewriting->draft;
    size_t count;
    const uint32_t *const members = members_of(rewriting->circles, &rule, &count);
    if (rewriting->circles->circle[rule] == NONE)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct network_edge *end;
        for (const struct network_edge *e = edges_of(draft, draft->rules[members[i]].start, &end);
             e < end; e++)
            if (e->kind == NETWORK_CALL && e->value == rule)
                network_draft_empty(rewriting->out, from, copy_of(rewriting, e->to));
    }
}

/* The edges of a rule's start, but for calls within its circle. */
static void write_start(struct rewriting *rewriting, uint32_t rule, uint32_t start)
{
    const struct network_draft *const draft = rewriting->draft;
    const uint32_t circle = rewriting->circles->circle[rule];
    const struct network_edge *end;
    for (const struct network_edge *e = edges_of(draft, draft->rules[rule].start, &end); e < end;
         e++)
        if (circle == NONE || e->kind != NETWORK_CALL ||
            rewriting->circles->circle[e->value] != circle)
            copy_edge(rewriting, e, start);
}

/* The states of `member`, as they are in the copy for `rule`. */
static void write_states(struct rewriting *rewriting, uint32_t rule, uint32_t member,
                         uint32_t begin, uint32_t end, uint32_t final)
{
    const struct network_draft *const draft = rewriting->draft;
    for (uint32_t state = begin; state < end && network_draft_good(rewriting->out); state++) {
        const struct network_edge *last;
        if (state == draft->rules[member].start)
            continue;
        const uint32_t from = copy_of(rewriting, state);
        for (const struct network_edge *e = edges_of(draft, state, &last); e < last; e++)
            copy_edge(rewriting, e, from);
        if (!draft->final[state])
            continue;
        climb(rewriting, member, from);
        if (member == rule)
            network_draft_empty(rewriting->out, from, final);
    }
}

static uint32_t end_of(const struct network_draft *draft, uint32_t rule)
{
    return rule + 1 < draft->rule_count ? draft->rules[rule + 1].start
                                        : (uint32_t)draft->state_count;
}

static void write_rule(struct rewriting *rewriting, uint32_t rule)
{
    const struct network_draft *const draft = rewriting->draft;
    struct network_draft *const out = rewriting->out;
    size_t count;
    const uint32_t *const members = members_of(rewriting->circles, &rule, &count);
    const uint32_t number =
        network_draft_rule(out, 0, draft->rules[rule].least, draft->rules[rule].most);
    if (!network_draft_good(out))
        return;
    const uint32_t start = out->rules[number].start, final = out->rules[number].final;
    for (size_t i = 0; i < count; i++) {
        const uint32_t member = members[i];
        if (draft->rules[member].most != 1 && rewriting->circles->circle[rule] != NONE) {
            error_set(&out->failure, PRIMER_EUNSUPPORTED,
                      "a rule calls itself before any byte, within a part that is repeated %u or "
                      "more times; write the repetition out",
                      (unsigned)draft->rules[member].least);
            return;
        }
        write_start(rewriting, member, start);
        write_states(rewriting, rule, member, draft->rules[member].start, end_of(draft, member),
                     final);
    }
    for (size_t i = 0; i < count; i++) {
        const uint32_t begin = draft->rules[members[i]].start;
        memset(rewriting->copy + begin, 0,
               (end_of(draft, members[i]) - begin) * sizeof *rewriting->copy);
    }
}

static primer_status rewrite(struct network_draft *draft, const struct circles *circles,
                             primer_error *error)
{
    struct network_draft out = {0}, plain = {0};
    struct rewriting rewriting = {.draft = draft,
                                  .circles = circles,
                                  .out = &out,
                                  .copy =
                                      memory_allocate(draft->state_count, sizeof *rewriting.copy)};
    primer_status status = PRIMER_OK;
    if (rewriting.copy == NULL)
        TRY(memory_failure(error, "a grammar's states", draft->state_count * sizeof(uint32_t)));
    network_draft_state(&out); /* nobody */
    for (uint32_t rule = 0; rule < draft->rule_count && network_draft_good(&out); rule++)
        write_rule(&rewriting, rule);
    if (!network_draft_good(&out))
        FAIL(out.failure.status, "%s", out.failure.message);
    TRY(network_without_empty(&out, &plain, error));
    plain.marks = draft->marks;
    plain.mark_count = draft->mark_count;
    draft->marks = NULL;
    network_draft_free(draft);
    *draft = plain;
    plain = (struct network_draft){0};
cleanup:
    memory_free(rewriting.copy);
    network_draft_free(&out);
    network_draft_free(&plain);
    return status;
}

primer_status network_without_left(struct network_draft *draft, primer_error *error)
{
    struct circles circles;
    primer_status status = find(&circles, draft, error);
    if (status == PRIMER_OK && circles.count > 0)
        status = rewrite(draft, &circles, error);
    circles_free(&circles);
    return status;
}
