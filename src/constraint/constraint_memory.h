/* constraint_memory.h - arrays that grow. */
#ifndef CONSTRAINT_CONSTRAINT_MEMORY_H
#define CONSTRAINT_CONSTRAINT_MEMORY_H

#include <stddef.h>

/* `items` with room for `need` items of `size` bytes: itself where that is there already, else a
 * larger block, contents kept and *capacity updated. NULL: no memory, and `items` stays valid. */
void *constraint_grown(void *items, size_t *capacity, size_t need, size_t size);

#endif
