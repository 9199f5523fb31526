/* places.h - where an answer can be in a network: an automaton that is built while it is followed.
 *
 *   place ---> a set of stacks (stacks.h) of which a byte, a mark or the end can come next
 *         ---> per class of bytes the next place, once it was asked for
 *
 * A step: the edges of all topmost states, then, until nothing new comes, what calls lead to, and
 * where rules that have ended are gone on with. Frames with state 0 say that the bottom was
 * reached: the text may end here; with a relative counter, under its condition.
 *
 * Places whose stacks have relative counters are kept with the least of them 0; a step tells how
 * much was taken off. So a string of any length is a handful of places.
 */
#ifndef CONSTRAINT_PLACES_H
#define CONSTRAINT_PLACES_H

#include "constraint/network.h"
#include "constraint/stacks.h"

enum { PLACES_FAILED, PLACES_DEAD }; /* the first places */

#define PLACES_PLACE ((uint32_t)0xFFFFFF) /* of an entry of `next`; above it what was taken off */

struct place_mask; /* masks.h */

struct place {
    uint32_t set;
    uint32_t table; /* row of `next`; 0: none yet */
    bool ends;      /* the text may end here */
    struct place_mask *mask;
};

struct places {
    const struct network *network;
    struct stacks stacks;
    struct place *places;
    size_t count, capacity;
    uint32_t *next; /* [tables][classes] place and what was taken off; 0: not yet known */
    size_t table_count, next_capacity;
    uint32_t *of_set; /* [sets] the place of a set, or 0 */
    uint32_t *after;  /* [sets] the place that a set is with all that follows from it, or 0 */
    size_t of_set_capacity, after_capacity;
    struct stacks_frame *items; /* of the step under way */
    size_t item_count, item_capacity;
    unsigned char *queued;   /* [items] */
    uint32_t *queue, *slots; /* item numbers; slots + 1 by state and counter */
    size_t queued_capacity, queue_count, queue_capacity, slot_capacity;
    size_t bytes_most;
};

/* `places` zeroed. The network must outlive them. */
primer_status places_create(struct places *places, const struct network *network, size_t bytes_most,
                            primer_error *error);
void places_free(struct places *places);
size_t places_bytes(const struct places *places);

/* All these: PLACES_FAILED, and stacks.failure says why. */
uint32_t places_begin(struct places *places);
/* The place of a set as it is. */
uint32_t places_of(struct places *places, uint32_t set);
/* The place where one of the set's frames is on top. */
uint32_t places_after(struct places *places, uint32_t set);
/* The entry of `next`, found now. */
uint32_t places_find(struct places *places, uint32_t place, uint32_t class);
uint32_t places_mark(struct places *places, uint32_t place, uint32_t mark);

/* A step over a byte; *less: what was taken off relative counters. */
static inline uint32_t places_step(struct places *places, uint32_t place, unsigned char byte,
                                   uint32_t *less)
{
    const uint32_t class = places->network->class_of[byte], table = places->places[place].table;
    uint32_t entry = table == 0 ? 0 : places->next[table * places->network->class_count + class];
    if (entry == 0)
        entry = places_find(places, place, class);
    *less = entry >> 24;
    return entry & PLACES_PLACE;
}

#endif
