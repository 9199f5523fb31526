/* regex_automaton.c - expressions that must hold at once, and limits of length, to one automaton.
 *
 *   tree -> machine     Thompson's construction: splits, sets, anchors        (one per term)
 *        -> automaton   subsets of its places, reached on demand              (one per term)
 *        -> product     a place in each of them and the length so far
 *        -> reduced     without dead ends, alike states joined (Moore)
 *
 * Symbols are classes of characters between which none of the terms' sets tells a difference:
 *
 *   sets     [a-z] [aeiou]      symbols   aeiou | bcdf..z | everything else
 *
 * Anchors and edges are passed or not while closing over empty moves, where it is known whether the
 * text begins, ends, and which kinds of characters lie around.
 */
#include "constraint/regex.h"

#include <string.h>

#include "base/hash.h"
#include "base/utf8.h"

#define MACHINE_LIMIT 200000u /* places of one term's machine */
#define NOWHERE       UINT32_MAX

enum place_kind {
    PLACE_SET,
    PLACE_SPLIT,
    PLACE_ACCEPT,
    PLACE_START,
    PLACE_END,
    PLACE_EDGE,
    PLACE_INNER
};

struct place {
    enum place_kind kind;
    struct regex_set set;
    uint32_t next, other; /* other: of a split */
};

struct alphabet {
    size_t count;            /* symbols */
    struct regex_set *means; /* [count] */
    bool *word;              /* [count]; all of its characters are \w */
    uint32_t *starts;        /* [intervals], ascending: where each begins */
    uint32_t *symbols;       /* [intervals] */
    size_t intervals;
};

/* One state of a term's automaton: places before closing, and what was there before. */
struct subset {
    const uint32_t *places;
    size_t count;
    bool first, word; /* at the text's begin; behind a character of \w */
};

struct build {
    struct scratch *scratch;
    primer_error *error;
    const struct alphabet *alphabet;
    struct place *places;
    size_t place_count, place_capacity;
    uint32_t sink; /* the loop behind a match that may be anywhere; NOWHERE */
    bool edges;    /* \b or \B is used */
    size_t work;   /* places looked at */
    struct subset *subsets;
    size_t subset_count, subset_capacity;
    uint32_t *table; /* hashed subsets, + 1 */
    size_t table_size;
    uint32_t *stack, *closed, *marks, mark;
    size_t closed_count;
    struct regex_automaton automaton;
    size_t next_capacity, accepts_capacity;
};

/* ---- symbols --------------------------------------------------------------------------------- */

struct sets {
    const struct regex_set **items;
    size_t count, capacity;
};

static primer_status add_set(struct scratch *scratch, const struct regex_set *set,
                             struct sets *sets, primer_error *error)
{
    for (size_t i = 0; i < sets->count; i++)
        if (regex_set_equal(*sets->items[i], *set))
            return PRIMER_OK;
    if (sets->count == REGEX_SETS)
        return error_set(error, PRIMER_ELIMIT,
                         "the expression has more than %d different characters and classes",
                         REGEX_SETS);
    sets->items = scratch_grow(scratch, sets->items, sets->count, &sets->capacity, sizeof(void *));
    if (sets->items == NULL)
        return constraint_scratch_failure(scratch, error);
    sets->items[sets->count++] = set;
    return PRIMER_OK;
}

static primer_status collect_sets(struct scratch *scratch, const struct regex_node *node,
                                  struct sets *sets, primer_error *error)
{
    if (node->kind == REGEX_SET)
        FORWARD(add_set(scratch, &node->set, sets, error));
    for (size_t i = 0; i < node->count; i++)
        FORWARD(collect_sets(scratch, node->children[i], sets, error));
    return PRIMER_OK;
}

/* Every range's first, and what follows its last: ascending, each once. */
static struct regex_set boundaries(struct scratch *scratch, const struct sets *sets)
{
    size_t count = 0;
    for (size_t i = 0; i < sets->count; i++)
        count += sets->items[i]->count * 2;
    struct grammar_range *const points = scratch_take(scratch, count + 4, sizeof *points);
    if (points == NULL)
        return REGEX_NO_SET;
    static const uint32_t always[] = {0, 0xD800, 0xE000, 0x110000};
    size_t used = 0;
    for (size_t i = 0; i < 4; i++)
        points[used++].first = always[i];
    for (size_t i = 0; i < sets->count; i++)
        for (size_t j = 0; j < sets->items[i]->count; j++) {
            points[used++].first = sets->items[i]->ranges[j].first;
            points[used++].first = sets->items[i]->ranges[j].last + 1;
        }
    return (struct regex_set){points, used};
}

static void sort_points(uint32_t *points, size_t *count)
{
    for (size_t gap = *count / 2; gap > 0; gap /= 2)
        for (size_t i = gap; i < *count; i++) {
            const uint32_t value = points[i];
            size_t j = i;
            for (; j >= gap && points[j - gap] > value; j -= gap)
                points[j] = points[j - gap];
            points[j] = value;
        }
    size_t used = 0;
    for (size_t i = 0; i < *count; i++)
        if (used == 0 || points[used - 1] != points[i])
            points[used++] = points[i];
    *count = used;
}

/* Which of the sets the code point is in, as bits. */
static void signature(const struct sets *sets, uint32_t code_point, uint64_t *bits, size_t words)
{
    memset(bits, 0, words * sizeof *bits);
    for (size_t i = 0; i < sets->count; i++)
        if (regex_set_has(*sets->items[i], code_point))
            bits[i / 64] |= (uint64_t)1 << i % 64;
}

static bool symbol_ranges(struct scratch *scratch, struct alphabet *alphabet)
{
    alphabet->means = scratch_take(scratch, alphabet->count + 1, sizeof *alphabet->means);
    struct grammar_range *const ranges =
        scratch_take(scratch, alphabet->intervals + 1, sizeof *ranges);
    if (alphabet->means == NULL || ranges == NULL)
        return false;
    size_t used = 0;
    for (size_t s = 0; s < alphabet->count; s++) {
        const size_t from = used;
        for (size_t i = 0; i + 1 < alphabet->intervals; i++)
            if (alphabet->symbols[i] == s)
                ranges[used++] =
                    (struct grammar_range){alphabet->starts[i], alphabet->starts[i + 1] - 1};
        alphabet->means[s] = regex_set_of(scratch, ranges + from, used - from);
        if (alphabet->means[s].count == SIZE_MAX)
            return false;
    }
    return true;
}

/* Gives intervals of the same signature one symbol. */
static bool name_symbols(struct scratch *scratch, const struct sets *sets,
                         struct alphabet *alphabet)
{
    const size_t words = sets->count / 64 + 1;
    size_t capacity = 0;
    uint64_t *known = NULL, *const bits = scratch_take(scratch, words, sizeof *bits);
    for (size_t i = 0; bits != NULL && i < alphabet->intervals; i++) {
        const uint32_t start = alphabet->starts[i];
        alphabet->symbols[i] = NOWHERE;
        if (start >= 0x110000 || (start >= 0xD800 && start < 0xE000))
            continue;
        signature(sets, start, bits, words);
        size_t s = 0;
        while (s < alphabet->count && memcmp(known + s * words, bits, words * sizeof *bits) != 0)
            s++;
        if (s == alphabet->count) {
            known = scratch_grow(scratch, known, s, &capacity, words * sizeof *bits);
            if (known == NULL)
                return false;
            memcpy(known + s * words, bits, words * sizeof *bits);
            alphabet->count++;
        }
        alphabet->symbols[i] = (uint32_t)s;
    }
    return bits != NULL;
}

static const struct grammar_range word_ranges[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
static const struct regex_set word_set = {word_ranges, 4};

static bool make_alphabet(struct scratch *scratch, const struct sets *sets,
                          struct alphabet *alphabet)
{
    const struct regex_set points = boundaries(scratch, sets);
    if (points.count == SIZE_MAX)
        return false;
    alphabet->intervals = points.count;
    alphabet->starts = scratch_take(scratch, points.count, sizeof *alphabet->starts);
    alphabet->symbols = scratch_take(scratch, points.count, sizeof *alphabet->symbols);
    if (alphabet->starts == NULL || alphabet->symbols == NULL)
        return false;
    for (size_t i = 0; i < points.count; i++)
        alphabet->starts[i] = points.ranges[i].first;
    sort_points(alphabet->starts, &alphabet->intervals);
    if (!name_symbols(scratch, sets, alphabet) || !symbol_ranges(scratch, alphabet))
        return false;
    alphabet->word = scratch_take(scratch, alphabet->count + 1, sizeof *alphabet->word);
    for (size_t s = 0; alphabet->word != NULL && s < alphabet->count; s++)
        alphabet->word[s] = regex_set_has(word_set, alphabet->means[s].ranges[0].first);
    return alphabet->word != NULL;
}

static primer_status alphabet_of(struct scratch *scratch, const struct regex_term *terms,
                                 size_t count, struct alphabet *alphabet, primer_error *error)
{
    struct sets sets = {0};
    FORWARD(add_set(scratch, &word_set, &sets, error));
    for (size_t i = 0; i < count; i++)
        FORWARD(collect_sets(scratch, terms[i].root, &sets, error));
    return make_alphabet(scratch, &sets, alphabet) ? PRIMER_OK
                                                   : constraint_scratch_failure(scratch, error);
}

/* ---- a term's machine ------------------------------------------------------------------------ */

static primer_status add_place(struct build *build, struct place place, uint32_t *at)
{
    if (build->place_count == MACHINE_LIMIT)
        return error_set(build->error, PRIMER_ELIMIT,
                         "the expression has more than %u places once its counts are written out",
                         MACHINE_LIMIT);
    build->places = scratch_grow(build->scratch, build->places, build->place_count,
                                 &build->place_capacity, sizeof place);
    if (build->places == NULL)
        return constraint_scratch_failure(build->scratch, build->error);
    build->places[build->place_count] = place;
    *at = (uint32_t)build->place_count++;
    return PRIMER_OK;
}

static primer_status compile(struct build *build, const struct regex_node *node, uint32_t next,
                             uint32_t *begin);

/* least copies, and behind them optional ones or a loop. Written from the back. */
static primer_status compile_repeat(struct build *build, const struct regex_node *node,
                                    uint32_t next, uint32_t *begin)
{
    const struct regex_node *const child = node->children[0];
    uint32_t at = next, split = 0;
    if (node->most == GRAMMAR_ENDLESS) {
        FORWARD(add_place(build, (struct place){.kind = PLACE_SPLIT, .other = next}, &split));
        FORWARD(compile(build, child, split, &at));
        build->places[split].next = at;
        at = split;
    }
    for (size_t i = node->least; node->most != GRAMMAR_ENDLESS && i < node->most; i++) {
        uint32_t inner;
        FORWARD(compile(build, child, at, &inner));
        FORWARD(add_place(build, (struct place){.kind = PLACE_SPLIT, .next = inner, .other = next},
                          &at));
    }
    for (size_t i = 0; i < node->least; i++) {
        const uint32_t behind = at;
        FORWARD(compile(build, child, behind, &at));
        if (at == behind)
            break; /* the empty text, however often */
    }
    *begin = at;
    return PRIMER_OK;
}

static primer_status compile_choice(struct build *build, const struct regex_node *node,
                                    uint32_t next, uint32_t *begin)
{
    uint32_t at = NOWHERE;
    for (size_t i = node->count; i-- > 0;) {
        uint32_t child;
        FORWARD(compile(build, node->children[i], next, &child));
        if (at == NOWHERE)
            at = child;
        else
            FORWARD(add_place(
                build, (struct place){.kind = PLACE_SPLIT, .next = child, .other = at}, &at));
    }
    if (at == NOWHERE) /* no alternatives: a set without characters */
        FORWARD(add_place(build, (struct place){.kind = PLACE_SET, .next = next}, &at));
    *begin = at;
    return PRIMER_OK;
}

static primer_status compile(struct build *build, const struct regex_node *node, uint32_t next,
                             uint32_t *begin)
{
    struct place place = {.set = node->set, .next = next};
    switch (node->kind) {
    case REGEX_SEQUENCE:
        for (size_t i = node->count; i-- > 0;)
            FORWARD(compile(build, node->children[i], next, &next));
        *begin = next;
        return PRIMER_OK;
    case REGEX_CHOICE:
        return compile_choice(build, node, next, begin);
    case REGEX_REPEAT:
        return compile_repeat(build, node, next, begin);
    case REGEX_START:
        place.kind = PLACE_START;
        break;
    case REGEX_END:
        place.kind = PLACE_END;
        break;
    case REGEX_EDGE:
    case REGEX_INNER:
        place.kind = node->kind == REGEX_EDGE ? PLACE_EDGE : PLACE_INNER;
        build->edges = true;
        break;
    case REGEX_SET:
        place.kind = PLACE_SET;
        break;
    case REGEX_AHEAD:
        return error_set(build->error, PRIMER_EUNSUPPORTED, "look-ahead inside an expression");
    }
    return add_place(build, place, begin);
}

static primer_status compile_term(struct build *build, struct regex_term term, uint32_t *begin)
{
    uint32_t accept = 0, loop = 0;
    build->sink = NOWHERE;
    FORWARD(add_place(build, (struct place){.kind = PLACE_ACCEPT}, &accept));
    if (!term.whole) {
        FORWARD(add_place(build, (struct place){.kind = PLACE_SPLIT, .other = accept}, &loop));
        FORWARD(add_place(build,
                          (struct place){.kind = PLACE_SET, .set = regex_set_all(), .next = loop},
                          &build->sink));
        build->places[loop].next = build->sink;
        accept = loop;
    }
    FORWARD(compile(build, term.root, accept, begin));
    if (!term.whole) {
        uint32_t inner = *begin;
        FORWARD(add_place(build, (struct place){.kind = PLACE_SPLIT, .other = inner}, begin));
        FORWARD(add_place(build,
                          (struct place){.kind = PLACE_SET, .set = regex_set_all(), .next = *begin},
                          &inner));
        build->places[*begin].next = inner;
    }
    return PRIMER_OK;
}

/* ---- a term's automaton ---------------------------------------------------------------------- */

static bool passes(const struct build *build, const struct place *place,
                   const struct subset *subset, bool last, bool next_word)
{
    (void)build;
    switch (place->kind) {
    case PLACE_START:
        return subset->first;
    case PLACE_END:
        return last;
    case PLACE_EDGE:
        return subset->word != next_word;
    case PLACE_INNER:
        return subset->word == next_word;
    default:
        return true;
    }
}

/* build->closed: sets and the accepting place that the subset's places lead to. */
static void close_over(struct build *build, const struct subset *subset, bool last, bool next_word)
{
    size_t depth = 0;
    build->closed_count = 0;
    build->mark++;
    for (size_t i = subset->count; i-- > 0;)
        build->stack[depth++] = subset->places[i];
    while (depth > 0) {
        const uint32_t at = build->stack[--depth];
        const struct place *const place = &build->places[at];
        build->work++;
        if (build->marks[at] == build->mark)
            continue;
        build->marks[at] = build->mark;
        if (place->kind == PLACE_SET || place->kind == PLACE_ACCEPT) {
            build->closed[build->closed_count++] = at;
        } else if (passes(build, place, subset, last, next_word)) {
            if (place->kind == PLACE_SPLIT)
                build->stack[depth++] = place->other;
            build->stack[depth++] = place->next;
        }
    }
}

static int by_number(const uint32_t *places, size_t count, const struct subset *other)
{
    return other->count == count && memcmp(other->places, places, count * sizeof *places) == 0;
}

static primer_status grow_table(struct build *build)
{
    const size_t size = build->table_size == 0 ? 64 : build->table_size * 2;
    uint32_t *const table = scratch_take(build->scratch, size, sizeof *table);
    if (table == NULL)
        return constraint_scratch_failure(build->scratch, build->error);
    for (size_t i = 0; i < build->subset_count; i++) {
        const struct subset *const subset = &build->subsets[i];
        size_t at = hash_bytes(subset->places, subset->count * sizeof(uint32_t),
                               (uint64_t)subset->first * 2 + subset->word) &
                    (size - 1);
        while (table[at] != 0)
            at = (at + 1) & (size - 1);
        table[at] = (uint32_t)i + 1;
    }
    build->table = table;
    build->table_size = size;
    return PRIMER_OK;
}

/* The number of a subset, new or not; its places are sorted and copied. */
static primer_status number_subset(struct build *build, uint32_t *places, size_t count, bool first,
                                   bool word, uint32_t *number)
{
    sort_points(places, &count);
    if (build->subset_count * 2 >= build->table_size)
        FORWARD(grow_table(build));
    const uint64_t hash = hash_bytes(places, count * sizeof *places, (uint64_t)first * 2 + word);
    size_t at = hash & (build->table_size - 1);
    for (; build->table[at] != 0; at = (at + 1) & (build->table_size - 1)) {
        const struct subset *const other = &build->subsets[build->table[at] - 1];
        if (other->first == first && other->word == word && by_number(places, count, other)) {
            *number = build->table[at] - 1;
            return PRIMER_OK;
        }
    }
    if (build->subset_count == REGEX_STATES)
        return error_set(build->error, PRIMER_ELIMIT, "the expression takes more than %d states",
                         REGEX_STATES);
    uint32_t *const copy = scratch_take(build->scratch, count + 1, sizeof *copy);
    build->subsets = scratch_grow(build->scratch, build->subsets, build->subset_count,
                                  &build->subset_capacity, sizeof *build->subsets);
    if (copy == NULL || build->subsets == NULL)
        return constraint_scratch_failure(build->scratch, build->error);
    memcpy(copy, places, count * sizeof *places);
    build->table[at] = (uint32_t)build->subset_count + 1;
    *number = (uint32_t)build->subset_count;
    build->subsets[build->subset_count++] = (struct subset){copy, count, first, word};
    return PRIMER_OK;
}

static primer_status step_subset(struct build *build, const struct subset *subset, size_t symbol,
                                 uint32_t *next)
{
    const uint32_t code_point = build->alphabet->means[symbol].ranges[0].first;
    size_t count = 0;
    bool sunk = false;
    build->work += build->closed_count;
    if (build->work > REGEX_WORK)
        return error_set(build->error, PRIMER_ELIMIT,
                         "the expression takes more than %d steps of looking at its places",
                         REGEX_WORK);
    for (size_t i = 0; i < build->closed_count; i++) {
        const struct place *const place = &build->places[build->closed[i]];
        if (place->kind != PLACE_SET || !regex_set_has(place->set, code_point))
            continue;
        sunk = sunk || build->closed[i] == build->sink;
        build->stack[count++] = place->next;
    }
    *next = REGEX_DEAD;
    (void)subset;
    if (count == 0)
        return PRIMER_OK;
    if (sunk) { /* matched already: what else might match makes no difference */
        build->stack[0] = build->places[build->sink].next;
        count = 1;
    }
    return number_subset(build, build->stack, count, false,
                         build->edges && !sunk && build->alphabet->word[symbol], next);
}

static bool subset_accepts(struct build *build, const struct subset *subset)
{
    close_over(build, subset, true, false);
    for (size_t i = 0; i < build->closed_count; i++)
        if (build->places[build->closed[i]].kind == PLACE_ACCEPT)
            return true;
    return false;
}

static primer_status expand_subset(struct build *build, size_t number)
{
    const size_t symbols = build->alphabet->count;
    struct regex_automaton *const automaton = &build->automaton;
    const struct subset subset = build->subsets[number];
    automaton->next = scratch_grow(build->scratch, automaton->next, number, &build->next_capacity,
                                   symbols * sizeof(uint32_t));
    automaton->accepts =
        scratch_grow(build->scratch, automaton->accepts, number, &build->accepts_capacity, 1);
    if (automaton->next == NULL || automaton->accepts == NULL)
        return constraint_scratch_failure(build->scratch, build->error);
    if ((number + 1) * symbols > REGEX_ENTRIES)
        return error_set(build->error, PRIMER_ELIMIT,
                         "the expression takes more than %zu transitions", REGEX_ENTRIES);
    automaton->accepts[number] = subset_accepts(build, &subset);
    for (int word = 0; word < 2; word++) {
        close_over(build, &subset, false, word == 1);
        for (size_t s = 0; s < symbols; s++)
            if (build->alphabet->word[s] == (word == 1))
                FORWARD(step_subset(build, &subset, s, &automaton->next[number * symbols + s]));
    }
    return PRIMER_OK;
}

static primer_status make_term(struct scratch *scratch, const struct alphabet *alphabet,
                               struct regex_term term, struct regex_automaton *automaton,
                               primer_error *error)
{
    struct build build = {.scratch = scratch, .error = error, .alphabet = alphabet};
    uint32_t begin, number;
    FORWARD(compile_term(&build, term, &begin));
    /* A place may be pushed once for each move that leads to it. */
    build.stack = scratch_take(scratch, build.place_count * 3 + 3, sizeof *build.stack);
    build.closed = scratch_take(scratch, build.place_count + 1, sizeof *build.closed);
    build.marks = scratch_take(scratch, build.place_count + 1, sizeof *build.marks);
    if (build.stack == NULL || build.closed == NULL || build.marks == NULL)
        return constraint_scratch_failure(scratch, error);
    FORWARD(number_subset(&build, &begin, 1, true, false, &number));
    for (size_t i = 0; i < build.subset_count; i++)
        FORWARD(expand_subset(&build, i));
    build.automaton.states = build.subset_count;
    build.automaton.symbols = alphabet->count;
    build.automaton.means = alphabet->means;
    build.automaton.work = build.work;
    *automaton = build.automaton;
    return PRIMER_OK;
}

/* ---- products -------------------------------------------------------------------------------- */

#define PRODUCT_WIDTH (REGEX_TERMS + 1) /* a state of each term, and the length */

struct product {
    struct scratch *scratch;
    primer_error *error;
    const struct regex_term *terms;
    const struct regex_automaton *parts;
    size_t count, least, most;
    uint32_t *tuples; /* [states][PRODUCT_WIDTH] */
    size_t states, capacity;
    uint32_t *table; /* hashed tuples, + 1 */
    size_t table_size;
};

static primer_status number_tuple(struct product *product, const uint32_t *tuple, uint32_t *number)
{
    const size_t bytes = PRODUCT_WIDTH * sizeof *tuple;
    size_t at = hash_bytes(tuple, bytes, 0) & (product->table_size - 1);
    for (; product->table[at] != 0; at = (at + 1) & (product->table_size - 1))
        if (memcmp(product->tuples + (product->table[at] - 1) * PRODUCT_WIDTH, tuple, bytes) == 0) {
            *number = product->table[at] - 1;
            return PRIMER_OK;
        }
    if (product->states == REGEX_STATES)
        return error_set(product->error, PRIMER_ELIMIT,
                         "expressions and limits of length together take more than %d states",
                         REGEX_STATES);
    product->tuples =
        scratch_grow(product->scratch, product->tuples, product->states, &product->capacity, bytes);
    if (product->tuples == NULL)
        return constraint_scratch_failure(product->scratch, product->error);
    memcpy(product->tuples + product->states * PRODUCT_WIDTH, tuple, bytes);
    *number = (uint32_t)product->states;
    product->table[at] = (uint32_t)++product->states;
    return PRIMER_OK;
}

static bool tuple_accepts(const struct product *product, const uint32_t *tuple)
{
    for (size_t i = 0; i < product->count; i++) {
        const bool accepts = tuple[i] != REGEX_DEAD && product->parts[i].accepts[tuple[i]];
        if (accepts == product->terms[i].negated)
            return false;
    }
    return tuple[product->count] >= product->least;
}

/* False: nowhere. The length is counted as far as it makes a difference. */
static bool step_tuple(const struct product *product, const uint32_t *from, size_t symbol,
                       uint32_t *to)
{
    memset(to, 0, PRODUCT_WIDTH * sizeof *to);
    for (size_t i = 0; i < product->count; i++) {
        const struct regex_automaton *const part = &product->parts[i];
        to[i] = from[i] == REGEX_DEAD ? REGEX_DEAD : part->next[from[i] * part->symbols + symbol];
        if (to[i] == REGEX_DEAD && !product->terms[i].negated)
            return false;
    }
    const uint32_t length = from[product->count];
    if (product->most != GRAMMAR_ENDLESS && length >= product->most)
        return false;
    const bool counts = product->most != GRAMMAR_ENDLESS || length < product->least;
    to[product->count] = counts ? length + 1 : length;
    return true;
}

static primer_status explore(struct product *product, struct regex_automaton *automaton)
{
    uint32_t tuple[PRODUCT_WIDTH] = {0}, number;
    const size_t symbols = automaton->symbols;
    size_t next_capacity = 0, accepts_capacity = 0;
    product->table_size = 65536;
    product->table = scratch_take(product->scratch, product->table_size, sizeof(uint32_t));
    if (product->table == NULL)
        return constraint_scratch_failure(product->scratch, product->error);
    FORWARD(number_tuple(product, tuple, &number));
    for (size_t i = 0; i < product->states; i++) {
        uint32_t from[PRODUCT_WIDTH];
        memcpy(from, product->tuples + i * PRODUCT_WIDTH, sizeof from);
        automaton->next = scratch_grow(product->scratch, automaton->next, i, &next_capacity,
                                       symbols * sizeof(uint32_t));
        automaton->accepts =
            scratch_grow(product->scratch, automaton->accepts, i, &accepts_capacity, 1);
        if (automaton->next == NULL || automaton->accepts == NULL)
            return constraint_scratch_failure(product->scratch, product->error);
        if ((i + 1) * symbols > REGEX_ENTRIES)
            return error_set(product->error, PRIMER_ELIMIT,
                             "expressions and limits of length together take more than %zu "
                             "transitions",
                             REGEX_ENTRIES);
        automaton->accepts[i] = tuple_accepts(product, from);
        for (size_t s = 0; s < symbols; s++) {
            uint32_t *const next = &automaton->next[i * symbols + s];
            *next = REGEX_DEAD;
            if (step_tuple(product, from, s, tuple))
                FORWARD(number_tuple(product, tuple, next));
        }
    }
    automaton->states = product->states;
    return PRIMER_OK;
}

primer_status regex_automaton_make(struct scratch *scratch, const struct regex_term *terms,
                                   size_t count, size_t least, size_t most,
                                   struct regex_automaton *automaton, primer_error *error)
{
    struct alphabet alphabet = {0};
    struct regex_automaton parts[REGEX_TERMS] = {{0}};
    struct regex_automaton result = {0};
    if (count > REGEX_TERMS)
        return error_set(error, PRIMER_ELIMIT,
                         "more than %d expressions would have to hold at once", REGEX_TERMS);
    if (least > most || least > REGEX_STATES) {
        if (least <= most)
            return error_set(error, PRIMER_ELIMIT,
                             "an expression together with a length of at least %zu", least);
        *automaton = result;
        return PRIMER_OK;
    }
    FORWARD(alphabet_of(scratch, terms, count, &alphabet, error));
    for (size_t i = 0; i < count; i++)
        FORWARD(make_term(scratch, &alphabet, terms[i], &parts[i], error));
    struct product product = {.scratch = scratch,
                              .error = error,
                              .terms = terms,
                              .parts = parts,
                              .count = count,
                              .least = least,
                              .most = most};
    result.symbols = alphabet.count;
    result.means = alphabet.means;
    FORWARD(explore(&product, &result));
    result.work = result.states * result.symbols;
    for (size_t i = 0; i < count; i++)
        result.work += parts[i].work;
    FORWARD(regex_automaton_reduce(scratch, &result, error));
    *automaton = result;
    return PRIMER_OK;
}

bool regex_automaton_matches(const struct regex_automaton *automaton, const char *text,
                             size_t length)
{
    uint32_t state = 0;
    if (automaton->states == 0)
        return false;
    for (size_t at = 0; at < length;) {
        uint32_t c;
        const size_t bytes = utf8_decode(text + at, length - at, &c);
        size_t s = 0;
        while (bytes > 0 && s < automaton->symbols && !regex_set_has(automaton->means[s], c))
            s++;
        if (bytes == 0 || s == automaton->symbols)
            return false;
        state = automaton->next[state * automaton->symbols + s];
        if (state == REGEX_DEAD)
            return false;
        at += bytes;
    }
    return automaton->accepts[state];
}
