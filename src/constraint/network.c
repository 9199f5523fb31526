/* network.c - the last step to a network: what leads nowhere goes, bytes become classes, and what
 * may follow each rule is found. */
#include "constraint/network.h"

#include <string.h>

#include "base/memory.h"
#include "constraint/constraint_memory.h"
#include "constraint/network_draft.h"

enum { ROUNDS_MOST = 32 };

/* ---- drafts ---------------------------------------------------------------------------------- */

void network_draft_free(struct network_draft *draft)
{
    memory_free(draft->edges);
    memory_free(draft->rules);
    memory_free(draft->first);
    memory_free(draft->rule_of);
    memory_free(draft->final);
    memory_free(draft->marks);
    *draft = (struct network_draft){0};
}

uint32_t network_draft_state(struct network_draft *draft)
{
    if (draft->state_count >= NETWORK_STATES_MOST && network_draft_good(draft))
        error_set(&draft->failure, PRIMER_ELIMIT, "a grammar has more than %zu states",
                  NETWORK_STATES_MOST);
    return network_draft_good(draft) ? (uint32_t)draft->state_count++ : 0;
}

uint32_t network_draft_rule(struct network_draft *draft, size_t node, uint32_t least, uint32_t most)
{
    struct network_draft_rule *const rules =
        network_draft_good(draft) ? constraint_grown(draft->rules, &draft->rule_capacity,
                                                     draft->rule_count + 1, sizeof *rules)
                                  : NULL;
    if (rules == NULL) {
        if (network_draft_good(draft))
            memory_failure(&draft->failure, "a grammar's rules",
                           (draft->rule_count + 1) * sizeof *rules);
        return 0;
    }
    draft->rules = rules;
    const uint32_t start = network_draft_state(draft), final = network_draft_state(draft);
    rules[draft->rule_count] = (struct network_draft_rule){start, final, least, most, node};
    return (uint32_t)draft->rule_count++;
}

void network_draft_edge(struct network_draft *draft, struct network_edge edge)
{
    if (!network_draft_good(draft))
        return;
    struct network_edge *const edges =
        constraint_grown(draft->edges, &draft->edge_capacity, draft->edge_count + 1, sizeof *edges);
    if (edges == NULL) {
        memory_failure(&draft->failure, "a grammar's edges",
                       (draft->edge_count + 1) * sizeof *edges);
        return;
    }
    draft->edges = edges;
    if (draft->edge_count >= NETWORK_EDGES_MOST)
        error_set(&draft->failure, PRIMER_ELIMIT, "a grammar has more than %zu edges",
                  NETWORK_EDGES_MOST);
    else
        edges[draft->edge_count++] = edge;
}

/* ---- what leads to an end -------------------------------------------------------------------- */

struct survey {
    const struct network_draft *draft;
    unsigned char *alive;              /* [states] an end of its rule can be reached */
    unsigned char *alive_rules;        /* [rules] */
    uint32_t *into, *into_first;       /* edges by the state they lead to */
    uint32_t *calling, *calling_first; /* edges by the rule they call */
    uint32_t *todo;
    size_t todo_count;
};

static void survey_free(struct survey *survey)
{
    memory_free(survey->alive);
    memory_free(survey->alive_rules);
    memory_free(survey->into);
    memory_free(survey->into_first);
    memory_free(survey->calling);
    memory_free(survey->calling_first);
    memory_free(survey->todo);
}

static uint32_t key_of(const struct network_edge *edge, bool by_rule)
{
    return by_rule ? edge->value : edge->to;
}

/* Lists edges by target, or calls by rule: entry k's are list[first[k] .. first[k + 1]). */
static bool list_edges(const struct network_draft *draft, bool by_rule, size_t keys,
                       uint32_t **list, uint32_t **first)
{
    *list = memory_allocate(draft->edge_count, sizeof **list);
    *first = memory_allocate(keys + 2, sizeof **first);
    if (*list == NULL || *first == NULL)
        return false;
    uint32_t *const at = *first;
    for (size_t i = 0; i < draft->edge_count; i++)
        if (!by_rule || draft->edges[i].kind == NETWORK_CALL)
            at[key_of(&draft->edges[i], by_rule) + 2]++;
    for (size_t k = 2; k < keys + 2; k++)
        at[k] += at[k - 1];
    for (size_t i = 0; i < draft->edge_count; i++)
        if (!by_rule || draft->edges[i].kind == NETWORK_CALL)
            (*list)[at[key_of(&draft->edges[i], by_rule) + 1]++] = (uint32_t)i;
    return true;
}

static void revive(struct survey *survey, uint32_t state)
{
    if (!survey->alive[state]) {
        survey->alive[state] = 1;
        survey->todo[survey->todo_count++] = state;
    }
}

static bool passable(const struct survey *survey, const struct network_edge *edge)
{
    return survey->alive[edge->to] &&
           (edge->kind != NETWORK_CALL || survey->alive_rules[edge->value]);
}

static void survey_run(struct survey *survey)
{
    const struct network_draft *const draft = survey->draft;
    for (uint32_t state = 1; state < draft->state_count; state++)
        if (draft->final[state])
            revive(survey, state);
    while (survey->todo_count > 0) {
        const uint32_t state = survey->todo[--survey->todo_count];
        const uint32_t rule = draft->rule_of[state];
        for (uint32_t i = survey->into_first[state]; i < survey->into_first[state + 1]; i++)
            if (passable(survey, &draft->edges[survey->into[i]]))
                revive(survey, draft->edges[survey->into[i]].from);
        if (draft->rules[rule].start != state)
            continue;
        survey->alive_rules[rule] = 1;
        for (uint32_t i = survey->calling_first[rule]; i < survey->calling_first[rule + 1]; i++)
            if (passable(survey, &draft->edges[survey->calling[i]]))
                revive(survey, draft->edges[survey->calling[i]].from);
    }
}

static primer_status survey_create(struct survey *survey, const struct network_draft *draft,
                                   primer_error *error)
{
    *survey = (struct survey){.draft = draft,
                              .alive = memory_allocate(draft->state_count, 1),
                              .alive_rules = memory_allocate(draft->rule_count, 1),
                              .todo = memory_allocate(draft->state_count, sizeof *survey->todo)};
    const bool listed =
        list_edges(draft, false, draft->state_count, &survey->into, &survey->into_first) &&
        list_edges(draft, true, draft->rule_count, &survey->calling, &survey->calling_first);
    if (!listed || survey->alive == NULL || survey->alive_rules == NULL || survey->todo == NULL)
        return memory_failure(error, "a grammar's states",
                              draft->state_count * sizeof *survey->todo);
    survey_run(survey);
    return PRIMER_OK;
}

/* ---- the network's arrays -------------------------------------------------------------------- */

static void find_classes(struct network *network, const struct survey *survey)
{
    unsigned char begins[257] = {0};
    const struct network_draft *const draft = survey->draft;
    for (size_t i = 0; i < draft->edge_count; i++)
        if (draft->edges[i].kind == NETWORK_BYTE && passable(survey, &draft->edges[i]))
            begins[draft->edges[i].first] = begins[draft->edges[i].last + 1] = 1;
    size_t class = 0;
    for (size_t byte = 0; byte < 256; byte++) {
        class += byte > 0 && begins[byte];
        if (byte == 0 || begins[byte])
            network->first_byte[class] = (uint16_t)byte;
        network->class_of[byte] = (uint8_t) class;
    }
    network->class_count = class + 1;
    network->first_byte[class + 1] = 256;
}

static bool allocate(struct network *network, const struct survey *survey)
{
    size_t counts[NETWORK_MARK + 1] = {0};
    const struct network_draft *const draft = survey->draft;
    for (size_t i = 0; i < draft->edge_count; i++)
        counts[draft->edges[i].kind] += passable(survey, &draft->edges[i]);
    network->states = memory_allocate(draft->state_count + 1, sizeof *network->states);
    network->bytes = memory_allocate(counts[NETWORK_BYTE], sizeof *network->bytes);
    network->calls = memory_allocate(counts[NETWORK_CALL], sizeof *network->calls);
    network->marks = memory_allocate(counts[NETWORK_MARK], sizeof *network->marks);
    network->rules = memory_allocate(draft->rule_count, sizeof *network->rules);
    network->mark_texts = memory_allocate(draft->mark_count, sizeof *network->mark_texts);
    return network->states != NULL && network->bytes != NULL && network->calls != NULL &&
           network->marks != NULL && network->rules != NULL && network->mark_texts != NULL;
}

static void write_states(struct network *network, const struct survey *survey)
{
    const struct network_draft *const draft = survey->draft;
    uint32_t bytes = 0, calls = 0, marks = 0;
    for (size_t s = 0; s <= draft->state_count; s++) {
        const bool there = s > 0 && s < draft->state_count;
        network->states[s] = (struct network_state){there ? draft->rule_of[s] : 0, bytes, calls,
                                                    marks, there && draft->final[s]};
        for (uint32_t i = there ? draft->first[s] : 0; there && i < draft->first[s + 1]; i++) {
            const struct network_edge *const edge = &draft->edges[i];
            if (!passable(survey, edge))
                continue;
            if (edge->kind == NETWORK_BYTE)
                network->bytes[bytes++] = (struct network_byte_edge){
                    edge->to, network->class_of[edge->first], network->class_of[edge->last]};
            else if (edge->kind == NETWORK_CALL)
                network->calls[calls++] = (struct network_call_edge){edge->value, edge->to, false};
            else
                network->marks[marks++] = (struct network_mark_edge){edge->value, edge->to};
        }
    }
    network->state_count = draft->state_count;
    network->rule_count = draft->rule_count;
    for (size_t i = 0; i < draft->rule_count; i++)
        network->rules[i] = (struct network_rule){
            .start = draft->rules[i].start, draft->rules[i].least, draft->rules[i].most};
}

static bool over(const struct network *network, uint32_t state)
{
    const struct network_state *const s = &network->states[state];
    return s->final && s[1].bytes == s->bytes && s[1].calls == s->calls && s[1].marks == s->marks;
}

static void find_tails(struct network *network)
{
    for (uint32_t s = 1; s < network->state_count; s++)
        for (uint32_t i = network->states[s].calls; i < network->states[s + 1].calls; i++) {
            struct network_call_edge *const call = &network->calls[i];
            call->tail = over(network, call->target) && !network_counted(network, s) &&
                         network->rules[call->rule].most == 1;
        }
}

static primer_status copy_marks(struct network *network, const struct grammar *grammar,
                                const struct network_draft *draft, primer_error *error)
{
    for (size_t i = 0; i < draft->mark_count; i++) {
        const struct grammar_node *const node = &grammar->nodes[draft->marks[i]];
        network->mark_texts[i] = memory_copy_bytes(grammar->bytes.bytes + node->first, node->count);
        if (network->mark_texts[i] == NULL)
            return memory_failure(error, "a mark", node->count);
        network->mark_count = i + 1;
    }
    return PRIMER_OK;
}

/* ---- what may follow ------------------------------------------------------------------------- */

typedef uint64_t byte_set[4];

static bool join(uint64_t *set, const uint64_t *more)
{
    bool changed = false;
    for (size_t i = 0; i < 4; i++) {
        changed |= (more[i] & ~set[i]) != 0;
        set[i] |= more[i];
    }
    return changed;
}

/* Bytes that may come next in a state, by its own edges and the rules' first bytes. */
static void first_of(const struct network *network, byte_set *first, uint32_t state, uint64_t *set)
{
    const struct network_state *const s = &network->states[state];
    for (uint32_t i = s->bytes; i < s[1].bytes; i++) {
        const size_t end = network->first_byte[network->bytes[i].last + 1];
        for (size_t byte = network->first_byte[network->bytes[i].first]; byte < end; byte++)
            set[byte / 64] |= (uint64_t)1 << byte % 64;
    }
    for (uint32_t i = s->calls; i < s[1].calls; i++)
        join(set, first[network->calls[i].rule]);
}

static bool grow_first(struct network *network, byte_set *first)
{
    bool changed = false;
    for (size_t r = network->rule_count; r-- > 0;) {
        byte_set set = {0};
        first_of(network, first, network->rules[r].start, set);
        changed |= join(first[r], set);
    }
    return changed;
}

/* One round over all calls; `behind` [states]: what may come in the state they return to. */
static bool grow_follow(struct network *network, byte_set *behind)
{
    bool changed = false;
    for (uint32_t s = 1; s < network->state_count; s++)
        for (uint32_t i = network->states[s].calls; i < network->states[s + 1].calls; i++) {
            const struct network_call_edge *const call = &network->calls[i];
            struct network_rule *const rule = &network->rules[call->rule];
            changed |= join(rule->follow, behind[call->target]);
            if (network->states[call->target].final)
                changed |=
                    join(rule->follow, network->rules[network->states[call->target].rule].follow);
        }
    return changed;
}

static void find_behind(const struct network *network, byte_set *first, byte_set *behind)
{
    for (uint32_t s = 1; s < network->state_count; s++) {
        first_of(network, first, s, behind[s]);
        if (network->states[s].final && network_counted(network, s))
            join(behind[s], first[network->states[s].rule]);
    }
}

static primer_status find_follow(struct network *network, primer_error *error)
{
    byte_set *const first = memory_allocate(network->rule_count, sizeof *first);
    byte_set *const behind = memory_allocate(network->state_count, sizeof *behind);
    primer_status status = PRIMER_OK;
    int round = 0;
    if (first == NULL || behind == NULL)
        TRY(memory_failure(error, "a grammar's bytes", network->state_count * sizeof *behind));
    while (round < ROUNDS_MOST && grow_first(network, first))
        round++;
    if (round < ROUNDS_MOST) {
        find_behind(network, first, behind);
        for (round = 0; round < ROUNDS_MOST && grow_follow(network, behind);)
            round++;
    }
    for (size_t r = 0; round == ROUNDS_MOST && r < network->rule_count; r++)
        memset(network->rules[r].follow, 0xFF, sizeof network->rules[r].follow);
cleanup:
    memory_free(first);
    memory_free(behind);
    return status;
}

/* ---- all together ---------------------------------------------------------------------------- */

static primer_status write_network(struct network *network, const struct grammar *grammar,
                                   const struct network_draft *draft, primer_error *error)
{
    struct survey survey;
    primer_status status;
    TRY(survey_create(&survey, draft, error));
    if (!survey.alive_rules[0] && !network->empty)
        FAIL(PRIMER_EUNSUPPORTED, "there is no text that the grammar matches");
    find_classes(network, &survey);
    if (!allocate(network, &survey))
        TRY(memory_failure(error, "a grammar's states",
                           draft->state_count * sizeof *network->states));
    write_states(network, &survey);
    find_tails(network);
    TRY(copy_marks(network, grammar, draft, error));
    TRY(find_follow(network, error));
cleanup:
    survey_free(&survey);
    return status;
}

primer_status network_create(const struct grammar *grammar, size_t root, struct network **network,
                             primer_error *error)
{
    struct network_draft draft = {0}, plain = {0};
    struct network *made = memory_allocate(1, sizeof *made);
    primer_status status = PRIMER_OK;
    if (made == NULL)
        TRY(memory_failure(error, "a grammar", sizeof *made));
    network_draft_state(&draft); /* nobody */
    network_fragment(&draft, grammar, root, &made->empty);
    if (!network_draft_good(&draft))
        FAIL(draft.failure.status, "%s", draft.failure.message);
    TRY(network_without_empty(&draft, &plain, error));
    plain.marks = draft.marks;
    plain.mark_count = draft.mark_count;
    draft.marks = NULL;
    TRY(network_without_left(&plain, error));
    TRY(write_network(made, grammar, &plain, error));
    *network = made;
    made = NULL;
cleanup:
    network_draft_free(&draft);
    network_draft_free(&plain);
    network_free(made);
    return status;
}

void network_free(struct network *network)
{
    if (network == NULL)
        return;
    for (size_t i = 0; i < network->mark_count; i++)
        memory_free(network->mark_texts[i]);
    memory_free(network->mark_texts);
    memory_free(network->states);
    memory_free(network->bytes);
    memory_free(network->calls);
    memory_free(network->marks);
    memory_free(network->rules);
    memory_free(network);
}
