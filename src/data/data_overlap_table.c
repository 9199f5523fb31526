/* data_overlap_table.c - hashes to numbers. Declared in data_overlap_table.h. */
#include "data/data_overlap_table.h"

#include "base/memory.h"

#define LEAST ((size_t)1024)

void data_overlap_table_free(struct data_overlap_table *table)
{
    memory_free(table->places);
    memory_free(table->hashes);
    *table = (struct data_overlap_table){0};
}

static size_t place_of(const struct data_overlap_table *table, uint64_t hash)
{
    size_t at = (size_t)hash & (table->capacity - 1);
    while (table->places[at] != 0 && table->hashes[table->places[at] - 1] != hash)
        at = (at + 1) & (table->capacity - 1);
    return at;
}

static primer_status grow(struct data_overlap_table *table, primer_error *error)
{
    const size_t capacity = table->capacity == 0 ? LEAST : 2 * table->capacity;
    uint32_t *const places = memory_allocate(capacity, sizeof *places);
    uint64_t *const hashes = memory_resize(table->hashes, capacity / 2, sizeof *hashes);
    if (hashes != NULL)
        table->hashes = hashes;
    if (places == NULL || hashes == NULL) {
        memory_free(places);
        return memory_failure(error, "a table of hashes", capacity * sizeof *hashes);
    }
    memory_free(table->places);
    table->places = places;
    table->capacity = capacity;
    for (size_t i = 0; i < table->count; i++)
        table->places[place_of(table, table->hashes[i])] = (uint32_t)i + 1;
    return PRIMER_OK;
}

primer_status data_overlap_table_enter(struct data_overlap_table *table, uint64_t hash,
                                       size_t *number, primer_error *error)
{
    if (2 * (table->count + 1) > table->capacity)
        FORWARD(grow(table, error));
    const size_t at = place_of(table, hash);
    if (table->places[at] == 0) {
        if (table->count >= UINT32_MAX - 1)
            return error_set(error, PRIMER_ELIMIT, "more than %zu different hashes", table->count);
        table->hashes[table->count++] = hash;
        table->places[at] = (uint32_t)table->count;
    }
    *number = table->places[at] - 1;
    return PRIMER_OK;
}

size_t data_overlap_table_find(const struct data_overlap_table *table, uint64_t hash)
{
    if (table->capacity == 0)
        return SIZE_MAX;
    const uint32_t number = table->places[place_of(table, hash)];
    return number == 0 ? SIZE_MAX : number - 1;
}
