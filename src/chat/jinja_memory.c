/* jinja_memory.c - blocks of at least 16 KiB, each filled front to back. */
#include "chat/jinja_memory.h"

#include <stdint.h>

#include "base/memory.h"

#define BLOCK_BYTES ((size_t)16 << 10)
#define ALIGNMENT   16

struct jinja_block {
    struct jinja_block *next;
    size_t used, capacity; /* bytes of `bytes` */
    _Alignas(ALIGNMENT) unsigned char bytes[];
};

static struct jinja_block *grow(struct jinja_memory *memory, size_t bytes)
{
    const size_t capacity = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    struct jinja_block *const block = memory_allocate(1, sizeof *block + capacity);
    if (block == NULL)
        return NULL;
    block->capacity = capacity;
    block->next = memory->blocks;
    memory->blocks = block;
    return block;
}

void *jinja_memory_take(struct jinja_memory *memory, size_t count, size_t size)
{
    size_t bytes;
    if (!memory_product(count, size, &bytes) || bytes > memory->left ||
        bytes > SIZE_MAX - ALIGNMENT - sizeof(struct jinja_block))
        return NULL;
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct jinja_block *block = memory->blocks;
    if (block == NULL || bytes > block->capacity - block->used)
        block = grow(memory, bytes);
    if (block == NULL)
        return NULL;
    void *const piece = block->bytes + block->used;
    block->used += bytes;
    memory->left -= bytes < memory->left ? bytes : memory->left;
    return piece;
}

void jinja_memory_free(struct jinja_memory *memory)
{
    while (memory->blocks != NULL) {
        struct jinja_block *const next = memory->blocks->next;
        memory_free(memory->blocks);
        memory->blocks = next;
    }
}
