/* masks_analysis.c - one walk over a part of the vocabulary's tree, with the bottom below.
 *
 * What is found with conditions is sorted by them: ids that need the rule begun n times more lie
 * together, n ascending; then those that need it left after n times. Of the former each id is in
 * one place, with its least n; and all of them together are a set, for rules that have many times
 * left.
 */
#include "constraint/masks_analysis.h"

#include <string.h>

#include "base/memory.h"
#include "constraint/constraint_memory.h"

enum { FEW = 64 }; /* ids in a list */

static bool no_memory(struct masks *masks, size_t bytes)
{
    if (masks->places.stacks.failure.status == PRIMER_OK)
        memory_failure(&masks->places.stacks.failure, "a constraint's masks", bytes);
    return false;
}

bool masks_ids(struct masks *masks, const uint64_t *words, struct mask_ids *ids)
{
    const size_t word_count = masks->vocabulary->words;
    size_t count = 0;
    for (size_t i = 0; i < word_count; i++)
        count += words[i] == 0 ? 0 : (size_t)__builtin_popcountll(words[i]);
    *ids = (struct mask_ids){0};
    if (count > FEW) {
        ids->words = memory_allocate_aligned(word_count, sizeof *words);
        if (ids->words == NULL)
            return false;
        memcpy(ids->words, words, word_count * sizeof *words);
        masks->bytes += word_count * sizeof *words;
        return true;
    }
    ids->list = memory_allocate(count, sizeof *ids->list);
    for (size_t i = 0; i < word_count && ids->list != NULL; i++)
        for (uint64_t word = words[i]; word != 0; word &= word - 1)
            ids->list[ids->count++] = (int32_t)(i * 64 + (size_t)__builtin_ctzll(word));
    masks->bytes += count * sizeof *ids->list;
    return ids->list != NULL;
}

/* ---- the walk -------------------------------------------------------------------------------- */

static bool add_conditional(struct masks *masks, uint32_t condition, int32_t id)
{
    struct mask_conditional *const all =
        constraint_grown(masks->conditionals, &masks->conditional_capacity,
                         masks->conditional_count + 1, sizeof *all);
    if (all == NULL)
        return no_memory(masks, (masks->conditional_count + 1) * sizeof *all);
    masks->conditionals = all;
    all[masks->conditional_count++] = (struct mask_conditional){condition, id};
    return true;
}

/* The tokens that end at a node, under the place's conditions. */
static bool add_tokens(struct masks *masks, uint32_t place, uint32_t offset, uint32_t node)
{
    const struct constraint_vocabulary *const vocabulary = masks->vocabulary;
    const struct stacks *const stacks = &masks->places.stacks;
    const struct stacks_set *const set = &stacks->sets[masks->places.places[place].set];
    for (uint32_t i = vocabulary->nodes[node].tokens; i < vocabulary->nodes[node + 1].tokens; i++) {
        const int32_t id = vocabulary->tokens[i];
        if (set->condition_count == 0)
            masks->words[(size_t)id / 64] |= (uint64_t)1 << (size_t)id % 64;
        for (uint32_t k = 0; k < set->condition_count; k++)
            if (!add_conditional(masks, stacks->conditions[set->condition_first + k] + offset, id))
                return false;
    }
    return true;
}

/* A node's part of the tree is an exit under each condition on which the place above is an end. */
static bool add_exits(struct masks *masks, uint32_t place, uint32_t offset, uint32_t node)
{
    const struct stacks *const stacks = &masks->places.stacks;
    const struct stacks_set *const set = &stacks->sets[masks->places.places[place].set];
    for (uint32_t i = 0; i < set->count && stacks->frames[set->first + i].state == 0; i++) {
        const uint32_t counter = stacks->frames[set->first + i].counter;
        struct mask_exit *const all = constraint_grown(masks->exits, &masks->exit_capacity,
                                                       masks->exit_count + 1, sizeof *all);
        if (all == NULL)
            return no_memory(masks, (masks->exit_count + 1) * sizeof *all);
        masks->exits = all;
        all[masks->exit_count++] =
            (struct mask_exit){node, stacks_is_relative(counter) ? counter + offset : 1};
    }
    return true;
}

static bool walk(struct masks *masks, uint32_t place, uint32_t node, const uint64_t *follow)
{
    const struct vocabulary_node *const nodes = masks->vocabulary->nodes;
    const uint32_t end = nodes[node].skip;
    masks->levels[nodes[node].depth] = place;
    masks->offsets[nodes[node].depth] = 0;
    for (uint32_t n = node + 1; n < end;) {
        const size_t depth = nodes[n].depth;
        const uint32_t above = masks->levels[depth - 1], offset = masks->offsets[depth - 1];
        const uint8_t byte = nodes[n].byte;
        if (masks->places.places[above].ends && (follow[byte / 64] >> byte % 64 & 1) != 0 &&
            !add_exits(masks, above, offset, n))
            return false;
        uint32_t less;
        const uint32_t next = places_step(&masks->places, above, byte, &less);
        if (next == PLACES_FAILED)
            return false;
        if (next == PLACES_DEAD) {
            n = nodes[n].skip;
            continue;
        }
        masks->levels[depth] = next;
        masks->offsets[depth] = offset + less;
        if (!add_tokens(masks, next, offset + less, n))
            return false;
        n++;
    }
    return true;
}

/* ---- sorting what was found ------------------------------------------------------------------ */

static uint32_t *counts(struct masks *masks, struct analysis *analysis, uint32_t kind)
{
    uint32_t *const at = memory_allocate(analysis->times + (size_t)3, sizeof *at);
    for (size_t i = 0; i < masks->conditional_count && at != NULL; i++)
        if ((masks->conditionals[i].condition & kind) != 0)
            at[(masks->conditionals[i].condition & STACKS_COUNT) + 2]++;
    return at;
}

/* Those of one kind, by n, to ids[begin ..]; where the last one ends. */
static uint32_t sort_kind(struct masks *masks, struct analysis *analysis, uint32_t kind,
                          uint32_t *at, uint32_t begin)
{
    at[0] = at[1] = begin;
    for (uint32_t n = 2; n < analysis->times + 3; n++)
        at[n] += at[n - 1];
    for (size_t i = 0; i < masks->conditional_count; i++)
        if ((masks->conditionals[i].condition & kind) != 0)
            analysis->ids[at[(masks->conditionals[i].condition & STACKS_COUNT) + 1]++] =
                masks->conditionals[i].id;
    return at[analysis->times + 1];
}

static bool sort_conditionals(struct masks *masks, struct analysis *analysis)
{
    const size_t count = masks->conditional_count, words = masks->vocabulary->words;
    if (count == 0)
        return true;
    for (size_t i = 0; i < count; i++) {
        const uint32_t n = masks->conditionals[i].condition & STACKS_COUNT;
        analysis->times = n > analysis->times ? n : analysis->times;
    }
    analysis->ids = memory_allocate(count, sizeof *analysis->ids);
    analysis->within_at = counts(masks, analysis, STACKS_RELATIVE);
    analysis->after_at = counts(masks, analysis, STACKS_AFTER);
    if (analysis->ids == NULL || analysis->within_at == NULL || analysis->after_at == NULL)
        return no_memory(masks, count * sizeof *analysis->ids);
    masks->bytes += count * sizeof *analysis->ids + 8 * ((size_t)analysis->times + 3);
    const uint32_t within = sort_kind(masks, analysis, STACKS_RELATIVE, analysis->within_at, 0);
    sort_kind(masks, analysis, STACKS_AFTER, analysis->after_at, within);
    memset(masks->words, 0, words * sizeof *masks->words);
    for (uint32_t i = 0; i < within; i++)
        masks->words[(size_t)analysis->ids[i] / 64] |= (uint64_t)1 << (size_t)analysis->ids[i] % 64;
    return masks_ids(masks, masks->words, &analysis->within) || no_memory(masks, words * 8);
}

static bool copy_exits(struct masks *masks, struct analysis *analysis)
{
    const size_t bytes = masks->exit_count * sizeof *masks->exits;
    analysis->exits = memory_allocate(masks->exit_count, sizeof *masks->exits);
    if (analysis->exits == NULL)
        return no_memory(masks, bytes);
    if (bytes > 0)
        memcpy(analysis->exits, masks->exits, bytes);
    analysis->exit_count = masks->exit_count;
    masks->bytes += bytes;
    return true;
}

/* ---- made once ------------------------------------------------------------------------------- */

static bool fill(struct masks *masks, struct analysis *analysis)
{
    const struct network *const network = masks->places.network;
    const uint32_t leaving = analysis->back != 0 ? analysis->back : analysis->state;
    const uint64_t *const follow = network->rules[network->states[leaving].rule].follow;
    const size_t words = masks->vocabulary->words;
    struct stacks *const stacks = &masks->places.stacks;
    uint32_t below = STACKS_BOTTOM;
    if (analysis->back != 0)
        below = stacks_push(stacks, analysis->back, 1, STACKS_BOTTOM);
    if (below == STACKS_FAILED)
        return false;
    const uint32_t place =
        places_of(&masks->places, stacks_push(stacks, analysis->state,
                                              analysis->back != 0 ? STACKS_RELATIVE : 1, below));
    masks->conditional_count = masks->exit_count = 0;
    memset(masks->words, 0, words * sizeof *masks->words);
    if (place == PLACES_FAILED || !walk(masks, place, analysis->node, follow))
        return false;
    if (!masks_ids(masks, masks->words, &analysis->always))
        return no_memory(masks, words * 8);
    return sort_conditionals(masks, analysis) && copy_exits(masks, analysis);
}

static size_t slot_of(const struct masks *masks, uint32_t state, uint32_t back, uint32_t node)
{
    uint64_t key = ((uint64_t)state << 32 | back) * UINT64_C(0x9E3779B97F4A7C15);
    key = (key ^ key >> 32 ^ node) * UINT64_C(0x9E3779B97F4A7C15);
    size_t slot = (size_t)(key >> 32) & (masks->analysis_capacity - 1);
    for (; masks->analyses[slot] != NULL; slot = (slot + 1) & (masks->analysis_capacity - 1)) {
        const struct analysis *const analysis = masks->analyses[slot];
        if (analysis->state == state && analysis->back == back && analysis->node == node)
            break;
    }
    return slot;
}

static bool more_slots(struct masks *masks)
{
    const size_t before = masks->analysis_capacity, capacity = before == 0 ? 64 : 2 * before;
    struct analysis **const old = masks->analyses;
    struct analysis **const slots = memory_allocate(capacity, sizeof *slots);
    if (slots == NULL)
        return no_memory(masks, capacity * sizeof *slots);
    masks->analyses = slots;
    masks->analysis_capacity = capacity;
    for (size_t i = 0; i < before; i++)
        if (old[i] != NULL)
            slots[slot_of(masks, old[i]->state, old[i]->back, old[i]->node)] = old[i];
    memory_free(old);
    return true;
}

const struct analysis *masks_analysis(struct masks *masks, uint32_t state, uint32_t back,
                                      uint32_t node)
{
    if (2 * masks->analysis_count >= masks->analysis_capacity && !more_slots(masks))
        return NULL;
    const size_t slot = slot_of(masks, state, back, node);
    if (masks->analyses[slot] != NULL)
        return masks->analyses[slot];
    struct analysis *const analysis = memory_allocate(1, sizeof *analysis);
    if (analysis == NULL) {
        no_memory(masks, sizeof *analysis);
        return NULL;
    }
    analysis->state = state;
    analysis->back = back;
    analysis->node = node;
    if (!fill(masks, analysis)) {
        masks_analysis_free(analysis);
        return NULL;
    }
    masks->bytes += sizeof *analysis;
    masks->analyses[slot] = analysis;
    masks->analysis_count++;
    return analysis;
}

void masks_ids_free(struct mask_ids *ids)
{
    memory_free(ids->words);
    memory_free(ids->list);
}

void masks_analysis_free(struct analysis *analysis)
{
    if (analysis == NULL)
        return;
    masks_ids_free(&analysis->always);
    masks_ids_free(&analysis->within);
    memory_free(analysis->ids);
    memory_free(analysis->within_at);
    memory_free(analysis->after_at);
    memory_free(analysis->exits);
    memory_free(analysis);
}
