/* jinja_memory.h - memory of one compilation or run: pieces of growing blocks, given back all at
 * once, with a limit. */
#ifndef CHAT_JINJA_MEMORY_H
#define CHAT_JINJA_MEMORY_H

#include <stddef.h>
#include "base/error.h"

struct jinja_block;

struct jinja_memory {
    struct jinja_block *blocks; /* the newest first */
    size_t left;                /* bytes that may still be taken */
};

/* Zeroed and aligned for any object; NULL where the limit or the system's memory is reached. */
void *jinja_memory_take(struct jinja_memory *memory, size_t count, size_t size);
void jinja_memory_free(struct jinja_memory *memory);

#endif
