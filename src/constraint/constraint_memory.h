/* constraint_memory.h - arrays that grow; how much a compilation may take. */
#ifndef CONSTRAINT_CONSTRAINT_MEMORY_H
#define CONSTRAINT_CONSTRAINT_MEMORY_H

#include <stddef.h>
#include "base/error.h"
#include "base/scratch.h"

#define CONSTRAINT_SCRATCH ((size_t)256 << 20) /* bytes, of a struct scratch */

/* `items` with room for `need` items of `size` bytes: itself where that is there already, else a
 * larger block, contents kept and *capacity updated. NULL: no memory, and `items` stays valid. */
void *constraint_grown(void *items, size_t *capacity, size_t need, size_t size);
/* What to say where scratch_take or scratch_grow gave NULL. */
primer_status constraint_scratch_failure(const struct scratch *scratch, primer_error *error);

#endif
