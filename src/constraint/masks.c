/* masks.c - masks from analyses and walks (masks.h). */
#include "constraint/masks.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "constraint/constraint_memory.h"
#include "constraint/masks_analysis.h"

enum { WALK_STATES = 48 }; /* with so many, a walk is as good as analyses */

static void set_bit(uint64_t *words, int32_t id)
{
    words[(size_t)id / 64] |= (uint64_t)1 << (size_t)id % 64;
}

/* The tokens that end at a node. */
static void set_tokens(const struct masks *masks, uint32_t node, uint64_t *words)
{
    const struct constraint_vocabulary *const vocabulary = masks->vocabulary;
    for (uint32_t i = vocabulary->nodes[node].tokens; i < vocabulary->nodes[node + 1].tokens; i++)
        set_bit(words, vocabulary->tokens[i]);
}

/* ---- walks ----------------------------------------------------------------------------------- */

/* All below a node, which the place is at. */
static bool walk(struct masks *masks, uint32_t place, uint32_t node, uint64_t *words)
{
    const struct vocabulary_node *const nodes = masks->vocabulary->nodes;
    const uint32_t end = nodes[node].skip;
    uint32_t less;
    masks->levels[nodes[node].depth] = place;
    for (uint32_t n = node + 1; n < end;) {
        const uint32_t above = masks->levels[nodes[n].depth - 1];
        const uint32_t next = places_step(&masks->places, above, nodes[n].byte, &less);
        if (next == PLACES_FAILED)
            return false;
        if (next == PLACES_DEAD) {
            n = nodes[n].skip;
            continue;
        }
        masks->levels[nodes[n].depth] = next;
        set_tokens(masks, n, words);
        n++;
    }
    return true;
}

/* ---- analyses put to use --------------------------------------------------------------------- */

/* What a counted rule may still do: be begun `more` times; be left after `least` times or more. */
struct range {
    uint32_t least, more;
};

static void set_list(uint64_t *words, const int32_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        set_bit(words, ids[i]);
}

static void join_ids(const struct masks *masks, const struct mask_ids *ids, uint64_t *words)
{
    if (ids->words == NULL)
        set_list(words, ids->list, ids->count);
    for (size_t i = 0; ids->words != NULL && i < masks->vocabulary->words; i++)
        words[i] |= ids->words[i];
}

/* Those that need the rule begun up to `most` times more: from nothing on, or all but the others,
 * whichever are fewer. */
static void join_within(struct masks *masks, const struct analysis *analysis, uint32_t most,
                        uint64_t *words)
{
    const size_t count = analysis->within_at[most + 1];
    const size_t all = analysis->within_at[analysis->times + 1];
    if (analysis->within.words == NULL || count < all / 2) {
        set_list(words, analysis->ids, count);
        return;
    }
    memcpy(masks->words, analysis->within.words, masks->vocabulary->words * sizeof *words);
    for (size_t i = count; i < all; i++)
        masks->words[(size_t)analysis->ids[i] / 64] &=
            ~((uint64_t)1 << (size_t)analysis->ids[i] % 64);
    for (size_t i = 0; i < masks->vocabulary->words; i++)
        words[i] |= masks->words[i];
}

static void join_conditional(struct masks *masks, const struct analysis *analysis,
                             struct range range, uint64_t *words)
{
    if (analysis->ids == NULL)
        return;
    const uint32_t most = range.more < analysis->times ? range.more : analysis->times;
    join_within(masks, analysis, most, words);
    if (range.least <= most)
        set_list(words, analysis->ids + analysis->after_at[range.least],
                 analysis->after_at[most + 1] - analysis->after_at[range.least]);
}

static bool fulfilled(uint32_t condition, struct range range)
{
    const uint32_t n = condition & STACKS_COUNT;
    return !stacks_is_relative(condition) || (n <= range.more && n >= range.least);
}

static bool mask_below(struct masks *masks, uint32_t place, uint32_t node, uint64_t *words);

/* An analysis's tokens, and its exits with what is below. */
static bool apply(struct masks *masks, const struct analysis *analysis, struct range range,
                  uint32_t below, uint64_t *words)
{
    const struct vocabulary_node *const nodes = masks->vocabulary->nodes;
    join_ids(masks, &analysis->always, words);
    join_conditional(masks, analysis, range, words);
    if (analysis->exit_count == 0)
        return true;
    const uint32_t after = places_after(&masks->places, below);
    if (after == PLACES_FAILED)
        return false;
    for (size_t i = 0; i < analysis->exit_count; i++) {
        const struct mask_exit exit = analysis->exits[i];
        uint32_t less;
        if (!fulfilled(exit.condition, range))
            continue;
        const uint32_t next = places_step(&masks->places, after, nodes[exit.node].byte, &less);
        if (next == PLACES_DEAD)
            continue;
        if (next == PLACES_FAILED)
            return false;
        set_tokens(masks, exit.node, words);
        if (!mask_below(masks, next, exit.node, words))
            return false;
    }
    return true;
}

/* A topmost frame in a counted rule: for each state that it returns to. */
static bool apply_counted(struct masks *masks, struct stacks_frame frame, uint32_t node,
                          uint64_t *words)
{
    const struct network *const network = masks->places.network;
    const struct network_rule *const rule = &network->rules[network->states[frame.state].rule];
    const struct range range = {rule->least > frame.counter ? rule->least - frame.counter : 0,
                                rule->most == NETWORK_ENDLESS ? UINT32_MAX
                                                              : rule->most - frame.counter};
    const struct stacks *const stacks = &masks->places.stacks;
    for (uint32_t i = 0; i < stacks->sets[frame.below].count; i++) {
        const struct stacks_frame back = stacks->frames[stacks->sets[frame.below].first + i];
        const struct analysis *const analysis =
            masks_analysis(masks, frame.state, back.state, node);
        if (analysis == NULL || !apply(masks, analysis, range, back.below, words))
            return false;
    }
    return true;
}

/* All below a node, which the place is at. Each call goes at least a byte deeper. */
static bool mask_below(struct masks *masks, uint32_t place, uint32_t node, uint64_t *words)
{
    const struct stacks *const stacks = &masks->places.stacks;
    const uint32_t set = masks->places.places[place].set;
    if (masks->vocabulary->nodes[node].skip - node <= masks->walk_nodes ||
        stacks->sets[set].count > WALK_STATES)
        return walk(masks, place, node, words);
    for (uint32_t i = 0; i < stacks->sets[set].count; i++) {
        const struct stacks_frame frame = stacks->frames[stacks->sets[set].first + i];
        const struct range range = {0, 0};
        if (frame.state == 0)
            continue;
        if (network_counted(masks->places.network, frame.state)) {
            if (!apply_counted(masks, frame, node, words))
                return false;
            continue;
        }
        const struct analysis *const analysis = masks_analysis(masks, frame.state, 0, node);
        if (analysis == NULL || !apply(masks, analysis, range, frame.below, words))
            return false;
    }
    return true;
}

/* ---- whole masks ----------------------------------------------------------------------------- */

/* Control tokens that stand for marks, and the ends. */
static void set_controls(const struct masks *masks, uint32_t place, uint64_t *words)
{
    const struct network *const network = masks->places.network;
    const struct stacks *const stacks = &masks->places.stacks;
    const struct stacks_set *const set = &stacks->sets[masks->places.places[place].set];
    for (uint32_t i = 0; i < set->count; i++) {
        const uint32_t number = stacks->frames[set->first + i].state;
        const struct network_state *const state = &network->states[number];
        for (uint32_t e = state->marks; e < state[1].marks && number != 0; e++)
            if (masks->mark_ids[network->marks[e].mark] >= 0)
                set_bit(words, masks->mark_ids[network->marks[e].mark]);
    }
    if (masks->places.places[place].ends)
        set_list(words, masks->vocabulary->ends, masks->vocabulary->end_count);
}

static const uint64_t *kept(const struct masks *masks, const struct place_mask *mask,
                            uint64_t *words)
{
    if (mask->ids.words != NULL)
        return mask->ids.words;
    memset(words, 0, masks->vocabulary->words * sizeof *words);
    set_list(words, mask->ids.list, mask->ids.count);
    return words;
}

const uint64_t *masks_at(struct masks *masks, uint32_t place, uint64_t *words, primer_error *error)
{
    const struct place_mask *const before = masks->places.places[place].mask;
    if (before != NULL)
        return kept(masks, before, words);
    memset(words, 0, masks->vocabulary->words * sizeof *words);
    if (!mask_below(masks, place, 0, words)) {
        const primer_error *const failure = &masks->places.stacks.failure;
        error_set(error, failure->status, "%s", failure->message);
        return NULL;
    }
    set_controls(masks, place, words);
    bool any = false;
    for (size_t i = 0; i < masks->vocabulary->words && !any; i++)
        any = words[i] != 0;
    if (!any) {
        error_set(error, PRIMER_EUNSUPPORTED,
                  "no token of the vocabulary leads on from here as the grammar wants it");
        return NULL;
    }
    struct place_mask *const mask = memory_allocate(1, sizeof *mask);
    if (mask == NULL || !masks_ids(masks, words, &mask->ids)) {
        memory_free(mask); /* kept or not, it is a mask */
        return words;
    }
    masks->bytes += sizeof *mask;
    masks->places.places[place].mask = mask;
    return words;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static uint32_t take_control(struct masks *masks, uint32_t place, int32_t id)
{
    for (uint32_t mark = 0; mark < masks->places.network->mark_count; mark++)
        if (masks->mark_ids[mark] == id)
            return places_mark(&masks->places, place, mark);
    return PLACES_DEAD;
}

uint32_t masks_take(struct masks *masks, uint32_t place, int32_t id)
{
    const struct constraint_vocabulary *const vocabulary = masks->vocabulary;
    if (id < 0 || (size_t)id >= vocabulary->count)
        return PLACES_DEAD;
    const struct vocabulary_bytes bytes = vocabulary->bytes[id];
    uint32_t less;
    if (bytes.length == 0)
        return take_control(masks, place, id);
    for (uint32_t i = 0; i < bytes.length && place > PLACES_DEAD; i++)
        place = places_step(&masks->places, place,
                            (unsigned char)vocabulary->store.bytes[bytes.first + i], &less);
    return place;
}

/* ---- made and given back --------------------------------------------------------------------- */

static void find_marks(struct masks *masks)
{
    const struct network *const network = masks->places.network;
    const struct constraint_vocabulary *const vocabulary = masks->vocabulary;
    for (size_t mark = 0; mark < network->mark_count; mark++) {
        const char *const text = network->mark_texts[mark];
        const size_t length = strlen(text);
        masks->mark_ids[mark] = -1;
        for (size_t i = 0; i < vocabulary->control_count; i++) {
            const struct vocabulary_control *const control = &vocabulary->controls[i];
            if (control->length == length && length > 0 &&
                memcmp(vocabulary->texts.bytes + control->first, text, length) == 0)
                masks->mark_ids[mark] = control->id;
        }
    }
}

primer_status masks_create(struct masks **masks, const struct network *network,
                           const struct constraint_vocabulary *vocabulary, size_t bytes_most,
                           size_t walk_nodes, primer_error *error)
{
    struct masks *made = memory_allocate(1, sizeof *made);
    primer_status status = PRIMER_OK;
    if (made == NULL)
        return memory_failure(error, "a constraint's masks", sizeof *made);
    made->vocabulary = vocabulary;
    made->serial = vocabulary->serial;
    made->walk_nodes = walk_nodes;
    made->levels = memory_allocate(vocabulary->longest + 1, sizeof *made->levels);
    made->offsets = memory_allocate(vocabulary->longest + 1, sizeof *made->offsets);
    made->words = memory_allocate(vocabulary->words, sizeof *made->words);
    made->mark_ids = memory_allocate(network->mark_count, sizeof *made->mark_ids);
    if (made->levels == NULL || made->offsets == NULL || made->words == NULL ||
        made->mark_ids == NULL)
        TRY(memory_failure(error, "a constraint's masks", vocabulary->words * sizeof *made->words));
    TRY(places_create(&made->places, network, bytes_most, error));
    find_marks(made);
    *masks = made;
    made = NULL;
cleanup:
    masks_free(made);
    return status;
}

void masks_free(struct masks *masks)
{
    if (masks == NULL)
        return;
    for (size_t i = 0; i < masks->places.count; i++)
        if (masks->places.places[i].mask != NULL) {
            masks_ids_free(&masks->places.places[i].mask->ids);
            memory_free(masks->places.places[i].mask);
        }
    for (size_t i = 0; i < masks->analysis_capacity; i++)
        masks_analysis_free(masks->analyses[i]);
    memory_free(masks->analyses);
    places_free(&masks->places);
    memory_free(masks->levels);
    memory_free(masks->offsets);
    memory_free(masks->words);
    memory_free(masks->conditionals);
    memory_free(masks->exits);
    memory_free(masks->mark_ids);
    memory_free(masks);
}

size_t masks_bytes(const struct masks *masks)
{
    return places_bytes(&masks->places) + masks->bytes +
           masks->analysis_capacity * sizeof *masks->analyses +
           masks->conditional_capacity * sizeof *masks->conditionals +
           masks->exit_capacity * sizeof *masks->exits;
}
