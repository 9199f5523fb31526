/* network_fragment.c - a grammar's nodes to states and edges, with empty edges (Thompson 1968).
 *
 * A node is drawn between two states that are there already. It adds no edge into the first one and
 * none out of the second, unless these are the same; so alternatives can share both.
 *
 *   a*     from --> m --> to, a from m to m
 *   a+     from --> m, a from m to k, k --> m, k --> to
 *   a{2,4} small: four times, with empty edges to the end; else a call of a counted rule
 *
 * Which nodes become rules of their own: the grammar's rules, unless they are small and not
 * recursive; what stands in several places and isn't small (a class like that of all letters, which
 * takes hundreds of states: in many places); what is repeated often. What is repeated may be larger
 * and still be no rule: one that ends wherever the next begins, as a character's in a string, would
 * be left all the time.
 */
#include "constraint/network_draft.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "constraint/constraint_memory.h"

enum {
    SMALL = 24,
    REPEATED_SMALL = 128,
    UNROLLED_MOST = 32,
    SIZE_MOST = 1 << 20,
    SIZE_ROUNDS = 5,
    CHARACTER = 8,
    RANGES_OF_STATE = 8,
    CLASS_MOST = 100, /* the size of a class at most: small enough to be repeated where it stands */
    CLASS_OFTEN = 16  /* places in which a large one may stand */
};

struct drawing {
    struct network_draft *draft;
    const struct grammar *grammar;
    uint32_t *size;          /* [nodes] about how many states; SIZE_MOST: many, or recursive */
    uint32_t *parents;       /* [nodes] */
    unsigned char *nullable; /* [nodes] */
    uint32_t *rule;          /* [nodes] plain rule + 1 */
    uint32_t *next_counted;  /* [rules] chain of a node's counted rules, + 1 */
    size_t next_capacity;
    uint32_t small;    /* up to this size nodes stand in their places */
    uint32_t *counted; /* [nodes] the first of that chain, + 1 */
};

static void draw(struct drawing *drawing, size_t number, uint32_t from, uint32_t to);

/* ---- what is known of the nodes -------------------------------------------------------------- */

static const size_t *children_of(const struct grammar *grammar, const struct grammar_node *node)
{
    switch (node->kind) {
    case GRAMMAR_SEQUENCE:
    case GRAMMAR_CHOICE:
    case GRAMMAR_WITHOUT:
        return grammar->children + node->first;
    case GRAMMAR_REPEAT:
    case GRAMMAR_RULE:
        return &node->first;
    default:
        return NULL;
    }
}

static bool unrolls(const struct grammar_node *node, uint32_t child_size)
{
    const size_t times = node->most == GRAMMAR_ENDLESS ? node->least : node->most;
    return times <= 1 || (times <= UNROLLED_MOST && times * child_size <= UNROLLED_MOST);
}

static uint32_t size_of(const struct drawing *drawing, const struct grammar_node *node)
{
    const size_t *const children = children_of(drawing->grammar, node);
    size_t sum = 1;
    switch (node->kind) {
    case GRAMMAR_BYTES:
    case GRAMMAR_MARK:
        sum = node->count;
        break;
    case GRAMMAR_CLASS: {
        const struct grammar_range *const ranges = drawing->grammar->ranges + node->first;
        sum = node->count == 0 || ranges[node->count - 1].last < 0x80 ? 1 : CHARACTER;
        sum += node->count / RANGES_OF_STATE;
        if (sum > CLASS_MOST)
            sum = CLASS_MOST;
        break;
    }
    case GRAMMAR_REPEAT:
        sum = drawing->size[node->first];
        if (!unrolls(node, (uint32_t)sum))
            sum = sum == SIZE_MOST ? SIZE_MOST : 4;
        else if (node->most != GRAMMAR_ENDLESS || node->least > 1)
            sum *= node->most == GRAMMAR_ENDLESS ? node->least : node->most;
        break;
    default:
        for (size_t i = 0; i < node->count && sum < SIZE_MOST; i++)
            sum += drawing->size[children[i]] * (node->kind == GRAMMAR_WITHOUT ? CHARACTER : 1);
    }
    return sum < SIZE_MOST ? (uint32_t)sum : SIZE_MOST;
}

static bool nullable_of(const struct drawing *drawing, const struct grammar_node *node)
{
    const size_t *const children = children_of(drawing->grammar, node);
    switch (node->kind) {
    case GRAMMAR_BYTES:
    case GRAMMAR_MARK:
        return node->count == 0;
    case GRAMMAR_CLASS:
        return false;
    case GRAMMAR_WITHOUT:
        return true;
    case GRAMMAR_REPEAT:
        return node->least == 0 || drawing->nullable[node->first];
    case GRAMMAR_CHOICE:
        for (size_t i = 0; i < node->count; i++)
            if (drawing->nullable[children[i]])
                return true;
        return false;
    default:
        for (size_t i = 0; i < node->count; i++)
            if (!drawing->nullable[children[i]])
                return false;
        return true;
    }
}

/* Sizes come down from many: what is recursive stays there. Which nodes may be empty goes up from
 * none, to and fro, since rules may be defined in any order. */
static void study(struct drawing *drawing)
{
    const struct grammar *const grammar = drawing->grammar;
    for (size_t i = 0; i < grammar->count; i++)
        drawing->size[i] = SIZE_MOST;
    for (int round = 0; round < SIZE_ROUNDS; round++)
        for (size_t i = 0; i < grammar->count; i++)
            drawing->size[i] = size_of(drawing, &grammar->nodes[i]);
    for (size_t i = 0; i < grammar->count; i++) {
        const struct grammar_node *const node = &grammar->nodes[i];
        const size_t *const children = children_of(grammar, node);
        for (size_t k = 0; children != NULL && k < node->count; k++)
            drawing->parents[children[k]]++;
    }
    for (bool changed = true, up = true; changed; up = !up) {
        changed = false;
        for (size_t k = 0; k < grammar->count; k++) {
            const size_t i = up ? k : grammar->count - 1 - k;
            if (!drawing->nullable[i] && nullable_of(drawing, &grammar->nodes[i]))
                drawing->nullable[i] = 1, changed = true;
        }
    }
}

/* ---- texts, and many of them ----------------------------------------------------------------- */

static void draw_bytes(struct drawing *drawing, const char *bytes, size_t length, uint32_t from,
                       uint32_t to)
{
    if (length == 0)
        network_draft_empty(drawing->draft, from, to);
    for (size_t i = 0; i < length; i++) {
        const uint32_t next = i + 1 == length ? to : network_draft_state(drawing->draft);
        const uint8_t byte = (uint8_t)bytes[i];
        network_draft_byte(drawing->draft, from, byte, byte, next);
        from = next;
    }
}

struct literal {
    const char *bytes;
    size_t length;
};

static int by_bytes(const void *a, const void *b)
{
    const struct literal *const x = a, *const y = b;
    const size_t length = x->length < y->length ? x->length : y->length;
    const int order = length == 0 ? 0 : memcmp(x->bytes, y->bytes, length);
    return order != 0 ? order : x->length < y->length ? -1 : x->length > y->length;
}

/* Sorted texts that share `depth` bytes, all longer: common beginnings are drawn once. The largest
 * part is gone on with, the others called for: so the depth of calls is that of a halving. */
static void draw_literals(struct drawing *drawing, const struct literal *literals, size_t count,
                          size_t depth, uint32_t from, uint32_t to)
{
    while (count > 0 && network_draft_good(drawing->draft)) {
        const struct literal *largest = NULL;
        size_t largest_count = 0;
        uint32_t largest_state = 0;
        for (size_t begin = 0, end; begin < count; begin = end) {
            const char byte = literals[begin].bytes[depth];
            size_t ending = 0;
            for (end = begin; end < count && literals[end].bytes[depth] == byte; end++)
                ending += literals[end].length == depth + 1;
            if (ending > 0)
                network_draft_byte(drawing->draft, from, (uint8_t)byte, (uint8_t)byte, to);
            const size_t longer = end - begin - ending;
            if (longer == 0)
                continue;
            const struct literal *part = literals + begin + ending;
            size_t part_count = longer;
            uint32_t state = network_draft_state(drawing->draft);
            network_draft_byte(drawing->draft, from, (uint8_t)byte, (uint8_t)byte, state);
            if (part_count > largest_count) {
                const struct literal *const other = largest;
                const size_t other_count = largest_count;
                const uint32_t other_state = largest_state;
                largest = part, largest_count = part_count, largest_state = state;
                part = other, part_count = other_count, state = other_state;
            }
            if (part_count > 0)
                draw_literals(drawing, part, part_count, depth + 1, state, to);
        }
        literals = largest, count = largest_count, from = largest_state, depth++;
    }
}

static void draw_choice(struct drawing *drawing, const struct grammar_node *node, uint32_t from,
                        uint32_t to)
{
    const struct grammar *const grammar = drawing->grammar;
    struct literal *const literals = memory_allocate(node->count, sizeof *literals);
    size_t count = 0;
    if (literals == NULL) {
        memory_failure(&drawing->draft->failure, "a choice", node->count * sizeof *literals);
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        const size_t number = grammar->children[node->first + i];
        const struct grammar_node *const child = &grammar->nodes[number];
        if (child->kind == GRAMMAR_BYTES && child->count > 0)
            literals[count++] = (struct literal){grammar->bytes.bytes + child->first, child->count};
        else
            draw(drawing, number, from, to);
    }
    qsort(literals, count, sizeof *literals, by_bytes);
    draw_literals(drawing, literals, count, 0, from, to);
    memory_free(literals);
}

static void draw_mark(struct drawing *drawing, size_t number, uint32_t from, uint32_t to)
{
    struct network_draft *const draft = drawing->draft;
    const struct grammar_node *const node = &drawing->grammar->nodes[number];
    uint32_t mark = 0;
    while (mark < draft->mark_count && draft->marks[mark] != number)
        mark++;
    if (mark == draft->mark_count) {
        size_t *const marks =
            constraint_grown(draft->marks, &draft->mark_capacity, mark + (size_t)1, sizeof *marks);
        if (marks == NULL) {
            memory_failure(&draft->failure, "marks", (mark + (size_t)1) * sizeof *marks);
            return;
        }
        draft->marks = marks;
        marks[draft->mark_count++] = number;
    }
    draw_bytes(drawing, drawing->grammar->bytes.bytes + node->first, node->count, from, to);
    network_draft_edge(draft, (struct network_edge){from, to, mark, NETWORK_MARK, 0, 0});
}

/* ---- rules ----------------------------------------------------------------------------------- */

static void draw_call(struct drawing *drawing, uint32_t rule, bool empty, uint32_t from,
                      uint32_t to)
{
    network_draft_edge(drawing->draft, (struct network_edge){from, to, rule, NETWORK_CALL, 0, 0});
    if (empty)
        network_draft_empty(drawing->draft, from, to);
}

static uint32_t plain_rule(struct drawing *drawing, size_t number)
{
    if (drawing->rule[number] == 0)
        drawing->rule[number] = network_draft_rule(drawing->draft, number, 1, 1) + 1;
    return drawing->rule[number] - 1;
}

/* The rule that matches the node least..most times. */
static uint32_t counted_rule(struct drawing *drawing, size_t number, uint32_t least, uint32_t most)
{
    struct network_draft *const draft = drawing->draft;
    for (uint32_t at = drawing->counted[number]; at != 0; at = drawing->next_counted[at - 1])
        if (draft->rules[at - 1].least == least && draft->rules[at - 1].most == most)
            return at - 1;
    const uint32_t rule = network_draft_rule(draft, number, least, most);
    uint32_t *const next = constraint_grown(drawing->next_counted, &drawing->next_capacity,
                                            rule + (size_t)1, sizeof *next);
    if (next == NULL) {
        memory_failure(&draft->failure, "rules", (rule + (size_t)1) * sizeof *next);
        return 0;
    }
    drawing->next_counted = next;
    next[rule] = drawing->counted[number];
    drawing->counted[number] = rule + 1;
    return rule;
}

/* The inside of a repetition. */
static void draw_repeated(struct drawing *drawing, size_t number, uint32_t from, uint32_t to)
{
    const uint32_t small = drawing->small;
    if (drawing->size[number] <= REPEATED_SMALL)
        drawing->small = REPEATED_SMALL;
    draw(drawing, number, from, to);
    drawing->small = small;
}

/* The node again and again, from `at` on; where it ends. */
static uint32_t draw_loop(struct drawing *drawing, size_t child, bool once, uint32_t at)
{
    struct network_draft *const draft = drawing->draft;
    const uint32_t begin = network_draft_state(draft);
    network_draft_empty(draft, at, begin);
    if (!once) {
        draw_repeated(drawing, child, begin, begin);
        return begin;
    }
    const uint32_t end = network_draft_state(draft);
    draw_repeated(drawing, child, begin, end);
    network_draft_empty(draft, end, begin);
    return end;
}

static void draw_repeat(struct drawing *drawing, const struct grammar_node *node, uint32_t from,
                        uint32_t to)
{
    struct network_draft *const draft = drawing->draft;
    const size_t child = node->first;
    const bool endless = node->most == GRAMMAR_ENDLESS, nullable = drawing->nullable[child];
    const size_t least = nullable ? 0 : node->least;
    if (!unrolls(node, drawing->size[child])) {
        const uint32_t most = endless ? NETWORK_ENDLESS : (uint32_t)node->most;
        const uint32_t rule = counted_rule(drawing, child, least == 0 ? 1 : (uint32_t)least, most);
        draw_call(drawing, rule, least == 0, from, to);
        return;
    }
    const size_t copies = !endless ? node->most : least > 0 ? least - 1 : 0;
    uint32_t at = from;
    for (size_t i = 0; i < copies && network_draft_good(draft); i++) {
        const uint32_t next = network_draft_state(draft);
        if (i >= least)
            network_draft_empty(draft, at, to);
        draw(drawing, child, at, next);
        at = next;
    }
    if (endless)
        at = draw_loop(drawing, child, least > 0, at);
    network_draft_empty(draft, at, to);
}

/* Whether a node stands in its place as a call. */
static bool called(const struct drawing *drawing, size_t number)
{
    const struct grammar_node *const node = &drawing->grammar->nodes[number];
    if (node->kind == GRAMMAR_CLASS)
        return drawing->size[number] > SMALL && drawing->parents[number] > CLASS_OFTEN;
    if (drawing->size[number] <= drawing->small)
        return false;
    return node->kind == GRAMMAR_RULE || drawing->parents[number] > 1;
}

/* What the node is, whether or not it is a rule. */
static void draw_inside(struct drawing *drawing, size_t number, uint32_t from, uint32_t to)
{
    const struct grammar *const grammar = drawing->grammar;
    const struct grammar_node *const node = &grammar->nodes[number];
    switch (node->kind) {
    case GRAMMAR_BYTES:
        draw_bytes(drawing, grammar->bytes.bytes + node->first, node->count, from, to);
        break;
    case GRAMMAR_CLASS:
        network_class(drawing->draft, grammar->ranges + node->first, node->count, from, to);
        break;
    case GRAMMAR_MARK:
        draw_mark(drawing, number, from, to);
        break;
    case GRAMMAR_SEQUENCE:
        for (size_t i = 0; i < node->count && network_draft_good(drawing->draft); i++) {
            const uint32_t next = i + 1 == node->count ? to : network_draft_state(drawing->draft);
            draw(drawing, grammar->children[node->first + i], from, next);
            from = next;
        }
        break;
    case GRAMMAR_CHOICE:
        draw_choice(drawing, node, from, to);
        break;
    case GRAMMAR_REPEAT:
        draw_repeat(drawing, node, from, to);
        break;
    case GRAMMAR_RULE:
        draw(drawing, node->first, from, to);
        break;
    case GRAMMAR_WITHOUT:
        network_without(drawing->draft, grammar, node, from, to);
        break;
    }
}

static void draw(struct drawing *drawing, size_t number, uint32_t from, uint32_t to)
{
    if (!network_draft_good(drawing->draft))
        return;
    if (called(drawing, number))
        draw_call(drawing, plain_rule(drawing, number), drawing->nullable[number], from, to);
    else
        draw_inside(drawing, number, from, to);
}

/* A counted rule's inside calls no other counted rule: such a one gets a plain rule between. */
static void draw_rule(struct drawing *drawing, const struct network_draft_rule *rule)
{
    if (rule->most == 1) {
        draw_inside(drawing, rule->node, rule->start, rule->final);
        return;
    }
    const size_t before = drawing->draft->edge_count;
    draw_repeated(drawing, rule->node, rule->start, rule->final);
    bool counts = false;
    for (size_t i = before; i < drawing->draft->edge_count; i++) {
        const struct network_edge *const edge = &drawing->draft->edges[i];
        counts |= edge->kind == NETWORK_CALL && drawing->draft->rules[edge->value].most != 1;
    }
    if (counts && network_draft_good(drawing->draft)) {
        drawing->draft->edge_count = before;
        draw_call(drawing, plain_rule(drawing, rule->node), false, rule->start, rule->final);
    }
}

static void draw_all(struct drawing *drawing, size_t root)
{
    struct network_draft *const draft = drawing->draft;
    plain_rule(drawing, root);
    for (size_t i = 0; i < draft->rule_count && network_draft_good(draft); i++) {
        const struct network_draft_rule rule = draft->rules[i];
        draw_rule(drawing, &rule);
    }
}

void network_fragment(struct network_draft *draft, const struct grammar *grammar, size_t root,
                      bool *empty)
{
    const size_t count = grammar->count;
    struct drawing drawing = {.draft = draft,
                              .grammar = grammar,
                              .small = SMALL,
                              .size = memory_allocate(count, sizeof *drawing.size),
                              .parents = memory_allocate(count, sizeof *drawing.parents),
                              .nullable = memory_allocate(count, 1),
                              .rule = memory_allocate(count, sizeof *drawing.rule),
                              .counted = memory_allocate(count, sizeof *drawing.counted)};
    if (drawing.size == NULL || drawing.parents == NULL || drawing.nullable == NULL ||
        drawing.rule == NULL || drawing.counted == NULL) {
        memory_failure(&draft->failure, "a grammar's nodes", count * sizeof *drawing.size);
    } else {
        study(&drawing);
        *empty = drawing.nullable[root] != 0;
        draw_all(&drawing, root);
    }
    memory_free(drawing.size);
    memory_free(drawing.parents);
    memory_free(drawing.nullable);
    memory_free(drawing.rule);
    memory_free(drawing.counted);
    memory_free(drawing.next_counted);
}
