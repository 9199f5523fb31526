/* merge.c - one run of merging over a row of symbols. See merge.h for what is computed.
 *
 * Three ways, by length, with the same result:
 *
 *   short    an array of ranks beside the symbols; find the lowest, join, close the gap
 *   middle   a chain of symbols and a binary heap of (rank, position)
 *   long     the chain, and a list of positions per rank: ranks are taken in ascending order, each
 *            list once, sorted by position. A pair that appears with a rank not above the one in
 *            hand (equal scores; a table no training made) waits in the heap and goes first.
 *
 *   chain     links[at]: previous <- at -> next; rank and result of the pair (at, next)
 *   waiting   a bit per rank; first[rank] -> node -> node -> last[rank]
 *   batch     the positions of rank `current`, ascending
 *
 * An event (rank, position) is out of date when rank[position] is no longer its rank, and is
 * dropped. Every symbol that goes makes at most two new events, so events number at most 3n.
 */
#include "tokenizer/merge.h"

#include <string.h>
#include "base/memory.h"

#define NONE UINT32_MAX

#ifdef PRIMER_STRESS
enum { SHORT_MOST = 3, HEAP_MOST = 7, SORT_SHORT = 2, PREFETCH = 1 };
#else
enum { SHORT_MOST = 32, HEAP_MOST = 2048, SORT_SHORT = 32, PREFETCH = 8 };
#endif

/* Room for `needed` items of `size` bytes in *block, at least doubling. */
static primer_status grow(void *block, size_t *capacity, size_t needed, size_t size,
                          primer_error *error)
{
    if (needed <= *capacity)
        return PRIMER_OK;
    size_t wanted = *capacity < 64 ? 64 : 2 * *capacity;
    if (wanted < needed)
        wanted = needed;
    void *old;
    memcpy(&old, block, sizeof old);
    void *const larger = memory_resize(old, wanted, size);
    if (larger == NULL)
        return memory_failure(error, "joining symbols of a text", wanted * size);
    memcpy(block, &larger, sizeof larger);
    *capacity = wanted;
    return PRIMER_OK;
}

primer_status merge_reserve(struct merge_work *work, size_t n, primer_error *error)
{
    if (n > MERGE_SYMBOLS_MOST)
        return error_set(error, PRIMER_ELIMIT, "a word of %zu symbols: at most %zu can be joined",
                         n, MERGE_SYMBOLS_MOST);
    return grow(&work->symbols, &work->capacity, n, sizeof *work->symbols, error);
}

void merge_work_free(struct merge_work *work)
{
    void *const blocks[] = {work->symbols, work->links, work->heap,
                            work->nodes,   work->first, work->last,
                            work->waiting, work->batch, work->batch_sorted};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        memory_free(blocks[i]);
    *work = (struct merge_work){0};
}

/* ---- short ---- */

static void rank_pair(const struct merge_table *table, const uint32_t *symbols, size_t at,
                      uint32_t *rank, uint32_t *result)
{
    const struct merge_slot *const slot = merge_find(table, symbols[at], symbols[at + 1]);
    rank[at] = slot == NULL ? NONE : slot->rank;
    result[at] = slot == NULL ? NONE : slot->result;
}

static size_t run_short(const struct merge_table *table, uint32_t *symbols, size_t n)
{
    uint32_t rank[SHORT_MOST], result[SHORT_MOST];
    for (size_t i = 0; i + 1 < n; i++)
        rank_pair(table, symbols, i, rank, result);
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++) {
            if (rank[i] < rank[best])
                best = i;
        }
        if (rank[best] == NONE)
            break;
        symbols[best] = result[best];
        for (size_t i = best + 1; i + 1 < n; i++) {
            symbols[i] = symbols[i + 1];
            rank[i - 1] = rank[i];
            result[i - 1] = result[i];
        }
        n--;
        if (best > 0)
            rank_pair(table, symbols, best - 1, rank, result);
        if (best + 1 < n)
            rank_pair(table, symbols, best, rank, result);
    }
    return n;
}

/* ---- events ---- */

static primer_status heap_push(struct merge_work *work, uint64_t event, primer_error *error)
{
    FORWARD(
        grow(&work->heap, &work->heap_capacity, work->heap_count + 1, sizeof *work->heap, error));
    size_t at = work->heap_count++;
    while (at > 0 && work->heap[(at - 1) / 2] > event) {
        work->heap[at] = work->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    work->heap[at] = event;
    return PRIMER_OK;
}

static uint64_t heap_pop(struct merge_work *work)
{
    const uint64_t lowest = work->heap[0], moved = work->heap[--work->heap_count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < work->heap_count; at = child) {
        if (child + 1 < work->heap_count && work->heap[child + 1] < work->heap[child])
            child++;
        if (work->heap[child] >= moved)
            break;
        work->heap[at] = work->heap[child];
    }
    work->heap[at] = moved;
    return lowest;
}

/* Puts a position at the end of its rank's list, or into the heap. */
static primer_status push(struct merge_work *work, uint32_t rank, uint32_t at, primer_error *error)
{
    if ((int64_t)rank <= work->current)
        return heap_push(work, (uint64_t)rank << 32 | at, error);
    const uint64_t bit = (uint64_t)1 << (rank % 64);
    const bool waiting = (work->waiting[rank / 64] & bit) != 0;
    if (waiting) {
        struct merge_node *const node = &work->nodes[work->last[rank]];
        if (node->count < MERGE_NODE_POSITIONS) {
            node->at[node->count++] = at;
            return PRIMER_OK;
        }
    }
    FORWARD(
        grow(&work->nodes, &work->node_capacity, work->node_count + 1, sizeof *work->nodes, error));
    const uint32_t added = (uint32_t)work->node_count++;
    work->nodes[added] = (struct merge_node){.at = {at}, .count = 1, .next = NONE};
    if (waiting)
        work->nodes[work->last[rank]].next = added;
    else
        work->first[rank] = added;
    work->last[rank] = added;
    work->waiting[rank / 64] |= bit;
    return PRIMER_OK;
}

/* Ascending, by bytes from the lowest up; short ones by insertion. */
static void sort_batch(struct merge_work *work)
{
    const size_t n = work->batch_count;
    if (n <= SORT_SHORT) {
        for (size_t i = 1; i < n; i++) {
            const uint32_t moved = work->batch[i];
            size_t at = i;
            for (; at > 0 && work->batch[at - 1] > moved; at--)
                work->batch[at] = work->batch[at - 1];
            work->batch[at] = moved;
        }
        return;
    }
    for (unsigned shift = 0; shift < 32; shift += 8) {
        size_t start[257] = {0};
        for (size_t i = 0; i < n; i++)
            start[(work->batch[i] >> shift & 0xFF) + 1]++;
        for (size_t i = 0; i < 256; i++)
            start[i + 1] += start[i];
        for (size_t i = 0; i < n; i++)
            work->batch_sorted[start[work->batch[i] >> shift & 0xFF]++] = work->batch[i];
        uint32_t *const sorted = work->batch_sorted;
        work->batch_sorted = work->batch;
        work->batch = sorted;
    }
}

static primer_status batch_reserve(struct merge_work *work, size_t n, primer_error *error)
{
    size_t capacity = work->batch_capacity;
    FORWARD(grow(&work->batch, &capacity, n, sizeof *work->batch, error));
    FORWARD(grow(&work->batch_sorted, &work->batch_capacity, capacity, sizeof *work->batch, error));
    return PRIMER_OK;
}

/* Takes the list of a rank as the batch, ascending. */
static primer_status load_batch(struct merge_work *work, uint32_t rank, primer_error *error)
{
    bool ascending = true;
    uint32_t last = 0;
    work->batch_at = work->batch_count = 0;
    for (uint32_t i = work->first[rank]; i != NONE; i = work->nodes[i].next) {
        const struct merge_node *const node = &work->nodes[i];
        FORWARD(batch_reserve(work, work->batch_count + node->count, error));
        for (uint32_t j = 0; j < node->count; j++) {
            ascending &= last <= node->at[j];
            last = node->at[j];
            work->batch[work->batch_count++] = last;
        }
    }
    if (!ascending)
        sort_batch(work);
    return PRIMER_OK;
}

/* Makes the list of the lowest waiting rank the batch; *found false: no rank waits. */
static primer_status next_batch(struct merge_work *work, bool *found, primer_error *error)
{
    *found = false;
    if (work->current >= (int64_t)work->ranks)
        return PRIMER_OK;
    size_t word = (size_t)(work->current + 1) / 64;
    const size_t words = ((size_t)work->ranks + 63) / 64;
    while (word < words && work->waiting[word] == 0)
        word++;
    if (word == words)
        return PRIMER_OK;
    const uint32_t rank = (uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(work->waiting[word]);
    work->waiting[word] &= work->waiting[word] - 1;
    work->current = rank;
    *found = true;
    return load_batch(work, rank, error);
}

/* The next event in order; *found false: there is none. */
static primer_status take(struct merge_work *work, uint64_t *event, bool *found,
                          primer_error *error)
{
    if (work->heap_count == 0 && work->batch_at == work->batch_count) {
        FORWARD(next_batch(work, found, error));
        if (!*found)
            return PRIMER_OK;
    }
    *found = true;
    if (work->batch_at < work->batch_count) {
        const uint64_t next = (uint64_t)work->current << 32 | work->batch[work->batch_at];
        if (work->heap_count == 0 || next < work->heap[0]) {
            const size_t ahead = work->batch_at++ + PREFETCH;
            if (ahead < work->batch_count)
                __builtin_prefetch(&work->links[work->batch[ahead]], 1);
            *event = next;
            return PRIMER_OK;
        }
    }
    *event = heap_pop(work);
    return PRIMER_OK;
}

/* ---- chain ---- */

/* Looks up the pair (at, next) and queues it. */
static primer_status offer(const struct merge_table *table, struct merge_work *work, uint32_t at,
                           primer_error *error)
{
    struct merge_link *const link = &work->links[at];
    const struct merge_slot *const slot =
        link->next == NONE ? NULL : merge_find(table, link->symbol, work->links[link->next].symbol);
    link->rank = slot == NULL ? NONE : slot->rank;
    if (slot == NULL)
        return PRIMER_OK;
    link->result = slot->result;
    return push(work, slot->rank, at, error);
}

static primer_status join(const struct merge_table *table, struct merge_work *work, uint32_t at,
                          primer_error *error)
{
    struct merge_link *const link = &work->links[at], *const right = &work->links[link->next];
    link->symbol = link->result;
    link->next = right->next;
    right->rank = NONE;
    if (link->next != NONE)
        work->links[link->next].previous = at;
    if (link->previous != NONE)
        FORWARD(offer(table, work, link->previous, error));
    return offer(table, work, at, error);
}

static primer_status make_lists(const struct merge_table *table, struct merge_work *work,
                                primer_error *error)
{
    const size_t ranks = table->ranks;
    uint32_t *const first = memory_allocate(ranks, sizeof *first);
    uint32_t *const last = memory_allocate(ranks, sizeof *last);
    uint64_t *const waiting = memory_allocate(ranks / 64 + 1, sizeof *waiting);
    if (first == NULL || last == NULL || waiting == NULL) {
        memory_free(first);
        memory_free(last);
        memory_free(waiting);
        return memory_failure(error, "lists of positions by rank", ranks * 8);
    }
    work->first = first;
    work->last = last;
    work->waiting = waiting;
    work->ranks = table->ranks;
    return PRIMER_OK;
}

/* The chain of symbols[0..n) and the pairs that are in it from the start. */
static primer_status make_chain(const struct merge_table *table, struct merge_work *work, size_t n,
                                primer_error *error)
{
    FORWARD(grow(&work->links, &work->link_capacity, n, sizeof *work->links, error));
    work->heap_count = work->node_count = work->batch_at = work->batch_count = 0;
    work->current = n <= HEAP_MOST ? INT64_MAX : -1;
    if (n > HEAP_MOST && work->waiting == NULL)
        FORWARD(make_lists(table, work, error));
    const uint32_t count = (uint32_t)n;
    for (uint32_t i = 0; i < count; i++)
        work->links[i] = (struct merge_link){.symbol = work->symbols[i],
                                             .next = i + 1 == count ? NONE : i + 1,
                                             .previous = i == 0 ? NONE : i - 1};
    for (uint32_t i = 0; i < count; i++)
        FORWARD(offer(table, work, i, error));
    return PRIMER_OK;
}

primer_status merge_run(const struct merge_table *table, struct merge_work *work, size_t *n,
                        primer_error *error)
{
    if (*n <= SHORT_MOST) {
        *n = run_short(table, work->symbols, *n);
        return PRIMER_OK;
    }
    FORWARD(make_chain(table, work, *n, error));
    for (;;) {
        uint64_t event = 0;
        bool found;
        FORWARD(take(work, &event, &found, error));
        if (!found)
            break;
        const uint32_t at = (uint32_t)event;
        if (work->links[at].rank == event >> 32)
            FORWARD(join(table, work, at, error));
    }
    size_t left = 0;
    for (uint32_t at = 0; at != NONE; at = work->links[at].next)
        work->symbols[left++] = work->links[at].symbol;
    *n = left;
    return PRIMER_OK;
}
