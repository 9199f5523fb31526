/* arena.c - pieces carved from one block, front to back.
 *
 *   base                     used                 capacity
 *   | piece | pad | piece ...|   free             |
 *
 * Invariants: used <= capacity; every piece starts at a multiple of MEMORY_ALIGNMENT from base,
 * which is itself aligned. A failed take leaves the arena as it was.
 */
#include "base/memory.h"

primer_status arena_create(struct arena *arena, size_t capacity, primer_error *error)
{
    unsigned char *const base = memory_allocate_aligned(capacity, 1);
    if (base == NULL)
        return memory_failure(error, "an arena", capacity);
    *arena = (struct arena){base, 0, capacity};
    return PRIMER_OK;
}

void *arena_take(struct arena *arena, size_t count, size_t size)
{
    const size_t mask = MEMORY_ALIGNMENT - 1;
    size_t bytes, padded;
    if (!memory_product(count, size, &bytes) || !memory_sum(arena->used, mask, &padded))
        return NULL;
    const size_t start = padded & ~mask;
    if (arena->base == NULL || start > arena->capacity || bytes > arena->capacity - start)
        return NULL;
    arena->used = start + bytes;
    return arena->base + start;
}

void arena_reset(struct arena *arena)
{
    arena->used = 0;
}

void arena_free(struct arena *arena)
{
    memory_free(arena->base);
    *arena = (struct arena){NULL, 0, 0};
}
