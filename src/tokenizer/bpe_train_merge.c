/* bpe_train_merge.c - the most frequent pair of neighbours joins, again and again.
 *
 * All distinct pieces of two bytes and more lie in one row, a border between each two. A token of
 * n bytes covers n places; its first and its last one hold its symbol, so that the next token and
 * the one before are found without links, and what lies between is void:
 *
 *   place     0    1    2    3    4    5    6    7    8
 *            |####| t  |####|void|  e |####| i  | n  |####       "the" with "he" joined, "in"
 *                   t    he        he
 *
 *   pair (left, right) -> count, list of places where `left` began        in a table
 *   queue of pairs, greatest count first, then greatest bytes             a heap
 *
 * When a pair joins to a new symbol t, its places are gone through from the left. Each takes two
 * neighbouring pairs away, whose counts fall, and brings two with t, which are collected. A pair
 * has all its places from the step that made the newer of its two symbols; from then on its count
 * only falls. Hence its list is written once, at the end of that step, and never grows; a pair
 * that begins with less than the least count is never kept; and a queue's entry with an old count
 * is put back with the present one when it comes to the top. A list's places may be out of date:
 * they count only where the two symbols still stand there.
 */
#include "tokenizer/bpe_train_merge.h"

#include <string.h>
#include "base/memory.h"

#define BORDER      UINT32_MAX
#define VOID        (UINT32_MAX - 1)
#define PLACES_MOST ((size_t)UINT32_MAX - 1)
#define NO_LIST     UINT64_MAX
enum { BLOCK = 32 /* places */, TELL_EVERY = 64 /* merges */ };

struct pair_slot {
    uint64_t pair;  /* left << 32 | right; UINT64_MAX: empty */
    uint64_t count; /* occurrences in the texts */
    uint64_t at;    /* its list in `places` */
    uint32_t n;     /* its length; 0: the pair has joined, or never will */
};

struct queued {
    uint64_t pair, count;
};

/* What the neighbours of the symbol that is being made are: by symbol, on one side. */
struct side {
    uint64_t *weight; /* occurrences; after the lists are laid out, where to write: NO_LIST or at */
    uint32_t *n;      /* places */
    uint32_t *touched;
    size_t touched_count;
};

struct merger {
    const struct bpe_train_merging *merging;
    struct bpe_trained *trained;
    uint32_t *symbols; /* [length] */
    size_t length;
    uint32_t *starts;  /* [pieces] a piece's first place */
    uint64_t *weights; /* [pieces] how often it occurs */
    uint32_t *blocks;  /* the piece that BLOCK places begin in */
    size_t pieces;
    struct pair_slot *slots;
    size_t capacity, used;
    unsigned shift;
    struct queued *heap;
    size_t heap_count, heap_capacity;
    uint32_t *places;
    size_t places_used, places_capacity;
    struct side left, right;
};

static uint64_t pair_of(uint32_t left, uint32_t right)
{
    return (uint64_t)left << 32 | right;
}

static const char *bytes_of(const struct bpe_trained *trained, uint32_t symbol, size_t *length)
{
    *length = trained->tokens[symbol].length;
    return trained->bytes.bytes + trained->tokens[symbol].at;
}

static size_t length_of(const struct merger *merger, uint32_t symbol)
{
    return merger->trained->tokens[symbol].length;
}

/* ---- the row of pieces ----------------------------------------------------------------------- */

static primer_status count_places(const struct bpe_train_counts *counts, struct merger *merger,
                                  primer_error *error)
{
    merger->length = 1;
    for (size_t i = 0; i < counts->capacity; i++) {
        size_t length;
        if (counts->slots[i].count == 0)
            continue;
        bpe_train_counts_piece(counts, &counts->slots[i], &length);
        if (length < 2)
            continue;
        merger->pieces++;
        merger->length += length + 1;
    }
    if (merger->length > PLACES_MOST)
        return error_set(error, PRIMER_ELIMIT, "the distinct pieces have %zu bytes: at most %zu",
                         merger->length, PLACES_MOST);
    return PRIMER_OK;
}

static void lay_piece(struct merger *merger, const char *bytes, size_t length, size_t *at)
{
    for (size_t i = 0; i < length; i++)
        merger->symbols[(*at)++] = (unsigned char)bytes[i];
    merger->symbols[(*at)++] = BORDER;
}

static void lay_blocks(struct merger *merger)
{
    uint32_t piece = 0;
    for (size_t at = 0; at < merger->length; at += BLOCK) {
        while (piece + 1 < merger->pieces && merger->starts[piece + 1] <= at)
            piece++;
        merger->blocks[at / BLOCK] = piece;
    }
}

static primer_status lay_pieces(const struct bpe_train_counts *counts, struct merger *merger,
                                primer_error *error)
{
    FORWARD(count_places(counts, merger, error));
    merger->symbols = memory_allocate_aligned(merger->length, sizeof *merger->symbols);
    merger->starts = memory_allocate(merger->pieces, sizeof *merger->starts);
    merger->weights = memory_allocate(merger->pieces, sizeof *merger->weights);
    merger->blocks = memory_allocate(merger->length / BLOCK + 1, sizeof *merger->blocks);
    if (merger->symbols == NULL || merger->starts == NULL || merger->weights == NULL ||
        merger->blocks == NULL)
        return memory_failure(error, "the distinct pieces", merger->length * sizeof(uint32_t));
    size_t at = 0, piece = 0;
    merger->symbols[at++] = BORDER;
    for (size_t i = 0; i < counts->capacity; i++) {
        size_t length;
        if (counts->slots[i].count == 0)
            continue;
        const char *const bytes = bpe_train_counts_piece(counts, &counts->slots[i], &length);
        if (length < 2)
            continue;
        merger->starts[piece] = (uint32_t)at;
        merger->weights[piece++] = counts->slots[i].count;
        lay_piece(merger, bytes, length, &at);
    }
    lay_blocks(merger);
    return PRIMER_OK;
}

static uint64_t weight_at(const struct merger *merger, size_t place)
{
    size_t piece = merger->blocks[place / BLOCK];
    while (piece + 1 < merger->pieces && merger->starts[piece + 1] <= place)
        piece++;
    return merger->weights[piece];
}

/* ---- the table of pairs ---------------------------------------------------------------------- */

static size_t slot_place(const struct merger *merger, uint64_t pair)
{
    const uint64_t mixed = (pair ^ pair >> 29) * 0x9E3779B97F4A7C15u;
    return (size_t)(mixed >> merger->shift);
}

static struct pair_slot *slot_for(const struct merger *merger, uint64_t pair)
{
    for (size_t at = slot_place(merger, pair);; at = (at + 1) & (merger->capacity - 1)) {
        struct pair_slot *const slot = &merger->slots[at];
        if (slot->pair == pair || slot->pair == UINT64_MAX)
            return slot;
    }
}

static primer_status resize_slots(struct merger *merger, size_t capacity, primer_error *error)
{
    struct pair_slot *const slots = memory_allocate(capacity, sizeof *slots);
    if (slots == NULL)
        return memory_failure(error, "the pairs", capacity * sizeof *slots);
    struct pair_slot *const former = merger->slots;
    const size_t former_capacity = merger->capacity;
    for (size_t i = 0; i < capacity; i++)
        slots[i].pair = UINT64_MAX;
    merger->slots = slots;
    merger->capacity = capacity;
    merger->used = 0;
    merger->shift = 64;
    for (size_t n = capacity; n > 1; n /= 2)
        merger->shift--;
    for (size_t i = 0; i < former_capacity; i++) {
        if (former[i].pair == UINT64_MAX || former[i].n == 0 ||
            former[i].count < merger->merging->least_count)
            continue; /* nobody asks for it again */
        *slot_for(merger, former[i].pair) = former[i];
        merger->used++;
    }
    memory_free(former);
    return PRIMER_OK;
}

/* ---- the queue ------------------------------------------------------------------------------- */

static int compare_bytes(const struct bpe_trained *trained, uint32_t a, uint32_t b)
{
    size_t a_length, b_length;
    const char *const a_bytes = bytes_of(trained, a, &a_length);
    const char *const b_bytes = bytes_of(trained, b, &b_length);
    const int order = memcmp(a_bytes, b_bytes, a_length < b_length ? a_length : b_length);
    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

/* Whether `a` joins before `b`. */
static bool goes_first(const struct bpe_trained *trained, struct queued a, struct queued b)
{
    if (a.count != b.count)
        return a.count > b.count;
    int order = compare_bytes(trained, (uint32_t)(a.pair >> 32), (uint32_t)(b.pair >> 32));
    if (order == 0)
        order = compare_bytes(trained, (uint32_t)a.pair, (uint32_t)b.pair);
    return order > 0;
}

static primer_status queue_push(struct merger *merger, struct queued entry, primer_error *error)
{
    if (merger->heap_count == merger->heap_capacity) {
        const size_t capacity = merger->heap_capacity == 0 ? 4096 : 2 * merger->heap_capacity;
        struct queued *const heap = memory_resize(merger->heap, capacity, sizeof *heap);
        if (heap == NULL)
            return memory_failure(error, "the queue of pairs", capacity * sizeof *heap);
        merger->heap = heap;
        merger->heap_capacity = capacity;
    }
    size_t at = merger->heap_count++;
    for (; at > 0; at = (at - 1) / 2) {
        const size_t parent = (at - 1) / 2;
        if (!goes_first(merger->trained, entry, merger->heap[parent]))
            break;
        merger->heap[at] = merger->heap[parent];
    }
    merger->heap[at] = entry;
    return PRIMER_OK;
}

/* Puts the entry in the place of the first one. */
static void queue_replace(struct merger *merger, struct queued entry)
{
    struct queued *const heap = merger->heap;
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= merger->heap_count)
            break;
        if (child + 1 < merger->heap_count &&
            goes_first(merger->trained, heap[child + 1], heap[child]))
            child++;
        if (!goes_first(merger->trained, heap[child], entry))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = entry;
}

static void queue_pop(struct merger *merger)
{
    const struct queued last = merger->heap[--merger->heap_count];
    if (merger->heap_count > 0)
        queue_replace(merger, last);
}

/* The pair that joins next, with its present count; NULL: there is none. */
static struct pair_slot *queue_first(struct merger *merger)
{
    while (merger->heap_count > 0) {
        const struct queued first = merger->heap[0];
        struct pair_slot *const slot = slot_for(merger, first.pair);
        if (slot->pair == first.pair && slot->n > 0 && slot->count == first.count)
            return slot;
        if (slot->pair == first.pair && slot->n > 0 && slot->count >= merger->merging->least_count)
            queue_replace(merger, (struct queued){first.pair, slot->count});
        else
            queue_pop(merger);
    }
    return NULL;
}

/* ---- lists of places ------------------------------------------------------------------------- */

static primer_status reserve_places(struct merger *merger, size_t more, primer_error *error)
{
    size_t needed;
    if (!memory_sum(merger->places_used, more, &needed))
        return memory_failure(error, "the places of pairs", SIZE_MAX);
    if (needed <= merger->places_capacity)
        return PRIMER_OK;
    const size_t capacity = needed + needed / 4;
    uint32_t *const places = memory_resize(merger->places, capacity, sizeof *places);
    if (places == NULL)
        return memory_failure(error, "the places of pairs", capacity * sizeof *places);
    merger->places = places;
    merger->places_capacity = capacity;
    return PRIMER_OK;
}

/* A new pair, of which `n` places are going to be written; *at: where. NO_LIST: it is too rare. */
static primer_status begin_list(struct merger *merger, uint64_t pair, uint64_t count, uint32_t n,
                                uint64_t *at, primer_error *error)
{
    *at = NO_LIST;
    if (count < merger->merging->least_count)
        return PRIMER_OK;
    if (2 * (merger->used + 1) > merger->capacity)
        FORWARD(resize_slots(merger, merger->capacity == 0 ? 4096 : 2 * merger->capacity, error));
    FORWARD(reserve_places(merger, n, error));
    FORWARD(queue_push(merger, (struct queued){pair, count}, error));
    *at = merger->places_used;
    *slot_for(merger, pair) = (struct pair_slot){pair, count, *at, n};
    merger->used++;
    merger->places_used += n;
    return PRIMER_OK;
}

/* ---- the first pairs, of bytes --------------------------------------------------------------- */

struct first_pairs {
    uint64_t count[65536]; /* then: where the next place is written */
    uint32_t n[65536];
};

static size_t first_pair(const uint32_t *symbols)
{
    return (size_t)symbols[0] << 8 | symbols[1];
}

static primer_status collect_first(struct merger *merger, struct first_pairs *first,
                                   primer_error *error)
{
    const uint32_t *const symbols = merger->symbols;
    for (size_t piece = 0; piece < merger->pieces; piece++) {
        for (size_t at = merger->starts[piece]; symbols[at + 1] != BORDER; at++) {
            first->count[first_pair(symbols + at)] += merger->weights[piece];
            first->n[first_pair(symbols + at)]++;
        }
    }
    FORWARD(reserve_places(merger, merger->length, error));
    for (uint32_t pair = 0; pair < 65536; pair++)
        FORWARD(begin_list(merger, pair_of(pair >> 8, pair & 255), first->count[pair],
                           first->n[pair], &first->count[pair], error));
    for (size_t at = 1; at + 1 < merger->length; at++) {
        if (symbols[at] == BORDER || symbols[at + 1] == BORDER)
            continue;
        uint64_t *const next = &first->count[first_pair(symbols + at)];
        if (*next != NO_LIST)
            merger->places[(*next)++] = (uint32_t)at;
    }
    return PRIMER_OK;
}

/* ---- one step -------------------------------------------------------------------------------- */

static void take_away(struct merger *merger, uint32_t left, uint32_t right, uint64_t weight)
{
    struct pair_slot *const slot = slot_for(merger, pair_of(left, right));
    if (slot->pair != UINT64_MAX && slot->n > 0)
        slot->count -= weight;
}

/* Joins the pair's places to `made`; the list's first *n places are then those of `made`. */
static void join_places(struct merger *merger, struct bpe_train_pair pair, uint32_t made,
                        uint32_t *places, uint32_t *n)
{
    uint32_t *const symbols = merger->symbols;
    const size_t left_length = length_of(merger, pair.left);
    const size_t right_length = length_of(merger, pair.right);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < *n; i++) {
        const size_t at = places[i], middle = at + left_length, after = middle + right_length;
        if (symbols[at] != pair.left || symbols[middle] != pair.right)
            continue;
        const uint64_t weight = weight_at(merger, at);
        if (symbols[at - 1] != BORDER && symbols[at - 1] != made)
            take_away(merger, symbols[at - 1], pair.left, weight);
        if (symbols[after] != BORDER)
            take_away(merger, pair.right, symbols[after], weight);
        symbols[middle - 1] = symbols[middle] = VOID;
        symbols[at] = symbols[after - 1] = made;
        places[kept++] = (uint32_t)at;
    }
    *n = kept;
}

static void touch(struct side *side, uint32_t symbol, uint64_t weight)
{
    if (side->n[symbol]++ == 0)
        side->touched[side->touched_count++] = symbol;
    side->weight[symbol] += weight;
}

/* Where (symbol before, made) and (made, symbol after) stand; two of `made` are one such pair. */
static void collect_sides(struct merger *merger, uint32_t made, const uint32_t *places, uint32_t n)
{
    const size_t length = length_of(merger, made);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t before = merger->symbols[places[i] - 1];
        const uint32_t after = merger->symbols[places[i] + length];
        const uint64_t weight = weight_at(merger, places[i]);
        if (before != BORDER)
            touch(&merger->left, before, weight);
        if (after != BORDER && after != made)
            touch(&merger->right, after, weight);
    }
}

static primer_status begin_lists(struct merger *merger, uint32_t made, bool on_left,
                                 primer_error *error)
{
    struct side *const side = on_left ? &merger->left : &merger->right;
    for (size_t i = 0; i < side->touched_count; i++) {
        const uint32_t other = side->touched[i];
        FORWARD(begin_list(merger, on_left ? pair_of(other, made) : pair_of(made, other),
                           side->weight[other], side->n[other], &side->weight[other], error));
    }
    return PRIMER_OK;
}

/* `list`: where the places are, in merger->places, which may move. */
static void write_lists(struct merger *merger, uint32_t made, uint64_t list, uint32_t n)
{
    uint32_t *const places = merger->places;
    const size_t length = length_of(merger, made);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t at = places[list + i];
        const uint32_t before = merger->symbols[at - 1], after = merger->symbols[at + length];
        if (before != BORDER && merger->left.weight[before] != NO_LIST)
            places[merger->left.weight[before]++] = at - (uint32_t)length_of(merger, before);
        if (after != BORDER && after != made && merger->right.weight[after] != NO_LIST)
            places[merger->right.weight[after]++] = at;
    }
}

static void clear_side(struct side *side)
{
    for (size_t i = 0; i < side->touched_count; i++) {
        side->weight[side->touched[i]] = 0;
        side->n[side->touched[i]] = 0;
    }
    side->touched_count = 0;
}

/* Joins the pair of the slot everywhere. */
static primer_status step(struct merger *merger, struct pair_slot *slot, primer_error *error)
{
    const struct bpe_train_pair pair = {(uint32_t)(slot->pair >> 32), (uint32_t)slot->pair};
    const uint32_t made = (uint32_t)(256 + merger->trained->merge_count);
    const uint64_t list = slot->at;
    uint32_t n = slot->n;
    merger->trained->last_count = slot->count;
    slot->n = 0;
    FORWARD(bpe_train_append(merger->trained, pair, error));
    join_places(merger, pair, made, merger->places + list, &n);
    collect_sides(merger, made, merger->places + list, n);
    FORWARD(begin_lists(merger, made, true, error));
    FORWARD(begin_lists(merger, made, false, error));
    write_lists(merger, made, list, n);
    clear_side(&merger->left);
    clear_side(&merger->right);
    return PRIMER_OK;
}

/* ---- all ------------------------------------------------------------------------------------- */

static bool is_refused(const struct merger *merger, uint64_t pair)
{
    char joined[BPE_TRAIN_TOKEN_MOST];
    size_t left_length, right_length;
    const char *const left = bytes_of(merger->trained, (uint32_t)(pair >> 32), &left_length);
    const char *const right = bytes_of(merger->trained, (uint32_t)pair, &right_length);
    if (left_length + right_length > sizeof joined)
        return true;
    memcpy(joined, left, left_length);
    memcpy(joined + left_length, right, right_length);
    return merger->merging->refused != NULL &&
           merger->merging->refused(merger->merging->refused_context, joined,
                                    left_length + right_length);
}

static primer_status merge_all(struct merger *merger, primer_error *error)
{
    const struct bpe_train_merging *const merging = merger->merging;
    struct bpe_trained *const trained = merger->trained;
    for (size_t turn = 0; trained->merge_count < merging->wanted; turn++) {
        if (turn % TELL_EVERY == 0 && merging->progress != NULL &&
            !merging->progress(merging->context, "merging", trained->merge_count, merging->wanted))
            return error_set(error, PRIMER_ECANCELED, "stopped while merges were learned");
        struct pair_slot *const slot = queue_first(merger);
        if (slot == NULL)
            return PRIMER_OK;
        queue_pop(merger);
        if (is_refused(merger, slot->pair))
            slot->n = 0;
        else
            FORWARD(step(merger, slot, error));
    }
    return PRIMER_OK;
}

static primer_status side_create(struct side *side, size_t symbols, primer_error *error)
{
    side->weight = memory_allocate(symbols, sizeof *side->weight);
    side->n = memory_allocate(symbols, sizeof *side->n);
    side->touched = memory_allocate(symbols, sizeof *side->touched);
    if (side->weight == NULL || side->n == NULL || side->touched == NULL)
        return memory_failure(error, "a merge's neighbours", symbols * sizeof *side->weight);
    return PRIMER_OK;
}

static void side_free(struct side *side)
{
    memory_free(side->weight);
    memory_free(side->n);
    memory_free(side->touched);
}

static void merger_free(struct merger *merger)
{
    memory_free(merger->symbols);
    memory_free(merger->starts);
    memory_free(merger->weights);
    memory_free(merger->blocks);
    memory_free(merger->slots);
    memory_free(merger->heap);
    memory_free(merger->places);
    side_free(&merger->left);
    side_free(&merger->right);
}

primer_status bpe_train_merge(struct bpe_train_counts *counts,
                              const struct bpe_train_merging *merging, struct bpe_trained *trained,
                              primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct merger merger = {.merging = merging, .trained = trained};
    struct first_pairs *first = NULL;
    TRY(lay_pieces(counts, &merger, error));
    bpe_train_counts_free(counts);
    TRY(side_create(&merger.left, 256 + merging->wanted, error));
    TRY(side_create(&merger.right, 256 + merging->wanted, error));
    TRY(resize_slots(&merger, 4096, error));
    first = memory_allocate(1, sizeof *first);
    if (first == NULL)
        TRY(memory_failure(error, "the pairs of bytes", sizeof *first));
    TRY(collect_first(&merger, first, error));
    memory_free(first);
    first = NULL;
    TRY(merge_all(&merger, error));
cleanup:
    memory_free(first);
    merger_free(&merger);
    return status;
}

primer_status bpe_train_append(struct bpe_trained *trained, struct bpe_train_pair pair,
                               primer_error *error)
{
    struct buffer *const bytes = &trained->bytes;
    const struct bpe_train_token left = trained->tokens[pair.left],
                                 right = trained->tokens[pair.right];
    const size_t at = bytes->length, length = (size_t)left.length + right.length;
    if (at > UINT32_MAX - length)
        return error_set(error, PRIMER_ELIMIT, "the tokens' texts exceed 4 GB");
    FORWARD(buffer_reserve(bytes, length, error));
    FORWARD(buffer_append(bytes, bytes->bytes + left.at, left.length, error));
    FORWARD(buffer_append(bytes, bytes->bytes + right.at, right.length, error));
    trained->tokens[256 + trained->merge_count] =
        (struct bpe_train_token){(uint32_t)at, (uint32_t)length};
    trained->merges[trained->merge_count++] = pair;
    return PRIMER_OK;
}
