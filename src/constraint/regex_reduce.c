/* regex_reduce.c - automata made small, and written as grammars.
 *
 * A state is a rule; what leads from it to itself is a repetition in front, so that a loop of one
 * state needs no recursion:
 *
 *   state 0  --"-"--> 1  --[0-9]--> 1, accepts         rule 0:  "-" rule 1
 *                                                      rule 1:  [0-9]*
 */
#include "constraint/regex.h"

#include <string.h>

#include "base/hash.h"

/* Of refining; an automaton that takes more stays as it is. */
#define ROUNDS       64
#define REFINED_MOST ((size_t)1 << 26) /* transitions in all rounds */

/* ---- dead ends ------------------------------------------------------------------------------- */

/* Marks the states from which an accepting one can be reached: backwards, over a list of edges by
 * target. */
static bool mark_live(struct scratch *scratch, const struct regex_automaton *automaton,
                      unsigned char *live)
{
    const size_t states = automaton->states, entries = states * automaton->symbols;
    uint32_t *const first = scratch_take(scratch, states + 2, sizeof *first);
    uint32_t *const sources = scratch_take(scratch, entries + 1, sizeof *sources);
    uint32_t *const stack = scratch_take(scratch, states + 1, sizeof *stack);
    size_t depth = 0;
    if (first == NULL || sources == NULL || stack == NULL)
        return false;
    for (size_t i = 0; i < entries; i++)
        if (automaton->next[i] != REGEX_DEAD)
            first[automaton->next[i] + 2]++;
    for (size_t i = 2; i < states + 2; i++)
        first[i] += first[i - 1];
    for (size_t i = 0; i < entries; i++)
        if (automaton->next[i] != REGEX_DEAD)
            sources[first[automaton->next[i] + 1]++] = (uint32_t)(i / automaton->symbols);
    for (size_t i = 0; i < states; i++)
        if (automaton->accepts[i]) {
            live[i] = 1;
            stack[depth++] = (uint32_t)i;
        }
    while (depth > 0) {
        const uint32_t state = stack[--depth];
        for (uint32_t i = first[state]; i < first[state + 1]; i++)
            if (!live[sources[i]]) {
                live[sources[i]] = 1;
                stack[depth++] = sources[i];
            }
    }
    return true;
}

/* ---- states that are alike ------------------------------------------------------------------- */

/* classes[state] := its class among those of the last round and of where it leads; how many. */
static size_t refine(const struct regex_automaton *automaton, const uint32_t *before,
                     uint32_t *after, uint32_t *table, size_t table_size, uint32_t *row,
                     uint32_t *other_row)
{
    const size_t symbols = automaton->symbols;
    size_t classes = 0;
    memset(table, 0, table_size * sizeof *table);
    for (size_t i = 0; i < automaton->states; i++) {
        row[symbols] = before[i];
        for (size_t s = 0; s < symbols; s++) {
            const uint32_t next = automaton->next[i * symbols + s];
            row[s] = next == REGEX_DEAD ? REGEX_DEAD : before[next];
        }
        size_t at = hash_bytes(row, (symbols + 1) * sizeof *row, 0) & (table_size - 1);
        for (; table[at] != 0; at = (at + 1) & (table_size - 1)) {
            const size_t other = table[at] - 1;
            other_row[symbols] = before[other];
            for (size_t s = 0; s < symbols; s++) {
                const uint32_t next = automaton->next[other * symbols + s];
                other_row[s] = next == REGEX_DEAD ? REGEX_DEAD : before[next];
            }
            if (memcmp(row, other_row, (symbols + 1) * sizeof *row) == 0)
                break;
        }
        if (table[at] == 0) {
            table[at] = (uint32_t)i + 1;
            after[i] = (uint32_t)classes++;
        } else {
            after[i] = after[table[at] - 1];
        }
    }
    return classes;
}

/* Classes of states that accept the same texts; each its own where that takes too long. */
static bool find_classes(struct scratch *scratch, const struct regex_automaton *automaton,
                         uint32_t *classes, size_t *count)
{
    const size_t states = automaton->states, symbols = automaton->symbols;
    size_t table_size = 64, before = 0;
    while (table_size < states * 2)
        table_size *= 2;
    uint32_t *const table = scratch_take(scratch, table_size, sizeof *table);
    uint32_t *const rows = scratch_take(scratch, 2 * symbols + 2, sizeof *rows);
    uint32_t *const other = scratch_take(scratch, states + 1, sizeof *other);
    if (table == NULL || rows == NULL || other == NULL)
        return false;
    for (size_t i = 0; i < states; i++)
        classes[i] = automaton->accepts[i];
    for (size_t round = 0; round < ROUNDS && round * states * symbols < REFINED_MOST; round++) {
        *count = refine(automaton, classes, other, table, table_size, rows, rows + symbols + 1);
        memcpy(classes, other, states * sizeof *classes);
        if (*count == before)
            return true;
        before = *count;
    }
    for (size_t i = 0; i < states; i++)
        classes[i] = (uint32_t)i;
    *count = states;
    return true;
}

/* ---- both ------------------------------------------------------------------------------------ */

/* Keeps one state of each class, in the order of their numbers; the start stays first. */
static primer_status keep(struct scratch *scratch, struct regex_automaton *automaton,
                          const uint32_t *classes, size_t count, primer_error *error)
{
    const size_t symbols = automaton->symbols;
    uint32_t *const next = scratch_take(scratch, count * symbols + 1, sizeof *next);
    unsigned char *const accepts = scratch_take(scratch, count + 1, 1);
    if (next == NULL || accepts == NULL)
        return constraint_scratch_failure(scratch, error);
    for (size_t i = 0; i < automaton->states; i++) {
        if (classes[i] == REGEX_DEAD)
            continue;
        accepts[classes[i]] = automaton->accepts[i];
        for (size_t s = 0; s < symbols; s++) {
            const uint32_t to = automaton->next[i * symbols + s];
            next[classes[i] * symbols + s] = to == REGEX_DEAD ? REGEX_DEAD : classes[to];
        }
    }
    automaton->states = count;
    automaton->next = next;
    automaton->accepts = accepts;
    return PRIMER_OK;
}

primer_status regex_automaton_reduce(struct scratch *scratch, struct regex_automaton *automaton,
                                     primer_error *error)
{
    const size_t states = automaton->states;
    unsigned char *const live = scratch_take(scratch, states + 1, 1);
    uint32_t *const classes = scratch_take(scratch, states + 1, sizeof *classes);
    size_t count = 0;
    if (live == NULL || classes == NULL || !mark_live(scratch, automaton, live))
        return constraint_scratch_failure(scratch, error);
    if (states == 0 || !live[0]) {
        automaton->states = 0;
        return PRIMER_OK;
    }
    for (size_t i = 0; i < states; i++)
        classes[i] = live[i] ? (uint32_t)count++ : REGEX_DEAD;
    FORWARD(keep(scratch, automaton, classes, count, error));
    if (!find_classes(scratch, automaton, classes, &count))
        return constraint_scratch_failure(scratch, error);
    return keep(scratch, automaton, classes, count, error);
}

/* ---- grammars -------------------------------------------------------------------------------- */

/* Symbols that lead from a state to another, as a node. */
struct group {
    const uint32_t *symbols;
    size_t count, node;
};

struct writer {
    struct grammar *grammar;
    struct scratch *scratch;
    const struct regex_automaton *automaton;
    bool json;
    size_t *rules;                /* [states] */
    struct grammar_range *ranges; /* of one transition */
    uint32_t *first;     /* [states] of one state: the first symbol that leads there, + 1 */
    uint32_t *after;     /* [symbols] the next one that leads to the same, + 1 */
    uint32_t *group;     /* [symbols] */
    size_t *parts;       /* [symbols + 1] */
    struct group *known; /* groups that are nodes already */
    size_t known_count, known_capacity;
};

/* Chains the symbols of a state by where they lead. */
static void chain(struct writer *writer, const uint32_t *next)
{
    for (size_t s = writer->automaton->symbols; s-- > 0;) {
        if (next[s] == REGEX_DEAD)
            continue;
        writer->after[s] = writer->first[next[s]];
        writer->first[next[s]] = (uint32_t)s + 1;
    }
}

/* The symbols that lead from the state to another, in writer->group; how many. Unchains them. */
static size_t gather(struct writer *writer, uint32_t target)
{
    size_t used = 0;
    for (uint32_t s = writer->first[target]; s != 0; s = writer->after[s - 1])
        writer->group[used++] = s - 1;
    writer->first[target] = 0;
    return used;
}

static struct regex_set set_of_group(struct writer *writer, size_t count)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        const struct regex_set set = writer->automaton->means[writer->group[i]];
        memcpy(writer->ranges + used, set.ranges, set.count * sizeof *set.ranges);
        used += set.count;
    }
    return regex_set_of(writer->scratch, writer->ranges, used);
}

/* The node of one character that is meant by the group; false: no memory. */
static bool group_node(struct writer *writer, size_t count, size_t *node)
{
    const size_t bytes = count * sizeof *writer->group;
    for (size_t i = 0; i < writer->known_count; i++)
        if (writer->known[i].count == count &&
            memcmp(writer->known[i].symbols, writer->group, bytes) == 0) {
            *node = writer->known[i].node;
            return true;
        }
    const struct regex_set set = set_of_group(writer, count);
    uint32_t *const symbols = scratch_take(writer->scratch, count, sizeof *symbols);
    writer->known = scratch_grow(writer->scratch, writer->known, writer->known_count,
                                 &writer->known_capacity, sizeof *writer->known);
    if (set.count == SIZE_MAX || symbols == NULL || writer->known == NULL)
        return false;
    memcpy(symbols, writer->group, bytes);
    *node = regex_set_grammar(writer->grammar, set, writer->json);
    writer->known[writer->known_count++] = (struct group){symbols, count, *node};
    return true;
}

static bool is_end(const struct regex_automaton *automaton, size_t state)
{
    for (size_t s = 0; s < automaton->symbols; s++)
        if (automaton->next[state * automaton->symbols + s] != REGEX_DEAD)
            return false;
    return true;
}

/* False: no memory. */
static bool write_state(struct writer *writer, size_t state)
{
    const struct regex_automaton *const automaton = writer->automaton;
    const uint32_t *const next = automaton->next + state * automaton->symbols;
    struct grammar *const grammar = writer->grammar;
    size_t used = 0, loop = SIZE_MAX;
    if (automaton->accepts[state])
        writer->parts[used++] = grammar_sequence(grammar, NULL, 0);
    chain(writer, next);
    for (size_t s = 0; s < automaton->symbols; s++) {
        if (next[s] == REGEX_DEAD || writer->first[next[s]] == 0)
            continue;
        size_t one;
        if (!group_node(writer, gather(writer, next[s]), &one))
            return false;
        const size_t pair[] = {one, writer->rules[next[s]]};
        if (next[s] == state)
            loop = grammar_repeat(grammar, one, 0, GRAMMAR_ENDLESS);
        else
            writer->parts[used++] =
                is_end(automaton, next[s]) ? one : grammar_sequence(grammar, pair, 2);
    }
    size_t node = used == 1 ? writer->parts[0] : grammar_choice(grammar, writer->parts, used);
    const size_t looped[] = {loop, node};
    if (loop != SIZE_MAX)
        node = used == 1 && automaton->accepts[state] ? loop : grammar_sequence(grammar, looped, 2);
    grammar_define(grammar, writer->rules[state], node);
    return true;
}

size_t regex_automaton_grammar(struct grammar *grammar, struct scratch *scratch,
                               const struct regex_automaton *automaton, bool json)
{
    struct writer writer = {
        .grammar = grammar, .scratch = scratch, .automaton = automaton, .json = json};
    size_t ranges = 1;
    bool good = true;
    for (size_t s = 0; s < automaton->symbols; s++)
        ranges += automaton->means[s].count;
    writer.rules = scratch_take(scratch, automaton->states + 1, sizeof *writer.rules);
    writer.ranges = scratch_take(scratch, ranges, sizeof *writer.ranges);
    writer.parts = scratch_take(scratch, automaton->symbols + 2, sizeof *writer.parts);
    writer.first = scratch_take(scratch, automaton->states + 1, sizeof *writer.first);
    writer.after = scratch_take(scratch, automaton->symbols + 1, sizeof *writer.after);
    writer.group = scratch_take(scratch, automaton->symbols + 1, sizeof *writer.group);
    good = writer.rules != NULL && writer.ranges != NULL && writer.parts != NULL &&
           writer.first != NULL && writer.after != NULL && writer.group != NULL;
    for (size_t i = 0; good && i < automaton->states; i++)
        writer.rules[i] = i > 0 && is_end(automaton, i) ? SIZE_MAX : grammar_rule(grammar);
    for (size_t i = 0; good && i < automaton->states; i++)
        good = writer.rules[i] == SIZE_MAX || write_state(&writer, i);
    if (!good) {
        primer_error error;
        (void)constraint_scratch_failure(scratch, &error);
        grammar_failure(grammar, &error);
        return 0;
    }
    return writer.rules[0];
}
