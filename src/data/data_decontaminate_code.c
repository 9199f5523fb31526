/* data_decontaminate_code.c - grams of syntax trees, their weights, match rates. Declared in
 * data_decontaminate_code.h.
 *
 *   gram --table--> number --postings--> units that have it: evidence[unit] += weight
 *   units with enough evidence, the most contained first --edit distance--> match rate
 */
#include "data/data_decontaminate_code.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/data_overlap_distance.h"

#define GRAM            4    /* nodes */
#define CANDIDATES      16   /* whose edit distance is computed */
#define LEAST_CONTAINED 0.25 /* of a candidate */

/* ---- one tree -------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9E3779B97F4A7C15ULL;
    return hash ^ (hash >> 29);
}

/* Own names are numbered in the order in which they appear in the gram. */
static uint64_t gram_hash(const struct data_decontaminate_node *nodes, size_t length)
{
    uint64_t hash = length;
    for (size_t i = 0; i < length; i++) {
        uint64_t value = nodes[i].value;
        if ((nodes[i].symbol & DATA_DECONTAMINATE_OWN) != 0) {
            size_t k = 0;
            while (nodes[k].value != nodes[i].value ||
                   (nodes[k].symbol & DATA_DECONTAMINATE_OWN) == 0)
                k++;
            value = k;
        }
        hash = mix(hash, (uint64_t)nodes[i].symbol << 32 | value);
    }
    return hash ^ (hash >> 32);
}

static int compare_hashes(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The different grams of a tree, ascending; returns how many. */
static size_t grams_of_tree(const struct data_decontaminate_tree *tree, uint64_t *grams)
{
    const size_t length = tree->count < GRAM ? tree->count : GRAM;
    const size_t count = tree->count - length + 1;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        grams[i] = gram_hash(tree->nodes + i, length);
    qsort(grams, count, sizeof grams[0], compare_hashes);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || grams[i] != grams[i - 1])
            grams[kept++] = grams[i];
    return kept;
}

static void symbols_of_tree(const struct data_decontaminate_tree *tree, uint32_t *symbols)
{
    const uint32_t bare = DATA_DECONTAMINATE_OWN | DATA_DECONTAMINATE_CONSTANT;
    for (size_t i = 0; i < tree->count; i++) {
        const struct data_decontaminate_node *const node = &tree->nodes[i];
        symbols[i] =
            (node->symbol & bare) != 0 ? node->symbol : node->symbol ^ (node->value * 2654435761U);
    }
}

/* ---- scratch --------------------------------------------------------------------------------- */

void data_decontaminate_matcher_free(struct data_decontaminate_matcher *matcher)
{
    memory_free(matcher->grams);
    memory_free(matcher->symbols);
    memory_free(matcher->costs);
    memory_free(matcher->evidence);
    memory_free(matcher->touched);
    *matcher = (struct data_decontaminate_matcher){0};
}

static primer_status make_room(struct data_decontaminate_matcher *matcher, size_t nodes,
                               primer_error *error)
{
    if (nodes < matcher->room)
        return PRIMER_OK;
    const size_t room = 2 * nodes + 256;
    uint64_t *const grams = memory_resize(matcher->grams, room, sizeof *grams);
    matcher->grams = grams != NULL ? grams : matcher->grams;
    uint32_t *const symbols = memory_resize(matcher->symbols, room, sizeof *symbols);
    matcher->symbols = symbols != NULL ? symbols : matcher->symbols;
    uint32_t *const costs = memory_resize(matcher->costs, 2 * (room + 1), sizeof *costs);
    matcher->costs = costs != NULL ? costs : matcher->costs;
    if (grams == NULL || symbols == NULL || costs == NULL)
        return memory_failure(error, "a syntax tree", room * sizeof *grams);
    matcher->room = room;
    return PRIMER_OK;
}

static primer_status make_unit_room(struct data_decontaminate_matcher *matcher, size_t units,
                                    primer_error *error)
{
    if (matcher->unit_room >= units)
        return PRIMER_OK;
    memory_free(matcher->evidence);
    memory_free(matcher->touched);
    matcher->evidence = memory_allocate(units, sizeof *matcher->evidence);
    matcher->touched = memory_allocate(units, sizeof *matcher->touched);
    if (matcher->evidence == NULL || matcher->touched == NULL)
        return memory_failure(error, "programs of items", units * sizeof *matcher->evidence);
    matcher->unit_room = units;
    return PRIMER_OK;
}

/* ---- the index ------------------------------------------------------------------------------- */

void data_decontaminate_code_free(struct data_decontaminate_code *code)
{
    for (size_t i = 0; i < code->unit_count; i++)
        memory_free(code->units[i].symbols);
    memory_free(code->units);
    memory_free(code->grams_of);
    data_overlap_weight_free(&code->frequency);
    memory_free(code->posting_begins);
    memory_free(code->postings);
    data_overlap_table_free(&code->grams);
    *code = (struct data_decontaminate_code){0};
}

static primer_status grow_units(struct data_decontaminate_code *code, size_t grams,
                                primer_error *error)
{
    if (code->unit_count == code->unit_room) {
        const size_t room = code->unit_room == 0 ? 256 : 2 * code->unit_room;
        struct data_decontaminate_unit *const units =
            memory_resize(code->units, room, sizeof *units);
        if (units == NULL)
            return memory_failure(error, "programs of items", room * sizeof *units);
        code->units = units;
        code->unit_room = room;
    }
    if (grams > code->grams_room - code->grams_length) {
        const size_t room = 2 * (code->grams_length + grams) + 4096;
        uint32_t *const grown = memory_resize(code->grams_of, room, sizeof *grown);
        if (grown == NULL)
            return memory_failure(error, "grams of items", room * sizeof *grown);
        code->grams_of = grown;
        code->grams_room = room;
    }
    return PRIMER_OK;
}

static primer_status add_unit(struct data_decontaminate_code *code,
                              struct data_decontaminate_matcher *matcher,
                              const struct data_decontaminate_tree *tree, uint32_t item,
                              primer_error *error)
{
    FORWARD(make_room(matcher, tree->count, error));
    const size_t count = grams_of_tree(tree, matcher->grams);
    FORWARD(grow_units(code, count, error));
    struct data_decontaminate_unit unit = {
        .item = item, .count = tree->count, .first_gram = code->grams_length, .gram_count = count};
    unit.symbols = memory_allocate(tree->count, sizeof *unit.symbols);
    if (unit.symbols == NULL)
        return memory_failure(error, "a program of an item", tree->count * sizeof *unit.symbols);
    symbols_of_tree(tree, unit.symbols);
    code->units[code->unit_count++] = unit;
    for (size_t i = 0; i < count; i++) {
        size_t number = 0;
        FORWARD(data_overlap_table_enter(&code->grams, matcher->grams[i], &number, error));
        code->grams_of[code->grams_length++] = (uint32_t)number;
    }
    return PRIMER_OK;
}

static primer_status make_postings(struct data_decontaminate_code *code, primer_error *error)
{
    const size_t grams = code->grams.count;
    FORWARD(data_overlap_weight_create(&code->frequency, grams, error));
    code->posting_begins = memory_allocate(grams + 2, sizeof *code->posting_begins);
    code->postings = memory_allocate(code->grams_length, sizeof *code->postings);
    if (code->posting_begins == NULL || code->postings == NULL)
        return memory_failure(error, "grams of items", grams * sizeof *code->posting_begins);
    size_t *const begins = code->posting_begins;
    for (size_t i = 0; i < code->grams_length; i++)
        begins[code->grams_of[i] + 2]++;
    for (size_t i = 2; i < grams + 2; i++)
        begins[i] += begins[i - 1];
    for (size_t u = 0; u < code->unit_count; u++)
        for (size_t i = 0; i < code->units[u].gram_count; i++)
            code->postings[begins[code->grams_of[code->units[u].first_gram + i] + 1]++] =
                (uint32_t)u;
    return PRIMER_OK;
}

/* Units of an item follow each other: a gram counts once for an item. */
static void count_items(struct data_decontaminate_code *code)
{
    for (size_t g = 0; g < code->grams.count; g++)
        for (size_t k = code->posting_begins[g]; k < code->posting_begins[g + 1]; k++)
            code->frequency.items[g] +=
                k == code->posting_begins[g] ||
                code->units[code->postings[k]].item != code->units[code->postings[k - 1]].item;
    for (size_t u = 0; u < code->unit_count; u++)
        code->frequency.item_count += u == 0 || code->units[u].item != code->units[u - 1].item;
}

primer_status data_decontaminate_code_create(struct data_decontaminate_code *code,
                                             const struct data_decontaminate_trees *trees,
                                             const uint32_t *text_items, size_t texts,
                                             primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct data_decontaminate_matcher matcher = {0};
    *code = (struct data_decontaminate_code){0};
    for (size_t i = 0; i < texts; i++)
        for (size_t k = trees->first[i]; k < trees->first[i + 1]; k++)
            if (trees->trees[k].count > 0)
                TRY(add_unit(code, &matcher, &trees->trees[k], text_items[i], error));
    TRY(make_postings(code, error));
    count_items(code);
cleanup:
    data_decontaminate_matcher_free(&matcher);
    return status;
}

primer_status data_decontaminate_code_count(struct data_decontaminate_code *code,
                                            struct data_decontaminate_matcher *matcher,
                                            const struct data_decontaminate_tree *trees,
                                            size_t count, primer_error *error)
{
    for (size_t k = 0; k < count; k++) {
        if (trees[k].count == 0)
            continue;
        FORWARD(make_room(matcher, trees[k].count, error));
        const size_t grams = grams_of_tree(&trees[k], matcher->grams);
        code->frequency.document_count++;
        for (size_t i = 0; i < grams; i++) {
            const size_t number = data_overlap_table_find(&code->grams, matcher->grams[i]);
            if (number != SIZE_MAX)
                code->frequency.documents[number]++;
        }
    }
    return PRIMER_OK;
}

void data_decontaminate_code_finish(struct data_decontaminate_code *code)
{
    data_overlap_weight_finish(&code->frequency);
    for (size_t u = 0; u < code->unit_count; u++) {
        struct data_decontaminate_unit *const unit = &code->units[u];
        unit->weight = 0;
        for (size_t i = 0; i < unit->gram_count; i++)
            unit->weight += (double)code->frequency.weights[code->grams_of[unit->first_gram + i]];
    }
}

/* ---- finding --------------------------------------------------------------------------------- */

/* evidence[unit] for the grams of a tree; returns how many units were touched. */
static size_t gather(const struct data_decontaminate_code *code,
                     struct data_decontaminate_matcher *matcher,
                     const struct data_decontaminate_tree *tree)
{
    const size_t grams = grams_of_tree(tree, matcher->grams);
    size_t touched = 0;
    for (size_t i = 0; i < grams; i++) {
        const size_t number = data_overlap_table_find(&code->grams, matcher->grams[i]);
        if (number == SIZE_MAX || !(code->frequency.weights[number] > 0))
            continue;
        for (size_t k = code->posting_begins[number]; k < code->posting_begins[number + 1]; k++) {
            const uint32_t unit = code->postings[k];
            if (!(matcher->evidence[unit] > 0))
                matcher->touched[touched++] = unit;
            matcher->evidence[unit] += code->frequency.weights[number];
        }
    }
    return touched;
}

struct candidate {
    uint32_t unit;
    double contained, evidence;
};

/* The most contained, best first; equal ones by number. Leaves `evidence` empty again. */
static size_t choose(const struct data_decontaminate_code *code,
                     struct data_decontaminate_matcher *matcher, size_t touched,
                     double least_evidence, double least_contained, struct candidate *best)
{
    size_t count = 0;
    for (size_t i = 0; i < touched; i++) {
        const uint32_t unit = matcher->touched[i];
        const double evidence = (double)matcher->evidence[unit];
        const struct candidate found = {unit, evidence / code->units[unit].weight, evidence};
        matcher->evidence[unit] = 0;
        if (evidence < least_evidence || found.contained < least_contained)
            continue;
        size_t at = count < CANDIDATES ? count++ : CANDIDATES;
        while (at > 0 &&
               (best[at - 1].contained < found.contained ||
                (best[at - 1].contained <= found.contained && best[at - 1].unit > unit))) {
            if (at < CANDIDATES)
                best[at] = best[at - 1];
            at--;
        }
        if (at < CANDIDATES)
            best[at] = found;
    }
    return count;
}

static double rate_of(const struct data_decontaminate_unit *unit,
                      const struct data_decontaminate_matcher *matcher, size_t count, double least)
{
    const size_t longer = unit->count > count ? unit->count : count;
    const size_t most = (size_t)((1 - least) * (double)longer);
    const size_t distance = data_overlap_distance(unit->symbols, unit->count, matcher->symbols,
                                                  count, most, matcher->costs);
    return distance == SIZE_MAX ? 0 : 1 - (double)distance / (double)longer;
}

static double worth(const struct data_decontaminate_match *match)
{
    return match->rate * match->evidence;
}

/* Into the list, which is kept in order; an item is in it once. */
static void add_match(struct data_decontaminate_match *matches, size_t *found,
                      const struct data_decontaminate_match *match)
{
    size_t at = 0;
    while (at < *found && matches[at].item != match->item)
        at++;
    if (at == *found && *found < DATA_DECONTAMINATE_MATCHES)
        (*found)++;
    else if (at == *found && worth(&matches[--at]) >= worth(match))
        return; /* the list is full of better ones */
    else if (matches[at].item == match->item && worth(&matches[at]) >= worth(match))
        return;
    for (; at > 0 && worth(&matches[at - 1]) < worth(match); at--)
        matches[at] = matches[at - 1];
    matches[at] = *match;
}

primer_status data_decontaminate_code_find(const struct data_decontaminate_code *code,
                                           struct data_decontaminate_matcher *matcher,
                                           const struct data_decontaminate_tree *trees,
                                           size_t count, double rate, double evidence,
                                           struct data_decontaminate_match *matches, size_t *found,
                                           primer_error *error)
{
    struct candidate best[CANDIDATES];
    *found = 0;
    FORWARD(make_unit_room(matcher, code->unit_count, error));
    for (size_t k = 0; k < count; k++) {
        if (trees[k].count == 0)
            continue;
        FORWARD(make_room(matcher, trees[k].count, error));
        const size_t touched = gather(code, matcher, &trees[k]);
        const size_t candidates = choose(code, matcher, touched, evidence, LEAST_CONTAINED, best);
        symbols_of_tree(&trees[k], matcher->symbols);
        for (size_t i = 0; i < candidates; i++) {
            const struct data_decontaminate_unit *const unit = &code->units[best[i].unit];
            const struct data_decontaminate_match match = {
                .item = unit->item,
                .rate = rate_of(unit, matcher, trees[k].count, rate),
                .contained = best[i].contained,
                .evidence = best[i].evidence,
                .nodes = unit->count};
            if (match.rate >= rate)
                add_match(matches, found, &match);
        }
    }
    return PRIMER_OK;
}
