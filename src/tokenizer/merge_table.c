/* merge_table.c - the table of pairs: insertion and growth. See merge.h. */
#include "tokenizer/merge.h"

#include "base/memory.h"

static struct merge_slot *empty_slots(size_t capacity)
{
    struct merge_slot *const slots = memory_allocate(capacity, sizeof *slots);
    if (slots == NULL)
        return NULL;
    for (size_t i = 0; i < capacity; i++)
        slots[i].pair = UINT64_MAX;
    return slots;
}

primer_status merge_table_create(struct merge_table *table, size_t expected, primer_error *error)
{
    unsigned bits = 4;
    while (bits < 40 && ((size_t)1 << bits) / 2 < expected)
        bits++;
    const size_t capacity = (size_t)1 << bits;
    struct merge_slot *const slots = empty_slots(capacity);
    if (slots == NULL)
        return memory_failure(error, "the table of merges", capacity * sizeof *slots);
    *table = (struct merge_table){.slots = slots, .capacity = capacity, .shift = 64 - bits};
    return PRIMER_OK;
}

void merge_table_free(struct merge_table *table)
{
    memory_free(table->slots);
    *table = (struct merge_table){0};
}

/* The pair's slot, or the empty one where it belongs. */
static struct merge_slot *slot_for(const struct merge_table *table, uint64_t pair)
{
    size_t at = merge_place(table, pair);
    while (table->slots[at].pair != UINT64_MAX && table->slots[at].pair != pair)
        at = (at + 1) & (table->capacity - 1);
    return &table->slots[at];
}

static primer_status grow(struct merge_table *table, primer_error *error)
{
    struct merge_table larger = *table;
    larger.capacity *= 2;
    larger.shift -= 1;
    larger.slots = empty_slots(larger.capacity);
    if (larger.slots == NULL)
        return memory_failure(error, "the table of merges", larger.capacity * sizeof *larger.slots);
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i].pair != UINT64_MAX)
            *slot_for(&larger, table->slots[i].pair) = table->slots[i];
    }
    memory_free(table->slots);
    *table = larger;
    return PRIMER_OK;
}

primer_status merge_table_add(struct merge_table *table, uint32_t left, uint32_t right,
                              uint32_t rank, uint32_t result, bool *added, primer_error *error)
{
    if (2 * (table->count + 1) > table->capacity)
        FORWARD(grow(table, error));
    struct merge_slot *const slot = slot_for(table, (uint64_t)left << 32 | right);
    *added = slot->pair == UINT64_MAX;
    if (!*added)
        return PRIMER_OK;
    *slot = (struct merge_slot){(uint64_t)left << 32 | right, rank, result};
    table->count++;
    if (rank >= table->ranks)
        table->ranks = rank + 1;
    return PRIMER_OK;
}
