/* scratch.h - memory of one compilation or run: pieces of growing blocks, given back all at once, with
 * a limit that holds against what strangers wrote. */
#ifndef BASE_SCRATCH_H
#define BASE_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>

struct scratch_block;

struct scratch {
    struct scratch_block *blocks; /* the newest first */
    size_t left;                  /* bytes that may still be taken */
    bool limited;                 /* the limit was met, not the system's */
};

/* Zeroed and aligned for any object; NULL where the limit or the system's memory is reached. */
void *scratch_take(struct scratch *scratch, size_t count, size_t size);
/* Room for one item more in an array of `count` items: the array, or a copy of twice the room. */
void *scratch_grow(struct scratch *scratch, void *items, size_t count, size_t *capacity,
                   size_t size);
void scratch_free(struct scratch *scratch);

#endif
