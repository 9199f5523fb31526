/* scratch.c - blocks of at least 16 KiB, each filled front to back. */
#include "base/scratch.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"

#define BLOCK_BYTES ((size_t)16 << 10)
#define ALIGNMENT   16

struct scratch_block {
    struct scratch_block *next;
    size_t used, capacity; /* bytes of `bytes` */
    _Alignas(ALIGNMENT) unsigned char bytes[];
};

static struct scratch_block *grow(struct scratch *scratch, size_t bytes)
{
    const size_t capacity = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    struct scratch_block *const block = memory_allocate(1, sizeof *block + capacity);
    if (block == NULL)
        return NULL;
    block->capacity = capacity;
    block->next = scratch->blocks;
    scratch->blocks = block;
    return block;
}

void *scratch_take(struct scratch *scratch, size_t count, size_t size)
{
    size_t bytes;
    if (!memory_product(count, size, &bytes) || bytes > SIZE_MAX / 2 ||
        bytes + ALIGNMENT > scratch->left) {
        scratch->limited = true;
        return NULL;
    }
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct scratch_block *block = scratch->blocks;
    if (block == NULL || bytes > block->capacity - block->used)
        block = grow(scratch, bytes);
    if (block == NULL)
        return NULL;
    void *const piece = block->bytes + block->used;
    block->used += bytes;
    scratch->left -= bytes;
    return piece;
}

void *scratch_grow(struct scratch *scratch, void *items, size_t count, size_t *capacity,
                   size_t size)
{
    if (count < *capacity)
        return items;
    const size_t room = *capacity == 0 ? 8 : *capacity * 2;
    void *const larger = scratch_take(scratch, room, size);
    if (larger == NULL)
        return NULL;
    if (count > 0)
        memcpy(larger, items, count * size);
    *capacity = room;
    return larger;
}

void scratch_free(struct scratch *scratch)
{
    while (scratch->blocks != NULL) {
        struct scratch_block *const block = scratch->blocks;
        scratch->blocks = block->next;
        memory_free(block);
    }
}
