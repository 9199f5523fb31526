/* network_without.c - any text in which none of some texts stands.
 *
 * A state is how much of a text may just be standing at the end (Aho, Corasick 1975), and how far
 * into a character of UTF-8 one is (RFC 3629):
 *
 *   node of the tree of texts  x  place within a character
 *
 * Without the nodes at which a text has been seen; the end may be wherever a character ends.
 */
#include "constraint/network_draft.h"

#include <string.h>

#include "base/memory.h"

enum { NODES_MOST = 1 << 13, BYTES = 256 };

/* Places within a character: between two, before so many continuation bytes, and before those that
 * must not be any. */
enum place {
    BETWEEN,
    BEFORE_1,
    BEFORE_2,
    BEFORE_3,
    AFTER_E0,
    AFTER_ED,
    AFTER_F0,
    AFTER_F4,
    PLACES
};

static const struct {
    uint8_t first, last, to;
} steps[PLACES][10] = {
    [BETWEEN] = {{0x00, 0x7F, BETWEEN},
                 {0xC2, 0xDF, BEFORE_1},
                 {0xE0, 0xE0, AFTER_E0},
                 {0xE1, 0xEC, BEFORE_2},
                 {0xED, 0xED, AFTER_ED},
                 {0xEE, 0xEF, BEFORE_2},
                 {0xF0, 0xF0, AFTER_F0},
                 {0xF1, 0xF3, BEFORE_3},
                 {0xF4, 0xF4, AFTER_F4}},
    [BEFORE_1] = {{0x80, 0xBF, BETWEEN}},
    [BEFORE_2] = {{0x80, 0xBF, BEFORE_1}},
    [BEFORE_3] = {{0x80, 0xBF, BEFORE_2}},
    [AFTER_E0] = {{0xA0, 0xBF, BEFORE_1}},
    [AFTER_ED] = {{0x80, 0x9F, BEFORE_1}},
    [AFTER_F0] = {{0x90, 0xBF, BEFORE_2}},
    [AFTER_F4] = {{0x80, 0x8F, BEFORE_2}},
};

struct tree {
    uint32_t (*next)[BYTES]; /* [nodes] first the children, then all steps; node 0 is the root */
    uint32_t *fail, *queue;  /* [nodes] */
    unsigned char *seen;     /* [nodes] a text ends here */
    size_t count;
};

static void enter(struct tree *tree, const char *text, size_t length)
{
    uint32_t at = 0;
    for (size_t i = 0; i < length; i++) {
        uint32_t *const next = &tree->next[at][(unsigned char)text[i]];
        if (*next == 0)
            *next = (uint32_t)tree->count++;
        at = *next;
    }
    tree->seen[at] = 1;
}

/* From the children to all steps, nodes near the root first. */
static void complete(struct tree *tree)
{
    size_t begin = 0, end = 0;
    tree->queue[end++] = 0;
    while (begin < end) {
        const uint32_t at = tree->queue[begin++];
        for (size_t byte = 0; byte < BYTES; byte++) {
            const uint32_t child = tree->next[at][byte];
            const uint32_t other = at == 0 ? 0 : tree->next[tree->fail[at]][byte];
            if (child == 0) {
                tree->next[at][byte] = other;
                continue;
            }
            tree->fail[child] = other;
            tree->seen[child] |= tree->seen[other];
            tree->queue[end++] = child;
        }
    }
}

struct states {
    struct network_draft *draft;
    const struct tree *tree;
    uint32_t (*number)[PLACES]; /* [nodes] 0: not yet drawn */
    struct {
        uint32_t node;
        enum place place;
    } * todo;
    size_t count;
};

static uint32_t state_of(struct states *states, uint32_t node, enum place place)
{
    uint32_t *const number = &states->number[node][place];
    if (*number == 0) {
        *number = network_draft_state(states->draft);
        states->todo[states->count].node = node;
        states->todo[states->count++].place = place;
    }
    return *number;
}

/* The steps over some bytes, of which neighbours with the same end are one edge. */
static void draw_step(struct states *states, uint32_t node, uint32_t from, size_t first,
                      size_t last, enum place to)
{
    const uint32_t *const next = states->tree->next[node];
    for (size_t begin = first, end; begin <= last; begin = end) {
        for (end = begin + 1; end <= last && next[end] == next[begin];)
            end++;
        if (!states->tree->seen[next[begin]] && network_draft_good(states->draft))
            network_draft_byte(states->draft, from, (uint8_t)begin, (uint8_t)(end - 1),
                               state_of(states, next[begin], to));
    }
}

static void draw_states(struct states *states, uint32_t from, uint32_t to)
{
    network_draft_empty(states->draft, from, state_of(states, 0, BETWEEN));
    for (size_t i = 0; i < states->count && network_draft_good(states->draft); i++) {
        const uint32_t node = states->todo[i].node;
        const enum place place = states->todo[i].place;
        const uint32_t number = states->number[node][place];
        if (place == BETWEEN)
            network_draft_empty(states->draft, number, to);
        for (size_t k = 0; steps[place][k].last != 0; k++)
            draw_step(states, node, number, steps[place][k].first, steps[place][k].last,
                      (enum place)steps[place][k].to);
    }
}

void network_without(struct network_draft *draft, const struct grammar *grammar,
                     const struct grammar_node *node, uint32_t from, uint32_t to)
{
    size_t most = 1;
    for (size_t i = 0; i < node->count; i++)
        most += grammar->nodes[grammar->children[node->first + i]].count;
    if (most > NODES_MOST) {
        error_set(&draft->failure, PRIMER_ELIMIT,
                  "the texts that must not stand in a text have %zu bytes; expected at most %d",
                  most - 1, NODES_MOST - 1);
        return;
    }
    struct tree tree = {.next = memory_allocate(most, sizeof *tree.next),
                        .fail = memory_allocate(most, sizeof *tree.fail),
                        .queue = memory_allocate(most, sizeof *tree.queue),
                        .seen = memory_allocate(most, 1),
                        .count = 1};
    struct states states = {.draft = draft,
                            .tree = &tree,
                            .number = memory_allocate(most, sizeof *states.number),
                            .todo = memory_allocate(most * PLACES, sizeof *states.todo)};
    if (tree.next == NULL || tree.fail == NULL || tree.queue == NULL || tree.seen == NULL ||
        states.number == NULL || states.todo == NULL) {
        memory_failure(&draft->failure, "texts that must not stand", most * sizeof *tree.next);
    } else {
        for (size_t i = 0; i < node->count; i++) {
            const struct grammar_node *const text =
                &grammar->nodes[grammar->children[node->first + i]];
            enter(&tree, grammar->bytes.bytes + text->first, text->count);
        }
        complete(&tree);
        draw_states(&states, from, to);
    }
    memory_free(tree.next);
    memory_free(tree.fail);
    memory_free(tree.queue);
    memory_free(tree.seen);
    memory_free(states.number);
    memory_free(states.todo);
}
