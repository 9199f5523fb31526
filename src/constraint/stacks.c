/* stacks.c - sets are entered once, by their frames; joins go down where both have a frame. */
#include "constraint/stacks.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "constraint/constraint_memory.h"

enum { SETS_MOST = 1 << 24 };

void stacks_fail(struct stacks *stacks, primer_status status, const char *text)
{
    if (stacks->failure.status == PRIMER_OK)
        error_set(&stacks->failure, status, "%s", text);
}

static uint32_t no_memory(struct stacks *stacks, size_t bytes)
{
    if (stacks->failure.status == PRIMER_OK)
        memory_failure(&stacks->failure, "a constraint's states", bytes);
    return STACKS_FAILED;
}

bool stacks_spend(struct stacks *stacks, size_t count)
{
    if (count <= stacks->steps) {
        stacks->steps -= count;
        return true;
    }
    stacks->steps = 0;
    stacks_fail(stacks, PRIMER_ELIMIT,
                "the grammar is too ambiguous here: there are too many ways to read the answer");
    return false;
}

void stacks_free(struct stacks *stacks)
{
    memory_free(stacks->frames);
    memory_free(stacks->sets);
    memory_free(stacks->conditions);
    memory_free(stacks->slots);
    memory_free(stacks->work);
    memory_free(stacks->joins);
    *stacks = (struct stacks){0};
}

size_t stacks_bytes(const struct stacks *stacks)
{
    return stacks->frame_capacity * sizeof *stacks->frames +
           stacks->set_capacity * sizeof *stacks->sets +
           stacks->condition_capacity * sizeof *stacks->conditions +
           stacks->slot_capacity * sizeof *stacks->slots +
           stacks->work_capacity * sizeof *stacks->work + STACKS_JOINS * sizeof *stacks->joins;
}

/* ---- sets ------------------------------------------------------------------------------------ */

static bool same(const struct stacks *stacks, uint32_t set, const struct stacks_frame *frames,
                 size_t count)
{
    const struct stacks_set *const other = &stacks->sets[set];
    return other->count == count && (count == 0 || memcmp(stacks->frames + other->first, frames,
                                                          count * sizeof *frames) == 0);
}

static size_t slot_of(const struct stacks *stacks, const struct stacks_frame *frames, size_t count)
{
    size_t slot = (size_t)hash_bytes(frames, count * sizeof *frames, count);
    slot &= stacks->slot_capacity - 1;
    while (stacks->slots[slot] != 0 && !same(stacks, stacks->slots[slot], frames, count))
        slot = (slot + 1) & (stacks->slot_capacity - 1);
    return slot;
}

static bool more_slots(struct stacks *stacks)
{
    const size_t capacity = stacks->slot_capacity == 0 ? 256 : 2 * stacks->slot_capacity;
    uint32_t *const slots = memory_allocate(capacity, sizeof *slots);
    if (slots == NULL)
        return no_memory(stacks, capacity * sizeof *slots) != STACKS_FAILED;
    memory_free(stacks->slots);
    stacks->slots = slots;
    stacks->slot_capacity = capacity;
    for (uint32_t set = 1; set < stacks->set_count; set++) {
        const struct stacks_set *const s = &stacks->sets[set];
        slots[slot_of(stacks, stacks->frames + s->first, s->count)] = set;
    }
    return true;
}

static bool room(struct stacks *stacks, size_t frames, size_t conditions)
{
    struct stacks_frame *const f = constraint_grown(stacks->frames, &stacks->frame_capacity,
                                                    stacks->frame_count + frames, sizeof *f);
    if (f != NULL)
        stacks->frames = f;
    struct stacks_set *const s =
        constraint_grown(stacks->sets, &stacks->set_capacity, stacks->set_count + 1, sizeof *s);
    if (s != NULL)
        stacks->sets = s;
    uint32_t *const c = constraint_grown(stacks->conditions, &stacks->condition_capacity,
                                         stacks->condition_count + conditions, sizeof *c);
    if (c != NULL)
        stacks->conditions = c;
    if (f == NULL || s == NULL || c == NULL)
        return no_memory(stacks, frames * sizeof *f) != STACKS_FAILED;
    return true;
}

static int by_value(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* The conditions of `count` frames, to the end of the list. To be within the rule, begun n times,
 * is what both more often and left after n times or more need too; and who may go on for the n-th
 * time or be left before it need only have n - 1: a rule begun as often as it may be may also be
 * left. */
static uint32_t add_conditions(struct stacks *stacks, const struct stacks_frame *frames,
                               size_t count)
{
    uint32_t *const list = stacks->conditions + stacks->condition_count;
    uint32_t least = UINT32_MAX;
    size_t used = 0, kept = 0;
    for (size_t i = 0; i < count; i++) {
        const struct stacks_set *const below = &stacks->sets[frames[i].below];
        if (stacks_is_relative(frames[i].counter))
            list[used++] = frames[i].counter;
        else
            for (uint32_t k = 0; k < below->condition_count; k++)
                list[used++] = stacks->conditions[below->condition_first + k];
    }
    for (size_t i = 0; i < used; i++)
        if ((list[i] & STACKS_RELATIVE) != 0 && (list[i] & STACKS_COUNT) < least)
            least = list[i] & STACKS_COUNT;
    qsort(list, used, sizeof *list, by_value);
    for (size_t i = used; i-- > 0;)
        if (least != UINT32_MAX && least > 0 && list[i] == (STACKS_AFTER | (least - 1)))
            list[i] = STACKS_RELATIVE | --least;
    for (size_t i = 0; i < used; i++) {
        const bool within = (list[i] & STACKS_RELATIVE) != 0;
        const uint32_t n = list[i] & STACKS_COUNT;
        if ((within ? n == least : n < least) && (kept == 0 || list[kept - 1] != list[i]))
            list[kept++] = list[i];
    }
    stacks->condition_count += kept;
    return (uint32_t)kept;
}

static uint32_t append(struct stacks *stacks, const struct stacks_frame *frames, size_t count)
{
    uint32_t depth = 0;
    size_t conditions = 0;
    for (size_t i = 0; i < count; i++) {
        const struct stacks_set *const below = &stacks->sets[frames[i].below];
        conditions += below->condition_count + 1;
        depth = below->depth + 1 > depth ? below->depth + 1 : depth;
    }
    if (depth > STACKS_DEPTH_MOST || stacks->set_count >= SETS_MOST) {
        stacks_fail(stacks, PRIMER_ELIMIT,
                    depth > STACKS_DEPTH_MOST
                        ? "the answer is nested deeper than a constraint can follow"
                        : "the answer has more states than a constraint can follow");
        return STACKS_FAILED;
    }
    if (!room(stacks, count, conditions))
        return STACKS_FAILED;
    const struct stacks_set set = {.first = (uint32_t)stacks->frame_count,
                                   .count = (uint32_t)count,
                                   .condition_first = (uint32_t)stacks->condition_count,
                                   .condition_count = add_conditions(stacks, frames, count),
                                   .depth = depth};
    if (count > 0)
        memcpy(stacks->frames + set.first, frames, count * sizeof *frames);
    stacks->frame_count += count;
    stacks->sets[stacks->set_count] = set;
    return (uint32_t)stacks->set_count++;
}

uint32_t stacks_set(struct stacks *stacks, const struct stacks_frame *frames, size_t count)
{
    if (stacks->set_count >= stacks->slot_capacity / 2 && !more_slots(stacks))
        return STACKS_FAILED;
    const size_t slot = slot_of(stacks, frames, count);
    if (stacks->slots[slot] == 0)
        stacks->slots[slot] = append(stacks, frames, count);
    return stacks->slots[slot];
}

uint32_t stacks_push(struct stacks *stacks, uint32_t state, uint32_t counter, uint32_t below)
{
    const struct stacks_frame frame = {state, counter, below};
    return stacks_set(stacks, &frame, 1);
}

primer_status stacks_create(struct stacks *stacks, primer_error *error)
{
    const struct stacks_frame bottom = {0, 1, 0};
    stacks->joins = memory_allocate(STACKS_JOINS, sizeof *stacks->joins);
    if (stacks->joins == NULL)
        no_memory(stacks, STACKS_JOINS * sizeof *stacks->joins);
    if (stacks->joins != NULL && room(stacks, 1, 1)) {
        stacks->sets[STACKS_FAILED] = (struct stacks_set){0};
        stacks->set_count = 1;
        stacks_set(stacks, &bottom, 1);
        stacks_set(stacks, NULL, 0);
    }
    if (stacks->set_count == STACKS_EMPTY + 1)
        return PRIMER_OK;
    const primer_status status =
        error_set(error, stacks->failure.status, "%s", stacks->failure.message);
    stacks_free(stacks);
    return status;
}

/* ---- joins ----------------------------------------------------------------------------------- */

static int order(const struct stacks_frame *a, const struct stacks_frame *b)
{
    if (a->state != b->state)
        return a->state < b->state ? -1 : 1;
    return a->counter < b->counter ? -1 : a->counter > b->counter;
}

static bool more_work(struct stacks *stacks, size_t count)
{
    struct stacks_frame *const work = constraint_grown(stacks->work, &stacks->work_capacity,
                                                       stacks->work_count + count, sizeof *work);
    if (work == NULL)
        return no_memory(stacks, count * sizeof *work) != STACKS_FAILED;
    stacks->work = work;
    return true;
}

/* Goes as deep as both have the same frames, STACKS_DEPTH_MOST at most. */
static uint32_t make_join(struct stacks *stacks, uint32_t a, uint32_t b)
{
    const size_t a_count = stacks->sets[a].count, b_count = stacks->sets[b].count;
    const size_t begin = stacks->work_count;
    size_t i = 0, k = 0;
    if (!stacks_spend(stacks, a_count + b_count) || !more_work(stacks, a_count + b_count))
        return STACKS_FAILED;
    while ((i < a_count || k < b_count) && stacks->failure.status == PRIMER_OK) {
        const struct stacks_frame *const x = stacks->frames + stacks->sets[a].first + i;
        const struct stacks_frame *const y = stacks->frames + stacks->sets[b].first + k;
        const int which = i == a_count ? 1 : k == b_count ? -1 : order(x, y);
        struct stacks_frame frame = which <= 0 ? *x : *y;
        i += which <= 0;
        k += which >= 0;
        if (which == 0 && frame.state != 0)
            frame.below = stacks_join(stacks, x->below, y->below);
        stacks->work[stacks->work_count++] = frame;
    }
    const uint32_t joined =
        stacks->failure.status == PRIMER_OK
            ? stacks_set(stacks, stacks->work + begin, stacks->work_count - begin)
            : STACKS_FAILED;
    stacks->work_count = begin;
    return joined;
}

/* Sets share their lower parts, so the same joins come again and again: as many times as there are
 * ways down, were they not remembered. */
uint32_t stacks_join(struct stacks *stacks, uint32_t a, uint32_t b)
{
    if (a == b || a == STACKS_FAILED || b == STACKS_FAILED)
        return a == b ? a : STACKS_FAILED;
    const uint32_t low = a < b ? a : b, high = a < b ? b : a;
    const uint64_t key = ((uint64_t)low << 32 | high) * UINT64_C(0x9E3779B97F4A7C15);
    struct stacks_join *const known = &stacks->joins[(size_t)(key >> 40) & (STACKS_JOINS - 1)];
    if (known->a == low && known->b == high)
        return known->joined;
    const uint32_t joined = make_join(stacks, low, high);
    if (joined != STACKS_FAILED)
        *known = (struct stacks_join){low, high, joined};
    return joined;
}

uint32_t stacks_shift(struct stacks *stacks, uint32_t set, uint32_t less)
{
    const size_t count = stacks->sets[set].count, begin = stacks->work_count;
    if (less == 0 || stacks->sets[set].condition_count == 0)
        return set;
    if (!stacks_spend(stacks, count) || !more_work(stacks, count))
        return STACKS_FAILED;
    for (size_t i = 0; i < count; i++) {
        struct stacks_frame frame = stacks->frames[stacks->sets[set].first + i];
        if (stacks_is_relative(frame.counter))
            frame.counter -= less;
        else if (frame.state != 0)
            frame.below = stacks_shift(stacks, frame.below, less);
        stacks->work[stacks->work_count++] = frame;
    }
    const uint32_t shifted =
        stacks->failure.status == PRIMER_OK
            ? stacks_set(stacks, stacks->work + begin, stacks->work_count - begin)
            : STACKS_FAILED;
    stacks->work_count = begin;
    return shifted;
}
