/* places.c - steps that are made for the first time. */
#include "constraint/places.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "constraint/constraint_memory.h"

enum { ITEMS_MOST = 1 << 14, LESS_MOST = 255 };

static uint32_t no_memory(struct places *places, size_t bytes)
{
    if (places->stacks.failure.status == PRIMER_OK)
        memory_failure(&places->stacks.failure, "a constraint's places", bytes);
    return PLACES_FAILED;
}

static bool good(const struct places *places)
{
    return places->stacks.failure.status == PRIMER_OK;
}

/* ---- the items of a step --------------------------------------------------------------------- */

static size_t slot_of(const struct places *places, uint32_t state, uint32_t counter)
{
    const uint64_t key = ((uint64_t)state << 32 | counter) * UINT64_C(0x9E3779B97F4A7C15);
    size_t slot = (size_t)(key >> 32) & (places->slot_capacity - 1);
    for (; places->slots[slot] != 0; slot = (slot + 1) & (places->slot_capacity - 1)) {
        const struct stacks_frame *const item = &places->items[places->slots[slot] - 1];
        if (item->state == state && item->counter == counter)
            break;
    }
    return slot;
}

static bool more_slots(struct places *places)
{
    const size_t capacity = places->slot_capacity == 0 ? 64 : 2 * places->slot_capacity;
    uint32_t *const slots = memory_allocate(capacity, sizeof *slots);
    if (slots == NULL)
        return no_memory(places, capacity * sizeof *slots) != PLACES_FAILED;
    memory_free(places->slots);
    places->slots = slots;
    places->slot_capacity = capacity;
    for (size_t i = 0; i < places->item_count; i++)
        slots[slot_of(places, places->items[i].state, places->items[i].counter)] = (uint32_t)i + 1;
    return true;
}

static bool more_items(struct places *places)
{
    const size_t need = places->item_count + 1;
    struct stacks_frame *const items =
        constraint_grown(places->items, &places->item_capacity, need, sizeof *items);
    if (items != NULL)
        places->items = items;
    unsigned char *const queued =
        constraint_grown(places->queued, &places->queued_capacity, need, 1);
    if (queued != NULL)
        places->queued = queued;
    uint32_t *const queue =
        constraint_grown(places->queue, &places->queue_capacity, need, sizeof *queue);
    if (queue != NULL)
        places->queue = queue;
    if (items == NULL || queued == NULL || queue == NULL)
        return no_memory(places, need * sizeof *items) != PLACES_FAILED;
    if (need <= ITEMS_MOST)
        return true;
    return stacks_spend(&places->stacks, SIZE_MAX);
}

static void enqueue(struct places *places, uint32_t item)
{
    if (!places->queued[item]) {
        places->queued[item] = 1;
        places->queue[places->queue_count++] = item;
    }
}

static void add(struct places *places, uint32_t state, uint32_t counter, uint32_t below)
{
    if (!good(places) || !stacks_spend(&places->stacks, 1))
        return;
    if (2 * places->item_count >= places->slot_capacity && !more_slots(places))
        return;
    const size_t slot = slot_of(places, state, counter);
    if (places->slots[slot] != 0) {
        struct stacks_frame *const item = &places->items[places->slots[slot] - 1];
        const uint32_t joined = state == 0 ? 0 : stacks_join(&places->stacks, item->below, below);
        if (joined != item->below && good(places)) {
            item->below = joined;
            enqueue(places, places->slots[slot] - 1);
        }
    } else if (more_items(places)) {
        const uint32_t number = (uint32_t)places->item_count++;
        places->items[number] = (struct stacks_frame){state, counter, below};
        places->slots[slot] = number + 1;
        places->queued[number] = 0;
        enqueue(places, number);
    }
}

/* The rule's automaton is through: once more, or back to where it was called from. */
static void leave(struct places *places, struct stacks_frame item)
{
    const uint32_t number = places->network->states[item.state].rule;
    const struct network_rule *const rule = &places->network->rules[number];
    const bool relative = stacks_is_relative(item.counter);
    const bool endless = rule->most == NETWORK_ENDLESS;
    if (rule->most != 1 && (relative || endless || item.counter < rule->most)) {
        const bool enough = !relative && endless && item.counter >= rule->least;
        add(places, rule->start, item.counter + !enough, item.below);
    }
    if (!relative && item.counter < rule->least)
        return;
    const uint32_t after = STACKS_AFTER | (item.counter & STACKS_COUNT);
    for (uint32_t i = 0; i < places->stacks.sets[item.below].count; i++) {
        const struct stacks_frame frame =
            places->stacks.frames[places->stacks.sets[item.below].first + i];
        add(places, frame.state, relative ? after : frame.counter, frame.below);
    }
}

static void enter_calls(struct places *places, struct stacks_frame item)
{
    const struct network *const network = places->network;
    const struct network_state *const state = &network->states[item.state];
    for (uint32_t i = state->calls; i < state[1].calls && good(places); i++) {
        const struct network_call_edge *const call = &network->calls[i];
        uint32_t below = item.below;
        if (!call->tail || stacks_is_relative(item.counter))
            below = stacks_push(&places->stacks, call->target, item.counter, item.below);
        if (below != STACKS_FAILED)
            add(places, network->rules[call->rule].start, 1, below);
    }
}

static void begin(struct places *places)
{
    if (places->item_count > 0)
        memset(places->slots, 0, places->slot_capacity * sizeof *places->slots);
    places->item_count = places->queue_count = 0;
}

static int by_state(const void *a, const void *b)
{
    const struct stacks_frame *const x = a, *const y = b;
    if (x->state != y->state)
        return x->state < y->state ? -1 : 1;
    return x->counter < y->counter ? -1 : x->counter > y->counter;
}

/* Follows all that needs no byte; the set of what is left: items from which a byte or a mark leads
 * on, and ends. */
static uint32_t finish(struct places *places)
{
    const struct network *const network = places->network;
    while (places->queue_count > 0 && good(places)) {
        const uint32_t number = places->queue[--places->queue_count];
        const struct stacks_frame item = places->items[number];
        places->queued[number] = 0;
        if (item.state == 0)
            continue;
        if (network->states[item.state].final)
            leave(places, item);
        enter_calls(places, item);
    }
    if (!good(places))
        return STACKS_FAILED;
    size_t used = 0;
    for (size_t i = 0; i < places->item_count; i++) {
        const struct network_state *const state = &network->states[places->items[i].state];
        if (places->items[i].state == 0 || state[1].bytes > state->bytes ||
            state[1].marks > state->marks)
            places->items[used++] = places->items[i];
    }
    if (used > 0)
        qsort(places->items, used, sizeof *places->items, by_state);
    return stacks_set(&places->stacks, places->items, used);
}

/* ---- places ---------------------------------------------------------------------------------- */

/* An array by sets, zeroes where nothing was written; NULL: no memory. */
static uint32_t *by_set(struct places *places, uint32_t *array, size_t *capacity)
{
    const size_t before = array == NULL ? 0 : *capacity;
    uint32_t *const grown =
        constraint_grown(array, capacity, places->stacks.set_count, sizeof *grown);
    if (grown != NULL && *capacity > before)
        memset(grown + before, 0, (*capacity - before) * sizeof *grown);
    if (grown == NULL)
        no_memory(places, places->stacks.set_count * sizeof *grown);
    return grown;
}

uint32_t places_of(struct places *places, uint32_t set)
{
    if (set == STACKS_FAILED || set == STACKS_EMPTY)
        return set == STACKS_EMPTY ? PLACES_DEAD : PLACES_FAILED;
    uint32_t *const of_set = by_set(places, places->of_set, &places->of_set_capacity);
    if (of_set == NULL)
        return PLACES_FAILED;
    places->of_set = of_set;
    if (of_set[set] != 0)
        return of_set[set];
    if (places_bytes(places) > places->bytes_most || places->count > PLACES_PLACE)
        return stacks_spend(&places->stacks, SIZE_MAX) ? PLACES_DEAD : PLACES_FAILED;
    struct place *const all =
        constraint_grown(places->places, &places->capacity, places->count + 1, sizeof *all);
    if (all == NULL)
        return no_memory(places, (places->count + 1) * sizeof *all);
    places->places = all;
    const struct stacks_set *const s = &places->stacks.sets[set];
    all[places->count] = (struct place){
        .set = set, .ends = s->count > 0 && places->stacks.frames[s->first].state == 0};
    of_set[set] = (uint32_t)places->count++;
    return of_set[set];
}

uint32_t places_after(struct places *places, uint32_t set)
{
    uint32_t *const after = by_set(places, places->after, &places->after_capacity);
    if (after == NULL)
        return PLACES_FAILED;
    places->after = after;
    if (after[set] != 0)
        return after[set];
    begin(places);
    for (uint32_t i = 0; i < places->stacks.sets[set].count; i++) {
        const struct stacks_frame frame = places->stacks.frames[places->stacks.sets[set].first + i];
        add(places, frame.state, frame.counter, frame.below);
    }
    const uint32_t place = places_of(places, finish(places));
    if (place != PLACES_FAILED)
        places->after[set] = place;
    return place;
}

uint32_t places_begin(struct places *places)
{
    const struct network *const network = places->network;
    begin(places);
    add(places, network->rules[network->root].start, 1, STACKS_BOTTOM);
    if (network->empty)
        add(places, 0, 1, 0);
    return places_of(places, finish(places));
}

static bool has_table(struct places *places, uint32_t place)
{
    const size_t classes = places->network->class_count;
    if (places->places[place].table != 0)
        return true;
    const size_t before = places->next == NULL ? 0 : places->next_capacity;
    const size_t need = (places->table_count + 2) * classes;
    uint32_t *const next =
        constraint_grown(places->next, &places->next_capacity, need, sizeof *next);
    if (next == NULL)
        return no_memory(places, need * sizeof *next) != PLACES_FAILED;
    if (places->next_capacity > before)
        memset(next + before, 0, (places->next_capacity - before) * sizeof *next);
    places->next = next;
    places->places[place].table = (uint32_t)++places->table_count;
    return true;
}

/* The least relative counter of a set's stacks. */
static uint32_t least_of(const struct stacks *stacks, uint32_t set)
{
    const struct stacks_set *const s = &stacks->sets[set];
    uint32_t least = LESS_MOST;
    for (uint32_t i = 0; i < s->condition_count; i++) {
        const uint32_t n = stacks->conditions[s->condition_first + i] & STACKS_COUNT;
        least = n < least ? n : least;
    }
    return s->condition_count == 0 ? 0 : least;
}

uint32_t places_find(struct places *places, uint32_t place, uint32_t class)
{
    const struct network *const network = places->network;
    const uint32_t set = places->places[place].set;
    begin(places);
    for (uint32_t i = 0; i < places->stacks.sets[set].count && good(places); i++) {
        const struct stacks_frame item = places->stacks.frames[places->stacks.sets[set].first + i];
        const struct network_state *const state = &network->states[item.state];
        for (uint32_t e = state->bytes; e < state[1].bytes && item.state != 0; e++)
            if (class >= network->bytes[e].first && class <= network->bytes[e].last)
                add(places, network->bytes[e].target, item.counter, item.below);
    }
    const uint32_t reached = finish(places);
    const uint32_t less = reached == STACKS_FAILED ? 0 : least_of(&places->stacks, reached);
    const uint32_t next = places_of(
        places, reached == STACKS_FAILED ? reached : stacks_shift(&places->stacks, reached, less));
    if (next == PLACES_FAILED || !has_table(places, place))
        return PLACES_FAILED;
    const uint32_t entry = next | less << 24;
    places->next[places->places[place].table * network->class_count + class] = entry;
    return entry;
}

uint32_t places_mark(struct places *places, uint32_t place, uint32_t mark)
{
    const struct network *const network = places->network;
    const uint32_t set = places->places[place].set;
    begin(places);
    for (uint32_t i = 0; i < places->stacks.sets[set].count && good(places); i++) {
        const struct stacks_frame item = places->stacks.frames[places->stacks.sets[set].first + i];
        const struct network_state *const state = &network->states[item.state];
        for (uint32_t e = state->marks; e < state[1].marks && item.state != 0; e++)
            if (network->marks[e].mark == mark)
                add(places, network->marks[e].target, item.counter, item.below);
    }
    return places_of(places, finish(places));
}

primer_status places_create(struct places *places, const struct network *network, size_t bytes_most,
                            primer_error *error)
{
    FORWARD(stacks_create(&places->stacks, error));
    places->network = network;
    places->bytes_most = bytes_most;
    places->places = constraint_grown(NULL, &places->capacity, 2, sizeof *places->places);
    if (places->places == NULL || !more_slots(places)) {
        places_free(places);
        return memory_failure(error, "a constraint's places", 2 * sizeof *places->places);
    }
    places->places[PLACES_FAILED] = places->places[PLACES_DEAD] = (struct place){.set = 0};
    places->count = 2;
    return PRIMER_OK;
}

void places_free(struct places *places)
{
    stacks_free(&places->stacks);
    memory_free(places->places);
    memory_free(places->next);
    memory_free(places->of_set);
    memory_free(places->after);
    memory_free(places->items);
    memory_free(places->queued);
    memory_free(places->queue);
    memory_free(places->slots);
    *places = (struct places){0};
}

size_t places_bytes(const struct places *places)
{
    return stacks_bytes(&places->stacks) + places->capacity * sizeof *places->places +
           (places->next_capacity + places->of_set_capacity + places->after_capacity) *
               sizeof *places->next +
           places->item_capacity * (sizeof *places->items + 5) +
           places->slot_capacity * sizeof *places->slots;
}
