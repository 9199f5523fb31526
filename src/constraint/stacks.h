/* stacks.h - sets of stacks: where an answer is in a network, on all ways at once.
 *
 * A stack says which state one is in, and to which states one returns. Many stacks share their
 * lower parts, and many more their beginnings at the top; a set is a tree of frames, which joins
 * both:
 *
 *   set ---> frame (state, counter) ---> set below ---> ...
 *       ---> frame (state, counter) ---> set below
 *       ---> bottom: nothing is left to return to
 *
 * The frames of a set are sorted and differ in state or counter; sets with the same frames are one
 * set: so sets that hold the same stacks have the same number (as minimal automata do). A set's
 * number is as good as its contents wherever something is remembered about it.
 *
 * The counter of a frame is how many times the frame's rule has been begun in a row, 1 for rules
 * that aren't counted. What begins in the middle of a counted rule, wherever that be, is followed
 * with counters that are relative to it:
 *
 *   STACKS_RELATIVE | n   n times begun since
 *   STACKS_AFTER | n      the counted rule was left, n times begun since; the frame's own rule
 *                         isn't counted
 *
 * Above such a frame there may be others, below it all is unknown. What of a set's end depends on
 * the counter are its conditions: the relative counters of all its stacks, in which those that
 * follow from others are left out; none: no stack has one.
 */
#ifndef CONSTRAINT_STACKS_H
#define CONSTRAINT_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

#define STACKS_RELATIVE   ((uint32_t)1 << 31)
#define STACKS_AFTER      ((uint32_t)1 << 30)
#define STACKS_COUNT      (STACKS_AFTER - 1)
#define STACKS_DEPTH_MOST 4096 /* frames of a stack */
#define STACKS_JOINS      ((size_t)1 << 12)

enum { STACKS_FAILED, STACKS_BOTTOM, STACKS_EMPTY }; /* the first sets */

struct stacks_frame {
    uint32_t state; /* 0: the bottom */
    uint32_t counter;
    uint32_t below; /* a set; of the bottom 0 */
};

struct stacks_set {
    uint32_t first, count;                     /* of frames */
    uint32_t condition_first, condition_count; /* of conditions */
    uint32_t depth;
};

/* A join that was made: what it gives never changes. */
struct stacks_join {
    uint32_t a, b, joined; /* a < b */
};

struct stacks {
    struct stacks_frame *frames;
    size_t frame_count, frame_capacity;
    struct stacks_set *sets;
    size_t set_count, set_capacity;
    uint32_t *conditions; /* of one set: sorted */
    size_t condition_count, condition_capacity;
    uint32_t *slots; /* [slot_capacity] a set, 0: empty; at most half full */
    size_t slot_capacity;
    struct stacks_frame *work; /* joins under way, one behind the other */
    size_t work_count, work_capacity;
    struct stacks_join *joins; /* [STACKS_JOINS] by a and b, the latest */
    size_t steps;              /* that may still be made */
    primer_error failure;
};

/* What is too much: a failure of the whole. `stacks` zeroed. */
primer_status stacks_create(struct stacks *stacks, primer_error *error);
void stacks_free(struct stacks *stacks);
size_t stacks_bytes(const struct stacks *stacks);

/* The set of these frames, sorted by state and counter; STACKS_FAILED where that can't be had. */
uint32_t stacks_set(struct stacks *stacks, const struct stacks_frame *frames, size_t count);
uint32_t stacks_push(struct stacks *stacks, uint32_t state, uint32_t counter, uint32_t below);
uint32_t stacks_join(struct stacks *stacks, uint32_t a, uint32_t b);
/* The same with relative counters less by `less`. */
uint32_t stacks_shift(struct stacks *stacks, uint32_t set, uint32_t less);
/* Takes `count` steps off; false, and a failure, where none are left. */
bool stacks_spend(struct stacks *stacks, size_t count);
void stacks_fail(struct stacks *stacks, primer_status status, const char *text);

static inline bool stacks_is_relative(uint32_t counter)
{
    return (counter & (STACKS_RELATIVE | STACKS_AFTER)) != 0;
}

#endif
