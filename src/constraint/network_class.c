/* network_class.c - a class of characters as an automaton over the bytes of UTF-8 (RFC 3629).
 *
 * Ranges of code points are cut until each is a product of ranges of bytes:
 *
 *   U+0800..U+0FFF   E0 | A0..BF | 80..BF            U+1000..U+CFFF   E1..EC | 80..BF | 80..BF
 *
 * Of the ranges, which are sorted and apart, such products have first bytes that are the same or
 * apart, and so on behind them: a tree. Parts of it that say the same are one state.
 */
#include "constraint/network_draft.h"

#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "constraint/constraint_memory.h"

struct product {
    uint8_t length;
    struct {
        uint8_t first, last;
    } byte[4];
};

struct class_edge {
    uint8_t first, last;
    uint32_t to;
};

/* A state that is there already: its edges, in `edges`. */
struct class_state {
    uint32_t state;
    size_t first, count;
};

struct class
{
    struct network_draft *draft;
    struct product *products;
    size_t count, capacity;
    struct class_edge *edges;
    size_t edge_count, edge_capacity;
    struct class_state *states;
    size_t state_count, state_capacity;
    uint32_t to;
};

static void no_memory(struct class *class, size_t bytes)
{
    memory_failure(&class->draft->failure, "a class of characters", bytes);
}

/* ---- products -------------------------------------------------------------------------------- */

static void add_product(struct class *class, uint32_t first, uint32_t last)
{
    char a[4], b[4];
    struct product *const products =
        constraint_grown(class->products, &class->capacity, class->count + 1, sizeof *products);
    if (products == NULL) {
        no_memory(class, (class->count + 1) * sizeof *products);
        return;
    }
    class->products = products;
    struct product *const product = &products[class->count++];
    product->length = (uint8_t)utf8_encode(first, a);
    utf8_encode(last, b);
    for (size_t i = 0; i < product->length; i++) {
        product->byte[i].first = (uint8_t)a[i];
        product->byte[i].last = (uint8_t)b[i];
    }
}

/* Cut where the length changes, then where the bytes behind the first ones aren't all there. */
static void cut(struct class *class, uint32_t first, uint32_t last)
{
    static const uint32_t lasts[] = {0x7F, 0x7FF, 0xFFFF};
    if (!network_draft_good(class->draft))
        return;
    for (size_t i = 0; i < 3; i++)
        if (first <= lasts[i] && last > lasts[i]) {
            cut(class, first, lasts[i]);
            cut(class, lasts[i] + 1, last);
            return;
        }
    for (unsigned bits = 6; last > 0x7F && bits <= 18; bits += 6) {
        const uint32_t mask = ((uint32_t)1 << bits) - 1;
        if ((first & ~mask) == (last & ~mask))
            break;
        if ((first & mask) != 0) {
            cut(class, first, first | mask);
            cut(class, (first | mask) + 1, last);
            return;
        }
        if ((last & mask) != mask) {
            cut(class, first, (last & ~mask) - 1);
            cut(class, last & ~mask, last);
            return;
        }
    }
    add_product(class, first, last);
}

/* ---- the tree -------------------------------------------------------------------------------- */

static uint32_t state_with(struct class *class, const struct class_edge *edges, size_t count)
{
    for (size_t i = 0; i < class->state_count; i++) {
        const struct class_state *const state = &class->states[i];
        if (state->count == count &&
            memcmp(class->edges + state->first, edges, count * sizeof *edges) == 0)
            return state->state;
    }
    struct class_edge *const all = constraint_grown(class->edges, &class->edge_capacity,
                                                    class->edge_count + count, sizeof *all);
    if (all != NULL)
        class->edges = all;
    struct class_state *const states = constraint_grown(class->states, &class->state_capacity,
                                                        class->state_count + 1, sizeof *states);
    if (states != NULL)
        class->states = states;
    if (all == NULL || states == NULL) {
        no_memory(class, count * sizeof *all);
        return 0;
    }
    memcpy(all + class->edge_count, edges, count * sizeof *edges);
    const uint32_t number = network_draft_state(class->draft);
    states[class->state_count++] = (struct class_state){number, class->edge_count, count};
    class->edge_count += count;
    for (size_t i = 0; i < count; i++)
        network_draft_byte(class->draft, number, edges[i].first, edges[i].last, edges[i].to);
    return number;
}

static uint32_t subtree(struct class *class, size_t begin, size_t end, size_t depth);

/* The edges of the products [begin, end), which are the same before `depth`; to `edges` [256]. */
static size_t edges_of(struct class *class, size_t begin, size_t end, size_t depth,
                       struct class_edge *edges)
{
    size_t count = 0;
    for (size_t i = begin, next; i < end; i = next) {
        const struct product *const product = &class->products[i];
        const uint8_t first = product->byte[depth].first, last = product->byte[depth].last;
        for (next = i + 1; next < end && class->products[next].byte[depth].first == first;)
            next++;
        const uint32_t to =
            depth + 1u == product->length ? class->to : subtree(class, i, next, depth + 1);
        if (count > 0 && edges[count - 1].to == to && edges[count - 1].last + 1 == first) {
            edges[count - 1].last = last;
        } else {
            memset(&edges[count], 0, sizeof edges[count]);
            edges[count].first = first;
            edges[count].last = last;
            edges[count++].to = to;
        }
    }
    return count;
}

static uint32_t subtree(struct class *class, size_t begin, size_t end, size_t depth)
{
    struct class_edge edges[256];
    const size_t count = edges_of(class, begin, end, depth, edges);
    return network_draft_good(class->draft) ? state_with(class, edges, count) : 0;
}

void network_class(struct network_draft *draft, const struct grammar_range *ranges, size_t count,
                   uint32_t from, uint32_t to)
{
    struct class class = {.draft = draft, .to = to};
    struct class_edge edges[256];
    for (size_t i = 0; i < count; i++)
        cut(&class, ranges[i].first, ranges[i].last);
    const size_t edge_count = edges_of(&class, 0, class.count, 0, edges);
    for (size_t i = 0; i < edge_count && network_draft_good(draft); i++)
        network_draft_byte(draft, from, edges[i].first, edges[i].last, edges[i].to);
    memory_free(class.products);
    memory_free(class.edges);
    memory_free(class.states);
}
